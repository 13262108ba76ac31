"""Untrusted URLs reach only the public internet. These tests open no connection to it."""

import socket
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.api.requests.fetch import UrlFetcher, is_public
from functions.gallery.errors import UrlRefused, UrlUnreachable

PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.215.14", "223.255.255.255", "2606:4700::1111", "2a00::1"]
# Listed again, independently, from the IANA registries and the clouds' manuals.
NOT_PUBLIC = {
    "unspecified": "0.0.0.0/8",
    "private, 10": "10.0.0.0/8",
    "carrier-grade NAT": "100.64.0.0/10",
    "loopback": "127.0.0.0/8",
    "link-local": "169.254.0.0/16",
    "metadata": "169.254.169.254/32",
    "metadata of Azure": "168.63.129.16/32",
    "metadata of Oracle": "192.0.0.192/32",
    "private, 172": "172.16.0.0/12",
    "protocol assignments": "192.0.0.0/24",
    "documentation 1": "192.0.2.0/24",
    "6to4 relays": "192.88.99.0/24",
    "private, 192": "192.168.0.0/16",
    "benchmarks": "198.18.0.0/15",
    "documentation 2": "198.51.100.0/24",
    "documentation 3": "203.0.113.0/24",
    "multicast": "224.0.0.0/4",
    "reserved": "240.0.0.0/4",
    "broadcast": "255.255.255.255/32",
    "unspecified, 6": "::/128",
    "loopback, 6": "::1/128",
    "discard": "100::/64",
    "protocol assignments, 6": "2001::/23",
    "documentation, 6": "2001:db8::/32",
    "documentation 2, 6": "3fff::/20",
    "segment routing": "5f00::/16",
    "local NAT64": "64:ff9b:1::/48",
    "unique local": "fc00::/7",
    "metadata, 6": "fd00:ec2::254/128",
    "link-local, 6": "fe80::/10",
    "site-local": "fec0::/10",
    "multicast, 6": "ff00::/8",
}
IPV4 = [ip_network(network) for network in NOT_PUBLIC.values() if ":" not in network]
IPV6_FORMS = {
    "IPv4-mapped": lambda v4, _: f"::ffff:{v4}",
    "IPv4-compatible": lambda v4, _: f"::{v4}",
    "IPv4-translated": lambda v4, _: f"::ffff:0:{v4}",
    "NAT64": lambda v4, _: f"64:ff9b::{v4}",
    "local NAT64": lambda v4, _: f"64:ff9b:1::{v4}",
    "6to4": lambda v4, rest: IPv6Address(0x2002 << 112 | int(v4) << 80 | rest),
    "Teredo server": lambda v4, rest: IPv6Address(0x20010000 << 96 | int(v4) << 64 | rest >> 16),
    "Teredo client": lambda v4, rest: IPv6Address(
        0x20010000 << 96 | rest >> 48 << 32 | ~int(v4) % 2**32
    ),
}


@pytest.fixture(autouse=True)
def connections(monkeypatch) -> list[tuple[str, int]]:
    """Record where a connection would go, without opening it."""
    addresses = []

    def refuse(sock, address):
        addresses.append(address[:2])
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    return addresses


def resolving_to(*addresses: str):
    """Return a resolver that finds these addresses, in this order, for every name."""

    def resolve(host, port, **_):
        return [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, 1, 6, "", (address, port))
            for address in addresses
        ]

    return resolve


def no_lookup(host, port, **_):
    raise AssertionError(f"{host} must not be looked up")


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_on_the_internet_is_public(address):
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", ["::ffff:8.8.8.8", "64:ff9b::8.8.8.8"])
def test_a_public_ipv4_address_is_public_inside_ipv6(address):
    assert is_public(ip_address(address))


@pytest.mark.parametrize("network", NOT_PUBLIC.values(), ids=NOT_PUBLIC)
def test_the_first_and_last_address_of_a_special_network_are_not_public(network):
    special = ip_network(network)

    assert not is_public(special[0])
    assert not is_public(special[-1])


@given(st.sampled_from(list(NOT_PUBLIC.values())).flatmap(lambda n: st.ip_addresses(network=n)))
def test_no_address_of_a_special_network_is_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("wrap", IPV6_FORMS.values(), ids=IPV6_FORMS)
@given(
    address=st.sampled_from(IPV4).flatmap(lambda n: st.ip_addresses(network=n)),
    rest=st.integers(0, 2**80 - 1),
)
def test_no_ipv6_address_that_contains_a_special_ipv4_address_is_public(wrap, address, rest):
    assert not is_public(ip_address(wrap(address, rest)))


@given(st.ip_addresses())
def test_every_public_address_is_global_unicast_to_python_too(address):
    contained = getattr(address, "ipv4_mapped", None) or address
    if int(address) >> 32 == 0x64FF9B << 64:
        contained = IPv4Address(int(address) % 2**32)

    assert is_public(address) <= (
        contained.is_global and not contained.is_multicast and not contained.is_reserved
    )


def test_an_address_with_a_zone_is_not_public():
    assert not is_public(ip_address("2606:4700::1111%eth0"))


@pytest.mark.parametrize("address", PUBLIC)
def test_the_connection_goes_to_the_address_that_was_checked(connections, address):
    fetcher = UrlFetcher(resolve=resolving_to(address))

    with pytest.raises(UrlUnreachable):
        fetcher.fetch("https://pictures.example/cat.jpg", 1_000)

    assert connections == [(address, 443)]


def test_every_address_of_a_host_is_tried_in_order(connections):
    fetcher = UrlFetcher(resolve=resolving_to(*PUBLIC, PUBLIC[0]))

    with pytest.raises(UrlUnreachable):
        fetcher.fetch("https://pictures.example/cat.jpg", 1_000)

    assert connections == [(address, 443) for address in PUBLIC]


@given(st.sampled_from(list(NOT_PUBLIC.values())).flatmap(lambda n: st.ip_addresses(network=n)))
def test_a_name_that_resolves_to_a_special_address_is_refused(address):
    fetcher = UrlFetcher(resolve=resolving_to(str(address)))

    with pytest.raises(UrlRefused):
        fetcher.fetch("https://pictures.example/cat.jpg", 1_000)


@pytest.mark.parametrize(
    "addresses",
    [("8.8.8.8", "127.0.0.1"), ("10.0.0.1", "8.8.8.8"), ("2a00::1", "8.8.8.8", "fd00:ec2::254")],
)
def test_one_special_address_among_public_ones_is_enough_to_refuse(connections, addresses):
    fetcher = UrlFetcher(resolve=resolving_to(*addresses))

    with pytest.raises(UrlRefused):
        fetcher.fetch("https://pictures.example/cat.jpg", 1_000)

    assert connections == []


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "127.0.1",
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "00000177.0x0.0.01",
        "0",
        "0.0.0.0",
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "0xA9.0xFE.43518",
        "0251.0376.0251.0376",
        "192.168.0.1",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "[::]",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::FFFF:A9FE:A9FE]",
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b::169.254.169.254]",
        "[64:ff9b:1::a9fe:a9fe]",
        "[2002:7f00:1::]",
        "[2001:0:a9fe:a9fe::1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[ff02::1]",
    ],
)
def test_every_spelling_of_a_special_address_is_refused_by_the_real_resolver(connections, host):
    fetcher = UrlFetcher(allow_http=True)

    with pytest.raises(UrlRefused, match="not on the public internet"):
        fetcher.fetch(f"http://{host}/cat.jpg", 1_000)

    assert connections == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "cat.jpg",
        "//pictures.example/cat.jpg",
        "https:cat.jpg",
        "https:///cat.jpg",
        "http://pictures.example/cat.jpg",
        "ftp://pictures.example/cat.jpg",
        "file:///etc/passwd",
        "gopher://pictures.example/",
        "data:image/png;base64,AAAA",
        "https://user@pictures.example/",
        "https://user:key@pictures.example/",
        "https://@pictures.example/",
        "https://pictures.example\\@127.0.0.1/",
        "https://pictures.example%2f@127.0.0.1/",
        "https://pictures.example:22/",
        "https://pictures.example:0/",
        "https://pictures.example:8443/",
        "https://pictures.example:-443/",
        "https://pictures.example:65979/",
        "https://pictures.example:443:80/",
        "https://pictures.example:４４３/",
        "https://[fe80::1%25eth0]/",
        "https://[2606:4700::1111%25lo]/",
        "https://[2606:4700::1111]pictures.example/",
        "https://[8.8.8.8]/",
        "https://[v1.8]/",
        "https://[::1/",
        "https://%31%32%37.0.0.1/",
        "https://１２７.0.0.1/",
        "https://①②⑦.0.0.1/",
        "https://127。0。0。1/",
        "https://ⓛocalhost/",
        "https://straße.example/",  # IDNA 2003 and IDNA 2008 give different hosts
        "https://pictures\u200d.example/",
        "https://pictures..example/",
        "https://.pictures.example/",
        "https://pictures.example../",
        "https://./",
        f"https://{'a' * 64}.example/",
        f"https://{'a.' * 130}example/",
        "https://pictures example/",
        "https://pictures.example\r\nHost: other/",
        "https://pictures.example/\r\nX-Key: 1",
        "https://pictures.example/\x00",
        "https://pictures.example/\ud800",
        "https://\ud800℀/",
        "https://pictures.example/" + "a" * 8_192,
    ],
)
def test_anything_but_a_plain_https_url_is_refused_without_a_lookup(url):
    fetcher = UrlFetcher(resolve=no_lookup)

    with pytest.raises(UrlRefused) as refusal:
        fetcher.fetch(url, 1_000)

    assert str(refusal.value).encode()  # the message has no lone surrogate


@given(st.text())
def test_no_text_causes_any_error_but_a_refusal(text):
    fetcher = UrlFetcher(resolve=resolving_to("10.0.0.1"))

    with pytest.raises(UrlRefused):
        fetcher.fetch(f"https://{text}", 1_000)


@pytest.mark.parametrize(
    ("url", "looked_up"),
    [
        ("https://Pictures.Example./cat.jpg", ("pictures.example", 443)),
        ("HTTPS://pictures.example:443/cat.jpg", ("pictures.example", 443)),
        ("https://pictures.example:/cat.jpg", ("pictures.example", 443)),
        ("https://pictures.example:80/cat.jpg", ("pictures.example", 80)),
        (" https://pictures.example/my cat.jpg ", ("pictures.example", 443)),
        ("https://bücher.example/", ("xn--bcher-kva.example", 443)),
        ("https://BÜCHER.example/Ä?q=ö#ü", ("xn--bcher-kva.example", 443)),
        ("https://xn--bcher-kva.example/", ("xn--bcher-kva.example", 443)),
        ("https://[2606:4700:0::1111]/", ("2606:4700::1111", 443)),
    ],
)
def test_a_host_is_looked_up_once_in_its_normal_form(url, looked_up):
    lookups = []

    def resolve(host, port, **_):
        lookups.append((host, port))
        return resolving_to("10.0.0.1")(host, port)

    with pytest.raises(UrlRefused):
        UrlFetcher(resolve=resolve).fetch(url, 1_000)

    assert lookups == [looked_up]


@pytest.mark.parametrize("found", [[], [(socket.AF_UNIX, 1, 0, "", ("/run/socket",))]])
def test_a_host_without_a_usable_address_is_unreachable(connections, found):
    fetcher = UrlFetcher(resolve=lambda *_, **__: found)

    with pytest.raises(UrlUnreachable):
        fetcher.fetch("https://pictures.example/cat.jpg", 1_000)

    assert connections == []


def test_an_unknown_host_is_unreachable():
    def resolve(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(UrlUnreachable, match=r"pictures\.example: the host name was not found"):
        UrlFetcher(resolve=resolve).fetch("https://pictures.example/cat.jpg?secret", 1_000)


def test_a_refusal_shows_neither_the_path_of_the_url_nor_the_address():
    fetcher = UrlFetcher(resolve=resolving_to("10.1.2.3"))

    with pytest.raises(UrlRefused) as refusal:
        fetcher.fetch("https://pictures.example/cat.jpg?signature=secret", 1_000)

    assert str(refusal.value) == "pictures.example is not on the public internet"
    assert refusal.value.field == "url"


@pytest.fixture
def fetch_fake(monkeypatch) -> Iterator[Callable[[str], tuple[str, float]]]:
    """Fetch over a fake connection; return the request and the time allowed to connect."""
    near, far = socket.socketpair()
    timeouts = []

    def connect(address, timeout):
        timeouts.append(timeout)
        return near

    monkeypatch.setattr(socket, "create_connection", connect)

    def fetch(url: str, **more: float) -> tuple[str, float]:
        far.sendall(b"HTTP/1.1 200 OK\r\n\r\npicture")
        far.shutdown(socket.SHUT_WR)
        fetcher = UrlFetcher(allow_http=True, resolve=resolving_to("8.8.8.8"), **more)
        assert fetcher.fetch(url, 100) == b"picture"
        return far.recv(65_536).decode(), timeouts[0]

    with near, far:
        yield fetch


@pytest.mark.parametrize(
    ("url", "start"),
    [
        (
            " http://pictures.example/cat.jpg ",
            "GET /cat.jpg HTTP/1.1\r\nHost: pictures.example\r\n",
        ),
        ("http://pictures.example?", "GET / HTTP/1.1\r\nHost: pictures.example\r\n"),
        ("http://pictures.example.:80/", "GET / HTTP/1.1\r\nHost: pictures.example\r\n"),
        ("http://pictures.example:443/", "GET / HTTP/1.1\r\nHost: pictures.example:443\r\n"),
        ("http://[2606:4700::1111]/", "GET / HTTP/1.1\r\nHost: [2606:4700::1111]\r\n"),
        (
            "http://bücher.example/ä%20ß",
            "GET /%C3%A4%20%C3%9F HTTP/1.1\r\nHost: xn--bcher-kva.example\r\n",
        ),
    ],
)
def test_a_request_names_the_host_as_servers_expect_it(fetch_fake, url, start):
    request, _ = fetch_fake(url)

    assert request.startswith(start)


@pytest.mark.parametrize(("timeout_s", "at_most"), [(60.0, 3.0), (1.5, 1.5)])
def test_one_address_has_three_seconds_to_connect_within_the_total_time_limit(
    fetch_fake, timeout_s, at_most
):
    _, timeout = fetch_fake("http://pictures.example/", timeout_s=timeout_s)

    assert at_most / 2 < timeout <= at_most

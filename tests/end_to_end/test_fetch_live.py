"""Fetching from hostile servers over real sockets; everything stays on loopback."""

import datetime
import gzip
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from functions.api.requests.fetch import UrlFetcher
from functions.gallery.errors import PictureTooLarge, UrlRefused, UrlUnreachable

LOOPBACK = ipaddress.ip_address("127.0.0.1")
OK = b"HTTP/1.1 200 OK\r\n"
BOMB = gzip.compress(bytes(10_000_000))
Response = bytes | Callable[[socket.socket], None]


class HostileServer:
    """Sends the bytes or runs the behaviour that a test sets for each path."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, Response] = {}
        self.requests: list[str] = []
        self.ended = threading.Event()
        self._tls = tls
        self._listener = socket.create_server((str(LOOPBACK), 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self.ended.set()
        # Linux does not wake accept() when another thread closes the listener.
        with suppress(OSError):
            socket.create_connection((str(LOOPBACK), self.port)).close()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self.ended.is_set():
            sock, _ = self._listener.accept()
            thread = threading.Thread(target=self._serve, args=(sock,))
            thread.start()
            self._threads.append(thread)

    def _serve(self, sock: socket.socket) -> None:
        with sock, suppress(OSError):
            secured = self._tls.wrap_socket(sock, server_side=True) if self._tls else sock
            with secured:
                if not (request := secured.recv(65_536).decode("ascii")):
                    return
                self.requests.append(request)
                response = self.answers[request.split(" ")[1]]
                response(secured) if callable(response) else secured.sendall(response)

    def repeat(self, start: bytes, again: bytes, *, pause_s: float = 0) -> Response:
        """Return a behaviour that sends `start`, then `again` forever, or for 5 s with pauses."""
        times = round(5 / pause_s) if pause_s else 10**9

        def send(sock: socket.socket) -> None:
            sock.sendall(start)
            for _ in range(times):
                if self.ended.wait(pause_s) if pause_s else self.ended.is_set():
                    return
                sock.sendall(again)

        return send


@pytest.fixture
def server() -> Iterator[HostileServer]:
    started = HostileServer()
    yield started
    started.close()


def loopback(host, port, **_):
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (str(LOOPBACK), port))]


def numbers_or_loopback(host, port, **_):
    """Resolve an address to itself and every name to loopback, without DNS."""
    try:
        return [(socket.AF_INET, 1, 6, "", (str(ipaddress.ip_address(host)), port))]
    except ValueError:
        return loopback(host, port)


def fetcher(server: HostileServer, **more) -> UrlFetcher:
    """Return a fetcher that can reach only this server."""
    options = {"allow_http": True, "timeout_s": 5.0, "resolve": numbers_or_loopback} | more
    return UrlFetcher(allowed=lambda address: address == LOOPBACK, ports=[server.port], **options)


def url(server: HostileServer, path: str = "/", scheme: str = "http") -> str:
    return f"{scheme}://pictures.test:{server.port}{path}"


def redirect(to: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Moved\r\nLocation: {to}\r\nSet-Cookie: a=b\r\n\r\n".encode()


def sized(body: bytes, *headers: str) -> bytes:
    lines = [f"Content-Length: {len(body)}", *headers, "", ""]
    return OK + "\r\n".join(lines).encode() + body


@pytest.mark.parametrize(
    "response",
    [
        sized(b"picture"),
        sized(b"picture", "Content-Encoding: Identity"),
        OK + b"\r\npicture",
        b"HTTP/1.0 200 OK\r\n\r\npicture",
        b"HTTP/1.1 100 Continue\r\n\r\n" + sized(b"picture"),
        OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\npict\r\n3;x=y\r\nure\r\n0\r\nA: b\r\n\r\n",
        OK + b"Content-Length: 7\r\n\r\npicture and more than was announced",
    ],
)
def test_a_picture_is_fetched(server, response):
    server.answers["/"] = response

    assert fetcher(server).fetch(url(server), 7) == b"picture"


def test_a_request_does_not_identify_the_caller(server):
    server.answers["/my%20cat.jpg?q=%C3%B6&r=[1]"] = sized(b"picture")

    fetcher(server).fetch(url(server, "/my cat.jpg?q=ö&r=[1]#part"), 100)

    assert server.requests == [
        "GET /my%20cat.jpg?q=%C3%B6&r=[1] HTTP/1.1\r\n"
        f"Host: pictures.test:{server.port}\r\n"
        "User-Agent: Lookalike\r\n"
        "Accept: image/*\r\n"
        "Accept-Encoding: identity\r\n"
        "Connection: close\r\n\r\n"
    ]


def test_proxy_environment_variables_are_ignored(server, monkeypatch):
    with socket.create_server((str(LOOPBACK), 0)) as proxy:
        for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]:
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        server.answers["/"] = sized(b"picture")

        assert fetcher(server).fetch(url(server), 100) == b"picture"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_up_to_the_limit(server, status):
    server.answers["/"] = redirect(url(server, "/a"), status)
    server.answers["/a"] = redirect("b?c", status)
    server.answers["/b?c"] = redirect(f"//other.test:{server.port}/d", status)
    server.answers["/d"] = sized(b"picture")

    assert fetcher(server).fetch(url(server), 100) == b"picture"


def test_cookies_are_not_sent_after_a_redirect(server):
    server.answers |= {"/": redirect("/a"), "/a": sized(b"picture")}

    fetcher(server).fetch(url(server), 100)

    assert server.requests[1] == server.requests[0].replace("GET / ", "GET /a ")


def test_a_redirect_loop_ends_after_three_redirects(server):
    server.answers |= {"/": redirect("/a"), "/a": redirect("/")}

    with pytest.raises(UrlRefused, match="More than 3 redirects"):
        fetcher(server).fetch(url(server), 100)

    assert len(server.requests) == 4


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254:{port}/latest/meta-data/",
        "http://169.254.169.254/latest/meta-data/",
        "//169.254.169.254:{port}/",
        "http://[::ffff:169.254.169.254]:{port}/",
        "http://[fd00:ec2::254]:{port}/",
        "http://[::1]:{port}/",
        "http://10.0.0.1:{port}/",
        "http://user:key@pictures.test:{port}/",
        "http://pictures.test:22/",
        "file:///etc/passwd",
        "ftp://pictures.test/",
        "data:image/png;base64,AAAA",
        "http://[::1",
    ],
)
def test_a_redirect_to_a_forbidden_url_is_refused(server, target):
    server.answers["/"] = redirect(target.format(port=server.port))

    with pytest.raises(UrlRefused):
        fetcher(server).fetch(url(server), 100)

    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\npicture",
        b"HTTP/1.1 500 Oh\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 206 Partial Content\r\nContent-Length: 3\r\n\r\npic",
        b"HTTP/1.1 302 Found\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: /\xff\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nLocation: /\r\n\r\n",
        b"HTTP/1.1 ok\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"picture",
        b"",
        OK + b"Content-Length: 8\r\n\r\npicture",
        OK + b"Transfer-Encoding: chunked\r\n\r\n8\r\npicture",
        OK + b"Transfer-Encoding: chunked\r\n\r\npicture",
        OK + b"A: b\r\n" * 200 + b"\r\npicture",
    ],
)
def test_a_response_without_a_complete_picture_is_an_error(server, response):
    server.answers["/"] = response

    with pytest.raises(UrlUnreachable):
        fetcher(server).fetch(url(server), 100)


@pytest.mark.parametrize(
    "header", ["Content-Encoding: gzip", "Content-Encoding: br", "Transfer-Encoding: gzip, chunked"]
)
def test_a_compressed_response_is_refused(server, header):
    server.answers["/"] = sized(BOMB, header)

    with pytest.raises(UrlRefused, match="compressed"):
        fetcher(server).fetch(url(server), 1_000_000)


def test_a_compressed_file_is_never_decompressed(server):
    server.answers["/"] = sized(BOMB)

    assert fetcher(server).fetch(url(server), 1_000_000) == BOMB


def test_a_content_length_over_the_limit_is_refused_before_the_body_arrives(server):
    server.answers["/"] = lambda sock: (
        sock.sendall(OK + b"Content-Length: 101\r\n\r\n"),
        server.ended.wait(),
    )

    with pytest.raises(PictureTooLarge, match="101"):
        fetcher(server).fetch(url(server), 100)


@pytest.mark.parametrize(
    ("start", "again"),
    [
        (OK + b"\r\n", bytes(10_000)),
        (OK + b"Content-Length: -1\r\n\r\n", bytes(10_000)),
        (OK + b"Content-Length: many\r\n\r\n", bytes(10_000)),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"3e8\r\n" + bytes(1_000) + b"\r\n"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffffff\r\n", bytes(10_000)),
    ],
)
def test_an_endless_body_is_cut_off_at_the_limit(server, start, again):
    server.answers["/"] = server.repeat(start, again)

    with pytest.raises(PictureTooLarge):
        fetcher(server, timeout_s=30).fetch(url(server), 100_000)


@pytest.mark.parametrize(
    ("start", "again"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (OK + b"A: ", b"a" * 1_000),
        (OK, b"A: " + b"a" * 1_000 + b"\r\n"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", bytes(10_000)),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n"),
    ],
)
def test_endless_data_around_the_body_is_cut_off_long_before_the_deadline(server, start, again):
    server.answers["/"] = server.repeat(start, again)

    with pytest.raises(UrlUnreachable) as failure:
        fetcher(server, timeout_s=30).fetch(url(server), 100_000)

    assert "30 s in all" not in str(failure.value)


@pytest.mark.parametrize(
    ("start", "again"),
    [(b"", b""), (b"HTTP/1.1 200 ", b"O"), (OK + b"A: ", b"a"), (OK + b"\r\n", b"p")],
    ids=["silence", "status", "headers", "body"],
)
def test_a_slow_response_times_out_at_the_deadline(server, start, again):
    server.answers["/"] = server.repeat(start, again, pause_s=0.05)

    with pytest.raises(UrlUnreachable, match=r"0\.3 s in all"):
        fetcher(server, timeout_s=0.3).fetch(url(server), 100_000)


def test_the_deadline_covers_all_redirects(server):
    def slowly(sock: socket.socket) -> None:
        time.sleep(0.2)
        sock.sendall(redirect("/"))

    server.answers["/"] = slowly

    with pytest.raises(UrlUnreachable, match=r"0\.5 s in all"):
        fetcher(server, timeout_s=0.5, max_redirects=1_000).fetch(url(server), 100)


def test_a_slow_dns_lookup_times_out_at_the_deadline(server):
    looked_up = threading.Event()

    def resolve(host, port, **_):
        server.ended.wait(5)
        looked_up.set()
        return loopback(host, port)

    with pytest.raises(UrlUnreachable, match=r"0\.3 s in all"):
        fetcher(server, timeout_s=0.3, resolve=resolve).fetch(url(server), 100)

    assert not looked_up.is_set()


def rebinding(*addresses: str):
    """Return a resolver that finds a different address each time."""
    remaining = list(addresses)
    return lambda host, port, **_: [(socket.AF_INET, 1, 6, "", (remaining.pop(0), port))]


def test_a_host_name_is_resolved_only_once_per_request(server):
    server.answers["/"] = sized(b"picture")
    public_then_private = rebinding("127.0.0.1", "10.0.0.1")

    assert fetcher(server, resolve=public_then_private).fetch(url(server), 100) == b"picture"


def test_a_host_name_is_resolved_and_checked_again_after_a_redirect(server):
    server.answers["/"] = redirect("/")
    public_then_private = rebinding("127.0.0.1", "10.0.0.1")

    with pytest.raises(UrlRefused):
        fetcher(server, resolve=public_then_private).fetch(url(server), 100)

    assert len(server.requests) == 1


def test_the_next_address_is_tried_if_one_does_not_respond(server):
    server.answers["/"] = sized(b"picture")
    unreachable = ipaddress.ip_address("127.0.0.9")
    url_fetcher = UrlFetcher(
        allow_http=True,
        resolve=lambda h, p, **_: [(2, 1, 6, "", (str(a), p)) for a in (unreachable, LOOPBACK)],
        allowed=lambda address: address in (unreachable, LOOPBACK),
        ports=[server.port],
    )

    assert url_fetcher.fetch(url(server), 100) == b"picture"


def certificate(host: str, tmp_path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Create a certificate; return a server context and a client context that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    certificate_pem = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - day, now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    key_pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (tmp_path / "server.pem").write_bytes(key_pem + certificate_pem)
    server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_tls.load_cert_chain(tmp_path / "server.pem")
    client_tls = ssl.create_default_context(cadata=certificate_pem.decode())
    client_tls.verify_flags |= ssl.VERIFY_X509_STRICT
    return server_tls, client_tls


@pytest.fixture
def secure(tmp_path) -> Iterator[tuple[HostileServer, ssl.SSLContext, list[str]]]:
    """The server pictures.test, a client context that trusts it, and the names sent by SNI."""
    server_tls, client_tls = certificate("pictures.test", tmp_path)
    requested_names = []
    server_tls.sni_callback = lambda _sock, name, _context: requested_names.append(name)
    started = HostileServer(server_tls)
    yield started, client_tls, requested_names
    started.close()


def test_a_picture_is_fetched_over_tls_with_sni(secure):
    server, client_tls, requested_names = secure
    server.answers["/"] = sized(b"picture")

    assert fetcher(server, tls=client_tls).fetch(url(server, scheme="https"), 100) == b"picture"
    assert requested_names == ["pictures.test"]


def test_a_certificate_for_another_host_is_rejected(secure):
    server, client_tls, _ = secure
    other = f"https://other.test:{server.port}/"

    with pytest.raises(UrlUnreachable, match="certificate"):
        fetcher(server, tls=client_tls).fetch(other, 100)

    assert server.requests == []


def test_an_untrusted_certificate_is_rejected(secure):
    server, _, _ = secure

    with pytest.raises(UrlUnreachable, match="certificate"):
        fetcher(server).fetch(url(server, scheme="https"), 100)

    assert server.requests == []


def test_a_redirect_from_https_to_http_is_refused(secure):
    server, client_tls, _ = secure
    server.answers["/"] = redirect(url(server))

    with pytest.raises(UrlRefused, match="from https to http"):
        fetcher(server, tls=client_tls).fetch(url(server, scheme="https"), 100)

    assert len(server.requests) == 1


def test_a_slow_body_over_tls_times_out_at_the_deadline(secure):
    server, client_tls, _ = secure
    server.answers["/"] = server.repeat(OK + b"\r\n", b"p", pause_s=0.05)

    with pytest.raises(UrlUnreachable, match=r"0\.5 s in all"):
        fetcher(server, tls=client_tls, timeout_s=0.5).fetch(url(server, scheme="https"), 100_000)


def test_a_stalled_tls_handshake_times_out_at_the_deadline():
    with socket.create_server((str(LOOPBACK), 0)) as silent:
        port = silent.getsockname()[1]
        url_fetcher = UrlFetcher(
            timeout_s=0.3, resolve=loopback, allowed=lambda a: a == LOOPBACK, ports=[port]
        )

        with pytest.raises(UrlUnreachable, match=r"0\.3 s in all"):
            url_fetcher.fetch(f"https://pictures.test:{port}/", 100)

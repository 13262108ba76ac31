"""Fetch a picture from an untrusted URL, reaching only the public internet. Depends on sockets.

A host name is resolved once per hop, every address is checked, and the connection goes to the very
address that was checked. No proxies, cookies or keys.
"""

import http.client
import io
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, cast
from urllib.parse import quote, urljoin, urlsplit

from functions.gallery.errors import PictureTooLarge, UrlRefused, UrlUnreachable

Address = IPv4Address | IPv6Address
Resolver = Callable[..., Sequence[tuple[Any, ...]]]  # as socket.getaddrinfo

# The IANA special-purpose registries for IPv4 and IPv6, written out because Python's own list grew
# between releases. All of IPv6 but 2000::/3 is refused, and with it fd00:ec2::254 and fe80::/10.
# 168.63.129.16 is a public address, but inside Azure it is an internal service.
_NOT_PUBLIC = """
0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 168.63.129.16/32 169.254.0.0/16 172.16.0.0/12
192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24
203.0.113.0/24 224.0.0.0/3 ::/3 2001::/23 2001:db8::/32 2002::/16 3fff::/20 4000::/2 8000::/1
"""
_REFUSED = [ip_network(network) for network in _NOT_PUBLIC.split()]
# IPv4-mapped, and NAT64, which networks without IPv4 need: the last 32 bits decide. The other ways
# to embed IPv4 (IPv4-compatible, 6to4, Teredo) are obsolete and refused above.
_EMBEDDING_IPV4 = [ip_network("::ffff:0:0/96"), ip_network("64:ff9b::/96")]
_AUTHORITY = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:@%\\]+))(?::([0-9]{0,5}))?")
_HOST_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_MAX_URL_CHARS = 8_192
_MAX_HEADER_BYTES = 65_536
_DEFAULT_PORT = {"https": 443, "http": 80}
_CONNECT_TIMEOUT_S = 3.0  # for each address of a host, so that a dead one leaves time for the next
_REASONS: list[tuple[type[Exception], str]] = [
    (socket.gaierror, "the host name was not found"),
    (ssl.SSLCertVerificationError, "its TLS certificate is not valid"),
    (ssl.SSLError, "no TLS connection was possible"),
    (OSError, "the connection failed"),
    (Exception, "the response is not valid HTTP"),
]
_REDIRECTS = {301, 302, 303, 307, 308}  # RFC 9110, section 15.4


def is_public(address: Address) -> bool:
    """Return whether an address, or the IPv4 address embedded in it, is on the public internet."""
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return False
    if any(address in network for network in _EMBEDDING_IPV4):
        return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    return not any(address in network for network in _REFUSED)


@dataclass(frozen=True, slots=True)
class _Target:
    """One hop: where to connect, and what to request."""

    url: str
    scheme: str
    host: str  # lower-case ASCII, without a last dot or brackets
    port: int
    path: str

    def request(self) -> bytes:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port != _DEFAULT_PORT[self.scheme] else ""
        return (
            f"GET {self.path} HTTP/1.1\r\nHost: {host}{port}\r\nUser-Agent: Lookalike\r\n"
            "Accept: image/*\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n"
        ).encode("ascii")


class _Wire(io.RawIOBase):
    """Reads a socket until one deadline for everything, and at most `budget` bytes."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        super().__init__()
        self._sock, self._deadline = sock, deadline
        self.budget = _MAX_HEADER_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.budget <= 0:
            raise http.client.HTTPException(
                "the response is far longer than a picture and its headers"
            )
        self._sock.settimeout(_left(self._deadline))
        count = self._sock.recv_into(buffer)
        self.budget -= count
        return count

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)


class UrlFetcher:
    """Fetches pictures from public addresses over https; safe to share between threads."""

    def __init__(
        self,
        *,
        allow_http: bool = False,
        timeout_s: float = 10.0,
        max_redirects: int = 3,
        resolve: Resolver = socket.getaddrinfo,
        allowed: Callable[[Address], bool] = is_public,
        ports: Iterable[int] = (80, 443),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Set the limits; `timeout_s` is from the first look-up to the last byte.

        `resolve`, `allowed`, `ports` and `tls` are for tests, whose servers are not public.
        """
        self._schemes = {"https", "http"} if allow_http else {"https"}
        self._timeout_s, self._max_redirects = timeout_s, max_redirects
        self._resolve, self._allowed, self._ports = resolve, allowed, frozenset(ports)
        self._test_tls = tls
        # A look-up cannot be cancelled; this many can hang at once, and later ones wait.
        self._lookups = ThreadPoolExecutor(16, "look-up")

    def fetch(self, url: str, max_bytes: int) -> bytes:
        """Return what is at a URL, at most `max_bytes`, following a few redirects.

        Raises UrlRefused (the address, a redirect or the encoding is not allowed), UrlUnreachable
        (no response, or too slow) or PictureTooLarge. Messages contain only the host of the URL,
        because the rest may be secret.
        """
        deadline = time.monotonic() + self._timeout_s
        target = self._target(url)
        for _ in range(self._max_redirects + 1):
            response = self._get(target, max_bytes, deadline)
            if isinstance(response, bytes):
                return response
            moved = self._target(response, target.url)
            if (target.scheme, moved.scheme) == ("https", "http"):
                raise UrlRefused(f"{target.host} redirects from https to http; send the last URL")
            target = moved
        raise UrlRefused(f"More than {self._max_redirects} redirects; send the last URL")

    def _target(self, url: str, base: str = "") -> _Target:
        if len(url) > _MAX_URL_CHARS or any(c < " " or c == "\x7f" for c in url):
            raise UrlRefused(f"A URL can have at most {_MAX_URL_CHARS} characters, all printable")
        try:
            full = urljoin(base, url.strip(" "))
            parts = urlsplit(full)
            host, port = _host_and_port(parts.netloc)
            path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
            query = quote(parts.query, safe="/%:@!$&'()*+,;=~?[]")
        except ValueError as error:
            advice = "send https://host/path, without user or zone, non-ASCII hosts as xn--..."
            raise UrlRefused(f"The URL cannot be fetched; {advice}") from error
        if parts.scheme not in self._schemes:
            raise UrlRefused(f"Only {' and '.join(sorted(self._schemes))} URLs can be fetched")
        port = _DEFAULT_PORT[parts.scheme] if port is None else port
        if port not in self._ports:
            raise UrlRefused(f"URLs with port {port} cannot be fetched; use the default port")
        return _Target(full, parts.scheme, host, port, f"{path}?{query}" if query else path)

    def _get(self, target: _Target, max_bytes: int, deadline: float) -> bytes | str:
        """Request one target; return its body, or the URL that it redirects to."""
        try:
            with (
                self._connect(target, deadline) as plain,
                self._secured(plain, target, deadline) as sock,
            ):
                sock.settimeout(_left(deadline))
                sock.sendall(target.request())
                wire = _Wire(sock, deadline)
                with http.client.HTTPResponse(cast(socket.socket, wire), method="GET") as response:
                    response.begin()
                    # http.client reads everything for a chunk of size -1, hence the budget.
                    wire.budget = 2 * max_bytes + _MAX_HEADER_BYTES
                    return _read(response, target.host, max_bytes)
        except TimeoutError as error:
            limits = f"{_CONNECT_TIMEOUT_S:g} s to connect, or {self._timeout_s:g} s in all"
            raise UrlUnreachable(f"{target.host} took longer than {limits}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = next(text for kind, text in _REASONS if isinstance(error, kind))
            raise UrlUnreachable(f"{target.host}: {reason}") from error

    def _connect(self, target: _Target, deadline: float) -> socket.socket:
        failure = OSError("no address")
        for address in self._addresses(target, deadline):
            try:
                timeout = min(_CONNECT_TIMEOUT_S, _left(deadline))
                return socket.create_connection((str(address), target.port), timeout)
            except OSError as error:
                failure = error
        raise failure

    def _addresses(self, target: _Target, deadline: float) -> list[Address]:
        host, tcp = target.host, socket.SOCK_STREAM
        lookup = self._lookups.submit(self._resolve, host, target.port, type=tcp)
        try:
            found = lookup.result(_left(deadline))
        finally:
            lookup.cancel()
        addresses = list(dict.fromkeys(ip_address(sockaddr[0]) for *_, sockaddr in found))
        if not all(self._allowed(address) for address in addresses):
            raise UrlRefused(f"{host} is not on the public internet")
        return addresses

    def _secured(self, sock: socket.socket, target: _Target, deadline: float) -> socket.socket:
        sock.settimeout(_left(deadline))
        if target.scheme == "http":
            return sock
        return self._tls.wrap_socket(sock, server_hostname=target.host)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._test_tls or ssl.create_default_context()


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return left


def _host_and_port(authority: str) -> tuple[str, int | None]:
    if not (match := _AUTHORITY.fullmatch(authority)):
        raise ValueError("not only a host and a port")
    literal, name, port = match.groups()
    host = str(IPv6Address(literal)) if literal else _ascii(name.lower().removesuffix("."))
    return host, int(port) if port else None


def _ascii(name: str) -> str:
    # Python's IDNA of 2003 maps some characters to others; a name that does not survive the round
    # trip would be a different host.
    written = name if name.isascii() else name.encode("idna").decode()
    same = written == name or written.encode().decode("idna") == name
    if same and _HOST_NAME.fullmatch(written):
        return written
    raise ValueError("not a host name")


def _read(response: http.client.HTTPResponse, host: str, max_bytes: int) -> bytes | str:
    if response.status in _REDIRECTS and (location := response.headers.get("location")):
        return str(location).encode("latin-1").decode()
    if response.status != 200:
        raise UrlUnreachable(f"{host} responded with status {response.status}")
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity" or ("transfer-encoding" in response.headers and not response.chunked):
        raise UrlRefused(f"{host} sent a compressed response, which was not requested")
    announced = response.length or 0
    if announced > max_bytes:
        raise PictureTooLarge(
            f"{announced} bytes exceed the limit of {max_bytes} bytes; send a smaller copy"
        )
    body = response.read(max_bytes + 1)
    if len(body) > max_bytes:
        raise PictureTooLarge(
            f"{host} sends more than the limit of {max_bytes} bytes; send a smaller copy"
        )
    if len(body) < announced:
        raise UrlUnreachable(f"{host} sent {len(body)} of {announced} bytes")
    return body

"""Who may do what: keys with scopes, or everyone on this machine. Depends on HTTP and settings."""

import hashlib
import hmac
import ipaddress
import re
from typing import Any, get_args

from fastapi import Depends, Request

from functions.api.errors import KeyMissing, KeyRefused
from functions.gallery.settings import Scope
from functions.runtime import under_sam_local

_SCOPES: tuple[Scope, ...] = get_args(Scope)  # each includes those before it
# Matched against the header as it was sent, because a URL parser would accept more.
_THIS_MACHINE = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?", re.IGNORECASE)

# What proxies add. nginx adds nothing by default, but most versions of it send HTTP/1.0.
_PROXY = re.compile(
    r"via|cdn-loop|(x-)?forwarded(-.+)?|x-(original|envoy)-.+|(.+-)?(real|client|connecting)-ip|"
    r"x-proxyuser-ip"
)


def require_scope(request: Request, scope: Scope) -> None:
    """Return if the request may do what this scope allows; raises KeyMissing or KeyRefused."""
    keys = _keys_of(request)
    if not keys:
        _require_this_machine(request)
        return
    granted = _scope_of(request, keys)
    if granted is None:
        raise KeyMissing("Send a key of this gallery in the header x-api-key")
    if _SCOPES.index(granted) < _SCOPES.index(scope):
        raise KeyRefused(f"This key has the scope {granted}; use one with the scope {scope}")


def granted_scope(request: Request) -> Scope:
    """Return the scope of a request that passed `require_scope`; without keys it is admin."""
    keys = _keys_of(request)
    return (_scope_of(request, keys) or "read") if keys else "admin"


def _requires(scope: Scope) -> list[Any]:
    async def check(request: Request) -> None:
        require_scope(request, scope)

    return [Depends(check)]


READ, WRITE = _requires("read"), _requires("write")  # `dependencies` of a route


def _keys_of(request: Request) -> dict[str, Scope]:
    keys: dict[str, Scope] = request.app.state.settings.lookalike_api_keys
    return keys


def _scope_of(request: Request, keys: dict[str, Scope]) -> Scope | None:
    digest = hashlib.sha256(request.headers.get("x-api-key", "").encode()).hexdigest()
    found: Scope | None = None
    for known, scope in keys.items():  # all of them, so that the time reveals nothing
        if hmac.compare_digest(known, digest):
            found = scope
    return found


def _require_this_machine(request: Request) -> None:
    """Without keys, accept only this machine: no proxy on it, and no web page of another origin.

    Checking Host prevents DNS rebinding. Browsers send Origin with what a page's script calls and
    with forms, and Sec-Fetch-Site with the rest, such as pictures. Under `sam local` the caller is
    on this machine, whatever address and headers the event has.
    """
    host = request.headers.get("host", "")
    if not under_sam_local():
        if request.scope["http_version"] == "1.0" or any(map(_PROXY.fullmatch, request.headers)):
            raise KeyMissing(
                "Without keys requests through a proxy are refused: they can come from anywhere; "
                "set LOOKALIKE_API_KEYS"
            )
        client = request.client.host if request.client else ""
        if not (_is_loopback(client) and _THIS_MACHINE.fullmatch(host)):
            raise KeyMissing("Without keys only this machine has access; set LOOKALIKE_API_KEYS")
    origin = request.headers.get("origin")
    if origin:
        allowed = request.app.state.settings.lookalike_allowed_origins
        is_own = origin in (f"http://{host}", f"https://{host}", *allowed)
    else:
        is_own = request.headers.get("sec-fetch-site", "none") in ("same-origin", "none")
    if not is_own:
        raise KeyRefused(
            "Without keys other sites' pages have no access; set LOOKALIKE_API_KEYS, or list their "
            "origin in LOOKALIKE_ALLOWED_ORIGINS"
        )


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False

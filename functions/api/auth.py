"""Who may do what: keys with scopes, or everyone on this machine. Knows HTTP and settings."""

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Callable
from typing import get_args

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader

from functions.api.errors import KeyMissing, KeyRefused
from functions.gallery.place import under_sam_local
from functions.gallery.settings import Scope

_SCOPES: tuple[Scope, ...] = get_args(Scope)  # each includes those before it
# The header as it came: a parser would forgive too much.
_THIS_MACHINE = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?", re.IGNORECASE)
_header = APIKeyHeader(name="x-api-key", auto_error=False, description="Key of this gallery")


def requires(scope: Scope) -> Callable[[Request, str | None], None]:
    """Make a dependency that lets a request through only if its key has this scope."""

    def check(request: Request, key: str | None = Depends(_header)) -> None:
        keys: dict[str, Scope] = request.app.state.settings.lookalike_api_keys
        if not keys:
            _require_this_machine(request)
            return
        granted = _scope_of(key, keys)
        if granted is None:
            raise KeyMissing("Send a key of this gallery in the header x-api-key")
        if _SCOPES.index(granted) < _SCOPES.index(scope):
            raise KeyRefused(f"This key may {granted}; the call needs a key that may {scope}")

    return check


def granted_scope(request: Request) -> Scope:
    """Tell what the key of a request may that `requires` let through; without keys, everything."""
    keys: dict[str, Scope] = request.app.state.settings.lookalike_api_keys
    return (_scope_of(request.headers.get("x-api-key"), keys) or "read") if keys else "admin"


def _scope_of(key: str | None, keys: dict[str, Scope]) -> Scope | None:
    digest = hashlib.sha256((key or "").encode()).hexdigest()
    found: Scope | None = None
    for known, scope in keys.items():  # all of them, so that the time tells nothing
        if hmac.compare_digest(known, digest):
            found = scope
    return found


def _require_this_machine(request: Request) -> None:
    """Without keys only loopback may call, and no web page from elsewhere through a browser.

    The Host is checked against DNS rebinding, the Origin against pages of other sites. Under
    `sam local` the caller is on this machine, whatever address the event names.
    """
    client = request.client.host if request.client else ""
    host = request.headers.get("host", "")
    if not (_is_loopback(client) and _THIS_MACHINE.fullmatch(host) or under_sam_local()):
        raise KeyMissing(
            "Without keys only this machine may call; set LOOKALIKE_API_KEYS to let others in"
        )
    origin = request.headers.get("origin")
    if origin and origin not in (f"http://{host}", f"https://{host}"):
        raise KeyRefused("Without keys no page of another site may call")


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False

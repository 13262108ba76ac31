"""Answer a repeated request as it was answered first. Depends on HTTP and the gallery.

After draft-ietf-httpapi-idempotency-key-header: the client makes up a key for each action and sends
it with every retry. A success is kept for a day next to the originals. A failure is not kept, the
work is done again; because ids are derived from names, nothing is stored twice.
"""

import hashlib
import json
import logging
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar
from weakref import WeakValueDictionary

import anyio
import anyio.to_thread
from fastapi import Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from functions.api.errors import KeyReused, invalid
from functions.api.requests.call import Call
from functions.gallery.errors import ImageNotFound, LookalikeError

log = logging.getLogger(__name__)

HEADER = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
Result = TypeVar("Result", bound=BaseModel)

# Of simultaneous requests with the same key, the later ones wait for the first.
_locks: WeakValueDictionary[str, anyio.Lock] = WeakValueDictionary()


async def once(
    call: Call,
    fingerprint: Callable[[], str],
    work: Callable[[], Awaitable[Result]],
    *,
    is_final: Callable[[Result], bool] = lambda _: True,
) -> Result | Response:
    """Do the work, or repeat the response if it was done before under this request's key.

    `fingerprint` returns a text that differs between different requests; a result that is not final
    is not kept. Raises KeyReused if the key was used with another request, InvalidParameters for a
    malformed key.
    """
    request, replies = call.request, call.gallery.replies
    key = request.headers.get(HEADER)
    if key is None:
        return await work()
    if not _KEY.fullmatch(key):
        raise invalid(**{HEADER: "must be 1 to 255 visible ASCII characters"})
    caller = request.headers.get("x-api-key", "")
    place = _digest(f"{caller}\0{key}")
    content = await anyio.to_thread.run_sync(fingerprint)
    asked = _digest(f"{request.method} {request.scope['route'].path} {content}")
    lock = _locks.setdefault(place, anyio.Lock())
    async with lock:
        kept = await anyio.to_thread.run_sync(replies.read_reply, place)
        if kept is not None:
            return await anyio.to_thread.run_sync(_replay, call, json.loads(kept), asked)
        result = await work()
        if is_final(result):
            await anyio.to_thread.run_sync(_keep, call, place, asked, result)
    return result


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _keep(call: Call, place: str, asked: str, result: BaseModel) -> None:
    reply = {
        "asked": asked,
        "status": call.response.status_code or 200,
        "location": call.response.headers.get("Location"),
        "body": result.model_dump(mode="json"),
    }
    try:
        call.gallery.replies.write_reply(place, json.dumps(reply).encode())
    except LookalikeError as error:  # the work is done; a retry does it again
        log.warning("A response was not kept: %s", error)


def _replay(call: Call, reply: dict[str, object], asked: str) -> Response:
    if reply["asked"] != asked:
        raise KeyReused(f"This {HEADER} was used with a different request; make up a new one")
    headers = {"Idempotent-Replayed": "true"}
    if reply["location"]:
        headers["Location"] = str(reply["location"])
        _require_stored(call, headers["Location"].rpartition("/")[2])
    return JSONResponse(reply["body"], int(str(reply["status"])), headers)


def _require_stored(call: Call, id: str) -> None:
    """Raise ImageNotFound for an image removed since: a late retry does not bring it back."""
    try:
        call.gallery.get(id)
    except ImageNotFound:
        raise ImageNotFound(
            f"The image added with this {HEADER} was removed; make up a new key to add it again"
        ) from None

"""Answers a request that was sent twice as it was answered first. Knows HTTP and the gallery.

After draft-ietf-httpapi-idempotency-key-header: the caller makes up a key for each thing to be done
and sends it again with every retry. What succeeded is remembered for a day beside the originals.
What failed is not, and is simply done again: ids follow from names, so nothing is ever doubled.
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
from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from functions.api.calls import Call
from functions.api.errors import InvalidParameters, KeyReused
from functions.gallery.errors import ImageNotFound, LookalikeError
from functions.gallery.ports import Replies

log = logging.getLogger(__name__)

HEADER = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
Answer = TypeVar("Answer", bound=BaseModel)


# Of requests that come under one key at the same time the later ones wait for the first.
_locks: WeakValueDictionary[str, anyio.Lock] = WeakValueDictionary()


async def once(
    request: Request,
    response: Response,
    now: Call,
    asked: Callable[[], str],
    work: Callable[[], Awaitable[Answer]],
    *,
    is_final: Callable[[Answer], bool] = lambda _: True,
) -> Answer | Response:
    """Do the work, or repeat the answer if it was done before under this request's key.

    `asked` gives a text that tells requests apart; an answer that is not final is not kept. Raises
    KeyReused if the key came with something else before, InvalidParameters for a key that is none.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return await work()
    if not _KEY.fullmatch(key):
        raise InvalidParameters(
            [{"pointer": f"#/{HEADER}", "detail": "1 to 255 visible ASCII characters"}]
        )
    caller = request.headers.get("x-api-key", "")
    place = hashlib.sha256(f"{caller}\0{key}".encode()).hexdigest()
    what = f"{request.method} {request.url.path} {await anyio.to_thread.run_sync(asked)}"
    digest = hashlib.sha256(what.encode()).hexdigest()
    replies = now.gallery.replies
    lock = _locks.setdefault(place, anyio.Lock())
    async with lock:
        kept = await anyio.to_thread.run_sync(replies.read_reply, place)
        if kept is not None:
            return await anyio.to_thread.run_sync(_repeated, now, json.loads(kept), digest)
        answer = await work()
        if is_final(answer):
            await anyio.to_thread.run_sync(_keep, replies, place, _reply(digest, response, answer))
    return answer


def _reply(digest: str, response: Response, answer: BaseModel) -> bytes:
    reply = {
        "asked": digest,
        "status": response.status_code or 200,
        "location": response.headers.get("Location"),
        "body": answer.model_dump(mode="json"),
    }
    return json.dumps(reply).encode()


def _keep(replies: Replies, place: str, reply: bytes) -> None:
    try:
        replies.write_reply(place, reply)
    except LookalikeError as problem:  # the work is done; a repetition does it once more
        log.warning("a reply was not kept: %s", problem)


def _repeated(now: Call, reply: dict[str, object], asked: str) -> Response:
    if reply["asked"] != asked:
        raise KeyReused(f"This {HEADER} came before with another request; make up a new one")
    headers = {"Idempotent-Replayed": "true"}
    if reply["location"]:
        headers["Location"] = str(reply["location"])
        _require_still_there(now, headers["Location"].rpartition("/")[2])
    return JSONResponse(reply["body"], int(str(reply["status"])), headers)


def _require_still_there(now: Call, id: str) -> None:
    """Raise ImageNotFound for an image that was removed since; a late retry brings none back."""
    try:
        now.gallery.get(id)
    except ImageNotFound:
        raise ImageNotFound(
            f"What this {HEADER} added was removed since; make up a new one to add it again"
        ) from None

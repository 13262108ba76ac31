"""Answers a request that was sent twice as it was answered first. Knows HTTP and the gallery.

After draft-ietf-httpapi-idempotency-key-header: the caller makes up a key for each thing to be done
and sends it again with every retry. What succeeded is remembered for a day beside the originals.
What failed is not, and is simply done again: ids follow from names, so nothing is ever doubled.
"""

import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio.to_thread
from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from functions.api.calls import Call
from functions.api.errors import InvalidParameters, KeyReused

HEADER = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
Answer = TypeVar("Answer", bound=BaseModel)


async def once(
    request: Request,
    response: Response,
    now: Call,
    asked: str,
    work: Callable[[], Awaitable[Answer]],
) -> Answer | Response:
    """Do the work, or repeat the answer if it was done before under this request's key.

    `asked` tells requests apart: a hash of all that was sent. Raises KeyReused if the key came with
    something else before, InvalidParameters for a key that is none.
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
    asked = hashlib.sha256(f"{request.method} {request.url.path} {asked}".encode()).hexdigest()
    replies = now.gallery.replies
    kept = await anyio.to_thread.run_sync(replies.read_reply, place)
    if kept is not None:
        return _repeated(json.loads(kept), asked)
    answer = await work()
    reply = {
        "asked": asked,
        "status": response.status_code or 200,
        "location": response.headers.get("Location"),
        "body": answer.model_dump(mode="json"),
    }
    await anyio.to_thread.run_sync(replies.write_reply, place, json.dumps(reply).encode())
    return answer


def _repeated(reply: dict[str, object], asked: str) -> Response:
    if reply["asked"] != asked:
        raise KeyReused(f"This {HEADER} came before with another request; make up a new one")
    headers = {"Idempotent-Replayed": "true"}
    if reply["location"]:
        headers["Location"] = str(reply["location"])
    return JSONResponse(reply["body"], int(str(reply["status"])), headers)

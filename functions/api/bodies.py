"""Reads what came: a picture as raw body, form or JSON, and the options beside it."""

import hashlib
import json
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import anyio.to_thread
from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from functions.api.errors import InvalidParameters, MalformedBody, pointed
from functions.api.options import decoded
from functions.gallery.errors import PictureTooLarge
from functions.gallery.filters import check_metadata, field_type, parse_filter
from functions.gallery.names import check_name
from functions.gallery.records import Fields

MAX_JSON_PARTS = 50_000  # brackets, braces and commas; Python needs about 60 bytes for each
OVERHEAD_BYTES = 100_000  # options, metadata and form boundaries beside the picture
# Objects that a query string or form carries as JSON text.
_JSON_TEXTS = {"metadata", "filter", "region"}

Options = TypeVar("Options", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Received:
    """The picture, if one came, and everything that stood beside it."""

    image: bytes | None
    beside: dict[str, Any]
    texts: frozenset[str] = frozenset()  # what came as text, from a query or form
    behind: dict[str, Any] = field(default_factory=dict)  # in the query what the body has too

    def fingerprint(self) -> str:
        """Give a text that is the same for the same picture and options, however they came."""
        beside = json.dumps(self.beside, sort_keys=True)
        return f"{hashlib.sha256(self.image or b'').hexdigest()} {beside}"

    def options(self, model: type[Options]) -> Options:
        """Check what stood beside the picture; raises InvalidParameters, naming each."""
        try:
            if self.behind:  # it does not count, but must make sense
                model.model_validate(self.beside | self.behind, context=self.texts | {*self.behind})
            return model.model_validate(self.beside, context=self.texts)
        except ValidationError as problem:
            raise InvalidParameters(pointed(problem.errors())) from None


async def receive_json(
    request: Request, model: type[Options], max_picture_bytes: int = 0
) -> Options:
    """Read a JSON body with so many bytes of pictures in base64, if any.

    Raises MalformedBody, PictureTooLarge or InvalidParameters.
    """
    body = await _body(request, max_picture_bytes * 4 // 3 + OVERHEAD_BYTES)

    def understood() -> Options:
        beside = _tree(body)
        _require_plain(beside)
        return Received(None, beside).options(model)

    return await anyio.to_thread.run_sync(understood)


async def receive(request: Request, max_bytes: int) -> Received:
    """Read a picture of at most `max_bytes` and its options, wherever they stand.

    application/json carries the picture in base64 as `image`, multipart/form-data as the file
    `image`; any other body is the picture itself. Options stand in the query, form or JSON; those
    of a form or JSON count before the same in the query. Raises PictureTooLarge, MalformedBody or
    InvalidParameters.
    """
    image: bytes | None
    written: dict[str, Any] = {}
    form: dict[str, Any] = {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        body = await _body(request, max_bytes * 4 // 3 + OVERHEAD_BYTES)
        image, written = await anyio.to_thread.run_sync(_from_json, body)
    elif kind == "multipart/form-data":
        image, form = await _from_form(request, max_bytes + OVERHEAD_BYTES)
    else:
        image = await _body(request, max_bytes)
    return _with_query(request, image, written, form)


def options_in_query(request: Request, model: type[Options]) -> Options:
    """Check the options of a request without a body; raises InvalidParameters."""
    return _with_query(request, None, {}, {}).options(model)


def _with_query(
    request: Request, image: bytes | None, written: dict[str, Any], form: dict[str, Any]
) -> Received:
    queried = request.query_params.multi_items()
    names = Counter(name for name, _ in queried)
    if twice := [name for name, times in names.items() if times > 1]:
        raise InvalidParameters([{"pointer": f"#/{n}", "detail": "given twice"} for n in twice])
    asked = {name: _read(name, text) for name, text in queried}
    filled = {name: _read(name, text) for name, text in form.items()}
    beside = asked | filled | written
    behind = {name: value for name, value in asked.items() if name in filled or name in written}
    _require_plain(beside | behind)
    _judge(behind, request.app.state.gallery.spec.fields)
    texts = frozenset(asked.keys() | filled.keys()) - written.keys()
    return Received(image, beside, texts, behind)


def _read(name: str, text: str) -> Any:
    if name not in _JSON_TEXTS:
        return text
    try:
        return _object(name, text)
    except MalformedBody:
        wrong = {"pointer": f"#/{name}", "detail": "a JSON object, as text"}
        raise InvalidParameters([wrong]) from None


def _judge(behind: dict[str, Any], fields: Fields) -> None:
    """Refuse what is wrong in a query although the body's own options count."""
    parse_filter(behind.get("filter"), fields)
    check_metadata(behind.get("metadata", {}), fields)
    if "name" in behind:
        check_name(behind["name"])
    if "group_by" in behind:
        field_type(behind["group_by"], fields, option="group_by")


async def _body(request: Request, most: int) -> bytes:
    return b"".join([chunk async for chunk in _limited(request, most)])


async def _limited(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    promised = request.headers.get("content-length", "")
    came = int(promised) if promised.isdigit() else 0
    if came <= most:
        came = 0
        async for chunk in request.stream():
            came += len(chunk)
            if came > most:
                break
            yield chunk
        else:
            return
    raise PictureTooLarge(
        f"The body is over the limit of {most} bytes; send a smaller copy, or a large file by POST "
        "/v1/uploads where the gallery lives in a bucket"
    )


def _from_json(body: bytes) -> tuple[bytes | None, dict[str, Any]]:
    beside = _tree(body)
    text = beside.pop("image", None)
    if text is None:
        return None, beside
    if not isinstance(text, str):
        raise InvalidParameters([{"pointer": "#/image", "detail": "a picture in base64"}])
    try:
        return decoded(text), beside
    except ValueError:
        raise InvalidParameters([{"pointer": "#/image", "detail": "not valid base64"}]) from None


async def _from_form(request: Request, most: int) -> tuple[bytes | None, dict[str, Any]]:
    stream = _limited(request, most)
    try:
        form = await MultiPartParser(request.headers, stream, max_files=1, max_fields=20).parse()
    except (MultiPartException, ValueError, LookupError) as problem:  # also of an odd charset
        raise MalformedBody(f"Not a readable form: {problem}") from problem
    try:
        if len(form) < len(form.multi_items()):
            raise MalformedBody("A form field was given twice")
        files = {n: value for n, value in form.items() if isinstance(value, UploadFile)}
        if files.keys() - {"image"} or ("image" in form and not files):
            raise InvalidParameters([{"pointer": "#/image", "detail": "the one file of a form"}])
        image = await files["image"].read() if files else None
        return image, {n: value for n, value in form.items() if n not in files}
    finally:
        await form.close()


def _tree(body: bytes) -> dict[str, Any]:
    # Base64 has none of these, so a large picture does not count; a large tree does.
    if sum(body.count(mark) for mark in (b"[", b"{", b",")) > MAX_JSON_PARTS:
        raise MalformedBody(f"A JSON body has at most {MAX_JSON_PARTS} parts")
    return _object("body", body)


def _object(name: str, text: str | bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedBody(f"{name}: not valid JSON") from None
    if not isinstance(value, dict):
        raise MalformedBody(f"{name}: expected a JSON object")
    return value


def _require_plain(beside: dict[str, Any]) -> None:
    """Refuse what JSON cannot say in UTF-8: NaN, Infinity and halves of characters."""
    try:
        json.dumps(beside, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        raise MalformedBody("Numbers must be finite, texts valid UTF-8, and not too deep") from None

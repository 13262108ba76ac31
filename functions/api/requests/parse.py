"""Read a request into its model: the query, and the body as JSON, form or raw picture.

Depends on HTTP and the gallery's checks. A route names its model and how to read it, such as
`Depends(ListOptions.from_query)`.
"""

import base64
import json
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, ClassVar, Self, TypeVar

import anyio.to_thread
from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from functions.api.errors import BodyTooLarge, MalformedBody, invalid, invalid_model
from functions.api.requests.capacity import SMALL_BODY_BYTES
from functions.gallery.errors import InvalidCursor, LookalikeError, PictureTooLarge
from functions.gallery.filters import check_metadata, field_type, parse_filter
from functions.gallery.names import check_name
from functions.gallery.records import Fields

log = logging.getLogger(__name__)

MAX_JSON_PARTS = 50_000  # brackets, braces and commas; Python needs about 60 bytes for each
MAX_JSON_BYTES = 2_000_000  # without pictures; a filter of 1,000 names of 1,024 bytes fits
OVERHEAD_BYTES = 100_000  # for options, metadata and form boundaries around the picture
# Options that are objects; a query or form holds them as JSON text.
OBJECTS = {"metadata", "filter", "region"}

_ADVICE: dict[type[LookalikeError], str] = {
    BodyTooLarge: "send fewer ids, hashes or values at once",
    PictureTooLarge: "send a smaller copy or fewer pictures at once, or if the gallery uses a "
    "bucket, upload large files with POST /v1/uploads",
}

Values = dict[str, Any]  # options by name
Model = TypeVar("Model")


class Text(str):
    """A value from a query or form; unlike a string in JSON it can stand for a number or a flag."""


class RequestModel(BaseModel):
    """Base of all input: unknown options and values of another type are refused."""

    # Built when first used: no request needs all models, and a cold start none.
    model_config = ConfigDict(extra="forbid", defer_build=True)

    has_pictures: ClassVar[bool] = False  # in base64, so that its JSON can be long

    @classmethod
    async def from_query(cls, request: Request) -> Self:
        """Read the options in the query; raises InvalidParameters."""
        return cls.check(_read_texts(request.query_params))

    @classmethod
    async def from_json(cls, request: Request) -> Self:
        """Read a JSON body.

        Raises MalformedBody, InvalidParameters, and PictureTooLarge or, if the model has no
        pictures, BodyTooLarge.
        """
        if cls.has_pictures:
            body = await _read_body(request, json_bytes(request.app.state.max_body_bytes))
        else:
            body = await _read_body(request, MAX_JSON_BYTES, BodyTooLarge)
        return await _in_thread(request, body, lambda: cls.check(_parse_json(body)))

    @classmethod
    def check(cls, values: Values) -> Self:
        """Build the model; raises InvalidParameters, with a pointer to each wrong part."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise invalid_model(error) from None

    @field_validator("*", mode="before")
    @classmethod
    def _require_type(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse what pydantic would convert: 1 is not a flag, "1" is a number only as Text."""
        kind = cls.model_fields[info.field_name or ""].annotation
        is_flag = isinstance(value, bool)
        is_text = isinstance(value, Text)
        if kind is bool and not (is_flag or is_text and value.lower() in ("true", "false")):
            raise ValueError("must be true or false")
        if kind in (int, float) and (is_flag or not isinstance(value, int | float | Text)):
            raise ValueError("must be a number")
        return value


class PictureRequest(RequestModel):
    """A picture, or what stands for one, with options."""

    in_json_only: ClassVar[frozenset[str]]  # not in a query

    @classmethod
    async def from_picture(cls, request: Request) -> Self:
        """Read a picture and its options.

        The picture is `image` in JSON (base64), the file `image` of a form, or the whole body.
        Options are in the query, the form or the JSON; those in the body override the query. Raises
        PictureTooLarge, MalformedBody or InvalidParameters; for an overridden option also
        InvalidFilter, InvalidMetadata or InvalidName.
        """
        query = _read_texts(request.query_params)
        most: int = request.app.state.max_body_bytes
        fields: Fields = request.app.state.gallery.spec.fields
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type == "application/json":
            body = await _read_body(request, json_bytes(most))
            return await _in_thread(
                request, body, lambda: cls._merge(query, _parse_json(body), fields)
            )
        if media_type == "multipart/form-data":
            return cls._merge(query, await _read_form(request, most), fields)
        image = await _read_body(request, most)
        if image.startswith(b"{"):  # as curl -d sends it
            raise MalformedBody("The body is not a picture; send JSON as application/json")
        return cls._merge(query, {"image": image}, fields)

    @classmethod
    def _merge(cls, query: Values, body: Values, fields: Fields) -> Self:
        overridden = {name: value for name, value in query.items() if name in body}
        if overridden:  # they must be valid all the same
            cls.check(body | overridden)
            parse_filter(overridden.get("filter"), fields)
            check_metadata(overridden.get("metadata", {}), fields)
            if "name" in overridden:
                check_name(overridden["name"])
            if "group_by" in overridden:
                field_type(overridden["group_by"], fields, option="group_by")
        return cls.check(query | body)


def input_of(route: APIRoute) -> tuple[type[RequestModel], str] | None:
    """Return the model that a route reads, and by which method; None if it reads nothing."""
    for dependency in route.dependant.dependencies:
        model = getattr(dependency.call, "__self__", None)
        if isinstance(model, type) and issubclass(model, RequestModel):
            return model, getattr(dependency.call, "__name__", "")
    return None


def query_options(route: APIRoute) -> list[str]:
    """Return the options that a route takes in the query."""
    model, method = input_of(route) or (RequestModel, "")
    in_json_only = model.in_json_only if issubclass(model, PictureRequest) else ()
    options = [] if method == "from_json" else model.model_fields
    return [name for name in options if name not in in_json_only]


async def _read_body(
    request: Request, max_bytes: int, too_large: type[LookalikeError] = PictureTooLarge
) -> bytes:
    """Return the body; raises PictureTooLarge, or the error named."""
    return b"".join([chunk async for chunk in _stream(request, max_bytes, too_large)])


async def _in_thread(request: Request, body: bytes, work: Callable[[], Model]) -> Model:
    """Parse a large body in a thread, few at once, because it takes three times their size."""
    if len(body) <= SMALL_BODY_BYTES:
        return work()
    return await anyio.to_thread.run_sync(work, limiter=request.app.state.capacity.parsers)


def json_bytes(picture_bytes: int) -> int:
    """Return how long a JSON body can be that holds this many bytes of pictures in base64."""
    return picture_bytes * 4 // 3 + OVERHEAD_BYTES


def _parse_json(body: bytes) -> Values:
    """Return the object in a JSON body; raises MalformedBody."""
    # Base64 has none of these characters, so a large picture is accepted and a large tree is not.
    if sum(body.count(mark) for mark in (b"[", b"{", b",")) > MAX_JSON_PARTS:
        raise MalformedBody(f"A JSON body can have at most {MAX_JSON_PARTS} parts")
    values = _object(body)
    if values is None:
        raise MalformedBody("The body is not a JSON object, or has a name twice")
    _require_plain(values)
    return values


class _FormParser(MultiPartParser):
    """Also notes whether the last boundary was received."""

    is_complete = False

    def on_end(self) -> None:
        self.is_complete = True


async def _read_form(request: Request, max_picture_bytes: int) -> Values:
    """Return the fields of a form, and its file as `image`.

    Raises PictureTooLarge, MalformedBody or InvalidParameters.
    """
    stream = _stream(request, max_picture_bytes + OVERHEAD_BYTES)
    parser = _FormParser(request.headers, stream, max_files=1, max_fields=20)
    try:
        form = await parser.parse()
    except (MultiPartException, ValueError, LookupError) as error:  # LookupError: unknown charset
        raise MalformedBody("The body is not a valid multipart/form-data form") from error
    try:
        if not parser.is_complete:  # a part that was cut off is not in the form
            raise MalformedBody("The form was cut off before its last boundary; send it again")
        if len(form) < len(form.multi_items()):
            raise MalformedBody("A form field was sent twice; send each once")
        file = form.get("image")
        texts = {name: value for name, value in form.items() if isinstance(value, str)}
        if "image" in texts or len(form) > len(texts) + isinstance(file, UploadFile):
            raise invalid(image="must be the only file of a form")
        image = {"image": await file.read()} if isinstance(file, UploadFile) else {}
        return _read_texts(texts) | image
    finally:
        await form.close()


def decode_base64(value: Any) -> bytes:
    """Return the bytes of a picture in base64 or a data URL; raises ValueError for anything else.

    Bytes are returned as they are: they are the body itself or a file of a form.
    """
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise ValueError("must be a picture in base64")
    try:
        return base64.b64decode(value.partition(";base64,")[2] or value, validate=True)
    except ValueError:
        raise ValueError("is not valid base64") from None


def encode_cursor(place: str | None) -> str | None:
    """Return the opaque cursor of a place in a list, from a store."""
    return None if place is None else base64.urlsafe_b64encode(place.encode()).decode()


def decode_cursor(cursor: str | None) -> str | None:
    """Return the place of a cursor; raises InvalidCursor unless `encode_cursor` could make it."""
    try:
        return None if cursor is None else base64.b64decode(cursor, b"-_", validate=True).decode()
    except ValueError:
        raise InvalidCursor(
            "This is not a cursor of this list; send `next` of the previous page"
        ) from None


async def _stream(
    request: Request, max_bytes: int, too_large: type[LookalikeError] = PictureTooLarge
) -> AsyncGenerator[bytes, None]:
    announced = request.headers.get("content-length", "")
    received = int(announced) if announced.isdigit() else 0
    if received <= max_bytes:
        received = 0
        try:
            async for chunk in request.stream():
                received += len(chunk)
                if received > max_bytes:
                    break
                yield chunk
            else:
                return
        except ClientDisconnect:
            log.warning("%s the client left during its upload", request.state.request_id)
            raise MalformedBody("The body ended early; send it again") from None
    raise too_large(f"The body exceeds the limit of {max_bytes} bytes; {_ADVICE[too_large]}")


def _read_texts(texts: Mapping[str, str]) -> Values:
    """Return options from a query or form; raises InvalidParameters or MalformedBody."""
    values: Values = {}
    for name, text in texts.items():
        values[name] = _object(text) if name in OBJECTS else Text(text)
        if values[name] is None:
            raise invalid(**{name: "must be a JSON object, as text"})
    _require_plain(values)
    return values


def _object(text: str | bytes) -> Values | None:
    try:
        value = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _unique(pairs: list[tuple[str, Any]]) -> Values:
    """Return an object; raises ValueError for a repeated name, whose first value would be lost."""
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a name is repeated")
    return values


def _require_plain(values: Values) -> None:
    """Refuse what JSON cannot express in UTF-8: NaN, Infinity and lone surrogates."""
    plain = {name: value for name, value in values.items() if name != "image"}  # long, and checked
    try:
        json.dumps(plain, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        raise MalformedBody(
            "Numbers must be finite, text must be valid UTF-8, and nesting must not be deep"
        ) from None

"""What the environment decides, read once. Knows names, types and defaults; builds nothing."""

from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from functions.gallery.errors import SettingsError
from functions.gallery.records import BUILT_IN_FIELDS, Distance, FieldType

# Of the first 2 numbers of our model's vectors, 4 of 295 photos had only zeros; of 16 none, by far.
FEWEST_DIMS = 16

Scope = Literal["read", "write", "admin"]  # each includes those before it


class Settings(BaseSettings):
    """Every setting; all are optional on a laptop."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore")

    qdrant_url: Annotated[
        str | None, Field(description="Address of a Qdrant server or Cloud; none: embedded store")
    ] = None
    qdrant_api_key: Annotated[SecretStr | None, Field(description="Key for that server")] = None
    qdrant_api_key_secret_arn: Annotated[
        str | None, Field(description="Secrets Manager secret with that key, fetched once")
    ] = None
    lookalike_data: Annotated[
        Path, Field(description="Folder of the embedded store, originals and thumbnails")
    ] = Path("data")
    lookalike_bucket: Annotated[
        str | None, Field(description="Bucket with the originals; none: a folder in LOOKALIKE_DATA")
    ] = None
    lookalike_queue_url: Annotated[
        str | None, Field(description="Queue that the reconcile job sends differences to")
    ] = None
    lookalike_api_keys: Annotated[
        dict[str, Scope],
        NoDecode,
        Field(description="scope:sha256 of each key, comma between; none: open, on loopback only"),
    ] = {}
    lookalike_filter_fields: Annotated[
        dict[str, FieldType],
        NoDecode,
        Field(description="Metadata that can be filtered: category:keyword,price:float"),
    ] = {}
    lookalike_distance: Annotated[
        Distance, Field(description="cosine, dot, euclid or manhattan, for a new collection")
    ] = Distance.COSINE
    lookalike_dims: Annotated[
        int | None,
        Field(ge=FEWEST_DIMS, description="Numbers kept of a vector; none: all the model gives"),
    ] = None
    lookalike_fetch_urls: Annotated[
        Literal["off", "https", "http"],
        Field(description="Whether pictures may be fetched from URLs; http allows both"),
    ] = "off"
    lookalike_max_bytes: Annotated[int, Field(gt=0, description="Bytes of one picture")] = (
        20_000_000
    )
    lookalike_max_pixels: Annotated[
        int, Field(gt=0, description="Pixels of one picture, as its header says")
    ] = 100_000_000
    lookalike_model: Annotated[Path, Field(description="Folder with the graph and its card")] = (
        Path(__file__).parents[2] / "model"
    )

    @classmethod
    def from_environment(cls) -> Self:
        """Read the environment; raises SettingsError that names every variable that is wrong."""
        try:
            return cls()
        except ValidationError as problem:
            wrong = "; ".join(f"{str(e['loc'][0]).upper()}: {e['msg']}" for e in problem.errors())
            raise SettingsError(wrong) from None  # the cause would print secrets

    @field_validator("lookalike_filter_fields", mode="before")
    @classmethod
    def _fields(cls, written: object) -> object:
        if not isinstance(written, str):
            return written
        pairs = dict(_pairs(written, "field:type"))
        for name, kind in pairs.items():
            if name in BUILT_IN_FIELDS:
                raise ValueError(f"{name} is built in; call the metadata field something else")
            if kind not in get_args(FieldType):
                raise ValueError(f"{kind} is none of {', '.join(get_args(FieldType))}")
        return pairs

    @field_validator("lookalike_api_keys", mode="before")
    @classmethod
    def _keys(cls, written: object) -> object:
        if not isinstance(written, str):
            return written
        keys = {digest.lower(): scope for scope, digest in _pairs(written, "scope:sha256")}
        if not all(len(digest) == 64 and set(digest) <= set("0123456789abcdef") for digest in keys):
            raise ValueError(
                "a key is given by its SHA-256 in 64 hex digits; scripts/key makes one"
            )
        return keys


def _pairs(written: str, form: str) -> list[tuple[str, str]]:
    pairs = [part.strip().partition(":") for part in written.split(",") if part.strip()]
    if not all(left and right for left, _, right in pairs):
        raise ValueError(f"expected {form},{form}")
    return [(left, right) for left, _, right in pairs]

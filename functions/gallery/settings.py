"""Every setting: its environment variable, type and default. Read once; builds nothing."""

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from functions.gallery.errors import SettingsError
from functions.gallery.records import (
    BUILT_IN_FIELDS,
    DEFAULT_GALLERY,
    Distance,
    FieldType,
    Quantization,
)
from functions.runtime import command

# The first 2 numbers of a vector were all zero for 4 of 295 photos; the first 16 never, by far.
FEWEST_DIMS = 16
# As browsers send it: scheme, host, and a port that is not the default one.
_ORIGIN = re.compile(
    r"(?!http://.*:80$|https://.*:443$)"
    r"[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?"
)

# The paths of the API itself; a root path that starts like one could not be told apart from it.
OWN_PATHS = ("v1", "page", "docs", "openapi.json", "healthz", "readyz", "metrics")
_PATH_PART = re.compile("[A-Za-z0-9_~-][A-Za-z0-9._~-]*")

_KEY = re.compile("[!-~]+")  # what a header can send

Scope = Literal["read", "write", "admin"]  # each includes those before it


class Settings(BaseSettings):
    """Every setting; all are optional on a laptop."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore")

    qdrant_url: str | None = Field(
        default=None, description="Address of a Qdrant server or Cloud; none: embedded store"
    )
    qdrant_api_key: SecretStr | None = Field(default=None, description="Key for that server")
    qdrant_api_key_secret_arn: str | None = Field(
        default=None,
        description="Secrets Manager secret with that key",
    )
    lookalike_data: Path = Field(
        default=Path("data"), description="Folder for the embedded store, originals and thumbnails"
    )
    lookalike_gallery: str = Field(
        default=DEFAULT_GALLERY,
        description="Name of this gallery on its Qdrant server; every other one needs another",
    )
    lookalike_bucket: str | None = Field(
        default=None, description="Bucket for the originals; none: a folder in LOOKALIKE_DATA"
    )
    lookalike_in_place: Path | None = Field(
        default=None, description="Folder whose pictures are read where they are; none: copies"
    )
    lookalike_queue_url: str | None = Field(
        default=None, description="Queue to which the reconcile job sends differences"
    )
    lookalike_api_keys: Annotated[dict[str, Scope], NoDecode] = Field(
        default={},
        description="scope:sha256 of each key, comma-separated; none: open, to this machine only",
    )
    lookalike_allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Origins whose web pages can call the API (CORS): https://shop.example,...",
    )
    lookalike_root_path: str = Field(
        default="", description="Path below which a proxy serves the gallery: /lookalike"
    )
    lookalike_log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="warning", description="What `serve` logs; info adds a line per request"
    )
    lookalike_trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Addresses or networks of proxies whose X-Forwarded-For `serve` logs",
    )
    lookalike_filter_fields: Annotated[dict[str, FieldType], NoDecode] = Field(
        default={}, description="Metadata that can be filtered: category:keyword,price:float"
    )
    lookalike_distance: Distance = Field(
        default=Distance.COSINE,
        description="cosine, dot, euclid or manhattan, for a new collection",
    )
    lookalike_dims: int | None = Field(
        default=None, ge=FEWEST_DIMS, description="Vector dimensions to keep; none: all"
    )
    lookalike_quantization: Quantization | None = Field(
        default=None,
        description="none, int8 or turbo4, for a new collection; none set: the best of the store",
    )
    lookalike_replicas: int | None = Field(
        default=None, gt=0, description="Copies of a new collection on the nodes of a cluster"
    )
    lookalike_shards: int | None = Field(
        default=None, gt=0, description="Parts of a new collection, spread over the nodes"
    )
    lookalike_fetch_urls: Literal["off", "https", "http"] = Field(
        default="off", description="Whether to fetch pictures from URLs; http allows both"
    )
    lookalike_max_bytes: int = Field(
        default=20_000_000, gt=0, description="Maximum bytes of a picture"
    )
    lookalike_max_pixels: int = Field(
        default=100_000_000, gt=0, description="Maximum pixels of a picture, by its header"
    )
    lookalike_model: Path = Field(
        default=Path(__file__).parents[2] / "model",
        description="Folder with the graph and its card",
    )

    @classmethod
    def from_environment(cls, instead: Mapping[str, Any] | None = None) -> Self:
        """Read the environment, except for the settings that are given `instead`, by field.

        Raises SettingsError that names every wrong variable.
        """
        try:
            return cls(**instead or {})
        except ValidationError as error:
            wrong = [
                f"{str(e['loc'][0]).upper()}: {e['msg'].removeprefix('Value error, ')}"
                for e in error.errors()
            ]
            raise SettingsError("; ".join(wrong)) from None  # the cause would print secrets

    @field_validator("qdrant_api_key", mode="before")
    @classmethod
    def _read_key(cls, value: object) -> object:
        return (read_key(value) if value.strip() else None) if isinstance(value, str) else value

    @field_validator("lookalike_gallery")
    @classmethod
    def _check_gallery(cls, value: str) -> str:
        # Two hyphens end it in the name of a collection.
        if len(value) > 40 or not re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", value):
            raise ValueError("use at most 40 lowercase letters, digits and single hyphens")
        return value

    @field_validator("lookalike_filter_fields", mode="before")
    @classmethod
    def _read_fields(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = dict(_read_pairs(value, "field:type"))
        for name, kind in pairs.items():
            if name in BUILT_IN_FIELDS:
                raise ValueError(f"{name} is a built-in field; rename the metadata field")
            if kind not in get_args(FieldType):
                raise ValueError(f"{kind} must be one of {', '.join(get_args(FieldType))}")
        return pairs

    @field_validator("lookalike_allowed_origins", mode="before")
    @classmethod
    def _read_origins(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        origins = tuple(part.strip().lower() for part in value.split(",") if part.strip())
        if wrong := [origin for origin in origins if not _ORIGIN.fullmatch(origin)]:
            raise ValueError(
                f"{wrong[0]} is not an origin; list them as https://shop.example, "
                "without a path, a default port or *"
            )
        return origins

    @field_validator("lookalike_trusted_proxies", mode="before")
    @classmethod
    def _read_proxies(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        proxies = tuple(part.strip() for part in value.split(",") if part.strip())
        for proxy in proxies:
            try:
                ipaddress.ip_network(proxy)
            except ValueError:
                raise ValueError(
                    f"{proxy} is not an address or network; list them as 127.0.0.1,10.0.0.0/8"
                ) from None
        return proxies

    @field_validator("lookalike_root_path")
    @classmethod
    def _read_root_path(cls, value: str) -> str:
        parts = value.strip("/").split("/") if value.strip("/") else []
        if not all(map(_PATH_PART.fullmatch, parts)):
            raise ValueError("use letters, digits and . _ ~ - between slashes, as in /lookalike")
        if parts and parts[0] in OWN_PATHS:
            raise ValueError(f"/{parts[0]} is a path of the API itself; choose another")
        return "".join(f"/{part}" for part in parts)

    @field_validator("lookalike_api_keys", mode="before")
    @classmethod
    def _read_keys(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        keys = {digest.lower(): scope for scope, digest in _read_pairs(value, "scope:sha256")}
        if not all(len(digest) == 64 and set(digest) <= set("0123456789abcdef") for digest in keys):
            raise ValueError(
                f"each key must be a SHA-256 in 64 hex digits; make one with {command('key')}"
            )
        return keys


def read_key(text: str) -> str:
    """Return a key of Qdrant without the blanks and line ends around it; raises ValueError."""
    key = text.strip()
    if not _KEY.fullmatch(key):
        raise ValueError("a key has only visible ASCII characters and no blanks; copy it again")
    return key


def _read_pairs(text: str, form: str) -> list[tuple[str, str]]:
    pairs = [part.strip().partition(":") for part in text.split(",") if part.strip()]
    if not all(left and right for left, _, right in pairs):
        raise ValueError(f"expected {form},{form}")
    return [(left, right) for left, _, right in pairs]

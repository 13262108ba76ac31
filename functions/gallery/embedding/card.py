"""The model card: what card.json says about the graph next to it. Depends on likeness."""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from functions.gallery.embedding.likeness import Bands
from functions.gallery.errors import ModelMismatch, SettingsError


@dataclass(frozen=True, slots=True)
class View:
    """A centre square of every picture."""

    part: float  # of the short side
    px: int  # the side of the square that the graph gets
    weight: float = 1.0  # next to the other centre squares

    @classmethod
    def read(cls, fields: Mapping[str, Any] | float, px: int | None) -> Self:
        """Read a view of a model card; a number is a part that is resized to `px`.

        Raises KeyError, TypeError or ValueError.
        """
        if not isinstance(fields, Mapping):
            fields = {"part": fields, "px": px, "weight": 1}
        part, side, weight = float(fields["part"]), int(fields["px"]), float(fields["weight"])
        if not 0 < part <= 1 or side < 1 or not 0 < weight < math.inf:
            raise ValueError("a view is out of range")
        return cls(part, side, weight)


@dataclass(frozen=True, slots=True)
class LongViews:
    """How pictures are seen from end to end whose long side is many times the short side."""

    longer_than: float  # long side by short side; other pictures have no such views
    longest_box: float  # times the short side, unless this takes more than `most` boxes
    most: int
    weight: float  # of all boxes together; the centre squares have the rest of 1
    px: int  # the side of the square that a box becomes

    @classmethod
    def read(cls, fields: Mapping[str, Any], px: int | None) -> Self:
        """Read the fields of a model card; `px` is used by older cards, whose boxes have none.

        Raises KeyError, TypeError or ValueError.
        """
        longer_than, longest_box = float(fields["longer_than"]), float(fields["longest_box"])
        most, weight, side = int(fields["most"]), float(fields["weight"]), fields.get("px", px)
        if longer_than < 1 or longest_box < 1 or most < 1 or not 0 < weight < 1 or side < 1:
            raise ValueError("the views of long pictures are out of range")
        return cls(longer_than, longest_box, most, weight, int(side))


_FIELDS = "docs/own-model.md lists its fields"
_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._+-]*")  # it becomes a part of a collection's name
Value = TypeVar("Value")
Layout = Literal["NHWC", "NCHW"]
PixelType = Literal["uint8", "float32"]


@dataclass(frozen=True, slots=True)
class Pixels:
    """How the network takes the pixels of a view."""

    layout: Layout = "NHWC"  # colours last, or first
    dtype: PixelType = "uint8"  # 0..255; a float is (value / 255 - mean) / std
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)  # of red, green and blue
    std: tuple[float, ...] = (1.0, 1.0, 1.0)

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        """Read `input` of a model card; raises KeyError, TypeError or ValueError."""
        layout, dtype = fields.get("layout", "NHWC"), fields.get("dtype", "uint8")
        mean = tuple(map(float, fields.get("mean", (0, 0, 0))))
        std = tuple(map(float, fields.get("std", (1, 1, 1))))
        if layout not in get_args(Layout) or dtype not in get_args(PixelType):
            raise ValueError("the input has another layout or type")
        if (
            len(mean) != 3
            or len(std) != 3
            or not all(map(math.isfinite, mean + std))
            or min(std) <= 0
        ):
            raise ValueError("mean and std must have three numbers, those of std above 0")
        return cls(layout, dtype, mean, std)

    def shape(self, px: int) -> list[int]:
        """Return the shape of a view of this side."""
        return [px, px, 3] if self.layout == "NHWC" else [3, px, px]

    def prepare(self, views: NDArray[np.uint8]) -> NDArray[Any]:
        """Turn views of (n, px, px, 3) into what the network takes."""
        prepared: NDArray[Any] = views
        if self.dtype == "float32":
            mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
            prepared = (views.astype(np.float32) / 255 - mean) / std
        if self.layout == "NCHW":
            prepared = np.ascontiguousarray(prepared.transpose(0, 3, 1, 2))
        return prepared


@dataclass(frozen=True, slots=True)
class GraphFile:
    """A graph next to the card."""

    file: str
    sha256: str

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        """Read the fields of a model card; raises KeyError or TypeError."""
        return cls(fields["file"], fields["sha256"])


@dataclass(frozen=True, slots=True)
class ModelCard:
    """How pictures enter the network and what comes out.

    The network takes the pixels of views and returns a row for each. A picture's vector is the
    weighted mean of its rows, through the head if there is one, with length 1.
    """

    name: str
    version: str
    network: GraphFile
    dims: int
    views: tuple[View, ...]
    pixels: Pixels = Pixels()
    head: GraphFile | None = None
    long_views: LongViews | None = None  # of long pictures, in addition
    bands: Bands | None = None  # what similarities mean in words, if measured

    @property
    def id(self) -> str:
        """Name and version, as stored with every vector."""
        return f"{self.name}@{self.version}"

    @property
    def short_side_px(self) -> int:
        """The short side that a decoder must keep so that no view is enlarged."""
        return math.ceil(max(view.px / view.part for view in self.views))

    def truncated(self, dims: int | None) -> "ModelCard":
        """Return the card of a model whose vectors are cut to `dims` numbers; None for all.

        It has no bands, because these were measured on whole vectors. Raises SettingsError if the
        model has fewer numbers.
        """
        if dims is None or dims == self.dims:
            return self
        if dims > self.dims:
            raise SettingsError(
                f"LOOKALIKE_DIMS: {dims} is more than the {self.dims} numbers of {self.id}; use "
                "fewer"
            )
        return replace(self, dims=dims, bands=None)


def read_card(folder: Path) -> ModelCard:
    """Read card.json of a model folder; raises ModelMismatch if it is missing or incomplete."""
    path = folder / "card.json"
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelMismatch(f"No card.json in {folder}; check LOOKALIKE_MODEL") from error
    except ValueError as error:
        raise ModelMismatch(f"{path} is not JSON; {_FIELDS}") from error
    if not isinstance(card, dict):
        raise ModelMismatch(f"{path} is not a model card; {_FIELDS}")

    def read(name: str, convert: Callable[[Any], Value]) -> Value:
        if name not in card:
            raise ModelMismatch(f"{path} lacks {name!r}; {_FIELDS}")
        try:
            return convert(card[name])
        except KeyError as error:
            raise ModelMismatch(f"{name} in {path} has no {error.args[0]}; {_FIELDS}") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise ModelMismatch(f"{name} in {path} is not valid; {_FIELDS}") from error

    px = read("input", lambda input: input.get("px"))  # of older cards; views say it themselves
    return ModelCard(
        name=read("name", _checked_name),
        version=read("version", _checked_name),
        network=GraphFile(read("file", _text), read("sha256", _text)),
        dims=read("output", lambda output: _count(output["dims"])),
        views=read("views", lambda views: _views(views, px)),
        pixels=read("input", Pixels.read),
        head=read("head", GraphFile.read) if "head" in card else None,
        long_views=read("long_views", lambda long: LongViews.read(long, px))
        if "long_views" in card
        else None,
        bands=read("bands", Bands.read) if "bands" in card else None,
    )


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("it is not a text")
    return value


def _checked_name(value: Any) -> str:
    if not _NAME.fullmatch(_text(value)):
        raise ValueError("it has other characters than letters, digits and . _ + -")
    return str(value)


def _count(value: Any) -> int:
    if not isinstance(value, int) or value < 1:
        raise ValueError("it is not a whole number above 0")
    return value


def _views(views: Any, px: int | None) -> tuple[View, ...]:
    if not views:
        raise ValueError("there is no view")
    return tuple(View.read(view, px) for view in views)

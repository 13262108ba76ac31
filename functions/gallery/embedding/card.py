"""The model card: what card.json says about the graph next to it. Depends on likeness."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from functions.gallery.embedding.likeness import Bands
from functions.gallery.errors import ModelMismatch, SettingsError


@dataclass(frozen=True, slots=True)
class LongViews:
    """How pictures are seen from end to end whose long side is many times the short side."""

    longer_than: float  # long side by short side; other pictures have no such views
    longest_box: float  # times the short side, unless this takes more than `most` boxes
    most: int
    weight: float  # of all boxes together; the centre squares have the rest of 1

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        """Read the fields of a model card; raises KeyError, TypeError or ValueError."""
        longer_than, longest_box = float(fields["longer_than"]), float(fields["longest_box"])
        most, weight = int(fields["most"]), float(fields["weight"])
        if longer_than < 1 or longest_box < 1 or most < 1 or not 0 < weight < 1:
            raise ValueError("the views of long pictures are out of range")
        return cls(longer_than, longest_box, most, weight)


@dataclass(frozen=True, slots=True)
class ModelCard:
    """How pictures enter the graph and what comes out."""

    name: str
    version: str
    file: str
    sha256: str
    input_px: int  # the graph takes (n, input_px, input_px, 3) uint8
    dims: int
    views: tuple[float, ...]  # centre squares, as parts of the short side
    long_views: LongViews | None = None  # of long pictures, in addition
    bands: Bands | None = None  # what similarities mean in words, if measured

    @property
    def id(self) -> str:
        """Name and version, as stored with every vector."""
        return f"{self.name}@{self.version}"

    @property
    def short_side_px(self) -> int:
        """The short side that a decoder must keep so that the smallest view is not enlarged."""
        return math.ceil(self.input_px / min(self.views))

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
    try:
        card = json.loads((folder / "card.json").read_text())
        return ModelCard(
            name=card["name"],
            version=card["version"],
            file=card["file"],
            sha256=card["sha256"],
            input_px=card["input"]["px"],
            dims=card["output"]["dims"],
            views=tuple(card["views"]),
            long_views=LongViews.read(card["long_views"]) if "long_views" in card else None,
            bands=Bands.read(card["bands"]) if "bands" in card else None,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelMismatch(f"No usable card.json in {folder}; check LOOKALIKE_MODEL") from error

"""What the costs are made of, read from the price table and the results of the benches."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Inputs:
    """Prices, assumptions and what was measured, by name."""

    usd: Mapping[str, float]
    assumed: Mapping[str, float]
    search_ms: float  # the processor's, of a warm search with a picture
    cold_ms: float  # the processor's, from the start to the first answer
    embed_ms: Mapping[str, float]  # the processor's, bytes to vector, by kind of picture
    disk_bytes: tuple[float, float]  # of one image, and of each number of its vector


def inputs(prices: Mapping[str, Any], cold: Mapping[str, Any], speed: Mapping[str, Any]) -> Inputs:
    """Read the price table and the results of scripts/bench/cold and scripts/bench/speed."""
    deployed = cold["search, as deployed"]
    return Inputs(
        usd={name: price["usd"] for name, price in prices["prices"].items()},
        assumed={name: given["value"] for name, given in prices["assumed"].items()},
        search_ms=deployed["warm processor, ms"],
        cold_ms=deployed["processor, ms"],
        embed_ms={
            kind: sum(sides["lookalike"].values())
            for kind, sides in speed["bytes to vector, ms"].items()
        },
        disk_bytes=disk_bytes(speed["search"]),
    )


def disk_bytes(searches: Iterable[Mapping[str, Any]]) -> tuple[float, float]:
    """Give a and b of `bytes an image takes on disk = a + b x dims`, from two widths.

    Of the largest gallery that was measured at more than one. Raises ValueError if none was.
    """
    sizes: dict[int, dict[int, float]] = {}
    for search in searches:
        widths = sizes.setdefault(search["points"], {})
        widths[search.get("dims", 1280)] = search["disk, MB"] * 1e6 / search["points"]
    sizes = {points: widths for points, widths in sizes.items() if len(widths) > 1}
    if not sizes:
        raise ValueError(
            "The results of scripts/bench/speed hold the disk of one width only, and what an image "
            "takes beside its vector shows from two; run it again"
        )
    widths = sizes[max(sizes)]
    narrow, wide = min(widths), max(widths)
    each = (widths[wide] - widths[narrow]) / (wide - narrow)
    return widths[narrow] - each * narrow, each

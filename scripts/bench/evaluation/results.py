"""Put together all that the quality bench measures. Draws and writes nothing."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.bench.evaluation.copies import SERVED, gather, near_duplicates
from scripts.bench.evaluation.pairs import bands_of
from scripts.bench.evaluation.ranking import rank_sets
from scripts.bench.evaluation.sets import SetError
from scripts.bench.evaluation.vectors import Variant


def measured(
    folders: Sequence[Path],
    compared: Sequence[Variant],
    seen: frozenset[str],
    cache: Path,
    originals: int,
) -> dict[str, Any]:
    """Give ranking, near-duplicates and bands; where there are too few pictures, null and why.

    With no originals the altered copies are left out. Raises SetError when a set cannot be read
    or must not be measured.
    """
    results: dict[str, Any] = {"ranking": rank_sets(folders, compared, seen, cache)}
    results |= {"near_duplicates": None, "bands": None, "left_out": None}
    if not originals:
        return results | {"left_out": "not asked for"}
    try:
        material = gather(folders, compared, seen, cache, originals)
    except SetError as problem:
        print(f"no near-duplicates and no bands: {problem}", file=sys.stderr)
        return results | {"left_out": str(problem)}
    results["near_duplicates"] = near_duplicates(material, compared)
    results["bands"] = bands_of(material, next(v for v in compared if v.name == SERVED))
    return results

"""Measure how good the answers are: ranking on labelled sets, altered copies, score bands."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from functions.gallery.embedding.likeness import Bands
from model.quality.bands import measure_bands
from model.quality.copies import ORIGINALS, SERVED, alter_some, find_copies
from model.quality.machine import machine
from model.quality.notions import measure_notions
from model.quality.plots import plot_results
from model.quality.ranking import rank_sets
from model.quality.report import put_notions, put_tables
from model.quality.scenes import make_scenes
from model.quality.sets import LabelledSet, SetError, find_sets, read_seen, read_set, refuse_seen
from model.quality.vectors import (
    FLOAT,
    Embedded,
    Sources,
    Variant,
    embed,
    embed_set,
    variants_of,
)

MODEL = Path(__file__).resolve().parents[1]
CARD = MODEL / "card.json"
RESULTS = MODEL / "quality" / "results.json"
# The hashes of all pictures that had a part in making the graph.
SEEN = MODEL / "build" / "seen.json"
DOCS = MODEL.parent / "docs"
_FOR_COPIES = ("plain, one view", SERVED)


def main() -> int:
    """Measure and print JSON; returns 2 if something cannot be measured."""
    options = _options()
    variants = variants_of(MODEL, options.float, json.loads(CARD.read_text())["widths"])
    try:
        folders = find_sets(options.sets)
        results = measure(folders, variants, read_seen(SEEN), options)
    except SetError as error:
        print(error, file=sys.stderr)
        return 2
    if options.only_copies:
        before = json.loads(RESULTS.read_text())
        results |= {key: before[key] for key in ("ranking", "scenes")}
    results = {"machine": machine(), **results}
    print(json.dumps(results, indent=1))
    if options.write:
        if not (results["ranking"]["tasks"] and results["bands"]):
            print("nothing was written: not everything could be measured", file=sys.stderr)
            return 2
        _write(results)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("LOOKALIKE_SETS")
    wanted = "?" if default else None
    parser.add_argument("sets", type=Path, nargs=wanted, default=default, help="folder of sets")
    parser.add_argument(
        "--float",
        type=Path,
        metavar="FOLDER",
        help="compare with the float parent, as `model.build.build --float FOLDER` makes it",
    )
    parser.add_argument("--scenes", action="store_true", help="also small objects in scenes")
    parser.add_argument(
        "--originals",
        type=int,
        default=ORIGINALS,
        help="alter so many pictures and a third as many absent ones; 0: no copies and no bands",
    )
    parser.add_argument(
        "--only-copies",
        action="store_true",
        help="only altered copies, bands and notions; the ranking stays as it was written",
    )
    parser.add_argument(
        "--cache", type=Path, metavar="FOLDER", help="keep vectors here for the next run"
    )
    parser.add_argument("--write", action="store_true", help="write results, card and docs")
    return parser.parse_args()


def measure(
    folders: Sequence[Path],
    variants: Sequence[Variant],
    seen: frozenset[str],
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Return ranking, near-duplicates, bands and notions; null, and why, with too few pictures.

    Raises SetError if a set cannot be read or must not be measured.
    """
    shown = [each for each in variants if each.name in _FOR_COPIES]
    sets = embedded_sets(folders, shown if options.only_copies else variants, seen, options.cache)
    results: dict[str, Any] = {
        "ranking": {"tasks": {}} if options.only_copies else rank_sets(sets, variants),
        "near_duplicates": None,
        "bands": None,
        "notions": None,
        "left_out": None,
        "scenes": {},
    }
    if options.scenes:
        int8 = [each for each in variants if not each.name.endswith(FLOAT)]
        with tempfile.TemporaryDirectory() as folder:
            made = make_scenes([labelled for labelled, _ in sets], Path(folder))
            results["scenes"] = rank_sets(embedded_sets(made, int8, seen), int8)["tasks"]
    if not options.originals:
        return results | {"left_out": "not requested"}
    try:
        material = alter_some(sets, shown, seen, options.originals, cache=options.cache)
    except SetError as error:
        print(f"no near-duplicates and no bands: {error}", file=sys.stderr)
        return results | {"left_out": str(error)}
    results["near_duplicates"] = find_copies(material)
    results["bands"] = measure_bands(material)
    served = [each for each in variants if each.name == SERVED]

    def embed_served(sources: Sources, what: str) -> Embedded:
        return embed(sources, served, what, options.cache)

    results["notions"] = measure_notions(material, Bands.read(results["bands"]), embed_served)
    return results


def embedded_sets(
    folders: Sequence[Path],
    variants: Sequence[Variant],
    seen: frozenset[str],
    cache: Path | None = None,
) -> list[tuple[LabelledSet, Embedded]]:
    """Read and embed sets; raises SetError first if one must not be measured."""
    sets = [read_set(folder) for folder in folders]
    for labelled in sets:
        refuse_seen(labelled, seen)
    return [(labelled, embed_set(labelled, variants, cache)) for labelled in sets]


def _write(results: dict[str, Any]) -> None:
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    card = json.loads(CARD.read_text()) | {"bands": results["bands"]}
    CARD.write_text(json.dumps(card, indent=2) + "\n")
    put_tables(DOCS / "quality.md", results)
    put_notions(DOCS / "duplicates.md", results)
    plot_results(DOCS, results)


if __name__ == "__main__":
    sys.exit(main())

"""Alter the chosen originals, embed the copies and judge every variant, the hash, and both."""

import hashlib
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from scripts.bench.evaluation.alterations import LOSSLESS, NAMES, alter
from scripts.bench.evaluation.near_duplicates import (
    Cast,
    answers,
    as_signs,
    cast,
    judge,
    judge_both,
)
from scripts.bench.evaluation.ranking import seen_of
from scripts.bench.evaluation.sets import read_pictures
from scripts.bench.evaluation.vectors import Seen, Variant, embed_all

HASH = "hash"


def near_duplicates(
    folders: Sequence[Path], variants: Sequence[Variant], cache: Path
) -> dict[str, Any]:
    """Give the figures of every alteration: by each variant, by hash, by the served or the hash.

    Who is altered is decided by the first variant, the one that all are compared with.
    """
    whole = [read_pictures(folder) for folder in folders]
    every = [seen_of(pictures, variants, cache) for pictures in whole]
    names = [f"{each.name}/{file}" for each in whole for file in each.files]
    sets = [each.name for each in whole for _ in each.files]
    paths = [each.path(place) for each in whole for place in range(len(each.files))]
    gallery = _joined(every)
    first, served = variants[0], next(each for each in variants if each.name == "served")
    chosen = cast([name.rpartition("/")[2] for name in names], sets, gallery.vectors[first.key])
    copies = _copies(chosen, names, paths, variants, cache)
    count = len(chosen.originals)
    judged: dict[str, Any] = {}
    answered = {}
    for each in variants:
        rows = each.narrowed(gallery.vectors[each.key])[chosen.gallery]
        altered = each.narrowed(copies.vectors[each.key]).reshape(len(NAMES), -1, rows.shape[1])
        answered[each.name] = answers(altered, rows, count)
        judged[each.name] = judge(answered[each.name], NAMES)
    signs = as_signs(copies.bits, copies.known).reshape(len(NAMES), -1, 64)
    by_hash = answers(signs, as_signs(gallery.bits, gallery.known)[chosen.gallery], count)
    judged[HASH] = judge(by_hash, NAMES)
    both = f"{served.name} or hash"
    judged[both] = judge_both(answered[served.name], by_hash, NAMES)
    return {
        "originals": count,
        "absent": len(chosen.absent),
        "gallery": len(chosen.gallery),
        "sets": sorted({sets[place] for place in chosen.originals}),
        "lossless_least_cosine": {
            each.name: round(float(answered[each.name].of_original[: len(LOSSLESS)].min()), 5)
            for each in variants
        },
        "shown": [first.name, served.name, HASH, both],
        "variants": _rounded(judged),
    }


def _joined(every: Sequence[Seen]) -> Seen:
    keys = every[0].vectors
    return Seen(
        {key: np.concatenate([each.vectors[key] for each in every]) for key in keys},
        np.concatenate([each.bits for each in every]),
        np.concatenate([each.known for each in every]),
    )


def _copies(
    chosen: Cast,
    names: Sequence[str],
    paths: Sequence[Path],
    variants: Sequence[Variant],
    cache: Path,
) -> Seen:
    """Embed all copies: alteration by alteration, originals before absent pictures."""
    version = hashlib.sha256(Path(alter.__code__.co_filename).read_bytes()).hexdigest()[:8]
    files = [
        (f"{name}/{names[place]}/{version}", partial(_altered, name, names[place], paths[place]))
        for name in NAMES
        for place in np.concatenate([chosen.originals, chosen.absent])
    ]

    def tell(done: int) -> None:
        if done % 1000 == 0 or done == len(files):
            print(f"altered copies: {done} of {len(files)}", file=sys.stderr)

    return embed_all(files, variants, cache, tell)


def _altered(name: str, file: str, path: Path) -> bytes:
    return alter(name, file, path.read_bytes())


def _rounded(figures: Any) -> Any:
    if isinstance(figures, dict):
        return {key: _rounded(value) for key, value in figures.items()}
    return round(figures, 4) if isinstance(figures, float) else figures

"""Alter the chosen originals, embed the copies and judge every variant, the hash, and both."""

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.bench.evaluation.alterations import LOSSLESS, NAMES, alter
from scripts.bench.evaluation.comparing import FLOAT
from scripts.bench.evaluation.near_duplicates import (
    ORIGINALS,
    Cast,
    answers,
    as_signs,
    cast,
    judge,
    judge_both,
)
from scripts.bench.evaluation.ranking import seen_of
from scripts.bench.evaluation.sets import Pictures, Source, read_pictures
from scripts.bench.evaluation.vectors import Seen, Variant, embed_all

HASH, SERVED = "hash", "served"


@dataclass(frozen=True, slots=True)
class Material:
    """All pictures of all sets, one below the other, and the altered copies of some."""

    pictures: tuple[Pictures, ...]
    names: tuple[str, ...]  # set/file
    seen: Seen
    barred: NDArray[np.bool_]  # had a part in making the model
    chosen: Cast
    copies: Seen  # alteration by alteration, originals before absent pictures


def gather(
    folders: Sequence[Path],
    variants: Sequence[Variant],
    seen: frozenset[str],
    cache: Path,
    most: int = ORIGINALS,
) -> Material:
    """Embed everything. Who is altered is decided by the first variant.

    Variants in float are left out: they cost as much again, and int8 is held against them on sets.
    """
    variants = [each for each in variants if not each.name.endswith(FLOAT)]
    whole = tuple(read_pictures(folder) for folder in folders)
    sources = [each.source(place) for each in whole for place in range(len(each.files))]
    names = tuple(source.name for source in sources)
    gallery = _joined([seen_of(pictures, variants, cache) for pictures in whole])
    barred = np.array([source.key in seen for source in sources])
    bare = [name.rpartition("/")[2] for name in names]
    sets = [name.partition("/")[0] for name in names]
    chosen = cast(bare, sets, gallery.vectors[variants[0].key], barred, most)
    copies = _copies(chosen, sources, variants, cache)
    return Material(whole, names, gallery, barred, chosen, copies)


def near_duplicates(material: Material, variants: Sequence[Variant]) -> dict[str, Any]:
    """Give the figures of every alteration: by each variant, by hash, by the served or the hash."""
    variants = [each for each in variants if not each.name.endswith(FLOAT)]
    gallery, copies, chosen = material.seen, material.copies, material.chosen
    judged: dict[str, Any] = {}
    answered = {}
    for each in variants:
        rows = each.narrowed(gallery.vectors[each.key])[chosen.gallery]
        altered = each.narrowed(copies.vectors[each.key]).reshape(len(NAMES), -1, rows.shape[1])
        answered[each.name] = answers(altered, rows, chosen.rows)
        judged[each.name] = judge(answered[each.name], NAMES)
    signs = as_signs(copies.bits, copies.known).reshape(len(NAMES), -1, 64)
    by_hash = answers(signs, as_signs(gallery.bits, gallery.known)[chosen.gallery], chosen.rows)
    judged[HASH] = judge(by_hash, NAMES)
    both = f"{SERVED} or {HASH}"
    judged[both] = judge_both(answered[SERVED], by_hash, NAMES)
    return {
        "originals": len(chosen.originals),
        "absent": len(chosen.absent),
        "gallery": len(chosen.gallery),
        "sets": sorted({material.names[place].partition("/")[0] for place in chosen.originals}),
        "lossless_least_cosine": {
            each.name: round(float(answered[each.name].of_original[: len(LOSSLESS)].min()), 5)
            for each in variants
        },
        "shown": [variants[0].name, SERVED, HASH, both],
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
    sources: Sequence[Source],
    variants: Sequence[Variant],
    cache: Path,
) -> Seen:
    """Embed all copies: alteration by alteration, originals before absent pictures."""
    version = hashlib.sha256(Path(alter.__code__.co_filename).read_bytes()).hexdigest()[:8]
    altered = [
        Source(
            f"{name} of {sources[place].name}",
            f"{version}/{name}/{sources[place].name}/{sources[place].key}",
            partial(_altered, name, sources[place]),
        )
        for name in NAMES
        for place in np.concatenate([chosen.originals, chosen.absent])
    ]

    def tell(done: int) -> None:
        if done % 500 == 0 or done == len(altered):
            print(f"altered copies: {done} of {len(altered)}", file=sys.stderr)

    return embed_all(altered, variants, cache, tell)


def _altered(name: str, source: Source) -> bytes:
    return alter(name, source.name, source.read())


def _rounded(figures: Any) -> Any:
    if isinstance(figures, dict):
        return {key: _rounded(value) for key, value in figures.items()}
    return round(figures, 4) if isinstance(figures, float) else figures

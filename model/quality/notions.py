"""Measure the notions of likeness: what each finds, and how often it is right, by kind of picture.

Photos and products come from the sets and their altered copies; drawings are made here.
"""

import io
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from functions.gallery.embedding.fingerprint import COVERED_BITS, HASH_BITS, PerceptualHash
from functions.gallery.embedding.likeness import Bands, Likeness, judge, judge_all
from functions.gallery.embedding.vectors import Vector
from model.quality.alterations import alter
from model.quality.copies import SERVED, Material
from model.quality.drawn import KINDS
from model.quality.pairs import Seen, product_sets, read_known_copies
from model.quality.recoloured import NAMES as RECOLOURED
from model.quality.recoloured import recolour
from model.quality.sets import Strings
from model.quality.vectors import Embedded, Sources

Embed = Callable[[Sources, str], Embedded]

DRAWINGS = 60  # of each kind
COPIED = 20  # of them, in each of the ways below
_SAVED_AGAIN = ("short side 160", "width x 1.33", "JPEG 30", "JPEG 10", "WebP 50", "GIF")
_EDITED = ("grey", "mirrored", "crop 10 %", "border 15 %")
_RECOLOURED = 100  # products
_NONE = "none"
_AT_ONCE = 256  # rows of a product of vectors


@dataclass(frozen=True, slots=True)
class View:
    """A picture with its vector."""

    seen: Seen
    vector: Vector

    def likeness(self, other: "View", bands: Bands) -> Likeness | None:
        """Apply the rule to two pictures."""
        similarity = float(self.vector @ other.vector)
        return judge(self.seen, other.seen, similarity, bands).likeness


def measure_notions(material: Material, bands: Bands, embed: Embed) -> dict[str, Any]:
    """Return shares by alteration, and counts by notion for pairs of different pictures."""
    return {
        "altered": len(material.roles.altered),
        "found": find_by_notion(material, bands),
        "different": compare_different(material, bands),
        "drawn": {name: measure_drawn(name, bands, embed) for name in KINDS},
        "colourways": compare_colourways(material, bands),
        "recoloured": measure_recoloured(material, bands, embed),
    }


def find_by_notion(material: Material, bands: Bands) -> dict[str, dict[str, float]]:
    """Return the share of copies, by alteration, that each notion recognises; `any` is the sum."""
    altered = material.roles.altered
    originals = _views(material.embedded, altered)
    found = {}
    for place, name in enumerate(material.alterations):
        rows = range(place * len(altered), (place + 1) * len(altered))
        copies = _views(material.copies, rows, f"{name} of ")
        pairs = zip(originals, copies, strict=True)
        found[name] = _shares(original.likeness(copy, bands) for original, copy in pairs)
    means = {
        notion: round(float(np.mean([of[notion] for of in found.values()])), 4)
        for notion in next(iter(found.values()))
    }
    return {**found, "all": means}


def _shares(found: Iterable[Likeness | None]) -> dict[str, float]:
    counts = Counter(found)
    total = counts.total()
    shares = {str(notion): round(counts[notion] / total, 4) for notion in list(Likeness)[1:]}
    return {**shares, "any": round(1 - counts[None] / total, 4)}


def compare_different(material: Material, bands: Bands) -> dict[str, Any]:
    """Compare all pictures of all sets with each other, and count what each notion calls alike.

    Left out are pairs of one product and known copies.
    """
    known = material.embedded
    vectors = known.vectors[SERVED]
    nothing = PerceptualHash("a" * (HASH_BITS // 4))
    prints = known.fingerprints
    whole, inside = (
        np.stack([hash.words() for hash in hashes])
        for hashes in (
            [f.hash if f else nothing for f in prints],
            [f.inside if f else nothing for f in prints],
        )
    )
    groups = read_known_copies()
    group = np.array([groups.get(str(name), -1) for name in material.names])
    products = products_of(material)
    views = _views(known, range(len(vectors)))
    counts: Counter[str] = Counter()
    pairs = 0
    for row, view in enumerate(views):
        of_one = (group[:row] == group[row]) & (group[row] >= 0)
        of_one |= (products[:row] == products[row]) & (products[row] != "")
        pairs += int((~of_one).sum())
        if row % _AT_ONCE == 0:
            near_by_vector = vectors[row : row + _AT_ONCE] @ vectors.T >= bands.least_lookalike
        alike = near_by_vector[row % _AT_ONCE, :row]
        if (one := prints[row]) is not None:
            for mine, hashes in ((one.hash, whole), (one.inside, inside)):
                for turned in (mine, *mine.turned):
                    differing = np.bitwise_count(hashes[:row] ^ turned.words()).sum(axis=1)
                    alike |= differing <= COVERED_BITS
        near = np.flatnonzero(alike & ~of_one)
        others = [(views[other].seen, float(view.vector @ views[other].vector)) for other in near]
        counts.update(str(each.likeness) for each in judge_all(view.seen, others, bands))
    return {"pairs": pairs, **{str(each): counts[str(each)] for each in list(Likeness)[1:]}}


def products_of(material: Material) -> Strings:
    """Return the product of each picture; empty in sets whose labels are kinds of things."""
    sets = product_sets(material.sets)
    shown = np.array([str(name).partition("/")[0] in sets for name in material.names])
    return np.where(shown, material.labels, "")


def compare_colourways(material: Material, bands: Bands) -> dict[str, Any]:
    """Compare the photos of one product, which show other colours or other sides."""
    products = products_of(material)
    rows = np.flatnonzero(products != "")
    views = _views(material.embedded, rows)
    counts: Counter[str] = Counter()
    for place, view in enumerate(views):
        for other in np.flatnonzero(products[rows[:place]] == products[rows[place]]):
            counts[str(view.likeness(views[other], bands) or _NONE)] += 1
    return dict(counts)


def measure_drawn(name: str, bands: Bands, embed: Embed) -> dict[str, Any]:
    """Compare drawings of a kind with each other, and with copies of some."""
    files = {f"{name} {seed}": _png(KINDS[name](seed)) for seed in range(DRAWINGS)}
    copied = list(files.items())[:COPIED]
    alterations = _SAVED_AGAIN + _EDITED
    sources = [(file, lambda data=data: data) for file, data in files.items()]
    sources += [
        (f"{each} of {file}", lambda each=each, file=file, data=data: alter(each, file, data))
        for each in alterations
        for file, data in copied
    ]
    embedded = embed(sources, name)
    views = _views(embedded, range(len(sources)))
    drawings, copies = views[:DRAWINGS], views[DRAWINGS:]
    found: dict[str, Counter[str]] = {"saved again": Counter(), "edited": Counter()}
    wrong: Counter[str] = Counter()
    for place, copy in enumerate(copies):
        kind = "saved again" if place < len(_SAVED_AGAIN) * COPIED else "edited"
        for other, drawing in enumerate(drawings):
            like = str(copy.likeness(drawing, bands) or _NONE)
            if other == place % COPIED:
                found[kind][like] += 1
            else:
                wrong[like] += 1
    for place, one in enumerate(drawings):
        wrong.update(str(one.likeness(other, bands) or _NONE) for other in drawings[:place])
    fingerprints = sum(view.seen.fingerprint is not None for view in drawings)
    return {
        "pictures": len(drawings),
        "with_fingerprint": fingerprints,
        "found": {kind: dict(counts) for kind, counts in found.items()},
        "different": dict(wrong),
    }


def measure_recoloured(material: Material, bands: Bands, embed: Embed) -> dict[str, Any]:
    """Recolour products and photos, and count what each notion says of them and their originals."""
    rows = _chosen(material)
    results = {}
    for name in RECOLOURED:
        made = [(row, recolour(name, *_file(material, row))) for row in rows]
        of = [row for row, image in made if image is not None]
        sources = [
            (f"{name} of {material.names[row]}", lambda image=image: _png(image))
            for row, image in made
            if image is not None
        ]
        if not sources:
            continue
        copies = _views(embed(sources, f"recoloured: {name}"), range(len(sources)))
        originals = _views(material.embedded, of)
        pairs = zip(originals, copies, strict=True)
        results[name] = dict(
            Counter(str(original.likeness(copy, bands) or _NONE) for original, copy in pairs)
        )
    return results


def _chosen(material: Material) -> list[int]:
    """Return products, and as many of the pictures that are altered."""
    is_product = products_of(material) != ""
    products = np.flatnonzero(is_product)
    others = [row for row in material.roles.altered.tolist() if not is_product[row]]
    step = max(1, len(products) // _RECOLOURED)
    return [*products[::step][:_RECOLOURED].tolist(), *others[:_RECOLOURED]]


def _file(material: Material, row: int) -> tuple[str, bytes]:
    name = str(material.names[row])
    folder, _, file = name.partition("/")
    (labelled,) = (each for each in material.sets if each.name == folder)
    return name, (labelled.folder / "images" / file).read_bytes()


def _views(embedded: Embedded, rows: Sequence[int], prefix: str = "") -> list[View]:
    vectors = embedded.vectors[SERVED]
    return [
        View(Seen(f"{prefix}{id(embedded)} {row}", embedded.fingerprints[row]), vectors[row])
        for row in map(int, rows)
    ]


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def precision_of(counts: Mapping[str, Any], notions: Iterable[Likeness]) -> tuple[int, int]:
    """Return how many pairs of copies and of different pictures these notions name."""
    names = [str(each) for each in notions]
    right = sum(of.get(name, 0) for of in counts["found"].values() for name in names)
    return right, sum(counts["different"].get(name, 0) for name in names)

"""Find altered copies of pictures again: by vector, by perceptual hash, and by either.

300 originals and 100 absent pictures are chosen by the SHA-1 of their file names, from at least two
sets. A picture with a near neighbour is not chosen: the neighbour would be as right an answer. The
gallery is all pictures but the absent ones. All 400 are altered in every way.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from functions.gallery.embedding.fingerprint import HASH_BITS
from functions.gallery.embedding.vectors import Vectors
from model.quality.alterations import NAMES, alter
from model.quality.metrics import Figures, nearest
from model.quality.sets import LabelledSet, Rows, SetError, Strings, hash_of
from model.quality.vectors import Embedded, Fingerprints, Variant, embed

ORIGINALS = 300  # and a third as many absent pictures
SERVED, HASH = "served", "hash"
FOUND = "tpr_at_1_percent_fa"
_TOO_NEAR = 0.90  # cosine
_FALSE_ALARMS = 0.01


@dataclass(frozen=True, slots=True)
class Roles:
    """Which pictures are originals, absent, and in the gallery; rows count over all sets."""

    originals: Rows
    absent: Rows
    gallery: Rows  # ascending

    @property
    def altered(self) -> Rows:
        """The pictures that are altered, originals first."""
        return np.concatenate([self.originals, self.absent])


@dataclass(frozen=True, slots=True)
class Material:
    """All pictures of all sets, one below the other, and the altered copies of some."""

    sets: tuple[LabelledSet, ...]
    names: Strings  # set/file
    labels: Strings  # set/label; empty without a label
    embedded: Embedded
    roles: Roles
    alterations: Sequence[str]
    copies: Embedded  # alteration by alteration, each in the order of `roles.altered`


def choose_roles(
    names: Strings, reference: Vectors, seen: NDArray[np.bool_], most: int = ORIGINALS
) -> Roles:
    """Choose originals and absent pictures; the cosines of `reference` tell who has a neighbour.

    Names are set/file. `seen` pictures, those that made the model, only fill the gallery.
    """
    _, cosines = nearest(reference, reference, np.arange(len(reference)))
    usable = (cosines[:, 0] < _TOO_NEAR) & ~seen
    keys = [hashlib.sha1(name.rpartition("/")[2].encode()).hexdigest() for name in names]
    chosen = [row for row in np.argsort(keys, kind="stable") if usable[row]][: most + most // 3]
    share = len(chosen) * 3 // 4
    originals, absent = np.array(chosen[:share], int), np.array(chosen[share:], int)
    if len({names[row].partition("/")[0] for row in originals}) < 2 or not len(absent):
        raise SetError("too few pictures without a near neighbour to measure altered copies")
    return Roles(originals, absent, np.setdiff1d(np.arange(len(names)), absent))


def alter_some(
    sets: Sequence[tuple[LabelledSet, Embedded]],
    variants: Sequence[Variant],
    seen: frozenset[str],
    most: int = ORIGINALS,
    alterations: Sequence[str] = NAMES,
    cache: Path | None = None,
) -> Material:
    """Choose pictures and embed their altered copies; the first variant decides who is near whom.

    Raises SetError if too few pictures can be chosen.
    """
    paths = [each.path(row) for each, _ in sets for row in range(len(each.files))]
    names = np.array([f"{each.name}/{file}" for each, _ in sets for file in each.files])
    labels = [f"{each.name}/{label}" if label else "" for each, _ in sets for label in each.labels]
    embedded = Embedded(
        {v.name: np.concatenate([found.vectors[v.name] for _, found in sets]) for v in variants},
        tuple(each for _, found in sets for each in found.fingerprints),
    )
    made_the_model = np.array([hash_of(path) in seen for path in paths])
    roles = choose_roles(names, embedded.vectors[variants[0].name], made_the_model, most)

    def source(alteration: str, row: int) -> tuple[str, Any]:
        name, path = str(names[row]), paths[row]
        return f"{alteration} of {name}", lambda: alter(alteration, name, path.read_bytes())

    sources = [source(alteration, row) for alteration in alterations for row in roles.altered]
    copies = embed(sources, variants, "altered copies", cache)
    whole = tuple(each for each, _ in sets)
    return Material(whole, names, np.array(labels), embedded, roles, alterations, copies)


def find_copies(material: Material) -> dict[str, Any]:
    """Return the figures of every alteration by each variant, by hash, and by served or hash."""
    roles, names = material.roles, material.alterations
    copies, known = material.copies, material.embedded
    originals = np.searchsorted(roles.gallery, roles.originals)

    def search(altered: np.ndarray, rows: np.ndarray) -> Hits:
        by_alteration = altered.reshape(len(names), -1, altered.shape[1])
        return search_copies(by_alteration, rows[roles.gallery], originals)

    hits = {name: search(copies.vectors[name], known.vectors[name]) for name in known.vectors}
    hits[HASH] = search(signs_of(copies.fingerprints), signs_of(known.fingerprints))
    judged = {name: judge(of, names) for name, of in hits.items()}
    judged[f"{SERVED} or {HASH}"] = judge_either(hits[SERVED], hits[HASH], names)
    return {
        "originals": len(roles.originals),
        "absent": len(roles.absent),
        "gallery": len(roles.gallery),
        "variants": judged,
    }


def signs_of(fingerprints: Fingerprints) -> NDArray[np.float32]:
    """Return the bits of hashes as -1 and 1, (n, HASH_BITS); zeros without a fingerprint.

    The scalar product of two is HASH_BITS - 2 x distance.
    """
    none = np.zeros(HASH_BITS, np.float32)
    return np.stack([each.hash.signs() if each else none for each in fingerprints])


@dataclass(frozen=True, slots=True)
class Hits:
    """The first hit of each altered copy; one row per alteration."""

    right: NDArray[np.bool_]  # (alterations, originals): it is the original
    score: Figures  # (alterations, originals)
    absent: Figures  # (alterations, absent): the score


def search_copies(copies: np.ndarray, gallery: np.ndarray, originals: Rows) -> Hits:
    """Search the gallery, whose rows `originals` are the originals, by scalar product.

    `copies` is (alterations, originals + absent, dims). Equal scores go by row; a copy of zeros,
    which has no hash, finds nothing.
    """
    right, scores = [], []
    count = len(originals)
    for rows in copies:
        products = (rows @ gallery.T).astype(float)
        right.append((products.argmax(axis=1)[:count] == originals) & rows[:count].any(axis=1))
        scores.append(products.max(axis=1))
    return Hits(np.stack(right), np.stack(scores)[:, :count], np.stack(scores)[:, count:])


def threshold(absent: Figures, false_alarms: float = _FALSE_ALARMS) -> float:
    """Return the score that only this share of the absent pictures' first hits exceeds."""
    return float(np.percentile(absent, 100 * (1 - false_alarms), method="higher"))


def accepted(hits: Hits, false_alarms: float = _FALSE_ALARMS) -> NDArray[np.bool_]:
    """Return which copies have their original first, above the threshold."""
    return hits.right & (hits.score > threshold(hits.absent, false_alarms))


def alarms(hits: Hits, false_alarms: float = _FALSE_ALARMS) -> NDArray[np.bool_]:
    """Return which copies of absent pictures seem to be found: fewer than allowed if scores tie."""
    return hits.absent > threshold(hits.absent, false_alarms)


def judge(hits: Hits, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return R@1 and the share found at one false alarm in a hundred, by alteration and of all."""
    shares = _by_alteration(accepted(hits), alarms(hits), names)
    for name, right in zip(names, hits.right, strict=True):
        shares[name]["r1"] = _round(right.mean())
    shares["all"]["r1"] = _round(hits.right.mean())
    return shares


def judge_either(one: Hits, other: Hits, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Judge copies that count as found when either way finds them.

    Both ways get the same share of false alarms: the largest with which they stay within the
    allowed share together. Half of it is always enough.
    """
    for share in np.linspace(_FALSE_ALARMS, _FALSE_ALARMS / 2, 51):
        raised = alarms(one, share) | alarms(other, share)
        if raised.mean() <= _FALSE_ALARMS:
            break
    return _by_alteration(accepted(one, share) | accepted(other, share), raised, names)


def _by_alteration(
    found: NDArray[np.bool_], raised: NDArray[np.bool_], names: Sequence[str]
) -> dict[str, dict[str, float]]:
    shares = {name: {FOUND: _round(row.mean())} for name, row in zip(names, found, strict=True)}
    of_all = {FOUND: _round(found.mean()), "false_alarms": _round(raised.mean())}
    return shares | {"all": of_all}


def _round(figure: float) -> float:
    return round(float(figure), 4)

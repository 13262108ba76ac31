"""Chooses and measures a map: LDA or triplets, by what is held back. Depends on this folder.

1. Whole labels, and some pictures of all others, are held back. Where most labels have two
   pictures, only whole labels are, each once: steps 2 and 3 are done for each fold.
2. On the rest, which is split again twice in the same way, the shrinkage of LDA and the
   steps of the triplet loss are chosen.
3. Both are fitted on the rest and searched by what was held back. One that is better than the
   served vectors is kept, or none.
4. What is kept is fitted once more, on everything; the figures are those of step 3.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from functions.gallery.embedding.vectors import Vectors
from model.quality.metrics import Figures, paired_bootstrap
from model.quality.vectors import unit
from model.teach.lda import Discriminants, Matrix, Whitening
from model.teach.maps import AT_ONCE, Codes, LinearMap, Rows
from model.teach.pictures import Unteachable
from model.teach.splits import Exam, Split, divide, split
from model.teach.triplets import Descent, batches

SHRINKAGES = (0.1, 0.2, 0.3, 0.45, 0.6, 0.8)
# Emphasis of the telling directions (2 was worse on all development sets), and whether the mean is
# subtracted: with it a few broad labels gain most, without it labels that were never taught.
STYLES = ((0.0, True), (0.5, True), (1.0, True), (0.0, False), (0.5, False))
_UNCHANGED = 0.01  # of mAP on new labels: a smaller loss is none
_LOSS = 2.0  # what a loss on new labels counts more than a gain on known ones
_QUERIES = 1_000  # of each kind that measure
_VALIDATION_QUERIES, _VALIDATION_GALLERY = 200, 4_000
_CHECKED_EVERY, _MOST_STEPS, _PATIENCE = 25, 600, 6
SERVED, TRUNCATED = "served", "truncated"
LDA, TRIPLETS = "lda", "triplets"

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Aims:
    """What a map is to be: at most so wide, and good for which labels."""

    width: int = 128
    seed: int = 0  # another one holds other pictures back
    only_known: bool = False  # labels that are not there yet do not matter

    def worth(self, gains: Mapping[str, float]) -> float:
        """Return one number to choose by, of the gains in mAP by kind of label.

        Their mean, in which a loss on labels that were never taught counts more.
        """
        if "known" not in gains:
            return gains["new"]
        if self.only_known or "new" not in gains:
            return gains["known"]
        return (gains["known"] + gains["new"]) / 2 + _LOSS * min(0.0, gains["new"])

    def is_better(self, known: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> bool:
        """Return whether the figures of a map on known and on new labels make it worth keeping.

        It is better on known labels beyond the 95 % range, also above chance, and loses nothing
        worth mentioning on labels that were never taught. If only these could be measured, it is
        better on them beyond the 95 % range.
        """
        if known is None:
            return new is not None and bool(new["gain"]["low"] > 0)
        if min(known["gain"]["low"], known["gain_above_chance"]["low"]) <= 0:
            return False
        return self.only_known or new is None or new["gain"]["difference"] > -_UNCHANGED


@dataclass(frozen=True, slots=True)
class Method:
    """How a map is fitted; with steps it is LDA and then triplet loss."""

    shrinkage: float
    emphasis: float
    centred: bool
    steps: int = 0

    @property
    def name(self) -> str:
        """The short name, as in reports."""
        return TRIPLETS if self.steps else LDA

    def fit(self, vectors: Vectors, codes: Codes, rows: Rows, width: int, seed: int) -> LinearMap:
        """Fit on some rows."""
        whitening = Discriminants.of(vectors[rows], codes[rows]).whitening(self.shrinkage)
        descent = self.start(whitening, vectors, codes, rows, width, seed)
        descent.go_to(self.steps)
        return descent.map()

    def start(
        self,
        whitening: Whitening,
        vectors: Vectors,
        codes: Codes,
        rows: Rows,
        width: int,
        seed: int,
    ) -> "_Triplets":
        """Return LDA's map of some rows, from which triplet loss can go on."""
        directions = whitening.directions(width, self.emphasis)
        return _Triplets(whitening.shifted(self.centred), directions, vectors, codes, rows, seed)


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """What was learned: the map for the gallery, how it was found, and what was measured."""

    map: LinearMap  # fitted on everything
    measured_map: LinearMap  # fitted without what was held back
    method: Method
    parts: Split
    exam: Exam
    held_back: int  # pictures, in all folds
    figures: dict[str, Any]  # see `measure`


def teach(vectors: Vectors, codes: Codes, aims: Aims, report: Report = lambda _: None) -> Taught:
    """Learn a map of unit rows from the code of each row's label.

    Raises Unteachable if no map is better than the rows themselves.
    """
    rows = np.arange(len(codes))
    folds = divide(codes, rows, aims.seed)
    if not len(folds[0].known) and not len(folds[0].new):
        raise Unteachable(
            "Too few pictures share a label to hold some back; add pictures to the labels"
        )
    exams, maps = [], []
    for parts in folds:
        methods = choose(vectors, codes, parts.taught, aims, report)
        exams.append(Exam.of(codes, parts, aims.seed, _QUERIES))
        report("measuring")
        maps.append(
            {
                each.name: each.fit(vectors, codes, parts.taught, aims.width, aims.seed)
                for each in methods
            }
        )
    figures = measure(exams, vectors, maps)
    if len(folds) > 1:
        methods = choose(vectors, codes, rows, aims, report)

    def row(kind: str, method: Method) -> Any:
        return figures[kind]["variants"][method.name] if kind in figures else None

    def worth(method: Method) -> float:
        return aims.worth({kind: row(kind, method)["gain"]["difference"] for kind in figures})

    better = [each for each in methods if aims.is_better(row("known", each), row("new", each))]
    if not better:
        raise NothingWins(figures)
    method = max(better, key=worth)
    held_back = sum(len(parts.known) + len(parts.new) for parts in folds)
    report("fitting on everything")
    final = method.fit(vectors, codes, rows, aims.width, aims.seed)
    return Taught(final, maps[0][method.name], method, folds[0], exams[0], held_back, figures)


class NothingWins(Unteachable):
    """No map is better than the served vectors on what was held back."""

    def __init__(self, figures: dict[str, Any]) -> None:
        """Keep what was measured."""
        known = figures.get("known", {"variants": {}})["variants"].values()
        gains = [row["gain_above_chance"] for row in known if "gain_above_chance" in row]
        why = "Nothing that was taught is better than what is served on what was held back; "
        if any(gain["low"] > 0 for gain in gains):
            why += (
                "known labels gained, but labels that were never taught lost. Use a larger "
                "--width, or --only-known if no new labels will come"
            )
        else:
            why += "add pictures, check the labels, or choose a field that can be seen in pictures"
        super().__init__(why)
        self.figures = figures


def choose(vectors: Vectors, codes: Codes, rows: Rows, aims: Aims, report: Report) -> list[Method]:
    """Choose how to fit LDA, and the triplet steps, by validation inside some rows only."""
    methods = [Method(a, *style) for a in SHRINKAGES for style in STYLES]
    gains: list[list[dict[str, float]]] = []
    rounds = []
    folds = divide(codes, rows, aims.seed + 1)
    if len(folds) == 1:
        folds += [split(codes, rows, aims.seed + 2)]
    for number, parts in enumerate(folds):
        report(f"choosing the shrinkage, round {number + 1} of {len(folds)}")
        if not len(parts.known) and not len(parts.new):
            continue
        exam = Exam.of(codes, parts, aims.seed, _VALIDATION_QUERIES, _VALIDATION_GALLERY)
        found = Discriminants.of(vectors[parts.taught], codes[parts.taught])
        served = exam.precisions(vectors)
        gains.append(
            [
                _gains(served, exam.precisions(mapped))
                for mapped in _mapped(found, methods, vectors, exam.rows, aims.width)
            ]
        )
        rounds.append((parts, exam, found, served))
    if not rounds:
        return [Method(0.3, *STYLES[0])]
    worth = [aims.worth(_mean(each)) for each in zip(*gains, strict=True)]
    method = methods[int(np.argmax(worth))]
    parts, exam, found, served = rounds[0]
    if not len(parts.known):
        return [method]  # triplet loss is chosen by what it brings to known labels
    report("choosing the steps of the triplet loss")
    whitening = found.whitening(method.shrinkage)
    descent = method.start(whitening, vectors, codes, parts.taught, aims.width, aims.seed)
    steps = _steps(descent, lambda map: aims.worth(_gains(served, _precisions(exam, vectors, map))))
    return [method, replace(method, steps=steps)] if steps else [method]


def _mapped(
    found: Discriminants, methods: list[Method], vectors: Vectors, rows: Rows, width: int
) -> Iterator[Vectors]:
    """Return some rows as each method maps them; methods with one shrinkage share a product."""
    some = vectors[rows]
    mapped = None
    for shrinkage, group in groupby(methods, key=lambda method: method.shrinkage):
        whitening = found.whitening(shrinkage)
        plain = whitening.along(whitening.turned[:, :width])
        product, shift = some @ plain.matrix, plain.mean @ plain.matrix
        for method in group:
            scales = whitening.scales(width, method.emphasis).astype(np.float32)
            if mapped is None:
                mapped = np.zeros((len(vectors), product.shape[1]), np.float32)
            mapped[rows] = unit((product - shift * method.centred) * scales)
            yield mapped


def _gains(served: dict[str, float], taught: dict[str, float]) -> dict[str, float]:
    return {kind: taught[kind] - served[kind] for kind in served}


def _mean(gains: Sequence[dict[str, float]]) -> dict[str, float]:
    kinds = sorted({kind for each in gains for kind in each})
    return {kind: float(np.mean([g[kind] for g in gains if kind in g])) for kind in kinds}


def _steps(descent: "_Triplets", worth: Callable[[LinearMap], float]) -> int:
    """Return after how many steps the validation is best; 0 if it only gets worse."""
    most, steps = worth(descent.map()), 0
    for now in range(_CHECKED_EVERY, _MOST_STEPS + 1, _CHECKED_EVERY):
        descent.go_to(now)
        if (mark := worth(descent.map())) > most:
            most, steps = mark, now
        elif now - steps >= _PATIENCE * _CHECKED_EVERY:
            break
    return steps


def _precisions(exam: Exam, vectors: Vectors, map: LinearMap) -> dict[str, float]:
    mapped = np.zeros((len(vectors), map.width), np.float32)
    mapped[exam.rows] = map.apply(vectors[exam.rows])
    return exam.precisions(mapped)


class _Triplets:
    """Triplet loss in the whitened space, from LDA's map on."""

    def __init__(
        self,
        whitening: Whitening,
        start: Matrix,
        vectors: Vectors,
        codes: Codes,
        rows: Rows,
        seed: int,
    ) -> None:
        self._whitening, self._codes = whitening, codes[rows]
        self._rows = _whitened(whitening, vectors, rows)
        self._descent = Descent(start.astype(np.float32))
        self._batches = batches(self._codes, seed)

    def go_to(self, steps: int) -> None:
        """Make steps until there are so many."""
        while self._descent.steps < steps:
            batch = next(self._batches)
            self._descent.step(self._rows[batch], self._codes[batch])

    def map(self) -> LinearMap:
        """Return the map so far."""
        return self._whitening.along(self._descent.matrix)


def _whitened(whitening: Whitening, vectors: Vectors, rows: Rows) -> NDArray[np.float32]:
    matrix, mean = whitening.matrix.astype(np.float32), whitening.mean.astype(np.float32)
    whitened = np.empty((len(rows), matrix.shape[1]), np.float32)
    for first in range(0, len(rows), AT_ONCE):
        some = rows[first : first + AT_ONCE]
        whitened[first : first + AT_ONCE] = (vectors[some] - mean) @ matrix
    return whitened


def measure(
    exams: Sequence[Exam], vectors: Vectors, maps: Sequence[dict[str, LinearMap]]
) -> dict[str, Any]:
    """Return the figures of the served vectors, of these truncated, and of maps, by kind of label.

    mAP and R@1 with their 95 % ranges, and what each map gains over the served vectors: in mAP, and
    for known labels also in mAP above chance. Each exam has maps of its own; the queries of all
    count together.
    """
    marks: dict[str, dict[str, list[dict[str, Figures]]]] = {}
    above: dict[str, list[Figures]] = {}
    for exam, own in zip(exams, maps, strict=True):
        width = max(map.width for map in own.values())
        variants = [(SERVED, vectors), (TRUNCATED, unit(vectors[:, :width]))]
        variants += [(name, map.apply(vectors)) for name, map in own.items()]
        for name, rows in variants:
            kinds = exam.marks(rows)
            for kind, figures in kinds.items():
                marks.setdefault(kind, {}).setdefault(name, []).append(figures)
            if "known" in kinds:
                chances = exam.chances(rows)
                above.setdefault(name, []).append(kinds["known"]["map"] - chances)
    figures = {}
    for kind, of in marks.items():
        labels = np.concatenate([exam.codes[exam.task(kind).queries] for exam in exams])
        measured_by = labels if "known" not in marks else None
        figures[kind] = {
            "queries": len(labels),
            "labels": len(np.unique(labels)),
            "gallery": max(len(exam.task(kind).gallery) for exam in exams),
            "variants": {
                name: _figures(of, name, above if kind == "known" else {}, measured_by)
                for name in of
            },
        }
    return figures


def _by_label(values: Figures, labels: Codes) -> Figures:
    """Return the mean for each label: two pictures that find each other are one observation."""
    _, of, counts = np.unique(labels, return_inverse=True, return_counts=True)
    means: Figures = np.bincount(of, values) / counts
    return means


def _figures(
    marks: Mapping[str, list[dict[str, Figures]]],
    name: str,
    above: Mapping[str, list[Figures]],
    labels: Codes | None,
) -> dict[str, Any]:
    def joined(name: str, metric: str) -> Figures:
        return np.concatenate([each[metric] for each in marks[name]])

    row: dict[str, Any] = {metric: _with_range(joined(name, metric)) for metric in ("map", "r1")}
    ours, theirs = joined(name, "map"), joined(SERVED, "map")
    if labels is not None:
        ours, theirs = _by_label(ours, labels), _by_label(theirs, labels)
    row["gain"] = _rounded(paired_bootstrap(ours, theirs))
    if name in above and name not in (SERVED, TRUNCATED):
        gained = paired_bootstrap(np.concatenate(above[name]), np.concatenate(above[SERVED]))
        row["gain_above_chance"] = _rounded(gained)
    return row


def _with_range(values: NDArray[np.float64]) -> list[float]:
    found = paired_bootstrap(values, np.zeros(len(values)))
    return [round(found[name], 4) for name in ("difference", "low", "high")]


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in figures.items()}

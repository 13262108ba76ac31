"""Which pictures are taught and which are held back to measure. Depends on numpy and maps."""

from dataclasses import dataclass

import numpy as np

from functions.gallery.embedding.vectors import Vectors
from model.quality.metrics import Figures, score
from model.quality.sets import Task
from model.teach.maps import Codes, Rows

_HELD_BACK = 0.2  # of the pictures of a label, and of all labels
_FEWEST_LABELS = 4  # with fewer, no whole label can be spared
_FEWEST_KNOWN = 20  # pictures held back that measure something
_FOLDS, _FEWEST_IN_FOLDS = 5, 10  # labels with several pictures
_ENOUGH = 1_000  # pictures of labels that are held back: one division measures well


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Rows that are taught, that ask for taught labels, and whose labels are never taught."""

    taught: Rows
    known: Rows
    new: Rows


def split(codes: Codes, rows: Rows, seed: int) -> Split:
    """Divide some rows by their labels; the same seed divides them the same way.

    Held back are whole labels, and of each other label some pictures, so that at least two stay.
    A label with one picture is taught, which only shows that it is different.
    """
    dice = np.random.default_rng(seed)
    labels, counts = np.unique(codes[rows], return_counts=True)
    several = labels[counts > 1]
    spared = round(_HELD_BACK * len(several)) if len(several) >= _FEWEST_LABELS else 0
    spared = max(spared, 1) if len(several) >= _FEWEST_LABELS else 0
    never = dice.permutation(several)[:spared]
    is_new = np.isin(codes[rows], never)
    known = []
    order = rows[np.argsort(codes[rows], kind="stable")]
    for members in np.split(order, np.cumsum(counts)[:-1]):
        if len(members) > 2 and codes[members[0]] not in never:
            known.append(dice.permutation(members)[: max(1, round(_HELD_BACK * len(members)))])
    asking = np.sort(np.concatenate([np.empty(0, np.int64), *known]))
    return Split(np.setdiff1d(rows[~is_new], asking), asking, rows[is_new])


def divide(codes: Codes, rows: Rows, seed: int) -> list[Split]:
    """Divide some rows once, as `split`, or where most labels have two pictures, in folds.

    There, hardly a picture can be held back of a label that is taught, so only whole labels are;
    with few of them, each is held back in one of the folds.
    """
    parts = split(codes, rows, seed)
    labels, counts = np.unique(codes[rows], return_counts=True)
    several = labels[counts > 1]
    if len(parts.known) >= _FEWEST_KNOWN or len(several) < _FEWEST_IN_FOLDS:
        return [parts]
    order = np.random.default_rng(seed).permutation(several)
    folds = np.array_split(order, _FOLDS)
    if len(parts.new) >= _ENOUGH:
        folds = folds[:1]
    is_new = [np.isin(codes[rows], never) for never in folds]
    return [Split(rows[~new], np.empty(0, np.int64), rows[new]) for new in is_new]


@dataclass(frozen=True, slots=True, eq=False)
class Exam:
    """Searches whose answers are known: those for taught labels and those for labels never taught.

    Held-back pictures search the taught ones; those of new labels search these and each other.
    """

    codes: Codes
    known: Task
    new: Task

    @classmethod
    def of(
        cls, codes: Codes, parts: Split, seed: int, queries: int, gallery: int | None = None
    ) -> "Exam":
        """Draw at most so many queries of each kind, and a gallery with all that they can find."""
        dice = np.random.default_rng(seed)

        def task(name: str, asking: Rows, found: Rows) -> Task:
            asking = np.sort(dice.permutation(asking)[:queries])
            if gallery is not None and len(found) > gallery:
                right = np.isin(codes[found], codes[asking])
                others = dice.permutation(found[~right])[: max(0, gallery - int(right.sum()))]
                found = np.concatenate([found[right], others])
            return Task(name, codes, asking, np.sort(found))

        everything = np.concatenate([parts.taught, parts.new])
        return cls(
            codes, task("known", parts.known, parts.taught), task("new", parts.new, everything)
        )

    def task(self, kind: str) -> Task:
        """Return the searches for `known` or `new` labels."""
        return self.known if kind == "known" else self.new

    @property
    def most_telling(self) -> Task:
        """The searches for known labels, or those for new ones if there are none."""
        return self.known if len(self.known.queries) else self.new

    def marks(self, vectors: Vectors) -> dict[str, dict[str, Figures]]:
        """Return each query's figures (see model/quality/metrics.py) by kind of label."""
        tasks = [task for task in (self.known, self.new) if len(task.queries)]
        return {task.name: score(task, vectors) for task in tasks}

    def chances(self, vectors: Vectors) -> Figures:
        """Return for each query of a known label the average precision of a label drawn by chance.

        A taught gallery lies in clusters of one label. A query that falls into any of them has a
        higher average precision than in a mixture, even if labels mean nothing and the cluster is
        right by chance only; so what a map gains counts above this.
        """
        task, chances = self.known, []
        labels = task.labels[task.gallery]
        _, counts = np.unique(labels, return_counts=True)
        firsts = np.cumsum(counts) - counts
        hits = np.arange(len(labels)) - np.repeat(firsts, counts) + 1
        gallery = vectors[task.gallery]
        for query in task.queries:
            order = np.argsort(-(gallery @ vectors[query]), kind="stable")
            ranks = np.argsort(labels[order], kind="stable") + 1  # label by label, each ascending
            chances.append((np.add.reduceat(hits / ranks, firsts) / counts).mean())
        return np.array(chances)

    @property
    def rows(self) -> Rows:
        """All rows that are needed."""
        tasks = (self.known, self.new)
        return np.unique(np.concatenate([part for t in tasks for part in (t.queries, t.gallery)]))

    def precisions(self, vectors: Vectors) -> dict[str, float]:
        """Return the mAP by kind of label, as in `marks`, but faster.

        Only the ranks of right answers are found, and nothing else is measured.
        """
        tasks = [task for task in (self.known, self.new) if len(task.queries)]
        return {task.name: _mean_average_precision(task, vectors) for task in tasks}


def _mean_average_precision(task: Task, vectors: Vectors) -> float:
    precisions = []
    cosines = vectors[task.queries] @ vectors[task.gallery].T
    for query, row in zip(task.queries, cosines, strict=True):
        others = task.gallery != query
        right = row[others & (task.labels[task.gallery] == task.labels[query])]
        if len(right):
            right = np.sort(right)[::-1]
            sorted_row = np.sort(row[others])
            better = len(sorted_row) - np.searchsorted(sorted_row, right, side="right")
            hits = np.arange(1, len(right) + 1)
            precisions.append(float((hits / np.maximum(better + 1, hits)).mean()))
    return float(np.mean(precisions)) if precisions else 0.0

"""Scores models on labelled pictures, side by side. Depends on model/quality.

Every picture of a label with several searches all others; those of its label are what it should
find.
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from functions.cli.labelled import Source
from functions.cli.terminal import show
from functions.gallery.embedding.embedder import OnnxEmbedder
from functions.gallery.embedding.vectors import Vector
from functions.gallery.errors import PictureError
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from functions.gallery.settings import Settings
from functions.gallery.threads import map_in_threads
from functions.runtime import cores
from model.quality.metrics import Figures, mean_range, paired_bootstrap, score
from model.quality.sets import Task
from model.teach.pictures import Labelled, Selection, select

# What users ask for, by the name in model/quality/metrics.py.
METRICS = {"map": "mAP", "r1": "precision@1", "recall_10": "recall@10"}
_WEAKEST = 5  # kinds shown
_SKIPPED_SHOWN = 5


def measure(
    source: Source, folders: Sequence[Path], settings: Settings, console: Console
) -> dict[str, dict[str, Figures]]:
    """Print the figures of each model folder; returns each query's, by model and metric.

    Raises Unteachable if no two labels have several pictures, or ModelMismatch.
    """
    served = OnnxEmbedder(folders[0], settings.lookalike_dims)
    embedders = [served, *(OnnxEmbedder(folder) for folder in folders[1:])]
    limits = Limits(settings.lookalike_max_bytes, settings.lookalike_max_pixels)
    selection = select(source.files)
    rows, unreadable = _embed(selection.pictures, source, embedders, limits, console)
    selection = selection.without(unreadable)
    pictures = selection.pictures
    task = _task(pictures)
    show(console, _counts(pictures, task, source.unlabelled, selection, len(unreadable)))
    names = _names(embedders, folders)
    figures = {
        name: score(task, np.stack([rows[each.sha256][n] for each in pictures]))
        for n, name in enumerate(names)
    }
    console.print(_table(figures))
    if (highest := _highest_recall(pictures)) < 1:
        show(
            console, f"recall@10 cannot exceed {highest:.3f}: kinds have more than eleven pictures"
        )
    if len(names) > 1:
        show(console, _difference(names, figures))
    show(console, _weakest(pictures, task, figures[names[0]]["map"]))
    return figures


def _embed(
    pictures: Sequence[Labelled],
    source: Source,
    embedders: Sequence[OnnxEmbedder],
    limits: Limits,
    console: Console,
) -> tuple[dict[str, list[Vector]], set[str]]:
    """Return the vectors of each picture, by SHA-256 and model, and which cannot be opened."""
    sides = [embedder.card.short_side_px for embedder in embedders]

    def work(each: Labelled) -> list[Vector] | str:
        try:
            data = source.read(each.name)
            # Once for each model, as small as it needs a JPEG, because it is served so too.
            pictures = [decode(data, limits, short_side_px=side) for side in sides]
        except PictureError as error:
            return str(error)
        except OSError as error:
            return error.strerror or "it cannot be read"
        pairs = zip(embedders, pictures, strict=True)
        return [embedder.embed([picture])[0] for embedder, picture in pairs]

    rows: dict[str, list[Vector]] = {}
    unread: list[str] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with (
        Progress(*columns, TimeRemainingColumn(), console=console) as progress,
        closing(map_in_threads(work, pictures, cores())) as worked,
    ):
        task = progress.add_task("Embedding", total=len(pictures))
        for each, vectors in zip(pictures, worked, strict=True):
            progress.update(task, advance=1)
            if isinstance(vectors, str):
                unread.append(f"{each.name}: {vectors}")
            else:
                rows[each.sha256] = vectors
    for reason in unread[:_SKIPPED_SHOWN]:
        show(console, reason, "skipped")
    return rows, {each.sha256 for each in pictures} - rows.keys()


def _task(pictures: Sequence[Labelled]) -> Task:
    labels = np.array([each.label for each in pictures])
    counts = Counter(each.label for each in pictures)
    asking = np.array([counts[each.label] > 1 for each in pictures])
    return Task("leave one out", labels, np.flatnonzero(asking), np.arange(len(pictures)))


def _counts(
    pictures: Sequence[Labelled], task: Task, unlabelled: int, selection: Selection, unreadable: int
) -> str:
    kinds = Counter(each.label for each in pictures)
    alone = sum(count == 1 for count in kinds.values())
    left_out = {
        "kinds with one picture, which is only found": alone,
        "copies of the same bytes": selection.copies,
        "files whose bytes are of several kinds": selection.in_conflict,
        "pictures that do not open": unreadable,
        "pictures in no subfolder": unlabelled,
    }
    said = [f"{len(pictures):,} pictures of {len(kinds):,} kinds, {len(task.queries):,} searches"]
    said += [f"{what}: {count:,}" for what, count in left_out.items() if count]
    return "; ".join(said)


def _names(embedders: Sequence[OnnxEmbedder], folders: Sequence[Path]) -> list[str]:
    ids = [embedder.card.id for embedder in embedders]
    if len(set(ids)) == len(ids):
        return ids
    return [f"{id} in {folder}" for id, folder in zip(ids, folders, strict=True)]


def _table(figures: dict[str, dict[str, Figures]]) -> Table:
    table = Table("mean, 95 % range")
    for name in figures:
        table.add_column(name, overflow="fold")
    for metric, title in METRICS.items():
        ranges = [mean_range(each[metric]) for each in figures.values()]
        table.add_row(
            title, *(f"{mean:.3f} ({low:.3f} to {high:.3f})" for mean, low, high in ranges)
        )
    return table


def _highest_recall(pictures: Sequence[Labelled]) -> float:
    """Return the recall of a perfect model, because ten results cannot hold a larger kind."""
    counts = Counter(each.label for each in pictures)
    others = [counts[each.label] - 1 for each in pictures if counts[each.label] > 1]
    return float(np.mean([min(10, count) / count for count in others]))


def _difference(names: Sequence[str], figures: dict[str, dict[str, Figures]]) -> str:
    served, other = (figures[name]["map"] for name in names[:2])
    drawn = paired_bootstrap(other, served)
    low, high = drawn["low"], drawn["high"]
    sure = "" if low > 0 or high < 0 else ", which can be chance"
    more = f"{drawn['difference']:+.3f} mAP ({low:+.3f} to {high:+.3f}){sure}"
    return f"{names[1]} against {names[0]}: {more}"


def _weakest(pictures: Sequence[Labelled], task: Task, found: Figures) -> str:
    by_kind: dict[str, list[float]] = {}
    for row, value in zip(task.queries, found, strict=True):
        by_kind.setdefault(pictures[row].label, []).append(float(value))
    means = sorted((float(np.mean(values)), kind, len(values)) for kind, values in by_kind.items())
    listed = ", ".join(f"{kind} {mean:.2f} of {count}" for mean, kind, count in means[:_WEAKEST])
    return f"Weakest kinds, mAP and pictures: {listed}"

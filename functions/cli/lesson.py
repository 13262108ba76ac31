"""One run of scripts/teach: vectors, teaching, bands, model folder, report."""

import hashlib
import os
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from functions.cli.labelled import Source
from functions.cli.terminal import show
from functions.gallery.embedding.embedder import OnnxEmbedder
from functions.gallery.embedding.vectors import Vector, Vectors
from functions.gallery.errors import ImageNotFound, PictureError
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from functions.gallery.settings import Settings
from functions.gallery.threads import map_in_threads
from functions.runtime import command, cores
from model.quality.alterations import alter
from model.teach.bands import (
    ALTERATIONS,
    LOOKALIKE,
    Similarities,
    bands_of,
    best_others,
    measured,
    unrelated_pairs,
)
from model.teach.features import Features
from model.teach.folder import check_free, check_output, read_base, write_model
from model.teach.maps import Rows
from model.teach.page import KINDS, TITLES, Example, Shown, page
from model.teach.pictures import Labelled, Selection, Unteachable, select
from model.teach.splits import Exam
from model.teach.teaching import Aims, NothingWins, Taught, teach

REPORT = "report.html"
_COMPARED = 5_000  # pictures of the gallery, for the bands
_ALTERED = 20  # pictures whose copies are made for the bands
_EXAMPLES, _RESULTS = 4, 6  # queries of each kind on the page, and results of each
_THUMBNAIL_PX = 120
_SKIPPED_SHOWN = 5
_FROM_STORE = 512  # vectors in a call
_UNREADABLE = (PictureError, ImageNotFound, OSError)


class Lesson:
    """The settings of a run, and the model that is taught."""

    def __init__(self, settings: Settings, out: Path, aims: Aims, console: Console) -> None:
        """Load the model; raises Unteachable if it cannot be taught or the output is in use."""
        self.folder, self.out, self.aims = settings.lookalike_model, out, aims
        self.seed = aims.seed
        self.console = console
        self.base = read_base(self.folder)
        check_output(out)
        self.embedder = OnnxEmbedder(self.folder)
        self.card = self.embedder.card
        if aims.width >= self.card.dims:
            raise Unteachable(f"--width must be less than the {self.card.dims} numbers served")
        self.limits = Limits(settings.lookalike_max_bytes, settings.lookalike_max_pixels)
        files = [self.card.id, self.base["sha256"], self.base.get("head", {}).get("sha256", "")]
        which = hashlib.sha256("\0".join([*files, str(self.base["views"])]).encode())
        self.features = settings.lookalike_data / "teach" / f"{which.hexdigest()[:16]}.features"

    def embed(self, data: bytes) -> Vector:
        """Return the served vector of a picture; raises PictureError."""
        picture = decode(data, self.limits, short_side_px=self.card.short_side_px)
        vector: Vector = self.embedder.embed([picture])[0]
        return vector

    def say(self, text: str) -> None:
        """Print a line."""
        show(self.console, text)


@dataclass(frozen=True, slots=True, eq=False)
class Pupils:
    """The pictures that are taught or ask, with their vectors and the codes of their labels."""

    pictures: Sequence[Labelled]
    vectors: Vectors
    codes: Rows

    def rows_of(self, rows: Rows) -> list[Labelled]:
        """Return some pictures."""
        return [self.pictures[row] for row in rows]


def hold(lesson: Lesson, source: Source) -> None:
    """Teach what a source shows, and write the model and its report.

    Raises Unteachable, LookalikeError or OSError.
    """
    check_free(lesson.out, source.model)
    selection = select(source.files)
    counts = Counter(each.label for each in selection.pictures)
    lesson.say(
        f"{len(selection.pictures):,} pictures with {len(counts):,} labels from {source.what}; "
        f"{source.unlabelled:,} have none, {selection.copies:,} are copies of the same bytes, "
        f"{selection.in_conflict:,} have several labels for the same bytes"
    )
    selection, vectors = _embed_all(lesson, source, selection)
    labels = np.array([each.label for each in selection.pictures])
    _, codes = np.unique(labels, return_inverse=True)
    pupils = Pupils(selection.pictures, vectors, codes.astype(np.int64))
    try:
        with lesson.console.status("Teaching", spinner="line") as status:
            taught = teach(
                pupils.vectors,
                pupils.codes,
                lesson.aims,
                lambda stage: status.update(stage.capitalize()),
            )
    except NothingWins as nothing:
        _show_figures(lesson, nothing.figures)
        raise
    _show_figures(lesson, taught.figures)
    _write(lesson, source, selection, pupils, taught)


def _embed_all(lesson: Lesson, source: Source, selection: Selection) -> tuple[Selection, Vectors]:
    """Return the served vectors of the pictures that can be opened, and these pictures."""
    wanted = {each.sha256: each for each in selection.pictures}
    stored = [sha256 for sha256 in wanted if sha256 in source.ids]
    skipped: dict[str, str] = {}
    with Features(lesson.features, lesson.card.dims) as features:
        waiting = [
            each
            for sha256, each in wanted.items()
            if sha256 not in source.ids and sha256 not in features
        ]

        def embed(each: Labelled) -> tuple[Labelled, Vector | str]:
            try:
                data = source.read(each.name)
                if hashlib.sha256(data).hexdigest() != each.sha256:
                    return each, "it was replaced just now; it counts in the next run"
                return each, lesson.embed(data)
            except _UNREADABLE as error:
                return each, _reason(error)

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with (
            Progress(*columns, console=lesson.console) as progress,
            closing(map_in_threads(embed, waiting, cores())) as embedded,
        ):
            task = progress.add_task("Embedding", total=len(waiting), visible=bool(waiting))
            for each, vector in embedded:
                if isinstance(vector, str):
                    skipped[each.sha256] = f"{each.name}: {vector}"
                else:
                    features.add(each.sha256, vector)
                progress.advance(task)
        for reason in list(skipped.values())[:_SKIPPED_SHOWN]:
            show(lesson.console, reason, "skipped")
        if len(skipped) > _SKIPPED_SHOWN:
            lesson.say(f"and {len(skipped) - _SKIPPED_SHOWN:,} more that cannot be opened")
        found, gone = _from_store(source, stored, lesson.card.dims)
        kept = selection.without(set(skipped) | gone)
        vectors = np.empty((len(kept.pictures), lesson.card.dims), np.float32)
        cached = [row for row, p in enumerate(kept.pictures) if p.sha256 not in source.ids]
        vectors[cached] = features.gather([kept.pictures[row].sha256 for row in cached])
        for row, each in enumerate(kept.pictures):
            if each.sha256 in source.ids:
                vectors[row] = found[each.sha256]
    return kept, vectors


def _from_store(
    source: Source, sha256s: Sequence[str], dims: int
) -> tuple[dict[str, Vector], set[str]]:
    """Return the vectors that the store has, by SHA-256, and which were removed since."""
    found: dict[str, Vector] = {}
    for first in range(0, len(sha256s), _FROM_STORE):
        some = sha256s[first : first + _FROM_STORE]
        vectors = source.vectors([source.ids[sha256] for sha256 in some])
        for sha256 in some:
            if source.ids[sha256] in vectors:
                found[sha256] = vectors[source.ids[sha256]]
    return found, set(sha256s) - set(found)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or "it cannot be read"
    return str(error)


def _write(
    lesson: Lesson, source: Source, selection: Selection, pupils: Pupils, taught: Taught
) -> None:
    with lesson.console.status("Measuring what a similarity means", spinner="line"):
        bands = _bands(lesson, source, pupils, taught)
    about = _about(lesson, source, selection, taught)
    with lesson.console.status("Writing the model", spinner="line"):
        version = write_model(lesson.folder, lesson.out, taught.map, bands, about)
        facts = _facts(lesson, about, version, bands)
        examples = _examples(lesson, source, pupils, taught)
        report = page({"facts": facts}, taught.figures, taught.method.name, examples)
        new = lesson.out / f"{REPORT}.new"
        new.write_text(report, encoding="utf-8", errors="backslashreplace")
        os.replace(new, lesson.out / REPORT)
    lesson.say(f"Wrote {lesson.out}: {lesson.base['name']}@{version}, {taught.map.width} numbers")
    lesson.say(f"See {lesson.out / REPORT}. To use it:")
    lesson.say(f"  LOOKALIKE_MODEL={lesson.out} {command('reindex')}")
    lesson.say(f"  LOOKALIKE_MODEL={lesson.out} {command('serve')}")
    if os.name != "nt":
        lesson.say(f"Peak memory: {_peak_mb():,} MB")


def _peak_mb() -> int:
    import resource  # Windows has none

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1_000_000 if sys.platform == "darwin" else peak * 1_024 // 1_000_000


def _bands(lesson: Lesson, source: Source, pupils: Pupils, taught: Taught) -> dict[str, Any]:
    """Measure the bands: what is unlike as the gallery has it, copies on pictures held back."""
    task, map = taught.exam.most_telling, taught.measured_map
    dice = np.random.default_rng(lesson.seed)
    lookalike = lesson.base.get("bands", {}).get("lookalike", LOOKALIKE)
    queries, gallery = task.queries, dice.permutation(task.gallery)[:_COMPARED]
    others = best_others(pupils.vectors, taught.map, lookalike[-1][1], lesson.seed)
    codes = pupils.codes[queries], pupils.codes[gallery]
    unrelated = unrelated_pairs(
        map.apply(pupils.vectors[queries]),
        map.apply(pupils.vectors[gallery]),
        codes,
        lesson.seed,
    )
    held_back = np.concatenate([taught.parts.known, taught.parts.new])
    chosen = dice.permutation(held_back)[:_ALTERED]

    def copies(row: int) -> list[Vector]:
        each = pupils.pictures[row]
        try:
            data = source.read(each.name)
            return [lesson.embed(alter(name, each.name, data)) for name in ALTERATIONS]
        except (*_UNREADABLE, ValueError):  # a format that only the service opens
            return []

    originals: list[int] = []
    made: list[Vector] = []
    with closing(map_in_threads(copies, chosen.tolist(), cores())) as altered:
        for row, vectors in zip(chosen.tolist(), altered, strict=True):
            originals += [row] * len(vectors)
            made += vectors
    if not made:
        raise Unteachable(
            "No copies of the pictures could be made to measure similarities; add JPEG, PNG or WebP"
        )
    similar = (map.apply(np.stack(made)) * map.apply(pupils.vectors[originals])).sum(axis=1)
    found = Similarities(similar, others, unrelated)
    bands = bands_of(found, [agreement for agreement, _ in lookalike])
    return bands | {"measured": measured(found, bands)}


def _about(lesson: Lesson, source: Source, selection: Selection, taught: Taught) -> dict[str, Any]:
    """Return what the card says of the teaching: counts and figures, nothing of the pictures."""
    counts = Counter(each.label for each in selection.pictures)
    return {
        "labels_from": source.what,
        "pictures": len(selection.pictures),
        "labels": len(counts),
        "labels_with_one_picture": sum(count == 1 for count in counts.values()),
        "files_without_label": source.unlabelled,
        "copies_left_out": selection.copies,
        "files_in_conflict_left_out": selection.in_conflict,
        "held_back_to_measure": taught.held_back,
        "seed": lesson.seed,
        "method": taught.method.name,
        "shrinkage": taught.method.shrinkage,
        "emphasis": taught.method.emphasis,
        "centred": taught.method.centred,
        "only_known": lesson.aims.only_known,
        "triplet_steps": taught.method.steps,
        "width": taught.map.width,
        "measured": taught.figures,
    }


def _facts(lesson: Lesson, about: dict[str, Any], version: str, bands: dict[str, Any]) -> list[str]:
    method = f"regularised LDA, shrinkage {about['shrinkage']}, emphasis {about['emphasis']}, "
    method += "mean subtracted" if about["centred"] else "mean kept"
    if about["triplet_steps"]:
        method += f", then {about['triplet_steps']} steps of batch-hard triplet loss"
    lookalike = ", ".join(
        f"{least} at an agreement of {enough}" for enough, least in bands["lookalike"]
    )
    return [
        f"Model {lesson.base['name']}@{version}: {about['width']} numbers instead of "
        f"{lesson.card.dims}",
        f"Labels from {about['labels_from']}: {about['labels']:,} labels of {about['pictures']:,} "
        f"pictures; {about['labels_with_one_picture']:,} labels have a single picture",
        f"Left out: {about['files_without_label']:,} files without a label, "
        f"{about['copies_left_out']:,} copies of the same bytes, "
        f"{about['files_in_conflict_left_out']:,} files whose bytes have several labels",
        f"{about['held_back_to_measure']:,} pictures were held back to measure; seed "
        f"{about['seed']}",
        f"Kept: {method}",
        f"Similarity from {bands['similar']} is similar; a lookalike has at least {lookalike}; "
        "measured with altered copies of these pictures",
    ]


def _examples(lesson: Lesson, source: Source, pupils: Pupils, taught: Taught) -> list[Example]:
    """Search with a few queries that were held back, before and after."""
    dice = np.random.default_rng(lesson.seed)
    exam: Exam = taught.exam
    mapped = taught.measured_map.apply(pupils.vectors)
    thumbnails: dict[int, Shown] = {}

    def shown(row: int) -> Shown:
        if row not in thumbnails:
            each = pupils.pictures[row]
            thumbnails[row] = Shown(each.name, each.label, _thumbnail(lesson, source, each.name))
        return thumbnails[row]

    def first(vectors: Vectors, query: int, gallery: Rows) -> list[Shown]:
        others = gallery[gallery != query]
        cosines = vectors[others] @ vectors[query]
        return [shown(row) for row in others[np.argsort(-cosines, kind="stable")[:_RESULTS]]]

    examples = []
    for kind in KINDS:
        task = exam.task(kind)
        for query in np.sort(dice.permutation(task.queries)[:_EXAMPLES]).tolist():
            before = first(pupils.vectors, query, task.gallery)
            after = first(mapped, query, task.gallery)
            examples.append(Example(kind, shown(query), before, after))
    return examples


def _thumbnail(lesson: Lesson, source: Source, name: str) -> bytes | None:
    try:
        data = source.read(name)
        return decode(data, lesson.limits, short_side_px=_THUMBNAIL_PX).thumbnail(_THUMBNAIL_PX)
    except _UNREADABLE:
        return None


def _show_figures(lesson: Lesson, figures: dict[str, Any]) -> None:
    for kind, of in figures.items():
        lesson.say(
            f"{kind.capitalize()} labels: {of['queries']:,} queries of {of['labels']:,} labels in "
            f"{of['gallery']:,} pictures"
        )
        for name, row in of["variants"].items():
            (mean, low, high), gain = row["map"], row["gain"]
            line = f"  {TITLES[name]:<18} mAP {mean:.3f} [{low:.3f}, {high:.3f}]  "
            line += f"R@1 {row['r1'][0]:.3f}"
            if name != "served":
                line += (
                    f"  gain {gain['difference']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]"
                )
            lesson.say(line)

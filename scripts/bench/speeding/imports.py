"""Imports on one core and on all, in turn: 500-pixel JPEG files, embedded store."""

import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from functions.gallery.bootstrap import build_gallery
from functions.gallery.intake.add import Added, Submission
from functions.gallery.settings import Settings
from functions.runtime import cores
from scripts.bench.measuring import photos


def measure(rounds: int, count: int) -> dict[str, Any]:
    """Return pictures per second by round, and the ratio of all cores to one."""
    drawn = photos(min(count, 100), 500, 375)
    pictures = (drawn * (count // len(drawn) + 1))[:count]
    _pictures_per_second(drawn, cores())  # warms up
    one, all_ = [], []
    for _ in range(rounds):
        one.append(_pictures_per_second(pictures, 1))
        all_.append(_pictures_per_second(pictures, cores()))
    return {
        "pictures": "drawn, 500 x 375",
        "pictures/s on one core": [round(rate) for rate in one],
        "pictures/s on all cores": [round(rate) for rate in all_],
        "all / one": round(median(a / b for a, b in zip(all_, one, strict=True)), 3),
    }


def _pictures_per_second(pictures: Sequence[bytes], workers: int) -> float:
    submissions = [
        Submission(lambda data=data: data, f"{number}.jpg") for number, data in enumerate(pictures)
    ]
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(build_gallery(Settings(lookalike_data=Path(folder)))) as gallery,
    ):
        started = perf_counter()
        outcomes = [outcome for _, outcome in gallery.add_many(submissions, workers=workers)]
        took = perf_counter() - started
    assert all(isinstance(outcome, Added) for outcome in outcomes)
    return len(pictures) / took

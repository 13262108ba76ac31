"""Imports into an embedded store: on one core and on all, and of pictures that are there already.

What is compared is measured in turn.
"""

import io
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from rich.console import Console

from functions.cli.hashed_files import HashedFiles
from functions.cli.importing import import_listing
from functions.cli.sources import Listing, entries_in
from functions.gallery.bootstrap import build_gallery
from functions.gallery.gallery import Gallery
from functions.gallery.intake.add import Added, Submission
from functions.gallery.settings import Settings
from functions.runtime import cores
from scripts.bench.measuring import photos


def measure(rounds: int, count: int) -> dict[str, Any]:
    """Return pictures per second by round, and the ratio of all cores to one."""
    drawn = photos(min(count, 100), 500, 375)
    pictures = (drawn * (count // len(drawn) + 1))[:count]
    load = os.getloadavg()[0]
    _pictures_per_second(drawn, cores())  # warms up
    one, all_ = [], []
    for _ in range(rounds):
        with _one_core():
            one.append(_pictures_per_second(pictures, 1))
        all_.append(_pictures_per_second(pictures, cores()))
    return {
        "pictures": "drawn, 500 x 375",
        "load before": round(load, 1),
        "pictures/s on one core": [round(rate) for rate in one],
        "pictures/s on all cores": [round(rate) for rate in all_],
        "all / one": round(median(a / b for a, b in zip(all_, one, strict=True)), 3),
    }


def measure_again(rounds: int, count: int) -> dict[str, Any]:
    """Return pictures per second by round of files that are there, read or known by size and time.

    Of the large ones there are a tenth as many.
    """
    results: dict[str, Any] = {"load before": round(os.getloadavg()[0], 1)}
    for width, height, files in ((500, 375, count), (4032, 3024, count // 10)):
        with (
            tempfile.TemporaryDirectory() as folder,
            closing(build_gallery(Settings(lookalike_data=Path(folder)))) as gallery,
        ):
            drawn = photos(min(files, 10), width, height)
            pictures = Path(folder, "pictures")
            pictures.mkdir()
            for number in range(files):
                (pictures / f"{number}.jpg").write_bytes(drawn[number % len(drawn)])
            listing = entries_in(pictures)
            _again_per_second(gallery, listing, reads_all=False)
            read, known = [], []
            for _ in range(rounds):
                read.append(_again_per_second(gallery, listing, reads_all=True))
                known.append(_again_per_second(gallery, listing, reads_all=False))
        results[f"JPEG, {width} x {height}"] = {
            "KB a file": round(sum(map(len, drawn)) / len(drawn) / 1000),
            "read, pictures/s": [round(rate) for rate in read],
            "known, pictures/s": [round(rate) for rate in known],
            "known / read": round(median(a / b for a, b in zip(known, read, strict=True)), 2),
        }
    return results


@contextmanager
def _one_core() -> Iterator[None]:
    """Keep the threads that are started to one core; an idle one would help with views."""
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(every)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, every)


def _again_per_second(gallery: Gallery, listing: Listing, *, reads_all: bool) -> float:
    folder = listing.entries[0].path.parent.parent
    started = perf_counter()
    with closing(HashedFiles(folder, reads_all=reads_all)) as hashed:
        import_listing(gallery, listing, Console(file=io.StringIO()), hashed=hashed)
    return len(listing.entries) / (perf_counter() - started)


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

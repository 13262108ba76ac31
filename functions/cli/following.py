"""Follows the folder of a gallery in place: finds what changed in it, and indexes that."""

import logging
import signal
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from functions.cli.refusals import AlikeRefusals
from functions.cli.terminal import show
from functions.gallery.errors import (
    LookalikeError,
    StoreError,
    StoreRejected,
    UnreadableOriginal,
)
from functions.gallery.gallery import Gallery
from functions.gallery.pictures.budget import DecodeBudget
from functions.gallery.records import LEFT_OUT, Refusal, StoredImage
from functions.gallery.sync.sync import Synced
from functions.gallery.threads import FairSemaphore, map_in_threads
from functions.runtime import cores

log = logging.getLogger(__name__)

_LISTED = (LEFT_OUT, UnreadableOriginal.code)  # each is named, whatever its kind
_ENDS_WITHIN_S = 10.0  # a picture takes a second, a listing of a network drive minutes
_Outcome = tuple[str, str, Refusal | LookalikeError | None]  # name, what was done, why


def follow(
    gallery: Gallery,
    place: Path,
    console: Console,
    *,
    dry_run: bool = False,
    stop: Event | None = None,
) -> Counter[str]:
    """Index what is new or changed in the folder, and remove from the index what is gone.

    Prints what is left out and refused, and a summary; returns the count of each outcome. Once
    `stop` is set, it finishes the pictures in progress.
    """
    started = time.monotonic()
    stop = stop or Event()
    names: dict[str, None] = {}
    compared = 0
    for part in gallery.differences():
        if part.progress.stage == "objects":
            compared = part.progress.compared
        names |= dict.fromkeys(part.names)
        if stop.is_set():
            return Counter()
    show(console, f"{compared:,} compared in {place}, {len(names):,} new, changed or gone")
    if gallery.left_out:
        show(console, gallery.left_out)
    if dry_run:
        for name in names:
            show(console, f"differs {name}")
        return Counter(differs=len(names))
    counts = _Following(gallery, console, stop).run(list(names))
    summary = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(counts.items()))
    seconds = time.monotonic() - started
    show(console, f"{place}: {summary or 'no difference'} in {seconds:,.1f} s")
    return counts


class _Following:
    """One pass over the names that differ."""

    def __init__(self, gallery: Gallery, console: Console, stop: Event) -> None:
        """Start with nothing done."""
        self._gallery, self._console, self._stop = gallery, console, stop
        self._counts: Counter[str] = Counter()
        self._alike = AlikeRefusals()

    def run(self, names: Sequence[str]) -> Counter[str]:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        bar = Progress(*columns, TimeRemainingColumn(), console=self._console)
        with bar if names else nullcontext():
            task = bar.add_task("Reading pictures", total=len(names))
            gone = list(self._gallery.gone(names))
            were_moved: set[str] = set()
            missing = {image.name for image in gone}
            waiting = [name for name in names if name not in missing]
            if gone:
                waiting = [name for name in waiting if not self._move(name, gone, were_moved)]
            removed = [name for name in names if name in missing]
            bar.update(task, completed=len(names) - len(waiting) - len(removed))
            with closing(map_in_threads(self._sync, [*waiting, *removed], cores())) as outcomes:
                for name, outcome, reason in outcomes:
                    bar.update(task, advance=1)
                    if name not in were_moved:
                        self._report(name, outcome, reason)
                    if self._stop.is_set() or _is_fatal(reason):
                        break
        for line in self._alike.lines():
            show(self._console, line, "refused")
        return self._counts

    def _move(self, name: str, gone: list[StoredImage], were_moved: set[str]) -> bool:
        """Return whether this is one of those that are gone, under another name."""
        try:
            old = None if self._stop.is_set() else self._gallery.move(name, gone)
        except LookalikeError:  # syncing says why
            return False
        if old is None:
            return False
        gone.remove(old)
        were_moved.add(old.name)
        self._counts["moved"] += 1
        return True

    def _sync(self, name: str) -> _Outcome:
        if self._stop.is_set():
            return name, "", None
        try:
            synced = self._gallery.sync(name)
            refusal = self._gallery.refusal(name) if synced is not Synced.UNCHANGED else None
        except LookalikeError as error:
            return name, "failed", error
        return name, synced.value, refusal

    def _report(self, name: str, outcome: str, reason: Refusal | LookalikeError | None) -> None:
        if outcome in ("", Synced.UNCHANGED):
            return
        self._counts[outcome] += 1
        if isinstance(reason, Refusal):
            code, detail = reason.code, reason.detail
            if code in _LISTED or not self._alike.add(name, code, detail):
                show(self._console, f"{name}: {code}: {detail}", "refused")
        elif reason is not None:
            show(self._console, f"{name}: {reason}", "failed")


def _is_fatal(reason: Refusal | LookalikeError | None) -> bool:
    """Return whether every other picture would fail too; one that is rejected fails alone."""
    return isinstance(reason, StoreError) and not isinstance(reason, StoreRejected)


class Follower:
    """Follows the folder in a thread of a server: at once, and again at each SIGUSR1."""

    def __init__(
        self, gallery: Gallery, place: Path, console: Console, decoders: FairSemaphore
    ) -> None:
        """Take turns with the requests that use these decoders."""
        self._gallery, self._place, self._console = gallery, place, console
        self._decoders = decoders
        self._stop = Event()
        self._wanted: SimpleQueue[bool] = SimpleQueue()  # safe to use in a signal handler
        self._thread = Thread(target=self._run, name="follower", daemon=True)

    def start(self) -> None:
        """Begin; call it in the main thread."""
        self._wanted.put(True)
        if hasattr(signal, "SIGUSR1"):  # Windows has none
            signal.signal(signal.SIGUSR1, lambda *_: self._wanted.put(True))
        self._thread.start()

    def close(self) -> None:
        """End once the pictures in progress are stored; a listing in progress is left alone."""
        self._stop.set()
        self._wanted.put(False)
        self._thread.join(_ENDS_WITHIN_S)

    def _run(self) -> None:
        while self._wanted.get() and not self._stop.is_set():
            try:
                with DecodeBudget(self._decoders).in_use():
                    follow(self._gallery, self._place, self._console, stop=self._stop)
            except LookalikeError as error:
                show(self._console, f"{self._place} is not followed: {error}", "failed")
            except Exception:  # the pictures indexed so far are served all the same
                log.exception("%s is not followed", self._place)

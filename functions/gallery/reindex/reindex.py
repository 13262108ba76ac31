"""Fills a collection for other settings while the one in use is served, then swaps them.

Until the swap the collection in use is copied. From then on functions of the old and of the new
settings can write, each to its own collection, so the new one is compared with the originals.

A collection of an earlier version of Lookalike stays in use until `finish`, because processes of
that version could not start on the new one. Those of this version open the new one as soon as it is
complete (stores/collection_info.py).

Depends on the ports, stores/collection_info, intake and sync. Everything that must survive a kill
is in the collections: which one is in use, which is being filled, which was replaced. So another
process can repeat any step.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from enum import StrEnum

from functions.gallery.errors import ModelMismatch, StoreError
from functions.gallery.intake.index import Indexer
from functions.gallery.names import image_id
from functions.gallery.ports import Collections, Originals, VectorStore
from functions.gallery.records import Collection, CollectionSpec
from functions.gallery.reindex.copy import Copied, Copier
from functions.gallery.stores.collection_info import find_own
from functions.gallery.sync.reconcile import Progress, Reconciler
from functions.gallery.sync.sync import Synced, Syncer, sync_repeatedly
from functions.gallery.threads import map_in_threads
from functions.runtime import command

# Where pictures keep arriving, every pass finds something; the rest is copied after the swap.
MOST_PASSES = 10

OpenStore = Callable[[Collection], VectorStore]


class Situation(StrEnum):
    """How the store compares with the settings."""

    EMPTY = "empty"  # it has no collection yet
    OTHER = "other"  # another collection is in use
    SWAPPED = "swapped"  # the one of these settings is in use, and the previous one is kept
    DONE = "done"  # the one of these settings is in use, and no other is kept


@dataclass(frozen=True, slots=True)
class Step:
    """One part of a run: its stage, the number of images in that stage, and the result."""

    stage: str
    images: int
    copied: Copied


@dataclass(frozen=True, slots=True)
class Reindexing:
    """Makes the collection of a spec from the one in use; indexer and spec have new settings."""

    collections: Collections
    open_store: OpenStore
    originals: Originals
    indexer: Indexer
    spec: CollectionSpec
    _stores: dict[str, VectorStore] = field(default_factory=dict)

    def situation(self) -> Situation:
        """Return how the store compares with the settings."""
        current = self._current()
        if current is None:
            return Situation.EMPTY
        if not current.fits(self.spec):
            return Situation.OTHER
        return Situation.SWAPPED if current.replaces else Situation.DONE

    def run(self, workers: int) -> Generator[Step]:
        """Fill the collection of these settings, put it into use, and copy what changed since.

        Can stop at any moment and start again; nothing written to the old collection in between is
        lost. Raises StoreError, also while the collection before the one in use is kept, unless
        that is the one to return to: with three, one would no longer be updated by anybody.
        """
        used = self._current()
        if used is None:
            raise StoreError("The store is empty; there is nothing to reindex")
        if not used.fits(self.spec):
            kept = self._replaced_by(used)
            if kept is not None and not kept.fits(self.spec):
                whose = "version of Lookalike" if used.is_outdated else "settings"
                raise StoreError(
                    f"The previous collection, {kept.name}, is still kept; run "
                    f"{command('reindex')} --finish with the {whose} of the collection in use first"
                )
            used = yield from self._fill_and_swap(used, workers)
        old = self._replaced_by(used)
        if old is not None:
            yield from self._compare(used, workers)

    def finish(self, workers: int) -> Generator[Step]:
        """Copy what was written to the old collection since the swap, and delete it.

        For when no function with the old settings runs any more. Raises StoreError, and
        ModelMismatch if it would delete the collection of these settings.
        """
        used = self._current()
        if used is None or not used.fits(self.spec):
            raise ModelMismatch(
                "The collection in use has other settings than these; run "
                f"{command('reindex')} first, or use the settings of the functions"
            )
        old = self._replaced_by(used)
        if old is not None:
            yield from self._repeat(lambda _: self._compare(used, workers))
            if old.is_outdated:
                self.collections.use(used.name)
            self._close(old.name)
            self.collections.drop(old.name)
        self.collections.mark(replace(used, replaces=None))

    def discard(self) -> bool:
        """Delete the collection of these settings if it was never completed, or is a leftover.

        Returns whether there was one.
        """
        used = self._current()
        own = find_own(self.collections.read, self.spec, used)
        if used is None or own is None or own.name == used.name:
            return False
        if not own.filling and own.is_paired_with(used):
            return False
        self._close(own.name)
        self.collections.drop(own.name)
        return True

    def close(self) -> None:
        """Release files and connections."""
        for name in list(self._stores):
            self._close(name)
        self.collections.close()

    def _current(self) -> Collection | None:
        """Return the collection in use; of an earlier version, the one that replaces it."""
        name = self.collections.current()
        used = None if name is None else self.collections.read(name)
        if used is not None and used.is_outdated:
            own = self.collections.read(self.spec.name)
            if own is not None and not own.filling and own.replaces == used.name:
                return own
        return used

    def _replaced_by(self, used: Collection) -> Collection | None:
        return None if used.replaces is None else self.collections.read(used.replaces)

    def _fill_and_swap(self, old: Collection, workers: int) -> Generator[Step, None, Collection]:
        new = find_own(self.collections.read, self.spec, old)
        if new is not None and not new.fits(self.spec):
            raise ModelMismatch(
                f"The settings of collection {new.name} do not match its name; delete it first"
            )
        if new is not None and not new.filling and not new.is_paired_with(old):
            self.collections.drop(new.name)  # a leftover, which may be long out of date
            new = None
        if new is None:
            new = Collection(self.spec.name, self.spec, filling=True, replaces=old.name)
        new = replace(new, originals=old.originals)
        # Also if it exists: a kill may have come before its last index.
        made = self.collections.create(replace(new, spec=self.spec))
        filling = new = replace(new, spec=made.spec)
        yield from self._repeat(lambda number: self._copy(number, old, filling, workers))
        self._open(new).optimize()
        new = replace(new, filling=False, replaces=old.name)
        self.collections.mark(new)
        if not old.is_outdated:
            self.collections.use(new.name)
        return new

    def _repeat(self, make_pass: Callable[[int], Iterator[Step]]) -> Iterator[Step]:
        """Make passes until one of them finds nothing to do."""
        for number in range(MOST_PASSES):
            changed = 0
            for step in make_pass(number):
                changed += step.copied.changed
                yield step
            if not changed:
                return

    def _copy(self, number: int, old: Collection, new: Collection, workers: int) -> Iterator[Step]:
        copier = Copier(
            old=self._open(old),
            new=self._open(new),
            originals=self.originals,
            indexer=self.indexer,
            fields=self.spec.fields,
            dims=self.spec.dims,
            truncates=not old.is_outdated
            and old.spec.model == self.spec.model
            and old.spec.dims >= self.spec.dims,
        )
        images = copier.old.count()
        for copied in copier.run(workers):
            yield Step("catching up" if number else "filling", images, copied)

    def _compare(self, used: Collection, workers: int) -> Iterator[Step]:
        store = self._open(used)
        syncer = Syncer(self.indexer, store, self.originals, self.spec.fields)

        def sync(name: str) -> bool:
            id = image_id(self.originals.bucket, name)
            return sync_repeatedly(syncer, id, name) is not Synced.UNCHANGED

        images, compared = store.count(), 0
        for part in Reconciler(store, self.originals, self.spec.model).compare(Progress()):
            with closing(map_in_threads(sync, part.names, workers)) as changed:
                copied = Copied(part.progress.compared - compared, sum(changed))
            compared = part.progress.compared
            yield Step("catching up after the swap", images, copied)

    def _open(self, collection: Collection) -> VectorStore:
        if collection.name not in self._stores:
            fields = self.spec.fields if collection.fits(self.spec) else {}
            spec = replace(collection.spec, fields=fields)
            self._stores[collection.name] = self.open_store(replace(collection, spec=spec))
        return self._stores[collection.name]

    def _close(self, name: str) -> None:
        store = self._stores.pop(name, None)
        if store is not None:
            store.close()

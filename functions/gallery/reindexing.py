"""Fills a collection for other settings while the one in use is served, then swaps them.

Knows the ports only. Everything that must outlive a kill is in the collections: which one is in
use, which is being filled, which was replaced. So each step can be begun again in another process.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from functions.gallery.copying import Copied, Copier
from functions.gallery.errors import ModelMismatch, StoreError
from functions.gallery.indexing import Indexer
from functions.gallery.pictures import Limits
from functions.gallery.ports import Collections, Place, VectorStore
from functions.gallery.records import Collection, CollectionSpec
from functions.gallery.syncing import Syncer

# Where pictures come all the time no pass finds nothing; what is left is brought after the swap.
MOST_PASSES = 10

OpenStore = Callable[[Collection], VectorStore]


class Situation(StrEnum):
    """How the store stands to the settings."""

    EMPTY = "empty"  # it has no collection yet
    OTHER = "other"  # another collection is in use
    SWAPPED = "swapped"  # that of these settings is in use, and the one before is kept
    DONE = "done"  # that of these settings is in use, and nothing else is kept


@dataclass(frozen=True, slots=True)
class Step:
    """One piece of a run: what it was part of, of how many images, and what became of it."""

    stage: str
    images: int
    copied: Copied


class Reindexing:
    """Makes the collection of a spec from the one in use."""

    def __init__(
        self,
        collections: Collections,
        open_store: OpenStore,
        place: Place,
        indexer: Indexer,
        limits: Limits,
        spec: CollectionSpec,
    ) -> None:
        """Join the ports; indexer and spec are of the new settings."""
        self._collections = collections
        self._open_store = open_store
        self._place = place
        self._indexer = indexer
        self._limits = limits
        self._spec = spec
        self._stores: dict[str, VectorStore] = {}

    def situation(self) -> Situation:
        """Tell what there is to do."""
        current = self._current()
        if current is None:
            return Situation.EMPTY
        if not current.spec.fits(self._spec):
            return Situation.OTHER
        return Situation.SWAPPED if current.replaces else Situation.DONE

    def run(self, workers: int) -> Iterator[Step]:
        """Fill the collection of these settings, put it to use, and bring what came meanwhile.

        May be ended at any moment and begun again; nothing is lost that the old collection was told
        meanwhile. Raises StoreError, also while the index before the one in use is kept, unless it
        is the one to go back to: of three, one would be left over that nobody brings up to date.
        """
        used = self._current()
        if used is None:
            raise StoreError("The store is empty; there is nothing to reindex")
        if not used.spec.fits(self._spec):
            kept = self._replaced_by(used)
            if kept is not None and not kept.spec.fits(self._spec):
                raise StoreError(
                    f"Beside the index in use that before it is kept, {kept.name}; first run "
                    "scripts/reindex --finish with the settings of the one in use"
                )
            used = yield from self._fill_and_swap(used, workers)
        old = self._replaced_by(used)
        if old is not None:
            yield from self._pass("catching up after the swap", old, used, workers)

    def finish(self, workers: int) -> Iterator[Step]:
        """Bring what the old collection was told since the swap, and delete it.

        For when no function of the old settings runs any more. Raises ModelMismatch if it is the
        collection of these settings that would go, and StoreError.
        """
        used = self._current()
        if used is None or not used.spec.fits(self._spec):
            raise ModelMismatch(
                "The collection in use is of other settings than these; run scripts/reindex first, "
                "or set what the functions have now"
            )
        old = self._replaced_by(used)
        if old is not None:
            yield from self._passes(old, used, workers)
            self._close(old.name)
            self._collections.drop(old.name)
        self._collections.mark(replace(used, replaces=None))

    def discard(self) -> bool:
        """Delete the collection of these settings if it was never filled, or was left over.

        Tells whether there was one.
        """
        used, own = self._current(), self._collections.read(self._spec.name)
        if used is None or own is None or own.name == used.name:
            return False
        if not own.filling and own.is_beside(used):
            return False
        self._close(own.name)
        self._collections.drop(own.name)
        return True

    def close(self) -> None:
        """Let go of files and connections."""
        for name in list(self._stores):
            self._close(name)
        self._collections.close()

    def _current(self) -> Collection | None:
        name = self._collections.current()
        return None if name is None else self._collections.read(name)

    def _replaced_by(self, used: Collection) -> Collection | None:
        return None if used.replaces is None else self._collections.read(used.replaces)

    def _fill_and_swap(self, old: Collection, workers: int) -> Generator[Step, None, Collection]:
        new = self._collections.read(self._spec.name)
        if new is not None and not new.spec.fits(self._spec):
            raise ModelMismatch(f"The collection {new.name} is of other settings than its name")
        if new is not None and not new.filling and not new.is_beside(old):
            self._collections.drop(new.name)  # left over: what it says may be long untrue
            new = None
        if new is None:
            new = Collection(self._spec.name, self._spec, filling=True, replaces=old.name)
        # Also what is there: a kill may have come before its last index.
        self._collections.make(replace(new, spec=self._spec))
        yield from self._passes(old, new, workers)
        self._open(new).optimize()
        new = replace(new, filling=False, replaces=old.name)
        self._collections.mark(new)
        self._collections.use(new.name)
        return new

    def _passes(self, old: Collection, new: Collection, workers: int) -> Iterator[Step]:
        for number in range(MOST_PASSES):
            changed = 0
            stage = "filling" if new.filling and number == 0 else "catching up"
            for step in self._pass(stage, old, new, workers):
                changed += step.copied.changed
                yield step
            if not changed:
                return

    def _pass(self, stage: str, old: Collection, new: Collection, workers: int) -> Iterator[Step]:
        store = self._open(new)
        syncer = Syncer(self._indexer, store, self._place, self._limits, self._spec.fields)
        copier = Copier(
            old=self._open(old),
            new=store,
            place=self._place,
            indexer=self._indexer,
            dims=self._spec.dims,
            narrows=old.spec.model == self._spec.model and old.spec.dims >= self._spec.dims,
            syncer=None if new.filling else syncer,
        )
        images = copier.old.count()
        for copied in copier.run(workers):
            yield Step(stage, images, copied)

    def _open(self, collection: Collection) -> VectorStore:
        if collection.name not in self._stores:
            fields = self._spec.fields if collection.spec.fits(self._spec) else {}
            spec = replace(collection.spec, fields=fields)
            self._stores[collection.name] = self._open_store(replace(collection, spec=spec))
        return self._stores[collection.name]

    def _close(self, name: str) -> None:
        store = self._stores.pop(name, None)
        if store is not None:
            store.close()

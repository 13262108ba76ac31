"""The pictures that scripts/teach learns from: of a gallery, a folder or a table. Depends on both.

A source lists its files with their labels, has the vectors that are known already, and reads bytes.
"""

import csv
import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from functions.cli.sources import UnusableSource, entries_in
from functions.gallery.bootstrap import gallery_in_use
from functions.gallery.embedding.card import ModelCard
from functions.gallery.embedding.vectors import Vector
from functions.gallery.ports import VectorStore
from functions.gallery.records import Scalar, StoredImage
from functions.gallery.settings import Settings
from functions.runtime import cores
from model.teach.pictures import Labelled

_PAGE = 256  # images in a call to the store


@dataclass(frozen=True)
class Source:
    """Labelled files, and how to get at them."""

    what: str  # where the labels are from, for the report
    files: Sequence[Labelled]
    unlabelled: int
    read: Callable[[str], bytes]  # by name; raises LookalikeError or OSError
    ids: dict[str, str] = field(default_factory=dict)  # by SHA-256, if the store has the vectors
    vectors: Callable[[Sequence[str]], dict[str, Vector]] = lambda ids: {}  # by id
    model: str = ""  # that a gallery uses now


@contextmanager
def gallery_source(settings: Settings, label: str, card: ModelCard) -> Iterator[Source]:
    """Use the gallery that the settings describe, and a metadata field as labels.

    Its vectors are used if they were made by the model of the card.
    """
    with gallery_in_use(settings) as (originals, collection, store):
        files, ids, unlabelled = [], {}, 0
        same = (collection.spec.model, collection.spec.dims) == (card.id, card.dims)
        for image in _images(store):
            value = _label(image.metadata.get(label))
            if value is None:
                unlabelled += 1
                continue
            files.append(Labelled(image.name, value, image.sha256))
            if same:
                ids[image.sha256] = image.id
        known = store.vectors
        what, model = f"the metadata field {label!r}", collection.spec.model
        yield Source(what, files, unlabelled, originals.read, ids, known, model)


def _images(store: VectorStore) -> Iterator[StoredImage]:
    after: str | None = None
    while True:
        page = store.page((), _PAGE, after)
        yield from page.images
        after = page.after
        if after is None:
            return


def _label(value: Scalar | Sequence[str] | None) -> str | None:
    """Return a value as a label; a list is one only if it has one item."""
    if isinstance(value, (str, int, float)):
        return str(value) or None
    return value[0] if value and len(value) == 1 else None


def folder_source(folder: Path) -> Source:
    """Use the files of a folder, whose subfolders are their labels. Raises UnusableSource."""
    entries = entries_in(folder).entries
    labels = {entry.name: entry.name.rpartition("/")[0] for entry in entries}
    return _source("the names of folders", {e.name: e.path for e in entries}, labels)


def table_source(table: Path, folder: Path) -> Source:
    """Use a CSV with the columns file, relative to a folder, and label. Raises UnusableSource."""
    labels: dict[str, str] = {}
    try:
        with table.open(newline="", encoding="utf-8-sig") as lines:
            for row in csv.DictReader(lines):
                file, label = row.get("file"), row.get("label")
                if file is None or label is None:
                    raise UnusableSource(f"{table} has no columns file and label; add a first line")
                labels[file] = label
    except UnicodeDecodeError as error:
        raise UnusableSource(f"{table} is not UTF-8; save it as UTF-8") from error
    except csv.Error as error:
        raise UnusableSource(f"{table} is not a CSV; save it as CSV with commas") from error
    missing = [name for name in labels if not (folder / name).is_file()]
    if missing:
        raise UnusableSource(
            f"{len(missing):,} of {len(labels):,} files in {table} are not in {folder}, first "
            f"{missing[0]!r}; name their folder with --folder"
        )
    return _source(f"the table {table.name}", {name: folder / name for name in labels}, labels)


def _source(what: str, paths: dict[str, Path], labels: dict[str, str]) -> Source:
    labelled = [name for name in paths if labels[name]]

    def digest(name: str) -> str | None:
        try:
            with paths[name].open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return None

    with ThreadPoolExecutor(cores()) as pool:
        hashes = dict(zip(labelled, pool.map(digest, labelled), strict=True))
    files = [Labelled(name, labels[name], sha) for name, sha in hashes.items() if sha]
    unlabelled = len(paths) - len(labelled)
    return Source(what, files, unlabelled, lambda name: paths[name].read_bytes())

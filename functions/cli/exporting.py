"""Vectors and metadata as files, page by page: a million images take no more memory than few.

Both files appear at the end, when they are complete. Depends on records; loads pyarrow for Parquet
only.
"""

import json
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.lib import format as npy

from functions.gallery.embedding.vectors import Vectors
from functions.gallery.records import CollectionSpec, FieldType, StoredImage

VECTORS, METADATA = "vectors.npy", "metadata"
# Each group of rows in Parquet has its own statistics and dictionaries.
_ROWS_AT_ONCE = 4_096

Rows = Iterable[tuple[Sequence[StoredImage], Vectors]]


class Unwritable(Exception):
    """Nothing can be exported; the message says why and what to do."""


class _Table(Protocol):
    def write(self, images: Sequence[StoredImage]) -> None:
        """Append images."""

    def close(self) -> None:
        """Finish the file."""


def write(rows: Rows, spec: CollectionSpec, folder: Path, format: str, *, force: bool) -> int:
    """Write both files, and return how many images are in them; raises Unwritable or OSError."""
    kinds: dict[str, Callable[[Path, CollectionSpec], _Table]]
    kinds = {"parquet": _Parquet, "jsonl": _JsonLines}
    files = [folder / VECTORS, folder / f"{METADATA}.{format}"]
    earlier = [folder / VECTORS, *(folder / f"{METADATA}.{kind}" for kind in kinds)]
    if not force and (there := next((file for file in earlier if file.exists()), None)):
        raise Unwritable(f"{there} exists; name another folder, or replace it with --force")
    folder.mkdir(parents=True, exist_ok=True)
    parts = [file.with_name(f".{file.name}.{os.getpid()}.part") for file in files]
    count = 0
    with ExitStack() as stack:
        for part in parts:
            stack.callback(part.unlink, missing_ok=True)  # unless it has its name by then
        table = kinds[format](parts[1], spec)
        stack.callback(table.close)
        with parts[0].open("wb") as vectors:
            _write_header(vectors, 0, spec.dims)
            for images, some in rows:
                vectors.write(np.ascontiguousarray(some, "<f4").tobytes())
                table.write(images)
                count += len(images)
            vectors.seek(0)
            _write_header(vectors, count, spec.dims)
        table.close()
        # First, so that no table is ever next to the vectors of another export.
        for old_table in earlier[1:]:
            old_table.unlink(missing_ok=True)
        for part, file in zip(parts, files, strict=True):
            os.replace(part, file)
    return count


def _write_header(file: BinaryIO, count: int, dims: int) -> None:
    # numpy leaves room for any number of rows, so the second header is as long as the first.
    header = {"descr": "<f4", "fortran_order": False, "shape": (count, dims)}
    npy.write_array_header_1_0(file, header)


def _row(image: StoredImage) -> dict[str, Any]:
    return {
        "id": image.id,
        "name": image.name,
        "sha256": image.sha256,
        "perceptual_hash": image.fingerprint.hash.hex if image.fingerprint else None,
        "width": image.width,
        "height": image.height,
        "format": image.format,
        "bytes": image.bytes,
        "added_at": image.added_at,
        "model": image.model,
        "metadata": dict(image.metadata),
    }


class _JsonLines:
    """An object in each line."""

    def __init__(self, path: Path, spec: CollectionSpec) -> None:
        self._file = path.open("w", encoding="utf-8", newline="\n")

    def write(self, images: Sequence[StoredImage]) -> None:
        for image in images:
            row = _row(image) | {"added_at": image.added_at.isoformat()}
            self._file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def close(self) -> None:
        self._file.close()


class _Parquet:
    """A column for each property and each declared field; all metadata as JSON in `metadata`."""

    def __init__(self, path: Path, spec: CollectionSpec) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise Unwritable(
                "Parquet needs pyarrow: pip install pyarrow; or use --format jsonl"
            ) from None
        text, number = pyarrow.string(), pyarrow.int64()
        moment = pyarrow.timestamp("us", tz="UTC")
        kinds: dict[FieldType, Any] = {
            "keyword": text,
            "integer": number,
            "float": pyarrow.float64(),
            "bool": pyarrow.bool_(),
            "datetime": moment,
        }
        self._fields = dict(spec.fields)
        columns = {
            **dict.fromkeys(("id", "name", "sha256", "perceptual_hash"), text),
            **dict.fromkeys(("width", "height"), number),
            "format": text,
            "bytes": number,
            "added_at": moment,
            **dict.fromkeys(("model", "metadata"), text),
            **{f"metadata.{name}": kinds[kind] for name, kind in spec.fields.items()},
        }
        self._schema = pyarrow.schema(list(columns.items()))
        self._batch = pyarrow.RecordBatch
        self._writer = pyarrow.parquet.ParquetWriter(path, self._schema)
        self._waiting: list[dict[str, Any]] = []

    def write(self, images: Sequence[StoredImage]) -> None:
        self._waiting += [self._row(image) for image in images]
        if len(self._waiting) >= _ROWS_AT_ONCE:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_batch(self._batch.from_pylist(self._waiting, self._schema))
            self._waiting = []

    def _row(self, image: StoredImage) -> dict[str, Any]:
        declared = {
            f"metadata.{name}": _value(image.metadata.get(name), kind)
            for name, kind in self._fields.items()
        }
        metadata = json.dumps(dict(image.metadata), ensure_ascii=False)
        return _row(image) | declared | {"metadata": metadata}


def _value(value: Any, kind: FieldType) -> Any:
    """Return a value as the column of its field has it, or None.

    Of several texts it is their JSON. What was stored before its field was declared with another
    type is only in `metadata`.
    """
    if kind == "keyword" and isinstance(value, Sequence):
        return value if isinstance(value, str) else json.dumps(list(value), ensure_ascii=False)
    if kind == "datetime" and isinstance(value, str):
        with suppress(ValueError):
            moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {
        "integer": is_number and isinstance(value, int),
        "float": is_number,
        "bool": isinstance(value, bool),
    }
    return value if fits.get(kind) else None

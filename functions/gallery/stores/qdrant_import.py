"""Imports qdrant_client in a third of the time. The only module that does; knows no store.

Most of its import (1.20.0) is building 345 pydantic models, of which a search needs a dozen, and
a good part of the rest is gRPC, which is never spoken here. So, for as long as the import takes,

- its models stand on `Late`, a BaseModel that is built when it is first used (pydantic holds a
  lock around that);
- gRPC and the translation to it are stand-ins: nothing is an instance of them, and calling them
  fails;
- the garbage collector rests, for nothing of it is garbage;
- a thread does it. CPython keeps frames in pieces of 16 KB, and deep in the imports of a handler
  the many calls lay across the end of one, which was then mapped and freed with every call: that
  alone made it half as long again. A thread begins with an empty piece.

Afterwards nothing of this is left to others. Versions that it was not tried with, and whatever
goes wrong on the way, end in the plain import.
"""

import gc
import importlib
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any

import pydantic

KNOWN = {"qdrant-client": "1.20.0", "pydantic": "2.14.3"}
LEFT_OUT = (
    "grpc",
    "qdrant_client.grpc",
    "qdrant_client.conversions.conversion",
    "qdrant_client.uploader.grpc_uploader",
)


class Late(pydantic.BaseModel, defer_build=True):
    """What the client's models stand on."""


class _Absent(type):
    """Makes classes that nothing is an instance of, with any attribute, that cannot be called."""

    def __getattr__(cls, name: str) -> "_Absent":
        if name.startswith("__"):
            raise AttributeError(name)
        return _Absent(name, (), {})

    def __call__(cls, *given: Any, **named: Any) -> Any:
        raise RuntimeError(f"gRPC was left out when qdrant_client was imported: {cls.__name__}")


class _StandIn(ModuleType):
    """A module in which everything is absent."""

    def __getattr__(self, name: str) -> _Absent:
        if name.startswith("__"):
            raise AttributeError(name)
        absent = _Absent(name, (), {})
        setattr(self, name, absent)
        return absent


def import_client() -> bool:
    """Import the client unless it is there already; tells whether the light way worked."""
    if "qdrant_client" in sys.modules or not _is_known():
        return False
    try:
        with _late_models(), _stand_ins(), _no_collector(), ThreadPoolExecutor(1) as thread:
            thread.submit(importlib.import_module, "qdrant_client").result()
    except Exception:
        for name in [n for n in sys.modules if n.partition(".")[0] == "qdrant_client"]:
            del sys.modules[name]
        return False
    return True


def _is_known() -> bool:
    try:
        return all(version(package) == known for package, known in KNOWN.items())
    except PackageNotFoundError:
        return False


@contextmanager
def _late_models() -> Iterator[None]:
    kept = pydantic.BaseModel

    def not_yet(cls: type[Late], **how: Any) -> None:
        """Leave a model as it is: the client asks for all of them at the end of its import."""

    Late.model_rebuild = classmethod(not_yet)  # type: ignore[assignment, arg-type]
    pydantic.BaseModel = Late  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        pydantic.BaseModel = kept  # type: ignore[misc]
        del Late.model_rebuild


@contextmanager
def _stand_ins() -> Iterator[None]:
    put = {name: _StandIn(name) for name in LEFT_OUT if name not in sys.modules}
    sys.modules.update(put)
    try:
        yield
    finally:
        for name, stand_in in put.items():
            if sys.modules.get(name) is stand_in:
                del sys.modules[name]


@contextmanager
def _no_collector() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


IS_LIGHT = import_client()

from qdrant_client import QdrantClient as QdrantClient  # noqa: E402
from qdrant_client import models as models  # noqa: E402

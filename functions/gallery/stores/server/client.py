"""Imports qdrant_client in a third of the time. The only module that imports it.

Most of its import (1.20.0) builds 345 pydantic models, of which a search needs a dozen, and much of
the rest is gRPC, which is not used here. So, during the import only:

- its models derive from `LazyModel`, a BaseModel that is built when it is first used (pydantic
  holds a lock for that);
- gRPC and the conversion to it are placeholders: nothing is an instance of them, and calling one
  fails;
- the garbage collector is off, because nothing becomes garbage;
- a thread does the import. CPython allocates frames in chunks of 16 KB; deep in a handler's imports
  the calls crossed the end of a chunk, which was then mapped and freed for every call and made the
  import half as long again. A thread starts with an empty chunk.

Untested versions, and any failure on the way, lead to the plain import.
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

TESTED = {"qdrant-client": "1.20.0", "pydantic": "2.14.3"}
LEFT_OUT = (
    "grpc",
    "qdrant_client.grpc",
    "qdrant_client.conversions.conversion",
    "qdrant_client.uploader.grpc_uploader",
)


class LazyModel(pydantic.BaseModel, defer_build=True):
    """The base of the client's models."""


class _Missing(type):
    """Makes classes with any attribute, which have no instances and cannot be called."""

    def __getattr__(cls, name: str) -> "_Missing":
        if name.startswith("__"):
            raise AttributeError(name)
        return _Missing(name, (), {})

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(f"gRPC was left out when qdrant_client was imported: {cls.__name__}")


class _Placeholder(ModuleType):
    """A module with any attribute, none of them real."""

    def __getattr__(self, name: str) -> _Missing:
        if name.startswith("__"):
            raise AttributeError(name)
        missing = _Missing(name, (), {})
        setattr(self, name, missing)
        return missing


def import_client() -> bool:
    """Import the client unless it is loaded; return whether the fast way worked."""
    if "qdrant_client" in sys.modules or not _is_tested():
        return False
    try:
        with _lazy_models(), _placeholders(), _no_collector(), ThreadPoolExecutor(1) as thread:
            thread.submit(importlib.import_module, "qdrant_client").result()
    except Exception:
        for name in [n for n in sys.modules if n.partition(".")[0] == "qdrant_client"]:
            del sys.modules[name]
        return False
    return True


def _is_tested() -> bool:
    try:
        return all(version(package) == tested for package, tested in TESTED.items())
    except PackageNotFoundError:
        return False


@contextmanager
def _lazy_models() -> Iterator[None]:
    original = pydantic.BaseModel

    def do_nothing(cls: type[LazyModel], **kwargs: Any) -> None:
        """Do not build a model yet: the client asks for all of them at the end of its import."""

    LazyModel.model_rebuild = classmethod(do_nothing)  # type: ignore[assignment, arg-type]
    pydantic.BaseModel = LazyModel  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        pydantic.BaseModel = original  # type: ignore[misc]
        del LazyModel.model_rebuild


@contextmanager
def _placeholders() -> Iterator[None]:
    added = {name: _Placeholder(name) for name in LEFT_OUT if name not in sys.modules}
    sys.modules.update(added)
    try:
        yield
    finally:
        for name, placeholder in added.items():
            if sys.modules.get(name) is placeholder:
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

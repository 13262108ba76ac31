"""qdrant_client: for what makes and changes collections, and for its local mode.

The only module that imports it, which takes seconds on a small function. Its local mode answers the
requests of rest.py too.
"""

from collections.abc import Sequence
from typing import Any

from qdrant_client import QdrantClient as QdrantClient
from qdrant_client import models as models

from functions.gallery.records import FieldType
from functions.gallery.stores.server.rest import Json


class LibraryClient:
    """The requests of RestClient, through the library."""

    def __init__(self, library: QdrantClient) -> None:
        """Use this client, and close it in the end."""
        self._library = library

    def get_aliases(self) -> dict[str, str]:
        """Return the name of the collection for each alias."""
        return {a.alias_name: a.collection_name for a in self._library.get_aliases().aliases}

    def get_collection(self, name: str) -> dict[str, Any]:
        """Return what is known of a collection."""
        return self._library.get_collection(name).model_dump(mode="json")

    def retrieve(
        self,
        name: str,
        ids: Sequence[str],
        with_payload: bool = True,
        with_vectors: bool | Sequence[str] = False,
    ) -> list[Any]:
        """Return the points that there are of these ids."""
        named = with_vectors if isinstance(with_vectors, bool) else list(with_vectors)
        return self._library.retrieve(name, ids, with_payload, named)

    def query_batch_points(self, name: str, requests: Sequence[Json]) -> list[list[Any]]:
        """Return the points that each request finds, best first."""
        parsed = [models.QueryRequest.model_validate(each) for each in requests]
        return [found.points for found in self._library.query_batch_points(name, parsed)]

    def scroll(
        self,
        name: str,
        scroll_filter: Json | None = None,
        limit: int = 10,
        order_by: Json | None = None,
        offset: str | None = None,
    ) -> tuple[list[Any], Any]:
        """Return one page of points, and the id that the next one begins with."""
        order = None if order_by is None else models.OrderBy.model_validate(order_by)
        return self._library.scroll(name, _filter(scroll_filter), limit, order, offset)

    def count(self, name: str, count_filter: Json | None = None) -> int:
        """Return how many points pass a filter."""
        return self._library.count(name, _filter(count_filter)).count

    def upsert(self, name: str, points: Sequence[Json]) -> None:
        """Write points, each with id, vector and payload."""
        self._library.upsert(name, [models.PointStruct.model_validate(each) for each in points])

    def set_payload(self, name: str, payload: Json, ids: Sequence[str]) -> None:
        """Replace these keys of the payload of some points."""
        self._library.set_payload(name, dict(payload), list(ids))

    def delete(self, name: str, ids: Sequence[str]) -> None:
        """Delete points."""
        self._library.delete(name, list(ids))

    def close(self) -> None:
        """Close the library's client."""
        self._library.close()


def index(kind: FieldType) -> Any:
    """Return the index of a field: on disk, as in memory they took as much as the vectors."""
    params: dict[FieldType, Any] = {
        "keyword": models.KeywordIndexParams,
        "integer": models.IntegerIndexParams,
        "float": models.FloatIndexParams,
        "bool": models.BoolIndexParams,
        "datetime": models.DatetimeIndexParams,
    }
    return params[kind](type=kind, on_disk=True)


def _filter(written: Json | None) -> models.Filter | None:
    return None if written is None else models.Filter.model_validate(written)

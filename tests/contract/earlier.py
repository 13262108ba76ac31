"""Galleries as earlier versions of Lookalike wrote them, through the libraries alone.

Schema 3: a hash of 64 bits, as a vector of zeros and ones and as text in the payload. Schema 2:
also without an owner, and metadata only as copies to filter by.
"""

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import qdrant_edge as edge

from functions.gallery.embedding.vectors import Vectors
from functions.gallery.originals.identity import OF_A_FUNCTION
from functions.gallery.records import BUILT_IN_FIELDS, CollectionSpec, StoredImage
from functions.gallery.stores.embedded.folder import EdgeFolder
from functions.gallery.stores.payload import rfc3339
from functions.gallery.stores.server.library import QdrantClient, models

OWNER = OF_A_FUNCTION
HASHES = ("", "0f1e2d3c4b5a6978")  # a picture that is too plain, and any other

Points = list[tuple[str, dict[str, list[float]], dict[str, Any]]]


def name_of(spec: CollectionSpec, gallery: str) -> str:
    """Return the name of a collection for cosine."""
    return f"{gallery}--{spec.model}--{spec.dims}".replace("@", "-")


def description(spec: CollectionSpec, schema: int) -> dict[str, Any]:
    info = {"model": spec.model, "dims": spec.dims, "distance": "cosine", "schema": schema}
    owner = {"originals": OWNER} if schema > 2 else {}
    return {**info, "filling": False, "replaces": None, **owner}


def points(images: Sequence[StoredImage], vectors: Vectors, schema: int) -> Points:
    """Return ids, vectors and payloads."""
    found: Points = []
    for number, (image, vector) in enumerate(zip(images, vectors, strict=True)):
        hash = HASHES[min(number, 1)]
        payload: dict[str, Any] = {
            field: getattr(image, field)
            for field in ("name", "etag", "sha256", "width", "height", "format", "bytes", "model")
        }
        payload |= {"added_at": rfc3339(image.added_at), "perceptual_hash": hash}
        payload |= {"meta": dict(image.metadata)}
        if schema > 2:
            text = json.dumps(dict(image.metadata), ensure_ascii=False)
            payload |= {"metadata": text, "flaws": list(image.flaws)}
        by_name = {"image": vector.tolist()}
        if hash:
            bits = np.unpackbits(np.frombuffer(bytes.fromhex(hash), np.uint8))
            by_name["hash"] = bits.astype(float).tolist()
        found.append((image.id, by_name, payload))
    return found


def write_folder(folder: Path, spec: CollectionSpec, schema: int, rows: Points) -> str:
    """Make a folder with a collection in use, and return its name."""
    name, distance = name_of(spec, "lookalike"), edge.Distance
    no_graph = edge.HnswIndexConfig(m=0, ef_construct=4, full_scan_threshold=10)
    bits = edge.TurboQuantBitSize.Bits4
    vectors = {
        "image": edge.EdgeVectorParams(
            size=spec.dims,
            distance=distance.Cosine,
            quantization_config=edge.TurboQuantQuantizationConfig(bits=bits),
        ),
        "hash": edge.EdgeVectorParams(
            size=64,
            distance=distance.Manhattan,
            datatype=edge.VectorStorageDatatype.Uint8,
            hnsw_config=no_graph,
        ),
    }
    with closing(EdgeFolder(folder)) as files:
        shard = edge.EdgeShard.create(str(files.begin(name)), edge.EdgeConfig(vectors=vectors))
        for key, kind in BUILT_IN_FIELDS.items():
            type_ = getattr(edge.PayloadSchemaType, kind.capitalize())
            shard.update(edge.UpdateOperation.create_field_index(key, type_))
        shard.update(edge.UpdateOperation.upsert_points([edge.Point(*row) for row in rows]))
        shard.close()
        files.finish(name, description(spec, schema))
        files.use(name)
    return name


def write_server(
    client: QdrantClient, gallery: str, spec: CollectionSpec, schema: int, rows: Points
) -> str:
    """Make a collection in use by a gallery, and return its name."""
    name = name_of(spec, gallery)
    vectors = {
        "image": models.VectorParams(size=spec.dims, distance=models.Distance.COSINE),
        "hash": models.VectorParams(
            size=64,
            distance=models.Distance.MANHATTAN,
            datatype=models.Datatype.UINT8,
            hnsw_config=models.HnswConfigDiff(m=0),
        ),
    }
    client.create_collection(name, vectors, metadata=description(spec, schema))
    if client.init_options["location"] != ":memory:":
        for key, kind in BUILT_IN_FIELDS.items():
            client.create_payload_index(name, key, models.PayloadSchemaType(kind))
    client.upsert(name, [models.PointStruct(id=i, vector=v, payload=p) for i, v, p in rows])
    alias = models.CreateAlias(collection_name=name, alias_name=gallery)
    client.update_collection_aliases([models.CreateAliasOperation(create_alias=alias)])
    return name

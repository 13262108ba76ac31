"""How a new collection on a server keeps vectors and fields; imported only to create one."""

from typing import Any

from functions.gallery.embedding.fingerprint import HASH_BITS
from functions.gallery.errors import SettingsError
from functions.gallery.records import CollectionSpec, FieldType, Quantization
from functions.gallery.stores import payload
from functions.gallery.stores.collection_info import quantization_for
from functions.gallery.stores.server.client import models

_FIRST_WITH_TURBO = (1, 18)


def choose_quantization(spec: CollectionSpec, version: str) -> Quantization:
    """Return the quantization of a new collection on a server of this version.

    Raises SettingsError for what the server cannot do.
    """
    can_turbo = _numbers(version) >= _FIRST_WITH_TURBO
    wanted = quantization_for(spec, best=Quantization.TURBO4 if can_turbo else Quantization.INT8)
    if wanted is Quantization.TURBO4 and not can_turbo:
        raise SettingsError(
            f"LOOKALIKE_QUANTIZATION=turbo4 needs Qdrant 1.18 or later, and the server is {version}"
            "; upgrade it, or use int8"
        )
    return wanted


def vectors(spec: CollectionSpec) -> dict[str, models.VectorParams]:
    """Return how a collection of this spec keeps the vectors of a point."""
    compressed = _config(spec.quantization)
    return {
        payload.VECTOR: models.VectorParams(
            size=spec.dims,
            distance=models.Distance(spec.distance.value.capitalize()),
            on_disk=None if compressed is None else True,
            quantization_config=compressed,
        ),
        payload.HASH: models.VectorParams(
            size=HASH_BITS,
            distance=models.Distance.DOT,
            datatype=models.Datatype.FLOAT16,
            on_disk=True,  # only the bits are read
            quantization_config=models.BinaryQuantization(
                binary=models.BinaryQuantizationConfig(always_ram=True)
            ),
            # Every hash is compared, in 1.5 ms of the processor for 100,000. A graph found
            # 84 % of the copies at 40 bits in 0.4 ms, 97 % in 0.8 and 99.9 % in 1.5.
            hnsw_config=models.HnswConfigDiff(m=0),
        ),
    }


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


def _config(quantization: Quantization | None) -> Any:
    if quantization is Quantization.INT8:
        scalar = models.ScalarQuantizationConfig(
            type=models.ScalarType.INT8, quantile=0.99, always_ram=True
        )
        return models.ScalarQuantization(scalar=scalar)
    if quantization is Quantization.TURBO4:
        turbo = models.TurboQuantQuantizationConfig(
            bits=models.TurboQuantBitSize.BITS4, always_ram=True
        )
        return models.TurboQuantization(turbo=turbo)
    return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())

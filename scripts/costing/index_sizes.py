"""What Qdrant needs for a number of images: memory, disk, servers. Knows numbers only."""

import math

from scripts.costing.inputs import Inputs

BITS = {"float32": 32.0, "int8": 8.0, "4 bit": 4.0, "1 bit": 1.0}


def memory_bytes(known: Inputs, dims: int, kind: str) -> float:
    """Give the memory for one image: the vector that is scored first, the graph, and the rest.

    With quantization the full vectors stay on disk, and only the best are read to be scored again.
    """
    given = known.assumed
    return (
        dims * BITS[kind] / 8 * given["memory_factor"] + given["graph_bytes"] + image_bytes(known)
    )


def image_bytes(known: Inputs) -> float:
    """Give the memory for one image that does not depend on its vector."""
    return known.assumed["hash_bytes"] + known.assumed["record_bytes"]


def memory_gb(known: Inputs, images: int, dims: int, kind: str) -> float:
    """Give Qdrant's memory for one copy of the index."""
    return images * memory_bytes(known, dims, kind) / 1e9


def disk_gb(known: Inputs, images: int, dims: int) -> float:
    """Give Qdrant's disk: full vectors, hashes, records and indexes, as measured."""
    image, number = known.disk_bytes
    return images * (image + number * dims) / 1e9


def largest_free(known: Inputs, dims: int, kind: str) -> tuple[int, str]:
    """Give the most images that the free cluster holds, and what is full then."""
    room = known.assumed["free_memory_gb"] - known.assumed["free_taken_gb"]
    by_memory = room / memory_gb(known, 1, dims, kind)
    by_disk = known.assumed["free_disk_gb"] / disk_gb(known, 1, dims)
    return math.floor(min(by_memory, by_disk)), "memory" if by_memory < by_disk else "disk"


def servers(known: Inputs, images: int, dims: int, kind: str) -> tuple[int, float]:
    """Give the servers, and so the shards, of one copy, and the GB of memory that each has.

    The smallest that is enough; beyond the largest more of them.
    """
    needed = memory_gb(known, images, dims, kind) / known.assumed["node_full"]
    size = known.assumed["node_gb_least"]
    while size < min(needed, known.assumed["node_gb_most"]):
        size *= 2
    return math.ceil(needed / size), size


def index_usd(known: Inputs, images: int, dims: int, kind: str, copies: int) -> tuple[float, float]:
    """Price a month of the servers of all copies, and of their disks, which are whole GB."""
    count, size = servers(known, images, dims, kind)
    disk = math.ceil(disk_gb(known, images, dims) / known.assumed["node_full"] / count)
    usd = known.usd
    return (
        count * copies * size * usd["server_gb_month"],
        count * copies * disk * usd["disk_gb_month"],
    )

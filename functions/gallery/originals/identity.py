"""Which originals these are, in a text that collections remember. Depends on files only."""

import os
import uuid
from pathlib import Path

from functions.gallery.errors import StoreError
from functions.gallery.originals.files import sync_folder, wait_for_lock

FILE = "gallery-id"
PLACE = "in-place"  # the file that says which folder a gallery in place reads
# A function's own folder is lost with it, so its pictures are as good as those of the next one.
OF_A_FUNCTION = "folder:temporary"


def of_bucket(bucket: str) -> str:
    """Return the identity of a bucket's originals; the names of buckets are unique."""
    return f"s3:{bucket}"


def of_folder(data: Path, *, in_place: bool = False) -> str:
    """Return the identity of a data folder's originals, wherever the folder is moved to.

    A random id, written at the first use; of processes that start together, one writes it.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
        with open(data / FILE, "a+", encoding="ascii") as file:
            wait_for_lock(file)
            file.seek(0)
            id = file.read().strip()
            if not id:  # new, or cut off by a full disk or a power failure
                id = str(uuid.uuid4())
                file.write(f"{id}\n")
                file.flush()
                os.fsync(file.fileno())
                sync_folder(data)
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{data / FILE} cannot be read and written; check its permissions and LOOKALIKE_DATA"
        ) from error
    return f"in-place:{id}" if in_place else f"folder:{id}"

"""A process that changes a gallery in a folder until it is killed, or until the disk is full.

Usage: python -m tests.end_to_end.killable DATA STEP [full]. It is killed at the change of a file
with this number; or, with `full`, no file can be opened for writing from that one on. Prints what
was acknowledged before.
"""

import errno
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from functions.gallery.errors import StoreFull
from functions.gallery.gallery import Gallery
from functions.gallery.intake.add import Submission
from functions.gallery.originals.folder import FolderOriginals
from functions.gallery.pictures.limits import Limits
from functions.gallery.records import CollectionSpec
from functions.gallery.stores.embedded.store import EdgeStore
from tests.drawing import jpeg
from tests.fakes import FakeEmbedder

NAMES = ["a.jpg", "b/b.jpg", "c.jpg"]
_CHANGES = {"os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir"}


def open_gallery(data: Path) -> Gallery:
    """Open a gallery with a small model on the embedded store."""
    embedder = FakeEmbedder()
    spec = CollectionSpec(embedder.card.id, embedder.card.dims, fields={"category": "keyword"})
    store = EdgeStore.open(data / "index", spec)
    return Gallery(spec, Limits(), embedder, store, FolderOriginals(data))


def add(gallery: Gallery, name: str, picture: int, category: str) -> None:
    """Add or replace a picture."""
    metadata = {"category": category}
    gallery.add(Submission(lambda: jpeg(picture), name, metadata, overwrite=True))


def work(gallery: Gallery) -> None:
    """Make every kind of change, and print each once it is done."""
    ids = {image.name: image.id for image in gallery.list(limit=9).images}
    for what, change in {
        "add": lambda: add(gallery, "c.jpg", 3, "new"),
        "replace": lambda: add(gallery, "a.jpg", 4, "replaced"),
        "change": lambda: gallery.update(ids["b/b.jpg"], {"category": "changed"}),
        "remove": lambda: gallery.remove(ids["b/b.jpg"]),
    }.items():
        change()
        print(what, flush=True)


def main() -> None:
    """Count the changes of files below the data folder, up to the one that was asked for."""
    data, step, is_full = Path(sys.argv[1]), int(sys.argv[2]), "full" in sys.argv
    left = step
    kinds = set() if is_full else _CHANGES

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        is_write = event == "open" and isinstance(arguments[1], str) and arguments[1][0] in "wxa"
        with suppress(TypeError):
            path = Path(str(arguments[0]))
            if (event in kinds or is_write) and data in path.parents:
                left -= 1
                # The index checks for room before an original is touched.
                if is_full and left <= 0 and data / "index" not in path.parents:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                if not is_full and left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

    gallery = open_gallery(data)
    sys.addaudithook(count)
    with suppress(StoreFull):
        work(gallery)
        print("end", flush=True)
    gallery.close()


if __name__ == "__main__":
    main()

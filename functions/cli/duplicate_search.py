"""Finds all duplicates of a gallery, and continues after a kill. Depends on the gallery.

Groups are appended to a file, page by page, each page followed by a mark that says where to
continue. Whatever comes after the last mark is incomplete and is found again. A search is continued
only in the state of the gallery in which it began. At the end every group is compared with what is
stored by then: whoever deletes all but the keepers must never delete the last copy.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from functions.cli.terminal import show
from functions.gallery.duplicates.groups import keeper_order
from functions.gallery.duplicates.pages import DuplicateGroup, DuplicateOptions, DuplicatePage
from functions.gallery.duplicates.shots import removable
from functions.gallery.embedding.likeness import Likeness
from functions.gallery.gallery import Gallery
from functions.gallery.originals.walk import GROUPS
from functions.gallery.records import StoredImage

UNFINISHED = "unfinished.jsonl"
_GROUPS_PER_PAGE = 1_000
_CHECKED_AT_ONCE = 1_000


@dataclass(frozen=True)
class Search:
    """What counts as a duplicate."""

    kinds: tuple[Likeness, ...]
    min_similarity: float | None

    def options(self, kind: Likeness) -> DuplicateOptions:
        """Return the gallery's options for one kind."""
        return DuplicateOptions(kind, _GROUPS_PER_PAGE, self.min_similarity)


@dataclass
class Found:
    """The groups of each kind, as JSON, and how far the search is."""

    groups: dict[Likeness, list[dict[str, Any]]]
    looked_at: dict[Likeness, int] = field(default_factory=dict)
    after: dict[Likeness, str | None] = field(default_factory=dict)  # None: complete
    undecided: int = 0


def search(gallery: Gallery, wanted: Search, folder: Path, console: Console) -> Found:
    """Find all groups, continuing an identical search that was stopped, and write GROUPS.

    Every image in them exists at the end. Raises LookalikeError or OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = _state(gallery)
    with _open(folder / UNFINISHED, {"wanted": asdict(wanted), "gallery": state}, console) as file:
        found = _read(file, wanted)
        with _progress(console) as progress:
            for kind in wanted.kinds:
                looked_at = found.looked_at.get(kind, 0)
                task = progress.add_task(kind, total=state["images"], completed=looked_at, found="")
                for page in _pages(gallery, wanted, kind, found):
                    _append(page, kind, found, file)
                    groups = f"{len(found.groups[kind]):,} groups"
                    progress.update(task, completed=found.looked_at[kind], found=groups)
    outdated = _update(found, gallery)
    if outdated or _state(gallery) != state:
        show(
            console,
            f"The gallery changed during the search: {outdated:,} groups were corrected or left "
            "out. Start it again for a complete report.",
        )
    _write_groups(found, folder / GROUPS)
    return found


def _state(gallery: Gallery) -> dict[str, Any]:
    """Return what identifies the gallery, and changes when a picture is added or removed."""
    stats = gallery.stats()
    return {
        "bucket": gallery.bucket,
        "model": stats.model,
        "dims": stats.dims,
        "distance": stats.distance,
        "images": stats.images,
        "last_added_at": stats.last_added_at and stats.last_added_at.isoformat(),
    }


def _update(found: Found, gallery: Gallery) -> int:
    """Replace every group by what is left of it now; returns how many lost images."""
    groups = [group for groups in found.groups.values() for group in groups]
    ids = iter({image["id"]: None for group in groups for image in group["images"]})
    stored: dict[str, StoredImage] = {}
    while part := list(islice(ids, _CHECKED_AT_ONCE)):
        stored |= gallery.get_many(part)
    outdated = 0
    for kind, before in found.groups.items():
        now = [_group_now(group, stored) for group in before]
        sizes = [len(group["images"]) for group in before]
        outdated += sum(len(images) < size for images, size in zip(now, sizes, strict=True))
        found.groups[kind] = [
            {**group, "images": images} for group, images in zip(before, now, strict=True) if images
        ]
    return outdated


def _group_now(group: Mapping[str, Any], stored: Mapping[str, StoredImage]) -> list[dict[str, Any]]:
    """Return the images of a group as they are stored; none if they are no longer a group.

    The others match the keeper, not each other, so no other can replace it. An image that is better
    than the keeper by now is left out: it may follow the keeper, and the keeper it, in two groups.
    """
    keeper = stored.get(group["keeper"])
    left: list[tuple[StoredImage, dict[str, Any]]] = []
    for image in group["images"]:
        now = stored.get(image["id"])
        if now is None or keeper is None or now.sha256 != image["sha256"]:
            continue
        if keeper_order(now) >= keeper_order(keeper):
            left.append((now, {key: image[key] for key in ("matched", "distance", "similarity")}))
    if keeper is None or len(left) < 2 or left[0][0].id != keeper.id:
        return []
    can_go = removable(keeper, [image for image, _ in left[1:]])
    return [_image_to_json(image, **match, removable=image.id in can_go) for image, match in left]


def _pages(
    gallery: Gallery, wanted: Search, kind: Likeness, found: Found
) -> Iterator[DuplicatePage]:
    after = found.after.get(kind)
    if kind in found.after and after is None:
        return
    yield from gallery.walk_duplicates(wanted.options(kind), after)


def _append(page: DuplicatePage, kind: Likeness, found: Found, file: IO[str]) -> None:
    groups = [_group_to_json(group) for group in page.groups]
    mark = {
        "kind": kind,
        "after": page.after,
        "looked_at": page.looked_at,
        "undecided": page.undecided,
    }
    lines = [*groups, {"mark": mark}]
    file.write("".join(json.dumps(line) + "\n" for line in lines))
    file.flush()
    found.groups[kind] += groups
    _count(mark, found)


def _group_to_json(group: DuplicateGroup) -> dict[str, Any]:
    alone = {"matched": None, "distance": None, "similarity": None, "removable": False}
    keeper = _image_to_json(group.keeper, **alone)
    others = [
        _image_to_json(
            d.image,
            matched=d.matched,
            distance=d.distance,
            similarity=d.similarity,
            removable=d.image.id in group.removable,
        )
        for d in group.others
    ]
    return {"kind": group.kind, "keeper": group.keeper.id, "images": [keeper, *others]}


def _image_to_json(image: StoredImage, **match: Any) -> dict[str, Any]:
    fields = asdict(image)
    del fields["etag"], fields["fingerprint"]  # internal
    fields["flaws"] = list(image.flaws)
    fields["metadata_left_out"] = fields.pop("left_out")
    fields["perceptual_hash"] = image.fingerprint and image.fingerprint.hash.hex
    fields["added_at"] = image.added_at.isoformat().replace("+00:00", "Z")  # as the API writes it
    return fields | match


def _count(mark: Mapping[str, Any], found: Found) -> None:
    kind = Likeness(mark["kind"])
    found.looked_at[kind] = found.looked_at.get(kind, 0) + mark["looked_at"]
    found.after[kind] = mark["after"]
    found.undecided += mark["undecided"]


@contextmanager
def _open(path: Path, identity: Mapping[str, Any], console: Console) -> Iterator[IO[str]]:
    """Open what an identical search found before, or start a new file."""
    first = json.dumps({"search": identity}) + "\n"
    with path.open("a+", encoding="utf-8") as file:
        file.seek(0)
        before = file.readline()
        if before != first:
            if before:
                show(console, "The gallery or the options changed; the search starts again.")
            file.truncate(0)
            file.write(first)
            file.flush()
        yield file


def _read(file: IO[str], wanted: Search) -> Found:
    """Read the pages that were found before, and remove whatever comes after the last mark."""
    found = Found({kind: [] for kind in wanted.kinds})
    file.seek(0)
    file.readline()
    end = file.tell()
    groups: list[dict[str, Any]] = []
    while (line := file.readline()).endswith("}\n"):
        entry = json.loads(line)
        if mark := entry.get("mark"):
            found.groups[Likeness(mark["kind"])] += groups
            _count(mark, found)
            groups = []
            end = file.tell()
        else:
            groups.append(entry)
    file.seek(end)
    file.truncate()
    return found


def _write_groups(found: Found, path: Path) -> None:
    lines = (json.dumps(group) + "\n" for groups in found.groups.values() for group in groups)
    new = path.with_suffix(".new")
    with new.open("w", encoding="utf-8") as file:
        file.writelines(lines)
    os.replace(new, path)


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description:12}"), BarColumn(), MofNCompleteColumn())
    return Progress(
        *columns, TextColumn("{task.fields[found]}"), TimeRemainingColumn(), console=console
    )

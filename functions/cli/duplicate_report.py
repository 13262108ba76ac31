"""Writes groups of duplicates as a page without scripts, with its thumbnails next to it.

Names and metadata are untrusted: they are escaped, and cannot change the direction of the text
around them. Depends on the gallery.
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from functions.cli.duplicate_search import UNFINISHED, Found
from functions.gallery.embedding.likeness import Likeness
from functions.gallery.errors import ImageNotFound, PictureError
from functions.gallery.gallery import Gallery
from functions.gallery.originals.walk import THUMBNAILS
from functions.gallery.pictures.formats import is_raw
from functions.runtime import cores

PAGE = "report.html"
MOST_OF_A_GROUP = 12
_TITLES = {
    Likeness.SAME_BYTES: ("Same files", "Equal byte for byte."),
    Likeness.SAME_PICTURE: (
        "Same pictures",
        "The same shapes and colours, in another size, format or quality.",
    ),
    Likeness.EDITED: (
        "Variants",
        "The same shapes in other colours: edited, or another colour of one product.",
    ),
    Likeness.TURNED: ("Mirrored or turned", "The same shapes after mirroring or a quarter turn."),
    Likeness.LOOKALIKE: (
        "Lookalikes",
        "Their vectors are close: cropped, framed, written on, or very similar things.",
    ),
}
_ONE_SHOT = "Nothing to delete: a raw file and the picture made from it belong together."
_LOOK_FIRST = "Nothing is proposed: these are not known to be copies."

Shown = Mapping[Likeness, Sequence[dict[str, Any]]]


def write_report(
    gallery: Gallery, found: Found, folder: Path, most_shown: int, console: Console
) -> Path:
    """Write the page and its thumbnails, delete the state of the search, and return the path.

    Existing thumbnails are kept. Raises StoreError or OSError.
    """
    shown = {kind: groups[:most_shown] for kind, groups in found.groups.items()}
    images = {
        image["id"]: image for groups in shown.values() for group in groups for image in _few(group)
    }
    (folder / THUMBNAILS).mkdir(exist_ok=True)
    _write_thumbnails(gallery, list(images.values()), folder, console)
    page = folder / PAGE
    _write(page, _page(found, shown, folder).encode("utf-8", "backslashreplace"))
    (folder / UNFINISHED).unlink()
    return page


def thumbnail_path(image: Mapping[str, Any]) -> str:
    """Return the path of the thumbnail of these bytes, relative to the page."""
    return f"{THUMBNAILS}/{image['id']}-{image['sha256'][:16]}.jpg"


def _write_thumbnails(
    gallery: Gallery, images: Sequence[dict[str, Any]], folder: Path, console: Console
) -> None:
    def write(image: dict[str, Any]) -> None:
        path = folder / thumbnail_path(image)
        if path.exists():
            return
        try:
            _write(path, gallery.view.thumbnail(image["id"])[1])
        except (ImageNotFound, PictureError):
            return  # removed or damaged since; the page shows no picture

    with ThreadPoolExecutor(cores()) as pool:
        made = pool.map(write, images)
        for _ in track(made, "Thumbnails", len(images), console=console):
            pass


def _write(path: Path, data: bytes) -> None:
    new = path.with_name(path.name + ".new")
    new.write_bytes(data)
    os.replace(new, path)


def _few(group: Mapping[str, Any]) -> list[dict[str, Any]]:
    images: list[dict[str, Any]] = group["images"]
    return images[:MOST_OF_A_GROUP]


def _page(found: Found, shown: Shown, folder: Path) -> str:
    sections = [_section(kind, shown[kind], len(found.groups[kind]), folder) for kind in shown]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src 'self' file:; style-src 'unsafe-inline'\">"
        f"<title>Duplicates</title><style>{_STYLE}</style></head><body><header><h1>Duplicates</h1>"
        "<p>The first picture of each group is the one proposed to keep: a raw file first, then "
        "most pixels, most bytes and most metadata. The others match it. Only the same file and "
        "the same picture are proposed to go; a raw file and the best picture made from it both "
        "stay. Nothing was deleted.</p></header>"
        f"<main>{''.join(sections)}</main></body></html>\n"
    )


def _section(kind: Likeness, groups: Sequence[dict[str, Any]], of: int, folder: Path) -> str:
    title, explained = _TITLES[kind]
    counted = f"{of:,} groups" if of == len(groups) else f"{len(groups):,} of {of:,} groups"
    articles = "".join(_group(group, folder) for group in groups) or "<p>None.</p>"
    return (
        f'<section id="{kind}"><h2>{title} <small>{counted}</small></h2><p>{explained}</p>'
        f"{articles}</section>"
    )


def _group(group: Mapping[str, Any], folder: Path) -> str:
    images = _few(group)
    hidden = len(group["images"]) - len(images)
    more = f"<p>and {hidden} more</p>" if hidden else ""
    items = "".join(_image(image, folder) for image in images)
    stay = ""
    if not any(image["removable"] for image in group["images"]):
        has_raw = any(is_raw(image["format"]) for image in group["images"])
        stay = f"<p>{_ONE_SHOT if has_raw else _LOOK_FIRST}</p>"
    return f"<article>{stay}<ul>{items}</ul>{more}</article>"


def _image(image: Mapping[str, Any], folder: Path) -> str:
    name = visible(image["name"])
    path = thumbnail_path(image)
    picture = (
        f'<img src="{path}" alt="{name}" loading="lazy">'
        if (folder / path).exists()
        else '<div class="missing">no picture</div>'
    )
    size = f"{image['width']:,} × {image['height']:,}, {escape(image['format'])}"
    kept = "" if image["removable"] else ' class="kept"'
    return (
        f"<li{kept}>{picture}<p><bdi>{name}</bdi></p><p>{size}, {image['bytes']:,} bytes</p>"
        f"<p><strong>{_matched(image)}</strong></p></li>"
    )


def _matched(image: Mapping[str, Any]) -> str:
    if image["matched"] is None:
        return "keep"
    parts: list[str] = [image["matched"]] if image["removable"] else ["keep", image["matched"]]
    if image["distance"] is not None:
        parts.append(f"{image['distance']} bits apart")
    if image["similarity"] is not None:
        parts.append(f"similarity {image['similarity']:.3f}")
    return ", ".join(parts)


def visible(text: str) -> str:
    """Return untrusted text as HTML, with invisible characters written as Python escapes them."""
    return escape("".join(c if c.isprintable() else ascii(c)[1:-1] for c in text))


_STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --soft: #555; --line: #ccc; --paper: #fff;
  --kept: #1a6b3a; }
@media (prefers-color-scheme: dark) { :root { --ink: #eee; --soft: #aaa; --line: #444;
  --paper: #161616; --kept: #7ddc9f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 75rem; padding: 1rem; font: 1rem/1.45 system-ui, sans-serif;
  color: var(--ink); background: var(--paper); }
small, li p { color: var(--soft); }
article { border-top: 1px solid var(--line); padding: .75rem 0; content-visibility: auto;
  contain-intrinsic-size: auto 18rem; }
ul { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: .75rem;
  list-style: none; margin: 0; padding: 0; }
li { min-width: 0; border: 2px solid var(--line); border-radius: .5rem; padding: .5rem; }
li.kept { border-color: var(--kept); }
li.kept strong { color: var(--kept); }
li p { margin: .25rem 0 0; font-size: .85rem; overflow-wrap: anywhere; }
img, .missing { display: block; width: 100%; height: 10rem; object-fit: contain; }
.missing { display: grid; place-items: center; border: 1px dashed var(--line); color: var(--soft); }
"""

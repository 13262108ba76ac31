"""The text of docs/formats.md, from the lists in the code. Depends on pictures and names."""

from collections.abc import Iterator

from functions.gallery.names import COMPANION_SUFFIXES
from functions.gallery.pictures.formats import FORMATS
from functions.gallery.pictures.kinds import ACCEPTED, REFUSED
from functions.gallery.pictures.limits import MAX_SIDE, Limits

_TOP = f"""\
# Formats

<!-- Written by scripts/formats from functions/gallery/pictures/kinds.py and gallery/names.py -->

The bytes decide what a file is, never its name or media type. A file that opens is turned upright
and becomes RGB of 8 bits; a file that does not gets an [error](errors.md) that says why. A test
writes one small file of each kind, decodes it, and compares the pixels with ImageMagick's.

## What opens

With the default settings a file can have {Limits().max_bytes:,} bytes, as many megapixels as the
last column says, and no side over {MAX_SIDE:,} pixels. Beyond that the error is
`picture-too-large`. What can be wrong with a file that opens is in the `flaws` of its record.

"""
_REFUSED = """
## What does not

| kind | error | what it says |
| --- | --- | --- |
"""
_LEFT_OUT = f"""
## What is left out

Folders and buckets also hold files that lie next to pictures. Those whose names end as follows, or
start with `._`, are neither read nor refused, and no picture can be added under such a name:
{", ".join(f"`{suffix}`" for suffix in COMPANION_SUFFIXES)}.

## Media types and suffixes

For file fields and uploads; `GET /v1/limits` returns them too.

| format | media type | suffixes |
| --- | --- | --- |
"""


def page() -> str:
    """Return the whole page."""
    return "".join(_parts())


def _parts() -> Iterator[str]:
    yield _TOP
    yield _row("kind", "recorded as", "how it is read", "megapixels")
    yield _row("---", "---", "---", "--:")
    for kind in ACCEPTED:
        flaws = ", ".join(f"marked `{flaw}`" for flaw in kind.flaws)
        how = "; ".join(filter(None, (kind.how, flaws)))
        yield _row(kind.name, f"`{kind.format}`", how, f"{int(kind.max_pixels / 1e5) / 10:g}")
    yield _REFUSED
    for refused in REFUSED:
        yield _row(refused.name, f"`{refused.error.code}`", refused.detail)
    yield _LEFT_OUT
    for format in FORMATS:
        yield _row(f"`{format.name}`", f"`{format.media_type}`", " ".join(format.suffixes))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"

"""Names refused files of other kinds once for each kind: an archive has thousands."""

from collections.abc import Iterator
from pathlib import PurePath

from functions.gallery.pictures.formats import PICTURE_FORMATS

_PICTURES = {suffix for format in PICTURE_FORMATS for suffix in format.suffixes}


class AlikeRefusals:
    """Refusals of files that are no pictures, in a line for each kind and reason.

    Pictures are named one by one, because each may be worth a look.
    """

    def __init__(self) -> None:
        """Start with none."""
        self._found: dict[tuple[str, str], list[str]] = {}

    def add(self, name: str, code: str, detail: str) -> bool:
        """Return whether this one will be in `lines`."""
        suffix = PurePath(name).suffix.casefold()
        if not suffix or suffix in _PICTURES:
            return False
        self._found.setdefault((suffix, code), []).append(f"{name}: {code}: {detail}")
        return True

    def lines(self) -> Iterator[str]:
        """Yield a line for each kind of file and reason."""
        for (suffix, _), found in self._found.items():
            count = len(found)
            yield found[0] if count == 1 else f"{count:,} {suffix} files, first {found[0]}"

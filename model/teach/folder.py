"""Writes what was taught as a model folder: network, head with the map, card. Depends on graph.

A folder that has the last taught model is replaced in one step: the card, which names the other
files by their hashes, is written last.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model.teach.graph import with_map
from model.teach.maps import LinearMap
from model.teach.pictures import Unteachable

CARD = "card.json"
# What a base model's card says about its own vectors only.
_OF_THE_BASE = ("head", "bands", "widths", "measured", "bytes")


def version_of(base: Mapping[str, Any], map: LinearMap) -> str:
    """Return the version of a taught model: that of its base, and a hash of the map."""
    numbers = map.mean.astype("<f4").tobytes() + map.matrix.astype("<f4").tobytes()
    return f"{base['version']}-taught-{hashlib.sha256(numbers).hexdigest()[:8]}"


def read_base(folder: Path) -> dict[str, Any]:
    """Read the card of the model that is taught; raises Unteachable if it is a taught one."""
    card: dict[str, Any] = json.loads((folder / CARD).read_text())
    if "taught" in card:
        raise Unteachable(
            f"{folder} is a taught model; unset LOOKALIKE_MODEL, because a model is always taught "
            "from the one that it was made of"
        )
    return card


def check_output(out: Path) -> None:
    """Raise Unteachable if a folder has files that are not those of a taught model."""
    if not out.exists():
        return
    if not out.is_dir():
        raise Unteachable(f"{out} is a file; choose a folder with --out")
    if not any(out.iterdir()):
        return
    try:
        taught = "taught" in json.loads((out / CARD).read_text())
    except (OSError, ValueError):
        taught = False
    if not taught:
        raise Unteachable(f"{out} has other files in it; choose a new folder with --out")


def check_free(out: Path, model: str) -> None:
    """Raise Unteachable if a folder has the model, name@version, that a gallery uses now.

    Without its files the gallery could not be served any more.
    """
    if (out / CARD).exists():
        card = json.loads((out / CARD).read_text())
        if f"{card['name']}@{card['version']}" == model:
            raise Unteachable(
                f"The gallery uses the model in {out}; choose another folder with --out"
            )


def write_model(
    base: Path, out: Path, map: LinearMap, bands: Mapping[str, Any], about: Mapping[str, Any]
) -> str:
    """Write a model folder and return the version; `about` is what the card says of the teaching.

    Raises OSError.
    """
    card = json.loads((base / CARD).read_text())
    own = {key: value for key, value in card.items() if key not in _OF_THE_BASE}
    own["version"] = version_of(card, map)
    served = (base / card["head"]["file"]).read_bytes() if "head" in card else None
    head = with_map(served, map)
    digest = hashlib.sha256(head).hexdigest()
    own["head"] = {"file": f"head-{digest[:8]}.onnx", "sha256": digest, "bytes": len(head)}
    own["output"] = card["output"] | {"dims": map.width}
    own["taught"] = {"base": f"{card['name']}@{card['version']}", **about}
    own["bands"] = dict(bands)
    out.mkdir(parents=True, exist_ok=True)
    _write(out / own["head"]["file"], head)
    shutil.copyfile(base / card["file"], out / f"{card['file']}.new")
    os.replace(out / f"{card['file']}.new", out / card["file"])
    _write(out / CARD, json.dumps(own, indent=2).encode() + b"\n")
    for other in out.glob("head-*.onnx"):
        if other.name != own["head"]["file"]:
            other.unlink()
    return str(own["version"])


def _write(path: Path, data: bytes) -> None:
    new = path.with_name(path.name + ".new")
    new.write_bytes(data)
    os.replace(new, path)

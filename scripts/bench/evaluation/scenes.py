"""Paste labelled pictures into background photos: small objects in scenes. Knows no model.

What a picture of one centred object says of photos with an object somewhere in them is little; so
the sets that there are get a twin in which every object is small and a little off the middle.
"""

import hashlib
import json
import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from scripts.bench.evaluation.sets import Pictures, SetError, find_sets, read_pictures, tasks_of

SHORT_SIDE = 400
LEAST, MOST = 0.45, 0.80  # of the short side, the longer side of what is pasted
OFF_MIDDLE = 0.12  # standard deviation, of the short side


def make_all(sets: Path, target: Path) -> list[str]:
    """Write a set in scenes of every labelled set, and give their names.

    Backgrounds are the pictures whose role is `distractor`; raises SetError when there are none.
    """
    whole = [read_pictures(folder) for folder in find_sets(sets)]
    backgrounds = [
        each.path(int(place))
        for each in whole
        for place in np.flatnonzero(each.roles == "distractor")
    ]
    if not backgrounds:
        raise SetError("no set has rows whose role is `distractor`, which are the backgrounds")
    asked = [each for each in whole if tasks_of(each)]
    for each in asked:
        make(each, backgrounds, target / f"{each.name}-scenes")
    return [f"{each.name}-scenes" for each in asked]


def upright(file: Path) -> Image.Image:
    """Open a picture as people see it."""
    with Image.open(file) as opened:
        return ImageOps.exif_transpose(opened).convert("RGB")


def resized(picture: Image.Image, factor: float) -> Image.Image:
    """Scale a picture."""
    width, height = (max(1, round(side * factor)) for side in picture.size)
    return picture.resize((width, height))


def scene(picture: Image.Image, background: Image.Image, dice: random.Random) -> Image.Image:
    """Paste a picture into a background."""
    made = resized(background, SHORT_SIDE / min(background.size))
    pasted = resized(picture, dice.uniform(LEAST, MOST) * SHORT_SIDE / max(picture.size))
    place = [
        round((room - size) / 2 + dice.gauss(0, OFF_MIDDLE) * SHORT_SIDE)
        for room, size in zip(made.size, pasted.size, strict=True)
    ]
    rooms = [room - size for room, size in zip(made.size, pasted.size, strict=True)]
    made.paste(pasted, tuple(min(max(at, 0), room) for at, room in zip(place, rooms, strict=True)))
    return made


def make(pictures: Pictures, backgrounds: Sequence[Path], folder: Path) -> None:
    """Write a set of the same labels; a file's name decides its background and its place."""
    (folder / "images").mkdir(parents=True)
    about = {"set": folder.name, "made_by": "scripts/bench/scenes", "backgrounds": len(backgrounds)}
    (folder / "SOURCE.json").write_text(json.dumps(about, indent=1) + "\n")
    shutil.copy(pictures.folder / "labels.csv", folder / "labels.csv")
    for place, file in enumerate(pictures.files):
        dice = random.Random(hashlib.sha1(file.encode()).hexdigest())
        target = folder / "images" / file
        target.parent.mkdir(parents=True, exist_ok=True)
        made = upright(dice.choice(backgrounds))
        if pictures.labels[place]:
            made = scene(upright(pictures.path(place)), made, dice)
        # The ending is the original's, the format is not: readers look at the bytes.
        made.save(target, "JPEG", quality=90)

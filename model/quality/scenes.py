"""Make sets of small objects in scenes: labelled pictures pasted into background photos.

Pictures of one centred object say little about photos with an object somewhere in them. So each
labelled set gets a twin in which every object is small and a little off the middle.
"""

import hashlib
import json
import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from model.quality.alterations import upright
from model.quality.sets import LabelledSet, SetError, tasks_of

SHORT_SIDE = 400
LEAST, MOST = 0.45, 0.80  # the long side of what is pasted, as a part of the short side
OFF_MIDDLE = 0.12  # standard deviation, as a part of the short side


def make_scenes(sets: Sequence[LabelledSet], target: Path) -> list[Path]:
    """Write the twin of every set that has tasks; returns the new folders.

    Backgrounds are the pictures whose role is `distractor`; raises SetError if there are none.
    """
    backgrounds = [
        each.path(int(row)) for each in sets for row in np.flatnonzero(each.roles == "distractor")
    ]
    if not backgrounds:
        raise SetError("no set has rows with the role `distractor`, which are the backgrounds")
    folders = []
    for each in filter(tasks_of, sets):
        folders.append(target / f"{each.name}-scenes")
        _make_set(each, backgrounds, folders[-1])
    return folders


def _make_set(labelled: LabelledSet, backgrounds: Sequence[Path], folder: Path) -> None:
    """Write one set; the name of a file decides its background and its place."""
    (folder / "images").mkdir(parents=True)
    source = {"set": folder.name, "made_by": "model.quality.scenes"}
    (folder / "SOURCE.json").write_text(json.dumps(source) + "\n")
    shutil.copy(labelled.folder / "labels.csv", folder / "labels.csv")
    for row, file in enumerate(labelled.files):
        dice = random.Random(hashlib.sha1(file.encode()).hexdigest())
        target = folder / "images" / file
        target.parent.mkdir(parents=True, exist_ok=True)
        made = upright(dice.choice(backgrounds).read_bytes())
        if labelled.labels[row]:
            made = _paste(upright(labelled.path(row).read_bytes()), made, dice)
        # The file keeps its ending whatever the format is; readers look at the bytes.
        made.save(target, "JPEG", quality=90)


def _paste(picture: Image.Image, background: Image.Image, dice: random.Random) -> Image.Image:
    scene = _scaled(background, SHORT_SIDE / min(background.size))
    small = _scaled(picture, dice.uniform(LEAST, MOST) * SHORT_SIDE / max(picture.size))
    free = [room - size for room, size in zip(scene.size, small.size, strict=True)]
    place = [round(room / 2 + dice.gauss(0, OFF_MIDDLE) * SHORT_SIDE) for room in free]
    scene.paste(small, tuple(min(max(at, 0), room) for at, room in zip(place, free, strict=True)))
    return scene


def _scaled(picture: Image.Image, factor: float) -> Image.Image:
    width, height = (max(1, round(side * factor)) for side in picture.size)
    return picture.resize((width, height))

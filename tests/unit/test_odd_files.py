"""Whatever bytes come, a picture or one of our errors comes out, in bounded memory."""

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from functions.gallery.errors import PictureError
from functions.gallery.pictures import Limits, decode
from tests.conftest import ROOT, development_set
from tests.drawing import scene, written

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM", "ICO", "TGA", "JPEG2000")
MOST_MEGABYTES = 300


def spoilt(count: int) -> Iterator[bytes]:
    """Write our own pictures in every format and spoil them: cut, flipped bits, swapped parts."""
    dice = random.Random(20261121)
    for number in range(count):
        options = {"progressive": True} if number % 3 else {}
        data = bytearray(written(scene(number, 90, 70), FORMATS[number % len(FORMATS)], **options))
        for _ in range(dice.randrange(1, 12)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        if number % 4 == 0:
            del data[dice.randrange(len(data)) :]
        if number % 5 == 0:
            start = dice.randrange(len(data) + 1)
            data[start:start] = dice.randbytes(40)
        yield bytes(data)


def outcome(data: bytes) -> str:
    """Do all that the product does with a picture and say how it ended."""
    try:
        picture = decode(data, Limits(), short_side_px=374)
        shapes = {picture.square(part, 224).shape for part in (1.0, 0.6)}
        return "picture" if shapes == {(224, 224, 3)} and picture.thumbnail(320) else str(shapes)
    except PictureError as refusal:
        return f"refused {refusal.code}" if str(refusal) else "refused without a reason"


def test_whatever_comes_becomes_a_picture_or_is_refused_with_a_reason():
    command = [sys.executable, "-m", "tests.unit.test_odd_files"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)

    told = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr[-2_000:]
    assert told["others"] == []
    assert told["pictures"] > 100
    assert told["refused"] > 100
    assert told["megabytes"] < MOST_MEGABYTES


def peak_megabytes() -> int:
    """Tell the most memory this process ever had; getrusage would count the parent's too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    """Judge every file in a process of its own, so that its memory can be told."""
    names = [p for name in ("dev-odd", "dev-photos") for p in development_set(name)]
    outcomes = {str(number): outcome(data) for number, data in enumerate(spoilt(1_500))}
    outcomes |= {str(path): outcome(Path(path).read_bytes()) for path in names}
    known = [end for end in outcomes.values() if end == "picture" or end.startswith("refused ")]
    told = {
        "pictures": known.count("picture"),
        "refused": len(known) - known.count("picture"),
        "others": [
            f"{name}: {end}"
            for name, end in outcomes.items()
            if end not in known or end == "refused without a reason"
        ],
        "megabytes": peak_megabytes(),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()

"""Lets both sides of a comparison embed the same drawn files in turn: ours, and ResNet50."""

import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from PIL import Image

from scripts.bench.measuring import photos

FORMATS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "AVIF": "avif"}
SIZES = {"500 x 375": (500, 375, 12), "4032 x 3024": (4032, 3024, 1)}


class Side:
    """One process that embeds pictures."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """Wait until it is ready."""
        self._process = process
        self.peak_mb = 0
        self._said()

    def ms(self, file: Path) -> dict[str, float]:
        """Let it embed a file and tell the milliseconds by stage."""
        assert self._process.stdin
        print(file, file=self._process.stdin, flush=True)
        said = self._said()
        self.peak_mb = said["peak_mb"]
        return dict(said["ms"])

    def _said(self) -> dict[str, Any]:
        assert self._process.stdout
        return dict(json.loads(self._process.stdout.readline()))


@contextmanager
def side(python: str, name: str) -> Iterator[Side]:
    """Start one side of the comparison."""
    process = subprocess.Popen(
        [python, str(Path(__file__).with_name(f"{name}.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield Side(process)
        assert process.stdin
        process.stdin.close()


def files(folder: Path) -> dict[str, list[Path]]:
    """Draw photos of both sizes in all formats."""
    made: dict[str, list[Path]] = {}
    for size, (width, height, count) in SIZES.items():
        for number, jpeg in enumerate(photos(count, width, height)):
            image = Image.open(io.BytesIO(jpeg))
            for kind, ending in FORMATS.items():
                file = folder / f"{width}-{number}.{ending}"
                if kind == "JPEG":
                    file.write_bytes(jpeg)
                else:
                    image.save(file, kind, **({"speed": 10} if kind == "AVIF" else {}))
                made.setdefault(f"{kind}, {size}", []).append(file)
    return made


def bytes_to_vector(torch: str | None, rounds: int) -> tuple[dict[str, Any], dict[str, int]]:
    """Embed every file on both sides in turn; medians of the milliseconds, and the peak memory."""
    told: dict[str, Any] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sides = {"lookalike": stack.enter_context(side(sys.executable, "lookalike"))}
        if torch:
            sides["resnet50"] = stack.enter_context(side(torch, "resnet50"))
        for kind, paths in files(folder).items():
            found: dict[str, dict[str, list[float]]] = {}
            for number in range(rounds + 1):
                for path in paths:
                    for name, one in sides.items():
                        for stage, ms in one.ms(path).items():
                            if number:
                                found.setdefault(name, {}).setdefault(stage, []).append(ms)
            told[kind] = {
                name: {stage: round(median(ms), 2) for stage, ms in spent.items()}
                for name, spent in found.items()
            }
        return told, {name: one.peak_mb for name, one in sides.items()}

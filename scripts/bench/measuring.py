"""What the benches share: the machine they ran on, and pictures to run on. Knows no gallery."""

import io
import json
import platform
import random
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import demo
from PIL import Image

from functions.gallery.cores import cores

_LIBRARIES = ("onnxruntime", "pillow", "numpy", "qdrant-edge-py")
_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8")


def machine() -> dict[str, Any]:
    """Describe the processor and the libraries, so that figures can be compared."""
    about = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    lines = dict(line.split(":", 1) for line in about.splitlines() if ":" in line)
    told = {name.strip(): value.strip() for name, value in lines.items()}
    return {
        "processor": told.get("model name", platform.processor()),
        "cores": cores(),
        "flags": [flag for flag in _FLAGS if flag in told.get("flags", "").split()],
        "python": platform.python_version(),
        **{library: version(library) for library in _LIBRARIES},
    }


def photos(count: int, width: int, height: int) -> list[bytes]:
    """Draw JPEG files of this size with the grain of a photo, the same on every machine."""
    found = []
    for number in range(count):
        dice = random.Random(number)
        drawn = demo.picture(sorted(demo.THINGS)[number % len(demo.THINGS)], dice)
        grain = Image.frombytes("L", (512, 512), dice.randbytes(512 * 512))
        image = drawn.resize((width, height), Image.Resampling.BICUBIC)
        noise = grain.resize((width, height), Image.Resampling.BICUBIC).convert("RGB")
        file = io.BytesIO()
        Image.blend(image, noise, 0.12).save(file, "JPEG", quality=88)
        found.append(file.getvalue())
    return found


def jpegs_of(folder: Path, most: int) -> list[bytes]:
    """Read JPEG files of a folder, spread evenly, instead of drawn ones."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg"))
    return [path.read_bytes() for path in paths[:: max(1, len(paths) // most)][:most]]


def tell(results: dict[str, Any]) -> None:
    """Print results with the machine, as JSON."""
    print(json.dumps({"machine": machine(), **results}, indent=1))

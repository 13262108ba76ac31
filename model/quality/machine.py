"""The machine and the library versions that figures were measured with, so they can be compared."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from functions.runtime import cores

_LIBRARIES = ("onnxruntime", "pillow", "numpy")
_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8")


def machine(*libraries: str) -> dict[str, Any]:
    """Return the processor, its cores and instruction sets, Python, and also these libraries."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    facts = {name.strip(): value.strip() for name, _, value in (s.partition(":") for s in lines)}
    return {
        "processor": facts.get("model name", platform.processor()),
        "cores": cores(),
        "flags": [flag for flag in _FLAGS if flag in facts.get("flags", "").split()],
        "python": platform.python_version(),
        **{library: version(library) for library in (*_LIBRARIES, *libraries)},
    }

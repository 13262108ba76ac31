"""Programs of the system that tests run."""

import os
import shutil

import pytest


def find_program(*names: str, package: str = "") -> str:
    """Return the path of a program. If it is missing, CI fails; other machines skip the tests."""
    for name in names:
        if path := shutil.which(name):
            return path
    missing = f"{names[0]} is not installed; on Debian: apt install {package or names[0]}"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)

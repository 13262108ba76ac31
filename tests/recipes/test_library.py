"""docs/library.md, run as a reader would: every Python block, in order, in an empty folder."""

import re
import subprocess
import sys

import pytest

from tests.drawing import jpeg
from tests.end_to_end.server import ROOT, environment_of

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs" / "library.md"


def test_every_block_of_the_page_runs_and_prints_what_a_reader_expects(tmp_path):
    (tmp_path / "shoe.jpg").write_bytes(jpeg(1))
    (tmp_path / "pictures").mkdir()
    for number in range(2, 6):
        (tmp_path / "pictures" / f"{number}.jpg").write_bytes(jpeg(number))
    (tmp_path / "pictures" / "broken.jpg").write_bytes(b"no picture")
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "page.py").write_text("\n".join(blocks))

    ran = subprocess.run(
        [sys.executable, "-W", "error", "page.py"],
        cwd=tmp_path,
        env=environment_of(tmp_path / "data") | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    assert lines[0].startswith("added ")
    assert lines[1].startswith("broken.jpg: ")
    assert lines[2].startswith("1.00 shoes/red.jpg same-bytes {")
    assert lines[-3:] == [
        "5 39.5",
        "(4, 1280) shoes/red.jpg",
        "image-not-found - No image has the id 00000000-0000-5000-8000-000000000000",
    ]
    assert len(blocks) >= 7

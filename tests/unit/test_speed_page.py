"""docs/speed.md shows the results that lie in the repository, and nothing else."""

import json
import shutil
from pathlib import Path

from scripts.bench.speeding import tables

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "scripts" / "bench" / "results"
PAGE = ROOT / "docs" / "speed.md"


def test_the_tables_are_what_the_results_say(tmp_path):
    copy = Path(shutil.copy(PAGE, tmp_path))
    speed, cold = (json.loads((RESULTS / f"{name}.json").read_text()) for name in ("speed", "cold"))

    tables.write(copy, speed, cold)

    assert copy.read_text() == PAGE.read_text()

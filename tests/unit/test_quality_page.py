"""docs/quality.md, docs/duplicates.md and the model card match the results in the repository."""

import json
import shutil
from pathlib import Path

from model.quality.report import put_notions, put_tables

ROOT = Path(__file__).resolve().parents[2]
RESULTS = json.loads((ROOT / "model" / "quality" / "results.json").read_text())
PAGE = ROOT / "docs" / "quality.md"


def test_the_tables_match_the_results(tmp_path):
    copy = Path(shutil.copy(PAGE, tmp_path))

    put_tables(copy, RESULTS)

    assert copy.read_text() == PAGE.read_text()


def test_the_tables_about_duplicates_match_the_results(tmp_path):
    page = ROOT / "docs" / "duplicates.md"
    copy = Path(shutil.copy(page, tmp_path))

    put_notions(copy, RESULTS)

    assert copy.read_text() == page.read_text()


def test_the_card_has_the_bands_of_the_results():
    card = json.loads((ROOT / "model" / "card.json").read_text())

    assert card["bands"] == RESULTS["bands"]

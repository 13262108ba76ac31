"""docs/speed.md shows only figures that were measured."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ("speed", "cold", "hashes", "peers", "quantization")
FILES = (*(f"scripts/bench/results/{name}.json" for name in RESULTS), "model/card.json")


def measurements(value):
    """Yield the numbers in every small part of a JSON value, and their sum."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in parts:
        yield from measurements(part)
    numbers = [float(n) for n in re.findall(r"[\d.]+", re.sub(r'".*?"', "", json.dumps(value)))]
    if parts and len(numbers) <= 20:
        yield [*numbers, sum(numbers)]


def agrees(value, text):
    decimals = len(text.partition(".")[2])
    return abs(value - float(text.replace(",", ""))) <= 0.51 * 10**-decimals


def test_the_figures_in_each_row_were_measured_together():
    measured = [
        numbers for file in FILES for numbers in measurements(json.loads((ROOT / file).read_text()))
    ]
    tables = re.findall(r"\|[- |]+\|\n((?:\|.*\n)+)", (ROOT / "docs" / "speed.md").read_text())
    rows = [line.split("|", 2)[2] for table in tables for line in table.splitlines()]

    figures = {row: re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", row) for row in rows}

    assert sum(map(len, figures.values())) > 70
    for row, row_figures in figures.items():
        assert any(
            all(any(agrees(v, figure) for v in numbers) for figure in row_figures)
            for numbers in measured
        ), row

"""The figures in docs/cost.md follow from its own prices, measurements and assumptions."""

import json
import math
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "cost.md").read_text()
RESULTS = ROOT / "scripts" / "bench" / "results"


class Names(dict):
    """The names on the page: numbers, and formulas that are evaluated when read."""

    def __getitem__(self, name):
        value = super().__getitem__(name)
        return evaluate(value, self) if isinstance(value, str) else value


def evaluate(formula, names):
    return eval(formula, {"ceil": math.ceil, "min": min, "max": max, "__builtins__": {}}, names)


def number(text):
    return float(re.sub(r"[,*]", "", text))


def agrees(value, text):
    tolerance = 0.51 * 10 ** -len(text.strip("*").partition(".")[2])
    return abs(value - number(text)) <= tolerance


def tables():
    lines = (table.splitlines() for table in re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE))
    return [[[cell.strip(" `") for cell in row[1:-1].split("|")] for row in rows] for rows in lines]


def names():
    defined = Names(images=1e6, width=1280) | dict(re.findall(r"`(\w+) = ([^`]+)`", PAGE))
    values = [row for (head, *_), _, *rows in tables() if head == "name" for row in rows]
    return Names(defined | {row[0]: number(row[1]) for row in values})


def test_every_formula_gives_the_figure_next_to_it():
    figures = re.findall(r"`([^`=]+)`\s+(?:=|\|)\s+([\d,.]*\d)", PAGE)
    with_total = [rows for _, _, *rows in tables() if rows[-1][0] == "**together**"]

    assert len(figures) > 50
    assert [
        figure for figure in figures if not agrees(evaluate(figure[0], names()), figure[1])
    ] == []
    assert len(with_total) == 6
    for *rows, (_, _, total) in with_total:
        assert agrees(sum(evaluate(formula, names()) for _, formula, _ in rows), total)


def test_the_tables_by_size_agree_with_the_formulas():
    for header, _, *rows in tables():
        for row in rows if header[0] in ("width", "images") else []:
            known = names()
            for name, text in zip((head.partition("`")[0] for head in header), row, strict=True):
                if isinstance(dict.get(known, name), str):
                    assert agrees(known[name], text), (name, row)
                else:
                    known[name] = number(text)


def test_the_measured_figures_are_those_of_the_results_files():
    cold, speed, quantization = (
        json.loads((RESULTS / f"{n}.json").read_text()) for n in ("cold", "speed", "quantization")
    )
    stages = speed["bytes to vector, ms"]
    disks = {
        entry["dims"]: entry["disk, MB"] for entry in speed["search"] if entry["points"] == 10_000
    }

    measured = {
        "warm_ms": cold["search, as deployed"]["warm processor, ms"],
        "cold_ms": cold["search, as deployed"]["processor, ms"],
        "embed_ms": round(sum(stages["JPEG, 500 x 375"].values()), 2),
        "embed_large_ms": round(sum(stages["JPEG, 4032 x 3024"].values()), 2),
        "disk_1280_mb": disks[1280],
        "disk_320_mb": disks[320],
        "server_mb": quantization["memory of the server, MB"],
    }
    assert {name: names()[name] for name in measured} == measured

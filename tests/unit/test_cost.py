"""docs/cost.md works out its figures from its own prices, measurements and assumptions."""

import json
import math
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "cost.md").read_text()
RESULTS = ROOT / "scripts" / "bench" / "results"


class Names(dict):
    """The names of the page: numbers, and formulas that are worked out when asked for."""

    def __getitem__(self, name):
        found = super().__getitem__(name)
        return evaluate(found, self) if isinstance(found, str) else found


def evaluate(formula, names):
    return eval(formula, {"ceil": math.ceil, "min": min, "__builtins__": {}}, names)


def number(shown):
    return float(re.sub(r"[,*]", "", shown))


def agrees(value, shown):
    half_a_digit = 0.51 * 10 ** -len(shown.strip("*").partition(".")[2])
    return abs(value - number(shown)) <= half_a_digit


def tables():
    lines = (table.splitlines() for table in re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE))
    return [[[cell.strip(" `") for cell in row[1:-1].split("|")] for row in of] for of in lines]


def names():
    defined = Names(images=1e6, width=1280) | dict(re.findall(r"`(\w+) = ([^`]+)`", PAGE))
    values = [row for (head, *_), _, *rows in tables() if head == "name" for row in rows]
    return Names(defined | {row[0]: number(row[1]) for row in values})


def test_every_formula_comes_to_the_figure_next_to_it():
    figures = re.findall(r"`([^`=]+)`\s+(?:=|\|)\s+([\d,.]*\d)", PAGE)
    summed = [rows for _, _, *rows in tables() if rows[-1][0] == "**together**"]

    assert len(figures) > 50
    assert [each for each in figures if not agrees(evaluate(each[0], names()), each[1])] == []
    assert len(summed) == 3
    for *rows, (_, _, total) in summed:
        assert agrees(sum(evaluate(formula, names()) for _, formula, _ in rows), total)


def test_the_tables_by_size_follow_their_formulas():
    for heads, _, *rows in tables():
        for row in rows if heads[0] in ("width", "images") else []:
            given = names()
            for name, shown in zip((head.partition("`")[0] for head in heads), row, strict=True):
                if isinstance(dict.get(given, name), str):
                    assert agrees(given[name], shown), (name, row)
                else:
                    given[name] = number(shown)


def test_what_is_called_measured_was_measured():
    cold, speed = (json.loads((RESULTS / f"{n}.json").read_text()) for n in ("cold", "speed"))
    stages = speed["bytes to vector, ms"]
    disks = {of["dims"]: of["disk, MB"] for of in speed["search"] if of["points"] == 10_000}

    measured = {
        "warm_ms": cold["search, as deployed"]["warm processor, ms"],
        "cold_ms": cold["search, as deployed"]["processor, ms"],
        "embed_ms": round(sum(stages["JPEG, 500 x 375"].values()), 2),
        "embed_large_ms": round(sum(stages["JPEG, 4032 x 3024"].values()), 2),
        "disk_1280_mb": disks[1280],
        "disk_320_mb": disks[320],
    }
    assert {name: names()[name] for name in measured} == measured

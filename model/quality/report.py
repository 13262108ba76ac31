"""Write results as tables into docs/quality.md."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from model.quality.copies import FOUND

_WRITER = "scripts/bench/quality"


def put_table(page: Path, writer: str, name: str, lines: Sequence[str]) -> None:
    """Replace what is between a table's marks in a page; raises ValueError if there are none."""
    begin, end = f"<!-- written by {writer}: {name} -->", "<!-- end -->"
    before, found, rest = page.read_text().partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"{page.name} has no place for {name}: {begin} ... {end}")
    page.write_text("\n".join([before + begin, "", *lines, "", end + after]))


def rows_of(heads: Sequence[str], rows: Iterable[Iterable[Any]]) -> list[str]:
    """Return the lines of a Markdown table."""
    cells = [heads, ["---"] * len(heads), *rows]
    return ["| " + " | ".join(map(str, row)) + " |" for row in cells]


def put_tables(page: Path, results: Mapping[str, Any]) -> None:
    """Put all tables into docs/quality.md."""
    tables = {
        "ranking": ranking_table(results["ranking"]["tasks"]),
        "near-duplicates": near_duplicate_table(results["near_duplicates"]),
        "bands": band_table(results["bands"]),
    }
    if results.get("scenes"):
        tables["scenes"] = ranking_table(results["scenes"])
    for name, lines in tables.items():
        put_table(page, _WRITER, name, lines)


def ranking_table(tasks: Mapping[str, Any]) -> list[str]:
    """Show mAP / R@1 / P@10 / hit@10 by task and variant, and differences of mAP."""
    variants = next(iter(tasks.values()))["variants"]
    heads = [
        f"{name}<br>against {of['against']['variant']}" if "against" in of else name
        for name, of in variants.items()
    ]
    rows = [
        [task, figures["queries"], *(_ranking_cell(of) for of in figures["variants"].values())]
        for task, figures in tasks.items()
    ]
    means = [f"{_mean_of_sets(tasks, name):.4f}" for name in variants]
    return rows_of(["set, task", "queries", *heads], [*rows, ["mean mAP over sets", "", *means]])


def _ranking_cell(figures: Mapping[str, Any]) -> str:
    cell = " / ".join(f"{figures[metric]:.3f}" for metric in ("map", "r1", "p10", "hit_10"))
    if of := figures.get("against"):
        cell += f"<br>{of['difference']:+.3f} ({of['low']:+.3f} .. {of['high']:+.3f})"
    return cell


def _mean_of_sets(tasks: Mapping[str, Any], name: str) -> float:
    by_set: dict[str, list[float]] = {}
    for task in tasks.values():
        by_set.setdefault(task["set"], []).append(task["variants"][name]["map"])
    means = [sum(each) / len(each) for each in by_set.values()]
    return sum(means) / len(means)


def near_duplicate_table(copies: Mapping[str, Any]) -> list[str]:
    """Show R@1 and TPR@1%FA of each alteration by vector, by hash and by either."""
    ways = copies["variants"]
    rows = []
    for name in next(iter(ways.values())):
        figures = (of[name] for of in ways.values())
        cells = ([each[key] for key in ("r1", FOUND) if key in each] for each in figures)
        rows.append([name, *(" / ".join(f"{figure:.2f}" for figure in cell) for cell in cells)])
    rows.append(["false alarms", *(f"{of['all']['false_alarms']:.4f}" for of in ways.values())])
    counts = f"{copies['originals']:,} originals, {copies['absent']:,} absent pictures"
    note = f"*{counts}, a gallery of {copies['gallery']:,}.*"
    return [*rows_of(["alteration", *ways], rows), "", note]


def band_table(bands: Mapping[str, Any]) -> list[str]:
    """Show where each band begins and how often it was right, over all and by set.

    For a set: with these limits, and with limits that were chosen without it.
    """
    least = {
        "same picture": f"{bands['same_picture']:.3f}, at most {bands['same_picture_bits']} bits",
        "near-duplicate": f"{bands['near_duplicate']:.3f}; "
        f"{bands['near_duplicate_with_bits']:.3f} at most {bands['near_duplicate_bits']} bits; "
        f"both at most {bands['near_duplicate_most_bits']} bits, or "
        f"{bands['near_duplicate_mirrored_bits']} mirrored",
        "similar": f"{bands['similar']:.3f}",
        "weak": "0",
    }
    without = bands["chosen_without_the_set_that_measures"]
    rows = []
    for band, figures in bands["measured"].items():
        of_sets = ((figures["sets"][name], without[name][band]) for name in sorted(without))
        cells = ["; ".join(f"{_precision(f)} of {f['pairs']:,}" for f in both) for both in of_sets]
        counts = [f"{figures[key]:,}" for key in ("pairs", "not_judged")]
        rows.append([band, least[band], _precision(figures), *counts, *cells])
    heads = ["band", "from", "precision", "pairs", "not judged", *sorted(without)]
    chosen, measured = (f"{bands[f'{how}_on_pairs']:,}" for how in ("chosen", "measured"))
    note = f"*Chosen on {chosen} pairs, measured on {measured} others.*"
    return [*rows_of(heads, rows), "", note]


def _precision(figures: Mapping[str, Any]) -> str:
    return "-" if figures["precision"] is None else f"{figures['precision']:.3f}"

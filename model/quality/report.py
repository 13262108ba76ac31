"""Write results as tables into docs/quality.md and docs/duplicates.md."""

from collections import Counter
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
        "found": found_table(results["notions"]),
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
    steps = (f"{least:.3f} at an agreement of {enough:.2f}" for enough, least in bands["lookalike"])
    least = {
        "same picture": "hash and colours",
        "near-duplicate": "hash alone, or " + ", ".join(steps),
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
    note = f"*{bands['pairs']:,} pairs.*"
    return [*rows_of(heads, rows), "", note]


def _precision(figures: Mapping[str, Any]) -> str:
    return "-" if figures["precision"] is None else f"{figures['precision']:.4f}"


def put_notions(page: Path, results: Mapping[str, Any]) -> None:
    """Put all tables into docs/duplicates.md."""
    notions = results["notions"]
    for name, lines in (
        ("found", found_table(notions)),
        ("different", different_table(notions)),
        ("drawn", drawn_table(notions["drawn"])),
    ):
        put_table(page, _WRITER, name, lines)


def found_table(notions: Mapping[str, Any]) -> list[str]:
    """Show the share of copies that each notion recognises, by alteration."""
    found = notions["found"]
    heads = ["copy", *found["all"]]
    rows = [
        [name, *(f"{share:.0%}" if share else "" for share in of.values())]
        for name, of in found.items()
    ]
    note = f"*{notions['altered']:,} pictures, each altered in every way.*"
    return [*rows_of(heads, rows), "", note]


def different_table(notions: Mapping[str, Any]) -> list[str]:
    """Show what each notion says of pictures that are not copies."""
    names = [name for name in notions["found"]["all"] if name != "any"]
    different = notions["different"]
    others = {
        "photos of one product: other colours, other sides": notions["colourways"],
        **{f"recoloured: {name}": of for name, of in notions["recoloured"].items()},
    }
    rows = [
        [
            "different pictures of the sets",
            f"{different['pairs']:,}",
            *(different[n] for n in names),
        ]
    ]
    rows += [
        [what, f"{sum(of.values()):,}", *(of.get(name, 0) for name in names)]
        for what, of in others.items()
    ]
    return rows_of(["pairs", "number", *names], rows)


def drawn_table(drawn: Mapping[str, Any]) -> list[str]:
    """Show, by kind, how many copies and how many different drawings are taken for copies."""
    heads = [
        "kind",
        "with a fingerprint",
        "copies saved again: same picture",
        "near-duplicate or better",
        "edited copies: near-duplicate",
        "pairs of different ones",
        "same picture",
        "precision",
        "near-duplicate or better",
        "precision",
    ]
    rows = []
    for name, of in drawn.items():
        again, edited = (Counter(of["found"][how]) for how in ("saved again", "edited"))
        different = Counter(of["different"])
        same = again["same-picture"] + edited["same-picture"]
        near = sum(again.values()) + sum(edited.values()) - again["none"] - edited["none"]
        wrong = sum(different.values()) - different["none"]
        rows.append(
            [
                name,
                f"{of['with_fingerprint']} of {of['pictures']}",
                f"{again['same-picture']} of {sum(again.values())}",
                sum(again.values()) - again["none"],
                f"{sum(edited.values()) - edited['none']} of {sum(edited.values())}",
                f"{sum(different.values()):,}",
                different["same-picture"],
                _share(same, different["same-picture"]),
                wrong,
                _share(near, wrong),
            ]
        )
    return rows_of(heads, rows)


def _share(right: int, wrong: int) -> str:
    return f"{right / (right + wrong):.3f}" if right + wrong else "-"

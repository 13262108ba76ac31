"""Write what the benches measured as tables into a page of the docs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.bench.evaluation.comparing import FLOAT
from scripts.bench.pages import put_table

_SCRIPT = "scripts/bench/quality"

_FOUND = "tpr_at_1_percent_fa"
_METRICS = ("map", "r1", "p10", "hit_10")


def put_tables(page: Path, results: Mapping[str, Any]) -> None:
    """Put all tables into docs/quality.md."""
    put_table(page, _SCRIPT, "ranking", ranking_table(results["ranking"]["tasks"]))
    if results.get("scenes"):
        put_table(page, _SCRIPT, "scenes", ranking_table(results["scenes"]))
    put_table(page, _SCRIPT, "fidelity", fidelity_table(results["ranking"]))
    put_table(page, _SCRIPT, "near-duplicates", near_duplicate_table(results["near_duplicates"]))
    put_table(page, _SCRIPT, "bands", band_table(results["bands"]))


def ranking_table(tasks: Mapping[str, Any]) -> list[str]:
    """Tell mAP / R@1 / P@10 / hit@10 by variant and task, and the difference of mAP."""
    variants = next(iter(tasks.values()))["variants"]
    names = list(variants)
    heads = [
        f"{name}<br>against {of['against']['variant']}" if "against" in of else name
        for name, of in variants.items()
    ]
    lines = [
        "| set, task | queries | " + " | ".join(heads) + " |",
        "| --- | --- |" + " --- |" * len(names),
    ]
    for task, figures in tasks.items():
        cells = [_cell(figures["variants"][name]) for name in names]
        lines.append(f"| {task} | {figures['queries']} | " + " | ".join(cells) + " |")
    means = [_set_mean(tasks, name) for name in names]
    lines.append("| mean mAP over sets | | " + " | ".join(f"{m:.4f}" for m in means) + " |")
    return lines


def _cell(figures: Mapping[str, Any]) -> str:
    told = " / ".join(f"{figures[metric]:.3f}" for metric in _METRICS)
    if compared := figures.get("against"):
        told += (
            f"<br>{compared['difference']:+.3f} ({compared['low']:+.3f} .. {compared['high']:+.3f})"
        )
    return told


def _set_mean(tasks: Mapping[str, Any], name: str) -> float:
    by_set: dict[str, list[float]] = {}
    for task in tasks.values():
        by_set.setdefault(task["set"], []).append(task["variants"][name]["map"])
    means = [sum(each) / len(each) for each in by_set.values()]
    return sum(means) / len(means)


def fidelity_table(ranking: Mapping[str, Any]) -> list[str]:
    """Tell how true int8 is to float: cosines and neighbours of a set, mAP of its tasks."""
    if not ranking["fidelity"]:
        return ["Not measured: no float parent was given."]
    lines = [
        "| variant | set, task | cosine: mean, p5, least | eight of ten | int8 | float | mixed |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, by_set in ranking["fidelity"].items():
        for task, mixed in ranking["mixed"][name].items():
            alike = by_set[ranking["tasks"][task]["set"]]
            of = ranking["tasks"][task]["variants"]
            cosines = (alike[f"cosine_{which}"] for which in ("mean", "p5", "min"))
            maps = (of[name]["map"], of[name + FLOAT]["map"], mixed)
            cells = [
                ", ".join(f"{cosine:.4f}" for cosine in cosines),
                f"{alike['top_ten_by_8']:.3f}",
                *(f"{figure:.4f}" for figure in maps),
            ]
            lines.append(f"| {name} | {task} | " + " | ".join(cells) + " |")
    return lines


def shown(copies: Mapping[str, Any]) -> dict[str, Any]:
    """Give the figures of the variants that the docs show."""
    return {name: copies["variants"][name] for name in copies["shown"]}


def near_duplicate_table(copies: Mapping[str, Any]) -> list[str]:
    """Tell R@1 and TPR@1%FA of each alteration by vector, by hash and by both."""
    ways = shown(copies)
    lines = ["| alteration | " + " | ".join(ways) + " |", "| --- |" + " --- |" * len(ways)]
    for name in next(iter(ways.values())):
        cells = [
            " / ".join(f"{of[name][key]:.2f}" for key in ("r1", _FOUND) if key in of[name])
            for of in ways.values()
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    for name, key in (("false alarms", "false_alarms"), ("micro-AP", "micro_ap")):
        told = (of["all"].get(key) for of in ways.values())
        cells = ["" if figure is None else f"{figure:.4f}" for figure in told]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    about = f"{copies['originals']:,} originals, {copies['absent']:,} absent pictures"
    return [*lines, "", f"*{about}, a gallery of {copies['gallery']:,}.*"]


def band_table(bands: Mapping[str, Any]) -> list[str]:
    """Tell from which similarity on a band begins, and how often it was right, by set.

    Of a set: with these limits, and with those that were chosen without it.
    """
    least = {
        "same picture": f"{bands['same_picture']:.3f}, at most {bands['same_picture_bits']} bits",
        "near-duplicate": f"{bands['near_duplicate']:.3f}; "
        f"{bands['near_duplicate_with_bits']:.3f} at most {bands['near_duplicate_bits']} bits",
        "similar": f"{bands['similar']:.3f}",
        "weak": "0",
    }
    sets = sorted(bands["chosen_without_the_set_that_measures"])
    lines = [
        "| band | from | precision | pairs | not judged | " + " | ".join(sets) + " |",
        "| --- | --- | --- | --- | --- |" + " --- |" * len(sets),
    ]
    for band, figures in bands["measured"].items():
        without = bands["chosen_without_the_set_that_measures"]
        cells = [
            f"{_precision(figures['sets'][name])} of {figures['sets'][name]['pairs']:,}; "
            f"{_precision(without[name][band])} of {without[name][band]['pairs']:,}"
            for name in sets
        ]
        counts = [f"{figures[key]:,}" for key in ("pairs", "not_judged")]
        told = " | ".join([band, least[band], _precision(figures), *counts, *cells])
        lines.append(f"| {told} |")
    chosen, measured = (f"{bands[f'{how}_on_pairs']:,}" for how in ("chosen", "measured"))
    return [*lines, "", f"*Chosen on {chosen} pairs, measured on {measured} others.*"]


def _precision(figures: Mapping[str, Any]) -> str:
    known = figures["precision"] is not None
    return f"{figures['precision']:.3f}" if known else "-"

"""Write what the quality bench measured as tables into a page of the docs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_BEGIN = "<!-- written by scripts/bench/quality: {name} -->"
_END = "<!-- end -->"


def put_table(page: Path, name: str, lines: Sequence[str]) -> None:
    """Replace what stands between the marks of this name in a page."""
    text = page.read_text()
    begin = _BEGIN.format(name=name)
    before, found, rest = text.partition(begin)
    _, ended, after = rest.partition(_END)
    if not found or not ended:
        raise ValueError(f"{page.name} has no place for {name}: {begin} ... {_END}")
    page.write_text("\n".join([before + begin, "", *lines, "", _END + after]))


def ranking_table(tasks: Mapping[str, Any]) -> list[str]:
    """Tell mAP / R@1 / P@10 of every variant on every task, and the difference to the first."""
    names = list(next(iter(tasks.values()))["variants"])
    lines = [
        "| set, task | queries | " + " | ".join(names) + " |",
        "| --- | --- |" + " --- |" * len(names),
    ]
    for task, figures in tasks.items():
        cells = [_cell(figures["variants"][name]) for name in names]
        lines.append(f"| {task} | {figures['queries']} | " + " | ".join(cells) + " |")
    means = [_set_mean(tasks, name) for name in names]
    lines.append("| mean mAP over sets | | " + " | ".join(f"{m:.4f}" for m in means) + " |")
    return lines


def _cell(figures: Mapping[str, Any]) -> str:
    told = " / ".join(f"{figures[metric]:.3f}" for metric in ("map", "r1", "p10"))
    if compared := figures.get("against_first"):
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


def near_duplicate_table(figures: Mapping[str, Any]) -> list[str]:
    """Tell R@1 and TPR@1%FA of each alteration by vector, by hash and by both."""
    ways = list(figures)
    lines = [
        "| alteration | " + " | ".join(ways) + " |",
        "| --- |" + " --- |" * len(ways),
    ]
    for name in next(iter(figures.values())):
        cells = []
        for way in ways:
            of = figures[way][name]
            cells.append(f"{of['r1']:.2f} / {of['tpr_at_1_percent_fa']:.2f}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def band_table(bands: Mapping[str, Any]) -> list[str]:
    """Tell from which similarity on a band begins, and how often it was right, by set."""
    least = {
        "same picture": f"{bands['same_picture']:.3f}, at most {bands['same_picture_bits']} bits",
        "near-duplicate": f"{bands['near_duplicate']:.3f}; "
        f"{bands['near_duplicate_with_bits']:.3f} at most {bands['near_duplicate_bits']} bits",
        "similar": f"{bands['similar']:.3f}",
        "weak": "0",
    }
    sets = sorted(bands["chosen_without_the_set_that_measures"])
    lines = [
        "| band | from | precision | pairs | " + " | ".join(sets) + " |",
        "| --- | --- | --- | --- |" + " --- |" * len(sets),
    ]
    for band, figures in bands["measured"].items():
        cells = [
            f"{_told(figures['sets'].get(name))}; {_told(_left_out(bands, name, band))}"
            for name in sets
        ]
        told = " | ".join([band, least[band], _told(figures), str(figures["pairs"]), *cells])
        lines.append(f"| {told} |")
    return lines


def _left_out(bands: Mapping[str, Any], name: str, band: str) -> Any:
    return bands["chosen_without_the_set_that_measures"][name][band]


def _told(figures: Mapping[str, Any] | None) -> str:
    known = figures is not None and figures["precision"] is not None
    return f"{figures['precision']:.3f}" if figures and known else "-"

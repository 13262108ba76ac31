"""Draw results as the plots of docs/quality.md. The only module that imports matplotlib."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from model.quality.copies import FOUND


def plot_results(folder: Path, results: Mapping[str, Any]) -> None:
    """Draw mAP by task, and the share of altered copies found by alteration."""
    maps: dict[str, dict[str, float]] = {}
    for task, of in results["ranking"]["tasks"].items():
        for variant, figures in of["variants"].items():
            maps.setdefault(variant, {})[task] = figures["map"]
    _plot_bars(folder / "quality-ranking.png", "mAP", maps)
    found = {
        way: {name: figures[FOUND] for name, figures in of.items() if name != "all"}
        for way, of in results["near_duplicates"]["variants"].items()
    }
    _plot_bars(folder / "quality-near-duplicates.png", "found, at 1 % false alarms", found)


def _plot_bars(path: Path, what: str, figures: Mapping[str, Mapping[str, float]]) -> None:
    groups = list(next(iter(figures.values())))
    figure, axes = plt.subplots(figsize=(9, max(4.2, 0.22 * len(groups))), layout="constrained")
    height = 0.8 / len(figures)
    for place, (series, of) in enumerate(figures.items()):
        rows = [row + place * height for row in range(len(groups))]
        axes.barh(rows, [of[group] for group in groups], height, label=series)
    axes.set_yticks([row + 0.4 - height / 2 for row in range(len(groups))], groups, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel(what)
    figure.legend(fontsize=8, ncols=4, loc="outside lower center")
    # Without a version in the file, the same figures give the same bytes.
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def plot_frontier(
    folder: Path, results: Mapping[str, Any], maps: Mapping[str, tuple[float, float]]
) -> None:
    """Draw mAP, of sets and in scenes, against cost; one point for each choice of views."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
    cost = results["cost"]
    marks = {results["served"]: "served", results["before"]: "model 2"}
    for place, what in enumerate(("mean mAP", "mean mAP in scenes")):
        axes[place].scatter(list(cost.values()), [maps[views][place] for views in cost], s=12)
        for views, name in marks.items():
            point = cost[views], maps[views][place]
            axes[place].scatter(*point, s=40)
            axes[place].annotate(name, point, fontsize=8, xytext=(4, 4), textcoords="offset points")
        axes[place].set_xlabel("runs of 224 px a picture")
        axes[place].set_ylabel(what)
    figure.savefig(folder / "quality-frontier.png", dpi=110, metadata={"Software": None})
    plt.close(figure)

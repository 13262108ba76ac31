"""Draw what the quality bench measured. The only module that calls matplotlib."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def plot_ranking(tasks: Mapping[str, Any], path: Path) -> None:
    """Draw mAP of every variant by task."""
    names = list(next(iter(tasks.values()))["variants"])
    figure, axes = plt.subplots(figsize=(9, 4.2), layout="constrained")
    width = 0.8 / len(names)
    for place, name in enumerate(names):
        heights = [task["variants"][name]["map"] for task in tasks.values()]
        axes.bar([i + place * width for i in range(len(tasks))], heights, width, label=name)
    axes.set_xticks([i + 0.4 - width / 2 for i in range(len(tasks))], list(tasks), fontsize=8)
    axes.set_ylabel("mAP")
    axes.legend(fontsize=8, ncols=2)
    _save(figure, path)


def plot_near_duplicates(figures: Mapping[str, Any], path: Path) -> None:
    """Draw, by alteration, the share found at one false alarm in a hundred."""
    names = [name for name in next(iter(figures.values())) if name != "all"]
    figure, axes = plt.subplots(figsize=(9, 7.5), layout="constrained")
    height = 0.8 / len(figures)
    for place, (way, of) in enumerate(figures.items()):
        shares = [of[name]["tpr_at_1_percent_fa"] for name in names]
        axes.barh([i + place * height for i in range(len(names))], shares, height, label=way)
    axes.set_yticks([i + 0.4 - height / 2 for i in range(len(names))], names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("found, at 1 % false alarms")
    figure.legend(fontsize=8, ncols=len(figures), loc="outside lower center")
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    # No date and no version in the file: the same figures give the same bytes.
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)

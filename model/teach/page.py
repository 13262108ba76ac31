"""The report of a teaching as one HTML page without scripts: figures, a plot, examples.

Names and labels are untrusted and escaped. Depends on nothing.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

TITLES = {
    "served": "served",
    "truncated": "served, truncated",
    "lda": "LDA",
    "triplets": "triplets",
}
KINDS = {
    "known": "Known labels: pictures that were held back search those that were taught",
    "new": "New labels, never taught: their pictures search everything",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture on the page."""

    name: str
    label: str
    thumbnail: bytes | None  # JPEG; None if it cannot be read any more


@dataclass(frozen=True, slots=True)
class Example:
    """A query and its first results before and after."""

    kind: str  # of KINDS
    query: Shown
    before: Sequence[Shown]
    after: Sequence[Shown]


def page(
    about: Mapping[str, Any], figures: Mapping[str, Any], winner: str, examples: Sequence[Example]
) -> str:
    """Return the page; `figures` as model/teach/teaching.py measures them."""
    facts = "".join(f"<li>{escape(str(fact))}</li>" for fact in about["facts"])
    parts = "".join(_table(kind, figures[kind], winner) for kind in KINDS if kind in figures)
    if "new" not in figures:
        parts += "<p>There are too few labels to spare one, so new labels were not measured.</p>"
    if "known" not in figures:
        parts += (
            "<p>Most labels have two pictures, so none could be held back of a label that is "
            "taught. Labels were held back whole instead, each once.</p>"
        )
    shown = "".join(
        f"<h3>{'Known label' if kind == 'known' else 'New label'}</h3>"
        + "".join(_example(each) for each in examples if each.kind == kind)
        for kind in KINDS
        if any(each.kind == kind for each in examples)
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'\">"
        f"<title>What was taught</title><style>{_STYLE}</style></head><body>"
        f"<h1>What was taught</h1><ul>{facts}</ul>"
        "<h2>Better or not</h2><p>mAP is 1 if all pictures of the query's label come first. R@1 is "
        "how often the first result is right. In brackets the range that holds 95 % of 2,000 "
        "draws of the same queries, with replacement. The model in this folder was then fitted on "
        "everything, with the same settings.</p>"
        f"{_plot(figures, winner)}{parts}"
        "<h2>Before and after</h2><p>Queries drawn at random, with their first results: served "
        "above, taught below. A green frame and a tick mean the same label.</p>"
        f"{shown}</body></html>\n"
    )


def _table(kind: str, figures: Mapping[str, Any], winner: str) -> str:
    rows = ""
    for name, row in figures["variants"].items():
        numbers = "".join(f"<td>{_ranged(row[metric])}</td>" for metric in ("map", "r1"))
        gain = row["gain"]
        gained = _signed(gain["difference"]) + f" [{_signed(gain['low'])}, {_signed(gain['high'])}]"
        gained = "" if name == "served" else gained
        title = escape(TITLES.get(name, name))
        title = f"<strong>{title}, kept</strong>" if name == winner else title
        rows += f"<tr><th>{title}</th>{numbers}<td>{gained}</td></tr>"
    counts = (
        f"{figures['queries']:,} queries of {figures['labels']:,} labels in a gallery of "
        f"{figures['gallery']:,} pictures"
    )
    return (
        f"<h3>{escape(KINDS[kind])}</h3><p>{counts}</p><div><table><tr><th></th><th>mAP</th>"
        f"<th>R@1</th><th>gain in mAP</th></tr>{rows}</table></div>"
    )


def _ranged(values: Sequence[float]) -> str:
    mean, low, high = values
    return f"{mean:.3f} [{low:.3f}, {high:.3f}]"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _plot(figures: Mapping[str, Any], winner: str) -> str:
    """Draw the mAP of what is served, truncated and kept, with its ranges."""
    bars, at = "", 10
    for kind in (kind for kind in KINDS if kind in figures):
        bars += f'<text x="8" y="{at + 14}" class="kind">{kind} labels</text>'
        at += 24
        for name in ("served", "truncated", winner):
            mean, low, high = figures[kind]["variants"][name]["map"]
            title = TITLES.get(name, name)
            bars += (
                f'<text x="8" y="{at + 15}">{escape(title)}</text>'
                f'<rect x="150" y="{at}" width="{400 * mean:.1f}" height="20" class="{name}"/>'
                f'<path d="M{150 + 400 * low:.1f} {at + 10}H{150 + 400 * high:.1f}" class="range"/>'
                f'<text x="{158 + 400 * max(mean, high):.1f}" y="{at + 15}">{mean:.3f}</text>'
            )
            at += 26
        at += 10
    axis = "".join(
        f'<path d="M{150 + 4 * part} 4V{at}" class="grid"/>'
        f'<text x="{150 + 4 * part}" y="{at + 16}" class="tick">{part / 100:g}</text>'
        for part in range(0, 101, 25)
    )
    return (
        f'<svg viewBox="0 0 620 {at + 24}" role="img" aria-label="mAP before and after">'
        f"<title>mAP before and after</title>{axis}{bars}</svg>"
    )


def _example(example: Example) -> str:
    label = example.query.label
    rows = "".join(
        f"<tr><th>{title}</th>" + "".join(_result(each, label) for each in found) + "</tr>"
        for title, found in (("served", example.before), ("taught", example.after))
    )
    query = f"{_picture(example.query)}<p><bdi>{escape(label)}</bdi></p>"
    return f'<div class="example"><div>{query}</div><div><table>{rows}</table></div></div>'


def _result(result: Shown, label: str) -> str:
    right = result.label == label
    mark = '<span aria-label="right">✓</span>' if right else '<span aria-label="wrong">✗</span>'
    return (
        f'<td class="{"right" if right else "wrong"}">{_picture(result)}'
        f"<p>{mark} <bdi>{escape(result.label)}</bdi></p></td>"
    )


def _picture(shown: Shown) -> str:
    name = escape(shown.name)
    if shown.thumbnail is None:
        return f'<div class="missing" title="{name}">no picture</div>'
    data = base64.b64encode(shown.thumbnail).decode()
    return f'<img src="data:image/jpeg;base64,{data}" alt="{name}" title="{name}">'


_STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse}th,td{padding:.25rem .6rem;text-align:left;font-weight:normal}
tr+tr{border-top:1px solid #8884}div:has(>table){overflow-x:auto}
svg{width:100%;max-width:40rem;font-size:13px;fill:currentColor}
svg .served{fill:#8a8f98}svg .truncated{fill:#c0a060}svg .lda,svg .triplets{fill:#2a8c6e}
svg .range{stroke:currentColor;stroke-width:2}svg .grid{stroke:#8886}svg .tick{text-anchor:middle}
svg .kind{font-weight:bold}
.example{display:flex;gap:1rem;align-items:center;margin:1rem 0;border-top:1px solid #8884}
.example p{margin:0;font-size:.8rem;max-width:6.5rem;overflow-wrap:anywhere}
.example img,.missing{width:6rem;height:6rem;object-fit:contain;display:block}
.example td{padding:.2rem}.right img{outline:3px solid #2a8c6e}.wrong img{opacity:.75}
.missing{border:1px dashed;font-size:.8rem}
"""

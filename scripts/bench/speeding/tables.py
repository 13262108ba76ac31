"""Writes what the benches of speed and of cold starts found as tables of docs/speed.md."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.bench.pages import put_table

Told = Mapping[str, Any]
_SCRIPT = "scripts/bench/speed"

# What was aimed at, in milliseconds: a warm search with 100,000 images.
DOOR_AIMS = {"search with a picture": 10, "search by id": 3}
BARE_AIMS = {
    "ours / (decode + resize + run)": 1.10,
    "ours / (decode + run)": 1.10,
    "our decode / scaled libjpeg decode": 1.15,
}


def write(page: Path, speed: Told, cold: Told) -> None:
    """Put all tables into docs/speed.md."""
    put_table(page, _SCRIPT, "stages", stages(speed))
    put_table(page, _SCRIPT, "bare libraries", bare_libraries(speed))
    put_table(page, _SCRIPT, "imports", imports(speed))
    put_table(page, _SCRIPT, "searches", searches(speed))
    put_table(page, _SCRIPT, "whole door", whole_door(speed))
    put_table(page, _SCRIPT, "cold starts", cold_starts(cold))
    put_table(page, _SCRIPT, "parts", parts(cold))


def about(told: Told) -> str:
    """Say in one line what a table was measured on."""
    machine = told["machine"]
    flags = ", ".join(machine["flags"]) or "none of the usual flags"
    busy = " and ".join(f"{load:g}" for load in told["load before and after"])
    return (
        f"*{machine['processor']}, {machine['cores']} cores ({flags}), Python "
        f"{machine.get('python of the functions', machine['python'])}, onnxruntime "
        f"{machine['onnxruntime']}; load before and after: {busy}.*"
    )


def stages(told: Told) -> list[str]:
    """Tell the processor's milliseconds of a picture, by stage, ours beside ResNet50's."""
    lines = [
        "| picture | decode | resize | run | together | ResNet50: decode, resize, run | / ours |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for picture, sides in told["bytes to vector, ms"].items():
        ours, other = sides["lookalike"], sides.get("resnet50")
        cells = [f"{ours[stage]:.1f}" for stage in ("decode", "resize", "run")]
        cells.append(f"{sum(ours.values()):.1f}")
        if other:
            cells.append(", ".join(f"{other[stage]:.1f}" for stage in ("decode", "resize", "run")))
            cells.append(f"{sum(other.values()) / sum(ours.values()):.1f}")
        else:
            cells += ["not run", ""]
        lines.append(f"| {picture} | " + " | ".join(cells) + " |")
    return [*lines, "", about(told)]


def bare_libraries(told: Told) -> list[str]:
    """Tell how much longer ours takes than the bare libraries, beside what was aimed at."""
    found = told.get("bare libraries") or {}
    lines = ["| processor time | measured | aim, at most |", "| --- | --- | --- |"]
    for ratio, aim in BARE_AIMS.items():
        lines.append(f"| {ratio} | {found.get(ratio, 'not run')} | {aim:.2f} |")
    return lines


def searches(told: Told) -> list[str]:
    """Tell the latency of a search by size, with and without a filter, beside local mode."""
    lines = [
        "| images x width | embedded: p50, p95, processor, ms | with filter "
        "| recall@10, with filter | local mode | with filter | local / embedded | MB on disk "
        "| indexed in |",
        "| --- |" + " --- |" * 8,
    ]
    for size in told["search"]:
        ms, recall = size["ms"], size.get("recall at 10")
        embedded, local = (_milliseconds(ms, name) for name in ("embedded", "local mode"))
        shares = (
            [f"{recall[k]:.3f}" for k in ("embedded", "embedded, filter 1 %")] if recall else []
        )
        ratio = ""
        if "local mode" in ms:
            ratio = f"{ms['local mode']['processor'] / ms['embedded']['processor']:.1f}"
        took = f"{size['optimize, s']:g} s, {size.get('cores', told['machine']['cores'])} cores"
        cells = [_size(size), *embedded, ", ".join(shares) or "not run", *local, ratio]
        lines.append("| " + " | ".join([*cells, f"{size['disk, MB']:,.0f}", took]) + " |")
    if not all("recall at 10" in size for size in told["search"]):
        lines += ["", "Rows without a recall: vectors without clusters, images without hashes."]
    return [*lines, "", about(told)]


def _size(size: Told) -> str:
    return f"{size['points']:,} x {size.get('dims', 1280):,}"


def _milliseconds(ms: Told, name: str) -> list[str]:
    return [_figures(ms.get(kind)) for kind in _with_filter(name)]


def _with_filter(name: str) -> tuple[str, str]:
    return name, f"{name}, filter 1 %"


def _figures(found: Told | None) -> str:
    return f"{found['p50']:g}, {found['p95']:g}, {found['processor']:g}" if found else "not run"


def whole_door(told: Told) -> list[str]:
    """Tell what a warm call takes from the request to the answer, beside what was aimed at."""
    found = told.get("whole door") or {"ms": {}}
    over = f", {found['points']:,} images" if "points" in found else ""
    lines = [
        f"| warm call{over} | p50, p95, processor, ms | aim with 100,000 images, ms |",
        "| --- | --- | --- |",
    ]
    for call in [*DOOR_AIMS, *(call for call in found["ms"] if call not in DOOR_AIMS)]:
        ms = found["ms"].get(call)
        lines.append(
            f"| {call} | {_figures(ms) if ms else 'not run'} | {DOOR_AIMS.get(call, '')} |"
        )
    return lines


def imports(told: Told) -> list[str]:
    """Tell pictures per second of an import, and the memory that each side took."""
    lines = ["| what | measured |", "| --- | --- |"]
    if rates := told["import"]:
        one, all_ = rates["pictures/s on one core"], rates["pictures/s on all cores"]
        lines += [
            f"| import on one core, pictures a second, by round | {', '.join(map(str, one))} |",
            f"| import on all cores | {', '.join(map(str, all_))} |",
            f"| all / one (aim, on two cores: at least 1.8) | {rates['all / one']} |",
        ]
    else:
        lines.append("| import | not run |")
    lines += [f"| peak memory, {side} | {mb} MB |" for side, mb in told["peak MB"].items()]
    lines += [
        f"| peak memory, {_size(size)} and their local mode copy if run "
        f"| {size['process, peak MB']} MB |"
        for size in told["search"]
    ]
    return lines


def cold_starts(told: Told) -> list[str]:
    """Tell the time from the start of a process to its first answer, beside hello world."""
    lines = [
        "| function | clock, ms | processor, ms | clock / hello world | processor / hello world |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name in ("hello world", "search", "search, as deployed"):
        took = told[name]
        cells = [f"{took[f'{clock}, ms']:,}" for clock in ("clock", "processor")]
        for clock in ("clock", "processor"):
            spread = took.get(f"{clock} / hello world: median, least, most")
            best = took.get(f"{clock} / hello world: best by best")
            cells.append(
                "{:.2f} ({:.2f} to {:.2f}); {:.2f}".format(*spread, best) if spread else "1"
            )
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, "", about(told)]


def parts(told: Told) -> list[str]:
    """Tell what a cold start spends its processor time on."""
    both = told["parts, ms"]
    plain, deployed = both["search"], both["search, as deployed"]
    lines = ["| part, ms of the processor | search | as deployed |", "| --- | --- | --- |"]
    for part in plain:
        cells = (plain[part]["processor"], deployed[part]["processor"])
        lines.append(f"| {part} | {cells[0]} | {cells[1]} |")
    return lines

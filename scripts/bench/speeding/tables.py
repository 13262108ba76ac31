"""Writes what the benches of speed and of cold starts found as tables of docs/speed.md."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Told = Mapping[str, Any]


def put(page: Path, name: str, lines: Sequence[str]) -> None:
    """Replace what stands between the marks of this name in a page."""
    begin, end = f"<!-- written by scripts/bench/speed: {name} -->", "<!-- end -->"
    before, found, rest = page.read_text().partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"{page.name} has no place for {name}: {begin} ... {end}")
    page.write_text("\n".join([before + begin, "", *lines, "", end + after]))


def write(page: Path, speed: Told, cold: Told) -> None:
    """Put all tables into docs/speed.md."""
    put(page, "stages", stages(speed))
    put(page, "imports", imports(speed))
    put(page, "searches", searches(speed))
    put(page, "cold starts", cold_starts(cold))
    put(page, "parts", parts(cold))


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


def searches(told: Told) -> list[str]:
    """Tell the latency of a search by size, with and without a filter, beside local mode."""
    lines = [
        "| images | embedded: p50, p95, processor, ms | with filter | local mode | with filter "
        "| local / embedded | MB on disk | indexed in |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for size in told["search"]:
        ms = size["ms"]
        cells = [f"{size['points']:,}"]
        for name in ("embedded", "local mode"):
            for kind in (name, f"{name}, filter 1 %"):
                found = ms.get(kind)
                figures = found and f"{found['p50']:g}, {found['p95']:g}, {found['processor']:g}"
                cells.append(figures or "not run")
        local = ms.get("local mode")
        ratio = f"{local['p50'] / ms['embedded']['p50']:.1f}" if local else ""
        cells += [ratio, f"{size['disk, MB']:,}", f"{size['optimize, s']:g} s"]
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, "", about(told)]


def imports(told: Told) -> list[str]:
    """Tell pictures per second of an import, and the memory that each side took."""
    lines = ["| what | measured |", "| --- | --- |"]
    if rates := told["import"]:
        one, all_ = rates["pictures/s on one core"], rates["pictures/s on all cores"]
        lines += [
            f"| import on one core, pictures a second, by round | {', '.join(map(str, one))} |",
            f"| import on all cores | {', '.join(map(str, all_))} |",
            f"| all / one | {rates['all / one']} |",
        ]
    else:
        lines.append("| import | not run |")
    lines += [f"| peak memory, {side} | {mb} MB |" for side, mb in told["peak MB"].items()]
    lines += [
        f"| peak memory, {size['points']:,} images and their local mode copy if run "
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

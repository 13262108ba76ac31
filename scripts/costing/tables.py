"""Tables of docs/cost.md, and how sums and durations are written in them. Knows no price."""

from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """Write a table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(map(str, cells)) + " |" for cells in lines)


def money(usd: float) -> str:
    """Write a sum; what costs something is never written as nothing."""
    if 0 < usd < 0.005:
        return "< 0.01"
    return f"{usd:,.2f}" if usd < 1000 else f"{usd:,.0f}"


def duration(hours: float) -> str:
    """Write a duration in its largest unit."""
    if hours < 1:
        return f"{hours * 60:.0f} min"
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"

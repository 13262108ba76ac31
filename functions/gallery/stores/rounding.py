"""Numbers in the form in which they are filtered and sorted, which survives JSON.

Both of Qdrant's libraries read a decimal as an integer times a power of ten, in float64. That is
exact up to 2**53 and 10**22; beyond, 645 of 6,000 decimals came back one unit in the last place
off.
"""

from decimal import Context, Decimal

_KEPT = Context(prec=15, Emin=-8, traps=[])  # 15 significant digits, at most 22 decimal places


def rounded(number: float) -> float:
    """Round to what is kept of a number; integers stay, and whole numbers become integers."""
    if isinstance(number, int):
        return number
    kept = float(_KEPT.create_decimal_from_float(number))
    return int(kept) if kept.is_integer() else kept


def midpoint(number: float, *, up: bool) -> float:
    """Return the middle between a number and the next one that is kept.

    A stored value that is a unit or two off is still on the same side of it.
    """
    kept = _KEPT.create_decimal_from_float(number)
    return float((kept + (kept.next_plus(_KEPT) if up else kept.next_minus(_KEPT))) / Decimal(2))

"""Amounts as the value model has them."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from pov.reporting.standalone.known import N

A_QUARTER = {"week": Decimal(13), "month": Decimal(3), "quarter": Decimal(1), "year": Decimal("0.25")}
WHOLE = {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"}
THOUSANDTHS = {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}
HUNDRED = Decimal(100)


def money(value: Any) -> Decimal | None:
    """An input's figure: a number, or an amount such as `95.50 EUR`. Raises for one that no page could print."""
    if value is None:
        return None
    found = Decimal(str(value).partition(" ")[0])
    if not found.is_finite() or (found and not -18 < found.adjusted() < 18):
        raise ValueError(f"{str(value)[:20]} is no amount")
    return found


def rounded(value: Decimal, places: int) -> Decimal:
    """A half away from zero, and what is as near to one as a spreadsheet can tell."""
    nudge = Decimal(1).scaleb(-places - 4).copy_sign(value)
    return (value + nudge).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP) + 0


def whole(value: Decimal) -> str:
    """Without its fraction."""
    shown = rounded(value, 0)
    return f"{'−' if shown < 0 else ''}{abs(shown):,f}".replace(",", N)


def given_as(value: Decimal) -> str:
    """An input as it was given: three digits where it was computed."""
    if abs(value) >= 1000:
        return whole(value)
    short = Decimal(f"{value:.3g}") if len(value.normalize().as_tuple().digits) > 4 else value
    return f"{short.normalize():f}".replace("-", "−")


def tenths(hours: Decimal) -> str:
    """Hours with one decimal."""
    return f"{hours:.1f}".replace("-", "−")

"""Money and hours of a value model as a reader meets them: whole units, thin spaces, a true minus."""

from __future__ import annotations

from decimal import Decimal

from pov.base.money import rounded
from pov.reporting.numbers import NARROW

_THOUSAND = 1000


def whole(amount: Decimal) -> str:
    """A number without its fraction: `1 664`, `−12`."""
    figure = f"{abs(rounded(amount, 0)):,f}".replace(",", NARROW)
    return f"−{figure}" if rounded(amount, 0) < 0 else figure


def amount(value: Decimal, currency: str) -> str:
    """Money in whole units of its currency."""
    return f"{whole(value)}{NARROW}{currency}"


def figure(value: Decimal) -> str:
    """An input as it was given: as many digits as it has, three significant ones where it was computed."""
    if abs(value) >= _THOUSAND:
        return whole(value)
    digits = len(value.normalize().as_tuple().digits)
    short = Decimal(f"{value:.3g}") if digits > 4 else value
    return f"{short.normalize():f}".replace("-", "−")


def with_unit(value: Decimal, unit: str) -> str:
    """An input with its unit: `45 min`, `20 a week`, `90 EUR`."""
    return f"{figure(value)}{NARROW}{unit}"


def quarter(number: int | None) -> str:
    """When something has paid back."""
    return "not within three years" if number is None else f"end of quarter {number}"

"""Figures as a reader meets them: a sensible number of digits, a unit, thin spaces between thousands."""

from __future__ import annotations

import math

NARROW = "\u202f"
"""Narrow no-break space: between a figure and its unit, and between thousands."""


def seconds_parts(value: float) -> tuple[str, str]:
    """A duration in seconds as (figure, unit): seconds up to 10 minutes, then minutes."""
    if value >= 600:
        return plain(round(value / 60, 1)), "min"
    if value >= 100:
        return plain(round(value)), "s"
    return (f"{value:.1f}" if value >= 1 else f"{value:.2f}"), "s"


def seconds(value: float | None) -> str:
    """A duration in seconds with its unit; a dash for none."""
    if value is None:
        return "–"
    return NARROW.join(seconds_parts(value))


def span(low: float, high: float) -> str:
    """A range of seconds, both ends shown."""
    first, unit = seconds_parts(low)
    last, unit_of_last = seconds_parts(high)
    first += "" if unit == unit_of_last else NARROW + unit
    return f"{first} – {last}{NARROW}{unit_of_last}"


def count(value: float | None) -> str:
    """A whole number with its thousands apart; a dash for none."""
    if value is None:
        return "–"
    return f"{round(value):,}".replace(",", NARROW)


def kinds(hard: int, late: int) -> str:
    """Failures by kind, hard ones first: `9 hard, 0 late`. None of either is 0."""
    return f"{count(hard)} hard, {count(late)} late" if hard or late else "0"


def plain(value: float) -> str:
    """A number without needless zeros: 180 rather than 180.0."""
    return count(value) if float(value).is_integer() else f"{value:g}"


def percent(share: float) -> str:
    """A share in [0, 1] as percent, with enough digits to tell it from nothing."""
    value = share * 100
    return f"{value:.0f}{NARROW}%" if value >= 10 or value == 0 else f"{value:.2g}{NARROW}%"


def share(value: float) -> str:
    """A share in [0, 1] as percent with one decimal: for those that are near a limit."""
    return f"{value * 100:.1f}{NARROW}%"


def plural(number: int, one: str, many: str = "") -> str:
    """`3 trials`, `1 trial`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def listing(items: list[str]) -> str:
    """`a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""


def short(text: str, most: int) -> str:
    """The text up to `most` characters, cut at a word; for page one, where another page has it in full."""
    text = " ".join(text.split())
    if len(text) <= most:
        return text
    cut = text[: most - 1]
    return f"{cut.rpartition(' ')[0] or cut}…"


def nice_axis(highest: float, ticks: int = 4) -> tuple[float, ...]:
    """Ticks of a linear axis from 0 that holds `highest`: about `ticks` steps of 1, 2, 2.5, 5 or 10 powers of ten."""
    if not highest > 0 or not math.isfinite(highest):
        return (0.0, 1.0)
    rough = highest / ticks
    power: float = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    return tuple(step * i for i in range(math.ceil(highest / step - 1e-9) + 1))

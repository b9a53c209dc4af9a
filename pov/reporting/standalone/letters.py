"""Values as lines of text, and as the report prints them."""

from __future__ import annotations

import math
from typing import Any

from pov.reporting.standalone.known import N


def count(value: float) -> str:
    """A whole number with its thousands apart."""
    return f"{round(value):,}".replace(",", N)


def plain(value: float) -> str:
    """A number without needless zeros."""
    return count(value) if float(value).is_integer() else f"{value:g}"


def parts(value: float) -> tuple[str, str]:
    """A duration as the report prints it: figure and unit."""
    if value >= 600:
        return plain(round(value / 60, 1)), "min"
    return (plain(round(value)) if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"), "s"


def seconds(value: float | None) -> str:
    """A duration with its unit."""
    return "–" if value is None else N.join(parts(value))


def span(low: float, high: float) -> str:
    """A range of durations."""
    (first, unit), (last, unit_of_last) = parts(low), parts(high)
    return f"{first}{'' if unit == unit_of_last else N + unit} – {last}{N}{unit_of_last}"


def factor(value: float) -> str:
    """A ratio."""
    shown = f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"
    return f"{value:.0f}" if value >= 100 else shown


def cut(text: str, most: int) -> str:
    """A long name or title as page one has it."""
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1].rpartition(' ')[0] or text[: most - 1]}…"


def mapping(value: Any) -> dict[str, Any]:
    """The value if it is a mapping, or an empty one."""
    return value if isinstance(value, dict) else {}


def line(value: Any) -> str:
    """Any recorded value as a line of text; nothing for none."""
    return "" if value is None else printed(str(value))


def plural(number: int, one: str, many: str = "") -> str:
    """`3 trials`, `1 trial`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def listing(items: list[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)


def axis(highest: float) -> list[float]:
    """Ticks from 0 on: about four steps of 1, 2, 2.5, 5 or 10 powers of ten."""
    if not highest > 0:
        return [0.0, 1.0]
    power = 10.0 ** math.floor(math.log10(highest / 4))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= highest / 4 * 0.999)
    return [round(step * i, 9) for i in range(math.ceil(highest / step - 1e-9) + 1)]


def printed(text: str) -> str:
    """A recorded text as it is printed: one line without control characters."""
    return "".join(c if c.isprintable() or c in "\u200c\u200d" else " " for c in text).strip()


def percent(value: float) -> str:
    """A share as percent, without the sign."""
    return f"{value * 100:.0f}" if value * 100 >= 10 or value == 0 else f"{value * 100:.2g}"

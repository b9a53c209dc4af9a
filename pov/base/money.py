"""Money as an exact number with its currency, and the one way in which it is rounded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

MOST = Decimal(10**12)
"""The largest amount that is read: above it somebody mistyped."""
_WRITTEN = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?) ([A-Z]{3})")
_WHOLE = {
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF",
}  # fmt: skip
_THOUSANDTHS = {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}
_MINOR_DIGITS = {**dict.fromkeys(_WHOLE, 0), **dict.fromkeys(_THOUSANDTHS, 3)}
"""Digits of the minor unit by ISO 4217 code, where they are not two."""


@dataclass(frozen=True)
class Money:
    """An amount in a currency by its ISO 4217 code, such as `95.50 EUR`."""

    amount: Decimal
    currency: str

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}"


def parse(text: object) -> Money:
    """Read `95.50 EUR`. Raises `ValueError` with the reason."""
    found = _WRITTEN.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"must be an amount with its currency, not {text!r}")
    amount, currency = Decimal(found[1]), found[2]
    if abs(amount) > MOST:
        raise ValueError(f"must be at most {MOST:f}, not {text}")
    if -int(amount.as_tuple().exponent) > digits(currency):
        raise ValueError(f"is finer than {currency} is paid in, not {text}")
    return Money(amount, currency)


def digits(currency: str) -> int:
    """How many digits the currency's minor unit has: 2 for EUR, 0 for JPY."""
    return _MINOR_DIGITS.get(currency, 2)


NUDGE = 4
"""Digits beyond the last one at which a half is no longer told from what is just below it.

Binary fractions of a spreadsheet do not hold most halves: with this nudge away from zero, every one rounds them alike.
"""


def rounded(amount: Decimal, places: int) -> Decimal:
    """To `places` digits, a half away from zero: a spreadsheet's `ROUND(x + 0.000001, 2)` for two digits and x > 0."""
    nudge = Decimal(1).scaleb(-places - NUDGE).copy_sign(amount)
    return (amount + nudge).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP) + 0

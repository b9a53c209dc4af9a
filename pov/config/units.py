"""Numbers, flags, days, durations and Kubernetes quantities, as people write them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Annotated

from pydantic import BeforeValidator, Field

_DAY = re.compile(r"\d{4}-")
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_CPU = re.compile(r"(\d+)m|(\d+(?:\.\d+)?)")
_MEMORY = re.compile(r"(\d+)(Ki|Mi|Gi)")
_MEMORY_FACTOR = {"Ki": 1 / 1024, "Mi": 1.0, "Gi": 1024.0}


Whole = Annotated[int, Field(strict=True)]
"""A whole number: no text, no `true`, no 2.0. YAML's `yes` and `"3"` would pass for 1 and 3 otherwise."""
Real = Annotated[float, Field(strict=True, allow_inf_nan=False)]
"""A number that can be counted with: no text, no `true`, no `.inf` and no `.nan`."""
Flag = Annotated[bool, Field(strict=True)]
"""`true` or `false`, and nothing that only reads like it."""


def seconds(text: str) -> int:
    """`"24h"`, `"1h30m"` or `"30s"` in seconds. Raises `ValueError` with an example."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None or not text:
        raise ValueError(f"`{text}` is no duration; write for example 24h, 90m or 30s")
    hours, minutes, rest = (int(group or 0) for group in match.groups())
    return hours * 3600 + minutes * 60 + rest


def millicores(text: str) -> int:
    """`"20m"` or `"0.5"` in thousandths of a core."""
    match = _CPU.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"`{text}` is no amount of CPU; write for example 20m or 0.5")
    return int(match[1]) if match[1] else round(float(match[2]) * 1000)


def mebibytes(text: str) -> float:
    """`"64Mi"` or `"1Gi"` in MiB."""
    match = _MEMORY.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"`{text}` is no amount of memory; write for example 64Mi or 1Gi")
    return int(match[1]) * _MEMORY_FACTOR[match[2]]


def _checked(convert: Callable[[str], float]) -> BeforeValidator:
    # Before pydantic's own check of the type, so that `ttl: 10` is told about its unit and not about text.
    def check(text: str) -> str:
        convert(text)
        return text

    return BeforeValidator(check)


Duration = Annotated[str, _checked(seconds)]
Cpu = Annotated[str, _checked(millicores)]
Memory = Annotated[str, _checked(mebibytes)]


def _day(given: object) -> object:
    # Without this a number would count as seconds since 1970: `when: 0` would be its first day.
    if isinstance(given, date) or (isinstance(given, str) and _DAY.match(given)):
        return given
    raise ValueError(f"must be a date such as 2026-10-01, not {given!r}")


Day = Annotated[date, BeforeValidator(_day)]

"""How far a compile is, and how long it still takes at the pace of this machine."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from pov.base.files import write_atomic
from pov.base.paths import cache_root

Say = Callable[[str], None]

USUAL_S: Mapping[str, float] = MappingProxyType({"engines": 0.10, "host-programs": 0.10, "gitea": 0.14, "tofu": 0.12})
"""Seconds a package on two quiet cores, by component: what is assumed of a machine that has not built it yet."""

_OTHER_S = 0.12
_TELL_EVERY_S = 0.5
_TELLING = 200
"""Packages from which on a compile tells a machine's pace: a few can all be small ones, or all large."""


def pace_file() -> Path:
    """What earlier compiles on this machine took, beside the bundle that they made."""
    return cache_root() / "bundle" / "pace.json"


def usual_s(name: str) -> float:
    """Seconds a package of this component: as the last time on this machine, else as shipped."""
    found = _learnt().get(name)
    return found if found is not None else USUAL_S.get(name, _OTHER_S)


def _learnt() -> dict[str, float]:
    try:
        found = json.loads(pace_file().read_text())
    except (OSError, ValueError):
        return {}
    # A file of the cache is a hint: whatever else stands in it is no reason to fail.
    known = found.items() if isinstance(found, dict) else ()
    return {str(name): float(value) for name, value in known if isinstance(value, int | float) and value > 0}


def _learn(name: str, value: float) -> None:
    pace_file().parent.mkdir(parents=True, exist_ok=True)
    write_atomic(pace_file(), json.dumps({**_learnt(), name: round(value, 4)}, indent=1))


class Compiling:
    """A compile under way: hears of each package, tells how many of how many are done and about what time is left."""

    def __init__(self, name: str, total: int, say: Say, clock: Callable[[], float] = time.monotonic) -> None:
        self._name, self._total, self._say, self._clock = name, total, say, clock
        self._usual_s = usual_s(name)
        self._started = clock()
        self._told_at: float | None = None
        self._done = 0

    def heard(self, package: str) -> None:
        """One more is compiled. Told at most twice a second, and when it was the last."""
        self._done += 1
        now = self._clock()
        if self._done != self._total and self._told_at is not None and now - self._told_at < _TELL_EVERY_S:
            return
        self._told_at = now
        if self._done >= self._total:
            self._say(f"{self._done:,} package{'s' if self._done > 1 else ''} compiled, linking")
            return
        left = _in_words(self.left_s(now))
        self._say(f"{self._done:,} of {self._total:,} packages compiled, about {left} left: {package}")

    def left_s(self, now: float) -> float:
        """Seconds until all are compiled: at first by what is usual, from the half on by what has been seen alone."""
        left = max(0, self._total - self._done)
        if self._done == 0:
            return left * self._usual_s
        seen_s = (now - self._started) / self._done
        trust = min(1.0, 2 * self._done / self._total)
        return left * (trust * seen_s + (1 - trust) * self._usual_s)

    def finished(self) -> None:
        """Everything is compiled and linked: remember the pace, if it was enough to tell one."""
        if self._done >= _TELLING:
            _learn(self._name, (self._clock() - self._started) / self._done)


def _in_words(seconds: float) -> str:
    if seconds < 90:
        return f"{max(10, round(seconds, -1)):.0f} s"
    return f"{seconds / 60:.0f} min"

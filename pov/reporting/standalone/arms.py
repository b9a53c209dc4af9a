"""The trials of one arm, and two arms beside each other."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from typing import Any

from pov.reporting.standalone.fitting import is_a
from pov.reporting.standalone.inference import bounded, ratio
from pov.reporting.standalone.known import COMPARED_FROM, NAMES, N
from pov.reporting.standalone.letters import count, factor, plural, printed, span
from pov.reporting.standalone.shapes import COUNT, NUMBER

FAILURES = ("failed", "hard", "late", "failed_handshakes", "hard_handshakes")
"""Figures of an operation's own failures. Others that count some are of a window of their own."""


class Arm:
    """The trials of one way of doing it: medians over the good ones, failures over all of them."""

    def __init__(self, trials: list[dict[str, Any]]) -> None:
        self.trials = trials
        self.good = [t for t in trials if t.get("ok") is True and isinstance(t.get("seconds"), int | float)]
        self.times = [float(t["seconds"]) for t in self.good]
        self.failed = len(trials) - len(self.good)
        seen = [t["traffic"]["operation"] for t in trials if t.get("traffic")]
        self.counts = {n: sum(int(s.get(n) or 0) for s in seen) for n in NAMES} if seen else None

    @property
    def median(self) -> float | None:
        """Of the good ones."""
        return statistics.median(self.times) if self.times else None

    def total(self, *names: str) -> int:
        """Requests of some kinds, added up."""
        return sum(self.counts[name] for name in names) if self.counts else 0

    def kinds(self, metric: dict[str, Any]) -> tuple[int, int] | None:
        """The hard and the late ones in a sum of both; None for any other metric."""
        figure, c = metric["figure"], self.counts
        if not metric.get("counts") or metric.get("aggregation") != "sum":
            return None
        of = {"failed": ("requests", "hard", "late"),
              "failed_handshakes": ("handshakes", "hard_handshakes", "late_handshakes")}.get(figure)  # fmt: skip
        if c and of:
            return (c[of[1]], c[of[2]]) if c[of[0]] else None
        told = [t for t in self.trials if is_a((t.get("figures") or {}).get(figure), NUMBER)]
        details: list[Any] = [(t.get("details") or {}).get(f"{figure}_hard") for t in told]
        hard = [int(found) for found in details if is_a(found, COUNT)]
        if not hard or len(hard) < len(told):
            return None
        late = int(sum(t["figures"][figure] for t in told)) - sum(hard)
        return (sum(hard), late) if late >= 0 else None

    def observe(self, metric: dict[str, Any]) -> tuple[float | None, int]:
        """A metric's value over the trials, and how much of it this machine may answer for."""
        figure, c = metric["figure"], self.counts
        if c and figure in FAILURES:
            if not c["handshakes" if "handshakes" in figure else "requests"]:
                return None, 0
            shaken = [t["traffic"]["operation"].get("excused_handshakes") for t in self.trials if t.get("traffic")]
            late = min(c["excused"], c["late_handshakes"]) if None in shaken else sum(shaken)  # not told apart once
            told = {
                "failed": (c["hard"] + c["late"], c["excused"]),
                "hard": (c["hard"], 0),
                "late": (c["late"], c["excused"]),
                "failed_handshakes": (c["hard_handshakes"] + c["late_handshakes"], late),
                "hard_handshakes": (c["hard_handshakes"], 0),
            }[figure]
            return float(told[0]), told[1]
        trials = self.trials if metric.get("counts") else self.good
        values = [t.get("seconds") if figure == "seconds" else (t.get("figures") or {}).get(figure) for t in trials]
        numbers = [float(v) for v in values if isinstance(v, int | float)]
        if not numbers:
            return None, 0
        of_all = {"max": max(numbers), "min": min(numbers), "sum": sum(numbers)}
        found = float(of_all.get(metric.get("aggregation", ""), statistics.median(numbers)))
        if not metric.get("counts") or metric.get("aggregation") != "sum":
            return found, 0
        noted: list[Any] = [(t.get("details") or {}).get(f"{figure}_excused") for t in self.trials]
        return found, sum(int(one) for one in noted if is_a(one, COUNT))

    def lost_by_kind(self, metric: dict[str, Any], excused: int) -> str:
        """What failed by kind, as it stands before the number of trials; of a figure's own window, if it has one."""
        of_all = (self.counts["hard"], self.counts["late"], self.counts["excused"]) if self.counts else None
        if not metric.get("counts"):
            return ""
        if metric["figure"] not in FAILURES:
            kinds = self.kinds(metric)
            of_all = (*kinds, excused) if kinds else None
            if of_all is None and excused:
                return f"{excused} of them excused, "
        return "" if of_all is None else f"{of_all[0]} hard, {of_all[1]} late ({of_all[2]} of them excused), "


def amount(value: Any) -> float:
    """A number that is finite and not negative; anything else is nothing."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    return float(value) if known else 0.0


class Pair:
    """Two arms by their seconds: what they were to each other, and what may be said of that.

    `adjusted` is the p after Holm's correction; `smallest` the ratio from which on this machine can tell a difference.
    """

    def __init__(
        self,
        names: tuple[str, str],
        arms: tuple[Arm, Arm],
        adjusted: float | None = None,
        smallest: float | None = None,
    ) -> None:
        self.names, self.smallest = names, smallest
        self.base, self.other = arms
        base, other = (own.times for own in arms)
        self.value, self.low, self.high, self.coverage = ratio(base, other)
        self.few = min(len(base), len(other)) < COMPARED_FROM
        self.wholly = max(base) < min(other) or max(other) < min(base)
        self.apart = self.low is not None and self.high is not None and not self.low <= 1 <= self.high
        self.too_small = smallest is not None and 1 / smallest <= self.value <= smallest
        clear = self.wholly or (self.apart and not (adjusted is not None and adjusted > 0.05))
        self.shorter = self.value > 1 if clear and not self.few and not self.too_small else None

    @property
    def told(self) -> str:
        """The ratio with its interval, as far as there is one."""
        if self.low is None or self.high is None:
            return factor(self.value)
        covers = f"{self.coverage * 100:.1f}{N}%"
        return f"{factor(self.value)} ({covers} interval {factor(self.low)} – {factor(self.high)})"

    @property
    def unclear(self) -> str:
        """Why the trials leave it open."""
        if self.too_small and self.smallest is not None:
            return f"Less than the {factor(self.smallest)} times that this machine can tell"
        if self.apart:
            return "Not clear among so many comparisons"
        return "The ranges overlap" if self.low is None else "The interval of the ratio holds 1"


def reach(own: Arm) -> str:
    """An arm's range of seconds, as it stands below its median."""
    if len(own.times) > 1:
        return span(min(own.times), max(own.times))
    return "one trial" if own.times else "no successful trial"


def n_of(own: Arm) -> str:
    """How many trials an arm stands on."""
    return f"n{N}={N}{len(own.good)}" + (f", {own.failed} failed" if own.failed else "")


def loss(own: Arm) -> str:
    """An arm's failed requests by kind, as the report words them."""
    c = own.counts
    if c is None:
        return "requests not recorded"
    of = f"of {count(c['requests'])} request{'' if c['requests'] == 1 else 's'}"
    if not c["hard"] + c["late"]:
        return f"none {of} failed"
    late = f"{count(c['late'])} late"
    if c["excused"]:
        late += f" ({'all' if c['excused'] == c['late'] else count(c['excused'])} while this machine stalled)"
    return f"{count(c['hard'])} hard, {late} {of}"


def numbers(own: Arm) -> str:
    """An arm's sample numbers as they are printed."""
    found = [t["n"] for t in own.trials]
    if len(found) <= 12:
        return ", ".join(map(str, found))
    return f"{', '.join(map(str, found[:10]))} … {found[-1]} ({len(found)})"


def by_cause(label: str, own: Arm) -> list[list[str]]:
    """An arm's causes of failures by kind and text: on how many edges, in how many trials, how many requests."""
    edges: dict[tuple[str, str], set[str]] = {}
    trials: dict[tuple[str, str], set[int]] = {}
    requests: Counter[tuple[str, str]] = Counter()
    for t in own.trials:
        for cause in (t.get("traffic") or {}).get("causes") or []:
            key = (cause["kind"], printed(cause["text"]))
            edges.setdefault(key, set()).add(cause["edge"])
            trials.setdefault(key, set()).add(t["n"])
            requests[key] += cause["count"]
    ranked = sorted(requests, key=lambda key: (key[0], -requests[key], key[1]))
    of = f" of {len(own.trials)}"
    rows = [
        [label, *key, count(len(edges[key])), f"{len(trials[key])}{of}", count(requests[key])] for key in ranked[:8]
    ]
    rest = ranked[8:]
    more = [label, "", plural(len(rest), "rarer cause"), "", "", count(sum(requests[key] for key in rest))]
    return [*rows, more] if rest else rows


def rare(label: str, own: Arm) -> list[list[str]]:
    """An arm's rows of bounds: per trial, new connection, request; hard, late, and trials that failed."""
    seen = [c for t in own.trials if t.get("traffic") for c in [t["traffic"]["operation"]] if c.get("requests")]
    sums = {name: sum(int(c.get(name) or 0) for c in seen) for name in NAMES}
    any_of = [sum(1 for c in seen if c.get(kind)) for kind in ("hard", "late")]
    kinds: dict[str, list[tuple[int, int]]] = {
        "trial with any": [(any_of[0], len(seen)), (any_of[1], len(seen)), (own.failed, len(own.trials))],
        "new connection": [
            (sums["hard_handshakes"], sums["handshakes"]),
            (sums["late_handshakes"], sums["handshakes"]),
        ],
        "request": [(sums["hard"], sums["requests"]), (sums["late"], sums["requests"])],
    }
    rows = []
    for per, cells in kinds.items():
        known = [of for _, of in cells if of]
        if known:
            told = [text for cell in [*cells, (0, 0)][:3] for text in bounded(*cell)]
            rows.append([label, per, count(known[0]), *told])
    return rows

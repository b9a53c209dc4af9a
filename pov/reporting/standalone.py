"""Check a report by the files attached to it, without whoever made it: python3 -I -S verify.py [FOLDER]

This file imports nothing but Python's standard library. It computes the chain of samples, the order that the seed gives
and in which they came, the criteria's outcomes, the figures of the report's first pages, what order and rare failures
say, what the platform takes, and the value model on them again, and says in one line each what does not match, by file
and place. What it does not compute it names, with the reason. It reads report.json, from which the PDF was drawn: that
both are the same is for `pov verify report.pdf` to show, or for your eyes. Sentences of page one and of experiments are
compared word by word with those that the samples give, all other figures place by place. Signatures are for ssh-keygen:
the commands are printed. It ends with 1 if anything does not match.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import re
import statistics
import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import cached_property, lru_cache
from itertools import accumulate, combinations, pairwise, takewhile, zip_longest
from pathlib import Path
from typing import Any

N = "\u202f"
NAMES = ("requests", "hard", "late", "excused", "handshakes", "hard_handshakes", "late_handshakes")
TOLD = {
    "decision",
    "experiments",
    "steps",
    "rest",
}  # sections whose every sentence and figure has to follow from what was saved
VALUE = "value.json"
VALUED = "The decision"  # a heading on page one: what stands below it comes from the value model
EXAMPLE = "EXAMPLE: made up to show the form, stated by nobody"
SIMULATED = "In simulation, intervals of this kind covered"  # quoted from QUOTED, which is simulated anew here
DRAWS, WITHIN = 10_000, 2.0  # so many draws here, and points by which chance may set both apart
SIZES = (3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30)  # of the smaller arm in the cases that are simulated
SPREADS = (1.0, 2.0, 4.0, 8.0)  # how many times as much the one arm spreads in them
SHORT = 9450  # hundredths of a percent: below this the report has to say that an interval covers less than 95 %
QUOTED = {  # coverage in such hundredths by size, the worse of two shapes: which arm spreads more, and how much more
    ("equal", 1.0): (0, 9696, 9663, 9563, 9607, 9496, 9586, 9545, 9536, 9556, 9489, 9488, 9499),
    ("equal", 2.0): (0, 9609, 9610, 9515, 9523, 9389, 9527, 9479, 9453, 9429, 9407, 9411, 9410),
    ("equal", 4.0): (0, 9409, 9478, 9522, 9334, 9259, 9431, 9317, 9315, 9278, 9247, 9224, 9236),
    ("equal", 8.0): (0, 9187, 9406, 9532, 9122, 9175, 9366, 9150, 9116, 9125, 9077, 9080, 9097),
    ("fewer", 1.0): (9514, 9510, 9627, 9564, 9537, 9552, 9562, 9496, 9512, 9499, 9495, 9501, 9501),
    ("fewer", 2.0): (8993, 9087, 9284, 9204, 9164, 9194, 9168, 9122, 9146, 9134, 9121, 9119, 9090),
    ("fewer", 4.0): (8348, 8852, 9121, 8815, 8844, 8983, 8786, 8831, 8782, 8774, 8794, 8730, 8712),
    ("fewer", 8.0): (7928, 8701, 9161, 8426, 8715, 8886, 8529, 8666, 8587, 8593, 8635, 8608, 8546),
    ("more", 1.0): (9535, 9480, 9580, 9538, 9526, 9538, 9508, 9497, 9520, 9524, 9510, 9494, 9494),
    ("more", 2.0): (9689, 9654, 9736, 9744, 9699, 9699, 9702, 9689, 9687, 9670, 9687, 9658, 9639),
    ("more", 4.0): (9742, 9635, 9748, 9714, 9689, 9718, 9689, 9670, 9687, 9669, 9647, 9641, 9681),
    ("more", 8.0): (9686, 9562, 9722, 9709, 9629, 9702, 9631, 9649, 9610, 9603, 9616, 9618, 9587),
}
BUSY = 2.0  # runnable tasks a core, mean of the minute before: with more of them a trial began on a busy machine
BOXES = "above all"  # where the boxes stand that page one begins with
STATED, CRITERIA = 4, 5  # so many stated figures and criteria stand on page one, the others further back
FEW, MANY, FEWER = 2, 8, 6  # up to so many experiments there is room for large figures, and for so many findings; else
COMPARED_FROM, COLUMNS = 3, 3  # trials an arm; arms in the table of more experiments than there is room for in large
NOBODY = "set by this toolkit's scenario, agreed by nobody"
SIGNED = "signed by whom is for ssh-keygen to tell"  # stands for what page one says of that
SIGNERS, ALONE = "allowed_signers", "self-attested: nobody else signed criteria or run"
WORST_FIRST = ["fail", "not shown", "does not tell apart", "pass"]
APART = {"placebo", "negative", "person"}  # kinds of arms that are never shown beside those that a machine works
WORTH = {"worth", "worth_basis"}  # pages two and three, where there is a whole value section
LATER = {  # sections whose figures are not computed here, and why not
    "criteria": "the outcomes are those of page one, computed there; who agreed is as it was recorded",
    "method": "it says how it was measured; its settings are those of environment.json",
    "machine": "versions and machine are what the run recorded of itself: nothing here can tell them otherwise",
    "evidence": "digests are compared with the files that are here; the rest says what others signed",
    "traffic": "it lays out requests trial by trial as samples have them; their sums are computed on the other pages",
    "figures": "it lays out each trial's further figures as samples have them",
    "drift": "it lays out what trials found, as samples have it",
    "audit": "it lays out answers as samples have them; how many are right counts on page one, and that is computed",
    "scope": "it follows from the engagement and the offering, which are not attached",
    "expansions": "wishes are as engagement file and signed records had them; no figure here rests on them",
    "compliance": "its checks were made on the environment, which is not here",
    "upkeep": "its medians stand on their experiments' pages, computed there; what was stated is as it was recorded",
    "people": "times are computed; what they noted and what it cost their hands is as samples have it",
}
ALWAYS = ("decision", "criteria", "method", "machine", "evidence")  # sections that no report is without
POINTS = {"early": 10, "half": 50, "late": 80}  # where work is killed, in percent of the usual time
ERROR_RATE = 0.2  # of a bad version, where nothing is said
DEPARTED = "Exploratory: the plan differs from the frozen one"  # a box on page one
STATISTICS = (
    "Statistics. Ratio of times by Hodges and Lehmann on logarithms, interval by inverting the exact rank test with "
    "the coverage that it attains"
)
INPUTS = {  # where a value section has figures that somebody has to give, in its order
    "activities": ("volume", "before", "after"), "rates": ("hour",), "incidents": ("perYear", "cost", "avoided"),
    "costs": ("once", "yearly"), "trainingDip": (), "parallel": ("perQuarter",), "growth": (), "discount": (),
    "risks": ("probability", "cost"), "exit": ("cost",),
}  # fmt: skip
COMPUTED = {"order", "rare"}  # sections whose tables are computed place by place
UPKEEP = "upkeep"  # a section: experiments on the platform itself, beside what was stated of running it
ON_PLATFORM = ("unseal", "restart", "upgrade")
FOOTPRINT = "footprint"  # a section, and where samples keep what parts of the platform took
PLATFORM = {"argocd": "Argo CD", "vault": "Vault", "agents": "Vault's agents beside the services", "gitea": "Gitea"}
AROUND = {
    "kubernetes": "Kubernetes: API server, etcd, controllers, names",
    "node": "Kubelet, container runtime, the node's own",
    "services": "The services themselves",
    "legacy": "The legacy hosts",
    "prober": "Prober: load and looking on",
    "others": "Sandboxes, and containers that ended meanwhile",
}


NUMBER, INTEGER, COUNT, TEXT, FLAG = "a number", "a whole number", "a count", "a text", "true or false"
MOST = {NUMBER: 1e15, INTEGER: 1e15, COUNT: 1e9}  # no figure of a run comes near them
BROKEN = (ArithmeticError, AttributeError, LookupError, OSError, RecursionError, StopIteration, TypeError, ValueError)
# What files hold, as far as this reads it. A key with `?` may be missing or null; `*` stands for every other key; a
# list has members of one kind, a tuple one member each. What is not like that is told and left out.
COUNTED = {"operation": {f"{name}?": COUNT for name in (*NAMES, "excused_handshakes")},
           "heartbeat?": {"longest_ms?": NUMBER, "count?": NUMBER},
           "causes?": [{"kind": TEXT, "text": TEXT, "edge": TEXT, "count": COUNT}],
           "control_stalls?": {"count?": NUMBER}}  # fmt: skip
SAMPLE = {
    "n": INTEGER, "experiment": TEXT, "arm": TEXT, "trial?": INTEGER, "origin?": TEXT, "ok?": FLAG, "seconds?": NUMBER,
    "steps?": [{"name": TEXT, "seconds": NUMBER}], "figures?": {}, "traffic?": COUNTED, "genesis?": {},
    "details?": {"by?": TEXT, "service?": TEXT, "seen?": {}, "recording?": {"file?": TEXT, "sha256?": TEXT}},
    "resumed?": [{"after": INTEGER, "last": TEXT, "at": TEXT}],
}  # fmt: skip
CATALOGUE = {
    "arms?": [{"name": TEXT, "label?": TEXT, "kind?": TEXT, "against?": TEXT, "spoken?": TEXT}],
    "metrics?": [{"name": TEXT, "label?": TEXT, "figure": TEXT, "unit?": TEXT, "aggregation?": TEXT}],
    "experiments?": [
        {
            "name": TEXT,
            "title?": TEXT,
            "judged_by?": TEXT,
            "metrics?": [TEXT],
            "noun?": TEXT,
            "ways?": [TEXT],
            "subject?": TEXT,
            "starts?": TEXT,
            "stops?": TEXT,
            "review?": TEXT,
        }
    ],
}
CRITERION = {"id": TEXT, "experiment": TEXT, "arm": TEXT, "metric": TEXT, "title?": TEXT, "primary_against?": TEXT}
BOUNDS = ("at_most", "at_least", "bound")
ENVIRONMENT = {
    "run?": TEXT, "criteria?": [CRITERION], "catalogue?": CATALOGUE, "machine?": {}, "value?": {},
    "order_drawn?": TEXT, "plan?": [{"experiment?": TEXT, "arm?": TEXT}], "under_proof?": [TEXT],
    "earlier_runs?": [{"run": TEXT}],
    "frozen?": {"digest?": TEXT, "changes?": [TEXT], "signatures?": {"*": TEXT}}, "own_arms?": [{"name?": TEXT}],
    "choices?": {"kill_at?": NUMBER, "error_rate?": NUMBER},
    "baseline?": [{"unit?": TEXT, "figure?": TEXT, "id?": TEXT, "by?": TEXT, "when?": TEXT}],
}  # fmt: skip
SUMMARY = {
    "digests?": {"*": TEXT}, "criteria?": [{"id": TEXT}], "run?": {},
    "experiments?": [{"name": TEXT, "arms?": [{"name": TEXT}]}],
}  # fmt: skip
HEAD = {"files?": {"*": TEXT}, "chain_head?": TEXT}
AGREED: dict[str, Any] = {"agreed?": {"experiments?": [
    {"name": TEXT, "arms?": [TEXT], "trials?": COUNT, "arm_trials?": {"*": COUNT}, "aa?": COUNT,
     "at?": TEXT, "error_rate?": NUMBER},
]}}  # fmt: skip
COUNTED_RUNS = {"runs?": [{"run?": TEXT, "state?": TEXT}]}
POINT = {"n": INTEGER, "seconds?": NUMBER, "ok": FLAG}
CELL = {"label": TEXT, "figure": TEXT, "unit": TEXT, "range": TEXT, "trials": TEXT, "loss": TEXT, "samples": TEXT,
        "note?": TEXT, "points?": [POINT]}  # fmt: skip
OUTCOME: dict[str, Any] = dict.fromkeys(("id", "title", "threshold", "today", "observed", "outcome", "reason"), TEXT)
SMALL = {"figure": TEXT, "trials": TEXT, "loss": TEXT}
BLOCKS: dict[str, Any] = {
    "heading": {"text": TEXT}, "text": {"text": TEXT}, "callout": {"title": TEXT, "text": TEXT},
    "bullets": {"items": [(TEXT, TEXT)]}, "table": {"caption": TEXT, "head": [TEXT], "rows": [[TEXT]]},
    "outcomes": {"rows": [OUTCOME], "more?": TEXT, "head?": TEXT, "observed?": TEXT},
    "overview": {"arms": [{"label": TEXT}],
                 "rows": [{"name": TEXT, "title": TEXT, "more": TEXT, "note?": TEXT, "cells": [SMALL]}]},
    "stated": {"items": [dict.fromkeys(("value", "unit", "figure", "source"), TEXT)], "note?": TEXT},
    "key_figures": {"title": TEXT, "subtitle": TEXT, "alt": TEXT, "cells": [CELL], "axis": [NUMBER]},
    "dots": {"panels": [{"label": TEXT, "points?": [POINT]}], "axis": [NUMBER]},
    "ratios": {"rows": [{"name": TEXT, "value": NUMBER, "low?": NUMBER, "high?": NUMBER, "told": TEXT}],
               "axis": [NUMBER]},
    "bars": {"rows": [{"n": INTEGER, "seconds?": NUMBER, "total": TEXT, "parts": [{"seconds": NUMBER}]}],
             "legend": [{"name": TEXT, "median": TEXT}], "axis": [NUMBER]},
    "cash": {"caption": TEXT, "alt": TEXT, "bars": [{"label": TEXT, "value": NUMBER}],
             "lines": [{"label": TEXT, "values": [NUMBER]}], "axis": [{"label": TEXT, "value": NUMBER}]},
}  # fmt: skip


def block_shape(value: Any) -> Any:
    """The shape of a block of the report, by its kind."""
    kind = value.get("kind") if isinstance(value, dict) else None
    if kind == "columns":
        return {"kind": TEXT, "left_title": TEXT, "right_title": TEXT, "left": [block_shape], "right": [block_shape]}
    return {"kind": TEXT, **(BLOCKS.get(kind, {}) if isinstance(kind, str) else {})}


REPORT = {
    "verdict?": [TEXT], "digests?": {"*": TEXT}, "catalogue?": CATALOGUE, "problems?": [TEXT],
    "sections?": [{"id": TEXT, "title": TEXT, "blocks": [block_shape]}],
}  # fmt: skip


class Unlike(Exception):
    """A value is not of the shape that it has to have."""


def is_a(value: Any, kind: str) -> bool:
    """Whether a value is of one of the plain kinds."""
    if kind in (TEXT, FLAG):
        return isinstance(value, str if kind == TEXT else bool)
    if isinstance(value, bool) or not isinstance(value, int | float if kind == NUMBER else int):
        return False
    return (0 if kind == COUNT else -MOST[kind]) <= value < MOST[kind]


def what(value: Any) -> str:
    """What a value is, for whoever expected something else."""
    names = {dict: "a mapping", list: "a list", str: "a text", bool: "true or false", type(None): "nothing"}
    shown = f" ({cut(repr(value), 40)})" if isinstance(value, str | int | float) else ""
    return f"{names.get(type(value), 'a number')}{shown}"


def fitted(value: Any, shape: Any, where: str, tell: Callable[[str], None]) -> Any:
    """The value without what is not of its shape, each of which is told once; raises `Unlike` where nothing is left."""
    if callable(shape):
        shape = shape(value)
    if isinstance(shape, str):
        if not is_a(value, shape):
            number = isinstance(value, int | float) and not isinstance(value, bool)
            beyond = number and abs(value) >= MOST.get(shape, math.inf)
            told = f"{cut(repr(value), 40)}, beyond all bounds" if beyond else f"{what(value)}, and has to be {shape}"
            tell(f"{where or 'it'} is {told}")
            raise Unlike
        return value
    name = "a mapping" if isinstance(shape, dict) else "a list"
    if not isinstance(value, dict if isinstance(shape, dict) else list):
        tell(f"{where or 'it'} is {what(value)}, and has to be {name}")
        raise Unlike
    if isinstance(value, dict):
        return {**value, **fitted_keys(value, shape, where, tell)}
    if isinstance(shape, tuple):
        if len(value) != len(shape):
            tell(f"{where} has {len(value)} members, and has to have {len(shape)}")
            raise Unlike
        return [fitted(one, of, f"{where}[{n}]", tell) for n, (one, of) in enumerate(zip(value, shape, strict=True))]
    return list(fitted_members(value, shape[0], where, tell))


def fitted_members(value: list[Any], shape: Any, where: str, tell: Callable[[str], None]) -> Iterator[Any]:
    """Those members of a list that have the shape."""
    for n, one in enumerate(value):
        try:
            yield fitted(one, shape, f"{where}[{n}]", tell)
        except Unlike:
            continue


def fitted_keys(
    value: dict[str, Any], shape: dict[str, Any], where: str, tell: Callable[[str], None]
) -> dict[str, Any]:
    """What a mapping has under the keys of its shape; null where something optional is not like that."""
    found: dict[str, Any] = {}
    others = set(value) if "*" in shape else set()
    wanted = {key: inner for key, inner in shape.items() if key != "*"} | {f"{k}?": shape["*"] for k in sorted(others)}
    for key, inner in wanted.items():
        name = key.removesuffix("?")
        if key != name and value.get(name) is None:
            continue
        if name not in value:
            tell(f"{where or 'it'} has no “{name}”")
            raise Unlike
        try:
            found[name] = fitted(value[name], inner, f"{where}.{name}" if where else name, tell)
        except Unlike:
            if key == name:
                raise
            found[name] = None
    return found


def number_of(text: str) -> float:
    """A number of JSON; one that no computer holds is none."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is no number")
    return value


def parsed(content: bytes) -> Any:
    """A document of JSON. Raises `ValueError` for what is none, with NaN or without end."""
    try:
        return json.loads(content, parse_constant=number_of, parse_float=number_of)
    except RecursionError:
        raise ValueError("it is nested without end") from None


def something(found: Any) -> Any:
    """The document, but for null. Raises `ValueError` for that."""
    if found is None:
        raise ValueError("it holds nothing")
    return found


def record_of(content: bytes) -> dict[str, Any]:
    """A mapping of JSON. Raises `ValueError` for what is none."""
    found = parsed(content)
    if not isinstance(found, dict):
        raise ValueError(f"it is {what(found)}")  # noqa: TRY004 - as for whatever else is no record
    return found


def sha(data: bytes) -> str:
    """SHA-256 as hex."""
    return hashlib.sha256(data).hexdigest()


def canonical(record: dict[str, Any]) -> bytes:
    """The bytes that a digest is taken over."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


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


def close(one: Any, other: Any) -> bool:
    """Whether two values are the same; numbers as far as they were rounded."""
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=6e-4)
    return bool(one == other)


def ways(one: int, other: int) -> list[int]:
    """How many orders of `one` and `other` values have each number of pairs out of order (Mann and Whitney, 1947)."""
    top = one * other
    found = [1] + [0] * top
    for i in range(1, one + 1):
        for at in range(top, other + i - 1, -1):
            found[at] -= found[at - other - i]
        for at in range(i, top + 1):
            found[at] += found[at - i]
    return found


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


def cut(text: str, most: int) -> str:
    """A long name or title as page one has it."""
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1].rpartition(' ')[0] or text[: most - 1]}…"


class Worth:
    """The value section computed anew: every input with its bounds, twelve quarters of cash, what follows.

    `measured` gives a metric of an arm in seconds and its number of trials, or None.
    """

    def __init__(self, section: dict[str, Any], measured: Callable[[dict[str, Any]], tuple[float, int] | None]) -> None:
        self.of, self.measured = section, measured
        self.currency = str(section["currency"])
        self.digits = 0 if self.currency in WHOLE else 3 if self.currency in THOUSANDTHS else 2
        self.entries: dict[str, dict[str, Any]] = {}
        self.stated: dict[str, Decimal] = {}
        self.read()
        self.expected = {key: entry["expected"] for key, entry in self.entries.items()}
        price = section.get("price") or {}
        self.once, self.yearly = money(price.get("once")) or Decimal(0), money(price.get("yearly")) or Decimal(0)
        self.priced = price.get("once") is not None or price.get("yearly") is not None
        self.discount = money((section.get("discount") or {}).get("percent")) or Decimal(0)
        self.waits = int((section.get("parallel") or {}).get("quarters") or 0)
        self.first = min(int(wave["quarter"]) for wave in section["waves"])

    def items(self, key: str) -> list[dict[str, Any]]:
        """The activities, incidents, costs or risks."""
        return list(self.of.get(key) or [])

    def read(self) -> None:
        """Every input, in the order in which the report lists them. Raises `TypeError` where one is not given."""
        for a in self.items("activities"):
            key, title = f"activities.{a['id']}", a["title"]
            self.add(f"{key}.volume", f"{title}: how often", f"a {a['volume'].get('per') or 'week'}", a["volume"])
            self.timed(f"{key}.before", f"{title}: time today", a["before"])
            self.timed(f"{key}.after", f"{title}: time then", a["after"])
            self.redeployed(key, a)
        for rate in self.items("rates"):
            self.add(f"rates.{rate['id']}", f"{rate['title']}: an hour", self.currency, rate["hour"])
        for i in self.items("incidents"):
            key, title = f"incidents.{i['id']}", i["title"]
            self.add(f"{key}.perYear", f"{title}: how often", "a year", i["perYear"])
            self.add(f"{key}.cost", f"{title}: what one costs", self.currency, i["cost"])
            self.add(f"{key}.avoided", f"{title}: avoided", "%", i["avoided"])
            self.redeployed(key, i)
        for c in self.items("costs"):
            unit = self.currency + ("" if c.get("once") else " a year")
            self.add(f"costs.{c['id']}", c["title"], unit, c.get("once") or c["yearly"])
        self.add("growth", "Growth of volumes", "% a year", self.of["growth"])
        if self.of.get("trainingDip"):
            self.add("trainingDip", "Training: savings lost in a wave's first quarter", "%", self.of["trainingDip"])
        if self.of.get("parallel"):
            label = "Both ways side by side: a quarter"
            self.add("parallel", label, self.currency, self.of["parallel"]["perQuarter"])
        for r in self.items("risks"):
            self.add(f"risks.{r['id']}.probability", f"{r['title']}: how likely", "%", r["probability"])
            self.add(f"risks.{r['id']}.cost", f"{r['title']}: what it costs", self.currency, r["cost"])
        if self.of.get("exit"):
            self.add("exit", "Leaving the platform again", self.currency, self.of["exit"]["cost"])

    def add(self, key: str, label: str, unit: str, given: dict[str, Any]) -> None:
        """One input with its bounds, which are what is expected where nothing is said."""
        expected = money(given.get("expected"))
        if expected is None:
            raise TypeError(key)
        low, high = money(given.get("low")), money(given.get("high"))
        self.entries[key] = {
            "key": key, "label": label, "unit": unit, "expected": expected,
            "low": expected if low is None else low, "high": expected if high is None else high,
            "origin": given.get("origin") or "stated", "owner": given.get("by") or "",
            "when": str(given.get("when") or "")[:10], "basis": given.get("source") or "",
        }  # fmt: skip
        self.stated[key] = expected

    def timed(self, key: str, label: str, given: dict[str, Any]) -> None:
        """A time in minutes: that of the run where one was measured."""
        self.add(key, label, "min", given)
        wanted, entry = given.get("measured"), self.entries[key]
        if not wanted:
            return
        metric, per = wanted.get("metric") or "median_seconds", int(wanted.get("per") or 1)
        name, found = f"{wanted['experiment']}/{wanted['arm']}/{metric}", self.measured({**wanted, "metric": metric})
        if found is None:
            entry["basis"] = f"{entry['basis']}; {name} was not measured in this run".strip("; ")
            return
        minutes = Decimal(str(found[0])) / 60 / per
        over = f", over {per} services" if per > 1 else ""
        entry |= {"low": min(entry["low"], minutes), "high": max(entry["high"], minutes), "expected": minutes,
                  "origin": "executed",
                  "basis": f"{name} of this run, {found[1]} trials{over}; machine time"}  # fmt: skip

    def counted(self, freed: dict[str, Any]) -> str:
        """How much of a saving counts."""
        if freed.get("frees") == "hard":
            return "hard"
        return "soft" if (freed.get("redeployed") or {}).get("expected") is not None else "none"

    def redeployed(self, key: str, freed: dict[str, Any]) -> None:
        """The part of freed hours that somebody is named for."""
        if self.counted(freed) == "soft":
            self.add(f"{key}.redeployed", f"{freed['title']}: put to other use", "%", freed["redeployed"])

    def hours(self, given: dict[str, Decimal], time: str) -> dict[str, Decimal]:
        """Hours a quarter of each activity, before or after."""
        return {
            a["id"]: given[f"activities.{a['id']}.volume"] * A_QUARTER[a["volume"].get("per") or "week"]
            * given[f"activities.{a['id']}.{time}"] / 60
            for a in self.items("activities")
        }  # fmt: skip

    def fit(self, given: dict[str, Decimal]) -> Decimal:
        """The part of the activities that the stated week has room for."""
        stated = money((self.of.get("week") or {}).get("before"))
        told = sum(self.hours(given, "before").values(), Decimal(0)) / 13
        return Decimal(1) if stated is None or told <= stated else stated / told

    def quarterly(self, given: dict[str, Decimal]) -> tuple[Decimal, Decimal, Decimal]:
        """Hard and soft savings and further work, in money a quarter at full use."""
        hard = soft = extra = Decimal(0)
        before, after, fit = self.hours(given, "before"), self.hours(given, "after"), self.fit(given)
        worths = []
        for a in self.items("activities"):
            saved, rate = before[a["id"]] - after[a["id"]], given[f"rates.{a['rate']}"]
            extra += max(-saved, Decimal(0)) * rate
            worths.append((f"activities.{a['id']}", a, max(saved, Decimal(0)) * fit * rate))
        for i in self.items("incidents"):
            key = f"incidents.{i['id']}"
            avoided = given[f"{key}.cost"] * given[f"{key}.avoided"] / HUNDRED
            worths.append((key, i, given[f"{key}.perYear"] / 4 * avoided))
        for key, freed, worth in worths:
            kind = self.counted(freed)
            hard += worth if kind == "hard" else 0
            soft += worth * given[f"{key}.redeployed"] / HUNDRED if kind == "soft" else 0
        return hard, soft, extra

    def evaluate(self, changes: dict[str, Decimal] | None = None, late: int = 0) -> list[dict[str, Decimal]]:
        """Twelve quarters of cash with some inputs changed, and waves `late` by quarters."""
        with localcontext() as context:
            context.prec = 34
            given = self.expected | (changes or {})
            full = self.quarterly(given)
            return [self.quarter(given, full, n, late) for n in range(1, 13)]

    def quarter(self, given: dict[str, Decimal], full: tuple[Decimal, ...], n: int, late: int) -> dict[str, Decimal]:
        """Cash of one quarter, each line rounded to the currency's smallest unit."""
        growth = (1 + given["growth"] / HUNDRED) ** ((n - 1) // 4)
        dip = given.get("trainingDip", Decimal(0)) / HUNDRED
        part, beside = Decimal(0), False
        for wave in self.of["waves"]:
            live = int(wave["quarter"]) + late
            beside = beside or 0 <= n - live < self.waits
            if n >= live + self.waits:
                part += int(wave["services"]) * (1 - dip if n == live + self.waits else 1)
        part /= int(self.of["services"])
        costs = Decimal(0)
        for c in self.items("costs"):
            amount, begins = given[f"costs.{c['id']}"], int(c.get("quarter") or 1)
            costs += (amount if n == begins else 0) if c.get("once") else (amount / 4 if n >= begins else 0)
        price = (self.once if n == 1 else 0) + (self.yearly if n % 4 == 1 else 0)
        q = {
            "n": Decimal(n),
            "hard": rounded(full[0] * growth * part, self.digits),
            "soft": rounded(full[1] * growth * part, self.digits),
            "extra": rounded(full[2] * growth, self.digits) if n >= self.first + late else Decimal(0),
            "costs": rounded(costs, self.digits),
            "price": rounded(Decimal(price), self.digits),
            "parallel": rounded(given["parallel"], self.digits) if beside else Decimal(0),
            "factor": (1 + self.discount / HUNDRED) ** (Decimal(-n) / 4),
        }
        q["spent"] = q["extra"] + q["costs"] + q["price"] + q["parallel"]
        q["net"], q["net_hard"] = q["hard"] + q["soft"] - q["spent"], q["hard"] - q["spent"]
        return q

    def npv(self, quarters: list[dict[str, Decimal]], line: str = "net") -> Decimal:
        """Present value of one line over three years."""
        return sum((rounded(q[line] * q["factor"], self.digits) for q in quarters), Decimal(0))

    def swings(self) -> list[tuple[dict[str, Any], Decimal, Decimal]]:
        """Every input with a range, with the result at its low and its high end: the largest difference first."""
        found = []
        for entry in self.entries.values():
            if entry["low"] < entry["high"]:
                ends = [self.npv(self.evaluate({entry["key"]: entry[end]})) for end in ("low", "high")]
                found.append((entry, ends[0], ends[1]))
        return sorted(found, key=lambda one: -abs(one[2] - one[1]))

    def limits(self, swings: list[tuple[dict[str, Any], Decimal, Decimal]]) -> list[tuple[dict[str, Any], Decimal]]:
        """How far the inputs that matter most may be off before it loses money."""
        found = []
        for entry, at_low, at_high in swings[:3]:
            farthest = HUNDRED if entry["unit"].startswith("%") else max(entry["high"], entry["expected"] * 10)
            bad, good = min(Decimal(0), entry["low"]), farthest
            if at_low > at_high:
                bad, good = good, bad

            def npv(at: Decimal, key: str = entry["key"]) -> Decimal:
                return self.npv(self.evaluate({key: at}))

            if npv(bad) < 0 <= npv(good):
                for _ in range(32):
                    middle = (good + bad) / 2
                    bad, good = (middle, good) if npv(middle) < 0 else (bad, middle)
                found.append((entry, good))
        return found


def tokens(text: str, texts: list[str]) -> list[str]:
    """The figures in a sentence in their order, without those in texts that were recorded."""
    for given in texts:
        text = text.replace(given, " ")
    return [found.strip(f".,{N}") for found in re.findall(rf"−?\d[\d{N}.,]*", text)]


class WorthPages:
    """Pages two and three, and page one's price and risks, against the value section computed anew."""

    def __init__(self, worth: Worth, expect: Callable[[str, Any, Any], None]) -> None:
        self.worth, self.expect = worth, expect
        found = set(texts_in(worth.of))
        found |= {cut(text, most) for text in found for most in (60, 80)} | {text.strip().rstrip(".") for text in found}
        some = (text for text in found if re.search(r"\d", text) and not re.fullmatch(r"[\d.]+( [A-Z]{3})?", text))
        self.texts = sorted((text for text in some if len(text) > 1), key=len, reverse=True)
        self.cash = worth.evaluate()
        self.npv, self.npv_hard = worth.npv(self.cash), worth.npv(self.cash, "net_hard")
        self.swings = worth.swings()
        worse = {e["key"]: e["low" if low <= high else "high"] for e, low, high in self.swings}
        better = {e["key"]: e["high" if low <= high else "low"] for e, low, high in self.swings}
        self.low, self.high = worth.evaluate(worse), worth.evaluate(better)

    def told(self, where: str, text: str, *figures: str) -> None:
        """A sentence says these figures, in this order, and no others."""
        self.expect(where, tokens(text, self.texts), [token for figure in figures for token in tokens(figure, [])])

    def together(self, quarters: list[dict[str, Decimal]], line: str = "net") -> list[Decimal]:
        """Cash up to each quarter's end."""
        return list(accumulate(q[line] for q in quarters))

    def pays_back(self, quarters: list[dict[str, Decimal]], line: str = "net") -> str:
        """From which quarter's end on cash never is below zero again."""
        below = [n for n, cash in enumerate(self.together(quarters, line), 1) if cash < 0]
        first = (below[-1] if below else 0) + 1
        return f"end of quarter {first}" if first <= len(quarters) else "not within three years"

    def threats(self) -> list[tuple[dict[str, Any], Decimal, Decimal, Decimal]]:
        """Risks with how likely they are, what they cost, and both multiplied: the heaviest first."""
        found = []
        for r in self.worth.items("risks"):
            likely, cost = (self.worth.expected[f"risks.{r['id']}.{key}"] for key in ("probability", "cost"))
            found.append((r, likely, cost, rounded(likely * cost / HUNDRED, self.worth.digits)))
        return sorted(found, key=lambda one: -one[3])

    def of_page(self, blocks: list[dict[str, Any]]) -> None:
        """Every block of pages two and three."""
        under = ""
        for b in blocks:
            under = b["text"] if b["kind"] == "heading" else under
            if b["kind"] == "columns":
                self.of_bullets(b["left_title"], b["left"])
                self.of_bullets(b["right_title"], b["right"])
            elif b["kind"] == "bullets":
                self.of_bullets(under, [b])
            elif b["kind"] == "cash":
                self.of_cash(b)
            elif b["kind"] == "table":
                self.of_table(b)
            elif b["kind"] == "text" and under == "The ceiling":
                self.of_ceiling(b["text"])
            elif b["kind"] == "callout" and under == "Over three years":
                self.of_verdict(b)

    def of_verdict(self, b: dict[str, Any]) -> None:
        """Whether it pays back, and on hard savings alone."""
        back = self.pays_back(self.cash) if self.npv >= 0 else "not within three years"
        self.expect("worth: it pays back", "it pays back by the" in b["title"], back != "not within three years")
        self.told("worth: the quarter by which it pays back", b["title"], back)
        self.told("worth: net present value", b["text"], whole(self.npv), whole(self.npv_hard))
        pays = "alone it pays." in b["text"]
        self.expect("worth: on hard savings alone it pays", pays, self.npv_hard >= 0)

    def most(self) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        """Every stated hour of a year, the highest rate, their product, and every counted incident."""
        w = self.worth
        week = money((w.of.get("week") or {}).get("before"))
        a_week = sum(w.hours(w.expected, "before").values(), Decimal(0)) / 13 if week is None else week
        rate = max(w.expected[f"rates.{a['rate']}"] for a in w.items("activities"))
        counted = sum(
            (w.expected[f"incidents.{i['id']}.perYear"] * w.expected[f"incidents.{i['id']}.cost"]
             for i in w.items("incidents")), Decimal(0),
        )  # fmt: skip
        return a_week * 52, rate, rounded(a_week * 52 * rate, w.digits), rounded(counted, w.digits)

    def of_ceiling(self, text: str) -> None:
        """Every stated hour gone, against what it costs."""
        hours, rate, at_most, incidents = self.most()
        year, every = sum(q["spent"] for q in self.cash[:4]), sum(q["spent"] for q in self.cash)
        pays = 3 * at_most >= every
        figures = [whole(x) for x in (hours, rate, at_most, Decimal(year), Decimal(every))]
        more = bool(incidents) and not pays
        self.told("worth: the ceiling", text, *figures, whole(incidents) if more else "")
        self.expect("worth: hours alone pay year one", "hours alone would pay that" in text, at_most >= year)
        self.expect("worth: hours alone pay three years", "hours alone would pay those" in text, pays)
        either = 3 * (at_most + incidents) < every
        self.expect("worth: with incidents too", "would not pay either" in text, more and either)

    def of_cash(self, b: dict[str, Any]) -> None:
        """The chart of cash: its bars, its lines, its axis."""
        self.expect("worth: bars of cash", [bar["value"] for bar in b["bars"]], [float(q["net"]) for q in self.cash])
        self.expect("worth: quarters of cash", [bar["label"] for bar in b["bars"]], [str(q["n"]) for q in self.cash])
        for line, of in zip(b["lines"], ("net", "net_hard"), strict=True):
            drawn = [float(x) for x in self.together(self.cash, of)]
            self.expect(f"worth: line {line['label']}", line["values"], drawn)
        self.told("worth: cash in words", b["alt"], *(whole(q["net"]) for q in self.cash))
        scale = 1000 if "in thousand" in b["caption"] else 1
        labels = [given_as(Decimal(str(round(tick["value"] / scale, 6)))) for tick in b["axis"]]
        self.expect("worth: axis of cash", [tick["label"] for tick in b["axis"]], labels)
        steps = {round(b["axis"][i + 1]["value"] - tick["value"], 6) for i, tick in enumerate(b["axis"][:-1])}
        self.expect("worth: even steps of that axis", len(steps), 1)

    def of_table(self, b: dict[str, Any]) -> None:
        """A table of pages two and three: its rows, and the figures of its caption."""
        caption = b["caption"].removeprefix("EXAMPLE. ")
        kinds = {"Discounted at": self.over_three_years, "The inputs that move": self.sensitivity,
                 "Hours a week": self.hours, "Every input": self.inputs, "Cash by quarter": self.by_quarter,
                 "How likely": self.risks}  # fmt: skip
        rows = next((of() for begins, of in kinds.items() if caption.startswith(begins)), None)
        where = f"value model: {caption[:40]}"
        self.expect(f"{where}: known", rows is not None, True)
        for printed, computed in zip_longest(b["rows"], rows or []):
            self.expect(f"{where}, {(printed or computed or [''])[0]}", printed, computed)
        if caption.startswith("Every input"):
            whose = f" By {self.usual()}, where a line names nobody else." if self.usual() else ""
            self.expect(f"{where}: whose they are", caption, f"Every input.{whose}")
        rate = (given_as(self.worth.discount),) if caption.startswith("Discounted at") else ()
        self.told(where, caption, *rate)

    def over_three_years(self) -> list[list[str]]:
        """Low, expected without and with soft savings, high."""
        four = [(self.low, ""), (self.cash, "_hard"), (self.cash, ""), (self.high, "")]

        def hard(quarters: list[dict[str, Decimal]]) -> Decimal:
            return sum((q["hard"] for q in quarters), Decimal(0))

        def saved(quarters: list[dict[str, Decimal]], only: str) -> Decimal:
            return hard(quarters) + (Decimal(0) if only else sum((q["soft"] for q in quarters), Decimal(0)))

        return [
            ["Saved", *(whole(saved(q, only)) for q, only in four)],
            ["of it hard", *(whole(hard(q)) for q, _ in four)],
            ["Paid", *(whole(sum((x["spent"] for x in q), Decimal(0))) for q, _ in four)],
            ["Left", *(whole(self.together(q, f"net{only}")[-1]) for q, only in four)],
            ["Net present value", *(whole(self.worth.npv(q, f"net{only}")) for q, only in four)],
            ["Pays back", *(self.pays_back(q, f"net{only}") for q, only in four)],
        ]

    def sensitivity(self) -> list[list[str]]:
        """The three inputs that move the result most."""
        return [
            [
                e["label"],
                f"{given_as(e['low'])} – {given_as(e['high'])}{N}{e['unit']}",
                f"{given_as(e['expected'])}{N}{e['unit']}",
                f"{whole(min(low, high))} … {whole(max(low, high))}",
                f"{e['owner']}; {e['origin']}",
            ]
            for e, low, high in self.swings[:3]
        ]

    def hours(self) -> list[list[str]]:
        """Hours a week today and then, and what counts of the difference."""
        w = self.worth
        before, after = w.hours(w.expected, "before"), w.hours(w.expected, "after")
        rows, sums = [], (sum(before.values(), Decimal(0)) / 13, sum(after.values(), Decimal(0)) / 13)
        for a in w.items("activities"):
            first, then, kind = before[a["id"]] / 13, after[a["id"]] / 13, w.counted(a)
            counts = {"hard": f"hard: {a.get('budgetLine') or ''}", "none": "zero: nobody is named to redeploy them"}
            if kind == "soft":
                e = w.entries[f"activities.{a['id']}.redeployed"]
                counts["soft"] = f"soft: {given_as(e['expected'])}{N}% redeployed by {e['owner']}"
            told = "a cost, in full" if then > first else counts[kind]
            rows.append([a["title"], *(tenths(x) for x in (first, then, first - then)), told])
        return [*rows, ["All", *(tenths(x) for x in (*sums, sums[0] - sums[1])), ""]]

    def inputs(self) -> list[list[str]]:
        """Every input with its owner, where that is not the one whom the caption names for most."""
        return [
            [
                e["label"],
                f"{given_as(e['expected'])}{N}{e['unit']}",
                f"{given_as(e['low'])} – {given_as(e['high'])}" if e["low"] < e["high"] else "–",
                e["origin"],
                "; ".join(x for x in ("" if self.whose(e) == self.usual() else self.whose(e), e["basis"]) if x),
            ]
            for e in self.worth.entries.values()
        ]

    @staticmethod
    def whose(entry: dict[str, Any]) -> str:
        """Who answers for an input, and since when."""
        return ", ".join(x for x in (entry["owner"], entry["when"]) if x)

    def usual(self) -> str:
        """Whose inputs more than half are, told once; nobody where one has no owner."""
        every = list(self.worth.entries.values())
        owned = all(e["owner"] for e in every)
        return next((w for w, n in Counter(map(self.whose, every)).items() if owned and 2 * n > len(every)), "")

    def by_quarter(self) -> list[list[str]]:
        """Cash of each quarter, line by line."""
        lines = [(*(q[n] for n in ("n", "hard", "soft", "price")), q["costs"] + q["parallel"], q["extra"], q["net"])
                 for q in self.cash]  # fmt: skip
        total = self.together(self.cash)
        return [[whole(x) for x in (*line, sum_)] for line, sum_ in zip(lines, total, strict=True)]

    def risks(self) -> list[list[str]]:
        """Risks taken off by their weight."""
        rows = [
            [r["title"], r["probability"].get("by") or "", f"{given_as(likely)}{N}%", whole(cost), f"−{whole(weighed)}"]
            for r, likely, cost, weighed in self.threats()
        ]
        last = ["Less every risk by its weight", "", "", "", f"{whole(self.adjusted())}{N}{self.worth.currency}"]
        return [["Net present value, as expected", "", "", "", whole(self.npv)], *rows, last]

    def adjusted(self) -> Decimal:
        """Less every risk by its weight."""
        return self.npv - sum((weighed for *_, weighed in self.threats()), Decimal(0))

    def of_bullets(self, under: str, blocks: list[dict[str, Any]]) -> None:
        """When it would be a bad buy; doing nothing and getting out; figures that do not close."""
        kinds = {"It would be a bad buy if …": self.bad_buy, "Doing nothing, and getting out": self.way_out,
                 "The stated figures do not close": self.closing}  # fmt: skip
        if under in kinds:
            told = [tokens(" ".join(item), self.texts) for b in blocks for item in b["items"]]
            computed = [[t for figure in figures for t in tokens(figure, [])] for figures in kinds[under]()]
            self.expect(f"value model: {under}", told, computed)

    def bad_buy(self) -> list[list[str]]:
        """The figures of each way in which it would be one."""
        w, found = self.worth, []
        if self.npv < 0:
            found.append([whole(self.npv)])
        found += [[given_as(at), given_as(entry["expected"])] for entry, at in w.limits(self.swings)]
        savings = sum((rounded((q["hard"] + q["soft"]) * q["factor"], w.digits) for q in self.cash), Decimal(0))
        if savings > 0:
            found.append([given_as(rounded((savings - self.npv) / savings * HUNDRED, 1))])
        a_year = rounded(w.yearly + self.npv / sum(self.cash[n - 1]["factor"] for n in (1, 5, 9)), w.digits)
        if a_year > 0:
            found.append([whole(a_year)])
        late = range(1, 13) if self.npv >= 0 else ()
        found += [[str(n - 1)] for n in late if w.npv(w.evaluate(late=n)) < 0][:1]
        if self.npv_hard < 0 <= self.npv:
            found.append([whole(self.npv_hard)])
        return found

    def way_out(self) -> list[list[str]]:
        """What doing nothing costs, hours that count zero, stopping, leaving, risks."""
        w = self.worth
        before, after, fit = w.hours(w.expected, "before"), w.hours(w.expected, "after"), w.fit(w.expected)
        a_year = sum(4 * before[a["id"]] * w.expected[f"rates.{a['rate']}"] for a in w.items("activities")) * fit
        growth = 1 + w.expected["growth"] / HUNDRED
        years = [rounded((a_year + self.most()[3]) * growth**n, w.digits) for n in range(3)]
        found = [[whole(sum(years, Decimal(0))), *(whole(year) for year in years)]]
        freed = idle = Decimal(0)
        for a in w.items("activities"):
            saved, kind = max(before[a["id"]] - after[a["id"]], Decimal(0)) * fit * 4, w.counted(a)
            freed += saved
            part = w.expected[f"activities.{a['id']}.redeployed"] / HUNDRED if kind == "soft" else Decimal(0)
            idle += saved * (1 - (1 if kind == "hard" else part))
        if idle > 0:
            found.append([whole(idle), whole(freed)])
        quarter, leaving = min(w.first + w.waits, 12), w.expected.get("exit")
        lost = sum((q["spent"] - q["hard"] - q["soft"] for q in self.cash[:quarter]), Decimal(0)) + (leaving or 0)
        found += [[str(quarter), whole(lost)], [] if leaving is None else [whole(leaving)]]
        return [*found, [whole(self.adjusted())]] if w.items("risks") else found

    def closing(self) -> list[list[str]]:
        """Stated weeks that activities do not come to, and times a piece that cannot make up both."""
        w, week = self.worth, self.worth.of.get("week") or {}
        found = []
        for time in ("before", "after"):
            stated, told = money(week.get(time)), sum(w.hours(w.stated, time).values(), Decimal(0)) / 13
            if stated is not None and abs(stated - told) > Decimal("0.05") * stated:
                found.append([given_as(stated), given_as(told), given_as(abs(stated - told))])
        before, (first, then) = w.hours(w.stated, "before"), (money(week.get(t)) for t in ("before", "after"))
        largest = max(w.items("activities"), key=lambda a: before[a["id"]])
        today, later = (w.stated[f"activities.{largest['id']}.{time}"] for time in ("before", "after"))
        if first is not None and then is not None and any(before.values()) and later:
            often, often_then = first * 60 / today, then * 60 / later
            if abs(often - often_then) > Decimal("0.05") * often:
                found.append([given_as(x) for x in (first, today, often, then, later, often_then)])
        return found


def tenths(hours: Decimal) -> str:
    """Hours with one decimal."""
    return f"{hours:.1f}".replace("-", "−")


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
        if figure != "seconds" and c and figure in {"failed", "hard", "late", "failed_handshakes", "hard_handshakes"}:
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
        return float(of_all.get(metric.get("aggregation", ""), statistics.median(numbers))), 0


def amount(value: Any) -> float:
    """A number that is finite and not negative; anything else is nothing."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    return float(value) if known else 0.0


def part_of(span: dict[str, Any], key: str, part: str) -> float:
    """What a span tells of a part."""
    by = span.get(key)
    return amount(by.get(part)) if isinstance(by, dict) else 0.0


class Taken:
    """What parts of the platform took in spans, those of placebos (`quiet`) among them."""

    def __init__(self, spans: list[dict[str, Any]], quiet: list[dict[str, Any]]) -> None:
        self.spans, self.quiet = spans, quiet
        held = {name: [part_of(span, "memory_mib", name) for span in spans] for name in (*PLATFORM, *AROUND)}
        self.memory = {name: (statistics.median(of), max(of)) for name, of in held.items() if of}
        self.names = [n for n in self.memory if self.memory[n][1] or self.seconds([n], spans)]

    def seconds(self, names: list[str], spans: list[dict[str, Any]]) -> float:
        """Processor time of some parts."""
        return math.fsum(part_of(span, "processor_s", name) for span in spans for name in names)

    def share(self, names: list[str], spans: list[dict[str, Any]]) -> str:
        """The same by the time that passed, as it is printed."""
        over = math.fsum(span["seconds"] for span in spans)
        return f"{percent(self.seconds(names, spans) / over)}{N}%" if over else "–"

    def containers(self, names: list[str]) -> int:
        """Those of the last reading."""
        return sum(int(part_of(self.spans[-1], "containers", name)) for name in names)

    def mebibytes(self, names: list[str]) -> str:
        """Medians added up."""
        return count(math.fsum(self.memory[name][0] for name in names))

    def row(self, label: str, names: list[str], most: str) -> list[str]:
        """A row of the table."""
        number = self.containers(names)
        shares = self.share(names, self.quiet), self.share(names, self.spans)
        return [label, count(number) if number else "–", *shares, self.mebibytes(names), most]

    def rows(self) -> list[list[str]]:
        """The table."""
        parts = {n: self.row({**PLATFORM, **AROUND}[n], [n], count(self.memory[n][1])) for n in self.names}
        own = [n for n in self.names if n in PLATFORM]
        rest = [parts[n] for n in self.names if n not in PLATFORM]
        all_own = self.row("The platform together", own, "")
        return [*(parts[n] for n in own), all_own, *rest, self.row("Everything on the node", self.names, "")]

    def sentences(self, cores: Any, trials: int) -> list[list[str]]:
        """The figures of each sentence, in their order."""
        own = [n for n in self.names if n in PLATFORM]
        spans, quiet = (math.fsum(span["seconds"] for span in some) for some in (self.spans, self.quiet))
        on = [str(cores)] if isinstance(cores, int) else []
        read = count(len(self.spans))
        figures = [[self.share(own, self.quiet), count(len(self.quiet)), seconds(quiet), *on]] if self.quiet else []
        figures += [[self.share(own, self.spans), read, seconds(spans)], [self.mebibytes(own), read]]
        agents = [n for n in own if n == "agents"]
        figures.append([count(self.containers([n for n in own if n not in agents])), count(self.containers(agents))])
        around = [n for n in self.names if n in {"kubernetes", "node"}]
        if around:
            figures.append([self.share(around, self.spans), self.mebibytes(around)])
        if len(self.spans) < trials:
            figures.append([count(trials - len(self.spans))])
        return [[token for figure in one for token in tokens(figure, [])] for one in figures]


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


class Sentences:
    """What has to stand in each place of page one and of the experiments' pages, word by word, from what was saved.

    A place is a heading with the number of the sentence below it. Names are those of the run's catalogue.
    """

    def __init__(self, verifier: Verifier) -> None:
        self.of, self.environment = verifier, verifier.environment
        self.ran = {
            name: {arm: own for arm, own in by.items() if verifier.kind(arm) not in APART}
            for name, by in verifier.experiments.items()
        }
        self.shown = {name: arms for name, arms in self.ran.items() if arms}
        self.itself = {name: self.against_itself(name) for name in self.ran}
        adjusted = verifier.corrected()
        self.pairs: dict[str, list[tuple[Pair, bool]]] = {}
        for name, by in self.ran.items():
            primary = verifier.primary_pair(name)
            smallest = self.smallest(self.itself[name])
            self.pairs[name] = [
                (Pair((base, other), (by[base], by[other]), adjusted.get(name) if first else None, smallest), first)
                for base, other, _ in verifier.comparisons(name)
                if base
                for first in [(base, other) == primary]
            ]
        self.stated = stated_in(self.environment)
        found = self.findings()
        room = MANY if len(self.ran) <= FEW else FEWER
        self.follows, self.left = found[:room], found[room:]

    def noun(self, experiment: str) -> str:
        """What one of an experiment's trials is called."""
        return str(self.of.titles.get(experiment, {}).get("noun") or experiment)

    def title(self, experiment: str) -> str:
        """An experiment's heading."""
        return str(self.of.titles.get(experiment, {}).get("title") or experiment.capitalize())

    def against_itself(self, experiment: str) -> Pair | None:
        """The proposed arm against itself; None where no such trial succeeded."""
        found = [
            Pair((base, other), (self.ran[experiment][base], self.of.experiments[experiment][other]))
            for first, other, _ in self.of.comparisons(experiment, judged=True)
            if not first
            for base in [str(self.of.arms[other].get("against"))]
        ]
        return found[0] if found else None

    @staticmethod
    def smallest(itself: Pair | None) -> float | None:
        """The ratio from which on this machine can tell a difference; None where trials are too few for an interval."""
        if itself is None or itself.low is None or itself.high is None:
            return None
        return max(itself.high, 1 / itself.low)

    @cached_property
    def page_one(self) -> dict[str, list[str]]:
        """Every sentence of page one, by the heading above it."""
        columns = {"What follows": self.follows or [" Nothing yet: no arm has a successful trial."]}
        if self.left:
            columns["What follows"].append(f"{plural(len(self.left), 'more finding')}, none of more weight.")
        return {
            BOXES: list(self.boxes()),
            VALUED: list(self.asked()),
            "What was asked": list(self.criteria()),
            "What was measured": list(self.measured()),
            "What the customer states": list(self.states()),
            **columns,
            "What does not follow": [f"{lead} {rest}" for lead, rest in self.limits()],
        }

    @cached_property
    def rest(self) -> dict[str, list[str]]:
        """What page one has no room for."""
        found = {"What follows, too": self.left}
        if self.stated[STATED:]:
            found["What the customer states, too"] = [self.note(self.stated[STATED:])]
        return {heading: told for heading, told in found.items() if told}

    def head(self) -> dict[str, Any]:
        """What stands above page one, and on every page."""
        of, facts = self.environment, mapping(self.of.summary.get("run"))
        engagement, scenario = mapping(of.get("engagement")), of.get("scenario")
        customer = line(mapping(engagement.get("customer")).get("name") or engagement.get("customer_name"))
        if isinstance(scenario, dict):
            scenario = scenario.get("title") or scenario.get("name")
        told = "Simulated in part: in this run a script typed in a person's place. What it did is no person's."
        band = told if any(s.get("origin") == "simulated" for s in self.of.samples) else ""
        if of.get("simulated"):
            band = "Simulated run, made by a generator for tests. No figure in this report was measured."
        first, last = ([s.get("started") for s in self.of.samples[at:][:1]] for at in (0, -1))
        started = line(of.get("started") or facts.get("started")) or line("".join(map(str, first)))
        finished = line(facts.get("finished")) or line("".join(map(str, last)))
        return {
            "run": line(of.get("run")),
            "title": f"Proof of value for {customer}" if customer else "Proof of value",
            "subtitle": str(scenario or ""),
            "date": (finished or started)[:10],
            "simulated": bool(band),
            "band": band,
        }

    def boxes(self) -> Iterator[str]:
        """What nobody may miss, above all else."""
        went_on = [told for s in self.of.samples for told in s.get("resumed") or []]
        windows = {"placebo", "negative"}
        if not self.of.summary or mapping(self.of.summary.get("run")).get("interrupted"):
            saved = sum(1 for s in self.of.samples if self.of.kind(s["arm"]) not in windows)
            planned = sum(n for (_, arm), n in self.of.planned.items() if self.of.kind(str(arm)) not in windows)
            of = f"{saved} of {plural(planned, 'planned trial')}" if planned else plural(saved, "trial")
            yield f"This run did not end by itself {of} saved; what is shown stands on those alone."
        if went_on:
            more = f" In all {len(went_on)} times, see Method." if len(went_on) > 1 else ""
            yield f"This run was interrupted and went on {resumed(went_on[0])}{more}"
        if self.of.departures:
            more = f"; {len(self.of.departures) - 2} more under Evidence" if len(self.of.departures) > 2 else ""
            yield f"{DEPARTED} {'; '.join(self.of.departures[:2])}{more}."
        problems = self.of.report.get("problems") or []
        if problems:
            more = f", and {len(problems) - 1} more under Evidence" if len(problems) > 1 else ""
            yield f"Something is wrong with this run's files {problems[0]}{more}"
        blind = [t for t in self.of.windows() if not saw(t)]
        if blind:
            why = "no hard failure on its own service's edges was seen"
            if blind[0].get("ok") is not True:
                why = f"it failed itself: {line(blind[0].get('error')) or 'no reason recorded'}"
            told = f"Negative control {blind[0]['n']}: {why}. Few or no failed requests prove nothing here."
            yield f"Not shown that the prober sees failures {told}"
        which = [f"{self.noun(name)}, {listing(loads)}" for name in self.ran if (loads := self.loads(name))]
        if which:
            told = f"{'; '.join(which)}: edges outside the change stalled in most trials, in no placebo."
            yield f"The operation loads this machine {told[0].upper()}{told[1:]}"

    def loads(self, experiment: str) -> list[str]:
        """Arms in most of whose trials edges outside the change stalled, and in no placebo."""
        quiet = [own for arm, own in self.of.experiments[experiment].items() if self.of.kind(arm) == "placebo"][-1:]
        if not quiet or not quiet[0].trials or any(map(stalled, quiet[0].trials)):
            return []
        arms = self.ran[experiment].items()
        return [self.of.spoken(arm) for arm, own in arms if 2 * sum(map(stalled, own.trials)) > len(own.trials)]

    def asked(self) -> Iterator[str]:
        """What is asked for, the price, the risks."""
        given, no_purchase = self.of.section, "Mock services cannot carry a purchase, and none is asked for."
        usual = "the same measurements on services of your own"
        unread = "the recorded value section does not read"
        if not given or any(told.startswith(unread) for told in self.of.report.get("problems") or []):
            yield f"The next step. {no_purchase} Asked: {usual}. Nobody is named to decide, and no date."
            yield "Price. No value model was given with this run: it says nothing of price, hours or money."
            return
        following = mapping(given.get("next"))
        who = cut(following.get("by") or "", 60) or "nobody is named"
        until = f"until {following['until']}" if following.get("until") else "no date is set"
        step = (following.get("step") or "").strip().rstrip(".") or usual
        yield f"The next step. {no_purchase} Asked: {step}. To decide: {who}, {until}."
        example = "EXAMPLE. " if given.get("example") else ""
        yield f"Price. {example}{self.price(mapping(given.get('price')), given['currency'])}"
        lacking = missing(given)
        if lacking:
            more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
            told = f"{', '.join(lacking[:3])}{more}"
            yield (
                f"What it is worth. Nobody has given {plural(len(lacking), 'figure')} of the value section ({told}): "
                "no result is told."
            )
        elif self.of.pages and (threats := self.of.pages.threats()):
            named = [f"{cut(r['title'], 80)} ({cut(r['probability'].get('by') or '', 60)})" for r, *_ in threats[:3]]
            more = f"; {len(threats) - 3} more further back" if len(threats) > 3 else ""
            yield f"Risks, with owners. {example}{'; '.join(named)}{more}."
        else:
            yield "Risks. None was named, and nobody answers for any."

    def price(self, price: dict[str, Any], currency: str) -> str:
        """The price with its source and date, or who gives it until when; told as stale after its last day."""
        paid = [(money(price.get(key)), how) for key, how in (("once", "once"), ("yearly", "a year, in advance"))]
        told = " and ".join(f"{whole(amount)}{N}{currency} {how}" for amount, how in paid if amount is not None)
        if not told:
            coming = mapping(price.get("notGiven"))
            until = f"until {coming['until']}" if coming.get("until") else "no date is set"
            return f"Not given: {cut(coming.get('by') or '', 60) or 'nobody is named to give it'}, {until}."
        stale, last = "", str(price.get("validUntil") or "")
        if last and self.head()["date"] > last:
            stale = f" It was valid until {last}: ask for a new one."
        source = f"{cut(price.get('source') or '', 80)}; {cut(price.get('by') or '', 60)},{N}{price.get('when')}"
        return f"{told} ({source}).{stale}"

    def criteria(self) -> Iterator[str]:
        """The heads of the criteria's columns, what a reader must know of each row, and who stands behind them."""
        criteria = {c["id"]: c for c in self.environment["criteria"]}
        if not self.of.scores:
            yield "No criterion was saved with this run: figures are shown, nothing is scored."
            return
        who = {agreed(c) for c in criteria.values()}
        arms = list(dict.fromkeys(c["arm"] for c in criteria.values()))
        yield f"Criterion, {next(iter(who))}" if len(who) == 1 else "Criterion"
        yield self.of.label(arms[0]) if len(arms) == 1 else "Observed"
        for one in self.ranked()[:CRITERIA]:
            by = "" if len(who) == 1 else f" ({line(criteria[one['id']].get('agreed_by')) or NOBODY})"
            yield self.of.both(f"{one['id']}: {self.of.standing(w)}{by}" for w in (one, one["pooled"]))
        yield self.attested()

    def ranked(self) -> list[dict[str, Any]]:
        """Criteria as page one has them: where there are many, the worst first."""
        if len(self.of.scores) <= CRITERIA:
            return self.of.scores
        return sorted(self.of.scores, key=lambda one: WORST_FIRST.index(verdict(one)))

    def attested(self) -> str:
        """When criteria were frozen, who countersigned, and which run of how many it is."""
        stood = self.environment.get("frozen") or {}
        told = "Criteria were not frozen before this run"
        at = line(stood.get("at"))
        if line(stood.get("state")) not in {"", "not frozen"}:
            told = f"Criteria frozen on {at[:10]}"
            told += "; this run was measured against others: exploratory" if stood.get("changes") else ""
            told += "; this run's plan is another: exploratory" if self.of.departures else ""
        number, runs, broken = self.of.counted or ["0", "0", "0"]
        ended = f", {broken} of them unfinished or gone" if broken != "0" else ""
        run = f" Run {number} of {runs} {'since' if at else 'here'}{ended}." if number != "0" else ""
        return f"{told}; {SIGNED}.{run}"

    def measured(self) -> Iterator[str]:
        """Names and words around the large figures, what this machine can tell, and whether it was busy."""
        if not self.shown:
            yield (
                "People alone: see the page on people."
                if self.of.people
                else "Nothing: no trial of this run was saved."
            )
        elif len(self.shown) <= FEW:
            for name in self.shown:
                yield from self.large(name)
        else:
            for name in self.shown:
                judged = self.of.titles.get(name, {}).get("judged_by")
                yield f"{self.title(name)} {self.of.named_metric(judged)['label'] if judged else ''}"
        if self.shown:
            yield f"Smallest difference that this machine can tell. {self.can_tell()}"
        busy = sum(amount((s.get("details") or {}).get("load_per_core")) > BUSY for s in self.of.samples)
        if busy:
            began = f"{count(busy)} of {plural(len(self.of.samples), 'trial')} began with more than {BUSY:g} runnable"
            yield (
                f"A busy machine. {began} tasks a core in the minute before: one with less to do may take other times."
            )

    def large(self, experiment: str) -> Iterator[str]:
        """What stands beside an experiment's large figures: its heading, what it worked on, the arms, all in words."""
        words = self.of.titles.get(experiment, {})
        yield self.title(experiment)
        services, proof = self.environment.get("services"), [line(s) for s in self.environment.get("under_proof") or []]
        known = {
            "{services}": f"{services} services" if isinstance(services, int) else "all services",
            "{proof}": f"{plural(len(proof), 'service')} in staging: {listing(proof)}" if proof else "staging",
        }
        subject = str(words.get("subject") or "staging")
        for key, value in known.items():
            subject = subject.replace(key, value)
        yield subject
        told, here = [], dict(way.split(": ", 1) for way in words.get("ways") or [] if ": " in way)
        metric = self.of.named_metric(words["judged_by"]) if words.get("judged_by") else None
        for arm, own in self.of.ways_of(experiment).items():
            yield f"{self.of.label(arm)}: {here.get(arm) or self.of.arms.get(arm, {}).get('note') or ''}"
            figure, unit = parts(own.median) if own.median is not None else ("–", "")
            seen = own.observe(metric)[0] if metric else None
            if metric:
                figure, unit = ("–", "") if seen is None else (plain(seen), str(metric.get("unit", "s")))
            told.append(f"{self.of.label(arm)}: {figure} {unit}" + ("" if metric else f", {reach(own)}"))
        yield f"{metric['label'] if metric else 'Medians'}. {'; '.join(told)}"

    def can_tell(self) -> str:
        """What the proposed arm against itself says, experiment by experiment; once if none was tried."""
        again = {n: own for n, by in self.ran.items() for a, own in by.items() if self.of.kind(a) == "again"}
        if not again:
            return "Not measured: no trial of the automated arm against itself (A/A) was planned."
        if len(again) > FEW:
            told = [f"{self.noun(name)} {self.in_a_word(self.itself[name])}" for name in again]
            return f"The automated arm against itself (A/A) leaves ratios open of up to: {'; '.join(told)}."
        found = []
        for name, own in again.items():
            lost = f" Its requests: {loss(own)}." if own.counts and own.counts["hard"] + own.counts["late"] else ""
            noun = self.noun(name)
            found.append(f"{noun.capitalize()}: {self.of_itself(name)}{lost}")
        return " ".join(found)

    def in_a_word(self, one: Pair | None) -> str:
        """The smallest ratio that can be told, or why none can."""
        smallest = self.smallest(one)
        if one is None or smallest is None:
            return "not told (too few trials)"
        return "not told (it differs from itself)" if one.apart else factor(smallest)

    def of_itself(self, experiment: str) -> str:
        """The same in a sentence."""
        one = self.itself[experiment]
        if one is None:
            return "not measured, no trial of the automated arm against itself (A/A) was planned, or none succeeded."
        trials = f"{len(one.base.times)} and {len(one.other.times)} trials"
        pair, smallest = f"{self.of.spoken(one.names[0])} against itself (A/A, {trials})", self.smallest(one)
        if smallest is None:
            return f"{pair} shows a ratio of {factor(one.value)}; too few trials for an interval."
        if one.apart:
            return f"{pair} shows a ratio of {one.told}, so something else than the arms made a difference."
        return f"{pair} leaves a ratio of up to {factor(smallest)} open; smaller ones cannot be told here."

    def states(self) -> Iterator[str]:
        """What is said of stated figures, and how many have no room."""
        if not self.stated:
            yield "Nothing: the engagement holds no stated figure, or there was no engagement."
            return
        yield self.note(self.stated[:STATED])
        left = len(self.stated) - STATED
        if left > 0:
            yield f"{plural(left, 'more stated figure')}."

    @staticmethod
    def note(stated: list[dict[str, Any]]) -> str:
        """What is said below stated figures."""
        example = "EXAMPLE. " if any(s.get("example") is True for s in stated) else ""
        return f"{example}Stated, not measured. In no statistic of this report."

    def findings(self) -> list[str]:
        """Every finding, the weightiest first."""
        pairs = [(name, pair, first) for name, each in self.pairs.items() for pair, first in each]
        found = [
            (self.weight(pair), f"{self.lead(name, pair)} {self.sentence(pair)}")
            for name, pair, _ in sorted(pairs, key=lambda one: not one[2])
        ]
        found += [*self.losses(), *((PEOPLE, told) for told in self.of_people())]
        every = [*(own for by in self.ran.values() for own in by.values()), *self.of.people]
        failed = sum(own.failed for own in every)
        if failed:
            found.append((FAILED_TRIALS, f"{plural(failed, 'trial')} failed. Kept and counted, in no median."))
        return [told for _, told in sorted(found, key=lambda one: one[0])]

    def weight(self, pair: Pair) -> int:
        """How early a comparison is told."""
        if self.of.arms.get(pair.names[1], {}).get("against"):
            return VARIANT
        return UNCLEAR if pair.shorter is None else GAIN if pair.shorter else NO_GAIN

    def lead(self, experiment: str, pair: Pair) -> str:
        """A comparison's finding in a few words."""
        noun, other = self.noun(experiment), self.of.arms.get(pair.names[1], {})
        if other.get("against"):
            told = "no clear difference" if pair.shorter is None else "slower" if pair.shorter else "faster"
            return f"{self.of.label(pair.names[1])}: {'too few trials to compare' if pair.few else told}."
        beside = "" if other.get("reference") else f", beside {self.of.spoken(pair.names[1])}"
        if pair.few:
            return f"Too few trials to compare machine time per {noun}{beside}."
        if pair.shorter is None:
            return f"No clear difference in machine time per {noun}{beside}."
        return f"{'Less' if pair.shorter else 'No gain in'} machine time per {noun}{beside}."

    def sentence(self, pair: Pair) -> str:
        """What its trials say."""
        base, other = map(self.of.spoken, pair.names)
        if pair.few:
            return f"Successful ones: {len(pair.base.times)} {base}, {len(pair.other.times)} {other}."
        medians = f"median {seconds(pair.base.median)} {base}, {seconds(pair.other.median)} {other}, ratio {pair.told}"
        if pair.shorter is None:
            return f"{pair.unclear}: {medians}."
        if not pair.wholly:
            return f"Not in every trial, but on the whole: {medians}."
        every = "In every successful trial" if pair.shorter else f"Every successful trial of {other} was shorter"
        return f"{every}: {medians}."

    def losses(self) -> Iterator[tuple[int, str]]:
        """Failed requests: experiment by experiment where there are few, and else arm by arm over all of them."""
        counted = {
            name: found for name, by in self.ran.items()
            if (found := {arm: own for arm, own in by.items() if own.counts and self.is_compared(arm)})
        }  # fmt: skip
        if len(counted) > FEW:
            yield from self.by_arm(counted)
            return
        for name, by in counted.items():
            hard = [arm for arm, own in by.items() if own.total("hard")]
            failed = any(own.total("hard", "late") for own in by.values())
            lead = "Hard failures" if hard else "Late requests, none failed hard" if failed else "No request failed"
            proposed = any(self.of.arms.get(arm, {}).get("proposed") for arm in hard)
            weight = PROPOSED_LOSES if proposed else LOSES if hard else LATE if failed else CLEAN
            yield weight, f"{lead}, {self.noun(name)}s: {'; '.join(self.told(arm, own) for arm, own in by.items())}."

    def is_compared(self, arm: str) -> bool:
        """Whether an arm enters comparisons; one that the catalogue does not know does not."""
        return bool((self.of.arms.get(arm) or {"compared": False}).get("compared", True))

    def told(self, arm: str, own: Arm) -> str:
        """An arm's failed requests, why, and how this machine stood still."""
        why = hard_causes(own.trials) if own.total("hard") else ""
        stood = stalls(own.trials) if own.total("late") else ""
        return ", ".join(part for part in (self.of.spoken(arm), loss(own), why, stood) if part)

    def by_arm(self, counted: dict[str, dict[str, Arm]]) -> Iterator[tuple[int, str]]:
        """The same arm by arm."""
        for arm in dict.fromkeys(arm for by in counted.values() for arm in by):
            said, data = self.of.spoken(arm), self.of.arms.get(arm, {})
            hard: list[str] = []
            late: list[str] = []
            clean: list[str] = []
            requests = 0
            found = [(f"{self.noun(name)}s", by[arm]) for name, by in counted.items() if arm in by]
            for nouns, own in found:
                if own.total("hard", "late"):
                    (hard if own.total("hard") else late).append(f"{nouns}, {loss(own)}")
                else:
                    clean.append(nouns)
                    requests += own.total("requests")
            if hard:
                causes = hard_causes([t for _, own in found for t in own.trials])
                why = f". Why: {causes}" if causes else ""
                weight = PROPOSED_LOSES if data.get("proposed") else LOSES
                yield weight, f"Hard failures, {said}: {'; '.join(hard)}{why}."
            if late:
                yield LATE, f"Late requests, none failed hard, {said}: {'; '.join(late)}."
            if clean:
                yield CLEAN, f"No request failed, {said}: in {listing(clean)}, of {plural(requests, 'request')}."

    def of_people(self) -> Iterator[str]:
        """How many persons were timed; and a script in a person's place."""
        scripted = [any(t.get("origin") == "simulated" for t in own.trials) for own in self.of.people]
        sat = [own for own, script in zip(self.of.people, scripted, strict=True) if not script]
        told = [t.get("details") or {} for own in sat for t in own.trials]
        authors = {line(row.get("by")) or "not recorded" for row in told}
        n = len(authors | {who for row in told if (who := line(row.get("reviewer")))})
        if n:
            yield f"{plural(n, 'person')} timed, in no comparison: see People."
        if any(scripted):
            yield "A script typed in a person's place: no person's time."

    def limits(self) -> Iterator[tuple[str, str]]:
        """What nobody may read into these trials."""
        arms = [(arm, own) for by in self.ran.values() for arm, own in by.items()]
        kinds = {self.of.kind(arm) for arm, _ in arms}
        if "manual" in kinds:
            which = self.runbooks()
            told = f"{which[0].upper()}{which[1:]} {'were' if ' and ' in which else 'was'} executed by a machine"
            yield "Nothing about people's time.", f"{told}: no reading, typing or hand-over is in it."
        if "script" in kinds:
            told = (
                "It works when somebody starts it, and does not tell what is changed by hand afterwards, or who did it."
            )
            yield "No platform in a script.", told
        if self.stated:
            told = "They were not timed here; subtracting ours from theirs proves nothing."
            yield "No saving against stated figures.", told
        ns = sorted({len(own.times) for arm, own in arms if own.times and self.is_compared(arm)})
        if ns and 2 / math.comb(2 * ns[-1], ns[-1]) > 0.05:
            trials = plural(ns[-1], "trial") if len(ns) == 1 else f"{ns[0]} to {plural(ns[-1], 'trial')}"
            told = "an arm no exact test can tell an order from chance; the medians describe these trials."
            yield "No significance.", f"With {trials} {told}"
        for name, by in self.ran.items():
            for arm in by if self.of.titles.get(name, {}).get("bound") else ():
                own = self.of.tried(name, arm, True)[0]
                proposed = self.of.arms.get(arm, {}).get("proposed") and own.times and not own.failed
                if proposed and own.counts and not own.total("hard", "late"):
                    told = f"0 failures in {plural(len(own.times), self.noun(name))} rule out, at 95{N}%, only a rate"
                    above = percent(at_most(0, len(own.times)))
                    yield "Not zero disruption.", f"{told} above {above}{N}% of them."
        if self.shown and not self.of.windows():
            hard, late = (sum(own.total(kind) for _, own in arms) for kind in ("hard", "late"))
            told = "No trial was made to fail on purpose."
            seen = f"{told} It did see failures: {by_kind(hard, late)}." if hard + late else told
            lead = "Not that the prober sees every failure."
            self.of.both((f"{lead} {seen}", f"{lead} {told} It did see {count(hard + late)} fail."))
            yield lead, seen
        yield "Not your production.", "Mock services with similar traffic, on one machine; times there will differ."

    def runbooks(self) -> str:
        """Whose runbooks the manual arms executed."""
        whose: dict[str, list[str]] = {}
        for name, by in self.ran.items():
            if any(self.of.kind(arm) == "manual" for arm in by):
                found = mapping(mapping(self.environment.get("runbooks")).get(name)) or mapping(
                    self.environment.get("runbook")
                )
                known = found.get("origin") == "customer" and all(line(found.get(k)) for k in ("path", "digest", "by"))
                told = "the customer's runbook" if known else "an example runbook"
                whose.setdefault(told, []).append(self.noun(name))
        if len(whose) <= 1:
            return next(iter(whose), "an example runbook")
        return " and ".join(f"{told} ({listing(nouns)})" for told, nouns in whose.items())

    @cached_property
    def pages(self) -> dict[str, list[str]]:
        """Every sentence of the experiments' pages, by their headings."""
        return {self.title(name): list(self.experiment(name)) for name in self.shown}

    @cached_property
    def steps(self) -> dict[str, list[str]]:
        """What stands below the charts of steps."""
        with_steps = {n: [t for own in by.values() for t in own.trials if t.get("steps")] for n, by in self.ran.items()}
        found: dict[str, list[str]] = {self.title(name): [] for name, trials in with_steps.items() if trials}
        took = [(sum(x["seconds"] for x in t["steps"]), t.get("seconds")) for by in with_steps.values() for t in by]
        if found and any(own is not None and steps > own * 1.02 + 0.05 for steps, own in took):
            told = "Steps that ran side by side sum to more than their trial took; the tick marks the trial's time."
            found[list(found)[-1]].append(told)
        return found

    def experiment(self, name: str) -> Iterator[str]:
        """Every sentence of an experiment's page."""
        words, arms = self.of.titles.get(name, {}), self.ran[name]
        clock = [
            words.get("starts") or "the operation starts",
            words.get("stops") or "the operation is seen to be done",
        ]
        review = words.get("review") or ""
        told = f"Clock. Starts when {clock[0]}; stops when {clock[1]}. The same in every arm. {review}"
        yield told.rstrip()
        placebos = [own for arm, own in self.of.experiments[name].items() if self.of.kind(arm) == "placebo"][-1:]
        beside = f", and {plural(len(placebos[0].trials), 'placebo')}" if placebos else ""
        seed = self.environment.get("order_seed")
        order = "in an order that was not recorded" if seed is None else f"in a random order from seed {seed}"
        ran = listing([f"{len(own.trials)} {self.of.spoken(arm)}" for arm, own in arms.items()])
        yield f"Trials. {ran}{beside}, {order}; failures are counted on the edges that the change touches."
        primary = next((pair for pair, first in self.pairs[name] if first), None)
        told = "no primary comparison could be made"
        if primary is not None:
            base, other = map(self.of.spoken, primary.names)
            told = f"primary comparison: {other} against {base}, the others are descriptive"
        yield f"{STATISTICS}; {told}. Failed trials are counted, and in no time."
        yield from self.compared(name, str(words.get("judged_by") or ""))
        recorded = {arm: own for arm, own in arms.items() if own.counts}
        clean = [self.of.spoken(arm) for arm, own in recorded.items() if not own.total("hard", "late")]
        if not recorded:
            yield "No trial of this experiment recorded requests."
        if clean:
            yield f"No request failed: {listing(clean)}."

    def compared(self, name: str, judged: str) -> Iterator[str]:
        """Each ratio in words, the smallest difference, and what an interval lacks."""
        if judged:
            yield f"Arms are not compared by their seconds: what counts is {self.of.named_metric(judged)['label']}."
            return
        pairs, itself = [pair for pair, _ in self.pairs[name]], self.itself[name]
        drawn = [*pairs, itself] if itself else pairs
        if not drawn:
            yield "Arms are not compared: two of them need a successful trial each."
        yield from (f"{pair.told}{'' if pair.low is not None else ', no interval'}" for pair in drawn)
        yield f"Smallest difference that this machine can tell: {self.of_itself(name)}"
        for pair in pairs:
            base, other = map(self.of.spoken, pair.names)
            if pair.low is None:
                n, m = len(pair.base.times), len(pair.other.times)
                why = f"{n} and {m} values: the widest interval would cover {pair.coverage:.0%}"
                yield f"No interval for {other} to {base}: {why}, less than 95 %."
            elif (covers := quoted(nearest(pair.base.times, pair.other.times))) < SHORT:
                told = f"{SIMULATED} {covers / 10_000 * 100:.1f}{N}% there, less than the 95 % that they promise."
                yield f"{other} to {base}: the arms spread unequally. {told}"


PROPOSED_LOSES, NO_GAIN, LOSES, GAIN, UNCLEAR, FAILED_TRIALS, PEOPLE, LATE, VARIANT, CLEAN = range(10)  # bad news first


def mapping(value: Any) -> dict[str, Any]:
    """The value if it is a mapping, or an empty one."""
    return value if isinstance(value, dict) else {}


def line(value: Any) -> str:
    """Any recorded value as a line of text; nothing for none."""
    return "" if value is None else printed(str(value))


def plural(number: int, one: str, many: str = "") -> str:
    """`3 trials`, `1 trial`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def agreed(criterion: dict[str, Any]) -> str:
    """Who agreed to a criterion, and on which day."""
    by, on = line(criterion.get("agreed_by")), line(criterion.get("agreed_on"))
    return f"agreed by {by}{f', {on}' if on else ''}" if by else NOBODY


def stated_in(environment: dict[str, Any]) -> list[dict[str, Any]]:
    """What was stated, with a figure."""
    return [s for s in environment.get("baseline") or [] if is_a(s.get("value"), NUMBER) and s["value"] >= 0]


def resumed(told: dict[str, Any]) -> str:
    """Where a run had ended early and went on."""
    last, at = (line(told.get(key))[:19].replace("T", " ") for key in ("last", "at"))
    begun = (
        f" {line(told['trial'])} had begun without being saved, and was measured again." if told.get("trial") else ""
    )
    went_on = f"After sample {told['after']}, last heard of at {last}; resumed at {at} (UTC).{begun}"
    return f"{went_on} The order is the one drawn before the first trial; the time between is not random."


def saw(trial: dict[str, Any]) -> bool:
    """Whether a negative control saw the failure that it had to see."""
    details = trial.get("details") or {}
    edge = details.get("seen") or {}
    ends = {end.strip() for end in str(edge.get("edge", "")).split("→")}
    hard = ((trial.get("traffic") or {}).get("operation") or {}).get("hard") or 0
    return trial.get("ok") is True and edge.get("kind") == "hard" and details.get("service") in ends and hard > 0


def stalled(trial: dict[str, Any]) -> bool:
    """Whether edges outside the change stalled."""
    return bool(((trial.get("traffic") or {}).get("control_stalls") or {}).get("count"))


def stalls(trials: list[dict[str, Any]]) -> str:
    """How this machine stood still in trials' windows; empty if it did not, or nobody looked."""
    beats = [(t.get("traffic") or {}).get("heartbeat") or {} for t in trials]
    longest = [amount(beat.get("longest_ms")) for beat in beats if amount(beat.get("count"))]
    late = sum(map(stalled, trials))
    told = [f"the prober stood still for up to {seconds(max(longest) / 1000)}"] if longest else []
    told += [f"control requests came late in {late} of {plural(len(trials), 'trial')}"] if late else []
    return " and ".join(told)


def hard_causes(trials: list[dict[str, Any]]) -> str:
    """The two most frequent causes of hard failures, and on how many edges they were."""
    found: Counter[str] = Counter()
    edges = set()
    for cause in (c for t in trials for c in (t.get("traffic") or {}).get("causes") or []):
        if cause["kind"] == "hard":
            found[printed(cause["text"])] += cause["count"]
            edges.add(cause["edge"])
    ranked = sorted(found, key=lambda text: -found[text])[:2]
    return f"{'; '.join(ranked)} (on {plural(len(edges), 'edge')})" if ranked else ""


def reach(own: Arm) -> str:
    """An arm's range of seconds, as it stands below its median."""
    if len(own.times) > 1:
        return span(min(own.times), max(own.times))
    return "one trial" if own.times else "no successful trial"


def missing(section: dict[str, Any]) -> list[str]:
    """The figures of a value section that nobody has given yet, by their keys, in its order."""
    parts: list[tuple[str, Any]] = []
    for kind, keys in INPUTS.items():
        there = section.get(kind)
        if isinstance(there, list):
            parts += [(f"{kind}.{n}.{key}", mapping(one).get(key)) for n, one in enumerate(there, 1) for key in keys]
        elif keys:
            parts += [(f"{kind}.{key}", mapping(there).get(key)) for key in keys]
        else:
            parts.append((kind, there))
    given = ("low", "expected", "high", "percent")
    found = [place for place, one in parts if isinstance(one, dict) and all(one.get(key) is None for key in given)]
    return [*found, *(["asOf"] if section.get("asOf") is None else [])]


def drawn(plan: Counter[tuple[str, str]], seed: int, how: Any) -> list[tuple[str, str, int]]:
    """All trials shuffled at once by Python's generator from the seed; each round of one trial an arm in older runs."""
    draw = random.Random(seed)  # noqa: S311 - an order to repeat, not a secret
    found: list[tuple[str, str, int]] = []
    if how == "complete":
        pairs = [pair for pair, trials in sorted(plan.items()) for _ in range(trials)]
        draw.shuffle(pairs)
        seen: Counter[tuple[str, str]] = Counter()
        for pair in pairs:
            seen[pair] += 1
            found.append((*pair, seen[pair]))
        return found
    for number in range(1, max(plan.values(), default=0) + 1):
        members = [(*pair, number) for pair, trials in sorted(plan.items()) if number <= trials]
        draw.shuffle(members)
        found += members
    return found


def named(slot: tuple[Any, ...] | None) -> str:
    """A trial by its experiment, arm and number."""
    return ", ".join(map(str, slot)) if slot else "none"


class Verifier:
    """Reads a folder of attachments; `wrong` says what does not match, `notes` what was not computed again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wrong: list[str] = []
        self.notes: list[str] = []
        self.departures: list[str] = []
        self.done = 0
        self.recorded: dict[str, Any] = {}
        self.environment: dict[str, Any] = {}
        self.arms: dict[str, dict[str, Any]] = {}
        self.metrics: dict[str, dict[str, Any]] = {}
        self.titles: dict[str, dict[str, Any]] = {}
        self.experiments: dict[str, dict[str, Arm]] = {}
        self.hands: dict[str, dict[str, Arm]] = {}
        self.people: list[Arm] = []
        self.planned: Counter[tuple[Any, Any]] = Counter()
        self.scores: list[dict[str, Any]] = []
        self.samples: list[dict[str, Any]] = []
        self.promised: dict[str, Any] = {}
        self.report: dict[str, Any] = {}
        self.summary: dict[str, Any] = {}
        self.counted: list[str] = []
        self.given: Sentences | None = None
        self.section: dict[str, Any] = {}
        self.pooled: dict[str, str] = {}
        self.pages: WorthPages | None = None

    def expect(self, where: str, printed: Any, computed: Any) -> None:
        """One figure as it was printed against the same computed here."""
        self.done += 1
        if not close(printed, computed):
            self.wrong.append(f"{where}: it says {printed!r}, the samples give {computed!r}")

    @contextmanager
    def looking(self, where: str) -> Iterator[None]:
        """What cannot be computed since the files are not as they should be is one line, and the rest goes on."""
        try:
            yield
        except BROKEN as error:
            self.wrong.append(f"{where}: is not as it should be ({cut(repr(error), 120)})")

    def there(self, name: str) -> Path | None:
        """A file of this folder by the name that another one gives it; None for one that is not here."""
        try:
            path = (self.folder / name).resolve()
            inside = path.is_relative_to(self.folder.resolve()) and path.is_file()
        except (OSError, ValueError, RuntimeError):
            return None
        return path if inside else None

    def read(self, name: str) -> Any:
        """A file as JSON; None with a line of its own where it is missing or broken."""
        try:
            return something(parsed((self.folder / name).read_bytes()))
        except (OSError, ValueError) as error:
            self.wrong.append(f"{name}: cannot be read ({error})")
            return None

    def fit(self, name: str, found: Any, shape: dict[str, Any]) -> dict[str, Any]:
        """A document without what is not as it should be, a line for each of that; empty where nothing is left."""

        def tell(text: str) -> None:
            self.wrong.append(f"{name}: {text}")

        try:
            return {} if found is None else dict(fitted(found, shape, "", tell))
        except Unlike:
            return {}
        except RecursionError:
            tell("it is nested without end")
            return {}

    def optional(self, name: str, shape: dict[str, Any]) -> dict[str, Any]:
        """A file that may not be there, as far as it is as it should be."""
        return self.fit(name, self.read(name), shape) if (self.folder / name).exists() else {}

    def run(self) -> None:
        """Everything, in order; what cannot be read keeps the rest from being looked at."""
        found = self.read("environment.json")
        self.recorded = found if isinstance(found, dict) else {}
        self.environment = self.fit("environment.json", found, ENVIRONMENT)
        self.environment["criteria"] = self.bounded(self.environment.get("criteria") or [])
        self.report = self.fit("report.json", self.read("report.json"), REPORT)
        self.even(self.report.get("sections") or [])
        self.summary = summary = self.optional("summary.json", SUMMARY)
        head = self.chain()
        if (self.folder / "criteria.json").exists() and self.read("criteria.json") != self.recorded.get("criteria"):
            self.wrong.append("criteria.json: not the criteria that were saved before the first trial")
        with self.looking("head.json"):
            self.digests(head, summary)
        with self.looking("criteria.frozen.json"):
            self.frozen()
        with self.looking("samples.jsonl"):
            self.group()
        with self.looking("criteria.frozen.json: experiments"):
            self.departures = self.departed()
        with self.looking("environment.json: plan"):
            self.order()
        if self.wrong and not self.samples:
            return
        for c in self.environment["criteria"]:
            with self.looking(f"environment.json: criterion {c['id']}"):
                self.scores.append(self.score(c))
        with self.looking("summary.json"):
            self.of_summary(summary)
        self.of_report()

    def bounded(self, criteria: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Criteria that have a bound; one without is told."""
        found = [c for c in criteria if any(is_a(c.get(key), NUMBER) for key in BOUNDS)]
        self.wrong += [f"environment.json: criterion {c['id']} has no bound" for c in criteria if c not in found]
        return found

    def even(self, sections: list[dict[str, Any]]) -> None:
        """Tables whose rows are as long as their heads; others are told and left out."""
        for section in sections:
            for b in (b for top in section["blocks"] for b in self.inside(top)):
                if b["kind"] == "table":
                    odd = [row for row in b["rows"] if len(row) != len(b["head"])]
                    where = f"report.json: section “{section['title']}”"
                    self.wrong += [f"{where}: a row of {len(row)} cells under {len(b['head'])} heads" for row in odd]
                    b["rows"] = [row for row in b["rows"] if row not in odd]

    def chain(self) -> str:
        """Every sample carries the digest of the one before, the first that of environment.json."""
        try:
            head = sha((self.folder / "environment.json").read_bytes())
            lines = (self.folder / "samples.jsonl").read_bytes().decode(errors="replace").split("\n")
        except OSError as error:
            self.wrong.append(f"samples.jsonl: cannot be read ({error})")
            return ""
        for number, line in enumerate(lines, 1):
            if not line:
                continue
            try:
                sample = record_of(line.encode())
                told = sha(canonical({key: value for key, value in sample.items() if key != "digest"}))
            except (ValueError, RecursionError) as error:
                self.wrong.append(f"samples.jsonl:{number}: cut off or not JSON ({cut(str(error), 80)})")
                continue
            if sample.get("prev") != head or sample.get("digest") != told:
                self.wrong.append(f"samples.jsonl:{number}: does not fit the chain (changed, dropped or reordered)")
            head = str(sample.get("digest"))
            if sample.get("schema") != "pov.dev/sample/v2":
                self.wrong.append(f"samples.jsonl:{number}: schema {sample.get('schema')} is not read by this verifier")
                continue
            fit = self.fit(f"samples.jsonl:{number}", sample, SAMPLE)
            if number == 1:
                with self.looking("environment.json"):
                    self.beginning(fit.get("genesis") or {})
            for went_on in fit.get("resumed") or []:
                self.expect(f"samples.jsonl:{number}: went on after so many samples", went_on["after"], number - 1)
            if fit:
                self.samples.append(fit)
        return head

    def beginning(self, told: dict[str, str]) -> None:
        """The first sample tells the digests of the criteria, the plan and all else that was recorded before it."""
        planned = {key: self.recorded.get(key) for key in ("plan", "order_seed")}
        criteria = {"criteria": self.recorded.get("criteria")}
        rest = {key: value for key, value in self.recorded.items() if key not in planned | criteria}
        for name, part in {"environment": rest, "criteria": criteria, "plan": planned}.items():
            if name in told and told[name] != sha(canonical(part)):
                self.wrong.append(f"environment.json: changed in its {name} since the first sample was saved")
            self.done += name in told

    def digests(self, head: str, summary: dict[str, Any]) -> None:
        """What summary, head and report say of the files' digests."""
        told: list[tuple[str, str, Any]] = [
            ("summary.json", name, digest) for name, digest in (summary.get("digests") or {}).items()
        ]
        signed = self.optional("head.json", HEAD)
        told += [("head.json", name, digest) for name, digest in (signed.get("files") or {}).items()]
        told += [("head.json", "chain_head", signed["chain_head"])] if "chain_head" in signed else []
        recorded = [(s.get("details") or {}).get("recording") or {} for s in self.samples]
        told += [
            ("samples.jsonl", r["file"], r.get("sha256")) for r in recorded if r.get("file") and self.there(r["file"])
        ]
        told += [("report.json", name, digest) for name, digest in (self.report.get("digests") or {}).items()]
        for where, name, digest in told:
            if name in {"chain_head", "chain head"}:
                # Of no sample there is no last digest.
                self.expect(f"{where}: {name}", digest, head if self.samples or where == "summary.json" else "")
            elif path := self.there(name):
                self.expect(f"{where}: digest of {name}", digest, sha(path.read_bytes()))
            else:
                self.notes.append(f"{name} is not attached: the digest that {where} gives of it is not checked")

    def frozen(self) -> None:
        """The criteria that the run was scored by are those that were frozen, unless it says otherwise."""
        stood = self.environment.get("frozen") or {}
        if stood.get("digest"):
            path = self.folder / "criteria.frozen.json"
            content = path.read_bytes() if path.is_file() else b""
            self.expect("environment.json: digest of criteria.frozen.json", stood["digest"], sha(content))
            self.promised = agreed = self.optional(path.name, AGREED).get("agreed") or {}
            same = agreed.get("criteria") == self.recorded.get("criteria")
            if not stood.get("changes") and not same:
                self.wrong.append("environment.json: its criteria are not those of criteria.frozen.json")
            for name, digest in (stood.get("signatures") or {}).items():
                signature = self.there(name)
                held = signature.read_bytes() if signature else b""
                self.expect(f"environment.json: digest of {name}", digest, sha(held))
        if (self.folder / "runs.json").exists():
            entries = self.optional("runs.json", COUNTED_RUNS).get("runs") or []
            runs = [entry.get("run") for entry in entries]
            lost = [e["run"] for e in self.environment.get("earlier_runs") or [] if e.get("run") not in runs]
            self.wrong += [f"runs.json: run {run} came before this one and is not counted" for run in lost]
            broken = sum(1 for entry in entries if entry.get("state") in {"interrupted", "unfinished", "missing"})
            at = runs.index(self.environment.get("run")) + 1 if self.environment.get("run") in runs else 0
            self.counted = [str(at), str(len(runs)), str(broken)]

    def departed(self) -> list[str]:
        """Where the plan is not the frozen one. In none are windows, people, own arms; nor is a run of those alone."""
        own = {arm.get("name") for arm in self.environment.get("own_arms") or []}
        mine = {key: n for key, n in self.planned.items() if key[1] not in own and self.kind(str(key[1])) not in APART}
        frozen: dict[tuple[Any, Any], int] = {}
        for one in self.promised.get("experiments") or []:
            more = one.get("arm_trials") or {}
            frozen |= {(one["name"], arm): more.get(arm, one.get("trials")) or 0 for arm in one.get("arms") or []}
            again = [n for n, a in self.arms.items() if a.get("kind") == "again"] if one.get("aa") else []
            frozen |= {(one["name"], name): one["aa"] for name in again}
        if not mine or not self.promised:
            return []
        found = []
        for key in dict.fromkeys([*frozen, *mine]):
            n, of = mine.get(key, 0), frozen.get(key)
            if key[1] not in own and self.kind(str(key[1])) not in APART and mine.get(key) != of:
                trials = "no trial" if not n else f"{n} trial{'' if n == 1 else 's'}"
                told = f"{trials}, and none in the frozen plan" if of is None else f"{trials} in place of {of}"
                found.append(f"{', '.join(map(str, key))}: {told}")
        return [*found, *self.other_kind({name for name, _ in mine})]

    def other_kind(self, measured: set[Any]) -> Iterator[str]:
        """What was chosen otherwise than frozen: where work is killed, how bad a version is."""
        of = {one["name"]: one for one in self.promised.get("experiments") or [] if one["name"] in measured}
        chosen = self.environment.get("choices") or {}
        at, rate = chosen.get("kill_at"), chosen.get("error_rate")
        if at is not None and "interrupted" in of:
            point = of["interrupted"].get("at") or "half"
            if f"{at:g}" != f"{POINTS.get(point, point.removesuffix('%').lstrip('0'))}":
                yield f"interrupted: killed at {at:g} % in place of {point}"
        if rate is not None and "rollback-errors" in of:
            share = of["rollback-errors"].get("error_rate") or ERROR_RATE
            if rate != share:
                yield f"rollback-errors: a share of {rate:g} in place of {share:g}"

    def order(self) -> None:
        """The plan is the order that the seed gives, and samples came in the plan's order, without one left out."""
        plan, seed = self.environment.get("plan"), self.environment.get("order_seed")
        if self.environment.get("simulated"):
            self.notes.append("the order of trials: its generator drew it, for tests")
            return
        keys = ("experiment", "arm", "trial")
        slots: list[tuple[Any, ...]] = [tuple(p.get(k) for k in keys) for p in plan or [] if isinstance(p, dict)]
        if not slots or any(not isinstance(trial, int) for *_, trial in slots):
            self.notes.append("the order of trials: the run recorded no plan that says it")
            return
        if isinstance(seed, int):
            meant = Counter((str(experiment), str(arm)) for experiment, arm, _ in slots)
            wanted = drawn(meant, seed, self.environment.get("order_drawn"))
            self.expect(f"environment.json: the plan is the order that seed {seed} gives", slots == wanted, True)
        else:
            self.notes.append("the order of trials: no seed was recorded to compute it from")
        came = [tuple(s.get(key) for key in keys) for s in self.samples]
        for at, (one, planned) in enumerate(zip_longest(came, slots[: len(came)]), 1):
            self.expect(f"samples.jsonl:{at}: trial by the plan", named(one), named(planned))

    def group(self) -> None:
        """Samples by experiment and arm, in the catalogue's order."""
        named: dict[str, dict[str, Any]] = {"arms": {}, "metrics": {}, "experiments": {}}
        # What the run recorded counts; what it did not is as the report has it.
        for catalogue in (self.report.get("catalogue") or {}, self.environment.get("catalogue") or {}):
            for kind, items in named.items():
                items.update({item["name"]: item for item in catalogue.get(kind) or []})
        self.arms, self.metrics, self.titles = named["arms"], named["metrics"], named["experiments"]
        order = {name: at for at, name in enumerate(self.arms)}
        found: dict[str, dict[str, list[dict[str, Any]]]] = {name: {} for name in self.titles}
        for s in self.samples:
            origin = s.get("origin")
            # A script in a person's place is no machine's arm; people's own arms are theirs by name.
            own = {"person"} if self.kind(s["arm"]) == "person" else {"executed", "simulated"}
            arm = s["arm"] if origin in own else f"{s['arm']}-{origin}"
            found.setdefault(s["experiment"], {}).setdefault(arm, []).append(s)
        every = {
            name: {arm: Arm(by[arm]) for arm in sorted(by, key=lambda a: (order.get(a, len(order)), a))}
            for name, by in found.items()
            if by
        }
        # People stand apart from all that machines do, and enter none of their figures.
        self.hands = {
            name: {arm: own for arm, own in by.items() if self.kind(arm) == "person"} for name, by in every.items()
        }
        self.people = [own for by in self.hands.values() for own in by.values()]
        self.experiments = {
            name: {arm: own for arm, own in by.items() if self.kind(arm) != "person"} for name, by in every.items()
        }
        facts = mapping(self.summary.get("run"))
        plan = self.environment.get("plan") or self.environment.get("planned") or facts.get("planned")
        for p in plan if isinstance(plan, list) else []:
            # One trial, or an arm with its number of trials.
            self.planned[mapping(p).get("experiment"), mapping(p).get("arm")] += int(
                amount(mapping(p).get("trials", 1))
            )

    def every(self) -> list[Arm]:
        """Every arm, people's among them."""
        return [*(arm for by in self.experiments.values() for arm in by.values()), *self.people]

    def kind(self, arm: str) -> str:
        """An arm's kind, as the run's catalogue has it; what was done in a person's place stands apart as theirs."""
        if arm not in self.arms and self.arms.get(arm.rpartition("-")[0], {}).get("kind") == "person":
            return "person"
        return str(self.arms.get(arm, {}).get("kind", ""))

    def spoken(self, arm: str) -> str:
        """An arm's name inside a sentence."""
        data = self.arms.get(arm, {})
        return str(data.get("spoken") or data.get("label", arm.capitalize()).lower())

    def tried(self, experiment: str, arm: str, counts: bool) -> tuple[Arm, int]:
        """An arm's trials and how many were planned; for failures also those in which it was tried against itself."""
        twins = (
            [n for n, a in self.arms.items() if a.get("kind") == "again" and a.get("against") == arm] if counts else []
        )
        by = self.experiments.get(experiment, {})
        trials = [t for name in (arm, *twins) if name in by for t in by[name].trials]
        return Arm(trials), sum(self.planned[experiment, name] for name in (arm, *twins))

    def windows(self) -> list[dict[str, Any]]:
        """The trials of negative controls."""
        arms = [item for by in self.experiments.values() for item in by.items()]
        return [t for name, arm in arms if self.kind(name) == "negative" for t in arm.trials]

    def seen(self) -> bool | None:
        """Whether each negative control saw the failure that it had to see; None where there was none."""
        windows = self.windows()
        return all(map(saw, windows)) if windows else None

    def named_metric(self, name: str) -> dict[str, Any]:
        """A metric; one that the catalogue does not know is a further figure of trials."""
        return self.metrics.get(name) or {"figure": name, "unit": "", "label": name.replace("_", " ")}

    def score(self, c: dict[str, Any]) -> dict[str, Any]:
        """A criterion: pass, fail or not shown, for its own arm and for today's way."""
        today = next((n for n, arm in self.arms.items() if arm.get("reference")), "")
        own = self.outcome(c, c["arm"])
        own["pooled"] = {**own, "seen": self.value(own["metric"], own["observed"]), "why": own["reason"]}
        if today and today != c["arm"] and self.experiments.get(c["experiment"], {}).get(today):
            own["today"] = of_today = self.outcome(c, today)
            own["pooled"]["today"] = {**of_today, "seen": self.value(own["metric"], of_today["observed"])}
        return own

    def outcome(self, c: dict[str, Any], arm: str) -> dict[str, Any]:
        """A criterion scored for one arm."""
        metric = self.named_metric(c["metric"])
        own, planned = self.tried(c["experiment"], arm, bool(metric.get("counts")))
        observed, excused = own.observe(metric)
        more = metric.get("direction") == "more"
        bound = next(float(c[k]) for k in ("at_most", "at_least", "bound") if isinstance(c.get(k), int | float))

        def beyond(value: float) -> bool:
            return value < bound if more else value > bound

        trials = f"{len(own.trials)} trial{'' if len(own.trials) == 1 else 's'}"
        lacking = self.lacking(own, bool(metric.get("counts")), planned)
        if not own.trials:
            found, reason = "not shown", "no trial of this arm in this run"
        elif observed is None:
            none_worked = not own.good and not metric.get("counts")
            found, reason = "not shown", "every trial failed" if none_worked else "not recorded"
        elif beyond(observed - excused):
            found, reason = "fail", f"over {trials}"
            if metric.get("counts") and (lost := own.counts):
                reason = f"{lost['hard']} hard, {lost['late']} late ({lost['excused']} of them excused), {reason}"
        elif beyond(observed):
            found, reason = "not shown", f"this machine stalled: {excused} of {observed:g} may be excused"
        else:
            found, reason = ("not shown", lacking) if lacking else ("pass", f"all of {trials}")
        kinds = own.kinds(metric)
        hard, late = kinds or (None, None)
        seen = self.value(metric, observed) if kinds is None else by_kind(*kinds)
        return {"id": c["id"], "title": line(c.get("title")) or c["id"], "observed": observed, "outcome": found,
                "excused": excused, "bound": bound, "metric": metric, "more": more, "reason": reason, "seen": seen,
                "why": why(reason, kinds, excused, found), "hard": hard, "late": late}  # fmt: skip

    def lacking(self, own: Arm, counts: bool, planned: int) -> str:
        """What keeps a figure within its bound from being a pass; empty for nothing."""
        n = len(own.trials)
        if own.failed:
            return f"{own.failed} of {n} trial{'' if n == 1 else 's'} failed"
        if n < planned:
            return f"{n} of {planned} trial{'' if planned == 1 else 's'} planned ran"
        blind = "the negative control did not show that the prober sees failures"
        return blind if counts and self.seen() is False else ""

    def standing(self, one: dict[str, Any]) -> str:
        """What a reader must know beside an outcome: why it is not shown, and how today's way fared."""
        today = one.get("today")
        if one["outcome"] != "pass":
            return str(one["why"])
        if not today or today["outcome"] == "not shown":
            return ""
        said, seen = self.spoken(self.marked("reference")), today["seen"]
        if today["outcome"] == "pass":
            return f"{said} passes too ({seen})"
        return f"{said} fails it ({seen})"

    def threshold(self, one: dict[str, Any]) -> str:
        """The bound in words."""
        return f"at {'least' if one['more'] else 'most'} {self.value(one['metric'], one['bound'])}"

    def in_words(self, one: dict[str, Any]) -> str:
        """One sentence for one criterion, as the command line and other programs have it."""
        rest = self.standing(one)
        seen = f"{one['metric'].get('label')} {one['seen']}, {self.threshold(one)}"
        return f"{verdict(one).upper()}: {one['title']} ({seen}{f'; {rest}' if rest else ''})."

    def both(self, texts: Iterable[str]) -> str:
        """What is printed, first of two; versions of before had the second, where hard and late were one figure."""
        told, pooled = texts
        self.pooled[told] = pooled
        return told

    def value(self, metric: dict[str, Any], value: float | None) -> str:
        """A metric's value as the report prints it."""
        if value is None:
            return "–"
        if metric.get("unit") == "s":
            return seconds(value)
        return count(value) if metric.get("counts") else f"{plain(value)} {metric.get('unit', '')}".strip()

    def of_summary(self, summary: dict[str, Any]) -> None:
        """summary.json: medians, ranges, counts and outcomes."""
        for e in summary.get("experiments") or []:
            for a in e.get("arms") or []:
                own = self.experiments.get(e["name"], {}).get(a["name"]) or Arm([])
                where = f"summary.json: {e['name']}, {a['name']}"
                self.expect(f"{where}, n", a.get("n"), len(own.good))
                self.expect(f"{where}, failed trials", a.get("failed"), own.failed)
                self.expect(f"{where}, median", a.get("median"), own.median)
                self.expect(f"{where}, minimum", a.get("minimum"), min(own.times, default=None))
                self.expect(f"{where}, maximum", a.get("maximum"), max(own.times, default=None))
                for name in ("requests", "hard", "late", "excused", "handshakes"):
                    self.expect(f"{where}, {name}", a.get(name), own.counts and own.counts[name])
        if "interruptions" in summary:
            went_on = [told for s in self.samples for told in s.get("resumed") or []]
            self.expect("summary.json: interruptions", summary["interruptions"], went_on)
        told = {c["id"]: c for c in summary.get("criteria") or []}
        for one in self.scores:
            if one["id"] in told:
                of = told[one["id"]]
                for key in ("observed", "outcome", "excused", *(key for key in ("hard", "late") if key in of)):
                    self.expect(f"summary.json: {one['id']}, {key}", of.get(key), one[key])

    def of_report(self) -> None:
        """report.json: verdicts, and every block of the first pages."""
        sections = self.report.get("sections") or []
        for look in (self.left_out, self.of_comparisons, self.of_worth):
            with self.looking("report.json"):
                look(sections)
        with self.looking("report.json"):
            self.given = self.given or Sentences(self)
            self.of_head(self.given)
        if not any(section["id"] == "order" for section in sections):
            with self.looking("report.json"):
                self.of_order("order", [])
        for section in sections:
            self.of_section(section, f"report.json: section “{section['title']}”")

    def of_section(self, section: dict[str, Any], where: str) -> None:
        """A section: each of its blocks, and what is said in it."""
        blocks = [b for top in section["blocks"] for b in self.inside(top)]
        title = ""
        for n, b in enumerate(blocks, 1):
            title = b.get("text", "") if b["kind"] == "heading" else b.get("title", title)
            with self.looking(f"{where}, block {n} ({b['kind']})"):
                self.block(section["id"], title, b)
        with self.looking(where):
            if section["id"] == FOOTPRINT:
                self.of_footprint(blocks)
            elif section["id"] == UPKEEP:
                self.of_upkeep(blocks)
            elif section["id"] in TOLD:
                self.sentences(section)
            elif section["id"] not in {*WORTH, *COMPUTED}:
                why = LATER.get(section["id"], "this verifier does not know it")
                self.notes.append(f"section “{section['title']}”: {why}")

    def of_upkeep(self, blocks: list[dict[str, Any]]) -> None:
        """Running the platform: the rows that were measured, which come first; others are the value section's."""
        computed = []
        for name in ON_PLATFORM:
            words = self.titles.get(name, {})
            for own in self.ways_of(name).values():
                lost = loss(own) + (
                    f"; {own.failed} failed trial{'' if own.failed == 1 else 's'}" if own.failed else ""
                )
                reach = span(min(own.times), max(own.times)) if len(own.times) > 1 else "–"
                n = str(len(own.good))
                computed.append([words.get("title"), "executed", seconds(own.median), reach, n, lost])
                for metric in (self.metrics.get(each, {}) for each in words.get("metrics") or []):
                    value = own.observe(metric)[0]
                    if value is not None:
                        computed.append([f"of it: {metric.get('label')}", "executed", seconds(value), "–", n, "–"])
        rows = [list(row) for b in blocks if b["kind"] == "table" for row in b["rows"]]
        self.expect("running the platform: what was measured", rows[: len(computed)], computed)
        others = [row[0] for row in rows[len(computed) :] if row[1] == "executed"]
        self.expect("running the platform: further rows that a machine is said to have done", others, [])
        self.notes.append("section “Running the platform itself”: what was stated in it is as the value section has it")

    def of_footprint(self, blocks: list[dict[str, Any]]) -> None:
        """What the platform itself takes: every figure of its sentences and its table, from the spans in samples."""
        told = [(s, (s.get("details") or {}).get(FOOTPRINT)) for s in self.samples]
        spans = [(s, span) for s, span in told if isinstance(span, dict) and amount(span.get("seconds"))]
        quiet = [span for s, span in spans if self.kind(s["arm"]) == "placebo"]
        found = Taken([span for _, span in spans], quiet)
        items = [item for b in blocks if b["kind"] == "bullets" for item in b["items"]]
        rows = [row for b in blocks if b["kind"] == "table" for row in b["rows"]]
        if not spans:
            self.expect("footprint: figures without a record", [*rows, *items], [])
            return
        self.expect("footprint: table", rows, found.rows())
        cores = (self.environment.get("machine") or {}).get("cores")
        computed = found.sentences(cores, len(self.samples))
        self.expect("footprint: sentences", [tokens(" ".join(item), []) for item in items], computed)

    def of_worth(self, sections: list[dict[str, Any]]) -> None:
        """The value section computed anew, against what pages one to three say of it."""
        saved = self.environment.get("value") or None
        section = self.optional(VALUE, {}) if (self.folder / VALUE).exists() else saved
        self.section = section or {}
        drawn = {one["id"]: one["blocks"] for one in sections if one["id"] in WORTH}
        if not section:
            self.wrong += [f"{name}: there is no value section to compute it from" for name in drawn]
            return
        told = any(b.get("title") == "Changed after the run" for blocks in drawn.values() for b in blocks)
        if drawn:
            self.expect("value.json: it says that the section was changed after the run", told, section != saved)
        try:
            self.pages = WorthPages(Worth(section, self.timed), self.expect)
        except BROKEN as error:
            if drawn:
                self.wrong.append(f"value.json: cannot be computed ({error!r}), and yet a result is told")
            else:
                self.notes.append(f"the value section is not whole ({error}): nothing follows from it yet")
            return
        whole_section = section.get("asOf") and (section.get("discount") or {}).get("percent") is not None
        self.expect("report.json: pages of what it is worth", sorted(drawn), sorted(WORTH) if whole_section else [])
        for name, blocks in drawn.items():
            with self.looking(f"report.json: section {name}"):
                self.pages.of_page(blocks)

    def timed(self, wanted: dict[str, Any]) -> tuple[float, int] | None:
        """A metric of one of this run's arms, and how many trials it stands on."""
        by = {**self.experiments.get(wanted["experiment"], {}), **self.hands.get(wanted["experiment"], {})}
        own = by.get(wanted["arm"]) or Arm([])
        metric = self.metrics.get(wanted["metric"]) or {"figure": wanted["metric"]}
        value = own.observe(metric)[0]
        return (value, len(own.good)) if value is not None and own.good else None

    def inside(self, block: dict[str, Any]) -> list[dict[str, Any]]:
        """A block, or those in its columns."""
        if block["kind"] != "columns":
            return [block]
        return [found for side in ("left", "right") for inner in block[side] for found in self.inside(inner)]

    def block(self, section: str, title: str, b: dict[str, Any]) -> None:
        """The figures of one block, place by place; `title` is the heading above it."""
        named = {n.capitalize(): n for n in self.experiments} | {e.get("title"): n for n, e in self.titles.items()}
        by = (self.hands if section == "people" else self.experiments).get(named.get(title, ""), {})
        where = f"{section}: {title}"
        if b["kind"] == "outcomes":
            self.of_outcomes(section, b)
        elif b["kind"] == "overview":
            self.of_overview(where, b)
        elif b["kind"] == "stated":
            self.of_stated(section, b["items"])
        elif b["kind"] == "key_figures" and by and self.titles.get(named.get(title, ""), {}).get("judged_by"):
            self.of_judged(where, b["cells"], by, self.titles[named[title]]["judged_by"])
        elif section == "rare" and b["kind"] == "table":
            self.of_rare(where, b["rows"], named.get(title, ""), by)
        elif section == "order" and b["kind"] == "table":
            self.of_order(where, b["rows"])
        elif b["kind"] in {"key_figures", "dots"} and by:
            if section == "people":
                self.of_points(where, b["panels"], by)
            else:
                self.of_cells(where, b["axis"], b.get("cells") or b.get("panels") or [], by)
        elif b["kind"] == "table" and by:
            self.of_table(where, b, by)
        elif b["kind"] == "ratios" and by:
            self.of_ratios(where, b["rows"], {self.spoken(name): own for name, own in by.items()})
            tens = [round(tick / 10.0 ** math.floor(math.log10(tick) + 1e-9), 6) for tick in b["axis"] if tick > 0]
            even = len(tens) == len(b["axis"]) and set(tens) <= {1, 2, 5} and b["axis"] == sorted(b["axis"])
            self.expect(f"{where}, axis of ratios", even, True)
        elif b["kind"] == "bars":
            self.of_bars(where, b["rows"], b["legend"])
            ways = [own for name, own in by.items() if self.kind(name) not in APART]
            steps = [t for own in ways for t in own.trials if t.get("steps")]
            lengths = [max(sum(x["seconds"] for x in t["steps"]), t.get("seconds") or 0.0) for t in steps]
            ticks = [round(tick, 9) for tick in b["axis"]]
            self.expect(f"{where}, axis of steps", ticks, axis(max(lengths, default=0.0)))

    def of_rare(self, where: str, rows: list[list[str]], experiment: str, by: dict[str, Arm]) -> None:
        """What rare failures leave open: every count and bound."""
        ways = [name for name in by if self.kind(name) not in {*APART, "again"}]
        computed = [row for name in ways for row in rare(self.label(name), self.tried(experiment, name, True)[0])]
        for printed_row, row in zip_longest(rows, computed):
            self.expect(f"{where}, {', '.join((printed_row or row or [])[:2])}", printed_row, row)

    def left_out(self, sections: list[dict[str, Any]]) -> None:
        """Sections, and tables of bounds, that samples call for: one that was left out says nothing by itself."""
        there = [section["id"] for section in sections]
        for name in self.called_for():
            self.expect(f"report.json: there is a section “{name}”", name in there, True)
        if any((s.get("details") or {}).get(FOOTPRINT) for s in self.samples):
            self.expect("footprint: what samples tell of it is in the report", FOOTPRINT in there, True)
        if any(self.ways_of(name) for name in ON_PLATFORM):
            self.expect("running the platform: what was measured of it is in the report", UPKEEP in there, True)
        blocks = [b for section in sections if section["id"] == "rare" for b in section["blocks"]]
        shown = [b["text"] for b, after in pairwise(blocks) if (b["kind"], after["kind"]) == ("heading", "table")]
        wanted = [
            self.titles.get(name, {}).get("title") or name.capitalize()
            for name in self.experiments
            if any(rare("", self.tried(name, arm, True)[0]) for arm in self.ways_of(name))
        ]
        self.expect("rare: experiments with bounds", shown, wanted)

    def called_for(self) -> list[str]:
        """Sections that every report has, and those that these samples call for."""
        ways = [own for by in self.experiments.values() for name, own in by.items() if self.kind(name) not in APART]
        stepped = any(t.get("steps") for own in ways for t in own.trials)
        wanted = {"experiments": ways, "traffic": ways, "steps": stepped, "people": self.people}
        return [*ALWAYS, *(name for name, called in wanted.items() if called)]

    def pairs(self, experiment: str, ran: dict[str, Arm]) -> tuple[tuple[str, str], list[tuple[str, str]]]:
        """Which arms are compared: the primary pair, and all of them, that one first; what is compared with leads."""
        proposed, primary = self.marked("proposed"), self.primary_pair(experiment)
        found = [primary]
        for name in ran:
            data = self.arms.get(name) or {"compared": False}
            found.append((data.get("against") or (proposed if data.get("compared", True) else ""), name))
        return primary, [pair for pair in dict.fromkeys(found) if pair[0] != pair[1]]

    def comparisons(self, experiment: str, *, judged: bool = False) -> list[tuple[str, str, str]]:
        """What the report compares: two arms, and the name of its row.

        The primary comparison comes first, then each arm with the proposed one, or with the one of which it is a
        variant; last the proposed arm against itself, whose first name is empty. Where arms are `judged` by another
        figure than their seconds there are none, unless asked for.
        """
        if not judged and self.titles.get(experiment, {}).get("judged_by"):
            return []
        ran = {name: own for name, own in self.experiments.get(experiment, {}).items() if self.kind(name) not in APART}
        primary, pairs = self.pairs(experiment, self.ways_of(experiment))
        found = [
            (base, other, f"{self.spoken(other)} to {self.spoken(base)}{' (primary)' if pair == primary else ''}")
            for pair in pairs
            for base, other in [pair]
            if self.timed_both(ran.get(base), ran.get(other))
        ]
        again = next((n for n in self.experiments.get(experiment, {}) if self.kind(n) == "again"), "")
        itself = str(self.arms.get(again, {}).get("against") or "")
        if again and self.timed_both(ran.get(itself), self.experiments[experiment][again]):
            found.append(("", again, f"{self.spoken(again)} to {self.spoken(itself)}"))
        return found

    def marked(self, key: str) -> str:
        """The arm that the catalogue calls proposed, or today's way."""
        return next((name for name, arm in self.arms.items() if arm.get(key)), "")

    @staticmethod
    def timed_both(base: Arm | None, other: Arm | None) -> bool:
        """Whether both have times that can be set against each other."""
        return bool(base and other and base.times and other.times and min(*base.times, *other.times) > 0)

    def of_comparisons(self, sections: list[dict[str, Any]]) -> None:
        """Every comparison has its row; and coverages that the report quotes from simulations, simulated here."""
        rows: dict[str, list[str]] = {}
        under = ""
        pages = [top for section in sections if section["id"] == "experiments" for top in section["blocks"]]
        for b in (b for top in pages for b in self.inside(top)):
            under = b["text"] if b["kind"] == "heading" else under
            if b["kind"] == "ratios":
                rows.setdefault(under, []).extend(row["name"] for row in b["rows"])
        for name, by in self.experiments.items():
            title = str(self.titles.get(name, {}).get("title") or name.capitalize())
            wanted = self.comparisons(name)
            self.expect(f"experiments: {title}: what is compared", rows.get(title, []), [row for *_, row in wanted])
            for base, other, row in wanted:
                if base and ratio(by[base].times, by[other].times)[1] is not None:
                    case = nearest(by[base].times, by[other].times)
                    if quoted(case) < SHORT:
                        here, told = 100 * covered(case), quoted(case) / 100
                        where = f"experiments: {title}, {row}, coverage in simulation, {here:.1f} % here"
                        self.expect(f"{where}, within {WITHIN:g} of {told:.1f} %", abs(here - told) <= WITHIN, True)

    def ways_of(self, experiment: str) -> dict[str, Arm]:
        """An experiment's arms that a machine works, but for the proposed one tried against itself."""
        by = self.experiments.get(experiment, {})
        return {name: own for name, own in by.items() if self.kind(name) not in APART | {"again"}}

    def of_order(self, where: str, rows: list[list[str]]) -> None:
        """Which comparisons are primary, p of each, and Holm's correction over them."""
        computed = self.primaries()
        whole = all(how not in DRAWN for *_, how in computed)
        adjusted = holm([1.0 if p is None else p for *_, p, _ in computed])
        self.expect(f"{where}: primary comparisons", [row[:3] for row in rows], [row for _, row, *_ in computed])
        for row, (*_, p, how), by_holm in zip(rows, computed, adjusted, strict=False):
            self.expect(f"{where}, {row[0]}: how", row[5], how)
            if how not in DRAWN:
                self.expect(f"{where}, {row[0]}: p", row[3], "–" if p is None else f"{p:.2g}")
            if whole:
                self.expect(f"{where}, {row[0]}: p by Holm", row[4], "–" if p is None else f"{by_holm:.2g}")
            else:
                self.notes.append(f"{where}, {row[0]}: a p by {' or '.join(DRAWN)} is not computed, nor Holm's over it")

    def primaries(self) -> list[tuple[str, list[str], float | None, str]]:
        """Each experiment with its primary comparison in words, the p of that, and how it is found."""
        computed = []
        for name, by in self.experiments.items():
            base, other = self.primary_pair(name)
            if base and (base, other) in [pair[:2] for pair in self.comparisons(name)]:
                p, how = ordered(by[base].times, by[other].times)
                title = str(self.titles.get(name, {}).get("title") or name.capitalize())
                n = f"{len(by[other].times)}, {len(by[base].times)}"
                computed.append((name, [title, f"{self.spoken(other)}, {self.spoken(base)}", n], p, how))
        return computed

    def corrected(self) -> dict[str, float | None]:
        """p by Holm of each experiment's primary comparison; as the report has it where one of them is not computed."""
        computed = self.primaries()
        if all(how not in DRAWN for *_, how in computed):
            adjusted = holm([1.0 if p is None else p for *_, p, _ in computed])
            return {name: None if p is None else by for (name, _, p, _), by in zip(computed, adjusted, strict=True)}
        tables = [b for s in self.report.get("sections") or [] if s["id"] == "order" for b in s["blocks"]]
        told = {row[0]: row[4] for b in tables if b["kind"] == "table" for row in b["rows"] if len(row) > 4}
        names = {name: told.get(row[0], "–") for name, row, *_ in computed}
        return {name: float(p) if re.fullmatch(r"\d[\d.e-]*", p) else None for name, p in names.items()}

    def primary_pair(self, experiment: str) -> tuple[str, str]:
        """An experiment's primary comparison: what is compared with, then what is compared.

        A criterion names it, else it is the proposed arm and today's.
        """
        base, other = (self.marked(key) for key in ("proposed", "reference"))
        for c in self.environment.get("criteria") or []:
            if c.get("experiment") == experiment and c.get("primary_against"):
                base, other = c["arm"], c["primary_against"]
        return base, other

    def label(self, arm: str) -> str:
        """An arm's name as a heading."""
        return str(self.arms.get(arm, {}).get("label", arm.capitalize()))

    def of_cells(self, where: str, ticks: list[float], cells: list[dict[str, Any]], by: dict[str, Arm]) -> None:
        """Large figures, or panels of a chart, on one axis."""
        arms = {self.label(name): own for name, own in by.items()}
        drawn = [arms.get(cell["label"]) or Arm([]) for cell in cells]
        highest = max((time for own in drawn for time in own.times), default=0.0)
        self.expect(f"{where}, axis", [round(tick, 9) for tick in ticks], axis(highest))
        for cell, own in zip(cells, drawn, strict=True):
            self.cell(f"{where}, {cell['label']}", cell, own)

    def of_points(self, where: str, panels: list[dict[str, Any]], by: dict[str, Arm]) -> None:
        """Every trial of people: all that there is of few persons."""
        arms = {self.label(name): own for name, own in by.items()}
        for panel in panels:
            self.points(f"{where}, {panel['label']}", panel, arms.get(panel["label"]) or Arm([]))

    def of_judged(self, where: str, cells: list[dict[str, Any]], by: dict[str, Arm], judged: str) -> None:
        """Large figures of an experiment whose arms are judged by a figure of its own, and not by their seconds."""
        arms = {self.label(name): own for name, own in by.items()}
        metric = self.metrics.get(judged, {})
        for cell in cells:
            own = arms.get(cell["label"]) or Arm([])
            self.cell(f"{where}, {cell['label']}", {k: v for k, v in cell.items() if k != "figure"}, own)
            told_of = [(t.get("figures") or {}).get(judged) for t in own.good]
            found: list[Any] = [value for value in told_of if is_a(value, NUMBER)]
            aggregation = metric.get("aggregation", "median")
            value = float(statistics.median(found)) if found else 0.0
            if found and aggregation in {"max", "min", "sum"}:
                value = float({"max": max(found), "min": min(found), "sum": sum(found)}[aggregation])
            told = f"{plain(value)} {metric.get('unit', '')}" if found else "– "
            self.expect(f"{where}, {cell['label']}, figure", f"{cell['figure']} {cell['unit']}", told)
            self.expect(f"{where}, {cell['label']}, range", cell["range"], metric.get("label"))
            for key, computed in (("trials", n_of(own)), ("loss", loss(own)), ("samples", numbers(own))):
                self.expect(f"{where}, {cell['label']}, {key}", cell[key], computed)

    def of_table(self, where: str, b: dict[str, Any], by: dict[str, Arm]) -> None:
        """Medians with their ranges, or failures by cause."""
        arms = {self.label(name): own for name, own in by.items()}
        if b["caption"].startswith("Medians with range"):
            for row in b["rows"]:
                own = arms.get(row[0]) or Arm([])
                low, high = min(own.times, default=None), max(own.times, default=None)
                told = [str(len(own.good)), str(own.failed), seconds(own.median), seconds(low), seconds(high)]
                for name, shown, computed in zip(b["head"][1:], row[1:], [*told, numbers(own)], strict=False):
                    self.expect(f"{where}, {row[0]}, {name}", shown, computed)
        elif b["caption"].startswith("Failures by cause"):
            labels = [self.label(name) for name in by if self.kind(name) not in {"placebo", "negative"}]
            causes = [row for label in labels for row in by_cause(label, arms[label])]
            self.expect(f"{where}, failures by cause", b["rows"], causes)

    def of_stated(self, section: str, items: list[dict[str, Any]]) -> None:
        """What the customer stated, and who said so when: the first ones on page one, the others further back."""
        stated = stated_in(self.environment)[:STATED] if section == "decision" else stated_in(self.environment)[STATED:]
        given = [[plain(s["value"]), s.get("unit") or "", s.get("figure") or s.get("id")] for s in stated]
        self.expect(f"{section}: stated figures", [[i["value"], i["unit"], i["figure"]] for i in items], given)
        for item, s in zip(items, stated, strict=False):
            by_whom = f"stated by {line(s.get('by')) or 'an unnamed person'}, {line(s.get('when')) or 'no date given'}"
            source = EXAMPLE if s.get("example") is True else by_whom
            self.expect(f"{section}: {item['figure']}, source", item["source"], source)

    def of_outcomes(self, section: str, b: dict[str, Any]) -> None:
        """Each criterion with its threshold, what was seen of both ways, and the outcome; those left out, counted."""
        ranked = self.given.ranked() if self.given else self.scores
        left = Counter(verdict(one) for one in ranked[CRITERIA:])
        kinds = [f"{left[kind]} {kind}" for kind in WORST_FIRST if left[kind]]
        noun = f"more criteri{'on' if left.total() == 1 else 'a'}, none with a worse outcome"
        more = f"{count(left.total())} {noun}: {listing(kinds)}." if left else ""
        self.expect(f"{section}: criteria that are left out", b.get("more") or "", more)
        shown = [one["id"] for one in ranked[:CRITERIA]]
        self.expect(f"{section}: criteria that are shown", [row["id"] for row in b["rows"]], shown)
        scores = {one["id"]: one for one in self.scores}
        for row in b["rows"]:
            one = scores.get(row["id"])
            if one is None:
                self.wrong.append(f"{section}: {row['title']}: no such criterion was saved before the first trial")
                continue
            where, today = f"{section}: {one['id']}", one.get("today")
            self.expect(f"{where}, title", row["title"], one["title"])
            self.expect(f"{where}, threshold", row["threshold"], self.threshold(one))
            pair = one, one["pooled"]
            seen_today = self.both(w["today"]["seen"] for w in pair) if today else "–"
            self.sentence(f"{where}, today", row["today"], seen_today)
            self.sentence(f"{where}, observed", row["observed"], self.both(w["seen"] for w in pair))
            self.expect(f"{where}, outcome", row["outcome"], verdict(one))

    def of_overview(self, where: str, b: dict[str, Any]) -> None:
        """Every experiment in a row: what each arm took and lost."""
        ran = [name for name, by in self.experiments.items() if any(self.kind(n) not in APART for n in by)]
        self.expect(f"{where}, experiments", [row["name"] for row in b["rows"]], ran)
        ways = Counter(way for name in ran for way in self.ways_of(name) if not self.arms.get(way, {}).get("against"))
        first = [self.marked(key) for key in ("proposed", "reference")]
        ranked = sorted(ways, key=lambda way: (first.index(way) if way in first else len(first), -ways[way], way))
        shown = [self.label(way) for way in ranked[:COLUMNS]]
        self.expect(f"{where}, arms", [arm["label"] for arm in b["arms"]], shown)
        for row in b["rows"]:
            by = self.experiments.get(row["name"], {})
            arms = {self.label(name): own for name, own in by.items() if self.kind(name) not in {*APART, "again"}}
            left = sum(1 for label in arms if label not in shown)
            more = f"{left} further arm{'' if left == 1 else 's'}" if left else ""
            self.expect(f"{where}, {row['title']}, further arms", row["more"], more)
            judged = str(self.titles.get(row["name"], {}).get("judged_by") or "")
            self.expect(f"{where}, {row['title']}, cells", len(row["cells"]), len(shown))
            for label, cell in zip(shown, row["cells"], strict=False):
                printed = [cell["figure"], cell["trials"], cell["loss"]]
                self.expect(f"{where}, {row['title']}, {label}", printed, self.small(arms.get(label), judged))

    def small(self, own: Arm | None, judged: str) -> list[str]:
        """An arm in a cell of the overview: its figure, n, and what it lost."""
        if own is None:
            return ["–", "", ""]
        metric = self.metrics.get(judged, {})
        value = own.observe(metric)[0] if judged else None
        figure = seconds(own.median)
        if judged:
            figure = "–" if value is None else f"{plain(value)} {metric.get('unit', '')}".strip()
        n, c = n_of(own), own.counts
        if c is None:
            return [figure, n, "requests not recorded"]
        lost = f"{count(c['hard'])} hard, {count(c['late'])} late of" if c["hard"] + c["late"] else "none of"
        return [figure, n, f"{lost} {count(c['requests'])}{'' if c['hard'] + c['late'] else ' failed'}"]

    def of_ratios(self, where: str, rows: list[dict[str, Any]], arms: dict[str, Arm]) -> None:
        """Each ratio with both ends of its interval."""
        for row in rows:
            # "the runbook to automated": how many times as long the one took as the other.
            other, _, base = row["name"].removesuffix(" (primary)").partition(" to ")
            times = [arms[name].times if name in arms else [] for name in (base, other)]
            computed = ratio(*times) if all(times) and min(map(min, times)) > 0 else (None, None, None)
            for key, value in zip(("value", "low", "high"), computed, strict=False):
                self.expect(f"{where}, ratio of {row['name']}, {key}", row.get(key), value)

    def of_bars(self, where: str, rows: list[dict[str, Any]], legend: list[dict[str, Any]]) -> None:
        """Each trial's time, the steps that are drawn of it, and the key: medians of each step over good trials."""
        by_number = {s["n"]: s for s in self.samples}
        for row in rows:
            s = by_number.get(row["n"]) or {}
            steps = sum(step["seconds"] for step in s.get("steps") or [])
            drawn = sum(part["seconds"] for part in row["parts"])
            self.expect(f"{where}, sample {row['n']}, time", row.get("seconds"), s.get("seconds"))
            self.expect(f"{where}, sample {row['n']}, sum of steps", round(drawn, 2), round(steps, 2))
            told = seconds(s.get("seconds")) if s.get("ok") is True else "failed"
            self.expect(f"{where}, sample {row['n']}, total", row["total"], told)
        good = Arm([by_number[row["n"]] for row in rows if row["n"] in by_number]).good
        named = [re.sub(r" ×\d+$", "", item["name"]) for item in legend]
        for item, name in zip(legend, named, strict=True):
            sums = [sum(x["seconds"] for x in t.get("steps") or [] if wanted(x["name"], name, named)) for t in good]
            told = seconds(statistics.median(sums)) if sums else ""
            self.expect(f"{where}, median of {name}", item["median"], told)

    def cell(self, where: str, cell: dict[str, Any], own: Arm) -> None:
        """Large figures and points of one arm."""
        self.expect(f"{where}, median", cell.get("median"), own.median)
        self.expect(f"{where}, least", cell.get("least"), min(own.times, default=None))
        self.expect(f"{where}, greatest", cell.get("greatest"), max(own.times, default=None))
        self.points(where, cell, own)
        if "figure" in cell:
            figure, unit = parts(own.median) if own.median is not None else ("–", "")
            self.expect(f"{where}, figure", f"{cell['figure']} {cell['unit']}", f"{figure} {unit}")
            self.expect(f"{where}, range", cell["range"], reach(own))
            self.expect(f"{where}, trials", cell["trials"], n_of(own))
            self.expect(f"{where}, requests", cell["loss"], loss(own))
            self.expect(f"{where}, samples", cell["samples"], numbers(own))

    def points(self, where: str, cell: dict[str, Any], own: Arm) -> None:
        """Every trial of one arm: all that there is of few persons."""
        points = [(p["n"], p.get("seconds"), p["ok"]) for p in cell.get("points") or []]
        self.expect(f"{where}, points", points, [(t["n"], t.get("seconds"), t in own.good) for t in own.trials])

    def of_head(self, given: Sentences) -> None:
        """What stands above page one, and the criteria in sentences."""
        for key, computed in given.head().items():
            if computed or key != "run":
                self.expect(f"report.json: {key}", self.report.get(key), computed)
        told = [self.both(map(self.in_words, (one, one["pooled"]))) for one in self.scores]
        told = told or ["No criterion was set: nothing is scored."]
        for sentence, one in zip_longest(self.report.get("verdict") or [], told):
            self.sentence("report.json: verdict", sentence, one)

    def sentences(self, section: dict[str, Any]) -> None:
        """Every sentence of a section against the one that has to stand in its place."""
        if self.given is None:
            return
        name = section["id"]
        sections = {"decision": "page_one", "experiments": "pages"}
        computed, told = getattr(self.given, sections.get(name, name)), by_place(section["blocks"])
        for place in dict.fromkeys([*computed, *told]):
            printed = [self.without_signers(text) for text in told.get(place, [])]
            for n, one, other in aligned(printed, computed.get(place, [])):
                self.sentence(f"{name}: {place}, {n}", one, other)

    def sentence(self, where: str, told: str | None, computed: str | None) -> None:
        """One sentence; where another version drew the report, its words may be others, and its figures may not."""
        if told is None:
            self.wrong.append(f"{where}: it does not say {computed!r}, which the samples give")
        elif computed is None:
            self.wrong.append(f"{where}: it says {told!r}, which nothing that was saved gives")
        elif told != computed and self.elsewhere and self.pooled.get(computed) == told:
            self.notes.append(f"{where}: another version's words, with hard and late failures in one figure: {told}")
        elif told != computed and self.elsewhere and tokens(told, []) == tokens(computed, []):
            self.notes.append(f"{where}: another version's words, with the figures that the samples give: {told}")
        else:
            self.expect(where, told, computed)

    @cached_property
    def elsewhere(self) -> bool:
        """Whether another version drew the report: its verifier is not this one."""
        theirs, own = self.folder / "verify.py", Path(__file__)
        return theirs.is_file() and own.is_file() and theirs.read_bytes() != own.read_bytes()

    def without_signers(self, text: str) -> str:
        """A sentence without who signed: a name has to be in the list that is attached, the rest ssh-keygen tells."""
        told = re.search(rf"; ({ALONE}|(\w[\w ]*) countersigned by (.*?))(?=\.(?: Run \d|$))", text)
        if told is None:
            return text
        over = {"criteria and run": "ch", "the criteria alone": "c", "the run alone": "h"}.get(told[2] or "", "")
        files = [
            next(self.folder.glob(f"{'criteria.frozen' if one == 'c' else 'head'}.json*.sig"), None) for one in over
        ]
        try:
            lines = (self.folder / SIGNERS).read_text(errors="replace").splitlines() if over else []
        except OSError:
            lines = []
        known = {name for one in lines for name in one.partition(" ")[0].split(",")}
        names = re.split(r", | and ", told[3] or "")
        fits = told[1] == ALONE or (over and None not in files and known.issuperset(names))
        if fits and over:
            self.notes.append(f"page one: “{told[1]}”: that is for ssh-keygen to tell, by the commands below")
        return text.replace(told[1], SIGNED) if fits else text


def by_kind(hard: int, late: int) -> str:
    """Failures by kind; none of either is 0."""
    return f"{count(hard)} hard, {count(late)} late" if hard or late else "0"


def why(reason: str, kinds: tuple[int, int] | None, excused: int, outcome: str) -> str:
    """A reason as it is printed beside a figure that is told as hard and late ones."""
    if kinds is None or outcome == "pass":
        return reason
    if excused and outcome == "not shown" and reason.startswith("this machine stalled"):
        return f"this machine stalled: {excused} of {kinds[1]} late may be excused"
    if outcome != "fail":
        return reason
    over = reason.rpartition(", ")[2]
    return f"{excused} of the late ones excused, {over}" if excused else over


def verdict(one: dict[str, Any]) -> str:
    """A criterion's outcome as it is printed: a pass of both ways tells nothing of either."""
    apart = one.get("today", {}).get("outcome") == "pass" and one["outcome"] == "pass"
    return "does not tell apart" if apart else str(one["outcome"])


def aligned(told: list[str], computed: list[str]) -> Iterator[tuple[int, str | None, str | None]]:
    """Sentences side by side by their number, so that one that was left out does not put all after it out of place."""
    first = next((n for n, (one, other) in enumerate(zip(told, computed, strict=False)) if one != other), None)
    first = min(len(told), len(computed)) if first is None else first
    backwards = zip(reversed(told[first:]), reversed(computed[first:]), strict=False)
    last = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], backwards))
    ends = [len(told) - last, len(computed) - last]
    yield from ((n, one, one) for n, one in enumerate(told[:first], 1))
    for n, (one, other) in enumerate(zip_longest(told[first : ends[0]], computed[first : ends[1]]), first + 1):
        yield n, one, other
    yield from ((n, one, one) for n, one in enumerate(told[ends[0] :], ends[0] + 1))


def n_of(own: Arm) -> str:
    """How many trials an arm stands on."""
    return f"n{N}={N}{len(own.good)}" + (f", {own.failed} failed" if own.failed else "")


def listing(items: list[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)


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


def wanted(step: str, name: str, named: list[str]) -> bool:
    """Whether a step belongs to an item of a key: its own, or the one of all shorter steps."""
    return step not in named if re.fullmatch(r"\d+ shorter steps?", name) else printed(step) == name


def numbers(own: Arm) -> str:
    """An arm's sample numbers as they are printed."""
    found = [t["n"] for t in own.trials]
    if len(found) <= 12:
        return ", ".join(map(str, found))
    return f"{', '.join(map(str, found[:10]))} … {found[-1]} ({len(found)})"


def axis(highest: float) -> list[float]:
    """Ticks from 0 on: about four steps of 1, 2, 2.5, 5 or 10 powers of ten."""
    if not highest > 0:
        return [0.0, 1.0]
    power = 10.0 ** math.floor(math.log10(highest / 4))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= highest / 4 * 0.999)
    return [round(step * i, 9) for i in range(math.ceil(highest / step - 1e-9) + 1)]


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
    more = [label, "", f"{len(rest)} rarer causes", "", "", count(sum(requests[key] for key in rest))]
    return [*rows, more] if rest else rows


def printed(text: str) -> str:
    """A recorded text as it is printed: one line without control characters."""
    return "".join(c if c.isprintable() or c in "\u200c\u200d" else " " for c in text).strip()


def percent(value: float) -> str:
    """A share as percent, without the sign."""
    return f"{value * 100:.0f}" if value * 100 >= 10 or value == 0 else f"{value * 100:.2g}"


def ratio(base: list[float], other: list[float]) -> tuple[float, float | None, float | None, float]:
    """Hodges and Lehmann's ratio, both ends of its exact interval (None below 95 %), and the coverage of that."""
    ratios = sorted(math.log(y) - math.log(x) for x in base for y in other)
    value, total = math.exp(statistics.median(ratios)), math.comb(len(base) + len(other), len(base))
    if len(ratios) > 10_000:
        spread = math.sqrt(len(ratios) * (len(base) + len(other) + 1) / 12)
        k = math.floor((len(ratios) + 1) / 2 - 1.959963984540054 * spread)
        return (
            value,
            math.exp(ratios[k - 1]),
            math.exp(ratios[-k]),
            math.erf(((len(ratios) + 1) / 2 - k) / spread / 2**0.5),
        )
    counted, below, k = ways(len(base), len(other)), 0, 0
    while k < len(ratios) // 2 and 2 * (below + counted[k]) <= 0.05 * total:
        below += counted[k]
        k += 1
    if not k:
        return value, None, None, 1 - min(1.0, 2 / total)
    return value, math.exp(ratios[k - 1]), math.exp(ratios[-k]), 1 - 2 * below / total


def at_most(events: int, of: int) -> float:
    """The share p at which so few of `of` tries have 5 %: Clopper and Pearson's upper bound, by halving."""
    if events == of:
        return 1.0
    low, high = events / of, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if below(events, of, middle) > 0.05 else (low, middle)
    return (low + high) / 2


def below(events: int, of: int, p: float) -> float:
    """How often at most `events` of `of` tries happen at a share of p: the binomial sum, from its largest term down."""
    if not 0 < p < 1:
        return float(p <= 0 or events == of)
    log = math.lgamma(of + 1) - math.lgamma(events + 1) - math.lgamma(of - events + 1)
    term = total = 1.0
    for i in range(events, 0, -1):
        term *= i * (1 - p) / ((of - i + 1) * p)
        total += term
        if term < 1e-18 * total:
            break
    return math.exp(log + events * math.log(p) + (of - events) * math.log1p(-p)) * total


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


def bounded(events: int, of: int) -> list[str]:
    """A count and its bound as they are printed, with 3/n where nothing failed."""
    if not of:
        return ["", ""]
    three = f" ({percent(min(1.0, 3 / of))}{N}%)" if events == 0 else ""
    return [count(events), f"{percent(at_most(events, of))}{N}%{three}"]


DRAWN = ("equal values: drawn relabellings (9,999)", "normal approximation")  # numpy's draws, and an approximation


def ordered(base: list[float], other: list[float]) -> tuple[float | None, str]:
    """Two-sided p of the rank test and how it is found: exact, by all relabellings among equal values, or not here."""
    one, two = len(base), len(other)
    if not one or not two:
        return None, "one side has no value"
    total = math.comb(one + two, one)
    if 2 / total > 0.05:
        least = min(1.0, 2 / total)
        return None, f"{one} and {two} values: the smallest p that an exact rank test could give is {least:.2g}"
    every = [*base, *other]
    if one * two > 10_000:
        return None, DRAWN[1]
    if len(set(every)) == len(every):
        u = sum(1 for x in base for y in other if x > y)
        return min(1.0, 2 * sum(ways(one, two)[: min(u, one * two - u) + 1]) / total), "exact"
    if total > 9_999:
        return None, DRAWN[0]

    def pairs(chosen: set[int]) -> float:
        first, second = [every[i] for i in chosen], [every[i] for i in range(len(every)) if i not in chosen]
        return math.fsum((x > y) + (x == y) / 2 for x in first for y in second)

    found = [pairs(set(chosen)) for chosen in combinations(range(len(every)), one)]
    u_seen = pairs(set(range(one)))
    fewer, more = sum(1 for x in found if x <= u_seen), sum(1 for x in found if x >= u_seen)
    return min(1.0, 2 * min(fewer, more) / total), f"equal values: all relabellings ({total:,})"


def holm(found: list[float]) -> list[float]:
    """Each p corrected for all of them, in their order."""
    ranked = sorted(range(len(found)), key=lambda at: found[at])
    adjusted, least = [0.0] * len(found), 0.0
    for position, at in enumerate(ranked):
        least = max(least, min(1.0, (len(found) - position) * found[at]))
        adjusted[at] = least
    return adjusted


def spread(values: list[float]) -> float:
    """The standard deviation of logarithms."""
    logs = [math.log(value) for value in values]
    middle = math.fsum(logs) / len(logs)
    return math.sqrt(math.fsum((log - middle) ** 2 for log in logs) / max(1, len(logs) - 1))


def nearest(one: list[float], other: list[float]) -> tuple[str, float, int]:
    """The simulated case nearest in size and spread: which arm spreads more, how much, the smaller one's size."""
    fewer, more = sorted((one, other), key=len)
    small, large = spread(fewer), spread(more)
    unequal = max(small, large) / min(small, large) if min(small, large) > 0 else math.inf
    factor = min(SPREADS, key=lambda tried: abs(math.log(min(unequal, 1e6) / tried)))
    n = min(SIZES, key=lambda tried: (abs(tried - len(fewer)), tried))
    if len(more) < 1.5 * len(fewer):
        return "equal", factor, n
    return ("fewer" if small >= large else "more"), factor, n


def quoted(case: tuple[str, float, int]) -> int:
    """What the report quotes of a case, in hundredths of a percent."""
    which, factor, n = case
    return QUOTED[which, factor][SIZES.index(n)]


def covered(case: tuple[str, float, int]) -> float:
    """How often such intervals cover, simulated here: the worse of two shapes."""
    which, factor, n = case
    if which == "equal":
        return simulated(n, n, factor, 1.0)
    return simulated(n, 2 * n, factor, 1.0) if which == "fewer" else simulated(n, 2 * n, 1.0, factor)


@lru_cache(maxsize=64)
def simulated(n: int, m: int, first: float, second: float) -> float:
    """The share of intervals that hold the truth, of logarithms that are normal or exponential and spread so much."""
    k = rank(n, m)
    low, high = sorted((first, second))
    # Of a difference of exponentials of such scales, the median in closed form; of normal values it is nothing.
    median = 0.0 if first == second else high * math.log(2 * high / (low + high)) * (1 if second > first else -1)
    found = []
    for even, truth in ((True, 0.0), (False, median)):
        draw, held = random.Random(1), 0  # noqa: S311 - as above

        def value(scale: float, even: bool = even, draw: random.Random = draw) -> float:
            return draw.gauss(0.0, scale) if even else scale * draw.expovariate(1.0)

        for _ in range(DRAWS):
            base = sorted(value(first) for _ in range(n))
            # The interval holds the truth if k pairs or more lie on either side of it.
            on = sum(n - bisect_left(base, value(second) - truth) for _ in range(m))
            held += k <= on <= n * m - k
        found.append(held / DRAWS)
    return min(found)


def rank(one: int, other: int) -> int:
    """Which of the sorted ratios the exact interval begins with; 0 where none covers 95 %."""
    counted, total = ways(one, other), math.comb(one + other, one)
    sums = list(accumulate(counted))
    return sum(1 for at in range(one * other // 2) if 2 * sums[at] <= 0.05 * total)


def texts_in(value: Any) -> Iterator[str]:
    """Every text of a record."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts_in(inner)
    elif isinstance(value, str):
        yield printed(value)


def said(block: dict[str, Any]) -> list[str]:
    """What a block says in words: figures in tables and charts are looked at place by place."""
    kind, rows = block["kind"], block.get("rows") or []
    if kind == "bullets":
        return [f"{lead} {rest}" for lead, rest in block["items"]]
    if kind in {"text", "callout"}:
        return [" ".join(block[key] for key in ("title", "text") if key in block)]
    if kind == "outcomes":
        return [
            block.get("head") or "",
            block.get("observed") or "",
            *(f"{row['id']}: {row['reason']}" for row in rows),
        ]
    if kind == "key_figures":
        notes = [f"{cell['label']}: {cell.get('note') or ''}" for cell in block["cells"]]
        return [block["title"], block["subtitle"], *notes, block["alt"]]
    if kind == "overview":
        return [f"{row['title']} {row.get('note') or ''}" for row in rows]
    return [block.get("note") or ""] if kind == "stated" else [row["told"] for row in rows] if kind == "ratios" else []


def by_place(blocks: list[dict[str, Any]]) -> dict[str, list[str]]:
    """What blocks say in words, by the heading above it."""
    found: dict[str, list[str]] = {}
    under = BOXES
    for top in blocks:
        under = top["text"] if top["kind"] == "heading" else under
        sides = [(under, [top])]
        if top["kind"] == "columns":
            sides = [(top[f"{side}_title"], top[side]) for side in ("left", "right")]
        for place, inner in sides:
            found.setdefault(place, []).extend(text for b in inner for text in said(b))
    return found


def main(arguments: list[str]) -> int:
    """Tell what does not match, a line each; returns 1 if anything does not."""
    verifier = Verifier(Path(arguments[0] if arguments else "."))
    verifier.run()
    out = [f"DOES NOT MATCH  {printed(line)}" for line in dict.fromkeys(verifier.wrong)]
    out += [f"exploratory     the plan differs from the frozen one: {printed(line)}" for line in verifier.departures]
    out += [f"not checked     {printed(line)}" for line in dict.fromkeys(verifier.notes)]
    for path in sorted(verifier.folder.glob("*.sig")):
        name = printed(path.name)
        what = name.partition(".json")[0] + ".json"
        space = "criteria@pov.dev" if what.startswith("criteria") else "run@pov.dev"
        out.append(f"to check        ssh-keygen -Y verify -f SIGNERS -I WHO -n {space} -s {name} < {what}")
    told = f"{len(set(verifier.wrong))} do not match" if verifier.wrong else "all match"
    out.append(f"{verifier.done} figures and digests computed from {len(verifier.samples)} samples: {told}.")
    sys.stdout.buffer.write(("\n".join(out) + "\n").encode(errors="backslashreplace"))
    return 1 if verifier.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

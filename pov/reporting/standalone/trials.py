"""What single trials and what was recorded of a run say."""

from __future__ import annotations

import random
import re
from collections import Counter
from typing import Any

from pov.reporting.standalone.arms import amount
from pov.reporting.standalone.fitting import is_a
from pov.reporting.standalone.known import INPUTS, NOBODY
from pov.reporting.standalone.letters import count, line, mapping, plural, printed, seconds
from pov.reporting.standalone.shapes import NUMBER


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


def wanted(step: str, name: str, named: list[str]) -> bool:
    """Whether a step belongs to an item of a key: its own, or the one of all shorter steps."""
    return step not in named if re.fullmatch(r"\d+ shorter steps?", name) else printed(step) == name

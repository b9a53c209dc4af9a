"""What a careful reader would object to, found first; each with a remedy."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

_FAR = 2.0
_BUSY = 2.0


def look(name: str, samples: Sequence[Mapping[str, Any]]) -> list[str]:
    """Warnings on the samples of one experiment, arm by arm."""
    found: list[str] = []
    for arm in dict.fromkeys(str(s["arm"]) for s in samples):
        mine = [s for s in samples if s["arm"] == arm]
        found += [f"{name}, {arm}: {text}" for text in _of_arm(mine)]
    return found


def _of_arm(mine: Sequence[Mapping[str, Any]]) -> list[str]:
    found = []
    failed = [s for s in mine if not s["ok"]]
    if failed:
        first = failed[0]
        found.append(
            f"{len(failed)} of {len(mine)} trials failed (first, trial {first['trial']}: {first['error']}); they are "
            "counted and not part of the median: find the cause and run again"
        )
    good = sorted((s for s in mine if s["ok"]), key=lambda s: str(s["started"]))
    seconds = [float(s["seconds"]) for s in good]
    if len(seconds) >= 3:
        middle = statistics.median(seconds)
        far = [s for s in good if float(s["seconds"]) > _FAR * middle or float(s["seconds"]) < middle / _FAR]
        if far:
            trials = ", ".join(str(s["trial"]) for s in far)
            found.append(f"trial {trials} is more than {_FAR:g} times off the median: look at its steps, add trials")
        elif seconds in (sorted(seconds), sorted(seconds, reverse=True)) and max(seconds) > 1.25 * min(seconds):
            found.append(
                "each trial differs from the one before in the same direction: a drift? Run again with more trials"
            )
    late = sum(int(_traffic(s).get("late", 0)) + int(_traffic(s).get("unsent", 0)) for s in mine)
    if late:
        found.append(
            f"{late} requests were sent late or not at all and count as failed; this can be the prober's own lack of "
            "processor time: compare with the placebos, or measure on a machine with more cores"
        )
    busy = [s for s in mine if float(s["details"].get("load_per_core") or 0) > _BUSY]
    if busy:
        found.append(
            f"{len(busy)} of {len(mine)} trials began with more than {_BUSY:g} runnable tasks a core: close what else "
            "runs on this machine, or give it more cores"
        )
    return found


def _traffic(sample: Mapping[str, Any]) -> Mapping[str, Any]:
    found = sample["details"].get("traffic")
    return found if isinstance(found, Mapping) else {}

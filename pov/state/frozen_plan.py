"""Whether a run's plan is the frozen one: told from the run's own files alone, whatever it says of itself.

Windows beside the trials, people, who come when they can, and arms of one's own stand in no frozen plan. A run of those
alone measures nothing of the plan, and is not held to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pov.model.catalogue import ERROR_RATE, POINT, POINTS, Words, named
from pov.model.reading import items, mapping, number, text, whole

Pairs = Mapping[tuple[str, str], int]


def departures(
    agreed: Mapping[str, Any],
    planned: Pairs,
    words: Words,
    own: Collection[str],
    choices: Mapping[str, Any],
) -> list[str]:
    """Where trials by experiment and arm are not those that were frozen, or were of another kind, in words.

    `own` are the names of own arms; `choices` what was chosen of single experiments, as a run records it.
    """

    def held(key: tuple[str, str]) -> bool:
        return key[1] not in own and not words.arm(key[1]).apart

    mine = {key: trials for key, trials in planned.items() if held(key)}
    if not mine:
        return []
    frozen = {key: trials for key, trials in _frozen(agreed) if held(key)}
    trials = [
        f"{', '.join(key)}: {_told(mine.get(key, 0), frozen.get(key))}"
        for key in dict.fromkeys([*frozen, *mine])
        if mine.get(key) != frozen.get(key)
    ]
    return [*trials, *_other_kind(agreed, {name for name, _ in mine}, choices)]


def departures_of(environment: Mapping[str, Any], agreed: Mapping[str, Any]) -> list[str]:
    """The same for a run, by what it recorded before its first trial; nothing for one that recorded no such plan."""
    slots = [mapping(one) for one in items(environment.get("plan"))]
    planned = Counter((text(one.get("experiment")), text(one.get("arm"))) for one in slots)
    own = [text(mapping(one).get("name")) for one in items(environment.get("own_arms"))]
    choices = mapping(environment.get("choices"))
    return departures(agreed, planned, Words.of(environment.get("catalogue")), own, choices)


def _frozen(agreed: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], int]]:
    """Trials by experiment and arm, those of the proposed arm against itself among them."""
    for one in map(mapping, items(agreed.get("experiments"))):
        name, more = text(one.get("name")), mapping(one.get("arm_trials"))
        for arm in map(text, items(one.get("arms"))):
            yield (name, arm), whole(more.get(arm, one.get("trials"))) or 0
        if again := whole(one.get("aa")):
            yield (name, named("again")), again


def _other_kind(agreed: Mapping[str, Any], measured: Collection[str], choices: Mapping[str, Any]) -> Iterator[str]:
    """What was chosen otherwise of experiments that were measured: where work is killed, how bad a version is."""
    of = {text(one.get("name")): one for one in map(mapping, items(agreed.get("experiments")))}
    at, rate = number(choices.get("kill_at")), number(choices.get("error_rate"))
    if at is not None and "interrupted" in of and "interrupted" in measured:
        point = text(of["interrupted"].get("at")) or POINT
        if f"{at:g}" != f"{POINTS.get(point, point.removesuffix('%'))}":
            yield f"interrupted: killed at {at:g} % in place of {point}"
    if rate is not None and "rollback-errors" in of and "rollback-errors" in measured:
        share = number(of["rollback-errors"].get("error_rate")) or ERROR_RATE
        if rate != share:
            yield f"rollback-errors: a share of {rate:g} in place of {share:g}"


def _told(mine: int, frozen: int | None) -> str:
    trials = "no trial" if not mine else "1 trial" if mine == 1 else f"{mine} trials"
    return f"{trials}, and none in the frozen plan" if frozen is None else f"{trials} in place of {frozen}"

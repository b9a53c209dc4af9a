"""Whether a run's plan is the frozen one: told from the run's own files alone, whatever it says of itself.

Windows beside the trials, people, who come when they can, and arms of one's own stand in no frozen plan. A run of those
alone measures nothing of the plan, and is not held to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pov.model.catalogue import OPTIONS, named
from pov.model.kinds import AGAIN, Option
from pov.model.reading import items, mapping, number, text, whole
from pov.model.words import Words

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
            yield (name, named(AGAIN)), again


def _other_kind(agreed: Mapping[str, Any], measured: Collection[str], choices: Mapping[str, Any]) -> Iterator[str]:
    """What was chosen otherwise of experiments that were measured."""
    of = {text(one.get("name")): one for one in map(mapping, items(agreed.get("experiments")))}
    for option in OPTIONS.values():
        had = number(choices.get(option.recorded))
        if had is None or option.experiment not in measured or option.experiment not in of:
            continue
        if told := option.departs(had, _agreed(option, of[option.experiment])):
            yield told


def _agreed(option: Option, settings: Mapping[str, Any]) -> str | float | None:
    """What was frozen of an option; None where nothing was said, or nothing that it can be."""
    said = settings.get(option.name)
    return (text(said) if isinstance(option.usual, str) else number(said)) or None


def _told(mine: int, frozen: int | None) -> str:
    trials = "no trial" if not mine else "1 trial" if mine == 1 else f"{mine} trials"
    return f"{trials}, and none in the frozen plan" if frozen is None else f"{trials} in place of {frozen}"

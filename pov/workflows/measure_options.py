"""What is asked of a run, and what of it cannot be measured: all faults at once, before anything is touched."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pov.base.errors import InvalidInput, Problem
from pov.config.estates import LEGACY
from pov.config.explaining import Faults, nearest
from pov.config.points import check
from pov.config.scenario import Scenario
from pov.experiments import EXPERIMENTS
from pov.experiments.core import Experiment
from pov.experiments.seat import People
from pov.model import catalogue
from pov.workflows.brought import unknown_arms
from pov.workflows.planning import PROFILES, Profile, budget

_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
UNLIKE = "this environment has no legacy estate that is like staging"


@dataclass(frozen=True)
class MeasureOptions:
    """What to measure: nothing named means what the scenario says. Without a seed, one is drawn and recorded.

    `aa` are further trials of the proposed arm, to be compared with itself. An arm is a name, or `NAME=FILE` for a
    script as an arm of one's own. `budget` is a duration such as `20m`; `profile` one of
    `planning.PROFILES`, and what is given beside it counts more.
    `exploratory` measures against other criteria than the frozen ones, or by another plan, and the report says so.
    `people` are those who sit down for the arms that are theirs. `at` and `error_rate` are options of one experiment
    each (`catalogue.OPTIONS`), and count more than the scenario's.
    `hint` are the options with which the command to go on means the same environment.
    """

    root: Path
    name: str | None = None
    experiments: tuple[str, ...] = ()
    arms: tuple[str, ...] = ()
    trials: int | None = None
    seed: int | None = None
    aa: int | None = None
    budget: str | None = None
    profile: str | None = None
    exploratory: bool = False
    people: People | None = None
    at: str | None = None
    error_rate: float | None = None
    hint: str = ""


def refuse_at_once(options: MeasureOptions) -> None:
    """Raise `InvalidInput` with what is wrong whatever runs: nobody brings an environment up to be told then."""
    problems = [*_unknown(options.experiments, EXPERIMENTS), *_out_of_range(options)]
    try:
        budget(options.budget, profile_of(options))
    except InvalidInput as error:
        problems += error.problems
    if problems:
        raise InvalidInput(problems)


def refuse(
    options: MeasureOptions, scenario: Scenario, experiments: Mapping[str, Experiment], names: Sequence[str]
) -> None:
    """Raise `InvalidInput` with every experiment and arm that is not there, or cannot be measured here."""
    problems = _unknown(names, experiments)
    problems += unknown_arms(options.arms, experiments)
    problems += _about_people(options)
    problems += [*_out_of_range(options), *_about_the_choices(options, names)]
    known = {arm: way for experiment in experiments.values() for arm, way in experiment.arms.items()}
    by_hand = [arm for arm in options.arms if arm in known and known[arm].estate == LEGACY]
    itself = catalogue.proposed().name
    if options.aa and options.arms and itself not in options.arms:
        told = f"the {itself} arm is not measured, so it cannot be tried against itself"
        problems.append(Problem("--aa", told, f"--arm {itself} beside it, or leave --aa out"))
    if by_hand and not scenario.has_manual_arm:
        problems.append(Problem("--arm", f"the {by_hand[0]} arm cannot be measured: {UNLIKE}", "leave it out"))
    if not problems:
        problems += [
            Problem("--arm", f"nothing to do: {arm} takes part in none of {', '.join(names)}", "name its experiment")
            for arm in options.arms
            if not any(arm in experiments[name].arms for name in names)
        ]
    if problems:
        raise InvalidInput(problems)


def _unknown(names: Sequence[str], experiments: Mapping[str, Experiment]) -> list[Problem]:
    known = tuple(experiments)
    return [Problem(name, "no such experiment", nearest(name, known)) for name in names if name not in experiments]


def _out_of_range(options: MeasureOptions) -> Iterator[Problem]:
    """What was chosen of single experiments and no scenario could have."""
    for option in catalogue.OPTIONS.values():
        said = getattr(options, option.name)
        try:
            if said is not None:
                check(option, said)
        except Faults as error:
            yield from (Problem(option.flag, message, fix) for _, message, fix in error.faults)


def _about_the_choices(options: MeasureOptions, names: Sequence[str]) -> Iterator[Problem]:
    """What was chosen of experiments that are not measured."""
    for option in catalogue.OPTIONS.values():
        said = getattr(options, option.name)
        if said is not None and option.experiment not in names:
            told = f"{option.lacks} {', '.join(names)}"
            fix = f"pov measure {option.experiment} {option.flag} {said}, or leave it out"
            yield Problem(option.flag, told, fix)


def _about_people(options: MeasureOptions) -> list[Problem]:
    """What is wrong with who sits down, and for what."""
    wanted = [arm for arm in options.arms if arm in catalogue.by_people()]
    people = options.people or People(())
    found = []
    if not people.by:
        found += [Problem("--arm", f"{arm}: nobody is named who does it", "--by ALIAS") for arm in wanted[:1]]
    elif not wanted:
        found.append(
            Problem("--by", "nobody sits down in the arms that are measured", f"--arm {catalogue.by_people()[0]}")
        )
    for option, aliases in (("--by", people.by), ("--reviewer", people.reviewers)):
        for alias in aliases:
            if not _ALIAS.fullmatch(alias):
                fix = "1 to 40 letters, digits, dots and dashes: an alias, it stands in the report"
                found.append(Problem(option, f"`{alias}` cannot be used as an alias", fix))
    spelt: dict[str, str] = {}
    for alias in (*people.by, *people.reviewers):
        if (other := spelt.setdefault(alias.casefold(), alias)) != alias:
            found.append(Problem("--by", f"{other} and {alias} would count as two persons", "one spelling a person"))
    return [*found, *_about_reviewers(people, wanted)]


def _about_reviewers(people: People, wanted: Sequence[str]) -> Iterator[Problem]:
    """What is wrong with who reviews: somebody else than who asks, one for all, or one for each."""
    by, reviewers = people.by, people.reviewers
    reviewed = [arm for arm in wanted if arm in catalogue.reviewed()]
    if not reviewers:
        for arm in reviewed[:1] if by else ():
            yield Problem("--reviewer", f"{arm}: nobody is named who reviews", "--reviewer ALIAS, another person")
        return
    if not reviewed:
        fix = f"--arm {catalogue.reviewed()[0]}, or leave it out"
        yield Problem("--reviewer", "nobody reviews in the arms that are measured", fix)
    if by and len(reviewers) not in {1, len(by)}:
        told = f"{len(reviewers)} of them for {len(by)} who ask"
        yield Problem("--reviewer", told, "one for all, or one for each --by, in their order")
    elif alone := [one for one, other in zip(by, reviewers * len(by), strict=False) if one == other]:
        yield Problem("--reviewer", f"{alone[0]} would review what they asked for themselves", "another person's alias")


def profile_of(options: MeasureOptions) -> Profile | None:
    """The profile that is named, None without one. Raises `InvalidInput` for one that is not there."""
    if options.profile is not None and options.profile not in PROFILES:
        raise InvalidInput(
            [Problem("--profile", f"no profile {options.profile}", nearest(options.profile, tuple(PROFILES)))]
        )
    return PROFILES[options.profile] if options.profile else None

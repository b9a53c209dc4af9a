"""What a plan takes before it is begun, and what of it fits a budget; from the trials saved here, or guessed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pov.base.errors import InvalidInput, PovError, Problem
from pov.config.units import seconds
from pov.experiments.calibration import WINDOW_S
from pov.experiments.core import Experiment
from pov.measure.pace import Cost, Key, Plan, costs, fit, learnt, total
from pov.model.words import Words
from pov.state.runs import read_run, saved_in

_RUNS_READ = 20
_AHEAD_S = 2 * (WINDOW_S + 3) + 5
"""Before the first trial: two windows that try the load, versions and the machine."""


@dataclass(frozen=True)
class Profile:
    """A named size of a run: trials of each arm, or as many as fit the budget in seconds."""

    name: str
    trials: int | None = None
    budget_s: float | None = None


PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile("stage", budget_s=345.0),
        Profile("readout", trials=6),
    )
}


@dataclass(frozen=True)
class Paced:
    """A plan with what one trial of each arm is expected to take, and in words what a budget left out."""

    plan: Plan
    each: Mapping[Key, Cost]
    left_out: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """About how long the run takes, with what comes before its first trial."""
        return total(self.plan, self.each) + _AHEAD_S

    def lines(self, words: Words) -> Iterator[str]:
        """The plan as people read it before it begins."""
        guessed = sum(trials for key, trials in self.plan.items() if not self.each[key].trials)
        source = "learnt from earlier trials here"
        if guessed:
            source = "guessed, no trial was timed here yet" if guessed == self.trials else f"{guessed} of them guessed"
        yield f"{self.trials} trials, about {_minutes(self.seconds)} ({source})"
        for experiment in dict.fromkeys(name for name, _ in self.plan):
            arms = [
                f"{trials} x {words.arm(arm).label or arm} ({self.each[experiment, arm].seconds:.0f} s)"
                for (name, arm), trials in self.plan.items()
                if name == experiment
            ]
            yield f"{experiment}: {', '.join(arms)}"

    @property
    def trials(self) -> int:
        """All trials, windows among them."""
        return sum(self.plan.values())

    def as_json(self) -> dict[str, Any]:
        """The plan as one JSON document."""
        arms = [
            {
                "experiment": experiment,
                "arm": arm,
                "trials": trials,
                "seconds_a_trial": round(self.each[experiment, arm].seconds, 1),
                "learnt_from": self.each[experiment, arm].trials,
            }
            for (experiment, arm), trials in self.plan.items()
        ]
        return {"plan": arms, "seconds": round(self.seconds, 1), "left_out": list(self.left_out)}


def budget(text: str | None, profile: Profile | None) -> float | None:
    """The budget in seconds out of `20m` or a profile; None without. Raises `InvalidInput` for what is no duration."""
    if text is None:
        return None if profile is None else profile.budget_s
    try:
        given = seconds(text)
    except ValueError as error:
        raise InvalidInput([Problem("--budget", str(error), "such as 20m")]) from error
    if not given:
        raise InvalidInput([Problem("--budget", "no time at all", "such as 20m")])
    return float(given)


def paced(
    plan: Plan,
    experiments: Mapping[str, Experiment],
    words: Words,
    runs: Path,
    budget_s: float | None,
    *,
    asked: str = "--budget",
) -> Paced:
    """`plan` with its times, cut to `budget_s` where there is one, which `asked` named.

    Raises `InvalidInput` where not even one round fits.
    """

    def guess(key: Key) -> float:
        return experiments[key[0]].expected_of(key[1])

    def variant(key: Key) -> bool:
        return bool(words.arm(key[1]).against)

    each = costs(plan, learnt(_samples(runs)), guess)
    if budget_s is None:
        return Paced(plan, each)
    room = budget_s - _AHEAD_S
    kept, reasons = fit(plan, each, room, variant)
    if not kept:
        least = total({key: 1 for key in plan if not variant(key)}, each) + _AHEAD_S
        names = ", ".join(dict.fromkeys(name for name, _ in plan))
        told = f"{_minutes(budget_s)} are too little: one round of {names} takes about {_minutes(least)}"
        fix = f"--budget {least // 60 + 1:.0f}m, or fewer experiments: pov measure NAME … {asked}"
        raise InvalidInput([Problem(asked, told, fix)])
    return Paced(kept, each, tuple(reasons))


def _samples(runs: Path) -> Iterator[Sequence[Mapping[str, object]]]:
    """Samples of the newest runs here, oldest first. A damaged run tells nothing and stops nothing."""
    for path in saved_in(runs)[-_RUNS_READ:]:
        try:
            run = read_run(path)
        except PovError:
            continue
        if not run.environment.get("simulated"):
            yield run.samples


def _minutes(seconds_: float) -> str:
    whole = round(seconds_)
    return f"{whole} s" if whole < 90 else f"{whole // 60} min {whole % 60:02d} s"

"""What an experiment is: a name, what it touches, and for each of its arms a way to make a trial."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pov.config.estates import Estate
from pov.experiments.brought import OwnScript
from pov.experiments.toolbox import Toolbox
from pov.measure.order import Slot
from pov.measure.trials import Trial

MakeTrial = Callable[[Toolbox, Slot], Trial]


@dataclass(frozen=True)
class Wait:
    """What an arm waits for beside the work itself: in words, and about how long in seconds."""

    words: str
    seconds: float


@dataclass(frozen=True)
class Way:
    """How one arm makes its trials, the estate on which it works, by name, and what it waits for, if for anything.

    `longest_s` is about how long an operation takes in it, where that is longer than the experiment as a whole expects.
    """

    make: MakeTrial
    estate: str
    waits: Wait | None = None
    longest_s: float = 0.0


@dataclass(frozen=True)
class Experiment:
    """Something that is measured in several arms; making a trial touches nothing yet.

    `touches` are the services of an estate that change; `expected_s` is about how long an operation takes, for a plan
    and for the first placebo window, before any trial has told. `negative` makes the trial that must fail requests,
    where there is one; it works on the legacy estate. `own` makes the way of an arm that somebody brings as a script,
    where the work can be done by one. `beforehand` has at hand, before a run's first trial, what may
    take minutes.
    """

    name: str
    arms: Mapping[str, Way]
    touches: Callable[[Toolbox, Estate], Sequence[str]]
    expected_s: float
    negative: MakeTrial | None = None
    own: Callable[[OwnScript], Way] | None = None
    beforehand: Callable[[Toolbox], object] | None = None

    def expected_of(self, arm: str) -> float:
        """About how long an operation takes in this arm, in seconds, before any trial has told; windows among them."""
        way = self.arms.get(arm)
        return self.expected_s + (way.waits.seconds if way is not None and way.waits is not None else 0.0)

    def expected_on(self, estate: str) -> float:
        """About how long the longest way takes on an estate, in seconds, before any trial has told; without its wait.

        A window in which nothing is done must not be shorter than a trial: it would see less noise.
        """
        ways = [way for way in self.arms.values() if way.estate == estate]
        return max([self.expected_s, *(way.longest_s for way in ways)])


def have_at_hand(box: Toolbox, experiments: Iterable[Experiment]) -> None:
    """What these experiments need before a run's first trial, once each. Raises `PovError` where it cannot be had."""
    for experiment in {one.name: one for one in experiments}.values():
        if experiment.beforehand is not None:
            experiment.beforehand(box)

"""What an entry of the catalogue says: of an arm, an experiment, a metric, a figure that is stated, an option."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LESS = "less"
MORE = "more"
AUTOMATED, MANUAL, SCRIPT, PERSON = "automated", "manual", "script", "person"
PLACEBO, NEGATIVE, AGAIN = "placebo", "negative", "again"
"""Kinds of arms: those that do it, and those that stand beside all of them (see `Arm`)."""


@dataclass(frozen=True)
class Arm:
    """A way of doing it. `kind` is automated, manual (a runbook that a machine executes), script, person, placebo,
    negative, or again: the proposed arm tried against itself (A/A).

    `reference` marks today's way, `proposed` the one that is compared with it; `against` names an arm of which this is
    a variant. An arm that is not `compared` enters no comparison of times. `legacy` needs the estate of hosts. `mark`
    is circle, ring, diamond, square or triangle; `colour` is written as in HTML.
    """

    name: str
    label: str
    note: str = ""
    kind: str = AUTOMATED
    reference: bool = False
    proposed: bool = False
    compared: bool = True
    against: str = ""
    legacy: bool = False
    mark: str = "triangle"
    colour: str = "#70757d"
    spoken: str = ""
    """In a sentence: "the runbook", "automated"."""
    reviewed: bool = False
    """Whether a second one reviews, approves and merges what the first one asks for."""

    @property
    def said(self) -> str:
        """Its name inside a sentence."""
        return self.spoken or self.label.lower()

    @property
    def window(self) -> bool:
        """Whether it is no way of doing it, but stands beside all of them: a placebo or a negative control."""
        return self.kind in {PLACEBO, NEGATIVE}

    @property
    def again(self) -> bool:
        """Whether it is another arm (`against`) tried against itself, to see what this machine can tell."""
        return self.kind == AGAIN

    @property
    def apart(self) -> bool:
        """Whether it is never shown beside arms that a machine works: no way of doing it, or done by people."""
        return self.window or self.by_people

    @property
    def by_people(self) -> bool:
        """Whether a person does it, or a script in a person's place."""
        return self.kind == PERSON


@dataclass(frozen=True)
class Experiment:
    """Something that is done in several arms: its words, and the figures that it alone counts.

    `subject` is what it works on, with `{services}` for the number of services, `{proof}` for those under proof.
    """

    name: str
    title: str
    noun: str
    starts: str = "the operation starts"
    stops: str = "the operation is seen to be done"
    subject: str = "staging"
    metrics: tuple[str, ...] = ()
    bound: bool = False
    """Whether no failure in n operations is a claim that needs its bound told."""
    stated: tuple[str, ...] = ()
    """Arms for which a figure can be stated alone: there is nothing in them that could be timed."""
    usual: bool = False
    """Whether it is measured where nothing is said."""
    judged_by: str = ""
    """The figure by which its arms are judged; empty for their seconds, which alone are compared."""

    own: bool = False
    """Whether an arm that an engagement brings as a script can do it."""

    work_of: str = ""
    """The experiment whose work is done here, by its script or runbook, told what they are told there; empty for its
    own."""

    section: str = ""
    """The section of the report, by its id, that tells what this one alone finds (see `told_in`)."""

    ways: tuple[str, ...] = ()
    """What arms do here where their own notes would say something else, each as `arm: words`."""

    review: str = ""
    """Whether somebody reviews and approves within the clock, in a sentence; empty for a run that did not say."""

    def note(self, arm: Arm) -> str:
        """What an arm does here, in a few words."""
        here = dict(way.split(": ", 1) for way in self.ways if ": " in way)
        return here.get(arm.name, arm.note)


@dataclass(frozen=True)
class Metric:
    """One figure of an arm: read from each trial, summed up over them.

    `figure` is `seconds`, a count of the operation's traffic (see `measure/results.py`), or one of the trial's further
    figures by name. `aggregation` is median, max, min or sum. `counts` says that failed trials count too. `only` limits
    it to experiments that list it.
    """

    name: str
    label: str
    figure: str
    unit: str = "s"
    direction: str = LESS
    aggregation: str = "median"
    counts: bool = False
    only: bool = False


@dataclass(frozen=True)
class Stated:
    """A figure that a customer is asked to state: it stands beside what is measured, never in the same statistic.

    `example` stands in no file unless examples are asked for. `experiment` is the one that it stands beside in the
    report, empty where it stands beside none.
    """

    name: str
    figure: str
    unit: str
    example: str
    experiment: str = ""


@dataclass(frozen=True)
class Option:
    """Something that is chosen of one experiment alone, beside its arms and how often each is tried.

    Settings, a frozen plan and the command line call it `name`; the toolbox and a run's record `recorded`. `usual` is
    what counts where nothing is said: a number from `least` to `most`, or the name of one of `points`. `lacks` tells
    of other experiments, whose names come after it, that they have no such thing; `otherwise` what a run had in place
    of what was frozen.
    """

    name: str
    experiment: str
    recorded: str
    usual: str | float
    least: float
    most: float
    lacks: str
    otherwise: str
    points: Mapping[str, int] = field(default_factory=dict)

    @property
    def flag(self) -> str:
        """On the command line."""
        return f"--{self.name.replace('_', '-')}"

    def figure(self, said: str | float | None) -> float | None:
        """What was said as a number, the usual one if nothing was: a point by name, a share such as `35%`.

        None for a text that is neither.
        """
        said = self.usual if said is None else said
        if not isinstance(said, str) or said in self.points:
            return self.points[said] if isinstance(said, str) else said
        share = said.removesuffix("%")
        return int(share) if share.isascii() and share.isdecimal() else None

    def departs(self, had: float, frozen: str | float | None) -> str:
        """How a run that had this is not as frozen, in a sentence; empty where it is."""
        agreed = self.usual if frozen is None else frozen
        if had == self.figure(agreed):
            return ""
        agreed = agreed if isinstance(agreed, str) else f"{agreed:g}"
        return f"{self.experiment}: {self.otherwise.format(had=f'{had:g}', agreed=agreed)}"

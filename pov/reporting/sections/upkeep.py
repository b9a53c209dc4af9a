"""What running the platform itself takes: machine time that was measured, beside what somebody stated."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from pov.measure.results import EXECUTED
from pov.model.catalogue import told_in
from pov.model.reading import mapping, text
from pov.reporting import wording
from pov.reporting.amounts import with_unit
from pov.reporting.blocks import Block, Table, Text
from pov.reporting.facts import Facts
from pov.reporting.numbers import listing, plural, seconds, span
from pov.reporting.section import Section

if TYPE_CHECKING:
    from pov.value.case import Case

ID = "upkeep"
MODELLED = "modelled"
_UPGRADED, _NOTED = "upgraded_seconds", "upgrade"
"""The figure of what upgrades, and where its trials note from what to what."""
_UPGRADED, _NOTED = "upgraded_seconds", "upgrade"
"""The figure of what upgrades, and where its trials note from what to what."""
_NO_UPGRADE = (
    "A restart is what an upgrade does to those who use the platform, and no upgrade: the versions stayed, and nothing "
    "was migrated."
)
_AN_UPGRADE = (
    "The upgrade was Argo CD's{between}, a patch release: nothing that it keeps was migrated, and no other part of the "
    "platform was upgraded. A minor release may ask for more."
)
_MACHINE = " Machine time alone: whoever decides on it, prepares it and watches it is in no figure that was measured."


def build(facts: Facts) -> Iterator[Block]:
    """Measured rows first, then what was stated. Nothing in a run that has neither."""
    measured, stated = list(_measured(facts)), list(_stated(facts))
    if not measured and not stated:
        return
    if not measured:
        yield Text("No restart of the platform, no upgrade and no unseal was measured in this run.")
    head = ("What", "Origin", "Figure", "Least – greatest", "n", "Requests of the services beside it; owner")
    yield Table(f"{_example(facts)}What running the platform takes.", head, (*measured, *stated), "llrrrl",
                (1.3, 0, 0, 0, 0, 1.2))  # fmt: skip
    if measured:
        yield Text(_what_it_was(facts) + _MACHINE, "note")


SECTION = Section(ID, "Running the platform itself", build)


def _what_it_was(facts: Facts) -> str:
    """What an upgrade here was and was not; what a restart is where none was measured."""
    upgrades = [name for name in told_in(ID) if _UPGRADED in facts.words.experiment(name).metrics]
    if not any(facts.results.experiment(name) for name in upgrades):
        return _NO_UPGRADE
    told = (mapping(sample.details.get(_NOTED)) for sample in facts.trials if sample.experiment in upgrades)
    found = dict.fromkeys((text(one.get("from")), text(one.get("to"))) for one in told)
    between = listing([f"{old} to {new}" for old, new in found if old and new])
    return _AN_UPGRADE.format(between=f" from {between}" if between else "")


def _measured(facts: Facts) -> Iterator[tuple[str, ...]]:
    for name in told_in(ID):
        experiment = facts.results.experiment(name)
        words = facts.words.experiment(name)
        for arm in experiment.ways if experiment else ():
            lost = wording.failures(arm) + (f"; {plural(len(arm.failed), 'failed trial')}" if arm.failed else "")
            figure = seconds(arm.median) if arm.n else "–"
            reach = span(arm.least, arm.greatest) if arm.n > 1 else "–"
            yield words.title, EXECUTED, figure, reach, str(arm.n), lost
            for metric in map(facts.words.metric, words.metrics):
                value = arm.observe(metric)
                if value is not None:
                    yield f"of it: {metric.label}", EXECUTED, seconds(value), "–", str(arm.n), "–"


def _stated(facts: Facts) -> Iterator[tuple[str, ...]]:
    case = facts.valued.case if facts.valued is not None else None
    if case is None:
        return
    running = {f"costs.{cost.id}" for cost in case.plan.value.costs if cost.kind == "running"}
    for entry in case.plan.entries:
        if entry.key in running:
            reach = f"{with_unit(entry.low, entry.unit)} – {with_unit(entry.high, entry.unit)}" if entry.varies else "–"
            yield entry.label, entry.origin, with_unit(entry.expected, entry.unit), reach, "–", entry.owner
    yield from _hours(case)


def _hours(case: Case) -> Iterator[tuple[str, ...]]:
    """Activities that the platform adds: more hours then than today."""
    from pov.value.evaluating import hours  # noqa: PLC0415

    before, after = (hours(case.plan, case.plan.expected, time) for time in ("before", "after"))
    for activity in case.plan.value.activities:
        more = (after[activity.id] - before[activity.id]) / 13
        if more > 0:
            entry = next(e for e in case.plan.entries if e.key == f"activities.{activity.id}.after")
            figure = with_unit(more.quantize(Decimal("0.1")), "h a week")
            yield activity.title, _origin(case, activity.id), figure, "–", "–", entry.owner


def _origin(case: Case, activity: str) -> str:
    """Of hours that follow from a volume and two times: theirs where they have one, and modelled where they differ."""
    keys = {f"activities.{activity}.{part}" for part in ("volume", "before", "after")}
    found = {entry.origin for entry in case.plan.entries if entry.key in keys}
    return found.pop() if len(found) == 1 else MODELLED


def _example(facts: Facts) -> str:
    return facts.valued.example if facts.valued is not None else ""

"""What was changed by hand: found when and by what, changed back when; where stages differ; what is stated instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pov.measure.results import Experiment
from pov.model.catalogue import told_in
from pov.model.reading import items, mapping, number, text
from pov.model.sample import Sample
from pov.reporting.blocks import Block, Heading, Table, Text
from pov.reporting.facts import Facts
from pov.reporting.numbers import plain, seconds
from pov.reporting.section import Section

ID = "drift"
_SHOWN = 12


def build(facts: Facts) -> Iterator[Block]:
    """A row for each change of each trial; differences between stages; arms that nobody can time."""
    for name in told_in(ID):
        experiment = facts.results.experiment(name)
        if experiment is not None and experiment.arms:
            yield from _found(facts, experiment)


SECTION = Section(ID, "What was changed by hand", build)


def _found(facts: Facts, experiment: Experiment) -> Iterator[Block]:
    rows = tuple(row for arm in experiment.arms for trial in arm.trials for row in _changes(trial))
    if rows:
        head = ("Sample", "Changed by hand", "Service", "From", "To", "Found after", "Changed back after")
        caption = f"What was changed by hand in each trial. Found by {_by(experiment)}.{_writers(experiment)}"
        yield Table(caption, head, rows, "rllllrr", (0, 0, 0, 1, 1, 0, 0))
    yield from _between_stages(experiment)
    yield Heading("Arms that do not look all the time")
    for arm in facts.words.experiment(experiment.name).stated:
        yield Text(f"{facts.words.arm(arm).label}: {_stated(facts, experiment.name)}")


def _changes(trial: Sample) -> Iterator[tuple[str, ...]]:
    for change in map(mapping, items(trial.details.get("changes"))):
        yield (
            str(trial.n),
            text(change.get("kind")),
            text(change.get("service")),
            _short(text(change.get("was"))),
            _short(text(change.get("by_hand"))),
            _after(change, "found_s", "not found"),
            _after(change, "changed_back_s", "stayed"),
        )


def _after(change: Mapping[str, Any], name: str, never: str) -> str:
    """A time; what is recorded as none did not happen, what is not recorded is a dash."""
    return never if name in change and change[name] is None else seconds(number(change.get(name)))


def _by(experiment: Experiment) -> str:
    told = {text(trial.details.get("found_by")) for arm in experiment.arms for trial in arm.trials} - {""}
    return "; ".join(sorted(told)) or "what was not recorded"


def _writers(experiment: Experiment) -> str:
    """Who wrote back, as the cluster notes it; nothing for runs that did not record it."""
    told = {
        text(one)
        for arm in experiment.arms
        for trial in arm.trials
        for one in items(trial.details.get("written_back_by"))
    }
    return f" Written back by {', '.join(sorted(told))}, as the cluster notes." if told else ""


def _between_stages(experiment: Experiment) -> Iterator[Block]:
    """Differences that stand in Git, and those that nobody meant, of the first trial that recorded them."""
    trials = [trial for arm in experiment.arms for trial in arm.trials if "stages_before" in trial.details]
    if not trials:
        return
    first = trials[0]
    before = [mapping(one) for one in items(first.details.get("stages_before"))]
    yield Heading("What differs between stages")
    unmeant = [one for one in before if items(one.get("by_hand"))]
    if not before:
        yield Text("Before anything was changed by hand: nothing, in what Git asks for or in what runs.")
    else:
        yield _table(
            f"Before anything was changed by hand (sample {first.n}): {len(unmeant)} that nobody meant.", before
        )
    changed = [mapping(one) for one in items(first.details.get("stages_changed"))]
    if changed:
        yield _table(f"While it was changed by hand (sample {first.n}): what nobody meant.", changed)


def _table(caption: str, found: list[Mapping[str, Any]]) -> Table:
    rows = []
    # What nobody meant first: it is what somebody looks for.
    for one in sorted(found, key=lambda one: not items(one.get("by_hand")))[:_SHOWN]:
        runs = mapping(one.get("runs"))
        values = "; ".join(f"{stage}: {_short(text(value))}" for stage, value in runs.items())
        by_hand = ", ".join(text(stage) for stage in items(one.get("by_hand")))
        meant = f"nobody, in {by_hand}" if by_hand else "Git"
        rows.append((_object(one), _field(text(one.get("field"))), values, meant))
    if len(found) > _SHOWN:
        caption += f" {len(found) - _SHOWN} more are in the sample."
    return Table(caption, ("Object", "Field", "Runs", "Asked for by"), tuple(rows), "llll", (1, 1, 2, 0))


def _stated(facts: Facts, name: str) -> str:
    """In the words of whoever stated it; never a measured figure."""
    found = [item for item in facts.stated if item.experiment == name]
    if not found:
        return (
            "nothing looks for such changes. How often somebody does was not stated, and nothing was measured: a "
            "change by hand stays until somebody meets it."
        )
    told = [
        f"{item.figure}: {plain(item.value)} {item.unit}, "
        + ("EXAMPLE, stated by nobody" if item.example else f"stated by {item.by or 'an unnamed person'}, {item.when}")
        for item in found
    ]
    return f"not measured. {'; '.join(told)}. Until somebody looks, a change by hand stays: at worst that long."


def _object(one: Mapping[str, Any]) -> str:
    """A service by its name alone, as a run of before said it; another object with its kind."""
    kind, name = text(one.get("kind")), text(one.get("service"))
    return name if kind in {"", "Deployment"} else f"{kind} {name}"


def _field(path: str) -> str:
    return path.removeprefix("spec.template.spec.").removeprefix("spec.")


def _short(value: str, most: int = 40) -> str:
    value = value.rpartition("/")[2] if value.count("/") > 1 else value
    return value if len(value) <= most else f"{value[: most - 1]}…"

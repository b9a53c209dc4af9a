"""Who changed what: each change that a trial made, beside what the sources told of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pov.measure.results import Arm, Experiment
from pov.model.catalogue import told_in
from pov.model.reading import items, mapping, text
from pov.model.words import Words
from pov.reporting.blocks import Block, Table, Text
from pov.reporting.facts import Facts
from pov.reporting.numbers import plural
from pov.reporting.section import Section

ID = "audit"
_UNKNOWN = "not told"
_QUESTIONS = {"what": "What", "who": "Who", "when": "When", "approved_by": "Approved by"}


def build(facts: Facts) -> Iterator[Block]:
    """A table for each arm, of its first trial that was marked; the others' marks are among the figures."""
    for name in told_in(ID):
        experiment = facts.results.experiment(name)
        if experiment is not None:
            yield from _answers(experiment, facts.words)


SECTION = Section(ID, "Who changed what", build)


def _answers(experiment: Experiment, words: Words) -> Iterator[Block]:
    for arm in experiment.arms:
        found = next((trial for trial in arm.trials if items(trial.details.get("answers"))), None)
        if found is not None:
            yield _table(arm, found.n, [mapping(row) for row in items(found.details.get("answers"))], words)
    if any(items(trial.details.get("answers")) for arm in experiment.arms for trial in arm.trials):
        yield Text(
            "The trial made the changes, so it knows. What a source does not hold is not told, and counts as not "
            "right; that nobody approved is an answer where the server keeps approvals. The hosts have one shared "
            "account. Vault's audit log keeps who asked and when, no approval, and values as hashes alone. A ticket "
            "system or a person's memory would tell more, and is not part of this.",
            "note",
        )


def _table(arm: Arm, n: int, rows: list[Mapping[str, Any]], words: Words) -> Table:
    cells = []
    for row in rows:
        happened, answered = mapping(row.get("happened")), mapping(row.get("answered"))
        right = {text(name) for name in items(row.get("right"))}
        for name, label in _QUESTIONS.items():
            told = answered.get(name)
            cells.append(
                (
                    _short(happened.get("what")) if name == "what" else "",
                    label,
                    _said(happened.get(name), name),
                    _UNKNOWN if told is None else _said(told, name),
                    "right" if name in right else "not right",
                    text(answered.get("source")) if name == "what" else "",
                )
            )
    head = ("Change", "Question", "What happened", "What was told", "", "Source")
    told = f"{plural(len(rows), 'change')}, and what the sources tell of them"
    caption = f"{words.arm(arm.name).label}, sample {n}: {told}."
    return Table(caption, head, tuple(cells), "llllll", (1, 0, 1, 1, 0, 1))


def _said(value: object, name: str) -> str:
    said = _short(value)
    if name == "when":
        return said.replace("T", " ")[:19]
    return said or "nobody"


def _short(value: object) -> str:
    said = text(value)
    return said.rpartition("/")[2] if said.count("/") == 1 or said.startswith("localhost/") else said

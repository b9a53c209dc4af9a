"""The report as data: `build(run)` is all that lies between a saved run and what is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pov.reporting.blocks import Block
from pov.reporting.facts import Facts, gather
from pov.reporting.section import Section
from pov.reporting.sections import SECTIONS
from pov.reporting.valued import GivenValue
from pov.reporting.wording import verdict
from pov.state.attested import Attested
from pov.state.runs import Run

SCHEMA = "pov.dev/report/v1"


@dataclass(frozen=True)
class Chapter:
    """A section with its blocks."""

    id: str
    title: str
    opens_page: bool
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Report:
    """What is drawn. `simulated` runs are marked on every page."""

    run: str
    title: str
    subtitle: str
    date: str
    simulated: bool
    chapters: tuple[Chapter, ...]
    facts: Facts

    @property
    def verdict(self) -> tuple[str, ...]:
        """One sentence for each criterion."""
        found = tuple(verdict(score, self.facts.words) for score in self.facts.scores)
        return found or ("No criterion was set: nothing is scored.",)

    @property
    def band(self) -> str:
        """What stands on every page of a simulated run; empty for one that was measured."""
        if self.facts.environment.get("simulated"):
            return "Simulated run, made by a generator for tests. No figure in this report was measured."
        told = "Simulated in part: in this run a script typed in a person's place. What it did is no person's."
        return told if self.simulated else ""

    def as_json(self) -> dict[str, Any]:
        """The report as one JSON document, `pov.dev/report/v1`."""
        return {
            "schema": SCHEMA,
            "run": self.run,
            "title": self.title,
            "subtitle": self.subtitle,
            "date": self.date,
            "simulated": self.simulated,
            "band": self.band,
            "sections": [
                {
                    "id": chapter.id,
                    "title": chapter.title,
                    "opens_page": chapter.opens_page,
                    "blocks": [block.as_json() for block in chapter.blocks],
                }
                for chapter in self.chapters
            ],
            "verdict": list(self.verdict),
            "catalogue": self.facts.words.as_json(),
            "digests": dict(self.facts.digests),
            "problems": list(self.facts.problems),
        }


def build(
    run: Run,
    sections: Sequence[Section] = SECTIONS,
    *,
    attested: Attested | None = None,
    problems: Sequence[str] = (),
    value: GivenValue | None = None,
) -> Report:
    """Read a saved run into a report. Partial, interrupted and damaged runs give a report that says so.

    `attested` is what else stands behind the run. `problems` are told beside those of the run's files; `value` takes
    the place of the recorded value section.
    """
    facts = gather(run, value, attested)
    facts = replace(facts, problems=(*facts.problems, *problems))
    built = (Chapter(s.id, s.title, s.opens_page, tuple(s.build(facts))) for s in sections)
    return Report(
        run=facts.run,
        title=f"Proof of value for {facts.customer}" if facts.customer else "Proof of value",
        subtitle=_subtitle(facts),
        date=(facts.finished or facts.started)[:10],
        simulated=facts.simulated,
        chapters=tuple(chapter for chapter in built if chapter.blocks),
        facts=facts,
    )


def _subtitle(facts: Facts) -> str:
    scenario = facts.environment.get("scenario")
    title = scenario.get("title") or scenario.get("name") if isinstance(scenario, dict) else scenario
    return str(title or "")

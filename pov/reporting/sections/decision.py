"""Page one: what was asked, what was measured, what is stated, what follows and what does not.

It is one page whatever was measured: what it has no room for is counted here and stands on a later page in full.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from pov.measure.scoring import APART, Score
from pov.reporting import wording
from pov.reporting.blocks import (
    Block,
    Bullets,
    Callout,
    Columns,
    Heading,
    Outcomes,
    StatedFigures,
    Text,
    section_anchor,
)
from pov.reporting.facts import Facts, Stated
from pov.reporting.numbers import listing, plain, plural
from pov.reporting.section import Section
from pov.reporting.sections.asked import asked
from pov.reporting.sections.findings import does_not_follow, left_out, shown
from pov.reporting.sections.measured import measured

_NOBODY = "set by this toolkit's scenario, agreed by nobody"
_CRITERIA = 5
_WORST_FIRST = ("fail", "not shown", APART, "pass")
PLAN = "Exploratory: the plan differs from the frozen one"
STATED = 4
"""So many stated figures stand on page one."""


def build(facts: Facts) -> Iterator[Block]:
    """The decision page."""
    yield from _caveats(facts)
    yield from asked(facts)
    yield Heading("What was asked")
    if facts.scores:
        yield _outcomes(facts)
        yield Text(wording.attestation(facts.attested, facts.run), "note")
    else:
        yield Text("No criterion was saved with this run: figures are shown, nothing is scored.")
    yield Heading("What was measured")
    yield from measured(facts)
    yield Heading("What the customer states")
    yield from _stated(facts)
    yield Columns("What follows", tuple(_follows(facts)), "What does not follow", (Bullets(does_not_follow(facts)),))


SECTION = Section("decision", "The page to decide on", build)


def _caveats(facts: Facts) -> Iterator[Block]:
    if facts.interrupted:
        planned = len(facts.planned) if facts.planned else None
        of = f"{facts.saved} of {plural(planned, 'planned trial')}" if planned else plural(facts.saved, "trial")
        yield Callout("This run did not end by itself", f"{of} saved; what is shown stands on those alone.", "warning")
    if facts.resumptions:
        more = f" In all {len(facts.resumptions)} times, see Method." if len(facts.resumptions) > 1 else ""
        told = f"{wording.resumed(facts.resumptions[0])}{more}"
        yield Callout("This run was interrupted and went on", told, "warning")
    if facts.attested.plan:
        yield Callout(PLAN, wording.departures(facts.attested), "warning")
    if facts.problems:
        more = f", and {len(facts.problems) - 1} more under Evidence" if len(facts.problems) > 1 else ""
        yield Callout("Something is wrong with this run's files", facts.problems[0] + more, "warning")
    sight = facts.results.sight
    if sight.shown is False:
        why = sight.why(sight.blind[0])
        text = f"Negative control {sight.blind[0].n}: {why}. Few or no failed requests prove nothing here."
        yield Callout("Not shown that the prober sees failures", text, "warning")
    loaded = [(experiment, wording.control(experiment, facts.words)) for experiment in facts.experiments]
    which = [f"{facts.words.experiment(experiment.name).noun}, {arms}" for experiment, arms in loaded if arms]
    if which:
        text = f"{'; '.join(which)}: edges outside the change stalled in most trials, in no placebo."
        yield Callout("The operation loads this machine", text[0].upper() + text[1:], "warning")


def _outcomes(facts: Facts) -> Outcomes:
    scores = facts.scores
    who = {_agreed(score) for score in scores}
    if len(scores) > _CRITERIA:
        scores = tuple(sorted(scores, key=lambda s: _WORST_FIRST.index(wording.outcome(s))))
    arms = {score.criterion.arm for score in scores}
    return Outcomes(
        tuple(
            {
                "id": s.criterion.id,
                "title": s.criterion.title,
                "threshold": wording.threshold(s),
                "today": "–" if s.today is None else wording.observed(s.today),
                "observed": wording.observed(s),
                "outcome": wording.outcome(s),
                "reason": wording.standing(s, facts.words)
                + ("" if len(who) == 1 else f" ({s.criterion.agreed_by or _NOBODY})"),
            }
            for s in scores[:_CRITERIA]
        ),
        f"Criterion, {next(iter(who))}" if len(who) == 1 else "Criterion",
        facts.words.arm(next(iter(arms))).label if len(arms) == 1 else "Observed",
        _more(scores[_CRITERIA:]),
        section_anchor("criteria"),
    )


def _agreed(score: Score) -> str:
    criterion = score.criterion
    if not criterion.agreed:
        return _NOBODY
    return f"agreed by {criterion.agreed_by}{f', {criterion.agreed_on}' if criterion.agreed_on else ''}"


def _more(left: Sequence[Score]) -> str:
    """Criteria without a row of their own, by outcome; empty for none."""
    if not left:
        return ""
    found = Counter(wording.outcome(score) for score in left)
    kinds = listing([f"{found[kind]} {kind}" for kind in _WORST_FIRST if found[kind]])
    return f"{plural(len(left), 'more criterion', 'more criteria')}, none with a worse outcome: {kinds}."


def _follows(facts: Facts) -> Iterator[Block]:
    found, left = shown(facts), left_out(facts)
    yield Bullets(found or (("", "Nothing yet: no arm has a successful trial."),))
    if left:
        yield Text(f"{plural(len(left), 'more finding')}, none of more weight.", "note", section_anchor("rest"))


def _stated(facts: Facts) -> Iterator[Block]:
    if not facts.stated:
        yield Text("Nothing: the engagement holds no stated figure, or there was no engagement.", "note")
        return
    yield stated_figures(facts.stated[:STATED])
    left = facts.stated[STATED:]
    if left:
        yield Text(f"{plural(len(left), 'more stated figure')}.", "note", section_anchor("rest"))


def stated_figures(stated: Sequence[Stated]) -> StatedFigures:
    """What somebody stated, drawn so that nobody takes it for measured."""
    items = tuple(
        {
            "value": plain(item.value),
            "unit": item.unit,
            "figure": item.figure,
            "source": "EXAMPLE: made up to show the form, stated by nobody"
            if item.example
            else f"stated by {item.by or 'an unnamed person'}, {item.when or 'no date given'}",
        }
        for item in stated
    )
    note = "Stated, not measured. In no statistic of this report."
    if any(item.example for item in stated):
        note = f"EXAMPLE. {note}"
    return StatedFigures(items, note)

"""Scopes in words for a terminal."""

from __future__ import annotations

from pov.cli.tables import pairs, table
from pov.config.offering import Range
from pov.scoping.assessment import Assessment, Line
from pov.scoping.comparing import Change
from pov.scoping.figures import Total, amount
from pov.scoping.terms import Standing, minutes_down, percent
from pov.workflows.scope import DiffResult


def assessment_in_words(found: Assessment) -> str:
    """Size, reasons, lines with totals, availability, capacity, what is open."""
    size = found.size
    name = f"{size.name}: {size.infrastructure}, {size.component}" if size is not None else "No size"
    verdict = "Needs an engineer's review." if found.review else "No review needed."
    parts = [f"{name}. {verdict}"]
    parts += [f"  - {reason.text} ({reason.needs})" for reason in found.reasons]
    if found.shadow:
        parts.append(f"  ! {found.shadow}")
    blocks = ["\n".join(parts)]
    if found.lines:
        head = ["line", "rule", "once", "a month", "weeks", "source"]
        blocks.append(table(head, [_line(line) for line in found.lines], right=(2, 3, 4)))
    currency = found.offering.currency
    blocks.append(
        pairs(
            {
                f"once, {currency}": _total(found.once),
                f"a month, {currency}": _total(found.monthly),
                "weeks": _total(found.weeks),
                "availability": _availability(found),
                "next nine": _next(found),
            }
        )
    )
    if found.capacity.uses or found.capacity.note:
        lines = [f"  {use.in_words}" for use in found.capacity.uses]
        blocks.append("\n".join(["capacity", *lines, *([f"  {found.capacity.note}"] if found.capacity.note else [])]))
    still = [f"  - {question.text}" for question in found.open]
    blocks.append("\n".join([f"{len(still)} of {len(found.questions)} questions open", *still]))
    return "\n\n".join(blocks)


def diff_in_words(result: DiffResult) -> str:
    """What differs, and what that costs."""
    found = result.difference
    if found.none:
        return "Nothing differs."
    parts = []
    for title, changes in (("answers", found.answers), ("lines", found.lines), ("totals", found.totals)):
        if changes:
            parts.append(table([title, "before", "after"], [_change(change) for change in changes]))
    reasons = [("+" if not change.before else "-") + f" {change.what}" for change in found.reasons]
    if reasons:
        parts.append("\n".join(["reasons for a review", *(f"  {text}" for text in reasons)]))
    units = {"weeks": ""}
    costs = {f"{cost.name}{units.get(cost.name, f', {result.currency}')}": cost.in_words for cost in found.costs}
    parts.append("the change costs\n" + pairs(costs))
    return "\n\n".join(parts)


def _change(change: Change) -> list[str]:
    return [change.what, change.before or "–", change.after or "–"]


def _line(line: Line) -> list[str]:
    price = line.price if line.worth.shown else None
    ends = [_range(price.once), _range(price.monthly), _range(price.lead_weeks)] if price is not None else ["–"] * 3
    return [line.title, line.rule, *ends, _source(line)]


def _source(line: Line) -> str:
    standing = line.worth.standing
    if standing is Standing.EXAMPLE:
        return "EXAMPLE"
    return line.worth.why if standing is Standing.GIVEN else f"{standing}: {line.worth.why}"


def _range(range_: Range | None) -> str:
    return amount(range_) if range_ is not None else "–"


def _total(total: Total) -> str:
    told = [amount(total.amount)] if total.amount is not None else []
    return "; ".join([*told, *total.notes]) or "nothing"


def _availability(found: Assessment) -> str:
    one = found.proposal.chosen or found.proposal.standard
    if one is None:
        return "no topology"
    if one.share is None:
        return f"not computed: {'; '.join(one.missing)}"
    return f"{one.topology.title}: {percent(one.share)}, {minutes_down(one.share):,.1f} min a year down{one.label}"


def _next(found: Assessment) -> str:
    wanted, line = found.proposal.next_percent, found.next_nine
    if wanted is None:
        return "not known"
    if line is None:
        return f"{wanted:.10g} %: no topology of the offering has it"
    price = line.price if line.worth.shown else None
    if price is None:
        return f"{wanted:.10g} %: {line.title}, price absent ({line.worth.why})"
    costs = f"{_range(price.monthly)} a month, {_range(price.once)} once on top of {found.proposal.base}"
    return f"{wanted:.10g} %: {line.title}, {costs}; {_range(price.lead_weeks)} weeks to build{line.worth.mark}"

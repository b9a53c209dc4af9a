"""What the gate says on a pull request: its comment and the sentence of its status. Addresses and actions, no values.

Names in it are chosen by whoever asks: all of it stands in blocks of plain text, which no letter of theirs ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from pov.model.reading import items, mapping, text, whole

MARK = "<!-- pov gate -->"
"""How the one comment begins, by which it is found again."""

PASSED, REFUSED, UNREADABLE, FAILED = "passed", "refused", "bad input", "failed"
SO_FAR = "so_far"
"""Set in a document that tells what is refused, while more is looked at."""
_MOST_LINES, _LONGEST = 200, 600
_LONGEST_DESCRIPTION = 140
_NOT_PRINTED = re.compile(r"[^\x20-\x7e\xa0-\ud7ff\ue000-\ufffd]")
_SHORT = 10
_UNTIL = " until "
_MOMENT = re.compile(rf"{_UNTIL}(\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ)(?:, plan [0-9a-f]{{64}})?, on \S+ by \S+$")
_DIGEST = re.compile("[0-9a-f]{64}")
_UNSEEN = "cannot be looked at"
_REFUSED_SO_FAR = re.compile(r"\d+ things? (?:is|are) refused so far:")


def against(base: str, judge: str) -> str:
    """How a status names the state of the branch that was judged against, and what judged: another one judges anew.

    `judge` is a short mark of that, without blanks.
    """
    return f"on {base[:_SHORT]} by {judge}"


def is_judged(base: str, judge: str, until: datetime | None = None) -> str:
    """The sentence of a status while a Job judges; again, where it had passed `until` a moment."""
    return _sentence("is judged" if until is None else "is judged again", base, judge, until)


def waits(before: int, base: str, judge: str, until: datetime | None = None) -> str:
    """The sentence of a status of one that waits for its turn, with how many are before it.

    From ten on that is rounded down to 10, 100 and so on: every other sentence is one more record of the commit's.
    """
    told = str(before) if before < 10 else f"at least {10 ** (len(str(before)) - 1)}"
    return _sentence(f"waits, {told} before it", base, judge, until)


def unseen(reason: str, base: str, judge: str, until: datetime | None = None) -> str:
    """The sentence of a status of one at which every look fails."""
    return _sentence(f"{_UNSEEN}: {_plain(reason)}", base, judge, until)


def is_unseen(description: str) -> bool:
    """Whether a status of the gate's own says that nobody could look: whatever comes of a look takes its place."""
    return description.startswith(_UNSEEN)


def is_so_far(description: str) -> bool:
    """Whether a status of the gate's own says what is refused so far: its comment is to be completed."""
    return _REFUSED_SO_FAR.match(description) is not None


def holds_until(description: str) -> datetime | None:
    """Until when what a status of the gate's own says holds, or held; None where it rests on no approval."""
    found = _MOMENT.search(description)
    return datetime.fromisoformat(found[1]) if found is not None else None


def _sentence(said: str, base: str, judge: str, until: datetime | None = None) -> str:
    """Where it is too long, what is said is cut, and never what it is about."""
    held = f"; passed{_UNTIL}{_second(until)}" if until is not None else ""
    about = f"{held}, {against(base, judge)}"
    return f"{said[: _LONGEST_DESCRIPTION - len(about)]}{about}"


def _second(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _until(document: Mapping[str, Any]) -> str:
    try:
        return f"{_UNTIL}{_second(datetime.fromisoformat(text(document.get('holds_until'))))}"
    except ValueError:
        return ""


def _plan(document: Mapping[str, Any]) -> str:
    plan = mapping(document.get("plan"))
    digest, known = text(plan.get("digest")), whole(mapping(plan.get("against")).get("serial")) is not None
    return f", plan {digest}" if known and _DIGEST.fullmatch(digest) else ""


def description(document: Mapping[str, Any], base: str, judge: str, until: datetime | None = None) -> str:
    """The status' sentence. What passed by an approval passed until that runs out.

    It names the plan where that was made against a state: whoever applies it compares (`gate_status.py`). What is
    refused so far is still judged: where that had passed `until` a moment, it says so.
    """
    outcome = _outcome(document)
    count = len(list(_refusals(document)))
    refused = f"{count} {'thing is' if count == 1 else 'things are'} refused"
    if outcome == REFUSED and document.get(SO_FAR):
        return _sentence(f"{refused} so far: see the comment", base, judge, until)
    told = {
        PASSED: f"passed{_until(document)}{_plan(document)}",
        REFUSED: f"{refused}: see the comment",
        UNREADABLE: "cannot be judged: see the comment",
        FAILED: "the gate itself failed: see the comment",
    }[outcome]
    return _sentence(told, base, judge)


def comment(document: Mapping[str, Any], head: str, base: str, judge: str) -> str:
    """The comment's text, in Markdown, without its mark."""
    outcome = _outcome(document)
    parts = [f"### Gate: {outcome}", _block(_findings(document)) if outcome != PASSED else ""]
    told = [f"advice: {text(one)}" for one in _advice(document)]
    told += [f"overridden: {text(one)}" for one in items(document.get("overridden"))]
    if told:
        parts.append(_block(told))
    if outcome == REFUSED and (priced := [f"priced: {text(one)}" for one in items(document.get("priced"))]):
        parts += ["What is asked for costs, by the offering:", _block(priced)]
    plan = mapping(document.get("plan"))
    changes = [mapping(one) for one in items(plan.get("changes"))]
    if changes:
        lines = [f"{'+'.join(map(text, items(one.get('actions'))))} {text(one.get('address'))}" for one in changes]
        told_as = "What it would make" if outcome == PASSED else "What was planned of it"
        parts += [f"{told_as}, plan `{_plain(plan.get('digest'))[:64]}`:", _block(lines)]
    if outcome == REFUSED and document.get(SO_FAR):
        parts.append("That needs no plan. Terraform's plan is judged now; this comment tells the rest then.")
    parts.append(f"Judged: {head[:_SHORT]} {against(base, judge)}.")
    return "\n\n".join(filter(None, parts))


def _outcome(document: Mapping[str, Any]) -> str:
    found = text(document.get("outcome"))
    return found if found in {PASSED, REFUSED, UNREADABLE} else FAILED


def _findings(document: Mapping[str, Any]) -> list[str]:
    return [f"refused: {one}" for one in _refusals(document)] + [text(one) for one in items(document.get("lines"))]


def _refusals(document: Mapping[str, Any]) -> Iterable[str]:
    return (_in_words(mapping(one)) for check in _checks(document) for one in items(check.get("refusals")))


def _advice(document: Mapping[str, Any]) -> Iterable[str]:
    return (_in_words(mapping(one)) for check in _checks(document) for one in items(check.get("advice")))


def _checks(document: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return (mapping(check) for check in items(document.get("checks")))


def _in_words(one: Mapping[str, Any]) -> str:
    who = " or ".join(map(text, items(one.get("who"))))
    named = {"limit": text(one.get("limit")), "passes with": text(one.get("fix")), "may approve": who}
    return "; ".join([text(one.get("what")), *(f"{name}: {said}" for name, said in named.items() if said)])


def _block(lines: Iterable[str]) -> str:
    """Lines as plain text. A tilde in one of them could end the block: none is left."""
    told = [_plain(line) for line in lines]
    if len(told) > _MOST_LINES:
        told = [*told[:_MOST_LINES], f"and {len(told) - _MOST_LINES} more"]
    return "\n".join(["~~~~text", *told, "~~~~"])


def _plain(value: object) -> str:
    said = " ".join(_NOT_PRINTED.sub(" ", text(value)).split()).replace("~", "-").replace("`", "'")
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]} …"

"""What could still be forged, and by whom: said with each verification, so that nobody takes it for more."""

from __future__ import annotations

from collections.abc import Iterator

from pov.model.reading import items, text
from pov.state.attested import CRITERIA, RUN, Attested
from pov.state.runs import Run


def forgeable(saved: Run, found: Attested, own_lists: bool) -> Iterator[str]:
    """What could still be forged, by whom; an honest list never ends with "nothing"."""
    signers, over_criteria = found.signers(RUN), found.signers(CRITERIA)
    if signers:
        who = ", ".join(signers)
        yield f"samples, before {who} signed the run: by whoever ran it; since then by nobody without {who}'s key"
    else:
        yield "everything in this run, by whoever holds its files: nobody but the machine that measured signed it"
    if over_criteria:
        who = ", ".join(over_criteria)
        yield f"the criteria: by nobody without {who}'s key, which signed them before this run"
    elif found.at:
        yield "the day of the freeze, by whoever holds the engagement folder: a commit may bear any date"
    else:
        yield "that the criteria came before the trials, by whoever holds this run's files"
    if (signers or over_criteria) and not own_lists:
        yield "whose key it is, by whoever holds allowed_signers: compare fingerprints by another way (--signers FILE)"
    if items(saved.environment.get("plan")):
        yield "which order was drawn, by whoever ran it: a seed may have been drawn again until its order pleased"
    later = [entry for entry in found.runs or () if entry.started > text(saved.environment.get("started"))]
    if not later:
        yield "that there was no other run, by whoever holds the folder: one that no later run names leaves no trace"
    if any(items(sample.get("resumed")) for sample in saved.samples):
        yield "what trials that were cut off would have shown, by whoever ended the run: they were measured again"
    yield "times of day: they are the measuring machine's own clock"
    if not items(saved.environment.get("plan")):
        yield "how many trials were meant: the run recorded no plan"

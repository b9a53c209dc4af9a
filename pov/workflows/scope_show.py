"""`pov scope show`: a deal assessed, beside what other deals were approved for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.files import save
from pov.model.events import Emit
from pov.scoping.assessment import assess
from pov.workflows.approvals import Trust, commitments_of_others
from pov.workflows.scope import Assessed, deal, printable, today


@dataclass(frozen=True)
class ShowOptions:
    """Which engagement, held against which offering; `pdf` is where its page goes, if it is wanted.

    `register` holds the approvals of other deals, which count by the signatures that `trust` allows; without them the
    user's own, where there are any.
    """

    folder: Path
    offering: Path | None = None
    pdf: Path | None = None
    register: Path | None = None
    trust: Trust | None = None


def run_show(options: ShowOptions, emit: Emit, *, clock: Clock = SYSTEM_CLOCK) -> Assessed:
    """Assess an engagement's scope, and write it as a page if one is wanted.

    Raises `InvalidInput` as `deal` does, and where the signers lie in what they are to judge.
    """
    found = deal(options.folder, options.offering)
    own = found.engagement.name
    others = commitments_of_others(own, options.folder, clock.wall(), options.register, options.trust)
    assessment = assess(found.scope, found.offering, today(clock), others)
    if options.pdf is not None:
        from pov.reporting.page import pdf as drawn
        from pov.reporting.scope_page import page as page_of

        page = page_of(assessment.as_json(), found.engagement.customer.name, today(clock))
        printable(page)
        save(options.pdf, drawn(page))
    return Assessed(assessment, options.pdf)

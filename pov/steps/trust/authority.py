"""The bootstrap CA, before anything else: it signs what the platform's own pages and APIs show."""

from __future__ import annotations

from pov.engines.certificates import Trust
from pov.steps.context import Context
from pov.steps.core import Outcome, Report, Step


def step() -> Step:
    """Make the CA once; it stays in the environment's secrets."""
    return Step("trust", "Bootstrap CA for the platform's own TLS", _run, expected_s=0.1)


def _run(ctx: Context, report: Report) -> Outcome:
    ctx.trust, made = Trust.ensure(ctx.home)
    if made:
        report.note(f"to trust the platform's pages, import {ctx.trust.ca_path}")
    return Outcome.CHANGED if made else Outcome.UNCHANGED

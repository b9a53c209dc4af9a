"""The last step: the prober calls every edge of every estate over mutual TLS, and says what did not answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from pov.base.wait import Pending, wait_for
from pov.engines.prober import Prober
from pov.steps.context import Context
from pov.steps.core import Outcome, Report, Step
from pov.steps.services.prober import connect

_LIMIT_S = 120.0


def step(*, with_legacy: bool) -> Step:
    """Verify after everything that serves."""
    needs = ("services", "prober", *(("legacy",) if with_legacy else ()))
    return Step("verify", "Every edge answers over mutual TLS", _run, needs, expected_s=3)


def _run(ctx: Context, report: Report) -> Outcome:
    prober = connect(ctx)

    def verified(estate: str) -> None:
        wait_for(
            f"every edge of {estate}",
            lambda: _unanswered(prober, estate),
            timeout_s=_LIMIT_S,
            interval_s=0.5,
            on_pending=report.waits,
            fix="pov status",
        )

    with ThreadPoolExecutor(len(ctx.estates), thread_name_prefix="verify") as pool:
        # All of them end before the first failure is raised.
        list(pool.map(verified, [estate.name for estate in ctx.estates]))
    edges = sum(len(estate.edges) for estate in ctx.estates)
    report.note(f"{edges} edges in {len(ctx.estates)} estates answered")
    return Outcome.UNCHANGED


def _unanswered(prober: Prober, estate: str) -> int | Pending:
    answers = prober.verify(estate)
    bad = [edge for edge in answers if not edge.ok]
    if not bad:
        return len(answers)
    first = bad[0]
    return Pending(
        f"{estate}: {len(bad)} of {len(answers)} edges silent, first {first.source} to {first.target}: {first.error}"
    )

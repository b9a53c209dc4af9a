"""`rollback-errors`: the bad version starts, calls itself ready, and answers a stated share of requests with errors.

No probe and no runbook's health check can find it; here the load does. The version is brought in as any version is,
and takes the place of the good one everywhere. Its errors have to be seen before the way back is decided: by then every
replica serves it. The way back is `rollback`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pov.base.errors import PovError
from pov.base.wait import Pending, wait_for
from pov.config.estates import LEGACY
from pov.experiments.core import Experiment, Way
from pov.experiments.rollback import EVERYWHERE, AutomatedRollback, ManualRollback
from pov.experiments.runbook import RUN_LIMIT_S
from pov.experiments.seen import until_seen
from pov.experiments.toolbox import STAGING
from pov.experiments.traffic import counted, failures_on
from pov.measure.excuse import HARD, Span

STATUS = "status 500"
"""As the prober tells of such an answer, on the edges into a service."""
FEWEST_ERRORS, FEWEST_REQUESTS = 5, 50
"""What the load has to meet before anybody would decide to go back."""
_LIVE_S = 240.0
_ERRORS_S = 240.0


class AutomatedErrors(AutomatedRollback):
    """A commit that reverts the bad one; Argo CD does the rest."""

    def make_bad(self, folder: Path) -> Path:
        """The image of a version that answers with errors."""
        _state(self)
        return self.box.releases.image(self._bad, folder, error_rate=self.box.error_rate)

    def until_live(self) -> None:
        """Every replica serves it, and the load has met its errors."""
        _until_errors(self, self._bad)


class ManualErrors(ManualRollback):
    """The runbook backwards: it took the bad version for a good one, and every host has it."""

    def make_bad(self, folder: Path) -> Path:
        """The archive of a version that answers with errors."""
        _state(self)
        return self.box.releases.archive(self._bad, folder, error_rate=self.box.error_rate)

    def bring_in(self, variables: Mapping[str, Any]) -> None:
        """Run the runbook; its health check finds nothing."""
        self.runbooks.run("deploy.yml", variables, timeout_s=RUN_LIMIT_S)
        self.details["runbook_said"] = "nothing: its health check passed"

    def until_live(self) -> None:
        """Every service serves it, and the load has met its errors."""
        _until_errors(self, self._bad)


def _state(trial: AutomatedErrors | ManualErrors) -> None:
    rate = trial.box.error_rate
    trial.details["bad"] = f"it answers {rate:.0%} of its requests with an error, and calls itself ready"
    trial.figures["error_rate_percent"] = round(100 * rate, 3)


def _until_errors(trial: AutomatedErrors | ManualErrors, bad: str) -> None:
    """Wait until every replica serves the bad version and its errors were met; note the share of them that was seen.

    Raises `TimedOut` where the load meets none: then nobody would have known.
    """
    box, services = trial.box, trial.box.under_proof
    into = [edge for edge in trial.watch.touched if edge.target in services]
    if not into:
        raise PovError("nothing calls a service under proof, so nobody meets its errors")
    what = f"the bad version on every replica in {trial.estate.name}"
    until_seen(box, trial.estate, services, lambda row: row.version == bad, what, timeout_s=_LIVE_S)
    trial.phase(EVERYWHERE)

    def look() -> tuple[int, int] | Pending:
        report = trial.load.counts()
        begun = next(phase.from_ms for phase in report.phases if phase.name == EVERYWHERE)
        met = failures_on(report, into, Span(begun, float("inf")))
        errors = sum(1 for one in met if one.kind == HARD and STATUS in one.cause)
        requests = counted(report, into, {EVERYWHERE}).requests
        enough = errors >= FEWEST_ERRORS and requests >= FEWEST_REQUESTS
        return (errors, requests) if enough else Pending(f"{errors} errors in {requests} requests")

    errors, requests = wait_for(
        "the load to meet the bad version's errors", look, timeout_s=_ERRORS_S, interval_s=0.5, clock=box.clock
    )
    trial.figures["errors_seen_percent"] = round(100 * errors / requests, 1)
    trial.details["errors_seen"] = {"errors": errors, "requests": requests}


EXPERIMENT = Experiment(
    "rollback-errors",
    touches=lambda box, estate: box.under_proof,
    expected_s=25.0,
    arms={"automated": Way(AutomatedErrors, STAGING), "manual": Way(ManualErrors, LEGACY)},
)

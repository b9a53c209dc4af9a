"""`interrupted`: what does the work of a deployment is killed part of the way; what is left, how long until it is good.

Killed is the runbook's process, the script's, or Argo CD's application controller: each time the one that does the
work, without a warning. The point is a share of the time that the arm's deployment usually takes, which a whole one
tells once a run before it counts. Then each arm goes its own way: runbook and script, also one of somebody's own, are
run again from the start, and nobody does anything for the automated arm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import ClassVar

from pov.base.errors import PovError, TimedOut
from pov.base.wait import Pending, wait_for
from pov.config.estates import LEGACY
from pov.engines.load_report import LoadReport
from pov.experiments.brought import OwnScript
from pov.experiments.core import Experiment, Way
from pov.experiments.deploy import EXPERIMENT as DEPLOY
from pov.experiments.deploy import AutomatedDeploy, ManualDeploy
from pov.experiments.gitops import at_rest
from pov.experiments.load import let_pass
from pov.experiments.scripted import shipped
from pov.experiments.toolbox import STAGING, Toolbox
from pov.experiments.traffic import counted, excused_of, failures_on
from pov.experiments.workloads import own_version
from pov.measure.excuse import Span
from pov.measure.order import Slot
from pov.measure.trials import OPERATION, Ending, run_trial
from pov.model.sample import Step

UNTIL_KILLED = "until-killed"
"""The load's phase from the work's beginning to its being killed."""
OLD, NEW, BROKEN = "old", "new", "broken"
_BACK_S = 180.0
_COMPARED_S = 420.0
"""One that starts anew after the last pod was ready compares at its next poll: each comes in two to three minutes."""
_LOOK = "look at what was left"


class InterruptedAutomated(AutomatedDeploy):
    """A commit; Argo CD's application controller is killed while it is at it, and nobody does anything."""

    def __init__(self, box: Toolbox, slot: Slot) -> None:
        super().__init__(box, slot)
        self._version = own_version(box, slot)
        self._point_s = self._look_s = self._pushed = 0.0

    def make_fit(self) -> None:
        """As ever, once it is known how long a whole deployment takes."""
        self._point_s = point(self, "automated", DEPLOY.arms["automated"])
        super().make_fit()

    def warm_up(self) -> None:
        """As ever; then the change is pushed and its delivery is killed at the point.

        A push is not cut: one that did not arrive would be no deployment that had begun.
        """
        super().warm_up()
        clock = self.box.clock
        self.after.add("way back", self.repair, after={Ending.FAILED})
        self.after.add("Argo CD", self._until_back, after={Ending.FAILED})
        self.phase(UNTIL_KILLED)
        begun = self._pushed = clock.monotonic()
        self.revision = self.copy.commit(self.message())
        self.copy.push()
        left = begun + self._point_s - clock.monotonic()
        if left > 0:
            let_pass(self.box, "the point at which it is killed", left)
        self.box.delivery.kill()
        killed(self, begun, "Argo CD's application controller", "nothing is done: it starts anew by itself")

    def operate(self) -> None:
        """Look at what was left, and wait until the prober has seen the new version everywhere."""
        clock, begun = self.box.clock, self.box.clock.monotonic()
        states = look(self, self._version)
        self._look_s = clock.monotonic() - begun
        if set(states) == {NEW}:
            raise ended(self, clock.monotonic() - self._pushed)
        self.wait_until_seen()
        self._marks["seen"] = clock.monotonic() - begun

    def steps(self) -> tuple[Step, ...]:
        """The look, and all that came to pass by itself."""
        self.details["revision"] = self.revision
        seen = self._marks.get("seen")
        if seen is None:
            return ()
        return (Step(_LOOK, self._look_s), Step("by itself, seen by prober", seen - self._look_s))

    def verify(self) -> None:
        """What was killed is there again; Argo CD calls the stage synced and healthy, the cluster holds the image."""
        begun = self.box.clock.monotonic()
        self._until_back()
        at_rest(self.box, self.estate.name, self.revision, _COMPARED_S)
        self.figures["called_done_seconds"] = round(self.box.clock.monotonic() - begun, 3)
        super().verify()

    def tell(self, report: LoadReport, void: Mapping[str, str]) -> None:
        """What was lost since the work began."""
        tell_lost(self, report, void)

    def _until_back(self) -> None:
        def there() -> bool | Pending:
            lacking = self.box.delivery.lacking()
            return Pending(lacking) if lacking else True

        wait_for("Argo CD's application controller", there, timeout_s=_BACK_S, interval_s=0.5, clock=self.box.clock)


class InterruptedOnHosts(ManualDeploy):
    """The runbook or a script, killed while it is at it, and run again from the start."""

    runbook_of: ClassVar[str] = "deploy"

    def __init__(self, box: Toolbox, slot: Slot, *, whole: Way, script: OwnScript | None = None) -> None:
        super().__init__(box, slot, script=script)
        self._version = own_version(box, slot)
        self._whole = whole
        self._point_s = self._look_s = 0.0

    def make_fit(self) -> None:
        """As ever, once it is known how long a whole deployment takes."""
        self._point_s = point(self, self.slot.arm, self._whole)
        super().make_fit()

    def warm_up(self) -> None:
        """As ever; then the work is begun, and killed at the point."""
        super().warm_up()
        self.hosts_change()
        self.phase(UNTIL_KILLED)
        begun = self.box.clock.monotonic()
        try:
            if self._script is not None:
                self.after.add("what the killed script left", self._script.close)
                self._script.run(timeout_s=self._point_s, kill=True)
            else:
                self.runbooks.run(self._playbook, self.variables(), timeout_s=self._point_s)
        except TimedOut:
            what = "the runbook's process" if self._script is None else "the script and every process of it here"
            killed(self, begun, what, "it is run again from the start")
        else:
            raise ended(self, self.box.clock.monotonic() - begun)
        if self._script is not None and self._own is not None:
            self.details["left_running_when_killed"] = self._script.close()
            self._script = self._told(self._own, mark="-again")

    def operate(self) -> None:
        """Look at what was left, run it again, wait until the prober has seen its work."""
        begun = self.box.clock.monotonic()
        look(self, self._version)
        self._look_s = self.box.clock.monotonic() - begun
        super().operate()

    def steps(self) -> tuple[Step, ...]:
        """The look, then the second run's steps."""
        again = super().steps()
        return (Step(_LOOK, self._look_s), *again) if again else ()

    def tell(self, report: LoadReport, void: Mapping[str, str]) -> None:
        """What was lost since the work began."""
        tell_lost(self, report, void)


Interrupted = InterruptedAutomated | InterruptedOnHosts


def point(trial: Interrupted, arm: str, way: Way) -> float:
    """At how many seconds of its work an arm is killed: a share of what a whole deployment takes here, made that `way`.

    The first trial of an arm in a run makes a whole one, as a trial of `deploy` that no sample tells of. Raises
    `PovError` if that one fails.
    """
    box = trial.box
    if arm not in box.usual:
        whole = Slot(DEPLOY.name, arm, 0)
        result = run_trial(whole, lambda: way.make(box, whole), box.clock)
        if result.seconds is None or not result.ok:
            raise PovError("the whole deployment that tells its usual time failed", cause=str(result.error))
        box.usual[arm] = result.seconds
    usual_s = box.usual[arm]
    trial.figures["killed_at_percent"] = float(box.kill_at)
    trial.details["usual_s"] = round(usual_s, 3)
    return usual_s * box.kill_at / 100


def ended(trial: Interrupted, took_s: float) -> PovError:
    """The work had ended before its point. The run's next trial of the arm is killed at a share of `took_s`."""
    arm = trial.slot.arm
    usual_s = trial.box.usual[arm]
    trial.box.usual[arm] = min(usual_s, took_s)
    return PovError(
        "the deployment had ended before it was killed",
        cause=f"it took at most {took_s:.1f} s, and a whole one before {usual_s:.1f} s",
        fix="an earlier point",
    )


def killed(trial: Interrupted, begun: float, what: str, way: str) -> None:
    """Note what was killed, after how many seconds it really was, and what is done then."""
    trial.figures["killed_at_seconds"] = round(trial.box.clock.monotonic() - begun, 3)
    trial.details |= {"killed": what, "way_back": way}


def look(trial: Interrupted, version: str) -> Mapping[str, int]:
    """What the prober sees of each replica right after the work was killed; how many are old, new, broken."""
    rows = trial.box.prober().identify(trial.estate.name, trial.services)
    states = [BROKEN if row.error else NEW if row.version == version else OLD for row in rows]
    trial.details["left"] = [
        {"service": row.service, "state": state, "told": row.error or row.version}
        for row, state in zip(rows, states, strict=True)
    ]
    counts = Counter(states)
    trial.figures |= {f"left_{state}": float(counts[state]) for state in (OLD, NEW, BROKEN)}
    return counts


def tell_lost(trial: Interrupted, report: LoadReport, void: Mapping[str, str]) -> None:
    """Note what failed on the touched edges from the work's beginning until all was good again, hard and late apart."""
    phases = [phase for phase in report.phases if phase.name in {UNTIL_KILLED, OPERATION}]
    if not phases or "left_old" not in trial.figures:
        return
    seen = counted(report, trial.watch.touched, {UNTIL_KILLED, OPERATION})
    trial.figures |= {"hard_until_good": float(seen.hard), "late_until_good": float(seen.late)}
    window = Span(phases[0].from_ms, phases[-1].to_ms)
    late = failures_on(report, trial.watch.touched, window)
    trial.details["late_until_good_excused"] = len(excused_of(late, report, trial.watch, void))


def _by_script(script: OwnScript) -> Way:
    """A script that deploys: the whole work once, then killed, then run again."""
    whole = Way(partial(ManualDeploy, script=script), LEGACY)
    return Way(partial(InterruptedOnHosts, whole=whole, script=script), LEGACY)


EXPERIMENT = Experiment(
    "interrupted",
    touches=lambda box, estate: box.under_proof,
    expected_s=15.0,
    arms={
        "automated": Way(InterruptedAutomated, STAGING),
        "manual": Way(partial(InterruptedOnHosts, whole=DEPLOY.arms["manual"]), LEGACY),
        "scripted": _by_script(shipped("deploy")),
    },
    own=_by_script,
)

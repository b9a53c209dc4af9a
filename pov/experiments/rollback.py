"""`rollback`: a bad version is live; from the decision to go back until every replica is good again.

The version is bad in the plainest way: its program ends at its start, so that its probe never passes; `rollback-errors`
has the other kind. It is brought in as any version is, before the clock starts: by a commit that is reverted, or by a
runbook that is then run backwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pov.base.errors import PovError, Transient
from pov.base.wait import Pending, wait_for
from pov.config.estates import LEGACY
from pov.engines.load_report import LoadReport
from pov.experiments.core import Experiment, Way
from pov.experiments.deploy import DISTRIBUTION
from pov.experiments.gitops import GitOpsTrial, push_back
from pov.experiments.ports.gitops import Configuration
from pov.experiments.runbook import RUN_LIMIT_S, SEEN_LIMIT_S, RunbookTrial, on_host, restart
from pov.experiments.seen import INTERVAL_S, until_seen
from pov.experiments.toolbox import STAGING, Toolbox
from pov.experiments.traffic import excused_of, failures_on
from pov.experiments.workloads import CONTAINER, DEPLOYMENT, POD, image_of, is_going, own_version, rolled_out, to_nodes
from pov.measure.excuse import HARD, Span
from pov.measure.order import Slot
from pov.measure.trials import Ending

LIVE = "bad-version-live"
"""The load's phase from the bad version's arrival to the decision to go back."""
EVERYWHERE = "bad-version-everywhere"
"""Its part in which every replica serves the bad version, where there is such a part."""
STARTS_NOT = "its program ends at its start"
_LIVE_S = 240.0


class AutomatedRollback(GitOpsTrial):
    """A commit that reverts the bad one; Argo CD does the rest."""

    def __init__(self, box: Toolbox, slot: Slot) -> None:
        super().__init__(box, slot, box.under_proof, webhook=True)
        self._bad = own_version(box, slot)
        self._image = ""
        self._revision_of_bad = ""
        self._images: Mapping[str, str] = {}
        self._versions: dict[str, set[str]] = {}

    def prepare(self) -> None:
        """A bad version, on the node already; the images that serve now noted."""
        self._image = to_nodes(self.box, self._bad, self.make_bad, timed=self.apart(DISTRIBUTION))
        self._images = {name: self.copy.images()[name] for name in self.box.under_proof}
        self._versions = _versions(self.box, self.estate.name)
        self.details["bad_image"] = self._image

    def make_bad(self, folder: Path) -> Path:
        """The image of a version that ends at its start."""
        self.details["bad"] = STARTS_NOT
        return self.box.releases.image(self._bad, folder, starts=False)

    def warm_up(self) -> None:
        """As ever; then the bad version goes live, and its commit is taken back in the working copy alone."""
        super().warm_up()
        # Whatever happens from here on, the bad version does not stay. After an interrupt nobody waits.
        back = partial(push_back, self.box, self.slot, self.estate.name, self.undo)
        self.after.add("bad version", back, after={Ending.FAILED, Ending.INTERRUPTED})
        self.phase(LIVE)
        self.copy.set_images(dict.fromkeys(self.box.under_proof, self._image))
        self._revision_of_bad = self.copy.commit(f"Deploy {self._bad} to {self.estate.name}")
        self.copy.push()
        self.until_live()
        self.copy.revert(self._revision_of_bad)

    def until_live(self) -> None:
        """Each service has met the bad version."""
        wait_for("the bad version to be live", self._is_live, timeout_s=_LIVE_S, interval_s=0.5, clock=self.box.clock)

    def message(self) -> str:
        """As Git itself writes it."""
        return f'Revert "Deploy {self._bad} to {self.estate.name}"\n\nThis reverts commit {self._revision_of_bad}.'

    def wait_until_seen(self) -> Mapping[str, float]:
        """Every replica serves the version from before, and no pod of the bad one is left.

        Old pods serve while bad ones end at their start: seen alone, it would be over before it began. On a host the
        one that serves is in the bad one's place.
        """
        seen = until_seen(
            self.box,
            self.estate,
            self.box.under_proof,
            lambda row: row.version in self._versions[row.service],
            f"the version from before on every replica in {self.estate.name}",
            timeout_s=self.limit_s,
        )

        def look() -> bool | Pending:
            left = [name for name in self.box.under_proof if self._bad_pods(name)]
            return Pending(f"{left[0]} still has a pod of the bad version") if left else True

        wait_for(
            "the bad version's pods to go", look, timeout_s=self.limit_s, interval_s=INTERVAL_S, clock=self.box.clock
        )
        return seen

    def check(self) -> None:
        """Git asks for the images from before, and each Deployment calls itself rolled out with them."""
        fresh = self.box.git.configuration(self.estate.name)
        try:
            asked = fresh.images()
        finally:
            fresh.close()
        for name, image in self._images.items():
            held = self.box.cluster.get(DEPLOYMENT, name, self.estate.namespace) or {}
            runs = image_of(held.get("spec", {}).get("template", {}))
            if asked[name] != image or runs != image:
                raise PovError(f"{name} is at {runs or 'no image'}, Git asks for {asked[name]}, and {image} was wanted")
            if not rolled_out(held):
                raise PovError(f"{name} is not rolled out")

    def undo(self, copy: Configuration) -> bool:
        """The images from before."""
        if all(copy.images()[name] == image for name, image in self._images.items()):
            return False
        copy.set_images(self._images)
        return True

    def tell(self, report: LoadReport, void: Mapping[str, str]) -> None:
        """What failed while the bad version was live."""
        tell_live(self, report, void)

    def _is_live(self) -> bool | Pending:
        waiting = [name for name in self.box.under_proof if not any(map(_has_ended, self._bad_pods(name)))]
        return Pending(f"{waiting[0]} has not met it yet") if waiting else True

    def _bad_pods(self, service: str) -> list[dict[str, Any]]:
        held = self.box.cluster.list(POD, self.estate.namespace, labels=f"app={service}")
        return [pod for pod in held if not is_going(pod) and image_of(pod) == self._image]


class ManualRollback(RunbookTrial):
    """The runbook backwards: the link back to the release from before, on each host that the bad one has reached."""

    playbook = "rollback.yml"

    def __init__(self, box: Toolbox, slot: Slot) -> None:
        super().__init__(box, slot, box.under_proof)
        self._bad = own_version(box, slot)
        self._good = ""
        self._archive = ""
        self._reached: list[str] = []
        self._deciding = True

    def prepare(self) -> None:
        """One good version on all services under proof; a bad release on the hosts, not in use yet."""
        if len(self._seen_now()) != 1:
            restart(self.box, *self.box.hosts.all)
        versions = self._seen_now()
        if len(versions) != 1:
            raise PovError(f"services under proof run several versions: {', '.join(sorted(versions))}", fix="pov up")
        self._good = next(iter(versions))
        self._archive = str(self.make_bad(self.runbooks.folder))
        self.after.add("bad release", self._sweep, after={Ending.DONE})
        with self.apart(DISTRIBUTION):
            self.runbooks.run(
                "distribute.yml", self._variables_for(self._bad, self.box.under_proof), timeout_s=RUN_LIMIT_S
            )
        self.details |= {"bad_version": self._bad, "good_version": self._good}

    def make_bad(self, folder: Path) -> Path:
        """The archive of a version that ends at its start."""
        self.details["bad"] = STARTS_NOT
        return self.box.releases.archive(self._bad, folder, starts=False)

    def warm_up(self) -> None:
        """As ever; then the runbook brings the bad version in."""
        self._reached = list(self.box.under_proof)
        super().warm_up()
        hosts = self.box.hosts.all
        for ending, wait in ((Ending.FAILED, True), (Ending.INTERRUPTED, False)):
            again = partial(restart, self.box, *hosts, wait=wait)
            self.after.add("bad version", partial(self._before_the_decision, again), after={ending})
        self.phase(LIVE)
        self.bring_in(self._variables_for(self._bad, self.box.under_proof))
        self._reached = [name for name, release in self._releases().items() if release == self._bad]
        if not self._reached:
            raise PovError("the bad version did not go live")
        self.details["reached"] = list(self._reached)
        self.until_live()

    def bring_in(self, variables: Mapping[str, Any]) -> None:
        """Run the runbook; it stops where its own health check fails."""
        try:
            self.runbooks.run("deploy.yml", variables, timeout_s=RUN_LIMIT_S)
        except Transient:
            raise
        except PovError as error:
            self.details["runbook_said"] = error.message
        else:
            raise PovError("the runbook took a version that does not start for a good one")

    def until_live(self) -> None:
        """It is, once the runbook has stopped."""

    def operate(self) -> None:
        """Run the runbook backwards, then wait until the prober has seen its work."""
        self._deciding = False
        super().operate()

    def variables(self) -> Mapping[str, Any]:
        """The version from before, for those that the bad one has reached."""
        return self._variables_for(self._good, self._reached)

    def wait_until_seen(self) -> Mapping[str, float]:
        """Every service under proof serves the version from before, each in the place of the bad one."""
        return until_seen(
            self.box,
            self.estate,
            self.box.under_proof,
            lambda row: row.version == self._good,
            "the version from before on every host",
            timeout_s=SEEN_LIMIT_S,
        )

    def check(self) -> None:
        """On each host, the release that is linked is the one from before."""
        wrong = {name: release for name, release in self._releases().items() if release != self._good}
        if wrong:
            name, release = next(iter(wrong.items()))
            raise PovError(f"{name} is linked to {release or 'nothing'}, not to {self._good}")

    def tell(self, report: LoadReport, void: Mapping[str, str]) -> None:
        """What failed while the bad version was live."""
        tell_live(self, report, void)

    def _variables_for(self, version: str, services: Any) -> dict[str, Any]:
        return {"release": self._archive, "version": version, "services": list(services)}

    def _seen_now(self) -> set[str]:
        return {version for versions in _versions(self.box, self.estate.name).values() for version in versions}

    def _releases(self) -> dict[str, str]:
        """The release that each service under proof is linked to on its host."""
        found = {}
        for host in self.box.hosts.all:
            for name in (placed.service for placed in host.services if placed.service in self.box.under_proof):
                link = on_host(self.box, host.pod, "readlink", f"/opt/pov/{name}/current")
                found[name] = link.strip().rpartition("/")[2]
        return found

    def _before_the_decision(self, again: Callable[[], None]) -> None:
        """Afterwards the operation's own step back does the same."""
        if self._deciding:
            again()

    def _sweep(self) -> None:
        for host in self.box.hosts.all:
            on_host(self.box, host.pod, "sh", "-c", 'rm -rf /opt/pov/*/releases/"$1"', "sh", self._bad)


EXPERIMENT = Experiment(
    "rollback",
    touches=lambda box, estate: box.under_proof,
    expected_s=20.0,
    arms={"automated": Way(AutomatedRollback, STAGING), "manual": Way(ManualRollback, LEGACY)},
)


def tell_live(trial: AutomatedRollback | ManualRollback, report: LoadReport, void: Mapping[str, str]) -> None:
    """Note how long the bad version was live before the decision, and what failed meanwhile on the edges it touches."""
    phases = [phase for phase in report.phases if phase.name in {LIVE, EVERYWHERE}]
    if not phases:
        return
    window = Span(phases[0].from_ms, phases[-1].to_ms)
    lost = failures_on(report, trial.watch.touched, window)
    trial.figures["live_seconds"] = round(window.length_ms / 1000, 3)
    trial.figures["failed_live"] = len(lost)
    trial.details["failed_live_hard"] = sum(1 for one in lost if one.kind == HARD)
    trial.details["failed_live_excused"] = len(excused_of(lost, report, trial.watch, void))


def _versions(box: Toolbox, estate: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in box.prober().identify(estate, box.under_proof):
        if row.error:
            raise PovError(f"{row.service} in {estate} does not answer", cause=row.error, fix="pov status")
        found.setdefault(row.service, set()).add(row.version)
    return found


def _has_ended(pod: Mapping[str, Any]) -> bool:
    """Whether its program has come to its end at least once."""
    status = pod.get("status") or {}
    mine = [one for one in status.get("containerStatuses") or () if one["name"] == CONTAINER]
    return any(one.get("restartCount") or (one.get("state") or {}).get("terminated") for one in mine)

"""`upgrade`: Argo CD from the release before to the pinned one, until a commit made right then is delivered.

A patch release: nothing that it keeps is migrated. What is measured is what it takes to put another release in the
place of the one that serves, until changes come through again, and what services notice of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from pov.base.errors import PovError
from pov.experiments.core import Experiment, Way
from pov.experiments.delivering import OneChange
from pov.experiments.ports.platform import Release
from pov.experiments.toolbox import STAGING, Toolbox
from pov.experiments.trial import Laps
from pov.experiments.upkeep import ARGOCD, UpkeepTrial
from pov.experiments.workloads import POD, is_going
from pov.measure.order import Slot
from pov.measure.trials import Ending

UPGRADED, DELIVERED = "upgraded", "delivered"


class AutomatedUpgrade(UpkeepTrial):
    """The pinned release's manifest is applied; the cluster replaces the pods; a change of one service goes through."""

    checks = (
        "each new pod's own readiness page; a Deployment's old pod goes once the new one is ready, the application "
        "controller's goes first"
    )

    def __init__(self, box: Toolbox, slot: Slot) -> None:
        super().__init__(box, slot, (ARGOCD,))
        self._change = OneChange(box, slot, self.estate, box.under_proof[0])
        self._earlier: Release | None = None
        self._pinned: Release | None = None
        self._digests: frozenset[str] = frozenset()

    def make_fit(self) -> None:
        """As ever, in the pinned release; then the earlier one in its place, and every stage at rest with that.

        Raises `PovError` where something else than the pinned release runs: what a trial would leave is not what was
        there. Whatever happens from then on, the pinned one is installed again.
        """
        super().make_fit()
        self._pinned, self._earlier = pinned, earlier = self.box.platform.pinned(), self.box.platform.earlier()
        if (runs := self.heard(ARGOCD, self.box.platform.version)) != pinned.version:
            raise PovError(f"Argo CD {runs} runs, and {pinned.version} was to", fix="pov up")
        if earlier.version == pinned.version:
            raise PovError(f"there is no release before Argo CD {pinned.version} here", fix="pov bundle build")
        self._digests = self._digests_of(pinned)
        self.after.add("Argo CD", partial(self._back_to_pinned, wait=True), after={Ending.FAILED})
        # Whoever pressed Ctrl-C waits for nothing: the cluster has been told, and does the rest.
        self.after.add("Argo CD", partial(self._back_to_pinned, wait=False), after={Ending.INTERRUPTED})
        earlier.install()
        self._until(ARGOCD, partial(self._not_in, earlier))
        if same := self._digests & self._digests_of(earlier):
            raise PovError(f"both releases of Argo CD run the same image: {', '.join(sorted(same))}")
        self._at_rest()
        self.details["upgrade"] = {"from": earlier.version, "to": pinned.version}

    def prepare(self) -> None:
        """The one service's new version made and brought to the node, its change edited; that is not timed."""
        self._change.prepare(self.after)

    def operate(self) -> None:
        """Apply; once every pod is of the pinned release and its API says so, commit, until every replica serves it."""
        clock, begun = self.box.clock, self.box.clock.monotonic()
        step = Laps(clock, self.marks)
        self.pinned.install()
        step("applied")
        self.until_back(ARGOCD)
        self._until(ARGOCD, partial(self._not_in, self.pinned))
        self.figures[f"{UPGRADED}_seconds"] = round(clock.monotonic() - begun, 3)
        step("every part replaced, serving")
        # Noted before: a push that fails half-way may have arrived.
        self.after.add("way back", self._take_back, after={Ending.FAILED})
        pushed = clock.monotonic()
        self._change.push()
        step("commit, push")
        self._change.until_seen()
        self.figures[f"{DELIVERED}_seconds"] = round(clock.monotonic() - pushed, 3)
        step("delivered")

    def check(self) -> None:
        """As ever; each pod runs the image that ran before the trial, by digest; the cluster rolled the change out."""
        super().check()
        found = self._digests_of(self.pinned)
        if found != self._digests:
            raise PovError(
                "Argo CD's pods do not run the image that they ran before the trial",
                cause=f"{', '.join(sorted(found)) or 'none'}; before: {', '.join(sorted(self._digests))}",
            )
        self.details["image_digests"] = sorted(found)
        self._change.check()
        self.details["delivered"] = self._change.as_details()

    @property
    def pinned(self) -> Release:
        """The release that is upgraded to; there from `make_fit` on."""
        if self._pinned is None:
            raise PovError("the trial was not set up")
        return self._pinned

    def concerns(self, pod: Mapping[str, Any]) -> bool:
        """Those that run Argo CD's own image: its cache, Redis, is no part of a release and stays."""
        return bool(self._images(pod) & self._both())

    def _both(self) -> set[str]:
        return {release.image for release in (self._earlier, self._pinned) if release is not None}

    def _images(self, pod: Mapping[str, Any]) -> set[str]:
        return {str(one.get("image")) for one in pod["spec"]["containers"]}

    def _own_pods(self) -> Iterator[dict[str, Any]]:
        held = self.box.cluster.list(POD, ARGOCD)
        yield from (pod for pod in held if not is_going(pod) and self.concerns(pod))

    def _not_in(self, release: Release) -> str:
        """Why Argo CD does not serve in this release yet: pods of another one, not ready, or its API says otherwise."""
        for pod in self._own_pods():
            if release.image not in self._images(pod):
                return f"{pod['metadata']['name']} is not of {release.version}"
        if told := self.box.platform.lacking(ARGOCD):
            return told
        says = self.box.platform.version()
        return "" if says == release.version else f"Argo CD says that it is {says}, not {release.version}"

    def _digests_of(self, release: Release) -> frozenset[str]:
        """By what digests the pods run its image. Raises `PovError` for one that runs another, or tells none."""
        found: set[str] = set()
        for pod in self._own_pods():
            name, told = pod["metadata"]["name"], (pod.get("status") or {}).get("containerStatuses") or []
            if release.image not in self._images(pod) or not told or not all(one.get("imageID") for one in told):
                raise PovError(f"{name} does not tell that it runs {release.image}")
            found |= {str(one["imageID"]) for one in told}
        if not found:
            raise PovError(f"no pod of Argo CD runs {release.image}", fix="pov up")
        return frozenset(found)

    def _back_to_pinned(self, *, wait: bool) -> None:
        self.pinned.install()
        if wait:
            self._until(ARGOCD, partial(self._not_in, self.pinned))

    def _take_back(self) -> None:
        """The service's version from before, by an Argo CD that is whole again."""
        self._back_to_pinned(wait=True)
        self._change.take_back()


EXPERIMENT = Experiment(
    "upgrade",
    touches=lambda box, estate: estate.services,
    expected_s=60.0,
    arms={"automated": Way(AutomatedUpgrade, STAGING)},
    beforehand=lambda box: box.platform.earlier(),
)

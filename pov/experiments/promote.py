"""`promote`: a version that serves in dev comes to staging and to prod, each by a pull request that is approved.

The reviewer here is a second account that approves at once: what is timed is the way, and no person's deliberation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from pov.base.errors import PovError
from pov.config.estates import Estate
from pov.experiments.control import watch_all
from pov.experiments.core import Experiment, Way
from pov.experiments.deploy import DISTRIBUTION
from pov.experiments.gitops import SEEN_LIMIT_S, at_rest
from pov.experiments.ports.gitops import Reviewed
from pov.experiments.seen import until_seen
from pov.experiments.toolbox import STAGING, Toolbox
from pov.experiments.trial import Laps
from pov.experiments.working_copy import WorkingCopyTrial
from pov.experiments.workloads import DEPLOYMENT, image_of, own_version, rolled_out, to_nodes
from pov.measure.order import Slot
from pov.measure.trials import Ending
from pov.model.sample import Step

ORDER = ("dev", "staging", "prod")
"""In which order a version goes through the stages; those that a scenario does not have are left out."""
_AT_REST_S = 240.0
_LIMIT_S = SEEN_LIMIT_S[True]


class AutomatedPromotion(WorkingCopyTrial):
    """One version through every stage that there is. Argo CD follows each merge."""

    checks = "a merge needs an approval of somebody who did not ask for it; then as in a deployment, stage by stage"

    def __init__(self, box: Toolbox, slot: Slot) -> None:
        super().__init__(box, slot, box.estate(STAGING), box.under_proof)
        there = {estate.name: estate for estate in box.estates if estate.kind == "gitops"}
        self._stages = [there[name] for name in ORDER if name in there]
        if len(self._stages) < 2:
            raise PovError("there is one stage alone: a version cannot be promoted", fix="add a stage to the scenario")
        self.watch = watch_all(self._further, self.services)
        self._version = own_version(box, slot)
        self._branch = f"promote-{self._version}"
        self._image = ""
        self._before: dict[str, dict[str, str]] = {}
        self._steps: list[Step] = []
        self._merged: dict[str, Reviewed] = {}

    @property
    def _further(self) -> Sequence[Estate]:
        return self._stages[1:]

    def make_fit(self) -> None:
        """Told by the webhook, as a customer would be; every stage at rest at the commit that it follows."""
        self.box.git.webhook(True)
        self.keep_copy()
        for stage in self._stages:
            at_rest(self.box, stage.name, self.box.git.head(stage.name), _AT_REST_S)
            images = self.copy.of(stage.name).images()
            self._before[stage.name] = {name: images[name] for name in self._of(stage)}

    def prepare(self) -> None:
        """The image made and delivered, in use in the first stage; the promotion edited."""
        self._image = to_nodes(self.box, self._version, timed=self.apart(DISTRIBUTION))
        first = self._stages[0]
        self.after.add("way back", self._back, after={Ending.FAILED})
        self.after.add("branch", partial(self.box.git.forget, self._branch))
        self.copy.of(first.name).set_images(dict.fromkeys(self._of(first), self._image))
        self.copy.commit(f"Deploy {self._version} to {first.name}")
        self.copy.push()
        self._until_seen(first)
        for stage in self._further:
            self.copy.of(stage.name).set_images(dict.fromkeys(self._of(stage), self._image))
        self.details |= {"version": self._version, "image": self._image, "stages": [s.name for s in self._stages]}

    def operate(self) -> None:
        """For each further stage: ask, have it approved, merge, wait until the prober has seen it there."""
        clock, begun = self.box.clock, self.box.clock.monotonic()
        step = Laps(clock, self._steps)
        revision = self.copy.commit(f"Promote {self._version}: {', '.join(self._of(self._further[0]))}")
        self.copy.push_as(self._branch)
        step("commit and push")
        branch = self._branch
        for stage in self._further:
            title = f"Promote {self._version} to {stage.name}"
            self._merged[stage.name] = self.box.git.review(stage.name, title, branch)
            # Named once it is merged: the branch goes, and whoever verifies the run looks it up in the kept history.
            self.details["revision"] = revision
            self.details["reviews"] = [review_row(name, one) for name, one in self._merged.items()]
            step(f"{stage.name}: asked, approved, merged")
            # What no review can be quicker than, also where nobody needs time to read.
            self.figures["review_seconds"] = round(sum(sum(one.took.values()) for one in self._merged.values()), 3)
            self._until_seen(stage)
            step(f"{stage.name}: seen by prober")
            self.figures[f"{stage.name}_seconds"] = round(clock.monotonic() - begun, 3)
            # Whatever comes after the first stage comes from where the one before it was merged to.
            branch = ""

    def check(self) -> None:
        """Somebody else approved, says the server; each stage is at rest at its merge, its Deployments rolled out."""
        for stage in self._further:
            merged = self._merged[stage.name]
            if not set(merged.approvers) - {merged.author}:
                raise PovError(f"pull request {merged.number} was merged without anybody else's approval")
            at_rest(self.box, stage.name, merged.revision, _AT_REST_S)
            for name in self._of(stage):
                held = self.box.cluster.get(DEPLOYMENT, name, stage.namespace) or {}
                runs = image_of(held.get("spec", {}).get("template", {}))
                if runs != self._image or not rolled_out(held):
                    raise PovError(f"{name} in {stage.name} runs {runs or 'no image'}, not {self._image} alone")

    def steps(self) -> tuple[Step, ...]:
        """Each stage's review, and its way from the merge to every replica."""
        return tuple(self._steps)

    def _of(self, stage: Estate) -> tuple[str, ...]:
        return tuple(name for name in self.services if name in stage.services)

    def _until_seen(self, stage: Estate) -> Mapping[str, float]:
        return until_seen(
            self.box,
            stage,
            self._of(stage),
            lambda row: row.version == self._version,
            f"version {self._version} on every replica in {stage.name}",
            timeout_s=_LIMIT_S,
        )

    def _back(self) -> None:
        """Commit the images from before, and bring them to prod in the same way if the others came there."""
        copy = self.box.git.configuration(STAGING)
        try:
            for name, images in self._before.items():
                copy.of(name).set_images(images)
            revision = copy.commit(f"Back to the state before trial {self.slot.trial} of {self.slot.experiment}")
            copy.push()
        finally:
            copy.close()
        for stage in self._stages:
            if stage.name in self._merged and self.box.git.head(stage.name) != revision:
                self.box.git.review(stage.name, f"Back from {self._version}")
            at_rest(self.box, stage.name, self.box.git.head(stage.name), _AT_REST_S)


def review_row(stage: str, one: Reviewed) -> dict[str, object]:
    """A merged pull request as a sample names it."""
    return {
        "stage": stage,
        "pull": one.number,
        "revision": one.revision,
        "author": one.author,
        "approved_by": list(one.approvers),
        "seconds": dict(one.took),
    }


EXPERIMENT = Experiment(
    "promote",
    touches=lambda box, estate: box.under_proof,
    expected_s=40.0,
    arms={"automated": Way(AutomatedPromotion, STAGING)},
)

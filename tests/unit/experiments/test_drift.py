from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pov.base.clock import timestamp
from pov.engines.argocd import App, held_app
from pov.experiments import EXPERIMENTS
from pov.experiments.drift import ADDED, BY_HAND, VARIABLE
from pov.experiments.stages import APPLIED
from pov.experiments.toolbox import Toolbox
from pov.experiments.workloads import DEPLOYMENT
from pov.measure.order import Slot
from pov.measure.trials import Result, run_trial
from tests.unit.experiments.world import GONE, OLD, Cluster, Identity, Prober, World

POLICY = "networking.k8s.io/v1/NetworkPolicy"
_DENY = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
FOUND_S, REPAIR_S, ROLLOUT_S = 1.5, 4.0, 6.0


class Hands(Cluster):
    """A cluster whose Deployments can be changed by hand, and an Argo CD that notices after a while."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.deployments = {
            (estate.name, name): _deployment(estate.name, name)
            for estate in world.estates
            if estate.kind == "gitops"
            for name in estate.services
        }
        self.baseline = copy.deepcopy(self.deployments)
        self.policies = {stage: _document(POLICY, stage, "only-edges", _DENY) for stage, _ in self.deployments}
        self.off: set[str] = set()
        self.operation: dict[str, Any] = {}
        self.managers: list[str] = []
        self.looks = True
        self.calls_off = True
        self.pods_stay = False
        self.sees_additions = False

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        if kind.endswith("/Deployment"):
            self._world.check("kube")
            return copy.deepcopy(self.deployments[namespace or "", name])
        found = super().get(kind, name, namespace)
        if found is not None and kind.endswith("/Application"):
            found["status"]["resources"] = [
                {
                    "group": kind.rpartition("/")[0].rpartition("/")[0],
                    "version": kind.split("/")[-2],
                    "kind": kind.rpartition("/")[2],
                    "name": one["metadata"]["name"],
                    "namespace": name,
                    "status": "OutOfSync" if one["metadata"]["name"] in self.off else "Synced",
                }
                for kind in (DEPLOYMENT, POLICY)
                for one in self._of_kind(kind, name)
            ]
            found["status"]["sync"]["status"] = "OutOfSync" if self.off else "Synced"
            found["status"]["operationState"] = self.operation
        return found

    def list(self, kind: str, namespace: str | None = None, *, labels: str = "") -> list[dict[str, Any]]:
        if not labels:
            return self._of_kind(kind, namespace or "")
        live = self.deployments[namespace or "", labels.partition("=")[2]]
        spec = copy.deepcopy(live["spec"]["template"]["spec"])
        if self.pods_stay:
            spec["containers"][0]["image"] = "registry/mock:stuck"
        pod = {"metadata": {"name": "p"}, "spec": spec}
        return [pod] * live["spec"]["replicas"] + [{**pod, "metadata": {"name": "old", "deletionTimestamp": "now"}}]

    def _of_kind(self, kind: str, stage: str) -> list[dict[str, Any]]:
        held = {DEPLOYMENT: [one for (of, _), one in self.deployments.items() if of == stage],
                POLICY: [self.policies[stage]]}  # fmt: skip
        return copy.deepcopy(held[kind])

    def patch(
        self, kind: str, name: str, namespace: str | None, patch: Mapping[str, Any], *, manager: str = "pov"
    ) -> dict[str, Any]:
        self._world.check("kube")
        self.managers.append(manager)
        live = self.deployments[namespace or "", name]
        live["spec"]["replicas"] = patch["spec"]["replicas"]
        live["spec"]["template"]["spec"]["containers"] = copy.deepcopy(patch["spec"]["template"]["spec"]["containers"])
        live["metadata"]["generation"] += 1
        if self._adds(live) and not self.sees_additions:
            self._rolled(live)
            return copy.deepcopy(live)
        if self.looks and live["spec"] != self.baseline[namespace or "", name]["spec"]:
            if self.calls_off:
                self._world.clock.after(FOUND_S, lambda: self.off.add(name))
            self._world.clock.after(REPAIR_S, lambda: self._repair(namespace or "", name))
        return copy.deepcopy(live)

    def _adds(self, live: dict[str, Any]) -> bool:
        return any(one["name"] == ADDED for one in live["spec"]["template"]["spec"]["containers"][0]["env"])

    def _repair(self, stage: str, name: str) -> None:
        self.off.discard(name)
        started = timestamp(self._world.clock.wall().replace(microsecond=0))
        self.operation = {"startedAt": started, "operation": {"initiatedBy": {"automated": True}}}
        live = self.deployments[stage, name]
        spec = copy.deepcopy(self.baseline[stage, name]["spec"])
        if not self.sees_additions:
            held = live["spec"]["template"]["spec"]["containers"][0]["env"]
            spec["template"]["spec"]["containers"][0]["env"] += [one for one in held if one["name"] == ADDED]
        live["spec"] = spec
        live["metadata"]["generation"] += 1
        spoken = {"fieldsV1": {"f:spec": {}}, "time": started}
        live["metadata"]["managedFields"] = [
            {**spoken, "manager": "argocd-controller"},
            {**spoken, "manager": BY_HAND},
            {**spoken, "manager": "of-old", "time": "2020-01-01T00:00:00Z"},
            {**spoken, "manager": "kubelet", "subresource": "status"},
            {"manager": "labeller", "fieldsV1": {"f:metadata": {}}, "time": started},
        ]
        self._world.clock.after(ROLLOUT_S, lambda: self._rolled(live))

    def _rolled(self, live: dict[str, Any]) -> None:
        live["status"]["observedGeneration"] = live["metadata"]["generation"]


class Eyes(Prober):
    """One row for each replica that the Deployment asks for, in the version of its image."""

    def __init__(self, world: World, hands: Hands) -> None:
        super().__init__(world)
        self._hands = hands

    def identify(self, estate: str, services: Sequence[str] = ()) -> list[Identity]:
        rows = super().identify(estate, services)
        if estate == "legacy":
            return rows
        found = []
        for row in rows:
            spec = self._hands.deployments[estate, row.service]["spec"]
            version = spec["template"]["spec"]["containers"][0]["image"].rpartition(":")[2]
            found += [replace(row, version=version)] * spec["replicas"]
        return found


def _deployment(stage: str, name: str) -> dict[str, Any]:
    container = {"name": "service", "image": OLD, "env": [{"name": VARIABLE, "value": "core"}]}
    spec = {"replicas": 1, "template": {"spec": {"containers": [container]}}}
    return {
        **_document(DEPLOYMENT, stage, name, spec),
        "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
    }


def _document(kind: str, stage: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    api, _, short = kind.rpartition("/")
    applied = json.dumps({"kind": short, "metadata": {"name": name}, "spec": spec})
    metadata = {"name": name, "namespace": stage, "generation": 1, "annotations": {APPLIED: applied}}
    return {"apiVersion": api, "kind": short, "metadata": metadata, "spec": copy.deepcopy(dict(spec))}


class Stage:
    """The world of a drift trial."""

    def __init__(self, folder: Path) -> None:
        self.world = World()
        self.hands = Hands(self.world)
        self.folder = folder

    def state(self, stage: str) -> App:
        return held_app(self.hands, stage)

    @property
    def box(self) -> Toolbox:
        eyes = lambda: Eyes(self.world, self.hands)  # noqa: E731
        return replace(self.world.toolbox(self.folder), cluster=self.hands, delivery=self, prober=eyes)

    def go(self, trial: int = 1) -> Result:
        slot = Slot("drift", "automated", trial)
        make = EXPERIMENTS["drift"].arms["automated"].make
        return run_trial(slot, lambda: make(self.box, slot), self.world.clock)

    @property
    def as_before(self) -> bool:
        held, base = self.hands.deployments, self.hands.baseline
        return all(held[key]["spec"] == base[key]["spec"] for key in base)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_three_changes_by_hand_are_found_and_changed_back(stage: Stage) -> None:
    result = stage.go()
    assert result.error is None
    assert stage.hands.managers == [BY_HAND] * 5, "four changes, and the addition taken back"
    changes = result.evidence.details["changes"]
    assert [(c["kind"], c["service"], c["was"], c["by_hand"]) for c in changes] == [  # type: ignore[attr-defined]
        ("replicas", "payment-gateway", "1", "2"),
        ("variable", "checkout-bff", "TIER=core", "TIER=1123ab-drift-automated-1"),
        ("image", "card-authorization", OLD, "registry/mock:1123ab-drift-automated-1"),
        ("addition", "payment-gateway", "not set", f"{ADDED}=1123ab-drift-automated-1"),
    ]
    assert result.evidence.figures["found_seconds"] == pytest.approx(FOUND_S, abs=0.3)
    assert result.evidence.figures["healed_seconds"] == pytest.approx(REPAIR_S + ROLLOUT_S, abs=0.5)
    assert result.seconds == pytest.approx(result.evidence.figures["healed_seconds"], abs=0.01)
    assert sum(step.seconds for step in result.evidence.steps) == pytest.approx(result.seconds, abs=0.01)
    assert str(result.evidence.details["repair_began"]).startswith("2026-03-09")
    assert stage.as_before


def test_what_nobody_meant_is_told_by_stage(stage: Stage) -> None:
    details = stage.go().evidence.details
    assert details["stages_before"] == []
    changed = {(row["service"], row["field"], tuple(row["by_hand"])) for row in details["stages_changed"]}  # type: ignore[attr-defined]
    container = "spec.template.spec.containers[service]"
    assert changed >= {
        ("payment-gateway", "spec.replicas", ("staging",)),
        ("checkout-bff", f"{container}.env[{VARIABLE}].value", ("staging",)),
        ("card-authorization", f"{container}.image", ("staging",)),
        ("payment-gateway", f"{container}.env[{ADDED}].value", ("staging",)),
    }


def test_a_policy_that_somebody_opened_before_is_told_although_nobody_undoes_it(stage: Stage) -> None:
    stage.hands.policies["dev"]["spec"]["ingress"] = [{}]
    result = stage.go()
    assert result.error is None
    (row,) = result.evidence.details["stages_before"]  # type: ignore[misc]
    assert row == {
        "kind": "NetworkPolicy",
        "service": "only-edges",
        "field": "spec.ingress[0]",
        "runs": {"staging": "–", "dev": "there"},
        "asked": {"staging": "–", "dev": "–"},
        "by_hand": ["dev"],
    }


def test_who_found_and_who_wrote_back_is_what_was_seen(stage: Stage) -> None:
    details = stage.go().evidence.details
    assert details["found_by"] == "Argo CD: its application called the objects out of sync"
    assert details["written_back_by"] == ["argocd-controller"]


def test_nobody_is_called_the_finder_of_what_nobody_called_out_of_sync(stage: Stage) -> None:
    stage.hands.calls_off = False
    result = stage.go()
    assert result.error is None
    assert "nobody was seen to call them out of sync" in str(result.evidence.details["found_by"])


def test_what_nobody_repairs_is_a_failed_trial_and_written_back(stage: Stage) -> None:
    stage.hands.looks = False
    result = stage.go()
    assert "replicas, variable, image still as by hand" in (result.error or "")
    assert stage.as_before
    assert stage.world.loads[0].ended is not None


def test_pods_that_stay_as_by_hand_are_found_by_the_check(stage: Stage) -> None:
    stage.hands.pods_stay = True
    assert "a pod of payment-gateway as by hand" in (stage.go().error or "")


def test_a_cluster_that_is_gone_fails_the_trial_before_anything_is_changed(stage: Stage) -> None:
    stage.world.down["kube"] = GONE
    assert "connection refused" in (stage.go().error or "")
    assert stage.hands.managers == []


def test_ctrl_c_writes_back_what_was_changed_and_waits_for_nothing(stage: Stage) -> None:
    stage.hands.looks = False

    def pressed() -> None:
        raise KeyboardInterrupt

    stage.world.clock.after(20.0, pressed)
    with pytest.raises(KeyboardInterrupt):
        stage.go()
    assert stage.as_before
    assert stage.world.loads[0].ended is not None


def test_an_addition_that_git_does_not_speak_of_stays_until_the_trial_takes_it_back(stage: Stage) -> None:
    result = stage.go()
    assert result.error is None
    assert result.evidence.figures["changes_not_found"] == 1
    *_, addition = result.evidence.details["changes"]  # type: ignore[misc]
    assert (addition["kind"], addition["found_s"], addition["changed_back_s"]) == ("addition", None, None)  # type: ignore[index]
    assert stage.as_before


def test_a_platform_that_finds_additions_leaves_nothing_to_take_back(stage: Stage) -> None:
    stage.hands.sees_additions = True
    result = stage.go()
    assert result.evidence.figures["changes_not_found"] == 0
    assert stage.hands.managers == [BY_HAND] * 4

"""`drift`: three quick fixes by hand in one stage, from the moment they are made until nothing is left of them.

Somebody scales one service, changes a variable of another and puts another image under a third. Nobody tells Argo CD:
it has to find out by itself. Only an arm that looks all the time can be timed; for the others it is stated how often
somebody looks (`stated` in the catalogue), and nothing is measured.

A fourth change is a variable that Git does not speak of. Argo CD compares what Git asks for with what runs, so such an
addition stays; whether it was found before the others were gone is recorded, and the trial itself takes it back.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pov.base.clock import timestamp
from pov.base.errors import PovError
from pov.base.wait import Pending, wait_for
from pov.experiments.core import Experiment, Way
from pov.experiments.deploy import DISTRIBUTION
from pov.experiments.gitops import at_rest, moment
from pov.experiments.seen import INTERVAL_S
from pov.experiments.stages import Stage, differences, stages_now
from pov.experiments.toolbox import STAGING, Toolbox
from pov.experiments.trial import EstateTrial
from pov.experiments.workloads import (
    CONTAINER,
    DEPLOYMENT,
    POD,
    container_of,
    is_going,
    own_version,
    rolled_out,
    to_nodes,
)
from pov.measure.order import Slot
from pov.measure.trials import Ending
from pov.model.sample import Step

Document = dict[str, Any]
KINDS = ("replicas", "variable", "image")
"""What is changed by hand, each on a service of its own as far as there are three under proof."""
VARIABLE = "TIER"
"""The one that Git sets and that is changed."""
ADDITION = "addition"
ADDED = "POV_ADDED_BY_HAND"
"""The one that Git does not speak of."""
BY_HAND = "changed-by-hand"
"""As what the cluster notes who wrote (the field manager)."""
_AT_REST_S = 240.0
_HEALED_S = 300.0
_SEEN_S = 120.0


class AutomatedDrift(EstateTrial):
    """Three changes by hand in staging; what follows is Argo CD's own doing."""

    checks = "Argo CD compares what runs with Git whenever an object that it looks after changes"

    def __init__(self, box: Toolbox, slot: Slot) -> None:
        super().__init__(box, slot, box.estate(STAGING), box.under_proof)
        self._targets = {kind: box.under_proof[i % len(box.under_proof)] for i, kind in enumerate(KINDS)}
        self._touched = tuple(dict.fromkeys(self._targets.values()))
        self._added = box.under_proof[len(KINDS) % len(box.under_proof)]
        self._version = own_version(box, slot)
        self._image = ""
        self._revision = ""
        self._stages: dict[str, Stage] = {}
        self._versions: dict[str, str] = {}
        self._found: dict[str, float] = {}
        self._called_off: set[str] = set()
        self._back: dict[str, float] = {}
        self._ends: dict[str, float] = {}

    def make_fit(self) -> None:
        """The stage at rest at the newest commit; what runs in every stage noted, and where they differ."""
        of_git = self.box.git.configuration(self.estate.name)
        try:
            self._revision = of_git.head()
        finally:
            of_git.close()
        self._at_rest()
        self._stages = stages_now(self.box)
        self.details["stages_before"] = [row.as_json() for row in differences(self._stages)]

    def prepare(self) -> None:
        """An image to put in by hand, on the node already: whoever fixes something quickly has it at hand."""
        self._image = to_nodes(self.box, self._version, timed=self.apart(DISTRIBUTION))

    def warm_up(self) -> None:
        """As ever, and note what the prober sees before."""
        super().warm_up()
        rows = self.box.prober().identify(self.estate.name, self._touched)
        silent = next((row for row in rows if row.error), None)
        if silent is not None:
            raise PovError(f"{silent.service} does not answer", cause=silent.error, fix="pov status")
        self._versions = {row.service: row.version for row in rows}

    def operate(self) -> None:
        """Change things by hand, then look on until the prober has seen that nothing is left of what Git speaks of."""
        clock, begun, since = self.box.clock, self.box.clock.monotonic(), self.box.clock.wall()
        # Run last one first. After an interrupt nobody waits: what was written by hand is written back.
        self.after.add("stage", self._at_rest, after={Ending.FAILED})
        self.after.add("changes by hand", self._write_back, after={Ending.FAILED, Ending.INTERRUPTED})
        self.after.add("added variable", self._take_back)
        written = {kind: self._change(kind) for kind in (*KINDS, ADDITION)}

        def passed() -> float:
            return round(clock.monotonic() - begun, 3)

        def look() -> bool | Pending:
            state = self.box.delivery.state(self.estate.name)
            off = state.out_of_sync("Deployment")
            for kind, service in self._targets.items():
                if service in off:
                    self._called_off.add(kind)
                back = kind in self._back or self._is_as_before(kind, self._live(service))
                if back:
                    self._back.setdefault(kind, passed())
                # What is back was found, also if nobody saw it out of sync in between.
                if back or service in off:
                    self._found.setdefault(kind, passed())
            left = [kind for kind in KINDS if kind not in self._back]
            return Pending(f"{', '.join(left)} still as by hand") if left else True

        wait_for("what was changed by hand to be changed back", look, timeout_s=_HEALED_S, interval_s=INTERVAL_S,
                 clock=clock, fix="pov status")  # fmt: skip
        self._wait_until_seen()
        self._ends = {"seen": passed()}
        self._tell(written, since)

    def _take_back(self) -> None:
        """Write the container back as it was, where the addition is still there."""
        if _value(container_of(self._live(self._added)["spec"]["template"]), ADDED) is None:
            return
        before = self._before(self._added)
        self._write(self._added, before["spec"]["replicas"], _pod_of(before)["containers"])

    def _tell(self, written: Mapping[str, tuple[str, str, Document]], since: Any) -> None:
        found, healed = max(self._found.values()), self._ends["seen"]
        stays = _value(container_of(self._live(self._added)["spec"]["template"]), ADDED) is not None
        self.figures |= {"found_seconds": found, "healed_seconds": healed, "changes_not_found": float(stays)}
        repaired = self.box.delivery.state(self.estate.name).repaired_itself()
        self.details |= {
            "found_by": self._finder(),
            "written_back_by": self._writers(since.replace(microsecond=0)),
            "repair_began": "" if repaired is None or repaired < since.replace(microsecond=0) else timestamp(repaired),
            "changes": [
                {
                    "kind": kind,
                    "service": self._service(kind),
                    "was": was,
                    "by_hand": now,
                    "found_s": self._found.get(kind),
                    "changed_back_s": self._back.get(kind),
                }
                for kind, (was, now, _) in written.items()
            ],
        }
        by_hand = {self._service(kind): live for kind, (_, _, live) in written.items()}
        before = self._stages[self.estate.name]
        changed = [by_hand[_name(one)] if _is_deployment(one) and _name(one) in by_hand else one for one in before.live]
        now = differences({**self._stages, self.estate.name: replace(before, live=changed)})
        self.details["stages_changed"] = [row.as_json() for row in now if row.by_hand]

    def _finder(self) -> str:
        """What was seen to find the changes, each of them."""
        unseen = [kind for kind in KINDS if kind not in self._called_off]
        if len(unseen) == len(KINDS):
            return "whoever changed them back: nobody was seen to call them out of sync before"
        told = "Argo CD: its application called the objects out of sync"
        return f"{told}; {', '.join(unseen)} only by being changed back" if unseen else told

    def _writers(self, since: datetime) -> list[str]:
        """Who wrote the touched Deployments' specification since then but for the trial, as the cluster notes it."""
        entries = [one for name in self._touched for one in self._live(name)["metadata"].get("managedFields") or ()]
        found = {
            str(one.get("manager", ""))
            for one in entries
            if "f:spec" in (one.get("fieldsV1") or {}) and not one.get("subresource") and _at(one) >= since
        }
        return sorted(found - {BY_HAND, ""})

    def steps(self) -> tuple[Step, ...]:
        """Until the last change was found, until the last was written back, until the prober had seen it."""
        if "seen" not in self._ends:
            return ()
        found, back = max(self._found.values()), max(self._back.values())
        return (
            Step("found out of sync", found),
            Step("changed back", back - found),
            Step("rollout, seen by prober", self._ends["seen"] - back),
        )

    def check(self) -> None:
        """The cluster's own record: what was written is what was there before, and so are the pods that run."""
        self._at_rest()
        for name in self._touched:
            faults = [kind for kind in KINDS if not self._is_as_before(kind, self._live(name), of=name)]
            if faults:
                raise PovError(f"{name} still has its {faults[0]} as by hand")
        wait_for("pods as they were", self._pods_as_before, timeout_s=_SEEN_S, interval_s=0.5, clock=self.box.clock)

    def _pods_as_before(self) -> bool | Pending:
        for name in self._touched:
            held = self.box.cluster.list(POD, self.estate.namespace, labels=f"app={name}")
            pods = [pod for pod in held if not is_going(pod)]
            before = container_of(self._before(name)["spec"]["template"])
            if len(pods) != self.estate.replicas:
                return Pending(f"{len(pods)} pods of {name}")
            for pod in pods:
                runs = container_of(pod)
                if runs["image"] != before["image"] or _value(runs, VARIABLE) != _value(before, VARIABLE):
                    return Pending(f"a pod of {name} as by hand")
        return True

    def _wait_until_seen(self) -> None:
        """Each replica that there was, and none beside them, answers in the version from before."""
        prober = self.box.prober()

        def look() -> bool | Pending:
            rows = prober.identify(self.estate.name, self._touched)
            for name in self._touched:
                mine = [row for row in rows if row.service == name]
                if len(mine) != self.estate.replicas:
                    return Pending(f"{len(mine)} of {self.estate.replicas} replicas of {name}")
                other = [row.error or row.version for row in mine if row.error or row.version != self._versions[name]]
                if other:
                    return Pending(f"{name}: {other[0]}")
            lacking = [name for name in self._touched if not rolled_out(self._live(name))]
            return Pending(f"{lacking[0]} is still rolling out") if lacking else True

        wait_for("the prober to see it as before", look, timeout_s=_SEEN_S, interval_s=INTERVAL_S, clock=self.box.clock)

    def _change(self, kind: str) -> tuple[str, str, Document]:
        """Write one change as somebody would by hand. Returns what was, what is, and the object as it was written."""
        service = self._service(kind)
        live = self._live(service)
        spec = {"replicas": live["spec"]["replicas"], "containers": copy.deepcopy(_pod_of(live)["containers"])}
        container = next(one for one in spec["containers"] if one["name"] == CONTAINER)
        if kind == "replicas":
            was, now = str(spec["replicas"]), str(spec["replicas"] + 1)
            spec["replicas"] += 1
        elif kind == "variable":
            held = next((entry for entry in container.get("env", ()) if entry["name"] == VARIABLE), None)
            if held is None:
                raise PovError(f"{service} has no variable {VARIABLE} that Git sets", fix="pov up")
            was, now = f"{VARIABLE}={held['value']}", f"{VARIABLE}={self._version}"
            held["value"] = self._version
        elif kind == ADDITION:
            was, now = "not set", f"{ADDED}={self._version}"
            container["env"] = [*container.get("env", []), {"name": ADDED, "value": self._version}]
        else:
            was, now = container["image"], self._image
            container["image"] = self._image
        return was, now, self._write(service, spec["replicas"], spec["containers"])

    def _write(self, service: str, replicas: int, containers: Sequence[Mapping[str, Any]]) -> Document:
        patch = {"spec": {"replicas": replicas, "template": {"spec": {"containers": list(containers)}}}}
        return self.box.cluster.patch(DEPLOYMENT, service, self.estate.namespace, patch, manager=BY_HAND)

    def _write_back(self) -> None:
        for name in self._touched:
            before = self._before(name)
            self._write(name, before["spec"]["replicas"], _pod_of(before)["containers"])

    def _is_as_before(self, kind: str, live: Document, *, of: str = "") -> bool:
        before = self._before(of or self._targets[kind])
        if kind == "replicas":
            return bool(live["spec"]["replicas"] == before["spec"]["replicas"])
        now, then = container_of(live["spec"]["template"]), container_of(before["spec"]["template"])
        if kind == "variable":
            return _value(now, VARIABLE) == _value(then, VARIABLE)
        return bool(now["image"] == then["image"])

    def _service(self, kind: str) -> str:
        return self._targets.get(kind, self._added)

    def _before(self, name: str) -> Document:
        held = self._stages[self.estate.name].live
        return dict(next(one for one in held if _is_deployment(one) and _name(one) == name))

    def _live(self, name: str) -> Document:
        found = self.box.cluster.get(DEPLOYMENT, name, self.estate.namespace)
        if found is None:
            raise PovError(f"{self.estate.name} has no {name}", fix="pov up")
        return found

    def _at_rest(self) -> None:
        at_rest(self.box, self.estate.name, self._revision, _AT_REST_S)


def _at(entry: Mapping[str, Any]) -> datetime:
    """When something was written; what has no time was not written just now."""
    return moment(entry.get("time")) or datetime.min.replace(tzinfo=UTC)


def _is_deployment(live: Mapping[str, Any]) -> bool:
    return f"{live['apiVersion']}/{live['kind']}" == DEPLOYMENT


def _name(live: Mapping[str, Any]) -> str:
    return str(live["metadata"]["name"])


def _pod_of(deployment: Document) -> Document:
    found: Document = deployment["spec"]["template"]["spec"]
    return found


def _value(container: Mapping[str, Any], variable: str) -> str | None:
    """A variable's value; None where it is not set."""
    return next((str(one.get("value", "")) for one in container.get("env") or () if one["name"] == variable), None)


EXPERIMENT = Experiment(
    "drift",
    touches=lambda box, estate: box.under_proof,
    expected_s=30.0,
    arms={"automated": Way(AutomatedDrift, STAGING)},
)

"""An environment that lives in memory: what trials do to it takes effect after a while, by a clock that never waits."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pov.base.clock import timestamp
from pov.base.errors import PovError, TimedOut, Transient
from pov.base.redact import Secret
from pov.config.estates import Estate, estates
from pov.config.legacy import Host, Placed, hosts
from pov.config.scenario import Scenario
from pov.engines.argocd import App, held_app
from pov.engines.runbook_text import Written
from pov.engines.workplace import Workplace
from pov.experiments.host_traces import SHELL
from pov.experiments.ports.legacy import CaFiles
from pov.experiments.secret import fingerprint
from pov.experiments.toolbox import Toolbox
from tests.unit.experiments.loads import Edge, Load, Loss

OLD = "registry/mock:1.0.0"
SYNC_S = 4.0
POLL_S = 130.0
BACK_S = 5.0
RUNBOOK_S = 3.0
SCRIPT_S = 2.0
ROLLOUT_S = 11.0
TOOK = {"asked": 0.5, "approved": 0.25, "merged": 0.25}
AGENT_S = 8.0


def scenario(**changes: Any) -> Scenario:
    """Six services in staging and on two legacy hosts, three of them under proof and in dev, which nobody touches."""
    document = {
        "apiVersion": "pov.dev/v1",
        "kind": "Scenario",
        "metadata": {"name": "small", "title": "Small"},
        "services": {"count": 6},
        "stages": [{"name": "staging"}, {"name": "dev", "services": "pov"}],
        "povServices": 3,
        "legacy": {"hosts": 2},
        "experiments": [
            {"name": "deploy", "trials": 2, "arms": ["automated", "automated-poll", "manual"]},
            {"name": "rotate", "trials": 2, "arms": ["automated", "manual"]},
        ],
        **changes,
    }
    return Scenario.model_validate(document)


class Clock:
    """Moves only when told; what is due happens on the way."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.due: list[tuple[float, Callable[[], None]]] = []
        self.hooks: list[Callable[[], None]] = []

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> datetime:
        return datetime(2026, 3, 9, tzinfo=UTC) + timedelta(seconds=self.now)

    def sleep(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            ready = sorted((item for item in self.due if item[0] <= end), key=lambda item: item[0])
            if not ready:
                break
            self.due.remove(ready[0])
            self.now = max(self.now, ready[0][0])
            ready[0][1]()
        self.now = end
        for hook in self.hooks:
            hook()

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        self.due.append((self.now + seconds, do))


@dataclass
class Identity:
    service: str
    version: str
    serial: str
    error: str = ""
    credential: str = ""


@dataclass
class Pull:
    """A pull request that somebody at a terminal has opened, and the images that it asks for."""

    number: int
    head: str
    images: dict[str, str]
    author: str = "author"
    is_open: bool = True
    merged: str = ""
    sent_back: bool = False
    said: str = ""
    approvers: tuple[str, ...] = ()


@dataclass
class Task:
    host: str
    name: str
    seconds: float


class World:
    """The environment's state, and the toolbox through which trials see it."""

    def __init__(self, **changes: Any) -> None:
        self.scenario = scenario(**changes)
        self.estates: tuple[Estate, ...] = estates(self.scenario)
        self.clock = Clock()
        self.numbers = itertools.count(1)
        self.versions: dict[str, dict[str, str]] = {}
        self.serials: dict[str, dict[str, str]] = {}
        for estate in self.estates:
            self.versions[estate.name] = dict.fromkeys(estate.services, "1.0.0")
            self.serials[estate.name] = {name: self.serial() for name in estate.services}
        self.images = dict.fromkeys(self.staging.services, OLD)
        self.pods = dict(self.images)
        self.ready_at = dict.fromkeys(self.staging.services, self.clock.wall())
        self.generation, self.held_generation = 1, 1
        names = self.scenario.pov_services
        self.used = {e.name: {name: f"{e.name}-{name}" for name in names} for e in self.estates}
        self.files = {e.name: dict(self.used[e.name]) for e in self.estates}
        self.vault_versions = dict.fromkeys(names, 1)
        self.vault_entries: list[tuple[str, str, str, int, datetime]] = []
        self.agents_sleep = False
        self.rights = "400 65532"
        self.head, self.synced = "rev-0", "rev-0"
        self.operation: dict[str, Any] = {}
        self.healthy = True
        self.hook = True
        self.digest_follows = True
        self.broken_sync = False
        self.down: dict[str, Exception] = {}
        self.errors: dict[tuple[str, str], str] = {}
        self.loads: list[Load] = []
        self.playbooks: list[tuple[str, Mapping[str, Any]]] = []
        self.runbook_error: Exception | None = None
        self.script = Script.work
        self.scripts: list[Script] = []
        self.hosts_run_old = False
        self.deleted: list[str] = []
        self.commits: list[str] = []
        self.closed = 0
        self.executed: list[tuple[str, tuple[str, ...], bytes | None]] = []
        self.expired: set[str] = set()
        self.seeing = True
        self.losses: list[Loss] = []
        self.stalls: list[tuple[float, float]] = []
        self.calls: list[str] = []
        self.broken: set[str] = set()
        self.erring: dict[str, float] = {}
        self.errors_come = True
        self.reverted: list[str] = []
        self.before: dict[str, dict[str, str]] = {}
        self.bad_pods: dict[str, str] = {}
        self.runbook_takes_all = False
        self.branches: dict[str, dict[str, str]] = {}
        self.recorded: list[tuple[datetime, str, dict[str, str], tuple[str, ...], str]] = []
        self.replicas = 1
        self.unasked = ""
        self.killed: list[float] = []
        self.back = True
        self.compares_after_s = 0.0
        self.addresses: dict[str, int] = {}
        self.typed: list[str] = []
        self.served: dict[tuple[str, str], set[str]] = {}
        self.forgets_nothing = self.refuses_all = False
        self.keeps_history = True
        self.in_effect: list[dict[str, str]] = []
        self.pulls: list[Pull] = []
        self.handed_over: list[int] = []

    @property
    def staging(self) -> Estate:
        return self.estates[0]

    def serial(self) -> str:
        return f"{next(self.numbers):04x}"

    @property
    def now(self) -> float:
        return self.clock.now

    def toolbox(self, folder: Path) -> Toolbox:
        nobody: Any = None
        return Toolbox(
            run="1123ab",
            under_proof=tuple(self.scenario.pov_services),
            estates=self.estates,
            traffic=self.scenario.traffic,
            prober=lambda: Prober(self),
            git=Git(self),
            delivery=Delivery(self),
            cluster=Cluster(self),
            hosts=LegacyHosts(self, folder),
            pki=Pki(self),
            releases=Releases(self),
            accounts=nobody,
            credentials=lambda: Credentials(self),
            vault_log=VaultLog(self),
            infrastructure=nobody,
            platform=nobody,
            clock=self.clock,
            busy=lambda: 0.25,
        )

    def lose(
        self, edge: Edge, kind: str, after: float, *, took: float = 1.0, cause: str = "x", fresh: bool = False
    ) -> None:
        """Have a request on an edge fail some seconds from now, on a new connection if `fresh`."""
        self.losses.append(Loss(edge, kind, cause, self.now + after, self.now + after + took, fresh))

    def errs(self, estate: str, name: str, version: str) -> None:
        """A version that answers with errors serves: some calls of it fail, for a minute."""
        edges = next(one for one in self.estates if one.name == estate).edges
        for edge in (edge for edge in edges if edge.target == name and version in self.erring and self.errors_come):
            key = (estate, edge.source, edge.target)
            self.losses += [Loss(key, "hard", "status 500", self.now + at, self.now + at + 0.1) for at in range(60)]

    def expire(self, name: str) -> None:
        """A legacy service's certificate runs out: each of its edges fails in its next handshake."""
        self.expired.add(name)
        at = self.now + 0.2
        for edge in self.estates[-1].edges:
            if name in {edge.source, edge.target} and self.seeing:
                key = ("legacy", edge.source, edge.target)
                self.losses.append(Loss(key, "hard", "handshake: certificate has expired", at, at + 0.1, True))

    def check(self, what: str) -> None:
        self.calls.append(what)
        if what in self.down:
            raise self.down[what]

    def note(self, who: str, images: Mapping[str, str], by: tuple[str, ...], revision: str = "x") -> None:
        self.recorded.append((self.clock.wall(), who, dict(images), by, revision))

    def stat(self, script: str) -> str:
        """What a host tells of the files of the service that was worked on."""
        name = re.findall(r"/opt/pov/([\w-]+)/current", script)[0]
        root, at = f"/opt/pov/{name}", int(self.clock.wall().timestamp())
        brought = [told["version"] for playbook, told in self.playbooks if playbook == "distribute.yml"]
        lines = [f"{at}|root|{root}/releases/{version}" for version in ("1.0.0", *brought[-1:])]
        lines += [f"{at}|root|/etc/service/{name}/run"]
        written = at if any(playbook == "secret.yml" for playbook, _ in self.playbooks) else 1
        lines += [f"{written}|UNKNOWN|/etc/pov/credentials/{name}"]
        lines += [f"history|root|{one}" for one in self.typed]
        return "\n".join([*lines, f"{at}|root|'{root}/current' -> 'releases/{self.versions['legacy'][name]}'"])

    def presented(self, estate: str, service: str, values: Sequence[str]) -> str:
        """The status of each answer: a service knows the credential in use, and one that forgets nothing knows all."""
        self.served[estate, service] = self.served.get((estate, service), set()) | {self.used[estate][service]}
        good = self.served[estate, service] if self.forgets_nothing else {self.used[estate][service]}
        told = ["200" if fingerprint(Secret(value)) in good else "401" for value in values]
        return "".join(f"{status}\n" for status in (["401"] * len(told) if self.refuses_all else told))

    def by_itself(self) -> dict[str, Any]:
        began = {"startedAt": self.unasked, "operation": {"initiatedBy": {"automated": True}}}
        return began if self.unasked else {}

    def repair(self) -> None:
        self.replicas = 1
        self.unasked = timestamp(self.clock.wall().replace(microsecond=0))

    def push(self, revision: str, images: Mapping[str, str], generation: int) -> None:
        self.head, self.images, self.generation = revision, dict(images), generation
        if not self.broken_sync:
            self.clock.after(SYNC_S if self.hook else POLL_S, lambda: self._sync(revision))

    def _sync(self, revision: str) -> None:
        if self.killed and self.now < self.killed[-1] + BACK_S:
            # Nobody is there to do it: it is done by the one that starts anew.
            self.clock.after(self.killed[-1] + BACK_S - self.now, lambda: self._sync(revision))
            return
        self.healthy = False
        started = timestamp(self.clock.wall().replace(microsecond=0))
        self.operation = {"startedAt": started, "syncResult": {"revision": revision}}
        self.synced = revision
        self.in_effect.append({"revision": revision, "deployedAt": started})
        self.clock.after(ROLLOUT_S, self._rollout)

    def _rollout(self) -> None:
        well = True
        for name, image in self.images.items():
            if image.rpartition(":")[2] in self.broken:
                # The pod of a version that does not start is beside the one that serves.
                self.bad_pods[name], well = image, False
                continue
            self.bad_pods.pop(name, None)
            if self.pods[name] != image:
                self.pods[name] = image
                self.ready_at[name] = self.clock.wall()
                self.versions["staging"][name] = image.rpartition(":")[2]
                self.errs("staging", name, self.versions["staging"][name])
                self.serials["staging"][name] = self.serial()
        if self.held_generation != self.generation:
            self.held_generation = self.generation
            self.serials["staging"] = {name: self.serial() for name in self.staging.services}
        self.healthy = well and not self.compares_after_s
        if self.compares_after_s:
            self.clock.after(self.compares_after_s, lambda: setattr(self, "healthy", well))

    def bring(self, name: str, version: str) -> None:
        """A new service on a host answers where it has an address."""
        if name in self.addresses:
            self.versions["legacy"][name], self.serials["legacy"][name] = version, self.serial()

    def take_up(self, estate: str, service: str, value: str) -> None:
        self.used[estate][service] = self.files[estate][service] = value

    def restart_host(self, pod: str) -> None:
        self.deleted.append(pod)
        self.expired.clear()
        self.runbook_error = None
        for name in self.staging.services:
            self.errors.pop(("legacy", name), None)
        self.versions["legacy"] = dict.fromkeys(self.staging.services, "1.0.0")


class Prober:
    def __init__(self, world: World) -> None:
        self._world = world

    def identify(self, estate: str, services: Sequence[str] = (), *, unlisted: bool = False) -> list[Identity]:
        world = self._world
        world.check("prober")
        world.clock.sleep(0.05)
        listed = next(one for one in world.estates if one.name == estate).services
        assert unlisted or set(services) <= set(listed), "the prober refuses to look for what is on no list"
        return [self._row(estate, name) for name in services or listed]

    def _row(self, estate: str, name: str) -> Identity:
        world = self._world
        if name not in world.versions[estate]:
            return Identity(name, "", "", "resolve: no replica")
        serial, used = world.serials[estate][name], world.used[estate].get(name, "")
        return Identity(name, world.versions[estate][name], serial, self._error(estate, name), used)

    def _error(self, estate: str, name: str) -> str:
        return "expired" if name in self._world.expired else self._world.errors.get((estate, name), "")

    def start_load(self, estates: Sequence[str], *, edges: Sequence[Edge] | None = None, **wish: int) -> Load:
        world = self._world
        world.check("prober")
        there = {(e.name, edge.source, edge.target) for e in world.estates if e.name in estates for edge in e.edges}
        assert edges
        assert set(edges) <= there
        load = Load(world, tuple(edges), world.clock.now, wish)
        world.loads.append(load)
        return load

    def stop_loads(self) -> int:
        self._world.check("prober")
        running = [load for load in self._world.loads if load.ended is None]
        for load in running:
            load.end()
        return len(running)


class Configuration:
    def __init__(self, world: World) -> None:
        world.check("git")
        self._world = world
        self._images = dict(world.images)
        self._generation = world.generation
        self._head = world.head

    def head(self) -> str:
        return self._head

    def images(self) -> Mapping[str, str]:
        return self._images

    def set_images(self, images: Mapping[str, str]) -> None:
        self._images |= images

    def generation(self) -> int:
        return self._generation

    def set_generation(self, generation: int) -> None:
        self._generation = generation

    def revert(self, revision: str) -> None:
        self._world.check("revert")
        self._world.reverted.append(revision)
        self._images = dict(self._world.before[revision])

    def commit(self, message: str) -> str:
        self._world.check("git")
        self._world.commits.append(message)
        self._world.clock.sleep(0.1)
        self._head = f"rev-{len(self._world.commits)}"
        self._world.before[self._head] = dict(self._world.images)
        return self._head

    def push_as(self, branch: str) -> None:
        self._world.check("push")
        self._world.branches[branch] = dict(self._images)

    def push(self) -> None:
        self._world.check("push")
        self._world.note("pov", self._images, (), self._head)
        self._world.clock.sleep(0.5)
        self._world.push(self._head, self._images, self._generation)

    def workplace(self, by: str) -> Workplace:
        return Workplace(("sh",), {"GIT_AUTHOR_NAME": by}, Path(), "t0ken")

    def close(self) -> None:
        self._world.closed += 1


@dataclass(frozen=True)
class Desks:
    """Where two persons sit; what they do there, a test does with `World.pulls`."""

    world: World

    def make_ready(self) -> None:
        self.world.check("desks")
        self.close_open()

    def author(self, by: str) -> Workplace:
        return Workplace(("sh",), {"GIT_AUTHOR_NAME": by}, Path(), "t0ken")

    def reviewer(self, by: str) -> Workplace:
        return Workplace(("sh",), {"GIT_AUTHOR_NAME": by}, Path(), "t0ken")

    def hand_over(self, number: int) -> None:
        self.world.handed_over.append(number)

    def newest(self) -> Pull | None:
        self.world.check("pulls")
        return next((replace(one) for one in reversed(self.world.pulls) if one.is_open), None)

    def standing(self, number: int) -> Pull:
        self.world.check("pulls")
        return replace(self.world.pulls[number - 1])

    def close_open(self) -> None:
        for one in self.world.pulls:
            one.is_open = False


@dataclass(frozen=True)
class Git:
    world: World

    def head(self, stage: str) -> str:
        return self.world.head

    def configuration(self, stage: str) -> Configuration:
        assert stage == "staging"
        return Configuration(self.world)

    def review(self, stage: str, title: str, branch: str = "") -> Any:
        world = self.world
        world.check("review")
        world.clock.sleep(1.0)
        images, revision = world.branches[branch], f"merge-{len(world.recorded) + 1}"
        world.note("pov", images, ("reviewer",), revision)
        world.push(revision, images, world.generation)
        return SimpleNamespace(number=1, revision=revision, author="pov", approvers=("reviewer",), took=TOOK)

    def desks(self) -> Desks:
        return Desks(self.world)

    def forget(self, branch: str) -> None:
        self.world.branches.pop(branch, None)

    def history(self, stage: str, service: str, since: datetime) -> list[Any]:
        return [
            SimpleNamespace(who=who, what=images[service], when=when, approved_by=by, revision=revision)
            for when, who, images, by, revision in self.world.recorded
            if when >= since
        ]

    def webhook(self, on: bool) -> None:
        self.world.check("webhook")
        self.world.hook = on


@dataclass(frozen=True)
class Delivery:
    world: World

    def state(self, stage: str) -> App:
        return held_app(Cluster(self.world), stage)

    def kill(self) -> None:
        self.world.check("kill")
        self.world.killed.append(self.world.now)

    def lacking(self) -> str:
        there = self.world.back and self.world.now >= self.world.killed[-1] + BACK_S
        return "" if there else "it has not started anew"


@dataclass(frozen=True)
class LegacyHosts:
    world: World
    folder: Path

    @property
    def all(self) -> tuple[Host, ...]:
        count = self.world.scenario.legacy.hosts
        return hosts(self.world.estates[-1], count) if count else ()

    def runbooks(self) -> Runbooks:
        return Runbooks(self.world, self.folder)

    def give_addresses(self, host: Host, services: Sequence[Placed]) -> None:
        self.world.addresses = {placed.service: placed.port for placed in services}


@dataclass(frozen=True)
class Pki:
    world: World

    def files(self) -> CaFiles:
        return CaFiles(Path("/ca.crt"), Path("/ca.key"))

    def issue(self, names: Sequence[str], life: timedelta) -> Any:
        if life < timedelta(minutes=1):
            self.world.clock.after(life.total_seconds(), lambda: self.world.expire(names[1]))
        return SimpleNamespace(certificate="certificate", key=Secret("key"))


@dataclass(frozen=True)
class Credentials:
    world: World
    account: str = "credential-owner"

    def change(self, stage: str, service: str, value: Secret) -> int:
        world = self.world
        world.check("vault")
        world.clock.sleep(0.1)
        world.vault_versions[service] += 1
        world.vault_entries.append((stage, service, self.account, world.vault_versions[service], world.clock.wall()))
        if not world.agents_sleep:
            world.clock.after(AGENT_S, lambda: world.take_up(stage, service, fingerprint(value)))
        return world.vault_versions[service]

    def held(self, stage: str, service: str) -> Any:
        return SimpleNamespace(version=self.world.vault_versions[service], since=self.world.clock.wall())


@dataclass
class VaultLog:
    world: World

    def credential_changes(self, stage: str, service: str, since: datetime) -> list[Any]:
        self.world.check("vault log")
        return [
            SimpleNamespace(account=account, when=when, version=version)
            for of, name, account, version, when in self.world.vault_entries
            if (of, name) == (stage, service) and when >= since
        ]

    def certificates(self, stage: str, service: str, since: datetime) -> list[Any]:
        return [SimpleNamespace(account=service, when=since, version=None)] * 2


class Cluster:
    def __init__(self, world: World) -> None:
        self._world = world

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        world = self._world
        world.check("kube")
        if kind.endswith("/Application"):
            return {
                "metadata": {"name": name},
                "status": {
                    "sync": {"status": "Synced", "revision": world.synced},
                    "health": {"status": "Healthy" if world.healthy else "Progressing"},
                    "operationState": {**world.operation, **world.by_itself()},
                    "history": world.in_effect,
                },
            }
        if kind.endswith("/Deployment"):
            container = {"name": "service", "image": world.bad_pods.get(name, world.pods[name])}
            done = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), 1)
            status = {} if name in world.bad_pods else done
            return {
                "metadata": {"name": name},
                "spec": {"replicas": world.replicas, "template": {"spec": {"containers": [container]}}},
                "status": status,
            }
        if kind == "v1/Pod":
            return {"metadata": {"name": name, "uid": f"{name}-{world.deleted.count(name)}"}}
        return {"data": {"generation": str(world.held_generation)}}

    def list(self, kind: str, namespace: str | None = None, *, labels: str = "") -> list[dict[str, Any]]:
        world = self._world
        world.check("kube")
        service = labels.partition("=")[2]
        image = world.pods[service]
        digest = f"sha256:{image if world.digest_follows else 'same'}"
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": timestamp(world.ready_at[service])}
        pod = {
            "metadata": {"name": service},
            "spec": {"containers": [{"name": "service", "image": image}]},
            "status": {"conditions": [ready], "containerStatuses": [{"name": "service", "imageID": digest}]},
        }
        found = [pod, {**pod, "metadata": {"name": "old", "deletionTimestamp": "now"}}]
        if service in world.bad_pods:
            bad = {"containers": [{"name": "service", "image": world.bad_pods[service]}]}
            ended = {"containerStatuses": [{"name": "service", "restartCount": 1, "imageID": "sha256:bad"}]}
            found.append({"metadata": {"name": "bad"}, "spec": bad, "status": ended})
        return found

    def patch(
        self, kind: str, name: str, namespace: str | None, patch: Mapping[str, Any], *, manager: str = "pov"
    ) -> dict[str, Any]:
        self._world.replicas = patch["spec"]["replicas"]
        self._world.clock.after(3.0, self._world.repair)
        return {}

    def delete(self, kind: str, name: str, namespace: str | None = None, *, wait_s: float = 0) -> bool:
        self._world.clock.after(2.0, lambda: self._world.restart_host(name))
        return True

    def exec(self, pod: str, namespace: str, argv: Sequence[str], *, stdin: bytes | None = None) -> str:
        world = self._world
        world.executed.append((pod, tuple(argv), stdin))
        script = " ".join(argv)
        if "present" in argv and stdin is not None:
            name = pod if namespace != "legacy" else argv[argv.index("--certs") + 1].rpartition("/")[2]
            return world.presented(namespace, name, stdin.decode().splitlines())
        if argv[0] == "tail":
            return "# by hand\n" if any(done == SHELL for _, done, _ in world.executed) else "exec chpst\n"
        if tuple(argv) == SHELL and stdin is not None and world.keeps_history:
            at = f"#{int(world.clock.wall().timestamp())}"
            world.typed += [line for command in stdin.decode().splitlines() for line in (at, command)]
        if found := re.search(r"/etc/service/([\w-]+)/supervise/pid", script):
            version = "1.0.0" if world.hosts_run_old else world.versions["legacy"][found[1]]
            return f"/opt/pov/{found[1]}/releases/{version}/pov-mock\n"
        if tuple(argv[:2]) == ("/pov-mock", "fingerprint"):
            return f"{world.files[namespace][pod]}\n"
        if found := re.search(r"fingerprint --file /etc/pov/credentials/([\w-]+)", script):
            return f"{world.files['legacy'][found[1]]}\n{world.rights}\n"
        if "stat -c" in script:
            return world.stat(script)
        if found := re.search(r"readlink /opt/pov/([\w-]+)/current", script):
            return f"releases/{world.versions['legacy'][found[1]]}\n"
        if "openssl x509" in script and "for f in" in script:
            names = [part.split("/")[4] for part in argv if part.startswith("/etc/pov/certs/")]
            return "".join(f"serial={world.serials['legacy'][name].upper()}\n" for name in names)
        return ""


class Runbooks:
    def __init__(self, world: World, folder: Path) -> None:
        self._world = world
        self.folder = folder

    def check(self, playbook: str, variables: Mapping[str, Any]) -> None:
        self._world.calls.append(f"check {playbook}")

    def written(self, playbook: str, variables: Mapping[str, Any]) -> Written:
        return Written(f"{playbook} for {', '.join(variables['services'])}", tuple(variables["services"]))

    def workplace(self) -> Workplace:
        return Workplace(("sh",), {}, self.folder, "t0ken")

    def run(self, playbook: str, variables: Mapping[str, Any], *, timeout_s: float) -> list[Task]:
        world = self._world
        world.playbooks.append((playbook, dict(variables)))
        if playbook != "distribute.yml" and timeout_s < RUNBOOK_S:
            world.clock.sleep(timeout_s)
            # The first one is done, the second one is stopped.
            done, stopped, *_ = variables["services"]
            world.versions["legacy"][done] = variables["version"]
            world.errors["legacy", stopped] = "connection refused"
            raise TimedOut("the runbook deploy.yml: not done in time")
        world.clock.sleep(RUNBOOK_S)
        if playbook == "distribute.yml":
            return [Task("legacy-1", "copy release", 2.5)]
        if world.runbook_error is not None:
            raise world.runbook_error
        for name in variables["services"]:
            world.errors.pop(("legacy", name), None)
            if (
                Path(playbook).name == "deploy.yml"
                and variables["version"] in world.broken
                and not world.runbook_takes_all
            ):
                world.versions["legacy"][name] = variables["version"]
                world.errors["legacy", name] = "connection refused"
                raise PovError("the runbook failed", cause="health check")
            if Path(playbook).name in {"deploy.yml", "rollback.yml"}:
                world.versions["legacy"][name] = variables["version"]
                world.errs("legacy", name, variables["version"])
            elif Path(playbook).name == "provision.yml":
                world.bring(name, variables["version"])
            elif Path(playbook).name == "secret.yml":
                value = Secret((Path(variables["credentials"]) / name).read_text())
                world.take_up("legacy", name, fingerprint(value))
            else:
                world.serials["legacy"][name] = world.serial()
        return [
            Task("legacy-1", "swap link", 1.0),
            Task("legacy-1", "swap link", 0.5),
            Task("legacy-2", "x", 1.0),
        ]

    def script(
        self,
        argv: Sequence[str],
        told: Mapping[str, str],
        *,
        folder: Path,
        log: Path | None,
        secret_files: Sequence[Path],
    ) -> Script:
        script = Script(self._world, tuple(argv), dict(told), folder, log, tuple(secret_files))
        self._world.scripts.append(script)
        return script

    def close(self) -> None:
        self._world.closed += 1


@dataclass
class Script:
    """A script, ready to run: what it does is `World.script`."""

    world: World
    argv: tuple[str, ...]
    told: dict[str, str]
    folder: Path
    log: Path | None
    secret_files: tuple[Path, ...]
    limit_s: float = 0.0
    killing: bool = False
    closed: int = 0

    def run(self, *, timeout_s: float, kill: bool = False) -> float:
        self.limit_s, self.killing = timeout_s, kill
        begun = self.world.now
        self.world.script(self)
        return self.world.now - begun

    def work(self) -> None:
        """What it was told, well."""
        if self.limit_s < SCRIPT_S:
            self.world.clock.sleep(self.limit_s)
            raise TimedOut("deploy.sh: not done in time")
        self.world.clock.sleep(SCRIPT_S)
        for name in self.told["POV_SERVICES"].split():
            if "POV_NAMESPACE" in self.told:
                self.world.bring(name, self.told["POV_VERSION"])
            elif "POV_VERSION" in self.told:
                self.world.versions["legacy"][name] = self.told["POV_VERSION"]
            elif "POV_CREDENTIALS" in self.told:
                value = Secret((Path(self.told["POV_CREDENTIALS"]) / name).read_text())
                self.world.take_up("legacy", name, fingerprint(value))
            else:
                self.world.serials["legacy"][name] = self.world.serial()

    def close(self) -> int:
        self.closed += 1
        return 0 if self.closed > 1 else 2


class Releases:
    def __init__(self, world: World) -> None:
        self._world = world

    def image(self, version: str, folder: Path, *, starts: bool = True, error_rate: float = 0.0) -> Path:
        self._world.clock.sleep(1.0)
        if not starts:
            self._world.broken.add(version)
        self._world.erring |= {version: error_rate} if error_rate else {}
        return folder / f"{version}.tar"

    def deliver(self, image: Path, version: str) -> str:
        assert image.name == f"{version}.tar"
        self._world.clock.sleep(2.0)
        return f"registry/mock:{version}"

    def archive(self, version: str, folder: Path, *, starts: bool = True, error_rate: float = 0.0) -> Path:
        if not starts:
            self._world.broken.add(version)
        self._world.erring |= {version: error_rate} if error_rate else {}
        return folder / f"{version}.tar.gz"


GONE = Transient("connection refused")
BROKEN = PovError("broken", cause="because")

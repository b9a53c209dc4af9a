"""Whose cluster it is, what is done with a half-made one, and what `down` leaves alone."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.errors import NotFound, PovError
from pov.base.files import write_atomic
from pov.base.process import Completed
from pov.engines.container_choice import remember
from pov.engines.containers import Silent
from pov.engines.kind import Kind, PortTaken
from pov.engines.kube import Kube
from pov.model.events import silent
from pov.state.home import Home
from pov.steps.core import Outcome, Report
from pov.steps.kind import bring_up, place
from pov.steps.kind.bring_up import ID_ANNOTATION, IMAGES_ANNOTATION
from pov.steps.kind.intent import NODE_PORTS, Intent
from pov.steps.kind.target import KindCluster
from tests.unit.engines.fake_containers import FakeContainers
from tests.unit.engines.fake_kube import FakeApi, over

NODE = "/api/v1/nodes/pov-x-control-plane"
OUR_PORTS = {name: 40000 + index for index, name in enumerate(NODE_PORTS)}
BY_NODE_PORT = {inside: OUR_PORTS[name] for name, inside in NODE_PORTS.items()}


@dataclass
class World:
    """A machine with a fake container engine and a fake kind, and one environment's home."""

    home: Home
    containers: FakeContainers = field(default_factory=FakeContainers)
    api: FakeApi = field(default_factory=FakeApi)
    loaded: list[Path] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    present: set[str] = field(default_factory=set)
    made: int = 0
    fail: list[Exception] = field(default_factory=list)
    bundle: Any = None

    def run(self) -> Outcome:
        self.ctx: Any = SimpleNamespace(
            name="x", home=self.home, bundle=self.bundle, binaries=self.bundle.binaries, endpoints={}
        )
        return self.cluster.steps()[0].run(self.ctx, Report("cluster", silent))

    @property
    def cluster(self) -> KindCluster:
        """As a command of its own would find it."""
        found = KindCluster(self.home, "x")
        vars(found.place)["containers"] = self.containers
        return found

    def intent(self, **changes: Any) -> Intent:
        fields = {"id": "mine", "ports": OUR_PORTS, "image": "node:1", "made": True, **changes}
        return Intent(**fields).save(self.home)

    def node_object(self, **annotations: str) -> None:
        self.api.objects[NODE] = {
            "kind": "Node",
            "metadata": {"name": "pov-x-control-plane", "annotations": annotations, "resourceVersion": "1"},
        }

    def whole(self) -> None:
        """An environment as an earlier run left it."""
        self.containers.box("pov-x", BY_NODE_PORT)
        self.intent()
        write_atomic(self.home.kubeconfig, "")
        mark = bring_up._fingerprint(self.bundle.late_archive)
        self.node_object(**{ID_ANNOTATION: "mine", IMAGES_ANNOTATION: mark})


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(Home(tmp_path / "home"))
    archive = tmp_path / "late.tar"
    archive.write_bytes(b"images")
    world.bundle = SimpleNamespace(
        source="built", node_image="node:1", late_images=("mock:1",), late_archive=archive, binaries={}
    )

    def create(self: Kind, config: str, image: str, kubeconfig: Path, on_line: Callable[[str], None]) -> None:
        world.made += 1
        if world.fail:
            raise world.fail.pop(0)
        mappings = json.loads(config)["nodes"][0]["extraPortMappings"]
        world.containers.box(self.cluster, {entry["containerPort"]: entry["hostPort"] for entry in mappings})
        world.containers.networks.setdefault("kind", "n1")
        write_atomic(kubeconfig, "")
        world.node_object()

    monkeypatch.setattr(Kind, "create", create)
    monkeypatch.setattr(Kind, "write_kubeconfig", lambda self, path: write_atomic(path, "again"))
    monkeypatch.setattr(Kind, "end_orphans", lambda self, kubeconfig: 0)
    monkeypatch.setattr(Kind, "images", lambda self: world.present)
    monkeypatch.setattr(Kind, "load", lambda self, archive: world.loaded.append(archive))
    monkeypatch.setattr(bring_up, "Kube", lambda path: over(world.api, path.parent))
    monkeypatch.setattr(place, "current", lambda: None)
    monkeypatch.setenv("POV_CACHE", str(tmp_path / "cache"))
    return world


def annotations(world: World) -> dict[str, str]:
    found: dict[str, str] = world.api.objects[NODE]["metadata"]["annotations"]
    return found


def test_from_nothing(world: World) -> None:
    assert world.run() is Outcome.CHANGED
    intent = Intent.load(world.home)
    assert intent is not None
    assert intent.made
    assert annotations(world)[ID_ANNOTATION] == intent.id
    assert world.loaded == [world.bundle.late_archive]
    wanted = {name: f"https://127.0.0.1:{port}" for name, port in intent.ports.items()}
    assert world.ctx.endpoints == wanted
    assert isinstance(world.ctx.kube, Kube)
    assert world.run() is Outcome.UNCHANGED
    assert world.made == 1
    assert world.cluster.endpoints() == wanted


def test_a_second_run_only_looks(world: World) -> None:
    world.whole()
    assert world.run() is Outcome.UNCHANGED
    assert [said[:2] for said in world.containers.said] == [("container", "inspect")]
    assert {method for method, _ in world.api.calls} == {"GET"}
    assert world.loaded == []


def test_a_foreign_cluster_is_never_touched(world: World) -> None:
    world.containers.box("pov-x", {6443: 1})
    with pytest.raises(PovError, match="did not make"):
        world.run()
    assert world.cluster.remove(world.told.append) == []
    assert "pov-x-control-plane" in world.containers.boxes
    (told,) = world.told
    assert "a cluster pov-x in podman, which this environment never had" in told


PLACES = {
    # Where this environment is to be, and where the one lies that made the cluster.
    "below": ("clone", "clone/demo"),
    "beside": ("clone/mine", "clone/demo"),
    "above": ("clone/demo", "clone"),
    "of a folder with a space": ("clone", "clone/my demo"),
}


@pytest.mark.parametrize("case", PLACES)
def test_whose_a_foreign_cluster_is_is_told_where_its_record_lies_nearby(
    world: World, tmp_path: Path, case: str
) -> None:
    mine, theirs = (tmp_path / folder for folder in PLACES[case])
    world.home = Home(theirs / ".pov" / "x")
    world.whole()
    world.home = Home(mine / ".pov" / "x")
    with pytest.raises(PovError, match="did not make") as refusal:
        world.run()
    assert f"cd {shlex.quote(str(theirs))} && pov status" in refusal.value.fix
    assert "delete" not in refusal.value.fix
    # With other ports the record is not this cluster's.
    world.containers.box("pov-x", {6443: 1})
    with pytest.raises(PovError, match="did not make") as refusal:
        world.run()
    first, _, last = refusal.value.fix.partition("pov --engagement DIR status")
    assert "another engagement folder" in first
    assert last.endswith("kind delete cluster --name pov-x")


@pytest.mark.parametrize("made", [True, False])
def test_not_even_with_an_intent_of_ours(world: World, made: bool) -> None:
    world.intent(made=made)
    world.containers.box("pov-x", {6443: 1})
    with pytest.raises(PovError, match="did not make"):
        world.run()
    with pytest.raises(PovError, match="cannot tell whether it is its own"):
        world.cluster.remove(world.told.append)
    assert "pov-x-control-plane" in world.containers.boxes


def test_nor_one_that_carries_another_id(world: World) -> None:
    world.whole()
    world.node_object(**{ID_ANNOTATION: "theirs"})
    with pytest.raises(PovError, match="did not make"):
        world.run()


def test_a_foreign_cluster_of_several_nodes_is_not_touched(world: World) -> None:
    world.containers.boxes["pov-x-worker"] = {"cluster": "pov-x", "ports": {}, "running": True}
    with pytest.raises(PovError, match="did not make"):
        world.run()
    world.intent()
    with pytest.raises(PovError, match="cannot tell whether it is its own") as refusal:
        world.cluster.remove(world.told.append)
    assert "rm --force --volumes pov-x-worker" in refusal.value.fix
    assert "pov-x-worker" in world.containers.boxes


def _without_ports(world: World) -> None:
    world.containers.box("pov-x", {})


def _of_another_label(world: World) -> None:
    world.containers.boxes["pov-x-control-plane"]["cluster"] = "pov-y"


RECORD = {"id": "mine", "ports": OUR_PORTS, "image": "node:1", "made": True}


@pytest.mark.parametrize(
    ("record", "change"),
    [
        (b"", None),
        (b"{", None),
        (b"\xff\xfe", None),
        ([], None),
        (b"null", None),
        ({"id": "mine"}, None),
        ({**RECORD, "another version's": 1}, None),
        ({**RECORD, "ports": []}, None),
        ({**RECORD, "ports": None}, None),
        ({**RECORD, "ports": {}}, _without_ports),
        ({**RECORD, "ports": dict.fromkeys(OUR_PORTS)}, _without_ports),
        ({**RECORD, "ports": {**OUR_PORTS, "argocd": 1}}, None),
        (RECORD, _without_ports),
        (RECORD, _of_another_label),
        (None, None),
    ],
)
def test_down_keeps_all_while_a_node_is_there_that_nothing_proves_ours(
    world: World, record: Any, change: Callable[[World], None] | None
) -> None:
    world.whole()
    world.home.intent.unlink()
    if record is not None:
        world.home.intent.write_bytes(record if isinstance(record, bytes) else json.dumps(record).encode())
    if change is not None:
        change(world)
    before = sorted(world.home.root.rglob("*"))
    with pytest.raises(PovError, match="cannot tell whether it is its own") as refusal:
        world.cluster.remove(world.told.append)
    assert str(world.home.intent) in refusal.value.cause
    assert "podman rm --force --volumes pov-x-control-plane, then pov down --name x" in refusal.value.fix
    assert sorted(world.home.root.rglob("*")) == before
    assert "pov-x-control-plane" in world.containers.boxes
    with pytest.raises(PovError, match="did not make"):
        world.run()


@pytest.mark.parametrize("record", ["{", json.dumps(RECORD)])
def test_without_a_node_down_needs_to_know_which_engine_had_it(world: World, record: str) -> None:
    world.home.root.mkdir()
    world.home.intent.write_text(record)
    with pytest.raises(PovError, match="nobody knows in which container engine"):
        world.cluster.remove(world.told.append)
    assert world.home.intent.exists()
    remember(world.containers, world.home.engine)
    world.containers.volumes["v1"] = "pov-x-control-plane"
    assert world.cluster.remove(world.told.append) == ["volume v1"]
    assert not world.home.intent.exists()


def test_a_half_made_one_is_removed_and_made_again(world: World) -> None:
    world.intent(made=False)
    world.containers.box("pov-x", BY_NODE_PORT)
    assert world.run() is Outcome.CHANGED
    assert world.made == 1
    assert ("rm", "--force", "--volumes", "pov-x-control-plane") in world.containers.said
    assert Intent.load(world.home) != world.intent()


def test_a_stopped_node_is_started(world: World) -> None:
    world.whole()
    world.containers.boxes["pov-x-control-plane"]["running"] = False
    assert world.run() is Outcome.CHANGED
    assert world.containers.boxes["pov-x-control-plane"]["running"]
    assert world.made == 0


def test_a_vanished_node_is_made_again(world: World) -> None:
    world.whole()
    world.containers.boxes.clear()
    assert world.run() is Outcome.CHANGED
    assert world.made == 1


def test_a_lost_kubeconfig_is_written_again(world: World) -> None:
    world.whole()
    world.home.kubeconfig.unlink()
    world.run()
    assert world.home.kubeconfig.read_text() == "again"


def test_new_images_are_brought_in(world: World) -> None:
    world.whole()
    world.bundle.late_archive.write_bytes(b"newer images")
    assert world.run() is Outcome.CHANGED
    assert world.loaded == [world.bundle.late_archive]


def test_images_that_came_with_the_node_are_not_brought_in_again(world: World) -> None:
    world.present = {"mock:1", "redis:1"}
    assert world.run() is Outcome.CHANGED
    assert world.loaded == []
    assert world.run() is Outcome.UNCHANGED


def test_another_bundle_is_told(world: World) -> None:
    world.whole()
    world.bundle.node_image = "node:2"
    with pytest.raises(PovError, match="another bundle") as refusal:
        world.run()
    assert refusal.value.fix.startswith("pov down --name x")


def test_a_taken_port_means_other_ports(world: World) -> None:
    world.fail = [PortTaken("taken"), PortTaken("taken")]
    assert world.run() is Outcome.CHANGED
    assert world.made == 3


def test_ports_that_are_always_taken_are_an_error(world: World) -> None:
    world.fail = [PortTaken("taken") for _ in range(9)]
    with pytest.raises(PortTaken):
        world.run()
    assert world.made == 5


def test_down_takes_cluster_and_network_and_is_happy_twice(world: World) -> None:
    world.run()
    removed = world.cluster.remove(world.told.append)
    assert removed == ["container pov-x-control-plane", "network kind"]
    assert world.containers.networks == {}
    assert not world.home.intent.exists()
    assert world.cluster.remove(world.told.append) == []


def test_down_leaves_a_network_that_was_there_before(world: World) -> None:
    world.containers.networks["kind"] = "theirs"
    world.run()
    assert world.cluster.remove(world.told.append) == ["container pov-x-control-plane"]
    assert world.containers.networks == {"kind": "theirs"}


def test_down_leaves_a_network_that_somebody_uses_and_the_last_one_takes_it(world: World) -> None:
    world.run()
    world.containers.box("pov-y", {})
    assert "network kind" not in world.cluster.remove(world.told.append)
    world.containers.boxes.clear()
    assert world.cluster.remove(world.told.append) == ["network kind"]


def test_down_of_a_half_made_one(world: World) -> None:
    world.intent(made=False)
    world.containers.box("pov-x", BY_NODE_PORT)
    world.containers.volumes["v1"] = "pov-x-control-plane"
    assert world.cluster.remove(world.told.append) == ["container pov-x-control-plane", "volume v1"]


def test_addresses_need_a_running_node(world: World) -> None:
    world.run()
    world.containers.boxes.clear()
    with pytest.raises(NotFound, match="not there"):
        world.cluster.endpoints()
    world.whole()
    world.containers.boxes["pov-x-control-plane"]["running"] = False
    with pytest.raises(NotFound, match="stopped"):
        world.cluster.endpoints()


def test_an_engine_that_does_not_answer_is_not_taken_for_a_missing_cluster(world: World) -> None:
    class Dead(FakeContainers):
        def run(self, *arguments: str, timeout_s: float = 60, check: bool = True, stdin: bytes | None = None) -> Any:
            return Completed(arguments, 1, "", "Cannot connect to the Docker daemon", 0.0)

    world.whole()
    world.containers = Dead()
    with pytest.raises(Silent):
        world.cluster.endpoints()
    with pytest.raises(Silent):
        world.cluster.remove(world.told.append)
    assert world.home.intent.exists()
    assert world.home.kubeconfig.exists()

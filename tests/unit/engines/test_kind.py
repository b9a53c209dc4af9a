"""kind's configuration and commands, without kind."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import tomllib
from pathlib import Path

import pytest

from pov.base.errors import PovError
from pov.base.wait import Pending, wait_for
from pov.engines.kind import Kind, PortTaken, configuration, network_id, remove_network
from tests.unit.engines.fake_containers import FakeContainers
from tests.unit.engines.test_image_archive import docker_archive


def test_configuration() -> None:
    document = json.loads(configuration({30820: 41000}, own_cni=True, cgroup_v1=True))
    assert document["networking"] == {
        "apiServerAddress": "127.0.0.1",
        "apiServerPort": 0,
        "disableDefaultCNI": True,
    }
    assert document["nodes"][0]["extraPortMappings"] == [
        {"containerPort": 30820, "hostPort": 41000, "listenAddress": "127.0.0.1", "protocol": "TCP"}
    ]
    kubelet = json.loads(document["kubeadmConfigPatches"][0])
    assert kubelet["maxPods"] == 250
    assert kubelet["failCgroupV1"] is False
    (patch,) = document["containerdConfigPatches"]
    assert tomllib.loads(patch) == {"plugins": {"io.containerd.cri.v1.runtime": {"stats_collect_period": "60s"}}}
    operations = json.loads(document["kubeadmConfigPatchesJSON6902"][0]["patch"])
    assert operations[0] == {"op": "add", "path": "/scheduler", "value": {"extraArgs": []}}
    assert all(operation["path"].endswith(("/extraArgs/-", "/extraEnvs")) for operation in operations[1:])
    assert json.loads(document["kubeadmConfigPatches"][1])["skipPhases"][1:] == ["addon/kube-proxy", "addon/coredns"]


def test_official_images_keep_their_network_plugin() -> None:
    document = json.loads(configuration({}, own_cni=False, cgroup_v1=False))
    assert document["networking"]["disableDefaultCNI"] is False
    assert "failCgroupV1" not in json.loads(document["kubeadmConfigPatches"][0])


def _program(folder: Path, script: str) -> Path:
    path = folder / "kind"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_create_hands_everything_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:1")
    program = _program(tmp_path, 'echo "$@" > args; cat > config; env > env; echo " * Preparing"')
    monkeypatch.chdir(tmp_path)
    lines: list[str] = []
    Kind(program, FakeContainers(), "pov-x").create("{}", "node:1", tmp_path / "kubeconfig", lines.append)
    said = (tmp_path / "args").read_text().split()
    assert said[:4] == ["create", "cluster", "--name", "pov-x"]
    assert ["--image", "node:1", "--kubeconfig", str(tmp_path / "kubeconfig")] == said[4:8]
    assert (tmp_path / "config").read_text() == "{}"
    assert "HTTPS_PROXY" not in (tmp_path / "env").read_text()
    assert lines == [" * Preparing"]


def test_a_taken_port_is_told_apart(tmp_path: Path) -> None:
    program = _program(tmp_path, 'echo "ERROR: listen tcp4 127.0.0.1:5: bind: address already in use" >&2; exit 1')
    with pytest.raises(PortTaken):
        Kind(program, FakeContainers(), "pov-x").create("{}", "node:1", tmp_path / "k", lambda _: None)


def test_another_failure_says_what_kind_said(tmp_path: Path) -> None:
    program = _program(tmp_path, 'echo "ERROR: failed to create cluster: no" >&2; exit 1')
    with pytest.raises(PovError, match="could not make the cluster pov-x") as failure:
        Kind(program, FakeContainers(), "pov-x").create("{}", "node:1", tmp_path / "k", lambda _: None)
    assert failure.value.cause == "ERROR: failed to create cluster: no"


def test_delete_removes_what_kind_left(tmp_path: Path) -> None:
    containers = FakeContainers()
    containers.box("pov-x", {})
    containers.box("pov-other", {})
    containers.volumes.update({"v1": "pov-x-control-plane", "v2": "pov-other-control-plane"})
    program = _program(tmp_path, "exit 1")
    removed = Kind(program, containers, "pov-x").delete(tmp_path / "k")
    assert removed == ["container pov-x-control-plane", "volume v1"]
    assert set(containers.boxes) == {"pov-other-control-plane"}
    assert set(containers.volumes) == {"v2"}
    assert Kind(program, containers, "pov-x").delete(tmp_path / "k") == []


def test_what_is_frozen_in_a_node_is_thawed_once_it_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    containers = FakeContainers()
    containers.box("pov-x", {})
    monkeypatch.setattr("pov.engines.kind.thaw", lambda container: containers.said.append(("thaw", container)))
    Kind(_program(tmp_path, "exit 1"), containers, "pov-x").delete(tmp_path / "k")
    said = [words for words in containers.said if words[0] in {"kill", "thaw", "wait"}]
    node = "pov-x-control-plane"
    assert said == [("kill", node), ("thaw", f"id of {node}"), ("wait", node)]


def test_the_network_goes_only_when_nobody_is_on_it() -> None:
    containers = FakeContainers()
    containers.networks["kind"] = "n1"
    containers.box("pov-x", {})
    assert network_id(containers) == "n1"
    assert not remove_network(containers)
    containers.boxes.clear()
    assert remove_network(containers)
    assert network_id(containers) is None


def test_images_are_copied_imported_and_the_copy_removed(tmp_path: Path) -> None:
    containers = FakeContainers()
    Kind(None, containers, "pov-x").load(docker_archive(tmp_path / "a.tar", {"localhost/a:1": [b"layer"]}))
    verbs = [said[0] if said[0] == "cp" else said[2] for said in containers.said]
    assert verbs == ["ctr", "cp", "ctr", "rm"]


def test_a_kind_that_outlived_its_pov_is_ended(tmp_path: Path) -> None:
    program, config = _program(tmp_path, "read line"), tmp_path / "kubeconfig"
    commands = [
        [str(program), "create", "cluster", "--name", name, "--kubeconfig", str(config)] for name in ("pov-x", "pov-y")
    ]
    with contextlib.ExitStack() as stack:
        ours, theirs = [stack.enter_context(subprocess.Popen(argv, stdin=subprocess.PIPE)) for argv in commands]
        kind = Kind(program, FakeContainers(), "pov-x")
        wait_for("it to start", lambda: kind.end_orphans(config) == 1 or Pending("no"), timeout_s=10, interval_s=0.05)
        assert ours.wait(10) == -signal.SIGKILL
        assert theirs.poll() is None
        theirs.kill()

"""The real `kind`: one-node clusters in Docker or Podman, their loopback ports, and what they leave behind."""

from __future__ import annotations

import json
import os
import secrets
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pov.base import variables
from pov.base.errors import CommandFailed, PovError, TimedOut
from pov.base.ports import LOOPBACK
from pov.base.process import run
from pov.base.scratch import scratch
from pov.engines.containers import Containers
from pov.engines.frozen import thaw
from pov.engines.image_archive import slim

NETWORK = "kind"
CLUSTER_LABEL = "io.x-k8s.kind.cluster"
_KUBEADM_CONFIG = "/kind/kubeadm.conf"
MAX_PODS = 250
"""Pods of the one node: its /24 holds 254 addresses."""
STATS_EVERY = "60s"
"""How often containerd asks every container for its processor statistics.

By itself it does so each second, which with a hundred containers takes a third of a core for a figure that nobody here
reads. In whatever version of its configuration: the plug-in's own name stands in all that know the key.
"""

_QUICK_S = 20.0
_CREATE_LIMIT_S = 420.0
_DELETE_LIMIT_S = 60.0
_IMPORT_LIMIT_S = 300.0
_END_LIMIT_S = 20.0
_TAKEN = ("address already in use", "port is already allocated", "failed to bind port", "port is already in use")


class PortTaken(PovError):
    """A host port was taken between choosing and using it: choose again."""


@dataclass(frozen=True)
class Node:
    """The cluster's one node container: whether it runs, its loopback ports by container port, whose cluster it is."""

    name: str
    running: bool
    ports: Mapping[int, int]
    cluster: str


def configuration(ports: Mapping[int, int], *, own_cni: bool, cgroup_v1: bool, api_port: int = 0) -> str:
    """kind's configuration, as JSON (which is YAML). `ports` are host ports by node port; `own_cni` keeps kindnet out.

    The API server answers on the loopback port `api_port`; kind chooses one for 0.

    The patches make it quicker and smaller on a laptop: no leader election where there is one of each, more than the
    usual 20 API calls a second for controllers that roll out dozens of services, no profiling endpoints, container
    statistics seldom. kubeadm's addons are left to whoever can start them at the right moment (`Kind.addon`).
    """
    kubelet: dict[str, Any] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "maxPods": MAX_PODS,
        "imageGCHighThresholdPercent": 100,
        "imageMinimumGCAge": "24h",
        "serializeImagePulls": False,
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
    }
    without_addons = {
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "InitConfiguration",
        "skipPhases": ["preflight", "addon/kube-proxy", "addon/coredns"],
    }
    if cgroup_v1:
        kubelet["failCgroupV1"] = False
    quick = {"leader-elect": "false", "kube-api-qps": "200", "kube-api-burst": "400", "profiling": "false"}
    arguments = [
        {"op": "add", "path": f"/{component}/extraArgs/-", "value": {"name": name, "value": value}}
        for component, wanted in (
            ("apiServer", {"profiling": "false"}),
            ("controllerManager", quick),
            ("scheduler", quick),
        )
        for name, value in wanted.items()
    ]
    operations = [
        # kubeadm's template leaves the scheduler's list empty, and JSON patches add to lists that exist.
        {"op": "add", "path": "/scheduler", "value": {"extraArgs": []}},
        *arguments,
        # A quarter of the API server's processor time in a roll-out is its garbage collector's: half as often.
        {"op": "add", "path": "/apiServer/extraEnvs", "value": [{"name": "GOGC", "value": "200"}]},
    ]
    document = {
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "kind": "Cluster",
        "networking": {"apiServerAddress": LOOPBACK, "apiServerPort": api_port, "disableDefaultCNI": own_cni},
        "nodes": [
            {
                "role": "control-plane",
                "extraPortMappings": [
                    {"containerPort": inside, "hostPort": outside, "listenAddress": LOOPBACK, "protocol": "TCP"}
                    for inside, outside in sorted(ports.items())
                ],
            }
        ],
        "containerdConfigPatches": [
            f'[plugins."io.containerd.cri.v1.runtime"]\nstats_collect_period = "{STATS_EVERY}"\n'
        ],
        "kubeadmConfigPatches": [json.dumps(kubelet), json.dumps(without_addons)],
        "kubeadmConfigPatchesJSON6902": [
            {
                "group": "kubeadm.k8s.io",
                "version": "v1beta4",
                "kind": "ClusterConfiguration",
                "patch": json.dumps(operations),
            }
        ],
    }
    return json.dumps(document, indent=2) + "\n"


class Kind:
    """One cluster of that name. Its kubeconfig goes where it is told, never into the user's own."""

    def __init__(self, binary: Path | None, containers: Containers, cluster: str) -> None:
        self._binary = binary
        self._containers = containers
        self.cluster = cluster
        self.node_name = f"{cluster}-control-plane"

    def node(self) -> Node | None:
        """The node container as it is now, by one look; None if there is none. Raises `Silent`."""
        found = self._containers.inspect(self.node_name)
        if found is None:
            return None
        # Not NetworkSettings.Ports: Docker empties it while a container is stopped.
        bindings = found["HostConfig"].get("PortBindings") or {}
        ports = {
            int(inside.removesuffix("/tcp")): int(outside[0]["HostPort"])
            for inside, outside in bindings.items()
            if outside and inside.endswith("/tcp")
        }
        labels = found["Config"].get("Labels") or {}
        return Node(self.node_name, bool(found["State"]["Running"]), ports, labels.get(CLUSTER_LABEL, ""))

    def containers_of_cluster(self) -> list[str]:
        """Names of all containers that belong to a kind cluster of this name, whoever made it."""
        label = f"label={CLUSTER_LABEL}={self.cluster}"
        return self._containers.run("ps", "--all", "--filter", label, "--format", "{{.Names}}").stdout.split()

    def create(self, config: str, image: str, kubeconfig: Path, on_line: Callable[[str], None]) -> None:
        """Make the cluster. Raises `PortTaken` when a port got taken meanwhile; kind has cleaned up then."""
        argv = ["create", "cluster", "--name", self.cluster, "--image", image, "--kubeconfig", str(kubeconfig)]
        try:
            # No waiting for the node: what follows can be applied while it gets ready.
            self._kind([*argv, "--wait", "0s", "--config", "-"], _CREATE_LIMIT_S, stdin=config, on_line=on_line)
        except CommandFailed as error:
            said = f"{error.stderr}\n{error.stdout}"
            if any(text in said for text in _TAKEN):
                raise PortTaken("a loopback port was taken while the cluster was being made", cause=said) from error
            lines = [line for line in said.splitlines() if "ERROR" in line or "rror:" in line] or said.splitlines()
            raise PovError(
                f"kind could not make the cluster {self.cluster}", cause="\n".join(lines)[-1500:], fix="pov doctor"
            ) from error

    def write_kubeconfig(self, path: Path) -> None:
        """Write the cluster's kubeconfig once more."""
        self._kind(["export", "kubeconfig", "--name", self.cluster, "--kubeconfig", str(path)], _DELETE_LIMIT_S)

    def addon(self, name: str) -> str:
        """Manifests of `kube-proxy` or `coredns`, as this node's kubeadm declares them: YAML documents."""
        argv = ["kubeadm", "init", "phase", "addon", name, "--config", _KUBEADM_CONFIG, "--print-manifest"]
        return self._containers.exec(self.node_name, *argv).stdout

    def version(self) -> str:
        """kind's own, for records."""
        if self._binary is None:
            raise PovError("there is no kind", fix="pov bundle build")
        return run([str(self._binary), "version"], timeout_s=_QUICK_S, env=variables.given_to("kind")).stdout.strip()

    def start(self) -> None:
        """Start the stopped node container."""
        self._containers.start(self.node_name)

    def end_orphans(self, kubeconfig: Path) -> int:
        """End a `kind create` that outlived a killed `pov`, and return how many there were.

        Left alone it would fail some time later and, cleaning up, delete the next node of the same name.
        """
        ended = 0
        for process in Path("/proc").glob("[0-9]*"):
            try:
                argv = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if {"create", "cluster", self.cluster, str(kubeconfig)} <= set(argv):
                    os.kill(int(process.name), signal.SIGKILL)
                    ended += 1
            except OSError:
                continue  # ended by itself, or not ours to look at
        return ended

    def delete(self, kubeconfig: Path) -> list[str]:
        """Remove the cluster's containers and volumes, each wait bounded; returns what was removed, in words."""
        names = self.containers_of_cluster()
        for name in names:
            self._end(name)
        if self._binary is not None and names:
            try:
                argv = ["delete", "cluster", "--name", self.cluster, "--kubeconfig", str(kubeconfig)]
                self._kind(argv, _DELETE_LIMIT_S)
            except (CommandFailed, TimedOut):
                pass  # what is left goes by the container engine's own command
        for name in self.containers_of_cluster() if names else ():
            self._containers.remove(name)
        removed = [f"container {name}" for name in names]
        # Podman's volume of a node goes by the node's name as a label.
        label = f"label={self.node_name}"
        for volume in self._containers.run("volume", "ls", "--quiet", "--filter", label).stdout.split():
            self._containers.run("volume", "rm", "--force", volume, check=False)
            removed.append(f"volume {volume}")
        return removed

    def _end(self, name: str) -> None:
        """Kill a container and see it end: its systemd would take its time over an orderly end that nobody needs."""
        found = self._containers.inspect(name)
        self._containers.run("kill", name, check=False)
        if found is not None and found.get("Id"):
            thaw(found["Id"])
        with suppress(TimedOut):
            self._containers.run("wait", name, timeout_s=_END_LIMIT_S, check=False)

    def load(self, archive: Path) -> None:
        """Import a docker archive of images into the node's containerd; layers that it has already are left out."""
        with scratch() as folder:
            slimmed = folder / "images.tar"
            slim(archive, self._content(), slimmed)
            inside = f"/root/{secrets.token_hex(8)}.tar"
            self._containers.copy_in(self.node_name, slimmed, inside)
        try:
            self._ctr("images", "import", "--all-platforms", "--no-unpack", inside)
        finally:
            self._containers.exec(self.node_name, "rm", "-f", inside, check=False)

    def has_image(self, reference: str) -> bool:
        """Whether the node's containerd has an image of that name."""
        return reference in self._ctr("images", "ls", "--quiet", f"name=={reference}").split()

    def images(self) -> set[str]:
        """Names of the images in the node's containerd."""
        return set(self._ctr("images", "ls", "--quiet").splitlines())

    def _content(self) -> set[str]:
        return {line.strip() for line in self._ctr("content", "ls", "--quiet").splitlines() if line}

    def _ctr(self, *arguments: str) -> str:
        done = self._containers.exec(self.node_name, "ctr", "-n", "k8s.io", *arguments, timeout_s=_IMPORT_LIMIT_S)
        return done.stdout

    def _kind(
        self,
        arguments: Sequence[str],
        timeout_s: float,
        *,
        stdin: str | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        if self._binary is None:
            raise PovError("there is no kind", fix="pov bundle build")
        run(
            [str(self._binary), *arguments],
            timeout_s=timeout_s,
            env=variables.given_to("kind", self._containers.env()),
            input=stdin.encode() if stdin is not None else None,
            on_line=on_line,
        )


def network_id(containers: Containers) -> str | None:
    """The id of the network that all kind clusters share, or None."""
    done = containers.run("network", "inspect", NETWORK, check=False)
    if done.code != 0:
        return None
    found = json.loads(done.stdout)[0]
    return str(found.get("id") or found.get("Id") or "")


def remove_network(containers: Containers) -> bool:
    """Remove that network unless a container, running or not, is on it. Returns whether it is gone."""
    if containers.run("ps", "--all", "--quiet", "--filter", f"network={NETWORK}").stdout.strip():
        return False
    return containers.run("network", "rm", NETWORK, check=False).code == 0

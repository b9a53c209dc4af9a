"""The floor: what a plain script needs for the same cluster with the same manifests and the same images.

It makes the kind cluster from the same configuration, brings the late images in, and applies the objects of
`manifests.py` with `kubectl apply --server-side`, namespaces side by side. Nothing waits for what it does not need:
images are imported while the platform is applied, Vault is initialised while everything else starts, and waiting is
done by `kubectl wait` and `kubectl rollout status`, which watch. Polls (Vault's first answer, the prober's) are 0.2 s
apart.

What has no manifest but must be there for the engines to do their work is done by direct API calls: Vault is
initialised and gets its PKI, policies and roles (the same declarations, else no service gets a certificate). It ends as
`pov up` does, when the prober has seen every edge of every estate answer over mutual TLS.

The floor does less than `pov up` on purpose: no repository is made and pushed, Argo CD syncs nothing (its objects are
applied), no Terraform, no recovery keys saved, nothing checked beforehand.
So it is a lower bound; what `pov up` takes beyond it is the price of those steps and of doing things twice.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pov.base.errors import PovError
from pov.base.ports import free_ports
from pov.base.redact import Secret
from pov.base.wait import Pending, wait_for
from pov.bundle import Bundle
from pov.engines.containers import Containers
from pov.engines.kind import Kind, configuration
from pov.engines.prober import Prober
from pov.engines.vault import Vault
from pov.steps.kind.intent import NODE_PORTS
from pov.steps.vault.layout import Wishes, converge
from tests.benchmarks.manifests import Manifest, as_list, in_groups, local_paths

_LIMIT_S = 600.0
_POLL_S = 0.2
_MOCK_NAMESPACES = {"pov-system", "dev", "staging", "prod", "legacy"}
"""Where pods use the late images, and would fail and back off before these are there."""
_WITH_AGENTS = _MOCK_NAMESPACES - {"legacy"}


@dataclass(frozen=True)
class Blueprint:
    """All that the floor needs to know of an environment: taken from a running one."""

    cluster: str
    manifests: tuple[Manifest, ...]
    wishes: Wishes
    estates: tuple[str, ...]
    ca: str
    prober_token: Secret


class Floor:
    """One run of the floor; `marks` are seconds since its start at which something was done."""

    def __init__(self, blueprint: Blueprint, bundle: Bundle, containers: Containers, folder: Path) -> None:
        self.marks: dict[str, float] = {}
        self._plan = blueprint
        self._bundle = bundle
        self._containers = containers
        self._kubeconfig = folder / "kubeconfig"
        self._ca = folder / "ca.crt"
        self._ca.write_text(blueprint.ca)
        self._kind = Kind(bundle.binaries["kind"], containers, blueprint.cluster)
        self._ports = dict(zip(NODE_PORTS, free_ports(len(NODE_PORTS)), strict=True))
        self._cgroup_v1 = containers.info().cgroup_v1
        self._since = 0.0

    def run(self) -> float:
        """Seconds from nothing to every edge answering."""
        ports = {inside: self._ports[name] for name, inside in NODE_PORTS.items()}
        config = configuration(ports, own_cni=self._bundle.source != "official", cgroup_v1=self._cgroup_v1)
        first, namespaced, last = in_groups(self._plan.manifests)
        self._since = time.monotonic()
        self._kind.create(config, self._bundle.node_image, self._kubeconfig, lambda _: None)
        self._mark("cluster made")
        with ThreadPoolExecutor(max_workers=24) as pool:
            images = pool.submit(self._images)
            folders = pool.submit(self._folders, local_paths(first))
            definitions = [item for item in first if item["kind"] == "CustomResourceDefinition"]
            self._apply([item for item in first if item not in definitions])
            folders.result()
            # Pods that start before there is a way to the cluster's services ask in vain and hold up what they ask for.
            self._network(namespaced.pop("kube-system"))
            # The longest way first: what serves needs a certificate, which needs Vault.
            vault = pool.submit(self._vault, namespaced.get("vault", []))

            def argocd() -> None:
                self._apply(definitions)
                self._namespace(namespaced.get("argocd", []))

            def served(namespace: str) -> None:
                if namespace in _MOCK_NAMESPACES:
                    images.result()
                # An agent that finds no Vault waits before it asks again, so what has one comes after Vault.
                ready = vault if namespace in _WITH_AGENTS else None
                self._namespace(namespaced[namespace], ready)

            others = [namespace for namespace in namespaced if namespace not in {"vault", "argocd"}]
            for future in [vault, pool.submit(argocd), *(pool.submit(served, namespace) for namespace in others)]:
                future.result()
            self._mark("applied")
            policy = pool.submit(self._apply, last)
            waits = [pool.submit(self._kubectl, *arguments) for arguments in _waits(namespaced)]
            for future in [policy, *waits]:
                future.result()
            self._mark("all ready")
        self._verify()
        self._mark("every edge answers")
        return self.marks["every edge answers"]

    def remove(self) -> None:
        """Take the cluster away."""
        self._kind.delete(self._kubeconfig)

    def _mark(self, what: str) -> None:
        self.marks[what] = round(time.monotonic() - self._since, 3)

    def _images(self) -> None:
        if self._bundle.late_images:
            self._kind.load(self._bundle.late_archive)
        self._mark("images imported")

    def _folders(self, paths: Sequence[str]) -> None:
        if paths:
            self._containers.exec(self._kind.node_name, "mkdir", "-p", *paths)

    def _network(self, items: Sequence[Manifest]) -> None:
        """A way to the API server, then names: a name server that looks too early looks again much later."""
        servers = [item for item in items if item["kind"] == "Deployment"]
        self._apply([item for item in items if item not in servers])
        self._kubectl("rollout", "status", "-n", "kube-system", f"--timeout={_LIMIT_S:.0f}s", "daemonset/kube-proxy")
        self._apply(servers)
        self._mark("network")

    def _namespace(self, items: Sequence[Manifest], ready: Future[None] | None = None) -> None:
        # What pods refer to comes before them, or their first start fails and waits.
        workloads = {"Deployment", "StatefulSet", "DaemonSet", "Pod"}
        self._apply([item for item in items if item["kind"] not in workloads])
        if ready is not None:
            ready.result()
        self._apply([item for item in items if item["kind"] in workloads])

    def _apply(self, manifests: Sequence[Manifest]) -> None:
        if not manifests:
            return

        def apply() -> bool | Pending:
            done = self._try(
                "apply", "--server-side", "--force-conflicts", "--validate=false", "-f", "-", stdin=as_list(manifests)
            )
            return True if done.returncode == 0 else Pending(done.stderr.decode(errors="replace")[-500:])

        wait_for("manifests applied", apply, timeout_s=_LIMIT_S, interval_s=_POLL_S)

    def _vault(self, manifests: Sequence[Manifest]) -> None:
        self._namespace(manifests)
        vault = Vault(f"https://127.0.0.1:{self._ports['vault']}", self._ca)
        wait_for("Vault answers", lambda: vault.status() is not None, timeout_s=_LIMIT_S, interval_s=_POLL_S)
        made = vault.initialise(auto_unseal=True, shares=1, threshold=1)
        vault.use(made.root_token)
        wait_for("Vault leads", vault.token_works, timeout_s=_LIMIT_S, interval_s=_POLL_S, bears=(PovError,))
        converge(vault, self._plan.wishes, with_audit=False)
        self._mark("Vault set up")

    def _verify(self) -> None:
        prober = Prober(f"https://127.0.0.1:{self._ports['prober']}", self._ca, self._plan.prober_token)

        def answered() -> bool | Pending:
            for estate in self._plan.estates:
                silent = [edge for edge in prober.verify(estate) if not edge.ok]
                if silent:
                    return Pending(f"{estate}: {len(silent)} silent, {silent[0].error}")
            return True

        wait_for("every edge answers", answered, timeout_s=_LIMIT_S, interval_s=_POLL_S)

    def _kubectl(self, *arguments: str) -> None:
        done = self._try(*arguments)
        assert done.returncode == 0, done.stderr.decode(errors="replace")

    def _try(self, *arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        argv = [str(self._bundle.binaries["kubectl"]), "--kubeconfig", str(self._kubeconfig), *arguments]
        env = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        return subprocess.run(argv, input=stdin, env=env, capture_output=True, timeout=_LIMIT_S, check=False)


def _waits(namespaced: dict[str, list[Manifest]]) -> list[tuple[str, ...]]:
    """`kubectl` command lines that end when everything applied is rolled out."""
    limit = f"--timeout={_LIMIT_S:.0f}s"
    found: list[tuple[str, ...]] = []
    for namespace, items in namespaced.items():
        kinds: Callable[[str], list[str]] = lambda kind, items=items: [  # type: ignore[misc]  # noqa: E731
            item["metadata"]["name"] for item in items if item["kind"] == kind and item["spec"].get("replicas", 1)
        ]
        if kinds("Deployment"):
            names = [f"deployment/{name}" for name in kinds("Deployment")]
            found.append(("wait", "-n", namespace, "--for=condition=Available", limit, *names))
        found += [("rollout", "status", "-n", namespace, limit, f"statefulset/{name}") for name in kinds("StatefulSet")]
        if kinds("Pod"):
            names = [f"pod/{name}" for name in kinds("Pod")]
            found.append(("wait", "-n", namespace, "--for=condition=Ready", limit, *names))
    return found

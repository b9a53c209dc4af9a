"""Which versions run, as the cluster tells: nodes, pods and servers are asked, and no list of what was installed."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

IMAGE = "image "
"""How the names of images begin, among other versions."""

_OF_TRIAL = re.compile(r":\d{10}[0-9a-f]{4}(r\d+)?-[^/:]+$")
"""A reference whose tag is a trial's version: the run's month, day, time and letters, then experiment or arm, trial."""
_BUILD = re.compile(r'^coredns_build_info\{[^}]*version="([^"]+)"', re.MULTILINE)
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_DNS = ("kube-system", "k8s-app=kube-dns", 9153)
_INSTALLED = {
    # What tells its version, and whose it is in the bundle.
    "Kubernetes": "kube-apiserver",
    "kubelet": "kubelet",
    "container runtime": "containerd",
    "CoreDNS": "coredns",
    "Argo CD": "argocd",
    "Gitea": "gitea",
    "Vault API": "openbao",
}


class Cluster(Protocol):
    """The cluster, as far as this looks at it."""

    def list(self, kind: str, namespace: str | None = None, *, labels: str = "") -> list[dict[str, Any]]:
        """Objects."""
        ...

    def page(self, pod: str, namespace: str, port: int, path: str) -> str:
        """What a pod serves."""
        ...


def of_nodes(cluster: Cluster) -> Mapping[str, Callable[[], str]]:
    """What each node says of itself; several that differ are all named."""

    def told(*keys: str) -> Callable[[], str]:
        def ask() -> str:
            infos = [node["status"]["nodeInfo"] for node in cluster.list("v1/Node")]
            return _joined(" ".join(str(info[key]) for key in keys) for info in infos)

        return ask

    return {
        "node": told("osImage", "architecture"),
        "kernel of the node": told("kernelVersion"),
        "kubelet": told("kubeletVersion"),
        "container runtime": told("containerRuntimeVersion"),
        "CoreDNS": lambda: _dns(cluster),
    }


def _dns(cluster: Cluster) -> str:
    namespace, labels, port = _DNS
    pods = [pod for pod in cluster.list("v1/Pod", namespace, labels=labels) if pod["status"].get("phase") == "Running"]
    pages = [cluster.page(str(pod["metadata"]["name"]), namespace, port, "metrics") for pod in pods]
    found = [match[1] for page in pages if (match := _BUILD.search(page))]
    if not found:
        raise ValueError(f"{len(pods)} pods, and none tells its version")
    return _joined(found)


def images(cluster: Cluster) -> dict[str, str]:
    """Every image that a container runs from, by its last name: reference and the digest that the runtime gives it."""
    found: dict[str, set[str]] = defaultdict(set)
    for pod in cluster.list("v1/Pod"):
        status = pod.get("status") or {}
        for one in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
            if "running" not in (one.get("state") or {}):
                continue
            reference = str(one["image"])
            digest = str(one.get("imageID") or "").rpartition("@")[2]
            found[f"{IMAGE}{_name(reference)}"].add(f"{reference} {digest}".strip())
    return {name: _joined(told) for name, told in sorted(found.items())}


def differences(
    told: Mapping[str, str], installed: Mapping[str, str], wanted: Mapping[str, str], digests: Mapping[str, str]
) -> list[str]:
    """Where what runs is not what the bundle holds, in words.

    `told` are versions by name, `installed` the bundle's by component, `wanted` its image references by component,
    `digests` those of the images that were built here, which a runtime calls by the same.
    """
    said = []
    for name, component in _INSTALLED.items():
        runs, has = _VERSION.search(told.get(name, "")), _VERSION.search(installed.get(component, ""))
        if runs and has and runs[0] != has[0]:
            said.append(f"{name} {runs[0]} runs, the bundle has {component} {has[0]}")
    for component, reference in wanted.items():
        running = [part.split(" ") for part in told.get(f"{IMAGE}{_name(reference)}", "").split(", ") if part]
        same = [parts for parts in running if _same(parts[0], reference)]
        if not running:
            said.append(f"nothing runs from the bundle's image of {component} ({reference})")
        elif not same:
            said.append(f"{running[0][0]} runs, the bundle's image of {component} is {reference}")
        elif component in digests and digests[component] not in {parts[-1] for parts in same}:
            said.append(f"{' '.join(same[0])} runs, the bundle's image of that name is {digests[component]}")
    return said


def without_trials(told: Mapping[str, str], reference: str) -> dict[str, str]:
    """Versions without those of the image `reference` that trials deployed: they come and go."""
    key = f"{IMAGE}{_name(reference)}"
    kept = [part for part in told.get(key, "").split(", ") if _same(part.split(" ")[0], reference)]
    return {**told, key: _joined(kept)}


def without_any_trials(told: Mapping[str, str]) -> dict[str, str]:
    """Versions without images that trials of any run have built: by their tags, which begin with the run's mark."""
    images = {
        name: _joined(part for part in text.split(", ") if not _OF_TRIAL.search(part.split(" ")[0]))
        for name, text in told.items()
        if name.startswith(IMAGE)
    }
    return {**told, **images}


def _name(reference: str) -> str:
    """`localhost/pov/mock:1.0.0@sha256:…` is `mock`."""
    return re.split(r"[:@]", reference.rsplit("/", 1)[-1])[0]


def _same(runs: str, wanted: str) -> bool:
    """Runtimes write out the registry and the folder that engines leave away."""
    return runs == wanted or runs.endswith(f"/{wanted}")


def _joined(values: Iterable[str]) -> str:
    parts: Sequence[str] = sorted(set(values))
    return ", ".join(parts)

"""Versions as the cluster tells them, and where they are not the bundle's."""

from __future__ import annotations

from typing import Any

import pytest

from pov.workflows import running

DIGEST = "sha256:" + "a" * 64
METRICS = """# HELP coredns_build_info A metric
coredns_build_info{goversion="go1.27.3",revision="",version="1.15.0"} 1
coredns_other 2
"""


def pod(name: str, *containers: tuple[str, str, str]) -> dict[str, Any]:
    statuses = [{"image": image, "imageID": digest, "state": {state: {}}} for image, digest, state in containers]
    return {"metadata": {"name": name}, "status": {"phase": "Running", "containerStatuses": statuses}}


class Cluster:
    def __init__(self) -> None:
        self.kubelets = ["v1.37.2"]
        self.pages = {"coredns-1": METRICS}
        self.pods = [
            pod("coredns-1", ("registry.k8s.io/coredns/coredns:v1.14.0", DIGEST, "running")),
            pod("argocd-server", ("localhost/pov/argocd:3.6.1", f"localhost/pov/argocd@{DIGEST}", "running")),
            pod(
                "till", ("localhost/pov/mock:1.0.0", DIGEST, "running"), ("localhost/pov/mock:1.0.0", DIGEST, "running")
            ),
            pod("fees", ("localhost/pov/mock:trial-1", "sha256:b", "running")),
            pod("gone", ("localhost/pov/gitea:1.26.0", DIGEST, "terminated")),
            {"metadata": {"name": "new"}, "status": {"phase": "Pending"}},
        ]

    def list(self, kind: str, namespace: str | None = None, *, labels: str = "") -> list[dict[str, Any]]:
        if kind == "v1/Node":
            info = {
                "osImage": "Debian GNU/Linux 12",
                "architecture": "amd64",
                "kernelVersion": "6.1.0",
                "containerRuntimeVersion": "containerd://2.4.2",
            }
            return [{"status": {"nodeInfo": {**info, "kubeletVersion": version}}} for version in self.kubelets]
        return [one for one in self.pods if namespace is None or one["metadata"]["name"] in self.pages]

    def page(self, name: str, namespace: str, port: int, path: str) -> str:
        assert (namespace, port, path) == ("kube-system", 9153, "metrics")
        return self.pages[name]


def test_nodes_and_servers_are_asked() -> None:
    cluster = Cluster()
    cluster.kubelets = ["v1.37.2", "v1.36.0", "v1.37.2"]
    assert {name: ask() for name, ask in running.of_nodes(cluster).items()} == {
        "node": "Debian GNU/Linux 12 amd64",
        "kernel of the node": "6.1.0",
        "kubelet": "v1.36.0, v1.37.2",
        "container runtime": "containerd://2.4.2",
        # Not the tag, which kubeadm chooses: what the program says.
        "CoreDNS": "1.15.0",
    }
    cluster.pages = {"coredns-1": "nothing of the kind"}
    with pytest.raises(ValueError, match="none tells"):
        running.of_nodes(cluster)["CoreDNS"]()


def test_images_are_those_that_containers_run_from() -> None:
    assert running.images(Cluster()) == {
        "image argocd": f"localhost/pov/argocd:3.6.1 {DIGEST}",
        "image coredns": f"registry.k8s.io/coredns/coredns:v1.14.0 {DIGEST}",
        "image mock": f"localhost/pov/mock:1.0.0 {DIGEST}, localhost/pov/mock:trial-1 sha256:b",
    }


TOLD = {
    "Kubernetes": "v1.37.2",
    "container runtime": "containerd://2.4.2",
    "Argo CD": "v3.6.1+abc",
    "Vault API": "OpenBao 2.7.2",
    "Gitea": "did not say (no answer)",
    "image argocd": f"localhost/pov/argocd:3.6.1 {DIGEST}",
    "image redis": f"docker.io/library/redis:7.2 {DIGEST}",
    "image mock": f"localhost/pov/mock:1.0.0 {DIGEST}, localhost/pov/mock:trial-1 {DIGEST}",
}
INSTALLED = {
    "kube-apiserver": "1.37.2",
    "containerd": "2.4.2",
    "argocd": "3.6.1",
    "openbao": "2.7.2",
    "gitea": "1.26.0",
}
WANTED = {"argocd": "localhost/pov/argocd:3.6.1", "redis": "redis:7.2", "mock": "localhost/pov/mock:1.0.0"}


@pytest.mark.parametrize(
    ("told", "installed", "wanted", "said"),
    [
        ({}, {}, {}, []),
        ({"Kubernetes": "v1.37.1"}, {}, {}, ["Kubernetes 1.37.1 runs, the bundle has kube-apiserver 1.37.2"]),
        ({}, {"openbao": "2.7.3"}, {}, ["Vault API 2.7.2 runs, the bundle has openbao 2.7.3"]),
        ({"Kubernetes": "did not say"}, {}, {}, []),
        (
            {},
            {},
            {"argocd": "localhost/pov/argocd:3.7.0"},
            ["bundle's image of argocd is localhost/pov/argocd:3.7.0"],
        ),
        ({}, {}, {"gitea": "localhost/pov/gitea:1"}, ["nothing runs from the bundle's image of gitea"]),
        (
            {"image argocd": "localhost/pov/argocd:3.6.1 sha256:f"},
            {},
            {},
            [f"the bundle's image of that name is {DIGEST}"],
        ),
        ({}, {}, {"mock": "localhost/pov/mock:2.0.0"}, ["mock is localhost/pov/mock:2.0.0"]),
    ],
)
def test_what_runs_beside_the_bundle_is_said(
    told: dict[str, str], installed: dict[str, str], wanted: dict[str, str], said: list[str]
) -> None:
    found = running.differences(TOLD | told, INSTALLED | installed, WANTED | wanted, {"argocd": DIGEST})
    assert len(found) == len(said), found
    assert all(part in text for part, text in zip(said, found, strict=True))

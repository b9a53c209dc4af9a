"""A bare control plane on loopback: etcd and kube-apiserver, no node. Real admission and server-side apply in 3 s."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pov.base import variables
from pov.base.errors import Transient
from pov.base.paths import cache_root
from pov.base.ports import free_ports
from pov.base.process import run
from pov.base.wait import Pending, wait_for
from pov.bundle import require_current
from pov.engines.container_choice import find
from pov.engines.kind import Kind, configuration
from pov.engines.kube import Kube


def engines() -> Path | None:
    """The folder with `kube-apiserver` and `etcd` that the bundle's build left, or `POV_TEST_ENGINES` names, if any."""
    named = os.environ.get("POV_TEST_ENGINES")
    folders = [Path(named)] if named else sorted((cache_root() / "build" / "components").glob("engines-*/bin"))
    found = [folder for folder in folders if (folder / "kube-apiserver").exists() and (folder / "etcd").exists()]
    return found[-1] if found else None


def providers() -> Path:
    """The bundle's mirror with the Terraform provider."""
    return require_current().binaries["terraform-providers"]


@contextmanager
def control_plane(work: Path) -> Iterator[Kube]:
    """Run it for the duration of the block; yields a `Kube` that may do everything."""
    folder = engines()
    if folder is None:
        with _kind_cluster(work) as kube:
            yield kube
        return
    etcd_port, peer_port, port = free_ports(3)
    run(["openssl", "genrsa", "-out", str(work / "sa.key"), "2048"], timeout_s=30, env=variables.given_to("file tool"))
    token = secrets.token_hex(16)
    (work / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n")
    etcd = [
        str(folder / "etcd"),
        f"--data-dir={work}/etcd",
        f"--listen-client-urls=http://127.0.0.1:{etcd_port}",
        f"--advertise-client-urls=http://127.0.0.1:{etcd_port}",
        f"--listen-peer-urls=http://127.0.0.1:{peer_port}",
        "--unsafe-no-fsync",
    ]
    api = [
        str(folder / "kube-apiserver"),
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={work}/certs",
        f"--token-auth-file={work}/tokens.csv",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://127.0.0.1",
        f"--service-account-key-file={work}/sa.key",
        f"--service-account-signing-key-file={work}/sa.key",
        "--service-cluster-ip-range=10.96.0.0/24",
        "--disable-admission-plugins=ServiceAccount",
        "--endpoint-reconciler-type=none",
    ]
    with (work / "log").open("wb") as log:
        processes = [
            subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL) for command in (etcd, api)
        ]
        try:
            kube = Kube(_kubeconfig(work, port, token))
            wait_for(
                "the API server",
                lambda: True if kube.is_up() else Pending((work / "log").read_text()[-300:]),
                timeout_s=60,
                bears=(Transient, OSError),
            )
            yield kube
        finally:
            for process in reversed(processes):
                process.kill()
                process.wait(10)


@contextmanager
def _kind_cluster(work: Path) -> Iterator[Kube]:
    """Where the bundle holds official images there is no program to start: a cluster of its own, ten times slower."""
    bundle, containers = require_current(), find()
    kind = Kind(bundle.binaries["kind"], containers, f"pov-contract-{secrets.token_hex(3)}")
    try:
        config = configuration({}, own_cni=bundle.source != "official", cgroup_v1=containers.info().cgroup_v1)
        kind.create(config, bundle.node_image, work / "kubeconfig", print)
        yield Kube(work / "kubeconfig")
    finally:
        kind.delete(work / "kubeconfig")


def _kubeconfig(work: Path, port: int, token: str) -> Path:
    certificate = work / "certs" / "apiserver.crt"
    wait_for("its certificate", lambda: certificate.exists() or Pending("none"), timeout_s=60)
    path = work / "kubeconfig"
    path.write_text(
        f"""apiVersion: v1
kind: Config
current-context: test
clusters:
- name: test
  cluster: {{server: "https://127.0.0.1:{port}", certificate-authority: {certificate}}}
users:
- name: admin
  user: {{token: {token}}}
contexts:
- name: test
  context: {{cluster: test, user: admin}}
"""
    )
    path.chmod(0o600)
    return path

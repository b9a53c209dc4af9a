"""A bare control plane on loopback: etcd and kube-apiserver, no node. Real admission and server-side apply in 3 s."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pov.base.errors import Transient
from pov.base.paths import cache_root
from pov.base.ports import free_ports
from pov.base.process import run
from pov.base.wait import Pending, wait_for
from pov.engines.kube import Kube


def engines() -> Path | None:
    """The folder that holds `kube-apiserver` and `etcd`: named by a variable, or left by the bundle's build."""
    named = os.environ.get("POV_TEST_ENGINES")
    folders = [Path(named)] if named else sorted(cache_root().glob("b*/**/kube-apiserver"))
    for found in folders:
        folder = found if found.is_dir() else found.parent
        if (folder / "kube-apiserver").exists() and _etcd(folder).exists():
            return folder
    return None


def _etcd(folder: Path) -> Path:
    return next((folder / name for name in ("etcd", "server") if (folder / name).exists()), folder / "etcd")


@contextmanager
def control_plane(folder: Path, work: Path) -> Iterator[Kube]:
    """Run it for the duration of the block; yields a `Kube` that may do everything."""
    etcd_port, peer_port, port = free_ports(3)
    run(["openssl", "genrsa", "-out", str(work / "sa.key"), "2048"], timeout_s=30)
    token = secrets.token_hex(16)
    (work / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n")
    etcd = [
        str(_etcd(folder)),
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
    processes = []
    with (work / "log").open("wb") as log:
        try:
            for command in (etcd, api):
                processes.append(subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL))
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

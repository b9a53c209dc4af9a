"""What goes wrong around `pov` while it works: pods deleted, disks full, clusters that are somebody else's."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from pov.bundle import require_current
from tests.e2e.harness import Environment, containers
from tests.processes import naming

FILLER = "filler"
PLATFORM = (
    ("vault", "vault-0"),
    ("gitea", "gitea"),
    ("argocd", "argocd-application-controller"),
    ("argocd", "argocd-repo-server"),
    ("argocd", "argocd-server"),
)
"""Namespace and beginning of the name of the pods whose loss must not matter."""


class PodDeleter:
    """Deletes each of these pods once, as soon as it runs, from a thread of its own."""

    def __init__(self, environment: Environment, pods: Sequence[tuple[str, str]] = PLATFORM) -> None:
        self.deleted: list[str] = []
        self._environment = environment
        self._left = list(pods)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _work(self) -> None:
        while self._left and not self._ended.wait(0.3):
            if self._environment.home.kubeconfig.exists():
                self._look()

    def _look(self) -> None:
        columns = "custom-columns=NS:.metadata.namespace,NAME:.metadata.name,PHASE:.status.phase"
        listed = self._environment.kubectl("get", "pods", "-A", "--no-headers", "-o", columns, code=None)
        rows = [line.split() for line in listed.out.splitlines()] if listed.code == 0 else []
        for namespace, beginning in list(self._left):
            for there, name, phase in (row for row in rows if len(row) == 3):
                if there == namespace and name.startswith(beginning) and phase == "Running":
                    flags = ("--grace-period=0", "--force", "--wait=false")
                    done = self._environment.kubectl("delete", "pod", "-n", namespace, name, *flags, code=None)
                    if done.code == 0:
                        self.deleted.append(f"{namespace}/{name}")
                        self._left.remove((namespace, beginning))
                    break


@contextmanager
def small_disk(folder: Path, kib: int) -> Iterator[None]:
    """A file system of its own, of `kib` KiB, on `folder`. Needs root, as making a cluster without Docker does."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kib}k,mode=700", "tmpfs", str(folder)]
    subprocess.run(mount, check=True, capture_output=True, timeout=20)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True, timeout=20)


def fill(folder: Path) -> None:
    """Take every byte that is free."""
    with (folder / FILLER).open("ab", buffering=0) as stream:
        for size in (65536, 4096, 1):
            try:
                while True:
                    stream.write(b"x" * size)
            except OSError:
                continue


@contextmanager
def foreign_cluster(name: str) -> Iterator[str]:
    """A container that looks like kind's node of cluster `name` and that `pov` did not make; its id."""
    node = f"{name}-control-plane"
    labels = {"io.x-k8s.kind.cluster": name, "io.x-k8s.kind.role": "control-plane"}
    flags = [part for key, value in labels.items() for part in ("--label", f"{key}={value}")]
    image = require_current().node_image
    argv = ["run", "--detach", "--name", node, *flags, "--network=none", "--entrypoint=sleep", image, "infinity"]
    try:
        yield containers().run(*argv).stdout.strip()
    finally:
        containers().run("rm", "--force", "--time=0", node, check=False)


def orphans(word: str, within_s: float = 0) -> list[str]:
    """Processes whose command line names an environment, those that go on after `within_s` seconds."""
    deadline = time.monotonic() + within_s
    while (found := naming(word)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found

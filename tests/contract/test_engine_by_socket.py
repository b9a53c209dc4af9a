"""A container engine as Docker Desktop offers it, as near as can be made on Linux: behind a socket, with 8 GiB.

The command runs in a group of its own, whose packets reach published ports and nothing else: no container's address,
no registry. Its PATH holds the programs that `pov` asks users for and a few that every POSIX system has, and neither a
package manager nor GNU's tools. What is not like it: files, kernel and processor are this machine's.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from pov.base.paths import cache_root
from pov.base.wait import Pending, wait_for
from pov.bundle import Bundle
from pov.engines.container_choice import podman_configuration
from pov.engines.containers import Containers

pytestmark = [pytest.mark.contract, pytest.mark.apart, pytest.mark.timeout(900)]

REPOSITORY = Path(__file__).parents[2]
GROUP = 54_321
"""Nobody's: packets of the command are told from others by it."""
MEMORY_KIB = 8 * 2**20
NAME = "by-socket"
NODE = f"pov-{NAME}-control-plane"
_PROGRAMS = ("python3", "git", "ssh", "ssh-keygen", "openssl", "podman", "terraform", "sh", "cat", "env", "id", "tar")
_FEWER_BYTES = """
mount --make-private /proc && mount --bind "$1" /proc/meminfo && exec podman system service --time=0 "unix://$2"
"""
"""The service reads the machine's memory in /proc: it gets another file there, which nobody else sees."""
_NOT_A_PUBLISHED_PORT = (
    "OUTPUT", "!", "-o", "lo", "-m", "owner", "--gid-owner", str(GROUP), "-m", "conntrack", "!", "--ctstate", "DNAT",
    "-j", "REJECT",
)  # fmt: skip


class Pov:
    """The command, with the engine behind the socket and few programs on its PATH."""

    def __init__(self, folder: Path, engine: Path) -> None:
        programs, cache = folder / "bin", folder / "cache"
        programs.mkdir()
        for name in _PROGRAMS:
            found = sys.executable if name == "python3" else shutil.which(name)
            # Without Terraform the bundle has OpenTofu.
            assert found is not None or name == "terraform", name
            if found is not None:
                (programs / name).symlink_to(found)
        cache.mkdir()
        # All but what is known of engines, which is this machine's user's.
        for path in cache_root().iterdir():
            if path.name != "containers":
                (cache / path.name).symlink_to(path)
        self._folder = folder
        self._env = {
            "PATH": str(programs),
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "LANG": "C.UTF-8",
            "CONTAINER_HOST": f"unix://{engine}",
            "POV_CACHE": str(cache),
            "PYTHONPATH": str(REPOSITORY),
        }

    def run(self, *argv: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
        """A command in these surroundings."""
        return subprocess.run(
            argv, cwd=self._folder, env=self._env, group=GROUP, extra_groups=[], capture_output=True, text=True,
            check=False, timeout=timeout_s,
        )  # fmt: skip

    def __call__(self, *arguments: str, codes: tuple[int, ...] = (0,), timeout_s: float = 420) -> Any:
        done = self.run(sys.executable, "-m", "pov", "--json", *arguments, "--name", NAME, timeout_s=timeout_s)
        said = f"{' '.join(arguments)} -> {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        assert done.returncode in codes, said
        return json.loads(done.stdout)


@contextmanager
def _service(folder: Path, stack: ExitStack) -> Iterator[Path]:
    """Podman's service on a socket, which says that it has 8 GiB."""
    listening, memory, configuration = folder / "engine.sock", folder / "meminfo", folder / "containers.conf"
    rows = {"MemTotal": MEMORY_KIB, "MemFree": MEMORY_KIB, "MemAvailable": MEMORY_KIB, "SwapTotal": 0, "SwapFree": 0}
    memory.write_text("".join(f"{name}: {kib} kB\n" for name, kib in rows.items()))
    configuration.write_text(podman_configuration())
    argv = ["unshare", "--mount", "--propagation", "unchanged", "sh", "-ec", _FEWER_BYTES, "service"]
    said = stack.enter_context((folder / "service.log").open("w"))
    process = subprocess.Popen(
        [*argv, str(memory), str(listening)],
        env={**os.environ, "CONTAINERS_CONF": str(configuration)}, stdout=said, stderr=said,
    )  # fmt: skip

    def answers() -> bool | Pending:
        assert process.poll() is None, (folder / "service.log").read_text()
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(listening)) == 0 or Pending("the service does not listen")

    try:
        wait_for("podman's service", answers, timeout_s=30)
        yield listening
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


@contextmanager
def _published_ports_only() -> Iterator[None]:
    added = []
    try:
        for program in ("iptables", "ip6tables"):
            subprocess.run([program, "-w", "-I", *_NOT_A_PUBLISHED_PORT], check=True, timeout=30)
            added.append(program)
        yield
    finally:
        for program in added:
            subprocess.run([program, "-w", "-D", *_NOT_A_PUBLISHED_PORT], check=True, timeout=30)


@pytest.fixture
def pov(bundle: Bundle, containers: Containers) -> Iterator[Pov]:
    """The command; whatever happens, no rule and no container is left."""
    if containers.kind != "podman":
        pytest.fail("the engine behind the socket is Podman")
    with ExitStack() as stack:
        # Not pytest's folder: a socket's path is 107 bytes at most.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pov-socket-")))
        stack.callback(containers.remove, NODE)
        engine = stack.enter_context(_service(folder, stack))
        stack.enter_context(_published_ports_only())
        yield Pov(folder, engine)


_CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5)"


def test_room_is_what_the_engine_says_it_has(pov: Pov) -> None:
    told = json.loads(pov.run("podman", "info", "--format", "json", timeout_s=60).stdout)["host"]
    assert told["serviceIsRemote"] is True
    assert told["memTotal"] == MEMORY_KIB * 1024
    refused = pov("up", "gitops-35", "--services", "200", codes=(3,), timeout_s=120)
    message = refused["error"]["message"]
    assert "and 8.0 GiB can be had" in message
    assert "give podman's machine more" in refused["error"]["fix"]


@pytest.mark.matrix
def test_an_environment_by_a_socket_and_published_ports_alone(pov: Pov, containers: Containers) -> None:
    told = json.loads(pov.run("podman", "info", "--format", "json", timeout_s=60).stdout)["host"]
    assert told["serviceIsRemote"] is True
    assert told["memTotal"] == MEMORY_KIB * 1024

    up = pov("up", "quickstart")
    assert up["changed"] is True
    address = containers.inspect(NODE)["NetworkSettings"]["Networks"]["kind"]["IPAddress"]
    # The test itself gets there; the command does not.
    with socket.create_connection((address, 6443), timeout=5):
        pass
    refused = pov.run(sys.executable, "-c", _CONNECT, address, "6443", timeout_s=30)
    assert "Connection refused" in refused.stderr

    assert pov("status")["problems"] == []
    pov("measure", "deploy", "--arm", "manual", "--trials", "1", codes=(0, 5), timeout_s=600)
    assert pov("up", "quickstart")["changed"] is False
    down = pov("down")
    assert f"container {NODE}" in down["removed"]
    assert not containers.exists(NODE)

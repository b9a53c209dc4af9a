"""A container that is killed while a part of it is frozen ends, once that is thawed: on the real engine and kernel."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from pov.base.wait import Pending, wait_for
from pov.engines.containers import Containers
from pov.engines.frozen import FREEZER, thaw

pytestmark = [pytest.mark.contract, pytest.mark.timeout(120)]


def _freeze(container: str, process: int) -> int:
    """Put a process into a group below the container's own and freeze that, as a runtime in a node does for a moment.

    Returns how many groups that are: none where the kernel has the second layout of control groups.
    """
    groups = [Path(folder, "pod") for folder, _, _ in os.walk(FREEZER) if folder.endswith(container)]
    for group in groups:
        group.mkdir()
        (group / "cgroup.procs").write_text(str(process))
        (group / "freezer.state").write_text("FROZEN")
    return len(groups)


def test_what_is_killed_while_it_is_frozen_ends(containers: Containers, image: Callable[[str], str]) -> None:
    name = f"pov-frozen-{uuid4().hex[:8]}"
    argv = ("--name", name, "--network=none", "--entrypoint", "sleep", image("legacy-host"), "600")
    identity = containers.run("run", "--detach", *argv).stdout.strip()
    try:
        found = containers.inspect(name)
        assert found is not None
        process = int(found["State"]["Pid"])
        frozen = _freeze(identity, process)
        containers.run("kill", name, check=False)  # it gives up on what does not end
        assert thaw(identity) == frozen, "killing it thawed nothing below its own group"
        wait_for(
            "the process to be gone",
            lambda: not Path("/proc", str(process)).exists() or Pending("it is there"),
            timeout_s=20,
        )
    finally:
        thaw(identity)
        containers.remove(name)

"""Processes of a container that are frozen while it is killed: in the first layout of control groups they never end.

A runtime inside a node freezes a pod's control group for a moment while it sets it up. Killed in that moment it thaws
nothing, the kernel does not kill what is frozen, and the node's processes stay for good, also once the container engine
has forgotten the container. The second layout has no such state: there the kernel kills what is frozen, too.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

FREEZER = Path("/sys/fs/cgroup/freezer")
_STATE, _THAWED = "freezer.state", "THAWED"


def thaw(container: str, root: Path = FREEZER) -> int:
    """Let all that is frozen in the control groups of a container's id go on; how many groups were frozen.

    Only root may, and only on the machine on which the container runs: for anybody else nothing changes.
    """
    thawed = 0
    for folder, _, files in os.walk(root):
        if container in folder and _STATE in files:
            state = Path(folder, _STATE)
            with suppress(OSError):  # gone by now, or not ours to change
                if state.read_text().strip() != _THAWED:
                    state.write_text(_THAWED)
                    thawed += 1
    return thawed

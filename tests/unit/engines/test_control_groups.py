"""Counters of control groups, by the script that nodes run, on trees of files in both layouts."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pov.base.errors import PovError
from pov.engines.control_groups import _SCRIPT, Counters, Used, parsed

Groups = dict[str, tuple[float, int, int]]
ONE, TWO, THREE = "1" * 64, "a2" * 32, "0f" * 32
SYSTEMD = {
    "kubelet.slice/kubelet-kubepods.slice": (30.0, 9000, 1000),
    f"kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod1_2.slice/cri-containerd-{ONE}.scope": (12.5, 4000, 500),
    f"kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod1_2.slice/cri-containerd-{TWO}.scope": (1.0, 700, 900),
    "system.slice/ssh.service": (7.0, 5, 0),
}
PLAIN = {
    "kubelet/kubepods": (30.0, 9000, 1000),
    f"kubelet/kubepods/burstable/pod1-2/{ONE}": (12.5, 4000, 500),
    f"kubelet/kubepods/burstable/pod1-2/{TWO}": (1.0, 700, 900),
}
WANTED = Counters(Used(50.0, 15000), Used(30.0, 8000), {ONE: Used(12.5, 3500), TWO: Used(1.0, 0)})


def tree(root: Path, layout: str, groups: Groups) -> None:
    """Files as the kernel shows them: processor time, memory, idle file pages of each group."""
    for path, (seconds, held, idle) in {"": (50.0, 20000, 5000), **groups}.items():
        if layout == "v2":
            group = root / path
            group.mkdir(parents=True, exist_ok=True)
            (group / "cpu.stat").write_text(f"usage_usec {seconds * 1e6:.0f}\nuser_usec 1\n")
            (group / "memory.current").write_text(f"{held}\n")
            (group / "memory.stat").write_text(f"anon 1\ninactive_anon 3\ninactive_file {idle}\nactive_file 4\n")
        else:
            (root / "cpuacct" / path).mkdir(parents=True, exist_ok=True)
            (root / "memory" / path).mkdir(parents=True, exist_ok=True)
            (root / "cpuacct" / path / "cpuacct.usage").write_text(f"{seconds * 1e9:.0f}\n")
            (root / "memory" / path / "memory.usage_in_bytes").write_text(f"{held}\n")
            stat = f"cache 1\ninactive_file 77\ntotal_inactive_file {idle}\n"
            (root / "memory" / path / "memory.stat").write_text(stat)
    if layout == "v2":
        (root / "cgroup.controllers").write_text("cpu memory\n")


def said(root: Path) -> str:
    """What the script prints there."""
    env = {**os.environ, "ROOT": str(root)}
    return subprocess.run(["sh", "-c", _SCRIPT], env=env, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("layout", ["v1", "v2"])
@pytest.mark.parametrize("groups", [SYSTEMD, PLAIN], ids=["systemd", "plain"])
def test_both_layouts_under_both_drivers(tmp_path: Path, layout: str, groups: Groups) -> None:
    tree(tmp_path, layout, groups)
    assert parsed(said(tmp_path)) == WANTED


def test_a_group_that_goes_while_it_is_read_is_left_out(tmp_path: Path) -> None:
    tree(tmp_path, "v2", SYSTEMD)
    gone = tmp_path / f"kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod9.slice/cri-containerd-{THREE}.scope"
    gone.mkdir(parents=True)
    assert parsed(said(tmp_path)) == WANTED


@pytest.mark.parametrize(
    "text",
    ["", "v1\n", "v3\nnode 1 2 3\nkubepods 1 2 3\n", "v2\nnode 1 2 3\n", "v2\nnode 1 2\nkubepods 1 2 3\n",
     "v2\nnode x 2 3\nkubepods 1 2 3\n", "sh: 1: find: not found\n"],
)  # fmt: skip
def test_what_cannot_be_read_is_an_error_with_what_was_said(text: str) -> None:
    with pytest.raises(PovError, match="cannot be read") as caught:
        parsed(text)
    assert text[:20].splitlines()[:1] == [] or text.splitlines()[0] in caught.value.cause

"""What is frozen in a container's control groups, on a tree of files as the kernel shows it."""

from __future__ import annotations

from pathlib import Path

from pov.engines.frozen import thaw

OURS, OTHERS = "4d" * 32, "5e" * 32


def test_only_what_is_frozen_in_that_container_goes_on(tmp_path: Path) -> None:
    pod = "kubelet.slice/kubelet-kubepods.slice/cri-containerd-1.scope"
    groups = {
        f"libpod_parent/libpod-{OURS}": "THAWED",
        f"libpod_parent/libpod-{OURS}/{pod}": "FROZEN",
        f"libpod_parent/libpod-{OURS}/{pod}/freezing": "FREEZING",
        f"libpod_parent/libpod-{OTHERS}/{pod}": "FROZEN",
        "": "",
    }
    for group, state in groups.items():
        (tmp_path / group).mkdir(parents=True, exist_ok=True)
        (tmp_path / group / "freezer.state").write_text(f"{state}\n")
    assert thaw(OURS, tmp_path) == 2
    states = {group: (tmp_path / group / "freezer.state").read_text().strip() for group in groups}
    assert {group for group, state in states.items() if state == "FROZEN"} == {f"libpod_parent/libpod-{OTHERS}/{pod}"}
    assert states[""] == ""
    assert thaw(OURS, tmp_path) == 0


def test_where_there_is_no_such_layout_nothing_is_done(tmp_path: Path) -> None:
    assert thaw(OURS, tmp_path / "freezer") == 0


def test_a_state_that_is_not_ours_to_change_is_left(tmp_path: Path) -> None:
    (tmp_path / OURS / "freezer.state").mkdir(parents=True)  # reads and writes fail, as they do for another user
    (tmp_path / OURS / "below").mkdir()
    (tmp_path / OURS / "below" / "freezer.state").write_text("FROZEN\n")
    assert thaw(OURS, tmp_path) == 1

"""Whether Git holds a file: yes, no, and a repository that does not tell."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pov.base.errors import NotFound, PovError
from pov.engines.history import is_held


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, timeout=30)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file two folders below a new repository, which does not hold it yet."""
    path = tmp_path / "top" / "a" / "b" / "kubeconfig"
    path.parent.mkdir(parents=True)
    path.write_text("clusters: []\n")
    git(tmp_path / "top", "init", "--quiet")
    return path


def top_of(file: Path) -> Path:
    return file.parents[2]


def test_a_file_in_no_repository_is_not_held(tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").write_text("")
    assert is_held(tmp_path / "kubeconfig") is False


def test_a_file_is_held_from_when_it_is_added_on(file: Path) -> None:
    assert is_held(file) is False
    git(top_of(file), "add", "--force", str(file))
    assert is_held(file) is True
    file.write_text("changed since\n")
    assert is_held(file) is True


def test_a_folder_that_a_link_leads_to_is_looked_at_where_it_lies(file: Path, tmp_path: Path) -> None:
    git(top_of(file), "add", "--force", str(file))
    (tmp_path / "elsewhere").symlink_to(file.parent)
    assert is_held(tmp_path / "elsewhere" / "kubeconfig") is True


def spoilt_index(top: Path) -> None:
    (top / ".git" / "index").write_bytes(b"no index at all")


def spoilt_settings(top: Path) -> None:
    (top / ".git" / "config").write_text("[core\n")


def without_a_head(top: Path) -> None:
    (top / ".git" / "HEAD").unlink()


def leads_nowhere(top: Path) -> None:
    (top / ".git").rename(top / "moved")
    (top / ".git").write_text("gitdir: /nowhere/at/all\n")


@pytest.mark.parametrize("spoil", [spoilt_index, spoilt_settings, without_a_head, leads_nowhere])
def test_a_repository_that_cannot_be_read_is_told_and_not_taken_for_a_no(
    spoil: Callable[[Path], None], file: Path
) -> None:
    git(top_of(file), "add", "--force", str(file))
    spoil(top_of(file))
    with pytest.raises(PovError, match="Git cannot tell whether it holds") as told:
        is_held(file)
    assert "fatal" in told.value.cause
    assert told.value.fix


def test_a_repository_without_git_at_hand_is_told(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotFound):
        is_held(file)

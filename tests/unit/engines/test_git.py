"""Clones of a repository on this disk. What needs a server, logins and TLS are in the contract suite."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pov.base.errors import PovError, Transient
from pov.engines import git as engine
from pov.engines.git import ConfigRepo, Remote


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    bare = tmp_path / "server.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(bare)], check=True, timeout=20)
    return Remote(str(bare), "pov", tmp_path / "token", tmp_path / "ca.crt")


def test_an_empty_repository_gives_an_empty_copy(tmp_path: Path, remote: Remote) -> None:
    repo = ConfigRepo.open(tmp_path / "w" / "copy", remote)
    assert repo.head is None
    assert repo.files() == {}
    assert repo.subject() == ""
    assert not repo.is_changed()
    with pytest.raises(PovError, match="empty"):
        repo.commit("Nothing")


def test_what_was_pushed_is_there_for_the_next_one(tmp_path: Path, remote: Remote) -> None:
    first = ConfigRepo.open(tmp_path / "one" / "copy", remote)
    first.write("stages/dev/a.yaml", "a: 1\n")
    assert first.is_changed()
    commit = first.commit("Begin")
    assert first.commit("Again") == commit
    assert first.push("prod") == commit
    second = ConfigRepo.open(tmp_path / "two" / "copy", remote)
    assert second.files() == {"stages/dev/a.yaml": "a: 1\n"}
    assert (second.head, second.remote_head("prod"), second.subject()) == (commit, commit, "Begin")
    assert second.is_part_of("prod")
    assert not second.is_part_of("nowhere")
    second.write("stages/dev/a.yaml", "a: 2\n")
    later = second.commit("Go on")
    second.push()
    assert not second.is_part_of("prod")
    first.refresh()
    assert (first.head, first.read("stages/dev/a.yaml")) == (later, "a: 2\n")


def test_local_changes_and_half_clones_are_dropped(tmp_path: Path, remote: Remote) -> None:
    folder = tmp_path / "w" / "copy"
    repo = ConfigRepo.open(folder, remote)
    repo.write("a", "1")
    repo.commit("One")
    repo.push()
    repo.write("a", "2")
    repo.write("b", "2")
    repo.commit("Two, never pushed")
    repo.write("c", "3")
    assert ConfigRepo.open(folder, remote).files() == {"a": "1"}
    (folder / ".git" / "index.lock").touch()
    assert ConfigRepo.open(folder, remote).files() == {"a": "1"}
    (folder / ".git" / "HEAD").write_text("garbage")
    assert ConfigRepo.open(folder, remote).files() == {"a": "1"}
    (folder / ".git" / "objects").rename(folder / ".git" / "gone")
    assert ConfigRepo.open(folder, remote).files() == {"a": "1"}


def test_a_copy_of_another_server_becomes_one_of_this(tmp_path: Path, remote: Remote) -> None:
    folder = tmp_path / "w" / "copy"
    repo = ConfigRepo.open(folder, Remote(remote.url + "/", "pov", tmp_path, tmp_path))
    repo.write("a", "1")
    repo.commit("One")
    repo.push()
    assert ConfigRepo.open(folder, remote).files() == {"a": "1"}
    assert remote.url in (folder / ".git/config").read_text()


def test_managed_files_are_replaced_and_others_stay(tmp_path: Path, remote: Remote) -> None:
    repo = ConfigRepo.open(tmp_path / "w" / "copy", remote)
    for path in ("stages/dev/old.yaml", "stages/dev/same.yaml", "docs/theirs.md"):
        repo.write(path, "x\n")
    repo.commit("Begin")
    repo.replace({"stages/dev/same.yaml": "x\n", "stages/qa/new.yaml": "y\n"}, ("stages/", "README.md"))
    assert repo.files() == {"docs/theirs.md": "x\n", "stages/dev/same.yaml": "x\n", "stages/qa/new.yaml": "y\n"}


def test_a_missing_file_is_told(tmp_path: Path, remote: Remote) -> None:
    with pytest.raises(PovError, match=r"no stages/dev/x\.yaml"):
        ConfigRepo.open(tmp_path / "w" / "copy", remote).read("stages/dev/x.yaml")


def test_history_is_not_overwritten(tmp_path: Path, remote: Remote) -> None:
    one, two = (ConfigRepo.open(tmp_path / name / "copy", remote) for name in ("one", "two"))
    for repo in (one, two):
        repo.write("a", str(repo.folder))
        repo.commit("Mine")
    one.push()
    with pytest.raises(PovError, match="push") as caught:
        two.push()
    assert "rejected" in caught.value.cause


def test_the_users_own_git_is_not_asked(tmp_path: Path, remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    (home / "hooks").mkdir(parents=True)
    (home / "hooks" / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (home / "hooks" / "pre-commit").chmod(0o755)
    (home / ".gitconfig").write_text(
        f"[user]\n\tname = somebody\n[core]\n\thooksPath = {home}/hooks\n[commit]\n\tgpgSign = true\n"
        f"[init]\n\tdefaultBranch = trunk\n\ttemplateDir = {home}\n"
        f'[url "https://nowhere.invalid/"]\n\tinsteadOf = {tmp_path}\n'
    )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "somebody")
    repo = ConfigRepo.open(tmp_path / "w" / "copy", remote)
    repo.write("a", "1")
    repo.commit("One")
    repo.push()
    assert repo._call("log", "-1", "--format=%an %ae %cn", "HEAD") == "pov pov@pov.dev pov"


def test_the_token_is_told_by_a_helper_and_stands_nowhere(tmp_path: Path, remote: Remote) -> None:
    remote.token_file.write_text("a-token-of-mine")
    repo = ConfigRepo.open(tmp_path / "w" / "copy", remote)
    repo.write("a", "1")
    repo.commit("One")
    helper = tmp_path / "w" / "git-home" / "askpass"
    environment = {"POV_GIT_USER": "pov", "POV_GIT_TOKEN_FILE": str(remote.token_file), "PATH": "/usr/bin:/bin"}
    said = [
        subprocess.run([str(helper), prompt], env=environment, check=True, capture_output=True, text=True, timeout=20)
        for prompt in ("Username for 'https://127.0.0.1':", "Password for 'https://pov@127.0.0.1':")
    ]
    assert [done.stdout.strip() for done in said] == ["pov", "a-token-of-mine"]
    assert helper.stat().st_mode & 0o777 == 0o700
    files = [path for path in (tmp_path / "w").rglob("*") if path.is_file()]
    assert not [path for path in files if b"a-token-of-mine" in path.read_bytes()]


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("fatal: unable to access 'x': Failed to connect to 127.0.0.1 port 1", Transient),
        ("error: RPC failed; HTTP 502\nfatal: the remote end hung up unexpectedly", Transient),
        ("fatal: Authentication failed for 'x'", PovError),
        ("server certificate verification failed. CAfile: /x CRLfile: none", PovError),
    ],
)
def test_errors_that_may_pass_are_told_apart(said: str, error: type[PovError]) -> None:
    def fail() -> None:
        raise engine.GitCommandError(["git", "push", "--quiet"], 128, said)

    with pytest.raises(PovError) as caught:
        engine._translated(fail)
    assert type(caught.value) is error
    assert "`git push --quiet`" in caught.value.message
    assert said.splitlines()[0] in caught.value.cause


def test_a_server_that_is_not_there_may_come(tmp_path: Path) -> None:
    remote = Remote("https://127.0.0.1:9/pov/x.git", "pov", tmp_path / "token", tmp_path / "ca.crt")
    with pytest.raises(PovError) as caught:
        ConfigRepo.open(tmp_path / "w" / "copy", remote)
    assert isinstance(caught.value, Transient) or "CAfile" in caught.value.cause

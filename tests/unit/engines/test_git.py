"""Clones of a repository on this disk. What needs a server, logins and TLS are in the contract suite."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import PovError, Transient
from pov.base.process import Completed, run
from pov.engines import git_command
from pov.engines.git import ConfigRepo
from pov.engines.git_command import Remote


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    bare = tmp_path / "server.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(bare)], check=True, timeout=20)
    return Remote(str(bare), "pov", tmp_path / "token", tmp_path / "ca.crt")


def held(repo: ConfigRepo) -> dict[str, str]:
    """Every file that is in Git, by path."""
    return repo.files(repo.paths())


def test_an_empty_repository_gives_an_empty_copy(tmp_path: Path, remote: Remote) -> None:
    repo = ConfigRepo.open(tmp_path / "w" / "copy", remote)
    assert repo.head is None
    assert held(repo) == {}
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
    assert held(second) == {"stages/dev/a.yaml": "a: 1\n"}
    assert (second.head, second.remote_head("prod"), second.subject()) == (commit, commit, "Begin")
    assert second.server_heads() == {"main": commit, "prod": commit}
    assert second.is_part_of("prod")
    assert not second.is_part_of("nowhere")
    second.write("stages/dev/a.yaml", "a: 2\n")
    later = second.commit("Go on")
    second.push()
    assert not second.is_part_of("prod")
    first.refresh()
    assert (first.head, first.read("stages/dev/a.yaml")) == (later, "a: 2\n")


def test_a_bundle_holds_every_branch_and_needs_no_server(tmp_path: Path, remote: Remote) -> None:
    repo = ConfigRepo.open(tmp_path / "w" / "copy", remote)
    repo.write("stages/prod/a.yaml", "a: 1\n")
    first = repo.commit("Begin")
    repo.push("prod")
    repo.write("stages/prod/a.yaml", "a: 2\n")
    second = repo.commit("Go on")
    repo.push()
    repo.bundle(tmp_path / "configuration.bundle")
    subprocess.run(["rm", "-rf", str(tmp_path / "server.git")], check=True)
    clone = ["git", "clone", "--quiet", str(tmp_path / "configuration.bundle"), str(tmp_path / "clone")]
    subprocess.run(clone, check=True, timeout=20)
    asked = ["git", "-C", str(tmp_path / "clone"), "rev-parse", "origin/main", "origin/prod"]
    told = subprocess.run(asked, check=True, timeout=20, capture_output=True, text=True).stdout.split()
    assert told == [second, first]
    assert sorted(path.name for path in (tmp_path / "w").iterdir()) == ["copy", "git-home"], "nothing is left lying"


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
    assert held(ConfigRepo.open(folder, remote)) == {"a": "1"}
    (folder / ".git" / "index.lock").touch()
    assert held(ConfigRepo.open(folder, remote)) == {"a": "1"}
    (folder / ".git" / "HEAD").write_text("garbage")
    assert held(ConfigRepo.open(folder, remote)) == {"a": "1"}
    (folder / ".git" / "objects").rename(folder / ".git" / "gone")
    assert held(ConfigRepo.open(folder, remote)) == {"a": "1"}


def test_a_copy_of_another_server_becomes_one_of_this(tmp_path: Path, remote: Remote) -> None:
    folder = tmp_path / "w" / "copy"
    repo = ConfigRepo.open(folder, Remote(remote.url + "/", "pov", tmp_path, tmp_path))
    repo.write("a", "1")
    repo.commit("One")
    repo.push()
    assert held(ConfigRepo.open(folder, remote)) == {"a": "1"}
    assert remote.url in (folder / ".git/config").read_text()


def test_a_copy_that_is_up_to_date_takes_few_processes(
    tmp_path: Path, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "w" / "copy"
    repo = ConfigRepo.open(folder, remote)
    repo.write("a", "1")
    repo.commit("One")
    repo.push("prod")
    ran: list[str] = []

    def counted(argv: list[str], **options: Any) -> Completed:
        ran.append(argv[1])
        return run(argv, **options)

    monkeypatch.setattr(git_command, "run", counted)
    again = ConfigRepo.open(folder, remote)
    again.replace({"a": "1"}, lambda path: True)
    assert not again.is_changed()
    assert (again.head, again.remote_head(), again.remote_head("prod")) == (repo.head,) * 3
    assert again.subject() == "One"
    assert again.is_part_of("prod")
    assert ran == ["config", "fetch", "for-each-ref", "checkout", "ls-files", "clean", "status", "log"]


def test_a_folder_of_somebodys_repository_is_not_taken_for_a_copy(tmp_path: Path, remote: Remote) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "w")], check=True, timeout=20)
    (tmp_path / "w" / "theirs").write_text("x")
    (tmp_path / "w" / "copy" / ".git").mkdir(parents=True)
    repo = ConfigRepo.open(tmp_path / "w" / "copy", remote)
    repo.write("a", "1")
    repo.commit("One")
    repo.push()
    assert repo.paths() == ["a"]
    assert (tmp_path / "w" / "theirs").exists()
    assert "remote" not in (tmp_path / "w" / ".git" / "config").read_text()


def test_settings_that_somebody_doubled_are_put_right(tmp_path: Path, remote: Remote) -> None:
    folder = tmp_path / "w" / "copy"
    ConfigRepo.open(folder, remote)
    with (folder / ".git" / "config").open("a") as stream:
        stream.write('[remote "origin"]\n\turl = https://nowhere.invalid/x.git\n')
    repo = ConfigRepo.open(folder, remote)
    repo.write("a", "1")
    repo.commit("One")
    repo.push()
    assert "nowhere" not in (folder / ".git" / "config").read_text()


def test_a_managed_file_need_not_be_text(tmp_path: Path, remote: Remote) -> None:
    repo = ConfigRepo.open(tmp_path / "w" / "copy", remote)
    for changes in (True, False):
        repo.replace({"list": b"\x00\xff\n"}, lambda path: path == "list")
        assert repo.is_changed() is changes
        if changes:
            repo.commit("Bring")
    assert (repo.folder / "list").read_bytes() == b"\x00\xff\n"


def test_managed_files_are_replaced_and_others_stay(tmp_path: Path, remote: Remote) -> None:
    repo = ConfigRepo.open(tmp_path / "w" / "copy", remote)
    for path in ("stages/dev/old.yaml", "stages/dev/same.yaml", "docs/theirs.md"):
        repo.write(path, "x\n")
    repo.commit("Begin")
    wanted = {"stages/dev/same.yaml": "x\n", "stages/qa/new.yaml": "y\n"}
    repo.replace(wanted, lambda path: path.startswith("stages/"))
    repo.commit("Replace")
    assert held(repo) == {"docs/theirs.md": "x\n", "stages/dev/same.yaml": "x\n", "stages/qa/new.yaml": "y\n"}


def committed(tmp_path: Path, remote: Remote, make: Callable[[Path], None]) -> None:
    """Somebody else's commit, with a Git of their own."""
    folder = tmp_path / "theirs"
    git = ["git", "-C", str(folder), "-c", "user.name=they", "-c", "user.email=they@example.com"]
    subprocess.run(["git", "clone", "--quiet", remote.url, str(folder)], check=True, timeout=20, capture_output=True)
    subprocess.run([*git, "checkout", "--quiet", "-B", "main"], check=True, timeout=20)
    make(folder)
    subprocess.run([*git, "add", "--all", "--force"], check=True, timeout=20)
    subprocess.run([*git, "commit", "--quiet", "--message", "Theirs"], check=True, timeout=20)
    subprocess.run([*git, "push", "--quiet", "origin", "HEAD:main"], check=True, timeout=20)


def in_git(remote: Remote, *arguments: str) -> bytes:
    command = ["git", "-C", remote.url, "-c", "core.quotePath=false", *arguments]
    return subprocess.run(command, check=True, timeout=20, capture_output=True).stdout


PICTURE = b"\x89PNG\r\n\x1a\n\x00\xff\xfe\r\n"
OURS = {"README.md": "ours\n", "services/till/service.yaml": "kind: Service\n", "stages/dev/topology.json": "{}\n"}


def _page(folder: Path) -> None:
    """A page full of what people keep in repositories, beside what is ours."""
    for path, content in {
        "logo.png": PICTURE,
        "stages/dev/logo.png": PICTURE,
        "stages/dev/latin-1.txt": "Größe".encode("latin-1"),
        "services/notes.txt": b"one\r\ntwo\r\n",
        "docs/ünï cödé \n.md": b"x",
        "huge.bin": b"\0" * 8_000_000,
        ".gitignore": b"*.json\nservices/\n*.md\n",
        ".gitattributes": b"*.yaml text eol=crlf\n*.json working-tree-encoding=UTF-16 text\n*.md filter=lfs\n* ident\n",
        ".gitmodules": b'[submodule "vendor"]\n\tpath = vendor\n\turl = https://nowhere.invalid/x.git\n',
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    (folder / os.fsdecode(b"docs/latin-\xe9.md")).write_bytes(b"x")
    (folder / "away").symlink_to("/etc/passwd")
    (folder / "nowhere").symlink_to("missing")
    _submodule(folder, "vendor")


def _submodule(folder: Path, path: str) -> None:
    entry = f"160000,{'1' * 40},{path}"
    (folder / path).mkdir(parents=True)
    subprocess.run(["git", "-C", str(folder), "update-index", "--add", "--cacheinfo", entry], check=True, timeout=20)


def test_other_peoples_files_stay_as_they_are_byte_for_byte(tmp_path: Path, remote: Remote) -> None:
    committed(tmp_path, remote, _page)
    before = in_git(remote, "ls-tree", "-r", "-z", "main").split(b"\0")
    folder = tmp_path / "w" / "copy"
    for ours in (OURS, {**OURS, "README.md": "$Id$ other\n"}):
        repo = ConfigRepo.open(folder, remote)
        repo.replace(ours, OURS.__contains__)
        assert repo.is_changed()
        repo.commit("Ours")
        repo.push()
        fresh = ConfigRepo.open(folder, remote)
        assert fresh.files(OURS) == ours
        fresh.replace(ours, OURS.__contains__)
        assert not fresh.is_changed()
        after = in_git(remote, "ls-tree", "-r", "-z", "main").split(b"\0")
        assert set(before) <= set(after)
        assert len(after) == len(before) + len(OURS)
    assert in_git(remote, "show", "main:stages/dev/topology.json") == b"{}\n"


def _put(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _file_for_a_folder(folder: Path) -> None:
    (folder / "services").write_bytes(PICTURE)


def _folder_for_a_file(folder: Path) -> None:
    (folder / "README.md").mkdir()
    (folder / "README.md" / "logo.png").write_bytes(PICTURE)


def _link_for_a_file(folder: Path) -> None:
    (folder / "README.md").symlink_to(folder.parent / "outside" / "file")


def _link_for_a_folder(folder: Path) -> None:
    (folder / "services").symlink_to(folder.parent / "outside")


def _module_for_a_folder(folder: Path) -> None:
    _submodule(folder, "services/till")


def _picture_for_a_file(folder: Path) -> None:
    (folder / "README.md").write_bytes(PICTURE)


IN_THE_WAY = (
    *(_file_for_a_folder, _folder_for_a_file, _link_for_a_file),
    *(_link_for_a_folder, _module_for_a_folder, _picture_for_a_file),
)


@pytest.mark.parametrize("make", IN_THE_WAY)
def test_what_lies_where_ours_belongs_gives_way_and_nothing_outside_is_touched(
    tmp_path: Path, remote: Remote, make: Callable[[Path], None]
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("theirs")
    committed(tmp_path, remote, make)
    folder = tmp_path / "w" / "copy"
    repo = ConfigRepo.open(folder, remote)
    repo.replace(OURS, OURS.__contains__)
    repo.commit("Ours")
    repo.push()
    assert ConfigRepo.open(folder, remote).files(OURS) == OURS
    listed = in_git(remote, "ls-tree", "-r", "main").decode().splitlines()
    assert {line.split("\t")[1]: line.split()[0] for line in listed} == dict.fromkeys(OURS, "100644")
    assert [path.name for path in outside.iterdir()] == ["file"]
    assert (outside / "file").read_text() == "theirs"


def test_links_that_an_older_copy_holds_are_not_followed(tmp_path: Path, remote: Remote) -> None:
    committed(tmp_path, remote, _link_for_a_folder)
    folder = tmp_path / "w" / "copy"
    command = ["git", "clone", "--quiet", "--branch", "main", remote.url, str(folder)]
    subprocess.run(command, check=True, timeout=20, capture_output=True)
    assert (folder / "services").is_symlink()
    ConfigRepo.open(folder, remote)
    assert not (folder / "services").is_symlink()
    assert (folder / "services").is_file()


@pytest.mark.parametrize(
    ("content", "said"),
    [(PICTURE, "is not text"), (b"x" * (4 * 2**20 + 1), "longer than 4 MiB"), ("x: ö".encode("utf-16"), "is not text")],
)
def test_a_file_of_ours_that_is_no_text_is_told_by_name(
    tmp_path: Path, remote: Remote, content: bytes, said: str
) -> None:
    committed(tmp_path, remote, lambda folder: _put(folder / "policy.yaml", content))
    repo = ConfigRepo.open(tmp_path / "w" / "copy", remote)
    with pytest.raises(PovError, match=said) as caught:
        repo.files(["policy.yaml", "missing"])
    assert "policy.yaml" in caught.value.message
    assert "mend policy.yaml" in caught.value.fix


LOCKS = ("index.lock", "HEAD.lock", "config.lock", "packed-refs.lock", "refs/remotes/origin/main.lock", "shallow.lock")


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_that_a_killed_git_left_behind_stops_nobody(tmp_path: Path, remote: Remote, lock: str) -> None:
    folder = tmp_path / "w" / "copy"
    for number in ("1", "2"):
        repo = ConfigRepo.open(folder, remote)
        repo.write("a", number)
        repo.commit("Go on")
        repo.push()
        (folder / ".git" / lock).parent.mkdir(parents=True, exist_ok=True)
        (folder / ".git" / lock).touch()
    other = ConfigRepo.open(tmp_path / "other" / "copy", remote)
    other.write("b", "3")
    other.commit("Theirs")
    other.push()
    repo = ConfigRepo.open(folder, remote)
    assert held(repo) == {"a": "2", "b": "3"}


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
    told = git_command._translated(git_command.GitCommandError(["git", "push", "--quiet"], 128, said))
    assert type(told) is error
    assert "`git push --quiet`" in told.message
    assert said.splitlines()[0] in told.cause


def test_a_server_that_is_not_there_may_come(tmp_path: Path) -> None:
    remote = Remote("https://127.0.0.1:9/pov/x.git", "pov", tmp_path / "token", tmp_path / "ca.crt")
    with pytest.raises(PovError) as caught:
        ConfigRepo.open(tmp_path / "w" / "copy", remote)
    assert isinstance(caught.value, Transient) or "CAfile" in caught.value.cause


def test_a_person_edits_commits_and_pushes_in_a_shell_of_the_copy(tmp_path: Path, remote: Remote) -> None:
    repo = ConfigRepo.open(tmp_path / "w" / "copy", remote)
    repo.write("stages/staging/kustomization.yaml", "newTag: old\n")
    before = repo.commit("Begin")
    repo.push()
    place = repo.workplace("sam")
    typed = "cd stages && sed -i s/old/new/ staging/kustomization.yaml && git commit -qam 'By hand' && git push -q"
    done = run([place.argv[0], "-c", typed], timeout_s=30, env=place.env, cwd=place.folder)
    assert done.code == 0
    other = ConfigRepo.open(tmp_path / "other" / "copy", remote)
    assert held(other) == {"stages/staging/kustomization.yaml": "newTag: new\n"}
    assert (other.subject(), other.head != before) == ("By hand", True)
    bare = ["git", "-C", remote.url, "log", "-1", "--format=%an %cn", "main"]
    assert subprocess.run(bare, check=True, capture_output=True, text=True, timeout=20).stdout == "sam sam\n"
    # The next one to open the copy finds it as the server has it, and nothing of the person's workplace in it.
    assert held(ConfigRepo.open(tmp_path / "w" / "copy", remote)) == held(other)


def test_a_commit_is_taken_back_by_one_of_its_own(tmp_path: Path, remote: Remote) -> None:
    repo = ConfigRepo.open(tmp_path / "w" / "copy", remote)
    for text in ("1", "2"):
        repo.write("a", text)
        bad = repo.commit(text)
    repo.write("b", "kept")
    repo.commit("Beside it")
    repo.push()
    repo.revert(bad)
    assert repo.is_changed()
    repo.commit("Revert")
    repo.push()
    again = ConfigRepo.open(tmp_path / "v" / "copy", remote)
    assert (held(again), again.subject()) == ({"a": "1", "b": "kept"}, "Revert")


def test_a_commit_that_later_ones_build_on_is_not_taken_back(tmp_path: Path, remote: Remote) -> None:
    repo = ConfigRepo.open(tmp_path / "w" / "copy", remote)
    commits = []
    for text in ("1", "2", "3"):
        repo.write("a", text)
        commits.append(repo.commit(text))
    with pytest.raises(PovError, match="git revert"):
        repo.revert(commits[1])
    assert not repo.is_changed()
    assert held(repo) == {"a": "3"}
    repo.write("a", "4")
    repo.commit("Going on")
    assert repo.subject() == "Going on"


def test_the_log_of_a_file_tells_merges_as_one_change_and_texts_as_they_were(tmp_path: Path, remote: Remote) -> None:
    begun = datetime.now(UTC) - timedelta(seconds=2)
    repo = ConfigRepo.open(tmp_path / "w" / "copy", remote)
    for path, text in (("a", "1"), ("b", "1"), ("a", "2")):
        repo.write(path, f"{text}\n")
        repo.commit(f"{path} is {text}")
    repo.push()
    repo.write("a", "3\n")
    ours = repo.commit("a is 3")
    repo.push_as("side")
    repo = ConfigRepo.open(tmp_path / "w" / "copy", remote)
    repo._call("merge", "--quiet", "--no-ff", "--message", "Merge it", "origin/side")
    found = repo.log("a", begun)
    assert [(one.author, one.subject) for one in found] == [
        ("pov", "a is 1"),
        ("pov", "a is 2"),
        ("pov", "Merge it"),
    ]
    assert all(begun <= one.when <= datetime.now(UTC) + timedelta(seconds=1) for one in found)
    merge = found[-1].id
    assert merge != ours
    assert (repo.text_at(merge, "a"), repo.text_at(f"{merge}^", "a")) == ("3\n", "2\n")
    assert repo.text_at(f"{found[0].id}^", "a") is None
    assert repo.text_at(merge, "none") is None
    assert repo.log("a", datetime.now(UTC) + timedelta(hours=1)) == ()
    assert "side" in repo.server_heads()


@pytest.mark.parametrize("reached", ["written", "staged", "committed"])
def test_what_a_killed_beginning_left_is_dropped(tmp_path: Path, remote: Remote, reached: str) -> None:
    killed = ConfigRepo.open(tmp_path / "w" / "copy", remote)
    killed.write("stages/dev/kustomization.yaml", "half: true\n")
    if reached == "staged":
        subprocess.run(["git", "-C", str(killed.folder), "add", "--all"], check=True, timeout=20)
    if reached == "committed":
        killed.commit("Never pushed")
    again = ConfigRepo.open(tmp_path / "w" / "copy", remote)
    assert again.files(["stages/dev/kustomization.yaml"]) == {}
    assert (again.head, again.paths(), again.is_changed()) == (None, [], False)
    again.write("stages/dev/a.yaml", "a: 1\n")
    commit = again.commit("Begin")
    again.push()
    assert again.server_heads() == {"main": commit}
    assert held(again) == {"stages/dev/a.yaml": "a: 1\n"}

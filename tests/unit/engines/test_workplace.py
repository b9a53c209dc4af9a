"""Where a person works: what its shells tell, and how that is taken out of their output again."""

from __future__ import annotations

import os
import stat
import subprocess
from functools import partial
from pathlib import Path

import pytest

from pov.base.errors import NotFound
from pov.engines.workplace import CommandBegan, CommandEnded, ShellMarks, at_hosts, at_repository

BEGAN = b"\x1b]7770;t0ken;C;legacy-1\x07"
ENDED = b"\x1b]7770;t0ken;D;legacy-1;3;1\x07"


@pytest.mark.parametrize(
    ("output", "shown", "told"),
    [
        (b"plain\r\n", b"plain\r\n", []),
        (b"a" + BEGAN + b"b" + ENDED + b"c", b"abc", [CommandBegan("legacy-1"), CommandEnded("legacy-1", 3, True)]),
        (b"\x1b]7770;another;D;x;1;0\x07", b"\x1b]7770;another;D;x;1;0\x07", []),
        (b"\x1b]0;title\x07\x1b[31mred", b"\x1b]0;title\x07\x1b[31mred", []),
        (b"\x1b]7770;t0ken;nonsense\x07x", b"\x1b]7770;t0ken;nonsense\x07x", []),
    ],
)
def test_tellings_are_taken_out_in_whatever_pieces_they_come(output: bytes, shown: bytes, told: list[object]) -> None:
    for size in (1, 2, 3, 7, len(output)):
        marks = ShellMarks("t0ken")
        pieces = [marks.feed(output[at : at + size]) for at in range(0, len(output), size)]
        assert b"".join(piece for piece, _ in pieces) == shown
        assert [one for _, some in pieces for one in some] == told


def test_a_workplace_is_private_knows_its_own_ssh_and_keeps_no_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    told = tmp_path / "told"
    (programs / "ssh").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{told}\nexit 3\n')
    (programs / "ssh").chmod(0o700)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("BASH_ENV", "/nonexistent")
    place = at_hosts(tmp_path / "desk", tmp_path / "a folder" / "ssh_config", check="healthy")
    assert stat.S_IMODE(place.folder.stat().st_mode) == 0o700
    assert "unset HISTFILE" in (place.folder / "shellrc").read_text()
    assert "BASH_ENV" not in place.env

    def ssh(*arguments: str) -> tuple[int, list[str]]:
        done = subprocess.run(["ssh", *arguments], env=place.env, check=False, timeout=20)
        return done.returncode, told.read_text().splitlines()

    config = ["-F", str(tmp_path / "a folder" / "ssh_config")]
    assert ssh("legacy-1", "sv restart x") == (3, [*config, "legacy-1", "sv restart x"])
    code, typed = ssh("legacy-1")
    assert code == 0, "how the last command over there ended was told over there"
    assert typed[:4] == [*config, "-t", "legacy-1"]
    assert f"{place.token};D;legacy-1;" in typed[4]
    assert "HISTFILE= " in typed[4]
    assert ssh("-V") == (3, [*config, "-V"])
    (programs / "ssh").write_text("#!/bin/sh\nexit 255\n")
    assert ssh("legacy-1")[0] == 255


def test_the_far_shell_tells_how_commands_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ssh is told to run over there, run here by a plain shell, as sshd would."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "ssh").write_text('#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n')
    (programs / "ssh").chmod(0o700)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    place = at_hosts(tmp_path / "desk", tmp_path / "ssh_config", check="healthy")
    done = subprocess.run(
        ["ssh", "legacy-1"], env=place.env, input=b"false\n\nhealthy 1; false\n", capture_output=True, check=False,
        timeout=20,
    )  # fmt: skip
    _, told = ShellMarks(place.token).feed(done.stdout + done.stderr)
    ended = [one for one in told if isinstance(one, CommandEnded)]
    assert CommandEnded("legacy-1", 1, False) in ended
    assert ended[-1] == CommandEnded("legacy-1", 1, True)


@pytest.mark.parametrize("where", ["hosts", "repository"])
@pytest.mark.parametrize(("typed", "code", "check"), [("false", 1, False), ("healthy 1 || exit 4", 4, True)])
def test_the_near_shell_tells_how_commands_end(tmp_path: Path, where: str, typed: str, code: int, check: bool) -> None:
    if where == "hosts":
        place = at_hosts(tmp_path / "desk", tmp_path / "ssh_config", check="healthy")
    else:
        place = at_repository(tmp_path / "desk", tmp_path, {}, by="sam")
    done = subprocess.run(
        place.argv, env=place.env, cwd=place.folder, input=f"({typed})\n".encode(), capture_output=True, check=False,
        timeout=20,
    )  # fmt: skip
    assert b"syntax error" not in done.stderr
    _, told = ShellMarks(place.token).feed(done.stdout + done.stderr)
    ended = [one for one in told if isinstance(one, CommandEnded)]
    assert CommandEnded("here", code, check and where == "hosts") in ended


def test_programs_in_relative_folders_are_started_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "programs").mkdir()
    for name in ("bash", "ssh", "scp"):
        (tmp_path / "programs" / name).write_text(f"#!/bin/sh\necho {name} is asked\n")
        (tmp_path / "programs" / name).chmod(0o700)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"programs{os.pathsep}{os.environ['PATH']}")
    place = at_hosts(tmp_path / "desk", tmp_path / "ssh_config", check="healthy")
    for argv in (place.argv, ["ssh", "-V"], ["scp", "a", "b:"]):
        done = subprocess.run(
            argv, env=place.env, cwd=place.folder, capture_output=True, text=True, timeout=20, check=True
        )
        assert done.stdout == f"{Path(argv[0]).name} is asked\n"


def test_without_a_shell_that_tells_there_is_no_workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotFound, match="no program"):
        at_hosts(tmp_path / "desk", tmp_path / "ssh_config", check="healthy")


def test_a_shell_in_a_working_copy_commits_as_the_person(tmp_path: Path) -> None:
    repository = tmp_path / "copy"
    run = partial(subprocess.run, check=True, capture_output=True, text=True, timeout=20)
    run(["git", "init", "--quiet", str(repository)])
    env = {"GIT_DIR": str(repository / ".git"), "GIT_COMMITTER_EMAIL": "pov@pov.dev", "GIT_AUTHOR_EMAIL": "pov@pov.dev"}
    place = at_repository(tmp_path / "desk", repository, env, by="sam")
    assert place.folder == repository
    (repository / "deep").mkdir()
    (repository / "deep" / "file").write_text("x")
    script = "cd deep && git add file && git commit --quiet --message x && git log -1 --format=%an"
    assert run([*place.argv[:1], "-c", script], env=place.env, cwd=place.folder).stdout == "sam\n"
    assert {path.name for path in repository.iterdir()} == {".git", "deep"}, "the workplace lies beside it"

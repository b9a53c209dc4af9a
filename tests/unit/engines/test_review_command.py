"""`review` at a reviewer's terminal: what may be said, what it does, and that nothing secret is in it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from pov.base.redact import Secret
from pov.engines import review_command
from pov.engines.gitea_reviews import Reviews
from pov.engines.rest import Refused
from pov.engines.review_command import Answering, main, program
from pov.engines.workplace import at_repository

TOKEN = "t0ken-of-the-desk"


@pytest.fixture
def asked(tmp_path: Path) -> Answering:
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "pull request").write_text("3\n")
    url = "https://127.0.0.1:1"
    return Answering(
        url, tmp_path / "ca.crt", "reviewer", tmp_path / "token", "pov/config", "main", tmp_path / "pull request"
    )


class Server:
    """Notes what is asked for, as whom."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []
        self.refusal: Refused | None = None

    def by_token(self, url: str, ca_path: Path, user: str, token: Secret) -> Server:
        assert (user, token.reveal()) == ("reviewer", TOKEN)
        return self

    def close(self) -> None:
        self.heard.append(("closed",))

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> str:
            self.heard.append((name, *arguments))
            if self.refusal is not None:
                raise self.refusal
            return "4de97ac383b297b1"

        return call


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    monkeypatch.setattr(Reviews, "by_token", made.by_token)
    return made


def say(asked: Answering, *words: str) -> int:
    return main([*(str(getattr(asked, one.name)) for one in fields(asked)), *words])


@pytest.mark.parametrize(
    ("words", "heard", "told"),
    [
        (["approve"], ("approve", "pov/config", 3), "is approved"),
        (["merge"], ("merge", "pov/config", 3), "merged into main: 4de97ac383\n"),
        (["changes", "a typo"], ("send_back", "pov/config", 3, "a typo"), "is sent back"),
        (["refuse", "not today"], ("refuse", "pov/config", 3, "not today"), "closed, not merged"),
    ],
)
def test_what_is_said_is_done(
    asked: Answering, server: Server, capsys: pytest.CaptureFixture[str], words: list[str], heard: Any, told: str
) -> None:
    assert say(asked, *words) == 0
    assert server.heard == [heard, ("closed",)]
    assert told in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [[], ["aprove"], ["approve", "now"], ["changes"], ["changes", " "], ["refuse"], ["merge", "", ""]], ids=str
)
def test_what_it_does_not_know_changes_nothing_and_tells_what_it_knows(
    asked: Answering, server: Server, capsys: pytest.CaptureFixture[str], words: Sequence[str]
) -> None:
    assert say(asked, *words) == 2
    assert server.heard == []
    assert "review approve" in capsys.readouterr().err


def test_what_the_server_refuses_is_told_and_counts_as_failed(
    asked: Answering, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.refusal = Refused("Gitea", "POST merge", 405, "Does not have enough approvals")
    assert say(asked, "merge") == 1
    assert "Does not have enough approvals" in capsys.readouterr().err
    assert ("closed",) in server.heard


def test_before_anything_is_handed_over_there_is_nothing_to_answer(
    asked: Answering, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    asked.pull_request.unlink()
    assert say(asked, "approve") == 1
    assert "there is no pull request to answer yet" in capsys.readouterr().err
    assert server.heard == []


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A server's repository, and a working copy of it beside a pull request that somebody has asked for."""
    there, copy = tmp_path / "there.git", tmp_path / "copy"
    git("init", "--quiet", "--bare", "--initial-branch=main", str(there))
    git("init", "--quiet", "--initial-branch=main", str(copy))
    git("-C", str(copy), "remote", "add", "origin", there.as_uri())
    (copy / "file").write_text("old\n")
    git("-C", str(copy), "add", "file")
    git("-C", str(copy), "commit", "--quiet", "--message", "One")
    git("-C", str(copy), "push", "--quiet", "origin", "main")
    (copy / "file").write_text("new\n")
    git("-C", str(copy), "commit", "--quiet", "--all", "--message", "Two")
    git("-C", str(copy), "push", "--quiet", "origin", "main:refs/pull/3/head")
    git("-C", str(copy), "reset", "--quiet", "--hard", "origin/main")
    return copy


def git(*arguments: str) -> None:
    who = {"GIT_AUTHOR_NAME": "x", "GIT_AUTHOR_EMAIL": "x@pov.dev", "GIT_CONFIG_GLOBAL": os.devnull}
    who |= {"GIT_COMMITTER_NAME": "x", "GIT_COMMITTER_EMAIL": "x@pov.dev", "PATH": os.environ["PATH"]}
    subprocess.run(["git", *arguments], check=True, env=who, timeout=20, capture_output=True)


def test_at_the_terminal_it_is_a_command_that_shows_the_change(
    asked: Answering, repository: Path, tmp_path: Path
) -> None:
    env = {"GIT_DIR": str(repository / ".git"), "GIT_CONFIG_GLOBAL": os.devnull}
    place = at_repository(tmp_path / "desk", repository, env, by="kim", programs={"review": program(asked)})

    def review(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["review", *words], env=place.env, cwd=place.folder, capture_output=True, text=True, check=False, timeout=20
        )

    shown = review("diff")
    assert shown.returncode == 0
    assert "-old\n+new\n" in shown.stdout
    typo = review("dif")
    assert typo.returncode == 2
    assert review_command.usage("main") in typo.stderr
    asked.pull_request.write_text("4\n")
    assert review("diff").returncode != 0
    assert TOKEN not in (tmp_path / "desk" / "bin" / "review").read_text()
    assert TOKEN not in str(place.env)

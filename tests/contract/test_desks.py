"""Two persons at a real Gitea, each in the shell that they get: who may do what, and how a pull request stands."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.wait import Pending, wait_for
from pov.engines.gitea_reviews import Standing
from pov.engines.workplace import Workplace
from pov.state.home import Home
from pov.steps.git import desks, repository, server
from pov.steps.git.desks import AUTHOR, Desks
from pov.steps.trust.passwords import kept
from tests.contract.servers import GiteaServer

pytestmark = [pytest.mark.contract, pytest.mark.timeout(180)]

FILE = "stages/staging/kustomization.yaml"
_NUMBERS = count()


@dataclass
class Office:
    """An environment's Git with its protected branches, and a desk for each of two persons."""

    ctx: Any
    desks: Desks
    author: Workplace
    reviewer: Workplace
    name: str

    def says(self, place: Workplace, command: str) -> subprocess.CompletedProcess[str]:
        argv = [place.argv[0], "-c", command]
        return subprocess.run(
            argv, env=place.env, cwd=place.folder, capture_output=True, text=True, check=False, timeout=60
        )

    def asks(self, text: str, topic: str = "1123ab") -> Standing:
        """The author changes the file and asks for it to be merged, as they are told to."""
        push = f"git push origin HEAD:refs/for/main -o topic={topic}"
        done = self.says(self.author, f"echo '{text}' >{FILE} && git commit --quiet --all --message 'Ask' && {push}")
        assert done.returncode == 0, done.stderr
        found = self.desks.newest()
        assert found is not None
        self.desks.hand_over(found.number)
        return found

    def approves_and_merges(self) -> None:
        """Approvals that Gitea voids while it works off a push are given again, as a person would."""

        def attempt() -> bool | Pending:
            approved = self.says(self.reviewer, "review approve")
            assert approved.returncode == 0, approved.stderr
            merged = self.says(self.reviewer, "review merge")
            return True if merged.returncode == 0 else Pending(merged.stderr)

        wait_for("the merge", attempt, timeout_s=60, interval_s=0.5)


@pytest.fixture
def office(gitea: GiteaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    # A repository of its own for each test: they share a server.
    name = f"desks-{next(_NUMBERS)}-{time.monotonic_ns()}"
    full = f"{gitea.owner}/{name}"
    for module in (desks, repository):
        monkeypatch.setattr(module, "FULL_NAME", full)
        monkeypatch.setattr(module, "NAME", name)
    home = Home(tmp_path / "home")
    home.save_secret(server.TOKEN_FILE, gitea.token)
    trust = SimpleNamespace(ca_path=gitea.ca_path)
    ctx: Any = SimpleNamespace(home=home, trust=trust, url=lambda _: gitea.url)
    owner = server.connect(ctx)
    owner.ensure_user(server.REVIEWER, kept(home, server.password_file(server.REVIEWER)))
    owner.ensure_repository(name, "")
    copy = repository.working_copy(ctx)
    copy.write(FILE, "one\n")
    copy.commit("One")
    copy.push()
    wait_for("the first push", lambda: _filled(owner, full), timeout_s=60, interval_s=0.2)
    made = Desks(ctx)
    made.make_ready()
    yield Office(ctx, made, made.author("sam"), made.reviewer("kim"), full)
    owner.close()


def _filled(owner: Any, full: str) -> bool | Pending:
    return Pending("taken for empty") if owner._call("GET", f"/repos/{full}")["empty"] else True


def test_one_asks_and_another_one_approves_and_merges(office: Office) -> None:
    assert office.desks.newest() is None
    asked = office.asks("two")
    assert (asked.author, asked.is_open, asked.merged, asked.sent_back) == (AUTHOR, True, "", False)
    shown = office.says(office.reviewer, "review diff")
    assert "-one\n+two\n" in shown.stdout, shown.stderr
    early = office.says(office.reviewer, "review merge")
    assert early.returncode == 1
    assert "approvals" in early.stderr
    office.approves_and_merges()
    merged = office.desks.standing(asked.number)
    assert (merged.is_open, merged.approvers) == (False, (server.REVIEWER,))
    copy = repository.working_copy(office.ctx)
    assert copy.head == merged.merged
    assert copy.read(FILE) == "two\n"
    assert office.desks.newest() is None


def test_who_asks_may_push_nothing_and_answer_nothing(office: Office) -> None:
    asked = office.asks("two")
    for target in ("main", "another"):
        pushed = office.says(office.author, f"git push origin HEAD:refs/heads/{target}")
        assert pushed.returncode != 0
        assert "denied" in pushed.stderr
    bare = office.says(office.author, "git push origin HEAD:refs/for/main")
    assert "topic" in bare.stderr
    assert office.says(office.author, "command -v review").returncode != 0
    # Nor with the reviewer's command and their own token.
    (office.author.folder.parent / "desk" / "bin" / "review").write_text(
        (office.reviewer.folder.parent / "desk" / "bin" / "review")
        .read_text()
        .replace(f"gitea-{server.REVIEWER}-desk", f"gitea-{AUTHOR}-desk")
    )
    for word, told in (("approve", "approve your own pull is not allowed"), ("merge", "not allowed to merge")):
        refused = office.says(office.author, f"sh {office.author.folder.parent}/desk/bin/review {word}")
        assert refused.returncode == 1
        assert told in refused.stderr
    assert office.desks.standing(asked.number).is_open


def test_who_reviews_may_not_push_to_main_either(office: Office) -> None:
    pushed = office.says(
        office.reviewer, f"echo x >{FILE} && git commit --quiet --all --message x && git push origin HEAD:main"
    )
    assert pushed.returncode != 0
    assert "protected branch" in pushed.stderr


def test_what_is_sent_back_is_changed_and_merged_then(office: Office) -> None:
    asked = office.asks("tow")
    assert office.says(office.reviewer, "review changes 'a typo in the tag'").returncode == 0
    back = office.desks.standing(asked.number)
    assert (back.is_open, back.sent_back, back.said) == (True, True, "a typo in the tag")
    again = office.asks("two")
    assert (again.number, again.sent_back) == (asked.number, False)
    assert again.head != asked.head
    office.approves_and_merges()
    assert office.desks.standing(asked.number).merged
    assert repository.working_copy(office.ctx).read(FILE) == "two\n"


def test_what_is_refused_is_closed_with_the_words_and_the_branch_stays(office: Office) -> None:
    asked = office.asks("two")
    assert office.says(office.reviewer, "review refuse 'not today'").returncode == 0
    refused = office.desks.standing(asked.number)
    assert (refused.is_open, refused.merged, refused.said) == (False, "", "not today")
    assert repository.working_copy(office.ctx).read(FILE) == "one\n"


def test_what_is_left_open_is_closed_for_the_next_ones(office: Office) -> None:
    asked = office.asks("two")
    office.desks.make_ready()
    assert office.desks.newest() is None
    assert not office.desks.standing(asked.number).is_open
    fresh = office.desks.author("ann")
    assert (fresh.folder / FILE).read_text() == "one\n"
    assert office.says(fresh, "git fetch origin && git var GIT_AUTHOR_IDENT").stdout.startswith("ann ")


def test_pov_still_pushes_by_itself(office: Office) -> None:
    copy = repository.working_copy(office.ctx)
    copy.write(FILE, "three\n")
    copy.commit("Three")
    assert copy.push() == repository.working_copy(office.ctx).head


def test_no_token_is_in_an_argument_a_variable_or_a_working_copy(office: Office) -> None:
    for place in (office.author, office.reviewer):
        (token,) = place.secrets
        assert token.reveal() not in str(place.env) + str(place.argv)
        for path in place.folder.parent.rglob("*"):
            assert not path.is_file() or token.reveal().encode() not in path.read_bytes(), path

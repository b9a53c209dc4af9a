"""Persons at a terminal, on the legacy hosts and at the Git server; a script types in their place, which every page of
the report says.
"""

from __future__ import annotations

import io
import json
import re
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pypdf import PdfReader

from pov.engines.terminal import Program, Size
from pov.model.asciicast import MARKED, OUTPUT, read_cast
from pov.state.runs import Run, read_run
from tests.e2e.harness import Environment, Ran

pytestmark = pytest.mark.timeout(400)
_LIMIT_S = 120.0
_PROMPT = "here:desk> "
_AT_GIT = "here:platform-config> "
_FILE = "stages/staging/kustomization.yaml"
_TWO = ("measure", "deploy", "--arm", "person-reviewed", "--by", "sam", "--reviewer", "kim", "--simulated")


class Typist:
    """A script at the terminal that a `pov` was started on."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.screen = bytearray()
        self._read = 0

    def type(self, text: str) -> None:
        self.program.write(text.encode())

    def until(self, text: str) -> None:
        """Read until a text was shown, after the last one that was waited for; an empty one stands for the end."""
        wanted, deadline = text.encode(), time.monotonic() + _LIMIT_S
        while not text or (found := self.screen.find(wanted, self._read)) < 0:
            assert time.monotonic() < deadline, f"{text!r} was not shown: {self.screen[-3000:]!r}"
            if select.select([self.program], [], [], 0.5)[0]:
                data = self.program.read()
                if data == b"":
                    assert not text, f"over before {text!r}: {self.screen[-3000:]!r}"
                    return
                self.screen += data or b""
        self._read = found + len(wanted)

    def between(self, begin: str, end: str) -> str:
        """What was shown between two texts, once both were."""
        self.until(begin)
        since = self._read
        self.until(end)
        return self.screen[since : self._read - len(end)].decode(errors="replace")

    def code_of(self, command: str) -> int:
        """What a command at the prompt ended with, as the line ends with."""
        self.type(f"{command}; code=$?; echo co$((1))de-$code.; (exit $code)\r")
        return int(self.between("co1de-", "."))


@contextmanager
def at_terminal(environment: Environment, *arguments: str) -> Iterator[Typist]:
    """`pov ARGUMENTS` on a terminal of its own. What was shown there is read for secrets, too."""
    argv = (sys.executable, "-m", "pov", "--name", environment.name, *arguments)
    since = time.monotonic()
    with environment.watch:
        program = Program(argv, env=environment._environ(None), folder=environment.root, size=Size(120, 40))
        typist = Typist(program)
        try:
            yield typist
        finally:
            program.hang_up(grace_s=60)
            shown = typist.screen.decode(errors="replace")
            environment.transcript.append(Ran(argv, program.code or 0, shown, "", time.monotonic() - since))


def sits_down(typist: Typist) -> None:
    typist.until("How often")
    typist.type("n")
    typist.until("Press Enter")
    typist.type("\r")
    typist.until(_PROMPT)


def newest(environment: Environment) -> Run:
    return read_run(environment.runs()[-1])


def test_a_person_deploys_by_the_runbook(shared: Environment, facts: Callable[..., None]) -> None:
    with at_terminal(shared, "measure", "deploy", "--arm", "person", "--by", "sam", "--simulated") as typist:
        sits_down(typist)
        folder = shared.runs()[-1]
        book = (folder / "people" / "deploy-person-1.runbook.txt").read_text()
        typist.type("ssh legacy-1\r")
        typist.until("# ")
        typist.type("healthy 1\r")
        typist.until("refused")
        # What stands indented below a step's name, but for the questions for readiness at the end of each part.
        commands = [line for line in re.findall(r"^ {7}(\S.*)$", book, re.MULTILINE) if not line.startswith("healthy")]
        assert commands
        for number, command in enumerate(commands[:-1]):
            typist.type(f"{command}; echo en$((1))d-{number}\r")
            typist.until(f"en1d-{number}")
        typist.type("\x1ds")
        typist.until("done: ")
        typist.type(f"{commands[-1]}\r")
        typist.until("Seen everywhere")
        typist.until("")
    assert typist.program.code in {0, 5}
    run = newest(shared)
    (sample,) = run.samples
    assert sample["error"] is None
    assert (sample["arm"], sample["origin"], sample["ok"]) == ("person", "simulated", True)
    figures, details = sample["figures"], sample["details"]
    assert 0 < figures["hands_on_seconds"] <= sample["seconds"] + 0.01
    assert figures["failed_commands"] >= 1
    assert figures["failed_checks"] >= 1
    assert figures["commands"] >= len(commands) - 1
    assert (details["by"], details["experience"]) == ("sam", "never")
    assert sample["traffic"]["operation"]["requests"] > 0
    assert len(sample["steps"]) == 2
    cast = read_cast(run.path / "people" / details["recording"]["file"])
    assert cast.problems == ()
    assert any(event.kind == MARKED and event.text.startswith("done: ") for event in cast.events)
    shown = "".join(event.text for event in cast.events if event.kind == OUTPUT)
    assert "root@" in shown
    facts(seconds=sample["seconds"], **figures, lost=sample["traffic"]["operation"]["hard"])
    _report(shared, run)


def _report(shared: Environment, run: Run) -> None:
    """Every page says that it is simulated; the recording is in it once it was watched and agreed to, not before."""
    assert ".cast" not in " ".join(_attached(shared, run))
    with at_terminal(shared, "people", "play", "deploy-person-1", "--speed", "4") as typist:
        typist.until("watched, not agreed")
    shared.pov("people", "agree", "deploy-person-1", "--by", "sam")
    assert "deploy-person-1.cast" in _attached(shared, run)


def _attached(shared: Environment, run: Run) -> list[str]:
    path = Path(shared.pov("report", "--run", run.path.name).json["paths"]["pdf"])
    pdf = PdfReader(io.BytesIO(path.read_bytes()))
    assert all("simulated" in page.extract_text().lower() for page in pdf.pages)
    return list(pdf.attachments)


def test_a_terminal_that_goes_away_leaves_a_failed_trial_and_hosts_at_their_baseline(shared: Environment) -> None:
    with at_terminal(shared, "measure", "deploy", "--arm", "person", "--by", "sam", "--simulated") as typist:
        sits_down(typist)
        typist.type("ssh legacy-1 'sv stop /etc/service/*'; echo stop$((1))ped\r")
        typist.until("stop1ped")
        typist.type("\x1ds")
        typist.until("done: ")
    assert typist.program.code == 129
    run = newest(shared)
    (sample,) = run.samples
    assert (sample["ok"], sample["origin"], sample["error"]) == (False, "simulated", "the terminal is gone")
    assert sample["steps"]
    assert run.problems == ()
    assert run.summary is not None
    assert run.summary["run"]["interrupted"] is True
    assert json.loads((run.path / "people" / sample["details"]["recording"]["file"]).read_text().splitlines()[0])
    shared.until("the hosts to serve again", lambda: not shared.pov("status", code=(0, 1)).json["problems"])


def both_hear_of_it(typist: Typist) -> None:
    """The reviewer first, then the author, whose Enter starts the clock."""
    typist.until("kim: review the pull request of sam")
    typist.until("How often have you reviewed")
    typist.type("o")
    typist.until("sam sits down: ")
    typist.type("\r")
    typist.until("which kim reviews")
    typist.until("How often have you asked")
    typist.type("n")
    typist.until("the clock starts: ")
    typist.type("\r")
    typist.until(_AT_GIT)


def asks(typist: Typist, book: str, tag: str) -> None:
    """The author's work, as the runbook has it."""
    (services,) = re.findall(r"set newTag of (.*) to ", book)
    for name in services.split(", "):
        command = f"sed -i '/name: {name}$/,/newTag/s/newTag: .*/newTag: \"{tag}\"/' {_FILE}"
        assert typist.code_of(command) == 0
    assert typist.code_of(f"git commit --quiet --all --message 'Deploy {tag}'") == 0
    (push,) = re.findall(r"^  (git push .*)$", book, re.MULTILINE)
    typist.type(f"{push}\r")
    typist.until("The pull request is there. kim sits down next.")


def sits_down_at_git(typist: Typist, who: str) -> None:
    typist.until(f"{who}: press Enter once you sit here")
    typist.type("\r")
    typist.until(_AT_GIT)


def book_of(shared: Environment) -> tuple[str, str]:
    """What the author is told, and the tag that is wanted."""
    book = (shared.runs()[-1] / "people" / "deploy-person-reviewed-1-author.runbook.txt").read_text()
    (tag,) = re.findall(r"set newTag of .* to (\S+)$", book, re.MULTILINE)
    return book, tag


@pytest.mark.matrix
def test_one_asks_by_a_pull_request_and_another_one_sends_it_back_approves_and_merges(
    shared: Environment, facts: Callable[..., None]
) -> None:
    with at_terminal(shared, *_TWO) as typist:
        both_hear_of_it(typist)
        book, tag = book_of(shared)
        asks(typist, book, f"{tag}-typo")
        sits_down_at_git(typist, "kim")
        assert typist.code_of("review diff | grep -q -- -typo") == 0
        assert typist.code_of("review merge") == 1, "nobody has approved it"
        typist.type("review changes 'a typo in the tag'\r")
        typist.until("It is sent back. sam sits down next.")
        typist.until("a typo in the tag")
        sits_down_at_git(typist, "sam")
        asks(typist, book, tag)
        sits_down_at_git(typist, "kim")
        typist.type("\x1ds")
        typist.until("done: read")
        # The server may void an approval while it works off the push from before: a person approves again.
        for _ in range(20):
            if typist.code_of("review approve && review merge") == 0:
                break
        typist.until("Seen everywhere: the clock stopped")
        typist.until("")
    assert typist.program.code in {0, 5}
    run = newest(shared)
    (sample,) = run.samples
    assert sample["error"] is None
    assert (sample["arm"], sample["origin"], sample["ok"]) == ("person-reviewed", "simulated", True)
    details, figures = sample["details"], sample["figures"]
    facts(seconds=sample["seconds"], **figures, lost=sample["traffic"]["operation"]["hard"])
    assert (details["by"], details["reviewer"]) == ("sam", "kim")
    assert (details["experience"], details["reviewer_experience"]) == ("never", "often")
    assert [(row["role"], row["by"]) for row in details["sittings"]] == [("author", "sam"), ("reviewer", "kim")] * 2
    assert details["sittings"][1]["ended"] == "sent back: a typo in the tag"
    assert (details["pull"]["author"], details["pull"]["approved_by"]) == ("author", ["reviewer"])
    assert details["revision"] == details["pull"]["revision"]
    assert figures["review_rounds"] == 2
    assert figures["failed_commands"] >= 1
    hands = [figures[f"{role}_hands_on_seconds"] for role in ("author", "reviewer")]
    assert min(hands) > 0
    assert sum(hands) == pytest.approx(figures["hands_on_seconds"], abs=0.01)
    assert 0 < figures["waiting_seconds"] < sample["seconds"]
    assert sum(step["seconds"] for step in sample["steps"]) == pytest.approx(sample["seconds"], abs=0.5)
    rows = shared.pov("status").json["services"]
    proof = set(re.findall(r"[\w-]+", re.findall(r"set newTag of (.*) to ", book)[0]))
    versions = {row["version"] for row in rows if row["estate"] == "staging" and row["name"] in proof}
    assert versions == {tag}
    _of_each_their_own(shared, run)


def _of_each_their_own(shared: Environment, run: Run) -> None:
    """Recordings are of who sat there, without any secret; a report carries those whose person agreed."""
    listed = shared.pov("people", "list").json["recordings"]
    name = "deploy-person-reviewed-1"
    assert {row["name"]: row["by"] for row in listed} == {
        f"{name}-author": "sam", f"{name}-author-2": "sam", f"{name}-reviewer": "kim", f"{name}-reviewer-2": "kim",
    }  # fmt: skip
    tokens = [shared.secret(f"gitea-{who}-desk-token") for who in ("author", "reviewer")]
    for row in listed:
        cast = read_cast(run.path / "people" / f"{row['name']}.cast")
        assert cast.problems == ()
        assert not any(token in event.text for event in cast.events for token in tokens)
    with at_terminal(shared, "people", "play", f"{name}-reviewer", "--speed", "4") as typist:
        typist.until("watched, not agreed")
    shared.pov("people", "agree", f"{name}-reviewer", "--by", "sam", code=2)
    shared.pov("people", "agree", f"{name}-reviewer", "--by", "kim")
    assert [file for file in _attached(shared, run) if file.endswith(".cast")] == [f"{name}-reviewer.cast"]


@pytest.mark.matrix
def test_a_reviewer_who_refuses_leaves_a_failed_trial_and_staging_as_it_was(shared: Environment) -> None:
    before = {
        row["name"]: row["version"] for row in shared.pov("status").json["services"] if row["estate"] == "staging"
    }
    with at_terminal(shared, *_TWO) as typist:
        both_hear_of_it(typist)
        asks(typist, *book_of(shared))
        sits_down_at_git(typist, "kim")
        typist.type("review refuse 'not on a Friday'\r")
        typist.until("")
    assert typist.program.code == 1
    (sample,) = newest(shared).samples
    assert (sample["ok"], sample["origin"]) == (False, "simulated")
    assert re.fullmatch(r"pull request \d+ was closed without a merge \(not on a Friday\)", sample["error"])
    assert sample["figures"]["author_hands_on_seconds"] > 0
    assert [row["role"] for row in sample["details"]["sittings"]] == ["author", "reviewer"]
    after = {row["name"]: row["version"] for row in shared.pov("status").json["services"] if row["estate"] == "staging"}
    assert after == before

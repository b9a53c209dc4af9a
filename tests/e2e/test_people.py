"""Somebody at a terminal on the legacy hosts; a script types in their place, and every page of the report says so."""

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

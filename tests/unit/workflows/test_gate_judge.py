"""What the gate's Job says: what is refused without a plan first, and a verdict that takes nothing of it back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import InvalidInput, PovError, Problem, TimedOut
from pov.bundle.on_demand import GatePrograms
from pov.cli import in_cluster
from pov.engines.git_command import Command, Remote
from pov.model.events import Emit
from pov.scoping.gate import Check, Refusal, Told
from pov.steps.gate.job import LIMIT_S
from pov.workflows import gate_fetch, gate_job
from pov.workflows.gate import GateOptions, GateResult
from pov.workflows.gate_fetch import FACTS, FETCHED_S, Facts, fetch, wait_fetched
from pov.workflows.gate_job import judge
from tests.fakes.clock import FakeClock

PROGRAMS = GatePrograms(Path("conftest"), Path("terraform"), Path("providers"))
OVER, MORE = Refusal("4000 cores", "64", "less", ("cto",)), Refusal("more", "1", "less")
First = Callable[[Sequence[Check], Sequence[str]], None]


@pytest.fixture
def room(tmp_path: Path) -> Path:
    return facts(tmp_path)


def facts(folder: Path, *, outdated: bool = False, too_large: str = "") -> Path:
    told = Facts(outdated, ("deal/engagement.yaml",), (), too_large)
    (folder / FACTS).write_text(json.dumps(vars(told)))
    return folder


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have the gate say checks first, then end with others or an error."""

    def says(first: Sequence[Check] | None, *more: Check, error: PovError | None = None) -> None:
        def run(options: GateOptions, emit: Emit, *, first: First) -> GateResult:
            if checks is not None:
                first(checks, ("Medium: 5,000 USD once",))
            if error is not None:
                raise error
            return GateResult("advise", None, (*(checks or ()), *more), Told(), (), (), None, 1.0, {})

        checks = first
        monkeypatch.setattr(gate_job, "run_gate", run)

    return says


def judged(room: Path) -> tuple[list[Mapping[str, Any]], dict[str, Any]]:
    said: list[Mapping[str, Any]] = []
    return said, judge(room, "demo", PROGRAMS, first=said.append)


def refusals(document: Mapping[str, Any]) -> list[str]:
    return [one["what"] for check in document["checks"] for one in check["refusals"]]


def test_what_is_refused_without_a_plan_is_told_first_with_its_price(room: Path, gate: Callable[..., None]) -> None:
    gate([Check("limits", (OVER,))], Check("plan", (MORE,)))
    (first,), last = judged(room)
    assert (first["outcome"], first["so_far"], refusals(first)) == ("refused", True, ["4000 cores"])
    assert first["priced"] == ["Medium: 5,000 USD once"]
    assert (last["outcome"], last.get("so_far"), refusals(last)) == ("refused", None, ["4000 cores", "more"])


def test_what_git_tells_alone_is_told_first_too(tmp_path: Path, gate: Callable[..., None]) -> None:
    gate([Check("limits")])
    (first,), last = judged(facts(tmp_path, outdated=True))
    assert refusals(first) == refusals(last) == ["the branch lacks commits of main"]


def test_what_refuses_nothing_is_told_once(room: Path, gate: Callable[..., None]) -> None:
    gate([Check("limits")], Check("plan", (MORE,)))
    first, last = judged(room)
    assert (first, refusals(last)) == ([], ["more"])
    gate([Check("limits")])
    assert judged(room)[1]["outcome"] == "passed"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (PovError("terraform plan failed", cause="killed"), "terraform plan failed: killed"),
        (InvalidInput([Problem("main.tf", "is no text of Terraform", "mend it")]), "main.tf"),
    ],
)
def test_a_gate_that_fails_after_it_refused_has_refused(
    error: PovError, line: str, room: Path, gate: Callable[..., None]
) -> None:
    gate([Check("limits", (OVER,))], error=error)
    (first,), last = judged(room)
    assert (last["outcome"], refusals(last), last["priced"]) == ("refused", ["4000 cores"], first["priced"])
    assert line in last["lines"][0]
    gate([Check("limits")], error=error)
    assert judged(room)[1]["outcome"] in {"failed", "bad input"}


def test_what_is_too_large_is_told_once(tmp_path: Path, gate: Callable[..., None]) -> None:
    gate(None, error=PovError("not looked at"))
    first, last = judged(facts(tmp_path, too_large="9 bytes; limit: 1"))
    assert (first, last["outcome"], refusals(last)) == (
        [], "refused", ["the branch holds more than can be judged"],
    )  # fmt: skip


def test_each_word_is_a_line_and_the_first_does_not_wait_for_the_last(
    room: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def judging(*_: object, first: Callable[[Mapping[str, Any]], None]) -> dict[str, Any]:
        first({"outcome": "refused", "so_far": True})
        assert json.loads(capfd.readouterr().out) == {"outcome": "refused", "so_far": True}
        return {"outcome": "refused"}

    monkeypatch.setattr(gate_job, "judge", judging)
    monkeypatch.setattr(in_cluster, "CHANGE", str(room))
    assert in_cluster.main(["judge", "demo"]) == 0
    assert capfd.readouterr().out == '{"outcome": "refused"}\n'


def fetching(room: Path) -> None:
    remote = Remote("https://gitea/pov/deal.git", "gate", room / "token", room / "ca.crt")
    fetch(1, "a" * 40, "b" * 40, remote, work=room / "work", room=room)


def test_who_judges_waits_for_what_is_fetched_and_no_longer(tmp_path: Path) -> None:
    clock = FakeClock()
    sleep = clock.sleep

    def fetched_meanwhile(seconds: float) -> None:
        sleep(seconds)
        if clock.monotonic() - begun >= 3:
            facts(tmp_path)

    clock.sleep = fetched_meanwhile  # type: ignore[method-assign]
    begun = clock.monotonic()
    wait_fetched(tmp_path, clock=clock)
    assert 3 <= clock.monotonic() - begun < 3.2
    wait_fetched(tmp_path, clock=clock)
    assert clock.monotonic() - begun < 3.2, "at once"


@pytest.mark.parametrize("error", [PovError("no such ref"), OSError("disk full"), KeyboardInterrupt()])
def test_where_nothing_can_be_fetched_who_judges_does_not_wait(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> Command:
        raise error

    monkeypatch.setattr(gate_fetch, "fetched", fails)
    with pytest.raises(type(error)):
        fetching(tmp_path)
    clock = FakeClock()
    begun = clock.monotonic()
    with pytest.raises(PovError, match="nothing was fetched"):
        wait_fetched(tmp_path, clock=clock)
    assert clock.monotonic() == begun


def test_who_fetches_and_is_killed_is_not_waited_for_until_the_pod_is_ended(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    clock = FakeClock()
    begun = clock.monotonic()
    with pytest.raises(TimedOut, match="to be fetched"):
        wait_fetched(tmp_path, clock=clock)
    assert clock.monotonic() - begun <= FETCHED_S + 1 < LIMIT_S


def test_without_what_is_fetched_nothing_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gate_job, "judge", lambda *_, **__: pytest.fail("judged"))
    monkeypatch.setattr(in_cluster, "CHANGE", str(tmp_path))
    (tmp_path / "gave-up").touch()
    assert in_cluster.main(["judge", "demo"]) == 1
    said = capfd.readouterr()
    assert (said.out, said.err.startswith("nothing was fetched: ")) == ("", True)


_STARTS = """
import sys
import pov.cli.in_cluster, pov.workflows.gate_fetch
print(*sorted({name.partition(".")[0] for name in sys.modules} & {"kubernetes", "pydantic", "requests", "ruamel"}))
"""


def test_what_fetches_starts_without_what_judges() -> None:
    done = subprocess.run([sys.executable, "-c", _STARTS], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == []

"""What the gate tells before there is a plan: in which order, with what, and what stands in its result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pov.engines.conftest import Conftest, Finding, Judgement
from pov.model.events import silent
from pov.scoping.gate import Check, Refusal
from pov.workflows import gate
from pov.workflows.gate import run_gate
from tests.unit.workflows.test_gate_limits import options

OVER = Refusal("8 CPU cores are asked for", "4", "at most 4", ("cto",))
RAISED = Refusal("stage prod would get 9", "8", "take it out", ("platform team",))


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the plan would be made with, kept here in place of a plan; the text is not looked at."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    kept: list[Any] = []

    def planned(*arguments: Any) -> Any:
        kept.append(arguments[-1])
        return gate._Planned(())

    monkeypatch.setattr(gate, "_planned", planned)
    monkeypatch.setattr(gate, "_text", lambda *_: Check("text of the change"))
    return kept


@pytest.fixture
def policies(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the rules on what is asked for were given; they refuse one thing."""
    given: list[dict[str, Any]] = []

    def judged(_: Conftest, document: Path, namespace: str) -> Judgement:
        assert namespace == "gate.asked"
        given.append(json.loads(document.read_text()))
        more = {"limit": OVER.limit, "fix": OVER.fix, "who": list(OVER.who)}
        return Judgement((Finding(OVER.what, more),), (), 1)

    monkeypatch.setattr(Conftest, "judge", judged)
    return given


def test_what_needs_no_plan_is_told_before_it_with_the_price_and_once(
    tmp_path: Path, asked: list[Any], policies: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[Any, ...]] = []

    def planned(*arguments: Any) -> Any:
        asked.append(arguments[-1])
        assert told, "before it"
        return gate._Planned((Check("terraform validate"), Check("plan", (OVER, RAISED))))

    monkeypatch.setattr(gate, "_planned", planned)
    judged = options(tmp_path, "{users: 40000, cpu: 8}")
    found = run_gate(judged, silent, first=lambda *what: told.append(what))
    ((checks, priced),) = told
    assert [check.name for check in checks] == [
        "scope and approvals", "capacity over other deals", "variables", "text of the change", "limits",
    ]  # fmt: skip
    assert (checks[-1].refusals, priced) == ((OVER,), found.priced)
    assert found.checks[: len(checks)] == checks, "all of it stands in the result"
    assert found.refusals == (OVER, RAISED)
    (given,) = policies
    assert (given["given"], given["plan"]) == (dict(asked[0].given), {})
    assert given["quotas"] == asked[0].quotas.model_dump()


def test_nobody_asks_the_limits_alone_where_nobody_is_told(
    tmp_path: Path, asked: list[Any], policies: list[dict[str, Any]]
) -> None:
    run_gate(options(tmp_path, "{users: 40000}"), silent)
    assert (len(asked), policies) == (1, [])


def test_a_text_that_is_refused_is_told_at_once_and_whole(
    tmp_path: Path, asked: list[Any], policies: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "_text", lambda *_: Check("text of the change", (RAISED,)))
    told: list[Any] = []
    found = run_gate(options(tmp_path, "{users: 40000}"), silent, first=lambda *what: told.append(what))
    assert (found.refusals, told, asked) == ((RAISED,), [], [])

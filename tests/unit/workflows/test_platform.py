"""The platform in the hands of trials: the bring-up's own steps, with one stage more and the bring-up's own numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.config.estates import NEW_STAGE, Estate, estates
from pov.steps.context import Context
from pov.steps.core import Outcome, Report, Step
from pov.steps.plan import bring_up
from pov.workflows import platform
from pov.workflows.approved import Allowed
from tests.unit.experiments.world import scenario

QA = Estate(NEW_STAGE, "gitops", NEW_STAGE, ("ledger",), (), 1)


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    nothing: Any = None
    home: Any = SimpleNamespace(root=tmp_path)
    asked = scenario()
    return Context(
        name="demo",
        scenario=asked,
        engagement=None,
        home=home,
        cluster=nothing,
        topology=nothing,
        estates=estates(asked),
        emit=lambda event: None,
    )


def test_every_step_that_a_stage_goes_through_is_one_of_the_bring_up(ctx: Context) -> None:
    cluster: Any = SimpleNamespace(steps=lambda: ())
    assert set(platform.steps()) <= {step.name for step in bring_up(ctx.scenario, cluster)}
    assert set(platform.steps()) == {"landing_zone", "vault", "git_repository", "argocd", "prober"}


def test_a_step_sees_one_stage_more_and_what_was_approved(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Context] = []

    def run(given: Context, report: Report) -> Outcome:
        report.note("nobody is to read this")
        seen.append(given)
        return Outcome.CHANGED

    def told(event: object) -> None:
        raise AssertionError(event)

    approved = {"quotas": {"cpu_standard": 8}}
    monkeypatch.setattr(platform, "_STEPS", (lambda: Step("vault", "Vault", run),))
    monkeypatch.setattr(platform, "recall", lambda home, name: SimpleNamespace(engagement=Path("engagement")))
    told_of = Allowed(approved, 12_000)
    monkeypatch.setattr(platform, "allowed", lambda deal, folder, name, emit: told_of if folder and name else Allowed())
    running = platform.RunningPlatform(replace(ctx, emit=told))
    running.bring("vault", (QA,))
    running.bring("vault")
    assert [[estate.name for estate in given.estates] for given in seen] == [
        ["staging", "dev", "legacy", NEW_STAGE],
        ["staging", "dev", "legacy"],
    ]
    assert [given.approved for given in seen] == [approved, approved], "with other numbers every stage is planned anew"
    assert [given.approved_iops for given in seen] == [12_000, 12_000]


def test_no_scenario_can_have_the_stage_that_is_measured() -> None:
    with pytest.raises(ValueError, match="dev"):
        scenario(stages=[{"name": "staging"}, {"name": NEW_STAGE}])

"""The platform in the hands of trials: the bring-up's own steps, with one stage more and the bring-up's own numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.errors import PovError, Transient
from pov.config.estates import NEW_STAGE, Estate, estates
from pov.engines.rest import Untrusted
from pov.steps.context import Context
from pov.steps.core import Outcome, Report, Step
from pov.steps.plan import bring_up
from pov.workflows import platform
from pov.workflows.approved import Allowed
from tests.fakes.clock import FakeClock
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


def test_releases_are_this_environments(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("earlier", "pinned", "version"):
        monkeypatch.setattr(platform.releases, name, lambda given, name=name: (name, given))
    running = platform.RunningPlatform(ctx)
    assert [running.earlier(), running.pinned(), running.version()] == [
        ("earlier", ctx), ("pinned", ctx), ("version", ctx),
    ]  # fmt: skip


def test_a_prober_that_was_started_anew_is_waited_for_by_its_address(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, taken, good = Transient("nobody"), Untrusted("the prober", "another's"), None
    said: list[Exception | None] = [lost, good, taken, *[good] * 14, lost, *[good] * 15, PovError("it says no")]
    closed: list[bool] = []

    def identify(estate: str, services: tuple[str, ...]) -> None:
        assert (estate, len(services)) == ("staging", 1)
        if (error := said.pop(0)) is not None:
            raise error

    asked = SimpleNamespace(identify=identify, close=lambda: closed.append(True))
    monkeypatch.setattr(platform, "_STEPS", (lambda: Step("prober", "Prober", lambda *_: Outcome.CHANGED),))
    monkeypatch.setattr(platform, "recall", lambda home, name: SimpleNamespace(engagement=None))
    monkeypatch.setattr(platform, "allowed", lambda *_: Allowed())
    monkeypatch.setattr(platform.prober, "connect", lambda _: asked)
    running = platform.RunningPlatform(ctx, FakeClock())
    running.bring("prober")
    assert len(closed) == 33, "an answer between two that are not the prober's is none to go on with"
    with pytest.raises(PovError, match="it says no"):
        running.bring("prober")
    assert len(closed) == 34


def test_no_scenario_can_have_the_stage_that_is_measured() -> None:
    with pytest.raises(ValueError, match="dev"):
        scenario(stages=[{"name": "staging"}, {"name": NEW_STAGE}])

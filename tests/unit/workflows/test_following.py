"""A bring-up of an environment that follows a deal: it asks for what was applied, and for nothing merged since."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import InvalidInput, PovError
from pov.model.events import silent
from pov.steps.landing_zone import step as landing_zone
from pov.steps.landing_zone.asking import within_bounds
from pov.steps.landing_zone.deal import RECORD, keep
from pov.workflows import toolbox as tools
from pov.workflows.environment import attach, home_of, recall
from pov.workflows.init import InitOptions, run
from tests.unit.steps.test_deal import laid_out
from tests.unit.workflows.whole_world import World, make

NAME = "quickstart"


@pytest.fixture
def told() -> list[Mapping[str, Any]]:
    return []


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: list[Mapping[str, Any]]) -> World:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    made = make(tmp_path, monkeypatch)
    monkeypatch.setattr(landing_zone, "_terraform", lambda _ctx, asked, _report: told.append(asked) or True)
    return made


def test_it_asks_for_the_deals_stages_too_and_twice_for_nothing(
    world: World, told: list[Mapping[str, Any]], tmp_path: Path
) -> None:
    world.up(scenario=NAME)
    assert [set(one["stages"]) for one in told] == [{"dev", "staging"}]
    deal = keep(home_of(world.root, NAME), laid_out(tmp_path / "deal"))
    world.up(scenario=NAME)
    assert told[-1]["stages"] == deal.stages, "dev, staging and prod, with the deal's figures"
    assert len(told) == 2
    assert not world.up(scenario=NAME).changed
    assert len(told) == 2
    said = [event.message for event in world.events if event.kind == "note"]
    assert "it follows pov/deal as pull request 7 made it, commit c1" in said
    assert attach(world.root, NAME, world.events.append).deal == deal, "and so does whoever measures"


def test_another_plan_than_the_followed_one_is_not_to_be_had_by_its_digest(world: World, tmp_path: Path) -> None:
    keep(home_of(world.root, NAME), laid_out(tmp_path / "deal"))
    with pytest.raises(InvalidInput, match="this environment follows pov/deal") as refused:
        world.up(scenario=NAME, checked="a" * 64)
    assert refused.value.fix == "pov infra apply"


def test_a_merge_that_is_applied_meanwhile_is_not_taken_back(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.up(scenario=NAME)

    def applies(*_: object) -> None:
        keep(home_of(world.root, NAME), laid_out(tmp_path / "deal"))

    monkeypatch.setattr("pov.workflows.preflight.check", applies)
    with pytest.raises(PovError, match="meanwhile a merge of pov/deal was applied"):
        world.up(scenario=NAME)


def test_a_record_that_cannot_be_read_takes_nothing_away(world: World, told: list[Mapping[str, Any]]) -> None:
    world.up(scenario=NAME)
    (home_of(world.root, NAME).root / RECORD).write_text("{")
    with pytest.raises(PovError, match=r"deal\.json cannot be read"):
        world.up(scenario=NAME)
    assert len(told) == 1


def test_what_was_applied_since_it_was_looked_at_is_followed_by_trials(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.up(scenario=NAME)
    ctx = attach(world.root, NAME, world.events.append)
    before = ctx.deal
    deal = keep(home_of(world.root, NAME), laid_out(tmp_path / "deal"))
    monkeypatch.setattr(tools, "_releases", lambda _: None)
    tools.toolbox(ctx)
    assert (before, ctx.deal) == (None, deal)


def test_more_services_than_the_deal_has_room_for_are_refused_before_they_are_written_down(
    world: World, tmp_path: Path
) -> None:
    world.up(scenario=NAME)
    home = home_of(world.root, NAME)
    keep(home, laid_out(tmp_path / "deal"))
    with pytest.raises(InvalidInput, match="the deal leaves no room for what is to run") as refused:
        world.up(scenario=NAME, services=200)
    assert "bring up fewer services" in refused.value.fix
    assert recall(home, NAME).services is None, "or the next bring-up would ask for them again"
    world.up(scenario=NAME)


@pytest.mark.parametrize(
    ("scope", "told_so"),
    [
        ("{users: 5000, memoryGib: 1}", "GiB of memory, and 1 are what the scope of acme names"),
        ("{users: 5000, cpu: 0.5}", "CPU cores, and 0.5 are what the scope of acme names"),
        ("{users: 5000, cpu: 8, memoryGib: 8}", ""),
        ("{users: 5000}", ""),
    ],
)
def test_what_runs_is_no_more_than_the_engagement_names_and_that_is_told_before_anything_is_made(
    scope: str, told_so: str, world: World, told: list[Mapping[str, Any]], tmp_path: Path
) -> None:
    folder = run(InitOptions(tmp_path / "acme", NAME), silent).folder
    with (folder / "engagement.yaml").open("a") as file:
        file.write(f"scope: {scope}\n")
    if told_so:
        with pytest.raises(InvalidInput, match=told_so) as refused:
            world.up(engagement=folder)
        assert "bring up fewer services" in refused.value.fix
        assert not home_of(world.root, NAME).root.exists()
        assert told == []
    else:
        world.up(engagement=folder)
        assert told[-1]["bounds"]["cpu"]["most"] in {8, 2048}


def test_an_override_lets_more_through_as_it_does_in_terraform() -> None:
    more = {"stages": {"dev": {"cpu": 2}}, "bounds": {"cpu": {"most": 1, "of": "the scope of acme names"}}}
    with pytest.raises(InvalidInput, match="2 CPU cores, and 1 are"):
        within_bounds(more)
    within_bounds({**more, "override": {"approved_by": "pat", "reason": "load test"}})
    within_bounds({**more, "bounds": {"cpu": {"most": 2, "of": "the scope of acme names"}}})


@pytest.mark.parametrize(
    ("of", "fix"),
    [
        ("the scope of acme names", "name more in the scope, or bring up fewer services"),
        ("the platform has", "bring up fewer services"),
    ],
)
def test_what_the_platform_has_is_lifted_by_no_scope(of: str, fix: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        within_bounds({"stages": {"dev": {"cpu": 2}}, "bounds": {"cpu": {"most": 1, "of": of}}})
    assert refused.value.problems[0].fix == fix

"""The deal that an environment follows: kept whole or not at all, and what a bring-up asks for by it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.errors import PovError
from pov.base.paths import data
from pov.config.estates import estates
from pov.config.offering import load_offering, shipped
from pov.config.scenario import load_scenario
from pov.state.home import Home
from pov.steps.landing_zone import asking
from pov.steps.landing_zone import step as landing_zone
from pov.steps.landing_zone.deal import BACKEND_FILE, RECORD, Followed, Origin, followed, joined, keep

TARGET = "terraform/targets/local"


def laid_out(folder: Path, commit: str = "c1", wish: str = "agreed") -> Followed:
    """A commit of the deal's repository as it is laid out."""
    for path in data("scenarios", "enterprise-scope", wish).iterdir():
        place = folder / "deal" / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(path.read_text())
    (folder / "platform").mkdir()
    (folder / "platform" / "offering.yaml").write_text(shipped().read_text())
    (folder / TARGET).mkdir(parents=True)
    (folder / TARGET / "main.tf").write_text("# the deal's own\n")
    return Followed(Origin(commit, f"m-{commit}", 7, "ab" * 32), folder)


def test_what_is_kept_is_found_again_and_nothing_else_stays(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    assert followed(home) is None
    first = keep(home, laid_out(tmp_path / "one"))
    assert followed(home) == first
    assert first.folder != tmp_path / "one"
    second = keep(home, laid_out(tmp_path / "two", "c2", "deal"))
    assert followed(home) == second
    assert [path.name for path in second.folder.parent.iterdir()] == ["c2"]
    assert second.stages["prod"]["cpu"] == 18
    assert (second.engagement.scope and second.engagement.scope.users, second.offering) == (40000, load_offering())
    assert keep(home, second) == second, "the same once more"
    home.remove()
    assert followed(home) is None


def test_cut_off_while_it_was_kept_it_follows_what_it_did_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    first = keep(home, laid_out(tmp_path / "one"))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("pov.steps.landing_zone.deal.shutil.copytree", full)
        with pytest.raises(PovError, match="cannot be kept beside the environment"):
            keep(home, laid_out(tmp_path / "two", "c2", "deal"))
    assert followed(home) == first
    assert first.stages
    (first.folder.parent / "c2.new").mkdir()
    assert followed(home) == first
    assert keep(home, Followed(Origin("c2", "m", 8, ""), tmp_path / "two")).stages["prod"]["cpu"] == 18


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"commit": "c", "merge": "m", "pull": "x", "plan": ""}', "\0"])
def test_a_record_that_cannot_be_read_is_told_and_not_taken_for_none(text: str, tmp_path: Path) -> None:
    home = Home(tmp_path)
    (tmp_path / RECORD).write_text(text)
    with pytest.raises(PovError, match=r"deal\.json cannot be read") as failed:
        followed(home)
    assert "put it back" in failed.value.fix


def test_files_that_are_gone_are_told_before_anything_is_asked_for(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    deal = keep(home, laid_out(tmp_path / "one"))
    shutil.rmtree(deal.folder)
    with pytest.raises(PovError, match=r"deal\.json names what is not there") as failed:
        followed(home)
    assert failed.value.cause == str(deal.folder)
    assert "pov down and pov up" in failed.value.fix


def test_what_a_commit_may_have_brought_is_not_followed(tmp_path: Path) -> None:
    home = Home(tmp_path / "work" / ".pov" / "demo")
    deal = keep(home, laid_out(tmp_path / "one"))
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path / "work", check=True)
    assert followed(home) == deal, "a repository around it that does not hold it"
    subprocess.run(["git", "add", "--force", str(home.root / RECORD)], cwd=tmp_path / "work", check=True)
    with pytest.raises(PovError, match="is held by the repository around it") as failed:
        followed(home)
    assert "git rm" in failed.value.fix


def test_its_root_module_takes_the_place_of_the_toolkits_on_the_same_state(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "main.tf").write_text("# the toolkit's\n")
    (root / "outputs.tf").write_text("# the toolkit's\n")
    (root / ".terraform.lock.hcl").write_text("# Terraform's\n")
    laid_out(tmp_path / "one").furnish(root)
    assert {path.name for path in root.iterdir()} == {"main.tf", BACKEND_FILE, ".terraform.lock.hcl"}
    assert (root / "main.tf").read_text() == "# the deal's own\n"
    assert 'secret_suffix = "landing-zone"' in (root / BACKEND_FILE).read_text()


def test_of_a_stage_that_both_name_the_deals_figures_count() -> None:
    own, asked = {"dev": {"cpu": 1}, "staging": {"cpu": 2}}, {"staging": {"cpu": 4}, "prod": {"cpu": 8}}
    assert joined(own, asked) == {"dev": {"cpu": 1}, "staging": {"cpu": 4}, "prod": {"cpu": 8}}
    assert joined(own, {}) == own


def context(deal: Followed | None) -> Any:
    scenario = load_scenario("enterprise-scope")
    return SimpleNamespace(scenario=scenario, estates=estates(scenario), engagement=None, deal=deal)


def test_a_bring_up_asks_for_what_it_follows_by_the_deals_limits(tmp_path: Path) -> None:
    deal = laid_out(tmp_path / "one")
    (deal.folder / "platform" / "offering.yaml").write_text(
        shipped().read_text().replace("cpuStandard: 64 ", "cpuStandard: 7 ")
    )
    told = asking.variables(context(deal), {"scope": {"reference": "x", "approved_by": "pat"}})
    assert told["stages"]["prod"] == deal.stages["prod"]
    assert told["stages"]["staging"]["cpu"] == 4
    assert told["quotas"]["cpu_standard"] == 7
    assert told["storage"]["of"] == "size Medium", "by the deal's users"
    assert told["scope"]["approved_by"] == "pat"
    alone = asking.variables(context(None), {})
    assert set(alone["stages"]) == {"dev", "staging"}
    assert alone["quotas"] == load_offering().quotas.model_dump()


def test_an_approval_that_runs_out_asks_for_no_plan_and_another_merge_does(tmp_path: Path) -> None:
    one, two = laid_out(tmp_path / "one"), laid_out(tmp_path / "two", "c2")
    scope = {"scope": {"reference": "x", "approved_by": "pat"}}

    def inputs(deal: Followed | None, approved: dict[str, Any]) -> str:
        ctx = context(deal)
        return landing_zone._inputs(ctx, asking.variables(ctx, approved))

    assert inputs(one, scope) == inputs(one, {})
    assert inputs(one, {}) != inputs(two, {})
    assert inputs(None, scope) != inputs(None, {}), "without a deal the next bring-up plans without it"


def test_more_services_than_the_deal_leaves_room_for_are_told_before_anything_is_planned(tmp_path: Path) -> None:
    ctx = context(laid_out(tmp_path / "one"))
    ctx.scenario = ctx.scenario.with_services(200)
    ctx.estates = estates(ctx.scenario)
    with pytest.raises(PovError, match=r"no room for what is to run: staging: 12 GiB of memory asked for; limit: \d+"):
        asking.variables(ctx, {})

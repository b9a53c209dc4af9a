"""A plan is judged by the gate's policies before it is applied; what these say of a real plan is a contract test."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.errors import CriterionNotMet
from pov.config.offering import load_offering
from pov.engines.terraform import Plan
from pov.engines.terraform_state import StateMark
from pov.model.events import silent
from pov.state.home import Home
from pov.state.terraform_log import APPLIED, REFUSED, read_log
from pov.steps.core import Report
from pov.steps.landing_zone import judging
from pov.steps.landing_zone import step as landing_zone
from pov.steps.landing_zone.applying import GUARDRAIL, Asked, Judged

GIVEN = {"stages": {"prod": {"iops": 12_000}}, "iops_approval": {"role": "engineering-vp", "approved_by": "pat"}}
DOCUMENT: dict[str, Any] = {
    "variables": {name: {"value": value} for name, value in GIVEN.items()},
    "resource_changes": [{"address": "a.b", "change": {"actions": ["create"]}}],
}
BEFORE = StateMark("l", 4, 3)
QUOTAS = load_offering().quotas
RULE = f'''#!/usr/bin/env python3
"""In place of conftest: one rule, that no more IOPS are asked for than are approved."""
import json, sys
document = json.load(open(sys.argv[-1]))
assert document["quotas"]["iops_approval"] == {QUOTAS.iops_approval} and document["plan"]["resource_changes"]
asked = sum(stage["iops"] for stage in document["given"]["stages"].values())
most = document["approved"]["iops"]
more = {{"limit": f"{{most:g}}, which pat approved", "fix": "less", "who": ["engineering-vp"]}}
over = [{{"msg": f"{{asked}} IOPS", "metadata": more}}] if asked > most else []
print(json.dumps([{{"successes": 1 - len(over), "failures": over}}]))
sys.exit(len(over))
'''


@pytest.fixture
def conftest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "conftest"
    program.write_text(RULE)
    program.chmod(0o755)
    monkeypatch.setattr(judging, "conftest_at_hand", lambda: program)
    return program


def plan_in(folder: Path) -> Plan:
    return Plan(1, 0, 0, "", folder / "plan.out", DOCUMENT, "seal", BEFORE)


@pytest.mark.parametrize(("iops", "told"), [(0, ["12000 IOPS"]), (11_999, ["12000 IOPS"]), (12_000, [])])
def test_a_plan_is_judged_by_the_policies_with_what_was_approved(
    iops: float, told: list[str], conftest: Path, tmp_path: Path
) -> None:
    judged = judging.judge(QUOTAS, tmp_path, silent, iops=iops)(plan_in(tmp_path), GIVEN)
    assert judged.by == judging.BOTH
    assert [one.what for one in judged.refusals] == told
    assert all(one.who == ("engineering-vp",) and one.limit.endswith("which pat approved") for one in judged.refusals)


def test_where_the_program_was_never_built_it_is_the_guardrail_alone_unless_it_is_needed(
    conftest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "conftest_at_hand", lambda: None)
    monkeypatch.setattr(judging, "for_gate", lambda _: SimpleNamespace(conftest=conftest))
    assert judging.judge(QUOTAS, tmp_path, silent)(plan_in(tmp_path), GIVEN) == Judged(GUARDRAIL)
    needed = judging.judge(QUOTAS, tmp_path, silent, needed=True)(plan_in(tmp_path), GIVEN)
    assert (needed.by, len(needed.refusals)) == (judging.BOTH, 1)


class World:
    """A landing zone whose Terraform plans one thing, and counts what it applies."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.applied: list[Plan] = []
        terraform = SimpleNamespace(init=lambda: None, plan=lambda _: plan_in(folder), apply=self.applied.append)
        self.ctx: Any = SimpleNamespace(
            home=Home(folder / "home"), kube=None, binaries={"terraform-providers": folder}, deal=None,
            engagement=None, approved_iops=0.0, emit=silent,
        )  # fmt: skip
        for name, value in {
            "Terraform": lambda *_, **__: terraform,
            "find_program": lambda _: folder,
            "access": lambda *_: {},
            "state_of": lambda _: BEFORE,
            "_release_stale_lock": lambda *_: None,
            "leftovers": lambda _: SimpleNamespace(end_providers=lambda: None),
        }.items():
            monkeypatch.setattr(landing_zone, name, value)

    def run(self) -> Any:
        return landing_zone.run_terraform(self.ctx, Asked(GIVEN, "pov up", {"of": "pov 1"}), Report("zone", silent))

    @property
    def log(self) -> list[Any]:
        return list(read_log(self.ctx.home.terraform_log).entries)


def test_nothing_is_applied_that_the_policies_refuse(
    conftest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, monkeypatch)
    with pytest.raises(CriterionNotMet) as refused:
        world.run()
    assert "12000 IOPS" in json.dumps([*refused.value.details, str(refused.value)])
    assert world.applied == []
    assert [(one.result, one.judged) for one in world.log] == [(REFUSED, judging.BOTH)]
    world.ctx.approved_iops = 12_000.0
    assert world.run() is not None
    assert len(world.applied) == 1
    assert (world.log[-1].result, world.log[-1].judged) == (APPLIED, judging.BOTH)

"""What `pov up` hands on of signed approvals to Terraform: those that count for this environment, and no other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pov.engines import ssh
from pov.model.events import silent
from pov.steps.context import Context
from pov.steps.landing_zone import step as landing_zone
from pov.workflows.approvals import DecideOptions, run_decide
from pov.workflows.init import InitOptions, run
from tests.unit.workflows.whole_world import World, make

NAME = "quickstart"
SCOPE = "{users: 40000, architect: S. Olu, cpu: 96, memoryGib: 64, iops: 12000}"
APPROVED = {
    "scope": {"reference": "acme", "approved_by": "pat"},
    "iops_approval": {"role": "engineering-vp", "approved_by": "pat"},
}


@dataclass
class Told:
    """What Terraform's step was given: the variables, and for how many IOPS the plan is judged."""

    variables: list[Mapping[str, Any]] = field(default_factory=list)
    iops: list[float] = field(default_factory=list)

    def __call__(self, ctx: Context, asked: Mapping[str, Any], _: object) -> bool:
        self.variables.append(asked)
        self.iops.append(ctx.approved_iops)
        return True


@dataclass
class Company:
    """An engagement with a scope, and keys whose roles stand in the user's own file."""

    world: World
    folder: Path
    keys: Path

    def approve(self, kind: str, role: str, environment: str = NAME) -> None:
        key = self.keys / role
        run_decide(DecideOptions(self.folder, "approve", kind, "reviewed with the team", 30, key, environment), silent)

    def up(self) -> None:
        self.world.up(engagement=self.folder)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Told) -> Company:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    world = make(tmp_path, monkeypatch)
    monkeypatch.setattr(landing_zone, "_terraform", told)
    folder = run(InitOptions(tmp_path / "acme", NAME), silent).folder
    with (folder / "engagement.yaml").open("a") as file:
        file.write(f"scope: {SCOPE}\n")
    keys, own = tmp_path / "keys", tmp_path / "config" / "pov"
    keys.mkdir()
    own.mkdir(parents=True)
    lines = []
    for role in ("engineer", "engineering-vp"):
        made = ssh.make_key(role)
        (keys / role).write_text(made.private.reveal())
        (keys / role).chmod(0o600)
        lines.append(f"{role}/pat {made.public}\n")
    (own / "allowed_signers").write_text("".join(lines))
    return Company(world, folder, keys)


def test_what_is_approved_is_handed_to_terraform(company: Company, told: Told) -> None:
    company.approve("scope", "engineer")
    company.approve("iops", "engineering-vp")
    company.up()
    (asked,) = told.variables
    assert {key: asked.get(key) for key in APPROVED} == APPROVED
    assert asked["quotas"]["cpu_scoped"] == 96, "no more cores than were approved"
    assert told.iops == [12_000]


def test_an_approval_that_comes_later_has_terraform_run_again(company: Company, told: Told) -> None:
    company.up()
    company.approve("scope", "engineer")
    company.up()
    assert ["scope" in asked for asked in told.variables] == [False, True]
    company.up()
    assert len(told.variables) == 2


@pytest.mark.parametrize(
    ("kind", "role", "environment", "why"),
    [
        ("iops", "engineer", NAME, "iops takes engineering-vp"),
        ("scope", "engineer", "elsewhere", "it is for the environment elsewhere"),
    ],
)
def test_what_does_not_count_is_told_and_not_handed_on(
    company: Company, told: Told, kind: str, role: str, environment: str, why: str
) -> None:
    company.approve(kind, role, environment)
    company.up()
    (asked,) = told.variables
    assert not {"scope", "iops_approval", "override"} & set(asked)
    assert (asked["quotas"]["cpu_scoped"], told.iops) == (512, [0])
    assert any(why in event.message for event in company.world.events if event.kind == "warning")

"""What the configuration repository asks for beside the stages, and what Terraform is told of it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.errors import InvalidInput, PovError
from pov.config.estates import estates
from pov.config.scenario import load_scenario
from pov.model.events import silent
from pov.steps.landing_zone import changing
from pov.steps.landing_zone.changing import ChangeOfInfrastructure, ask, asked_for, drop

ASKED = {"cpu": 2, "memory_gib": 2, "pods": 10, "services": 5}


class Repo:
    """A working copy as a folder, whose files are all in Git."""

    head = "c1"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.changed = False

    def paths(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())

    def read(self, path: str) -> str:
        return (self.folder / path).read_text()

    def write(self, path: str, text: str) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text)

    def remove(self, path: str) -> None:
        self.changed = (self.folder / path).exists()
        (self.folder / path).unlink(missing_ok=True)

    def is_changed(self) -> bool:
        return self.changed


@pytest.fixture
def repo(tmp_path: Path) -> Any:
    found = Repo(tmp_path)
    found.write("stages/prod/kustomization.yaml", "{}\n")
    return found


def test_what_was_asked_for_is_read_back_and_can_be_dropped(repo: Any) -> None:
    assert asked_for(repo, {"prod"}) == {}
    ask(repo, "team-a", ASKED)
    assert asked_for(repo, {"prod"}) == {"team-a": {**ASKED, "iops": 0, "storage_gib": 0}}
    assert drop(repo, "team-a") is True
    assert drop(repo, "team-a") is False
    assert asked_for(repo, {"prod"}) == {}


def test_a_request_for_a_stage_is_refused(repo: Any) -> None:
    ask(repo, "prod", ASKED)
    with pytest.raises(PovError, match="asks for prod, which is a stage of the scenario"):
        asked_for(repo, {"prod", "staging"})


@pytest.mark.parametrize(
    "text",
    ["", "[]\n", "apiVersion: pov.dev/v1\nkind: Stages\nstages: {a: {cpu: -1, memoryGib: 1, pods: 1, services: 1}}\n"],
)
def test_what_is_no_request_is_told_with_its_file(repo: Any, text: str) -> None:
    repo.write("infrastructure/a.yaml", text)
    with pytest.raises(InvalidInput, match=r"a\.yaml"):
        asked_for(repo, set())


def test_terraform_is_told_stages_requests_and_approvals_of_one_commit(
    repo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = load_scenario("gitops-35")
    home = SimpleNamespace(kubeconfig=tmp_path / "kubeconfig")
    ctx: Any = SimpleNamespace(
        scenario=scenario, estates=estates(scenario), engagement=None, deal=None, home=home, emit=silent
    )
    ctx.binaries = {"kubectl": tmp_path / "kubectl"}
    seen: list[Any] = []
    monkeypatch.setattr(changing.repository, "working_copy", lambda _: repo)
    monkeypatch.setattr(changing, "run_terraform", lambda _ctx, asked, _report: seen.append(asked))
    way = ChangeOfInfrastructure(ctx, lambda: ({"scope": {"reference": "x", "approved_by": "pat"}}, 12_000))
    ask(repo, "team-a", ASKED)
    way.follow("c1")
    (told,) = seen
    assert set(told.variables["stages"]) == {"team-a", "dev", "staging", "prod"}
    assert told.variables["scope"]["approved_by"] == "pat", "what was approved stays so"
    assert ctx.approved_iops == 12_000
    assert (told.command, told.configuration["commit"]) == ("pov measure", "c1")
    assert told.configuration["of"] == "pov/platform-config"
    with pytest.raises(PovError, match="main stands on c1, not on c0"):
        way.follow("c0")
    assert len(seen) == 1
    assert (way.kubectl.name, way.kubeconfig.name) == ("kubectl", "kubeconfig")


@pytest.mark.parametrize("there", [True, False])
def test_what_judges_is_built_only_where_it_is_not_there(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    built: list[Any] = []
    monkeypatch.setattr(changing, "conftest_at_hand", lambda: Path("/conftest") if there else None)
    monkeypatch.setattr(changing, "for_gate", built.append)
    ctx: Any = SimpleNamespace(emit=silent)
    ChangeOfInfrastructure(ctx, lambda: ({}, 0)).ready()
    assert built == ([] if there else [silent])

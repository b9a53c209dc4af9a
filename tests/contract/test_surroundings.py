"""The engines' real programs in hostile surroundings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pov.base import variables
from pov.base.process import run
from pov.bundle import Bundle
from pov.engines.container_choice import find
from pov.engines.containers import Containers
from pov.engines.terraform import Terraform, find_program, version
from tests.unit.engines import hostile

_MODULE = """\
variable "stages" { type = list(string) }
resource "terraform_data" "stages" { input = var.stages }
output "stages" { value = terraform_data.stages.output }
"""


def test_terraform_plans_and_applies_what_it_was_told(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile.surround(monkeypatch, tmp_path)
    module, program = tmp_path / "module", find_program(bundle.binaries)
    module.mkdir()
    (module / "main.tf").write_text(_MODULE)
    runner = Terraform(program, module, providers=tmp_path / "mirror", work=tmp_path / "work")
    runner.init()
    plan = runner.plan({"stages": ["dev", "prod"]})
    assert (plan.create, plan.update, plan.delete) == (1, 0, 0)
    runner.apply(plan)
    assert runner.output() == {"stages": ["dev", "prod"]}
    assert version(program).count(".") == 2


def test_kind_and_the_container_engine_do_what_they_do_elsewhere(
    bundle: Bundle, containers: Containers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = containers.run("info", "--format", "json").stdout
    hostile.surround(monkeypatch, tmp_path)
    # Another suite's servers are reached through one.
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("POV_CACHE", str(tmp_path / "cache"))
    found = find()
    assert found.kind == containers.kind
    assert found.probe() is None
    name = {"docker": "Name", "podman": "host"}[found.kind]
    assert _identity(found.run("info", "--format", "json").stdout, name) == _identity(before, name)
    env = variables.given_to("kind", found.env())
    said = run([str(bundle.binaries["kind"]), "get", "clusters"], timeout_s=60, env=env)
    assert "podman" in said.stderr + said.stdout or found.kind == "docker"


def _identity(told: str, name: str) -> object:
    document = json.loads(told)[name]
    return document["hostname"] if isinstance(document, dict) else document

"""A change of infrastructure as the configuration repository asks for it: namespaces beside the stages, by Terraform.

They stand in `infrastructure/` of its main branch, a file each, and are made as the stages are: behind the guardrail,
with quota, limits, rights and network policy. A bring-up knows the scenario's stages alone, and takes others away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from pov.base.errors import PovError
from pov.bundle.on_demand import conftest_at_hand, for_gate
from pov.config.stages import load_stages
from pov.engines.git import ConfigRepo
from pov.model.events import silent
from pov.steps.context import Context
from pov.steps.core import Report
from pov.steps.git import repository
from pov.steps.landing_zone.applying import Applied, Asked
from pov.steps.landing_zone.asking import variables
from pov.steps.landing_zone.step import configuration, run_terraform

FOLDER = "infrastructure"
COMMAND = "pov measure"


class ChangeOfInfrastructure:
    """Terraform on the landing zone of one environment, told what the configuration repository asks for."""

    def __init__(self, ctx: Context, allowed: Callable[[], tuple[Mapping[str, Mapping[str, Any]], float]]) -> None:
        """`allowed` tells what the guardrail is told of approvals that hold now, and the IOPS that they approve."""
        self._ctx = ctx
        self._allowed = allowed

    @property
    def kubectl(self) -> Path:
        """The program."""
        return self._ctx.binaries["kubectl"]

    @property
    def kubeconfig(self) -> Path:
        """An administrator's way to the cluster."""
        return self._ctx.home.kubeconfig

    def ready(self) -> None:
        """Have every program at hand that plans and judges; it takes minutes where none was built before."""
        if conftest_at_hand() is None:
            for_gate(self._ctx.emit)

    def follow(self, revision: str) -> Applied | None:
        """Plan what a commit of main asks for, have the plan judged, apply that very file; None for an empty plan.

        Raises `PovError` where main stands elsewhere by now, what it holds is wrong, or Terraform fails, and
        `CriterionNotMet` for a plan that is refused.
        """
        ctx = self._ctx
        repo = repository.working_copy(ctx)
        if repo.head != revision:
            raise PovError(f"main stands on {(repo.head or 'nothing')[:12]}, not on {revision[:12]}", fix="plan anew")
        approved, ctx.approved_iops = self._allowed()
        told = variables(ctx, approved)
        told["stages"] = {**asked_for(repo, set(told["stages"])), **told["stages"]}
        about = {**configuration(), "of": repository.FULL_NAME, "commit": revision}
        return run_terraform(ctx, Asked(told, COMMAND, about), Report("infrastructure", silent))


def asked_for(repo: ConfigRepo, stages: set[str]) -> dict[str, dict[str, Any]]:
    """Namespaces that a working copy asks for beside the scenario's `stages`, by name.

    Raises `InvalidInput` for a file that is no request, `PovError` for one that asks for a stage.
    """
    found: dict[str, dict[str, Any]] = {}
    for path in repo.paths():
        if path.startswith(f"{FOLDER}/"):
            repo.read(path)  # a text, and no link
            found |= load_stages(repo.folder / path)
    if taken := sorted(stages & found.keys()):
        fix = "give the namespace another name"
        raise PovError(f"{FOLDER}/ asks for {taken[0]}, which is a stage of the scenario, or of the deal", fix=fix)
    return found


def ask(repo: ConfigRepo, name: str, asked: Mapping[str, float]) -> None:
    """Write a request for a namespace; commit and push are the caller's. CPU in cores, memory in GiB."""
    figures = {"cpu": asked["cpu"], "memoryGib": asked["memory_gib"], "pods": asked["pods"]}
    request = {
        "apiVersion": "pov.dev/v1",
        "kind": "Stages",
        "stages": {name: {**figures, "services": asked["services"]}},
    }
    repo.write(f"{FOLDER}/{name}.yaml", yaml.safe_dump(request, sort_keys=False))


def drop(repo: ConfigRepo, name: str) -> bool:
    """Take a request away; commit and push are the caller's. Returns whether there was one."""
    repo.remove(f"{FOLDER}/{name}.yaml")
    return repo.is_changed()

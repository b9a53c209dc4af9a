"""The state that a plan is made against: that of a running environment, which is only read, or none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pov.base.errors import NotFound, PovError
from pov.engines.terraform_state import unpacked
from pov.steps.gate.names import COPY_STAGES, COPY_STATE
from pov.workflows.environment import home_of

if TYPE_CHECKING:
    from pov.engines.kube import Kube


@dataclass(frozen=True)
class Against:
    """An environment by its name, with what Terraform reaches its state by, or a copy of it; or why there is none.

    `beside` are stages that stand in any case, whatever a deal asks for.
    """

    environment: str = ""
    access: Mapping[str, str] = field(default_factory=dict)
    why_not: str = ""
    copy: bytes = b""
    beside: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def against(root: Path | None, environment: str, work: Path) -> Against:
    """The state of an environment that runs here; nobody is asked without `root`. Files for Terraform go to `work`."""
    from pov.engines.kube import Kube

    if root is None:
        return Against(why_not="no environment is asked")
    kubeconfig, why_not = kubeconfig_of(root, environment)
    return Against(why_not=why_not) if why_not else state_in(Kube(kubeconfig), environment, work)


def kubeconfig_of(root: Path, environment: str) -> tuple[Path, str]:
    """By what an environment that runs here is reached, and why it is not; empty if it is.

    One that Git holds came with what is under review: it may name another cluster, or a program to start.
    """
    from pov.engines.history import is_held

    kubeconfig = home_of(root, environment).kubeconfig
    if not kubeconfig.is_file():
        return kubeconfig, f"no environment {environment} runs here (pov up)"
    if is_held(kubeconfig):
        return kubeconfig, f"the kubeconfig of {environment} comes with what is under review"
    return kubeconfig, ""


def state_in(kube: Kube, environment: str, work: Path) -> Against:
    """The same, by its cluster. Raises `PovError` where that answers otherwise than it should."""
    from pov.steps.landing_zone.identity import READER
    from pov.steps.landing_zone.step import access, state_of

    if not kube.is_up():
        return Against(why_not=f"the cluster of {environment} does not answer")
    if not state_of(kube).objects:
        return Against(why_not=f"{environment} has no state yet")
    try:
        return Against(environment, access(kube, work, READER))
    except NotFound:
        return Against(why_not=f"{environment} has no account that reads its state (pov up makes it)")


def copied(folder: Path, environment: str) -> Against:
    """The copy of a state that lies in a folder, with the stages beside it. Raises `PovError` for a damaged one."""
    state, stages = folder / COPY_STATE, folder / COPY_STAGES
    if not state.is_file() or not stages.is_file():
        return Against(why_not="no state is shown to the gate (pov up does)")
    try:
        beside = json.loads(stages.read_text())
    except ValueError as error:
        raise PovError(f"{stages} cannot be read", cause=str(error), fix="pov up") from error
    return Against(environment, copy=unpacked(state.read_bytes()), beside=beside)


def as_json(against: Against, mark: Mapping[str, Any] | None) -> dict[str, Any]:
    """Against what a plan was made, for a document: `serial` and `lineage` where it was a state."""
    return {"environment": against.environment, "why_not": against.why_not, **(mark or {})}

"""What a run records of itself before its first trial: the machine, and the versions of what really runs there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

from pov.base import variables
from pov.base.clock import timestamp
from pov.base.errors import PovError
from pov.base.process import run
from pov.config.engagement import Engagement
from pov.config.estates import estate_named
from pov.config.experiments import Criterion
from pov.config.offering import load_offering
from pov.engines import git_command, ssh, terraform
from pov.engines.kube import Kube
from pov.engines.vault import Vault
from pov.experiments.seen import INTERVAL_S
from pov.experiments.toolbox import STAGING
from pov.measure.machine import machine
from pov.measure.order import COMPLETE, Slot
from pov.scoping.assessment import assess
from pov.state.runs import ENVIRONMENT
from pov.state.terraform_log import read_log
from pov.steps.argocd import watched as argocd
from pov.steps.context import Context
from pov.steps.git import server as git
from pov.workflows import running
from pov.workflows.agreement import recorded
from pov.workflows.approvals import commitments_of_others
from pov.workflows.brought import Brought
from pov.workflows.differences import Asked

_LIMIT_S = 20.0


def environment(
    ctx: Context, slots: Sequence[Slot], seed: int, criteria: Sequence[Criterion], started: datetime, *, own: Brought
) -> dict[str, Any]:
    """The run's `environment.json`, without the run's id."""
    scenario, engagement, staging = ctx.scenario, ctx.engagement, estate_named(ctx.estates, STAGING)
    return {
        "schema": ENVIRONMENT,
        "started": timestamp(started),
        "environment_name": ctx.name,
        "cluster": cluster(ctx.kube),
        "target": ctx.target,
        "images_kind": ctx.bundle.source,
        "bundle": ctx.bundle.key,
        "order_seed": seed,
        "order_drawn": COMPLETE,
        "stop_clock": {"looks_every_s": INTERVAL_S},
        "plan": [vars(slot) for slot in slots],
        "scenario": {"name": scenario.name, "title": scenario.metadata.title},
        "services": len(staging.services),
        "services_seed": scenario.services.seed,
        "replicas": scenario.services.replicas,
        "edges": len(staging.edges),
        "under_proof": list(scenario.pov_services),
        "stage": STAGING,
        "estates": {
            estate.name: {"kind": estate.kind, "services": len(estate.services), "edges": len(estate.edges)}
            for estate in ctx.estates
        },
        "legacy_hosts": scenario.legacy.hosts,
        "pki": scenario.pki.model_dump(mode="json"),
        "engagement": _engagement(engagement),
        "baseline": [figure.model_dump(mode="json") for figure in engagement.stated] if engagement else [],
        "scope": _scope(engagement, started),
        "expansions": [wish.model_dump(mode="json") for wish in engagement.expansions] if engagement else [],
        "criteria": recorded(criteria),
        "value": _value(engagement),
        "catalogue": own.words.as_json(),
        **own.as_json(),
        "versions": versions(ctx),
        "terraform_log": read_log(ctx.home.terraform_log).in_short(),
        "machine": machine(),
    }


def cluster(kube: Kube) -> str:
    """Which cluster it is, of all that may have had its name: the id that it gave its own namespace."""
    held = kube.get("v1/Namespace", "kube-system") or {}
    return str((held.get("metadata") or {}).get("uid", ""))


def asked(ctx: Context) -> Asked:
    """What the scenario asks for, to be compared with what runs."""
    scenario = ctx.scenario
    return Asked(ctx.estates, ctx.images["mock"], scenario.pki.ttl, tuple(scenario.pov_services))


def versions(ctx: Context) -> dict[str, str]:
    """Everything that runs as it names itself. What does not answer is recorded as such, and stops nothing."""
    asked: Mapping[str, Callable[[], str]] = {
        "Kubernetes": ctx.kube.version,
        **running.of_nodes(ctx.kube),
        "Argo CD": lambda: argocd.connect(ctx).version(),
        "Vault API": lambda: Vault(ctx.url("vault"), ctx.trust.ca_path).engine(),
        "Gitea": lambda: git.connect(ctx).version(),
        "Terraform": lambda: _terraform(ctx),
        **ctx.cluster.versions(),
        "Ansible": lambda: f"ansible-core {package_version('ansible-core')}",
        "ansible-runner": lambda: package_version("ansible-runner"),
        "SSH client": ssh.version,
        "OpenSSL": lambda: _says("openssl", "version"),
        "Git client": git_command.version,
        "pov": lambda: package_version("pov"),
    }
    told = {name: _told(ask) for name, ask in asked.items()}
    try:
        return told | running.images(ctx.kube)
    except PovError as error:
        return told | {"images": f"did not say ({error})"}


def other_versions(ctx: Context, told: Mapping[str, str]) -> list[str]:
    """Where what runs is not what the bundle in use holds, in words: somebody may have built another since."""
    idle = {"openbao", "vault"} - {ctx.scenario.engines.vault}
    idle |= {"legacy-host"} if not ctx.scenario.legacy.hosts else set()
    installed = {entry.name: entry.version for entry in ctx.bundle.entries if entry.name not in idle}
    wanted = {name: reference for name, reference in ctx.images.items() if name not in idle}
    own = {entry.name: entry.digest for entry in ctx.bundle.entries} if ctx.bundle.source == "built" else {}
    digests = {name: own[f"image-{name}"] for name in wanted if f"image-{name}" in own}
    return running.differences(told, installed, wanted, digests)


def _told(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except (PovError, PackageNotFoundError, KeyError, ValueError) as error:
        return f"did not say ({error})"


def _terraform(ctx: Context) -> str:
    program = terraform.find_program(ctx.binaries)
    return f"{'OpenTofu' if program.name == 'tofu' else 'Terraform'} {terraform.version(program)}"


def _says(*argv: str) -> str:
    return run(argv, timeout_s=_LIMIT_S, env=variables.given_to("file tool")).stdout.strip()


def _value(engagement: Any) -> dict[str, Any] | None:
    if engagement is None or engagement.value is None:
        return None
    told: dict[str, Any] = engagement.value.model_dump(mode="json", by_alias=True)
    return told


def _scope(engagement: Engagement | None, started: datetime) -> dict[str, Any] | None:
    """What follows from the engagement's scope on the day of the run; None without one."""
    if engagement is None or engagement.scope is None:
        return None
    scope = engagement.scope
    offering = load_offering(Path(scope.offering) if scope.offering else None)
    try:
        others = commitments_of_others(engagement.name, None, started)
    except PovError:
        others = None  # the report says that nobody looked
    return assess(scope, offering, started.astimezone().date(), others).as_json()


def _engagement(engagement: Any) -> dict[str, Any] | None:
    if engagement is None:
        return None
    return {"name": engagement.name, "customer": engagement.customer.model_dump(mode="json")}

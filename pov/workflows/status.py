"""`pov status`: what runs, in which version, how healthy, how long its certificates last, and where to look at it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pov.base.clock import SYSTEM_CLOCK, timestamp
from pov.base.errors import PovError
from pov.config.units import seconds
from pov.model.events import Emit
from pov.steps.context import Context
from pov.workflows.environment import attach


@dataclass(frozen=True)
class StatusOptions:
    """Which environment."""

    root: Path
    name: str | None = None


@dataclass(frozen=True)
class ServiceStatus:
    """One service of one estate as the prober sees it; `not_after` is ISO 8601 in UTC."""

    estate: str
    name: str
    version: str
    serial: str
    not_after: str
    error: str


@dataclass(frozen=True)
class AuthorityStatus:
    """One of the services' CAs; `not_after` is ISO 8601 in UTC."""

    name: str
    subject: str
    not_after: str


@dataclass(frozen=True)
class StatusResult:
    """The whole picture. `problems` is empty when everything is as it should be."""

    name: str
    scenario: str
    addresses: dict[str, str]
    applications: tuple[dict[str, str], ...]
    services: tuple[ServiceStatus, ...]
    authorities: tuple[AuthorityStatus, ...]
    engines: dict[str, str]
    problems: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document."""
        return {
            "name": self.name,
            "scenario": self.scenario,
            "addresses": self.addresses,
            "applications": list(self.applications),
            "services": [vars(service) for service in self.services],
            "authorities": [vars(authority) for authority in self.authorities],
            "engines": self.engines,
            "problems": list(self.problems),
        }


def run(options: StatusOptions, emit: Emit) -> StatusResult:
    """Look, change nothing. What does not answer becomes a problem in words, not an exception."""
    ctx = attach(options.root, options.name, emit)
    problems: list[str] = []
    applications = _tried(problems, "Argo CD", lambda: _applications(ctx)) or []
    services = _tried(problems, "the prober", lambda: _services(ctx)) or []
    authorities = _tried(problems, "Vault", lambda: _authorities(ctx, problems)) or []
    problems += [
        f"{app['name']} is {app['sync']} and {app['health']}"
        for app in applications
        if (app["sync"], app["health"]) != ("Synced", "Healthy")
    ]
    problems += [f"{service.estate}/{service.name}: {service.error}" for service in services if service.error]
    problems += _tried(problems, "Kubernetes", lambda: _gate(ctx)) or []
    return StatusResult(
        name=ctx.name,
        scenario=ctx.scenario.name,
        addresses=dict(sorted(ctx.endpoints.items())),
        applications=tuple(applications),
        services=tuple(services),
        authorities=tuple(authorities),
        engines=_tried(problems, "Kubernetes", lambda: _engines(ctx)) or {},
        problems=tuple(problems),
    )


def _tried(problems: list[str], who: str, look: Any) -> Any:
    try:
        return look()
    except PovError as error:
        problems.append(f"{who} does not answer: {error.message}")
        return None


def _applications(ctx: Context) -> list[dict[str, str]]:
    from pov.steps.argocd.watched import connect

    return [
        {"name": app.name, "sync": app.sync, "health": app.health, "revision": app.revision}
        for app in connect(ctx).applications()
    ]


def _services(ctx: Context) -> list[ServiceStatus]:
    from pov.steps.services.prober import connect

    prober = connect(ctx)
    return [
        ServiceStatus(estate.name, seen.service, seen.version, seen.serial, seen.not_after, seen.error)
        for estate in ctx.estates
        for seen in prober.identify(estate.name)
    ]


def _authorities(ctx: Context, problems: list[str]) -> list[AuthorityStatus]:
    from pov.steps.vault.authorities import authorities, warnings
    from pov.steps.vault.step import reach

    found = authorities(reach(ctx))
    problems += warnings(found, seconds(ctx.scenario.pki.ttl), SYSTEM_CLOCK.wall())
    return [
        AuthorityStatus(name, said.subject, timestamp(said.not_after))
        for name, said in (("issuing CA", found.issuing), ("root CA", found.root))
    ]


def _gate(ctx: Context) -> list[str]:
    """Whether somebody watches the deal's pull requests, where the scenario has a gate."""
    from pov.steps.gate.names import NAMESPACE, RUNNER

    if not ctx.scenario.gate:
        return []
    found = ctx.kube.get("apps/v1/Deployment", RUNNER, NAMESPACE) or {}
    if (found.get("status") or {}).get("readyReplicas"):
        return []
    told = f"kubectl --kubeconfig {ctx.home.kubeconfig} --namespace {NAMESPACE} logs deployment/{RUNNER}"
    return [f"the gate judges no pull request: {RUNNER} is not ready ({told})"]


def _engines(ctx: Context) -> dict[str, str]:
    """The API server's version, and every image that a pod runs, by its short name."""
    running: dict[str, set[str]] = {}
    for pod in ctx.kube.list("v1/Pod"):
        for container in (*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]):
            running.setdefault(_short(container["image"]), set()).add(container["image"])
    return {"kubernetes": ctx.kube.version()} | {name: ", ".join(sorted(running[name])) for name in sorted(running)}


def _short(reference: str) -> str:
    """`quay.io/argoproj/argocd:v3` is argocd."""
    return reference.partition("@")[0].rsplit("/", 1)[-1].partition(":")[0]

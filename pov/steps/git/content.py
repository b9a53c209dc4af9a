"""The configuration repository's files: one kustomize base for each service, one overlay for each stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pov.base.paths import data
from pov.config.estates import Estate
from pov.config.scenario import Scenario
from pov.config.weights import cpu_requests
from pov.model.topology import Service, Topology
from pov.steps.git.overlay import AGENT_IMAGE, FILES, Kept, overlay
from pov.steps.templates import block, render
from pov.steps.vault.credentials import MOUNT as CREDENTIAL_MOUNT

_BASE = ("deployment.yaml", "kustomization.yaml", "networkpolicy.yaml", "service.yaml", "serviceaccount.yaml")


def is_managed(path: str) -> bool:
    """Whether the bring-up writes such a file, and removes it when it is no longer wanted.

    Everything else in the repository is somebody else's and left alone, also beside ours.
    """
    match path.split("/"):
        case ["README.md"]:
            return True
        case ["services", _, name]:
            return name in _BASE
        case ["stages", _, name]:
            return name in FILES
    return False


def files(
    topology: Topology,
    estates: Sequence[Estate],
    scenario: Scenario,
    image: str,
    *,
    ca_pem: str,
    kept: Mapping[str, Kept] | None = None,
) -> dict[str, str]:
    """Every file of the repository, by path.

    `image` is the mock services' image; `kept` holds, by stage, what somebody else has set in the overlays.
    The same arguments give the same texts, byte for byte.
    """
    gitops = [estate for estate in estates if estate.kind == "gitops"]
    running = {name for estate in gitops for name in estate.services}
    requests = cpu_requests(scenario)
    found = {"README.md": data("argocd", "repository", "README.md").read_text()}
    for service in topology.services:
        if service.name in running:
            found.update(service_files(service, topology, scenario, requests[service.name]))
    for estate in gitops:
        found.update(overlay(estate, image, ca_pem, (kept or {}).get(estate.name, Kept())))
    return found


def service_files(service: Service, topology: Topology, scenario: Scenario, cpu_request_m: int) -> dict[str, str]:
    """A service's base, by path. One that is not in the topology calls nobody, and the prober alone calls it."""
    resources = scenario.services.resources
    has_credential = service.name in scenario.pov_services
    values = {
        "name": service.name,
        "tier": service.tier,
        "replicas": scenario.services.replicas,
        "agent_image": AGENT_IMAGE,
        "ttl": scenario.pki.ttl,
        "kept_credential": block([f"- --credential-mount={CREDENTIAL_MOUNT}"], 12) if has_credential else "",
        "used_credential": block(["- --credential=/certs/credential"], 12) if has_credential else "",
        "cpu_request": f"{cpu_request_m}m",
        "memory_request": resources.memory_request,
        "memory_limit": resources.memory_limit,
        "callers": _selectors(topology.callers(service.name)),
        "callees": _callees(topology.callees(service.name)),
    }
    return {
        f"services/{service.name}/{name}": _without_blank_lines(render("repository", "service", name, values=values))
        for name in _BASE
    }


def _selectors(names: Sequence[str]) -> str:
    return block((f"- podSelector: {{matchLabels: {{app: {name}}}}}" for name in sorted(names)), 8)


def _callees(names: Sequence[str]) -> str:
    # No rule at all for a service that calls nobody: an empty list of peers would allow every one.
    if not names:
        return ""
    return "\n".join((block(["- to:"], 4), _selectors(names), block(["ports: [{protocol: TCP, port: 8443}]"], 6)))


def _without_blank_lines(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line.strip()) + "\n"

"""Controls of operation: what is written down of administrators' deeds, and that capacity is bounded and watched."""

from __future__ import annotations

from typing import Any

from pov.base.errors import PovError
from pov.steps.landing_zone.proof import probe_limits
from pov.steps.vault.audited import LOG
from pov.steps.vault.server import NAMESPACE as VAULT
from pov.steps.vault.server import POD
from pov.workflows.controls.control import NOT_SHOWN, PCI, SOC2, Control, Finding, judged
from pov.workflows.controls.live import Live

_SIZE_S = 15.0
_SERVER = "kube-apiserver"
_FLAG = "--audit-log-path"


def audited(live: Live) -> Finding:
    """PCI DSS 10.2.1: Vault's audit log is on and grows, and the API server writes one."""
    before = _size(live)
    vault = live.vault()
    devices = vault.read("sys/audit") or {}
    kinds = {name: str(body.get("type")) for name, body in devices.items() if isinstance(body, dict)}
    after = _size(live)
    evidence: dict[str, Any] = {"vault": {"devices": kinds, "bytes_before": before, "bytes_after": after}}
    faults = [] if kinds else ["Vault has no audit device"]
    if kinds and before is not None and after is not None and after == before:
        faults.append("Vault's audit log did not grow by a log-in")
    servers = [pod for pod in live.kube.list("v1/Pod", "kube-system") if _is_server(pod)]
    on = [_FLAG in " ".join(_arguments(pod)) for pod in servers]
    evidence["api_server"] = {"seen": len(servers), "writes_a_log": bool(on) and all(on)}
    if servers and not all(on):
        faults.append("the cluster's API server writes no audit log")
    if not faults and (before is None or after is None):
        return Finding(NOT_SHOWN, "Vault has an audit device; that its log grows could not be seen.", evidence)
    if not faults and not servers:
        return Finding(
            NOT_SHOWN, "Vault's audit log grows; whether the API server writes one cannot be seen from here.", evidence
        )
    return judged(faults, "Vault's audit log grew by a log-in, and the API server writes one", evidence)


def _size(live: Live) -> int | None:
    """Bytes of Vault's audit log; None where that cannot be told."""
    try:
        return int(live.kube.exec(POD, VAULT, ["stat", "-c", "%s", LOG], container="vault", timeout_s=_SIZE_S))
    except (PovError, ValueError):
        return None


def _is_server(pod: dict[str, Any]) -> bool:
    return bool((pod["metadata"].get("labels") or {}).get("component") == _SERVER)


def _arguments(pod: dict[str, Any]) -> list[str]:
    return [
        str(part)
        for container in pod["spec"]["containers"]
        for part in (*(container.get("command") or ()), *(container.get("args") or ()))
    ]


def bounded(live: Live) -> Finding:
    """SOC 2 A1.1: each stage has a quota that is counted, and what is over the offering is refused."""
    faults, told = [], {}
    for stage in live.stages:
        quota = live.kube.get("v1/ResourceQuota", "landing-zone", stage.namespace)
        status = (quota or {}).get("status") or {}
        used, hard = dict(status.get("used") or {}), dict(status.get("hard") or {})
        refused = probe_limits(live.kube, stage.namespace) is True
        space = live.kube.get("v1/Namespace", stage.namespace) or {"metadata": {}}
        decision = (space["metadata"].get("annotations") or {}).get("pov.dev/guardrail-decision", "")
        told[stage.name] = {"used": used, "hard": hard, "refuses_excess": refused, "decision": decision}
        if quota is None:
            faults.append(f"{stage.name} has no quota")
        elif not used:
            faults.append(f"what {stage.name} uses is not counted")
        if not refused:
            faults.append(f"{stage.name} takes a workload over the offering")
    met = f"{len(told)} stages: use is counted against a quota, and a workload over the offering was refused"
    return judged(faults, met, {"stages": told})


CONTROLS = (
    Control(
        PCI,
        "10.2.1",
        "Audit logs are on, for every part of the system.",
        "Vault's audit device, by whether a log-in makes its log grow, and the arguments of the cluster's API server",
        "logs of the Git server and of Argo CD; where logs are kept, how long, and who may change them (10.3, 10.5)",
        audited,
    ),
    Control(
        SOC2,
        "A1.1",
        "Use of capacity is watched and held against what there is, so that more can be had in time.",
        "each stage's quota with what is used of it, and a workload over the offering, tried as a dry run",
        "capacity of the machines, and its planning: pov scope adds approved scopes up",
        bounded,
    ),
)

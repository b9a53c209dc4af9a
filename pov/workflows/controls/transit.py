"""Controls of what is on the way: who may connect, encryption, and the certificates that it rests on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pov.base.errors import CommandFailed, PovError, TimedOut
from pov.steps.vault.authorities import authorities, warnings
from pov.steps.vault.server import NAMESPACE as VAULT
from pov.steps.vault.server import POD
from pov.workflows.controls.control import NOT_SHOWN, PCI, Control, Finding, judged
from pov.workflows.controls.live import PROD, Live

_TRY_S = 15.0
_GIVE_UP = "5s"
_TOLERANCE = timedelta(minutes=5)
"""Certificates are dated back a little, for clocks that differ."""
_NO_ROUTE = ("i/o timeout", "deadline exceeded", "connection refused", "no route to host", "network is unreachable")
_CONNECTED = ("tls:", "x509:", "certificate", "HTTP response")
_API = "https://kubernetes.default.svc:443"
_PORT = 8443


def only_needed_connections(live: Live) -> Finding:
    """PCI DSS 1.3.1: a stage lets nothing in that is not named; tried with a connection that is forbidden."""
    faults = [
        f"{stage.name} has no policy that denies by default"
        for stage in live.stages
        if not _denies(live, stage.namespace)
    ]
    policies = {
        stage.name: len(live.kube.list("networking.k8s.io/v1/NetworkPolicy", stage.namespace)) for stage in live.stages
    }
    evidence: dict[str, Any] = {"policies": policies}
    target = next((stage for stage in live.stages if stage.name != PROD and stage.services), None)
    if faults or target is None:
        return judged(faults or ["no stage has a service to try"], "", evidence)
    allowed, said = _connects(live, _API)
    forbidden, told = _connects(live, f"https://{target.services[0]}.{target.namespace}.svc:{_PORT}")
    evidence |= {
        "allowed_connection": {"from": POD, "to": _API, "connected": allowed, "said": said},
        "forbidden_connection": {
            "from": POD,
            "to": f"{target.services[0]}.{target.namespace}",
            "connected": forbidden,
            "said": told,
        },
    }
    if not allowed:
        return Finding(
            NOT_SHOWN, f"The trial itself did not work: an allowed connection failed, too ({said})", evidence
        )
    if forbidden is None:
        return Finding(NOT_SHOWN, f"The forbidden connection failed for another reason: {told}", evidence)
    if forbidden:
        why = "Every stage denies by default, and a forbidden connection got through: the network ignores policies"
        return Finding(NOT_SHOWN, why, evidence)
    return judged(
        [],
        f"{len(live.stages)} stages deny by default; a forbidden connection was tried and did not get through",
        evidence,
    )


def _denies(live: Live, namespace: str) -> bool:
    """Whether a policy there selects every pod, for both directions, and allows nothing."""
    for policy in live.kube.list("networking.k8s.io/v1/NetworkPolicy", namespace):
        spec = policy.get("spec") or {}
        both = set(spec.get("policyTypes") or ()) == {"Ingress", "Egress"}
        if both and not spec.get("podSelector") and not spec.get("ingress") and not spec.get("egress"):
            return True
    return False


def _connects(live: Live, address: str) -> tuple[bool | None, str]:
    """Whether Vault's pod gets through to an address: any answer by TLS is one. None where that cannot be told."""
    quick = [f"{name}_{what}" for name in ("BAO", "VAULT") for what in (f"CLIENT_TIMEOUT={_GIVE_UP}", "MAX_RETRIES=0")]
    command = ["env", *quick, live.vault_program, "status", f"-address={address}"]
    try:
        said = live.kube.exec(POD, VAULT, command, container="vault", timeout_s=_TRY_S)
    except CommandFailed as error:
        said = " ".join((error.stderr or error.stdout).split())
    except TimedOut as error:
        return False, error.message
    if any(sign in said for sign in _NO_ROUTE):
        return False, said
    return (True if any(sign in said for sign in _CONNECTED) else None), said


def encrypted(live: Live) -> Finding:
    """PCI DSS 4.2.1: every edge is called over mutual TLS with certificates that are trusted, and no other pair is."""
    prober = live.prober()
    silent, admitted, unclear, edges, pairs = [], [], [], 0, 0
    for stage in live.stages:
        answers = prober.verify(stage.name)
        edges += len(answers)
        silent += [f"{stage.name}: {one.source} to {one.target}: {one.error}" for one in answers if not one.ok]
        refused = prober.refusals(stage.name)
        pairs += refused.pairs
        admitted += [
            f"{stage.name}: {target} answers {source}, which it must not" for source, target in refused.admitted
        ]
        unclear += [f"{stage.name}: {error}" for error in refused.errors]
    evidence = {"edges": edges, "silent": silent, "pairs": pairs, "admitted": admitted, "unclear": unclear}
    if not edges:
        return Finding(NOT_SHOWN, "No stage has two services that call each other.", evidence)
    if not (silent or admitted) and unclear:
        return Finding(
            NOT_SHOWN, f"{len(unclear)} of {pairs} calls that must be refused failed otherwise: {unclear[0]}", evidence
        )
    met = f"{edges} edges answered over mutual TLS; {pairs} calls without an edge were refused by name"
    return judged([*silent, *admitted], met, evidence)


def inventory(live: Live) -> Finding:
    """PCI DSS 4.2.1.1: every certificate that is in use is known, with its end, and none lives longer than it may."""
    prober = live.prober()
    rows: list[dict[str, str]] = []
    faults, silent = [], []
    longest = timedelta(seconds=live.ttl_s) + _TOLERANCE
    for stage in live.stages:
        for one in prober.identify(stage.name):
            rows.append({"stage": stage.name, "service": one.service, "serial": one.serial, "not_after": one.not_after})
            ends = one.expires
            if one.error or ends is None:
                silent.append(f"{stage.name}/{one.service}")
            elif ends <= live.now:
                faults.append(f"the certificate of {stage.name}/{one.service} ran out")
            elif ends - live.now > longest:
                faults.append(f"the certificate of {stage.name}/{one.service} lives longer than {live.ttl_s} s")
    try:
        found = authorities(live.vault())
    except PovError as error:
        return Finding(NOT_SHOWN, f"Vault does not tell its authorities: {error.message}", {"certificates": rows})
    faults += warnings(found, live.ttl_s, live.now)
    issuers = {
        name: {"subject": said.subject, "serial": said.serial, "not_after": said.not_after.isoformat()}
        for name, said in (("issuing", found.issuing), ("root", found.root))
    }
    evidence = {"certificates": rows, "authorities": issuers, "longest_life_s": live.ttl_s}
    if not faults and (silent or not rows):
        return Finding(NOT_SHOWN, f"Not every certificate is known: {', '.join(silent[:3]) or 'none'}", evidence)
    return judged(
        faults, f"{len(rows)} certificates of services and both authorities, each with its serial and end", evidence
    )


CONTROLS = (
    Control(
        PCI,
        "1.3.1",
        "Traffic into where cardholder data would lie is held to what is needed; everything else is denied.",
        "each stage's network policies, and one forbidden and one allowed connection, tried from Vault's pod",
        "every other pair of pods; traffic out of the stages (1.3.2); the network around the cluster",
        only_needed_connections,
    ),
    Control(
        PCI,
        "4.2.1",
        "Data on the way is protected by strong cryptography: only trusted certificates count, none that ran out.",
        "a call over each edge of each stage, and one over each pair without an edge, which must be refused",
        "the ciphers that are agreed on; ways out of the cluster, of which the demonstration has none",
        encrypted,
    ),
    Control(
        PCI,
        "4.2.1.1",
        "There is a list of the keys and certificates that protect data on the way.",
        "what each replica shows when it is called, and both authorities in Vault",
        "certificates of the platform's own pages and of the legacy estate",
        inventory,
    ),
)

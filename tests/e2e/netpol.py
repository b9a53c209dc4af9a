"""What NetworkPolicies say, by the rules of the Kubernetes API: the bundle's CNI does not enforce them, so a test does.

A pod that a policy selects for a direction may do there what the selecting policies' rules allow together, and a
connection needs both ends' consent (https://kubernetes.io/docs/concepts/services-networking/network-policies/).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Policy = Mapping[str, Any]


@dataclass(frozen=True)
class Pod:
    """One end of a connection."""

    namespace: str
    namespace_labels: Mapping[str, str]
    labels: Mapping[str, str]


def allowed(policies: Sequence[Policy], source: Pod, target: Pod, port: int, protocol: str = "TCP") -> bool:
    """Whether `source` may connect to `target` on `port`."""
    return _consents(policies, source, target, "Egress", port, protocol) and _consents(
        policies, target, source, "Ingress", port, protocol
    )


def _consents(policies: Sequence[Policy], who: Pod, other: Pod, direction: str, port: int, protocol: str) -> bool:
    selecting = [
        policy["spec"]
        for policy in policies
        if policy["metadata"]["namespace"] == who.namespace
        and direction in policy["spec"].get("policyTypes", ["Ingress"])
        and selects(policy["spec"].get("podSelector") or {}, who.labels)
    ]
    peers = "to" if direction == "Egress" else "from"
    rules = [rule for spec in selecting for rule in spec.get(direction.lower()) or ()]
    return not selecting or any(
        _port(rule.get("ports"), port, protocol) and _peer(rule.get(peers), who.namespace, other) for rule in rules
    )


def _port(ports: Sequence[Mapping[str, Any]] | None, port: int, protocol: str) -> bool:
    return not ports or any(
        entry.get("protocol", "TCP") == protocol
        and ("port" not in entry or int(entry["port"]) <= port <= int(entry.get("endPort", entry["port"])))
        for entry in ports
    )


def _peer(peers: Sequence[Mapping[str, Any]] | None, home: str, other: Pod) -> bool:
    return not peers or any(_is(peer, home, other) for peer in peers)


def _is(peer: Mapping[str, Any], home: str, other: Pod) -> bool:
    if "ipBlock" in peer:
        # Pods' addresses are inside any block that holds everything; narrower ones are for what is not a pod.
        return str(peer["ipBlock"]["cidr"]).endswith("/0")
    if "namespaceSelector" in peer:
        there = selects(peer["namespaceSelector"] or {}, other.namespace_labels)
    else:
        there = other.namespace == home
    return there and selects(peer.get("podSelector") or {}, other.labels)


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector matches; an empty one matches everything."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_expression(expression, labels) for expression in selector.get("matchExpressions") or ())


def _expression(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    return {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }[str(expression["operator"])]

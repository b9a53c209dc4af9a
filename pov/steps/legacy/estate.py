"""The legacy estate: hosts with sshd and a plain supervisor, the same services on the same edges, a CA of their own.

A host is a pod. Deployed releases and rotated certificates live in it alone: when the pod starts anew, the baseline is
back. No port is open for SSH; `sshd -i` runs at the end of `kubectl exec`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pov.base.clock import SYSTEM_CLOCK
from pov.base.paths import data
from pov.base.redact import Secret, random_secret
from pov.bundle import versions
from pov.config.estates import LEGACY, Estate, estate_named
from pov.config.legacy import PORT, Host, Placed, dns_names, hosts, identity
from pov.config.weights import cpu_requests
from pov.engines import ssh
from pov.engines.certificates import KeyPair, belongs
from pov.engines.legacy_ca import LegacyCa
from pov.steps.context import Context
from pov.steps.core import Outcome, Report, Step
from pov.steps.git.overlay import topology_file

SET = "legacy"
NEW_SET = "legacy-new"
"""Addresses of services that are just coming; the scenario knows none of them."""
BASELINE = versions.MOCK
SSH_KEY = "legacy-ssh-key"
HOST_KEY, HOST_PUBLIC_KEY = "host_key", "host_key.pub"
_FILES = ("entrypoint.sh", "sshd_config", "healthy")
_CREDENTIAL = ".credential"
_READY_S = 180.0
_HOST_MILLICORES = 10
_MEMORY_MIB = {"request": (24, 10), "limit": (224, 48)}
"""Of a host, and more for each of its services: sshd and the runbook's Python run beside them."""


def step() -> Step:
    """Needs a cluster whose services are reached, no more; the CA is the estate's own."""
    return Step("legacy", "Legacy estate: hosts reached by SSH", _run, ("network",), expected_s=8)


def hosts_of(ctx: Context) -> tuple[Host, ...]:
    """The estate's hosts; none where the scenario leaves it out."""
    if not ctx.scenario.legacy.hosts:
        return ()
    return hosts(estate_named(ctx.estates, LEGACY), ctx.scenario.legacy.hosts)


def secret_name(host: Host) -> str:
    """The Secret with a host's keys."""
    return f"{host.name}-keys"


def _run(ctx: Context, report: Report) -> Outcome:
    changed = ctx.kube.apply(manifests(ctx), set_name=SET)
    names = [host.name for host in hosts_of(ctx)]
    ctx.kube.wait_ready("StatefulSet", names, LEGACY, timeout_s=_READY_S, on_pending=report.waits)
    return Outcome.CHANGED if changed else Outcome.UNCHANGED


def give_addresses(ctx: Context, host: Host, services: Sequence[Placed]) -> None:
    """Have these services of a host reached by their names: they and no others beside those of the scenario."""
    ctx.kube.apply([_service(host, placed.service, placed.port) for placed in services], set_name=NEW_SET)


def manifests(ctx: Context) -> list[dict[str, Any]]:
    """Everything of the estate, for one set. Keys and certificates stay what they are while they serve."""
    estate = estate_named(ctx.estates, LEGACY)
    ca, _ = LegacyCa.ensure(ctx.home.secrets_dir)
    layout, requests = _layout(estate, _authorized(ctx)), cpu_requests(ctx.scenario)
    found = [_namespace(), _object("v1", "ConfigMap", "layout", data=layout), _network_policy()]
    for host in hosts_of(ctx):
        keys = _keys(ctx, host, ca) | _credentials(ctx, host)
        lines = "".join(f"{p.service} {p.port} {p.health_port}\n" for p in host.services)
        # What a host reads at its start: with other inputs it starts anew.
        inputs = {
            "pov.dev/layout": _digest([layout, lines]),
            "pov.dev/keys": _digest([keys[name] for name in sorted(keys) if name.endswith((".crt", ".pub"))]),
        }
        encoded = {name: base64.b64encode(value.encode()).decode() for name, value in keys.items()}
        found += [
            _object("v1", "Secret", secret_name(host), type="Opaque", data=encoded),
            _object("v1", "ConfigMap", host.name, data={"services": lines}),
            _stateful_set(ctx, host, inputs, requests),
            *(_service(host, placed.service, placed.port) for placed in host.services),
        ]
    return found


def client_key(ctx: Context) -> Secret:
    """The key with which runbooks log in."""
    _authorized(ctx)
    key = ctx.home.secret(SSH_KEY)
    assert key is not None
    return key


def _authorized(ctx: Context) -> str:
    """The public half of the runbooks' key, which is made at first use."""
    key, public = ctx.home.secret(SSH_KEY), ctx.home.secret(f"{SSH_KEY}.pub")
    if key is None or public is None:
        made = ssh.make_key("pov")
        # The public half last: cut off in between, both are made anew.
        ctx.home.save_secret(SSH_KEY, made.private)
        public = Secret(made.public)
        ctx.home.save_secret(f"{SSH_KEY}.pub", public)
    return public.reveal()


def _layout(estate: Estate, authorized: str) -> dict[str, str]:
    files = {name: data("mock_services", "legacy", name).read_text() for name in _FILES}
    return {
        **files,
        "authorized_keys": f"{authorized}\n",
        "topology.json": topology_file(estate),
        "version": f"{BASELINE}\n",
    }


def _keys(ctx: Context, host: Host, ca: LegacyCa) -> dict[str, str]:
    """A host's own key for sshd, and a certificate for each of its services; what the cluster holds is used again."""
    held = {name: value.decode() for name, value in (ctx.kube.secret(secret_name(host), LEGACY) or {}).items()}
    keys = {"ca.crt": ca.pem}
    if held.get(HOST_KEY) and held.get(HOST_PUBLIC_KEY):
        keys |= {name: held[name] for name in (HOST_KEY, HOST_PUBLIC_KEY)}
    else:
        made = ssh.make_key(host.name)
        keys |= {HOST_KEY: made.private.reveal(), HOST_PUBLIC_KEY: made.public}
    now = SYSTEM_CLOCK.wall()
    for placed in host.services:
        names = (*dns_names(LEGACY, placed.service), identity(LEGACY, placed.service))
        certificate, key = held.get(f"{placed.service}.crt", ""), Secret(held.get(f"{placed.service}.key", ""))
        good = belongs(certificate, key) and ca.vouches_for(certificate, names, now)
        pair = KeyPair(certificate, key) if good else ca.issue(names)
        keys |= {f"{placed.service}.crt": pair.certificate, f"{placed.service}.key": pair.key.reveal()}
    return keys


def _credentials(ctx: Context, host: Host) -> dict[str, str]:
    """A credential for each of a host's services under proof; what the cluster holds is used again."""
    held = ctx.kube.secret(secret_name(host), LEGACY) or {}
    names = [f"{p.service}{_CREDENTIAL}" for p in host.services if p.service in ctx.scenario.pov_services]
    return {name: held[name].decode() if held.get(name) else random_secret().reveal() for name in names}


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


def _object(api: str, kind: str, name: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": LEGACY}, **fields}


def _namespace() -> dict[str, Any]:
    # Not `restricted`: sshd and the supervisor are root, as on the hosts that they stand for. More is not needed.
    labels = {"pod-security.kubernetes.io/enforce": "baseline"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": LEGACY, "labels": labels}}


def _network_policy() -> dict[str, Any]:
    """Between the hosts, and from the prober; a flat network inside, as it is."""
    here: dict[str, Any] = {"podSelector": {}}
    prober = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "pov-system"}}}
    dns = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    spec = {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [here, prober]}],
        "egress": [{"to": [here]}, {"ports": dns}],
    }
    return _object("networking.k8s.io/v1", "NetworkPolicy", "hosts", spec=spec)


def _service(host: Host, name: str, port: int) -> dict[str, Any]:
    """A service's address; a stopped service is not taken out of it, as nobody does so in the legacy estate."""
    spec = {
        "selector": {"host": host.name},
        "publishNotReadyAddresses": True,
        "ports": [{"name": "https", "port": PORT, "targetPort": port}],
    }
    return _object("v1", "Service", name, spec=spec)


def _stateful_set(ctx: Context, host: Host, inputs: Mapping[str, str], requests: Mapping[str, int]) -> dict[str, Any]:
    labels = {"host": host.name}
    mounts = {"layout": "/layout", "host": "/host", "secrets": "/secrets"}
    probe = {"exec": {"command": ["test", "-e", "/run/laid-out"]}}
    container = {
        "name": "host",
        "image": ctx.images["legacy-host"],
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "/layout/entrypoint.sh"],
        "startupProbe": {**probe, "periodSeconds": 1, "failureThreshold": 60},
        "resources": _resources(host, requests),
        "securityContext": {"allowPrivilegeEscalation": False},
        "volumeMounts": [{"name": name, "mountPath": path, "readOnly": True} for name, path in mounts.items()],
    }
    pod = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 2,
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [
            {"name": "layout", "configMap": {"name": "layout"}},
            {"name": "host", "configMap": {"name": host.name}},
            {"name": "secrets", "secret": {"secretName": secret_name(host), "defaultMode": 0o400}},
        ],
    }
    spec = {
        "serviceName": host.name,
        "replicas": 1,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels, "annotations": dict(inputs)}, "spec": pod},
    }
    return _object("apps/v1", "StatefulSet", host.name, spec=spec)


def _resources(host: Host, requests: Mapping[str, int]) -> dict[str, Any]:
    services = len(host.services)
    request, limit = (base + each * services for base, each in (_MEMORY_MIB["request"], _MEMORY_MIB["limit"]))
    # As much as the same services ask for in a stage: else the two ways of working would be measured unlike.
    cpu = _HOST_MILLICORES + sum(requests[placed.service] for placed in host.services)
    return {"requests": {"cpu": f"{cpu}m", "memory": f"{request}Mi"}, "limits": {"memory": f"{limit}Mi"}}

"""The Vault server in the cluster: its manifests, and its seal key, which lives as long as the volume that it opens."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pov.base.errors import PovError
from pov.base.paths import data
from pov.config.estates import Estate
from pov.engines.certificates import details
from pov.steps.confined import confined, restricted_namespace
from pov.steps.context import Context
from pov.steps.trust.tls import certificate_of, tls_secret
from pov.steps.vault.layout import NAMESPACES

NAMESPACE = "vault"
STATEFUL_SET = "vault"
POD = "vault-0"
CLAIM = "vault-data"
SET = "vault"
ADMIN = "pov-admin"
OWNER = "credential-owner"
AUDIENCE = "vault"
_LABELS = {"app.kubernetes.io/name": "vault"}
_DNS = ("vault.vault.svc", "vault", "vault.vault.svc.cluster.local")
_PORT = 8200
_USER = 65532
_VOLUME = "2Gi"
_API = "rbac.authorization.k8s.io"
_ALIVE = "/v1/sys/health?standbyok=true&uninitcode=200&sealedcode=200"
_READY = "/v1/sys/health?standbyok=true"


@dataclass(frozen=True)
class Engine:
    """Which program serves the API, how it is configured, and whether it holds its own seal key."""

    name: str
    program: str
    image: str
    auto_unseal: bool


def engine(ctx: Context) -> Engine:
    """The engine that the scenario asks for. Raises `PovError` if the bundle has no image of it."""
    wanted = ctx.scenario.engines.vault
    image = ctx.images.get(wanted)
    if image is None:
        raise PovError(
            "the bundle has no image of HashiCorp Vault",
            cause="the scenario says `engines: {vault: vault}`",
            fix="say `engines: {vault: openbao}`, or build the bundle where images can be pulled: pov bundle build",
        )
    program = "bao" if wanted == "openbao" else "vault"
    return Engine(wanted, program, image, auto_unseal=wanted == "openbao")


def manifests(ctx: Context, server: Engine) -> list[dict[str, Any]]:
    """Everything of the server, for one set. Reads what must stay as it is: the certificate and the seal key."""
    tls = tls_secret(ctx, NAMESPACE, "vault-tls", _DNS)
    settings = {
        "server.hcl": data("vault", "server", f"{server.name}.hcl").read_text(),
        "rotate-audit.sh": data("vault", "server", "rotate-audit.sh").read_text(),
    }
    volume = ctx.cluster.claim(ctx.kube, NAMESPACE, CLAIM, _VOLUME)
    # A server reads both at its start: the pod is replaced when one of them changes.
    inputs = {
        "pov.dev/certificate": details(certificate_of(tls)).fingerprint[:32],
        "pov.dev/settings": hashlib.sha256(repr(sorted(settings.items())).encode()).hexdigest()[:32],
    }
    return [
        restricted_namespace(NAMESPACE),
        _object("v1", "ServiceAccount", "vault", automountServiceAccountToken=False),
        _object("v1", "ServiceAccount", ADMIN, automountServiceAccountToken=False),
        _object("v1", "ServiceAccount", OWNER, automountServiceAccountToken=False),
        _token_reviewer(),
        _object("v1", "ConfigMap", "vault-config", data=settings),
        tls,
        *([_seal_key(ctx)] if server.auto_unseal else []),
        *volume.manifests,
        _service("vault", {"type": "ClusterIP", "ports": [_port()]}),
        # A server that was not initialised yet is not ready; whoever is to initialise it reaches it all the same.
        _service(
            "vault-outside",
            {"publishNotReadyAddresses": True, **ctx.cluster.exposed("vault", _port())},
        ),
        _network_policy(ctx.estates),
        _stateful_set(server, inputs, volume.name),
    ]


def _object(api: str, kind: str, name: str, **fields: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": dict(_LABELS)}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **fields}


def _token_reviewer() -> dict[str, Any]:
    """Kubernetes auth asks the API server whether a service account's token is real."""
    return {
        "apiVersion": f"{_API}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "pov-vault-token-reviewer"},
        "roleRef": {"apiGroup": _API, "kind": "ClusterRole", "name": "system:auth-delegator"},
        "subjects": [{"kind": "ServiceAccount", "name": "vault", "namespace": NAMESPACE}],
    }


def _seal_key(ctx: Context) -> dict[str, Any]:
    held = (ctx.kube.secret("vault-seal", NAMESPACE) or {}).get("key")
    key = held or secrets.token_hex(32).encode()
    return _object("v1", "Secret", "vault-seal", type="Opaque", data={"key": base64.b64encode(key).decode()})


def _port() -> dict[str, Any]:
    return {"name": "https", "port": _PORT, "targetPort": "https", "protocol": "TCP"}


def _service(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return _object("v1", "Service", name, spec={"selector": dict(_LABELS), **spec})


def _network_policy(estates: Sequence[Estate]) -> dict[str, Any]:
    """In: the API, for namespaces with services. Out: name look-ups and the API server, whom no selector knows.

    The node itself is always let in, and with it what comes through the node port.
    """
    stages = [estate.namespace for estate in estates if estate.kind == "gitops"]
    names = list(dict.fromkeys([*NAMESPACES, *stages]))
    users = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": names}
    peers = [{"namespaceSelector": {"matchExpressions": [users]}}]
    dns = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    api = [{"protocol": "TCP", "port": port} for port in (443, 6443)]
    spec = {
        "podSelector": {"matchLabels": dict(_LABELS)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": peers, "ports": [{"protocol": "TCP", "port": _PORT}]}],
        "egress": [{"ports": dns}, {"ports": api}],
    }
    return _object("networking.k8s.io/v1", "NetworkPolicy", "vault", spec=spec)


def _stateful_set(server: Engine, inputs: dict[str, str], claim: str) -> dict[str, Any]:
    pod = {
        "serviceAccountName": "vault",
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        # The audit log's rotation signals the server, which it finds by its process number.
        "shareProcessNamespace": True,
        "terminationGracePeriodSeconds": 15,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_server(server), _rotation(server)],
        "volumes": _volumes(server, claim),
    }
    spec = {
        "serviceName": "vault",
        "replicas": 1,
        "selector": {"matchLabels": dict(_LABELS)},
        "template": {"metadata": {"labels": dict(_LABELS), "annotations": inputs}, "spec": pod},
    }
    return _object("apps/v1", "StatefulSet", STATEFUL_SET, spec=spec)


def _server(server: Engine) -> dict[str, Any]:
    return {
        "name": "vault",
        "image": server.image,
        "imagePullPolicy": "IfNotPresent",
        "command": [server.program, "server", "-config=/vault/config/server.hcl"],
        "env": [{"name": "HOME", "value": "/vault/run"}],
        "ports": [{"name": "https", "containerPort": _PORT, "protocol": "TCP"}],
        "readinessProbe": _probe(_READY, period_s=1, failures=3),
        "livenessProbe": _probe(_ALIVE, period_s=10, failures=6),
        "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": confined(),
        "volumeMounts": [
            _mount("config"),
            _mount("tls"),
            *([_mount("seal")] if server.auto_unseal else []),
            {"name": "data", "mountPath": "/vault/data"},
            {"name": "run", "mountPath": "/vault/run"},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a path in the container
        ],
    }


def _rotation(server: Engine) -> dict[str, Any]:
    return {
        "name": "audit-rotation",
        "image": server.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "/vault/config/rotate-audit.sh"],
        "resources": {"requests": {"cpu": "1m", "memory": "4Mi"}, "limits": {"memory": "32Mi"}},
        "securityContext": confined(),
        "volumeMounts": [
            _mount("config"),
            {"name": "data", "mountPath": "/vault/data"},
            {"name": "run", "mountPath": "/vault/run", "readOnly": True},
        ],
    }


def _probe(path: str, *, period_s: int, failures: int) -> dict[str, Any]:
    get = {"path": path, "port": "https", "scheme": "HTTPS"}
    return {"httpGet": get, "periodSeconds": period_s, "failureThreshold": failures, "timeoutSeconds": 3}


def _mount(name: str) -> dict[str, Any]:
    return {"name": name, "mountPath": f"/vault/{name}", "readOnly": True}


def _volumes(server: Engine, claim: str) -> list[dict[str, Any]]:
    seal = {"name": "seal", "secret": {"secretName": "vault-seal", "defaultMode": 0o440}}
    return [
        {"name": "config", "configMap": {"name": "vault-config"}},
        {"name": "tls", "secret": {"secretName": "vault-tls", "defaultMode": 0o440}},
        *([seal] if server.auto_unseal else []),
        {"name": "data", "persistentVolumeClaim": {"claimName": claim}},
        {"name": "run", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
    ]

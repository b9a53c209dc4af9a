"""The prober: in the cluster, with an identity of its own from Vault, and one from the legacy estate's CA."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Any

from pov.base.clock import SYSTEM_CLOCK
from pov.base.errors import NotFound
from pov.base.redact import Secret
from pov.config.estates import Estate
from pov.config.legacy import PORT, identity
from pov.engines.certificates import KeyPair, belongs
from pov.engines.legacy_ca import LegacyCa
from pov.engines.prober import Prober
from pov.steps.confined import confined, restricted_namespace
from pov.steps.context import Context
from pov.steps.core import Outcome, Report, Step
from pov.steps.trust.tls import tls_secret

NAMESPACE = "pov-system"
NAME = "prober"
SET = "prober"
TOKEN = "prober-token"  # noqa: S105 - a file's name
_LABELS = {"app": NAME}
_API_PORT = 9443
_USER = 65532
_READY_S = 120.0
_LEGACY_SECRET = "prober-legacy-certs"  # noqa: S105 - a Secret's name
_LEGACY_NAMES = (NAME, identity(NAMESPACE, NAME))


def step() -> Step:
    """Needs Vault for its certificate, and nothing of what it will look at."""
    return Step("prober", "Prober: sees what callers see", _run, ("trust", "vault"), expected_s=5)


def connect(ctx: Context) -> Prober:
    """The prober's API. Raises `NotFound` before its step ran."""
    token = ctx.home.secret(TOKEN)
    if token is None:
        raise NotFound("the prober is not there yet", fix="pov up")
    return Prober(ctx.url(NAME), ctx.trust.ca_path, token)


def _run(ctx: Context, report: Report) -> Outcome:
    changed = ctx.kube.apply(manifests(ctx), set_name=SET, on_pending=report.waits)
    ctx.kube.wait_ready("Deployment", [NAME], NAMESPACE, timeout_s=_READY_S, on_pending=report.waits)
    return Outcome.CHANGED if changed else Outcome.UNCHANGED


def manifests(ctx: Context) -> list[dict[str, Any]]:
    """Everything of the prober, for one set. Token and certificates stay what they are while they serve."""
    config = configuration(ctx.estates)
    # The agent writes what it starts with into memory, and the configuration is mounted late: a new pod for a new one.
    inputs = {"pov.dev/configuration": hashlib.sha256(config.encode()).hexdigest()[:32]}
    legacy = [_legacy_certs(ctx)] if ctx.scenario.legacy.hosts else []
    return [
        restricted_namespace(NAMESPACE),
        _object("v1", "ServiceAccount", NAME, automountServiceAccountToken=False),
        _object("v1", "ConfigMap", NAME, data={"prober.json": config}),
        _object("v1", "ConfigMap", "vault-ca", data={"ca.crt": ctx.trust.ca_pem}),
        _secret("prober-auth", {"token": _token(ctx).reveal()}),
        tls_secret(ctx, NAMESPACE, "prober-tls", [f"{NAME}.{NAMESPACE}.svc", NAME]),
        *legacy,
        _service(ctx),
        _network_policy(),
        _deployment(ctx, inputs, with_legacy=bool(legacy)),
    ]


def configuration(estates: tuple[Estate, ...]) -> str:
    """`prober.json`: every estate with its edges, and the certificate to show there."""
    listed = [
        {
            "name": estate.name,
            "kind": estate.kind,
            "namespace": estate.namespace,
            "certs": "/legacy-certs" if estate.kind == "legacy" else "/certs",
            "services": list(estate.services),
            "edges": [[edge.source, edge.target] for edge in estate.edges],
            "replicas": estate.replicas,
            "port": PORT,
        }
        for estate in estates
    ]
    return json.dumps({"estates": listed}, indent=1) + "\n"


def _token(ctx: Context) -> Secret:
    token = ctx.home.secret(TOKEN)
    if token is None:
        token = Secret(secrets.token_urlsafe(32))
        ctx.home.save_secret(TOKEN, token)
    return token


def _legacy_certs(ctx: Context) -> dict[str, Any]:
    ca, _ = LegacyCa.ensure(ctx.home.secrets_dir)
    held = ctx.kube.secret(_LEGACY_SECRET, NAMESPACE) or {}
    certificate, key = held.get("tls.crt", b"").decode(), Secret(held.get("tls.key", b"").decode())
    good = belongs(certificate, key) and ca.vouches_for(certificate, _LEGACY_NAMES, SYSTEM_CLOCK.wall())
    pair = KeyPair(certificate, key) if good else ca.issue(_LEGACY_NAMES)
    return _secret(_LEGACY_SECRET, {"tls.crt": pair.certificate, "tls.key": pair.key.reveal(), "ca.crt": ca.pem})


def _object(api: str, kind: str, name: str, **fields: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": dict(_LABELS)}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **fields}


def _secret(name: str, content: Mapping[str, str]) -> dict[str, Any]:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in content.items()}
    return _object("v1", "Secret", name, type="Opaque", data=data)


def _service(ctx: Context) -> dict[str, Any]:
    port = {"name": "https", "port": _API_PORT, "targetPort": "https"}
    return _object("v1", "Service", NAME, spec={"selector": dict(_LABELS), **ctx.cluster.exposed(NAME, port)})


def _network_policy() -> dict[str, Any]:
    """In: the API. Out: every service, Vault, name look-ups."""
    ports = [{"protocol": "TCP", "port": port} for port in (8200, PORT)]
    # Behind a legacy service's address lies its host's own port.
    legacy = {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "legacy"}}}]}
    spec = {
        "podSelector": {"matchLabels": dict(_LABELS)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"ports": [{"protocol": "TCP", "port": _API_PORT}]}],
        "egress": [
            {"ports": [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]},
            {"ports": ports},
            legacy,
        ],
    }
    return _object("networking.k8s.io/v1", "NetworkPolicy", NAME, spec=spec)


def _deployment(ctx: Context, inputs: Mapping[str, str], *, with_legacy: bool) -> dict[str, Any]:
    pod = {
        "serviceAccountName": NAME,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 10,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [_agent(ctx)],
        "containers": [_prober(ctx, with_legacy=with_legacy)],
        "volumes": _volumes(with_legacy=with_legacy),
    }
    spec = {
        "replicas": 1,
        "selector": {"matchLabels": dict(_LABELS)},
        "template": {"metadata": {"labels": dict(_LABELS), "annotations": dict(inputs)}, "spec": pod},
    }
    return _object("apps/v1", "Deployment", NAME, spec=spec)


def _agent(ctx: Context) -> dict[str, Any]:
    flags = {
        "vault": "https://vault.vault.svc:8200",
        "vault-ca": "/vault-ca/ca.crt",
        "role": NAMESPACE,
        "name": NAME,
        "namespace": NAMESPACE,
        "ttl": ctx.scenario.pki.ttl,
        "out": "/certs",
        "token": "/var/run/secrets/vault/token",
    }
    return {
        "name": "agent",
        "image": ctx.images["mock"],
        "imagePullPolicy": "IfNotPresent",
        "restartPolicy": "Always",
        "args": ["agent", *(f"--{name}={value}" for name, value in flags.items())],
        "startupProbe": {
            "exec": {"command": ["/pov-mock", "check", "--certs", "/certs"]},
            "periodSeconds": 1,
            "failureThreshold": 120,
        },
        "resources": {"requests": {"cpu": "2m", "memory": "12Mi"}, "limits": {"memory": "64Mi"}},
        "securityContext": confined(),
        "volumeMounts": [
            {"name": "certs", "mountPath": "/certs"},
            {"name": "vault-ca", "mountPath": "/vault-ca", "readOnly": True},
            {"name": "vault-token", "mountPath": "/var/run/secrets/vault", "readOnly": True},
        ],
    }


def _prober(ctx: Context, *, with_legacy: bool) -> dict[str, Any]:
    mounts = {"certs": "/certs", "config": "/etc/pov", "tls": "/tls", "auth": "/auth"}
    if with_legacy:
        mounts["legacy-certs"] = "/legacy-certs"
    return {
        "name": "prober",
        "image": ctx.images["mock"],
        "imagePullPolicy": "IfNotPresent",
        "args": ["prober", f"--listen=:{_API_PORT}", "--tls=/tls", "--token-file=/auth/token"],
        "ports": [{"name": "https", "containerPort": _API_PORT}, {"name": "health", "containerPort": 8081}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "health"}, "periodSeconds": 1},
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": "health"}, "periodSeconds": 10, "timeoutSeconds": 5},
        # No CPU limit: a prober that is throttled would be late, and lateness counts as a failure of what it probes.
        "resources": {"requests": {"cpu": "50m", "memory": "48Mi"}, "limits": {"memory": "384Mi"}},
        "securityContext": confined(),
        "volumeMounts": [{"name": name, "mountPath": path, "readOnly": True} for name, path in mounts.items()],
    }


def _volumes(*, with_legacy: bool) -> list[dict[str, Any]]:
    token = {"serviceAccountToken": {"audience": "vault", "expirationSeconds": 3600, "path": "token"}}
    private = {"tls": "prober-tls", "auth": "prober-auth"}
    if with_legacy:
        private["legacy-certs"] = _LEGACY_SECRET
    return [
        {"name": "certs", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        {"name": "config", "configMap": {"name": NAME}},
        {"name": "vault-ca", "configMap": {"name": "vault-ca"}},
        {"name": "vault-token", "projected": {"defaultMode": 0o440, "sources": [token]}},
        *({"name": name, "secret": {"secretName": secret, "defaultMode": 0o440}} for name, secret in private.items()),
    ]

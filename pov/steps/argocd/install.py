"""Argo CD from its official manifest, with a password, a certificate and secrets of its own."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

import bcrypt

from pov.base.clock import SYSTEM_CLOCK, timestamp
from pov.base.redact import Secret
from pov.base.wait import Waiting
from pov.steps.argocd.manifest import NAMESPACE, WORKLOADS, Document, Values, install
from pov.steps.context import Context
from pov.steps.core import Outcome, Report, Step
from pov.steps.git.repository import WEBHOOK_SECRET_FILE
from pov.steps.templates import documents_of
from pov.steps.trust.passwords import kept
from pov.steps.trust.tls import tls_secret

ADMIN = "admin"
PASSWORD_FILE = "argocd-admin-password"  # noqa: S105 - a file's name

_DNS = ("argocd-server.argocd.svc", "argocd-server.argocd.svc.cluster.local", "argocd-server")
_PORT = {"name": "https", "port": 443, "targetPort": 8080}
_START_LIMIT_S = 240.0


def step() -> Step:
    """Argo CD needs the cluster and the CA; what it watches comes later. Its pods are the last part of it."""
    return Step("argocd_install", "Argo CD", _run, ("trust", "cluster"), expected_s=14)


def _run(ctx: Context, report: Report) -> Outcome:
    report.say("reading the official manifest")
    manifests = fitted(ctx, ctx.argocd_manifest, ctx.images["argocd"])
    report.say("installing Argo CD")
    changed = apply(ctx, manifests, report.waits)
    for kind, names in WORKLOADS.items():
        ctx.kube.wait_ready(kind, names, NAMESPACE, timeout_s=_START_LIMIT_S, on_pending=report.waits)
    return Outcome.CHANGED if changed else Outcome.UNCHANGED


def fitted(ctx: Context, manifest: Path, image: str) -> list[Document]:
    """A release's official manifest as this environment has it, with what the cluster holds of passwords and keys."""
    held = ctx.kube.secret("argocd-secret", NAMESPACE) or {}
    values = Values(
        argocd_image=image,
        redis_image=ctx.images["redis"],
        service=ctx.cluster.exposed("argocd", _PORT),
        ca_pem=ctx.trust.ca_pem,
        secret=_secret(ctx, held),
        redis_password=_redis_password(ctx),
    )
    return [*install(documents_of(manifest), values), tls_secret(ctx, NAMESPACE, "argocd-server-tls", _DNS)]


def apply(ctx: Context, manifests: Sequence[Document], on_pending: Callable[[Waiting], None] | None = None) -> bool:
    """Make the cluster's Argo CD what they say, and return at once; whether that was a change."""
    return ctx.kube.as_installer().apply(manifests, set_name="argocd", on_pending=on_pending)


def _secret(ctx: Context, held: dict[str, bytes]) -> dict[str, bytes]:
    """The content of `argocd-secret`: what the cluster holds as long as it fits, so that nobody is logged out."""
    password = kept(ctx.home, PASSWORD_FILE)
    hashed = held.get("admin.password", b"")
    since = held.get("admin.passwordMtime", b"")
    if not (since and _fits(password, hashed)):
        hashed = bcrypt.hashpw(password.reveal().encode(), bcrypt.gensalt(rounds=10))
        since = timestamp(SYSTEM_CLOCK.wall()).encode()
    return {
        "admin.password": hashed,
        "admin.passwordMtime": since,
        "server.secretkey": held.get("server.secretkey") or secrets.token_urlsafe(32).encode(),
        "webhook.gogs.secret": kept(ctx.home, WEBHOOK_SECRET_FILE).reveal().encode(),
    }


def _fits(password: Secret, hashed: bytes) -> bool:
    try:
        return bcrypt.checkpw(password.reveal().encode(), hashed)
    except ValueError:
        return False


def _redis_password(ctx: Context) -> bytes:
    held = ctx.kube.secret("argocd-redis", NAMESPACE) or {}
    return held.get("auth") or secrets.token_urlsafe(24).encode()

"""Server certificates of the platform's services, as Secrets that stay while they serve."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.redact import Secret
from pov.engines.certificates import KeyPair, belongs
from pov.steps.context import Context


def tls_secret(
    ctx: Context, namespace: str, name: str, dns: Sequence[str], *, clock: Clock = SYSTEM_CLOCK
) -> dict[str, Any]:
    """The manifest of a `kubernetes.io/tls` Secret with `ca.crt`, for `dns` and wherever the endpoints are.

    What the cluster holds is used again while it was signed by this CA, covers the names and has a third of its life
    left; so a second run changes nothing, and no server needs a restart for it.
    """
    dns = [*dns, *sorted({str(urlsplit(url).hostname) for url in ctx.endpoints.values()})]
    pair = _existing(ctx, namespace, name, dns, clock) or ctx.trust.server(dns)
    content = {"tls.crt": pair.certificate, "tls.key": pair.key.reveal(), "ca.crt": ctx.trust.ca_pem}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "type": "kubernetes.io/tls",
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in content.items()},
    }


def certificate_of(secret: dict[str, Any]) -> str:
    """The certificate (PEM) in a manifest made by `tls_secret`; its fingerprint tells servers when to start anew."""
    return base64.b64decode(secret["data"]["tls.crt"]).decode()


def _existing(ctx: Context, namespace: str, name: str, dns: Sequence[str], clock: Clock) -> KeyPair | None:
    held = ctx.kube.secret(name, namespace) or {}
    certificate = held.get("tls.crt", b"").decode(errors="replace")
    key = Secret(held.get("tls.key", b"").decode(errors="replace"))
    if belongs(certificate, key) and ctx.trust.vouches_for(certificate, dns, clock.wall()):
        return KeyPair(certificate, key)
    return None

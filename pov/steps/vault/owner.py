"""Whoever changes services' credentials: an account of its own in the cluster, whose policy writes and never reads."""

from __future__ import annotations

from dataclasses import dataclass

from pov.base.redact import Secret
from pov.engines.vault import Vault
from pov.steps.context import Context
from pov.steps.vault.credentials import Held, change, held
from pov.steps.vault.server import AUDIENCE, NAMESPACE, OWNER
from pov.steps.vault.step import reach


@dataclass(frozen=True)
class Owner:
    """Logged in, for five minutes."""

    vault: Vault

    @classmethod
    def connect(cls, ctx: Context) -> Owner:
        """Log in. Raises `Denied` or `Transient`."""
        vault = reach(ctx)
        vault.login_kubernetes(OWNER, ctx.kube.create_token(OWNER, NAMESPACE, audience=AUDIENCE))
        return cls(vault)

    @property
    def account(self) -> str:
        """Its service account."""
        return OWNER

    def change(self, stage: str, service: str, value: Secret) -> int:
        """Put another credential in force. Returns its version."""
        return change(self.vault, stage, service, value)

    def held(self, stage: str, service: str) -> Held:
        """What is in force, without its value."""
        return held(self.vault, stage, service)

"""What a stage has in Vault is taken away with it: its role, and the credentials of its services."""

from __future__ import annotations

from collections.abc import Sequence

from pov.engines.certificates import details
from pov.steps.context import Context
from pov.steps.vault.credentials import MOUNT
from pov.steps.vault.step import become_root, connect, leave_root


def forget(ctx: Context, stage: str, services: Sequence[str]) -> None:
    """Nobody of the stage logs in any more, and nothing of its credentials is left. What is not there is fine.

    Takes a root token, made from the recovery keys and revoked at once.
    """
    vault = connect(ctx)
    become_root(ctx, vault)
    try:
        vault.delete(f"auth/kubernetes/role/{stage}")
        for name in services:
            vault.delete(f"{MOUNT}/metadata/{stage}/{name}")
    finally:
        leave_root(ctx, vault)


def certified(ctx: Context, serial: str) -> tuple[str, ...]:
    """The names in a certificate that the services' CA has issued, by its serial number; none if it issued none."""
    found = connect(ctx).read(f"pki_int/cert/{serial}")
    return details(str(found["certificate"])).names if found else ()

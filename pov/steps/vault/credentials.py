"""Services' credentials in Vault's KV store: each has one from the bring-up on, and whoever owns them changes them.

A credential is made here, at random, and goes to the server alone. `pov` keeps none, and can read none back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pov.base.errors import NotFound, PovError
from pov.base.redact import Secret, random_secret
from pov.base.wait import Pending, wait_for
from pov.engines.vault import Vault

MOUNT = "secret"
VALUE = "value"
_STORE_S = 30.0


@dataclass(frozen=True)
class Held:
    """Which version of a credential the server holds, and since when."""

    version: int
    since: datetime


def ensure_credentials(vault: Vault, stage: str, services: Sequence[str]) -> bool:
    """Give each of `services` a credential that has none. One that is there stays, whoever changed it."""
    there = _names(vault, stage)
    missing = [name for name in services if name not in there]
    for name in missing:
        # Version 0 is none: what somebody else has made in between stays.
        _write(vault, stage, name, random_secret(), only_after=0)
    return bool(missing)


def drop_credentials(vault: Vault, stage: str) -> bool:
    """Take every credential of a stage away, with all its versions; whether there was one."""
    there = _names(vault, stage)
    for name in sorted(there):
        vault.delete(f"{MOUNT}/metadata/{stage}/{name}")
    return bool(there)


def change(vault: Vault, stage: str, service: str, value: Secret) -> int:
    """Put another credential in force. Returns its version."""
    return _write(vault, stage, service, value)


def held(vault: Vault, stage: str, service: str) -> Held:
    """What is in force, without its value. Raises `NotFound` where a service has none."""
    found = vault.read(f"{MOUNT}/metadata/{stage}/{service}")
    version = int((found or {}).get("current_version", 0))
    if found is None or not version:
        raise NotFound(f"{service} has no credential in {stage}", fix="pov up")
    return Held(version, datetime.fromisoformat(str(found["versions"][str(version)]["created_time"])))


def _names(vault: Vault, stage: str) -> set[str]:
    """Services of a stage that have a credential."""

    def names() -> set[str] | Pending:
        try:
            return set((vault.read(f"{MOUNT}/metadata/{stage}", listing=True) or {}).get("keys", ()))
        except PovError as error:
            # A new store of version 2 makes itself ready for a moment, and says so.
            if "pgrading from non-versioned" in error.message:
                return Pending(error.message)
            raise

    return wait_for("Vault's store of credentials", names, timeout_s=_STORE_S, interval_s=0.1, bears=())


def _write(vault: Vault, stage: str, service: str, value: Secret, *, only_after: int | None = None) -> int:
    options = {} if only_after is None else {"options": {"cas": only_after}}
    path = f"{MOUNT}/data/{stage}/{service}"
    return int(vault.write(path, {"data": {VALUE: value.reveal()}, **options})["version"])

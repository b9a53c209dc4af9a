"""The services' certificate authorities in Vault, and who renews them.

The issuing CA: `pov up`, under the same root, once less than a third of its life is left, or once it should live
another time than it does. A third of it is at least two lives of a service's certificate (the scenario's validation),
so that after each `up` certificates can be had for one such life and more. The root: nobody. It outlives an issuing CA
six times; near its end an issuing CA ends with it, and at last `pov up` refuses. A new environment has a new root.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pov.base.clock import Clock
from pov.base.errors import PovError
from pov.engines.certificates import Details, details, signed_by
from pov.engines.vault import Vault

ROOT_MOUNT = "pki"
ISSUING_MOUNT = "pki_int"
RENEWED_AT = 1 / 3
"""The share of its life with which an issuing CA is renewed."""

_LIFE_TOLERANCE_S = 120
_BEFORE_ITS_ROOT_S = 60


@dataclass(frozen=True)
class Authorities:
    """What the two in use say of themselves."""

    issuing: Details
    root: Details


def authorities(vault: Vault) -> Authorities:
    """Those in use; anybody may ask. Raises `NotFound` or `PovError` before they are set up."""
    found = [vault.read(f"{mount}/issuer/default/json") for mount in (ISSUING_MOUNT, ROOT_MOUNT)]
    issuing, root = (details(str((said or {}).get("certificate", ""))) for said in found)
    return Authorities(issuing, root)


def warnings(found: Authorities, ttl_s: int, now: datetime) -> list[str]:
    """What is due, in words; empty when nothing is."""
    issuing, root, last = found.issuing, found.root, _ends_with(found.issuing, found.root)
    said = []
    spent = (issuing.not_after - now).total_seconds() <= ttl_s
    if spent or (issuing.life_left(now) <= RENEWED_AT and not last):
        what = " and issues no certificate any more" if spent else ""
        said.append(f"the issuing CA ends {_when(issuing)}{what}" + ("" if last else ": pov up renews it"))
    if last or root.not_after - now <= issuing.not_after - issuing.not_before:
        said.append(f"the root CA ends {_when(root)}, and nobody renews it: pov down, then pov up, before that")
    return said


def _when(said: Details) -> str:
    return f"{said.not_after:%Y-%m-%d %H:%M} UTC"


def _ends_with(issuing: Details, root: Details) -> bool:
    return (root.not_after - issuing.not_after).total_seconds() < _BEFORE_ITS_ROOT_S + _LIFE_TOLERANCE_S


def ensure_authorities(vault: Vault, declared: Mapping[str, Any], ttl_s: int, clock: Clock) -> bool:
    """Make the root if there is none, and an issuing CA if there is none that lives on. Returns whether one was made.

    `ttl_s` is the life of a service's certificate. Raises `PovError` when the root has no room for one any more.
    """
    root = _certificate(vault, ROOT_MOUNT)
    changed = False
    if not root:
        root = str(vault.write(f"{ROOT_MOUNT}/root/generate/internal", declared["root"])["certificate"])
        changed = True
    issuing = _certificate(vault, ISSUING_MOUNT)
    if issuing and signed_by(issuing, root) and _lives_on(details(issuing), details(root), declared, ttl_s, clock):
        return changed
    room_s = int((details(root).not_after - clock.wall()).total_seconds()) - _BEFORE_ITS_ROOT_S
    if room_s < 2 * ttl_s:
        raise PovError(
            f"the root CA of the services ends {_when(details(root))}",
            cause=f"no issuing CA fits under it that could still issue certificates of {timedelta(seconds=ttl_s)}",
            fix="pov down, then pov up: a new environment has a new root",
        )
    make_issuing_ca(vault, {**declared["issuing"], "ttl": min(declared["issuing"]["ttl"], room_s)})
    return True


def make_issuing_ca(vault: Vault, declared: Mapping[str, Any]) -> str:
    """A new issuing CA under the root in use, used from now on. Returns its PEM."""
    request = vault.write(f"{ISSUING_MOUNT}/intermediate/generate/internal", declared)
    signed = vault.write(f"{ROOT_MOUNT}/root/sign-intermediate", {**declared, "csr": request["csr"]})
    # With the root beside it the server can tell services the whole chain.
    bundle = f"{signed['certificate']}\n{signed['issuing_ca']}"
    imported = vault.write(f"{ISSUING_MOUNT}/intermediate/set-signed", {"certificate": bundle})
    issuer = next(issuer for issuer, key in imported["mapping"].items() if key)
    vault.write(f"{ISSUING_MOUNT}/config/issuers", {"default": issuer})
    return str(signed["certificate"])


def _certificate(vault: Vault, mount: str) -> str:
    """The certificate of the mount's default issuer; empty if it has none."""
    if not (vault.read(f"{mount}/config/issuers") or {}).get("default"):
        return ""
    return str((vault.read(f"{mount}/cert/ca") or {}).get("certificate", ""))


def _lives_on(issuing: Details, root: Details, declared: Mapping[str, Any], ttl_s: int, clock: Clock) -> bool:
    """Whether enough of its life is left, and its life is as long as declared, or as the root's end lets it be."""
    life_s: int = declared["issuing"]["ttl"]
    left_s = (issuing.not_after - clock.wall()).total_seconds()
    if _ends_with(issuing, root):
        return left_s > ttl_s
    life = (issuing.not_after - issuing.not_before).total_seconds()
    return issuing.life_left(clock.wall()) > RENEWED_AT and left_s > ttl_s and abs(life - life_s) < _LIFE_TOLERANCE_S

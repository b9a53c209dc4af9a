"""What Vault's audit log tells of a service, read as an auditor would: on the server's volume, by no account of Vault.

The log stays there. Lines about the service come out, with every value hashed as it lies there, and of those no more is
kept than who asked for what when.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pov.engines.vault_audit import Entry, entries
from pov.steps.context import Context
from pov.steps.vault.credentials import MOUNT
from pov.steps.vault.server import NAMESPACE, POD

LOG = "/vault/data/audit.log"
_LIMIT_S = 60.0
# Also those that were put aside (server/rotate-audit.sh), the one in use first: put aside meanwhile, it comes twice and
# not never. A line has to hold both texts; that none does is no error.
_SEARCH = """
for file in "$1" "$1".[0-9]; do
  if [ -f "$file" ]; then grep -F -e "$2" "$file" | grep -F -e "$3"; fi
done
true
"""


@dataclass(frozen=True)
class AuditLog:
    """Of one environment's Vault."""

    ctx: Context
    log: str = LOG

    def credential_changes(self, stage: str, service: str, since: datetime) -> tuple[Entry, ...]:
        """Writes of a service's credential that were granted since then. Raises `PovError` where it cannot be read."""
        path = f"{MOUNT}/data/{stage}/{service}"
        found = self._lines(f'"path":"{path}"', '"type":"response"', since)
        return tuple(one for one in found if one.path == path and one.operation in {"create", "update"})

    def certificates(self, stage: str, service: str, since: datetime) -> tuple[Entry, ...]:
        """Certificates that a service's own account got since then. Which names they bear is hashed."""
        found = self._lines('"path":"pki_int/issue/service"', f'"service_account_name":"{service}"', since)
        return tuple(one for one in found if (one.account, one.namespace) == (service, stage))

    def _lines(self, first: str, second: str, since: datetime) -> tuple[Entry, ...]:
        argv = ["sh", "-c", _SEARCH, "sh", self.log, first, second]
        said = self.ctx.kube.exec(POD, NAMESPACE, argv, container="vault", timeout_s=_LIMIT_S)
        return entries(said.splitlines(), since)

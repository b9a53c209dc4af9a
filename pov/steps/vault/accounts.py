"""Which service accounts may have certificates, beside those of the scenario: for a service that is just coming.

What `pov-admin` may read it may not change: each change takes a root token, made from the recovery keys and revoked
with the change, as in the bring-up. Cut off in between, the next `pov up` puts the scenario's accounts back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pov.engines.vault import Denied
from pov.steps.context import Context
from pov.steps.vault.layout import PLATFORM_NAMESPACE, set_accounts, wishes
from pov.steps.vault.step import become_root, connect, leave_root


@dataclass(frozen=True)
class ServiceAccounts:
    """Of one environment's stages."""

    ctx: Context

    def admit(self, name: str) -> None:
        """One more in every stage."""
        self._set(name)

    def withdraw(self) -> None:
        """The scenario's, and no other."""
        self._set()

    def _set(self, *further: str) -> None:
        wanted = wishes(self.ctx)
        accounts = {
            namespace: (*names, *(further if namespace != PLATFORM_NAMESPACE else ()))
            for namespace, names in wanted.accounts.items()
        }
        vault = connect(self.ctx)
        try:
            set_accounts(vault, replace(wanted, accounts=accounts))
        except Denied:
            become_root(self.ctx, vault)
            try:
                set_accounts(vault, replace(wanted, accounts=accounts))
            finally:
                leave_root(self.ctx, vault)

"""Ports to where the credentials of services are changed, and to the log of who asked for what there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from pov.base.redact import Secret


class Held(Protocol):
    """Which version of a credential is in force, without its value."""

    @property
    def version(self) -> int:
        """Its number; each change has the next one."""
        ...

    @property
    def since(self) -> datetime:
        """When it was written, by the server's clock."""
        ...


class Credentials(Protocol):
    """Somebody who may change credentials, and read none."""

    @property
    def account(self) -> str:
        """Under which name they do it."""
        ...

    def change(self, stage: str, service: str, value: Secret) -> int:
        """Put another credential in force. Returns its version."""
        ...

    def held(self, stage: str, service: str) -> Held:
        """What is in force. Raises `NotFound` where a service has none."""
        ...


class Asked(Protocol):
    """A request that was granted, as the log keeps it."""

    @property
    def account(self) -> str:
        """Who asked."""
        ...

    @property
    def when(self) -> datetime:
        """When it was answered."""
        ...

    @property
    def version(self) -> int | None:
        """Which version a write made; None for what has none."""
        ...


class AuditLog(Protocol):
    """The log of every request."""

    def credential_changes(self, stage: str, service: str, since: datetime) -> Sequence[Asked]:
        """Changes of a service's credential since then, oldest first."""
        ...

    def certificates(self, stage: str, service: str, since: datetime) -> Sequence[Asked]:
        """Certificates that a service's own account got since then, oldest first."""
        ...

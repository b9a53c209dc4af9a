"""Port to where the credentials of services are changed."""

from __future__ import annotations

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

    def change(self, stage: str, service: str, value: Secret) -> int:
        """Put another credential in force. Returns its version."""
        ...

    def held(self, stage: str, service: str) -> Held:
        """What is in force. Raises `NotFound` where a service has none."""
        ...

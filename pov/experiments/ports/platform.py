"""Port to the platform itself: what it is made of is brought to what is declared, as the bring-up does it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pov.config.estates import Estate


class Release(Protocol):
    """A release of Argo CD, ready to be installed over whatever is there."""

    @property
    def version(self) -> str:
        """As its API will tell it: `v3.6.1`."""
        ...

    @property
    def image(self) -> str:
        """The reference of its image."""
        ...

    def install(self) -> None:
        """Apply it as a bring-up does. Returns once the cluster has taken it, long before it serves."""
        ...


class Platform(Protocol):
    """The platform, in the hands of who runs it."""

    def bring(self, part: str, further: Sequence[Estate] = ()) -> None:
        """Do one step of the bring-up, by its name: for the scenario's estates and for `further` stages."""
        ...

    def forget(self, stage: Estate) -> None:
        """Take a stage's accounts and credentials out of Vault."""
        ...

    def certified(self, serial: str) -> tuple[str, ...]:
        """The names in the certificate of this serial number, as the services' CA keeps it; none if it issued none."""
        ...

    def comes_back(self, part: str) -> None:
        """Raises `PovError` for a part that would not serve again by itself once it was killed or restarted."""
        ...

    def kill(self, part: str) -> None:
        """Kill every pod of a part at once, as a crash would."""
        ...

    def restart(self, part: str) -> None:
        """Have a part's pods replaced, in the way in which a change of its configuration would do it."""
        ...

    def lacking(self, part: str) -> str:
        """Why a part does not serve: not rolled out, or it lets nobody in. Empty when it serves."""
        ...

    def says(self, part: str) -> str:
        """What a part's own API says of itself without a login: engine, version, and that it is open.

        Raises `PovError` where it is sealed or does not answer.
        """
        ...

    def earlier(self) -> Release:
        """Argo CD's release before the pinned one, its image on the nodes. It takes minutes the first time."""
        ...

    def pinned(self) -> Release:
        """The release that every bring-up installs."""
        ...

    def version(self) -> str:
        """Which release Argo CD's own API says that it is."""
        ...

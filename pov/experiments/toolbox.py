"""What trials work with. The measuring workflow fills it in from a running environment; tests fill in fakes.

Everything that connects is a callable: a trial connects anew, so that a pod which is gone fails one trial and no run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.redact import Secret
from pov.config.estates import LEGACY, Estate, estate_named
from pov.config.legacy import Host
from pov.config.scenario import Traffic

STAGING = "staging"


class Identity(Protocol):
    """What one replica says of itself, as the prober saw it on a new connection."""

    @property
    def service(self) -> str:
        """Its service."""
        ...

    @property
    def version(self) -> str:
        """The release that serves."""
        ...

    @property
    def serial(self) -> str:
        """Serial number of its certificate, hexadecimal."""
        ...

    @property
    def error(self) -> str:
        """Why it did not answer; empty if it did."""
        ...


class Load(Protocol):
    """A load that runs until it is stopped."""

    def counts(self) -> Any:
        """The counts up to now; they have the shape of `stop()`'s."""
        ...

    def stop(self) -> Any:
        """Stop, wait for what is in flight, and return the final counts."""
        ...


class Prober(Protocol):
    """The prober's API, as far as trials need it."""

    def identify(self, estate: str, services: Sequence[str] = ()) -> Sequence[Identity]:
        """One row for each replica."""
        ...

    def start_load(
        self, estates: Sequence[str], *, interval_ms: int, new_connection_interval_ms: int, timeout_ms: int
    ) -> Load:
        """Start an open-loop load on every edge of the estates."""
        ...


class Configuration(Protocol):
    """A working copy of the configuration repository, at the newest commit, for one stage."""

    def head(self) -> str:
        """The commit it stands at."""
        ...

    def images(self) -> Mapping[str, str]:
        """Image references by service."""
        ...

    def set_images(self, images: Mapping[str, str]) -> None:
        """Edit, without a commit."""
        ...

    def generation(self) -> int:
        """The certificates' generation."""
        ...

    def set_generation(self, generation: int) -> None:
        """Edit, without a commit."""
        ...

    def commit(self, message: str) -> str:
        """Commit what was edited; returns the revision."""
        ...

    def push(self) -> None:
        """Send it to the server."""
        ...

    def close(self) -> None:
        """Remove the working copy."""
        ...


class Kube(Protocol):
    """The cluster, as far as trials need it."""

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        """One object."""
        ...

    def list(self, kind: str, namespace: str | None = None, *, labels: str = "") -> list[dict[str, Any]]:
        """Objects by label."""
        ...

    def delete(self, kind: str, name: str, namespace: str | None = None, *, wait_s: float = 0) -> bool:
        """Delete one object."""
        ...

    def exec(self, pod: str, namespace: str, argv: Sequence[str], *, stdin: bytes | None = None) -> str:
        """Run a command in a pod."""
        ...


class Task(Protocol):
    """One step of a runbook on one host."""

    @property
    def host(self) -> str:
        """Where."""
        ...

    @property
    def name(self) -> str:
        """What."""
        ...

    @property
    def seconds(self) -> float:
        """How long."""
        ...


class Runbooks(Protocol):
    """The customer's runbooks, ready to run against the legacy hosts."""

    @property
    def folder(self) -> Path:
        """A private folder that goes with it."""
        ...

    def check(self, playbook: str, variables: Mapping[str, Any]) -> None:
        """Read a playbook without running it."""
        ...

    def run(self, playbook: str, variables: Mapping[str, Any], *, timeout_s: float) -> Sequence[Task]:
        """Run it to its end."""
        ...

    def close(self) -> None:
        """End connections, remove the folder."""
        ...


class Pair(Protocol):
    """A certificate and its key, in PEM."""

    @property
    def certificate(self) -> str:
        """The certificate."""
        ...

    @property
    def key(self) -> Secret:
        """Its key."""
        ...


class Releases(Protocol):
    """Makes new versions to deploy."""

    def image(self, version: str) -> str:
        """An image of the new version, in the node; its reference."""
        ...

    def archive(self, version: str, folder: Path) -> Path:
        """The same version as an archive for a host."""
        ...


@dataclass(frozen=True)
class LegacyCaFiles:
    """The legacy CA's files, and how many days its certificates last."""

    certificate: Path
    key: Path
    days: int = 365


@dataclass(frozen=True)
class Toolbox:
    """One environment, in the hands of trials. `run` is a short mark that versions of this run carry."""

    run: str
    under_proof: tuple[str, ...]
    estates: tuple[Estate, ...]
    traffic: Traffic
    hosts: tuple[Host, ...]
    kube: Kube
    prober: Callable[[], Prober]
    configuration: Callable[[], Configuration]
    webhook: Callable[[bool], None]
    runbooks: Callable[[], Runbooks]
    releases: Releases
    legacy_ca: Callable[[], LegacyCaFiles]
    legacy_pair: Callable[[Sequence[str], timedelta], Pair]
    clock: Clock = SYSTEM_CLOCK
    busy: Callable[[], float] = field(default=lambda: 0.0)

    @property
    def staging(self) -> Estate:
        """Where the automated arms work."""
        return estate_named(self.estates, STAGING)

    @property
    def legacy(self) -> Estate:
        """Where the manual arms work."""
        return estate_named(self.estates, LEGACY)

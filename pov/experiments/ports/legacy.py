"""Ports to the legacy estate: its hosts, what is run on them, its CA, and what is put there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from pov.base.redact import Secret
from pov.config.legacy import Host, Placed
from pov.engines.runbook_text import Written
from pov.engines.workplace import Workplace
from pov.measure.session import Session


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


class Script(Protocol):
    """A script of somebody else's, ready to run against the legacy hosts."""

    def run(self, *, timeout_s: float, kill: bool = False) -> float:
        """Run it to its end; returns how long it ran, in seconds. With `kill` the time limit kills it unasked."""
        ...

    def close(self) -> int:
        """End what it left behind, write its log; returns how many processes it had left."""
        ...


class Runbooks(Protocol):
    """The customer's runbooks, ready to run against the legacy hosts, and scripts on the same way."""

    @property
    def folder(self) -> Path:
        """A private folder that goes with it."""
        ...

    def check(self, playbook: str, variables: Mapping[str, Any]) -> None:
        """Read a playbook without running it."""
        ...

    def run(self, playbook: str, variables: Mapping[str, Any], *, timeout_s: float) -> Sequence[Task]:
        """Run it to its end. At the time limit it is killed; raises `TimedOut` then."""
        ...

    def script(
        self,
        argv: Sequence[str],
        told: Mapping[str, str],
        *,
        folder: Path,
        log: Path | None,
        secret_files: Sequence[Path],
    ) -> Script:
        """Make a script ready; what stands in `secret_files` is kept out of its log."""
        ...

    def written(self, playbook: str, variables: Mapping[str, Any]) -> Written:
        """A playbook as a person reads it."""
        ...

    def workplace(self) -> Workplace:
        """A shell from which a person reaches the hosts."""
        ...

    def close(self) -> None:
        """End connections, remove the folder."""
        ...


@dataclass(frozen=True)
class Part:
    """One of two persons at a trial: what is asked of their experience, and what their Enter does."""

    experience: str
    enter: str


class Seat(Protocol):
    """A person at a terminal, for one trial."""

    @property
    def by(self) -> str:
        """Who sits there."""
        ...

    @property
    def origin(self) -> str:
        """Where its figures come from: person, or simulated if a script types."""
        ...

    @property
    def session(self) -> Session:
        """What was counted so far."""
        ...

    @property
    def seconds(self) -> float:
        """How long they worked."""
        ...

    @property
    def gone(self) -> bool:
        """Whether the terminal went away, and nobody sits there any more."""
        ...

    @property
    def experience(self) -> str:
        """How often they have done such a change, as they said; empty where they were not asked."""
        ...

    def until_ready(self, task: str, runbook: str, *, part: Part | None = None) -> None:
        """Return once the person says that they are ready. Raises `PovError` if they would rather not."""
        ...

    def called(self, why: str) -> None:
        """Return once they sit at the terminal, under the clock. Raises `PovError` if they would rather not."""
        ...

    def again(self) -> Seat:
        """The same person's next sitting at the same trial."""
        ...

    def work(
        self,
        place: Workplace,
        runbook: Written,
        look: Callable[[], object],
        stop: Callable[[], None],
        *,
        told: Callable[[float], str] | None = None,
    ) -> None:
        """Let them work until `look` returns; `stop` makes it end early. `told` is what they hear at the end."""
        ...

    def as_details(self) -> dict[str, Any]:
        """Of the person and their work, for the sample."""
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


@dataclass(frozen=True)
class CaFiles:
    """A CA's files, and how many days its certificates last."""

    certificate: Path
    key: Path
    days: int = 365


class Pki(Protocol):
    """The CA of an estate whose certificates are made by hand."""

    def files(self) -> CaFiles:
        """Its files, for a runbook."""
        ...

    def issue(self, names: Sequence[str], life: timedelta) -> Pair:
        """A key and certificate."""
        ...


class LegacyHosts(Protocol):
    """The legacy estate's hosts."""

    @property
    def all(self) -> Sequence[Host]:
        """Hosts with what runs on them."""
        ...

    def runbooks(self) -> Runbooks:
        """The runbooks against them. Close them."""
        ...

    def give_addresses(self, host: Host, services: Sequence[Placed]) -> None:
        """Have these services of a host reached by their names: they and no others beside those of the scenario."""
        ...


class Releases(Protocol):
    """Makes new versions to deploy, and brings images to where a cluster starts them from."""

    def image(self, version: str, folder: Path, *, starts: bool = True, error_rate: float = 0.0) -> Path:
        """An image of the new version, as an archive in `folder`.

        Or of a bad one: whose program ends at its start, or which answers a share of its requests with an error.
        """
        ...

    def deliver(self, image: Path, version: str) -> str:
        """Bring an image to the cluster's nodes; returns its reference."""
        ...

    def archive(self, version: str, folder: Path, *, starts: bool = True, error_rate: float = 0.0) -> Path:
        """The same version as an archive for a host."""
        ...

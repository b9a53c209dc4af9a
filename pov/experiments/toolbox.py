"""What trials work with, in ports that take the stage they work on.

The measuring workflow fills them in from a running environment; tests fill in fakes. Everything that connects does so
when it is asked: a trial connects anew, so that a pod which is gone fails one trial and no run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.redact import Secret
from pov.config.estates import LEGACY, Estate, estate_named
from pov.config.legacy import Host
from pov.config.parts import Traffic
from pov.engines.load_report import LoadReport
from pov.engines.runbook_text import Written
from pov.engines.workplace import Workplace
from pov.experiments.brought import Digested
from pov.measure.order import Slot
from pov.measure.session import Session

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

    def counts(self) -> LoadReport:
        """The report up to now."""
        ...

    def phase(self, name: str) -> None:
        """Begin a phase; it ends the one before."""
        ...

    def stop(self) -> LoadReport:
        """Stop, wait for what is in flight, and return the final report."""
        ...


class Prober(Protocol):
    """The prober's API, as far as trials need it."""

    def identify(self, estate: str, services: Sequence[str] = ()) -> Sequence[Identity]:
        """One row for each replica."""
        ...

    def start_load(
        self,
        estates: Sequence[str],
        *,
        interval_ms: int,
        new_connection_interval_ms: int,
        timeout_ms: int,
        edges: Sequence[tuple[str, str, str]] | None = None,
    ) -> Load:
        """Start an open-loop load on edges (estate, source, target), or on all of the estates."""
        ...

    def stop_loads(self) -> int:
        """Stop every load that still runs, whoever began it; returns how many."""
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

    def revert(self, revision: str) -> None:
        """Take a commit back, without a commit."""
        ...

    def commit(self, message: str) -> str:
        """Commit what was edited; returns the revision."""
        ...

    def push(self) -> None:
        """Send it to the server."""
        ...

    def workplace(self, by: str) -> Workplace:
        """A shell in it for a person, whose `git` reaches the server."""
        ...

    def push_as(self, branch: str) -> None:
        """Send it to the server as a branch of its own, which no stage follows."""
        ...

    def of(self, stage: str) -> Configuration:
        """The same working copy, for another stage."""
        ...

    def close(self) -> None:
        """Remove the working copy."""
        ...


class Reviewed(Protocol):
    """A pull request that was merged, as the server keeps it."""

    @property
    def number(self) -> int:
        """Its number."""
        ...

    @property
    def revision(self) -> str:
        """The merge commit."""
        ...

    @property
    def author(self) -> str:
        """Who asked for it."""
        ...

    @property
    def approvers(self) -> tuple[str, ...]:
        """Who approved it."""
        ...


class Recorded(Protocol):
    """A change of one service as Git keeps it."""

    @property
    def who(self) -> str:
        """Who asked for it."""
        ...

    @property
    def what(self) -> str:
        """The image that it asks for."""
        ...

    @property
    def when(self) -> datetime:
        """When it came to the stage's branch."""
        ...

    @property
    def approved_by(self) -> tuple[str, ...]:
        """Who approved it; empty if nobody did."""
        ...

    @property
    def revision(self) -> str:
        """The commit."""
        ...


class Git(Protocol):
    """The Git server."""

    def history(self, stage: str, service: str, since: datetime) -> Sequence[Recorded]:
        """What was changed of a service in a stage since then, oldest first."""
        ...

    def head(self, stage: str) -> str:
        """The commit on the server that a stage follows."""
        ...

    def review(self, stage: str, title: str, branch: str = "") -> Reviewed:
        """Bring `branch` (main if none is given) to the branch that a stage follows, by pull request and approval."""
        ...

    def forget(self, branch: str) -> None:
        """Delete a branch."""
        ...

    def configuration(self, stage: str) -> Configuration:
        """A fresh working copy for a stage."""
        ...

    def webhook(self, on: bool) -> None:
        """Whether it tells of pushes."""
        ...


class Delivered(Protocol):
    """How far the delivery of one stage has come."""

    def missing(self, revision: str) -> str:
        """What is not done yet of a revision, in words; empty when it is synced and healthy."""
        ...

    def sync_started(self, revision: str) -> datetime | None:
        """When the sync of a revision began (whole seconds); None if it does not say."""
        ...

    def out_of_sync(self, kind: str) -> frozenset[str]:
        """Names of the objects of a kind that are not what their commit says."""
        ...

    def repaired_itself(self) -> datetime | None:
        """When the last sync that nobody asked for began (whole seconds); None if the last one was asked for."""
        ...


class Delivery(Protocol):
    """What brings commits to the cluster."""

    def state(self, stage: str) -> Delivered:
        """How far a stage is. It is looked at, never told to look."""
        ...


class Cluster(Protocol):
    """The cluster, as far as trials need it."""

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        """One object."""
        ...

    def list(self, kind: str, namespace: str | None = None, *, labels: str = "") -> list[dict[str, Any]]:
        """Objects by label."""
        ...

    def patch(
        self, kind: str, name: str, namespace: str | None, patch: Mapping[str, Any], *, manager: str = "pov"
    ) -> dict[str, Any]:
        """Merge `patch` into one object, as `manager`; returns it as it was written."""
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


class Script(Protocol):
    """A script of somebody else's, ready to run against the legacy hosts."""

    def run(self, *, timeout_s: float) -> float:
        """Run it to its end; returns how long it ran, in seconds."""
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
        """Run it to its end."""
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

    def until_ready(self, task: str, runbook: str) -> None:
        """Return once the person says that they are ready. Raises `PovError` if they would rather not."""
        ...

    def work(self, place: Workplace, runbook: Written, look: Callable[[], object], stop: Callable[[], None]) -> None:
        """Let them work until `look` returns; `stop` makes it end early."""
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


class Releases(Protocol):
    """Makes new versions to deploy, and brings images to where a cluster starts them from."""

    def image(self, version: str, folder: Path, *, starts: bool = True) -> Path:
        """An image of the new version, as an archive in `folder`; or of one whose program ends at its start."""
        ...

    def deliver(self, image: Path, version: str) -> str:
        """Bring an image to the cluster's nodes; returns its reference."""
        ...

    def archive(self, version: str, folder: Path, *, starts: bool = True) -> Path:
        """The same version as an archive for a host."""
        ...


@dataclass(frozen=True)
class Toolbox:
    """One environment, in the hands of trials. `run` is a short mark that versions of this run carry.

    `timeouts` are those that an experiment's criteria ask for, in milliseconds, instead of the one in `traffic`.
    `playbooks` are the customer's, by experiment, instead of the example's. What scripts print goes to `logs`.
    """

    run: str
    under_proof: tuple[str, ...]
    estates: tuple[Estate, ...]
    traffic: Traffic
    prober: Callable[[], Prober]
    git: Git
    delivery: Delivery
    cluster: Cluster
    hosts: LegacyHosts
    pki: Pki
    releases: Releases
    clock: Clock = SYSTEM_CLOCK
    busy: Callable[[], float] = field(default=lambda: 0.0)
    timeouts: Mapping[str, int] = field(default_factory=dict)
    playbooks: Mapping[str, Digested] = field(default_factory=dict)
    logs: Path | None = None
    seat: Callable[[Slot], Seat] | None = None

    def estate(self, name: str) -> Estate:
        """The estate of that name."""
        return estate_named(self.estates, name)

    @property
    def legacy(self) -> Estate:
        """Where the manual arms work."""
        return self.estate(LEGACY)

"""What trials work with, in ports that take the stage they work on.

The measuring workflow fills them in from a running environment; tests fill in fakes. Everything that connects does so
when it is asked: a trial connects anew, so that a pod which is gone fails one trial and no run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.redact import Secret
from pov.config.estates import LEGACY, Estate, estate_named
from pov.config.parts import Traffic
from pov.experiments.brought import Digested
from pov.experiments.ports.credentials import AuditLog, Credentials
from pov.experiments.ports.gitops import Accounts, Cluster, Delivery, Git
from pov.experiments.ports.infrastructure import Infrastructure
from pov.experiments.ports.legacy import LegacyHosts, Pki, Releases, Seat
from pov.experiments.ports.load import Prober
from pov.experiments.ports.platform import Platform
from pov.measure.order import Slot
from pov.model.catalogue import ERROR_RATE

STAGING = "staging"


@dataclass(frozen=True)
class Toolbox:
    """One environment, in the hands of trials. `run` is a short mark that versions of this run carry.

    `timeouts` are those that an experiment's criteria ask for, in milliseconds, instead of the one in `traffic`.
    `playbooks` are the customer's, by experiment, instead of the example's. What scripts print goes to `logs`.
    `error_rate` is the share of its requests that a bad version answers with an error. `kill_at` is the point at which
    work is killed, in percent of its usual time; `usual` keeps that time, in seconds by arm, once somebody timed it.
    `put` are the credentials that trials put in force, by estate and service: to be presented as the old ones later.
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
    accounts: Accounts
    credentials: Callable[[], Credentials]
    vault_log: AuditLog
    platform: Platform
    infrastructure: Infrastructure
    clock: Clock = SYSTEM_CLOCK
    busy: Callable[[], float] = field(default=lambda: 0.0)
    timeouts: Mapping[str, int] = field(default_factory=dict)
    playbooks: Mapping[str, Digested] = field(default_factory=dict)
    logs: Path | None = None
    seat: Callable[[Slot], Seat] | None = None
    reviewer: Callable[[Slot], Seat] | None = None
    error_rate: float = float(ERROR_RATE.usual)
    kill_at: int = 50
    usual: dict[str, float] = field(default_factory=dict)
    put: dict[tuple[str, str], Secret] = field(default_factory=dict)

    def estate(self, name: str) -> Estate:
        """The estate of that name."""
        return estate_named(self.estates, name)

    @property
    def legacy(self) -> Estate:
        """Where the manual arms work."""
        return self.estate(LEGACY)

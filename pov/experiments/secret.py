"""`secret`: the credentials of the services under proof are changed, until every replica uses its new one.

A credential is 256 random bits, made before the clock starts and known to nobody else. Services tell its fingerprint,
never the credential; so do samples, and a run that is verified needs no secret. Whoever presents it to the service is
served. The old one is presented before the clock starts, when it is served, and again once the clock has stopped, when
every replica has to refuse it: so a trial has to know it, and the first one of a run puts one there for that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pov.base.errors import PovError
from pov.base.files import write_atomic
from pov.base.redact import Secret, random_secret
from pov.config.estates import LEGACY
from pov.experiments.brought import OwnScript
from pov.experiments.core import Experiment, Way
from pov.experiments.gitops import SEEN_LIMIT_S as BY_PLATFORM_S
from pov.experiments.gitops import at_rest
from pov.experiments.ports.load import Identity
from pov.experiments.presenting import Present, in_pods, on_hosts, replaced, served
from pov.experiments.runbook import RUN_LIMIT_S, SEEN_LIMIT_S, RunbookTrial, on_host
from pov.experiments.scripted import shipped
from pov.experiments.seen import until_seen
from pov.experiments.toolbox import STAGING, Toolbox
from pov.experiments.trial import EstateTrial
from pov.experiments.workloads import POD, is_going
from pov.measure.order import Slot
from pov.model.sample import Step

_AT_REST_S = 240.0
_PROGRAM = "pov-mock"


class NewCredentials:
    """One new credential for each of some services, and how a replica is seen to use it."""

    def __init__(self, box: Toolbox, estate: str, services: tuple[str, ...]) -> None:
        self._box, self._estate, self._services = box, estate, services
        self.values = {name: random_secret() for name in services}
        self.wanted = {name: fingerprint(value) for name, value in self.values.items()}

    def used_now(self) -> dict[str, list[str]]:
        """Fingerprints by service. Raises `PovError` for a replica that has none: it was brought up without."""
        found: dict[str, list[str]] = {}
        for row in self._box.prober().identify(self._estate, self._services):
            if row.error or not row.credential:
                cause = row.error or "it tells no fingerprint"
                raise PovError(f"{row.service} in {self._estate} uses no credential", cause=cause, fix="pov up")
            found.setdefault(row.service, []).append(row.credential)
        return {name: sorted(values) for name, values in found.items()}

    def uses_it(self, row: Identity) -> bool:
        """Whether a replica uses its new one."""
        return row.credential == self.wanted[row.service]

    def known_before(self) -> Mapping[str, Secret] | None:
        """Those in force, if this run's trials put all of them there and nobody changed one since; else None."""
        used = self.used_now()
        held = {name: self._box.put.get((self._estate, name)) for name in self._services}
        known = {name: value for name, value in held.items() if value is not None}
        same = all(used[name] == [fingerprint(value)] * len(used[name]) for name, value in known.items())
        return known if same and len(known) == len(self._services) else None

    def put(self, service: str) -> None:
        """Note that the new one of a service is in force."""
        self._box.put[self._estate, service] = self.values[service]


class AutomatedSecret(EstateTrial):
    """A write to Vault for each service; the agents beside the services do the rest."""

    checks = (
        "each agent looks into Vault every ten seconds, each service at its file twice a second; nothing starts anew"
    )

    def __init__(self, box: Toolbox, slot: Slot) -> None:
        super().__init__(box, slot, box.estate(STAGING), box.under_proof)
        self._new = NewCredentials(box, self.estate.name, self.services)
        self._old: Mapping[str, Secret] = {}
        self._present = in_pods(box, self.estate.namespace)
        self._begun = 0.0
        self._written: dict[str, int] = {}
        self._marks: list[Step] = []

    def make_fit(self) -> None:
        """The stage at rest at its newest commit."""
        at_rest(self.box, self.estate.name, self.box.git.head(self.estate.name), _AT_REST_S)

    def prepare(self) -> None:
        """Credentials in force that the trial knows: those of the trial before, or ones of its own."""
        known = self._new.known_before()
        if known is None:
            first = NewCredentials(self.box, self.estate.name, self.services)
            self._write(first)
            known = first.values
        self._old = known

    def warm_up(self) -> None:
        """As ever, and note what is used before, and that whoever presents it is served."""
        super().warm_up()
        self.details["fingerprints"] = _told(self._new.used_now(), self._new.wanted)
        self.details["served_before"] = served(self._present, self._old)

    def operate(self) -> None:
        """Log in to Vault, write, wait until the prober has seen it everywhere. There is nothing to take back."""
        clock, begun = self.box.clock, self.box.clock.monotonic()
        self._begun = begun
        self._written, written = self._write(self._new)
        self._marks.append(Step("written to Vault", written))
        self._marks.append(Step("fetched by agents, seen by prober", clock.monotonic() - begun - written))

    def _write(self, credentials: NewCredentials) -> tuple[dict[str, int], float]:
        """Write them to Vault and wait until they are in use. Returns versions, and the seconds of the writing."""
        begun, owner = self.box.clock.monotonic(), self.box.credentials()
        versions = {}
        for name, value in credentials.values.items():
            versions[name] = owner.change(self.estate.name, name, value)
            credentials.put(name)
        written = self.box.clock.monotonic() - begun
        until_seen(
            self.box,
            self.estate,
            self.services,
            credentials.uses_it,
            f"the new credential on every replica in {self.estate.name}",
            timeout_s=BY_PLATFORM_S[True],
        )
        return versions, written

    def check(self) -> None:
        """The old one is refused; Vault calls the version that was written the one in force, so do the pods' files."""
        refused(self, self._present, self._old, self._new, self._begun)
        owner = self.box.credentials()
        for name in self.services:
            held = owner.held(self.estate.name, name)
            if held.version != self._written[name]:
                raise PovError(f"Vault holds version {held.version} for {name}, not {self._written[name]}")
            pods = self.box.cluster.list(POD, self.estate.namespace, labels=f"app={name}")
            files = [self._in_pod(pod["metadata"]["name"]) for pod in pods if not is_going(pod)]
            if files != [self._new.wanted[name]] * self.estate.replicas:
                raise PovError(f"the files in the pods of {name} are not the new credential", cause=", ".join(files))
        self.details["versions"] = dict(self._written)

    def steps(self) -> tuple[Step, ...]:
        """The write, and the way from there to every replica."""
        return tuple(self._marks)

    def _in_pod(self, pod: str) -> str:
        return self.box.cluster.exec(pod, self.estate.namespace, [f"/{_PROGRAM}", "fingerprint"]).strip()


class ManualSecret(RunbookTrial):
    """The runbook: the new file to each host, the service started again, checked. Or a script that is told the same."""

    playbook = "secret.yml"

    def __init__(self, box: Toolbox, slot: Slot, *, script: OwnScript | None = None) -> None:
        super().__init__(box, slot, box.under_proof, script=script)
        self._new = NewCredentials(box, self.estate.name, self.services)
        self._old: Mapping[str, Secret] = {}
        self._present = on_hosts(box)
        self._begun = 0.0
        self._folder = Path()

    def prepare(self) -> None:
        """A file for each service with its new credential, for the owner's eyes; it goes with the runbook's folder.

        Where the ones in force are not known, the example runbook puts others there first, whichever arm it is.
        """
        self._folder = self.runbooks.folder / "credentials"
        self._folder.mkdir(mode=0o700, exist_ok=True)
        known = self._new.known_before()
        if known is None:
            first = NewCredentials(self.box, self.estate.name, self.services)
            self._lay_out(first)
            self.hosts_change()
            self.runbooks.run(ManualSecret.playbook, self.variables(), timeout_s=RUN_LIMIT_S)
            self._until_used(first, SEEN_LIMIT_S)
            known = first.values
        self._old = known
        self._lay_out(self._new)

    def _lay_out(self, credentials: NewCredentials) -> None:
        for name, value in credentials.values.items():
            write_atomic(self._folder / name, value.reveal(), mode=0o600)

    def _until_used(self, credentials: NewCredentials, limit_s: float) -> Mapping[str, float]:
        found = until_seen(
            self.box,
            self.estate,
            self.services,
            credentials.uses_it,
            "the new credential on every host",
            timeout_s=limit_s,
        )
        for name in self.services:
            credentials.put(name)
        return found

    def warm_up(self) -> None:
        """As ever, and note what is used before, and that whoever presents it is served."""
        super().warm_up()
        self.details["fingerprints"] = _told(self._new.used_now(), self._new.wanted)
        self.details["served_before"] = served(self._present, self._old)

    def operate(self) -> None:
        """As ever."""
        self._begun = self.box.clock.monotonic()
        super().operate()

    def variables(self) -> Mapping[str, Any]:
        """The services, and where their new credentials lie."""
        return {"services": list(self.services), "credentials": str(self._folder)}

    def secret_files(self, variables: Mapping[str, Any]) -> list[Path]:
        """As ever, and the credentials."""
        return [*super().secret_files(variables), *(self._folder / name for name in self.services)]

    def wait_until_seen(self) -> Mapping[str, float]:
        """Every service uses its new one."""
        return self._until_used(self._new, self.seen_limit_s)

    def check(self) -> None:
        """The old one is refused; the files on the hosts are the new ones, for the services' user alone."""
        refused(self, self._present, self._old, self._new, self._begun)
        for host in self.box.hosts.all:
            for name in (placed.service for placed in host.services if placed.service in self.services):
                path = f"/etc/pov/credentials/{name}"
                look = f"{_PROGRAM} fingerprint --file {path} && stat -c '%a %u' {path}"
                file, _, rights = on_host(self.box, host.pod, "sh", "-c", look).strip().partition("\n")
                if file != self._new.wanted[name]:
                    raise PovError(f"the file of {name} on {host.name} is not the new credential")
                mode, _, owner = rights.partition(" ")
                if not mode.endswith("00") or owner != "65532":
                    raise PovError(f"the credential of {name} on {host.name} is open to others ({rights})")


EXPERIMENT = Experiment(
    "secret",
    touches=lambda box, estate: box.under_proof,
    expected_s=15.0,
    arms={
        "automated": Way(AutomatedSecret, STAGING),
        "manual": Way(ManualSecret, LEGACY),
        "scripted": Way(partial(ManualSecret, script=shipped("secret")), LEGACY),
    },
    own=lambda script: Way(partial(ManualSecret, script=script), LEGACY),
)


def refused(
    trial: AutomatedSecret | ManualSecret,
    present: Present,
    old: Mapping[str, Secret],
    new: NewCredentials,
    begun: float,
) -> None:
    """Present old and new ones to every replica, and note how long it was from the beginning until all had refused."""
    trial.details["presented"] = replaced(present, old, new.values)
    trial.figures["refused_seconds"] = round(trial.box.clock.monotonic() - begun, 3)


def fingerprint(value: Secret) -> str:
    """As the mock services tell it: the first 64 bits of the SHA-256, hexadecimal."""
    return hashlib.sha256(value.reveal().encode()).hexdigest()[:16]


def _told(before: Mapping[str, list[str]], after: Mapping[str, str]) -> dict[str, Any]:
    return {name: {"before": before.get(name, []), "after": value} for name, value in after.items()}

"""`rotate`: every certificate of an estate renewed once, under load, until the prober has seen each new one serve."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pov.base.errors import PovError
from pov.config.estates import LEGACY
from pov.config.legacy import dns_names, identity
from pov.experiments.brought import OwnScript
from pov.experiments.core import Experiment, Way
from pov.experiments.gitops import NEXT_POLL, GitOpsTrial
from pov.experiments.negative import ExpiredCanary
from pov.experiments.person import AtHosts, seat_of
from pov.experiments.ports.gitops import Configuration
from pov.experiments.ports.load import Identity
from pov.experiments.runbook import RunbookTrial, on_host
from pov.experiments.scripted import shipped
from pov.experiments.seen import all_new, serials, until_seen
from pov.experiments.toolbox import STAGING, Toolbox
from pov.measure.order import Slot

POLICY = "certificate-policy"


class AutomatedRotation(GitOpsTrial):
    """A commit that raises the certificates' generation; each service's agent fetches a new one from Vault."""

    def __init__(self, box: Toolbox, slot: Slot, *, webhook: bool = True) -> None:
        super().__init__(box, slot, box.estate(STAGING).services, webhook=webhook)
        self._generation = 0
        self._before: dict[str, list[str]] = {}

    def prepare(self) -> None:
        """The generation edited."""
        self._generation = self.copy.generation() + 1
        self.copy.set_generation(self._generation)
        self.details["generation"] = self._generation

    def warm_up(self) -> None:
        """As ever, and note the serial numbers from before, last thing: a renewal by age in between is none of ours."""
        super().warm_up()
        self._before = serials(self.box, self.estate)

    def message(self) -> str:
        """As a customer would write it."""
        return f"Renew every certificate in staging (generation {self._generation})"

    def wait_until_seen(self) -> Mapping[str, float]:
        """Every replica of every service shows a certificate that it did not show before."""
        return until_seen(
            self.box,
            self.estate,
            self.estate.services,
            _newer(self._before),
            f"a new certificate on every replica in {self.estate.name}",
            timeout_s=self.limit_s,
        )

    def check(self) -> None:
        """The cluster holds the new generation, and all certificates differ from before and from each other."""
        policy = self.box.cluster.get("v1/ConfigMap", POLICY, self.estate.namespace) or {}
        held = (policy.get("data") or {}).get("generation")
        if str(held) != str(self._generation):
            raise PovError(f"the cluster holds generation {held}, not {self._generation}")
        _compare(self.details, self._before, serials(self.box, self.estate))

    def undo(self, copy: Configuration) -> bool:
        """Nothing to undo: a renewed certificate is as good as the one before."""
        return False


class ManualRotation(RunbookTrial):
    """The runbook: new key and request on the host, signed here with openssl, copied back, restart, check.

    Or a script that is told the same.
    """

    playbook = "rotate.yml"

    def __init__(self, box: Toolbox, slot: Slot, *, script: OwnScript | None = None) -> None:
        super().__init__(box, slot, box.legacy.services, script=script)
        self._before: dict[str, list[str]] = {}
        self._requests = Path()

    def prepare(self) -> None:
        """A file for each service with the names that its certificate is for."""
        self._requests = self.runbooks.folder / "requests"
        self._requests.mkdir(mode=0o700, exist_ok=True)
        for name in self.estate.services:
            (self._requests / f"{name}.cnf").write_text(extensions(self.estate.namespace, name))

    def warm_up(self) -> None:
        """As ever, and note the serial numbers from before."""
        super().warm_up()
        self._before = serials(self.box, self.estate)

    def variables(self) -> Mapping[str, Any]:
        """The CA's files by name, the services, where requests go."""
        ca = self.box.pki.files()
        return {
            "services": list(self.estate.services),
            "ca": str(ca.certificate),
            "ca_key": str(ca.key),
            "days": ca.days,
            "requests": str(self._requests),
        }

    def wait_until_seen(self) -> Mapping[str, float]:
        """Every service shows a certificate that it did not show before."""
        return until_seen(
            self.box,
            self.estate,
            self.estate.services,
            _newer(self._before),
            "a new certificate on every host",
            timeout_s=self.seen_limit_s,
        )

    def check(self) -> None:
        """The files on the hosts are those that the services show."""
        after = serials(self.box, self.estate)
        for host in self.box.hosts.all:
            files = [f"/etc/pov/certs/{placed.service}/tls.crt" for placed in host.services]
            command = 'for f in "$@"; do openssl x509 -in "$f" -noout -serial || exit 1; done'
            lines = on_host(self.box, host.pod, "sh", "-c", command, "sh", *files).split()
            for placed, line in zip(host.services, lines, strict=True):
                if [_number(line.removeprefix("serial="))] != [_number(serial) for serial in after[placed.service]]:
                    raise PovError(f"{placed.service} on {host.name} does not show the certificate in its file")
        _compare(self.details, self._before, after)


class PersonRotation(AtHosts, ManualRotation):
    """Every certificate anew."""

    def __init__(self, box: Toolbox, slot: Slot) -> None:
        super().__init__(box, slot)
        self.seat = seat_of(box, slot)

    @property
    def task(self) -> str:
        """Of which services."""
        return f"renew the certificates of {', '.join(self.services)}"

    def wished(self, row: Identity) -> bool:
        """It shows a certificate that its service did not show before."""
        return _newer(self._before)(row)


ON_HOSTS_S = 35.0
"""A runbook's rotation of five services took 25 to 33 s on two quiet cores, and the platform's 8 to 12 s."""

EXPERIMENT = Experiment(
    "rotate",
    touches=lambda box, estate: estate.services,
    expected_s=20.0,
    arms={
        "automated": Way(AutomatedRotation, STAGING),
        "automated-poll": Way(partial(AutomatedRotation, webhook=False), STAGING, NEXT_POLL),
        "manual": Way(ManualRotation, LEGACY, longest_s=ON_HOSTS_S),
        "scripted": Way(partial(ManualRotation, script=shipped("rotate")), LEGACY, longest_s=ON_HOSTS_S),
        "person": Way(PersonRotation, LEGACY),
    },
    own=lambda script: Way(partial(ManualRotation, script=script), LEGACY, longest_s=ON_HOSTS_S),
    negative=ExpiredCanary,
)


def extensions(namespace: str, service: str) -> str:
    """The extension file that `openssl x509` reads for one service."""
    names = ", ".join(
        [f"URI:{identity(namespace, service)}", *(f"DNS:{name}" for name in dns_names(namespace, service))]
    )
    return (
        "basicConstraints = critical, CA:FALSE\n"
        "keyUsage = critical, digitalSignature\n"
        "extendedKeyUsage = serverAuth, clientAuth\n"
        "subjectKeyIdentifier = hash\n"
        "authorityKeyIdentifier = keyid\n"
        f"subjectAltName = {names}\n"
    )


def _newer(before: Mapping[str, list[str]]) -> Callable[[Identity], bool]:
    """Whether a replica shows a certificate that no service showed before."""
    old = {serial for values in before.values() for serial in values}
    return lambda row: row.serial not in old


def _compare(details: dict[str, Any], before: Mapping[str, list[str]], after: Mapping[str, list[str]]) -> None:
    details["rotations"] = all_new(before, after)
    details["serials"] = {name: {"before": before.get(name, []), "after": values} for name, values in after.items()}


def _number(serial: str) -> int:
    return int(serial.replace(":", "").strip() or "0", 16)

"""`provision` on the legacy hosts: a new service for each stage, by the runbook or a script, from nothing to answering.

Hosts have no stages: whoever works without a platform does the same steps once a stage, on that stage's hosts. Here
they are done as often, for as many services, on one host. An address for a new service is not the hosts' to give: it is
there before the clock starts, and no arm's clock holds what somebody waited for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pov.base.errors import PovError
from pov.base.wait import Pending, wait_for
from pov.config.legacy import Host, Placed, identity
from pov.experiments.brought import OwnScript
from pov.experiments.control import watch
from pov.experiments.promote import ORDER
from pov.experiments.rotate import extensions
from pov.experiments.runbook import RunbookTrial, on_host
from pov.experiments.seen import until_seen
from pov.experiments.toolbox import Toolbox
from pov.experiments.trial import WORKED_ON
from pov.experiments.workloads import own_version
from pov.measure.order import Slot
from pov.measure.trials import Ending

_GONE_S = 30.0
FOREIGN = 'for d in /etc/service/*/; do n=$(basename "$d"); case " $* " in *" $n "*) ;; *) echo "$n";; esac; done'
"""Prints what is under the supervisor beside its arguments."""
TAKE_AWAY = """for n in "$@"; do
    if [ -d "/etc/service/$n" ]; then
        mv "/etc/service/$n" "/etc/service/.gone-$n" && sv -w 10 force-shutdown "/etc/service/.gone-$n" >/dev/null
    fi
    rm -rf "/etc/service/.gone-$n" "/etc/service/.$n" "/opt/pov/$n" "/etc/pov/certs/$n"
done"""
"""Ends services and removes all that is theirs, by the names that are its arguments."""
LEFT = """for n in "$@"; do
    for p in "/etc/service/$n" "/etc/service/.$n" "/opt/pov/$n" "/etc/pov/certs/$n"; do [ ! -e "$p" ] || echo "$p"; done
    pgrep -f -- "--name $n " || true
done"""
"""Prints what is left of services: files, and process numbers."""


class ManualProvision(RunbookTrial):
    """The runbook: folders, release, certificate, supervisor, check; service by service. Or a script told the same."""

    playbook = "provision.yml"

    def __init__(self, box: Toolbox, slot: Slot, *, script: OwnScript | None = None) -> None:
        there = [estate.name for estate in box.estates if estate.kind == "gitops"]
        stages = [name for name in ORDER if name in there]
        names = tuple(f"new-{box.run}-{slot.trial}-{stage}".lower() for stage in stages)
        super().__init__(box, slot, names, script=script)
        self.watch = watch(box.estates, self.estate, self.estate.services, WORKED_ON)
        self._version = own_version(box, slot)
        self._host = min(reversed(box.hosts.all), key=lambda host: len(host.services))
        self._places = _next_places(self._host, names)
        self._requests = Path()
        self.details |= {
            "services": list(names),
            "stages": stages,
            "host": self._host.name,
            "version": self._version,
            "addresses": "given before the clock started",
        }

    def make_fit(self) -> None:
        """As ever; nothing is left on the hosts of a trial that was killed; each service has its address."""
        super().make_fit()
        for host in self.box.hosts.all:
            known = [placed.service for placed in host.services]
            if left := on_host(self.box, host.pod, "sh", "-c", FOREIGN, "sh", *known).split():
                on_host(self.box, host.pod, "sh", "-c", TAKE_AWAY, "sh", *left)
                self.details.setdefault("taken_away_first", []).extend(left)
        self.after.add("addresses", lambda: self.box.hosts.give_addresses(self._host, ()))
        self.box.hosts.give_addresses(self._host, self._places)

    def prepare(self) -> None:
        """A file for each service with the names that its certificate is for. The program is on the hosts."""
        self._requests = self.runbooks.folder / "requests"
        self._requests.mkdir(mode=0o700, exist_ok=True)
        for name in self.services:
            (self._requests / f"{name}.cnf").write_text(extensions(self.estate.namespace, name))

    def variables(self) -> Mapping[str, Any]:
        """The services, where each is to run, what it calls itself, and the CA's files by name."""
        ca = self.box.pki.files()
        return {
            "services": list(self.services),
            "places": [{"host": self._host.name, **asdict(placed)} for placed in self._places],
            "version": self._version,
            "namespace": self.estate.namespace,
            "ca": str(ca.certificate),
            "ca_key": str(ca.key),
            "days": ca.days,
            "requests": str(self._requests),
        }

    @property
    def told_hosts(self) -> Sequence[Host]:
        """The host, with the services that it is to run."""
        return (replace(self._host, services=self._places),)

    def look_once(self) -> None:
        """At what is there; at what is to come, nobody looks before it may be there."""
        self.box.prober().identify(self.estate.name)

    def hosts_change(self) -> None:
        """As ever; where all ends well, the services alone go."""
        super().hosts_change()
        self.after.add("new services", self._take_away, after={Ending.DONE})

    def wait_until_seen(self) -> Mapping[str, float]:
        """Every new service answers over mutual TLS, by its own version."""
        return until_seen(
            self.box,
            self.estate,
            self.services,
            lambda row: row.version == self._version,
            "the new services on their host",
            timeout_s=self.seen_limit_s,
            unlisted=True,
        )

    def check(self) -> None:
        """On the host: the process is the new release's, its certificate the CA's and for its name, its key shut."""
        shown = {row.service: row.serial for row in self.box.prober().identify(
            self.estate.name, self.services, unlisted=True)}  # fmt: skip
        for name in self.services:
            pid = f"cat /etc/service/{name}/supervise/pid"
            # As the service's own user: root in a pod may not look into another user's process.
            running = self._on("sh", "-c", f"exec chpst -u :65532:65532 readlink /proc/$({pid})/cwd")
            if running != f"/opt/pov/{name}/releases/{self._version}":
                raise PovError(f"{name} runs in {running or 'no folder'}, not in that of {self._version}")
            self._check_certificate(name, shown.get(name, ""))

    def _check_certificate(self, name: str, shown: str) -> None:
        folder = f"/etc/pov/certs/{name}"
        # The CA as the host's own mount has it, which no runbook writes to.
        judge = (
            f"openssl verify -CAfile /secrets/ca.crt {folder}/tls.crt >/dev/null && "
            f"openssl x509 -in {folder}/tls.crt -noout -serial -ext subjectAltName && "
            f"stat -c 'rights=%a %u' {folder}/tls.key"
        )
        told = self._on("sh", "-c", judge)
        serial = next((line.removeprefix("serial=") for line in told.splitlines() if line.startswith("serial=")), "")
        if not serial or int(serial, 16) != int(shown.replace(":", "") or "0", 16):
            raise PovError(f"{name} does not show the certificate in its file")
        if f"URI:{identity(self.estate.namespace, name)}" not in told:
            raise PovError(f"the certificate of {name} is for somebody else")
        mode, _, owner = told.rpartition("rights=")[2].partition(" ")
        if not mode.endswith("00") or owner != "65532":
            raise PovError(f"the key of {name} is open to others ({mode} {owner})")

    def _on(self, *argv: str) -> str:
        return on_host(self.box, self._host.pod, *argv).strip()

    def _take_away(self) -> None:
        self._on("sh", "-c", TAKE_AWAY, "sh", *self.services)

        def look() -> bool | Pending:
            left = self._on("sh", "-c", LEFT, "sh", *self.services).split()
            return Pending(f"{self._host.name} still has {left[0]}") if left else True

        wait_for("the new services to go", look, timeout_s=_GONE_S, interval_s=0.5, clock=self.box.clock, fix="pov up")


def _next_places(host: Host, names: Sequence[str]) -> tuple[Placed, ...]:
    """Ports after those that the host's services have."""
    last = max(host.services, key=lambda placed: placed.port)
    return tuple(Placed(name, last.port + n, last.health_port + n) for n, name in enumerate(names, 1))

"""The negative control: a service that must fail, so that it shows that the prober sees a failure when there is one.

On one host, one service gets a certificate of a few seconds, and its successor before it runs out; the legacy estate's
services read their files once, so the successor is never served. Same code, same load, only reloading is off.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pov.base.errors import PovError
from pov.base.wait import Pending, wait_for
from pov.config.legacy import Host, Placed, dns_names, identity
from pov.experiments.load import Watched
from pov.experiments.runbook import restart, wait_until_fit
from pov.experiments.toolbox import Toolbox
from pov.measure.order import Slot
from pov.measure.trials import Evidence, Trial

LIFE_S = 15
_LIMIT_S = 90.0
_LONG = timedelta(days=1)
_WRITE = 'umask 077; cat > "$1.new" && chown 65532:65532 "$1.new" && chmod "$2" "$1.new" && mv "$1.new" "$1"'


class ExpiredCanary(Trial):
    """One window in which a service's certificate runs out under load."""

    def __init__(self, box: Toolbox, slot: Slot) -> None:
        self._box = box
        self._slot = slot
        self._load: Watched | None = None
        self._touched = False
        self._host, self._canary = _called(box)
        self._details: dict[str, Any] = {
            "estate": box.legacy.name,
            "service": self._canary.service,
            "life_s": LIFE_S,
            "what": "its certificate runs out, a new one lies in its files, and reloading is off",
        }

    def set_up(self) -> None:
        """Estate fit; the service serves a certificate that is about to run out; load running."""
        self._details["load_per_core"] = round(self._box.busy(), 2)
        wait_until_fit(self._box)
        self._touched = True
        self._put(timedelta(seconds=LIFE_S))
        self._run("sh", "-c", 'sv restart "/etc/service/$1" >/dev/null', "sh", self._canary.service)
        self._load = Watched.start(self._box, self._box.legacy)
        self._put(_LONG)

    def warm_up(self) -> None:
        """Nothing."""

    def operate(self) -> None:
        """Wait until the prober counts a failed handshake."""

        def look() -> int | Pending:
            if self._load is None:
                raise PovError("the legacy estate has no edge to probe")
            failed = self._load.failed_handshakes()
            return failed or Pending("no failed handshake yet")

        wait_for(
            "the prober to see that a certificate ran out",
            look,
            timeout_s=_LIMIT_S,
            interval_s=0.5,
            clock=self._box.clock,
        )

    def verify(self) -> None:
        """The replica itself, asked directly, is refused by the prober."""
        rows = self._box.prober().identify(self._box.legacy.name, [self._canary.service])
        if not all(row.error for row in rows):
            raise PovError(f"{self._canary.service} still answers with a certificate that ran out")

    def evidence(self) -> Evidence:
        """What the load saw."""
        traffic = self._load.stop() if self._load is not None else None
        return Evidence(traffic=traffic, details=self._details)

    def clean_up(self) -> None:
        """Load off; the host starts anew at its baseline."""
        try:
            if self._load is not None:
                self._load.stop()
        finally:
            if self._touched:
                restart(self._box, self._host)

    def _put(self, life: timedelta) -> None:
        name = self._canary.service
        namespace = self._box.legacy.namespace
        names = (*dns_names(namespace, name), identity(namespace, name))
        pair = self._box.legacy_pair(names, life)
        folder = f"/etc/pov/certs/{name}"
        self._run("sh", "-c", _WRITE, "sh", f"{folder}/tls.key", "0400", stdin=pair.key.reveal().encode())
        self._run("sh", "-c", _WRITE, "sh", f"{folder}/tls.crt", "0644", stdin=pair.certificate.encode())

    def _run(self, *argv: str, stdin: bytes | None = None) -> None:
        self._box.kube.exec(self._host.pod, self._box.legacy.namespace, list(argv), stdin=stdin)


def _called(box: Toolbox) -> tuple[Host, Placed]:
    """A service that somebody calls, the last of the graph: the fewest others depend on it."""
    called = {edge.target for edge in box.legacy.edges}
    for host in reversed(box.hosts):
        for placed in reversed(host.services):
            if placed.service in called:
                return host, placed
    raise PovError("no service of the legacy estate is called by another")

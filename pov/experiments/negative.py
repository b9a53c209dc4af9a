"""The negative control: a service that must fail, so that it shows that the prober sees a failure when there is one.

On one host, one service gets a certificate of a few seconds, and its successor before it runs out; the legacy estate's
services read their files once, so the successor is never served. Same code, same load, only reloading is off.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from pov.base.errors import PovError
from pov.base.wait import Pending, wait_for
from pov.config.legacy import Host, Placed, dns_names, identity
from pov.experiments.runbook import restart, wait_until_fit
from pov.experiments.toolbox import Toolbox
from pov.experiments.traffic import Lost, failures_on
from pov.experiments.trial import EstateTrial
from pov.measure.excuse import HARD, Span
from pov.measure.order import Slot
from pov.measure.trials import OPERATION, Ending

LIFE_S = 15
_LIMIT_S = 90.0
_LONG = timedelta(days=1)
_CAUSE = "expired"
"""In the words of both sides of a handshake: of who meets such a certificate, and of who is told so by its peer."""
_WRITE = 'umask 077; cat > "$1.new" && chown 65532:65532 "$1.new" && chmod "$2" "$1.new" && mv "$1.new" "$1"'


class ExpiredCanary(EstateTrial):
    """One window in which a service's certificate runs out under load.

    What counts is a failure on the service's own edges, hard, for that cause, from the operation's beginning on: what
    fails elsewhere, late or for another reason would not show that the prober sees what it has to see.
    """

    def __init__(self, box: Toolbox, slot: Slot) -> None:
        self._host, self._canary = canary(box)
        super().__init__(box, slot, box.legacy, [self._canary.service])
        self.details |= {
            "service": self._canary.service,
            "life_s": LIFE_S,
            "what": "its certificate runs out, a new one lies in its files, and reloading is off",
        }

    def make_fit(self) -> None:
        """Every service answers."""
        wait_until_fit(self.box)

    def prepare(self) -> None:
        """The service serves a certificate that is about to run out."""
        self.after.add("host", partial(restart, self.box, self._host), after={Ending.DONE, Ending.FAILED})
        self.after.add("host", partial(restart, self.box, self._host, wait=False), after={Ending.INTERRUPTED})
        self._put(timedelta(seconds=LIFE_S))
        self._run("sh", "-c", 'sv restart "/etc/service/$1" >/dev/null', "sh", self._canary.service)

    def warm_up(self) -> None:
        """As ever; and the certificate's successor lies in the files before it runs out."""
        super().warm_up()
        self._put(_LONG)

    def operate(self) -> None:
        """Wait until the prober has met the certificate that ran out."""

        def look() -> Lost | Pending:
            report = self.load.counts()
            begun = next(phase.from_ms for phase in report.phases if phase.name == OPERATION)
            since = failures_on(report, self.watch.touched, Span(begun, float("inf")))
            own = [one for one in since if one.kind == HARD and _CAUSE in one.cause]
            return own[0] if own else Pending(f"{len(since)} failed requests on its edges, none for that cause")

        first = wait_for(
            "the prober to see that a certificate ran out",
            look,
            timeout_s=_LIMIT_S,
            interval_s=0.5,
            clock=self.box.clock,
        )
        self.details["seen"] = {
            "edge": str(first.edge),
            "kind": first.kind,
            "cause": first.cause,
            "fresh": first.fresh,
            "from_ms": first.from_ms,
            "to_ms": first.to_ms,
        }

    def check(self) -> None:
        """The replica itself, asked directly, is refused by the prober."""
        rows = self.box.prober().identify(self.estate.name, [self._canary.service])
        if not all(row.error for row in rows):
            raise PovError(f"{self._canary.service} still answers with a certificate that ran out")

    def _put(self, life: timedelta) -> None:
        name = self._canary.service
        namespace = self.estate.namespace
        names = (*dns_names(namespace, name), identity(namespace, name))
        pair = self.box.pki.issue(names, life)
        folder = f"/etc/pov/certs/{name}"
        self._run("sh", "-c", _WRITE, "sh", f"{folder}/tls.key", "0400", stdin=pair.key.reveal().encode())
        self._run("sh", "-c", _WRITE, "sh", f"{folder}/tls.crt", "0644", stdin=pair.certificate.encode())

    def _run(self, *argv: str, stdin: bytes | None = None) -> None:
        self.box.cluster.exec(self._host.pod, self.estate.namespace, list(argv), stdin=stdin)


def canary(box: Toolbox) -> tuple[Host, Placed]:
    """A service that somebody calls, the last of the graph: the fewest others depend on it. Raises without one."""
    called = {edge.target for edge in box.legacy.edges}
    for host in reversed(box.hosts.all):
        for placed in reversed(host.services):
            if placed.service in called:
                return host, placed
    raise PovError("no service of the legacy estate is called by another")

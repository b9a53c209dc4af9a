"""The prober's API: calls over every edge, who serves what, what is refused, and loads on an open-loop schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pov.base.errors import NotFound, PovError
from pov.base.redact import Secret
from pov.engines.load_report import (
    Count,
    EdgeCount,
    Failure,
    Heartbeat,
    Latency,
    LoadReport,
    NodePressure,
    Phase,
    Stall,
    read,
)
from pov.engines.rest import Authorization, Refused, Rest

__all__ = [
    "Count",
    "EdgeAnswer",
    "EdgeCount",
    "Failure",
    "Heartbeat",
    "Identity",
    "Latency",
    "Load",
    "LoadReport",
    "NodePressure",
    "Phase",
    "Prober",
    "Refusals",
    "Stall",
]

_CALL_S = 120.0
"""The longest answers: every pair without an edge tried once, or a load that waits for what is in flight."""


@dataclass(frozen=True)
class EdgeAnswer:
    """One call over one edge on new connections; `error` is empty if it was answered. `serial` is the target's."""

    source: str
    target: str
    ok: bool
    error: str
    version: str
    serial: str


@dataclass(frozen=True)
class Identity:
    """One replica: its release, and the certificate that it showed; or an `error`, and nothing else is known.

    `serial` is written as Vault does (`3f:0a:…`), `not_after` as ISO 8601 in UTC; `credential` is the fingerprint of
    the one that it uses, empty without one.
    """

    service: str
    address: str
    version: str
    serial: str
    not_after: str
    error: str
    credential: str = ""

    @property
    def expires(self) -> datetime | None:
        """`not_after` as a time."""
        return datetime.fromisoformat(self.not_after) if self.not_after else None


@dataclass(frozen=True)
class Refusals:
    """What came of trying each pair of services without an edge: `admitted` has to be empty, and so has `errors`."""

    pairs: int
    admitted: tuple[tuple[str, str], ...]
    errors: tuple[str, ...]


class Load:
    """A load that runs until it is stopped. Stopping it again gives the same counts."""

    def __init__(self, rest: Rest, identifier: str) -> None:
        self._rest = rest
        self.id = identifier

    def counts(self) -> LoadReport:
        """The counts up to now."""
        return read(_call(self._rest, "GET", f"/v1/loads/{self.id}"))

    def phase(self, name: str) -> None:
        """Begin a phase now: slots from now on count in it. A load begins in "warm-up"; 20 phases are the most.

        `name` is 1 to 40 of a to z and hyphens. Raises `Refused` for others, and once the load has ended.
        """
        _call(self._rest, "POST", f"/v1/loads/{self.id}/phases", {"name": name})

    def stop(self) -> LoadReport:
        """Stop the schedule, wait for what is in flight (its timeout bounds that), and return the final counts."""
        return read(_call(self._rest, "DELETE", f"/v1/loads/{self.id}"))


class Prober:
    """The prober behind `url`, vouched for by `ca_path`; `token` is the one that it was given.

    Raises `Transient` while it does not answer, `NotFound` for an estate, service or load that it does not know,
    `PovError` for everything else. Nothing is sent twice by itself.
    """

    def __init__(self, url: str, ca_path: Path, token: Secret) -> None:
        self._rest = Rest("the prober", url, ca_path, Authorization("Bearer", token), timeout_s=_CALL_S)

    def close(self) -> None:
        """Close kept connections."""
        self._rest.close()

    def verify(self, estate: str) -> list[EdgeAnswer]:
        """Have each edge called once: source, target and prober all on new connections."""
        answer = _call(self._rest, "GET", "/v1/verify", query={"estate": estate})
        return [
            EdgeAnswer(row["source"], row["target"], row["ok"], row["error"], row["version"], row["serial"])
            for row in answer["edges"]
        ]

    def identify(self, estate: str, services: Sequence[str] = (), *, unlisted: bool = False) -> list[Identity]:
        """One row for each replica of `services` (all without any), asked on a new connection.

        Replicas that are missing show as a row with an `error`. A service that was not there when the prober was set up
        raises `NotFound`, unless it is `unlisted`: then it is looked for by its name.
        """
        query = {"estate": estate, **({"services": ",".join(services)} if services else {})}
        if unlisted:
            query["unlisted"] = "1"
        answer = _call(self._rest, "GET", "/v1/identify", query=query)
        return [
            Identity(
                row["service"],
                row["address"],
                row["version"],
                row["serial"],
                row["notAfter"] or "",
                row["error"],
                row["credential"],
            )
            for row in answer["services"]
        ]

    def refusals(self, estate: str) -> Refusals:
        """Have each service call every other one that it may not call, once."""
        answer = _call(self._rest, "GET", "/v1/refusals", query={"estate": estate})
        return Refusals(answer["pairs"], tuple((a, b) for a, b in answer["admitted"]), tuple(answer["errors"]))

    def start_load(
        self,
        estates: Sequence[str],
        *,
        interval_ms: int,
        new_connection_interval_ms: int,
        timeout_ms: int,
        edges: Sequence[tuple[str, str, str]] | None = None,
    ) -> Load:
        """Start calling every edge of `estates` by the clock: on kept connections, and on new ones, each its interval.

        An interval of 0 leaves that schedule out. `edges` (estate, source, target) restrict the load to those; one that
        is not there raises `NotFound`. The load ends by itself after four hours.
        """
        body: dict[str, Any] = {
            "estates": list(estates),
            "intervalMs": interval_ms,
            "newConnectionIntervalMs": new_connection_interval_ms,
            "timeoutMs": timeout_ms,
        }
        if edges is not None:
            body["edges"] = [list(edge) for edge in edges]
        return Load(self._rest, _call(self._rest, "POST", "/v1/loads", body)["id"])

    def stop_loads(self) -> int:
        """Stop every load that still runs: what a caller that was killed has left behind. Returns how many."""
        return int(_call(self._rest, "DELETE", "/v1/loads")["stopped"])


def _call(rest: Rest, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None) -> Any:
    try:
        return rest.call(method, path, body, query)
    except Refused as error:
        if error.status == 404:
            raise NotFound(f"the prober has {error.cause}", fix="pov up") from error
        if error.status == 401:
            raise PovError("the prober does not know our token", cause=error.cause, fix="pov up") from error
        raise

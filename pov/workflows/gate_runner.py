"""What watches the deal's repository from inside the cluster: a Job for each pull request that nobody judged as it is.

The repository is the truth. A verdict is a commit status of the gate's own, which names the commit of the branch that
was judged against; whatever else is there (none, another one's, an older one) is judged anew. Killed anywhere and
started again, it goes on: a Job that runs is waited for, one that is done is told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.errors import NotFound, PovError, Transient
from pov.base.files import write_atomic
from pov.engines.gitea_pulls import ERROR, FAILURE, PENDING, SUCCESS, Asked, Status
from pov.engines.kube import Kube
from pov.scoping.gate_comment import (
    FAILED,
    MARK,
    PASSED,
    against,
    comment,
    description,
    holds_until,
    judged_again,
)
from pov.steps.gate.job import manifest, name_of
from pov.steps.gate.names import CONTEXT, MAIN, NAMESPACE, REPOSITORY

INTERVAL_S = 1.0
_STATES = {PASSED: SUCCESS, FAILED: ERROR}
_WAITS = "is judged"


class Server(Protocol):
    """What is asked of Gitea: see `Pulls`."""

    user: str

    def open_into(self, repository: str, branch: str) -> tuple[Asked, ...]: ...  # noqa: D102
    def status(self, repository: str, commit: str, context: str) -> Status | None: ...  # noqa: D102
    def set_status(self, repository: str, commit: str, context: str, state: str, description: str) -> None: ...  # noqa: D102
    def comment(self, repository: str, number: int, mark: str, text: str) -> None: ...  # noqa: D102


class Jobs(Protocol):
    """The Jobs that judge."""

    def verdict(self, asked: Asked, again: str) -> Mapping[str, Any] | None:
        """The document of the one that is done; None while it runs. Raises `NotFound` where there is none.

        `again` is empty for the first one of a state.
        """
        ...

    def start(self, asked: Asked, again: str) -> None:
        """Make it, unless there is one."""
        ...


def look(server: Server, jobs: Jobs, now: datetime) -> None:
    """One look at every open pull request: start what nobody judges, tell what is judged.

    What passed by an approval is judged again when that runs out. One that cannot be looked at keeps no other from it:
    raises the first error, as `Gitea` and `Kube` do, once all were.
    """
    failures = []
    for asked in server.open_into(REPOSITORY, MAIN):
        try:
            _look_at(server, jobs, asked, now)
        except PovError as error:
            failures.append(error)
    if failures:
        raise failures[0]


def _look_at(server: Server, jobs: Jobs, asked: Asked, now: datetime) -> None:
    held = server.status(REPOSITORY, asked.head, CONTEXT)
    own = held if held is not None and held.by == server.user and _is_about(held, asked) else None
    until = holds_until(own.description) if own is not None else None
    over = own is not None and own.state == SUCCESS and until is not None and until <= now
    if own is not None and own.state in {SUCCESS, FAILURE} and not over:
        return
    again = f"{until:%Y%m%d%H%M%S}" if until is not None else ""
    try:
        document = jobs.verdict(asked, again)
    except NotFound:
        waits = judged_again(until, asked.base) if until is not None else f"{_WAITS}, {against(asked.base)}"
        server.set_status(REPOSITORY, asked.head, CONTEXT, PENDING, waits)
        jobs.start(asked, again)
        return
    if document is not None and (own is None or own.state == PENDING or over):
        _tell(server, asked, document)


def _is_about(held: Status, asked: Asked) -> bool:
    return held.description.endswith(against(asked.base))


def _tell(server: Server, asked: Asked, document: Mapping[str, Any]) -> None:
    """First the comment, then the status: cut off in between, both are told again."""
    server.comment(REPOSITORY, asked.number, MARK, comment(document, asked.head, asked.base))
    state = _STATES.get(str(document.get("outcome")), FAILURE)
    server.set_status(REPOSITORY, asked.head, CONTEXT, state, description(document, asked.base))


@dataclass(frozen=True)
class KubeJobs:
    """Jobs of the cluster, from the image and for the environment that the runner was told."""

    kube: Kube
    image: str
    environment: str

    def verdict(self, asked: Asked, again: str) -> Mapping[str, Any] | None:
        """See `Jobs`. A Job that failed is a gate that failed, with what its containers said last."""
        name = name_of(asked.number, asked.head, asked.base, again)
        found = self.kube.get("batch/v1/Job", name, NAMESPACE)
        if found is None:
            raise NotFound(f"no Job {name}")
        ended = {one["type"]: one for one in found.get("status", {}).get("conditions") or () if one["status"] == "True"}
        if "Complete" not in ended and "Failed" not in ended:
            return None
        said = self._said(name, "judge")
        try:
            document = json.loads(said.strip().splitlines()[-1])
        except (ValueError, IndexError):
            why = (ended.get("Failed") or {}).get("message") or "it said nothing that can be read"
            lines = [
                f"the Job {name} failed: {why}",
                *self._ended(name),
                *said.splitlines()[-5:],
                *self._said(name, "fetch").splitlines()[-5:],
            ]
            return {"outcome": FAILED, "lines": lines}
        return document if isinstance(document, dict) else {"outcome": FAILED, "lines": [f"{name} said no document"]}

    def _pods(self, job: str) -> list[dict[str, Any]]:
        return self.kube.list("v1/Pod", NAMESPACE, labels=f"batch.kubernetes.io/job-name={job}")

    def _ended(self, job: str) -> list[str]:
        """Why the Job's pod was ended, where it was: too late, or with more files than it may have."""
        return [said for pod in self._pods(job) if (said := (pod.get("status") or {}).get("message"))]

    def _said(self, job: str, container: str) -> str:
        """What a container of the Job's pod printed; empty where there is none (any more).

        Raises `Transient` where the cluster cannot tell now: that is no verdict, and the next look asks again.
        """
        for pod in self._pods(job):
            try:
                return self.kube.logs(pod["metadata"]["name"], NAMESPACE, container=container, tail=50)
            except Transient:
                raise
            except PovError:
                continue  # it never started
        return ""

    def start(self, asked: Asked, again: str) -> None:
        """See `Jobs`."""
        told = {"image": self.image, "environment": self.environment, "again": again}
        self.kube.create(manifest(asked.number, asked.head, asked.base, **told))


def watch(
    server: Server, jobs: Jobs, looked: Path, tell: Callable[[str], None], *,
    clock: Clock = SYSTEM_CLOCK, goes_on: Callable[[], bool] = lambda: True,
) -> None:  # fmt: skip
    """Look every second as long as `goes_on`. `looked` is a file that is there while the last look went well.

    Servers that do not answer are asked again at the next look, and told once.
    """
    told = ""
    while goes_on():
        try:
            look(server, jobs, clock.wall())
            if not looked.exists():
                write_atomic(looked, "")
            said = ""
        except PovError as error:
            looked.unlink(missing_ok=True)
            said = f"{error.message}: {error.cause}"
        if said and said != told:
            tell(said)
        told = said
        clock.sleep(INTERVAL_S)

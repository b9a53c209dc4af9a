"""The gate's Jobs in a cluster: which there are, what one of them said, and another one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pov.base.errors import NotFound, PovError, Transient
from pov.engines.gitea_pulls import Asked
from pov.engines.kube import Kube
from pov.scoping.gate_comment import FAILED, PASSED, REFUSED, SO_FAR, UNREADABLE
from pov.steps.gate.job import PULL, manifest, mark_of, name_of
from pov.steps.gate.names import COPY_LABEL, JOB, NAMESPACE
from pov.workflows.gate_runner import Turn

_KIND = "batch/v1/Job"


@dataclass
class KubeJobs:
    """Jobs of the cluster, from the image and for the environment that the runner was told.

    They plan against the copy of Terraform's state that there was when their turns were asked for last.
    """

    kube: Kube
    image: str
    environment: str
    _state: str = ""

    @property
    def judge(self) -> str:
        """See `Jobs`. Against another state all is judged anew, too."""
        return mark_of(self.image) + (f"/{self._state}" if self._state else "")

    def turns(self) -> tuple[Turn, ...]:
        """See `Jobs`. Also those of other images."""
        self._state = self._serial()
        return tuple(map(_turn, self.kube.list(_KIND, NAMESPACE, labels=f"app={JOB}")))

    def _serial(self) -> str:
        """Of the newest copy; empty where none is shown. While one takes the place of another there are two."""
        copies = self.kube.list("v1/ConfigMap", NAMESPACE, labels=COPY_LABEL)
        return str(max((int(one["metadata"]["labels"][COPY_LABEL]) for one in copies), default=""))

    def verdict(self, asked: Asked, again: str) -> Mapping[str, Any] | None:
        """See `Jobs`. A Job that failed is a gate that failed, with what its containers said last.

        Nothing is believed of one that runs, or failed, but what stops a merge: what passed has passed once the Job has
        ended well.
        """
        name = name_of(asked.number, asked.head, asked.base, self.image, again, state=self._state)
        found = self.kube.get(_KIND, name, NAMESPACE)
        if found is None:
            raise NotFound(f"no Job {name}")
        ended = _ended(found)
        if not ended:
            return _refusal(self._heard(name))
        said = self._said(name, "judge").strip().splitlines()
        document = _document(said[-1]) if said else {}
        if document and not document.get(SO_FAR) and (document.get("outcome") != PASSED or "Complete" in ended):
            return document
        why = (ended.get("Failed") or {}).get("message") or "it said nothing that can be read"
        lines = [
            f"the Job {name} failed: {why}",
            *self._told_by_pods(name),
            *(line for line in said[-5:] if not _document(line)),
            *self._said(name, "fetch").splitlines()[-5:],
        ]
        return {"outcome": FAILED, **(_refusal(said) or {}), SO_FAR: False, "lines": lines}

    def _pods(self, job: str) -> list[dict[str, Any]]:
        return self.kube.list("v1/Pod", NAMESPACE, labels=f"batch.kubernetes.io/job-name={job}")

    def _told_by_pods(self, job: str) -> list[str]:
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

    def _heard(self, job: str) -> list[str]:
        """What its judge has said by now; nothing where that cannot be told: the next look asks again."""
        try:
            return self._said(job, "judge").splitlines()
        except PovError:
            return []

    def start(self, asked: Asked, again: str) -> None:
        """See `Jobs`."""
        told = {"image": self.image, "environment": self.environment, "again": again, "state": self._state}
        self.kube.create(manifest(asked.number, asked.head, asked.base, **told))


def _ended(job: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The conditions by which a Job has ended; nothing while it has not."""
    held = (job.get("status") or {}).get("conditions") or ()
    return {one["type"]: one for one in held if one["status"] == "True" and one["type"] in {"Complete", "Failed"}}


def _document(line: str) -> dict[str, Any]:
    """What a line tells; nothing where it is no document."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _refusal(said: Sequence[str]) -> dict[str, Any] | None:
    """The last document among what was said that stops a merge."""
    documents = map(_document, reversed(said))
    return next((one for one in documents if one.get("outcome") in {REFUSED, UNREADABLE}), None)


def _turn(job: Mapping[str, Any]) -> Turn:
    metadata = job["metadata"]
    since = datetime.fromisoformat(metadata["creationTimestamp"])
    return Turn(int(metadata["labels"][PULL]), since, unfinished=not _ended(job))

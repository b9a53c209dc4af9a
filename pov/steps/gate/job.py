"""The Job that judges one pull request: a pure function from what is asked to its manifest.

Two containers. The first has a token that reads the repository, and fetches; the second has no credentials at all,
starts beside it, waits for what is fetched, and judges. The pod's account has no rights, and its token is not mounted.
"""

from __future__ import annotations

import hashlib
from typing import Any

from pov.steps.confined import confined
from pov.steps.gate.names import CHANGE, COPY, COPY_FOLDER, JOB, LOGIN, NAMESPACE

LIMIT_S = 300
"""After that the pod is ended, and the status says so."""
WAITS_S = 900
"""How long a Job may take to start and to judge: on a node without room it ends then, and makes way for another."""
AT_ONCE = 3
"""Jobs at a time; the quota of the namespace has room for their pods and for the one that watches."""
KEPT_S = 900
"""How long a Job that is done can still be looked at; one that failed is tried again after that."""

PULL = "pov.dev/pull"
"""The label that tells a Job's pull request."""

_CHANGE_SIZE = "64Mi"
_TMP_SIZE = "512Mi"
_LABELS = {"app": JOB}
_NOBODY = 65534
_MARK = 10


def mark_of(image: str) -> str:
    """What judges, in short: the name of the image ends with a digest of all that is in it."""
    return image.rpartition(":")[2][:_MARK]


def name_of(number: int, head: str, base: str, image: str, again: str = "", *, state: str = "") -> str:
    """One Job for each state of a pull request, of the branch that it would go into, and of what judges it, on what.

    `again` tells the one that judges once more from the one that had judged before; `state` is the serial of
    Terraform's state that it plans against. The end of the name is over the
    whole of both commits: whoever asks can make two that begin with the same letters, one of them harmless.
    """
    whole = hashlib.sha256(f"{head} {base} {image} {again} {state}".encode()).hexdigest()
    return f"gate-{number}-{head[:7]}-{whole[:40]}"


def manifest(
    number: int, head: str, base: str, *, image: str, environment: str, again: str = "", state: str = ""
) -> dict[str, Any]:
    """The Job, ready to be made. `state` is the serial of the state that it plans against; empty for none."""
    fetch = _container("fetch", image, ["fetch", str(number), head, base], cpu="10m")
    fetch["volumeMounts"] += [
        {"name": "change", "mountPath": CHANGE},
        {"name": "login", "mountPath": LOGIN, "readOnly": True},
    ]
    judge = _container("judge", image, ["judge", environment], cpu="50m")
    judge["volumeMounts"].append({"name": "change", "mountPath": CHANGE, "readOnly": True})
    copies = [_copy(state)] if state else []
    if copies:
        judge["volumeMounts"].append({"name": COPY, "mountPath": COPY_FOLDER, "readOnly": True})
    pod = {
        "serviceAccountName": JOB,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        # From its start on: what waits for room on the node is not late.
        "activeDeadlineSeconds": LIMIT_S,
        "securityContext": {
            "runAsNonRoot": True, "runAsUser": _NOBODY, "runAsGroup": _NOBODY, "fsGroup": _NOBODY,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        # Side by side: the second is ready by the time that the first is done.
        "containers": [fetch, judge],
        "volumes": [
            {"name": "change", "emptyDir": {"sizeLimit": _CHANGE_SIZE}},
            {"name": "fetch-tmp", "emptyDir": {"sizeLimit": _TMP_SIZE}},
            {"name": "judge-tmp", "emptyDir": {"sizeLimit": _TMP_SIZE}},
            {"name": "login", "secret": {"secretName": JOB, "defaultMode": 0o440}},
            *copies,
        ],
    }  # fmt: skip
    labels = {**_LABELS, PULL: str(number)}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name_of(number, head, base, image, again, state=state),
            "namespace": NAMESPACE,
            "labels": labels,
        },
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": WAITS_S,
            "ttlSecondsAfterFinished": KEPT_S,
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def _copy(state: str) -> dict[str, Any]:
    """The copy of the state. One that is gone meanwhile is none: what is judged then is judged again."""
    return {"name": COPY, "configMap": {"name": f"{COPY}-{state}", "optional": True}}


def _container(name: str, image: str, arguments: list[str], *, cpu: str) -> dict[str, Any]:
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": arguments,
        "resources": {"requests": {"cpu": cpu, "memory": "128Mi"}, "limits": {"memory": "768Mi"}},
        "securityContext": confined(),
        "volumeMounts": [{"name": f"{name}-tmp", "mountPath": "/tmp"}],  # noqa: S108 - the container's own
    }

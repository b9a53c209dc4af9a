"""What is kept when something failed: events, logs and versions, with every secret of the environment removed."""

from __future__ import annotations

from pathlib import Path

from pov.base.clock import SYSTEM_CLOCK
from pov.base.errors import PovError
from pov.base.files import write_atomic
from pov.base.redact import redact
from pov.steps.context import Context

_TAIL = 200


def collect(ctx: Context, error: PovError) -> Path:
    """Write a folder of plain text files and return it. Never raises: the first error is the one that matters."""
    folder = ctx.home.diagnostics_dir / SYSTEM_CLOCK.wall().strftime("%Y%m%d-%H%M%S")
    texts = {"error.txt": "\n".join([error.message, error.cause, *error.details])}
    try:
        texts.update(_from_cluster(ctx))
    except PovError as failure:
        texts["cluster.txt"] = f"the cluster did not answer: {failure}"
    secrets = ctx.home.all_secrets()
    for name, text in texts.items():
        try:
            write_atomic(folder / name, redact(text, secrets) + "\n", mode=0o600)
        except OSError:
            break
    return folder


def _from_cluster(ctx: Context) -> dict[str, str]:
    kube = ctx.kube
    texts = {"version.txt": str(kube.version())}
    events = [
        f"{event.get('lastTimestamp')} {event['metadata']['namespace']} {event.get('reason')}: {event.get('message')}"
        for event in kube.list("Event")
    ]
    texts["events.txt"] = "\n".join(sorted(events))
    lines = []
    for pod in kube.list("Pod"):
        meta, status = pod["metadata"], pod.get("status", {})
        statuses = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
        waiting = [s["state"]["waiting"].get("reason", "") for s in statuses if "waiting" in s.get("state", {})]
        lines.append(f"{meta['namespace']}/{meta['name']} {status.get('phase')} {' '.join(waiting)}")
        troubled = [s["name"] for s in statuses if not s.get("ready") and "terminated" not in s.get("state", {})]
        for container in troubled[:2]:
            try:
                log = kube.logs(meta["name"], meta["namespace"], container=container, tail=_TAIL)
            except PovError as failure:
                log = str(failure)
            texts[f"log-{meta['namespace']}-{meta['name']}-{container}.txt"] = log
    texts["pods.txt"] = "\n".join(lines)
    return texts

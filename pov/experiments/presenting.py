"""Credentials that are presented, as whoever holds one does: the old one, until it is refused, and the new one.

Each replica is asked over mutual TLS by a program beside it, with the service's own certificate. Credentials go there
through standard input: they are in no argument and no variable, and no answer holds one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pov.base.errors import PovError
from pov.base.redact import Secret
from pov.config.legacy import identity
from pov.experiments.toolbox import Toolbox
from pov.experiments.workloads import POD, is_going

SERVED, REFUSED = "200", "401"
_PROGRAM = "pov-mock"
_USER = ":65532:65532"

Present = Callable[[str, Sequence[Secret]], list[list[str]]]
"""Presents credentials to every replica of a service, one after the other; returns the answers' status by replica."""


def in_pods(box: Toolbox, namespace: str) -> Present:
    """To the pods of a stage."""

    def present(service: str, values: Sequence[Secret]) -> list[list[str]]:
        held = box.cluster.list(POD, namespace, labels=f"app={service}")
        argv = (f"/{_PROGRAM}", "present", "--peer", identity(namespace, service))
        pods = [pod["metadata"]["name"] for pod in held if not is_going(pod)]
        return [_asked(box, pod, namespace, argv, values) for pod in pods]

    return present


def on_hosts(box: Toolbox) -> Present:
    """To the services on the legacy hosts, as their user: nobody else may read a certificate's key there."""
    namespace = box.legacy.namespace

    def present(service: str, values: Sequence[Secret]) -> list[list[str]]:
        found = []
        for host in box.hosts.all:
            for placed in (one for one in host.services if one.service == service):
                argv = (
                    "chpst", "-u", _USER, _PROGRAM, "present", "--certs", f"/etc/pov/certs/{service}",
                    "--port", str(placed.port), "--peer", identity(namespace, service),
                )  # fmt: skip
                found.append(_asked(box, host.pod, namespace, argv, values))
        return found

    return present


def _asked(box: Toolbox, pod: str, namespace: str, argv: Sequence[str], values: Sequence[Secret]) -> list[str]:
    stdin = "".join(f"{value.reveal()}\n" for value in values).encode()
    answers = box.cluster.exec(pod, namespace, argv, stdin=stdin).split()
    if len(answers) != len(values):
        raise PovError(f"{pod} gave {len(answers)} answers to {len(values)} credentials")
    return answers


def served(present: Present, credentials: Mapping[str, Secret]) -> dict[str, list[str]]:
    """Present the ones in force. Raises `PovError` where one is not served: that it is refused later told nothing."""
    found = {name: [answer for (answer,) in present(name, [value])] for name, value in credentials.items()}
    for name, answers in found.items():
        if not answers or set(answers) != {SERVED}:
            told = ", ".join(answers) or "no replica"
            raise PovError(f"{name} does not serve whoever presents its credential", cause=told, fix="pov up")
    return found


def replaced(present: Present, old: Mapping[str, Secret], new: Mapping[str, Secret]) -> dict[str, Any]:
    """Present the old one and the new one to every replica. Raises `PovError` for an answer that should not be."""
    told: dict[str, Any] = {}
    for name in old:
        answers = present(name, [old[name], new[name]])
        told[name] = {"old": [one for one, _ in answers], "new": [one for _, one in answers]}
        if not answers or set(told[name]["old"]) != {REFUSED}:
            raise PovError(f"{name} does not refuse its old credential", cause=", ".join(told[name]["old"]))
        if set(told[name]["new"]) != {SERVED}:
            raise PovError(f"{name} does not serve its new credential", cause=", ".join(told[name]["new"]))
    return told

"""Argo CD's application controller, killed and there again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pov.steps.argocd import worker
from tests.fakes.kube import FakeKube

POD: dict[str, Any] = {
    "kind": "Pod",
    "metadata": {"name": "argocd-application-controller-0", "namespace": "argocd", "uid": "1"},
    "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
}


def test_it_is_killed_and_lacking_until_the_next_one_is_ready() -> None:
    kube = FakeKube()
    ctx: Any = SimpleNamespace(kube=kube)
    kube.put(POD)
    assert worker.lacking(ctx) == ""
    worker.kill(ctx)
    assert kube.deleted == [("Pod", "argocd", "argocd-application-controller-0")]
    assert worker.lacking(ctx) == "argocd-application-controller-0 has not started anew"
    kube.put({**POD, "status": {"phase": "Pending"}})
    assert worker.lacking(ctx) == "argocd-application-controller-0: pending"
    kube.put(POD)
    assert worker.lacking(ctx) == ""

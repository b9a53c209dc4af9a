"""The services of every stage: Argo CD has synced them at the commit that was pushed, and they are healthy."""

from __future__ import annotations

from pov.base.wait import Pending, wait_for
from pov.engines.argocd import ArgoCD
from pov.steps.argocd.watched import connect, stages
from pov.steps.context import Context
from pov.steps.core import Outcome, Report, Step
from pov.steps.git.repository import branch_of, heads
from pov.steps.patience import bearing

_LIMIT_S = 420.0
_FOUND_LIMIT_S = 60.0


def step() -> Step:
    """They sync as soon as Argo CD knows them, and start as soon as Vault gives certificates."""
    return Step("services", "Services in every stage", _run, ("argocd", "vault"), expected_s=32)


def _run(ctx: Context, report: Report) -> Outcome:
    revisions = bearing("the stages' commits", lambda: wanted(ctx), report)
    argo = connect(ctx)
    if not bearing("Argo CD to answer", lambda: argo.lacking(revisions), report):
        return Outcome.UNCHANGED
    bearing("the applications", lambda: _wake(argo, revisions, report), report)
    argo.wait(revisions, timeout_s=_LIMIT_S, on_pending=report.waits)
    return Outcome.CHANGED


def wanted(ctx: Context) -> dict[str, str]:
    """The commit that each stage's branch stands on now."""
    found = heads(ctx)
    return {name: found[branch_of(name)] for name in stages(ctx) if branch_of(name) in found}


def _wake(argo: ArgoCD, revisions: dict[str, str], report: Report) -> None:
    """Have applications look at Git that have not seen the last commit: its webhook may have gone by unheard."""

    def found() -> dict[str, str] | Pending:
        seen = {app.name: app.revision for app in argo.applications()}
        absent = [name for name in revisions if name not in seen]
        return Pending(f"no application yet for {', '.join(absent)}") if absent else seen

    seen = wait_for(
        "the applications", found, timeout_s=_FOUND_LIMIT_S, interval_s=0.5, on_pending=report.waits, fix="pov status"
    )
    for name, commit in revisions.items():
        # A new application compares by itself; asking again would only make it do so twice.
        if seen[name] and seen[name] != commit:
            argo.refresh(name)

"""Controls of change: who approves it, that nobody approves their own, that what runs is what was approved."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pov.engines.argocd import held_app
from pov.engines.branches import Protection
from pov.state.terraform_log import APPLIED, BEGINNING, last_known
from pov.steps.git.repository import FULL_NAME, PROD, branch_of
from pov.workflows.controls.control import (
    NOT_APPLICABLE,
    NOT_SHOWN,
    PCI,
    SOC2,
    Control,
    Finding,
    judged,
)
from pov.workflows.controls.live import ADMINISTRATORS, SOMEBODY, Infrastructure, Live

_NEWEST = 50
"""Of how many merged pull requests the Git server tells at once."""
_FRESH_S = 900.0
"""A comparison with Git that is older than this shows nothing of now; Argo CD's own interval is 3 minutes."""
_NO_PROD = Finding(NOT_APPLICABLE, "The scenario has no prod stage.")
_NO_CHANGE = "No change has come to prod since its branch was set up: there is no approval to look at."


def approved(live: Live) -> Finding:
    """PCI DSS 6.5.1: prod's branch takes approved pull requests alone, and has taken nothing else."""
    if live.prod is None:
        return _NO_PROD
    gitea = live.gitea()
    rule = gitea.protection(FULL_NAME, PROD)
    faults = _open_ways(rule)
    merged = gitea.merged(FULL_NAME)
    changes = _changes(live)
    told: list[dict[str, Any]] = []
    for commit in changes:
        pull = merged.get(commit)
        if pull is None and len(merged) >= _NEWEST:
            return Finding(NOT_SHOWN, f"The Git server tells no more than {_NEWEST} reviews: {commit[:10]} is older.")
        approvers = gitea.approvers(FULL_NAME, pull.number) if pull else ()
        told.append({"commit": commit, "pull_request": pull.number if pull else None, "approved_by": list(approvers)})
        if not approvers:
            faults.append(f"commit {commit[:10]} came to prod without an approval")
    evidence = {"branch": PROD, "protection": None if rule is None else rule.as_json(), "changes": told}
    if not faults and not changes:
        return Finding(NOT_SHOWN, _NO_CHANGE, evidence)
    return judged(faults, f"{_count(changes)} to prod, each by a pull request that somebody approved", evidence)


def _open_ways(rule: Protection | None) -> list[str]:
    if rule is None:
        return ["the branch of prod is not protected"]
    ways = {
        f"{', '.join(rule.pushers) or 'nobody'} may push to prod without a review": bool(rule.pushers),
        "a push may be forced on prod": rule.force_push,
        "no approval is needed for prod": rule.approvals < 1,
        "an approval of prod stays after the change was changed": not rule.dismisses_stale,
        "an administrator may merge into prod without an approval": not rule.holds_administrators,
    }
    return [told for told, is_open in ways.items() if is_open]


def _changes(live: Live) -> list[str]:
    """The newest commits that prod's branch stood on, without the one that it was set up with."""
    return [commit.id for commit in live.prod_log()[1:]][-_NEWEST:]


def _count(changes: list[str]) -> str:
    newest = "the newest " if len(changes) == _NEWEST else ""
    return f"{newest}{len(changes)} change{'' if len(changes) == 1 else 's'}"


def separate_roles(live: Live) -> Finding:
    """PCI DSS 6.5.4: who brings a change to prod is not who approves it."""
    if live.prod is None:
        return _NO_PROD
    gitea = live.gitea()
    rule = gitea.protection(FULL_NAME, PROD)
    faults = [] if rule is not None and rule.approvers else ["whoever may write approves changes of prod"]
    merged, changes = gitea.merged(FULL_NAME), _changes(live)
    told: list[dict[str, Any]] = []
    for commit in changes:
        pull = merged.get(commit)
        if pull is None and len(merged) >= _NEWEST:
            return Finding(NOT_SHOWN, f"The Git server tells no more than {_NEWEST} reviews: {commit[:10]} is older.")
        if pull is None:
            faults.append(f"nobody is known to have asked for {commit[:10]}")
            continue
        others = [name for name in gitea.approvers(FULL_NAME, pull.number) if name != pull.author]
        told.append({"commit": commit, "asked_by": pull.author, "approved_by": others})
        if not others:
            faults.append(f"nobody but {pull.author} approved {commit[:10]}")
    evidence = {"approvers": list(rule.approvers) if rule else [], "changes": told}
    if not faults and not changes:
        return Finding(NOT_SHOWN, _NO_CHANGE, evidence)
    return judged(faults, f"{_count(changes)} to prod, each approved by somebody else than who asked for it", evidence)


def from_git(live: Live) -> Finding:
    """SOC 2 CC8.1: what runs in prod is what prod's branch says, a change by hand is refused, and each change of
    infrastructure is in the log of Terraform runs.
    """
    if live.prod is None:
        return _NO_PROD
    app = held_app(live.kube, PROD)
    head = live.heads().get(branch_of(PROD), "")
    allowed, said = live.tried("ConfigMap", live.prod.namespace, SOMEBODY, ADMINISTRATORS)
    faults = []
    if app.sync != "Synced":
        faults.append(f"Argo CD says that prod is {app.sync}")
    if app.revision != head:
        faults.append(f"prod runs {app.revision[:10] or 'no commit'}, and its branch stands on {head[:10] or 'none'}")
    if allowed:
        faults.append("an administrator's change of prod by hand was let through")
    infrastructure = live.terraform()
    faults += _beside_the_log(infrastructure)
    evidence = {
        "terraform": _logged(infrastructure),
        "application": {"sync": app.sync, "health": app.health, "revision": app.revision},
        "branch_head": head,
        "change_by_hand": {"allowed": allowed, "said": said},
        "syncs_begun": dict(app.begun),
    }
    if not faults and "come from Git" not in said:
        why = f"A change by hand was refused, but not because it did not come from Git: {said}"
        return Finding(NOT_SHOWN, why, evidence)
    if not faults and not infrastructure.log.entries:
        return Finding(
            NOT_SHOWN, "No run of Terraform is in the log: who changed infrastructure is not known", evidence
        )
    applied = sum(entry.result == APPLIED for entry in infrastructure.log.entries)
    runs = f"{applied} change{'' if applied == 1 else 's'} of infrastructure, each in the log"
    met = f"prod runs commit {head[:10]} of its branch; an administrator's change was refused; {runs}"
    return judged(faults, met, evidence)


def _beside_the_log(found: Infrastructure) -> list[str]:
    """What tells that the log was changed, or that somebody wrote Terraform's state beside it."""
    log, state = found.log, found.state
    faults = [f"the log of Terraform runs: {problem}" for problem in log.problems]
    if found.head and found.head not in {BEGINNING, *(entry.digest for entry in log.entries)}:
        faults.append("the log of Terraform runs has lost what it held at the last bring-up")
    known = last_known(log.entries)
    if log.entries and (known.get("lineage"), known.get("serial")) != (state.lineage, state.serial):
        told = f"serial {known.get('serial', 'none')} at the last run in the log, {state.serial} now"
        faults.append(f"Terraform's state was written beside the log: {told}")
    return faults


def _logged(found: Infrastructure) -> dict[str, Any]:
    newest = [entry.as_json() for entry in found.log.entries[-_NEWEST:]]
    return {
        "log_head": found.log.head,
        "runs": newest,
        "cut_off": len(found.log.cut_off),
        "state": found.state.as_json(),
    }


def repaired(live: Live) -> Finding:
    """SOC 2 CC7.1, its first part: what is changed beside Git is looked for, and set to be taken back."""
    faults, stale, told = [], [], {}
    for stage in live.stages:
        app = live.app(stage.name)
        if app is None:
            faults.append(f"nothing watches {stage.name}")
            continue
        told[stage.name] = {"automated": dict(app.automated), "compared": app.compared, "sync": app.sync}
        if not app.repairs:
            faults.append(f"a change of {stage.name} by hand is not taken back")
        if not app.prunes:
            faults.append(f"what Git no longer has stays in {stage.name}")
        if not _is_fresh(app.compared, live.now):
            stale.append(stage.name)
    evidence = {"applications": told}
    if not faults and stale:
        return Finding(NOT_SHOWN, f"{', '.join(stale)}: last compared with Git too long ago to show anything", evidence)
    met = (
        f"{len(told)} stages: compared with Git in the last {_FRESH_S / 60:.0f} minutes, set to take back what differs"
    )
    return judged(faults, met, evidence)


def _is_fresh(compared: str, now: datetime) -> bool:
    try:
        moment = datetime.fromisoformat(compared)
    except ValueError:
        return False
    return abs((now - moment.replace(tzinfo=moment.tzinfo or UTC)).total_seconds()) <= _FRESH_S


CONTROLS = (
    Control(
        PCI,
        "6.5.1",
        "Changes of production follow a procedure: described, and approved by somebody who may, before they go in.",
        "the protection of prod's branch in Git, and the review of each change that it took",
        "a description of the security impact, tests of each change, and a way back as part of the procedure",
        approved,
    ),
    Control(
        PCI,
        "6.5.4",
        "Roles are kept apart between production and what comes before it, so that only reviewed changes go in.",
        "who asked for each change of prod and who approved it, as the Git server keeps it",
        "whether two accounts are two people: the demonstration's are not",
        separate_roles,
    ),
    Control(
        SOC2,
        "CC8.1",
        "Changes of infrastructure, data and software are authorised, tested, approved and carried out as intended.",
        "what Argo CD runs in prod against its branch; a change by hand, tried as a dry run; the log of Terraform runs",
        "who approved a change of infrastructure, unless its plan was (`pov infra apply`, `pov up --checked`); "
        "tests of the software",
        from_git,
    ),
    Control(
        SOC2,
        "CC7.1",
        "Changes of configuration that open a weakness are detected, and so is what newly turns out to be one.",
        "when each stage was last compared with Git, and that it is set to take back what differs",
        "the second half: known weaknesses of what runs are not looked for; whether anybody is told of a repair",
        repaired,
    ),
)

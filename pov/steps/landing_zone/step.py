"""The landing zone: Terraform makes the stages, behind a guardrail; then a probe proves that prod says no.

A second run compares what lies in the cluster with what the last one left there, and starts Terraform only when that,
the modules or the sizes differ.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pov.base.clock import SYSTEM_CLOCK
from pov.base.errors import PovError
from pov.base.files import write_atomic
from pov.base.paths import data
from pov.base.wait import Pending, wait_for
from pov.base.whoami import whoami
from pov.engines.history import last_commit
from pov.engines.kube import Kube
from pov.engines.terraform import Terraform, copy_modules, find_program, leftovers
from pov.engines.terraform_state import StateMark, mark_of
from pov.state.terraform_log import LogWriter, read_log
from pov.steps.context import Context
from pov.steps.core import Outcome, Report, Step
from pov.steps.gate.names import REPOSITORY
from pov.steps.landing_zone.asking import quotas, variables
from pov.steps.landing_zone.identity import NAMESPACE, SERVICE_ACCOUNT, STATE, manifests
from pov.steps.landing_zone.proof import prove

if TYPE_CHECKING:
    from pov.steps.landing_zone.applying import Applied, Asked

COMMAND = "pov up"
RECORD = "landing-zone"
"""What the last run left: digests of what it was told and made, the head of the log then, the merge it followed."""

_LEASE = "lock-tfstate-default-landing-zone"
_ORPHAN_LIMIT_S = 300.0
_TOKEN_TTL_S = 1800
KINDS = (
    "Namespace",
    "ResourceQuota",
    "LimitRange",
    "networking.k8s.io/v1/NetworkPolicy",
    "rbac.authorization.k8s.io/v1/Role",
    "rbac.authorization.k8s.io/v1/RoleBinding",
    "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy",
    "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding",
)


def step() -> Step:
    """Needs the cluster alone."""
    return Step("landing_zone", "Stages with guardrails (Terraform)", _run, ("cluster",), expected_s=9)


def _run(ctx: Context, report: Report) -> Outcome:
    kube = ctx.kube
    told = variables(ctx, ctx.approved)
    inputs = _inputs(ctx, told)
    changed = kube.apply(manifests(), set_name="landing-zone")
    record = kube.get("ConfigMap", RECORD, NAMESPACE)
    known = (record or {}).get("data") or {}
    _not_older(ctx, known)
    if not ctx.checked and known.get("inputs") == inputs and known.get("live") == _live(kube):
        return Outcome.CHANGED if changed else Outcome.UNCHANGED
    changed |= _terraform(ctx, told, report)
    settle(ctx, told, report)
    return Outcome.CHANGED if changed else Outcome.UNCHANGED


def _inputs(ctx: Context, told: Mapping[str, Any]) -> str:
    """By what it is known that nothing else is asked for than before.

    Of a deal that is followed its commit stands for its limits: an approval that runs out takes nothing away by
    itself. The next plan is made without it.
    """
    deal = ctx.deal
    asked = told if deal is None else {"stages": told["stages"], "deal": deal.origin.commit}
    return _digest(asked) + _digest_tree(data("terraform"))


def _not_older(ctx: Context, known: Mapping[str, str]) -> None:
    """Raises `PovError` where what lies beside the environment is older than the merge that it followed last.

    A newer one, of which the apply was cut off, has the log of before: that holds what the last run left.
    """
    last, own = known.get("deal", ""), ctx.deal.origin.merge if ctx.deal is not None else ""
    if last in {"", own}:
        return
    if own and known.get("log") in {entry.digest for entry in read_log(ctx.home.terraform_log).entries}:
        return
    told = f"it follows {own[:10] or 'no merge'} of {REPOSITORY}, and the cluster holds what {last[:10]} brought"
    fix = f"put the newer copy of {ctx.home.root} back, or pov infra apply: this would take away what was merged"
    raise PovError("what lies beside this environment is older than the environment", cause=told, fix=fix)


def settle(ctx: Context, told: Mapping[str, Any], report: Report) -> None:
    """After Terraform: wait until the policies of every stage are in force, and note what lies there now."""
    prove(ctx.kube, tuple(told["stages"]), report)
    head = read_log(ctx.home.terraform_log).head
    merge = ctx.deal.origin.merge if ctx.deal is not None else ""
    content = {"inputs": _inputs(ctx, told), "live": _live(ctx.kube), "log": head, "deal": merge}
    ctx.kube.apply([_record(content)], set_name="landing-zone-record")


def is_settled(ctx: Context) -> bool:
    """Whether Terraform was brought to its end for what is asked for now."""
    record = ctx.kube.get("ConfigMap", RECORD, NAMESPACE)
    return ((record or {}).get("data") or {}).get("inputs") == _inputs(ctx, variables(ctx, ctx.approved))


def _terraform(ctx: Context, told: Mapping[str, Any], report: Report) -> bool:
    # Read in only where something is to be done: a bring-up that changes nothing is not to wait for it.
    from pov.steps.landing_zone.applying import Asked  # noqa: PLC0415

    return run_terraform(ctx, Asked(told, COMMAND, _about(ctx), ctx.checked), report) is not None


def _about(ctx: Context) -> dict[str, Any]:
    """What a bring-up applies: of an environment that follows a deal, that one's commit, as when it was merged."""
    if ctx.deal is None:
        return configuration()
    origin = ctx.deal.origin
    told = {"of": REPOSITORY, "commit": origin.commit, "merge": origin.merge, "pull": origin.pull}
    return {**configuration(), **told}


def run_terraform(ctx: Context, asked: Asked, report: Report) -> Applied | None:
    """Plan, have it judged, apply; what was applied, or None. Whoever holds the environment's lock.

    Raises `CriterionNotMet` for a plan that is refused, `PovError` where Terraform fails.
    """
    from pov.steps.landing_zone.applying import Applying  # noqa: PLC0415
    from pov.steps.landing_zone.judging import judge  # noqa: PLC0415

    work = ctx.home.root / "terraform"
    root = copy_modules(data("terraform"), work / "modules") / "targets" / "local"
    if ctx.deal is not None:
        ctx.deal.furnish(root)
    terraform = Terraform(
        find_program(ctx.binaries),
        root,
        providers=ctx.binaries["terraform-providers"],
        work=work,
        env=access(ctx.kube, work),
    )

    def begin() -> None:
        report.say("terraform init")
        terraform.init()
        _release_stale_lock(ctx.kube, terraform, work, report)
        leftovers(work).end_providers()

    applying = Applying(
        terraform,
        lambda: state_of(ctx.kube),
        judge(quotas(ctx), work, ctx.emit, iops=ctx.approved_iops, needed=bool(asked.checked)),
        LogWriter(ctx.home.terraform_log),
        whoami(),
        report.say,
        report.note,
        begin,
    )
    return applying.run(asked)


def state_of(kube: Kube) -> StateMark:
    """Which state the cluster holds now."""
    return mark_of(kube.secret(STATE, NAMESPACE))


def configuration() -> dict[str, Any]:
    """What is applied: this version's modules by their digest, and the commit that they are of, in a checkout."""
    commit, edited = last_commit(data("terraform"))
    about = {"of": f"pov {version('pov')}", "modules": _digest_tree(data("terraform"))}
    return {**about, "commit": commit, **({"edited": True} if edited else {})}


def access(kube: Kube, work: Path, account: str = SERVICE_ACCOUNT) -> dict[str, str]:
    """By what Terraform reaches the cluster, as one of its accounts. Raises `NotFound` where that is not there."""
    token = kube.as_installer().create_token(account, NAMESPACE, audience="", ttl_s=_TOKEN_TTL_S)
    return {"KUBE_CONFIG_PATH": str(_write_address(kube, work / "kubeconfig")), "KUBE_TOKEN": token.reveal()}


def _write_address(kube: Kube, path: Path) -> Path:
    """A kubeconfig without credentials: Terraform's backend takes an address from nowhere else."""
    host, authority = kube.endpoint()
    ca = base64.b64encode(authority.encode()).decode()
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "pov",
        "clusters": [{"name": "pov", "cluster": {"server": host, "certificate-authority-data": ca}}],
        "users": [{"name": "from-environment", "user": {}}],
        "contexts": [{"name": "pov", "context": {"cluster": "pov", "user": "from-environment"}}],
    }
    write_atomic(path, json.dumps(document))
    return path


def _names(work: Path) -> set[str]:
    """Every name under which this environment's runs have locked the state, this one's included."""
    path = work / "names"
    known = set(path.read_text(errors="replace").splitlines()) if path.exists() else set()
    if whoami() not in known:
        known.add(whoami())
        write_atomic(path, "\n".join(sorted(known)))
    return known


def _age_s(created: str) -> float:
    """Seconds since a lock was taken; 0 where that cannot be told, or lies ahead."""
    try:
        taken = datetime.fromisoformat(re.sub(r"\.\d+", "", created))
    except ValueError:
        return 0.0
    return max(0.0, (SYSTEM_CLOCK.wall() - taken.replace(tzinfo=taken.tzinfo or UTC)).total_seconds())


def _lock_info(text: str) -> Mapping[str, Any]:
    """What Terraform wrote of a lock; nothing where somebody has mangled it."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _release_stale_lock(kube: Kube, terraform: Terraform, work: Path, report: Report) -> None:
    """A run of ours that was killed leaves the state locked, and its terraform perhaps at work for a moment more.

    We hold the environment, so a lock under any name that this environment's runs have had is stale once no such
    process is left: users and machines change their names. So is anybody's that is older than the credentials live.
    """
    names = _names(work)
    lease = kube.get("coordination.k8s.io/v1/Lease", _LEASE, NAMESPACE)
    lock_id = ((lease or {}).get("spec") or {}).get("holderIdentity")
    if not lock_id:
        return
    annotations = (lease or {})["metadata"].get("annotations") or {}
    info = _lock_info(annotations.get("app.terraform.io/lock-info") or "")
    who, age_s = str(info.get("Who") or ""), _age_s(str(info.get("Created") or ""))
    if who and who not in names:
        if age_s < _TOKEN_TTL_S:
            fix = f"wait for it, then pov up; {_TOKEN_TTL_S // 60} minutes after its start pov up takes the lock away"
            raise PovError(f"Terraform's state is locked by {who} for {age_s / 60:.0f} minutes", fix=fix)
        report.note(f"took away a lock of Terraform's state that {who} left behind {age_s / 60:.0f} minutes ago")
    report.say("waiting for the terraform of an interrupted run")
    wait_for(
        "an interrupted terraform to end",
        lambda: Pending("still at work") if leftovers(work).programs else True,
        timeout_s=_ORPHAN_LIMIT_S,
    )
    lease = kube.get("coordination.k8s.io/v1/Lease", _LEASE, NAMESPACE)
    if ((lease or {}).get("spec") or {}).get("holderIdentity") == lock_id:
        terraform.unlock(lock_id)


def _live(kube: Kube) -> str:
    """A digest of what the landing zone's objects say now, without what controllers write into them."""

    def listed(kind: str) -> list[dict[str, Any]]:
        return kube.list(kind, labels="app.kubernetes.io/part-of=landing-zone")

    with ThreadPoolExecutor(max_workers=len(KINDS)) as pool:
        found = [item for items in pool.map(listed, KINDS) for item in items]
    said = []
    for item in found:
        metadata = item["metadata"]
        kept = {key: metadata.get(key) for key in ("name", "namespace", "uid", "labels", "annotations")}
        content = {key: value for key, value in item.items() if key not in {"metadata", "status"}}
        said.append({**content, "metadata": kept})
    return _digest(sorted(said, key=lambda item: json.dumps(item, sort_keys=True)))


def _record(content: Mapping[str, str]) -> dict[str, Any]:
    metadata = {"name": RECORD, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(content)}


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


def _digest_tree(root: Path) -> str:
    files = sorted(path for path in root.rglob("*.tf"))
    return _digest([(str(path.relative_to(root)), path.read_text()) for path in files])

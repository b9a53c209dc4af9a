"""What a namespace with a quota has to be once it is there: as the cluster tells it, and as it treats pods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pov.base.errors import PovError
from pov.engines.kube_match import quantity
from pov.experiments.infra_by_hand import RESTRICTED, hard_of, trial_pod
from pov.experiments.toolbox import Toolbox

NAMESPACE = "v1/Namespace"
QUOTA, LIMITS, POLICY = "v1/ResourceQuota", "v1/LimitRange", "networking.k8s.io/v1/NetworkPolicy"
_BOTH_WAYS = {"Ingress", "Egress"}
_SOMEBODY = "pov-probe"
_GROUPS = ("system:masters", "system:authenticated")
_REFUSALS = ("exceeded quota", "by the guardrail")


def compare(box: Toolbox, name: str, asked: Mapping[str, float]) -> dict[str, str]:
    """Every figure of the quota that was asked for as the cluster tells it; asked once the clock has stopped.

    Raises `PovError` with all that is not as it was asked for: figures, labels of the namespace, limits, traffic.
    """
    told = in_force(box, name)
    wrong = [*_of_labels(box, name), *_of_quota(told, hard_of(asked)), *_of_guards(box, name)]
    if wrong:
        raise PovError(f"{name} is not as it was asked for: {'; '.join(wrong)}")
    return {key: told[key] for key in hard_of(asked)}


def in_force(box: Toolbox, name: str) -> dict[str, str]:
    """The figures that the namespace's quotas are in force with; of several for one resource the least."""
    found: dict[str, str] = {}
    for held in box.cluster.list(QUOTA, name):
        for key, figure in ((held.get("status") or {}).get("hard") or {}).items():
            if key not in found or _less(figure, found[key]):
                found[key] = str(figure)
    return found


def holds(box: Toolbox, name: str, asked: Mapping[str, float]) -> str:
    """Why the cluster refuses a pod that asks for more than the quota; one that asks for less it would take.

    Raises `PovError` where it is otherwise.
    """
    cores = float(asked["cpu"])
    allowed, said, _ = box.cluster.can_i_dry_run(trial_pod(name, cores / 4), as_user=_SOMEBODY, as_groups=_GROUPS)
    if not allowed:
        raise PovError(f"{name} refuses a pod that fits into its quota", cause=said)
    allowed, said, _ = box.cluster.can_i_dry_run(trial_pod(name, cores + 1), as_user=_SOMEBODY, as_groups=_GROUPS)
    if allowed:
        raise PovError(f"{name} takes a pod that is larger than its quota")
    if not any(words in said for words in _REFUSALS):
        raise PovError(f"{name} refuses a pod for another reason than its quota", cause=said)
    return next(words for words in _REFUSALS if words in said)


def _of_labels(box: Toolbox, name: str) -> Iterator[str]:
    labels = ((box.cluster.get(NAMESPACE, name) or {}).get("metadata") or {}).get("labels") or {}
    for key, wanted in RESTRICTED.items():
        if labels.get(key) != wanted:
            yield f"its label {key} is {labels.get(key) or 'missing'}, not {wanted}"


def _of_quota(told: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[str]:
    for key, figure in wanted.items():
        if key not in told:
            yield f"its quota bounds no {key}"
        elif quantity(told[key]) != quantity(figure):
            yield f"{key} is {told[key]}, not {figure}"


def _of_guards(box: Toolbox, name: str) -> Iterator[str]:
    if not box.cluster.list(LIMITS, name):
        yield "its containers have no limits"
    specs = [policy.get("spec") or {} for policy in box.cluster.list(POLICY, name)]
    if not any(not spec.get("podSelector") and _BOTH_WAYS.issubset(spec.get("policyTypes") or ()) for spec in specs):
        yield "no policy keeps traffic out of it"


def _less(figure: object, other: object) -> bool:
    one, two = quantity(figure), quantity(other)
    return one is not None and (two is None or one < two)

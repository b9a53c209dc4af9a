"""Controls of access: stages kept apart, accounts that may no more than they need, and what may not run at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pov.workflows.controls.control import NOT_APPLICABLE, NOT_SHOWN, PCI, SOC2, Control, Finding, judged
from pov.workflows.controls.live import PROD, Live

_RBAC = "rbac.authorization.k8s.io/v1"
_SYSTEM = ("kube-system", "local-path-storage")
"""Where Kubernetes' own parts run, whose rights are its own."""
_WRITES = frozenset({"*", "create", "update", "patch", "delete", "deletecollection"})
_HANDS_OUT = frozenset({"bind", "escalate", "impersonate"})
_CONTROLLER = "system:serviceaccount:kube-system:replicaset-controller"
_DEVELOPERS = "pov:developers"


def stages_apart(live: Live) -> Finding:
    """PCI DSS 6.5.3: nobody of a stage before production may write in production."""
    before = [stage for stage in live.stages if stage.name != PROD]
    if live.prod is None or not before:
        return Finding(NOT_APPLICABLE, "The scenario has no stage before prod, or no prod.")
    tries = {f"system:serviceaccount:{stage.namespace}:default": _of(stage.namespace) for stage in before}
    tries |= {
        f"system:serviceaccount:{stage.namespace}:{name}": _of(stage.namespace)
        for stage in before
        for name in stage.services[:1]
    }
    tries |= {"somebody of the developers": (_DEVELOPERS, "system:authenticated")}
    faults, told = [], {}
    for user, groups in tries.items():
        allowed, said = live.tried("ConfigMap", live.prod.namespace, user, groups)
        told[user] = {"allowed": allowed, "said": said}
        if allowed:
            faults.append(f"{user} may write in prod")
    branches = {stage.name: _followed(live, stage.name) for stage in live.stages}
    faults += [f"{stage.name} follows the branch of prod" for stage in before if branches[stage.name] == branches[PROD]]
    met = f"{len(tries)} accounts of {len(before)} stages before prod tried to write there and were refused"
    return judged(faults, met, {"tried": told, "branches": branches})


def _of(namespace: str) -> tuple[str, ...]:
    return "system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"


def _followed(live: Live, stage: str) -> str:
    app = live.app(stage)
    return (app.follows if app else "") or f"unknown for {stage}"


def least_privilege(live: Live) -> Finding:
    """PCI DSS 7.2.5: no account of a program has every right, and a service's account writes nothing."""
    rules = {_key(role): role.get("rules") or [] for kind in ("Role", "ClusterRole") for role in _all(live, kind)}
    faults: list[str] = []
    told: dict[str, list[str]] = {}
    hand_out: set[str] = set()
    stages = {stage.namespace for stage in live.stages}
    for binding in [*_all(live, "ClusterRoleBinding"), *_all(live, "RoleBinding")]:
        role = binding.get("roleRef") or {}
        here = (binding["metadata"].get("namespace") or "") if role.get("kind") == "Role" else ""
        granted = rules.get((str(role.get("kind")), here, str(role.get("name"))), [])
        for namespace, name in _accounts(binding):
            if namespace in _SYSTEM:
                continue
            account = f"{namespace or 'every namespace'}/{name}"
            told.setdefault(account, []).append(str(role.get("name")))
            if any(_is_all(rule) for rule in granted):
                faults.append(f"{account} may change everything, by {role.get('name')}")
            elif any(_HANDS_OUT & set(rule.get("verbs") or ()) for rule in granted):
                hand_out.add(account)
            if namespace in {"", *stages} and any(_WRITES & set(rule.get("verbs") or ()) for rule in granted):
                faults.append(f"{account} of a stage may write, by {role.get('name')}")
    if not told:
        return Finding(NOT_SHOWN, "No account of a program is bound to any role: nothing was looked at.")
    met = f"{len(told)} accounts of programs: none may change everything, none of a stage may write"
    if hand_out:
        met += f"; {', '.join(sorted(hand_out))} may hand out rights"
    accounts = {name: sorted(set(roles)) for name, roles in sorted(told.items())}
    return judged(faults, met, {"accounts": accounts, "may_hand_out_rights": sorted(hand_out)})


def _all(live: Live, kind: str) -> list[dict[str, Any]]:
    return live.kube.list(f"{_RBAC}/{kind}")


def _key(role: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(role["kind"]), str(role["metadata"].get("namespace") or ""), str(role["metadata"]["name"])


def _accounts(binding: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Accounts of programs, by namespace and name; a group of all of a namespace is `*`, of all there are, ('', '*').

    Kubernetes' own bindings for every account read what the server tells about itself.
    """
    for subject in binding.get("subjects") or ():
        name = str(subject.get("name"))
        if subject.get("kind") == "ServiceAccount":
            yield str(subject.get("namespace") or binding["metadata"].get("namespace") or ""), name
        elif subject.get("kind") == "Group" and name.startswith("system:serviceaccounts"):
            yield name.removeprefix("system:serviceaccounts").removeprefix(":"), "*"


def _is_all(rule: Mapping[str, Any]) -> bool:
    every = all("*" in (rule.get(key) or ()) for key in ("apiGroups", "resources"))
    return every and bool(_WRITES & set(rule.get("verbs") or ()))


def nothing_unconfined(live: Live) -> Finding:
    """SOC 2 CC6.8: software that wants the machine is refused in every stage, also to Kubernetes' own controllers."""
    groups = ("system:masters", "system:serviceaccounts:kube-system", "system:authenticated")
    container = {"name": "probe", "image": "probe", "securityContext": {"privileged": True}}
    faults, other, told = [], [], {}
    for stage in live.stages:
        allowed, said = live.tried("Pod", stage.namespace, _CONTROLLER, groups, {"containers": [container]})
        told[stage.name] = {"allowed": allowed, "said": said}
        if allowed:
            faults.append(f"a privileged pod was let into {stage.name}")
        elif "PodSecurity" not in said:
            other.append(stage.name)
    evidence = {"privileged_pod": told}
    if not faults and other:
        return Finding(NOT_SHOWN, f"{', '.join(other)}: the pod was refused, but not for its privileges", evidence)
    return judged(faults, f"a privileged pod was refused in each of {len(told)} stages", evidence)


CONTROLS = (
    Control(
        PCI,
        "6.5.3",
        "What comes before production is separate from it, and access controls keep it so.",
        "writes in prod, tried as dry runs in the names of the other stages' accounts; the branch that each follows",
        "the accounts of people in the company's own directory",
        stages_apart,
    ),
    Control(
        PCI,
        "7.2.5",
        "Accounts of applications and systems have the least rights that they need, and on what they need alone.",
        "every role that is bound to an account of a program in the cluster, Kubernetes' own parts left out",
        "rights in Git, Argo CD and Vault; the review of such rights every now and then (7.2.5.1)",
        least_privilege,
    ),
    Control(
        SOC2,
        "CC6.8",
        "Software that nobody authorised is kept out, or found and dealt with.",
        "a privileged pod in each stage, tried as a dry run in the name of one of Kubernetes' own controllers",
        "where images come from and whether they are signed; a search for malicious code in what runs",
        nothing_unconfined,
    ),
)

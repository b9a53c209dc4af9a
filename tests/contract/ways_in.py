"""What somebody may try at a landing zone on the way around Git, what they try it with, and who may do it after all."""

from __future__ import annotations

from typing import Any

from tests.contract.landing_zone import CONTROLLER, GITOPS, INSTALLED_BY, NODE, Who

ARGOCD_SERVER: Who = ("system:serviceaccount:argocd:argocd-server", ("system:masters",))
CONTROLLER_MANAGER: Who = ("system:kube-controller-manager", ("system:masters",))
MERGE = "application/merge-patch+json"
CORE = "/api/v1/namespaces"
ARGO = "/apis/argoproj.io/v1alpha1/namespaces/argocd"
TOKEN = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}}
APPLICATION: dict[str, Any] = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Application",
    "metadata": {"name": "staging"},
    "spec": {
        "project": "pov",
        "source": {"repoURL": "https://git.example.com/x.git", "path": "."},
        "destination": {"namespace": "staging", "server": "https://kubernetes.default.svc"},
    },
}


def furniture(space: str) -> list[dict[str, Any]]:
    """What Git brings: it has to pass the Pod Security profile, the quota and the policy."""
    container = {
        "name": "main",
        "image": "main:1",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    pod = {
        "containers": [container],
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    }
    template = {"metadata": {"labels": {"app": "till"}}, "spec": pod}
    spec = {"selector": {"matchLabels": {"app": "till"}}, "template": template}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "b"}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "till-1"}, "spec": pod},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "till"}, "spec": spec},
    ]


def attempts(space: str) -> list[tuple[str, str, str, Any, str]]:
    core, apps = f"/api/v1/namespaces/{space}", f"/apis/apps/v1/namespaces/{space}"

    new = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"}, "data": {}}
    helper = {
        "spec": {
            "ephemeralContainers": [
                {
                    "name": "shell",
                    "image": "shell:1",
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }
            ]
        }
    }
    image = {"spec": {"template": {"metadata": {"annotations": {"restarted": "now"}}}}}
    return [
        ("create", "POST", f"{core}/configmaps", new, ""),
        ("change", "PATCH", f"{core}/configmaps/settings", {"data": {"a": "c"}}, MERGE),
        ("delete", "DELETE", f"{core}/configmaps/settings", None, ""),
        ("restart", "PATCH", f"{apps}/deployments/till", image, MERGE),
        ("scale", "PATCH", f"{apps}/deployments/till/scale", {"spec": {"replicas": 3}}, MERGE),
        ("delete a pod", "DELETE", f"{core}/pods/till-1", None, ""),
        (
            "ephemeral container",
            "PATCH",
            f"{core}/pods/till-1/ephemeralcontainers",
            helper,
            "application/strategic-merge-patch+json",
        ),
        (
            "take the deny away",
            "DELETE",
            f"/apis/networking.k8s.io/v1/namespaces/{space}/networkpolicies/landing-zone-default-deny",
            None,
            "",
        ),
        (
            "weaken the profile",
            "PATCH",
            f"/api/v1/namespaces/{space}",
            {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}},
            MERGE,
        ),
    ]


SHELLS = ("exec?command=sh&stdout=true", "attach?stdout=true", "portforward?ports=80")


def named(document: dict[str, Any], name: str) -> dict[str, Any]:
    return {**document, "metadata": {"name": name}}


def borrowing(account: str) -> dict[str, Any]:
    """A pod that runs as somebody else's account."""
    pod = named(furniture("argocd")[1], "borrower")
    return {**pod, "spec": {**pod["spec"], "serviceAccountName": account}}


def _job(account: str) -> dict[str, Any]:
    spec = {**borrowing(account)["spec"], "restartPolicy": "Never"}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "borrower"}}
    return {**job, "spec": {"template": {"spec": spec}}}


def _lasting_token(account: str) -> dict[str, Any]:
    metadata = {"name": "lasting", "annotations": {"kubernetes.io/service-account.name": account}}
    return {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token", "metadata": metadata}


CONTROLLERS_IMAGE = {"spec": {"template": {"metadata": {"annotations": {"by": "hand"}}}}}
REPOSITORY = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "mine", "labels": {"argocd.argoproj.io/secret-type": "repository"}},
}
GUARDED: dict[str, tuple[str, str, Any, str, tuple[Who, ...]]] = {
    # What is tried by hand, and who may do it after all.
    "a new application": ("POST", f"{ARGO}/applications", named(APPLICATION, "mine"), "", (ARGOCD_SERVER, GITOPS)),
    "another branch": (
        "PATCH",
        f"{ARGO}/applications/staging",
        {"spec": {"source": {"targetRevision": "mine"}}},
        MERGE,
        (ARGOCD_SERVER, GITOPS),
    ),
    "a wider project": ("PATCH", f"{ARGO}/appprojects/pov", {"spec": {"sourceRepos": ["*"]}}, MERGE, (ARGOCD_SERVER,)),
    "no project": ("DELETE", f"{ARGO}/appprojects/pov", None, "", (ARGOCD_SERVER,)),
    "a new application set": (
        "POST",
        f"{ARGO}/applicationsets",
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "ApplicationSet",
            "metadata": {"name": "mine"},
            "spec": {
                "generators": [],
                "template": {
                    "metadata": {"name": "x"},
                    "spec": {"project": "pov", "destination": {}, "source": {"repoURL": "x"}},
                },
            },
        },
        "",
        (ARGOCD_SERVER,),
    ),
    "Argo CD's settings": (
        "PATCH",
        f"{CORE}/argocd/configmaps/argocd-cm",
        {"data": {"a": "b"}},
        MERGE,
        (INSTALLED_BY,),
    ),
    "Argo CD's rights": (
        "PATCH",
        f"{CORE}/argocd/configmaps/argocd-rbac-cm",
        {"data": {"policy.default": "role:admin"}},
        MERGE,
        (INSTALLED_BY,),
    ),
    "Argo CD's password": ("PATCH", f"{CORE}/argocd/secrets/argocd-secret", {"data": {}}, MERGE, (INSTALLED_BY,)),
    "a repository of one's own": ("POST", f"{CORE}/argocd/secrets", REPOSITORY, "", (ARGOCD_SERVER,)),
    "another image of the controller": (
        "PATCH",
        "/apis/apps/v1/namespaces/argocd/statefulsets/argocd-application-controller",
        CONTROLLERS_IMAGE,
        MERGE,
        (INSTALLED_BY,),
    ),
    "a pod as the controller": (
        "POST",
        f"{CORE}/argocd/pods",
        borrowing("argocd-application-controller"),
        "",
        (INSTALLED_BY, CONTROLLER, NODE),
    ),
    "a pod in kube-system": ("POST", f"{CORE}/kube-system/pods", borrowing("job-controller"), "", (CONTROLLER, NODE)),
    "a job as terraform": (
        "POST",
        "/apis/batch/v1/namespaces/pov-terraform/jobs",
        _job("terraform"),
        "",
        (INSTALLED_BY, CONTROLLER),
    ),
    "a container in the controller's pod": (
        "PATCH",
        f"{CORE}/argocd/pods/argocd-application-controller-0/ephemeralcontainers",
        next(attempt[3] for attempt in attempts("prod") if attempt[0] == "ephemeral container"),
        "application/strategic-merge-patch+json",
        (INSTALLED_BY,),
    ),
    "a shell beside the controller": (
        "POST",
        f"{CORE}/argocd/pods/argocd-application-controller-0/exec?command=sh&stdout=true",
        None,
        "",
        (INSTALLED_BY,),
    ),
    **{
        f"a token of {account}": (
            "POST",
            f"{CORE}/{space}/serviceaccounts/{account}/token",
            TOKEN,
            "",
            (INSTALLED_BY, CONTROLLER_MANAGER, NODE),
        )
        for space, account in (
            ("argocd", "argocd-application-controller"),
            ("argocd", "argocd-server"),
            ("kube-system", "job-controller"),
            ("pov-terraform", "terraform"),
        )
    },
    **{
        f"a lasting token of {account}": (
            "POST",
            f"{CORE}/{space}/secrets",
            _lasting_token(account),
            "",
            (INSTALLED_BY,),
        )
        for space, account in (
            ("argocd", "argocd-application-controller"),
            ("kube-system", "job-controller"),
            ("pov-terraform", "terraform"),
        )
    },
}


AS_ITSELF = (
    "system:serviceaccount:argocd:argocd-application-controller",
    ("system:serviceaccounts", "system:serviceaccounts:argocd", "system:authenticated"),
)
RIGHTS = [
    # Whether Argo CD's controller may, by its own rights and not an administrator's.
    (True, "PATCH", "/apis/apps/v1/namespaces/prod/deployments/till", CONTROLLERS_IMAGE),
    (True, "PATCH", f"{CORE}/staging/configmaps/settings", {"data": {"a": "c"}}),
    (True, "DELETE", f"{CORE}/prod/configmaps/settings", None),
    (True, "GET", f"{CORE}/kube-system/configmaps", None),
    (True, "GET", "/apis/apps/v1/replicasets", None),
    (True, "PATCH", f"{ARGO}/applications/staging", {"metadata": {"labels": {"a": "b"}}}),
    (False, "POST", "/apis/apps/v1/namespaces/default/deployments", furniture("default")[2]),
    (False, "POST", f"{CORE}/kube-system/configmaps", furniture("x")[0]),
    (False, "POST", f"{CORE}/prod/pods", furniture("prod")[1]),
    (False, "POST", f"{CORE}/staging/secrets", {**REPOSITORY, "metadata": {"name": "new"}}),
    (False, "GET", f"{CORE}/argocd/pods/argocd-application-controller-0/exec?command=sh", None),
    (False, "GET", "/api/v1/secrets", None),
    (False, "GET", f"{CORE}/vault/secrets", None),
    (
        False,
        "POST",
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "mine"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [],
        },
    ),
    (False, "DELETE", "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/only-from-git", None),
    (False, "POST", f"{CORE}/prod/serviceaccounts/default/token", TOKEN),
    (False, "DELETE", f"{CORE}/prod/pods/till-1", None),
    (False, "DELETE", "/api/v1/namespaces/staging", None),
]

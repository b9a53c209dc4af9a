"""What fits into the stages of the reference engagement and what is too much, in every form that it may take."""

from __future__ import annotations

from typing import Any

from tests.contract.ways_in import CORE, furniture

APPS, BATCH = "/apis/apps/v1/namespaces/staging", "/apis/batch/v1/namespaces/staging"


def pod_spec(*, sidecar: str = "", init: str = "", **resources: Any) -> dict[str, Any]:
    """A pod's spec that passes the Pod Security profile; the service in it asks for `resources`."""
    spec = furniture("staging")[1]["spec"]
    service = {**spec["containers"][0], "resources": resources}
    others = [
        {**service, "name": name, "resources": {"requests": {"cpu": cpu}}, **more}
        for name, cpu, more in (("sidecar", sidecar, {"restartPolicy": "Always"}), ("init", init, {}))
        if cpu
    ]
    return {**spec, "containers": [service], "initContainers": others}


def workload(kind: str, pod: dict[str, Any], **spec: Any) -> dict[str, Any]:
    labels = {"app": "greedy"}
    selected = {} if kind in {"Job", "CronJob"} else {"selector": {"matchLabels": labels}}
    template = {"metadata": {"labels": labels}, "spec": pod}
    whole = {**selected, "template": template, **spec}
    if kind == "CronJob":
        whole = {"schedule": "@daily", "jobTemplate": {"spec": whole}}
    group = "batch/v1" if kind in {"Job", "CronJob"} else "apps/v1"
    return {"apiVersion": group, "kind": kind, "metadata": {"name": "greedy"}, "spec": whole}


def bare_pod(pod: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "greedy"}, "spec": pod}


def claim(size: str) -> dict[str, Any]:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "greedy"}, "spec": spec}


def _scaler(most: int) -> dict[str, Any]:
    spec = {"maxReplicas": most, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "till"}}
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "g"}, "spec": spec}


CPU65 = pod_spec(requests={"cpu": "65"})
_NEVER = {"restartPolicy": "Never"}
_SCOPE = "ask for an approved scope, which allows up to 512."
_PODS = f"{CORE}/staging/pods"
_HPA = "/apis/autoscaling/v2/namespaces/staging/horizontalpodautoscalers"
TOO_MUCH: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "CPU of a Deployment": ("POST", f"{APPS}/deployments", workload("Deployment", CPU65), "65 CPU cores are asked"),
    "CPU times replicas": (
        "POST",
        f"{APPS}/deployments",
        workload("Deployment", pod_spec(requests={"cpu": "6500m"}), replicas=10),
        f"65 CPU cores are asked for and 64 are allowed without an approved scope: {_SCOPE}",
    ),
    "CPU by its limit alone": (
        "POST",
        f"{APPS}/deployments",
        workload("Deployment", pod_spec(limits={"cpu": "65"})),
        "65 CPU",
    ),
    "CPU with a sidecar": (
        "POST",
        f"{APPS}/deployments",
        workload("Deployment", pod_spec(requests={"cpu": "60"}, sidecar="4500m")),
        "64.5 CPU cores are asked for and 64 are",
    ),
    "CPU of an init container": ("POST", f"{APPS}/deployments", workload("Deployment", pod_spec(init="70")), "70 CPU"),
    "CPU of the pod as a whole": (
        "POST",
        _PODS,
        bare_pod({**pod_spec(), "resources": {"requests": {"cpu": "99"}}}),
        "99 CPU",
    ),
    "CPU of a StatefulSet": (
        "POST",
        f"{APPS}/statefulsets",
        workload("StatefulSet", CPU65, serviceName="x"),
        "65 CPU",
    ),
    "CPU of a DaemonSet": ("POST", f"{APPS}/daemonsets", workload("DaemonSet", CPU65), "65 CPU cores"),
    "CPU of a ReplicaSet": ("POST", f"{APPS}/replicasets", workload("ReplicaSet", CPU65), "65 CPU cores"),
    "CPU of a Job": ("POST", f"{BATCH}/jobs", workload("Job", CPU65 | _NEVER, parallelism=2), "130 CPU cores"),
    "CPU of a CronJob": ("POST", f"{BATCH}/cronjobs", workload("CronJob", CPU65 | _NEVER), "65 CPU cores"),
    "CPU of a pod": ("POST", _PODS, bare_pod(CPU65), "65 CPU cores"),
    "CPU beyond all measure": (
        "POST",
        _PODS,
        bare_pod(pod_spec(requests={"cpu": "9E"})),
        "9",  # and as the server writes so large a number
    ),
    "memory of a Deployment": (
        "POST",
        f"{APPS}/deployments",
        workload("Deployment", pod_spec(limits={"memory": "3000Gi"})),
        "3000 GiB of memory are asked for and",
    ),
    "memory that is asked for alone": (
        "POST",
        f"{APPS}/deployments",
        workload("Deployment", pod_spec(requests={"memory": "3000Gi"})),
        "3000 GiB of memory are asked",
    ),
    "CPU of a stage": (
        "POST",
        f"{APPS}/deployments",
        workload("Deployment", pod_spec(requests={"cpu": "63"})),
        "63 CPU cores are asked for and",
    ),
    "replicas of a Deployment": (
        "PATCH",
        f"{APPS}/deployments/till",
        {"spec": {"replicas": 5000}},
        "5000 pods are asked",
    ),
    "replicas by scaling": (
        "PATCH",
        f"{APPS}/deployments/till/scale",
        {"spec": {"replicas": 5000}},
        "5000 pods are asked",
    ),
    "CPU of a pod that is there": (
        "PATCH",
        f"{_PODS}/till-1/resize",
        {"spec": {"containers": [{"name": "main", "resources": {"requests": {"cpu": "65"}}}]}},
        "65 CPU cores are asked",
    ),
    "replicas by an autoscaler": ("POST", _HPA, _scaler(5000), "5000 pods are asked for and"),
    "storage over the size's": (
        "POST",
        f"{CORE}/staging/persistentvolumeclaims",
        claim("5000Gi"),
        "5000 GiB of storage are asked for and 4000 are what size Medium includes: an engineer reviews the deal.",
    ),
    "storage that the stage was not let through with": (
        "POST",
        f"{CORE}/staging/persistentvolumeclaims",
        claim("512Mi"),
        "0.5 GiB of storage are asked for and 0 were let through for staging: ask for a larger stage with pov up.",
    ),
}

ENOUGH: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a plain Deployment": ("POST", f"{APPS}/deployments", workload("Deployment", pod_spec(), replicas=2)),
    "one without resources": ("POST", _PODS, bare_pod(pod_spec(limits={"memory": "64Mi"}))),
    "one with some": (
        "POST",
        f"{APPS}/deployments",
        workload("Deployment", pod_spec(requests={"cpu": "5m", "memory": "16Mi"}, sidecar="1m", init="2m"), replicas=3),
    ),
    "none at all": ("PATCH", f"{APPS}/deployments/till/scale", {"spec": {"replicas": 0}}),
    "a few more": ("PATCH", f"{APPS}/deployments/till/scale", {"spec": {"replicas": 3}}),
    "an autoscaler": ("POST", _HPA, _scaler(3)),
    "a Job": ("POST", f"{BATCH}/jobs", workload("Job", pod_spec() | _NEVER)),
    "a CronJob": ("POST", f"{BATCH}/cronjobs", workload("CronJob", pod_spec() | _NEVER)),
    "a DaemonSet": ("POST", f"{APPS}/daemonsets", workload("DaemonSet", pod_spec())),
}

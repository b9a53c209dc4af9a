"""Argo CD's official manifest, fitted to the environment: a pure function from documents to documents."""

from __future__ import annotations

import base64
import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pov.base.paths import data
from pov.steps.templates import document, look_soon

NAMESPACE = "argocd"
GIT_HOST = "gitea.gitea.svc"
WORKLOADS: Mapping[str, tuple[str, ...]] = {
    "Deployment": ("argocd-applicationset-controller", "argocd-redis", "argocd-repo-server", "argocd-server"),
    "StatefulSet": ("argocd-application-controller",),
}
"""What runs, by kind."""

_CLUSTER_KINDS = {"CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"}
_POD_KINDS = {"Deployment", "StatefulSet"}
_REDIS_CONF = "/etc/redis-secret/redis.conf"

Document = dict[str, Any]


@dataclass(frozen=True)
class Values:
    """What the environment adds: image references, its Service's way out, the CA (PEM), and secrets as Kubernetes
    keeps them.

    `secret` is the content of `argocd-secret`, `redis` the password of the cache, both as bytes by key.
    """

    argocd_image: str
    redis_image: str
    service: Mapping[str, Any]
    ca_pem: str
    secret: Mapping[str, bytes]
    redis_password: bytes


def install(official: Iterable[Document], values: Values) -> list[Document]:
    """Every manifest of Argo CD, in its namespace, ready to apply."""
    settings = document(data("argocd", "install", "settings.yaml").read_text())
    fitted = [_fitted(copy.deepcopy(original), settings, values) for original in official]
    return [_namespace(), *fitted, _redis_secret(values.redis_password)]


def _fitted(manifest: Document, settings: Document, values: Values) -> Document:
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    if kind not in _CLUSTER_KINDS:
        manifest["metadata"]["namespace"] = NAMESPACE
    if kind == "ConfigMap":
        _add(manifest, "data", settings["configMaps"].get(name, {}))
        if name == "argocd-tls-certs-cm":
            _add(manifest, "data", {GIT_HOST: values.ca_pem})
    elif kind == "ClusterRole" and name in settings["clusterRoles"]:
        manifest["rules"] = settings["clusterRoles"][name]
    elif kind == "Secret" and name == "argocd-secret":
        _add(manifest, "data", {key: base64.b64encode(value).decode() for key, value in values.secret.items()})
    elif kind == "Service" and name == "argocd-server":
        manifest["spec"].update(values.service)
    elif kind in _POD_KINDS:
        _fit_workload(manifest, settings, values)
    return manifest


def _fit_workload(manifest: Document, settings: Document, values: Values) -> None:
    name, spec = manifest["metadata"]["name"], manifest["spec"]
    pod = spec["template"]["spec"]
    if name in settings["replicas"]:
        spec["replicas"] = settings["replicas"][name]
    if name in settings["withoutInitContainers"]:
        pod.pop("initContainers")
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        container["imagePullPolicy"] = "IfNotPresent"
        container["image"] = _image(container["image"], values)
    main = pod["containers"][0]
    if name in settings["resources"]:
        main["resources"] = settings["resources"][name]
    for variable, value in settings["variables"].get(name, {}).items():
        main.setdefault("env", []).append({"name": variable, "value": value})
    look_soon(main)
    if name == "argocd-redis":
        _hide_password(pod, main)


def _image(official: str, values: Values) -> str:
    path = official.split("@", maxsplit=1)[0].rsplit(":", 1)[0]
    if path.endswith("/argocd"):
        return values.argocd_image
    if path.endswith("/redis"):
        return values.redis_image
    return official


def _hide_password(pod: Document, container: Document) -> None:
    """Hand Redis its password in a file: the manifest puts it into the argument list, where every process sees it."""
    container["command"] = ["redis-server"]
    container["args"] = [_REDIS_CONF, *_without_password(container["args"])]
    container.pop("env")  # holds the password and nothing else
    mount = {"name": "password", "mountPath": _REDIS_CONF.rsplit("/", 1)[0], "readOnly": True}
    container.setdefault("volumeMounts", []).append(mount)
    # Readable for the group that the pod's files belong to.
    pod.setdefault("securityContext", {})["fsGroup"] = 999
    secret = {
        "secretName": "argocd-redis",
        "defaultMode": 0o440,
        "items": [{"key": "redis.conf", "path": "redis.conf"}],
    }
    pod.setdefault("volumes", []).append({"name": "password", "secret": secret})


def _without_password(arguments: Sequence[str]) -> list[str]:
    return [argument for argument in arguments if "requirepass" not in argument]


def _redis_secret(password: bytes) -> Document:
    content = {"auth": password, "redis.conf": b"requirepass " + password + b"\n"}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "argocd-redis", "namespace": NAMESPACE},
        "data": {key: base64.b64encode(value).decode() for key, value in content.items()},
    }


def _namespace() -> Document:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}


def _add(manifest: Document, key: str, more: Mapping[str, Any]) -> None:
    manifest[key] = {**(manifest.get(key) or {}), **more}

"""A Kubernetes cluster: what is in it, what should be, and when it is ready. The door to the `kubernetes` client."""

from __future__ import annotations

import base64
import builtins
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.errors import NotFound, Transient
from pov.base.redact import Secret
from pov.base.wait import Pending, Waiting, wait_for
from pov.engines import kube_exec
from pov.engines.kube_api import APPLY_PATCH, MERGE_PATCH, Connection, Kinds, Refused
from pov.engines.kube_apply import OnPending, Sets
from pov.engines.kube_ready import Rollout

Document = dict[str, Any]
_ADMINISTRATORS = ("system:masters", "system:authenticated")
INSTALLER = "pov:installer"
"""As whom `pov` installs what the way from Git hangs on; the landing zone's guards know the name."""


class Kube:
    """One cluster, by its kubeconfig. Connects at first use; safe to use from several threads.

    No answer, 409, 429, 5xx and a port in the making raise `Transient`; a missing object is None or `NotFound`; a
    refusal raises `PovError`.
    """

    def __init__(
        self,
        kubeconfig: Path,
        *,
        clock: Clock = SYSTEM_CLOCK,
        caller: Connection | None = None,
        kinds: Kinds | None = None,
    ) -> None:
        self.kubeconfig = kubeconfig
        self._clock = clock
        self._api = caller or Connection(kubeconfig)
        self._kinds = kinds or Kinds(self._api)
        self._sets = Sets(self._api, self._kinds)

    def as_installer(self) -> Kube:
        """The same cluster, acting as `INSTALLER` with an administrator's rights: its calls are told from a person's.

        The kubeconfig's user must be allowed to impersonate. Commands in pods stay the kubeconfig's own.
        """
        caller = self._api.acting_as(INSTALLER, _ADMINISTRATORS)
        return Kube(self.kubeconfig, clock=self._clock, caller=caller, kinds=self._kinds)

    def version(self) -> str:
        """The API server's version: `v1.37.2`."""
        return str(self._api.call("GET", "/version").body["gitVersion"])

    def apply(
        self,
        manifests: Iterable[Mapping[str, Any]],
        *,
        set_name: str,
        on_pending: OnPending | None = None,
    ) -> bool:
        """Make the set what `manifests` say: apply what is missing or differs, delete what is no longer in it.

        Returns whether anything changed. Errors that may pass are borne for 30 s an object; a node port that the
        cluster holds for a service that is not there, for ten minutes, of which `on_pending` hears.
        """
        return self._sets.apply(manifests, set_name, on_pending)

    def create(self, manifest: Mapping[str, Any]) -> bool:
        """Make one object as it is written. Returns False, and changes nothing, where there is one of its name."""
        metadata = manifest["metadata"]
        try:
            self._api.call("POST", self._kinds.of(manifest).path(metadata.get("namespace")), body=dict(manifest))
        except Transient:
            # The server answers 409 to both: there is one, or another try may do.
            if self.get(f"{manifest['apiVersion']}/{manifest['kind']}", metadata["name"], metadata.get("namespace")):
                return False
            raise
        return True

    def get(self, kind: str, name: str, namespace: str | None = None) -> Document | None:
        """One object, or None. `kind` is `Pod` or `group/version/Kind`."""
        try:
            found: Document = self._api.call("GET", self._kinds.find(kind).path(namespace, name)).body
        except NotFound:
            return None
        return found

    def list(self, kind: str, namespace: str | None = None, *, labels: str = "") -> builtins.list[Document]:
        """Objects of a kind, in one namespace or in all, chosen by a label selector. Empty for an unknown kind."""
        query = {"labelSelector": labels} if labels else None
        try:
            resource = self._kinds.find(kind)
            items = self._api.call("GET", resource.path(namespace), query=query).body["items"]
        except NotFound:
            # Also for a moment after its definition has gone: the server forgets the kind first, discovery later.
            return []
        # The server leaves both out of a list's items.
        return [{"apiVersion": resource.api_version, "kind": resource.kind, **item} for item in items]

    def patch(
        self, kind: str, name: str, namespace: str | None, patch: Mapping[str, Any], *, manager: str = "pov"
    ) -> Document:
        """Merge `patch` into an object; returns it as it is then. Raises `NotFound` without one.

        `manager` is what the cluster notes as the writer of these fields.
        """
        path = self._kinds.find(kind).path(namespace, name)
        query = {"fieldManager": manager}
        found: Document = self._api.call("PATCH", path, body=dict(patch), content_type=MERGE_PATCH, query=query).body
        return found

    def delete(
        self, kind: str, name: str, namespace: str | None = None, *, wait_s: float = 0, kill: bool = False
    ) -> bool:
        """Delete an object; wait up to `wait_s` seconds until it is gone. Returns whether there was one.

        With `kill` its processes are killed at once, without the time to end by themselves.
        """
        body: Document = {"propagationPolicy": "Background", **({"gracePeriodSeconds": 0} if kill else {})}
        try:
            path = self._kinds.find(kind).path(namespace, name)
            self._api.call("DELETE", path, body=body)
        except NotFound:
            return False
        if wait_s > 0:
            gone = Pending("still there")
            wait_for(
                f"{kind} {name} to be gone",
                lambda: True if self.get(kind, name, namespace) is None else gone,
                timeout_s=wait_s,
                clock=self._clock,
            )
        return True

    def secret(self, name: str, namespace: str) -> dict[str, bytes] | None:
        """A Secret's values, decoded; None without one. Keep them in `Secret` from here on."""
        found = self.get("v1/Secret", name, namespace)
        if found is None:
            return None
        return {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}

    def exec(
        self,
        pod: str,
        namespace: str,
        argv: Sequence[str],
        *,
        container: str | None = None,
        stdin: bytes | None = None,
        timeout_s: float = 60,
    ) -> str:
        """Run a command in a pod; returns its standard output. Raises `CommandFailed`, `TimedOut`, `Transient`."""
        configuration = self._api.configuration()
        return kube_exec.run(configuration, pod, namespace, argv, container=container, stdin=stdin, timeout_s=timeout_s)

    def logs(self, name: str, namespace: str, *, container: str | None = None, tail: int = 200) -> str:
        """The last lines that a pod's container printed. Raises `NotFound`."""
        query: dict[str, Any] = {"tailLines": tail, **({"container": container} if container else {})}
        path = self._kinds.find("v1/Pod").path(namespace, name, "log")
        return str(self._api.call("GET", path, query=query, as_text=True).body)

    def page(self, pod: str, namespace: str, port: int, path: str) -> str:
        """What a pod serves over plain HTTP, by way of the API server. Raises `NotFound`, `Transient`."""
        proxy = self._kinds.find("v1/Pod").path(namespace, f"{pod}:{port}", "proxy")
        return str(self._api.call("GET", f"{proxy}/{path}", as_text=True).body)

    def create_token(self, service_account: str, namespace: str, *, audience: str, ttl_s: int = 600) -> Secret:
        """A token for a service account, meant for one audience, valid for `ttl_s` seconds (at least 600).

        An empty audience means the API server itself.
        """
        path = self._kinds.find("v1/ServiceAccount").path(namespace, service_account, "token")
        spec = {"audiences": [audience] if audience else [], "expirationSeconds": ttl_s}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        return Secret(self._api.call("POST", path, body=body).body["status"]["token"])

    def wait_ready(
        self,
        kind: str,
        names: Sequence[str],
        namespace: str,
        *,
        timeout_s: float,
        on_pending: Callable[[Waiting], None] | None = None,
    ) -> None:
        """Return once these Deployments, StatefulSets, DaemonSets, Pods or Jobs are rolled out.

        Raises `TimedOut` with reasons and the last events after `timeout_s` seconds; `PovError` earlier where a pod
        cannot start (no image, crash after crash).
        """
        kubectl = f"kubectl --kubeconfig {self.kubeconfig}"
        rollout = Rollout(kind, names, namespace, self.list, clock=self._clock, kubectl=kubectl)
        rollout.wait(timeout_s, on_pending)

    def can_i_dry_run(
        self, manifest: Mapping[str, Any], *, as_user: str | None = None, as_groups: Sequence[str] = ()
    ) -> tuple[bool, str, tuple[str, ...]]:
        """Whether the cluster would take this object: (allowed, what it said, warnings). Nothing is changed.

        `as_user` with `as_groups` asks in another person's name. Raises `Transient` when there is no verdict.
        """
        metadata = manifest["metadata"]
        path = self._kinds.of(manifest).path(metadata.get("namespace"), metadata["name"])
        headers: dict[str, Any] = {}
        if as_user:
            headers["Impersonate-User"] = as_user
        if as_groups:
            headers["Impersonate-Group"] = as_groups
        query = {"fieldManager": "pov-probe", "force": "true", "dryRun": "All"}
        try:
            reply = self._api.call(
                "PATCH", path, query=query, body=dict(manifest), content_type=APPLY_PATCH, headers=headers
            )
        except Refused as refusal:
            return False, refusal.message, refusal.warnings
        return True, "", reply.warnings

    def endpoint(self) -> tuple[str, str]:
        """The API server's URL and the CA that signed its certificate (PEM), for other clients of the same cluster."""
        configuration = self._api.configuration()
        return str(configuration.host), Path(configuration.ssl_ca_cert).read_text()

    def is_up(self) -> bool:
        """Whether the API server answers and calls itself ready, asked once."""
        try:
            self._api.call("GET", "/readyz", timeout_s=3, as_text=True)
        except (Transient, Refused, NotFound):
            return False
        return True

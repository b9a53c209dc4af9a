"""The Kubernetes API as plain calls: connection, errors in our words, and which kinds there are.

Built on the REST layer of the `kubernetes` package alone; its generated classes would cost time and give nothing here.
The user's proxy and CA variables are ignored: the kubeconfig says all there is to know.
"""

# ruff: noqa: PLC0415 - the client costs a third of a second to import: only those who call it pay

from __future__ import annotations

import atexit
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from pov.base.errors import NotFound, PovError, Transient
from pov.base.files import private_dir
from pov.base.scratch import Scratch

MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
_JSON = "application/json"
# One answer with every kind of every group (Kubernetes 1.30 and later), in place of a call a group.
_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
# A namespace is there a moment before its default service account: the pod would be let in soon. An address or a port
# that could not be asked of the store counts as an invalid one.
_PASSING = ("error looking up service account", "rpc error: code =", "etcdserver: ")
_CONNECT_S = 5.0
_POOL = 16


class Refused(PovError):
    """The API server said no, for good: forbidden by an admission policy, by RBAC or by the schema."""

    def __init__(self, message: str, *, status: int, warnings: tuple[str, ...] = (), cause: str = "") -> None:
        super().__init__(message, cause=cause)
        self.status = status
        self.warnings = warnings


class PortHeld(PovError):
    """The API server holds a node port: for another service, or for none that is there.

    It takes the port before it keeps the service. Cut off in between, from its store or by the end of whoever applied
    the service, it goes on holding the port until its repair, which runs every three minutes, has met that three times.
    """


@dataclass(frozen=True)
class Reply:
    """An answer: its JSON document (or text, where that was asked for) and the warnings that came with it."""

    body: Any
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Resource:
    """A kind, and where its objects lie."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool

    @property
    def api_version(self) -> str:
        """`v1` or `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The URL path of the collection (over all namespaces without one), an object, or a part of it."""
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if namespace and self.namespaced:
            parts += ["namespaces", namespace]
        parts += [self.plural, *(part for part in (name, subresource) if part)]
        return "/" + "/".join(quote(part, safe="") for part in parts)


class Caller(Protocol):
    """Whatever answers API calls: the real server, or a fake in tests."""

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        content_type: str = _JSON,
        headers: Mapping[str, str | Sequence[str]] | None = None,
        timeout_s: float = 30.0,
        as_text: bool = False,
    ) -> Reply:
        """One call. Raises `NotFound`, `Transient` (no answer, 409, 429, 5xx), `PortHeld` or `Refused`."""
        ...


def _problem(method: str, path: str, status: int, text: str, warnings: tuple[str, ...]) -> PovError:
    try:
        document = json.loads(text)
        said = str(document.get("message") or text) if isinstance(document, dict) else text
    except ValueError:
        said = text
    said = said.strip()[:2000]
    where = f"{method} {path}"
    if status == 404 and method == "PATCH" and said == "404 page not found":
        return Transient("the kind is not served yet", cause=where)
    if status == 404:
        return NotFound(said or f"nothing at {path}", cause=where)
    # A document that does not fit the schema gets a 500 from server-side apply, and will get it for ever.
    misfit = "failed to create typed patch object" in said
    if "provided port is already allocated" in said:
        return PortHeld(f"the cluster's API answered {status}: {said}", cause=where)
    passing = any(words in said for words in _PASSING)
    if status in {409, 429} or (status >= 500 and not misfit) or passing:
        return Transient(f"the cluster's API answered {status}: {said}", cause=where)
    return Refused(said or f"status {status}", status=status, warnings=warnings, cause=f"{where} answered {status}")


def _warnings(values: list[str]) -> tuple[str, ...]:
    # RFC 7234: `299 - "text"`; quotes inside are escaped by a backslash.
    return tuple(
        value.split('"', 1)[1].rsplit('"', 1)[0].replace('\\"', '"') if '"' in value else value for value in values
    )


_rooms: dict[Path, Scratch] = {}
_rooms_lock = threading.Lock()


def _room(folder: Path) -> Path:
    """Where this process keeps client keys, which have to be files for Python's TLS: beside the kubeconfig, which holds
    them anyway. Gone with the process or, if that is killed, with the next one that connects.
    """
    with _rooms_lock:
        room = _rooms.get(folder)
        if room is None or not room.path.is_dir():
            _rooms[folder] = room = Scratch(private_dir(folder))
        return room.path


@atexit.register
def _leave() -> None:
    for room in _rooms.values():
        room.close()


class Connection:
    """A `Caller` over one kubeconfig. Safe to use from several threads."""

    def __init__(self, kubeconfig: Path, *, identity: Mapping[str, str | Sequence[str]] | None = None) -> None:
        self._kubeconfig = kubeconfig
        self._identity = dict(identity or {})
        self._lock = threading.Lock()
        self._rest: Any = None
        self._configuration: Any = None

    def configuration(self) -> Any:
        """The client's configuration, read from the kubeconfig once."""
        with self._lock:
            if self._configuration is None:
                self._configuration = self._load()
            return self._configuration

    def acting_as(self, user: str, groups: Sequence[str]) -> Connection:
        """The same connection, each call of which is made in another's name."""
        return Connection(self._kubeconfig, identity={"Impersonate-User": user, "Impersonate-Group": tuple(groups)})

    def _load(self) -> Any:
        from kubernetes.client.configuration import Configuration
        from kubernetes.config import load_kube_config
        from kubernetes.config.config_exception import ConfigException

        if not self._kubeconfig.is_file():
            raise NotFound(f"no kubeconfig at {self._kubeconfig}", fix="pov up")
        configuration = Configuration(retries=1, connection_pool_maxsize=_POOL)
        files = str(_room(self._kubeconfig.parent / "client"))
        try:
            load_kube_config(str(self._kubeconfig), client_configuration=configuration, temp_file_path=files)
        except ConfigException as error:
            raise PovError(f"{self._kubeconfig} cannot be read", cause=str(error), fix="pov up") from error
        configuration.proxy = None
        configuration.no_proxy = "*"
        return configuration

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        content_type: str = _JSON,
        headers: Mapping[str, str | Sequence[str]] | None = None,
        timeout_s: float = 30.0,
        as_text: bool = False,
    ) -> Reply:
        """See `Caller`."""
        from kubernetes.client.exceptions import ApiException
        from kubernetes.client.rest import RESTClientObject
        from urllib3 import HTTPHeaderDict
        from urllib3.exceptions import HTTPError

        configuration = self.configuration()
        with self._lock:
            if self._rest is None:
                self._rest = RESTClientObject(configuration)
            rest = self._rest
        url = f"{configuration.host}{path}" + (f"?{urlencode(query, doseq=True)}" if query else "")
        sent = HTTPHeaderDict({"User-Agent": "pov"})
        for name, value in {"Accept": "*/*" if as_text else _JSON, **self._identity, **(headers or {})}.items():
            for one in (value,) if isinstance(value, str) else value:
                sent.add(name, one)
        if body is not None:
            sent["Content-Type"] = content_type
        token = configuration.get_api_key_with_prefix("BearerToken")
        if token:
            sent["Authorization"] = token
        try:
            answer = rest.request(method, url, headers=sent, body=body, _request_timeout=(_CONNECT_S, timeout_s))
            content: bytes = answer.read()
        except (ApiException, HTTPError, OSError) as error:
            raise Transient("the cluster's API does not answer", cause=f"{method} {path}: {error}") from error
        warnings = _warnings(answer.headers.getlist("Warning"))
        text = content.decode(errors="replace")
        if answer.status >= 400:
            raise _problem(method, path, answer.status, text, warnings)
        return Reply(text if as_text else json.loads(text or "null"), warnings)


class Kinds:
    """Which kinds the cluster knows; asked for at first need, and again for a kind that is new."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._lock = threading.Lock()
        self._known: dict[str, Resource] = {}

    def find(self, kind: str) -> Resource:
        """The resource for `Pod`, `apps/v1/Deployment` or `v1/Pod`. Raises `NotFound`."""
        with self._lock:
            if kind not in self._known:
                self._known = self._discover()
            try:
                return self._known[kind]
            except KeyError:
                raise NotFound(f"the cluster knows no kind {kind}") from None

    def of(self, manifest: Mapping[str, Any]) -> Resource:
        """The resource of a manifest."""
        return self.find(f"{manifest['apiVersion']}/{manifest['kind']}")

    def _discover(self) -> dict[str, Resource]:
        known: dict[str, Resource] = {}
        # Core comes first: a bare "Event" or "Pod" means the core kind.
        for path in ("/api", "/apis"):
            for group in self._caller.call("GET", path, headers={"Accept": _DISCOVERY}).body["items"]:
                name = group.get("metadata", {}).get("name", "")
                for version in group.get("versions", ()):
                    for entry in version.get("resources", ()):
                        kind = entry["responseKind"]["kind"]
                        namespaced = entry["scope"] == "Namespaced"
                        found = Resource(name, version["version"], kind, entry["resource"], namespaced)
                        known.setdefault(f"{found.api_version}/{kind}", found)
                        known.setdefault(kind, found)
        return known

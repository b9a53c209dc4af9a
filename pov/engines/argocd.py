"""Argo CD, by its REST API: what it should watch, and how far it has come."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, Self

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.errors import NotFound, PovError
from pov.base.redact import Secret
from pov.base.wait import Pending, Waiting, wait_for
from pov.engines.rest import Authorization, Refused, Rest

NAMESPACE = "argocd"
_POLL_S = 0.5
_TOKEN = re.compile(r"[\w-]+(\.[\w-]+)*", re.ASCII)
"""What can stand in a header: a file that somebody damaged is no session."""


@dataclass(frozen=True)
class Resource:
    """One object of an application; `health` is empty for kinds that have none.

    `reference` is its kind as `group/version/Kind`; empty for what is in no namespace, or no longer asked for.
    """

    kind: str
    name: str
    sync: str
    health: str
    reference: str = ""


@dataclass(frozen=True)
class Deployed:
    """A commit that was applied as a whole, and when that had ended (whole seconds)."""

    revision: str
    when: datetime


@dataclass(frozen=True)
class App:
    """An application as Argo CD sees it: `sync` Synced or OutOfSync, `health` Healthy, Progressing, Degraded …

    `revision` is the commit that was compared, `phase` and `message` tell of the last or running sync. `begun` are the
    times at which syncs began, by commit, as Argo CD writes them (whole seconds); `unasked` is that of the last one, if
    Argo CD began it by itself. `deployed` are the newest commits that were applied as a whole, oldest first: what it
    repaired by itself is none. `follows` is the branch it is compared with, `compared` when it last was, `automated`
    what it is set to do by itself.
    """

    name: str
    sync: str
    health: str
    revision: str
    phase: str
    message: str
    resources: tuple[Resource, ...]
    begun: Mapping[str, str] = field(default_factory=dict)
    unasked: str = ""
    deployed: tuple[Deployed, ...] = ()
    follows: str = ""
    compared: str = ""
    automated: Mapping[str, Any] = field(default_factory=dict)

    @property
    def repairs(self) -> bool:
        """Whether it is set to take back what was changed beside Git."""
        return bool(self.automated.get("selfHeal")) and self.automated.get("enabled") is not False

    @property
    def prunes(self) -> bool:
        """Whether it is set to take away what Git no longer has."""
        return bool(self.automated.get("prune"))

    def out_of_sync(self, kind: str) -> frozenset[str]:
        """Names of the objects of a kind that are not what their commit says."""
        return frozenset(one.name for one in self.resources if one.kind == kind and one.sync == "OutOfSync")

    def objects(self) -> frozenset[tuple[str, str]]:
        """Everything in a namespace that its commit asks for, as `group/version/Kind` and name."""
        return frozenset((one.reference, one.name) for one in self.resources if one.reference)

    def repaired_itself(self) -> datetime | None:
        """When the last sync began, if Argo CD began it by itself; None if somebody asked for it, or never."""
        try:
            return datetime.fromisoformat(self.unasked).astimezone(UTC)
        except ValueError:
            return None

    def sync_started(self, revision: str) -> datetime | None:
        """When the newest sync of `revision` began; None if Argo CD does not say."""
        try:
            return datetime.fromisoformat(self.begun.get(revision, "")).astimezone(UTC)
        except ValueError:
            return None

    def missing(self, revision: str | None = None) -> str:
        """What is not done yet, in words; empty when everything is as it should be, at `revision` if that is given."""
        if revision is not None and self.revision != revision:
            return f"{self.name} is at {self.revision[:8] or 'no revision yet'}, not at {revision[:8]}"
        if self.phase in {"Failed", "Error"} and self.sync != "Synced":
            return f"{self.name}: sync failed: {self.message}"
        if self.sync != "Synced":
            late = [resource for resource in self.resources if resource.sync != "Synced"]
            return f"{self.name}: {len(late)} of {len(self.resources)} objects to sync"
        if self.health != "Healthy":
            judged = [resource for resource in self.resources if resource.health]
            ill = [resource for resource in judged if resource.health != "Healthy"]
            first = f", first {ill[0].kind} {ill[0].name}: {ill[0].health}" if ill else ""
            return f"{self.name}: {len(ill)} of {len(judged)} objects not healthy yet{first}"
        return "" if self.phase != "Running" else f"{self.name}: sync is running"


class Sessions(Protocol):
    """Where the token of a login is kept between commands."""

    def held(self) -> Secret | None:
        """The one that was kept last; it may have run out."""
        ...

    def keep(self, token: Secret) -> None:
        """Keep this one in its place."""
        ...


class ArgoCD:
    """Argo CD as one user sees it. Logs in at the first call, and again when a session has run out.

    Argo CD answers a login after half a second to one, at random, so that nobody can tell by the time whether a user
    exists: the session of an earlier command, where `sessions` holds one, is tried first.

    No answer and 5xx raise `Transient`, a refusal `PovError` with what Argo CD said.
    """

    def __init__(
        self, rest: Rest, user: str, secret: Secret, *, sessions: Sessions | None = None, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._rest = rest
        self._user = user
        self._secret = secret
        self._sessions = sessions
        self._clock = clock
        self._logged_in = False

    @classmethod
    def at(cls, url: str, ca_path: Path, user: str, secret: Secret, *, sessions: Sessions | None = None) -> Self:
        """The one behind `url`, which `ca_path` vouches for."""
        return cls(Rest("Argo CD", url, ca_path), user, secret, sessions=sessions)

    def version(self) -> str:
        """The server's version; needs no login."""
        return str(self._rest.call("GET", "/api/version")["Version"])

    def close(self) -> None:
        """Close kept connections."""
        self._rest.close()

    def ensure_project(self, project: Mapping[str, Any]) -> bool:
        """Make a project what the manifest says. Returns whether that was a change."""
        if self._is_there("/projects", project):
            return False
        self._call("POST", "/projects", {"project": project, "upsert": True})
        return True

    def ensure_repository(self, url: str, user: str, password: Callable[[], Secret]) -> bool:
        """Have a repository read as `user`. Returns whether that was a change.

        Argo CD tries the login before it keeps it, so this raises `Transient` or `PovError` while it cannot be read.
        `password` is asked for only if the one that Argo CD has does not work.
        """
        held = next((item for item in self._items("/repositories") if item["repo"] == url), None)
        if held is not None and held.get("username") == user:
            if held.get("connectionState", {}).get("status") == "Successful":
                return False
            # What was seen may be minutes old.
            asked = self._items("/repositories", {"forceRefresh": "true"})
            if any(i["repo"] == url and i.get("connectionState", {}).get("status") == "Successful" for i in asked):
                return False
        body = {"repo": url, "type": "git", "username": user, "password": password().reveal()}
        self._call("POST", "/repositories", body, {"upsert": "true"})
        return True

    def ensure_application_set(self, application_set: Mapping[str, Any]) -> bool:
        """Make an ApplicationSet what the manifest says. Returns whether that was a change."""
        if self._is_there("/applicationsets", application_set):
            return False
        self._call("POST", "/applicationsets", application_set, {"upsert": "true"})
        return True

    def applications(self) -> list[App]:
        """Every application."""
        return [_app(item) for item in self._items("/applications")]

    def app(self, name: str) -> App:
        """One application. Raises `NotFound`."""
        for app in self.applications():
            if app.name == name:
                return app
        raise NotFound(f"Argo CD has no application {name}", fix="pov up")

    def lacking(self, revisions: Mapping[str, str]) -> dict[str, str]:
        """What these applications lack at these commits, in words, by name; empty when all are synced and healthy."""
        seen = {app.name: app for app in self.applications()}
        found = {}
        for name, revision in revisions.items():
            if name not in seen:
                found[name] = f"{name}: no application yet"
            elif seen[name].missing(revision):
                # A list leaves out how healthy each object is.
                found[name] = _app(self._call("GET", f"/applications/{name}")).missing(revision)
        return {name: text for name, text in found.items() if text}

    def refresh(self, name: str) -> App:
        """Have an application compared with Git now, and return it. For the bring-up; never for a measurement."""
        return _app(self._call("GET", f"/applications/{name}", None, {"refresh": "normal"}))

    def wait(
        self,
        revisions: Mapping[str, str],
        *,
        timeout_s: float,
        on_pending: Callable[[Waiting], None] | None = None,
        fix: str = "pov status",
    ) -> None:
        """Return once these applications are synced and healthy, each at its commit. Raises `TimedOut`."""

        def look() -> bool | Pending:
            lacking = self.lacking(revisions)
            return Pending("; ".join(lacking.values())) if lacking else True

        wait_for(
            f"{', '.join(revisions)} synced and healthy",
            look,
            timeout_s=timeout_s,
            interval_s=_POLL_S,
            clock=self._clock,
            on_pending=on_pending,
            fix=fix,
        )

    def _items(self, path: str, query: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        return self._call("GET", path, None, query).get("items") or []

    def _is_there(self, path: str, manifest: Mapping[str, Any]) -> bool:
        # A list tells its items without the type that it is a list of.
        wanted = {key: value for key, value in manifest.items() if key not in {"apiVersion", "kind"}}
        return any(
            _holds(item, wanted)
            for item in self._items(path)
            if item["metadata"]["name"] == manifest["metadata"]["name"]
        )

    def _call(self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None) -> Any:
        if not self._logged_in and not self._take_up_session():
            self._log_in()
        try:
            return self._rest.call(method, f"/api/v1{path}", body, query)
        except Refused as refusal:
            if refusal.status != 401:
                raise
        self._log_in()
        return self._rest.call(method, f"/api/v1{path}", body, query)

    def _log_in(self) -> None:
        self._rest.use(None)
        login = {"username": self._user, "password": self._secret.reveal()}
        try:
            token = Secret(self._rest.call("POST", "/api/v1/session", login)["token"])
        except Refused as refusal:
            raise PovError(f"Argo CD does not let {self._user} in", cause=refusal.cause, fix="pov up") from refusal
        self._use(token)
        if self._sessions is not None:
            self._sessions.keep(token)

    def _take_up_session(self) -> bool:
        token = self._sessions.held() if self._sessions is not None else None
        if token is None or not _TOKEN.fullmatch(token.reveal()):
            return False
        self._use(token)
        return True

    def _use(self, token: Secret) -> None:
        self._rest.use(Authorization("Bearer", token))
        self._logged_in = True


class _Reader(Protocol):
    def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None: ...


def held_app(cluster: _Reader, name: str) -> App:
    """An application as the cluster holds it: to look at it so costs Argo CD nothing. Raises `NotFound`."""
    found = cluster.get("argoproj.io/v1alpha1/Application", name, NAMESPACE)
    if found is None:
        raise NotFound(f"Argo CD has no application {name}", fix="pov up")
    return _app(found)


def _app(item: Mapping[str, Any]) -> App:
    status, spec = item.get("status") or {}, item.get("spec") or {}
    operation = status.get("operationState") or {}
    return App(
        name=item["metadata"]["name"],
        sync=(status.get("sync") or {}).get("status") or "Unknown",
        health=(status.get("health") or {}).get("status") or "Unknown",
        revision=(status.get("sync") or {}).get("revision") or "",
        phase="Running" if item.get("operation") else operation.get("phase") or "",
        message=operation.get("message") or "; ".join(c.get("message", "") for c in status.get("conditions") or []),
        resources=tuple(
            Resource(
                entry["kind"],
                entry["name"],
                entry.get("status") or "",
                (entry.get("health") or {}).get("status") or "",
                _reference(entry),
            )
            for entry in status.get("resources") or []
        ),
        begun=_begun(status),
        unasked=_unasked(operation),
        follows=str((spec.get("source") or {}).get("targetRevision") or ""),
        compared=str(status.get("reconciledAt") or ""),
        automated=dict((spec.get("syncPolicy") or {}).get("automated") or {}),
        deployed=tuple(_deployed(status)),
    )


def _deployed(status: Mapping[str, Any]) -> Iterator[Deployed]:
    for one in status.get("history") or []:
        try:
            yield Deployed(str(one["revision"]), datetime.fromisoformat(str(one["deployedAt"])).astimezone(UTC))
        except (KeyError, ValueError):
            # One without a time says nothing of when.
            continue


def _reference(entry: Mapping[str, Any]) -> str:
    if not entry.get("namespace") or entry.get("requiresPruning"):
        return ""
    return "/".join(part for part in (entry.get("group"), entry.get("version"), entry["kind"]) if part)


def _unasked(operation: Mapping[str, Any]) -> str:
    by = (operation.get("operation") or {}).get("initiatedBy") or {}
    return str(operation.get("startedAt") or "") if by.get("automated") else ""


def _begun(status: Mapping[str, Any]) -> dict[str, str]:
    operation = status.get("operationState") or {}
    begun = {str(one.get("revision")): str(one.get("deployStartedAt")) for one in status.get("history") or []}
    running = (operation.get("syncResult") or {}).get("revision")
    return begun | ({str(running): str(operation.get("startedAt"))} if running else {})


def _holds(held: Any, wanted: Any) -> bool:
    """Whether `held` says everything that `wanted` does. The server leaves empty values out."""
    if isinstance(wanted, Mapping):
        if held is None:
            return not wanted
        return isinstance(held, Mapping) and all(_holds(held.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        pairs = held or []
        return len(pairs) == len(wanted) and all(_holds(one, other) for one, other in zip(pairs, wanted, strict=True))
    return bool(held == wanted) or (held is None and wanted in {"", False})

"""Argo CD's REST API in memory, behind the `Rest` that the adapter talks through."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pov.engines.rest import Refused


class FakeRest:
    """Stands in for `pov.engines.rest.Rest`: sessions, lists and upserts as Argo CD's server does them."""

    def __init__(self, password: str = "secret") -> None:  # noqa: S107 - a test's
        self.password = password
        self.token: str | None = None
        self.calls: list[tuple[str, str]] = []
        self.logins = 0
        self.projects: list[dict[str, Any]] = []
        self.repositories: list[dict[str, Any]] = []
        self.application_sets: list[dict[str, Any]] = []
        self.applications: list[dict[str, Any]] = []
        self.reachable = True
        self._auth: Any = None

    def use(self, auth: Any) -> None:
        self._auth = auth

    def close(self) -> None: ...

    def call(self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None) -> Any:
        self.calls.append((method, path))
        if path == "/api/version":
            return {"Version": "v3.6.1"}
        if path == "/api/v1/session":
            return self._log_in(body)
        if self._auth is None or self._auth._secret.reveal() != self.token:
            raise Refused("Argo CD", f"{method} {path}", 401, "invalid session: token is expired")
        body = json.loads(json.dumps(body))
        lists = {
            "projects": self.projects,
            "repositories": self.repositories,
            "applicationsets": self.application_sets,
            "applications": self.applications,
        }
        kind, _, name = path.removeprefix("/api/v1/").partition("/")
        if method == "GET" and name:
            return next(item for item in lists[kind] if item["metadata"]["name"] == name)
        if method == "GET":
            return {"items": lists[kind] or None}
        return self._put(kind, lists[kind], body)

    def expire(self) -> None:
        """End the session that is under way."""
        self.token = None

    def _log_in(self, body: Any) -> Any:
        if body["password"] != self.password:
            raise Refused("Argo CD", "POST /api/v1/session", 401, "Invalid username or password")
        self.logins += 1
        self.token = f"session-{self.logins}"
        return {"token": self.token}

    def _put(self, kind: str, held: list[dict[str, Any]], body: Any) -> Any:
        if kind == "repositories":
            if not self.reachable:
                raise Refused("Argo CD", "POST /api/v1/repositories", 400, "authentication required")
            held[:] = [item for item in held if item["repo"] != body["repo"]]
            held.append(
                {"repo": body["repo"], "username": body["username"], "connectionState": {"status": "Successful"}}
            )
            return body
        manifest = body["project"] if kind == "projects" else body
        name = manifest["metadata"]["name"]
        held[:] = [item for item in held if item["metadata"]["name"] != name]
        held.append(_without_empty({key: manifest[key] for key in ("metadata", "spec")}))
        return manifest


def _without_empty(value: Any) -> Any:
    # Go leaves empty values out, where its types say so; the adapter must not take that for a difference.
    if isinstance(value, dict):
        return {key: _without_empty(item) for key, item in value.items() if item not in (None, [], {}, "", False)}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value

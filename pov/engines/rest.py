"""HTTPS to services of the environment: vouched for by its own CA, past every proxy, with a limit on every call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth

from pov.base.errors import PovError, Transient
from pov.base.redact import Secret

_CALL_S = 30.0
_SAID = 1000


class Authorization(AuthBase):
    """A header whose value is a secret: `Authorization: SCHEME SECRET`."""

    def __init__(self, scheme: str, secret: Secret) -> None:
        self._scheme = scheme
        self._secret = secret

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:  # noqa: D102 - as in requests
        request.headers["Authorization"] = f"{self._scheme} {self._secret.reveal()}"
        return request


def password(user: str, secret: Secret) -> AuthBase:
    """Basic authentication; any characters."""
    return HTTPBasicAuth(user.encode(), secret.reveal().encode())


class Refused(PovError):
    """The service said no: `status` is HTTP's, `cause` what it said."""

    def __init__(self, service: str, what: str, status: int, said: str) -> None:
        super().__init__(f"{service} refused {what} with {status}", cause=said)
        self.status = status


class Untrusted(PovError):
    """Whoever answered is not vouched for, and was told nothing: by an old certificate, or another one's server."""

    def __init__(self, service: str, cause: str) -> None:
        fix = "pov up  (it renews the certificate)"
        super().__init__(f"{service}'s certificate was not accepted", cause=cause, fix=fix)


COMING_BACK = (Transient, Untrusted)
"""What is met while a server, or the container engine before it, comes back: nobody, or another one's server."""


class Rest:
    """One service's JSON API. Proxy and certificate variables of the machine (`REQUESTS_CA_BUNDLE` …) are ignored.

    No answer and 5xx raise `Transient`, a certificate that `ca_path` does not vouch for `Untrusted`, every other code
    from 400 `Refused`. Nothing is sent twice by itself.
    """

    def __init__(
        self, service: str, url: str, ca_path: Path, auth: AuthBase | None = None, *, timeout_s: float = _CALL_S
    ) -> None:
        self.service = service
        self._timeout_s = timeout_s
        self.url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(ca_path)
        self._session.auth = auth
        self._session.mount("https://", HTTPAdapter(max_retries=0))

    def use(self, auth: AuthBase | None) -> None:
        """Log in differently from now on."""
        self._session.auth = auth

    def close(self) -> None:
        """Close kept connections."""
        self._session.close()

    def call(self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None) -> Any:
        """Send a request; returns the decoded answer, `{}` for an empty one."""
        try:
            reply = self._session.request(
                method, f"{self.url}{path}", json=body, params=query, timeout=self._timeout_s, allow_redirects=False
            )
        except requests.exceptions.RequestException as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise Untrusted(self.service, str(error)) from error
            raise Transient(f"{self.service} did not answer", cause=f"{method} {path}: {error}") from error
        if reply.status_code >= 500:
            raise Transient(f"{self.service} failed with {reply.status_code}", cause=f"{method} {path}: {_said(reply)}")
        if reply.status_code >= 300:
            raise Refused(self.service, f"{method} {path}", reply.status_code, _said(reply))
        try:
            return reply.json() if reply.content else {}
        except ValueError as error:
            raise PovError(f"{self.service} answered {method} {path} without JSON", cause=reply.text[:_SAID]) from error


def _said(reply: requests.Response) -> str:
    try:
        return str(reply.json().get("message", ""))[:_SAID]
    except (ValueError, AttributeError):
        return reply.text[:_SAID]

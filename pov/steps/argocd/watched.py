"""What Argo CD watches: the configuration repository, one project, one application for each stage."""

from __future__ import annotations

import json
from typing import Any

from pov.base.errors import PovError
from pov.base.redact import Secret
from pov.engines.argocd import ArgoCD
from pov.state.home import Home
from pov.steps.argocd.install import ADMIN, PASSWORD_FILE
from pov.steps.context import Context
from pov.steps.core import Outcome, Report, Step
from pov.steps.git.repository import IN_CLUSTER_URL, branch_of
from pov.steps.git.server import READER, READER_TOKEN_FILE
from pov.steps.patience import bearing
from pov.steps.templates import document, render

SESSION_FILE = "argocd-session"
_SERVER = "https://kubernetes.default.svc"


def step() -> Step:
    """Argo CD starts to sync as soon as it is told, so the repository and the namespaces come first."""
    needs = ("argocd_install", "git_repository", "landing_zone")
    return Step("argocd", "Argo CD watches the configuration repository", _run, needs, expected_s=3)


def connect(ctx: Context) -> ArgoCD:
    """Argo CD as its administrator. Raises `PovError` before it is installed."""
    password = ctx.home.secret(PASSWORD_FILE)
    if password is None:
        raise PovError("Argo CD has no login yet", fix="pov up")
    return ArgoCD.at(ctx.url("argocd"), ctx.trust.ca_path, ADMIN, password, sessions=_Kept(ctx.home))


class _Kept:
    """The administrator's session among the environment's secrets, beside the password that it came from."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def held(self) -> Secret | None:
        """None before the first login."""
        try:
            return self._home.secret(SESSION_FILE)
        except UnicodeDecodeError:
            return None

    def keep(self, token: Secret) -> None:
        """In the place of the one before."""
        self._home.save_secret(SESSION_FILE, token)


def stages(ctx: Context) -> list[str]:
    """The stages that Argo CD looks after, which are its applications' names as well."""
    return [estate.name for estate in ctx.estates if estate.kind == "gitops"]


def _run(ctx: Context, report: Report) -> Outcome:
    changed = bearing("Argo CD to watch the repository", lambda: _ensure(ctx, report), report)
    return Outcome.CHANGED if changed else Outcome.UNCHANGED


def _ensure(ctx: Context, report: Report) -> bool:
    argo = connect(ctx)
    report.say("telling Argo CD of the repository")
    # It tries the login through its repository server, which may be a moment behind its API.
    changed = argo.ensure_repository(IN_CLUSTER_URL, READER, lambda: _reader_token(ctx))
    changed |= argo.ensure_project(project(ctx))
    report.say("telling Argo CD of the stages")
    return argo.ensure_application_set(application_set(ctx)) or changed


def _reader_token(ctx: Context) -> Secret:
    token = ctx.home.secret(READER_TOKEN_FILE)
    if token is None:
        raise PovError("Git has no login for Argo CD yet", fix="pov up")
    return token


def project(ctx: Context) -> dict[str, Any]:
    """The AppProject: what the stages may touch."""
    destinations = [{"server": _SERVER, "namespace": name} for name in stages(ctx)]
    return document(
        render("project.yaml", values={"repository": IN_CLUSTER_URL, "destinations": json.dumps(destinations)})
    )


def application_set(ctx: Context) -> dict[str, Any]:
    """The ApplicationSet: one application for each stage."""
    elements = [{"stage": name, "branch": branch_of(name)} for name in stages(ctx)]
    return document(
        render("applicationset.yaml", values={"repository": IN_CLUSTER_URL, "elements": json.dumps(elements)})
    )

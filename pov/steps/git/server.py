"""Gitea in the cluster, and its three people: `pov` who pushes, `reviewer` who approves, `argocd` who reads."""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Any

from pov.base.errors import CommandFailed, NotFound, PovError, TimedOut, Transient
from pov.base.paths import data
from pov.base.redact import Secret
from pov.engines.gitea import Gitea
from pov.steps.context import Context
from pov.steps.core import Outcome, Report, Step
from pov.steps.patience import bearing
from pov.steps.templates import documents, render
from pov.steps.trust.passwords import kept
from pov.steps.trust.tls import certificate_of, tls_secret

NAMESPACE = "gitea"
OWNER = "pov"
REVIEWER = "reviewer"
READER = "argocd"
TOKEN_FILE = "gitea-token"  # noqa: S105 - a file's name
READER_TOKEN_FILE = "gitea-argocd-token"  # noqa: S105 - a file's name

_DNS = ("gitea.gitea.svc", "gitea.gitea.svc.cluster.local", "gitea")
_SCOPES = ("write:admin", "write:issue", "write:repository", "write:user")
_GITEA = ("gitea", "--config", "/etc/gitea/app.ini", "admin", "user")
_PORT = {"name": "https", "port": 3000, "targetPort": "https"}
_START_LIMIT_S = 180.0
_COMMAND_S = 60.0


def step() -> Step:
    """Git needs a cluster whose services are reached and the CA, nothing else."""
    return Step("git", "Git server: Gitea", _run, ("trust", "network"), expected_s=8)


def connect(ctx: Context) -> Gitea:
    """Gitea as `pov`. Raises `PovError` before the git step ran."""
    token = ctx.home.secret(TOKEN_FILE)
    if token is None:
        raise PovError("Git has no login yet", fix="pov up")
    return Gitea.by_token(ctx.url("gitea"), ctx.trust.ca_path, OWNER, token)


def connect_as(ctx: Context, user: str) -> Gitea:
    """Gitea as `pov` or `reviewer`, by password. Raises `PovError` before the git step ran."""
    secret = ctx.home.secret(password_file(user))
    if secret is None:
        raise PovError(f"no password of {user} for Git yet", fix="pov up")
    return Gitea.by_password(ctx.url("gitea"), ctx.trust.ca_path, user, secret)


def password_file(user: str) -> str:
    """The file in the home's secrets that holds somebody's password for Git."""
    return "gitea-password" if user == OWNER else f"gitea-{user}-password"


def _run(ctx: Context, report: Report) -> Outcome:
    report.say("installing Gitea")
    changed = ctx.kube.apply(_manifests(ctx), set_name="git", on_pending=report.waits)
    ctx.kube.wait_ready("Deployment", ["gitea"], NAMESPACE, timeout_s=_START_LIMIT_S, on_pending=report.waits)
    report.say("making users")
    changed |= bearing("users of Git", lambda: _people(ctx), report)
    return Outcome.CHANGED if changed else Outcome.UNCHANGED


def _manifests(ctx: Context) -> list[dict[str, Any]]:
    configuration = data("argocd", "gitea", "app.ini").read_text()
    tls = tls_secret(ctx, NAMESPACE, "gitea-tls", _DNS)
    volume = ctx.cluster.claim(ctx.kube, NAMESPACE, "gitea-data", "1Gi")
    values = {
        "image": ctx.images["gitea"],
        "claim": volume.name,
        "configuration": _digest(configuration),
        "certificate": _digest(certificate_of(tls)),
    }
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "gitea-configuration", "namespace": NAMESPACE},
        "data": {"app.ini": configuration},
    }
    own = documents(render("gitea", "manifests.yaml", values=values))
    for manifest in own:
        if manifest["kind"] == "Service":
            manifest["spec"] |= ctx.cluster.exposed("gitea", _PORT)
    return [*own, config_map, _secrets(ctx), tls, *volume.manifests]


def _secrets(ctx: Context) -> dict[str, Any]:
    """What Gitea signs and encrypts with, in the cluster alone. Another key would make stored values unreadable."""
    held = ctx.kube.secret("gitea-secrets", NAMESPACE) or {}
    fresh = {
        "secret_key": secrets.token_urlsafe(48).encode(),
        "internal_token": secrets.token_urlsafe(48).encode(),
        "jwt_secret": base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"="),
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "gitea-secrets", "namespace": NAMESPACE},
        "data": {key: base64.b64encode(held.get(key) or value).decode() for key, value in fresh.items()},
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _people(ctx: Context) -> bool:
    """Make the users and their tokens, whatever an earlier run had done of it. Returns whether anything was made."""
    token = ctx.home.secret(TOKEN_FILE)
    known = token is not None and _is_known(ctx, token)
    if known and ctx.home.secret(READER_TOKEN_FILE) is not None and ctx.home.secret(password_file(REVIEWER)):
        return False
    if not known:
        token = _first_token(ctx)
        ctx.home.save_secret(TOKEN_FILE, token)
    owner = connect(ctx)
    # Passwords are kept before they are set: cut off in between, the next run sets the same ones.
    owner.set_password(OWNER, kept(ctx.home, password_file(OWNER)))
    owner.ensure_user(REVIEWER, kept(ctx.home, password_file(REVIEWER)))
    owner.ensure_user(READER, kept(ctx.home, password_file(READER)))
    ctx.home.save_secret(READER_TOKEN_FILE, connect_as(ctx, READER).make_token("argocd", ("read:repository",)))
    return True


def _is_known(ctx: Context, token: Secret) -> bool:
    return Gitea.by_token(ctx.url("gitea"), ctx.trust.ca_path, OWNER, token).is_logged_in()


def _first_token(ctx: Context) -> Secret:
    """A token of `pov`, made inside the pod so that no secret is an argument; the user too, if there is none."""
    name = f"pov-{secrets.token_hex(4)}"
    scopes = ",".join(_SCOPES)
    create = (
        *(*_GITEA, "create", "--admin", "--username", OWNER, "--email", f"{OWNER}@pov.dev"),
        *("--random-password", "--random-password-length", "32", "--must-change-password=false"),
        *("--access-token", "--access-token-name", name, "--access-token-scopes", scopes),
    )
    renew = (
        *_GITEA, "generate-access-token", "--username", OWNER, "--token-name", name, "--scopes", scopes, "--raw"
    )  # fmt: skip
    try:
        said = run_inside(ctx, create)
    except CommandFailed as error:
        if "already exist" not in error.stderr + error.stdout:
            raise _without_output(error) from None
        try:
            said = run_inside(ctx, renew)
        except CommandFailed as failure:
            raise _without_output(failure) from None
    return Secret(said.split()[-1])


def _without_output(error: CommandFailed) -> PovError:
    # The random password may stand in its output, and an error ends on the screen.
    last = error.stderr.strip().splitlines()[-1:] or ["no reason told"]
    return PovError("Gitea did not make its first user", cause=last[0], fix="pov up  (it tries again)")


def run_inside(ctx: Context, argv: tuple[str, ...]) -> str:
    """Run a command in the server's pod; returns what it printed. Raises `Transient` where the pod goes away."""
    pods = _running(ctx)
    if not pods:
        raise Transient("no Gitea pod runs")
    try:
        return ctx.kube.exec(pods[0], NAMESPACE, argv, container="gitea", timeout_s=_COMMAND_S)
    except (CommandFailed, NotFound, TimedOut) as error:
        if pods[0] not in _running(ctx):
            raise Transient("the Gitea pod went away") from error
        raise


def _running(ctx: Context) -> list[str]:
    return [
        item["metadata"]["name"]
        for item in ctx.kube.list("Pod", NAMESPACE, labels="app=gitea")
        if item["status"].get("phase") == "Running" and not item["metadata"].get("deletionTimestamp")
    ]

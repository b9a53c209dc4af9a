"""The gate in the cluster: its image, the deal's protected repository, and what watches it.

Three people more than before. `architect` reads the deal's repository, works on a fork of it and asks by pull request;
whoever may only read can set no status. `gate` says what is green. `reviewer` merges what is.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pov.base.paths import config_root, data
from pov.base.redact import Secret
from pov.base.scratch import scratch
from pov.config.offering import shipped
from pov.engines.branches import Rule
from pov.engines.git import ConfigRepo
from pov.engines.git_command import Remote
from pov.engines.gitea import Gitea
from pov.engines.gitea_pulls import Pulls
from pov.steps.context import Context
from pov.steps.core import Outcome, Report, Step
from pov.steps.gate import repository
from pov.steps.gate.names import CA_KEY, CONTEXT, JOB, MAIN, NAMESPACE, REPOSITORY, RUNNER, TOKEN_KEY, USER
from pov.steps.gate.published import publish
from pov.steps.git.server import OWNER, REVIEWER, TOKEN_FILE, connect, connect_as, password_file
from pov.steps.landing_zone.asking import sizes
from pov.steps.patience import bearing
from pov.steps.templates import documents, render
from pov.steps.trust.passwords import kept

if TYPE_CHECKING:
    from pov.bundle.layers import Image

ARCHITECT = "architect"
RULE = Rule(MAIN, pushers=(OWNER,), status=CONTEXT)
TOKENS = {
    RUNNER: ("gitea-gate-token", ("write:repository", "write:issue")),
    JOB: ("gitea-gate-reader-token", ("read:repository",)),
}
"""By who has it: the file in the home's secrets, and what it may."""

_NAME = REPOSITORY.rpartition("/")[2]
_SUBJECT = "Bring what judges to what this environment has"
_START_LIMIT_S = 240.0


def step() -> Step:
    """Git, and the landing zone's state: against a copy of it is planned what is judged."""
    return Step("gate", "The gate on pull requests", _run, ("git", "landing_zone"), expected_s=30)


def architect(ctx: Context) -> Pulls:
    """Gitea as the one who asks. Raises `PovError` before the gate step ran."""
    return _as(ctx, ARCHITECT)


def reviewer(ctx: Context) -> Pulls:
    """Gitea as the one who merges. Raises `PovError` before the gate step ran."""
    return _as(ctx, REVIEWER)


def _as(ctx: Context, user: str) -> Pulls:
    secret = kept(ctx.home, password_file(user))
    return Pulls.by_password(ctx.url("gitea"), ctx.trust.ca_path, user, secret)


def _run(ctx: Context, report: Report) -> Outcome:
    from pov.bundle.gate_image import gate_image  # noqa: PLC0415 - most scenarios have no gate

    report.say("making the gate's image")
    image = gate_image(lambda event: report.say(f"{event.subject}: {event.message}"))
    changed = _bring(ctx, image, report)
    changed |= bearing("the deal's repository", lambda: _repository(ctx, report), report)
    report.say("starting what watches it")
    changed |= ctx.kube.apply(_manifests(ctx, image.reference), set_name="gate")
    changed |= publish(ctx)
    ctx.kube.wait_ready("Deployment", [RUNNER], NAMESPACE, timeout_s=_START_LIMIT_S, on_pending=report.waits)
    return Outcome.CHANGED if changed else Outcome.UNCHANGED


def _bring(ctx: Context, image: Image, report: Report) -> bool:
    from pov.bundle.layers import write_archive  # noqa: PLC0415

    if ctx.cluster.has_image(image.reference):
        return False
    report.say("bringing the gate's image into the cluster")
    with scratch() as folder:
        write_archive([image], folder / "gate.tar")
        ctx.cluster.bring_images(folder / "gate.tar")
    return True


def _repository(ctx: Context, report: Report) -> bool:
    report.say("making the deal's repository")
    owner = connect(ctx)
    changed = owner.ensure_repository(_NAME, "The deal, and what its pull requests are judged by")
    for user, permission in ((USER, "write"), (REVIEWER, "write"), (ARCHITECT, "read")):
        if user != REVIEWER:
            owner.ensure_user(user, kept(ctx.home, password_file(user)))
        changed |= owner.ensure_collaborator(REPOSITORY, user, permission)
    changed |= _content(ctx)
    changed |= owner.protect(REPOSITORY, RULE)
    # What is applied is a merge of what was judged: another way would leave it waiting for a further pull request.
    changed |= owner.only_merge_commits(REPOSITORY)
    changed |= architect(ctx).ensure_fork(REPOSITORY)
    for file, scopes in TOKENS.values():
        held = ctx.home.secret(file)
        if held is None or not _is_known(ctx, held):
            ctx.home.save_secret(file, connect_as(ctx, USER).make_token(file, scopes))
            changed = True
    return changed


def _is_known(ctx: Context, token: Secret) -> bool:
    """Whether the server knows a token, by what each of them may: read the repository."""
    return Gitea.by_token(ctx.url("gitea"), ctx.trust.ca_path, USER, token).may_read(REPOSITORY)


def _content(ctx: Context) -> bool:
    """Write what judges, and what is missing of the rest."""
    remote = Remote(f"{ctx.url('gitea')}/{REPOSITORY}.git", OWNER, ctx.home.secrets_dir / TOKEN_FILE, ctx.trust.ca_path)
    repo = ConfigRepo.open(ctx.home.root / "git" / _NAME, remote, MAIN)
    named = ctx.engagement.scope.offering if ctx.engagement is not None and ctx.engagement.scope is not None else ""
    wanted = repository.managed(Path(named) if named else shipped(), config_root())
    there = repo.paths()
    example = data("scenarios", ctx.scenario.name, "deal")
    for folder, files in repository.seeds(ctx.engagement, example, sizes(ctx.scenario, ctx.estates)).items():
        if not any(path.startswith(f"{folder}/") for path in there):
            for path, text in files.items():
                repo.write(path, text)
    repo.replace(wanted, repository.is_managed)
    if not repo.is_changed():
        return False
    repo.commit(_SUBJECT)
    repo.push()
    return True


def _manifests(ctx: Context, image: str) -> list[dict[str, Any]]:
    logins = [_login(ctx, name) for name in TOKENS]
    fingerprint = hashlib.sha256(str(logins).encode()).hexdigest()[:16]
    values = {"image": image, "environment": ctx.name, "login": fingerprint}
    return [*documents(render("gate", "manifests.yaml", values=values)), *logins]


def _login(ctx: Context, name: str) -> dict[str, Any]:
    token = ctx.home.secret(TOKENS[name][0])
    content = {TOKEN_KEY: token.reveal() if token is not None else "", CA_KEY: ctx.trust.ca_pem}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in content.items()},
    }

"""The configuration repository: its content, who may change which branch, and whom it tells of a push."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pov.base.errors import PovError, Transient
from pov.config.weights import cpu_requests
from pov.engines.branches import Rule
from pov.engines.git import ConfigRepo
from pov.engines.git_command import Remote
from pov.engines.gitea import Gitea
from pov.model.topology import Service
from pov.state.home import Home
from pov.steps.context import Context
from pov.steps.core import Outcome, Report, Step
from pov.steps.git import content as repository
from pov.steps.git import locks, overlay
from pov.steps.git.promotion import promote
from pov.steps.git.server import OWNER, READER, REVIEWER, TOKEN_FILE, connect
from pov.steps.patience import bearing
from pov.steps.trust.passwords import kept

NAME = "platform-config"
FULL_NAME = f"{OWNER}/{NAME}"
IN_CLUSTER_URL = f"https://gitea.gitea.svc:3000/{FULL_NAME}.git"
WEBHOOK_URL = "https://argocd-server.argocd.svc/api/webhook"
WEBHOOK_SECRET_FILE = "gitea-webhook-secret"  # noqa: S105 - a file's name
MAIN = "main"
PROD = "prod"
RULES = (
    Rule(MAIN, pushers=(OWNER,), approvals=1, approvers=(REVIEWER,)),
    Rule(PROD, approvals=1, approvers=(REVIEWER,)),
)
"""`pov` itself pushes to main; whatever anybody else wants there is approved by somebody else."""

_SUBJECT = "Bring the stages to what the scenario asks for"


def step() -> Step:
    """The content needs the Git server and the CA's certificate; nothing of Argo CD or Vault."""
    return Step("git_repository", "Configuration repository", _run, ("git",), expected_s=3)


def branch_of(stage: str) -> str:
    """The branch that a stage follows."""
    return PROD if stage == "prod" else MAIN


def working_copy(ctx: Context, branch: str = MAIN) -> ConfigRepo:
    """A working copy of the configuration repository, as it is on the server now; uncommitted changes are dropped."""
    return ConfigRepo.open(_folder(ctx), _remote(ctx), branch)


def last_fetched(home: Home, file: Path) -> bool:
    """Write the working copy as it is, without asking the server, into a Git bundle; false where there is none."""
    folder = home.root / "git" / NAME
    if not (folder / ".git").is_dir():
        return False
    nowhere = Remote("", OWNER, home.secrets_dir / TOKEN_FILE, home.secrets_dir / "none.crt")
    ConfigRepo(folder, nowhere, MAIN).bundle(file)
    return True


def heads(ctx: Context) -> dict[str, str]:
    """The commit of each branch on the server now. Needs the working copy that the step has made."""
    return ConfigRepo(_folder(ctx), _remote(ctx), MAIN).server_heads()


def _folder(ctx: Context) -> Path:
    return ctx.home.root / "git" / NAME


def _remote(ctx: Context) -> Remote:
    token = ctx.home.secrets_dir / TOKEN_FILE
    return Remote(f"{ctx.url('gitea')}/{FULL_NAME}.git", OWNER, token, ctx.trust.ca_path)


def images(repo: ConfigRepo, stage: str) -> dict[str, str]:
    """Image references by service, as the working copy has them."""
    found = overlay.images_of(repo.read(f"stages/{stage}/kustomization.yaml"))
    return {name: reference for name, reference in found.items() if name != overlay.AGENT_IMAGE}


def set_images(repo: ConfigRepo, stage: str, changed: Mapping[str, str]) -> None:
    """Write other images for some services of a stage; commit and push are the caller's."""
    path = f"stages/{stage}/kustomization.yaml"
    repo.write(path, overlay.with_images(repo.read(path), changed))


def add_service(ctx: Context, repo: ConfigRepo, name: str, stages: Sequence[str]) -> None:
    """Write a new service's files and have stages run it; commit and push are the caller's."""
    request = min(cpu_requests(ctx.scenario).values())
    for path, text in repository.service_files(Service(name, "domain"), ctx.topology, ctx.scenario, request).items():
        repo.write(path, text)
    for stage in stages:
        path = f"stages/{stage}/kustomization.yaml"
        held = repo.read(path)
        repo.write(path, overlay.with_service(held, name, overlay.images_of(held)[overlay.AGENT_IMAGE]))


def remove_service(repo: ConfigRepo, name: str, stages: Sequence[str]) -> bool:
    """Take all of it away; commit and push are the caller's. Returns whether there was anything."""
    for path in repo.paths():
        if path.startswith(f"services/{name}/"):
            repo.remove(path)
    for stage in stages:
        path = f"stages/{stage}/kustomization.yaml"
        repo.write(path, overlay.without_service(repo.read(path), name))
    return repo.is_changed()


def generation(repo: ConfigRepo, stage: str) -> int:
    """The number whose rise renews every certificate of a stage."""
    return overlay.generation_of(repo.read(f"stages/{stage}/certificate-policy.yaml"))


def set_generation(repo: ConfigRepo, stage: str, number: int) -> None:
    """Write another number; commit and push are the caller's."""
    path = f"stages/{stage}/certificate-policy.yaml"
    repo.write(path, overlay.with_generation(repo.read(path), number))


def webhook(ctx: Context, on: bool) -> None:
    """Switch the webhook to Argo CD on or off: off, Argo CD finds out by itself, as it polls."""
    connect(ctx).set_webhook_active(FULL_NAME, on)


def _run(ctx: Context, report: Report) -> Outcome:
    changed = bearing("the configuration repository", lambda: _past_locks(ctx, report), report)
    return Outcome.CHANGED if changed else Outcome.UNCHANGED


def _past_locks(ctx: Context, report: Report) -> bool:
    try:
        return _ensure(ctx, report)
    except PovError as error:
        if not locks.told_by(error):
            raise
        for path in locks.take_away(ctx, FULL_NAME):
            report.note(f"took away {path}, which a push that was cut off had left")
        raise Transient("a branch of the configuration repository is locked", cause=error.cause) from error


def _ensure(ctx: Context, report: Report) -> bool:
    gitea = connect(ctx)
    report.say("making the repository")
    changed = gitea.ensure_repository(NAME, "What runs in each stage")
    changed |= gitea.ensure_collaborator(FULL_NAME, REVIEWER, "write")
    changed |= gitea.ensure_collaborator(FULL_NAME, READER, "read")
    report.say("writing the configuration")
    repo = working_copy(ctx)
    changed |= _write(ctx, repo)
    changed |= _branches(ctx, gitea, repo)
    changed |= gitea.ensure_webhook(FULL_NAME, WEBHOOK_URL, kept(ctx.home, WEBHOOK_SECRET_FILE))
    if not gitea.is_webhook_active(FULL_NAME):
        # A trial of the poll alone switches it off, and may have been killed before it switched it on again.
        webhook(ctx, on=True)
        changed = True
    return changed


def _write(ctx: Context, repo: ConfigRepo) -> bool:
    """Commit and push what differs from the scenario. Versions that somebody else has set stay."""
    gitops = [estate.name for estate in ctx.estates if estate.kind == "gitops"]
    held = repo.files(path for name in gitops for path in overlay.kept_in(name))
    wanted = repository.files(
        ctx.topology,
        ctx.estates,
        ctx.scenario,
        ctx.images["mock"],
        ca_pem=ctx.trust.ca_pem,
        kept={name: overlay.read_kept(held, name) for name in gitops},
    )
    repo.replace(wanted, repository.is_managed)
    fresh = repo.remote_head(PROD) is None
    if not repo.is_changed() and not fresh:
        return False
    repo.commit(_SUBJECT)
    # Prod starts where main does; from then on it is protected, and changes by pull request alone.
    repo.push(*([PROD] if fresh else []))
    return True


def _branches(ctx: Context, gitea: Gitea, repo: ConfigRepo) -> bool:
    """Protect both branches, and bring to prod by pull request what an `up` has changed since."""
    changed = False
    if repo.subject() == _SUBJECT and not repo.is_part_of(PROD) and _has_prod(ctx):
        promote(ctx, _SUBJECT)
        changed = True
    for rule in RULES:
        changed |= gitea.protect(FULL_NAME, rule)
    return changed


def _has_prod(ctx: Context) -> bool:
    return any(estate.name == "prod" for estate in ctx.estates)

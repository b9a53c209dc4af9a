"""One suite against the Gitea in memory and a real one; then what only a real one shows: logins, pushes, refusals."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.errors import CommandFailed, NotFound, PovError, Transient
from pov.base.redact import Secret
from pov.engines.branches import Protection, Rule
from pov.engines.git import ConfigRepo
from pov.engines.git_command import Remote
from pov.engines.gitea import Gitea
from pov.engines.rest import Refused
from pov.state.home import Home
from pov.steps.git import locks
from pov.steps.git import repository as git_repository
from pov.steps.git import server as git_step
from pov.steps.git.promotion import promote
from tests.contract.servers import GiteaServer
from tests.fakes.gitea import FakeGitea, FakeServer

pytestmark = [pytest.mark.contract, pytest.mark.timeout(180)]

NAME = "platform-config"
PASSWORD = Secret("correct horse battery staple")


@dataclass
class World:
    """One server, fake or real, with a repository of its own for each test."""

    owner: Any
    name: str
    as_user: Callable[[str, Secret], Any]
    push: Callable[[str], str]
    fork: Callable[[str], None]

    @property
    def repository(self) -> str:
        return f"{self.owner.user}/{self.name}"


_NUMBERS = iter(range(1000))


@pytest.fixture(params=["fake", "real"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    name = f"configuration-{next(_NUMBERS)}"
    if request.param == "fake":
        server = FakeServer()
        owner = FakeGitea(server, "pov")
        full = f"pov/{name}"
        yield World(
            owner,
            name,
            lambda user, password: FakeGitea(server, user, password),
            lambda branch: server.push(full, branch),
            lambda branch: server.fork(full, branch),
        )
        return
    real: GiteaServer = request.getfixturevalue("gitea")
    gitea = Gitea.by_token(real.url, real.ca_path, real.owner, real.token)
    yield World(
        gitea,
        name,
        lambda user, password: Gitea.by_password(real.url, real.ca_path, user, password),
        lambda branch: _push(clone(real, tmp_path, name, branch)),
        lambda branch: _fork(clone(real, tmp_path, name, "main"), branch),
    )
    gitea.close()


def clone(real: GiteaServer, folder: Path, name: str, branch: str, token: Secret | None = None) -> ConfigRepo:
    file = folder / f"token-{branch}"
    file.write_text((token or real.token).reveal())
    file.chmod(0o600)
    remote = Remote(f"{real.url}/{real.owner}/{name}.git", real.owner, file, real.ca_path)
    return ConfigRepo.open(folder / "copies" / f"{name}-{branch}", remote, branch)


def _push(repo: ConfigRepo) -> str:
    repo.write("changed.txt", str(time.monotonic_ns()))
    repo.commit("Change something")
    return repo.push()


def _fork(repo: ConfigRepo, branch: str) -> None:
    repo.push(branch)


def until_merged(world: World, number: int) -> str:
    """What `promote` does: approvals that Gitea voids while it works off an earlier push are given again."""
    reviewer = world.as_user("reviewer", PASSWORD)
    for _ in range(50):
        if not reviewer.is_approved(world.repository, number):
            reviewer.approve(world.repository, number)
        try:
            return str(world.owner.merge(world.repository, number))
        except Refused:
            time.sleep(0.2)
    raise AssertionError("never merged")


def with_review(world: World) -> None:
    world.owner.ensure_repository(world.name, "")
    world.owner.ensure_user("reviewer", PASSWORD)
    world.owner.ensure_collaborator(world.repository, "reviewer", "write")
    world.push("main")
    world.fork("prod")
    world.owner.protect(world.repository, Rule("prod", approvals=1, approvers=("reviewer",)))
    world.push("main")


def test_a_repository_is_made_once(world: World) -> None:
    assert world.owner.ensure_repository(world.name, "What runs") is True
    assert world.owner.ensure_repository(world.name, "What runs") is False


def test_an_unknown_repository_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        world.owner.is_webhook_active("pov/nothing")


def test_a_user_is_made_once_and_gets_the_password_that_was_asked_for(world: World) -> None:
    name = f"user-{next(_NUMBERS)}"
    assert world.owner.ensure_user(name, PASSWORD) is True
    assert world.as_user(name, PASSWORD).is_logged_in()
    assert world.owner.ensure_user(name, Secret("another password")) is False
    assert not world.as_user(name, PASSWORD).is_logged_in()
    assert world.as_user(name, Secret("another password")).is_logged_in()
    token = world.as_user(name, Secret("another password")).make_token("reads", ("read:repository",))
    assert token != world.as_user(name, Secret("another password")).make_token("reads", ("read:repository",))


def test_only_a_password_makes_tokens(world: World) -> None:
    with pytest.raises(Refused) as caught:
        world.owner.make_token("more", ("read:repository",))
    assert caught.value.status == 401


def test_a_collaborator_is_let_in_once_and_can_be_given_more(world: World) -> None:
    world.owner.ensure_repository(world.name, "")
    world.owner.ensure_user("reviewer", PASSWORD)
    assert world.owner.ensure_collaborator(world.repository, "reviewer", "read") is True
    assert world.owner.ensure_collaborator(world.repository, "reviewer", "read") is False
    assert world.owner.ensure_collaborator(world.repository, "reviewer", "write") is True


def test_protection_is_made_once_and_follows_its_rule(world: World) -> None:
    with_review(world)
    rule = Rule("main", pushers=("pov",))
    bare = Protection((), 0, (), force_push=False, dismisses_stale=True, holds_administrators=True)
    assert world.owner.protection(world.repository, "prod") == replace(bare, approvals=1, approvers=("reviewer",))
    assert world.owner.protection(world.repository, "main") is None
    assert world.owner.protect(world.repository, rule) is True
    assert world.owner.protect(world.repository, rule) is False
    assert world.owner.protection(world.repository, "main") == replace(bare, pushers=("pov",))
    assert world.owner.protect(world.repository, Rule("main", approvals=1, approvers=("reviewer",))) is True
    assert world.owner.protect(world.repository, rule) is True


def test_merges_by_merge_commits_alone_are_asked_for_once(world: World) -> None:
    with pytest.raises(NotFound):
        world.owner.only_merge_commits("pov/nothing")
    world.owner.ensure_repository(world.name, "")
    assert world.owner.only_merge_commits(world.repository) is True
    assert world.owner.only_merge_commits(world.repository) is False


def test_a_webhook_is_made_once_replaced_for_another_secret_and_stays_off(world: World) -> None:
    url = "https://argocd-server.argocd.svc/api/webhook"
    world.owner.ensure_repository(world.name, "")
    assert not world.owner.is_webhook_active(world.repository)
    assert world.owner.ensure_webhook(world.repository, url, Secret("first")) is True
    assert world.owner.ensure_webhook(world.repository, url, Secret("first")) is False
    assert world.owner.is_webhook_active(world.repository)
    world.owner.set_webhook_active(world.repository, False)
    assert not world.owner.is_webhook_active(world.repository)
    assert world.owner.ensure_webhook(world.repository, url, Secret("first")) is False
    assert not world.owner.is_webhook_active(world.repository)
    world.owner.set_webhook_active(world.repository, True)
    assert world.owner.is_webhook_active(world.repository)
    assert world.owner.ensure_webhook(world.repository, url, Secret("second")) is True
    assert world.owner.is_webhook_active(world.repository)


def test_prod_changes_by_an_approved_pull_request_alone(world: World) -> None:
    with_review(world)
    assert world.owner.commits_ahead(world.repository, "main", "prod") == 1
    pull = world.owner.open_pull(world.repository, "main", "prod", "Promote")
    assert world.owner.open_pull(world.repository, "main", "prod", "Promote").number == pull.number
    with pytest.raises(Refused) as early:
        world.owner.merge(world.repository, pull.number)
    assert early.value.status == 405
    assert "approvals" in early.value.cause
    with pytest.raises(Refused) as own:
        world.owner.approve(world.repository, pull.number)
    assert own.value.status == 422
    assert not world.owner.is_approved(world.repository, pull.number)
    commit = until_merged(world, pull.number)
    done = world.owner.pull(world.repository, pull.number)
    assert (done.state, done.merged_commit) == ("closed", commit)
    assert world.owner.commits_ahead(world.repository, "main", "prod") == 0
    assert world.owner.merge(world.repository, pull.number) == commit
    assert world.owner.approvers(world.repository, pull.number) == ("reviewer",)
    merged = world.owner.merged(world.repository)
    assert {key: (one.number, one.author) for key, one in merged.items()} == {commit: (pull.number, world.owner.user)}


def test_a_branch_goes_once(world: World) -> None:
    with_review(world)
    world.fork("side")
    assert world.owner.merged(world.repository) == {}
    assert world.owner.delete_branch(world.repository, "side") is True
    assert world.owner.delete_branch(world.repository, "side") is False


def test_an_approval_is_of_one_state_and_not_of_what_comes_after(world: World) -> None:
    with_review(world)
    pull = world.owner.open_pull(world.repository, "main", "prod", "Promote")
    reviewer = world.as_user("reviewer", PASSWORD)
    reviewer.approve(world.repository, pull.number)
    world.push("main")
    for _ in range(100):
        if not world.owner.is_approved(world.repository, pull.number):
            break
        time.sleep(0.1)
    with pytest.raises(Refused):
        world.owner.merge(world.repository, pull.number)
    until_merged(world, pull.number)


@pytest.fixture
def ctx(gitea: GiteaServer, tmp_path: Path) -> Any:
    home = Home(tmp_path / "home")
    home.save_secret(git_step.TOKEN_FILE, gitea.token)
    trust = SimpleNamespace(ca_path=gitea.ca_path)
    kube = SimpleNamespace(
        list=lambda *_, **__: [{"metadata": {"name": "gitea"}, "status": {"phase": "Running"}}],
        exec=lambda _pod, _namespace, argv, **_options: _exec(gitea, argv),
    )
    return SimpleNamespace(home=home, trust=trust, kube=kube, url=lambda _: gitea.url)


def _exec(gitea: GiteaServer, argv: Sequence[str]) -> str:
    code, output = gitea.container.get_wrapped_container().exec_run(list(argv), demux=True)
    out, err = (part.decode() if part else "" for part in output)
    if code:
        raise CommandFailed(argv, code, out, err)
    return out


def test_the_three_people_are_made_and_made_again_after_every_loss(ctx: Any) -> None:
    assert git_step._people(ctx) is True
    assert git_step._people(ctx) is False
    for lost in (git_step.TOKEN_FILE, "gitea-password", git_step.READER_TOKEN_FILE, "gitea-reviewer-password"):
        ctx.home.forget_secret(lost)
        if lost == "gitea-password":
            ctx.home.forget_secret(git_step.TOKEN_FILE)
        assert git_step._people(ctx) is True
        assert git_step.connect(ctx).is_logged_in()
        assert all(git_step.connect_as(ctx, user).is_logged_in() for user in ("pov", "reviewer", "argocd"))


def test_pushes_are_refused_where_the_rules_say_so(ctx: Any, gitea: GiteaServer, tmp_path: Path) -> None:
    git_step._people(ctx)
    owner = git_step.connect(ctx)
    owner.ensure_repository(NAME, "")
    owner.ensure_collaborator(git_repository.FULL_NAME, "reviewer", "write")
    owner.ensure_collaborator(git_repository.FULL_NAME, "argocd", "read")
    repo = git_repository.working_copy(ctx)
    repo.write("README.md", "one")
    repo.commit("One")
    first = repo.push("prod")
    for rule in git_repository.RULES:
        assert owner.protect(git_repository.FULL_NAME, rule) is True
        assert owner.protect(git_repository.FULL_NAME, rule) is False
    repo.write("README.md", "two")
    repo.commit("Two")
    second = repo.push()
    assert repo.remote_head() == second
    assert not repo.is_part_of("prod")
    with pytest.raises(PovError, match="push") as direct:
        repo.push("prod")
    assert "protected branch" in direct.value.cause
    # Rewriting history: the same branch, from the first commit on, by force.
    repo._call("reset", "--quiet", "--hard", first)
    repo.write("README.md", "three")
    repo.commit("Three")
    with pytest.raises(PovError, match="push"):
        repo._call("push", "--force", "origin", "HEAD:refs/heads/main")
    repo.refresh()
    assert repo.head == second
    for user, tells in (("reviewer", "protected branch"), ("argocd", "")):
        file = tmp_path / user
        file.write_text(ctx.home.secret(f"gitea-{user}-password").reveal())
        url = f"{gitea.url}/{git_repository.FULL_NAME}.git"
        theirs = ConfigRepo.open(tmp_path / "theirs" / user, Remote(url, user, file, gitea.ca_path))
        assert theirs.head == second, "whoever may read, reads"
        theirs.write("README.md", user)
        theirs.commit("Mine")
        with pytest.raises(PovError) as refused:
            theirs.push()
        assert tells in refused.value.cause
    merged = promote(ctx)
    repo.refresh()
    assert repo.remote_head("prod") == merged
    with pytest.raises(PovError, match="nothing to promote"):
        promote(ctx)


def test_an_administrator_of_the_server_gets_past_it_and_the_next_up_shuts_the_door(
    ctx: Any, gitea: GiteaServer, tmp_path: Path
) -> None:
    """A known limit: who may change the rules of a branch may rewrite what a stage follows."""
    git_step._people(ctx)
    owner = git_step.connect(ctx)
    name = "administered"
    full = f"{gitea.owner}/{name}"
    owner.ensure_repository(name, "")
    # A rule names as approvers those alone who may write.
    owner.ensure_collaborator(full, "reviewer", "write")
    repo = clone(gitea, tmp_path, name, "main")
    repo.write("README.md", "one")
    repo.commit("One")
    repo.push("prod")
    for rule in git_repository.RULES:
        owner.protect(full, rule)
    first = repo.head
    repo._call("commit", "--quiet", "--amend", "--message", "Rewritten")
    with pytest.raises(PovError, match="push"):
        repo._call("push", "--force", "origin", "HEAD:refs/heads/prod")
    owner._call("DELETE", f"/repos/{full}/branch_protections/prod")
    repo._call("push", "--force", "origin", "HEAD:refs/heads/prod")
    repo.refresh()
    assert repo.remote_head("prod") not in {None, first}, "it is not closed"
    assert [owner.protect(full, rule) for rule in git_repository.RULES] == [False, True], "as `pov up` does"
    repo._call("commit", "--quiet", "--amend", "--allow-empty", "--message", "Rewritten again")
    with pytest.raises(PovError, match="push"):
        repo._call("push", "--force", "origin", "HEAD:refs/heads/prod")


def test_git_needs_a_login_and_keeps_none(ctx: Any, gitea: GiteaServer, tmp_path: Path) -> None:
    git_step._people(ctx)
    git_step.connect(ctx).ensure_repository(NAME, "")
    repo = git_repository.working_copy(ctx)
    token = gitea.token.reveal().encode()
    home = [path for path in ctx.home.root.rglob("*") if path.is_file()]
    assert [p.name for p in home if token in p.read_bytes()] == [git_step.TOKEN_FILE]
    assert "@" not in repo._call("config", "remote.origin.url")
    wrong = tmp_path / "wrong"
    wrong.write_text("0" * 40)
    url = f"{gitea.url}/{git_repository.FULL_NAME}.git"
    with pytest.raises(PovError, match="fetch") as refused:
        ConfigRepo.open(tmp_path / "anonymous", Remote(url, "pov", wrong, gitea.ca_path))
    assert not isinstance(refused.value, Transient)
    assert "Authentication failed" in refused.value.cause


def test_company_variables_and_foreign_certificates_change_nothing(
    ctx: Any, gitea: GiteaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = tmp_path / "company.pem"
    company.write_text("")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "GIT_SSL_CAINFO"):
        monkeypatch.setenv(name, str(company))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("GIT_SSL_NO_VERIFY", "1")
    git_step._people(ctx)
    git_step.connect(ctx).ensure_repository(NAME, "")
    git_repository.working_copy(ctx)
    ctx.trust.ca_path = company
    url = f"{gitea.url}/{git_repository.FULL_NAME}.git"
    remote = Remote(url, "pov", ctx.home.secrets_dir / git_step.TOKEN_FILE, company)
    with pytest.raises(PovError) as caught:
        ConfigRepo.open(tmp_path / "unverified", remote)
    assert "certificate" in caught.value.cause.lower()


def test_locks_of_a_killed_push_are_told_and_taken_away_once_they_are_old(gitea: GiteaServer, tmp_path: Path) -> None:
    owner = Gitea.by_token(gitea.url, gitea.ca_path, gitea.owner, gitea.token)
    owner.ensure_repository("locked", "With locks")
    repo = clone(gitea, tmp_path, "locked", "main")
    repo.write("a", "1")
    repo.commit("One")
    repo.push()
    repository = f"{gitea.owner}/locked"
    bare = f"/var/lib/gitea/git/repositories/{repository}.git"
    inside = gitea.container.exec
    assert inside(["touch", f"{bare}/refs/heads/main.lock"]).exit_code == 0
    assert inside(["touch", f"{bare}/objects/maintenance.lock"]).exit_code == 0
    repo.write("a", "2")
    repo.commit("Two")
    with pytest.raises(PovError) as caught:
        repo.push()
    assert locks.told_by(caught.value), caught.value.cause
    assert gitea.exec(*locks.command(repository)) == "", "it may be at work"
    old = ["touch", "-d", "2026-01-01T00:00:00", f"{bare}/refs/heads/main.lock", f"{bare}/objects/maintenance.lock"]
    assert inside(old).exit_code == 0
    assert gitea.exec(*locks.command(repository)).split() == [f"{bare}/refs/heads/main.lock"]
    repo.push()
    assert repo.remote_head() == repo.head
    owner.close()

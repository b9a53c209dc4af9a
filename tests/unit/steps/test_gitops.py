"""The steps of Git and Argo CD on engines in memory: from nothing, again, changed, cut off."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from pov.base.errors import CommandFailed, PovError, Transient
from pov.base.redact import Secret
from pov.engines.git import ConfigRepo
from pov.steps import patience
from pov.steps.argocd import install as argocd_install
from pov.steps.argocd import watched as argocd
from pov.steps.argocd.watched import connect as connect_to_argocd
from pov.steps.core import Outcome
from pov.steps.git import locks, overlay
from pov.steps.git import repository as git_repository
from pov.steps.git import server as git
from pov.steps.services import stages as services
from tests.fakes.gitea import FakeGitea
from tests.unit.steps.gitops_world import Killed, World, make
from tests.unit.steps.restricted import violations

REPOSITORY = "pov/platform-config"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return make(tmp_path, monkeypatch)


@pytest.fixture
def exec_in_pod(world: World, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Gitea's command in its pod, and a server that knows the tokens that it made."""
    ran: list[tuple[str, ...]] = []
    made: list[str] = []

    def execute(pod: str, namespace: str, argv: tuple[str, ...], **options: Any) -> str:
        ran.append(argv)
        if "create" in argv and len(ran) > 1:
            raise CommandFailed(argv, 1, "generated random password is 'x'", "user already exists [name: pov]")
        made.append(f"token-{len(ran)}")
        return f"generated random password is 'no matter'\nAccess token was successfully created... {made[-1]}\n"

    def is_known(ctx: Any, token: Secret) -> bool:
        return token.reveal() in made

    monkeypatch.setattr(world.kube, "exec", execute, raising=False)
    monkeypatch.setattr(git, "_is_known", is_known)
    world.kube.put(
        {"kind": "Pod", "metadata": {"name": "gitea-1", "namespace": "gitea"}, "status": {"phase": "Running"}}
    )
    return ran


def put_repository(world: World) -> None:
    """What the git step leaves behind, as far as the next one needs it."""
    for user in ("reviewer", "argocd"):
        world.server.passwords[user] = Secret(f"{user}'s password")


def sync_fakes(world: World, repo: ConfigRepo) -> None:
    """Tell the Gitea in memory what the repository on this disk holds."""
    branches = world.server.repositories[REPOSITORY].branches
    for branch in ("main", "prod"):
        commits = repo._call("rev-list", "--reverse", f"refs/remotes/origin/{branch}").split()
        branches[branch] = commits


def test_git_from_nothing_and_again(world: World, exec_in_pod: list[tuple[str, ...]]) -> None:
    assert world.run(git.step()) is Outcome.CHANGED
    assert world.kube.waited == ["gitea"]
    assert world.server.passwords.keys() == {"pov", "reviewer", "argocd"}
    for name in ("gitea-password", "gitea-reviewer-password", git.TOKEN_FILE, git.READER_TOKEN_FILE):
        assert world.ctx.home.secret(name), name
    assert world.server.passwords["pov"] == world.ctx.home.secret("gitea-password")
    secrets = {secret.reveal() for secret in world.ctx.home.all_secrets()}
    assert not [part for argv in exec_in_pod for part in argv if part in secrets]
    assert world.run(git.step()) is Outcome.UNCHANGED
    assert len(exec_in_pod) == 1


def test_a_lost_token_is_made_anew_and_the_user_stays(world: World, exec_in_pod: list[tuple[str, ...]]) -> None:
    world.run(git.step())
    world.ctx.home.forget_secret(git.TOKEN_FILE)
    assert world.run(git.step()) is Outcome.CHANGED
    assert ["generate-access-token" in argv for argv in exec_in_pod] == [False, False, True]
    token = world.ctx.home.secret(git.TOKEN_FILE)
    assert token is not None
    assert token.reveal() == "token-3"


def test_git_cut_off_anywhere_is_finished_by_the_next_run(
    world: World, exec_in_pod: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for victim in ("set_password", "ensure_user", "make_token"):
        with monkeypatch.context() as patch:

            def die(*_: Any, **__: Any) -> None:
                raise Killed

            patch.setattr(FakeGitea, victim, die)
            world.ctx.home.forget_secret(git.READER_TOKEN_FILE)
            with pytest.raises(Killed):
                world.run(git.step())
    assert world.run(git.step()) is Outcome.CHANGED
    assert world.server.passwords["reviewer"] == world.ctx.home.secret("gitea-reviewer-password")
    assert world.run(git.step()) is Outcome.UNCHANGED


def test_gitea_that_cannot_make_its_user_tells_no_password(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def execute(pod: str, namespace: str, argv: tuple[str, ...], **options: Any) -> str:
        raise CommandFailed(argv, 1, "generated random password is 'h7Kd92hfP'", "database is locked")

    monkeypatch.setattr(world.kube, "exec", execute, raising=False)
    world.kube.put({"kind": "Pod", "metadata": {"name": "g", "namespace": "gitea"}, "status": {"phase": "Running"}})
    with pytest.raises(PovError, match="first user") as caught:
        world.run(git.step())
    assert caught.value.cause == "database is locked"
    assert "h7Kd92hfP" not in f"{vars(caught.value)} {caught.value.__cause__} {caught.value.__suppress_context__}"


def test_gitea_runs_confined_and_its_configuration_holds_no_secret(world: World) -> None:
    manifests = {(m["kind"], m["metadata"]["name"]): m for m in git._manifests(world.ctx)}
    pod = manifests["Deployment", "gitea"]["spec"]["template"]["spec"]
    assert violations(pod) == []
    assert manifests["Deployment", "gitea"]["spec"]["strategy"] == {"type": "Recreate"}
    volumes = {volume["name"] for volume in pod["volumes"]}
    assert {mount["name"] for mount in pod["containers"][0]["volumeMounts"]} == volumes
    ini = manifests["ConfigMap", "gitea-configuration"]["data"]["app.ini"]
    values = [base64.b64decode(v).decode() for v in manifests["Secret", "gitea-secrets"]["data"].values()]
    assert all(len(value) > 40 and value not in ini for value in values)
    for setting in ("DISABLE_REGISTRATION = true", "REQUIRE_SIGNIN_VIEW = true", "SKIP_TLS_VERIFY = false"):
        assert setting in ini


def test_giteas_own_secrets_stay_once_they_are_in_the_cluster(world: World) -> None:
    first = git._manifests(world.ctx)
    for manifest in first:
        world.kube.put(manifest)
    assert git._manifests(world.ctx) == first


def test_the_repository_from_nothing_and_again(world: World) -> None:
    put_repository(world)
    assert world.run(git_repository.step()) is Outcome.CHANGED
    found = world.server.repositories[REPOSITORY]
    assert found.collaborators == {"reviewer": "write", "argocd": "read"}
    assert {rule.branch: rule.approvals for rule in found.rules.values()} == {"main": 1, "prod": 1}
    assert {rule.branch: rule.pushers for rule in found.rules.values()} == {"main": ("pov",), "prod": ()}
    assert [active for _, active in found.hooks.values()] == [True]
    repo = git_repository.working_copy(world.ctx)
    assert repo.remote_head("prod") == repo.remote_head("main") == repo.head
    assert git_repository.images(repo, "staging")["ledger"] == "mock:1"
    assert overlay.AGENT_IMAGE not in git_repository.images(repo, "staging")
    assert world.run(git_repository.step()) is Outcome.UNCHANGED
    assert git_repository.working_copy(world.ctx).head == repo.head


def test_what_an_experiment_committed_stays(world: World) -> None:
    put_repository(world)
    world.run(git_repository.step())
    repo = git_repository.working_copy(world.ctx)
    git_repository.set_images(repo, "staging", {"ledger": "mock:trial"})
    git_repository.set_generation(repo, "staging", git_repository.generation(repo, "staging") + 1)
    repo.commit("A trial")
    repo.push()
    assert world.run(git_repository.step()) is Outcome.UNCHANGED
    repo.refresh()
    assert git_repository.images(repo, "staging")["ledger"] == "mock:trial"
    assert git_repository.generation(repo, "staging") == 2


def test_a_picture_among_our_files_stays_and_changes_nothing(world: World) -> None:
    put_repository(world)
    world.run(git_repository.step())
    repo = git_repository.working_copy(world.ctx)
    for place in ("logo.png", "stages/dev/logo.png", "services/ledger/logo.png"):
        (repo.folder / place).write_bytes(b"\x89PNG\xff")
    repo.commit("Pictures")
    repo.push()
    assert world.run(git_repository.step()) is Outcome.UNCHANGED
    assert {"logo.png", "stages/dev/logo.png", "services/ledger/logo.png"} <= set(repo.paths())


def test_an_overlay_that_is_not_text_is_told_by_name(world: World) -> None:
    put_repository(world)
    world.run(git_repository.step())
    repo = git_repository.working_copy(world.ctx)
    for content, said in ((b"\x89PNG\xff", "is not text"), (b"a: [", "cannot be read"), (b"- a\n", "cannot be read")):
        (repo.folder / "stages/dev/kustomization.yaml").write_bytes(content)
        repo.commit("A mishap")
        repo.push()
        with pytest.raises(PovError, match=said) as caught:
            world.run(git_repository.step())
        assert "stages/dev" in caught.value.message
        assert "mend stages/dev" in caught.value.fix


def test_a_new_image_reaches_main_and_by_an_approved_pull_request_prod(world: World) -> None:
    put_repository(world)
    world.run(git_repository.step())
    repo = git_repository.working_copy(world.ctx)
    images: Any = world.ctx.images
    images["mock"] = "mock:2"
    with pytest.MonkeyPatch.context() as patch:
        original = git_repository.promote

        def promote(ctx: Any, title: str) -> str:
            repo.refresh()
            sync_fakes(world, repo)
            return original(ctx, title)

        patch.setattr(git_repository, "promote", promote)
        assert world.run(git_repository.step()) is Outcome.CHANGED
    (pull,) = world.server.repositories[REPOSITORY].pulls.values()
    assert pull.merged_commit is not None
    repo.refresh()
    assert set(git_repository.images(repo, "staging").values()) == {"mock:2"}


def test_a_scenario_without_prod_promotes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make(tmp_path, monkeypatch, "quickstart")
    put_repository(world)
    world.run(git_repository.step())
    images: Any = world.ctx.images
    images["mock"] = "mock:2"
    assert world.run(git_repository.step()) is Outcome.CHANGED
    assert world.run(git_repository.step()) is Outcome.UNCHANGED
    assert not world.server.repositories[REPOSITORY].pulls


def test_a_webhook_that_a_killed_trial_left_off_is_switched_on_by_the_next_up(world: World) -> None:
    put_repository(world)
    world.run(git_repository.step())
    git_repository.webhook(world.ctx, False)
    assert not git_repository.connect(world.ctx).is_webhook_active(REPOSITORY)
    assert world.run(git_repository.step()) is Outcome.CHANGED
    assert git_repository.connect(world.ctx).is_webhook_active(REPOSITORY)
    assert world.run(git_repository.step()) is Outcome.UNCHANGED


@pytest.mark.parametrize("branch", ["main", "prod"])
def test_a_lock_that_a_killed_push_left_is_taken_away(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, branch: str
) -> None:
    put_repository(world)
    lock = tmp_path / "server.git" / "refs" / "heads" / f"{branch}.lock"
    lock.touch()
    asked: list[tuple[str, ...]] = []

    def execute(pod: str, namespace: str, argv: tuple[str, ...], **options: Any) -> str:
        asked.append(argv)
        if len(asked) < 3:
            return ""  # It is younger than a minute.
        lock.unlink()
        return f"{lock}\n"

    monkeypatch.setattr(world.kube, "exec", execute, raising=False)
    monkeypatch.setattr(patience, "_INTERVAL_S", 0.001)
    world.kube.put(
        {"kind": "Pod", "metadata": {"name": "gitea-1", "namespace": "gitea"}, "status": {"phase": "Running"}}
    )
    assert world.run(git_repository.step()) is Outcome.CHANGED
    assert asked == [locks.command(REPOSITORY)] * 3
    assert any(f"took away {lock}" in said for said in world.said())
    assert world.run(git_repository.step()) is Outcome.UNCHANGED


def test_argocd_is_logged_in_to_once_for_all_commands(world: World) -> None:
    world.ctx.home.save_secret(argocd_install.PASSWORD_FILE, Secret("secret"))
    for _ in range(2):
        argo = connect_to_argocd(world.ctx)
        any_rest: Any = world.rest
        argo._rest = any_rest
        argo.applications()
    assert world.rest.logins == 1
    path = world.ctx.home.secrets_dir / argocd.SESSION_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(b"\xff\xfe")
    assert connect_to_argocd(world.ctx)._sessions.held() is None  # type: ignore[union-attr]


def test_argocd_is_installed_with_secrets_of_its_own_and_left_alone_then(world: World) -> None:
    assert world.run(argocd_install.step()) is Outcome.CHANGED
    assert set(world.kube.waited) == {name for names in argocd_install.WORKLOADS.values() for name in names}
    held = world.kube.secret("argocd-secret", "argocd")
    password = world.ctx.home.secret("argocd-admin-password")
    assert held is not None
    assert password is not None
    assert bcrypt.checkpw(password.reveal().encode(), held["admin.password"])
    hook = world.ctx.home.secret(git_repository.WEBHOOK_SECRET_FILE)
    assert hook is not None
    assert held["webhook.gogs.secret"].decode() == hook.reveal()
    assert world.run(argocd_install.step()) is Outcome.UNCHANGED
    world.ctx.home.save_secret("argocd-admin-password", Secret("another"))
    assert world.run(argocd_install.step()) is Outcome.CHANGED
    again = world.kube.secret("argocd-secret", "argocd")
    assert again is not None
    assert again["server.secretkey"] == held["server.secretkey"]


def test_the_official_manifest_is_fitted(world: World) -> None:
    world.run(argocd_install.step())

    def get(kind: str, name: str, namespace: str | None = "argocd") -> dict[str, Any]:
        found = world.kube.get(kind, name, namespace)
        assert found is not None, (kind, name)
        return found

    assert get("CustomResourceDefinition", "applications.argoproj.io", None)
    assert get("ConfigMap", "argocd-cm")["data"]["resource.exclusions"] == "kept"
    assert "inclusions" in "".join(get("ConfigMap", "argocd-cm")["data"])
    assert get("ConfigMap", "argocd-tls-certs-cm")["data"] == {"gitea.gitea.svc": world.ctx.trust.ca_pem}
    assert get("Service", "argocd-server")["spec"]["ports"] == [{"name": "https", "port": 443, "targetPort": 8080}]
    assert get("Deployment", "argocd-dex-server")["spec"]["replicas"] == 0
    redis = get("Deployment", "argocd-redis")["spec"]["template"]["spec"]
    assert "initContainers" not in redis
    (container,) = redis["containers"]
    assert (container["image"], container["imagePullPolicy"]) == ("redis:1", "IfNotPresent")
    assert container["args"] == ["/etc/redis-secret/redis.conf", "--save", ""]
    secret = world.kube.secret("argocd-redis", "argocd")
    assert secret is not None
    assert secret["redis.conf"] == b"requirepass " + secret["auth"] + b"\n"
    (controller,) = get("StatefulSet", "argocd-application-controller")["spec"]["template"]["spec"]["containers"]
    assert controller["image"] == "argocd:1"
    assert controller["startupProbe"]["periodSeconds"] == 1
    assert "initialDelaySeconds" not in controller["readinessProbe"]


def test_argocd_is_told_what_to_watch_once(world: World) -> None:
    world.run(argocd_install.step())
    world.ctx.home.save_secret(git.READER_TOKEN_FILE, Secret("reads"))
    assert world.run(argocd.step()) is Outcome.CHANGED
    assert world.run(argocd.step()) is Outcome.UNCHANGED
    (project,) = world.rest.projects
    assert {entry["namespace"] for entry in project["spec"]["destinations"]} == {"dev", "staging", "prod"}
    assert "clusterResourceWhitelist" not in project["spec"], "nothing of the cluster"
    (application_set,) = world.rest.application_sets
    elements = application_set["spec"]["generators"][0]["list"]["elements"]
    assert {entry["stage"]: entry["branch"] for entry in elements} == {
        "dev": "main",
        "staging": "main",
        "prod": "prod",
    }
    template = application_set["spec"]["template"]
    assert template["spec"]["source"]["path"] == "stages/{{.stage}}"
    assert template["spec"]["syncPolicy"]["automated"] == {"prune": True, "selfHeal": True}


def _applications(world: World, revision: str, **changes: Any) -> list[dict[str, Any]]:
    status = {"sync": {"status": "Synced", "revision": revision}, "health": {"status": "Healthy"}, **changes}
    return [{"metadata": {"name": name}, "status": status} for name in argocd.stages(world.ctx)]


def test_services_are_there_when_every_application_is_at_its_commit(world: World) -> None:
    put_repository(world)
    world.run(argocd_install.step())
    world.run(git_repository.step())
    head = git_repository.working_copy(world.ctx).head
    assert head is not None
    world.rest.applications[:] = _applications(world, head)
    assert world.run(services.step()) is Outcome.UNCHANGED
    assert services.wanted(world.ctx) == {"dev": head, "staging": head, "prod": head}


def test_applications_that_missed_a_push_are_woken_and_new_ones_left_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_repository(world)
    world.run(argocd_install.step())
    world.run(git_repository.step())
    head = git_repository.working_copy(world.ctx).head
    assert head is not None
    world.rest.applications[:] = _applications(world, "0" * 40)
    world.rest.applications[0]["status"] = {}
    original = world.rest.call
    asked: list[str] = []

    def call(method: str, path: str, body: Any = None, query: Any = None) -> Any:
        if query and query.get("refresh"):
            asked.append(path)
            answer = original(method, path, body, query)
            if len(asked) == 2:
                world.rest.applications[:] = _applications(world, head)
            return answer
        return original(method, path, body, query)

    monkeypatch.setattr(world.rest, "call", call)
    assert world.run(services.step()) is Outcome.CHANGED
    assert asked == ["/api/v1/applications/staging", "/api/v1/applications/prod"]


def test_every_step_names_needs_that_let_the_rest_run_beside() -> None:
    needs = {
        step.name: set(step.needs)
        for step in (git.step(), git_repository.step(), argocd_install.step(), argocd.step(), services.step())
    }
    assert needs["git"] == {"trust", "network"}
    assert needs["argocd_install"] == {"trust", "cluster"}
    assert needs["git_repository"] == {"git"}
    assert needs["argocd"] == {"argocd_install", "git_repository", "landing_zone"}
    assert needs["services"] == {"argocd", "vault"}


def _once(monkeypatch: pytest.MonkeyPatch, target: Any, name: str) -> list[int]:
    """Have a method fail the first time, as it does when the pod behind it goes away."""
    original, calls = getattr(target, name), []

    def fail_once(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise Transient("connection refused")
        return original(*arguments, **options)

    monkeypatch.setattr(target, name, fail_once)
    monkeypatch.setattr(patience, "_INTERVAL_S", 0.001)
    return calls


def test_a_git_server_that_goes_away_in_between_is_waited_for(
    world: World, exec_in_pod: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ensure_user", "protect"):
        _once(monkeypatch, FakeGitea, name)
    assert world.run(git.step()) is Outcome.CHANGED
    assert world.run(git_repository.step()) is Outcome.CHANGED
    assert set(world.server.repositories[REPOSITORY].rules) == {"main", "prod"}


def test_a_pod_that_goes_away_under_a_command_is_not_blamed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    pods = iter(["gitea-1", "gitea-2"])
    monkeypatch.setattr(git, "_is_known", lambda ctx, token: False)
    monkeypatch.setattr(patience, "_INTERVAL_S", 0.001)

    def put(name: str) -> None:
        world.kube.objects = {key: item for key, item in world.kube.objects.items() if key[0] != "Pod"}
        world.kube.put(
            {"kind": "Pod", "metadata": {"name": name, "namespace": "gitea"}, "status": {"phase": "Running"}}
        )

    def execute(pod: str, namespace: str, argv: tuple[str, ...], **options: Any) -> str:
        if pod == "gitea-1":
            put(next(pods))
            raise CommandFailed(argv, 137, "", "")
        return "Access token was successfully created... abc\n"

    put(next(pods))
    monkeypatch.setattr(world.kube, "exec", execute, raising=False)
    assert world.run(git.step()) is Outcome.CHANGED


def test_an_argocd_that_goes_away_in_between_is_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    put_repository(world)
    world.run(argocd_install.step())
    world.run(git_repository.step())
    world.ctx.home.save_secret(git.READER_TOKEN_FILE, Secret("reads"))
    _once(monkeypatch, world.rest, "_put")
    assert world.run(argocd.step()) is Outcome.CHANGED
    head = git_repository.working_copy(world.ctx).head
    assert head is not None
    world.rest.applications[:] = _applications(world, head)
    _once(monkeypatch, world.rest, "call")
    assert world.run(services.step()) is Outcome.UNCHANGED

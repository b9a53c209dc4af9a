from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pov.base.errors import NotFound, PovError, TimedOut
from pov.base.redact import Secret
from pov.base.wait import Waiting
from pov.engines.argocd import App, ArgoCD, Deployed, Resource, held_app
from pov.engines.rest import Refused
from tests.fakes.argocd import FakeRest

PROJECT: dict[str, Any] = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "AppProject",
    "metadata": {"name": "pov"},
    "spec": {
        "sourceRepos": ["r"],
        "clusterResourceWhitelist": [],
        "namespaceResourceWhitelist": [{"group": "", "kind": "Service"}, {"group": "apps", "kind": "Deployment"}],
    },
}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.on_sleep: Any = lambda: None

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> Any:
        raise NotImplementedError

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.on_sleep()


class Kept:
    """One token, in memory."""

    def __init__(self, token: str | None = None) -> None:
        self.token = None if token is None else Secret(token)

    def held(self) -> Secret | None:
        return self.token

    def keep(self, token: Secret) -> None:
        self.token = token


def argo(
    rest: FakeRest,
    password: str = "secret",  # noqa: S107 - a test's
    clock: Any = None,
    sessions: Kept | None = None,
) -> ArgoCD:
    anything: Any = rest
    return ArgoCD(anything, "admin", Secret(password), sessions=sessions, clock=clock or Clock())


def application(name: str, **changes: Any) -> dict[str, Any]:
    status: dict[str, Any] = {
        "sync": {"status": "Synced", "revision": "a" * 40},
        "health": {"status": "Healthy"},
        "operationState": {"phase": "Succeeded"},
        "resources": [
            {"kind": "Deployment", "name": "ledger", "status": "Synced", "health": {"status": "Healthy"}},
            {"kind": "ConfigMap", "name": "topology", "status": "Synced"},
        ],
    }
    return {"metadata": {"name": name}, "status": {**status, **changes}}


def test_it_logs_in_once_and_again_when_the_session_has_run_out() -> None:
    rest = FakeRest()
    cd = argo(rest)
    cd.applications()
    cd.applications()
    assert rest.logins == 1
    rest.expire()
    assert cd.applications() == []
    assert rest.logins == 2


def test_the_session_of_an_earlier_command_is_taken_up_until_it_has_run_out() -> None:
    rest, kept = FakeRest(), Kept()
    argo(rest, sessions=kept).applications()
    argo(rest, sessions=kept).applications()
    assert rest.logins == 1
    rest.expire()
    assert argo(rest, sessions=kept).applications() == []
    assert rest.logins == 2
    argo(rest, sessions=kept).applications()
    assert rest.logins == 2


@pytest.mark.parametrize("damaged", ["", "half a tok\nen", "töken", " "])
def test_a_damaged_session_is_none(damaged: str) -> None:
    rest, kept = FakeRest(), Kept(damaged)
    assert argo(rest, sessions=kept).applications() == []
    assert rest.calls[0] == ("POST", "/api/v1/session")
    assert kept.token == Secret("session-1")


def test_a_wrong_password_is_told_with_what_to_do() -> None:
    with pytest.raises(PovError, match="does not let admin in") as caught:
        argo(FakeRest(), "wrong").applications()
    assert caught.value.fix
    assert "wrong" not in str(vars(caught.value))


def test_the_version_needs_no_login() -> None:
    rest = FakeRest()
    assert argo(rest).version() == "v3.6.1"
    assert rest.logins == 0


def test_a_project_is_made_changed_and_then_left_alone() -> None:
    cd = argo(FakeRest())
    assert cd.ensure_project(PROJECT) is True
    assert cd.ensure_project(PROJECT) is False
    fewer = {**PROJECT, "spec": {**PROJECT["spec"], "namespaceResourceWhitelist": [{"group": "", "kind": "Secret"}]}}
    assert cd.ensure_project(fewer) is True
    assert cd.ensure_project(fewer) is False


def test_kinds_inside_a_manifest_are_compared() -> None:
    cd = argo(FakeRest())
    cd.ensure_project(PROJECT)
    other = [{"group": "", "kind": "Secret"}, {"group": "apps", "kind": "Deployment"}]
    assert cd.ensure_project({**PROJECT, "spec": {**PROJECT["spec"], "namespaceResourceWhitelist": other}}) is True


def test_a_repository_is_told_once_and_its_password_asked_for_only_then() -> None:
    rest = FakeRest()
    cd = argo(rest)
    asked = []

    def password() -> Secret:
        asked.append(1)
        return Secret("token")

    assert cd.ensure_repository("https://git/r.git", "argocd", password) is True
    assert cd.ensure_repository("https://git/r.git", "argocd", password) is False
    assert len(asked) == 1
    rest.repositories[0]["connectionState"] = {"status": "Failed", "message": "authentication required"}
    assert cd.ensure_repository("https://git/r.git", "argocd", password) is True
    assert len(asked) == 2


def test_a_repository_that_cannot_be_read_is_refused_with_the_reason() -> None:
    rest = FakeRest()
    rest.reachable = False
    with pytest.raises(Refused) as caught:
        argo(rest).ensure_repository("https://git/r.git", "argocd", lambda: Secret("token"))
    assert caught.value.cause == "authentication required"


def test_an_application_is_read_with_its_resources() -> None:
    rest = FakeRest()
    rest.applications.append(application("staging"))
    app = argo(rest).app("staging")
    assert (app.sync, app.health, app.revision, app.phase) == ("Synced", "Healthy", "a" * 40, "Succeeded")
    assert app.resources[0] == Resource("Deployment", "ledger", "Synced", "Healthy")
    assert app.missing("a" * 40) == ""
    with pytest.raises(NotFound):
        argo(rest).app("qa")


def test_an_application_tells_what_its_commit_asks_for_in_the_namespace() -> None:
    place = {"name": "ledger", "namespace": "staging", "version": "v1", "status": "Synced"}
    held = [
        {**place, "kind": "Deployment", "group": "apps"},
        {**place, "kind": "Service"},
        {**place, "kind": "Service", "name": "old", "requiresPruning": True},
        {"kind": "Namespace", "name": "staging", "version": "v1"},
    ]
    rest = FakeRest()
    rest.applications.append(application("staging", resources=held))
    assert argo(rest).app("staging").objects() == {("apps/v1/Deployment", "ledger"), ("v1/Service", "ledger")}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"sync": {"status": "Synced", "revision": "b" * 40}}, "is at bbbbbbbb, not at aaaaaaaa"),
        ({"sync": {"status": "Synced"}}, "no revision yet"),
        ({"health": {"status": "Progressing"}}, "0 of 1 objects not healthy yet"),
        ({"operationState": {"phase": "Running"}}, "sync is running"),
        (
            {
                "sync": {"status": "OutOfSync", "revision": "a" * 40},
                "operationState": {"phase": "Failed", "message": "no quota"},
            },
            "sync failed: no quota",
        ),
    ],
)
def test_what_is_missing_is_told_in_words(changes: dict[str, Any], told: str) -> None:
    rest = FakeRest()
    rest.applications.append(application("staging", **changes))
    assert told in argo(rest).app("staging").missing("a" * 40)


def test_an_empty_application_is_not_mistaken_for_a_healthy_one() -> None:
    rest = FakeRest()
    rest.applications.append({"metadata": {"name": "dev"}})
    assert argo(rest).app("dev") == App("dev", "Unknown", "Unknown", "", "", "", ())
    assert argo(rest).app("dev").missing("a" * 40)
    assert argo(rest).app("dev").missing()


def test_waiting_ends_when_all_are_there_and_tells_the_rest_at_its_limit() -> None:
    rest, clock = FakeRest(), Clock()
    cd = argo(rest, clock=clock)
    ill = [{"kind": "Deployment", "name": "ledger", "status": "Synced", "health": {"status": "Progressing"}}]
    rest.applications.append(application("staging", health={"status": "Progressing"}, resources=ill))
    said: list[Waiting] = []
    with pytest.raises(TimedOut) as caught:
        cd.wait({"staging": "a" * 40, "dev": "a" * 40}, timeout_s=5, on_pending=said.append)
    assert "1 of 1 objects not healthy yet, first Deployment ledger: Progressing" in caught.value.cause
    assert "dev: no application yet" in caught.value.cause
    assert len(said) == 1, "a state is told once"

    def heal() -> None:
        rest.applications[:] = [application("staging"), application("dev")]

    clock.on_sleep = heal
    cd.wait({"staging": "a" * 40, "dev": "a" * 40}, timeout_s=5)


class Held:
    """A cluster that holds one application."""

    def __init__(self, item: dict[str, Any] | None) -> None:
        self.item = item

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        assert (kind, name, namespace) == ("argoproj.io/v1alpha1/Application", "staging", "argocd")
        return self.item


def test_an_application_read_from_the_cluster_is_the_one_that_the_api_tells() -> None:
    item = application("staging")
    rest = FakeRest()
    rest.applications = [item]
    assert held_app(Held(item), "staging") == argo(rest).app("staging")
    with pytest.raises(NotFound, match="no application staging"):
        held_app(Held(None), "staging")


@pytest.mark.parametrize(
    ("automated", "repairs", "prunes"),
    [
        ({"selfHeal": True, "prune": True}, True, True),
        ({"selfHeal": True, "prune": True, "enabled": True}, True, True),
        ({"selfHeal": True, "enabled": False}, False, False),
        ({"prune": True}, False, True),
        (None, False, False),
    ],
)
def test_what_an_application_is_set_to(automated: dict[str, bool] | None, repairs: bool, prunes: bool) -> None:
    item = application("staging", reconciledAt="2026-03-09T10:00:05Z")
    item["spec"] = {"source": {"targetRevision": "main"}, "syncPolicy": {"automated": automated}}
    app = held_app(Held(item), "staging")
    assert (app.follows, app.compared) == ("main", "2026-03-09T10:00:05Z")
    assert (app.repairs, app.prunes) == (repairs, prunes)


def test_an_application_that_says_nothing_is_set_to_nothing() -> None:
    app = held_app(Held({"metadata": {"name": "staging"}}), "staging")
    assert (app.follows, app.compared, app.repairs, app.prunes) == ("", "", False, False)


def test_when_a_commits_sync_began() -> None:
    running = {"startedAt": "2026-03-09T10:00:05Z", "syncResult": {"revision": "new"}}
    history = [
        {"revision": "old", "deployStartedAt": "2026-03-09T09:00:00Z"},
        {"revision": "new", "deployStartedAt": "2026-03-09T10:00:00Z"},
    ]
    app = held_app(Held(application("staging", operationState=running, history=history)), "staging")
    assert app.sync_started("new") == datetime(2026, 3, 9, 10, 0, 5, tzinfo=UTC)
    assert app.sync_started("old") == datetime(2026, 3, 9, 9, tzinfo=UTC)
    assert app.sync_started("other") is None


def test_what_an_application_has_brought_is_told_with_its_time_and_nothing_without() -> None:
    history = [
        {"revision": "old", "deployedAt": "2026-03-09T09:00:00Z"},
        {"revision": "odd"},
        {"revision": "new", "deployedAt": "2026-03-09T11:00:00+01:00"},
    ]
    app = held_app(Held(application("staging", history=history)), "staging")
    assert app.deployed == (
        Deployed("old", datetime(2026, 3, 9, 9, tzinfo=UTC)),
        Deployed("new", datetime(2026, 3, 9, 10, tzinfo=UTC)),
    )

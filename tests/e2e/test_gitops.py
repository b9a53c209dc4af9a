"""Git decides: what was changed by hand is repaired, and prod changes by an approved pull request alone."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.e2e.apis import Git, serials
from tests.e2e.harness import Environment

pytestmark = pytest.mark.timeout(400)


def test_a_quick_fix_in_staging_is_undone(shared: Environment, facts: Callable[..., None]) -> None:
    where = ("deployment/ledger", "-n", "staging")

    def limit() -> str:
        path = "jsonpath={.spec.template.spec.containers[0].resources.limits.memory}"
        return shared.kubectl("get", *where, "-o", path).out

    wanted = limit()
    shared.kubectl("set", "resources", *where, "-c", "service", "--limits=memory=99Mi")
    assert limit() == "99Mi"
    since = time.monotonic()
    shared.until("the quick fix to be undone", lambda: limit() == wanted, timeout_s=120)
    facts(repaired_after_seconds=round(time.monotonic() - since, 1))
    shared.until_healthy()


def test_prod_changes_by_an_approved_pull_request_alone(shared: Environment, facts: Callable[..., None]) -> None:
    author, reviewer = Git(shared), Git(shared, "reviewer")
    before = serials(shared, "prod")
    refused = author.renew_all("prod", branch="prod")
    assert refused.status_code in {403, 422}, f"a push to prod: {refused.text}"
    assert author.renew_all("prod", branch="main").status_code == 200
    body = {"head": "main", "base": "prod", "title": "Renew prod's certificates"}
    opened = author.api("POST", "/pulls", json=body)
    assert opened.status_code == 201, opened.text
    pull = f"/pulls/{opened.json()['number']}"
    merge = {"Do": "merge"}
    for early in (merge, merge | {"force_merge": True}):
        answer = author.api("POST", f"{pull}/merge", json=early)
        assert answer.status_code in {403, 405}, f"a merge without approval: {answer.status_code} {answer.text}"
    approval = {"event": "APPROVED", "body": "As agreed."}
    own = author.api("POST", f"{pull}/reviews", json=approval)
    assert own.status_code in {403, 422}, f"the author's own approval: {own.text}"
    assert serials(shared, "prod") == before

    def merged() -> bool:
        held = author.api("GET", f"{pull}/reviews").json()
        # Gitea works off pushes in the background: one from before the pull request may void an approval given since.
        if not any(r["state"] == "APPROVED" and not r["dismissed"] and not r["stale"] for r in held):
            assert reviewer.api("POST", f"{pull}/reviews", json=approval).status_code == 200
        answer = author.api("POST", f"{pull}/merge", json=merge)
        assert answer.status_code in {200, 204}, answer.text
        return True

    shared.until("the pull request to be merged", merged, timeout_s=30)
    done = author.api("GET", pull).json()
    assert (done["merged"], done["merged_by"]["login"], done["user"]["login"]) == (True, "pov", "pov")
    reviews = author.api("GET", f"{pull}/reviews").json()
    assert ("reviewer", "APPROVED") in {(review["user"]["login"], review["state"]) for review in reviews}

    def renewed() -> bool:
        now = serials(shared, "prod")
        return all(now[name] != before[name] for name in before)

    shared.until("prod to follow", renewed, timeout_s=150)
    revisions = {app["name"]: app["revision"] for app in shared.pov("status").json["applications"]}
    assert revisions["prod"] == done["merge_commit_sha"]


def test_git_needs_a_login_and_refuses_a_rewrite_of_history(shared: Environment) -> None:
    web = shared.web("gitea")
    assert web("GET", "/api/v1/repos/pov/platform-config").status_code in {401, 403, 404}
    assert web("GET", "/pov/platform-config.git/info/refs?service=git-upload-pack").status_code == 401
    git = Git(shared)
    assert git.api("GET").status_code == 200
    assert Git(shared, "reviewer").renew_all("staging").status_code == 403, "whoever approves does not push"
    for branch in ("main", "prod"):
        rules = git.api("GET", f"/branch_protections/{branch}").json()
        assert not rules.get("enable_force_push")
    assert git.api("GET", "/branch_protections/prod").json()["required_approvals"] >= 1
    assert git.api("DELETE", "/branches/prod").status_code in {403, 405, 409, 422}

"""The gate's step: who may do what in the cluster, what the deal's repository holds, and what is done only once."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from pov.base.errors import PovError
from pov.base.paths import data
from pov.base.redact import Secret
from pov.config.engagement import Engagement, load_engagement
from pov.config.offering import load_offering, shipped
from pov.config.scenario import list_scenarios, load_scenario
from pov.config.stages import load_stages
from pov.engines.branches import as_told
from pov.state.home import Home
from pov.steps.gate import repository, step
from pov.steps.gate.job import AT_ONCE, KEPT_S, LIMIT_S, WAITS_S, manifest, mark_of, name_of
from pov.steps.gate.names import CONTEXT, COPY, COPY_FOLDER, JOB, LOGIN, NAMESPACE, REPOSITORY, RUNNER
from pov.steps.gate.step import RULE, TOKENS
from pov.steps.plan import bring_up
from pov.steps.templates import documents, render
from tests.fakes.cluster import FakeCluster
from tests.fakes.gitea import FakeGitea, FakeServer
from tests.unit.steps.restricted import violations

HEAD, BASE = "1" * 40, "2" * 40
IMAGE = "localhost/pov/gate:0123456789abcdef"
STAGES = {"prod": {"cpu": 1.5, "memory_gib": 2.0, "pods": 9, "services": 15}}


def parts() -> list[dict[str, Any]]:
    return documents(render("gate", "manifests.yaml", values={"image": "gate:1", "environment": "demo", "login": "x"}))


def one(kind: str, name: str) -> dict[str, Any]:
    (found,) = [part for part in parts() if (part["kind"], part["metadata"]["name"]) == (kind, name)]
    return found


def test_only_a_scenario_that_asks_for_it_has_the_step(tmp_path: Path) -> None:
    asking = {name for name in list_scenarios() if load_scenario(name).gate}
    assert asking == {"enterprise-scope"}
    for name in list_scenarios():
        steps = {each.name for each in bring_up(load_scenario(name), FakeCluster(Home(tmp_path), name))}
        assert ("gate" in steps) == (name in asking)


def test_the_job_has_one_container_with_a_reading_token_and_one_with_nothing() -> None:
    job = manifest(7, HEAD, BASE, image="gate:1", environment="demo")
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    assert (job["metadata"]["namespace"], pod["serviceAccountName"]) == (NAMESPACE, JOB)
    assert pod["automountServiceAccountToken"] is False
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"], spec["ttlSecondsAfterFinished"]) == (
        0,
        WAITS_S,
        KEPT_S,
    )
    assert pod["activeDeadlineSeconds"] == LIMIT_S < WAITS_S, "waiting for a turn is not judging"
    assert violations(pod) == []
    fetch, judge = pod["containers"]
    mounted = {c["name"]: {m["mountPath"]: m.get("readOnly", False) for m in c["volumeMounts"]} for c in (fetch, judge)}
    assert mounted["fetch"] == {"/tmp": False, "/change": False, LOGIN: True}
    assert mounted["judge"] == {"/tmp": False, "/change": True}
    assert fetch["args"] == ["fetch", "7", HEAD, BASE]
    assert [v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v] == [JOB]
    assert not any("env" in container for container in (fetch, judge))
    assert all(container["securityContext"]["readOnlyRootFilesystem"] for container in (fetch, judge))


def test_who_judges_sees_the_copy_of_the_state_that_was_there_and_nothing_else_of_it() -> None:
    pod = manifest(7, HEAD, BASE, image=IMAGE, environment="demo", state="8")["spec"]["template"]["spec"]
    fetch, judge = pod["containers"]
    (mount,) = [one for one in judge["volumeMounts"] if one["name"] == COPY]
    assert mount == {"name": COPY, "mountPath": COPY_FOLDER, "readOnly": True}
    assert COPY not in {one["name"] for one in fetch["volumeMounts"]}
    assert [one["configMap"] for one in pod["volumes"] if "configMap" in one] == [
        {"name": "gate-state-8", "optional": True}
    ]
    assert violations(pod) == []
    names = {
        manifest(7, HEAD, BASE, image=IMAGE, environment="demo", state=one)["metadata"]["name"]
        for one in ("", "8", "9")
    }
    assert len(names) == 3


def test_a_jobs_name_is_that_of_one_state() -> None:
    states = [(1, HEAD, BASE, "g:1"), (2, HEAD, BASE, "g:1"), (1, BASE, BASE, "g:1"), (1, HEAD, HEAD, "g:1")]
    names = {name_of(*state) for state in (*states, (1, HEAD, BASE, "g:2"))}
    names.add(name_of(1, HEAD, BASE, "g:1", "20261129130000"))
    assert len(names) == 6
    assert max(map(len, (name_of(10**8, HEAD, BASE, IMAGE, "20261129130000"), *names))) <= 63


def test_what_judges_is_named_by_the_digest_in_its_image() -> None:
    assert mark_of(IMAGE) == "0123456789"
    assert mark_of("localhost:5000/pov/gate:fedcba9876543210") == "fedcba9876"


@pytest.mark.parametrize("same", [7, 12, 39])
def test_commits_that_begin_alike_have_jobs_of_their_own(same: int) -> None:
    """Some million tries find two that share twelve digits: what one passed with must not be told of the other."""
    head, base = (f"{one[:same]}{'f' * (40 - same)}" for one in (HEAD, BASE))
    assert len({name_of(1, HEAD, BASE, IMAGE), name_of(1, head, BASE, IMAGE), name_of(1, HEAD, base, IMAGE)}) == 3


def test_the_tokens_of_the_two_are_two() -> None:
    assert TOKENS[JOB][1] == ("read:repository",)
    assert TOKENS[RUNNER][1] == ("write:repository", "write:issue")
    assert TOKENS[JOB][0] != TOKENS[RUNNER][0]


def test_who_watches_makes_jobs_and_reads_no_secret_and_who_judges_has_no_role() -> None:
    (role,) = [part for part in parts() if part["kind"] in {"Role", "ClusterRole"}]
    may = {(resource, verb) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]}
    jobs = {("jobs", "create"), ("jobs", "get"), ("jobs", "list")}
    assert may == {*jobs, ("pods", "list"), ("pods/log", "get"), ("configmaps", "list")}
    (binding,) = [part for part in parts() if part["kind"] in {"RoleBinding", "ClusterRoleBinding"}]
    assert [subject["name"] for subject in binding["subjects"]] == [RUNNER]
    accounts = {part["metadata"]["name"]: part for part in parts() if part["kind"] == "ServiceAccount"}
    assert set(accounts) == {JOB, RUNNER}
    assert not any(account["automountServiceAccountToken"] for account in accounts.values())
    assert all(part["metadata"].get("namespace", NAMESPACE) == NAMESPACE for part in parts())


def test_the_namespace_is_restricted_and_so_is_what_runs_in_it() -> None:
    labels = one("Namespace", NAMESPACE)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert violations(one("Deployment", RUNNER)["spec"]["template"]["spec"]) == []
    assert one("ResourceQuota", "gate")["spec"]["hard"] == {"pods": str(AT_ONCE + 1)}, "and the one that watches"
    assert one("NetworkPolicy", "gate")["spec"]["podSelector"] == {}


def test_nothing_is_merged_without_the_status_and_before_it_is_up_to_date() -> None:
    told = as_told(RULE)
    assert told["status_check_contexts"] == [CONTEXT]
    assert told["enable_status_check"]
    assert told["block_on_outdated_branch"]
    assert told["block_admin_merge_override"]
    assert told["push_whitelist_usernames"] == ["pov"]


def test_each_bring_up_leaves_merge_commits_as_the_one_way_to_merge(monkeypatch: pytest.MonkeyPatch) -> None:
    server = FakeServer()
    held = Secret("kept")
    secrets: Any = SimpleNamespace(secret=lambda _: held, save_secret=lambda *_: pytest.fail("it is known"))
    ctx: Any = SimpleNamespace(home=secrets)
    for name, stands_in in (
        ("connect", lambda _: FakeGitea(server, "pov")),
        ("kept", lambda *_: held),
        ("_content", lambda _: False),
        ("architect", lambda _: SimpleNamespace(ensure_fork=lambda _: False)),
        ("_is_known", lambda *_: True),
    ):
        monkeypatch.setattr(step, name, stands_in)
    report: Any = SimpleNamespace(say=lambda _: None)
    assert step._repository(ctx, report) is True
    deal = server.repositories[REPOSITORY]
    assert (deal.only_merge_commits, deal.rules["main"]) == (True, RULE)
    assert step._repository(ctx, report) is False
    deal.only_merge_commits = False
    assert step._repository(ctx, report) is True, "somebody let squash merges in, in the server's pages"
    assert deal.only_merge_commits


def test_what_judges_comes_from_the_user_and_the_offering(tmp_path: Path) -> None:
    found = repository.managed(shipped(), tmp_path)
    assert found["platform/offering.yaml"] == shipped().read_text()
    assert str(found["platform/allowed_signers"]).startswith("# Nobody may approve")
    assert not {"platform/revoked_keys", "platform/mandate.json"} & found.keys()
    guardrail = "terraform/modules/guardrails/main.tf"
    assert found[guardrail] == data(guardrail).read_text()
    assert all(map(repository.is_managed, found))
    for name in ("allowed_signers", "revoked_keys", "mandate.json", "mandate.json.sig", "something-else"):
        (tmp_path / name).write_text(f"{name}\n")
    found = repository.managed(shipped(), tmp_path)
    for name in ("allowed_signers", "revoked_keys", "mandate.json", "mandate.json.sig"):
        assert found[f"platform/{name}"] == f"{name}\n".encode()
    assert "platform/something-else" not in found


def test_revoked_keys_are_brought_as_ssh_keygen_makes_them(tmp_path: Path) -> None:
    made = b"SSHKRL\n\x00\x00\x00\x00\x01k\x0b\x91j\xff"
    (tmp_path / "revoked_keys").write_bytes(made)
    assert repository.managed(shipped(), tmp_path)["platform/revoked_keys"] == made


def test_approvals_of_other_deals_are_brought_with_their_signatures(tmp_path: Path) -> None:
    folder = tmp_path / "register" / "acme"
    folder.mkdir(parents=True)
    for name in ("a.json", "a.json.sig", "b.json", "notes.txt", "c.json.sig"):
        (folder / name).write_text(name)
    found = {path: text for path, text in repository.managed(shipped(), tmp_path).items() if "/register/" in path}
    assert found == {
        f"platform/register/acme/{name}": name.encode() for name in ("a.json", "a.json.sig", "b.json")
    }  # fmt: skip
    assert all(map(repository.is_managed, found)), "what is withdrawn goes with the next pov up"


def test_more_approvals_of_other_deals_than_the_gate_looks_at_are_told(tmp_path: Path) -> None:
    (tmp_path / "register").mkdir()
    for number in range(501):
        (tmp_path / "register" / f"{number}.json").write_text("{}")
    with pytest.raises(PovError, match="holds 501 records; the gate looks at 500 at most"):
        repository.managed(shipped(), tmp_path)


def test_the_deal_is_never_the_bring_ups_to_overwrite() -> None:
    for path in ("deal/engagement.yaml", "deal/approvals/x.json", "terraform/targets/local/main.tf", "notes.md"):
        assert not repository.is_managed(path)


@pytest.fixture
def example() -> Path:
    return data("scenarios", "enterprise-scope", "deal")


def test_the_repository_begins_with_the_engagement_where_it_has_a_scope(tmp_path: Path, example: Path) -> None:
    own = tmp_path / "offering.yaml"
    own.write_text(shipped().read_text())
    (tmp_path / "engagement.yaml").write_text(
        "apiVersion: pov.dev/v1\nkind: Engagement\nname: acme\ncustomer: {name: Acme}\nscenario: quickstart\n"
        "proof: {services: [payment-gateway]}\nscope: {offering: offering.yaml, users: 5000, cpu: 8, iops: 100}\n"
    )
    engagement = load_engagement(tmp_path)
    seeds = repository.seeds(engagement, example, STAGES)
    deal = tmp_path / "seeded"
    deal.mkdir()
    for path, text in seeds["deal"].items():
        (deal / Path(path).name).write_text(text)
    again = load_engagement(deal)
    assert again.name == "acme"
    assert again.scenario == "quickstart"
    assert again.scope is not None
    assert again.scope.offering == ""
    assert (again.scope.users, again.scope.cpu, again.scope.iops) == (5000, 8, 100)
    assert load_stages(deal / "stages.yaml")["prod"]["cpu"] == 1.5


@pytest.mark.parametrize("scoped", [True, False])
def test_without_a_scope_it_begins_with_the_scenarios_example(scoped: bool, example: Path, tmp_path: Path) -> None:
    engagement = None if scoped else without_scope(example)
    seeds = repository.seeds(engagement, example, STAGES)
    assert seeds["deal"]["deal/engagement.yaml"] == (example / "engagement.yaml").read_text()
    assert seeds["deal"]["deal/stages.yaml"] == (example / "stages.yaml").read_text()
    nothing = repository.seeds(engagement, tmp_path / "none", STAGES)
    assert list(nothing["deal"]) == ["deal/stages.yaml"]
    assert "terraform/targets/local/main.tf" in nothing["terraform/targets/local"]


def without_scope(example: Path) -> Engagement:
    return load_engagement(example).model_copy(update={"scope": None})


@pytest.mark.parametrize("wish", ["deal", "promised", "agreed"])
def test_the_wishes_of_the_scenario_can_be_read_and_agree_with_their_stages(wish: str) -> None:
    folder = data("scenarios", "enterprise-scope", wish)
    engagement = load_engagement(folder)
    assert engagement.scope is not None
    asked = load_stages(folder / "stages.yaml")
    for mine, theirs in (
        ("cpu", "cpu"),
        ("memory_gib", "memory_gib"),
        ("iops", "iops"),
        ("storage_gib", "storage_gib"),
    ):
        assert getattr(engagement.scope, mine) == sum(stage[theirs] for stage in asked.values()), mine
    assert (engagement.scope.regions or ())[0] in _regions()
    document = yaml.safe_load((folder / "engagement.yaml").read_text())
    assert document["name"] == "black-friday"


def _regions() -> set[str]:
    return {region.name for region in load_offering(None).regions}

"""The gate for real: pull requests of a deal in the environment's Git server, judged by Jobs, merged or not."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pov.engines.gitea_pulls import FAILURE, SUCCESS, Pulls
from pov.engines.rest import Refused
from pov.scoping.gate_status import read
from pov.steps.gate.job import AT_ONCE, PULL
from pov.steps.gate.names import CONTEXT, JOB, NAMESPACE, REPOSITORY, RUNNER, USER
from pov.steps.gate.step import TOKENS
from pov.steps.git.server import connect
from pov.steps.landing_zone.step import state_of
from tests.behind import until_behind
from tests.e2e.deals import Deal, timed
from tests.e2e.harness import Environment
from tests.e2e.test_secrets import _of_home, found_in
from tests.pulls import comments

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(900)]

KUBE_API = "https://kubernetes.default.svc/api/v1/namespaces/pov-terraform/secrets"
_ASK = f"""
import pathlib, ssl, urllib.error, urllib.request
print("token", pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount/token").exists())
print("login", pathlib.Path("/run/gitea").exists())
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
try:
    print("secrets", urllib.request.urlopen("{KUBE_API}", context=context, timeout=20).status)
except urllib.error.HTTPError as error:
    print("secrets", error.code)
"""
PROVISIONER = '\nresource "terraform_data" "x" {\n  provisioner "local-exec" { command = "id" }\n}\n'
EXTERNAL = '\ndata "external" "x" {\n  program = ["id"]\n}\n'


def make_key(folder: Path, name: str) -> str:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(folder / name)], check=True, timeout=20
    )
    return (folder / f"{name}.pub").read_text().strip()


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory, run_id: str, bundle: None) -> Iterator[Environment]:
    """An environment whose scenario has a gate, and in which an engineer may approve."""
    base, standing = tmp_path_factory.mktemp("gated"), os.environ.get("POV_E2E_STANDING")
    root, _, name = standing.rpartition(":") if standing else ("", "", f"e2e-{run_id}-gate")
    environment = Environment(base, name, root=Path(root) if root else Path())
    keys, own = base / "keys", environment.user / ".config" / "pov"
    for folder in (keys, own):
        folder.mkdir(parents=True)
    (own / "allowed_signers").write_text(f"engineer/pat {make_key(keys, 'engineer')}\n")
    try:
        environment.up("enterprise-scope", "--services", "2")
        yield environment
    finally:
        if not standing:
            environment.destroy()


@pytest.fixture
def deal(gated: Environment) -> Iterator[Deal]:
    """Of one test alone, whichever ran before: it begins with what main holds now, and leaves nothing open."""
    made = Deal(gated)
    made.starts_over()
    yield made
    made.closes()


def approve(deal: Deal, key: str = "engineer", kind: str = "scope") -> None:
    """As an engineer types it, in the architect's working copy."""
    environment = deal.environment
    signed = environment.pov(
        *("--engagement", str(deal.folder), "scope", "approve", "--kind", kind, "--days", "30"),
        *("--reason", "reviewed with the customer", "--key", str(environment.base / "keys" / key)),
    )
    assert signed.code == 0


def test_a_promise_is_refused_approved_in_part_and_merged(deal: Deal, facts: Callable[..., None]) -> None:
    deal.takes("promised")
    taken = timed(deal, "unlimited-scaling")
    facts(seconds_to_refusal=round(taken.first_s, 1), seconds_to_all_of_it=round(taken.whole_s, 1))
    asked, status = taken.asked, taken.status
    assert {(one.state, one.by) for one in (taken.first, status)} == {(FAILURE, "gate")}, taken
    told = deal.comment(asked)
    assert "refused: 4000 CPU cores are asked for over all stages; limit: 64 without an approved scope" in told
    assert "may approve: engineering-vp" in told
    assert "20,000 (15,000 to 30,000) USD once" in told
    assert "(EXAMPLE)" in told
    assert "is judged now" not in told
    assert "yaml_body" not in told
    assert "Not all required status checks successful" in deal.merges(asked)

    deal.takes("agreed")
    again, status = deal.asks_again(asked, "unlimited-scaling")
    assert status.state == FAILURE
    assert "256 CPU cores are asked for over all stages; limit: 64 without an approved scope" in deal.comment(again)
    approve(deal)
    passed, status = deal.asks_again(again, "unlimited-scaling")
    assert status.state == SUCCESS, deal.comment(passed)
    assert status.description.startswith("passed until 20")
    assert "### Gate: passed" in deal.comment(passed)
    assert 'create module.landing_zone.kubectl_manifest.namespace["prod"]' in deal.comment(passed)
    before = deal.main()
    assert not deal.merges(passed).startswith("refused")
    assert deal.main() != before
    deal.starts_over()
    assert "cpu: 256" in (deal.folder / "engagement.yaml").read_text()


def test_nothing_that_judges_comes_from_the_pull_request(deal: Deal) -> None:
    deal.takes("agreed")
    signers = deal.fork.read("platform/allowed_signers")
    stranger = make_key(deal.environment.base / "keys", f"stranger-{len(list(deal.environment.base.iterdir()))}")
    deal.fork.write("platform/allowed_signers", f"{signers}cto/mallory {stranger}\n")
    offering = deal.fork.read("platform/offering.yaml")
    deal.fork.write("platform/offering.yaml", offering.replace("cpuStandard: 64", "cpuStandard: 4096"))
    deal.fork.write("policies/gate/plan.rego", "package gate.plan\n")
    guardrail = "terraform/modules/guardrails/main.tf"
    deal.fork.write(guardrail, deal.fork.read(guardrail) + "# softer\n")
    root = "terraform/targets/local/main.tf"
    deal.fork.write(root, deal.fork.read(root) + PROVISIONER + EXTERNAL)
    deal.fork.write("terraform/targets/local/more.auto.tfvars", 'scope = { reference = "x", approved_by = "x" }\n')
    (deal.fork.folder / "deal" / "approvals").mkdir(exist_ok=True)
    asked = deal.asks("everything-at-once")
    status = deal.verdict(asked)
    assert status.state == FAILURE
    told = deal.comment(asked)
    for text in (
        "refused: platform/allowed_signers is changed; limit: nothing that judges comes from what is under review",
        "refused: platform/offering.yaml is changed",
        "refused: policies/gate/plan.rego is changed",
        "refused: the module guardrails beside it is not the toolkit's",
        "refused: main.tf: a provisioner (local-exec) in terraform_data.x",
        "refused: main.tf: data source external.x",
        "refused: more.auto.tfvars sets variables",
    ):
        assert text in told, told
    assert deal.merges(asked).startswith("refused")


def test_what_cannot_be_judged_is_refused_with_file_and_line(deal: Deal) -> None:
    deal.fork.write("deal/stages.yaml", deal.fork.read("deal/stages.yaml") + "more: 1\n")
    asked = deal.asks("not-a-request")
    status = deal.verdict(asked)
    assert (status.state, status.description) == (
        FAILURE, f"cannot be judged: see the comment, {deal.about(asked)}",
    )  # fmt: skip
    assert "deal/stages.yaml:" in deal.comment(asked)
    assert "/change" not in deal.comment(asked)


def test_of_two_at_once_the_second_is_judged_again(deal: Deal) -> None:
    deal.fork.write("deal/one.md", "one\n")
    one = deal.asks("one")
    deal.starts_over()
    deal.fork.write("deal/two.md", "two\n")
    two = deal.asks("two")
    assert [deal.verdict(asked).state for asked in (one, two)] == [SUCCESS, SUCCESS]
    assert not deal.merges(one).startswith("refused")
    until_behind(deal.reviewer, REPOSITORY, two.number)
    assert deal.merges(two).startswith("refused")
    now = deal.now(two)
    assert deal.verdict(now).state == FAILURE
    assert "the branch lacks commits of main" in deal.comment(now)
    deal.starts_over()
    deal.fork.write("deal/two.md", "two\n")
    again, status = deal.asks_again(two, "two")
    assert status.state == SUCCESS, deal.comment(again)
    assert not deal.merges(again).startswith("refused")


def test_however_many_ask_a_few_are_judged_at_once_and_all_in_the_end(deal: Deal) -> None:
    wishes = []
    for number in range(AT_ONCE + 2):
        deal.fork.write("deal/one-of-many.md", f"{number}\n")
        wishes.append(deal.asks(f"one-of-many-{number}"))
    judged: set[int] = set()

    def all_judged() -> bool:
        jobs = deal.environment.objects("jobs", "--namespace", NAMESPACE, "--selector", f"app={JOB}")
        running = [job for job in jobs if not is_done(job)]
        if len(running) > AT_ONCE:
            pytest.fail(f"{len(running)} Jobs at a time")
        judged.update(asked.number for asked in wishes if deal.is_green(asked))
        return len(judged) == len(wishes)

    deal.environment.until("every one to pass", all_judged, timeout_s=240)


def is_done(job: dict[str, Any]) -> bool:
    held = job["status"].get("conditions") or ()
    return any(one["type"] in {"Complete", "Failed"} and one["status"] == "True" for one in held)


def test_anothers_green_is_overwritten_and_a_killed_watcher_goes_on(deal: Deal) -> None:
    deal.takes("promised")
    asked = deal.asks("believe-me")
    deal.environment.kubectl("delete", "pod", "--namespace", NAMESPACE, "--selector", f"app={RUNNER}", "--now")
    assert deal.verdict(asked).state == FAILURE
    deal.reviewer.set_status(REPOSITORY, asked.head, CONTEXT, SUCCESS, f"believe me, {deal.about(asked)}")
    deal.environment.until("the gate's own status again", lambda: deal.verdict(asked).by == USER)
    assert deal.verdict(asked).state == FAILURE


def test_the_job_has_no_credentials_and_the_watcher_no_more_than_it_needs(deal: Deal) -> None:
    gated = deal.environment
    deal.fork.write("deal/looked-into.md", "what its Job may\n")
    wish = deal.asks("looked-into")
    assert deal.verdict(wish).state == SUCCESS, deal.comment(wish)
    jobs = gated.objects("jobs", "--namespace", NAMESPACE, "--selector", f"{PULL}={wish.number}")
    template = jobs[0]["spec"]["template"]["spec"]
    (judge,) = [one for one in template["containers"] if one["name"] == "judge"]
    pod = {**template, "containers": [{**judge, "command": ["python3", "-c", _ASK], "args": []}]}
    manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "asks", "namespace": NAMESPACE}, "spec": pod}
    gated.kubectl("apply", "--filename", "-", stdin=json.dumps(manifest))
    try:
        done = ("wait", "--namespace", NAMESPACE, "--for=jsonpath={.status.phase}=Succeeded", "pod/asks")
        gated.kubectl(*done, "--timeout=90s", timeout_s=120)
        said = gated.kubectl("logs", "--namespace", NAMESPACE, "asks").out.split()
    finally:
        gated.kubectl("delete", "--namespace", NAMESPACE, "pod/asks", "--now")
    assert said[:5] == ["token", "False", "login", "False", "secrets"]
    assert said[5] in {"401", "403"}
    for account in (JOB, RUNNER):
        who = f"--as=system:serviceaccount:{NAMESPACE}:{account}"
        for space in (NAMESPACE, "pov-terraform", "vault", "argocd"):
            asked = gated.kubectl("auth", "can-i", "get", "secrets", "--namespace", space, who, code=None)
            assert asked.out.strip() == "no", (account, space)
    may = ("auth", "can-i", "create", "jobs.batch")
    who = f"--as=system:serviceaccount:{NAMESPACE}:{RUNNER}"
    assert gated.kubectl(*may, "--namespace", NAMESPACE, who, code=None).out.strip() == "yes"
    assert gated.kubectl(*may, "--namespace", "staging", who, code=None).out.strip() == "no"
    who = f"--as=system:serviceaccount:{NAMESPACE}:{JOB}"
    assert gated.kubectl(*may, "--namespace", NAMESPACE, who, code=None).out.strip() == "no"


def test_the_jobs_token_reads_and_does_no_more(gated: Environment) -> None:
    ctx = gated.context()
    token = ctx.home.secret(TOKENS[JOB][0])
    assert token is not None
    reads = Pulls.by_token(ctx.url("gitea"), ctx.trust.ca_path, USER, token)
    assert reads.may_read(REPOSITORY)
    head = Deal(gated).main()
    with pytest.raises(Refused):
        reads.set_status(REPOSITORY, head, CONTEXT, SUCCESS, "believe me")
    with pytest.raises(Refused):
        reads.comment(REPOSITORY, 1, "<!-- x -->", "believe me")


def test_a_bring_up_leaves_merge_commits_as_the_one_way_to_merge(gated: Environment) -> None:
    assert connect(gated.context()).only_merge_commits(REPOSITORY) is False, "there was nothing left to change"


def _specs(found: list[dict[str, Any]]) -> list[Any]:
    return [(one["metadata"]["namespace"], one["metadata"]["name"], one["spec"]) for one in found]


def applied(environment: Environment, *more: str, code: int = 0) -> Any:
    return environment.pov("infra", "apply", *more, code=code)


def test_what_is_merged_is_applied_once_by_the_plan_that_the_gate_told_and_a_bring_up_keeps_it(deal: Deal) -> None:
    environment = deal.environment
    deal.takes("agreed")
    if not (deal.folder / "approvals").is_dir():
        approve(deal)
    stages = deal.fork.read("deal/stages.yaml")
    deal.fork.write("deal/stages.yaml", stages.replace("pods: 1000", f"pods: {500 + int(time.monotonic()) % 400}"))
    asked = deal.asks("to-be-applied")
    status = deal.verdict(asked)
    assert status.state == SUCCESS, deal.comment(asked)
    green = read(status.description)
    serial = state_of(environment.context().kube).serial
    assert (green.state, len(green.plan)) == (str(serial), 64)
    assert green.plan in deal.comment(asked)
    assert not deal.merges(asked).startswith("refused")

    before = environment.objects("resourcequotas", "--all-namespaces")
    refused = applied(environment, "--checked", "0" * 64, code=4)
    assert "another than the one that was checked" in refused.err
    assert _specs(environment.objects("resourcequotas", "--all-namespaces")) == _specs(before), "nothing half applied"
    done = applied(environment).json
    assert (done["new"], done["pull"], done["commit"]) == (True, asked.number, deal.main())
    assert (done["plan"]["digest"], done["serial"]["before"]) == (green.plan, serial)
    (quota,) = environment.objects("resourcequotas", "--namespace", "prod")
    assert quota["spec"]["hard"]["requests.cpu"] in {"250", "250000m"}
    told = environment.pov("infra", "log").json["runs"][-1]
    assert (told["result"], told["command"]) == ("applied", "pov infra apply")
    assert (told["plan"], told["approved"]) == (green.plan, green.plan)
    assert (told["configuration"]["commit"], told["configuration"]["pull"]) == (deal.main(), asked.number)
    assert told["after"]["serial"] == done["serial"]["after"] == serial + 1

    again = applied(environment).json
    assert (again["new"], again["serial"]["after"]) == (False, serial + 1)
    steps = {step["name"]: step["outcome"] for step in environment.up().json["steps"]}
    assert (steps["landing_zone"], steps["gate"]) == ("unchanged", "unchanged")
    assert environment.objects("resourcequotas", "--namespace", "prod")
    assert f"pov --name {environment.name} infra apply" in environment.pov("up", "--checked", green.plan, code=2).err


def test_where_the_state_moved_all_is_judged_again_and_an_old_plan_is_not_applied(deal: Deal) -> None:
    environment = deal.environment
    deal.fork.write("deal/moves.md", "while the state moves\n")
    asked = deal.asks("while-it-moves")
    assert deal.verdict(asked).state == SUCCESS, deal.comment(asked)
    before = state_of(environment.context().kube).serial
    removed = ("delete", "limitrange", "landing-zone", "--namespace", "dev", "--as=pov:installer")
    environment.kubectl(*removed, "--as-group=system:masters")
    environment.up()
    assert state_of(environment.context().kube).serial > before
    status = deal.verdict(asked)
    assert status.state == SUCCESS, deal.comment(asked)
    assert not deal.merges(asked).startswith("refused")
    environment.kubectl(*removed, "--as-group=system:masters")
    environment.up()
    refused = applied(environment, code=4)
    assert "the state has moved since the gate judged it" in refused.err
    (digest,) = {word for word in refused.err.split() if len(word) == 64}
    assert applied(environment, "--checked", digest).json["new"] is True


def test_status_tells_when_nobody_watches_and_up_mends_it(gated: Environment) -> None:
    told = f"{RUNNER} is not ready"
    assert not [problem for problem in gated.pov("status").json["problems"] if told in problem]
    gated.kubectl("scale", "--namespace", NAMESPACE, f"deployment/{RUNNER}", "--replicas=0")
    gated.until("a problem", lambda: [problem for problem in gated.pov("status").json["problems"] if told in problem])
    steps = {step["name"]: step["outcome"] for step in gated.up().json["steps"]}
    assert steps["gate"] == "changed"
    assert not [problem for problem in gated.pov("status").json["problems"] if told in problem]
    steps = {step["name"]: step["outcome"] for step in gated.up().json["steps"]}
    assert steps["gate"] == "unchanged"


def test_no_login_of_the_gates_shows_anywhere(deal: Deal) -> None:
    deal.takes("promised")
    asked = deal.asks("no-secrets")
    assert deal.verdict(asked).state == FAILURE
    environment = deal.environment
    secrets = {name: values for name, values in _of_home(environment).items() if "gitea" in name}
    assert {f"secrets/{file}" for file, _ in TOKENS.values()} <= set(secrets)
    inside = ("--namespace", NAMESPACE)
    kinds = ("pods", "jobs", "events", "configmaps")
    texts = {kind: environment.kubectl("get", kind, *inside, "-o", "json").out for kind in kinds}
    for pod in environment.objects("pods", *inside):
        name = pod["metadata"]["name"]
        texts[f"log {name}"] = environment.kubectl("logs", *inside, name, "--all-containers", code=None).out
    texts |= {f"output {number}": f"{ran.out}\n{ran.err}" for number, ran in enumerate(environment.transcript)}
    texts["history"] = deal.upstream._call("log", "--all", "--patch", "--format=raw")
    texts["comments"] = str([comments(deal.architect, REPOSITORY, number) for number in range(1, asked.number + 1)])
    assert "Gate: refused" in texts["comments"]
    assert "diff --git" in texts["history"]
    processes = b"\n".join(line.replace(b"\0", b" ") for line in environment.watch.seen)
    assert b"kubeconfig" in processes
    found = found_in({**{place: text.encode() for place, text in texts.items()}, "process list": processes}, secrets)
    assert found == []

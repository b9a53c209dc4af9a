"""What the SA does: up, look, measure, report. One environment, in this order."""

from __future__ import annotations

import io
import json
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from pypdf import PdfReader

from pov.config.estates import estates
from pov.config.scenario import load_scenario
from pov.state.home import Home
from pov.state.runs import CONFIGURATION, read_run
from pov.steps.kind.target import KindCluster
from pov.steps.plan import bring_up
from tests.e2e.harness import COMPANY, SMALL, Environment, Ran, containers
from tests.journals import read_journal

pytestmark = pytest.mark.timeout(700)

SCENARIO = load_scenario(str(SMALL))
STEPS = [step.name for step in bring_up(SCENARIO, KindCluster(Home(Path("unused")), "steps"))]


def test_up_takes_every_step_and_tells_so(shared: Environment, facts: Callable[..., None]) -> None:
    assert shared.first_up is not None
    result = shared.first_up.json
    facts(up_seconds=result["seconds"], steps={step["name"]: step["seconds"] for step in result["steps"]})
    assert (result["name"], result["scenario"], result["changed"]) == (shared.name, "small", True)
    assert sorted(step["name"] for step in result["steps"]) == sorted(STEPS)
    ports = {name: int(url.removeprefix("https://127.0.0.1:")) for name, url in result["addresses"].items()}
    assert sorted(ports) == ["argocd", "gitea", "prober", "vault"]
    assert len(set(ports.values())) == 4
    told = {entry["step"] for entry in read_journal(shared.home.journal) if entry["kind"] == "step-done"}
    assert told == set(STEPS)


def test_nothing_listens_beyond_loopback(shared: Environment) -> None:
    document = json.loads(containers().run("container", "inspect", shared.node).stdout)[0]
    bindings = [b for found in document["NetworkSettings"]["Ports"].values() for b in found or ()]
    assert len(bindings) >= 5
    assert {binding["HostIp"] for binding in bindings} == {"127.0.0.1"}


def test_up_again_says_no_changes(shared: Environment, facts: Callable[..., None]) -> None:
    before = _versions(shared)
    ran = shared.up()
    facts(again_seconds=ran.json["seconds"], steps={step["name"]: step["seconds"] for step in ran.json["steps"]})
    assert [step["name"] for step in ran.json["steps"] if step["outcome"] != "unchanged"] == []
    assert ran.json["changed"] is False
    assert _versions(shared) == before
    words = shared.start("up").wait(120)
    assert words.code == 0
    assert "no changes" in words.out


def _versions(shared: Environment) -> dict[str, str]:
    """Resource versions of what `up` applies and no controller writes to, as whoever changes nothing leaves them."""
    kinds = "configmaps,services,serviceaccounts,networkpolicies,resourcequotas,limitranges,roles,rolebindings"
    return {
        f"{item['kind']}/{item['metadata']['namespace']}/{item['metadata']['name']}": item["metadata"][
            "resourceVersion"
        ]
        for namespace in ("dev", "staging", "prod", "legacy", "vault", "gitea", "pov-system")
        for item in shared.objects(kinds, "--namespace", namespace)
        if item["kind"] != "ResourceQuota"
    }


def test_status_finds_no_problem(shared: Environment) -> None:
    status = shared.pov("status").json
    assert status["problems"] == []
    assert {app["name"]: (app["sync"], app["health"]) for app in status["applications"]} == dict.fromkeys(
        ("dev", "staging", "prod"), ("Synced", "Healthy")
    )
    ends = {ca["name"]: ca["not_after"] for ca in status["authorities"]}
    assert sorted(ends) == ["issuing CA", "root CA"]
    assert ends["issuing CA"] < ends["root CA"]
    expected = sorted((estate.name, service) for estate in estates(SCENARIO) for service in estate.services)
    assert sorted((service["estate"], service["name"]) for service in status["services"]) == expected
    assert all(service["serial"] and service["version"] and service["not_after"] for service in status["services"])


def test_open_names_pages_that_answer_with_a_certificate_of_our_ca(shared: Environment) -> None:
    pages = {page["what"]: page for page in shared.pov("open", "--no-browser").json["pages"]}
    assert sorted(pages) == ["argocd", "gitea", "vault"]
    for what, path in {"argocd": "/healthz", "gitea": "/user/login", "vault": "/v1/sys/health"}.items():
        assert shared.web(what)("GET", path).status_code == 200, what
        assert pages[what]["url"].startswith(shared.web(what).url)
    password = Path(pages["argocd"]["password_file"]).read_text().strip()
    login = {"username": "admin", "password": password}
    assert shared.web("argocd")("POST", "/api/v1/session", json=login).status_code == 200
    login["password"] = "admin"
    assert shared.web("argocd")("POST", "/api/v1/session", json=login).status_code == 401
    auth = (pages["gitea"]["user"], Path(pages["gitea"]["password_file"]).read_text().strip())
    assert shared.web("gitea")("GET", "/api/v1/user", auth=auth).json()["is_admin"] is True


@pytest.mark.timeout(900)
def test_measure_takes_every_arm(shared: Environment, measured: Ran, facts: Callable[..., None]) -> None:
    saved = read_run(shared.runs()[0])
    assert saved.problems == ()
    summary = saved.summary
    assert summary is not None
    facts(
        seconds=round(measured.seconds),
        medians={f"{e['name']} {a['name']}": a["median"] for e in summary["experiments"] for a in e["arms"]},
    )
    assert summary["run"]["interrupted"] is False
    planned = {(e.name, arm) for e in SCENARIO.experiments for arm in e.arms}
    trials = {(e["name"], a["name"]): a["trials"] for e in summary["experiments"] for a in e["arms"]}
    assert set(trials) == planned
    assert [(key, t["error"]) for key, found in trials.items() for t in found if not t["ok"]] == []
    assert all(len(found) == 1 and found[0]["origin"] == "executed" for found in trials.values())
    assert all(found[0]["seconds"] > 0 for found in trials.values())
    parts = {part["name"]: part for part in summary["footprint"]["parts"]}
    assert set(parts) >= {"argocd", "vault", "agents", "gitea", "kubernetes", "services", "node"}
    assert all(
        part["processor_s"] > 0 and part["memory_mib"] > 1 for part in parts.values() if part["name"] != "others"
    )
    rotation = trials["rotate", "automated"][0]
    assert rotation["handshakes"] > 0
    # What is late on a busy machine is its doing, and said so; nothing was refused, cut off or answered wrongly.
    assert rotation["hard"] == 0
    steps = trials["deploy", "manual"][0]["steps"]
    assert len(steps) >= 3, "the runbook's steps are timed one by one"
    rotated = next(e for e in summary["experiments"] if e["name"] == "rotate")
    placebo, negative = rotated["placebo"], rotated["negative_control"]
    assert placebo["requests"] > 0
    assert placebo["hard"] == 0
    assert [window["ok"] for window in negative["windows"]] == [True]
    assert negative["failed_requests"] > 0, "the prober can see a failure"
    assert [c["outcome"] == "pass" for c in summary["criteria"]] == [rotation["failed_requests"] == 0]


def test_the_next_plan_is_timed_by_what_was_measured(shared: Environment, measured: Ran) -> None:
    before = shared.runs()
    plan = shared.pov("measure", "--plan", "--profile", "readout").json
    trials = {(arm["experiment"], arm["arm"]): arm for arm in plan["plan"]}
    assert trials["deploy", "automated"]["trials"] == 6
    assert trials["deploy", "automated"]["learnt_from"] >= 1
    assert plan["seconds"] > sum(arm["seconds_a_trial"] for arm in plan["plan"])
    too_little = shared.pov("measure", "--budget", "10s", code=2).json
    assert "one round" in json.dumps(too_little)
    assert shared.runs() == before, "nothing was measured"
    listed = shared.pov("runs", "list").json["runs"]
    assert [run["run"] for run in listed] == [path.name for path in before]


def test_versions_are_those_that_the_cluster_tells(shared: Environment, measured: Ran) -> None:
    environment = read_run(shared.runs()[0]).environment
    told = environment["versions"]
    assert {name: said for name, said in told.items() if "did not say" in said} == {}
    (node,) = shared.objects("nodes")
    info = node["status"]["nodeInfo"]
    assert told["kubelet"] == info["kubeletVersion"]
    assert told["container runtime"] == info["containerRuntimeVersion"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", told["CoreDNS"])
    for name in ("argocd", "redis", "openbao", "gitea", "mock", "legacy-host", "kube-apiserver", "etcd", "coredns"):
        assert re.search(r"\S+ sha256:[0-9a-f]{64}", told[f"image {name}"]), name
    assert environment["differences"] == []


def test_the_users_own_files_are_left_alone(shared: Environment, measured: Ran) -> None:
    assert [str(path) for path in shared.user.rglob("*") if path.is_file()] == []
    assert list(shared.tmp.iterdir()) == []
    private = [shared.home.secrets_dir, shared.home.kubeconfig, *shared.home.secrets_dir.rglob("*")]
    assert len(private) > 4
    open_ones = [path for path in private if path.suffix not in {".crt", ".pub"} and _open_to_others(path)]
    assert open_ones == []


def _open_to_others(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode) & 0o077


def test_a_deploy_put_the_version_that_the_prober_saw_there(shared: Environment, measured: Ran) -> None:
    deploys = [s for s in read_run(shared.runs()[0]).samples if s["experiment"] == "deploy" and s["arm"] == "automated"]
    assert deploys
    assert json.dumps(deploys[-1]["details"]).count("sha256:") >= 1, "the artefact is named by its digest"
    seen = {s["name"]: s["version"] for s in shared.pov("status").json["services"] if s["estate"] == "staging"}
    assert set(seen) == set(SCENARIO.pov_services)
    assert len(set(seen.values())) == 1


def test_report_is_a_pdf_with_its_evidence(shared: Environment, measured: Ran, facts: Callable[..., None]) -> None:
    result = shared.pov("report", "--run", shared.runs()[0].name).json
    facts(report_seconds=result["seconds"])
    assert result["problems"] == []
    pdf = Path(result["paths"]["pdf"]).read_bytes()
    assert pdf.startswith(b"%PDF")
    reader = PdfReader(io.BytesIO(pdf))
    assert reader.attachments["samples.jsonl"] == [(shared.runs()[0] / "samples.jsonl").read_bytes()]
    text = "".join(page.extract_text() for page in reader.pages)
    assert "deploy" in text.lower()
    assert json.loads(Path(result["paths"]["json"]).read_text())


def test_run_and_report_compute_again_and_the_run_holds_what_was_deployed(shared: Environment, measured: Ran) -> None:
    run = shared.runs()[0]
    of_run = shared.pov("verify", run.name).json
    assert (of_run["matches"], of_run["wrong"]) == (True, [])
    (kept,) = [line for line in of_run["checked"] if line.startswith(CONFIGURATION)]
    deployed = {s["details"]["revision"] for s in read_run(run).samples if "revision" in s["details"]}
    assert len(deployed) >= 2, "a deployment, a rotation"
    assert f"the {len(deployed)} commits" in kept
    report = shared.pov("report", "--run", run.name).json["paths"]["pdf"]
    of_report = shared.pov("verify", report).json
    assert (of_report["matches"], of_report["wrong"]) == (True, [])


def test_the_audit_trail_leads_from_a_commit_to_what_runs(shared: Environment, measured: Ran) -> None:
    gitea = shared.web("gitea")
    auth = ("pov", shared.secret("gitea-password"))
    commits = gitea("GET", "/api/v1/repos/pov/platform-config/commits?sha=main&limit=50", auth=auth).json()
    assert len(commits) >= 3, "the first one, a deployment, a rotation"
    assert all(commit["commit"]["author"]["date"] and commit["commit"]["message"] for commit in commits)
    revisions = {app["name"]: app["revision"] for app in shared.pov("status").json["applications"]}
    assert revisions["staging"] == commits[0]["sha"]
    names = [item["metadata"]["name"] for item in shared.objects("secrets", "--all-namespaces")]
    assert [name for name in names if name.startswith("tfstate-")], "Terraform's state is in the cluster"
    read = ("exec", "-n", "vault", "vault-0", "-c", "vault", "--", "sh", "-c", "cat /vault/data/audit.log*")
    log = shared.kubectl(*read).out
    entries = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    issued = [e for e in entries if e["type"] == "response" and e["request"]["path"] == "pki_int/issue/service"]
    assert len(issued) >= 2 * len(SCENARIO.pov_services), "every certificate is on record, those of the rotation too"


def test_company_settings_change_nothing_that_is_up(shared: Environment) -> None:
    """Arms are measured under them in an environment that was brought up under them: see `test_own_clusters.py`."""
    ran = shared.up(variables=COMPANY)
    assert ran.json["changed"] is False
    assert shared.pov("status", variables=COMPANY).json["problems"] == []

"""What the gate's Job does, with the real Git, conftest and Terraform: a pull request fetched, and judged by main."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import PovError
from pov.base.paths import data
from pov.bundle.gate_image import put_code, put_libraries
from pov.bundle.on_demand import for_gate
from pov.cli.main import main
from pov.config.offering import shipped
from pov.engines.git_command import Remote
from pov.model.events import silent
from pov.steps.gate import repository
from pov.workflows.gate_fetch import fetch, wait_fetched
from pov.workflows.gate_job import judge

# The first one builds conftest where nobody has.
pytestmark = [pytest.mark.contract, pytest.mark.timeout(1200)]

ENVIRONMENT = "demo"
WHY = ("--reason", "reviewed with the customer")
SCENARIO = data("scenarios", "enterprise-scope")


class Server:
    """The deal's repository with a main as `pov up` makes it, and a pull request that a test changes."""

    def __init__(self, root: Path) -> None:
        self.root, self.copy, self.own = root, root / "copy", root / "own"
        self.own.mkdir()
        for role in ("engineer", "engineering-vp", "cto", "mallory"):
            argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(root / role)]
            subprocess.run(argv, check=True, timeout=30)
        roles = ("engineer", "engineering-vp", "cto")
        lines = [f"{role}/pat {(root / f'{role}.pub').read_text()}" for role in roles]
        (self.own / "allowed_signers").write_text("".join(lines))
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(root / "origin.git"), at=root)
        self.git("clone", "--quiet", str(root / "origin.git"), str(self.copy), at=root)
        self.bring()
        for files in repository.seeds(None, SCENARIO / "deal", {}).values():
            for path, text in files.items():
                self.write(path, text)
        self.base = self.commit("main")

    def bring(self) -> None:
        """What `pov up` keeps, as the user's own folder has it now."""
        for path, content in repository.managed(shipped(), self.own).items():
            self.write(path, content)

    def git(self, *arguments: str, at: Path | None = None) -> str:
        argv = ["git", "-c", "user.name=pat", "-c", "user.email=pat@example.org", *arguments]
        done = subprocess.run(argv, cwd=at or self.copy, check=True, capture_output=True, text=True, timeout=60)
        return done.stdout.strip()

    def write(self, path: str, content: str | bytes) -> None:
        place = self.copy / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)

    def add(self, path: str, text: str) -> None:
        self.write(path, (self.copy / path).read_text() + text)

    def takes(self, wish: str) -> None:
        for path in (SCENARIO / wish).iterdir():
            self.write(f"deal/{path.name}", path.read_text())

    def approve(self, key: str, kind: str = "scope", name: str = ENVIRONMENT) -> None:
        argv = ["--name", name, "--engagement", str(self.copy / "deal"), "scope", "approve", "--kind", kind, *WHY]
        assert main([*argv, "--key", str(self.root / key)]) == 0

    def commit(self, where: str) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "change")
        self.git("push", "--quiet", "--force", "origin", f"HEAD:{where}")
        return self.git("rev-parse", "HEAD")

    def fetched(self, base: str | None = None) -> Path:
        """The pull request as it is now, laid out as the Job's first container does it."""
        head = self.commit("refs/pull/1/head")
        work = self.root / f"work-{head[:8]}"
        token = self.root / "token"
        token.touch()
        remote = Remote(str(self.root / "origin.git"), "gate", token, self.root / "ca.crt")
        fetch(1, head, base or self.base, remote, work=work, room=work / "change")
        return work / "change"

    def judged(self, base: str | None = None) -> dict[str, Any]:
        document = judge(self.fetched(base), ENVIRONMENT, for_gate(silent))
        found: dict[str, Any] = json.loads(json.dumps(document))
        return found


def refusals(document: dict[str, Any]) -> list[str]:
    return [one["what"] for check in document.get("checks", ()) for one in check["refusals"]]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return Server(tmp_path)


def test_the_promise_is_refused_with_a_price_and_an_approver_and_passes_approved_in_part(server: Server) -> None:
    server.takes("promised")
    document = server.judged()
    assert document["outcome"] == "refused"
    assert refusals(document) == PROMISED
    who = {tuple(one["who"]) for check in document["checks"] for one in check["refusals"]}
    assert who == {("cto", "engineer", "engineering-vp"), ("cto", "engineering-vp"), ("engineering-vp",)}
    assert any("20,000 (15,000 to 30,000) USD once" in told and "EXAMPLE" in told for told in document["priced"])
    server.takes("agreed")
    assert refusals(server.judged()) == ["256 CPU cores are asked for over all stages"]
    server.approve("engineer")
    document = server.judged()
    assert (document["outcome"], refusals(document)) == ("passed", [])
    assert datetime.fromisoformat(document["holds_until"]) > datetime.now(UTC)
    assert 'module.landing_zone.kubectl_manifest.namespace["prod"]' in {
        one["address"] for one in document["plan"]["changes"]
    }


PROMISED = [
    "4000 CPU cores are asked for over all stages",
    "16000 GiB of memory are asked for over all stages",
    "250000 IOPS are asked for over all stages",
]


def test_the_promise_is_refused_before_there_is_a_plan_and_the_plan_says_it_no_second_time(server: Server) -> None:
    server.takes("promised")
    said: list[Mapping[str, Any]] = []
    programs = for_gate(silent)
    whole = judge(server.fetched(), ENVIRONMENT, programs, first=said.append)
    (first,) = said
    assert (first["outcome"], first["so_far"], refusals(dict(first))) == ("refused", True, PROMISED)
    assert first["priced"] == whole["priced"]
    assert whole["checks"][: len(first["checks"])] == first["checks"]
    assert refusals(whole) == PROMISED
    assert whole["plan"]["changes"], "it was planned all the same"
    in_words = [one for check in whole["checks"] for one in check["refusals"]]
    alone = server.judged()
    assert in_words == [one for check in alone["checks"] for one in check["refusals"]], "in the plan's own words"


def test_what_passes_is_told_once(server: Server) -> None:
    server.takes("agreed")
    server.approve("engineer")
    said: list[Mapping[str, Any]] = []
    assert judge(server.fetched(), ENVIRONMENT, for_gate(silent), first=said.append)["outcome"] == "passed"
    assert said == []


@pytest.mark.parametrize("command", ["init", "plan"])
def test_where_terraform_fails_what_was_refused_before_stays(command: str, server: Server, tmp_path: Path) -> None:
    server.takes("promised")
    broken = tmp_path / "terraform"
    broken.write_text(f'#!/bin/sh\n[ "$1" != {command} ] || {{ echo "Error: broken" >&2; exit 1; }}\n')
    broken.chmod(0o755)
    programs = replace(for_gate(silent), terraform=broken)
    said: list[Mapping[str, Any]] = []
    document = judge(server.fetched(), ENVIRONMENT, programs, first=said.append)
    assert document["outcome"] == "refused"
    assert refusals(dict(said[0])) == PROMISED
    assert refusals(document)[: len(PROMISED)] == PROMISED
    assert "broken" in json.dumps(document)


_ALONE = """
import json, pathlib, sys
sys.path[:0] = sys.argv[1:3]
from pov.bundle.on_demand import GatePrograms
from pov.workflows.gate_job import judge
print(json.dumps(judge(pathlib.Path(sys.argv[3]), sys.argv[4], GatePrograms(*map(pathlib.Path, sys.argv[5:])))))
"""


def test_what_the_image_holds_is_enough_to_judge(server: Server, tmp_path: Path) -> None:
    put_code(tmp_path / "code")
    put_libraries(tmp_path / "libraries")
    server.takes("agreed")
    server.approve("cto")
    room, programs = server.fetched(), for_gate(silent)
    paths = (tmp_path / "code", tmp_path / "libraries", room)
    tools = (programs.conftest, programs.terraform, programs.providers)
    # Without the packages of this environment, and without its variables, as in the image.
    argv = [sys.executable, "-I", "-S", "-c", _ALONE, *map(str, paths), ENVIRONMENT, *map(str, tools)]
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "POV_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["outcome"] == "passed", document
    assert document["plan"]["changes"]


def test_the_ctos_mandate_lets_a_missing_approval_block(server: Server) -> None:
    argv = ["--name", ENVIRONMENT, "--engagement", str(server.copy / "deal"), "scope", "mandate", *WHY]
    assert main([*argv, "--key", str(server.root / "cto")]) == 0
    (made,) = (server.copy / "deal" / "approvals").glob("*.json")
    for ending in ("", ".sig"):
        shutil.copyfile(f"{made}{ending}", server.own / f"mandate.json{ending}")
    shutil.rmtree(made.parent)
    server.bring()
    server.base = server.commit("main")
    server.add("deal/engagement.yaml", "  promised: Small\n")
    document = server.judged()
    assert document["mode"] == "block"
    assert (document["outcome"], document["mandate"]["role"]) == ("refused", "cto")
    assert refusals(document)


def test_a_key_that_ssh_keygen_revoked_does_not_count(server: Server) -> None:
    argv = ["ssh-keygen", "-q", "-k", "-f", str(server.own / "revoked_keys"), str(server.root / "engineer.pub")]
    subprocess.run(argv, check=True, timeout=30)
    server.bring()
    server.base = server.commit("main")
    server.takes("agreed")
    server.approve("engineer")
    assert refusals(server.judged()) == [STILL]
    server.approve("cto")
    assert server.judged()["outcome"] == "passed"


def other_deal(server: Server, name: str = "another-deal") -> Path:
    """The folder of a deal that was approved for 1,900 of the platform's 2,048 cores."""
    folder = server.root / name
    shutil.copytree(SCENARIO / "agreed", folder)
    text = (folder / "engagement.yaml").read_text()
    text = text.replace("name: black-friday", f"name: {name}").replace("cpu: 256", "cpu: 1900")
    (folder / "engagement.yaml").write_text(text)
    argv = ["--name", "elsewhere", "--engagement", str(folder), "scope", "approve", "--kind", "scope", *WHY]
    assert main([*argv, "--key", str(server.root / "engineer")]) == 0
    return folder


def as_brought(server: Server) -> None:
    """As whoever runs `pov up` keeps it."""
    shutil.copytree(other_deal(server) / "approvals", server.own / "register" / "another-deal")
    server.bring()


def as_before(server: Server) -> None:
    """As the deal that this repository was about before."""
    shutil.copytree(other_deal(server) / "approvals", server.copy / "deal" / "approvals")


def advised(document: dict[str, Any]) -> list[str]:
    return [one["what"] for check in document["checks"] for one in check["advice"]]


@pytest.mark.parametrize("hold", [as_brought, as_before])
def test_what_main_holds_of_other_deals_is_summed_up(hold: Callable[[Server], None], server: Server) -> None:
    over = "the platform has not enough: CPU cores: 256 asked, 148 of 2,048 left"
    server.takes("agreed")
    assert not [told for told in advised(server.judged()) if told.startswith("the platform has not enough")]
    server.git("reset", "--quiet", "--hard", server.base)
    hold(server)
    server.base = server.commit("main")
    server.takes("agreed")
    assert over in advised(server.judged())
    server.approve("engineer")
    document = server.judged()
    assert document["outcome"] == "passed"
    assert f"{over}; it is approved all the same" in advised(document)


def test_what_a_pull_request_brings_of_other_deals_is_not_summed_up(server: Server) -> None:
    as_before(server)
    server.takes("agreed")
    assert not [told for told in advised(server.judged()) if told.startswith("the platform has not enough")]


def own_signers(server: Server) -> None:
    server.add("platform/allowed_signers", f"cto/mallory {(server.root / 'mallory.pub').read_text()}")
    server.takes("agreed")
    server.approve("mallory")


def own_offering(server: Server) -> None:
    path = server.copy / "platform" / "offering.yaml"
    path.write_text(path.read_text().replace("cpuStandard: 64", "cpuStandard: 4096"))
    server.takes("agreed")


def own_mandate(server: Server) -> None:
    server.write("platform/mandate.json", "{}\n")


def own_policies(server: Server) -> None:
    server.write("policies/gate/plan.rego", "package gate.plan\n")


def own_modules(server: Server) -> None:
    server.add("terraform/modules/guardrails/main.tf", "# softer\n")


def more_beside_the_modules(server: Server) -> None:
    server.write("terraform/targets/prod/main.tf", 'data "external" "x" {\n  program = ["id"]\n}\n')


def no_modules(server: Server) -> None:
    shutil.rmtree(server.copy / "terraform" / "modules" / "guardrails")


def without_the_refusal(server: Server) -> None:
    """What was approved, then refused, and is asked for once more as if nobody had refused it."""
    server.takes("agreed")
    server.approve("engineer")
    approved = set((server.copy / "deal" / "approvals").iterdir())
    argv = ["--name", ENVIRONMENT, "--engagement", str(server.copy / "deal"), "scope", "refuse", *WHY]
    assert main([*argv, "--key", str(server.root / "cto")]) == 0
    server.base = server.commit("main")
    for path in set((server.copy / "deal" / "approvals").iterdir()) - approved:
        path.rename(server.root / f"refusal{path.suffix}")


def no_signers(server: Server) -> None:
    (server.copy / "platform" / "allowed_signers").unlink()


def what_would_run(server: Server) -> None:
    block = 'resource "terraform_data" "x" {\n  provisioner "local-exec" { command = "id" }\n}\n'
    server.add("terraform/targets/local/main.tf", block + 'data "external" "x" {\n  program = ["id"]\n}\n')
    server.write("terraform/targets/local/x.auto.tfvars", 'scope = { reference = "x", approved_by = "x" }\n')


def a_link(server: Server) -> None:
    (server.copy / "deal" / "approvals").symlink_to("/etc")


def a_submodule(server: Server) -> None:
    (server.copy / "deal" / "more").mkdir()
    server.git("update-index", "--add", "--cacheinfo", f"160000,{server.base},deal/more")


def replayed(server: Server) -> None:
    """An approval of what was agreed, for the promise."""
    server.takes("agreed")
    server.approve("cto")
    server.takes("promised")


def for_another_environment(server: Server) -> None:
    server.takes("agreed")
    server.approve("cto", name="another")


STILL = "256 CPU cores are asked for over all stages"
ATTACKS: list[tuple[Callable[[Server], None], tuple[str, ...]]] = [
    (own_signers, ("platform/allowed_signers is changed", STILL)),
    (own_offering, ("platform/offering.yaml is changed", STILL)),
    (own_mandate, ("platform/mandate.json is changed",)),
    (own_policies, ("policies/gate/plan.rego is changed",)),
    (own_modules, ("terraform/modules/guardrails/main.tf is changed",)),
    (more_beside_the_modules, ("terraform/targets/prod/main.tf is changed",)),
    (no_modules, ("terraform/modules/guardrails/main.tf is changed",)),
    (no_signers, ("platform/allowed_signers is changed",)),
    (
        what_would_run,
        (
            "main.tf: a provisioner (local-exec) in terraform_data.x",
            "main.tf: data source external.x",
            "x.auto.tfvars sets variables",
        ),
    ),
    (a_link, ("deal/approvals is a link",)),
    (a_submodule, ("deal/more is a submodule",)),
    (replayed, ("4000 CPU cores are asked for over all stages",)),
    (for_another_environment, (STILL,)),
]


@pytest.mark.parametrize(("attack", "told"), ATTACKS, ids=lambda value: getattr(value, "__name__", ""))
def test_what_slips_past_in_a_pull_request_is_refused(
    attack: Callable[[Server], None], told: tuple[str, ...], server: Server
) -> None:
    attack(server)
    document = server.judged()
    assert document["outcome"] == "refused"
    assert set(told) <= set(refusals(document))


def test_a_refusal_that_main_holds_is_not_taken_out(server: Server) -> None:
    without_the_refusal(server)
    document = server.judged()
    assert document["outcome"] == "refused"
    (told, _) = sorted(refusals(document))
    assert told.startswith("deal/approvals/")
    assert "-refuse-scope-" in told


@pytest.mark.parametrize("gone", ["deal/stages.yaml", "terraform/targets/local"])
def test_what_is_taken_out_is_not_judged_by_what_the_toolkit_has(gone: str, server: Server) -> None:
    server.git("rm", "-r", "--quiet", gone)
    document = server.judged()
    assert document["outcome"] == "bad input"
    assert any(gone in line for line in document["lines"]), document


def test_a_link_is_laid_out_as_what_it_says_and_not_followed(server: Server) -> None:
    (server.copy / "deal" / "engagement.yaml").unlink()
    (server.copy / "deal" / "engagement.yaml").symlink_to("/etc/passwd")
    room = server.fetched()
    assert (room / "head" / "deal" / "engagement.yaml").read_text() == "/etc/passwd"
    assert not [path for path in room.rglob("*") if path.is_symlink()]
    document = judge(room, ENVIRONMENT, for_gate(silent))
    assert document["outcome"] == "bad input"
    assert "root:" not in json.dumps(document)


def test_attributes_of_the_pull_request_change_no_file(server: Server) -> None:
    server.write(".gitattributes", "* text eol=crlf ident filter=lfs\n")
    server.write("deal/note.md", "one\ntwo $Id$\n")
    assert (server.fetched() / "head" / "deal" / "note.md").read_bytes() == b"one\ntwo $Id$\n"


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        ("deal/stages.yaml", "more: 1\n", "deal/stages.yaml:"),
        ("deal/engagement.yaml", "nonsense: [\n", "deal/engagement.yaml:"),
        ("terraform/targets/local/main.tf", 'resource "x" {\n', "main.tf"),
    ],
)
def test_what_cannot_be_judged_is_told_by_its_place_in_the_repository(
    path: str, text: str, told: str, server: Server
) -> None:
    server.add(path, text)
    document = server.judged()
    assert document["outcome"] == "bad input"
    assert any(told in line for line in document["lines"]), document
    assert str(server.root) not in json.dumps(document)


def test_a_branch_that_lacks_commits_of_main_is_refused(server: Server) -> None:
    before = server.base
    server.write("README.md", "moved\n")
    server.base = server.commit("main")
    server.git("reset", "--quiet", "--hard", before)
    document = server.judged()
    assert refusals(document) == ["the branch lacks commits of main"]
    server.git("merge", "--quiet", "--no-edit", server.base)
    assert server.judged()["outcome"] == "passed"


def test_more_than_can_be_judged_is_refused_and_not_laid_out(server: Server) -> None:
    for number in range(2001):
        server.write(f"deal/many/{number}.txt", "x")
    room = server.fetched()
    assert not (room / "head").exists()
    document = judge(room, ENVIRONMENT, for_gate(silent))
    assert document["outcome"] == "refused"
    assert "the branch holds more than can be judged" in refusals(document)


def test_a_commit_that_is_gone_is_no_verdict(server: Server, tmp_path: Path) -> None:
    server.commit("refs/pull/1/head")
    token = tmp_path / "token"
    token.touch()
    remote = Remote(str(tmp_path / "origin.git"), "gate", token, tmp_path / "ca.crt")
    with pytest.raises(PovError):
        fetch(1, "0" * 40, server.base, remote, work=tmp_path / "work", room=tmp_path / "room")
    with pytest.raises(PovError, match="nothing was fetched"):
        wait_fetched(tmp_path / "room")

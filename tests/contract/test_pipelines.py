"""The ready pipelines: their shell commands, taken out of the files, run for real in a repository with a server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pov.base.paths import cache_root, data
from pov.cli.main import main
from pov.workflows.pipelines import FILES, text_of
from tests.contract.test_approvals import WHY, Company
from tests.contract.test_gate import stages

pytestmark = [pytest.mark.contract, pytest.mark.timeout(1200)]

SHELLS = {"jenkins": ["sh", "-xe"], "github": ["bash", "--noprofile", "--norc", "-eo", "pipefail"], "gitlab": ["sh"]}


def commands(name: str) -> str:
    """The shell commands of a pipeline."""
    text = text_of(name)
    if name == "jenkins":
        found = re.findall(r"sh '''(.*?)'''", text, re.DOTALL)
    elif name == "github":
        steps = YAML(typ="safe").load(text)["jobs"]["gate"]["steps"]
        found = [step["run"] for step in steps if "run" in step]
    else:
        found = YAML(typ="safe").load(text)["gate"]["script"]
    assert len(found) == 1
    return str(found[0])


class Server(Company):
    """A Git server's repository with a protected main, and a checkout of it with a branch under review."""

    def __init__(self, root: Path) -> None:
        super().__init__(root / "company")
        self.origin, self.checkout = root / "origin.git", root / "checkout"
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(self.origin), at=root)
        self.git("clone", "--quiet", str(self.origin), str(self.checkout), at=root)
        platform = self.checkout / "platform"
        platform.mkdir()
        shutil.copyfile(self.signers, platform / "allowed_signers")
        shutil.copyfile(data("offering", "standard.yaml"), platform / "offering.yaml")
        shutil.copytree(self.folder, self.checkout / "deal")
        self.commit("main")
        self.git("checkout", "--quiet", "-b", "change")
        self.folder = self.checkout / "deal"

    def git(self, *arguments: str, at: Path | None = None) -> None:
        who = ["-c", "user.name=pat", "-c", "user.email=pat@example.org", "-c", "init.defaultBranch=main"]
        argv = ["git", *who, *arguments]
        subprocess.run(argv, cwd=at or self.checkout, check=True, capture_output=True, timeout=60)

    def commit(self, branch: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "change")
        self.git("push", "--quiet", "origin", f"HEAD:{branch}")

    def run(self, name: str) -> tuple[int, str]:
        """The pipeline's commands where its CI runs them: in the checkout, with its variables."""
        environment = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.keys),
            "POV_CACHE": str(cache_root()),
            "LANG": "C.UTF-8",
            "TARGET_BRANCH": "main",
            "ENGAGEMENT": "deal",
        }
        done = subprocess.run(
            [*SHELLS[name], "-c", commands(name)],
            cwd=self.checkout, env=environment, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def failures(self) -> str | None:
        return ET.parse(self.checkout / "gate.xml").getroot().get("failures")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "company").mkdir()
    return Server(tmp_path)


@pytest.mark.parametrize("name", list(FILES))
def test_a_pipelines_own_commands_judge_by_the_branch_that_is_merged_into(name: str, server: Server) -> None:
    stages(server.folder, 96)
    assert server.approve("scope", "engineer") == 0
    server.commit("change")
    code, said = server.run(name)
    assert (code, server.failures()) == (0, "0"), said
    # The change lists a signer of its own, and takes the real one's record out.
    shutil.rmtree(server.folder / "approvals")
    listed = server.checkout / "platform" / "allowed_signers"
    stranger = (server.keys / "stranger.pub").read_text()
    listed.write_text(f'{listed.read_text()}engineer/stranger namespaces="pov-approval" {stranger}')
    assert server.approve("scope", "stranger", judged=False) == 0
    server.commit("change")
    code, said = server.run(name)
    assert (code, server.failures()) == (4, "1"), said
    assert "limit: 64 without an approved scope" in said
    assert "allows nobody to sign with this key" in said


@pytest.mark.parametrize("name", list(FILES))
def test_a_key_that_the_branch_revoked_that_is_merged_into_does_not_count(name: str, server: Server) -> None:
    stages(server.folder, 96)
    assert server.approve("scope", "engineer") == 0
    server.commit("change")
    code, said = server.run(name)
    assert code == 0, said
    listed = server.checkout / "platform" / "revoked_keys"
    server.git("checkout", "--quiet", "main")
    argv = ["ssh-keygen", "-q", "-k", "-f", str(listed), str(server.keys / "engineer.pub")]
    subprocess.run(argv, check=True, timeout=30)
    server.commit("main")
    server.git("checkout", "--quiet", "change")
    # A list of the branch under review lifts nothing.
    listed.write_text("")
    server.commit("change")
    code, said = server.run(name)
    assert (code, server.failures()) == (4, "1"), said
    assert "limit: 64 without an approved scope" in said
    assert "does not count any more" in said


@pytest.mark.parametrize("name", list(FILES))
def test_what_the_branch_holds_of_other_deals_that_is_merged_into_is_summed_up(name: str, server: Server) -> None:
    unseen = "not checked: capacity over other deals"
    code, said = server.run(name)
    assert code == 0, said
    assert unseen in said
    other = server.checkout.with_name("other-deal")
    shutil.copytree(server.folder, other)
    file = other / "engagement.yaml"
    file.write_text(file.read_text().replace("name: acme", "name: other-deal").replace("cpu: 96", "cpu: 2000"))
    server.folder, own = other, server.folder
    assert server.approve("scope", "engineer") == 0
    server.folder = own
    server.git("checkout", "--quiet", "main")
    shutil.copytree(other / "approvals", server.checkout / "platform" / "register" / "other-deal")
    server.commit("main")
    server.git("checkout", "--quiet", "change")
    code, said = server.run(name)
    assert code == 0, said
    assert "CPU cores: 96 asked, 48 of 2,048 left" in said
    assert f"{unseen}: other-deal did not say GiB of memory" in said, "its scope named none"
    assert "no register" not in said


def decided(server: Server) -> Path:
    """An approval and its refusal, which main holds both, and a branch that asks for the same again; the refusal."""
    assert server.approve("scope", "engineer") == 0
    before = set((server.folder / "approvals").iterdir())
    refuse = ["refuse", *WHY, "--key", str(server.keys / "cto"), "--signers", str(server.signers)]
    assert server.pov(*refuse) == 0
    server.commit("main")
    stages(server.folder, 96)
    (refusal,) = [path for path in set((server.folder / "approvals").iterdir()) - before if path.suffix == ".json"]
    return refusal


@pytest.mark.parametrize("name", list(FILES))
def test_a_refusal_that_the_branch_holds_that_is_merged_into_is_not_taken_out(name: str, server: Server) -> None:
    refusal = decided(server)
    server.commit("change")
    code, said = server.run(name)
    assert code == 4, said
    assert "limit: 64 without an approved scope" in said
    assert "what was decided stays" not in said
    for path in (refusal, Path(f"{refusal}.sig")):
        path.unlink()
    server.commit("change")
    code, said = server.run(name)
    assert (code, server.failures()) == (4, "1"), said
    assert "limit: 64 without an approved scope" not in said, "the approval counts again, by itself"
    assert f"refused: deal/approvals/{refusal.name} is not there; limit: what was decided stays" in said
    assert said.count("refused: ") == 2, said


@pytest.mark.parametrize("name", list(FILES))
def test_a_shallow_checkout_is_told_what_the_branch_holds_that_is_merged_into(name: str, server: Server) -> None:
    refusal = decided(server)
    refusal.unlink()
    server.commit("change")
    shallow = server.checkout.with_name("shallow")
    clone = ("clone", "--quiet", "--depth", "1", "--branch", "change", f"file://{server.origin}", str(shallow))
    server.git(*clone, at=server.origin)
    server.checkout, server.folder = shallow, shallow / "deal"
    code, said = server.run(name)
    assert code == 4, said
    assert f"refused: deal/approvals/{refusal.name} is not there" in said


def test_a_mandate_of_the_protected_branch_blocks_what_is_only_missing(server: Server) -> None:
    assert server.run("gitlab")[0] == 0
    mandate = server.mandate()
    server.git("checkout", "--quiet", "main")
    for ending in ("", ".sig"):
        shutil.move(f"{mandate}{ending}", server.checkout / "platform" / f"mandate.json{ending}")
    server.commit("main")
    server.git("checkout", "--quiet", "change")
    code, said = server.run("gitlab")
    assert (code, server.failures()) == (4, "1"), said
    assert "refused: 96 CPU cores are asked for and 64 are allowed without an approved scope" in said


def test_a_root_module_of_the_branch_is_judged(server: Server) -> None:
    shutil.copytree(data("terraform"), server.checkout / "terraform")
    root = server.checkout / "terraform" / "targets" / "local"
    (root / "x.auto.tfvars").write_text("scope = null\n")
    code, said = server.run("github")
    assert (code, server.failures()) == (4, "1"), said
    assert "refused: x.auto.tfvars sets variables" in said


@pytest.mark.parametrize("name", list(FILES))
def test_a_pipeline_is_printed_as_it_is(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gate", "--pipeline", name]) == 0
    assert capsys.readouterr().out == data("pipelines", FILES[name]).read_text()


def test_nothing_of_a_branchs_name_is_put_into_a_command() -> None:
    """A name is whatever somebody types: it comes as a variable, in quotes."""
    for name in FILES:
        assert "${{" not in commands(name)
        assert "TARGET_BRANCH" not in commands(name).replace('"$TARGET_BRANCH"', "")

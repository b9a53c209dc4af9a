"""Against which state a plan of the gate is made: where none is at hand, the reason is told."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import NotFound, PovError
from pov.base.redact import Secret
from pov.workflows.gate_admission import admission
from pov.workflows.gate_job import options
from pov.workflows.gate_state import against, as_json, copied, state_in
from tests.fakes.terraform import packed, state


class FakeCluster:
    """A cluster with a state, or without, and with the account that reads it, or without."""

    def __init__(self, state: bytes | None, *, up: bool = True, reader: bool = True) -> None:
        self.state, self.up, self.reader = state, up, reader

    def is_up(self) -> bool:
        return self.up

    def secret(self, name: str, namespace: str) -> dict[str, bytes] | None:
        assert (name, namespace) == ("tfstate-default-landing-zone", "pov-terraform")
        return None if self.state is None else {"tfstate": self.state}

    def as_installer(self) -> FakeCluster:
        return self

    def create_token(self, account: str, namespace: str, *, audience: str, ttl_s: int) -> Secret:
        assert account == "terraform-reader", "who plans may only read"
        if not self.reader:
            raise NotFound("no such account")
        return Secret("hush")

    def endpoint(self) -> tuple[str, str]:
        return "https://127.0.0.1:1", "authority"


@pytest.mark.parametrize(
    ("cluster", "why"),
    [
        (FakeCluster(None), "x has no state yet"),
        (FakeCluster(packed(serial=1, objects=0)), "x has no state yet"),
        (FakeCluster(packed(serial=1, objects=1), up=False), "the cluster of x does not answer"),
        (FakeCluster(packed(serial=1, objects=1), reader=False), "x has no account that reads its state"),
    ],
)
def test_where_no_state_can_be_read_it_says_why(cluster: Any, why: str, tmp_path: Path) -> None:
    found = state_in(cluster, "x", tmp_path)
    assert found.why_not.startswith(why)
    assert not found.access


def test_a_state_is_reached_by_an_account_that_reads(tmp_path: Path) -> None:
    cluster: Any = FakeCluster(packed(serial=7, objects=1))
    found = state_in(cluster, "x", tmp_path)
    assert (found.environment, found.why_not) == ("x", "")
    assert found.access == {"KUBE_CONFIG_PATH": str(tmp_path / "kubeconfig"), "KUBE_TOKEN": "hush"}
    assert "hush" not in (tmp_path / "kubeconfig").read_text()
    assert as_json(found, {"serial": 7}) == {"environment": "x", "why_not": "", "serial": 7}


def test_without_an_environment_nothing_is_asked(tmp_path: Path) -> None:
    assert against(tmp_path, "x", tmp_path).why_not == "no environment x runs here (pov up)"
    assert against(None, "x", tmp_path).why_not == "no environment is asked"


def test_a_pull_requests_own_folder_leads_to_no_environment(tmp_path: Path) -> None:
    """The Job of the gate judges what somebody wrote: whatever lies there as an environment is not asked."""
    programs: Any = None
    assert options(tmp_path, "x", programs).running is None


def test_records_are_compared_once_where_the_pull_request_is_fetched(tmp_path: Path) -> None:
    """What Git told there; nothing around what is laid out is a repository that could be asked."""
    programs: Any = None
    assert options(tmp_path, "x", programs).base is None


def test_capacity_is_summed_over_what_the_protected_branch_holds(tmp_path: Path) -> None:
    """And over nothing that a pull request brings, or leaves out."""
    programs: Any = None
    assert options(tmp_path, "x", programs).register == tmp_path / "base"


def test_a_kubeconfig_that_a_commit_brought_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may name another cluster, or a program to start."""
    monkeypatch.setattr("pov.engines.kube.Kube", lambda *_: pytest.fail("it was used"))
    path = tmp_path / ".pov" / "x" / "kubeconfig"
    path.parent.mkdir(parents=True)
    path.write_text("clusters: []")
    manifests = tmp_path / "manifests"
    manifests.mkdir()
    (manifests / "a.yaml").write_text("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n")
    for command in (["init", "--quiet"], ["add", "--force", str(path)]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    told = "the kubeconfig of x comes with what is under review"
    assert against(tmp_path, "x", tmp_path).why_not == told
    assert admission(manifests, tmp_path, "x").not_checked == told


def test_a_copy_of_the_state_comes_with_the_stages_that_stand_anyway(tmp_path: Path) -> None:
    assert copied(tmp_path, "x").why_not == "no state is shown to the gate (pov up does)"
    (tmp_path / "tfstate").write_bytes(packed(serial=7, objects=1))
    assert copied(tmp_path, "x").why_not, "half of it is none"
    (tmp_path / "stages.json").write_text('{"dev": {"cpu": 2}}')
    found = copied(tmp_path, "x")
    assert (found.environment, found.why_not, found.beside) == ("x", "", {"dev": {"cpu": 2}})
    assert found.copy == state(serial=7, objects=1)
    assert not found.access, "nothing to reach a cluster by"


@pytest.mark.parametrize(("name", "content"), [("tfstate", b"no state"), ("stages.json", b"{")])
def test_a_damaged_copy_is_an_error_and_not_none(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "tfstate").write_bytes(packed(serial=7, objects=1))
    (tmp_path / "stages.json").write_text("{}")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PovError, match="cannot be read"):
        copied(tmp_path, "x")

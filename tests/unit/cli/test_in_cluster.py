"""What the gate's containers are started with: nothing that somebody could mistype passes for a verdict."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from pov.base.errors import PovError
from pov.cli import in_cluster
from pov.engines.kube_api import Connection


@pytest.mark.parametrize("argv", [[], ["watch"], ["fetch", "1"], ["judge"], ["judge", "demo", "more"], ["gate"]])
def test_another_command_is_refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert in_cluster.main(argv) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("watch IMAGE ENVIRONMENT")


def test_a_fetch_that_fails_fails_the_container(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(number: int, head: str, base: str) -> None:
        raise PovError("`git fetch` failed", cause="no such ref")

    monkeypatch.setattr(in_cluster, "_fetch", fails)
    assert in_cluster.main(["fetch", "1", "a", "b"]) == 1
    assert capsys.readouterr().err == "`git fetch` failed: no such ref\n"


def test_the_watchers_account_is_its_pods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    account = tmp_path / "account"
    account.mkdir()
    (account / "token").write_text("a-token")
    (account / "ca.crt").write_text("a certificate")
    monkeypatch.setattr(in_cluster, "_ACCOUNT", account)
    path = in_cluster._kubeconfig(tmp_path / "kubeconfig")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "a-token" not in path.read_text()
    assert json.loads(path.read_text())["clusters"][0]["cluster"]["server"] == "https://kubernetes.default.svc"
    configuration = Connection(path).configuration()
    assert configuration.get_api_key_with_prefix("BearerToken") == "Bearer a-token"
    assert configuration.ssl_ca_cert == str(account / "ca.crt")

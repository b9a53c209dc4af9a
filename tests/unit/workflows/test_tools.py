"""Tools that are absent, too old, or not what they are called are told before anything is changed, all at once."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.errors import PreflightFailed, Problem
from pov.config.scenario import load_scenario
from pov.engines import terraform
from pov.state.home import Home
from pov.workflows import preflight, tools

QUICK = load_scenario("quickstart")
Put = Callable[[str, str], None]


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Puts a script first on a PATH that leads to nothing but this machine's real tools."""
    real = tmp_path / "real"
    real.mkdir()
    for name in ("git", "ssh", "ssh-keygen", "openssl", "sh", "env"):
        found = shutil.which(name)
        assert found is not None
        (real / name).symlink_to(found)
    monkeypatch.setenv("PATH", f"{tmp_path / 'first'}{os.pathsep}{real}")
    (tmp_path / "first").mkdir()

    def put(name: str, script: str) -> None:
        path = tmp_path / "first" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return put


def test_the_tools_of_this_machine_will_do(put: Put) -> None:
    assert tools.problems(None) == []
    put("terraform", """echo '{"terraform_version": "1.11.4"}'""")
    assert tools.problems({}) == []


@pytest.mark.parametrize("name", ["git", "ssh", "openssl", "ssh-keygen"])
def test_a_missing_tool_is_told(put: Put, tmp_path: Path, name: str) -> None:
    (tmp_path / "real" / name).unlink()
    (problem,) = tools.problems(None)
    assert (problem.where, problem.message) == (name, f"no program `{name}`")


@pytest.mark.parametrize(
    ("name", "script", "told"),
    [
        ("git", "echo git version 2.25.1", "it is 2.25, and 2.28 is needed"),
        ("git", "exit 0", "it does not say its version (code 0): nothing"),
        ("git", "echo xcrun: error: invalid active developer path >&2; exit 1", "xcrun: error"),
        ("ssh", "echo OpenSSH_6.6.1p1, OpenSSL 1.0.1e-fips >&2", "it is 6.6, and 7.3 is needed"),
        ("ssh", "echo dropbear v2022.83 >&2", "it does not say its version"),
        ("openssl", "echo OpenSSL 1.0.2k-fips  26 Jan 2017", "it is 1.0, and 1.1 is needed"),
        ("openssl", "echo hello", "hello"),
        ("ssh-keygen", "exit 1", "ended with code 1"),
        ("ssh-keygen", "exit 0", "ended well and made no key"),
        ("ssh-keygen", 'for last; do :; done; printf "\\377" > "$last"', "ended well and made no key"),
    ],
)
def test_an_old_tool_or_a_shim_is_told(put: Put, name: str, script: str, told: str) -> None:
    put(name, script)
    (problem,) = tools.problems(None)
    assert problem.where == name
    assert told in problem.message
    assert problem.fix


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("""echo '{"terraform_version": "1.5.7"}'""", "is 1.5.7, older than 1.9"),
        ("exit 0", "does not say a version"),
        (None, "there is no terraform"),
    ],
)
def test_a_terraform_that_will_not_do_is_told_unless_the_bundle_has_another(
    put: Put, tmp_path: Path, script: str | None, told: str
) -> None:
    if script is not None:
        put("terraform", script)
    (problem,) = tools.problems({})
    assert told in problem.message
    assert "pov bundle build" in problem.fix
    assert tools.problems({"tofu": tmp_path / "tofu"}) == []
    assert tools.problems(None) == [], "a bundle that is still to be built brings one"


def test_a_terraform_in_a_relative_folder_is_the_one_that_starts(
    put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("terraform", f"""echo "$PWD" >> {tmp_path / "started"}; echo '{{"terraform_version": "1.11.4"}}'""")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"first{os.pathsep}real")
    assert tools.problems({}) == []
    program = terraform.find_program({})
    assert program == tmp_path / "first" / "terraform"
    (tmp_path / "module").mkdir()
    terraform.Terraform(program, tmp_path / "module", providers=tmp_path, work=tmp_path / "work").init()
    assert (tmp_path / "started").read_text().splitlines()[-1] == str(tmp_path / "module")


def test_everything_is_told_at_once_and_nothing_is_changed(put: Put, tmp_path: Path) -> None:
    class Full:
        def check(self, scenario: Any) -> None:
            raise PreflightFailed([Problem("N = 5", "too many")])

    put("git", "exit 0")
    put("openssl", "exit 1")
    bundle: Any = SimpleNamespace(binaries={})
    cluster: Any = Full()
    home = Home(tmp_path / ".pov" / "x")
    with pytest.raises(PreflightFailed) as failure:
        preflight.check(home, QUICK, cluster, bundle)
    assert failure.value.exit_code == 3
    assert {problem.where for problem in failure.value.problems} == {"git", "openssl", "terraform", "N = 5"}
    assert not home.root.exists()


def test_tools_and_target_are_looked_at_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    met = threading.Barrier(2)

    def tool(_: Any) -> list[Problem]:
        met.wait(timeout=10)
        return []

    monkeypatch.setattr(tools, "problems", tool)
    cluster: Any = SimpleNamespace(check=lambda _: met.wait(timeout=10))
    preflight.check(Home(tmp_path / "demo"), QUICK, cluster, None)

"""Real commands in hostile surroundings: nothing of them reaches a tool, and nothing that it does changes."""

from __future__ import annotations

import ast
import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from pov import __file__ as package
from pov.base import variables
from pov.base.process import run
from pov.base.redact import Secret
from pov.engines import git_command, ssh
from pov.engines.ansible import Runbooks, Target
from pov.engines.container_choice import candidates
from pov.engines.git import ConfigRepo
from pov.engines.git_command import Remote
from pov.engines.terraform import Terraform, version
from pov.engines.vault import Vault
from pov.workflows.record import _says
from tests.unit.engines import hostile

# What a shell that prints its variables sets by itself.
_SHELL_S_OWN = {"PWD", "SHLVL", "_", "OLDPWD"}


def listed(said: str) -> dict[str, str]:
    """What `env` printed."""
    return dict(line.partition("=")[::2] for line in said.splitlines())


@pytest.fixture
def surrounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in hostile surroundings, where new files are their owner's alone."""
    hostile.surround(monkeypatch, tmp_path)
    before = os.umask(0o077)
    yield tmp_path
    os.umask(before)


@pytest.mark.parametrize("tool", variables.TAKEN)
def test_a_tool_is_given_what_its_list_names_and_nothing_else(tool: str, surrounded: Path) -> None:
    given = listed(run(["env"], timeout_s=20, env=variables.given_to(tool)).stdout)
    assert set(given) <= {"PATH", "LANG", "LC_ALL", *variables.TAKEN[tool]}
    assert (given["LANG"], given["LC_ALL"]) == (variables._LOCALE, variables._LOCALE)
    for name in ("TF_VAR_stages", "TF_CLI_ARGS", "LD_PRELOAD", "PYTHONHOME", "SHELL", "GIT_DIR", "ANSIBLE_CONFIG"):
        assert name not in given


@pytest.mark.parametrize("room", ["base", "bundle", "engines"])
def test_what_a_process_is_given_is_called_its_variables(room: str) -> None:
    """An environment is what `pov up` brings up, and these rooms hold none."""
    for path in sorted((Path(package).parent / room).rglob("*.py")):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        called = {getattr(node, key, None) for node in nodes for key in ("id", "attr", "name", "arg")}
        assert not called & {"environment", "_environment"}, path


def test_relative_folders_on_the_way_to_programs_are_those_of_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"bin{os.pathsep}{os.pathsep}/usr/bin")
    assert variables.search_path() == f"{Path.cwd() / 'bin'}{os.pathsep}/usr/bin"
    monkeypatch.delenv("PATH")
    assert variables.search_path() == os.defpath


LOOKED_UP = {"base/variables.py": 1, "workflows/open.py": 1}
"""The one place, and a name told to a person, who types it in this very folder: what is found there is not used."""


def test_programs_are_looked_up_in_one_place() -> None:
    root = Path(package).parent
    found: Counter[str] = Counter()
    for path in sorted(root.rglob("*.py")):
        calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
        looks = [call for call in calls if ast.unparse(call.func) in {"which", "shutil.which"}]
        found[path.relative_to(root).as_posix()] += len(looks)
    assert +found == LOOKED_UP


def test_a_program_of_a_relative_folder_is_found_by_a_path_that_holds_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (tmp_path / "bin" / "tool", tmp_path / "sbin" / "other"):
        path.parent.mkdir()
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "bin")
    assert variables.program("tool") == str(tmp_path / "bin" / "tool")
    assert variables.program("other") is None
    assert variables.program("other", str(tmp_path / "sbin")) == str(tmp_path / "sbin" / "other")


def test_git_does_what_it_does_elsewhere(surrounded: Path) -> None:
    bare = surrounded / "server.git"
    clean = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    subprocess.run(["git", "init", "--quiet", "--bare", str(bare)], check=True, timeout=20, env=clean)
    repo = ConfigRepo.open(surrounded / "w" / "copy", Remote(str(bare), "pov", bare, bare))
    repo.write("stages/dev/a.yaml", "a: 1\n")
    commit = repo.commit("Begin")
    assert len(commit) == 40
    assert repo.push("prod") == commit
    assert ConfigRepo.open(surrounded / "w" / "copy", Remote(str(bare), "pov", bare, bare)).head == commit
    other = ConfigRepo.open(surrounded / "v" / "copy", Remote(str(bare), "pov", bare, bare))
    assert (other.head, other.read("stages/dev/a.yaml")) == (commit, "a: 1\n")
    shown = subprocess.run(
        ["git", "-C", str(bare), "log", "-1", "--format=%an %ae %cn %ce %G?", "main"],
        check=True, timeout=20, env=clean, capture_output=True, text=True,
    )  # fmt: skip
    assert shown.stdout == "pov pov@pov.dev pov pov@pov.dev N\n"
    assert git_command.version().startswith("git version ")


def test_a_repository_further_up_is_not_taken_for_ours(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    for folder in (tmp_path, tmp_path / "server"):
        subprocess.run(["git", "init", "--quiet", str(folder)], check=True, timeout=20)
    (tmp_path / "work" / "copy" / ".git").mkdir(parents=True)
    repo = ConfigRepo.open(tmp_path / "work" / "copy", Remote(str(tmp_path / "server"), "pov", tmp_path, tmp_path))
    assert repo.head is None
    assert (tmp_path / "work" / "copy" / ".git" / "HEAD").exists()


def test_ssh_is_configured_by_our_file_and_its_proxy_command_runs(surrounded: Path) -> None:
    key = ssh.make_key("pov")
    marker = surrounded / "was here"
    command = ("sh", "-c", 'env > "$0"; exit 1', str(marker))
    client = ssh.configure(surrounded / "c", [ssh.Target("legacy-1", command, key.public)], "root", key.private)
    argv = ["ssh", "-F", str(client.config)]
    said = run([*argv, "-G", "legacy-1"], timeout_s=20, env=variables.given_to("ssh")).stdout.splitlines()
    assert {"user root", "port 22", "batchmode no", "stricthostkeychecking true"} <= set(said)
    run([*argv, "legacy-1", "true"], timeout_s=20, env=variables.given_to("ssh"), check=False)
    assert set(listed(marker.read_text())) <= {"PATH", "LANG", "LC_ALL", "TMPDIR", *_SHELL_S_OWN}
    assert ssh.version().startswith("OpenSSH")
    client.close(["legacy-1"])


def test_a_runbook_runs_as_it_does_elsewhere(surrounded: Path) -> None:
    (surrounded / "books").mkdir()
    tasks = [
        {"name": "look", "ansible.builtin.command": "env", "register": "found"},
        {"name": "sign", "ansible.builtin.command": "openssl genpkey -algorithm ed25519"},
        {"name": "keep", "ansible.builtin.copy": {"content": "{{ found.stdout }}", "dest": str(surrounded / "seen")}},
    ]
    play = {"hosts": "legacy-1", "connection": "local", "gather_facts": False, "tasks": tasks}
    (surrounded / "books" / "look.yml").write_text(json.dumps([play]))
    target = Target(ssh.Target("legacy-1", ("false",), "ssh-ed25519 AAAA"))
    with Runbooks(surrounded / "books", [target], user="root", key=Secret("key"), common={}) as books:
        done = books.run("look.yml", {"word": "x"}, timeout_s=120)
    assert [task.name for task in done] == ["look", "sign", "keep"]
    seen = listed((surrounded / "seen").read_text())
    for name, value in hostile.VARIABLES.items():
        assert seen.get(name) != value, name


def test_terraform_does_what_it_does_elsewhere(surrounded: Path) -> None:
    """With a script in its place: the real one is in the contract suite, in surroundings as bad as these."""
    program, module = surrounded / "terraform", surrounded / "module"
    program.write_text(f'#!/bin/sh\nenv > {surrounded}/seen\necho \'{{"terraform_version": "1.11.4"}}\'\n')
    program.chmod(0o755)
    module.mkdir()
    work = surrounded / "work"
    Terraform(program, module, providers=surrounded / "mirror", work=work, env={"KUBE_TOKEN": "t"}).init()
    seen = listed((surrounded / "seen").read_text())
    ours = {"HOME", "TMPDIR", "TF_CLI_CONFIG_FILE", "TF_DATA_DIR", "TF_IN_AUTOMATION", "CHECKPOINT_DISABLE"}
    assert set(seen) - _SHELL_S_OWN == {"PATH", "LANG", "LC_ALL", "KUBE_TOKEN", *ours}
    assert seen["TF_DATA_DIR"] == str(work / "data")
    assert version(program) == "1.11.4"


def test_a_container_engine_is_given_the_user_s_choice_of_it_and_our_settings(
    surrounded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POV_CACHE", str(surrounded / "cache"))
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/user/1000/docker.sock")
    (surrounded / "podman").write_text("#!/bin/sh\nenv\n")
    (surrounded / "podman").chmod(0o755)
    monkeypatch.setenv("PATH", f"{surrounded}{os.pathsep}{os.environ['PATH']}")
    engine = next(one for one in candidates() if one.kind == "podman")
    seen = listed(engine.run("info").stdout)
    assert seen["DOCKER_HOST"] == "unix:///run/user/1000/docker.sock"
    assert seen["CONTAINERS_CONF"] == str(surrounded / "cache" / "containers" / "containers.conf")
    assert seen["KIND_EXPERIMENTAL_PROVIDER"] == "podman"
    assert not {"CONTAINERS_CONF_OVERRIDE", "KIND_CLUSTER_NAME", "KUBECONFIG", "LD_PRELOAD"} & set(seen)


def test_vault_is_shown_no_certificate_of_the_user_s(surrounded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VAULT_CLIENT_CERT", "VAULT_CLIENT_KEY", "VAULT_CACERT"):
        # hvac reads these once, when it is imported.
        monkeypatch.setattr(f"hvac.v1.{name}", "/nowhere/at/all")
    client = Vault("https://127.0.0.1:9", surrounded / "ca.crt")._client
    assert not client.adapter._kwargs["cert"]
    assert client.adapter._kwargs["verify"] == str(surrounded / "ca.crt")
    assert (client.url, client.token) == ("https://127.0.0.1:9", "")


def test_what_a_tool_says_of_itself_is_recorded_as_elsewhere(surrounded: Path) -> None:
    assert _says("openssl", "version").startswith("OpenSSL ")

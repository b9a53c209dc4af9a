"""How programs are compiled: one call for all engines, versions stamped in, the user's own Go settings left out."""

from __future__ import annotations

import json
import re
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import CommandFailed
from pov.bundle import programs, roots, toolchain, versions
from pov.bundle.builder import Made
from pov.bundle.toolchain import DEFINITIONS

GO = """#!/usr/bin/env python3
import json, os, pathlib, sys
here = pathlib.Path(__file__).parent
command, packages = sys.argv[1], sys.argv[sys.argv.index("-o") + 2:] if "-o" in sys.argv else []
with open(here / "calls", "a") as calls:
    print(json.dumps({"args": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ)}), file=calls)
if command == "env":
    print(json.dumps({"GOPROXY": "https://proxy.example", "GOPRIVATE": ""}))
if command == "build":
    out = sys.argv[sys.argv.index("-o") + 1]
    for package in packages:
        print(package, file=sys.stderr)
        parts = [part for part in package.split("/") if not (part[0] == "v" and part[1:].isdigit())]
        path = pathlib.Path(out, parts[-1]) if out.endswith("/") else pathlib.Path(out)
        path.write_text("program " + package)
    if (here / "broken").exists():
        print("undefined: something", file=sys.stderr)
        sys.exit(1)
if command == "list" and "-m" in sys.argv:
    print(here / "modules" / sys.argv[-1])
if command == "list" and "-deps" in sys.argv:
    print("\\n".join(["one"] * 40))
"""


@pytest.fixture
def needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Made]:
    monkeypatch.setenv("POV_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "toolchain"
    folder.mkdir()
    (folder / "go").write_text(GO)
    (folder / "go").chmod(0o755)
    for path, parts in programs._KEPT.values():
        for part in parts:
            file = folder / "modules" / path / part
            file.parent.mkdir(parents=True, exist_ok=True)
            if "." in file.name:
                file.write_text("kept\n")
                file.chmod(0o444)
            else:
                file.mkdir()
                (file / "entrypoint").write_text("#!/bin/sh\n")
    return {"go": Made(folder, "k", {"go": "go", "sha256": "ab"})}


def calls(needs: dict[str, Made]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (needs["go"].folder / "calls").read_text().splitlines()]


def test_all_engines_are_compiled_by_one_call_under_their_own_names(needs: dict[str, Made], tmp_path: Path) -> None:
    folder = tmp_path / "engines"
    folder.mkdir()
    said: list[str] = []
    facts = programs.engines()(folder, needs, said.append)
    assert {path.name for path in (folder / "bin").iterdir()} == set(programs.ENGINES)
    assert (folder / "bin" / "argocd").read_text() == "program github.com/argoproj/argo-cd/v3/cmd"
    assert (folder / "bin" / "etcd").read_text() == "program go.etcd.io/etcd/server/v3"
    assert set(facts["sha256"]) == set(programs.ENGINES)
    builds = [call for call in calls(needs) if call["args"][0] == "build"]
    assert len(builds) == 1
    flags = next(argument for argument in builds[0]["args"] if argument.startswith("-ldflags="))
    assert f'-X "k8s.io/component-base/version.gitVersion=v{versions.KUBERNETES}"' in flags
    assert f'-X "github.com/argoproj/argo-cd/v3/common.version={versions.ARGOCD}"' in flags
    assert "-trimpath" in builds[0]["args"]
    assert any(text.startswith("1 of 40 packages compiled, about ") for text in said)
    assert (folder / "argocd_source" / "manifests" / "install.yaml").stat().st_mode & stat.S_IWUSR


def test_all_compiles_share_what_both_kinds_of_programs_are_made_of(needs: dict[str, Made], tmp_path: Path) -> None:
    """Flags decide whether a library is compiled once or once for each: they are the same wherever they can be."""
    for name, make in {"engines": programs.engines(), "gitea": programs.make_gitea, "mock": programs.make_mock}.items():
        (tmp_path / name).mkdir()
        make(tmp_path / name, needs, lambda _: None)
    builds = [call for call in calls(needs) if call["args"][0] == "build"]
    assert [call["env"]["CGO_ENABLED"] for call in builds] == ["0", "1", "0"]
    for call in builds:
        tags = call["args"][call["args"].index("-tags") + 1].split(",")
        assert tags[:2] == ["netgo", "osusergo"]
        assert set(toolchain.COMPILE) <= set(call["args"])
    assert builds[1]["args"][builds[1]["args"].index("-tags") + 1] == "netgo,osusergo,sqlite,sqlite_unlock_notify"


def test_two_compiles_never_run_at_once(needs: dict[str, Made], tmp_path: Path) -> None:
    """Two would each compile what they share: the second waits, and says so."""
    go = toolchain.Go(needs["go"])
    work = toolchain.Work("mock", tmp_path, ("./...",))
    waiting = threading.Event()
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if text.startswith("waiting"):
            waiting.set()

    second = threading.Thread(target=go.compile, args=(work, str(tmp_path / "program"), say))
    with toolchain._ONE_AT_A_TIME:
        second.start()
        assert waiting.wait(60)
        assert not any(call["args"][0] == "build" for call in calls(needs))
    second.join(60)
    assert any(call["args"][0] == "build" for call in calls(needs))


def _versions(module: str) -> dict[str, str]:
    text = (DEFINITIONS / module / "go.mod").read_text()
    found = dict(re.findall(r"^\t(\S+) (v\S+)", text, re.MULTILINE))
    return found | dict(re.findall(r"^\t(\S+) => \S+ (v\S+)", text, re.MULTILINE))


APART = {
    # Gitea's own go.mod holds these back.
    "github.com/Azure/azure-sdk-for-go/sdk/azcore",
    "github.com/urfave/cli/v3",
    # Newer in Gitea, and small: not worth changing the engines for.
    "github.com/fatih/color",
    "github.com/go-fed/httpsig",
    "github.com/kevinburke/ssh_config",
}


def test_libraries_of_engines_and_gitea_have_one_version() -> None:
    """In two versions each of them would be compiled twice: a third of Gitea's code is theirs."""
    engines, gitea = _versions("engines"), _versions("gitea")
    both = engines.keys() & gitea.keys()
    assert len(both) > 50
    assert {name for name in both if engines[name] != gitea[name]} == APART


def test_a_compiler_that_fails_says_what_it_said(needs: dict[str, Made], tmp_path: Path) -> None:
    (needs["go"].folder / "broken").touch()
    with pytest.raises(CommandFailed) as caught:
        programs.make_tofu(tmp_path, needs, lambda _: None)
    assert "undefined: something" in caught.value.cause


def test_the_provider_lies_where_both_programs_look_for_it(tmp_path: Path) -> None:
    engines = tmp_path / "engines"
    (engines / "bin").mkdir(parents=True)
    (engines / "bin" / "terraform-provider-kubectl").write_text("provider")
    folder = tmp_path / "providers"
    folder.mkdir()
    programs.providers("engines")(folder, {"engines": Made(engines, "k", {})}, lambda _: None)
    version = versions.TERRAFORM_PROVIDER_KUBECTL
    found = [path.relative_to(folder / "mirror").parts for path in folder.rglob("terraform-provider-kubectl_v*")]
    assert {parts[0] for parts in found} == {"registry.terraform.io", "registry.opentofu.org"}
    assert {parts[1:] for parts in found} == {
        ("gavinbunney", "kubectl", version, "linux_amd64", f"terraform-provider-kubectl_v{version}")
    }


def test_openbao_comes_out_of_the_wheel_that_is_installed(tmp_path: Path) -> None:
    facts = programs.make_bao(tmp_path, {}, lambda _: None)
    assert (tmp_path / "bao").stat().st_size > 50_000_000
    assert len(facts["sha256"]) == 64


def test_a_debian_packages_version_is_read_from_the_systems_own_list(tmp_path: Path) -> None:
    (tmp_path / "packages.txt").write_text("redis-server\t5:7.0.15-1~deb12u5\nrunit\t2.1.2-54\n")
    made = Made(tmp_path, "k", {})
    assert roots.package_version(made, "redis-server") == "5:7.0.15-1~deb12u5"
    assert roots.package_version(made, "redis") == ""

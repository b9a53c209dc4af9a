"""Root file systems: Debian for the component images and for the node, by mmdebstrap from the system's own mirror."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pov.base import variables
from pov.base.process import run
from pov.base.scratch import scratch
from pov.bundle import versions
from pov.bundle.builder import Made, hash_files, hash_of
from pov.bundle.layers import Layer
from pov.bundle.packing import digest_of
from pov.bundle.toolchain import DEFINITIONS, Say

_BOOTSTRAP_S = 1200.0
_ASK_S = 10.0
# Nobody reads manuals in a container; copyright files stay, since the bundle is handed on.
_SLIM = (
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/info/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    '--aptopt=Apt::Install-Recommends "false"',
)


def root_inputs(name: str, packages: Sequence[str]) -> dict[str, str]:
    """All that a root file system depends on; Debian's stable packages of one release count as one version."""
    return {
        "suite": versions.DEBIAN,
        "packages": hash_of(*packages),
        "how": hash_of(*_SLIM),
        "customize": hash_files(DEFINITIONS / name / "customize.sh"),
    }


def bootstrap(name: str, packages: Sequence[str], folder: Path, say: Say, env: Mapping[str, str]) -> Mapping[str, Any]:
    """Make `root.tar` and a list of its packages with their versions. apt checks every package's signature."""
    archive, listing = folder / "root.tar", folder / "packages.txt"
    say("downloading Debian packages")
    hooks = (
        f"--customize-hook={DEFINITIONS / name / 'customize.sh'}",
        # In the folder that is there now: it is renamed when this component is done.
        f"--customize-hook=chroot \"$1\" dpkg-query --show > '{listing}'",
    )
    with _own_room() as (apart, place):
        run(
            [*apart, "mmdebstrap", "--variant=minbase", *_SLIM, f"--include={','.join(packages)}", *hooks,
             versions.DEBIAN, str(archive)],
            timeout_s=_BOOTSTRAP_S, env=variables.given_to("apt", {"SOURCE_DATE_EPOCH": "0", **place, **env}),
            on_line=_short(say),
        )  # fmt: skip
    return {"sha256": digest_of(archive)}


@contextmanager
def _own_room() -> Iterator[tuple[Sequence[str], Mapping[str, str]]]:
    """What to call it by, and its variables, so that a killed build leaves neither mounts nor files behind.

    It mounts the kernel's own folders in the new system: among mounts of its own, they end with its last process. Its
    files go with the next command. For a user other than root it makes namespaces itself, and works in them as another
    user still, who cannot enter a private folder.
    """
    if os.geteuid() != 0:
        yield (), {}
        return
    apart = ("unshare", "--mount", "--")
    may = run([*apart, "true"], timeout_s=_ASK_S, env=variables.given_to("file tool"), check=False).code == 0
    with scratch() as folder:
        yield apart if may else (), {"TMPDIR": str(folder)}


def _short(say: Say) -> Say:
    def hear(line: str) -> None:
        if line.startswith("I: "):
            say(line[3:80])

    return hear


def make_base(folder: Path, needs: Mapping[str, Made], say: Say) -> Mapping[str, Any]:
    """What every component image stands on."""
    return bootstrap("base", versions.DEBIAN_PACKAGES, folder, say, {})


def make_node_root(folder: Path, needs: Mapping[str, Made], say: Say) -> Mapping[str, Any]:
    """The node's system with kind's files in it."""
    return bootstrap(
        "node", versions.NODE_PACKAGES, folder, say, {"POV_KIND_FILES": str(needs["kind-files"].folder / "files")}
    )


def root_layer(made: Made) -> Layer:
    """A root file system as the lowest layer of an image."""
    return Layer(made.folder / "root.tar", str(made.facts["sha256"]))


def package_version(made: Made, package: str) -> str:
    """The version of a Debian package in a root file system, or an empty text."""
    lines = (made.folder / "packages.txt").read_text().splitlines()
    return next((version for name, _, version in (line.partition("\t") for line in lines) if name == package), "")

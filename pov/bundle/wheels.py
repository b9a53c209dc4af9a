"""`pov` and what it needs from Python, as wheels that install without an index."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from pov.base.errors import CommandFailed, PovError
from pov.base.paths import data
from pov.base.scratch import scratch
from pov.bundle import Entry, registries
from pov.bundle.licences import UNKNOWN, of_wheel
from pov.bundle.packing import digest_of

_FETCH_S = 900.0
_LOCK = "requirements.lock"
_TOOLS_LOCK = "requirements-dev.lock"


def collect(folder: Path) -> list[Path]:
    """Every locked wheel (compared with its hash), pip itself, and `pov` built from this checkout, in `folder`.

    Downloads go through pip's own cache. Raises `PovError` outside a checkout or without an index.
    """
    root = data()
    if not (root / _LOCK).is_file():
        raise PovError(
            "an archive is saved from a checkout of pov",
            cause=f"{root} holds no {_LOCK}",
            fix="run `pov bundle save` in the checkout, or copy the archive that this pov came from",
        )
    folder.mkdir(parents=True, exist_ok=True)
    with scratch() as own:
        pip = own / "pip.txt"
        pip.write_text(_block(root / _TOOLS_LOCK, "pip"))
        for lock in (root / _LOCK, pip):
            _wheel("--require-hashes", "--requirement", str(lock), into=folder)
    _wheel("--no-build-isolation", str(root), into=folder)
    return sorted(folder.glob("*.whl"))


def entry(path: Path) -> Entry:
    """A wheel as a component."""
    name, version = path.name.split("-")[:2]
    with zipfile.ZipFile(path) as wheel:
        found = next((member for member in wheel.namelist() if member.endswith(".dist-info/METADATA")), None)
        licence = of_wheel(wheel.read(found).decode(errors="replace")) if found else UNKNOWN
    return Entry(
        name.replace("_", "-").lower(), version, licence, f"Python wheel {path.name}", f"sha256:{digest_of(path)}"
    )


def _wheel(*what: str, into: Path) -> None:
    try:
        registries.pip("wheel", "--no-deps", "--wheel-dir", str(into), *what, timeout_s=_FETCH_S)
    except CommandFailed as error:
        fix = "reach a package index, then the same command again"
        raise PovError("cannot collect the wheels", cause=error.cause, fix=fix) from error


def _block(lock: Path, name: str) -> str:
    """One requirement of a lock with its hashes."""
    found = re.search(rf"^{re.escape(name)}==(?:[^\n]*\\\n)*[^\n]*", lock.read_text(), re.MULTILINE)
    if found is None:
        raise PovError(f"{lock.name} does not pin {name}", fix=f"add {name} to it")
    return found[0] + "\n"

"""The image that the gate runs from inside a cluster: made when a scenario first asks for it, no part of the bundle.

On the base that every component image stands on (it has Python, Git and ssh-keygen): the programs of the gate, the
libraries of this very installation, and `pov` itself, each as a layer. A change of the code makes a small layer anew.
"""

from __future__ import annotations

import compileall
import platform
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath
from py_compile import PycInvalidationMode
from typing import Any

from pov.base.errors import NotFound, PovError
from pov.base.paths import data, installation
from pov.bundle import graph
from pov.bundle.builder import Component, Made, hash_files, hash_of
from pov.bundle.layers import Image, Layer, LayerWriter, facts_of
from pov.bundle.on_demand import GatePrograms, for_gate, found_or_made
from pov.bundle.packing import digest_of
from pov.bundle.roots import root_layer
from pov.bundle.toolchain import Say
from pov.model.events import Emit

REPOSITORY = "localhost/pov/gate"
PYTHON = (3, 11)
"""Of the base, Debian 12. Compiled libraries fit no other."""

LIBRARIES = (
    "annotated-types", "certifi", "charset-normalizer", "durationpy", "gitdb", "GitPython", "idna", "kubernetes",
    "oauthlib", "pydantic", "pydantic_core", "python-dateutil", "python-terraform", "PyYAML", "requests",
    "requests-oauthlib", "ruamel.yaml", "smmap", "typing_extensions", "typing-inspection", "urllib3",
    "websocket-client",
)  # fmt: skip
"""What the gate imports, of what `pov` depends on; a test imports it with nothing else there."""
DECLARATIONS = ("offering", "policies", "scenarios", "terraform")
"""What the gate reads of what is shipped."""

_ROOT = "/opt/pov"
_SLOW = re.compile(r"/kubernetes/(client/(models|api)|aio)/")
"""Thousands of generated files that nothing here imports."""
CONFIG: Mapping[str, Any] = {
    # Debian's own nobody: ssh-keygen checks no signature for a user that is in no list.
    "User": "65534:65534",
    "Env": [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        f"PYTHONPATH={_ROOT}/code:{_ROOT}/libraries", "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1",
        "HOME=/tmp", "POV_CACHE=/tmp/cache",
    ],
    "Entrypoint": ["/usr/bin/python3", "-m", "pov.cli.in_cluster"],
}  # fmt: skip


def programs_inside() -> GatePrograms:
    """Where the gate's programs lie in the image."""
    return GatePrograms(Path(_ROOT, "bin", "conftest"), Path(_ROOT, "bin", "terraform"), Path(_ROOT, "providers"))


def gate_image(emit: Emit) -> Image:
    """The image, made now where it is not there. Raises `PovError` where it cannot be: it takes Debian 12's Python."""
    check_python(sys.version_info[:2], sys.platform, platform.machine())
    programs = for_gate(emit)
    parts = [graph.base(), _programs(programs), _libraries(), _code()]
    made = found_or_made(parts, emit)
    own = [made[name] for name in ("gate-programs", "gate-libraries", "gate-code")]
    layers = (root_layer(made["base"]), *(_layer(one) for one in own))
    return Image(f"{REPOSITORY}:{hash_of(str(CONFIG), *(layer.digest for layer in layers))}", layers, CONFIG)


def check_python(version: Sequence[int], system: str, machine: str) -> None:
    """Raises `PovError` where this installation's libraries would not run in the image."""
    if (tuple(version), system, machine) != (PYTHON, "linux", "x86_64"):
        here = f"Python {'.'.join(map(str, version))} on {system} {machine}"
        wanted = f"Python {'.'.join(map(str, PYTHON))} on linux x86_64"
        fix = f"run pov with {wanted}, or take a scenario without `gate: true`"
        raise PovError("the gate's image cannot be made here", cause=f"{here}; its base has {wanted}", fix=fix)


def _layer(made: Made) -> Layer:
    name, digest = made.facts["own"][0]
    return Layer(made.folder / name, digest)


def _programs(found: GatePrograms) -> Component:
    def make(folder: Path, needs: Mapping[str, Made], say: Say) -> Mapping[str, Any]:
        with LayerWriter(folder / "layer.tar") as layer:
            inside = programs_inside()
            layer.file(str(inside.conftest), found.conftest)
            layer.file(str(inside.terraform), found.terraform)
            layer.tree(str(inside.providers), found.providers)
            return {"own": facts_of([layer.done()], folder)}

    inputs = {"conftest": _mark(found.conftest), "terraform": _mark(found.terraform)}
    inputs["providers"] = hash_of(
        *(f"{path.relative_to(found.providers)} {_mark(path)}" for path in _files(found.providers))
    )
    return Component("gate-programs", make, inputs, expected_s=3)


def _mark(path: Path) -> str:
    """A program by its content: whoever renews it under the same name renews the image."""
    return digest_of(path.resolve())


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _libraries() -> Component:
    def make(folder: Path, needs: Mapping[str, Made], say: Say) -> Mapping[str, Any]:
        staged = folder / "staged"
        put_libraries(staged)
        return _compiled(staged, folder, "libraries")

    versions = hash_of(*(f"{name} {_installed(name).version}" for name in LIBRARIES))
    return Component("gate-libraries", make, {"versions": versions, "how": "1"}, expected_s=20)


def put_libraries(target: Path) -> None:
    """Copy the libraries as they are installed here. Raises `NotFound` for one that is not."""
    for name in LIBRARIES:
        found = _installed(name)
        for file in found.files or ():
            inside = PurePosixPath(file)
            if ".." in inside.parts or "__pycache__" in inside.parts:
                continue
            path = target / inside
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(found.locate_file(file)), path)


def _installed(name: str) -> Any:
    try:
        return distribution(name)
    except PackageNotFoundError as error:
        raise NotFound(f"the library {name} is not installed", fix="pip install -r requirements.lock") from error


def _code() -> Component:
    def make(folder: Path, needs: Mapping[str, Made], say: Say) -> Mapping[str, Any]:
        staged = folder / "staged"
        put_code(staged)
        return _compiled(staged, folder, "code")

    return Component("gate-code", make, {"source": hash_files(*_sources()), "how": "1"}, expected_s=5)


def put_code(target: Path) -> None:
    """Copy `pov`'s own code, and its declarations beside it as in a wheel."""
    package = installation()
    for path in _sources():
        inside = path.relative_to(package) if path.is_relative_to(package) and "_data" not in path.parts else None
        place = target / "pov" / (inside or Path("_data", path.relative_to(data())))
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def _sources() -> list[Path]:
    package = installation()
    found = [path for path in package.rglob("*.py") if "_data" not in path.relative_to(package).parts]
    return sorted([*found, *(path for name in DECLARATIONS for path in _plain(data(name)))])


def _plain(folder: Path) -> Iterator[Path]:
    """Files that are shipped, and no caches beside them."""
    for path in _files(folder):
        if not any(part.startswith((".", "__pycache__")) for part in path.relative_to(folder).parts):
            yield path


def _compiled(staged: Path, folder: Path, name: str) -> Mapping[str, Any]:
    """A layer of a folder, its Python compiled: a read-only container could not keep what it compiles."""
    compileall.compile_dir(
        staged, quiet=2, rx=_SLOW, stripdir=str(staged), prependdir=f"{_ROOT}/{name}",
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH, maxlevels=20,
    )  # fmt: skip
    with LayerWriter(folder / "layer.tar") as layer:
        layer.tree(f"{_ROOT}/{name}", staged)
        made = layer.done()
    shutil.rmtree(staged)
    return {"own": facts_of([made], folder)}

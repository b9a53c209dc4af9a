"""The program's own tests, run by the bundle's Go."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest

from pov.base.paths import data
from pov.base.process import run
from pov.bundle.builder import Made
from pov.bundle.toolchain import Go

pytestmark = pytest.mark.timeout(900)


def test_formatted_and_vetted(built: dict[str, Made]) -> None:
    go = Go(built["go"])
    assert not go(data("mock_services"), "fmt", "./...").strip()
    go(data("mock_services"), "vet", "./...")


def test_go_tests(built: dict[str, Made]) -> None:
    Go(built["go"])(data("mock_services"), "test", "./...")


@pytest.mark.parametrize(("architecture", "machine"), [("arm64", 183), ("amd64", 62)])
def test_it_is_built_for_other_processors(
    built: dict[str, Made], tmp_path: Path, architecture: str, machine: int
) -> None:
    """One static program for Linux on either kind of processor, whichever this machine has."""
    go = built["go"]
    env = {**Go(go).env(), "GOOS": "linux", "GOARCH": architecture}

    def command(*arguments: str) -> None:
        run([str(go.folder / str(go.facts["go"])), *arguments], timeout_s=600, cwd=data("mock_services"), env=env)

    command("vet", "./...")
    command("build", "-trimpath", "-o", str(tmp_path / "pov-mock"), ".")
    header = (tmp_path / "pov-mock").read_bytes()[:4096]
    assert header[:4] == b"\x7fELF"
    assert struct.unpack_from("<H", header, 18) == (machine,)
    (first,), (size, count) = struct.unpack_from("<Q", header, 32), struct.unpack_from("<HH", header, 54)
    kinds = [struct.unpack_from("<I", header, first + size * index)[0] for index in range(count)]
    assert 3 not in kinds, "a program interpreter: it is not static"


@pytest.mark.matrix
def test_go_tests_find_no_race(built: dict[str, Made]) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("the race detector needs a C compiler")
    Go(built["go"])(data("mock_services"), "test", "-race", "./...", cgo=True)

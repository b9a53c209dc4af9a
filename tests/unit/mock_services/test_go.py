"""The program's own tests, run by the bundle's Go."""

from __future__ import annotations

import shutil

import pytest

from pov.base.paths import data
from pov.bundle.builder import Made
from pov.bundle.toolchain import Go

pytestmark = pytest.mark.timeout(900)


def test_formatted_and_vetted(built: dict[str, Made]) -> None:
    go = Go(built["go"])
    assert not go(data("mock_services"), "fmt", "./...").strip()
    go(data("mock_services"), "vet", "./...")


def test_go_tests(built: dict[str, Made]) -> None:
    Go(built["go"])(data("mock_services"), "test", "./...")


@pytest.mark.matrix
def test_go_tests_find_no_race(built: dict[str, Made]) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("the race detector needs a C compiler")
    Go(built["go"])(data("mock_services"), "test", "-race", "./...", cgo=True)

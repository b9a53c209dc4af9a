"""How far a compile is: the count, the time that is left, and what is remembered of a machine's pace."""

from __future__ import annotations

from pathlib import Path

import pytest

from pov.bundle import pace
from pov.bundle.pace import Compiling


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POV_CACHE", str(tmp_path))
    return tmp_path


def compile_some(name: str, total: int, done: int, each_s: float) -> tuple[Compiling, Clock, list[str]]:
    said: list[str] = []
    clock = Clock()
    compiling = Compiling(name, total, said.append, clock)
    for number in range(done):
        clock.now += each_s
        compiling.heard(f"package{number}")
    return compiling, clock, said


USUAL_S = pace.USUAL_S["engines"]


@pytest.mark.parametrize(
    ("done", "slower", "expected"),
    [
        (0, 1.0, 1000 * USUAL_S),  # nothing seen: as usual
        (250, 1.0, 750 * USUAL_S),
        (250, 3.0, 750 * USUAL_S * 2.0),  # a quarter seen, three times as slow: half of it is believed
        (500, 3.0, 500 * USUAL_S * 3.0),  # from the half on, what is seen is what counts
        (900, 0.5, 100 * USUAL_S * 0.5),
        (1000, 3.0, 0.0),
    ],
)
def test_what_is_left_follows_the_machine(done: int, slower: float, expected: float) -> None:
    compiling, clock, _ = compile_some("engines", 1000, done, USUAL_S * slower)
    assert compiling.left_s(clock.now) == pytest.approx(expected)


def test_the_count_is_told_against_the_total_and_the_last_is_always_told() -> None:
    _, _, said = compile_some("engines", 1200, 1200, 0.1)
    assert said[0] == f"1 of 1,200 packages compiled, about {USUAL_S * 1199 / 60:.0f} min left: package0"
    assert said[-1] == "1,200 packages compiled, linking"
    assert len(said) < 300  # every half second at most


def test_a_build_that_compiles_a_few_packages_counts_those_alone() -> None:
    _, _, said = compile_some("engines", 3, 1, 0.1)
    assert said == ["1 of 3 packages compiled, about 10 s left: package0"]


def test_more_packages_than_were_counted_are_no_error() -> None:
    compiling, clock, said = compile_some("engines", 2, 4, 1.0)
    assert compiling.left_s(clock.now) == 0
    assert said[-1] == "4 packages compiled, linking"


def test_the_pace_of_an_earlier_build_is_what_the_next_one_expects() -> None:
    assert pace.usual_s("gitea") == pace.USUAL_S["gitea"]
    compiling, _, _ = compile_some("engines", 400, 400, 0.5)
    compiling.finished()
    assert pace.usual_s("engines") == pytest.approx(0.5)
    assert pace.usual_s("gitea") == pace.USUAL_S["gitea"]
    again, clock, _ = compile_some("engines", 400, 0, 0.5)
    assert again.left_s(clock.now) == pytest.approx(200)


def test_a_handful_of_packages_tells_no_pace() -> None:
    compiling, _, _ = compile_some("engines", 20, 20, 9.0)
    compiling.finished()
    assert not pace.pace_file().exists()


@pytest.mark.parametrize(
    "content", ["", "[]", "nonsense", '{"engines": "fast"}', '{"engines": -1}', '{"engines": null}']
)
def test_a_spoilt_memory_is_none(content: str) -> None:
    pace.pace_file().parent.mkdir(parents=True)
    pace.pace_file().write_text(content)
    assert pace.usual_s("engines") == pace.USUAL_S["engines"]

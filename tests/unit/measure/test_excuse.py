from __future__ import annotations

import pytest

from pov.measure.excuse import Failure, Span, excused, late, merged, within


def hard(at: float, until: float) -> Failure:
    return Failure(at, until, "hard")


def slow(at: float, until: float) -> Failure:
    return Failure(at, until, "late")


@pytest.mark.parametrize(
    ("why", "failures", "stalls", "expected"),
    [
        ("no witness, no excuse", [slow(0, 1000)], [], 0),
        ("late while a stall lasts", [slow(0, 1000)], [Span(400, 900)], 1),
        ("a stall that begins in it", [slow(0, 1000)], [Span(999, 1500)], 1),
        ("a stall that was over", [slow(1000, 2000)], [Span(0, 1000)], 0),
        ("a stall that came after", [slow(0, 1000)], [Span(1000, 2000)], 0),
        ("hard, never", [hard(0, 1000)], [Span(0, 1000)], 0),
        ("each for itself", [slow(0, 1000), hard(0, 10), slow(5000, 6000)], [Span(400, 900)], 1),
        ("two stalls excuse one once", [slow(0, 1000)], [Span(100, 200), Span(300, 400)], 1),
        ("a slot that was never sent has no length", [slow(500, 500)], [Span(400, 900)], 1),
    ],
)
def test_what_may_be_excused(why: str, failures: list[Failure], stalls: list[Span], expected: int) -> None:
    assert len(excused(failures, stalls)) == expected, why


def test_what_is_excused_is_what_met_the_stall() -> None:
    met, alone = slow(0, 1000), slow(5000, 6000)
    assert excused([alone, met, hard(0, 10)], [Span(400, 900)]) == [met]


def test_a_late_control_is_a_stall_and_a_hard_one_is_none() -> None:
    assert late([slow(0, 1000), hard(2000, 2100)]) == (Span(0, 1000),)


def test_times_that_overlap_count_once() -> None:
    assert merged([Span(5, 9), Span(0, 3), Span(2, 6), Span(20, 21)]) == (Span(0, 9), Span(20, 21))
    assert merged([]) == ()


def test_what_lies_in_a_window() -> None:
    assert within([Span(0, 5), Span(4, 12), Span(30, 40)], Span(5, 20)) == (Span(4, 12),)

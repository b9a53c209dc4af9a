"""Against published worked examples, and against counting by hand."""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest

from pov.measure.inference import DRAWS, bound, holm, order_test, ratio, smallest_p

# Hollander and Wolfe, Nonparametric Statistical Methods, 2nd ed. 1999, table 4.1: permeability of a membrane.
# R's coin package gives for them an exact two-sided p of 0.2544, a shift of 0.305 and the interval from -0.15 to 0.76.
AT_TERM = (0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46)
EARLIER = (1.15, 0.88, 0.90, 0.74, 1.21)


def test_ratio_and_interval_are_those_of_a_published_example() -> None:
    found = ratio([math.exp(value) for value in AT_TERM], [math.exp(value) for value in EARLIER])
    assert math.log(found.value) == pytest.approx(-0.305)
    assert found.interval is not None
    assert [math.log(found.interval.low), math.log(found.interval.high)] == pytest.approx([-0.76, 0.15])
    assert found.interval.coverage == pytest.approx(0.960, abs=0.001)


def test_the_test_of_order_is_that_of_a_published_example() -> None:
    found = order_test(AT_TERM, EARLIER)
    assert found.p == pytest.approx(0.2544, abs=5e-5)
    assert found.method == "exact"


@pytest.mark.parametrize(
    ("events", "of", "at_most", "three"),
    [
        # Hanley and Lippman-Hand, If nothing goes wrong, is everything all right?, JAMA 249 (1983): none of 14.
        (0, 14, 1 - 0.05 ** (1 / 14), 3 / 14),
        (0, 2, 1 - 0.05**0.5, 1.0),
        (3, 3, 1.0, None),
        (1, 1, 1.0, None),
    ],
)
def test_rare_events_have_a_bound(events: int, of: int, at_most: float, three: float | None) -> None:
    found = bound(events, of)
    assert found.at_most == pytest.approx(at_most)
    assert found.rule_of_three == three


def test_the_bound_is_the_one_at_which_so_few_events_come_in_5_percent() -> None:
    share = bound(2, 30).at_most
    seen = sum(math.comb(30, k) * share**k * (1 - share) ** (30 - k) for k in range(3))
    assert seen == pytest.approx(0.05)
    with pytest.raises(ValueError, match="k"):
        bound(4, 3)


@pytest.mark.parametrize(
    ("given", "adjusted"),
    [
        # The example of the article "Holm–Bonferroni method" (Wikipedia): 0.01, 0.04, 0.03, 0.005.
        ({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}, {"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02}),
        ({"a": 0.02, "b": None}, {"a": 0.04}),
        ({"a": None}, {}),
        ({"a": 0.6, "b": 0.7}, {"a": 1.0, "b": 1.0}),
        ({}, {}),
    ],
)
def test_several_comparisons_are_corrected(given: dict[str, float | None], adjusted: dict[str, float]) -> None:
    assert holm(given) == pytest.approx(adjusted)


@pytest.mark.parametrize(
    ("one", "other", "p", "method"),
    [
        ([1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0], 2 / 70, "exact"),
        ([1.0, 2.0, 3.0, 4.0, 5.0], [6.0, 7.0, 8.0, 9.0, 10.0], 2 / 252, "exact"),
        ([5.0, 6.0, 7.0, 8.0], [1.0, 2.0, 3.0, 4.0], 2 / 70, "exact"),
        ([1.0, 2.0, 3.0, 8.0], [4.0, 5.0, 6.0, 7.0], 24 / 70, "exact"),
        ([1.0, 2.0, 3.0, 4.0], [4.0, 5.0, 6.0, 7.0], None, "equal values: all relabellings (70)"),
        ([2.0, 2.0, 2.0, 2.0], [2.0, 2.0, 2.0, 2.0], None, "equal values: all relabellings (70)"),
        ([1.0, 1.0, 2.0, 3.0, 3.0, 9.0], [2.0, 3.0, 4.0, 4.0, 9.0], None, "equal values: all relabellings (462)"),
    ],
)
def test_p_is_counted_out(one: list[float], other: list[float], p: float | None, method: str) -> None:
    found = order_test(one, other)
    assert found.p == pytest.approx(counted(one, other) if p is None else p)
    assert found.method == method


def counted(one: Sequence[float], other: Sequence[float]) -> float:
    """Twice the share of relabellings whose order is as one-sided as this one's, to the nearer side."""
    values = [*one, *other]

    def above(chosen: tuple[int, ...]) -> float:
        rest = [values[i] for i in range(len(values)) if i not in chosen]
        return sum((values[i] > y) + 0.5 * (values[i] == y) for i in chosen for y in rest)

    seen = above(tuple(range(len(one))))
    all_ = [above(chosen) for chosen in itertools.combinations(range(len(values)), len(one))]
    fewer, more = sum(x <= seen for x in all_), sum(x >= seen for x in all_)
    return min(1.0, 2 * min(fewer, more) / len(all_))


def test_many_equal_values_are_relabelled_by_a_fixed_draw() -> None:
    one, other = [1.0, 2.0, 3.0] * 5, [2.0, 3.0, 4.0] * 5
    found = order_test(one, other)
    assert found.method == f"equal values: drawn relabellings ({DRAWS:,})"
    assert found == order_test(one, other)
    assert found.p is not None
    assert 0.0 < found.p < 0.05


def test_hundreds_of_values_use_the_normal_approximation() -> None:
    draw = np.random.default_rng(3)
    one, other = np.exp(0.1 * draw.standard_normal((2, 300)))
    found, interval = order_test(one, other), ratio(one, other).interval
    assert found.method == "normal approximation"
    assert interval is not None
    assert interval.coverage == pytest.approx(0.95, abs=1e-4)


def test_the_approximation_joins_the_count_where_it_takes_over() -> None:
    draw = np.random.default_rng(3)
    values = np.exp(0.1 * draw.standard_normal((2, 101)))
    counted_out, approximated = ratio(values[0][:-1], values[1][:-1]), ratio(*values)
    assert counted_out.interval is not None
    assert approximated.interval is not None
    widths = [math.log(i.high / i.low) for i in (counted_out.interval, approximated.interval)]
    assert widths[0] == pytest.approx(widths[1], rel=0.05)


@pytest.mark.parametrize(
    ("one", "other", "coverage"),
    [(3, 3, None), (2, 5, None), (1, 30, None), (3, 5, 0.9643), (4, 4, 0.9714), (6, 6, 0.9589), (30, 30, 0.9504)],
)
def test_an_interval_says_what_it_covers_or_why_there_is_none(one: int, other: int, coverage: float | None) -> None:
    found = ratio([1.0 + i for i in range(one)], [2.5 + i for i in range(other)])
    if coverage is None:
        assert found.interval is None
        assert f"{one} and {other} values: the widest interval would cover" in found.why_none
    else:
        assert found.interval is not None
        assert found.interval.coverage == pytest.approx(coverage, abs=1e-4)
        assert found.why_none == ""


def test_an_interval_turns_with_its_arms() -> None:
    there, back = ratio(AT_TERM, EARLIER), ratio(EARLIER, AT_TERM)
    assert there.value == pytest.approx(1 / back.value)
    assert there.interval is not None
    assert back.interval is not None
    assert there.interval.low == pytest.approx(1 / back.interval.high)
    assert there.interval.holds(1.0)


def test_no_p_where_none_could_be_small() -> None:
    assert smallest_p(3, 3) == pytest.approx(0.1)
    assert smallest_p(4, 4) == pytest.approx(0.0286, abs=1e-4)
    found = order_test([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])
    assert found.p is None
    assert "could give is 0.1" in found.why_none
    assert order_test([], [1.0]).why_none == "one side has no value"


def test_no_date_of_builds_in_the_environment_stops_a_figure() -> None:
    """Reports have the date of their run; what a build has set for its archives is left alone."""
    code = (
        "import os\nfrom pov.measure.inference import bound, order_test, ratio\n"
        "assert bound(0, 100).of == 100\nassert order_test([1, 2, 3, 4], [5, 6, 7, 8]).p\n"
        "assert ratio([1, 2, 3, 4], [5, 6, 7, 8]).interval\nassert os.environ['SOURCE_DATE_EPOCH'] == 'junk'\n"
    )
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "junk"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=60)

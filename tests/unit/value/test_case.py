"""The model against sums done by hand, and what must hold whatever the figures."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import pytest

from pov.config.inputs import Measured
from pov.value import closing
from pov.value.evaluating import evaluate, paid_back
from pov.value.limits import latest, limits
from pov.value.plan import Executed
from tests.unit.value.sections import FULL, PLAIN, case_of

HALF_YEARLY = {"waves.0.quarter": 3}


def cents(*amounts: str) -> list[Decimal]:
    return [Decimal(amount) for amount in amounts]


def test_a_case_worked_by_hand() -> None:
    # 10 a week x 13 weeks x 0.5 h x 100 EUR = 6,500 a quarter; 14,000 in the first, 4,000 in the fifth and ninth.
    outcome = case_of(PLAIN).expected
    assert [q.hard for q in outcome.quarters] == [Decimal(6500)] * 12
    assert [q.price for q in outcome.quarters] == [14000, 0, 0, 0, 4000, 0, 0, 0, 4000, 0, 0, 0]
    assert outcome.cumulative[:5] == (-7500, -1000, 5500, 12000, 14500)
    assert outcome.payback == 3
    # Each quarter's cash over 1.05 to its number, to the cent: -7500 / 1.05 = -7142.857 and so on.
    present = cents(
        "-7142.86", "5895.69", "5614.94", "5347.57", "1958.82", "4850.40",
        "4619.43", "4399.46", "1611.52", "3990.44", "3800.42", "3619.44",
    )  # fmt: skip
    assert outcome.npv == sum(present)
    # Costs: 14000 / 1.05 + 4000 / 1.05^5 + 4000 / 1.05^9 = 19045.87; savings: 6500 x 8.8632516 = 57611.14.
    assert case_of(PLAIN).break_even == Decimal("33.1")
    # And 38565.27 more may be paid over the factors 0.952381 + 0.783526 + 0.644609 = 2.380516: 16200.38 a year.
    assert case_of(PLAIN).most_a_year == pytest.approx(Decimal("20200.38"), abs=Decimal("0.02"))


def test_ramp_dip_and_parallel_running_worked_by_hand() -> None:
    # Waves live in quarters 2 and 4, a quarter side by side: they save from 3 and 5 on, three quarters of it at first.
    case = case_of(FULL, {"growth.expected": 0})
    parts = [q.soft / case.expected.soft for q in case.expected.quarters]
    expected = ["0", "0", "0.225", "0.3", "0.75", "0.9", *["0.9"] * 6]
    assert [round(part, 4) for part in parts] == [Decimal(part) for part in expected]
    assert [q.parallel for q in case.expected.quarters[:6]] == cents("0", "250.25", "0", "250.25", "0", "0")
    # 45 min a week more, from the first wave on, in full: 13 x 0.75 h x 100.
    assert [q.extra for q in case.expected.quarters[:3]] == cents("0", "975.00", "975.00")
    # A yearly cost is paid by quarters from its own on: 1001.01 / 4 = 250.2525.
    assert [q.costs for q in case.expected.quarters[:3]] == cents("0", "3583.58", "250.25")


def test_hours_beyond_the_stated_week_save_nothing() -> None:
    # 10 x 60 min are 10 h, the week has 9: nine tenths of 130 h x 0.5 x 100 EUR, half of it redeployed.
    assert case_of(FULL).expected.soft == Decimal("2925.00")
    assert case_of(FULL, {"week.before": 12}).expected.soft == Decimal("3250.00")


def test_volumes_grow_by_year() -> None:
    quarters = case_of(PLAIN, {"growth.expected": 10}).expected.quarters
    assert [q.hard for q in quarters[::4]] == [6500, 7150, 7865]


def test_the_ceiling_is_every_stated_hour_at_the_highest_rate() -> None:
    ceiling = case_of(FULL).ceiling
    assert (ceiling.hours, ceiling.worth, ceiling.incidents) == (468, 46800, Decimal("29999.97"))
    assert ceiling.year_one == case_of(FULL).expected.spent(last=4)
    assert (ceiling.pays_in_year_one, ceiling.pays) == (True, True)
    dear = case_of(FULL, {"price.yearly": "90000 EUR"}).ceiling
    assert (dear.pays_in_year_one, dear.pays, dear.pays_with_incidents) == (False, False, False)
    assert case_of(PLAIN).ceiling.hours == 520


def test_hours_that_nobody_is_named_for_count_zero() -> None:
    nobody = case_of(FULL, {"activities.0.redeployed": None})
    assert nobody.expected.soft == 0
    assert nobody.freed_hours == (pytest.approx(234), pytest.approx(234))
    assert case_of(FULL).freed_hours == (pytest.approx(234), pytest.approx(117))
    assert nobody.expected.npv == case_of(FULL).expected.npv_hard


def test_soft_savings_at_zero_leave_the_hard_ones() -> None:
    outcome = case_of(FULL).expected
    assert [q.net - q.net_hard for q in outcome.quarters] == [q.soft for q in outcome.quarters]
    assert outcome.npv_hard < outcome.npv
    # 3 a year, 80 % avoided, a quarter of it a quarter: 3 / 4 x 9999.99 x 0.8 in full use.
    assert outcome.hard == Decimal("5999.994")


def test_risk_is_arithmetic() -> None:
    case = case_of(FULL)
    weighed = [("Skills", Decimal(1000)), ("It is slow", Decimal("185.18"))]
    assert [(threat.title, threat.weighed) for threat in case.threats] == weighed
    assert case.adjusted == case.expected.npv - Decimal("1185.18")


def test_doing_nothing_costs_what_it_costs_today_with_growth() -> None:
    # 9 h of a stated week x 52 x 100 EUR, and three incidents.
    first = Decimal(46800) + Decimal("29999.97")
    assert case_of(FULL).doing_nothing == (first, Decimal("80639.97"), Decimal("84671.97"))


def test_stopping_after_the_first_wave() -> None:
    stop, outcome = case_of(FULL).stop, case_of(FULL).expected
    assert stop.quarter == 3
    assert stop.lost == -outcome.cumulative[2] + 800
    assert case_of(FULL, {"exit": None}).stop.lost == -outcome.cumulative[2]


@pytest.mark.parametrize(
    ("cumulative", "quarter"),
    [((-1, 0, 5), 2), ((1, 2, 3), 1), ((-1, 5, -1, 4), 4), ((-3, -2, -1), None), ((5, 5, -1), None), ((0, 0), 1)],
)
def test_payback_is_when_cash_is_never_below_zero_again(cumulative: tuple[int, ...], quarter: int | None) -> None:
    assert paid_back(tuple(map(Decimal, cumulative))) == quarter


def test_the_inputs_that_matter_come_first_and_limits_turn_the_result() -> None:
    case = case_of(PLAIN)
    assert [swing.entry.key for swing in case.swings] == ["activities.deploys.after", "activities.deploys.volume"]
    found = {limit.entry.key: limit for limit in limits(case)}
    after = found["activities.deploys.after"]
    assert not after.below
    at = case.plan.expected
    assert evaluate(case.plan, at | {"activities.deploys.after": after.at}).npv >= 0
    assert evaluate(case.plan, at | {"activities.deploys.after": after.at + Decimal("0.01")}).npv < 0
    # Break-even at 33.1 % of the savings is 3.31 deploys of 10.
    assert found["activities.deploys.volume"].at == pytest.approx(Decimal("3.306"), abs=Decimal("0.002"))


def test_a_bad_buy_tells_what_would_turn_it() -> None:
    case = case_of(PLAIN, {"price.yearly": "30000 EUR"})
    assert case.expected.npv < 0
    assert case.expected.payback is None
    assert latest(case) is None
    volume = next(limit for limit in limits(case) if limit.entry.key == "activities.deploys.volume")
    assert volume.below
    assert volume.at > 10


def test_how_late_it_may_be() -> None:
    case = case_of(PLAIN)
    late = latest(case)
    assert late is not None
    assert evaluate(case.plan, late=late).npv >= 0 > evaluate(case.plan, late=late + 1).npv


def test_without_a_price_the_most_that_may_be_paid_is_told() -> None:
    case = case_of(PLAIN, {"price": {"notGiven": {"by": "Jo", "until": "2026-12-01"}}})
    assert not case.plan.priced
    assert case.expected.spent() == 0
    assert case.most_a_year > 0


def test_a_measured_time_takes_the_place_of_the_expected_one() -> None:
    wanted = {"experiment": "deploy", "arm": "automated", "metric": "median_seconds", "per": 5}
    asked: list[Measured] = []

    def found(measured: Measured) -> Executed:
        asked.append(measured)
        return Executed(450.0, 6)

    case = case_of(PLAIN, {"activities.0.after.measured": wanted}, found)
    entry = next(e for e in case.plan.entries if e.key == "activities.deploys.after")
    assert (entry.expected, entry.low, entry.high, entry.origin) == (Decimal("1.5"), Decimal("1.5"), 50, "executed")
    assert "deploy/automated/median_seconds" in entry.basis
    assert "6 trials, over 5 services; machine time" in entry.basis
    assert (asked[0].experiment, asked[0].arm, asked[0].metric) == ("deploy", "automated", "median_seconds")
    absent = case_of(PLAIN, {"activities.0.after.measured": wanted})
    entry = next(e for e in absent.plan.entries if e.key == "activities.deploys.after")
    assert (entry.expected, entry.origin) == (30, "stated")
    assert "was not measured" in entry.basis


def test_whole_yen() -> None:
    yen = {"currency": "JPY", "rates.0.hour": {**PLAIN["rates"][0]["hour"], "expected": "12345 JPY"}}
    yen["price"] = {**PLAIN["price"], "once": "1000000 JPY", "yearly": "400000 JPY"}
    case = case_of(PLAIN, {**yen, "growth.expected": 3})
    assert all(q.hard == q.hard.to_integral_value() for q in case.expected.quarters)
    assert case.expected.npv == case.expected.npv.to_integral_value()


def test_figures_that_do_not_close_are_found() -> None:
    # As a buyer may say it: 32 h a week and 45 min each, 1.5 h and 3 min then.
    stated = {
        "week": {"before": 32, "after": 1.5, "by": "Jo", "when": "2026-10-01"},
        "activities.0.before.expected": 45,
        "activities.0.after": {**PLAIN["activities"][0]["after"], "low": None, "expected": 3, "high": None},
    }
    measured = {"activities.0.after.measured": {"experiment": "deploy", "arm": "automated"}}
    plan = case_of(PLAIN, stated | measured, lambda _wanted: Executed(12.0, 3)).plan
    apart = closing.apart(plan)
    assert apart is not None
    assert (round(apart.often_before, 1), apart.often_after) == (Decimal("42.7"), 30)
    assert [(gap.time, gap.stated, gap.told) for gap in closing.gaps(plan)] == [
        ("before", 32, Decimal("7.5")),
        ("after", Decimal("1.5"), Decimal("0.5")),
    ]


def test_figures_that_close_are_left_alone() -> None:
    stated = {"week": {"before": 10, "after": 5, "by": "Jo", "when": "2026-10-01"}}
    assert closing.gaps(case_of(PLAIN, stated).plan) == ()
    assert closing.apart(case_of(PLAIN, stated).plan) is None
    assert closing.gaps(case_of(PLAIN).plan) == ()


WIDE: dict[str, tuple[Any, ...]] = {
    "activities.0.volume": ((0, 10, 12), (1, 1, 400), (5, 5, 5)),
    "activities.0.after": ((0, 30, 90), (60, 70, 80), (10, 10, 10)),
    "growth": ((-50, 0, 100), (5, 5, 5)),
    "activities.0.redeployed": ((0, 50, 100), (0, 0, 0)),
}


def _bounds(given: dict[str, Any], bounds: tuple[Any, ...]) -> dict[str, Any]:
    return {**given, "low": bounds[0], "expected": bounds[1], "high": bounds[2]}


@pytest.mark.parametrize("figures", list(itertools.product(*WIDE.values())), ids=str)
def test_what_holds_whatever_the_figures(figures: tuple[tuple[Any, ...], ...]) -> None:
    places = dict(zip(WIDE, figures, strict=True))
    changes = {
        place: _bounds(FULL[place] if place in FULL else FULL["activities"][0][place.rsplit(".", 1)[-1]], bounds)
        for place, bounds in places.items()
    }
    case = case_of(FULL, changes)
    assert case.low.npv <= case.expected.npv <= case.high.npv
    for outcome in (case.low, case.expected, case.high):
        assert outcome.npv_hard <= outcome.npv
        assert outcome.cumulative[-1] == outcome.saved() - outcome.spent()
        assert all(q.hard >= 0 and q.soft >= 0 and q.spent >= 0 for q in outcome.quarters)
        assert 0 < outcome.fit <= 1

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pov.config.explaining import Faults
from pov.config.offering import Offering, Range
from pov.config.scope import Scope
from pov.scoping.agreement import check
from pov.scoping.assessment import Assessment, assess
from pov.scoping.capacity import Commitment
from pov.scoping.terms import Standing
from tests.unit.scoping.offerings import TODAY, document, given, offering, sizes

FITS: dict[str, Any] = {"users": 40_000, "availability": 99.9, "regions": ["eu-central-1"], "cpu": 64, "iops": 9999}


def scope(**answers: Any) -> Scope:
    return Scope.model_validate(answers)


def assessed(known: Offering | None = None, **answers: Any) -> Assessment:
    return assess(scope(**answers), known or offering(given()), TODAY)


def test_what_fits_needs_no_review() -> None:
    found = assessed(**FITS)
    assert found.size is not None
    assert (found.size.name, found.review, found.needs, found.shadow) == ("Medium", False, (), "")
    assert found.monthly.amount == Range(low=4000, expected=5000, high=6500)


@pytest.mark.parametrize(
    ("answers", "reason", "told", "needs"),
    [
        ({"users": None}, "users", "how many users is open", "scope"),
        ({"users": 100_000}, "users", "no size holds 100,000 to 999,999 users", "scope"),
        ({"users": 1_000_000}, "size", "every Enterprise deal is reviewed", "scope"),
        ({"promised": "Small"}, "promised", "Small was promised, and 40,000 users need Medium", "scope"),
        ({"cpu": 65}, "cpu", "65 CPU cores are asked for and 64 are allowed without an approved scope", "scope"),
        ({"cpu": 512}, "cpu", "64 are allowed without", "scope"),
        ({"cpu": 513}, "cpu", "512 are allowed even with an approved scope", "override"),
        ({"iops": 10_000}, "iops", "10,000 and more need the engineering VP", "iops"),
        ({"availability": 99.99}, "availability", "It takes one region, clusters and databases doubled", "scope"),
        ({"availability": 99.999}, "availability", "It takes two regions with failover", "scope"),
        ({"availability": 99.9999}, "availability", "no topology of the offering gives 99.9999 %", "scope"),
        ({"recovery": {"timeMinutes": 10}}, "availability", "recovery in 10 min is asked", "scope"),
        ({"recovery": {"pointMinutes": 0}}, "availability", "no topology of the offering gives all", "scope"),
        ({"recovery": {"timeMinutes": 600}}, "recovery", "leaves 525.6 min a year", "scope"),
        ({"residency": "Moon", "regions": None}, "residency", "must stay in Moon, and no region of the", "scope"),
        ({"regions": ["mars"]}, "region", "mars is no region of the offering", "scope"),
        ({"regions": ["eu-central-1", "eu-west-1"]}, "further-region", "2 regions asked, 1 in the size", "scope"),
        ({"compliance": ["PCI DSS"]}, "pci-segment", "PCI DSS", "scope"),
        ({"compliance": ["pci dss"]}, "pci-segment", "PCI DSS", "scope"),
        ({"compliance": ["FedRAMP"]}, "compliance", "FedRAMP is asked for", "scope"),
        ({"components": ["legacy-core-db-01"]}, "scales-up", "only scales up", "scope"),
        ({"components": ["mainframe"]}, "component", "mainframe is no component", "scope"),
        ({"storageGib": 4001}, "more-storage", "4,001 GiB of storage asked, 4,000 in Medium", "scope"),
        ({"memoryGib": 8193}, "capacity-memory_gib", "8,193 asked, 8,192 of 8,192 left", "scope"),
        ({"start": TODAY, "due": TODAY + timedelta(weeks=2)}, "dates", "2.0 weeks after the start", "scope"),
    ],
)
def test_each_reason_for_a_review(answers: dict[str, Any], reason: str, told: str, needs: str) -> None:
    found = {one.id: one for one in assessed(**{**FITS, **answers}).reasons}
    assert told in found[reason].text
    assert found[reason].needs == needs
    for one in found.values():
        assert one.figure, one
        assert one.limit, one


@pytest.mark.parametrize(
    ("answers", "reason", "figure", "limit"),
    [
        ({"users": None}, "users", "not said", "a number of users"),
        ({"users": 100_000}, "users", "100,000 users", "100,000 to 999,999 users"),
        ({"promised": "Small"}, "promised", "40,000 users", "Small"),
        ({"cpu": 65}, "cpu", "65 cores", "64 cores"),
        ({"cpu": 513}, "cpu", "513 cores", "512 cores"),
        ({"iops": 10_000}, "iops", "10,000 IOPS", "below 10,000 IOPS"),
        ({"iops": 12_000}, "dedicated-storage", "12,000 IOPS asked", "9,999 in Medium"),
        ({"availability": 99.99}, "availability", "99.99 %", "99.915\N{NO-BREAK SPACE}%"),
        ({"availability": 99.9999}, "availability", "99.9999 %", "99.915\N{NO-BREAK SPACE}%"),
        (
            {"availability": None, "recovery": {"timeMinutes": 10, "pointMinutes": 1}},
            "availability", "recovery in 10 min, loss of at most 1 min",
            "recovery in 240 min, loss of at most 15 min",
        ),
        ({"recovery": {"timeMinutes": 600}}, "recovery", "600 min", "525.6 min"),
        (
            {"residency": "Moon", "regions": None}, "residency", "Moon", "EU, US",
        ),
        ({"regions": ["eu-west-1", "eu-central-1"]}, "further-region", "2 regions asked", "1 in the size"),
        ({"compliance": ["PCI DSS"]}, "pci-segment", "PCI DSS", "not in the standard"),
        ({"compliance": ["FedRAMP"]}, "compliance", "FedRAMP", "PCI DSS, SOC 2"),
        ({"memoryGib": 8193}, "capacity-memory_gib", "8193", "8192"),
        ({"start": TODAY, "due": TODAY + timedelta(weeks=2)}, "dates", "2.0 weeks", "3 weeks"),
    ],
)  # fmt: skip
def test_a_reason_has_its_figure_and_its_limit(answers: dict[str, Any], reason: str, figure: str, limit: str) -> None:
    found = {one.id: one for one in assessed(**{**FITS, **answers}).reasons}
    assert (found[reason].figure, found[reason].limit) == (figure, limit)


def test_a_residency_that_a_region_has_is_no_reason_and_without_regions_nobody_can_tell() -> None:
    assert assessed(**{**FITS, "residency": "eu"}).reasons == ()
    assert assessed(offering(given(), regions=[]), **{**FITS, "residency": "Moon"}).reasons == ()


def test_users_that_two_sizes_claim_need_a_review() -> None:
    known = offering(given(), sizes=sizes((1, 20), (10, None)))
    found = assessed(known, users=15)
    assert found.size is None
    (reason,) = (one for one in found.reasons if one.id == "users")
    assert reason.text == "A and B both claim 10 to 19 users: 15 users lie there"
    assert (reason.needs, found.review) == ("scope", True)
    assert not assessed(known, users=20).reasons


@pytest.mark.parametrize("answers", [{"compliance": ["SOC 2"]}, {"promised": "medium"}, {"storageGib": 4000}])
def test_standard_answers_are_no_reason(answers: dict[str, Any]) -> None:
    assert assessed(**{**FITS, **answers}).reasons == ()


def test_each_constraint_is_a_line_with_its_rule() -> None:
    answers = {**FITS, "availability": 99.999, "compliance": ["PCI DSS", "SOC 2"], "iops": 12_000}
    found = assessed(**answers)
    ids = ["size", "topology", "dedicated-storage", "pci-segment", "soc2-evidence"]
    assert [line.id for line in found.lines] == ids
    assert found.monthly.amount == Range(low=16_400, expected=21_300, high=28_700)
    assert found.once.amount == Range(low=60_000, expected=89_000, high=135_000)
    assert found.weeks.amount == Range(low=6, expected=8, high=30)
    assert found.lines[1].rule == "availability 99.999 %"


def test_the_shipped_examples_give_no_total() -> None:
    found = assessed(offering(), **FITS)
    assert (found.once.amount, found.monthly.amount, found.weeks.amount) == (None, None, None)
    assert "EXAMPLE" in found.monthly.notes[0]


def test_what_has_no_price_is_not_in_the_total_and_the_total_says_so() -> None:
    found = assessed(**{**FITS, "regions": ["eu-central-1", "eu-west-1"]})
    assert found.monthly.amount == Range(low=4000, expected=5000, high=6500)
    assert found.monthly.notes == ("not in it: Stage in a further region: nobody gave a figure",)


def test_prices_too_old_are_refused() -> None:
    found = assessed(offering(given(TODAY - timedelta(days=181))), **FITS)
    assert found.monthly.amount is None
    assert found.lines[0].as_json()["monthly"] is None
    assert any(reason.id == "availability" and "not computed" in reason.text for reason in found.reasons)


def test_the_next_nine_is_a_price() -> None:
    line = assessed(**FITS).next_nine
    assert line is not None
    assert (line.rule, line.title) == ("99.99 %", "One region, clusters and databases doubled")
    assert line.price is not None
    assert line.price.monthly == Range(low=2500, expected=3000, high=4000)
    assert line.price.once == Range(low=8000, expected=10_000, high=15_000)
    assert line.price.lead_weeks == Range(low=2, expected=3, high=5)
    assert assessed(**{**FITS, "availability": 99.999}).next_nine is None


def test_the_next_nine_is_the_step_from_what_is_proposed_already() -> None:
    """Doubled: 3,000 a month, 10,000 once. Two regions: 12,000 and 60,000, built in eight weeks."""
    found = assessed(**{**FITS, "availability": 99.99})
    line = found.next_nine
    assert found.proposal.base == "one region, clusters and databases doubled"
    assert line is not None
    assert line.price is not None
    assert (line.rule, line.title) == ("99.999 %", "Two regions with failover")
    assert line.price.monthly == Range(low=6500, expected=9000, high=12_000)
    assert line.price.once == Range(low=32_000, expected=50_000, high=75_000)
    assert line.price.lead_weeks == Range(low=6, expected=8, high=12)


@pytest.mark.parametrize(
    ("before", "after", "standing", "told"),
    [
        ({"example": True}, {}, Standing.EXAMPLE, "price list 7"),
        ({}, {"example": True}, Standing.EXAMPLE, "price list 7"),
        ({"asOf": TODAY - timedelta(days=100)}, {}, Standing.OLD, "100 days old"),
        ({"asOf": TODAY - timedelta(days=200)}, {}, Standing.ABSENT, "doubled: it is 200 days old"),
        (None, {}, Standing.ABSENT, "doubled: nobody gave a figure"),
        ({}, None, Standing.ABSENT, "nobody gave a figure"),
        ({}, {"asOf": TODAY - timedelta(days=200)}, Standing.REFUSED, "200 days old"),
    ],
)
def test_a_step_is_worth_no_more_than_both_of_its_prices(
    before: dict[str, Any] | None, after: dict[str, Any] | None, standing: Standing, told: str
) -> None:
    base = given()
    for topology, change in zip(base["topologies"][2:], (before, after), strict=True):
        topology["price"] = {**topology["price"], **change} if change is not None else None
    line = assessed(offering(base), **{**FITS, "availability": 99.99}).next_nine
    assert line is not None
    assert line.worth.standing is standing
    assert told in line.worth.why
    assert (line.as_json()["monthly"] is not None) is line.worth.shown


def test_a_step_down_is_below_nothing_and_its_ends_may_cross() -> None:
    base = given()
    base["topologies"][3]["price"]["monthly"] = {"low": 2000, "expected": 3500, "high": 3600}
    line = assessed(offering(base), **{**FITS, "availability": 99.99}).next_nine
    assert line is not None
    assert line.as_json()["monthly"] == {"low": -500, "expected": 500, "high": 500}


def test_approved_deals_are_summed_against_what_there_is() -> None:
    others = [Commitment("a", cpu=1000), Commitment("b", cpu=1000, iops=5), Commitment("c", iops=1)]
    found = assess(scope(**FITS), offering(given()), TODAY, others)
    use = next(use for use in found.capacity.uses if use.resource == "cpu")
    assert (use.taken, use.left, use.over, use.unsaid) == (2000, 48, True, ("c",))
    assert "capacity-cpu" in {reason.id for reason in found.reasons}


@pytest.mark.parametrize(
    ("named", "stages", "asked", "over"),
    [
        (64, {"prod": 100_000}, 100_000, True),
        (64, {"dev": 16, "prod": 16}, 64, False),
        (None, {"dev": 4096, "prod": 4097}, 8193, True),
        (None, {"prod": 0}, None, False),
        (8193, {}, 8193, True),
    ],
)
def test_what_is_to_be_built_is_summed_where_it_is_more_than_the_scope_names(
    named: float | None, stages: dict[str, float], asked: float | None, over: bool
) -> None:
    built = {name: {"memory_gib": memory} for name, memory in stages.items()}
    found = assess(scope(**FITS, memoryGib=named), offering(given()), TODAY, [], built)
    use = next(use for use in found.capacity.uses if use.resource == "memory_gib")
    assert (use.asked, use.over) == (asked, over)
    assert ("capacity-memory_gib" in {reason.id for reason in found.reasons}) is over


def test_deals_that_nobody_looked_at_are_not_nothing() -> None:
    assert "were not looked at" in assessed(**FITS).capacity.note
    found = assess(scope(**FITS), offering(given()), TODAY, [])
    assert (found.capacity.note, found.capacity.summed) == ("", True)


def test_capacity_that_nobody_gave_is_not_checked() -> None:
    found = assessed(offering(given(), platform=None), **FITS)
    assert found.capacity.uses == ()
    assert "not checked" in found.capacity.note


@pytest.mark.parametrize(
    ("platform", "told"),
    [
        (None, "what the platform has is not known, nobody gave a figure"),
        ({"cpu": 2048, "memoryGib": 8192, "storageGib": 9}, "what the platform has of IOPS is not known"),
        ({"iops": 5}, "what the platform has of CPU cores, GiB of memory, GiB of storage is not known"),
        ({"cpu": 1, "memoryGib": 1, "storageGib": 1, "iops": 1}, ""),
    ],
)
def test_what_the_platform_does_not_tell_is_not_checked_and_said(platform: dict[str, Any] | None, told: str) -> None:
    sourced = platform and {**platform, "source": "inventory", "asOf": TODAY}
    found = assess(scope(users=5_000), offering(given(), platform=sourced), TODAY, []).capacity
    assert found.not_checked == ({"capacity": told} if told else {})
    assert found.note == (f"not checked: {told}" if told else "")


@pytest.mark.parametrize(
    ("others", "told"),
    [
        ([Commitment("b", cpu=5, memory_gib=5)], ""),
        ([Commitment("b", memory_gib=5)], "b did not say CPU cores"),
        ([Commitment(name, memory_gib=5) for name in "edcba"], "a, b, c and 2 more did not say CPU cores"),
        ([Commitment("b", cpu=5, memory_gib=5), Commitment("c", doubt="unsigned")], "not counted: c (unsigned)"),
        ([Commitment("b"), Commitment("c", doubt="x")], "not counted: c (x); b did not say CPU cores"),
    ],
)
def test_other_deals_of_which_nobody_knows_what_they_take_are_told(others: list[Commitment], told: str) -> None:
    found = assess(scope(users=40_000, cpu=8), offering(given()), TODAY, others).capacity
    assert found.not_checked == ({"capacity over other deals": told} if told else {})
    assert ("not counted: c" in found.note) is ("not counted" in told)


def test_other_deals_that_nobody_looked_at_are_not_checked() -> None:
    assert list(assessed(**FITS).capacity.not_checked) == ["capacity over other deals"]
    assert assess(scope(**FITS), offering(given()), TODAY, []).capacity.not_checked == {}


@pytest.mark.parametrize(
    ("changed", "figure", "told"),
    [
        ({"asOf": TODAY - timedelta(days=180)}, "", ""),
        ({"asOf": TODAY - timedelta(days=181)}, "price list 7, 2026-05-31", "181 days old; after 180 none counts"),
        ({"asOf": TODAY + timedelta(days=1)}, "price list 7, 2026-11-29", "which is still to come"),
        ({"asOf": None}, "price list 7, no date", "it has no date"),
        ({"source": ""}, "no source, 2026-11-28", "it has no source"),
    ],
)
@pytest.mark.parametrize(
    ("key", "reason", "what"),
    [
        ("platform", "platform", "what the platform has needs a new figure"),
        ("shadow", "deal-value", "the deal value from which on an architect is named needs a new figure"),
    ],
)
def test_a_figure_that_limits_deals_and_counts_no_more_is_a_reason(
    changed: dict[str, Any], figure: str, told: str, key: str, reason: str, what: str
) -> None:
    base = given()
    base[key] |= changed
    answers = {**FITS, "memoryGib": 900_000, "dealValue": {"amount": 5, "currency": "USD"}}
    found = {one.id: one for one in assessed(offering(base), **answers).reasons}
    assert (reason in found) is bool(told)
    if told:
        assert found[reason].text.startswith(f"{what}: ")
        assert told in found[reason].text
        assert (found[reason].figure, found[reason].limit) == (figure, "a source, and a date within 180 days")
        assert found[reason].needs == "scope"


@pytest.mark.parametrize("answers", [{}, {"dealValue": {"amount": 5, "currency": "USD"}, "architect": "S. Olu"}])
def test_the_deal_value_is_no_reason_where_nothing_hangs_on_it(answers: dict[str, Any]) -> None:
    base = given()
    base["shadow"]["asOf"] = TODAY - timedelta(days=999)
    assert assessed(offering(base), **FITS, **answers).reasons == ()


def test_weeks_that_count_no_more_are_a_reason_where_a_day_is_due() -> None:
    base = given()
    base["sizes"][1]["price"]["asOf"] = TODAY - timedelta(days=200)
    due = {"start": TODAY, "due": TODAY + timedelta(weeks=2)}
    (reason,) = assessed(offering(base), **FITS, **due).reasons
    begins = "it must stand 2.0 weeks after the start, and nobody knows how many it takes: Medium: dedicated RDS, "
    assert reason.text == f"{begins}db-med-04: it is 200 days old; after 180 none counts"
    assert (reason.id, reason.figure, reason.limit) == ("dates", "2.0 weeks", "weeks that count")
    assert assessed(offering(base), **FITS).reasons == ()
    late = assessed(offering(base), **FITS, compliance=["PCI DSS"], **due)
    assert "takes 6 weeks" in next(one.text for one in late.reasons if one.id == "dates"), "what is known is too late"


def test_what_nobody_answered_is_a_question() -> None:
    found = assessed(users=40_000)
    assert "availability" in {question.key for question in found.open}
    assert "users" not in {question.key for question in found.open}
    assert len(found.questions) == len(found.open) + 1


def test_an_open_question_is_no_answer_off_the_standard() -> None:
    assert assessed().shadow == "name a solutions architect: it needs a review"


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({"dealValue": {"amount": 100_000, "currency": "USD"}}, ""),
        ({"dealValue": {"amount": 100_001, "currency": "USD"}}, "name a solutions architect: the deal is above"),
        ({"cpu": 65}, "name a solutions architect: it needs a review"),
        ({"cpu": 65, "architect": "S. Olu"}, ""),
    ],
)
def test_when_a_solutions_architect_must_be_named(answers: dict[str, Any], told: str) -> None:
    found = assessed(**{**FITS, **answers}).shadow
    assert found.startswith(told)
    assert bool(found) == bool(told)


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({"promised": "Gigantic"}, "the offering has no size Gigantic"),
        ({"dealValue": {"amount": 5, "currency": "EUR"}}, "EUR beside the offering's USD"),
        ({"residency": "EU", "regions": ["us-east-1"]}, "data must stay in EU, and us-east-1 lies in US"),
    ],
)
def test_what_contradicts_the_offering_is_refused(answers: dict[str, Any], told: str) -> None:
    with pytest.raises(Faults, match=told):
        check(scope(**answers), offering())
    check(scope(**FITS, promised="SMALL", residency="eu"), offering())


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({"users": -1}, "greater than or equal to 1"),
        ({"users": 9e12}, "valid integer"),
        ({"users": 9_000_000_000_000}, "less than or equal"),
        ({"users": True}, "valid integer"),
        ({"availability": 0.999}, "looks like a share"),
        ({"availability": 12}, "greater than or equal to 90"),
        ({"availability": 100}, "less than 100"),
        ({"cpu": -4}, "greater than 0"),
        ({"cpu": float("nan")}, "finite"),
        ({"cpu": float("inf")}, "finite|less than"),
        ({"iops": -1}, "greater than or equal to 0"),
        ({"iops": 500, "storageGib": 0}, "500 IOPS on no storage"),
        ({"start": TODAY, "due": TODAY - timedelta(days=1)}, "is before the start"),
        ({"regions": []}, "at least 1"),
        ({"compliance": ["SOC 2", "soc 2"]}, "is there twice"),
        ({"dealValue": {"amount": -5, "currency": "USD"}}, "greater than or equal to 0"),
        ({"dealValue": {"amount": 5, "currency": "$"}}, "pattern"),
        ({"dealValue": 5}, "dictionary"),
        ({"recovery": {"timeMinutes": -1}}, "greater than or equal to 0"),
        ({"colour": "blue"}, "Extra inputs"),
    ],
)
def test_answers_that_cannot_be_are_refused(answers: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        scope(**answers)


def test_examples_are_labelled_wherever_they_decide() -> None:
    found = assessed(offering(document()), **{**FITS, "availability": 99.99})
    assert "from EXAMPLE figures" in found.reasons[0].text
    assert "EXAMPLE" in found.capacity.note

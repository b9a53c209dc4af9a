from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pov.base.paths import data
from pov.config.scope import Scope
from pov.scoping.sizing import PLATFORM_HAS, bounds_variable, faults, stretch_of
from tests.unit.scoping.offerings import TODAY, document, given, offering, sizes


@pytest.mark.parametrize(
    ("users", "names"),
    [
        (1, ["Small"]),
        (9_999, ["Small"]),
        (10_000, ["Medium"]),
        (99_999, ["Medium"]),
        (100_000, []),
        (999_999, []),
        (1_000_000, ["Enterprise"]),
        (8_000_000_000, ["Enterprise"]),
    ],
)
def test_the_reference_table(users: int, names: list[str]) -> None:
    assert [size.name for size in stretch_of(offering(), users).sizes] == names


def test_the_reference_tables_gap_is_found() -> None:
    assert [stretch.fault for stretch in faults(offering())] == ["no size holds 100,000 to 999,999 users"]


@pytest.mark.parametrize(
    ("bounds", "told"),
    [
        ([(1, None)], []),
        ([(1, 10), (10, None)], []),
        ([(0, 10), (10, None)], []),
        ([(5, 10), (10, None)], ["no size holds 1 to 4 users"]),
        ([(2, None)], ["no size holds 1 users"]),
        ([(1, 10)], ["no size holds 10 users and more"]),
        ([(1, 10), (11, None)], ["no size holds 10 users"]),
        ([(1, 20), (10, None)], ["A and B both claim 10 to 19 users"]),
        ([(1, None), (10, None)], ["A and B both claim 10 users and more"]),
        ([(10, None), (1, 10)], []),
        ([(1, 30), (5, 10), (8, None)], ["A and B both", "A and B and C both", "A and C both"]),
    ],
)
def test_gaps_and_overlaps(bounds: list[tuple[int, int | None]], told: list[str]) -> None:
    found = [stretch.fault for stretch in faults(offering(sizes=sizes(*bounds), items=[]))]
    assert len(found) == len(told)
    assert all(text.startswith(start) for text, start in zip(found, told, strict=True))


@pytest.mark.parametrize(
    ("answers", "memory", "iops"),
    [
        ({"users": 5_000, "memoryGib": 64, "iops": 0}, (64, "the scope of acme names"), (0, "the scope of acme names")),
        ({"users": 5_000}, (8192, "the platform has"), (3000, "size Small includes")),
        ({"users": 2_000_000}, (8192, "the platform has"), (120_000, "the platform has")),
        ({}, (8192, "the platform has"), (9999, "size Medium includes")),
        ({"users": 40_000, "memoryGib": 8192}, (8192, "the scope of acme names"), (9999, "size Medium includes")),
        ({"users": 40_000, "memoryGib": 1_000_000}, (8192, "the platform has"), (9999, "size Medium includes")),
        (
            {"users": 40_000, "memoryGib": 7, "iops": 250_000},
            (7, "the scope of acme names"),
            (120_000, "the platform has"),
        ),
    ],
)
def test_stages_are_bounded_by_the_scope_else_the_size_and_always_by_the_platform(
    answers: dict[str, Any], memory: tuple[float, str], iops: tuple[float, str]
) -> None:
    found = bounds_variable(offering(), Scope.model_validate(answers), "acme")["bounds"]
    assert (found["memory_gib"]["most"], found["memory_gib"]["of"]) == memory
    assert (found["iops"]["most"], found["iops"]["of"]) == iops


def test_a_size_that_bounds_memory_bounds_the_stages() -> None:
    own = document()
    own["sizes"][1]["limits"]["memoryGib"] = 256
    found = bounds_variable(offering(own), Scope(users=50_000), "acme")["bounds"]
    assert found["memory_gib"] == {"most": 256, "of": "size Medium includes"}


def test_storage_that_no_size_bounds_is_bounded_by_the_platform_whatever_the_scope_names() -> None:
    asked = Scope.model_validate({"users": 1_500_000, "storageGib": 1_000_000})
    assert bounds_variable(offering(), asked, "acme")["bounds"]["storage_gib"] == {"most": 200_000, "of": PLATFORM_HAS}


def test_a_size_that_includes_more_than_the_platform_has_lifts_nothing() -> None:
    own = document()
    own["sizes"][1]["limits"]["memoryGib"] = 10_000
    found = bounds_variable(offering(own), Scope(users=50_000), "acme")["bounds"]
    assert found["memory_gib"] == {"most": 8192, "of": PLATFORM_HAS}


def test_the_policies_on_a_plan_know_the_platforms_bound_by_its_words() -> None:
    assert f'platform := "{PLATFORM_HAS}"\n' in data("policies", "gate", "lists.rego").read_text()


def test_an_old_figure_of_the_platform_bounds_all_the_same_and_one_without_a_source_does_not() -> None:
    old = offering(given(TODAY - timedelta(days=999)))
    assert bounds_variable(old, None, "")["bounds"]["cpu"] == {"most": 2048, "of": "the platform has"}
    without = offering({**given(), "platform": {"cpu": 2048}})
    assert "cpu" not in bounds_variable(without, None, "")["bounds"]
    assert "cpu" not in bounds_variable(offering(given(), platform=None), None, "")["bounds"]
    asked = Scope(users=50_000, cpu=4000)
    assert bounds_variable(old, asked, "acme")["bounds"]["cpu"]["most"] == 2048
    assert bounds_variable(without, asked, "acme")["bounds"]["cpu"]["most"] == 4000

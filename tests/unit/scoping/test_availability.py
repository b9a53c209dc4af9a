from __future__ import annotations

import itertools
import math
from datetime import timedelta
from typing import Any

import pytest

from pov.scoping.availability import computed, of_copies
from pov.scoping.terms import minutes_down, next_nine, nines, percent
from tests.unit.scoping.offerings import TODAY, document, given, offering

NBSP = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("share", "copies", "needed", "common", "expected"),
    [
        (0.9, 1, 1, 0.5, 0.9),  # one copy: nothing to share a cause with
        (0.9, 2, 1, 0.0, 0.99),
        (0.9, 2, 2, 0.0, 0.81),
        (0.9, 3, 2, 0.0, 0.972),
        (0.9, 2, 1, 1.0, 0.9),  # every failure hits both: as good as one
        (0.9, 2, 1, 0.1, (1 - 0.01) * (1 - 0.09**2)),
        (1.0, 5, 5, 0.3, 1.0),
    ],
)
def test_copies(share: float, copies: int, needed: int, common: float, expected: float) -> None:
    assert of_copies(share, copies, needed, common) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("copies", "needed"), [(2, 1), (3, 2), (4, 2), (5, 5)])
def test_copies_are_what_counting_every_case_gives(copies: int, needed: int) -> None:
    share, common = 0.97, 0.2
    down_alone, down_all = (1 - common) * (1 - share), common * (1 - share)
    total = 0.0
    for states in itertools.product((True, False), repeat=copies):
        if sum(states) >= needed:
            total += math.prod(1 - down_alone if up else down_alone for up in states)
    assert of_copies(share, copies, needed, common) == pytest.approx((1 - down_all) * total, abs=1e-12)


def test_a_chain_multiplies() -> None:
    known = offering(given())
    found = computed(known, known.topology("dedicated"), TODAY)
    assert found.share == pytest.approx(0.99995 * 0.9995 * 0.9997, abs=1e-12)
    assert (found.examples, found.missing, found.old) == ((), (), ())


def test_regions_are_copies_of_the_chain_and_share_what_lies_between() -> None:
    known = offering(given())
    doubled = computed(known, known.topology("doubled"), TODAY).share
    assert doubled is not None
    two = of_copies(doubled, 2, 1, 0.02) * 0.999999
    assert computed(known, known.topology("multi-region"), TODAY).share == pytest.approx(two, abs=1e-12)


def test_examples_are_labelled_and_what_has_no_source_is_missing() -> None:
    known = offering()
    assert computed(known, known.topology("shared"), TODAY).examples == ("load balancer", "K8s-Sml")
    changed = document()
    changed["parts"][0]["availability"].pop("source")
    known = offering(changed)
    found = computed(known, known.topology("shared"), TODAY)
    assert found.share is None
    assert found.missing == ("K8s-Sml: it has no source",)


@pytest.mark.parametrize(
    ("days", "old", "share"), [(90, False, True), (91, True, True), (180, True, True), (181, False, False)]
)
def test_old_figures_are_marked_then_refused(days: int, old: bool, share: bool) -> None:
    known = offering(given(TODAY - timedelta(days=days)))
    found = computed(known, known.topology("shared"), TODAY)
    assert (bool(found.old), found.share is not None) == (old, share)


def test_copies_say_what_hits_them_all() -> None:
    changed: dict[str, Any] = document()
    del changed["topologies"][2]["chain"][1]["commonCause"]
    with pytest.raises(ValueError, match="several copies without `commonCause`"):
        offering(changed)


@pytest.mark.parametrize(
    ("share", "said", "following"),
    [
        (0.99915, "99.915", 99.99),
        (0.999995, "99.99950", 99.9999),
        (0.9, "90.00", 99.0),
        (0.99, "99.00", 99.9),
        (0.9999999, "99.9999900", 99.999999),
    ],
)
def test_nines(share: float, said: str, following: float) -> None:
    assert percent(share) == f"{said}{NBSP}%"
    assert next_nine(share) == pytest.approx(following, abs=1e-9)
    assert nines(following / 100) > nines(share)


def test_no_nine_is_claimed_by_rounding() -> None:
    assert percent(0.99989999) == f"99.989{NBSP}%"
    assert minutes_down(0.99999) == pytest.approx(5.256)

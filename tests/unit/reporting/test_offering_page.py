"""The offering on one page: whatever a company's own one holds stands on it, or it is refused."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdf
import pytest

from pov.base.errors import InvalidInput
from pov.config.offering import Item, Offering, Size, Topology
from pov.model.events import silent
from pov.reporting import page as drawing
from pov.reporting.offering_page import page
from pov.workflows.scope import run_sheet
from tests.unit.scoping.offerings import TODAY, document, given, offering

KEYS = ("once", "monthly", "lead_weeks")
UNBROKEN = "CLUSTER_OF_THE_PUBLIC_AUTHORITIES_WITHOUT_ANY_BLANK_0123456789"


def priced(number: int) -> dict[str, Any]:
    ends = {"low": 1000 + number, "expected": 2000 + number, "high": 3000 + number}
    weeks = {"low": 2, "expected": 4 + number, "high": 30 + number}
    return {"monthly": ends, "once": {**ends, "high": 40_000 + number}, "leadWeeks": weeks,
            "source": f"price list {number}", "asOf": TODAY}  # fmt: skip


def long(sizes: int = 8, items: int = 10, ways: int = 3, regions: int = 20, parts: int = 4) -> dict[str, Any]:
    """A company's own offering: longer names, more of everything, and no two figures alike."""
    found = document()
    topology = found["topologies"][2]
    found["topologies"] += [
        {**copy.deepcopy(topology), "name": f"own-{n}", "title": f"Site {n}: all doubled, replica in region {n}",
         "recoveryMinutes": 31 + n, "recoveryPointMinutes": 71 + n, "price": priced(n)}
        for n in range(ways)
    ]  # fmt: skip
    found["sizes"] = [
        {"name": f"Bracket {n} for public authorities", "users": {"atLeast": 1 + n * 10_000, "below": (n + 1) * 10_000},
         "infrastructure": f"dedicated cluster in hall {n}, two database replicas", "component": "db-med-04",
         "topology": f"own-{n % ways}", "review": n > 4, "price": priced(100 + n),
         "limits": {"cpu": 600 + n, "memoryGib": 2500 + n, "storageGib": 4100 + n, "iops": 910 + n, "services": 40 + n}}
        for n in range(sizes)
    ]  # fmt: skip
    found["items"] += [
        {"id": f"own-{n}", "title": f"Constraint number {n}, such as a line of its own to the data centre",
         "when": {"compliance": f"Regulation {n} of 2026"}, "price": priced(200 + n)}
        for n in range(items)
    ]  # fmt: skip
    found["regions"] = [{"name": f"region-{n:02}", "residency": f"Country {n % 4}"} for n in range(regions)]
    found["parts"] += [{"name": f"mainframe-{n}", "scales": "up", "ceiling": f"{n + 2} frames"} for n in range(parts)]
    return found


def figures(known: Offering) -> Iterator[str]:
    """Every name, limit and price that the file holds, as the page writes them."""
    yield from (f"{quota:,}" for quota in known.quotas.model_dump().values())
    for size in known.sizes:
        yield from (size.name, size.infrastructure, size.component)
        yield from (f"{limit:,.10g}" for limit in size.limits.model_dump().values() if limit is not None)
    lists: list[tuple[Size | Topology | Item, ...]] = [known.sizes, known.topologies, known.items]
    for price in (one.price for entries in lists for one in entries):
        if price is not None:
            ranges = [getattr(price, key) for key in KEYS]
            yield from (f"{getattr(had, end):,.10g}" for had in ranges for end in ("low", "expected", "high"))
    for topology in known.topologies:
        if topology.price is not None:
            yield from (topology.title, f"back after {topology.recovery_minutes:,.10g} min")
            yield f"losing {topology.recovery_point_minutes:,.10g} min"
    yield from (item.title for item in known.items)
    yield from (region.name for region in known.regions)
    yield from (f"{part.name} to {part.ceiling}" for part in known.parts if part.scales == "up")
    assert known.platform is not None
    assert known.shadow is not None
    yield from (f"{known.platform.iops:,.10g} IOPS", f"{known.shadow.deal_value:,.10g} {known.currency}")


def squeezed(text: str) -> str:
    """Without blanks and hyphens, of which lines that are broken have more."""
    return "".join(text.split()).replace("-", "").replace("\N{ZERO WIDTH SPACE}", "")


def pages(known: Offering) -> list[str]:
    read = pypdf.PdfReader(io.BytesIO(drawing.pdf(page(known, TODAY))))
    return [squeezed(one.extract_text()) for one in read.pages]


OFFERINGS = [document(), given(), long(), long(sizes=14, items=0), long(items=5, regions=60, parts=9)]


@pytest.mark.parametrize("found", OFFERINGS)
def test_everything_that_an_offering_promises_stands_on_its_one_page(found: dict[str, Any]) -> None:
    known = offering(found)
    (drawn,) = pages(known)
    assert [figure for figure in figures(known) if squeezed(figure) not in drawn] == []


def sizes_of_type(known: Offering) -> list[float]:
    """The sizes in which text is set, in points."""
    found: list[float] = []

    def seen(text: str, cm: Any, tm: Any, _: Any, size: float) -> None:
        if text.strip():
            found.append(round(size * tm[0] * cm[0], 2))

    for one in pypdf.PdfReader(io.BytesIO(drawing.pdf(page(known, TODAY)))).pages:
        one.extract_text(visitor_text=seen)
    return sorted(found)


def test_the_type_is_as_large_as_one_page_allows_and_never_too_small_to_read() -> None:
    assert sizes_of_type(offering())[0] >= 7.5, "the shipped one leaves room"
    assert 7 <= sizes_of_type(offering(long()))[0] < 7.5


def test_what_fits_no_page_is_refused_and_nothing_written(tmp_path: Path) -> None:
    own, out = tmp_path / "own.yaml", tmp_path / "offering.pdf"
    own.write_text(json.dumps(long(sizes=20, items=40), default=str))
    with pytest.raises(InvalidInput, match=r"own\.yaml: Standard offering takes 2 pages in type of 7 pt") as caught:
        run_sheet(own, out, silent)
    assert caught.value.fix
    assert not out.exists()


def test_what_has_no_blank_is_broken_and_lies_over_nothing() -> None:
    """In a narrow column it takes several lines: no one line of the page holds all of it."""
    found = document()
    found["sizes"][0]["name"] = found["items"][0]["title"] = UNBROKEN
    lines = pypdf.PdfReader(io.BytesIO(drawing.pdf(page(offering(found), TODAY)))).pages[0].extract_text().splitlines()
    text = "".join(lines).replace("\N{ZERO WIDTH SPACE}", "")
    assert text.count(UNBROKEN) == 3
    assert not [line for line in lines if UNBROKEN in line.replace("\N{ZERO WIDTH SPACE}", "")]

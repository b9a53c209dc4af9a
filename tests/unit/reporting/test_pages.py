"""How full pages are: none but the last is left nearly empty, whatever a report holds."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pypdf
import pytest

from pov.config.engagement import load_engagement
from pov.model.events import silent
from pov.reporting.model import build
from pov.reporting.render import render_pdf
from pov.state.runs import read_run
from pov.workflows.init import InitOptions, run
from tests.unit.reporting import crowded, simulated
from tests.unit.value.sections import changed, given

POINT_MM = 25.4 / 72
TOP_MM, BOTTOM_MM = 19, 17
"""The page's margins, in `reports/style.typ`."""
WAYS = ("automated", "automated-poll", "manual", "scripted", "automated-again", "acme-shell", "other-shell")


def filled(pdf: bytes) -> list[float]:
    """How far down each page's text goes, as a share of what is between its margins."""
    shares = []
    for page in pypdf.PdfReader(io.BytesIO(pdf)).pages:
        heights: list[float] = []

        def place(text: str, cm: Any, tm: Any, *_: object, heights: list[float] = heights) -> None:
            if text.strip():
                heights.append((tm[5] * cm[3] + cm[5]) * POINT_MM)

        page.extract_text(visitor_text=place)
        top = float(page.mediabox.height) * POINT_MM - TOP_MM
        lowest = min((height for height in heights if BOTTOM_MM <= height <= top), default=top)
        shares.append((top - lowest) / (top - BOTTOM_MM))
    return shares


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `make demo` records of its engagement."""
    options = InitOptions(
        tmp_path_factory.mktemp("engagement") / "pov-demo", stated_by="the reference engagement's brief", example=True
    )
    engagement = load_engagement(run(options, silent).folder)
    assert engagement.value is not None
    figures = [figure.model_dump(mode="json") for figure in engagement.baseline]
    return {"value": engagement.value.model_dump(mode="json", by_alias=True), "baseline": figures}


@pytest.mark.parametrize("risks", [8, 18])
def test_no_page_is_left_nearly_empty(example: dict[str, Any], tmp_path: Path, risks: int) -> None:
    """The value's last page ends anywhere, and what has a page of its own fills that: it begins below."""
    named = [
        {
            "id": f"risk-{number}",
            "title": f"Risk {number}: the team that would have to run the new platform is not named",
            "probability": given(20),
            "cost": given("900 EUR"),
        }
        for number in range(risks)
    ]
    own = [crowded.ARM, {**crowded.ARM, "name": "other-shell", "label": "Another script"}]
    changes = {**example, "value": changed(example["value"], {"risks": named}), "catalogue": {"arms": own}}
    order = simulated.plan(trials=6, pairs=[(name, way) for name in ("deploy", "rotate") for way in WAYS])
    saved = simulated.save(tmp_path, order=order, environment_changes=changes)
    shares = filled(render_pdf(build(read_run(saved)), {}))
    assert len(shares) > 8
    assert min(shares[:-1]) > 0.4, shares

"""The one page that is signed before anything is touched. What nobody said yet is a line to fill in by hand."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from pov.base.errors import PovError
from pov.base.paths import data
from pov.base.scratch import scratch
from pov.measure.scoring import threshold
from pov.model.kinds import MORE
from pov.model.reading import items, mapping, text
from pov.model.words import Words
from pov.reporting import lettering
from pov.reporting.numbers import listing, plural
from pov.reporting.wording import value
from pov.state.home import KEPT

MAIN = "sheet.typ"
_PROPOSED, _REFERENCE = attrgetter("proposed"), attrgetter("reference")
_TOUCHED = (
    "One machine: a cluster of its own, a container network, images in the container storage, a cache of engines "
    "(~/.cache/pov), files in the engagement folder. pov down takes away cluster, network, keys and secrets. In the "
    f"engagement folder stay what people wrote, the frozen criteria and, in its .pov, {listing(list(KEPT.values()))}: "
    "rm -r .pov takes these. "
    "pov down --images takes the images that pov made; images that it pulled stay, for the container engine to remove. "
    "rm -r ~/.cache/pov takes the cache. Packages that pov doctor --fix installed stay."
)
_RUNS = (
    "From the freeze on every run counts and is listed in every report, those that were broken off among them. A "
    "criterion is scored pass, fail or not shown; one that today's way passes too does not tell the arms apart."
)


def render(agreed: Mapping[str, Any], agreement: str, now: datetime) -> bytes:
    """The sheet as PDF. Raises `PovError` if Typst refuses, or if it would take more than one page."""
    import typst  # noqa: PLC0415 (a compiled library that only drawing needs)

    told = document(agreed, agreement, f"{now:%Y-%m-%d}")
    texts = list(lettering.texts_of(told))
    told |= {"fonts": lettering.families(texts)}
    with scratch() as root:
        for template in data("reports").glob("*.typ"):
            shutil.copyfile(template, root / template.name)
        (root / "sheet.json").write_text(json.dumps(lettering.isolated(told), ensure_ascii=False))
        compiler = typst.Compiler(str(root / MAIN), root=str(root), font_paths=lettering.fonts())
        moment = now.replace(microsecond=0).astimezone(UTC)
        try:
            drawn = compiler.compile(format="pdf", pdf_standards=["ua-1", "a-3a"], timestamp=moment)
            return b"".join(drawn) if isinstance(drawn, list) else bytes(drawn or b"")
        except RuntimeError as error:
            raise PovError("the sheet could not be drawn", cause=str(getattr(error, "diagnostic", error))) from error


def document(agreed: Mapping[str, Any], agreement: str, today: str) -> dict[str, Any]:
    """What the sheet says."""
    words, terms = Words(), mapping(agreed.get("terms"))
    services = [text(name) for name in items(agreed.get("under_proof"))]
    owners = [
        {"role": text(owner.get("role")), "name": text(owner.get("name"))}
        for owner in map(mapping, items(terms.get("owners")))
    ]
    touched = [text(item) for item in items(terms.get("touches"))]
    return {
        "title": "What this proof of value is measured by",
        "customer": text(agreed.get("customer")),
        "subject": f"{plural(len(services), 'service')} under proof: {listing(services)}",
        "date": today,
        "criteria": [_criterion(item, words) for item in map(mapping, items(agreed.get("criteria")))],
        "planned": _planned(agreed, words),
        "primary": _primary(agreed, words),
        "owners": owners,
        "touched": _TOUCHED,
        "touches": touched,
        "stop_rule": text(terms.get("stop_rule")),
        "runs": _RUNS,
        "decision_on": text(terms.get("decision_on")),
        "if_passed": text(terms.get("if_passed")),
        "if_missed": text(terms.get("if_missed")),
        "agreement": agreement,
    }


def open_points(agreed: Mapping[str, Any]) -> Iterator[str]:
    """What the sheet leaves open, as keys of the engagement file."""
    terms = mapping(agreed.get("terms"))
    names = {
        "owners": "owners",
        "touches": "touches",
        "stop_rule": "stopRule",
        "decision_on": "decisionOn",
        "if_passed": "ifPassed",
        "if_missed": "ifMissed",
    }
    yield from (f"terms.{key}" for name, key in names.items() if not terms.get(name))
    for item in map(mapping, items(agreed.get("criteria"))):
        if not item.get("agreed_by"):
            yield f"criteria.{text(item.get('id'))}.agreedBy"


def _criterion(item: Mapping[str, Any], words: Words) -> dict[str, str]:
    metric = words.metric(text(item.get("metric")))
    bound = threshold(item)
    side = "least" if metric.direction == MORE else "most"
    limit = item.get("timeout_ms")
    return {
        "title": text(item.get("title")),
        "figure": f"{metric.label}, {text(item.get('experiment'))}, {words.arm(text(item.get('arm'))).said}"
        + (f"; late after {limit} ms" if limit else ""),
        "threshold": f"at {side} {value(metric, bound)}",
        "agreed": ", ".join(part for part in (text(item.get("agreed_by")), text(item.get("agreed_on"))) if part),
    }


def _planned(agreed: Mapping[str, Any], words: Words) -> str:
    told = []
    for item in map(mapping, items(agreed.get("experiments"))):
        more = mapping(item.get("arm_trials"))
        arms = [
            f"{words.arm(text(arm)).said} {_times(more.get(arm, item.get('trials')))}"
            for arm in items(item.get("arms"))
        ]
        told.append(f"{text(item.get('name'))}: {listing(arms)}")
    return "; ".join(told)


def _primary(agreed: Mapping[str, Any], words: Words) -> str:
    """The primary comparison of each experiment that compares arms by their seconds, those of the same arms together.

    As it is chosen for a run: the one that a criterion names, else the proposed arm with today's way.
    """
    criteria = [item for item in map(mapping, items(agreed.get("criteria"))) if item.get("primary_against")]
    named = {text(c.get("experiment")): (text(c.get("arm")), text(c.get("primary_against"))) for c in criteria}
    usual = tuple(next(arm.name for arm in words.arms.values() if kind(arm)) for kind in (_PROPOSED, _REFERENCE))
    told: dict[str, list[str]] = {}
    for item in map(mapping, items(agreed.get("experiments"))):
        name, there = text(item.get("name")), items(item.get("arms"))
        pair = named.get(name) or (usual if set(usual) <= set(there) else ())
        if pair and not words.experiment(name).judged_by:
            told.setdefault(" against ".join(words.arm(arm).said for arm in pair), []).append(name)
    return "; ".join(f"{pair} in {listing(names)}" for pair, names in told.items())


def _times(trials: object) -> str:
    return "once" if trials == 1 else f"{text(trials)} times"

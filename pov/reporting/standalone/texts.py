"""What stands in a block of the report, and the figures in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import takewhile, zip_longest
from typing import Any

from pov.reporting.standalone.known import BOXES, N
from pov.reporting.standalone.letters import printed


def tokens(text: str, texts: list[str]) -> list[str]:
    """The figures in a sentence in their order, without those in texts that were recorded."""
    for given in texts:
        text = text.replace(given, " ")
    return [found.strip(f".,{N}") for found in re.findall(rf"−?\d[\d{N}.,]*", text)]


def aligned(told: list[str], computed: list[str]) -> Iterator[tuple[int, str | None, str | None]]:
    """Sentences side by side by their number, so that one that was left out does not put all after it out of place."""
    first = next((n for n, (one, other) in enumerate(zip(told, computed, strict=False)) if one != other), None)
    first = min(len(told), len(computed)) if first is None else first
    backwards = zip(reversed(told[first:]), reversed(computed[first:]), strict=False)
    last = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], backwards))
    ends = [len(told) - last, len(computed) - last]
    yield from ((n, one, one) for n, one in enumerate(told[:first], 1))
    for n, (one, other) in enumerate(zip_longest(told[first : ends[0]], computed[first : ends[1]]), first + 1):
        yield n, one, other
    yield from ((n, one, one) for n, one in enumerate(told[ends[0] :], ends[0] + 1))


def texts_in(value: Any) -> Iterator[str]:
    """Every text of a record."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts_in(inner)
    elif isinstance(value, str):
        yield printed(value)


def said(block: dict[str, Any]) -> list[str]:
    """What a block says in words: figures in tables and charts are looked at place by place."""
    kind, rows = block["kind"], block.get("rows") or []
    if kind == "bullets":
        return [f"{lead} {rest}" for lead, rest in block["items"]]
    if kind in {"text", "callout"}:
        return [" ".join(block[key] for key in ("title", "text") if key in block)]
    if kind == "outcomes":
        return [
            block.get("head") or "",
            block.get("observed") or "",
            *(f"{row['id']}: {row['reason']}" for row in rows),
        ]
    if kind == "key_figures":
        notes = [f"{cell['label']}: {cell.get('note') or ''}" for cell in block["cells"]]
        return [block["title"], block["subtitle"], *notes, block["alt"]]
    if kind == "overview":
        return [f"{row['title']} {row.get('note') or ''}" for row in rows]
    return [block.get("note") or ""] if kind == "stated" else [row["told"] for row in rows] if kind == "ratios" else []


def by_place(blocks: list[dict[str, Any]]) -> dict[str, list[str]]:
    """What blocks say in words, by the heading above it."""
    found: dict[str, list[str]] = {}
    under = BOXES
    for top in blocks:
        under = top["text"] if top["kind"] == "heading" else under
        sides = [(under, [top])]
        if top["kind"] == "columns":
            sides = [(top[f"{side}_title"], top[side]) for side in ("left", "right")]
        for place, inner in sides:
            found.setdefault(place, []).extend(text for b in inner for text in said(b))
    return found

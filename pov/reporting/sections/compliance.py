"""Controls of PCI DSS and SOC 2, as `pov compliance` last found them on the environment."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from pov.model.reading import items, mapping, parsed, text
from pov.reporting.blocks import Block, Callout, Table, Text
from pov.reporting.facts import Facts
from pov.reporting.section import Section
from pov.state.compliance import SCHEMA

_HEAD = ("Control", "Asks for, in our words", "Result", "What was seen", "Not looked at")
_WIDTHS = (0.11, 0.23, 0.1, 0.28, 0.28)


def build(facts: Facts) -> Iterator[Block]:
    """Nothing where nobody looked."""
    content = facts.attested.controls
    if not content:
        return
    found = _read(content)
    rows = tuple(_row(mapping(one)) for one in items(found.get("controls")))
    if not rows:
        yield Callout(
            "The result of pov compliance cannot be read", "Look at the controls anew: pov compliance.", "warning"
        )
        return
    counts = [f"{n} {result}" for result, n in mapping(found.get("counts")).items() if isinstance(n, int) and n]
    when, where = text(found.get("checked"))[:16].replace("T", " "), text(found.get("environment"))
    yield Text(f"{len(rows)} controls on environment {where}, {when} UTC: {', '.join(counts)}.", "lead")
    yield Table(
        "Each by a check on the running environment; met is what was looked at, and no more.",
        _HEAD,
        rows,
        "lllll",
        _WIDTHS,
    )
    sources = dict.fromkeys(text(mapping(one).get("source")) for one in items(found.get("controls")))
    yield Text(
        f"Sources: {'; '.join(sources)}. This is no audit and no attestation. The result is attached (compliance.json, "
        f"SHA-256 {hashlib.sha256(content).hexdigest()}); it names each file of evidence with its digest.",
        "note",
    )


def _read(content: bytes) -> Mapping[str, Any]:
    try:
        found = mapping(parsed(content))
    except ValueError:
        return {}
    return found if found.get("schema") == SCHEMA else {}


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    asks, result, seen, left = (text(one.get(key)) for key in ("asks", "result", "seen", "not_looked_at"))
    return (f"{text(one.get('standard'))} {text(one.get('number'))}", asks, result, _begun(seen), _begun(left))


def _begun(said: str) -> str:
    return said[:1].upper() + said[1:]


SECTION = Section("compliance", "Controls", build, opens_page=True)

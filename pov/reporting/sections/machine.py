"""On what it ran: engines with their versions, and the machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pov.model.reading import items, text
from pov.reporting.blocks import Block, Callout, Table, Text
from pov.reporting.facts import Facts
from pov.reporting.section import Section

_RUN = (
    ("Scenario", "scenario"),
    ("Target", "target"),
    ("Services", "services"),
    ("Edges", "edges"),
    ("Replicas", "replicas"),
    ("Seed of the service graph", "services_seed"),
    ("Certificates' lifetime", "pki"),
    ("Images", "images_kind"),
)

_DIFFERENT = "What ran differs from what the scenario and the bundle say"


def build(facts: Facts) -> Iterator[Block]:
    """Two tables of what the run recorded."""
    environment = facts.environment
    rows = [(label, _value(environment.get(key))) for label, key in _RUN if environment.get(key) is not None]
    rows += [(_label(key), value) for key, value in _flat(environment.get("machine"))]
    if rows:
        yield Table("Environment and machine.", ("What", "Value"), tuple(rows), "ll", (1, 2))
    differences = [text(told) for told in items(environment.get("differences"))]
    if differences:
        # The rows above are the scenario's own: here stands where they do not hold.
        yield Callout(_DIFFERENT, f"{'; '.join(differences)}.", "warning")
    versions = tuple(_flat(environment.get("versions")))
    if versions:
        yield Table("Versions that really ran.", ("Component", "Version"), versions, "lm", (1, 2))
    if not rows and not versions:
        yield Text("Versions and machine were not recorded with this run.")


SECTION = Section("machine", "Versions and machine", build)


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        if "name" in value:
            return text(value.get("name")) + (f": {text(value.get('title'))}" if value.get("title") else "")
        return ", ".join(f"{key} {text(item)}" for key, item in value.items())
    return text(value)


def _label(key: str) -> str:
    return key.replace("_", " ").capitalize().replace(" gib", " (GiB)").replace(" mib", " (MiB)").replace("Cpu", "CPU")


def _flat(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if isinstance(item, list):
                yield text(key), ", ".join(text(part) for part in item)
            else:
                yield text(key), _value(item)

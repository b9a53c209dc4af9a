"""What a control is, and what came of looking at it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pov.workflows.controls.live import Live

MET, NOT_MET, NOT_SHOWN, NOT_APPLICABLE = "met", "not met", "not shown", "not applicable"
RESULTS = (MET, NOT_MET, NOT_SHOWN, NOT_APPLICABLE)
PCI = "PCI DSS"
SOC2 = "SOC 2"
SOURCES = {
    PCI: "PCI DSS v4.0.1, PCI Security Standards Council, June 2024",
    SOC2: "Trust Services Criteria 2017 with revised points of focus 2022, AICPA",
}


@dataclass(frozen=True)
class Finding:
    """What came of a check: one of `RESULTS`, what was seen in a sentence, and what was looked at, as data."""

    result: str
    said: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Control:
    """A requirement by its number, and the check that shows it.

    `asks` is the requirement in our own words, `looks` what the check looks at, `leaves` what the requirement asks for
    beyond that and nobody looked at: "met" means what was looked at, and no more.
    """

    standard: str
    number: str
    asks: str
    looks: str
    leaves: str
    check: Callable[[Live], Finding]

    @property
    def id(self) -> str:
        """As a file's name: `pci-dss-6.5.1`."""
        return f"{self.standard.lower().replace(' ', '-')}-{self.number.lower()}"


def judged(faults: list[str], met: str, evidence: Mapping[str, Any]) -> Finding:
    """Met where nothing is at fault; else not met, with the first faults in words."""
    if not faults:
        return Finding(MET, met, evidence)
    more = f" (and {len(faults) - 3} more)" if len(faults) > 3 else ""
    return Finding(NOT_MET, "; ".join(faults[:3]) + more, {**evidence, "faults": faults})

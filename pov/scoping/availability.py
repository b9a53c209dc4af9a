"""Availability of a proposed topology, computed from its parts' figures.

Serial: all must work, so shares multiply. Copies, of which k of n must work: binomial, after IEC 61078 (reliability
block diagrams). Common cause: the beta-factor model of IEC 61508-6, annex D: of the unavailability U of one copy, the
share b hits all copies at once, so that the block has (1 - b U) times what the copies give with (1 - b) U each. Repairs
that wait for one another, and planned work, are not in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import Any

from pov.config.offering import Block, Offering, Sites, Topology
from pov.scoping.figures import worth
from pov.scoping.terms import Standing

FORMULA = (
    "serial parts multiply; k of n copies after IEC 61078; failures common to copies by the beta factor of "
    "IEC 61508-6, annex D"
)
_EXACT = 1e-12


@dataclass(frozen=True)
class Term:
    """One factor of the product: what it is, how it is built, and its share of the time."""

    what: str
    how: str
    share: float

    def as_json(self) -> dict[str, Any]:
        """The term as a JSON object."""
        return {"what": self.what, "how": self.how, "share": self.share}


@dataclass(frozen=True)
class Computed:
    """A topology's availability as a share of the time; None where a part has no figure that counts (`missing`).

    `examples` names the parts whose figure is EXAMPLE, `old` those whose figure is marked as old.
    """

    topology: Topology
    share: float | None
    terms: tuple[Term, ...] = ()
    missing: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    old: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What follows the figure in a sentence where it is from examples, or from figures that are marked as old."""
        if self.examples:
            return ", from EXAMPLE figures"
        return f", from old figures ({', '.join(self.old)})" if self.old else ""

    def reaches(self, percent: float) -> bool:
        """Whether it is at least so many percent of the time."""
        return self.share is not None and self.share >= percent / 100 - _EXACT

    def as_json(self) -> dict[str, Any]:
        """The figure as a JSON object."""
        return {
            "topology": self.topology.name,
            "title": self.topology.title,
            "share": self.share,
            "terms": [term.as_json() for term in self.terms],
            "missing": list(self.missing),
            "examples": list(self.examples),
            "old": list(self.old),
            "formula": FORMULA,
        }


def of_copies(share: float, copies: int, needed: int, common_cause: float) -> float:
    """The availability of `copies` of which `needed` must work, each with `share`. A single copy has just its own."""
    if copies == 1:
        return share
    down = 1 - share
    alone = 1 - (1 - common_cause) * down
    enough = sum(
        math.comb(copies, working) * alone**working * (1 - alone) ** (copies - working)
        for working in range(needed, copies + 1)
    )
    return (1 - common_cause * down) * enough


def computed(offering: Offering, topology: Topology, today: date) -> Computed:
    """The availability of a topology from the figures that count on a day."""
    shares: dict[str, float] = {}
    missing: list[str] = []
    examples: list[str] = []
    old: list[str] = []
    for name in dict.fromkeys(block.part for block in (*topology.chain, *topology.shared)):
        part = offering.part(name)
        figure = part.availability if part is not None else None
        value = worth(figure, offering.ageing, today)
        if figure is None or not value.shown:
            missing.append(f"{name}: {value.why}")
            continue
        shares[name] = figure.percent / 100
        examples += [name] if value.standing is Standing.EXAMPLE else []
        old += [name] if value.standing is Standing.OLD else []
    if missing:
        return Computed(topology, None, (), tuple(missing), tuple(examples), tuple(old))
    chain = tuple(_term(block, shares) for block in topology.chain)
    sites = topology.regions
    terms = chain
    if sites.copies > 1:
        inside = math.prod(term.share for term in chain)
        one = of_copies(inside, sites.copies, sites.needed, sites.common_cause or 0)
        each = ", ".join(map(_part_in_words, topology.chain))
        terms = (Term(f"{sites.copies} regions, each {each}", _copies_in_words(sites), one),)
    terms += tuple(_term(block, shares) for block in topology.shared)
    share = math.prod(term.share for term in terms)
    return Computed(topology, share, terms, (), tuple(examples), tuple(old))


def _term(block: Block, shares: dict[str, float]) -> Term:
    share = of_copies(shares[block.part], block.copies, block.needed, block.common_cause or 0)
    return Term(block.part, _copies_in_words(block), share)


def _copies_in_words(copies: Block | Sites) -> str:
    if copies.copies == 1:
        return "one"
    why = f": {copies.why}" if copies.why else ""
    return f"{copies.needed} of {copies.copies} must work; {copies.common_cause or 0:.0%} of failures hit all{why}"


def _part_in_words(block: Block) -> str:
    if block.copies == 1:
        return block.part
    return f"{block.copies} {block.part} ({block.needed} must work, {block.common_cause or 0:.0%} common)"

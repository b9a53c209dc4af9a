"""Which edges a trial loads: those that its change touches, and the control, both ends of which it leaves alone.

The control has the same hops, the same rate and the same window. Where a change touches a whole estate, sentinels carry
it: edges of a stage that no arm works on. Every trial loads the sentinels, so that all arms carry the same load.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import NamedTuple

from pov.config.estates import Estate

SENTINEL_EDGES = 20
"""At most so many edges of untouched stages: enough to see a stall, few enough to be no load of their own."""


class EdgeName(NamedTuple):
    """One edge of one estate."""

    estate: str
    source: str
    target: str

    def __str__(self) -> str:
        return f"{self.source} → {self.target}"


@dataclass(frozen=True)
class Watch:
    """The edges of one trial. `sentinels` are stages by name whose edges are part of the control."""

    touched: tuple[EdgeName, ...]
    control: tuple[EdgeName, ...]
    sentinels: tuple[str, ...] = ()

    @property
    def edges(self) -> tuple[EdgeName, ...]:
        """All of them, in the order of load."""
        return (*self.touched, *self.control)

    @property
    def estates(self) -> tuple[str, ...]:
        """Their estates."""
        return tuple(dict.fromkeys(edge.estate for edge in self.edges))


def watch(estates: Sequence[Estate], estate: Estate, services: Collection[str], worked_on: Collection[str]) -> Watch:
    """What to load while `services` of `estate` change; `worked_on` are the stages that some arm works on."""
    own = _edges(estate)
    touched = tuple(edge for edge in own if edge.source in services or edge.target in services)
    untouched = [other for other in estates if other.kind == "gitops" and other.name not in {estate.name, *worked_on}]
    sentinels = _in_turn([_edges(other) for other in untouched], SENTINEL_EDGES)
    control = (*(edge for edge in own if edge not in touched), *sentinels)
    return Watch(touched, control, tuple(dict.fromkeys(edge.estate for edge in sentinels)))


def watch_beside(estates: Sequence[Estate]) -> Watch:
    """What to load while something comes to several estates beside all that is there: none of it is to notice."""
    return Watch(tuple(edge for estate in estates for edge in _edges(estate)), ())


def watch_all(estates: Sequence[Estate], services: Collection[str]) -> Watch:
    """What to load while `services` change in several estates, one after the other: no estate stands by untouched."""
    touched: list[EdgeName] = []
    control: list[EdgeName] = []
    for edge in (edge for estate in estates for edge in _edges(estate)):
        (touched if edge.source in services or edge.target in services else control).append(edge)
    return Watch(tuple(touched), tuple(control))


def _edges(estate: Estate) -> tuple[EdgeName, ...]:
    return tuple(EdgeName(estate.name, edge.source, edge.target) for edge in estate.edges)


def _in_turn(lists: Sequence[Sequence[EdgeName]], limit: int) -> tuple[EdgeName, ...]:
    def taken() -> Iterator[EdgeName]:
        for row in zip_longest(*lists):
            yield from (edge for edge in row if edge is not None)

    return tuple(edge for edge, _ in zip(taken(), range(limit), strict=False))

"""A prober to which every service answers, as the estates of an environment have them."""

from __future__ import annotations

from collections.abc import Sequence

from pov.config.estates import Estate, estate_named
from pov.engines.prober import EdgeAnswer, Identity, Refusals


class FakeProber:
    """Stands in for `pov.engines.prober.Prober`, as far as the bring-up and `status` go."""

    def __init__(self, estates: tuple[Estate, ...]) -> None:
        self._estates = estates

    def verify(self, estate: str) -> list[EdgeAnswer]:
        found = estate_named(self._estates, estate)
        return [EdgeAnswer(edge.source, edge.target, True, "", "1.0", "ab") for edge in found.edges]

    def identify(self, estate: str, services: Sequence[str] = ()) -> list[Identity]:
        found = estate_named(self._estates, estate)
        return [Identity(name, "pod", "1.0", "ab", "2030-01-01T00:00:00Z", "") for name in found.services]

    def refusals(self, estate: str) -> Refusals:
        found = estate_named(self._estates, estate)
        return Refusals(len(found.services) * (len(found.services) - 1) - len(found.edges), (), ())

"""Whether a scope and an offering agree: what contradicts is refused before anything is computed from it."""

from __future__ import annotations

from collections.abc import Iterator

from pov.config.explaining import Faults, Location, nearest
from pov.config.offering import Offering
from pov.config.scope import Scope


def check(scope: Scope, offering: Offering) -> None:
    """Raises `Faults`, with the places inside the scope, where the two contradict each other."""
    found = [*_size(scope, offering), *_currency(scope, offering), *_residency(scope, offering)]
    if found:
        raise Faults(found)


def _size(scope: Scope, offering: Offering) -> Iterator[tuple[Location, str, str]]:
    names = [size.name for size in offering.sizes]
    if scope.promised and scope.promised.casefold() not in map(str.casefold, names):
        yield ("promised",), f"the offering has no size {scope.promised}", nearest(scope.promised, names)


def _currency(scope: Scope, offering: Offering) -> Iterator[tuple[Location, str, str]]:
    value = scope.deal_value
    if value is not None and value.currency != offering.currency:
        told = f"{value.currency} beside the offering's {offering.currency}: no sum mixes currencies"
        yield ("dealValue", "currency"), told, f"convert it to {offering.currency}"


def _residency(scope: Scope, offering: Offering) -> Iterator[tuple[Location, str, str]]:
    if scope.residency is None:
        return
    lies = {region.name: region.residency for region in offering.regions}
    for index, name in enumerate(scope.regions or ()):
        if name in lies and lies[name].casefold() != scope.residency.casefold():
            told = f"data must stay in {scope.residency}, and {name} lies in {lies[name]}"
            yield ("regions", index), told, "which of the two counts?"

"""Whether a live object holds what a manifest says; the server may have added defaults and rewritten quantities."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_FACTOR = {
    None: Decimal(1),
    "m": Decimal("0.001"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
}


def quantity(value: Any) -> Decimal | None:
    """A Kubernetes quantity as a number of its base unit, or None for what is no quantity."""
    match = _QUANTITY.fullmatch(str(value))
    return Decimal(match[1]) * _FACTOR[match[2]] if match else None


def holds(live: Any, wanted: Any) -> bool:
    """Whether everything in `wanted` is in `live`. Empty values may be missing: the server leaves them out."""
    if isinstance(wanted, Mapping):
        if live is None:
            return all(holds(None, value) for value in wanted.values())
        return isinstance(live, Mapping) and all(holds(live.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, str | bytes):
        return (live or "") == wanted or _equal_quantities(live, wanted)
    if isinstance(wanted, Sequence):
        return _list_holds(live or [], wanted)
    if wanted is None or wanted is False or wanted == 0:
        return live is None or live == wanted
    return bool(live == wanted) or _equal_quantities(live, wanted)


def _equal_quantities(live: Any, wanted: Any) -> bool:
    found = quantity(live)
    return found is not None and found == quantity(wanted)


def _list_holds(live: Any, wanted: Sequence[Any]) -> bool:
    if not isinstance(live, Sequence) or len(live) < len(wanted):
        return False
    if all(isinstance(item, Mapping) and "name" in item for item in (*live, *wanted)):
        named = {item["name"]: item for item in live}
        return all(item["name"] in named and holds(named[item["name"]], item) for item in wanted)
    return all(holds(found, item) for found, item in zip(live, wanted, strict=False))

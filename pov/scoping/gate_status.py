"""What a green status of the gate's says, read back: for which state of the branch, by which plan, on which state.

Anything that is not written as the gate writes it says nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SAID = re.compile(
    r"passed(?: until \S+)?(?:, plan (?P<plan>[0-9a-f]{64}))?, on (?P<base>[0-9a-f]{10}) by [^\s/]+(?:/(?P<state>\d+))?"
)


@dataclass(frozen=True)
class Green:
    """The commit that it would go into, in short; the plan's digest and the state's serial, empty for neither."""

    base: str = ""
    plan: str = ""
    state: str = ""

    def is_for(self, base: str) -> bool:
        """Whether it was judged for this state of the branch."""
        return bool(self.base) and base.startswith(self.base)


def read(description: str) -> Green:
    """The sentence of a status."""
    found = _SAID.fullmatch(description)
    return Green(**{key: value or "" for key, value in found.groupdict().items()}) if found is not None else Green()

"""A green status read back: what the gate wrote, and nothing that is only like it."""

from __future__ import annotations

import pytest

from pov.scoping.gate_status import Green, read

BASE = "0123456789abcdef" * 2 + "01234567"
PLAN = "ab" * 32


@pytest.mark.parametrize(
    ("said", "green"),
    [
        ("passed, on 0123456789 by 1a2b3c4d5e", Green("0123456789")),
        (f"passed, plan {PLAN}, on 0123456789 by 1a2b3c4d5e/7", Green("0123456789", PLAN, "7")),
        (
            f"passed until 2026-12-28T08:00:05Z, plan {PLAN}, on 0123456789 by 1a2b3c4d5e/12",
            Green("0123456789", PLAN, "12"),
        ),
        ("passed until 2026-12-28T08:00:05Z, on 0123456789 by 1a2b3c4d5e", Green("0123456789")),
    ],
)
def test_what_the_gate_writes_is_read(said: str, green: Green) -> None:
    assert read(said) == green
    assert green.is_for(BASE)
    assert not green.is_for("f" + BASE[1:])


@pytest.mark.parametrize(
    "said",
    [
        "",
        "passed",
        "passed, on 0123456789",
        "is judged, on 0123456789 by 1a2b3c4d5e",
        "1 thing is refused: see the comment, on 0123456789 by 1a2b3c4d5e",
        f"passed, plan {PLAN[:-1]}, on 0123456789 by 1a2b3c4d5e/7",
        f"passed, plan {PLAN.upper()}, on 0123456789 by 1a2b3c4d5e/7",
        f"x passed, plan {PLAN}, on 0123456789 by 1a2b3c4d5e/7",
        f"passed, plan {PLAN}, on 0123456789 by 1a2b3c4d5e/7 or so",
        f"passed, plan {PLAN}, plan {PLAN}, on 0123456789 by 1a2b3c4d5e/7",
        f"passed, plan {PLAN}, on  by 1a2b3c4d5e/7",
        f"passed, plan {PLAN}, on 0123456789 by 1a2b3c4d5e/7\n",
    ],
)
def test_anything_else_is_for_nothing(said: str) -> None:
    assert read(said) == Green()
    assert not read(said).is_for(BASE)
    assert not read(said).is_for("")

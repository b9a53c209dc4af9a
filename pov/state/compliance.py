"""`.pov/NAME/compliance/`: what was found of controls, a folder for each time they were looked at."""

from __future__ import annotations

from pathlib import Path

SCHEMA = "pov.dev/compliance/v1"
FOLDER = "compliance"
RESULT = "result.json"


def newest(home: Path) -> Path | None:
    """The newest result of an environment, by its folder; None where nobody looked. Their names sort by time."""
    found = sorted((home / FOLDER).glob(f"*/{RESULT}"))
    return found[-1] if found else None

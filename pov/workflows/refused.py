"""What a run keeps of requests for more that were refused: by the user's own file of allowed signers, and no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pov.base.errors import InvalidInput, PovError
from pov.config.engagement import Engagement
from pov.scoping.approvals import figures_of
from pov.scoping.refusals import refusals
from pov.workflows.approvals import FOLDER, Trust, apart, default_revoked, default_signers, records


def refused(folder: Path, engagement: Engagement | None) -> dict[str, Any] | None:
    """`refusals` that count, and those that are `left` out with the reason; None where the engagement keeps none.

    Nothing follows from them but a row in the report, so that what cannot be read stops nothing.
    """
    place = folder / FOLDER
    if engagement is None or not place.is_dir():
        return None
    trust = Trust(default_signers(), default_revoked())
    agreed = figures_of(engagement.scope) if engagement.scope is not None else {}
    try:
        apart(trust, folder)
        found, left = refusals(records(place), engagement.name, trust.verify)
    except InvalidInput as error:
        return {"refusals": [], "left": [f"{FOLDER}: {problem}" for problem in error.problems]}
    except PovError as error:
        return {"refusals": [], "left": [f"{FOLDER}: {error.message}"]}
    return {"refusals": [one.as_json(agreed) for one in found], "left": left} if found or left else None

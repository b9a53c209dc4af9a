"""Port to what brings a change of infrastructure from the configuration repository to the cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Applied(Protocol):
    """A plan that was applied."""

    @property
    def digest(self) -> str:
        """What the plan says, as a digest."""
        ...

    @property
    def serial(self) -> int:
        """How often the state was written by then."""
        ...

    @property
    def plan_seconds(self) -> float:
        """How long it took until the plan was made and judged."""
        ...

    @property
    def apply_seconds(self) -> float:
        """How long it took from there."""
        ...


class Infrastructure(Protocol):
    """Terraform on the landing zone, and what somebody needs who does without it."""

    @property
    def kubectl(self) -> Path:
        """The program."""
        ...

    @property
    def kubeconfig(self) -> Path:
        """An administrator's way to the cluster."""
        ...

    def ready(self) -> None:
        """Have every program at hand that plans and judges."""
        ...

    def follow(self, revision: str) -> Applied | None:
        """Plan what a commit of the configuration repository asks for, have the plan judged, apply that very file.

        Returns None where nothing is to be done. Raises `PovError` where main stands elsewhere, or a plan is refused.
        """
        ...

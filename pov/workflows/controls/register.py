"""All controls, in the order of their standards' numbers."""

from __future__ import annotations

from pov.workflows.controls import access, changes, operation, transit
from pov.workflows.controls.control import PCI, Control

_FOUND = (*changes.CONTROLS, *access.CONTROLS, *transit.CONTROLS, *operation.CONTROLS)


def _order(control: Control) -> tuple[bool, tuple[int, ...], str]:
    numbers = tuple(int(part) for part in control.number.split(".")) if control.standard == PCI else ()
    return control.standard != PCI, numbers, control.number


CONTROLS: tuple[Control, ...] = tuple(sorted(_FOUND, key=_order))

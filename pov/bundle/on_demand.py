"""Programs that only some commands need: built from their pinned modules when they are first asked for, then kept.

They are no part of the bundle: neither its key nor the time that `pov up` takes knows of them. What the bundle has is
taken from there; where there is none (a CI's runner), no more of it is made than is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pov.bundle import current, programs, versions
from pov.bundle.builder import Component, Made, find_all, make_all
from pov.bundle.graph import go_toolchain, opentofu
from pov.model.events import Emit


@dataclass(frozen=True)
class GatePrograms:
    """What `pov gate` runs: conftest, Terraform or OpenTofu, and the mirror with the one provider."""

    conftest: Path
    terraform: Path
    providers: Path


def for_gate(emit: Emit) -> GatePrograms:
    """Its programs, built now where they are not there, else nothing is told. Raises `PovError` if one cannot be."""
    from pov.engines.terraform import find_program  # noqa: PLC0415 - it takes a tenth of a second

    conftest = found_or_made([go_toolchain(), _conftest()], emit)["conftest"].folder / "conftest"
    bundle = current()
    if bundle is not None:
        return GatePrograms(conftest, find_program(bundle.binaries), bundle.binaries["terraform-providers"])
    own, parts = _own_terraform(), [go_toolchain(), _provider(), _mirror()]
    made = found_or_made(parts if own is not None else [*parts, opentofu()], emit)
    mirror = made["terraform-mirror"].folder / "mirror"
    return GatePrograms(conftest, own or made["tofu"].folder / "tofu", mirror)


def conftest_at_hand() -> Path | None:
    """The program, where it was built before; nothing is built."""
    found = find_all([go_toolchain(), _conftest()])
    return found["conftest"].folder / "conftest" if found else None


def found_or_made(parts: Sequence[Component], emit: Emit) -> dict[str, Made]:
    """Parts as they are; only where one is missing is anything made, and told."""
    return find_all(parts) or make_all(parts, emit)


def _own_terraform() -> Path | None:
    from pov.base.errors import NotFound  # noqa: PLC0415
    from pov.engines.terraform import find_program  # noqa: PLC0415

    try:
        return find_program({})
    except NotFound:
        return None


def _conftest() -> Component:
    return Component("conftest", programs.make_conftest, programs.conftest_inputs(), ("go",), expected_s=240)


def _provider() -> Component:
    return Component("terraform-provider", programs.make_provider, programs.provider_inputs(), ("go",), expected_s=120)


def _mirror() -> Component:
    version = {"version": versions.TERRAFORM_PROVIDER_KUBECTL}
    return Component("terraform-mirror", programs.providers("terraform-provider"), version, ("terraform-provider",), 1)

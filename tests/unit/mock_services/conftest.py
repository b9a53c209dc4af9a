"""The program, compiled by the bundle's own Go, and a running estate of three services with a prober."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from pov.bundle import graph
from pov.bundle.builder import Made, make_all
from pov.engines.container_choice import find
from pov.engines.containers import Containers
from pov.engines.prober import Prober
from pov.model.events import silent
from tests.unit.mock_services.running import Estate, Process


def _no_engine() -> Containers:
    return find()


@pytest.fixture(scope="session")
def built() -> dict[str, Made]:
    """The toolchain and the program as bundle components: compiled once for a state of the source."""
    wanted = {"go", "mock"}
    return make_all([c for c in graph.components(_no_engine, tofu=False) if c.name in wanted], silent)


@pytest.fixture(scope="session")
def program(built: dict[str, Made]) -> Path:
    return built["mock"].folder / "pov-mock"


@pytest.fixture
def estate(program: Path, tmp_path: Path) -> Estate:
    """Everything is prepared, nothing runs."""
    return Estate(program, tmp_path)


@dataclass
class World:
    """A running estate, and the prober that looks at it."""

    estate: Estate
    services: dict[str, Process]
    probing: Process
    prober: Prober


@pytest.fixture
def world(estate: Estate) -> Iterator[World]:
    with ExitStack() as stack:
        services = {name: stack.enter_context(estate.service(name)) for name in estate.names}
        process, prober = estate.prober()
        stack.enter_context(process)
        stack.callback(prober.close)
        for each in (*services.values(), process):
            each.until_ready()
        yield World(estate, services, process, prober)

"""Environments that tests share, and those of their own. Whatever happens to a test, its cluster is gone afterwards."""

from __future__ import annotations

import gc
import json
import os
import secrets
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pov.bundle import current
from tests.e2e.harness import SMALL, WINDOWS_LAST, Environment, Ran, containers

HERE = Path(__file__).resolve().parent
_ORDER = (
    "test_bad_input",
    "test_main_job",
    "test_certificates",
    "test_policies",
    "test_compliance",
    "test_people",
    "test_own_arms",
    "test_gitops",
    "test_experiments",
    "test_bad_days",
    "test_secrets",
    "test_own_clusters",
    "test_gate_job",
    "test_kill_points",
    "test_scenarios",
)
"""Cheap ones first; the shared environment's transcript is read for secrets when everything has run on it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    mine = [item for item in items if HERE in item.path.parents]
    for item in mine:
        item.add_marker(pytest.mark.e2e)
    ordered = iter(sorted(mine, key=lambda item: _ORDER.index(item.path.stem)))
    items[:] = [next(ordered) if HERE in item.path.parents else item for item in items]


@pytest.fixture(scope="session")
def run_id() -> str:
    """Part of every name, so that two runs of the tests on one machine do not meet."""
    return secrets.token_hex(2)


@pytest.fixture(scope="session")
def bundle() -> None:
    """The bundle must be there: building it is not what the tests' time limits are for."""
    if current() is None:
        pytest.fail("there is no bundle: make bundle")


def _has_network() -> bool:
    return containers().run("network", "inspect", "kind", check=False).code == 0


def _has_other_clusters() -> bool:
    done = containers().run("ps", "--all", "--filter", "label=io.x-k8s.kind.cluster", "--format", "{{.Names}}")
    return bool(done.stdout.split())


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, run_id: str, bundle: None) -> Iterator[Environment]:
    """The environment that most tests share: brought up once, taken down at the end with nothing left."""
    base, standing = tmp_path_factory.mktemp("shared"), os.environ.get("POV_E2E_STANDING")
    if standing:
        # For whoever writes tests: FOLDER:NAME of an environment that is up already and stays.
        root, _, name = standing.rpartition(":")
        yield Environment(base, name, root=Path(root))
        return
    had_network = _has_network()
    environment = Environment(base, f"e2e-{run_id}-shared")
    try:
        environment.first_up = environment.up(str(SMALL))
        volumes = environment.volumes()
        yield environment
    finally:
        environment.destroy()
    left = set(containers().run("volume", "ls", "--format", "{{.Name}}").stdout.split())
    assert volumes
    assert not left & set(volumes)
    assert had_network or not _has_network() or _has_other_clusters()


@pytest.fixture(scope="session")
def measured(shared: Environment) -> Ran:
    """The scenario's experiments, measured once in the shared environment."""
    return shared.measure(*WINDOWS_LAST)


@pytest.fixture
def own(tmp_path: Path, run_id: str, bundle: None) -> Iterator[Callable[..., Environment]]:
    """Makes environments that are gone after the test."""
    made: list[Environment] = []

    def make(word: str, **more: object) -> Environment:
        environment = Environment(tmp_path / word, f"e2e-{run_id}-{word}"[:30].rstrip("-"), **more)  # type: ignore[arg-type]
        made.append(environment)
        return environment

    yield make
    failures = []
    for environment in made:
        try:
            environment.destroy()
        except Exception as error:  # each of them must get its turn
            failures.append(error)
    assert not failures, failures


@pytest.fixture
def connections_let_go() -> Iterator[None]:
    """What a trial in this very process left open is collected here, and not in the middle of another test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def facts(record_property: Callable[[str, object], None], capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Tell figures worth knowing about, also when the test passes."""

    def tell(**figures: object) -> None:
        for name, value in figures.items():
            record_property(name, value)
        with capsys.disabled():
            print(f"\n    {json.dumps(figures, default=str)}")

    return tell

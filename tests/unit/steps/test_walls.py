"""Where an environment runs is known in that target's room, in the machine's doctor and the bundle, nowhere else.

And what Argo CD says of its applications is read by its client alone.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pov import __file__ as package

ROOT = Path(package).parent
KNOWS = ("steps/kind/", "workflows/doctor.py", "workflows/bundle.py")
"""The room of the one target there is; and what is about this machine, whatever runs on it."""
LINE = {"steps/targets.py": {"steps.kind"}}
"""A target's line in the list of targets."""
SIGN = re.compile(
    r"steps\.kind|engines\.kind|engines\.container\w*|\bctx\.containers|127\.0\.0\.1|LOOPBACK|[nN]odePort|NODE_PORT"
    r"|node_port|control-plane|\bcrictl\b|\"ctr\"|podman|docker"
)
FILES = [
    path
    for floor in ("cli", "workflows", "steps", "experiments", "reporting", "measure")
    for path in sorted((ROOT / floor).rglob("*.py"))
    if not str(path.relative_to(ROOT)).startswith(KNOWS)
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nobody_else_knows_a_node_port_a_loopback_address_or_a_container_engine(path: Path) -> None:
    allowed = LINE.get(str(path.relative_to(ROOT)), set())
    found = {match for line in path.read_text().splitlines() for match in SIGN.findall(line)}
    assert found <= allowed


def test_who_else_knows_is_said_where_things_are_described() -> None:
    described = (Path(__file__).parents[3] / "ARCHITECTURE.md").read_text()
    for place in KNOWS:
        assert f"`{place}`" in described, place
        assert not place.endswith(".py") or SIGN.search((ROOT / place).read_text()), f"{place} needs no exception"


def test_the_signs_are_those_of_the_room_that_knows() -> None:
    text = "".join(path.read_text() for path in sorted((ROOT / "steps/kind").rglob("*.py")))
    assert {"engines.kind", "engines.containers", "LOOPBACK", "nodePort", "docker"} <= set(SIGN.findall(text))


READS_APPLICATIONS = re.compile(
    r"argoproj\.io/v1alpha1/Application\b|targetRevision|reconciledAt|syncPolicy|operationState|deployStartedAt"
)
EXISTS = {"experiments/new_stage.py": {"argoproj.io/v1alpha1/Application"}}
"""Asks whether the application of a stage that goes is there, and reads nothing in it."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nobody_else_reads_what_argo_cd_says_of_an_application(path: Path) -> None:
    found = set(READS_APPLICATIONS.findall(path.read_text()))
    assert found <= EXISTS.get(str(path.relative_to(ROOT)), set())


def test_argo_cds_client_reads_all_of_it() -> None:
    found = READS_APPLICATIONS.findall((ROOT / "engines/argocd.py").read_text())
    assert len(set(found)) == READS_APPLICATIONS.pattern.count("|") + 1

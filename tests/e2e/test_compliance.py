"""Controls on a running environment, one of them broken for a moment."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import Environment

pytestmark = pytest.mark.timeout(300)
_PROTECTIONS = "/api/v1/repos/pov/platform-config/branch_protections"
Looked = tuple[int, dict[str, Any], dict[str, Any]]


def _looked(shared: Environment) -> Looked:
    """The code that it ended with, its document, and each control by its number."""
    ran = shared.pov("compliance", code=(0, 4, 5))
    document = ran.json
    return ran.code, document, {one["number"]: one for one in document["controls"]}


def _evidence(document: dict[str, Any], one: dict[str, Any]) -> dict[str, Any]:
    content = (Path(document["folder"]) / one["evidence"]["file"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == one["evidence"]["sha256"]
    found: dict[str, Any] = json.loads(content)["evidence"]
    return found


@pytest.fixture(scope="module")
def looked(shared: Environment) -> Looked:
    """Looked at once, for those that read alone."""
    return _looked(shared)


def test_each_control_is_what_can_be_seen_of_it(looked: Looked) -> None:
    code, document, found = looked
    assert len(found) == 12
    for one in found.values():
        assert _evidence(document, one), one
    for number in ("4.2.1", "4.2.1.1", "6.5.3", "7.2.5", "A1.1", "CC6.8", "CC7.1", "CC8.1"):
        assert found[number]["result"] == "met", found[number]
    changes = _evidence(document, found["6.5.1"])["changes"]
    for number in ("6.5.1", "6.5.4"):
        assert found[number]["result"] == ("met" if changes else "not shown"), found[number]
    # kind's API server is told of no audit log, and its arguments can be read.
    assert found["10.2.1"]["result"] == "not met"
    assert _evidence(document, found["10.2.1"])["vault"]["devices"] == {"volume/": "file"}
    assert code == 4


def test_a_forbidden_connection_is_tried_and_a_network_that_lets_it_through_is_told(looked: Looked) -> None:
    _, document, found = looked
    tried = _evidence(document, found["1.3.1"])
    assert tried["allowed_connection"]["connected"] is True
    through = tried["forbidden_connection"]["connected"]
    assert found["1.3.1"]["result"] == ("not shown" if through else "met")
    assert not through or "ignores policies" in found["1.3.1"]["seen"]


def test_a_branch_that_lost_its_protection_meets_no_control_of_changes(shared: Environment) -> None:
    owner = shared.web("gitea", {"Authorization": f"token {shared.secret('gitea-token')}"})
    held = owner("GET", f"{_PROTECTIONS}/prod").json()
    try:
        assert owner("DELETE", f"{_PROTECTIONS}/prod").status_code == 204
        _, _, found = _looked(shared)
        assert found["6.5.1"]["result"] == "not met"
        assert "is not protected" in found["6.5.1"]["seen"]
        assert found["6.5.4"]["result"] == "not met"
    finally:
        assert shared.pov("up").json["changed"]
    again = owner("GET", f"{_PROTECTIONS}/prod").json()
    assert again["required_approvals"] == held["required_approvals"]
    assert "is not protected" not in _looked(shared)[2]["6.5.1"]["seen"]

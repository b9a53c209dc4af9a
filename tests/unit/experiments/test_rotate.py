from __future__ import annotations

from pathlib import Path

import pytest

from pov.base.errors import PovError
from pov.experiments import EXPERIMENTS
from pov.experiments.negative import canary
from pov.experiments.placebo import PlaceboWindow
from pov.experiments.rotate import extensions
from pov.experiments.seen import all_new
from pov.measure.order import Slot
from pov.measure.trials import Result, run_trial
from tests.unit.experiments.world import BROKEN, World


def go(world: World, folder: Path, arm: str) -> Result:
    slot = Slot("rotate", arm, 1)
    return run_trial(slot, lambda: EXPERIMENTS["rotate"].arms[arm].make(world.toolbox(folder), slot), world.clock)


@pytest.fixture
def world() -> World:
    return World()


def test_automated_raises_the_generation(world: World, tmp_path: Path) -> None:
    before = dict(world.serials["staging"])
    result = go(world, tmp_path, "automated")
    assert result.error is None
    assert world.commits == ["Renew every certificate in staging (generation 2)"]
    assert result.evidence.details["rotations"] == 6
    assert not set(before.values()) & set(world.serials["staging"].values())
    shown = result.evidence.details["serials"]["ledger"]
    assert shown == {"before": [before["ledger"]], "after": [world.serials["staging"]["ledger"]]}
    assert result.evidence.traffic is not None


def test_a_certificate_that_stays_fails_the_trial(world: World, tmp_path: Path) -> None:
    kept = world.serials["staging"]["ledger"]
    world.clock.hooks.append(lambda: world.serials["staging"].update(ledger=kept))
    result = go(world, tmp_path, "automated")
    assert "not after 420 s" in (result.error or "")
    assert len(world.commits) == 1, "a rotation has no way back, and needs none"


def test_manual_signs_for_every_service(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path, "manual")
    assert result.error is None
    ((playbook, variables),) = world.playbooks
    assert playbook == "rotate.yml"
    assert sorted(variables["services"]) == sorted(world.staging.services)
    assert variables["ca_key"] == "/ca.key"
    assert result.evidence.details["rotations"] == 6
    text = (Path(variables["requests"]) / "ledger.cnf").read_text()
    assert "URI:spiffe://pov.dev/ns/legacy/sa/ledger, DNS:ledger.legacy.svc" in text


def test_a_file_that_is_not_what_the_service_shows_fails_the_trial(world: World, tmp_path: Path) -> None:
    slot = Slot("rotate", "manual", 1)
    box = world.toolbox(tmp_path)
    shown = world.serials["legacy"]

    class Elsewhere(type(box.cluster)):  # type: ignore[misc]
        def exec(self, *arguments: object, **more: object) -> str:
            return "".join("serial=FFFF\n" for _ in box.hosts.all[0].services)

    object.__setattr__(box, "cluster", Elsewhere(world))
    result = run_trial(slot, lambda: EXPERIMENTS["rotate"].arms["manual"].make(box, slot), world.clock)
    assert "does not show the certificate in its file" in (result.error or "")
    assert shown


def test_serials_are_compared_as_a_whole() -> None:
    assert all_new({"a": ["1"]}, {"a": ["2"], "b": ["3"]}) == 2
    with pytest.raises(PovError, match="1 services kept a certificate, first b"):
        all_new({"a": ["1"], "b": ["5"]}, {"a": ["2"], "b": ["5"]})
    with pytest.raises(PovError, match="two replicas show the same"):
        all_new({"a": ["1"]}, {"a": ["2", "2"]})


def test_extensions_are_those_of_both_sides() -> None:
    text = extensions("legacy", "ledger")
    assert "serverAuth, clientAuth" in text
    assert "CA:FALSE" in text


def test_a_placebo_carries_a_trials_load_and_does_nothing(world: World, tmp_path: Path) -> None:
    box = world.toolbox(tmp_path)
    slot = Slot("rotate", "placebo", 1)
    result = run_trial(slot, lambda: PlaceboWindow(box, slot, box.legacy, box.legacy.services, 17.0), world.clock)
    assert result.error is None
    assert result.seconds == pytest.approx(17.0)
    assert world.loads[0].estates == ("legacy", "dev")
    assert result.evidence.details["estate"] == "legacy"
    assert world.commits == []
    assert world.playbooks == []


def negative(world: World, folder: Path) -> Result:
    slot = Slot("rotate", "negative-control", 1)
    make = EXPERIMENTS["rotate"].negative
    assert make is not None
    return run_trial(slot, lambda: make(world.toolbox(folder), slot), world.clock)


def test_negative_control_sees_a_certificate_run_out(world: World, tmp_path: Path) -> None:
    result = negative(world, tmp_path)
    assert result.error is None
    seen = result.as_sample().traffic
    assert seen is not None
    assert seen.operation.failed > 0
    assert seen.operation.failed_handshakes > 0
    written = [(argv[-2], stdin) for _, argv, stdin in world.executed if stdin]
    canary = result.evidence.details["service"]
    assert (
        written
        == [
            (f"/etc/pov/certs/{canary}/tls.key", b"key"),
            (f"/etc/pov/certs/{canary}/tls.crt", b"certificate"),
        ]
        * 2
    )
    assert all("key" not in argument or "tls.key" in argument for _, argv, _ in world.executed for argument in argv[4:])
    assert len(world.deleted) == 1, "the host is back at its baseline"


def test_negative_control_counts_its_own_edges_and_says_what_was_seen(world: World, tmp_path: Path) -> None:
    result = negative(world, tmp_path)
    canary = result.evidence.details["service"]
    traffic = result.evidence.traffic
    assert traffic is not None
    assert traffic.operation.hard > 0
    assert all(canary in cause.edge and "expired" in cause.text for cause in traffic.causes)
    shown = result.evidence.details["seen"]
    assert canary in shown["edge"]
    assert (shown["kind"], shown["fresh"]) == ("hard", True)
    assert "expired" in shown["cause"]
    assert shown["from_ms"] > 0


@pytest.mark.parametrize(
    ("why", "own", "kind", "cause", "when"),
    [
        ("another edge", False, "hard", "handshake: certificate has expired", 12.0),
        ("a late answer", True, "late", "answer: timeout", 12.0),
        ("another cause", True, "hard", "connect: connection refused", 12.0),
        ("before the operation", True, "hard", "handshake: certificate has expired", 1.0),
    ],
)
def test_negative_control_is_not_content_with_any_failure(
    why: str, own: bool, kind: str, cause: str, when: float, world: World, tmp_path: Path
) -> None:
    world.seeing = False
    service = canary(world.toolbox(tmp_path))[1].service
    mine = [edge for edge in world.estates[-1].edges if (service in {edge.source, edge.target}) == own]
    world.lose(("legacy", mine[0].source, mine[0].target), kind, when, cause=cause)
    began = world.now
    result = negative(world, tmp_path)
    assert "the prober to see that a certificate ran out: not after" in (result.error or ""), why
    assert "seen" not in result.evidence.details
    ((_, operation), *_) = world.loads[0].phases
    assert world.loads[0].begun < began + when, "it was under load"
    assert (began + when < operation) == (why == "before the operation")


def test_negative_control_that_sees_nothing_fails(world: World, tmp_path: Path) -> None:
    world.seeing = False
    result = negative(world, tmp_path)
    assert "the prober to see that a certificate ran out: not after" in (result.error or "")
    assert len(world.deleted) == 1


def test_what_stops_half_way_leaves_no_load(world: World, tmp_path: Path) -> None:
    world.clock.after(3.0, lambda: world.down.update(prober=BROKEN))
    result = go(world, tmp_path, "automated")
    assert result.error is not None
    world.down.clear()
    assert go(world, tmp_path, "automated").error is None

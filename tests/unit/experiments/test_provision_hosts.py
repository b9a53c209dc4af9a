"""A new service on the legacy hosts: once for each stage, told the same, not believed, and gone again afterwards."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pov.base.errors import PovError
from pov.experiments import EXPERIMENTS
from pov.measure.order import Slot
from pov.measure.trials import Result, run_trial
from tests.unit.experiments.world import Cluster, Script, World

STAGES = [{"name": "staging"}, {"name": "dev", "services": "pov"}, {"name": "prod", "services": "pov"}]
NAMES = [f"new-1123ab-1-{stage}" for stage in ("dev", "staging", "prod")]
ARMS = ("manual", "scripted")
HOST = "legacy-2-0"


class Hosts(Cluster):
    """What the hosts tell of new services, by another way than SSH."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.foreign: list[str] = []
        self.release = ""
        self.serial = ""
        self.names = "URI:spiffe://pov.dev/ns/legacy/sa/{name}"
        self.rights = "400 65532"
        self.stays = False
        self.taken: list[str] = []

    def exec(self, pod: str, namespace: str, argv: Sequence[str], *, stdin: bytes | None = None) -> str:
        world, script = self._world, " ".join(argv)
        if "force-shutdown" in script:
            self.taken += argv[4:]
            self.foreign = []
            if not self.stays:
                for name in argv[4:]:
                    world.versions["legacy"].pop(name, None)
            return ""
        if "pgrep" in script:
            assert pod == HOST
            return "\n".join(f"/opt/pov/{name}" for name in argv[4:] if name in world.versions["legacy"])
        if "/etc/service/*/" in script:
            assert set(argv[4:]) <= set(world.staging.services), "what belongs there is named"
            return "\n".join(self.foreign)
        if found := re.search(r"/proc/\$\(cat /etc/service/([\w-]+)/supervise/pid\)/cwd", script):
            return f"/opt/pov/{found[1]}/releases/{self.release or world.versions['legacy'][found[1]]}\n"
        if found := re.search(r"/etc/pov/certs/([\w-]+)/tls.crt", script):
            serial = self.serial or world.serials["legacy"][found[1]].upper()
            return f"serial={serial}\n{self.names.format(name=found[1])}\nrights={self.rights}\n"
        return super().exec(pod, namespace, argv, stdin=stdin)


@pytest.fixture
def world() -> World:
    return World(stages=STAGES)


@pytest.fixture
def hosts(world: World) -> Hosts:
    return Hosts(world)


def go(world: World, hosts: Hosts, folder: Path, arm: str = "manual") -> Result:
    slot, box = Slot("provision", arm, 1), replace(world.toolbox(folder), cluster=hosts)
    return run_trial(slot, lambda: EXPERIMENTS["provision"].arms[arm].make(box, slot), world.clock)


def left(world: World) -> set[str]:
    """What is on the hosts or has an address, beside what the scenario asks for."""
    return (set(world.versions["legacy"]) - set(world.staging.services)) | set(world.addresses)


@pytest.mark.parametrize("arm", ARMS)
def test_it_comes_once_for_each_stage_and_goes_again(world: World, hosts: Hosts, tmp_path: Path, arm: str) -> None:
    at_start: dict[str, int] = {}
    world.clock.hooks.append(lambda: at_start.update(world.addresses))
    result = go(world, hosts, tmp_path, arm)
    assert result.error is None
    assert list(at_start.items()) == list(zip(NAMES, (8446, 8447, 8448), strict=True)), "after those of the host"
    assert result.evidence.details["services"] == NAMES
    assert result.evidence.details["stages"] == ["dev", "staging", "prod"]
    assert "before the clock" in str(result.evidence.details["addresses"])
    for name in NAMES:
        asked = (tmp_path / "requests" / f"{name}.cnf").read_text()
        assert f"URI:spiffe://pov.dev/ns/legacy/sa/{name}" in asked
    assert hosts.taken == NAMES
    assert (left(world), world.deleted) == (set(), []), "no host starts anew for it"
    seen = result.evidence.traffic
    assert seen is not None
    assert seen.operation.requests > 0, "the services beside it are under load"
    assert {edge[0] for edge in world.loads[0].edges} == {"legacy", "dev", "prod"}


def test_runbook_and_script_are_told_the_same(world: World, hosts: Hosts, tmp_path: Path) -> None:
    assert go(world, hosts, tmp_path).error is None
    ((playbook, variables),) = world.playbooks
    assert playbook == "provision.yml"
    assert go(world, hosts, tmp_path, "scripted").error is None
    (script,) = world.scripts
    lines = [line.split() for line in Path(script.told["POV_PLACES"]).read_text().splitlines()]
    assert [[str(value) for value in place.values()] for place in variables["places"]] == lines
    assert script.told["POV_HOSTS"] == "legacy-2"
    assert Path(script.argv[0]).name == "provision.sh"
    for name in ("namespace", "ca", "ca_key", "days", "requests"):
        assert script.told[f"POV_{name.upper()}"] == str(variables[name])
    assert script.secret_files == (Path("/ca.key"),)


def another_release(hosts: Hosts) -> None:
    hosts.release = "1.0.0"


def another_certificate(hosts: Hosts) -> None:
    hosts.serial = "FFFF"


def another_name(hosts: Hosts) -> None:
    hosts.names = "URI:spiffe://pov.dev/ns/legacy/sa/ledger"


def open_key(hosts: Hosts) -> None:
    hosts.rights = "640 65532"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (another_release, f"{NAMES[0]} runs in /opt/pov/{NAMES[0]}/releases/1.0.0, not in that of"),
        (another_certificate, f"{NAMES[0]} does not show the certificate in its file"),
        (another_name, f"the certificate of {NAMES[0]} is for somebody else"),
        (open_key, f"the key of {NAMES[0]} is open to others (640 65532)"),
    ],
)
def test_the_prober_alone_is_not_believed(
    world: World, hosts: Hosts, tmp_path: Path, wrong: Callable[[Hosts], None], told: str
) -> None:
    wrong(hosts)
    result = go(world, hosts, tmp_path)
    assert told in (result.error or "")
    assert (left(world), world.deleted) == (set(), ["legacy-2-0", "legacy-1-0"][::-1])


@pytest.mark.parametrize("arm", ARMS)
def test_one_that_does_not_come_up_fails_the_trial_and_the_hosts_start_anew(
    world: World, hosts: Hosts, tmp_path: Path, arm: str
) -> None:
    world.bring = lambda name, version: None  # type: ignore[method-assign]
    result = go(world, hosts, tmp_path, arm)
    assert "the new services on their host: not after 120 s" in (result.error or "")
    assert (left(world), world.deleted) == (set(), ["legacy-1-0", "legacy-2-0"])


def test_a_runbook_that_fails_fails_the_trial(world: World, hosts: Hosts, tmp_path: Path) -> None:
    world.runbook_error = PovError("the runbook provision.yml ended as failed")
    assert "ended as failed" in (go(world, hosts, tmp_path).error or "")
    assert left(world) == set()


def test_what_stays_on_the_host_spoils_the_trial(world: World, hosts: Hosts, tmp_path: Path) -> None:
    hosts.stays = True
    error = go(world, hosts, tmp_path).error or ""
    assert "clean-up: new services: the new services to go: not after 30 s" in error
    assert f"legacy-2 still has /opt/pov/{NAMES[0]}" in error


def test_what_a_killed_trial_left_goes_before_the_next_one(world: World, hosts: Hosts, tmp_path: Path) -> None:
    hosts.foreign = ["new-0-1-dev"]
    result = go(world, hosts, tmp_path)
    assert result.error is None
    assert hosts.taken == ["new-0-1-dev", *NAMES]
    assert result.evidence.details["taken_away_first"] == ["new-0-1-dev"]


def test_an_interrupt_takes_the_addresses_and_starts_the_hosts_anew_without_waiting(
    world: World, hosts: Hosts, tmp_path: Path
) -> None:
    def interrupted(script: Script) -> None:
        raise KeyboardInterrupt

    world.script = interrupted
    with pytest.raises(KeyboardInterrupt):
        go(world, hosts, tmp_path, "scripted")
    assert world.addresses == {}
    world.clock.sleep(5.0)
    assert world.deleted == ["legacy-1-0", "legacy-2-0"]

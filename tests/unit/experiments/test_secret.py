"""Credentials that are changed: by a write to Vault, by a runbook, by a script; and what is not believed of it."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from pov.base.redact import Secret
from pov.experiments import EXPERIMENTS
from pov.experiments.secret import fingerprint
from pov.measure.order import Slot
from pov.measure.trials import Result, run_trial
from tests.unit.experiments.world import AGENT_S, BROKEN, World

ARMS = ("automated", "manual", "scripted")


@pytest.fixture
def world() -> World:
    return World()


def go(world: World, folder: Path, arm: str) -> Result:
    slot = Slot("secret", arm, 1)
    return run_trial(slot, lambda: EXPERIMENTS["secret"].arms[arm].make(world.toolbox(folder), slot), world.clock)


def error(world: World, folder: Path, arm: str) -> str:
    return go(world, folder, arm).error or ""


def test_a_fingerprint_is_what_the_services_tell() -> None:
    # printf abc | sha256sum
    assert fingerprint(Secret("abc")) == "ba7816bf8f01cfea"


def test_a_write_to_vault_reaches_every_replica(world: World, tmp_path: Path) -> None:
    before = dict(world.used["staging"])
    result = go(world, tmp_path, "automated")
    assert result.error is None
    names = list(world.scenario.pov_services)
    assert result.evidence.details["versions"] == dict.fromkeys(names, 3), "the second is the one to be refused later"
    told = result.evidence.details["fingerprints"]
    assert {name: row["after"] for name, row in told.items()} == world.used["staging"]
    first = {value for row in told.values() for value in row["before"]}
    assert not first & (set(world.used["staging"].values()) | set(before.values()))
    assert len(set(world.used["staging"].values()) - set(before.values())) == len(names)
    written, fetched = result.evidence.steps
    assert (written.name, written.seconds) == ("written to Vault", pytest.approx(0.3))
    assert AGENT_S - 0.3 <= fetched.seconds < AGENT_S + 1
    assert world.commits == [], "nothing of it is in Git"
    assert world.used["dev"] == {name: f"dev-{name}" for name in names}, "another stage has credentials of its own"
    seen = result.evidence.traffic
    assert seen is not None
    assert (seen.operation.hard, seen.operation.late) == (0, 0)


def test_the_runbook_brings_a_file_to_each_host(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path, "manual")
    assert result.error is None
    first, (playbook, variables) = world.playbooks
    assert first[0] == "secret.yml", "puts one there that is known"
    assert (playbook, variables["services"]) == ("secret.yml", list(world.scenario.pov_services))
    folder = Path(variables["credentials"])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in world.scenario.pov_services:
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
        assert fingerprint(Secret((folder / name).read_text())) == world.used["legacy"][name]


def test_a_script_is_told_the_same_and_its_log_is_kept_clean(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path, "scripted")
    assert result.error is None
    (script,) = world.scripts
    folder = Path(script.told["POV_CREDENTIALS"])
    assert set(script.secret_files) == {folder / name for name in world.scenario.pov_services}


@pytest.mark.parametrize("arm", ARMS)
def test_no_credential_is_told_anywhere(
    arm: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Secret] = []

    def known() -> Secret:
        made.append(Secret(f"a-credential-to-be-found-{len(made)}"))
        return made[-1]

    monkeypatch.setattr("pov.experiments.secret.random_secret", known)
    result = go(world, tmp_path, arm)
    assert result.error is None
    assert len(made) == 6
    sample = json.dumps(result.as_sample().as_json())
    assert "fingerprints" in sample
    # To the program that presents it a credential goes by its standard input, and nothing else.
    executed = [(pod, argv, None if "present" in argv else stdin) for pod, argv, stdin in world.executed]
    told = [script.told for script in world.scripts], world.playbooks, executed
    for text in (sample, repr(told), repr(world.calls)):
        assert "a-credential-to-be-found" not in text


@pytest.mark.parametrize("arm", ARMS)
def test_a_replica_without_a_credential_ends_the_trial_before_its_clock(arm: str, world: World, tmp_path: Path) -> None:
    estate = "staging" if arm == "automated" else "legacy"
    name = world.scenario.pov_services[1]
    world.used[estate][name] = ""
    result = go(world, tmp_path, arm)
    assert f"{name} in {estate} uses no credential" in (result.error or "")
    assert (result.seconds, world.playbooks) == (None, [])
    assert [script.limit_s for script in world.scripts] in ([], [0.0]), "it did not run"
    assert set(world.vault_versions.values()) == {1}


def test_agents_that_do_not_look_fail_the_trial(world: World, tmp_path: Path) -> None:
    world.agents_sleep = True
    assert "the new credential on every replica in staging: not after 420 s" in error(world, tmp_path, "automated")


def test_a_vault_that_refuses_fails_the_trial(world: World, tmp_path: Path) -> None:
    world.down["vault"] = BROKEN
    assert "broken" in error(world, tmp_path, "automated")


def test_a_replica_that_says_so_and_a_file_that_does_not_fail_the_trial(world: World, tmp_path: Path) -> None:
    name = world.scenario.pov_services[0]
    world.clock.hooks.append(lambda: world.files["staging"].update({name: "another"}))
    world.clock.hooks.append(lambda: world.files["legacy"].update({name: "another"}))
    assert f"the files in the pods of {name} are not the new credential" in error(world, tmp_path, "automated")
    assert f"the file of {name} on legacy-1 is not the new credential" in error(world, tmp_path, "manual")


def test_a_version_that_somebody_else_wrote_meanwhile_fails_the_trial(world: World, tmp_path: Path) -> None:
    name = world.scenario.pov_services[0]

    def meanwhile() -> None:
        if world.loads:
            world.clock.hooks.clear()
            world.clock.after(AGENT_S, lambda: world.vault_versions.update({name: 9}))

    world.clock.hooks.append(meanwhile)
    assert f"Vault holds version 9 for {name}, not 3" in error(world, tmp_path, "automated")


@pytest.mark.parametrize("rights", ["644 65532", "440 65532", "400 0"])
def test_a_file_that_others_may_read_fails_the_trial(rights: str, world: World, tmp_path: Path) -> None:
    world.rights = rights
    assert f"is open to others ({rights})" in error(world, tmp_path, "manual")


def presented(world: World) -> list[tuple[str, ...]]:
    return [argv for _, argv, _ in world.executed if "present" in argv]


@pytest.mark.parametrize("arm", ARMS)
def test_the_old_one_is_served_before_and_refused_after(arm: str, world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path, arm)
    assert result.error is None
    names = list(world.scenario.pov_services)
    assert result.evidence.details["served_before"] == {name: ["200"] for name in names}
    assert result.evidence.details["presented"] == {name: {"old": ["401"], "new": ["200"]} for name in names}
    assert len(presented(world)) == 2 * len(names)
    assert result.seconds is not None
    assert result.seconds <= result.evidence.figures["refused_seconds"] < result.seconds + 0.5
    one = presented(world)[0]
    if arm == "automated":
        assert one == ("/pov-mock", "present", "--peer", f"spiffe://pov.dev/ns/staging/sa/{names[0]}")
    else:
        assert one[:4] == ("chpst", "-u", ":65532:65532", "pov-mock")
        assert one[-1] == f"spiffe://pov.dev/ns/legacy/sa/{one[one.index('--certs') + 1].rpartition('/')[2]}"


@pytest.mark.parametrize("arm", ARMS)
def test_the_next_trial_knows_the_old_one_unless_somebody_changed_it(arm: str, world: World, tmp_path: Path) -> None:
    box = world.toolbox(tmp_path)
    name = world.scenario.pov_services[0]

    def again(trial: int) -> tuple[int, int]:
        before = len(world.playbooks), world.vault_versions[name]
        slot = Slot("secret", arm, trial)
        assert run_trial(slot, lambda: EXPERIMENTS["secret"].arms[arm].make(box, slot), world.clock).error is None
        return len(world.playbooks) - before[0], world.vault_versions[name] - before[1]

    usual = {"automated": (0, 1), "manual": (1, 0), "scripted": (0, 0)}[arm]
    first = {"automated": (0, 2), "manual": (2, 0), "scripted": (1, 0)}[arm]
    assert [again(1), again(2)] == [first, usual]
    world.take_up("staging" if arm == "automated" else "legacy", name, "somebody's")
    assert again(3) == first


@pytest.mark.parametrize("arm", ["automated", "manual"])
def test_one_that_an_audit_put_there_is_known(arm: str, world: World, tmp_path: Path) -> None:
    box = world.toolbox(tmp_path)
    name = world.scenario.pov_services[0]
    for experiment in ("secret", "audit"):
        slot = Slot(experiment, arm, 1)
        make = EXPERIMENTS[experiment].arms[arm].make
        assert run_trial(slot, lambda make=make, slot=slot: make(box, slot), world.clock).error is None  # type: ignore[misc]
    world.clock.sleep(AGENT_S)
    before = len(world.playbooks), world.vault_versions[name]
    slot = Slot("secret", arm, 2)
    assert run_trial(slot, lambda: EXPERIMENTS["secret"].arms[arm].make(box, slot), world.clock).error is None
    assert len(world.playbooks) - before[0] + world.vault_versions[name] - before[1] == 1


@pytest.mark.parametrize("arm", ARMS)
def test_a_service_that_still_serves_the_old_one_fails_the_trial(arm: str, world: World, tmp_path: Path) -> None:
    world.forgets_nothing = True
    assert "does not refuse its old credential (200)" in error(world, tmp_path, arm)


@pytest.mark.parametrize("arm", ARMS)
def test_a_service_that_serves_nobody_ends_the_trial_before_its_clock(arm: str, world: World, tmp_path: Path) -> None:
    world.refuses_all = True
    result = go(world, tmp_path, arm)
    assert "does not serve whoever presents its credential (401)" in (result.error or "")
    assert result.seconds is None

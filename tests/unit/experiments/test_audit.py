from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pov.experiments import EXPERIMENTS
from pov.experiments.host_traces import SHELL
from pov.measure.order import Slot
from pov.measure.trials import Result, run_trial
from tests.unit.experiments.world import BROKEN, OLD, Cluster, Runbooks, World

PROOF = "payment-gateway"
CHANGED = f"credential of {PROOF}, version 2"


def go(world: World, folder: Path, arm: str, trial: int = 1) -> Result:
    slot = Slot("audit", arm, trial)
    return run_trial(slot, lambda: EXPERIMENTS["audit"].arms[arm].make(world.toolbox(folder), slot), world.clock)


@pytest.fixture
def world() -> World:
    return World()


def rows(result: Result) -> list[dict[str, Any]]:
    return list(result.evidence.details["answers"])  # type: ignore[call-overload]


def test_git_knows_who_and_who_approved_and_not_who_worked_by_hand(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path, "automated")
    assert result.error is None
    reviewed, direct, by_hand, credential = rows(result)
    assert reviewed["happened"]["approved_by"] == "reviewer"
    assert (len(reviewed["right"]), len(direct["right"]), by_hand["right"]) == (4, 4, ["when"])
    # Vault's log holds no approval, so it cannot say that there was none.
    assert credential["right"] == ["what", "who", "when"]
    assert credential["answered"] == {**credential["happened"], "approved_by": None, "source": "Vault's audit log"}
    assert (credential["happened"]["what"], credential["happened"]["who"]) == (CHANGED, "credential-owner")
    figures = result.evidence.figures
    assert (figures["answers_right"], figures["answers_asked"], figures["answers_unfounded"]) == (12, 16, 0)
    assert result.evidence.details["certificates_in_vaults_log"] == 2
    assert world.images[PROOF] == OLD
    assert world.branches == {}
    assert world.replicas == 1


def test_what_was_there_before_is_no_answer(world: World, tmp_path: Path) -> None:
    world.note("somebody", {PROOF: "registry/mock:0"}, ())
    world.clock.sleep(90.0)
    assert go(world, tmp_path, "automated").evidence.figures["answers_unfounded"] == 0


def test_what_git_says_otherwise_is_counted(world: World, tmp_path: Path) -> None:
    world.clock.after(9.0, lambda: world.note("somebody", {PROOF: "registry/mock:7"}, ()))
    figures = go(world, tmp_path, "automated").evidence.figures
    assert (figures["answers_right"], figures["answers_unfounded"]) == (12, 1)


def test_a_credential_that_somebody_else_changed_is_no_change_of_the_trial(world: World, tmp_path: Path) -> None:
    other = ("staging", PROOF, "mallory", 9)
    world.vault_entries.append((*other, world.clock.wall()))
    world.clock.sleep(90.0)
    assert go(world, tmp_path, "automated").evidence.figures["answers_unfounded"] == 0, "it was before the period"
    world.clock.after(9.0, lambda: world.vault_entries.append((*other, world.clock.wall())))
    assert go(world, tmp_path, "automated", 2).evidence.figures["answers_unfounded"] == 1


def test_what_is_not_in_vaults_log_is_not_answered(world: World, tmp_path: Path) -> None:
    class Silent(list[Any]):
        def append(self, item: Any) -> None:
            """An audit device that loses entries."""

    world.vault_entries = Silent()
    result = go(world, tmp_path, "automated")
    credential = rows(result)[3]
    assert (credential["answered"], credential["right"]) == (None, [])
    assert result.evidence.figures["answers_right"] == 9


def test_a_log_that_cannot_be_read_fails_the_trial(world: World, tmp_path: Path) -> None:
    world.down["vault log"] = BROKEN
    assert go(world, tmp_path, "automated").error == "broken (because)"
    assert world.images[PROOF] == OLD


def test_no_credential_is_kept_in_a_sample(world: World, tmp_path: Path) -> None:
    values: list[str] = []
    run = Runbooks.run

    def noted(self: Runbooks, playbook: str, variables: Any, *, timeout_s: float) -> Any:
        if playbook == "secret.yml":
            values.append((Path(variables["credentials"]) / PROOF).read_text())
        return run(self, playbook, variables, timeout_s=timeout_s)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Runbooks, "run", noted)
        result = go(world, tmp_path, "manual")
    (value,) = values
    assert value not in json.dumps(result.as_sample().as_json())


def test_the_clock_holds_the_questions_alone(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path, "automated")
    assert result.seconds is not None
    assert result.seconds < 1.0


def test_a_refused_review_leaves_no_branch(world: World, tmp_path: Path) -> None:
    world.down["review"] = BROKEN
    result = go(world, tmp_path, "automated")
    assert result.error == "broken (because)"
    assert world.branches == {}
    assert world.images[PROOF] == OLD


def test_ctrl_c_while_changed_by_hand_writes_it_back(world: World, tmp_path: Path) -> None:
    def look() -> None:
        if world.replicas == 2:
            world.clock.hooks.clear()
            raise KeyboardInterrupt

    world.clock.hooks.append(look)
    with pytest.raises(KeyboardInterrupt):
        go(world, tmp_path, "automated")
    assert world.replicas == 1
    assert world.branches == {}


def test_a_host_knows_what_and_when(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path, "manual")
    assert result.error is None
    assert [row["right"] for row in rows(result)] == [["what", "when"]] * 4
    assert result.evidence.figures["answers_right"] == 8
    # The credential is its service's, whose number has no name on the host.
    assert [row["answered"]["who"] for row in rows(result)] == ["root", "root", None, "root"]
    assert rows(result)[2]["happened"]["what"] == f"file /etc/pov/credentials/{PROOF}"
    assert world.versions["legacy"][PROOF] == "1.0.0"
    assert any("rm -rf" in " ".join(argv) for _, argv, _ in world.executed), "traces are taken away"
    run = f"/etc/service/{PROOF}/run"
    assert world.typed[1::2] == [f"cp -p {run} {run}.before", f"echo '# by hand' >>{run}", "exit"]
    by_hand = f"file times and owners; shell history of root: echo '# by hand' >>{run}"
    assert [row["answered"]["source"] for row in rows(result)] == ["file times and owners"] * 3 + [by_hand]
    assert result.evidence.details["shell_history_lines"] == 3


def test_what_was_typed_and_is_not_there_is_no_change(world: World, tmp_path: Path) -> None:
    class Deaf(Cluster):
        def exec(self, pod: str, namespace: str, argv: Any, *, stdin: bytes | None = None) -> str:
            return "" if tuple(argv) == SHELL else super().exec(pod, namespace, argv, stdin=stdin)

    slot = Slot("audit", "manual", 1)
    box = replace(world.toolbox(tmp_path), cluster=Deaf(world))
    result = run_trial(slot, lambda: EXPERIMENTS["audit"].arms["manual"].make(box, slot), world.clock)
    assert "not with what was typed by hand" in (result.error or "")


def test_a_host_whose_shells_keep_no_history_has_its_file_times_alone(world: World, tmp_path: Path) -> None:
    world.keeps_history = False
    result = go(world, tmp_path, "manual")
    assert [row["answered"]["source"] for row in rows(result)] == ["file times and owners"] * 4
    assert result.evidence.figures["answers_right"] == 8


def test_argo_cds_history_tells_since_when_a_commit_runs(world: World, tmp_path: Path) -> None:
    reviewed, direct, *_ = rows(go(world, tmp_path, "automated"))
    assert [row["answered"]["source"].partition("; ")[2][:16] for row in (reviewed, direct)] == ["in effect since "] * 2
    assert reviewed["answered"]["source"] < direct["answered"]["source"]


def test_a_runbook_that_fails_starts_the_hosts_anew(world: World, tmp_path: Path) -> None:
    world.runbook_error = BROKEN
    result = go(world, tmp_path, "manual")
    assert result.error == "broken (because)"
    assert world.deleted == ["legacy-1-0", "legacy-2-0"]

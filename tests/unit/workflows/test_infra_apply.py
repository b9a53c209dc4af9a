"""`pov infra apply`: each merge once, by the plan that the gate told, on the state that it told; else nothing.

Git is Git itself; the gate, Terraform and the cluster are in memory.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.errors import CriterionNotMet, InvalidInput, PovError, Problem
from pov.base.paths import data
from pov.base.redact import Secret
from pov.config.estates import estates
from pov.config.scenario import load_scenario
from pov.config.stages import load_stages
from pov.engines.git_command import Command
from pov.engines.gitea_pulls import Pulls
from pov.engines.terraform_state import StateMark
from pov.model.events import silent
from pov.scoping.gate import Change, Refusal, Told
from pov.state.home import Home
from pov.state.terraform_log import APPLIED, BEGUN, EMPTY, FAILED, REFUSED, LogWriter, read_log
from pov.steps.git.server import TOKEN_FILE
from pov.steps.landing_zone.applying import Applied, Asked
from pov.steps.landing_zone.asking import requested
from pov.steps.landing_zone.deal import RECORD, followed
from pov.workflows import infra_apply
from pov.workflows.gate import GateOptions
from pov.workflows.gate_state import Against
from pov.workflows.infra_apply import ApplyOptions, ApplyResult, apply_merged, run_apply
from tests.unit.workflows.deal_repository import PLAN, DealRepository

OTHER = "cd" * 32
CHANGES = (Change("module.landing_zone.a", ("create",)),)


@dataclass
class World:
    """One environment with a gate: what the gate finds now, and what Terraform does with it."""

    root: Path
    deals: DealRepository
    ctx: Any
    plan: Told = field(default_factory=lambda: Told(CHANGES, PLAN, {"create": 1, "update": 0, "delete": 0}))
    refusals: tuple[Refusal, ...] = ()
    serial: int = 7
    empty: bool = False
    fails: PovError | None = None
    applied: list[Asked] = field(default_factory=list)
    judged: list[GateOptions] = field(default_factory=list)
    then: list[str] = field(default_factory=list)
    runs: int = 0
    settled: str = ""

    def gate(self, options: GateOptions, emit: object) -> Any:
        self.judged.append(options)
        return SimpleNamespace(refusals=self.refusals, plan=self.plan, against={"serial": self.serial})

    def terraform(self, ctx: Any, asked: Asked, report: object) -> Applied | None:
        """As `Applying` tells it; a plan other than the approved one is none of its business here."""
        if isinstance(self.fails, CriterionNotMet):
            raise self.fails
        asked.begins()
        self.applied.append(asked)
        log = LogWriter(self.ctx.home.terraform_log)
        about = {"run": str(len(self.applied)), "command": asked.command, "actor": "jo@laptop"}
        about |= {"configuration": dict(asked.configuration), "plan": asked.checked, "approved": asked.checked}
        about["before"] = {"serial": self.serial}
        if self.empty:
            log.record(EMPTY, **about, after={"serial": self.serial})
            return None
        log.record(BEGUN, **about)
        self.serial += 1
        log.record(FAILED if self.fails else APPLIED, **about, after={"serial": self.serial})
        if self.fails:
            raise self.fails
        return Applied(self.plan, self.serial, 0.0, 0.0)

    def followed(self) -> str:
        kept = followed(self.ctx.home)
        return kept.origin.merge if kept is not None else ""

    def settles(self) -> None:
        """As the end of an apply, or the next bring-up."""
        self.then.append("settled")
        self.settled = self.followed()

    def apply(self, checked: str = "") -> ApplyResult:
        self.runs += 1
        folder = self.root / f"run-{self.runs}"
        self.ctx.deal = followed(self.ctx.home)
        git = self.deals.fetched(folder.name)
        return apply_merged(self.ctx, self.deals, git, folder, checked)

    @property
    def log(self) -> list[tuple[str, str]]:
        return [(one.result, one.why) for one in read_log(self.ctx.home.terraform_log).entries]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    scenario = load_scenario("enterprise-scope")
    ctx = SimpleNamespace(
        name="demo",
        scenario=scenario,
        estates=estates(scenario),
        engagement=None,
        home=Home(tmp_path / "home"),
        kube=None,
        emit=silent,
        deal=None,
        approved={},
        approved_iops=0,
    )
    made = World(tmp_path, DealRepository(tmp_path), ctx)
    monkeypatch.setattr(infra_apply, "state_in", lambda *_: Against("demo", {"KUBE_TOKEN": "hush"}))
    monkeypatch.setattr(infra_apply, "for_gate", lambda _: None)
    monkeypatch.setattr(infra_apply, "run_gate", made.gate)
    monkeypatch.setattr(infra_apply, "run_terraform", made.terraform)
    monkeypatch.setattr(infra_apply, "settle", lambda *_: made.settles())
    monkeypatch.setattr(infra_apply, "is_settled", lambda _: made.settled == made.followed())
    monkeypatch.setattr(infra_apply, "state_of", lambda _: StateMark("l", made.serial, 1))
    monkeypatch.setattr(infra_apply, "publish", lambda *_: made.then.append("published"))
    return made


def test_the_plan_that_the_gate_told_is_applied_and_the_environment_follows_it(world: World) -> None:
    merge = world.deals.merges(world.deals.takes("agreed"))
    result = world.apply()
    (asked,) = world.applied
    assert (asked.checked, asked.command) == (PLAN, "pov infra apply")
    assert (asked.configuration["of"], asked.configuration["commit"]) == ("pov/deal", merge)
    assert (asked.configuration["merge"], asked.configuration["pull"]) == (merge, 7)
    own = requested(world.ctx.scenario, world.ctx.estates)
    agreed = load_stages(data("scenarios", "enterprise-scope", "agreed", "stages.yaml"))
    assert asked.variables["stages"] == {**own, **agreed}, "the deal's figures, and the scenario's for what it lacks"
    assert (result.new, result.told, result.before, result.after) == (True, world.plan, 7, 8)
    assert world.then == ["settled", "published"]
    kept = followed(world.ctx.home)
    assert kept is not None
    assert (kept.origin.merge, kept.origin.pull, kept.origin.plan) == (merge, 7, PLAN)
    assert kept.stages == agreed
    (judged,) = world.judged
    assert judged.against is not None
    assert judged.against.beside == own
    assert judged.trust.signers.parent.name == "platform", "judged by what the protected branch holds"
    assert world.log == [(BEGUN, ""), (APPLIED, "")]
    document = result.as_json()
    assert (document["pull"], document["plan"]["digest"], document["serial"]) == (7, PLAN, {"before": 7, "after": 8})


def test_a_merge_is_applied_once_whoever_asks_how_often(world: World) -> None:
    world.deals.merges(world.deals.takes("agreed"))
    world.apply()
    again = world.apply()
    assert (again.new, again.after) == (False, 8)
    assert world.then == ["settled", "published", "published"], "whatever the first one came to"
    assert (len(world.applied), len(world.judged)) == (1, 1)
    world.deals.write("platform/allowed_signers", "# somebody\n")
    world.deals.commit("Bring what judges to what this environment has")
    assert world.apply().new is False
    assert len(world.log) == 2


def test_of_two_merged_at_once_both_are_in_the_one_plan_that_was_judged_last(world: World) -> None:
    world.deals.merges(world.deals.asks("deal/one.md"), 1, plan=OTHER)
    two = world.deals.merges(world.deals.takes("agreed"), 2)
    result = world.apply()
    assert (result.merged.pull, result.merged.merge) == (2, two)
    assert world.applied[0].configuration["pulls"] == [1, 2], "the log names both"
    assert [asked.checked for asked in world.applied] == [PLAN]
    assert world.apply().new is False


def test_of_two_at_the_same_time_one_is_refused_before_it_fetches_anything(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second begins while the first has Terraform at work."""
    merge = world.deals.merges(world.deals.takes("agreed"))
    ctx = world.ctx
    fetches: list[int] = []
    ctx.url, ctx.trust = lambda _: "https://localhost", SimpleNamespace(ca_path=world.root / "ca.crt")
    ctx.home.save_secret(TOKEN_FILE, Secret("token"))
    monkeypatch.setattr(infra_apply, "attach", lambda *_: ctx)
    monkeypatch.setattr(Pulls, "by_token", lambda *_: world.deals)

    def fetched(*_: object) -> Command:
        fetches.append(len(fetches))
        return world.deals.fetched(f"run-{len(fetches)}")

    monkeypatch.setattr(infra_apply, "fetched", fetched)
    options, at_work = ApplyOptions(world.root, "demo"), world.terraform
    seconds: list[str] = []

    def terraform(ctx: Any, asked: Asked, report: object) -> Applied | None:
        # A lock that is not held would let the second one in here, and it would apply as well.
        monkeypatch.setattr(infra_apply, "run_terraform", at_work)
        with pytest.raises(PovError) as refused:
            run_apply(options, silent)
        seconds.append(refused.value.message)
        return at_work(ctx, asked, report)

    monkeypatch.setattr(infra_apply, "run_terraform", terraform)
    first = run_apply(options, silent)
    assert (first.new, first.merged.merge) == (True, merge)
    assert seconds == [f"environment home is being changed by process {os.getpid()} on {socket.gethostname()}"]
    assert (len(world.applied), len(fetches)) == (1, 1)
    assert world.log == [(BEGUN, ""), (APPLIED, "")]
    assert run_apply(options, silent).new is False, "the lock ends with the first"


def test_the_second_of_two_that_was_judged_before_the_first_was_applied_is_refused(world: World) -> None:
    world.deals.merges(world.deals.takes("agreed"), 1)
    world.apply()
    world.deals.merges(world.deals.takes("deal"), 2, plan=PLAN, state="7")
    world.plan = Told(CHANGES, OTHER)
    with pytest.raises(CriterionNotMet, match="the state has moved since the gate judged it: serial 7 then, 8 now"):
        world.apply()
    assert len(world.applied) == 1
    kept = followed(world.ctx.home)
    assert kept is not None
    assert kept.origin.pull == 1, "what is followed is what was applied"


def test_an_empty_plan_is_noted_and_not_looked_for_again(world: World) -> None:
    world.empty = True
    merge = world.deals.merges(world.deals.asks("deal/note.md"))
    result = world.apply()
    assert (result.new, result.told, result.before, result.after) == (True, None, 7, 7)
    kept = followed(world.ctx.home)
    assert kept is not None
    assert kept.origin.merge == merge
    assert world.apply().new is False


def not_green(world: World) -> None:
    world.deals.statuses.clear()


def pushed(world: World) -> None:
    world.deals.write("deal/stages.yaml", "stages: {}\n")
    world.deals.commit("past every rule")


def refused_by_now(world: World) -> None:
    """An approval that expired since, or was revoked."""
    world.refusals = (Refusal("256 cores", "64", "less", ("cto",)), Refusal("more", "1", "2"))


def moved(world: World) -> None:
    world.plan, world.serial = Told(CHANGES, OTHER), 8


def drifted(world: World) -> None:
    """Somebody changed what lies in the cluster: the state is the same, the plan is not."""
    world.plan = Told(CHANGES, OTHER)


def judged_against_nothing(world: World) -> None:
    (head,) = world.deals.statuses
    world.deals.says(head, world.deals.first, plan="", state="")


def judged_without_a_copy(world: World) -> None:
    """As when the state holds what nobody is shown: the gate plans against nothing, and tells that plan."""
    (head,) = world.deals.statuses
    world.deals.says(head, world.deals.first, plan=OTHER, state="")


@pytest.mark.parametrize(
    ("bend", "told"),
    [
        (not_green, "the gate has not judged that"),
        (pushed, "which is no merge of a pull request"),
        (refused_by_now, "what main holds is refused by now"),
        (moved, "the state has moved since the gate judged it: serial 7 then, 8 now"),
        (drifted, "the plan is another than the one that the gate told, on the same state (serial 7)"),
        (judged_without_a_copy, "the gate was shown no state to judge it against (pov up tells why), and on serial 7"),
        (judged_against_nothing, "the gate judged it against no state: it told no plan to compare with"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_refused_applies_nothing_and_stands_in_the_log(
    bend: Callable[[World], None], told: str, world: World
) -> None:
    world.deals.merges(world.deals.takes("agreed"))
    bend(world)
    with pytest.raises(CriterionNotMet) as refused:
        world.apply()
    assert told in refused.value.message
    assert refused.value.fix
    assert world.applied == []
    assert followed(world.ctx.home) is None
    assert [result for result, _ in world.log] == [REFUSED]
    assert told in world.log[0][1]


def test_every_refusal_is_told_and_what_another_plan_would_do(world: World) -> None:
    world.deals.merges(world.deals.takes("agreed"))
    refused_by_now(world)
    with pytest.raises(CriterionNotMet) as refused:
        world.apply()
    assert refused.value.details[0] == "refused: 256 cores; limit: 64; passes with: less; may approve: cto"
    assert len(refused.value.details) == 2
    world.refusals = ()
    moved(world)
    with pytest.raises(CriterionNotMet) as refused:
        world.apply()
    assert refused.value.details == ("now: create module.landing_zone.a",)
    assert refused.value.fix.endswith(f"pov infra apply --checked {OTHER}")
    many = tuple(Change(f"a.b{number}", ("update",)) for number in range(30))
    world.plan = replace(world.plan, changes=many)
    with pytest.raises(CriterionNotMet) as refused:
        world.apply()
    assert refused.value.details[-2:] == ("now: update a.b19", "and 10 more")


def test_who_looked_at_what_it_would_do_by_now_may_have_that_applied(world: World) -> None:
    world.deals.merges(world.deals.takes("agreed"))
    moved(world)
    with pytest.raises(CriterionNotMet, match="the plan is another than the one that was checked: not abababababab"):
        world.apply(PLAN)
    assert world.apply(OTHER).new is True
    assert [asked.checked for asked in world.applied] == [OTHER]
    not_green(world)
    world.deals.merges(world.deals.asks(), 8)
    world.deals.statuses.clear()
    with pytest.raises(CriterionNotMet, match="the gate has not judged that"):
        world.apply(OTHER)


def test_a_refusal_under_the_lock_keeps_the_environment_at_what_it_followed(world: World) -> None:
    world.deals.merges(world.deals.takes("agreed"))
    world.fails = CriterionNotMet("the state moved between plan and apply", fix="plan anew: pov up")
    with pytest.raises(CriterionNotMet) as refused:
        world.apply()
    assert "pov infra apply" in refused.value.fix
    assert followed(world.ctx.home) is None
    assert world.then == []


def test_an_apply_that_fails_half_way_is_completed_by_the_next_bring_up(world: World) -> None:
    merge = world.deals.merges(world.deals.takes("agreed"))
    world.fails = PovError("terraform apply failed")
    with pytest.raises(PovError) as failed:
        world.apply()
    assert failed.value.fix == "pov up: it completes what was begun"
    kept = followed(world.ctx.home)
    assert kept is not None
    assert kept.origin.merge == merge, "what the next bring-up asks for"
    world.fails, world.plan = None, Told(CHANGES, OTHER)
    with pytest.raises(CriterionNotMet, match="the state has moved") as refused:
        world.apply()
    assert refused.value.fix == "pov up: it completes what was begun"
    world.settles()
    assert world.apply().new is False, "once the bring-up did"


def test_files_that_cannot_be_judged_are_told_as_they_are_called_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.deals.merges(world.deals.takes("agreed"))

    def wrong(options: GateOptions, emit: object) -> object:
        raise InvalidInput([Problem(f"{options.folder}/stages.yaml:3", "no number", "mend it")])

    monkeypatch.setattr(infra_apply, "run_gate", wrong)
    with pytest.raises(InvalidInput) as refused:
        world.apply()
    assert refused.value.problems[0].where == "deal/stages.yaml:3"
    assert world.log == [(REFUSED, "deal/stages.yaml:3: no number")]
    assert not (world.ctx.home.root / RECORD).exists()


def test_without_a_state_that_can_be_read_nothing_is_judged(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.deals.merges(world.deals.takes("agreed"))
    monkeypatch.setattr(infra_apply, "state_in", lambda *_: Against(why_not="the cluster of demo does not answer"))
    with pytest.raises(PovError) as failed:
        world.apply()
    assert failed.value.cause == "the cluster of demo does not answer"
    assert world.judged == []


def test_a_refusal_is_told_whatever_becomes_of_its_line(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.deals.merges(world.deals.takes("agreed"))
    not_green(world)
    told: list[Any] = []
    world.ctx.emit = told.append

    def full(*_: object, **__: object) -> str:
        raise PovError("cannot write the log", cause="No space left on device")

    monkeypatch.setattr(LogWriter, "record", full)
    with pytest.raises(CriterionNotMet, match="the gate has not judged that"):
        world.apply()
    assert [event.message for event in told] == [
        "the log of Terraform runs lacks this refusal: cannot write the log: No space left on device"
    ]

"""From a plan to an apply: what is refused, that the very file is applied, and what the log says of each end."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import CriterionNotMet, PovError, Transient
from pov.engines.terraform import Plan, Terraform
from pov.engines.terraform_state import StateMark, made_on, mark_of, seal_of
from pov.scoping.gate import Refusal, digest_given, told_of
from pov.state.terraform_log import APPLIED, BEGUN, EMPTY, FAILED, REFUSED, LogWriter, read_log
from pov.steps.landing_zone import applying as applied
from pov.steps.landing_zone.applying import GUARDRAIL, Applying, Asked, Judged
from tests.fakes.terraform import packed, saved_plan

GIVEN = {"stages": {"prod": {"cpu": 1}}, "quotas": {"cpu_standard": 64}}
CHANGES = [{"address": "a.b", "change": {"actions": ["create"]}}, {"address": "c.d", "change": {"actions": ["no-op"]}}]
DOCUMENT: dict[str, Any] = {
    "variables": {**{name: {"value": value} for name, value in GIVEN.items()}, "scope": {}},
    "resource_changes": CHANGES,
}
BEFORE, AFTER = StateMark("l", 4, 3), StateMark("l", 5, 4)


@dataclass
class FakeTerraform:
    """Plans what it is told to, and moves the state when it applies, unless it fails half way."""

    plan_of: Callable[[Mapping[str, Any]], Plan]
    state: StateMark = BEFORE
    applied: list[Plan] = field(default_factory=list)
    fails: PovError | None = None

    def plan(self, variables: Mapping[str, Any]) -> Plan:
        return self.plan_of(variables)

    def apply(self, plan: Plan) -> None:
        self.applied.append(plan)
        self.state = AFTER
        if self.fails:
            raise self.fails


class World:
    """One state, with a plan that may be applied; a test bends a part of it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "log"
        self.plan = Plan(1, 0, 0, "", folder / "plan.out", DOCUMENT, "seal", BEFORE)
        self.terraform = FakeTerraform(lambda _: self.plan)
        self.judged = Judged()
        self.checked = ""
        self.moves: Callable[[], None] = lambda: None
        terraform: Any = self.terraform
        self.way = Applying(
            terraform, self._state, lambda *_: self.judged, LogWriter(self.path), "jo@laptop", print, print
        )

    def _state(self) -> StateMark:
        self.moves()
        return self.terraform.state

    def run(self) -> Any:
        return self.way.run(Asked(GIVEN, "pov up", {"of": "pov 1", "commit": "abc"}, self.checked))

    @property
    def log(self) -> list[Any]:
        return list(read_log(self.path).entries)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_plan_that_may_be_is_applied_and_told_twice(world: World) -> None:
    told = world.run()
    assert world.terraform.applied == [world.plan], "that very plan"
    begun, ended = world.log
    assert (begun.result, ended.result) == (BEGUN, APPLIED)
    assert begun.run == ended.run
    assert (ended.actor, ended.command, ended.configuration["commit"]) == ("jo@laptop", "pov up", "abc")
    assert (ended.before["serial"], ended.after["serial"]) == (4, 5)
    assert ended.plan == told.digest
    assert ended.changes == ({"address": "a.b", "actions": ["create"]},), "addresses and actions of what changes"
    assert ended.judged == GUARDRAIL
    assert "cpu" not in world.path.read_text(), "no values"


def test_an_approved_plan_is_applied(world: World) -> None:
    world.checked = told_of(DOCUMENT, {"lineage": "l", "serial": 4}).digest
    world.run()
    assert world.log[-1].approved == world.log[-1].plan == world.checked


def _other_plan(world: World) -> None:
    """Somebody edited what is asked for since it was checked."""
    world.checked = told_of({**DOCUMENT, "resource_changes": []}, {"lineage": "l", "serial": 4}).digest


def _other_state(world: World) -> None:
    """The same plan, checked on the state before."""
    world.checked = told_of(DOCUMENT, {"lineage": "l", "serial": 3}).digest


def _refused(world: World) -> None:
    world.judged = Judged("policies", (Refusal("96 cores", "64", "less", ("cto",)), Refusal("more", "1", "2")))


def _slipped_in(world: World) -> None:
    variables = {**DOCUMENT["variables"], "scope": {"value": {"approved_by": "me"}}}
    world.plan = replace(world.plan, document={**DOCUMENT, "variables": variables})


def _changed_variable(world: World) -> None:
    variables = {**DOCUMENT["variables"], "quotas": {"value": {"cpu_standard": 512}}}
    world.plan = replace(world.plan, document={**DOCUMENT, "variables": variables})


def _moved(world: World) -> None:
    world.terraform.state = AFTER


def _made_anew(world: World) -> None:
    world.terraform.state = StateMark("another", 4, 3)


@pytest.mark.parametrize(
    ("bend", "told"),
    [
        (_other_plan, "another than the one that was checked"),
        (_other_state, "another than the one that was checked"),
        (_refused, "the plan is refused: 96 cores; limit: 64; passes with: less; may approve: cto (and 1 more)"),
        (_slipped_in, "another `scope` than was handed in"),
        (_changed_variable, "another `quotas` than was handed in"),
        (_moved, "the state moved between plan and apply: serial 4 then, 5 now"),
        (_made_anew, "the state moved between plan and apply"),
    ],
)
def test_what_is_refused_is_not_applied_and_stands_in_the_log(
    world: World, bend: Callable[[World], None], told: str
) -> None:
    bend(world)
    with pytest.raises(CriterionNotMet) as refused:
        world.run()
    assert told in refused.value.message
    assert refused.value.fix
    assert world.terraform.applied == []
    (entry,) = world.log
    assert (entry.result, entry.why) == (REFUSED, refused.value.message)


def test_an_empty_plan_is_a_line_and_no_apply(world: World) -> None:
    world.plan = replace(world.plan, create=0, document={**DOCUMENT, "resource_changes": []})
    assert world.run() is None
    assert [entry.result for entry in world.log] == [EMPTY]
    assert world.terraform.applied == []


def test_an_apply_that_failed_tells_the_state_that_it_left(world: World) -> None:
    world.terraform.fails = Transient("terraform apply was cut off", cause="secret = 7")
    with pytest.raises(Transient):
        world.run()
    assert [entry.result for entry in world.log] == [BEGUN, FAILED]
    assert world.log[-1].after["serial"] == 5
    assert "secret" not in world.path.read_text()


def test_a_plan_that_cannot_be_made_is_a_line(world: World) -> None:
    def fail(_: Mapping[str, Any]) -> Plan:
        raise PovError("terraform plan failed", cause="96 cores")

    world.terraform.plan_of = fail
    with pytest.raises(PovError):
        world.run()
    assert [(entry.result, entry.why) for entry in world.log] == [(FAILED, "terraform plan failed")]


def test_a_beginning_that_fails_is_a_line_and_no_plan_is_made(world: World) -> None:
    def fail() -> None:
        raise PovError("terraform init failed", cause="secret = 7")

    world.way.begin = fail
    world.terraform.plan_of = lambda _: pytest.fail("it planned")
    with pytest.raises(PovError, match="terraform init failed"):
        world.run()
    (entry,) = world.log
    assert (entry.result, entry.why, entry.command) == (FAILED, "terraform init failed", "pov up")
    assert "secret" not in world.path.read_text()


class Full:
    """A log on a disk that takes no more after some lines."""

    def __init__(self, lines: int) -> None:
        self.left = lines

    def record(self, result: str, **_: Any) -> str:
        if not self.left:
            raise PovError("cannot write log", cause="no space left on device", fix="free some space")
        self.left -= 1
        return result


def _unplanned(world: World) -> None:
    def fail(_: Mapping[str, Any]) -> Plan:
        raise PovError("terraform plan failed", cause="96 cores")

    world.terraform.plan_of = fail


def _unapplied(world: World) -> None:
    world.terraform.fails = PovError("terraform apply failed", cause="no such namespace")


@pytest.mark.parametrize(
    ("bend", "lines", "error", "told"),
    [
        (_unplanned, 0, PovError, "terraform plan failed"),
        (_refused, 0, CriterionNotMet, "the plan is refused: 96 cores"),
        (_unapplied, 1, PovError, "terraform apply failed"),
    ],
)
def test_what_terraform_said_is_told_whatever_the_disk_does(
    world: World, bend: Callable[[World], None], lines: int, error: type[PovError], told: str
) -> None:
    bend(world)
    notes: list[str] = []
    log: Any = Full(lines)
    world.way.log, world.way.note = log, notes.append
    with pytest.raises(error) as raised:
        world.run()
    assert raised.value.message.startswith(told)
    assert type(raised.value) is error
    (note,) = [note for note in notes if "log of Terraform runs" in note]
    assert "cannot write log: no space left on device" in note


def test_what_was_applied_is_told_as_applied_where_the_disk_refuses_the_line(world: World) -> None:
    log: Any = Full(1)
    world.way.log = log
    with pytest.raises(PovError) as raised:
        world.run()
    assert world.terraform.applied == [world.plan]
    assert raised.value.message.startswith("the plan was applied, and the state stands at serial 5")
    assert "no space left on device" in raised.value.cause
    assert raised.value.fix.startswith("free some space; then pov up")


def test_nothing_is_applied_that_the_log_does_not_take(world: World) -> None:
    log: Any = Full(0)
    world.way.log = log
    with pytest.raises(PovError, match="cannot write log"):
        world.run()
    assert world.terraform.applied == []


def test_an_interrupt_leaves_an_apply_without_an_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_: Plan) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(world.terraform, "apply", stop)
    with pytest.raises(KeyboardInterrupt):
        world.run()
    assert [entry.result for entry in read_log(world.path).cut_off] == [BEGUN]


def test_a_digest_tells_the_state_only_where_that_holds_something() -> None:
    plain = told_of(DOCUMENT).digest
    assert told_of(DOCUMENT, applied.digested(StateMark("l", 1, 0))).digest == plain, "as planned against nothing"
    on_state = {told_of(DOCUMENT, applied.digested(StateMark("l", serial, 1))).digest for serial in (1, 2)}
    assert len(on_state | {plain}) == 3


@pytest.mark.parametrize("text", ["", "abc", "A" * 64, "g" * 64, "a" * 65])
def test_what_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(PovError):
        digest_given("--checked", text)
    assert digest_given("--checked", None) == ""
    assert digest_given("--checked", "a" * 64) == "a" * 64


def test_a_saved_plan_and_a_state_tell_their_mark(tmp_path: Path) -> None:
    path = saved_plan(tmp_path / "plan.out", lineage="x", serial=7, objects=2)
    assert made_on(path) == StateMark("x", 7, 2)
    assert mark_of({"tfstate": packed("x", 8, 0)}) == StateMark("x", 8, 0)
    assert mark_of(None) == StateMark()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04garbage", b"{}"])
def test_a_plan_or_state_that_tells_nothing_is_an_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "plan.out").write_bytes(content)
    with pytest.raises(PovError, match="does not tell which state"):
        made_on(tmp_path / "plan.out")
    with pytest.raises(PovError, match="cannot be read"):
        mark_of({"tfstate": content})
    with zipfile.ZipFile(tmp_path / "other", "w") as archive:
        archive.writestr("tfplan", b"x")
    with pytest.raises(PovError, match="does not tell which state"):
        made_on(tmp_path / "other")


def test_a_plan_that_was_edited_after_the_check_starts_no_terraform(tmp_path: Path) -> None:
    program = tmp_path / "terraform"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/called\n")
    program.chmod(0o755)
    (tmp_path / "module").mkdir()
    terraform = Terraform(program, tmp_path / "module", providers=tmp_path, work=tmp_path / "work")
    path = saved_plan(tmp_path / "plan.out")
    plan = Plan(1, 0, 0, "", path, {}, seal_of(path), BEFORE)
    saved_plan(path, serial=9)
    with pytest.raises(PovError, match="changed after it was checked"):
        terraform.apply(plan)
    path.unlink()
    with pytest.raises(PovError, match="there is no plan"):
        terraform.apply(plan)
    assert not (tmp_path / "called").exists()


def test_what_is_kept_of_a_run_is_kept_once_it_may_be_applied_and_before_it_is(world: World) -> None:
    kept: list[int] = []

    def keep() -> None:
        kept.append(len(world.terraform.applied))

    def run(checked: str = "") -> None:
        world.way.run(Asked(GIVEN, "pov infra apply", {}, checked, keep))

    with pytest.raises(CriterionNotMet):
        run("0" * 64)
    assert kept == []
    run()
    assert (kept, len(world.terraform.applied)) == ([0], 1)
    world.terraform.state, world.plan = BEFORE, replace(world.plan, create=0)
    run()
    assert kept == [0, 1], "an empty plan is one that may be"


def test_what_cannot_be_kept_is_not_applied(world: World) -> None:
    def full() -> None:
        raise PovError("pov/deal cannot be kept", cause="No space left on device")

    with pytest.raises(PovError, match="cannot be kept"):
        world.way.run(Asked(GIVEN, "pov infra apply", {}, "", full))
    assert world.terraform.applied == []
    assert [(entry.result, entry.why) for entry in world.log] == [(FAILED, "pov/deal cannot be kept")]

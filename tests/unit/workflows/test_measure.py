from __future__ import annotations

import errno
import json
import re
import statistics
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.errors import InvalidInput, PovError, RunInterrupted
from pov.experiments import EXPERIMENTS
from pov.experiments.core import Experiment
from pov.experiments.placebo import PlaceboWindow
from pov.experiments.seat import People
from pov.measure.order import shuffled
from pov.measure.scoring import Criterion
from pov.measure.trials import Evidence
from pov.model import catalogue
from pov.model.events import Event, silent
from pov.state import runs, under_way
from pov.state.runs import RunWriter, read_run
from pov.workflows import measure, measuring
from pov.workflows.brought import Brought
from pov.workflows.measure import planned
from pov.workflows.measure_options import MeasureOptions
from pov.workflows.measuring import MeasureResult, Measuring
from pov.workflows.metering import Meter
from tests.unit.experiments.loads import Load
from tests.unit.experiments.world import BROKEN, World, scenario

TOLD = ["deploy, automated: 2 trials in place of 6"]
ABOUT = {"scenario": {"name": "small"}, "target": "kind", "seed": 7}


class Measured:
    """A run over a world in memory, with its events."""

    def __init__(
        self,
        folder: Path,
        *arms: str,
        trials: int = 2,
        named: tuple[str, ...] = ("deploy", "rotate"),
        record: dict[str, Any] | None = None,
        own: Brought | None = None,
        aa: int | None = None,
        first: str = "",
        **changes: Any,
    ) -> None:
        self.world = World(**changes)
        options = MeasureOptions(folder, experiments=named, arms=arms, trials=trials, aa=aa)
        self.plan, self.left_out = planned(options, self.world.scenario, own)
        self.slots = tuple(sorted(shuffled(self.plan, 7), key=lambda slot: slot.arm != first))
        self.writer = RunWriter(folder, {"simulated": True, **(record or {})}, clock=self.world.clock)
        self.events: list[Event] = []
        box = self.world.toolbox(folder)
        self.measuring = Measuring(
            box, self.writer, self.slots, self.events.append, own, clock=self.world.clock, hint=" --engagement demo"
        )

    def run(self, *criteria: Criterion) -> MeasureResult:
        return self.measuring.measure(ABOUT, self.plan, criteria)

    def told(self, kind: str) -> list[str]:
        return [event.message for event in self.events if event.kind == kind]


def criterion(**changes: Any) -> Criterion:
    return Criterion(
        **{
            "id": "time",
            "title": "In time",
            "experiment": "deploy",
            "arm": "automated",
            "metric": "median_seconds",
            "bound": 60,
            **changes,
        }
    )


def test_everything_is_saved_and_summed_up(tmp_path: Path) -> None:
    measured = Measured(tmp_path, "automated", "manual")
    result = measured.run(criterion())
    saved = read_run(result.path)
    assert saved.problems == ()
    assert [(s["experiment"], s["arm"], s["trial"]) for s in saved.samples] == [
        (slot.experiment, slot.arm, slot.trial) for slot in measured.slots
    ]
    assert all(s["ok"] for s in saved.samples)
    document = result.as_json()
    assert document["path"] == str(result.path)
    assert document["run"]["interrupted"] is False
    deploy, rotate = document["experiments"]
    assert [(arm["name"], arm["n"]) for arm in deploy["arms"]] == [("automated", 2), ("manual", 2)]
    assert deploy["comparisons"][0]["arms"] == ["manual", "automated"]
    assert rotate["placebo"]["requests"] > 0
    assert rotate["placebo"]["failed_requests"] == 0
    assert rotate["negative_control"]["failed_requests"] > 0
    assert deploy["negative_control"] is None
    assert document["prober_sees"] is True
    assert [c["outcome"] for c in document["criteria"]] == ["pass"]
    assert json.dumps(document)


def test_progress_is_told_with_the_time_it_took_last_time(tmp_path: Path) -> None:
    measured = Measured(tmp_path, "automated")
    measured.run()
    again = [event for event in measured.events if event.kind == "started" and event.message.endswith(", 2")]
    assert again
    assert all(event.seconds for event in again)
    assert any("of " in text and "requests failed" in text for text in measured.told("finished"))


def test_an_arm_that_waits_for_a_poll_says_so_while_it_waits(tmp_path: Path) -> None:
    measured = Measured(tmp_path, "automated", "automated-poll", trials=1, named=("deploy",))
    measured.run()
    told = [text for text in measured.told("progress") if "waits for" in text]
    assert told == ["deploy, automated-poll, 1: waits for Argo CD's next poll, every 120 to 180 s"]


def test_requests_that_a_negative_control_loses_are_told_as_what_it_is_for(tmp_path: Path) -> None:
    measured = Measured(tmp_path, "automated", trials=1, named=("rotate",))
    measured.run()
    told = measured.told("finished")
    blinded = [text for text in told if "negative-control" in text]
    assert blinded
    assert all("requests failed, as they must (" in text for text in blinded)
    assert not any("as they must" in text for text in told if text not in blinded)


def test_a_failed_trial_is_kept_and_the_others_go_on(tmp_path: Path) -> None:
    measured = Measured(tmp_path, "automated")
    measured.world.clock.after(5.0, lambda: measured.world.down.update(git=BROKEN))
    measured.world.clock.after(90.0, measured.world.down.clear)
    result = measured.run(criterion())
    assert len(read_run(result.path).samples) == len(measured.slots)
    assert measured.told("failed")
    assert [c["outcome"] for c in result.as_json()["criteria"]] == ["not shown"]


def test_ctrl_c_keeps_what_was_measured_and_sums_it_up(tmp_path: Path) -> None:
    measured = Measured(tmp_path, "automated")

    def interrupt() -> None:
        if len(measured.told("finished")) == 2 and measured.world.hook:
            measured.world.clock.hooks.clear()
            raise KeyboardInterrupt

    measured.world.clock.hooks.append(interrupt)
    with pytest.raises(KeyboardInterrupt):
        measured.run(criterion())
    saved = read_run(measured.writer.path)
    assert len(saved.samples) == 2
    assert saved.problems == ()
    assert saved.summary is not None
    assert saved.summary["run"]["interrupted"] is True
    assert all(load.ended is not None for load in measured.world.loads), "the trial that was cut off is cleaned up"
    assert measured.told("warning") == ["interrupted; 2 trials are kept"]
    again = f"pov measure --resume {measured.writer.run_id} --engagement demo"
    assert measured.told("note")[-1] == f"it goes on with: {again}"


@pytest.mark.parametrize("trials", [0, 1, 2])
def test_what_an_interrupt_kept_is_counted_in_words(trials: int) -> None:
    assert measuring._kept(trials) == {0: "0 trials are kept", 1: "1 trial is kept", 2: "2 trials are kept"}[trials]


@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_names_the_run_however_often_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    measured = Measured(tmp_path, "automated")

    def interrupt(*_: Any, **__: Any) -> None:
        assert under_way.is_held(measured.writer.path)
        raise KeyboardInterrupt

    monkeypatch.setattr(Measuring, "_one", interrupt)
    if times == 2:
        monkeypatch.setattr(measuring, "summarise", interrupt)
    with pytest.raises(RunInterrupted) as caught, measuring.under_measurement(measured.writer):
        measured.run(criterion())
    assert caught.value.run == measured.writer.run_id
    assert not under_way.is_held(measured.writer.path)
    assert (measured.writer.path / "summary.json").exists() is (times == 1)


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """`measure.run` up to its first trial, on an environment of fakes; returned is what it asks of what is frozen."""
    world, where = World(), "pov.workflows"
    home = SimpleNamespace(
        lock=nullcontext, runs_dir=tmp_path / "runs", journal_writer=lambda: SimpleNamespace(hear=silent)
    )
    ctx = SimpleNamespace(engagement=None, home=home, name="one", scenario=world.scenario, kube=None, deal=None)
    stands = SimpleNamespace(told=None, record={"exploratory": TOLD}, files={})
    load = SimpleNamespace(as_json=dict, traffic=world.scenario.traffic)
    record = {**ABOUT, "versions": {}, "services": 5, "machine": {}, "started": "", "criteria": []}
    for name, made in {
        "environment.attach": ctx, "environment.recall": SimpleNamespace(engagement=None), "agreement.criteria_of": (),
        "toolbox.toolbox": world.toolbox(tmp_path), "toolbox.kept_configuration": None,
        "record.asked": None, "record.environment": record, "record.other_versions": (), "refused.refused": [],
        "measure.compare": (), "measure.take_back_stage": None, "measure.take_back_all": None,
        "measure._calibrated": load, "metering.Meter.of": None,
    }.items():  # fmt: skip
        monkeypatch.setattr(f"{where}.{name}", lambda *_, _made=made, **__: _made)
    found: list[dict[str, Any]] = []

    def standing(*given: Any, **more: Any) -> Any:
        found.append({"meant": given[3], **more})
        return stands

    monkeypatch.setattr(f"{where}.standing.standing", standing)
    return found


def stopped(self: Measuring, *_: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("exploratory", [True, False])
def test_what_is_frozen_is_asked_with_the_plan_and_whether_it_may_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[dict[str, Any]], exploratory: bool
) -> None:
    monkeypatch.setattr(Measuring, "_one", stopped)
    options = MeasureOptions(tmp_path, experiments=("deploy",), trials=2, exploratory=exploratory)
    with pytest.raises(RunInterrupted):
        measure.run(options, silent)
    (run,) = (tmp_path / "runs").iterdir()
    assert json.loads((run / "summary.json").read_text())["run"]["exploratory"] == TOLD
    ((meant, given),) = [(one["meant"], one["exploratory"]) for one in asked]
    assert given is exploratory
    assert (meant.plan["deploy", "automated"], meant.plan["deploy", "manual"]) == (2, 2)
    assert ("rotate", "automated") not in meant.plan


@pytest.mark.usefixtures("asked")
def test_what_an_experiment_needs_is_at_hand_before_a_run_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may take minutes, or not be had at all: no run is recorded that could not measure anything."""
    wanted: list[str] = []

    def have(_box: object, experiments: Sequence[Experiment]) -> None:
        wanted.extend(dict.fromkeys(one.name for one in experiments))
        raise PovError("no network")

    monkeypatch.setattr(measure, "have_at_hand", have)
    with pytest.raises(PovError, match="no network"):
        measure.run(MeasureOptions(tmp_path, experiments=("upgrade", "deploy"), trials=2), silent)
    assert wanted == ["upgrade", "deploy"]
    assert not (tmp_path / "runs").exists()


@pytest.mark.usefixtures("asked")
def test_the_plan_is_shown_with_its_time_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Measuring, "_one", stopped)
    events: list[Event] = []
    with pytest.raises(RunInterrupted):
        measure.run(MeasureOptions(tmp_path, experiments=("deploy",), trials=2), events.append)
    whole, deploy = (event.message for event in events[:2] if event.kind == "note")
    assert re.match(r"\d+ trials, about \d+ min \d\d s \(guessed, no trial was timed here yet\)$", whole)
    assert re.search(r"^deploy: .*2 x Automated \(\d+ s\).*2 x Runbook by machine \(\d+ s\)", deploy)


@pytest.mark.usefixtures("asked")
def test_measure_says_that_it_runs_and_how_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[bool] = []

    def interrupt(self: Measuring, *_: Any) -> None:
        held.append(under_way.is_held(self._writer.path))
        raise KeyboardInterrupt

    renewed: list[Any] = []
    monkeypatch.setattr("pov.steps.gate.published.publish", renewed.append)
    monkeypatch.setattr(Measuring, "_one", interrupt)
    events: list[Event] = []
    with pytest.raises(RunInterrupted) as caught:
        measure.run(MeasureOptions(tmp_path, experiments=("deploy",), hint=" --engagement demo"), events.append)
    assert [one.name for one in renewed] == ["one"], "what the gate plans against, however the run ended"
    assert held == [True]
    (run,) = (tmp_path / "runs").iterdir()
    assert caught.value.run == run.name
    assert events[-1].message == f"it goes on with: pov measure --resume {run.name} --engagement demo"


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    real = runs.os.fsync
    state = {"full": False}

    def fsync(number: int) -> None:
        if state["full"]:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(number)

    monkeypatch.setattr(runs.os, "fsync", fsync)
    return lambda full: state.update(full=full)


def test_a_full_disk_loses_nothing_once_there_is_room_again(tmp_path: Path, full_disk: Callable[[bool], None]) -> None:
    measured = Measured(tmp_path, "automated")
    measured.world.clock.after(10.0, lambda: full_disk(True))
    measured.world.clock.after(90.0, lambda: full_disk(False))
    result = measured.run()
    saved = read_run(result.path)
    assert saved.problems == ()
    assert len(saved.samples) == len(measured.slots)
    assert any("1 sample is kept in memory" in text for text in measured.told("warning"))


def test_room_that_comes_in_the_last_minute_is_enough(tmp_path: Path, full_disk: Callable[[bool], None]) -> None:
    measured = Measured(tmp_path, "automated", trials=1)
    full_disk(True)

    def made_room() -> None:
        if any("free some space now" in text for text in measured.told("warning")):
            full_disk(False)

    measured.world.clock.hooks.append(made_room)
    result = measured.run()
    assert len(read_run(result.path).samples) == len(measured.slots)


def test_a_disk_that_stays_full_ends_in_a_clear_message(tmp_path: Path, full_disk: Callable[[bool], None]) -> None:
    measured = Measured(tmp_path, "automated", trials=1)
    full_disk(True)
    with pytest.raises(PovError, match="5 of 5 samples could not be saved") as caught:
        measured.run()
    assert "No space left" in caught.value.cause
    assert "free space" in caught.value.fix


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {("deploy", "automated"): 2, ("deploy", "automated-poll"): 2, ("deploy", "manual"): 2}),
        ({"experiments": ("deploy",), "arms": ("automated",), "trials": 5}, {("deploy", "automated"): 5}),
        ({"experiments": ("rotate",), "arms": ("automated-poll",)}, {("rotate", "automated-poll"): 2}),
    ],
)
def test_what_is_planned(options: dict[str, Any], expected: dict[tuple[str, str], int], tmp_path: Path) -> None:
    plan, left_out = planned(MeasureOptions(tmp_path, **options), scenario())
    assert left_out == ()
    name = options.get("experiments", ("deploy",))[0]
    never = {"placebo", "negative-control"}
    assert {key: n for key, n in plan.items() if key[0] == name and key[1] not in never} == expected
    assert plan[name, "placebo"] == options.get("trials", 2), "as many as the reference arm has trials"


def test_without_legacy_estate_there_is_no_manual_arm(tmp_path: Path) -> None:
    bare = scenario(legacy={"hosts": 0}, experiments=[])
    plan, _ = planned(MeasureOptions(tmp_path), bare)
    assert {arm for _, arm in plan} == {"automated", "placebo"}
    with pytest.raises(InvalidInput, match="no legacy estate"):
        planned(MeasureOptions(tmp_path, arms=("manual",)), bare)


def test_a_legacy_estate_with_fewer_replicas_is_no_arm_to_compare_with(tmp_path: Path) -> None:
    wide = scenario(services={"count": 5, "replicas": 2}, experiments=[])
    plan, _ = planned(MeasureOptions(tmp_path), wide)
    assert {arm for _, arm in plan} == {"automated", "placebo", "negative-control"}
    with pytest.raises(InvalidInput, match="like staging"):
        planned(MeasureOptions(tmp_path, arms=("manual",)), wide)


def test_what_does_not_exist_is_told_at_once(tmp_path: Path) -> None:
    known = ", ".join((*catalogue.measurable(), "person", "person-commits", "person-reviewed"))
    with pytest.raises(InvalidInput) as caught:
        planned(MeasureOptions(tmp_path, experiments=("deplyo",), arms=("magic",)), scenario())
    assert [str(problem) for problem in caught.value.problems] == [
        "deplyo: no such experiment (did you mean `deploy`?)",
        f"--arm: no arm `magic` (known: {known}; one of your own: --arm magic=./script.sh)",
    ]
    for window in ("placebo", "negative-control", "automated-again"):
        with pytest.raises(InvalidInput, match=f"{window} is no way of doing it"):
            planned(MeasureOptions(tmp_path, arms=(window,)), scenario())
    with pytest.raises(InvalidInput, match="no arm `manaul`") as caught:
        planned(MeasureOptions(tmp_path, arms=("manaul",)), scenario())
    assert caught.value.fix.startswith("did you mean `manual`?")


def test_placebos_are_as_long_as_the_trials_were_and_on_each_estate_in_turn(tmp_path: Path) -> None:
    measured = Measured(tmp_path, "automated", "manual", trials=4)
    result = measured.run()
    samples = [s for s in read_run(result.path).samples if s["experiment"] == "deploy"]
    windows = [s for s in samples if s["arm"] == "placebo"]
    assert len(windows) == 4
    by_number = sorted(windows, key=lambda s: s["trial"])
    assert [s["details"]["estate"] for s in by_number] == ["staging", "legacy", "staging", "legacy"]
    arms = {"staging": "automated", "legacy": "manual"}
    for window in windows:
        estate = window["details"]["estate"]
        before = [s["seconds"] for s in samples[: samples.index(window)] if s["arm"] == arms[estate]]
        assert window["details"]["window_s"] == pytest.approx(statistics.median(before) if before else 25.0)
        assert window["seconds"] >= window["details"]["window_s"]
    assert any(window["details"]["window_s"] != 25.0 for window in windows)


def test_a_placebo_before_any_trial_is_as_long_as_the_longest_way_usually_takes(tmp_path: Path) -> None:
    measured = Measured(tmp_path, "automated", "manual", trials=4, named=("rotate",), first="placebo")
    samples = read_run(measured.run().path).samples
    windows = [s["details"] for s in samples if s["arm"] == "placebo"]
    assert [(w["estate"], w["window_s"]) for w in windows] == [("staging", 20.0), ("legacy", 35.0)] * 2


def test_a_placebo_is_no_shorter_than_the_longest_way_but_a_poll_s(tmp_path: Path) -> None:
    measured = Measured(tmp_path, "automated", "automated-poll", "manual", "scripted", trials=4)
    samples = [s for s in read_run(measured.run().path).samples if s["experiment"] == "deploy"]
    arms = {"staging": "automated", "legacy": "manual"}
    for window in (s for s in samples if s["arm"] == "placebo"):
        before = [
            s for s in samples[: samples.index(window)] if s["details"].get("estate") == window["details"]["estate"]
        ]
        times = [s["seconds"] for s in before if s["arm"] == arms[window["details"]["estate"]]]
        if times:
            assert window["details"]["window_s"] == pytest.approx(statistics.median(times))


def test_a_scenario_may_ask_for_fewer_placebos(tmp_path: Path) -> None:
    few = scenario(experiments=[{"name": "deploy", "trials": 5, "arms": ["automated"], "placebos": 2}])
    assert planned(MeasureOptions(tmp_path), few)[0]["deploy", "placebo"] == 2
    assert planned(MeasureOptions(tmp_path, trials=1), few)[0]["deploy", "placebo"] == 1


def test_one_service_without_edges_is_measured_to_the_end(tmp_path: Path) -> None:
    one = {"services": {"count": 1}, "povServices": 1, "legacy": {"hosts": 1}}
    measured = Measured(tmp_path, "automated", "manual", trials=1, **one)
    result = measured.run()
    saved = read_run(result.path)
    assert len(saved.samples) == 4
    assert all(s["ok"] for s in saved.samples)
    assert {s["arm"] for s in saved.samples} == {"automated", "manual"}
    assert "no service calls another" in measured.left_out[0]


def test_a_trial_that_cannot_be_made_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = Measured(tmp_path, "automated", trials=1)

    def broken(*_: object) -> Any:
        raise BROKEN

    monkeypatch.setitem(EXPERIMENTS._items, "rotate", replace(EXPERIMENTS["rotate"], negative=broken))
    result = measured.run()
    saved = {s["arm"]: s for s in read_run(result.path).samples if s["experiment"] == "rotate"}
    assert saved["negative-control"]["error"] == "broken (because)"
    assert saved["automated"]["ok"]


def test_the_runs_end_stops_what_a_trial_could_not(tmp_path: Path) -> None:
    measured = Measured(tmp_path, "automated", trials=1)
    stop = Load.stop

    def fails_once(load: Load) -> Any:
        if load is measured.world.loads[-1] and len(measured.told("finished")) == len(measured.slots) - 1:
            raise BROKEN
        return stop(load)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Load, "stop", fails_once)
        measured.run()
    assert all(load.ended is not None for load in measured.world.loads)


def test_the_configuration_repository_is_kept_with_the_run(tmp_path: Path) -> None:
    measured = Measured(tmp_path, "automated")
    measured.measuring._keep = lambda file: file.write_bytes(b"bundle") and None
    result = measured.run()
    assert (result.path / runs.CONFIGURATION).read_bytes() == b"bundle"
    saved = read_run(result.path)
    assert saved.problems == ()
    assert saved.summary is not None
    assert runs.CONFIGURATION in saved.summary["digests"]


def test_it_is_kept_before_the_first_trial_and_anew_after_the_last(tmp_path: Path) -> None:
    measured = Measured(tmp_path, "automated")
    kept: list[tuple[str, int]] = []
    measured.measuring._keep = lambda file: kept.append((file.name, len(measured.told("started"))))
    measured.run()
    assert kept == [(runs.CONFIGURATION, 0), (runs.CONFIGURATION, len(measured.told("started")))]
    assert kept[1][1] >= len(measured.slots)


def test_a_configuration_repository_that_cannot_be_kept_costs_no_sample(tmp_path: Path) -> None:
    measured = Measured(tmp_path, "automated")

    def refuse(file: Path) -> None:
        raise PovError("the Git server is gone")

    measured.measuring._keep = refuse
    result = measured.run()
    assert len(read_run(result.path).samples) == len(measured.slots)
    assert any("could not be kept: the Git server is gone" in text for text in measured.told("warning"))


def sits(*by: str, reviewers: tuple[str, ...] = ()) -> People:
    return People(by, reviewers=reviewers)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"arms": ("person",), "people": sits("sam")}, {("deploy", "person"): 1}),
        ({"arms": ("person",), "people": sits("sam", "kim"), "trials": 2}, {("deploy", "person"): 4}),
        (
            {"arms": ("person-reviewed",), "people": sits("sam", "kim", reviewers=("kim", "sam")), "trials": 2},
            {("deploy", "person-reviewed"): 4},
        ),
        (
            {"arms": ("person", "person-reviewed"), "people": sits("sam", "ann", reviewers=("kim",))},
            {("deploy", "person"): 2, ("deploy", "person-reviewed"): 2},
        ),
        (
            {"arms": ("person", "manual"), "people": sits("sam")},
            {("deploy", "person"): 1, ("deploy", "manual"): 2, ("deploy", "placebo"): 2},
        ),
    ],
)
def test_people_are_planned_by_their_number_and_wait_for_no_placebo(
    options: dict[str, Any], expected: dict[tuple[str, str], int], tmp_path: Path
) -> None:
    plan, _ = planned(MeasureOptions(tmp_path, experiments=("deploy",), **options), scenario())
    assert plan == expected


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"arms": ("person",)}, "nobody is named who does it"),
        ({"people": sits("sam")}, "nobody sits down in the arms that are measured"),
        ({"arms": ("person",), "people": sits("sam smith")}, "cannot be used as an alias"),
        ({"arms": ("person",), "people": sits("")}, "cannot be used as an alias"),
        ({"arms": ("person",), "people": sits("../x")}, "cannot be used as an alias"),
        ({"arms": ("person-reviewed",)}, "person-reviewed: nobody is named who does it"),
        ({"arms": ("person-reviewed",), "people": sits("sam")}, "person-reviewed: nobody is named who reviews"),
        ({"arms": ("person-reviewed",), "people": sits(reviewers=("kim",))}, "nobody is named who does it"),
        ({"people": sits(reviewers=("kim",))}, "nobody reviews in the arms that are measured"),
        ({"arms": ("person",), "people": sits("sam", reviewers=("kim",))}, "nobody reviews in the arms"),
        ({"arms": ("person-reviewed",), "people": sits("sam", reviewers=("sam",))}, "sam would review what they asked"),
        ({"arms": ("person",), "people": sits("sam", "Sam")}, "sam and Sam would count as two persons"),
        ({"arms": ("person-reviewed",), "people": sits("sam", reviewers=("SAM",))}, "sam and SAM would count as two"),
        (
            {"arms": ("person-reviewed",), "people": sits("sam", "kim", reviewers=("kim",))},
            "kim would review what they",
        ),
        (
            {"arms": ("person-reviewed",), "people": sits("a", "b", "c", reviewers=("d", "e"))},
            "2 of them for 3 who ask",
        ),
        ({"arms": ("person-reviewed",), "people": sits("sam", reviewers=("kim lee",))}, "cannot be used as an alias"),
    ],
)
def test_who_sits_down_and_for_what_have_to_fit(options: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=told):
        planned(MeasureOptions(tmp_path, experiments=("deploy",), **options), scenario())


def test_a_person_needs_a_legacy_estate(tmp_path: Path) -> None:
    bare = scenario(legacy={"hosts": 0}, experiments=[])
    with pytest.raises(InvalidInput, match="no legacy estate"):
        planned(MeasureOptions(tmp_path, arms=("person",), people=sits("sam")), bare)


def test_a_lost_terminal_ends_the_run_and_keeps_its_trial(tmp_path: Path) -> None:
    measured = Measured(tmp_path, "manual")

    class Gone(PlaceboWindow):
        def evidence(self) -> Evidence:
            return replace(super().evidence(), details={"terminal_gone": True}, origin="person")

    measured.measuring._trial = lambda slot: Gone(  # type: ignore[method-assign]
        measured.world.toolbox(tmp_path), slot, measured.world.staging, measured.world.staging.services, 1.0
    )
    with pytest.raises(KeyboardInterrupt):
        measured.run()
    saved = read_run(measured.writer.path)
    assert [sample["origin"] for sample in saved.samples] == ["person"]
    assert saved.summary is not None
    assert saved.summary["run"]["interrupted"] is True


class Metered(Meter):
    """A meter that tells what it is given; an error is raised."""

    def __init__(self, *told: Any) -> None:
        self.told, self.begun = list(told), 0

    def begin(self) -> None:
        self.begun += 1

    def span(self) -> Any:
        now = self.told.pop(0)
        if isinstance(now, BaseException):
            raise now
        return now


def metered(folder: Path, *told: Any) -> tuple[Measured, Metered]:
    measured, meter = Measured(folder, "automated", named=("deploy",)), Metered(*told)
    box, writer, slots = measured.world.toolbox(folder), measured.writer, measured.slots
    measured.measuring = Measuring(
        box, writer, slots, measured.events.append, clock=measured.world.clock, meter=meter
    )  # fmt: skip
    return measured, meter


def test_each_sample_keeps_what_the_platform_took_since_the_one_before(tmp_path: Path) -> None:
    measured, meter = metered(tmp_path, *({"seconds": float(n)} for n in range(1, 9)))
    summary = measured.run().as_json()
    samples = read_run(measured.writer.path).samples
    assert [s["details"]["footprint"]["seconds"] for s in samples] == [float(n) for n in range(1, len(samples) + 1)]
    assert all(s["details"]["whole_seconds"] for s in samples)
    assert meter.begun == 1
    assert summary["footprint"]["readings"] == len(samples)


@pytest.mark.parametrize(("error", "said"), [(BROKEN, "broken: because"), (PovError("broken"), "broken")])
def test_a_meter_that_fails_costs_its_figures_and_no_sample(tmp_path: Path, error: PovError, said: str) -> None:
    measured, _ = metered(tmp_path, {"seconds": 1.0}, error, error, None, *({"seconds": 4.0} for _ in range(9)))
    measured.run()
    samples = read_run(measured.writer.path).samples
    assert len(samples) == len(measured.slots)
    assert ["footprint" in s["details"] for s in samples[:4]] == [True, False, False, False]
    told = [line for line in measured.told("warning") if "cannot be read" in line]
    assert told == [f"what the platform takes cannot be read: {said}"], "once, and not with every trial"


def test_ctrl_c_while_the_meter_is_read_keeps_the_sample(tmp_path: Path) -> None:
    measured, _ = metered(tmp_path, {"seconds": 1.0}, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        measured.run()
    samples = read_run(measured.writer.path).samples
    assert ["footprint" in s["details"] for s in samples] == [True, False]

"""A run goes on: the same plan, load and order, the same things running, and the report says that it had stopped."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from pov.base.errors import InvalidInput, NotFound, PovError
from pov.cli.app import cli
from pov.cli.main import main
from pov.experiments.core import Experiment
from pov.experiments.toolbox import Toolbox
from pov.measure.order import shuffled
from pov.measure.summary import summarise
from pov.model.catalogue import EXPERIMENTS
from pov.model.events import Event, silent
from pov.model.reading import read_sample
from pov.model.sample import CUT_OFF, INTERRUPTED
from pov.model.words import Words
from pov.reporting.model import build
from pov.state import under_way
from pov.state.attested import Attested
from pov.state.ledger import entries
from pov.state.reopening import reopened
from pov.state.runs import HEAD, RunWriter, read_run
from pov.workflows import alike, resuming
from pov.workflows.brought import brought
from pov.workflows.forging import forgeable
from pov.workflows.measure import planned
from pov.workflows.measure_options import MeasureOptions
from pov.workflows.measuring import MeasureResult, Measuring, mark_of
from pov.workflows.resuming import ResumeOptions
from pov.workflows.runs import RunsOptions, run_list
from pov.workflows.taking_back import take_back, take_back_all
from tests.unit.experiments.world import World
from tests.unit.reporting import simulated
from tests.unit.workflows.test_measure import Metered
from tests.unit.workflows.test_verify import alone, attached

SEED = 17
"""An order in which deployments come before the last placebo of theirs, and something else before a runbook."""
STARTS = EXPERIMENTS["deploy"].starts
ABOUT = {"scenario": {"name": "small"}, "target": "kind", "seed": 7}
WENT_ON = {
    "after": 3,
    "ended": CUT_OFF,
    "last": "2026-03-09T09:34:07.250Z",
    "at": "2026-03-09T11:02:41.000Z",
    "trial": "deploy manual 2",
    "cut_bytes": 0,
}


class Begun:
    """A run over a world in memory that is interrupted after so many trials."""

    def __init__(self, root: Path, trials: int, *, killed: bool = False, **record: Any) -> None:
        self.root = root
        self.world = World()
        options = MeasureOptions(root, experiments=("deploy", "rotate"), arms=("automated", "manual"), trials=2)
        self.plan, _ = planned(options, self.world.scenario)
        self.slots = shuffled(self.plan, SEED)
        environment = {
            "simulated": True,
            "cluster": "a-cluster",
            "started": "2026-03-09T00:16:00.000Z",
            "order_seed": SEED,
            "plan": [vars(slot) for slot in self.slots],
            "traffic": {**self.world.scenario.traffic.model_dump(), "interval_ms": 2000, "halvings": 1},
            "criteria": [],
            **record,
        }
        self.writer = RunWriter(root / ".pov" / "one" / "runs", environment, clock=self.world.clock)
        self.path = self.writer.path
        self._measure(self.writer, trials)
        if killed:
            for name in (HEAD, "summary.json"):
                (self.path / name).unlink()

    def _measure(self, writer: RunWriter, stop_after: int) -> None:
        events: list[Event] = []

        def hear(event: Event) -> None:
            events.append(event)
            if event.kind == "started" and len([e for e in events if e.kind == "finished"]) == stop_after:
                raise KeyboardInterrupt

        box = self.world.toolbox(self.root)
        with pytest.raises(KeyboardInterrupt):
            Measuring(box, writer, self.slots, hear, clock=self.world.clock).measure(ABOUT, self.plan, ())

    def goes_on(self) -> MeasureResult:
        saved = read_run(self.path)
        done = [read_sample(record, n, []) for n, record in enumerate(saved.samples, 1)]
        writer = reopened(saved, clock=self.world.clock)
        box = replace(self.world.toolbox(self.root), run=mark_of(writer.run_id, 1))
        measuring = Measuring(box, writer, self.slots, silent, clock=self.world.clock, done=done)
        return measuring.measure(ABOUT, self.plan, ())

    def options(self, run: str | None = None) -> ResumeOptions:
        return ResumeOptions(self.root, run or self.path.name)


@pytest.mark.parametrize("killed", [False, True], ids=["interrupted", "killed"])
@pytest.mark.parametrize("trials", [0, 1, 5, 12])
def test_it_goes_on_in_the_order_that_was_drawn(tmp_path: Path, trials: int, killed: bool) -> None:
    begun = Begun(tmp_path, trials, killed=killed)
    first = (begun.path / "samples.jsonl").read_bytes()
    result = begun.goes_on()
    saved = read_run(result.path)
    assert saved.problems == ()
    assert (result.path / "samples.jsonl").read_bytes().startswith(first)
    assert [(s["experiment"], s["arm"], s["trial"]) for s in saved.samples] == [
        (slot.experiment, slot.arm, slot.trial) for slot in begun.slots
    ]
    assert all(s["ok"] for s in saved.samples)
    summary = result.as_json()
    assert summary["run"]["interrupted"] is False
    (told,) = summary["interruptions"]
    assert (told["after"], told["ended"]) == (trials, CUT_OFF if killed else INTERRUPTED)
    samples = [read_sample(record, n, []) for n, record in enumerate(saved.samples, 1)]
    assert summarise(summary["run"], samples, ()) == {key: summary[key] for key in summary if key != "path"}


def test_placebos_are_as_long_as_trials_before_the_interruption_were(tmp_path: Path) -> None:
    begun = Begun(tmp_path, 8)
    samples = read_run(begun.goes_on().path).samples
    later = [s for s in samples[8:] if s["arm"] == "placebo"]
    whole = Begun(tmp_path / "whole", 8)
    times = {s["trial"]: s["seconds"] for s in samples[:8] if (s["experiment"], s["arm"]) == ("deploy", "automated")}
    assert later
    assert times
    assert whole.slots == begun.slots
    assert all(s["details"]["window_s"] != 25.0 for s in later if s["experiment"] == "deploy")


def test_no_version_of_before_is_deployed_again() -> None:
    marks = [mark_of("20260309-093000-ab12", times) for times in range(3)]
    assert marks == ["0309093000ab12", "0309093000ab12r1", "0309093000ab12r2"]


def test_the_trial_that_was_cut_off_is_named(tmp_path: Path) -> None:
    begun = Begun(tmp_path, 3)
    slot = begun.slots[3]
    begun.writer.begin(vars(slot))
    result = begun.goes_on()
    (told,) = result.as_json()["interruptions"]
    assert told["trial"] == f"{slot.experiment} {slot.arm} {slot.trial}"


def whole(begun: Begun) -> None:
    begun.goes_on()


def sign(begun: Begun) -> None:
    (begun.path / f"{HEAD}.sig").write_text("a signature")


def sign_report(begun: Begun) -> None:
    folder = begun.path.parent.parent / "reports" / begun.path.name
    folder.mkdir(parents=True)
    (folder / "statement.json.buyer.sig").write_text("a signature")


def edit(name: str, old: str, new: str) -> Callable[[Begun], None]:
    def do(begun: Begun) -> None:
        text = (begun.path / name).read_text()
        assert old in text
        (begun.path / name).write_text(text.replace(old, new, 1))

    return do


def no_samples(begun: Begun) -> None:
    (begun.path / "samples.jsonl").unlink()


REFUSED: dict[str, tuple[Callable[[Begun], None], str]] = {
    "finished": (whole, "ended by itself: 13 of 13 trials are saved"),
    "countersigned": (sign, "it is countersigned"),
    "a countersigned report": (sign_report, "it is countersigned"),
    "a changed sample": (edit("samples.jsonl", '"trial":1', '"trial":9'), "samples.jsonl:1: does not fit the chain"),
    "a changed plan": (edit("environment.json", '"trial": 2', '"trial": 7'), "not the one that was saved"),
    "a changed summary": (edit("summary.json", '"interrupted": true', '"interrupted":  true'), "summary.json: is not"),
    "no samples": (no_samples, "no readable run"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_go_on_is_refused_and_left_as_it_is(tmp_path: Path, case: str) -> None:
    begun = Begun(tmp_path, 4)
    change, told = REFUSED[case]
    change(begun)
    before = {path.name: path.read_bytes() for path in begun.path.iterdir() if path.is_file()}
    with pytest.raises(InvalidInput) as caught:
        resuming.found(begun.options())
    assert told in " ".join(str(problem) for problem in caught.value.problems)
    assert all(problem.fix for problem in caught.value.problems)
    assert {path.name: path.read_bytes() for path in begun.path.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"cluster": ""}, "did not record on which cluster"),
        ({"plan": [{"experiment": "deploy", "arm": "automated", "trials": 3}]}, "its plan cannot be read"),
        ({"plan": [{"experiment": "deploy", "arm": "manual", "trial": 1}]}, "not the first of its plan"),
    ],
    ids=["an earlier version's", "a plan of another kind", "samples of another plan"],
)
def test_a_record_without_what_it_takes_is_refused(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    begun = Begun(tmp_path, 1, killed=True, **changes)
    with pytest.raises(InvalidInput, match=told):
        resuming.found(begun.options())


@pytest.mark.parametrize("tail", [b'{"arm":"auto', b"\x00\x00\x00", b"\xff", b'{"arm":"automated"'])
def test_a_last_line_that_was_cut_off_keeps_nobody(tmp_path: Path, tail: bytes) -> None:
    begun = Begun(tmp_path, 4, killed=True)
    with (begun.path / "samples.jsonl").open("ab") as stream:
        stream.write(tail)
    assert resuming.found(begun.options()).left == begun.slots[4:]
    result = begun.goes_on()
    assert read_run(result.path).problems == ()
    assert result.as_json()["interruptions"][0]["cut_bytes"] == len(tail)


def test_a_run_is_named_as_everywhere(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="nothing was measured yet"):
        resuming.found(ResumeOptions(tmp_path, "latest"))
    begun = Begun(tmp_path, 2)
    for name in ("latest", begun.path.name, begun.path.name[-4:]):
        assert resuming.found(begun.options(name)).run == begun.path.name
    with pytest.raises(InvalidInput, match="no run nothing") as caught:
        resuming.found(begun.options("nothing"))
    assert caught.value.exit_code == 2
    assert caught.value.fix == "pov runs list"


MOCK = "localhost/pov/mock:1.0.0"
PLAN = {("deploy", "automated"), ("deploy", "manual")}
TIME = {"id": "time", "experiment": "deploy", "metric": "median_seconds", "at_most": 60, "timeout_ms": None}
OTHER = {"id": "other", "experiment": "rotate", "metric": "median_seconds", "at_most": 60}
WORDS = Words().as_json()
RECORD: dict[str, Any] = {
    "cluster": "a",
    "services": 5,
    "criteria": [TIME, OTHER],
    "pki": {"ttl": "24h", "rootTtl": "8760h"},
    "catalogue": WORDS,
    "runbooks": {"deploy": {"origin": "example", "digest": "d1"}, "rotate": {"origin": "example", "digest": "r1"}},
    "own_arms": [{"name": "mine", "digest": "m1"}],
    "machine": {"cores": 2, "load": [0.1, 0.2, 0.3], "memory_available_mib": 9},
    "versions": {
        "Gitea": "1.27.0",
        "Vault API": "did not say (refused)",
        "image mock": f"localhost/pov/mock:1123ab-automated-1 sha256:c, {MOCK} sha256:a",
        "image argocd": "localhost/pov/argocd:3 sha256:b",
    },
}


def words(of: str, name: str, /, **changes: Any) -> dict[str, Any]:
    """The catalogue with one entry changed; a key without a value is taken out of it."""

    def changed(entry: dict[str, Any]) -> dict[str, Any]:
        if entry["name"] != name:
            return entry
        return {key: value for key, value in {**entry, **changes}.items() if value is not None}

    return {"catalogue": {**WORDS, of: [changed(entry) for entry in WORDS[of]]}}


def runbook(name: str, digest: str) -> dict[str, Any]:
    return {"runbooks": {**RECORD["runbooks"], name: {"origin": "example", "digest": digest}}}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, []),
        ({"machine": {"cores": 2, "load": [9.0, 9.0, 9.0], "memory_available_mib": 1}}, []),
        ({"versions": {"image mock": f"{MOCK} sha256:a"}}, []),
        ({"versions": {"Vault API": "OpenBao 2.5"}}, []),
        ({"cluster": "b"}, ["cluster: a and b"]),
        ({"machine": {"cores": 8}}, ["machine, cores: 2 and 8"]),
        ({"pki": {"ttl": "12h", "rootTtl": "8760h"}}, ["pki, ttl: 24h and 12h"]),
        ({"criteria": [{**TIME, "at_most": 50}, OTHER]}, ["criteria, time, at_most: 60 and 50"]),
        ({"criteria": [{**TIME, "timeout_ms": 500}]}, ["criteria, time, timeout_ms: not recorded and 500"]),
        ({"criteria": [{**TIME, "at_least": None, "note": ""}]}, []),
        ({"criteria": [TIME, {**OTHER, "at_most": 1}]}, []),
        ({"criteria": [TIME]}, []),
        ({"versions": {"Gitea": "1.28.0"}}, ["version, Gitea: 1.27.0 and 1.28.0"]),
        ({"versions": {"Gitea": "did not say (refused)"}}, ["version, Gitea: 1.27.0 and did not say (refused)"]),
        (
            {"versions": {"image mock": f"{MOCK} sha256:z"}},
            [f"version, image mock: {MOCK} sha256:a and {MOCK} sha256:z"],
        ),
        (
            {"versions": {"image argocd": "localhost/pov/argocd:4 sha256:b"}},
            ["version, image argocd: localhost/pov/argocd:3 sha256:b and localhost/pov/argocd:4 sha256:b"],
        ),
        (words("experiments", "deploy", starts="x"), [f"catalogue, experiment, deploy, starts: {STARTS} and x"]),
        (words("experiments", "deploy", title="x", metrics=[], ways=[]), []),
        (words("experiments", "rotate", starts="x"), []),
        (words("arms", "manual", label="x", colour="#000000"), []),
        (words("arms", "manual", kind="script"), ["catalogue, arm, manual, kind: manual and script"]),
        (words("arms", "scripted", kind="manual"), []),
        (words("metrics", "median_seconds", direction="more"),
         ["catalogue, metric, median_seconds, direction: less and more"]),
        (words("metrics", "failed_requests", direction="more"), []),
        (runbook("deploy", "d2"), ["runbooks, deploy, digest: d1 and d2"]),
        (runbook("rotate", "r2"), []),
        (runbook("provision", "p1"), []),
        ({"own_arms": [{"name": "mine", "digest": "m2"}]}, []),
    ],
)  # fmt: skip
def test_what_differs_now_is_told_and_what_comes_and_goes_is_not(changes: Mapping[str, Any], told: list[str]) -> None:
    """So is what the plan does not use: another version of pov may know more, and word it in another way."""
    now = {**RECORD, **changes, "versions": {**RECORD["versions"], **changes.get("versions", {})}}
    assert list(alike.unlike(alike.comparable(RECORD, MOCK, PLAN), alike.comparable(now, MOCK, PLAN))) == told


def test_the_runbook_of_whose_work_is_done_counts_and_no_other() -> None:
    def told(name: str, now: dict[str, Any]) -> list[str]:
        plan = {(name, "manual")}
        return list(alike.unlike(alike.comparable(RECORD, MOCK, plan), alike.comparable({**RECORD, **now}, MOCK, plan)))

    assert told("interrupted", runbook("deploy", "d2")) == ["runbooks, deploy, digest: d1 and d2"]
    assert told("interrupted", runbook("rotate", "r2")) == []
    assert told("rollback", runbook("deploy", "d2")) == [], "it takes no runbook of a customer's"


@pytest.mark.parametrize(
    "earlier",
    [
        {"catalogue": {**WORDS, "experiments": [e for e in WORDS["experiments"] if e["name"] != "new-stage"]}},
        {"catalogue": {**WORDS, "arms": [a for a in WORDS["arms"] if a["name"] not in {"scripted", "person"}]}},
        words("arms", "manual", compared=None),
        words("experiments", "deploy", judged_by=None, ways=None, own=None),
    ],
    ids=["fewer experiments", "fewer arms", "an arm that says less", "an experiment that says less"],
)
def test_what_an_earlier_version_did_not_know_is_no_difference(earlier: dict[str, Any]) -> None:
    record = {**RECORD, **earlier}
    assert list(alike.unlike(alike.comparable(record, MOCK, PLAN), alike.comparable(RECORD, MOCK, PLAN))) == []


def test_an_arm_that_may_take_part_in_more_by_now_is_the_same_arm() -> None:
    plan = {*PLAN, ("deploy", "mine")}
    told = [{"name": "mine", "digest": "m1", "experiments": names} for names in (["deploy"], ["deploy", "interrupted"])]
    first, second = (alike.comparable({**RECORD, "own_arms": [one]}, MOCK, plan) for one in told)
    assert list(alike.unlike(first, second)) == []
    more = {*plan, ("interrupted", "mine")}
    first, second = (alike.comparable({**RECORD, "own_arms": [one]}, MOCK, more) for one in told)
    assert [line.partition(":")[0] for line in alike.unlike(first, second)] == ["own arms, mine, experiments"]


def test_an_arm_that_the_plan_uses_and_nobody_knows_any_more_is_told() -> None:
    plan = {*PLAN, ("deploy", "mine")}
    first, second = (alike.comparable({**RECORD, "own_arms": own}, MOCK, plan) for own in (RECORD["own_arms"], []))
    assert list(alike.unlike(first, second)) == [
        'own arms, mine: {"name": "mine", "digest": "m1", "seen_within_s": 120.0} and not recorded'
    ]


def test_an_arm_of_an_earlier_version_had_two_minutes_to_be_seen() -> None:
    plan = {*PLAN, ("deploy", "mine")}
    earlier, same, longer = (
        alike.comparable({**RECORD, "own_arms": [{"name": "mine", "digest": "m1", **said}]}, MOCK, plan)
        for said in ({}, {"seen_within_s": 120.0}, {"seen_within_s": 300.0})
    )
    assert list(alike.unlike(earlier, same)) == []
    assert list(alike.unlike(earlier, longer)) == ["own arms, mine, seen_within_s: 120.0 and 300.0"]


@pytest.fixture
def stands(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a world where the environment of a run would be."""

    def put(begun: Begun, *, now: Mapping[str, Any] | None = None) -> None:
        world = begun.world
        recorded = json.loads((begun.path / "environment.json").read_text())

        @contextmanager
        def lock() -> Any:
            yield

        home = SimpleNamespace(
            lock=lock, runs_dir=begun.path.parent, journal_writer=lambda: SimpleNamespace(hear=silent), root=begun.root
        )
        ctx = SimpleNamespace(
            engagement=None, home=home, name="one", images={"mock": MOCK}, scenario=world.scenario, kube=None, deal=None
        )
        where = "pov.workflows"
        monkeypatch.setattr(f"{where}.environment.attach", lambda *_: ctx)
        monkeypatch.setattr(f"{where}.environment.recall", lambda *_: SimpleNamespace(engagement=None))
        monkeypatch.setattr(f"{where}.agreement.criteria_of", lambda *_: ())
        monkeypatch.setattr(f"{where}.record.environment", lambda *_, **__: {**recorded, **(now or {})})
        monkeypatch.setattr(f"{where}.record.asked", lambda ctx: None)
        monkeypatch.setattr(f"{where}.toolbox.toolbox", lambda ctx: world.toolbox(begun.root))
        monkeypatch.setattr(f"{where}.toolbox.kept_configuration", lambda ctx: lambda file: None)
        monkeypatch.setattr(resuming, "compare", lambda *_: ())
        monkeypatch.setattr(
            "pov.workflows.metering.Meter.of", lambda ctx: Metered(*({"seconds": 1.0} for _ in range(99)))
        )
        monkeypatch.setattr(resuming, "Measuring", lambda *given, **more: Measuring(*given, **more, clock=world.clock))

    return put


def asked_for(begun: Begun) -> dict[str, Any]:
    return {**begun.world.scenario.traffic.model_dump(mode="json")}


def test_it_goes_on_under_the_load_that_was_recorded(tmp_path: Path, stands: Callable[..., None]) -> None:
    begun = Begun(tmp_path, 4)
    record = json.loads((begun.path / "environment.json").read_text())
    traffic = {**record["traffic"], "asked": asked_for(begun)}
    begun = Begun(tmp_path / "again", 4, traffic=traffic)
    stands(begun)
    events: list[Event] = []
    result = resuming.resume(begun.options(), events.append)
    saved = read_run(result.path)
    assert saved.problems == ()
    assert len(saved.samples) == len(begun.slots)
    rates: dict[tuple[str, str], list[float]] = {}
    for s in saved.samples[:4]:
        rates[s["experiment"], s["arm"]] = [s["traffic"]["rate_per_s"]]
    for s in saved.samples[4:]:
        rates.setdefault((s["experiment"], s["arm"]), []).append(s["traffic"]["rate_per_s"])
    # Calls every 2 seconds as recorded, and not every second as the scenario has it.
    both = [(each[0], each[-1]) for each in rates.values() if len(each) > 1]
    assert both
    assert any(now == pytest.approx(2 / 3 * before, rel=0.01) for before, now in both)
    assert all(s["details"]["footprint"] for s in saved.samples[4:]), "what the platform takes is read anew"
    mark = mark_of(begun.path.name, 1)
    versions = {s["details"]["version"] for s in saved.samples[4:] if "version" in s["details"]}
    assert versions
    assert all(version.startswith(f"{mark}-") for version in versions)
    told = [event.message for event in events if event.kind == "warning"]
    assert told[0].startswith("the run was interrupted after 4 of 13 trials, last heard of at 2026-03-09T")
    assert any("trials, about" in event.message for event in events if event.kind == "note")


@pytest.mark.parametrize("times", [1, 2])
def test_interrupted_again_the_last_line_is_the_command_to_go_on(
    tmp_path: Path,
    stands: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    times: int,
) -> None:
    wish = World().scenario.traffic
    traffic = {**wish.model_dump(), "asked": wish.model_dump(mode="json"), "interval_ms": 2000, "halvings": 1}
    begun = Begun(tmp_path / "my deal", 4, traffic=traffic)
    (begun.root / "engagement.yaml").touch()
    stands(begun)
    monkeypatch.chdir(tmp_path)
    ended: list[str] = []

    def interrupt(*_: Any, **__: Any) -> None:
        ended.extend(line.ended for line in run_list(RunsOptions(begun.root), silent).runs)
        raise KeyboardInterrupt

    monkeypatch.setattr(Measuring, "_one", interrupt)
    if times == 2:
        monkeypatch.setattr("pov.workflows.measuring.summarise", interrupt)
    typed = ["--engagement", "my deal", "measure", "--resume", begun.path.name]
    assert main(typed) == 130
    err = capsys.readouterr().err
    command = f"pov measure --resume {begun.path.name} --engagement 'my deal'"
    assert err.splitlines()[-1] == f"  fix: {command}"
    assert "same command again" not in err
    assert ended == ["running"] * times


def test_it_goes_on_with_what_was_chosen(
    tmp_path: Path, stands: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    wish = World().scenario.traffic
    traffic = {**wish.model_dump(), "asked": wish.model_dump(mode="json")}
    begun = Begun(tmp_path, 4, traffic=traffic, choices={"kill_at": 35, "error_rate": 0.5})
    stands(begun)
    boxes: list[Toolbox] = []
    measuring = resuming.Measuring

    def heard(box: Toolbox, *given: Any, **more: Any) -> Measuring:
        boxes.append(box)
        return measuring(box, *given, **more)

    monkeypatch.setattr(resuming, "Measuring", heard)
    resuming.resume(begun.options(), silent)
    assert [(box.kill_at, box.error_rate) for box in boxes] == [(35, 0.5)]


def test_where_something_else_runs_nothing_is_changed(tmp_path: Path, stands: Callable[..., None]) -> None:
    begun = Begun(tmp_path, 4)
    before = {path.name: path.read_bytes() for path in begun.path.iterdir() if path.is_file()}
    stands(begun, now={"cluster": "another", "services": 7})
    with pytest.raises(PovError, match="what runs now is not what it recorded") as caught:
        resuming.resume(begun.options(), silent)
    assert caught.value.details == (
        "services: not recorded and 7",
        "cluster: a-cluster and another",
        "traffic: the scenario asks for another load",
    )
    assert {path.name: path.read_bytes() for path in begun.path.iterdir() if path.is_file()} == before


def test_a_run_that_an_earlier_version_began_goes_on_where_its_plan_is_the_same(
    tmp_path: Path, stands: Callable[..., None]
) -> None:
    """That version knew no `new-stage` and called an arm otherwise: neither is what this run measures."""
    wish = World().scenario.traffic
    traffic = {**wish.model_dump(), "asked": wish.model_dump(mode="json")}
    earlier = words("arms", "manual", label="By hand")["catalogue"]
    earlier["experiments"] = [one for one in earlier["experiments"] if one["name"] != "new-stage"]
    begun = Begun(tmp_path, 4, traffic=traffic, catalogue=json.loads(json.dumps(earlier)))
    stands(begun, now={"catalogue": json.loads(json.dumps(WORDS))})
    result = resuming.resume(begun.options(), silent)
    saved = read_run(result.path)
    assert saved.problems == ()
    assert len(saved.samples) == len(begun.slots)
    assert {arm["label"] for arm in saved.environment["catalogue"]["arms"] if arm["name"] == "manual"} == {"By hand"}


def test_a_run_whose_clock_was_another_one_is_refused_with_both(tmp_path: Path, stands: Callable[..., None]) -> None:
    begun = Begun(tmp_path, 4, catalogue=words("experiments", "deploy", starts="somebody says so")["catalogue"])
    stands(begun, now={"catalogue": json.loads(json.dumps(WORDS))})
    with pytest.raises(PovError) as caught:
        resuming.resume(begun.options(), silent)
    assert f"catalogue, experiment, deploy, starts: somebody says so and {STARTS}" in caught.value.details


def test_a_stage_that_a_killed_trial_left_goes_before_anything_is_compared(
    tmp_path: Path, stands: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, done = Begun(tmp_path, 4), list[str]()
    stands(begun)
    monkeypatch.setattr(resuming, "take_back_stage", lambda *_: done.append("taken away"))
    monkeypatch.setattr(resuming, "take_back_release", lambda box, trials, emit: done.append(f"release {trials}"))
    monkeypatch.setattr(resuming, "compare", lambda *_: done.append("compared") or ("something",))
    with pytest.raises(PovError, match="cannot go on"):
        resuming.resume(begun.options(), silent)
    assert done == ["taken away", "release ['']", "compared"]


def test_what_is_left_to_measure_is_at_hand_before_it_goes_on(
    tmp_path: Path, stands: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, wanted = Begun(tmp_path, 4), list[str]()
    record = json.loads((begun.path / "environment.json").read_text())
    begun = Begun(tmp_path / "again", 4, traffic={**record["traffic"], "asked": asked_for(begun)})

    def have(_box: object, experiments: Sequence[Experiment]) -> None:
        wanted.extend(one.name for one in experiments)
        raise PovError("no network")

    stands(begun)
    monkeypatch.setattr(resuming, "have_at_hand", have)
    with pytest.raises(PovError, match="no network"):
        resuming.resume(begun.options(), silent)
    assert wanted == [slot.experiment for slot in begun.slots[4:]]


def test_what_is_left_is_told_beforehand(tmp_path: Path, stands: Callable[..., None]) -> None:
    begun = Begun(tmp_path, 4)
    stands(begun)
    paces = resuming.left(begun.options(), silent)
    assert paces.plan == Counter((slot.experiment, slot.arm) for slot in begun.slots[4:])


def test_a_script_that_was_an_arm_is_asked_for_again_and_has_to_be_the_same(
    tmp_path: Path, stands: Callable[..., None]
) -> None:
    script = tmp_path / "deploy.sh"
    script.write_text("#!/bin/sh\ntrue\n")
    script.chmod(0o755)
    own, _ = brought(None, None, [f"mine={script}"])
    slots = [vars(slot) for slot in Begun(tmp_path / "first", 1).slots]
    plan = [*slots, {"experiment": "deploy", "arm": "mine", "trial": 1}]
    begun = Begun(tmp_path, 4, plan=plan, **json.loads(json.dumps(own.as_json())))
    stands(begun)
    assert resuming.left(begun.options(), silent).trials == len(plan) - 4
    script.write_text("#!/bin/sh\nfalse\n")
    changed, _ = brought(None, None, [f"mine={script}"])
    stands(begun, now=json.loads(json.dumps(changed.as_json())))
    with pytest.raises(PovError) as caught:
        resuming.resume(begun.options(), silent)
    before, after = (each.arms[0].script.file.digest for each in (own, changed))
    assert f"own arms, mine, digest: {before} and {after}" in caught.value.details
    script.unlink()
    with pytest.raises(InvalidInput, match="is not there"):
        resuming.left(begun.options(), silent)


def killed_in_rollback(root: Path, version: str, *, syncs: bool = True) -> tuple[World, Any]:
    """A world in which a commit put this version into staging, after another one."""
    world = World()
    world.broken_sync = not syncs
    box = world.toolbox(root)
    copy = box.git.configuration("staging")
    copy.set_images(dict.fromkeys(box.under_proof, f"registry/mock:{version}"))
    copy.commit("Deploy it")
    copy.push()
    return world, box


@pytest.mark.parametrize(
    ("version", "trial", "reverted"),
    [
        ("0309093000ab12-rollback-automated-1", "rollback automated 1", True),
        ("0309093000ab12r2-rollback-automated-1", "rollback automated 1", True),
        ("0309093000ab12-rollback-automated-1", "rollback automated 2", False),
        ("0101010101cccc-rollback-automated-1", "rollback automated 1", False),
        ("0309093000ab12-automated-1", "deploy automated 1", False),
        ("0309093000ab12-rollback-automated-1", "", False),
    ],
)
def test_a_version_that_a_killed_trial_left_does_not_stay(
    tmp_path: Path, version: str, trial: str, reverted: bool
) -> None:
    world, box = killed_in_rollback(tmp_path, version)
    take_back(box, "0309093000ab12", trial, silent)
    assert bool(world.reverted) is reverted
    if reverted:
        assert not any(version in image for image in box.git.configuration("staging").images().values())


def test_a_stage_that_does_not_come_to_rest_keeps_a_run_from_going_on(tmp_path: Path) -> None:
    _, box = killed_in_rollback(tmp_path, "another", syncs=False)
    with pytest.raises(PovError, match="is not at rest after drift automated 1 was cut off"):
        take_back(box, "0309093000ab12", "drift automated 1", silent)


def noted(runs: Path, run: str, trial: str, *, ended: bool = False) -> None:
    """A run's folder as a killed one leaves it: the trial that it was in, and no end."""
    folder = runs / run
    folder.mkdir(parents=True)
    (folder / "environment.json").write_text(json.dumps({"run": run}))
    (folder / "samples.jsonl").write_text("")
    under_way.write(folder, under_way.Note(trial))
    if ended:
        (folder / "summary.json").write_text("{}")


@pytest.mark.parametrize(
    ("run", "trial", "ended", "reverted"),
    [
        ("20260309-093000-ab12", "rollback automated 1", False, True),
        ("20260309-093000-ab12", "rollback automated 1", True, False),
        ("20260309-093000-ab12", "rollback automated 2", False, False),
        ("20260309-093000-cccc", "rollback automated 1", False, False),
        ("20260309-093000-ab12", "", False, False),
    ],
)
def test_a_new_run_takes_back_what_a_killed_one_left(
    tmp_path: Path, run: str, trial: str, ended: bool, reverted: bool
) -> None:
    version = "0309093000ab12-rollback-automated-1"
    world, box = killed_in_rollback(tmp_path, version)
    runs = tmp_path / "runs"
    noted(runs, run, trial, ended=ended)
    noted(runs, "20260309-100000-dddd", "rollback automated 1")
    (runs / "20260309-110000-eeee").mkdir()
    (runs / "20260309-110000-eeee" / "environment.json").write_text("no record")
    told: list[str] = []
    take_back_all(box, runs, lambda event: told.append(event.message))
    assert told == (["taking back what rollback automated 1 left in Git"] if reverted else [])
    assert bool(world.reverted) is reverted
    asked = box.git.configuration("staging").images().values()
    assert any(version in image for image in asked) is not reverted


def test_a_new_run_waits_for_nothing_where_nothing_was_left(tmp_path: Path) -> None:
    world, box = killed_in_rollback(tmp_path, "another", syncs=False)
    noted(tmp_path / "runs", "20260309-093000-ab12", "rollback automated 1")
    before = world.now
    take_back_all(box, tmp_path / "runs", silent)
    assert world.now == before


def test_a_version_below_other_commits_is_named_and_nothing_else_is_taken_back(tmp_path: Path) -> None:
    world, box = killed_in_rollback(tmp_path, "0309093000ab12-rollback-automated-1")
    later = box.git.configuration("staging")
    later.set_images({world.staging.services[-1]: "registry/mock:2.0.0"})
    later.commit("Another change")
    later.push()
    noted(tmp_path / "runs", "20260309-093000-ab12", "rollback automated 1")
    with pytest.raises(PovError, match="other commits came after it"):
        take_back_all(box, tmp_path / "runs", silent)
    assert "registry/mock:2.0.0" in box.git.configuration("staging").images().values()


def test_without_its_environment_it_cannot_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = Begun(tmp_path, 4)
    with pytest.raises(NotFound, match="cannot go on") as caught:
        resuming.left(begun.options(), silent)
    assert "no environment" in caught.value.cause


@pytest.mark.parametrize(
    "option",
    [
        *(f"--{one}" for one in ("trials 3", "seed 4", "arm manual", "aa 2", "budget 20m", "by ann", "at early")),
        "--error-rate 0.5",
        "deploy",
    ],
)
def test_another_plan_than_its_own_is_refused(tmp_path: Path, option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    begun = Begun(tmp_path, 2)
    assert main(["measure", "--resume", begun.path.name, *option.split()]) == 2
    assert main(["measure", "--resume", "nothing"]) == 2


def test_unfinished_runs_are_listed_with_the_command_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    begun = Begun(tmp_path, 2)
    assert "--resume" not in CliRunner().invoke(cli, ["runs", "list"]).output, "its environment is gone"
    (begun.path.parent.parent / "environment.json").write_text("{}")
    for line in (["runs", "list"], ["runs", "show"]):
        shown = CliRunner().invoke(cli, line)
        assert f"pov measure --resume {begun.path.name}" in shown.output
    begun.goes_on()
    assert "--resume" not in CliRunner().invoke(cli, ["runs", "list"]).output
    assert "interrupted after sample 2" in CliRunner().invoke(cli, ["runs", "show"]).output


def test_the_report_says_where_it_was_interrupted_and_its_verifier_agrees(tmp_path: Path) -> None:
    folder = attached(
        tmp_path, {"sample_changes": {4: {"resumed": [WENT_ON]}, 7: {"resumed": [{**WENT_ON, "after": 6}]}}}
    )
    done = alone(folder)
    assert done.returncode == 0, done.stdout
    drawn = json.loads((folder / "report.json").read_text())
    texts = json.dumps([section for section in drawn["sections"] if section["id"] == "decision"])
    assert "After sample 3, last heard of at 2026-03-09 09:34:07; resumed at 2026-03-09 11:02:41 (UTC)." in texts
    assert "deploy manual 2 had begun without being saved, and was measured again" in texts
    assert "In all 2 times" in texts
    method = json.dumps([section for section in drawn["sections"] if section["id"] == "method"])
    assert "After sample 6" in method


@pytest.mark.parametrize(("old", "new"), [("After sample 3", "After sample 5"), ("11:02:41", "09:34:41")])
def test_a_page_that_tells_another_interruption_is_found(tmp_path: Path, old: str, new: str) -> None:
    folder = attached(tmp_path, {"sample_changes": {4: {"resumed": [WENT_ON]}}})
    text = (folder / "report.json").read_text()
    assert old in text
    (folder / "report.json").write_text(text.replace(old, new))
    assert alone(folder).returncode == 1


def test_an_interruption_told_at_the_wrong_place_is_found(tmp_path: Path) -> None:
    folder = attached(tmp_path, {"sample_changes": {4: {"resumed": [{**WENT_ON, "after": 1}]}}})
    done = alone(folder)
    assert done.returncode == 1
    assert "samples.jsonl:4: went on after so many samples" in done.stdout


def test_a_run_that_never_stopped_says_nothing_of_it(tmp_path: Path) -> None:
    run = simulated.save(tmp_path)
    assert "went on" not in json.dumps(build(read_run(run)).as_json())
    assert summarise({}, [], ())["interruptions"] == []


def test_every_list_of_runs_says_how_often_one_went_on(tmp_path: Path) -> None:
    resumed = {4: {"resumed": [WENT_ON, WENT_ON]}, 7: {"resumed": [{**WENT_ON, "after": 6}]}}
    folder = attached(tmp_path, {"sample_changes": resumed})
    (entry,) = json.loads((folder / "runs.json").read_text())["runs"]
    assert entry["resumed"] == 3
    drawn = json.loads((folder / "report.json").read_text())
    assert "finished, went on 3 times" in json.dumps([s for s in drawn["sections"] if s["id"] == "evidence"])
    assert [one.resumed for one in entries([entry, {"run": "of an earlier version"}])] == [3, 0]


@pytest.mark.parametrize("resumed", [True, False])
def test_what_a_trial_that_was_cut_off_would_have_shown_is_named_as_open(tmp_path: Path, resumed: bool) -> None:
    run = simulated.save(tmp_path, sample_changes={4: {"resumed": [WENT_ON]}} if resumed else {})
    told = " ".join(forgeable(read_run(run), Attested(), own_lists=False))
    assert ("what trials that were cut off would have shown" in told) is resumed


@pytest.mark.parametrize(
    ("told", "by", "reviewers"),
    [
        (None, None, ()),
        ({"by": [], "reviewers": ["kim"]}, None, ()),
        ({"by": ["sam"], "simulated": True}, ("sam",), ()),
        ({"by": ["sam", "ann"], "reviewers": ["kim"], "simulated": False}, ("sam", "ann"), ("kim",)),
    ],
)
def test_the_same_people_go_on_and_the_same_review(told: Any, by: Any, reviewers: tuple[str, ...]) -> None:
    people = resuming._people({"people": told}, threading.Event())
    assert (people.by if people else None) == by
    assert (people.reviewers if people else ()) == reviewers
    if people is not None:
        assert resuming._people({"people": people.as_json()}, people.busy) == people

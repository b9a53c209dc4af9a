"""What benchmarks read of their figures; their figures themselves are for people who run them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.config.estates import estates
from pov.config.scenario import load_scenario
from pov.engines.gitea_pulls import FAILURE, SUCCESS
from pov.measure import scoring
from pov.model.sample import Counts, Traffic
from tests.benchmarks import bundle_build, deploys, environments, gate, noise, prober, processor, refusal
from tests.unit.experiments.world import World


def found(*windows: dict[str, Any]) -> dict[str, Any]:
    kept = {
        "asked_per_s": 1000.0,
        "answered_per_s": 1000.0,
        "requests": 10_000,
        "hard": 0,
        "late": 0,
        "p99_ms": 4.0,
        "processors": {"prober": 0.1},
    }
    return {"processors": 2, "load_1min": 0.5, "windows": [{**kept, **one} for one in windows]}


@pytest.mark.parametrize(
    ("windows", "kept"),
    [
        ([{}], True),
        ([{"answered_per_s": 989.0}], False),
        ([{"late": 100}], True),
        ([{"late": 101}], False),
        ([{"hard": 1}], False),
        ([{"late": 4000, "answered_per_s": 600.0}, {}], True),
    ],
)
def test_a_rate_is_kept_where_one_window_kept_it(windows: list[dict[str, Any]], kept: bool) -> None:
    rows = prober.told(found(*windows))
    assert rows[-1][3] == ("met" if kept else "NOT MET")
    assert len(rows) == len(windows) + 1


@pytest.mark.parametrize(("seconds", "verdict"), [([9.0, 30.0, 10.0], "met"), ([9.0, 10.1, 30.0], "NOT MET")])
def test_the_gate_is_held_against_its_goal_by_the_median(seconds: list[float], verdict: str) -> None:
    rows = gate.told({gate.ALONE: [1.0], gate.AGAINST: seconds, "steps": {"terraform init": [0.25]}})
    assert [row[3] for row in rows] == ["met", verdict, ""]
    assert rows[-1][:2] == ("  terraform init", "0.25 s")
    told = refusal.told({"seconds": seconds, "whole": [40.0, 50.0, 60.0]})
    assert (told[0][3], told[1][1]) == (verdict, "30.00 s")
    assert [row[1] for row in told[2:]] == ["50.00 s", "60.00 s"]


def deployed(*seconds: float, hard: int = 0, failed: int = 0) -> dict[str, Any]:
    return {"seconds": list(seconds), "requests": 900, "hard": hard, "late": 2, "failed": failed}


@pytest.mark.parametrize(
    ("loaded", "verdicts"),
    [
        (deployed(18.0, 19.9, 40.0), ["met", "met", "met"]),
        (deployed(18.0, 20.0, 40.0), ["NOT MET", "met", "met"]),
        (deployed(12.0, hard=1), ["met", "met", "NOT MET"]),
        (deployed(12.0, failed=1), ["NOT MET", "NOT MET", "NOT MET"]),
        (deployed(), ["NOT MET", "NOT MET", "NOT MET"]),
    ],
)
def test_deploys_beside_a_busy_loop_are_held_against_quiet_ones(loaded: dict[str, Any], verdicts: list[str]) -> None:
    rows = deploys.told({"quiet": deployed(9.0, 10.0, 11.0), "busy": loaded})
    assert [row[3] for row in rows if row[2]] == verdicts


def test_a_step_of_the_gate_is_timed_each_time_and_also_where_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    class Program:
        def judge(self, what: str) -> str:
            if not what:
                raise ValueError("nothing to judge")
            return what * 2

    monkeypatch.setattr(gate, "_STEPS", {"judged": (Program, "judge")})
    times = iter((1.0, 3.0, 10.0, 10.5))
    monkeypatch.setattr(gate, "time", SimpleNamespace(perf_counter=lambda: next(times)))
    taken = {"judged": 0.0}
    with gate._timed(taken):
        assert Program().judge("a") == "aa"
        with pytest.raises(ValueError, match="nothing to judge"):
            Program().judge("")
    assert taken == {"judged": 2.5}
    assert Program().judge("b") == "bb"
    assert taken == {"judged": 2.5}, "only for the block"


def test_every_step_of_the_gate_that_is_timed_is_there() -> None:
    for name, (owner, attribute) in gate._STEPS.items():
        assert callable(getattr(owner, attribute)), name


@pytest.mark.parametrize("state", [FAILURE, SUCCESS])
def test_each_refusal_is_of_a_request_of_its_own_and_a_pass_is_no_figure(
    state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    deal: Any = SimpleNamespace(
        starts_over=lambda: done.append("over"),
        takes=done.append,
        closes=lambda: done.append("closed"),
    )

    def timed(_: object, branch: str) -> object:
        done.append(branch)
        first, last = SimpleNamespace(state=FAILURE), SimpleNamespace(state=state)
        return SimpleNamespace(first=first, first_s=7.0004, status=last, whole_s=9.0006)

    monkeypatch.setattr(refusal, "timed", timed)
    if state == SUCCESS:
        with pytest.raises(AssertionError):
            refusal._refusals(deal)
        assert done == ["over", "promised", "bench-0", "closed"]
        return
    assert refusal._refusals(deal) == {"seconds": [7.0] * 5, "whole": [9.001] * 5}
    assert done[:4] == ["over", "promised", "bench-0", "closed"]
    assert [one for one in done if one.startswith("bench-")] == [f"bench-{number}" for number in range(5)]


@pytest.mark.parametrize(
    ("up", "again", "at_rest", "missed"),
    [
        (62.0, 2.9, {"node": 0.2, "argocd": 0.09}, set()),
        (63.5, 2.9, {"node": 0.2}, {"pov up gitops-35 / its floor"}),
        (62.0, 3.1, {"node": 0.2}, {"pov up gitops-35 again"}),
        (62.0, 2.9, {"node": 0.2, "argocd": 0.11}, {"node processor at rest, no load, gitops-35"}),
    ],
)
def test_an_environment_is_held_against_what_was_promised(
    up: float, again: float, at_rest: dict[str, float], missed: set[str]
) -> None:
    figures = environments.Figures(
        "gitops-35", up=[up], floor=[55.0], again=[again], down=[4.0], memory_bytes=4_000_000_000,
        processor_at_rest=at_rest, processor_under_load={**at_rest, "prober": 0.2},
    )  # fmt: skip
    rows = environments.told(figures)
    assert {what for what, _, _, verdict in rows if verdict == "NOT MET"} == missed
    assert rows[-1][1:] == (f"{sum(at_rest.values()) + 0.2:.2f} of a core", "", "")
    assert environments.processor_table(figures)[-2:][0][2] == "0.200"


class Turned:
    """A meter whose node took six seconds in each window, and whether a load ran when it was read."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.at = 0.0
        self.loaded: list[bool] = []

    def begin(self) -> None:
        self.at = self.world.now
        self.loaded.append(any(load.ended is None for load in self.world.loads))

    def span(self) -> dict[str, Any]:
        self.loaded.append(any(load.ended is None for load in self.world.loads))
        return {"seconds": self.world.now - self.at, "processor_s": {"node": 6.0, "argocd": 9.0}}


def test_processor_time_is_read_without_a_load_and_with_one(tmp_path: Path) -> None:
    world = World()
    meter: Any = Turned(world)
    box = world.toolbox(tmp_path)
    rest = processor.at_rest(box, meter)
    assert (list(rest), meter.loaded) == (["argocd", "node"], [False, False])
    assert rest["node"] == pytest.approx(0.1, abs=0.01)
    processor.under_load(box, meter)
    assert meter.loaded[2:] == [True, True]
    assert all(load.ended is not None for load in world.loads), "no load is left running"


def test_a_load_that_runs_is_no_rest(tmp_path: Path) -> None:
    world = World()
    box = world.toolbox(tmp_path)
    edges = [("staging", edge.source, edge.target) for edge in box.estate("staging").edges]
    box.prober().start_load(
        ("staging",), edges=edges, interval_ms=1000, new_connection_interval_ms=2000, timeout_ms=1000
    )
    with pytest.raises(AssertionError, match="not rest"):
        processor.at_rest(box, Turned(world))  # type: ignore[arg-type]


@pytest.mark.parametrize(("spent", "verdict"), [(1045.0, "NOT MET"), (650.0, "met")])
def test_a_first_build_is_held_against_half_the_processor_time(spent: float, verdict: str) -> None:
    rows = bundle_build.told({"seconds": 900.0, "processor_seconds": spent, "ratio": 1.1})
    assert [row[3] for row in rows] == ["", verdict, "met"]


@pytest.mark.parametrize(
    ("hard", "late", "excused", "verdict"),
    [
        (0, 0, 0, "pass"), (1, 0, 0, "fail"), (0, 1, 0, "fail"), (0, 3, 2, "fail"), (0, 3, 3, "not shown"),
        (1, 3, 3, "fail"),
    ],
)  # fmt: skip
def test_a_window_of_noise_is_judged_as_a_run_is(
    hard: int, late: int, excused: int, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Traffic(20.0, Counts(2000, hard, late, excused, 0, 0, 0), Counts(), Counts())
    assert noise.verdict(seen) == verdict
    monkeypatch.setattr(scoring, "_beyond", lambda *_: False)
    assert noise.verdict(seen) == "pass", "there is no second rule"


def test_noise_is_told_under_the_load_of_the_scenario_that_it_names() -> None:
    edges = {estate.name: len(estate.edges) for estate in estates(load_scenario("gitops-35"))}
    assert edges["staging"] == noise._TOUCHED[1]
    assert edges["dev"] == edges["prod"] == noise._SENTINEL[1]

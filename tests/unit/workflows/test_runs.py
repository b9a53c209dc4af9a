from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pov.base.errors import InvalidInput, NotFound
from pov.cli.app import cli
from pov.cli.main import main
from pov.model.events import silent
from pov.state import under_way
from pov.workflows.measuring import mark_of
from pov.workflows.runs import RunsOptions, run_compare, run_list, run_show
from tests.unit.reporting import simulated

FASTER = {("deploy", "automated"): 2.0, ("rotate", "manual"): 400.0}


def runs_of(root: Path, name: str = "one") -> Path:
    return root / ".pov" / name / "runs"


def test_every_run_is_listed_however_it_ended(tmp_path: Path) -> None:
    whole = simulated.save(runs_of(tmp_path))
    cut = simulated.save(runs_of(tmp_path, "two"), stop_after=4, finish=False)
    lines = {line.run: line for line in run_list(RunsOptions(tmp_path), silent).runs}
    assert lines[whole.name].ended == "whole"
    assert (lines[whole.name].saved, lines[whole.name].planned) == (15, 15)
    assert (lines[cut.name].ended, lines[cut.name].saved, lines[cut.name].planned) == ("cut off", 4, 15)
    assert lines[cut.name].environment == "two"
    assert sum(lines[whole.name].outcomes.values()) == 2
    only = run_list(RunsOptions(tmp_path, "two"), silent).runs
    assert [line.run for line in only] == [cut.name]


def test_a_run_that_is_being_measured_is_running_and_nothing_to_go_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    other = simulated.save(runs_of(tmp_path), stop_after=2, finish=False, environment_changes={"cluster": "a"})
    run = simulated.save(runs_of(tmp_path), stop_after=4, finish=False, environment_changes={"cluster": "a"})
    (runs_of(tmp_path).parent / "environment.json").write_text("{}")

    def look() -> dict[str, tuple[str, bool]]:
        return {line.run: (line.ended, line.goes_on) for line in run_list(RunsOptions(tmp_path), silent).runs}

    with under_way.held(run):
        for _ in range(2):
            assert look() == {other.name: ("cut off", True), run.name: ("running", False)}
        told = CliRunner().invoke(cli, ["runs", "show", run.name]).output
        assert "running, 4 of 15 trials are saved so far" in told
        assert f"--resume {run.name}" not in told
    assert look() == {other.name: ("cut off", True), run.name: ("cut off", True)}
    assert "cut off, 4 of 15 trials are kept" in CliRunner().invoke(cli, ["runs", "show", run.name]).output


def test_a_run_that_ended_is_whole_also_while_its_measurement_ends(tmp_path: Path) -> None:
    run = simulated.save(runs_of(tmp_path))
    with under_way.held(run):
        assert run_list(RunsOptions(tmp_path), silent).runs[0].ended == "whole"


def test_where_nothing_can_be_held_a_run_is_measured_all_the_same(tmp_path: Path) -> None:
    with under_way.held(tmp_path / "nowhere"):
        assert not under_way.is_held(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("record", "told"),
    [("{", "no readable run"), ('{"schema": "pov.dev/environment/v99"}', "another version of pov")],
    ids=["damaged", "newer"],
)
def test_a_run_that_cannot_be_read_is_listed_with_its_problem(tmp_path: Path, record: str, told: str) -> None:
    broken = simulated.save(runs_of(tmp_path))
    (broken / "environment.json").write_text(record)
    line = run_list(RunsOptions(tmp_path), silent).runs[0]
    assert (line.run, line.ended) == (broken.name, "unreadable")
    assert told in line.problems[0]


def test_a_run_without_a_summary_is_summed_up_from_its_samples(tmp_path: Path) -> None:
    whole = simulated.save(runs_of(tmp_path))
    before = run_show(RunsOptions(tmp_path), "latest", silent).as_json()
    (whole / "summary.json").unlink()
    after = run_show(RunsOptions(tmp_path), whole.name, silent).as_json()
    assert after["experiments"] == before["experiments"]
    assert after["criteria"] == before["criteria"]
    assert (before["ended"], after["ended"]) == ("whole", "cut off")


def test_above_the_engagement_folder_its_runs_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run = simulated.save(runs_of(tmp_path / "my demo"))
    (tmp_path / "my demo" / "engagement.yaml").touch()
    for command in (["runs", "show"], ["report"]):
        assert main(command) == 1
        assert f"fix: pov --engagement 'my demo' {' '.join(command)}" in capsys.readouterr().err
    assert main(["runs", "list"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "pov --engagement 'my demo' runs list"
    assert main(["--engagement", "my demo", "runs", "list"]) == 0
    assert run.name in capsys.readouterr().out


@pytest.mark.parametrize("wanted", ["nothing", "", "../../x"])
def test_a_run_that_is_not_there_is_told(tmp_path: Path, wanted: str) -> None:
    with pytest.raises(NotFound, match="nothing was measured"):
        run_show(RunsOptions(tmp_path), wanted, silent)
    simulated.save(runs_of(tmp_path))
    with pytest.raises(NotFound, match="no run"):
        run_show(RunsOptions(tmp_path), wanted, silent)


def test_a_run_is_found_by_an_end_that_no_other_shares(tmp_path: Path) -> None:
    paths = [simulated.save(runs_of(tmp_path)) for _ in range(2)]
    assert run_show(RunsOptions(tmp_path), paths[0].name[-4:], silent).path == paths[0]
    with pytest.raises(InvalidInput, match="beginning or end of several"):
        run_show(RunsOptions(tmp_path), paths[0].name[:8], silent)


def test_two_runs_are_laid_side_by_side_with_what_else_differs(tmp_path: Path) -> None:
    first = simulated.save(runs_of(tmp_path))
    changes = {"machine": {"cores": 8}, "versions": {"kubernetes": "v2"}, "services": 20}
    second = simulated.save(runs_of(tmp_path), medians=FASTER, environment_changes=changes)
    compared = run_compare(RunsOptions(tmp_path), first.name, second.name, silent)
    pairs = {(pair.experiment, pair.arm): pair for pair in compared.pairs}
    quicker, slower = pairs["deploy", "automated"], pairs["rotate", "manual"]
    assert quicker.ratio is not None
    assert slower.ratio is not None
    assert quicker.ratio < 0.2
    assert slower.ratio > 2
    assert quicker.apart
    assert slower.apart
    assert pairs["rotate", "automated"].apart is False
    told = " ".join(compared.differences)
    for part in ("services: 35 and 20", "machine, cores: 2 and 8", "version, kubernetes: v0.0-simulated and v2"):
        assert part in told
    assert "machine, processor" not in told, "what neither recorded is no difference"


def recorded(root: Path, requests: int, images: str, **more: Any) -> str:
    """A run under the same load, whose windows saw `requests`, beside what earlier trials left running."""
    traffic = {"requests_per_second": 40, "halvings": 0, "calibration": [{"requests": requests}], **more}
    changes = {"traffic": traffic, "versions": {"image mock": images, "kubernetes": "v1"}}
    return simulated.save(runs_of(root), environment_changes=changes).name


MOCK, LEFT = "localhost/pov/mock:1.0.0-1a2b3c4d sha256:a", "localhost/pov/mock:{}-automated-2 sha256:b"


def test_what_comes_and_goes_between_two_runs_of_the_same_is_no_difference(tmp_path: Path) -> None:
    left = LEFT.format(mark_of("20260309-093000-a1b2"))
    again = LEFT.format(mark_of("20260309-101500-0000", 1))
    first = recorded(tmp_path, 370, MOCK)
    second = recorded(tmp_path, 371, f"{left}, {again}, {MOCK}")
    assert run_compare(RunsOptions(tmp_path), first, second, silent).differences == ()


def test_another_load_or_another_image_of_the_bundle_is_a_difference(tmp_path: Path) -> None:
    first = recorded(tmp_path, 370, MOCK)
    second = recorded(tmp_path, 370, MOCK.replace("sha256:a", "sha256:c"), halvings=1)
    told = run_compare(RunsOptions(tmp_path), first, second, silent).differences
    assert told == ("traffic: not the same", f"version, image mock: {MOCK} and {MOCK.replace('sha256:a', 'sha256:c')}")


def test_another_runbook_is_a_difference_and_another_place_of_the_same_is_none(tmp_path: Path) -> None:
    def run(**books: str) -> str:
        told = {name: {"origin": "customer", "path": f"{books}", "digest": digest} for name, digest in books.items()}
        return simulated.save(runs_of(tmp_path), environment_changes={"runbooks": told}).name

    first, second = run(deploy="a" * 64, rotate="c" * 64), run(deploy="b" * 64, rotate="c" * 64, secret="d" * 64)
    told = run_compare(RunsOptions(tmp_path), first, second, silent).differences
    assert told == (f"runbook, deploy: {'a' * 12} and {'b' * 12}",)


def test_an_arm_of_one_run_alone_has_no_ratio(tmp_path: Path) -> None:
    first = simulated.save(runs_of(tmp_path), order=simulated.plan(pairs=[("deploy", "automated")]))
    second = simulated.save(runs_of(tmp_path), order=simulated.plan(pairs=[("deploy", "manual")]))
    compared = run_compare(RunsOptions(tmp_path), first.name, second.name, silent)
    assert {(pair.arm, pair.n, pair.ratio, pair.apart) for pair in compared.pairs} == {
        ("automated", (3, 0), None, None),
        ("manual", (0, 3), None, None),
    }
    assert compared.as_json()["pairs"][0]["ranges_apart"] is None

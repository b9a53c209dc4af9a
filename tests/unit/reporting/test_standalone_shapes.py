"""The verifier that is attached names what is not as it should be, in a line each: no file makes it fall over."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pov.reporting.standalone.verifier import Verifier, main
from tests.unit.reporting import simulated
from tests.unit.reporting.malformed import edit, mutate
from tests.unit.reporting.test_worth import SECTIONS
from tests.unit.workflows.test_verify import attached, change_line

ROUNDS = 80
"""Documents that are changed at random, from a seed: what is found here is found again."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the report of a small run carries, with a value section and what the platform takes."""
    order = simulated.plan(trials=1)
    spans = {n: {"details": {"footprint": simulated.footprint(n)}} for n in range(1, len(order) + 1)}
    changes = {"value": SECTIONS["full"]}
    folder = tmp_path_factory.mktemp("whole")
    return attached(folder, {"order": order, "sample_changes": spans, "environment_changes": changes})


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def told(folder: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> tuple[int, list[str]]:
    """How the verifier ends, and its lines of what does not match."""
    code = main([str(folder)])
    out = capsysbinary.readouterr().out.decode()
    assert "\x1b" not in out, "nobody's terminal is told what to do"
    return code, [line for line in out.splitlines() if line.startswith("DOES NOT MATCH")]


def section(document: Any, name: str) -> Any:
    return next(one for one in document["sections"] if one["id"] == name)


def table(document: Any) -> Any:
    return next(b for b in section(document, "experiments")["blocks"] if b["kind"] == "table")


def text(name: str, old: str, new: str) -> Callable[[Path], None]:
    def do(folder: Path) -> None:
        before = (folder / name).read_text()
        assert old in before
        (folder / name).write_text(before.replace(old, new, 1))

    return do


def content(name: str, data: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(data) and None


def half(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:200]) and None


def sample(number: int, **changes: Any) -> Callable[[Path], None]:
    return lambda folder: change_line(folder, number, lambda record: record.update(changes))


CASES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a list for a record": (
        edit("environment.json", lambda d: [d]), "environment.json: it is a list, and has to be a mapping"),
    "a list for a report": (edit("report.json", lambda d: [d]), "report.json: it is a list, and has to be a mapping"),
    "a list for a summary": (edit("summary.json", lambda d: [d]), "summary.json: it is a list, and has to be"),
    "a list for the runs": (edit("runs.json", lambda d: [d]), "runs.json: it is a list, and has to be a mapping"),
    "a list for the head": (edit("head.json", lambda d: [d]), "head.json: it is a list, and has to be a mapping"),
    "a list for the values": (content("value.json", b"[1]"), "value.json: it is a list, and has to be a mapping"),
    "nothing for a report": (content("report.json", b"null"), "report.json: cannot be read (it holds nothing)"),
    "half a summary": (half("summary.json"), "summary.json: cannot be read ("),
    "half a record": (half("environment.json"), "environment.json: cannot be read ("),
    "no text at all": (content("summary.json", b"\xff\xfe"), "summary.json: cannot be read ("),
    "brackets without end": (
        content("report.json", b"[" * 100_000), "report.json: cannot be read (it is nested without"),
    "a mapping for criteria": (
        edit("environment.json", lambda d: d.update(criteria={"a": 1})),
        "environment.json: criteria is a mapping, and has to be a list"),
    "a criterion of no experiment": (
        edit("environment.json", lambda d: d["criteria"][0].pop("experiment") and None),
        "environment.json: criteria[0] has no “experiment”"),
    "a criterion without a bound": (
        edit("environment.json", lambda d: d["criteria"][0].pop("at_most") and None),
        "environment.json: criterion deploy-time has no bound"),
    "a criterion whose bound is a text": (
        edit("environment.json", lambda d: d["criteria"][0].update(at_most="180")),
        "environment.json: criterion deploy-time has no bound"),
    "a plan of texts": (
        edit("environment.json", lambda d: d.update(plan=["deploy"])),
        "environment.json: plan[0] is a text ('deploy'), and has to be a mapping"),
    "a sample's time as a text": (
        sample(2, seconds="57"), "samples.jsonl:2: seconds is a text ('57'), and has to be a number"),
    "a sample's time beyond all bounds": (
        sample(2, seconds=1e200), "samples.jsonl:2: seconds is 1e+200, beyond all bounds"),
    "a sample's steps as a mapping": (sample(1, steps={}), "samples.jsonl:1: steps is a mapping, and has to be a list"),
    "a step without a time": (sample(1, steps=[{"name": "x"}]), "samples.jsonl:1: steps[0] has no “seconds”"),
    "traffic as a list": (sample(1, traffic=[1]), "samples.jsonl:1: traffic is a list, and has to be a mapping"),
    "a count of requests as a text": (
        sample(1, traffic={"operation": {"requests": "9"}}),
        "samples.jsonl:1: traffic.operation.requests is a text ('9'), and has to be a count"),
    "a sample of no arm": (
        lambda folder: change_line(folder, 1, lambda record: record.pop("arm")), "samples.jsonl:1: it has no “arm”"),
    "no number": (
        text("samples.jsonl", '"seconds":', '"seconds":NaN,"was":'), "samples.jsonl:1: cut off or not JSON (NaN"),
    "a number that no computer holds": (
        text("samples.jsonl", '"seconds":', '"seconds":1e999,"was":'),
        "samples.jsonl:1: cut off or not JSON (1e999 is no number)"),
    "a line that is a list": (
        lambda folder: (folder / "samples.jsonl").write_text("[]\n") and None,
        "samples.jsonl:1: cut off or not JSON (it is a list)"),
    "no number in a report": (
        text("report.json", '"n": 1', '"n": NaN'), "report.json: cannot be read (NaN is no number)"),
    "a section without blocks": (
        edit("report.json", lambda d: d["sections"][0].pop("blocks") and None),
        "report.json: sections[0] has no “blocks”"),
    "a block of no kind": (
        edit("report.json", lambda d: d["sections"][0]["blocks"][0].pop("kind") and None),
        "report.json: sections[0].blocks[0] has no “kind”"),
    "a cell that is a number": (
        edit("report.json", lambda d: table(d)["rows"][0].__setitem__(1, 3)),
        "[1] is a number (3), and has to be a text"),
    "a row of fewer cells": (
        edit("report.json", lambda d: table(d)["rows"][0].pop() and None), "a row of 6 cells under 7 heads"),
    "a bullet of three parts": (
        edit("report.json", lambda d: next(
            b for b in section(d, "experiments")["blocks"] if b["kind"] == "bullets")["items"][0].append("x")),
        "has 3 members, and has to have 2"),
    "a verdict that is a mapping": (
        edit("report.json", lambda d: d.update(verdict=[{}])),
        "report.json: verdict[0] is a mapping, and has to be a text"),
    "arms of no name": (
        edit("report.json", lambda d: d["catalogue"]["arms"][0].pop("name") and None),
        "report.json: catalogue.arms[0] has no “name”"),
    "digests in a list": (
        edit("summary.json", lambda d: d.update(digests=["a"])),
        "summary.json: digests is a list, and has to be a mapping"),
    "amounts beyond all bounds": (
        edit("value.json", lambda d: d["growth"].update(expected="1e999999999")), "value.json: cannot be computed"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_not_as_it_should_be_is_a_line_of_its_file(
    folder: Path, capsysbinary: pytest.CaptureFixture[bytes], case: str
) -> None:
    change, line = CASES[case]
    change(folder)
    code, lines = told(folder, capsysbinary)
    assert code == 1
    assert [one for one in lines if line in one], lines


def test_a_whole_one_matches(folder: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert told(folder, capsysbinary) == (0, [])


def test_an_empty_folder_and_none_are_told(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    for place in (tmp_path, tmp_path / "nowhere"):
        code, lines = told(place, capsysbinary)
        assert code == 1
        assert any("environment.json: cannot be read" in line for line in lines)


@pytest.mark.parametrize("name", ["../report.json", "/etc/hostname", "a\0b", "x" * 5000, "."])
def test_no_file_outside_is_read_for_a_digest(folder: Path, name: str) -> None:
    edit("summary.json", lambda d: d.update(digests={name: "0" * 64}))(folder)
    verifier = Verifier(folder)
    verifier.run()
    assert any(note.startswith(f"{name} is not attached") for note in verifier.notes)


def test_control_characters_and_halves_of_letters_are_printed_as_they_can_be(
    folder: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    edit("summary.json", lambda d: d.update(digests={"\ud800\x1b[2J\nDOES NOT": "0"}))(folder)
    edit("report.json", lambda d: d["sections"][0].update(title="\ud800\x1b[2J\n", id="other"))(folder)
    assert main([str(folder)]) == 1
    out = capsysbinary.readouterr().out
    assert b"\x1b" not in out
    begins = (b"DOES NOT MATCH  ", b"not checked  ", b"to check  ")
    assert all(line.startswith(begins) for line in out.splitlines()[:-1])


def test_whatever_is_changed_at_random_it_never_falls_over(
    whole: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    draw = random.Random(20)
    for number in range(ROUNDS):
        folder = Path(shutil.copytree(whole, tmp_path / str(number)))
        names = {mutate(folder, draw) for _ in range(draw.choice((1, 1, 1, 2, 4)))}
        code, lines = told(folder, capsysbinary)
        assert code == bool(lines), names
        shutil.rmtree(folder)


def test_a_changed_document_is_one_line_at_least(whole: Path, tmp_path: Path) -> None:
    """Of those that others keep the digests of, whatever was changed."""
    for number, name in enumerate(("environment.json", "summary.json", "criteria.json", "runs.json")):
        folder = Path(shutil.copytree(whole, tmp_path / str(number)))
        document = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps([document]))
        verifier = Verifier(folder)
        verifier.run()
        assert any(line.startswith(name) for line in verifier.wrong), name


HALVES = (
    ("stop service", 0.493), ("swap link", 0.052), ("start service", 0.465), ("health check", 0.119),
    ("stop service", 0.499), ("swap link", 0.072), ("start service", 0.476), ("health check", 0.113),
    ("stop service", 0.48), ("swap link", 0.061), ("start service", 0.46), ("health check", 0.116),
    ("stop service", 0.481), ("swap link", 0.055), ("start service", 0.48), ("health check", 0.099),
    ("stop service", 0.476), ("swap link", 0.045), ("start service", 0.477), ("health check", 0.124),
    ("runbook itself", 1.263), ("seen by prober", 0.029),
)  # fmt: skip
"""Steps that are 6.935 s together: added up in another order they are a little less, or a little more."""


def test_sums_that_end_in_half_are_the_same_in_whatever_order_they_are_added_up(tmp_path: Path) -> None:
    draw = random.Random(7)
    for number in range(12):
        steps = [{"name": name, "seconds": took} for name, took in draw.sample(HALVES, len(HALVES))]
        more = [{"name": f"more {at}", "seconds": 0.005 * (at + 1)} for at in range(6 * (number % 2))]
        changes = {1: {"steps": [*steps, *more], "seconds": 6.933}}
        folder = attached(tmp_path / str(number), {"sample_changes": changes})
        verifier = Verifier(folder)
        verifier.run()
        assert verifier.wrong == []

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from pov.base.errors import NotFound, PovError
from pov.model.reading import V1
from pov.model.sample import SCHEMA
from pov.state import runs
from pov.state.runs import OLD_GENESIS, RunWriter, digest_of, read_run
from tests.fakes.clock import FakeClock


def sample(**more: Any) -> dict[str, Any]:
    return {"experiment": "deploy", "arm": "automated", "trial": 1, "seconds": 1.5, "ok": True, **more}


def test_a_run_reads_back_as_it_was_written(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path, {"scenario": "x"})
    writer.append(sample())
    writer.append(sample(trial=2))
    writer.finish({"schema": "pov.dev/summary/v1"})
    run = read_run(writer.path)
    assert [s["trial"] for s in run.samples] == [1, 2]
    assert [s["n"] for s in run.samples] == [1, 2]
    assert run.problems == ()
    assert run.summary is not None
    assert run.environment["scenario"] == "x"


def test_each_sample_is_on_disk_before_the_next_begins(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path, {})
    writer.append(sample())
    assert len(read_run(writer.path).samples) == 1
    assert read_run(writer.path).summary is None


@pytest.mark.parametrize("tamper", ["change", "drop", "swap"])
def test_a_tampered_chain_shows(tmp_path: Path, tamper: str) -> None:
    writer = RunWriter(tmp_path, {})
    for trial in (1, 2, 3):
        writer.append(sample(trial=trial))
    writer.finish({})
    path = writer.path / "samples.jsonl"
    lines = path.read_text().splitlines()
    if tamper == "change":
        lines[1] = lines[1].replace('"seconds":1.5', '"seconds":0.5')
    elif tamper == "drop":
        del lines[1]
    else:
        lines[0], lines[1] = lines[1], lines[0]
    path.write_text("\n".join(lines) + "\n")
    assert read_run(writer.path).problems


@pytest.mark.parametrize("finished", [True, False])
def test_a_threshold_that_was_edited_afterwards_shows(tmp_path: Path, finished: bool) -> None:
    writer = RunWriter(tmp_path, {"criteria": [{"id": "time", "at_most": 180}], "order_seed": 7})
    writer.append(sample())
    writer.append(sample(trial=2))
    if finished:
        writer.finish({})
    path = writer.path / "environment.json"
    path.write_text(path.read_text().replace("180", "1800"))
    (told,) = read_run(writer.path).problems
    assert told.startswith("environment.json: ")


def test_an_old_chain_that_starts_at_zeros_still_reads(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path, {})
    record = {"schema": V1, "run": writer.run_id, "n": 1, **sample(), "prev": OLD_GENESIS}
    line = {**record, "digest": digest_of(record)}
    (writer.path / "samples.jsonl").write_text(json.dumps(line) + "\n")
    assert read_run(writer.path).problems == ()
    newer = {**record, "schema": SCHEMA}
    (writer.path / "samples.jsonl").write_text(json.dumps({**newer, "digest": digest_of(newer)}) + "\n")
    assert len(read_run(writer.path).problems) == 1


def test_dropping_the_last_sample_shows_by_the_summary(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path, {})
    writer.append(sample())
    writer.append(sample(trial=2))
    writer.finish({})
    path = writer.path / "samples.jsonl"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    assert any("summary" in problem for problem in read_run(writer.path).problems)


def test_a_line_cut_off_by_a_crash_is_reported_and_the_rest_kept(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path, {})
    writer.append(sample())
    with (writer.path / "samples.jsonl").open("a") as stream:
        stream.write('{"schema": "pov')
    run = read_run(writer.path)
    assert len(run.samples) == 1
    assert run.problems == ("samples.jsonl:2: cut off or not JSON",)


def test_files_that_are_not_what_they_should_be_are_reported(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path, {})
    writer.append(sample())
    with (writer.path / "samples.jsonl").open("ab") as stream:
        stream.write(b"17\n\xff\n")
    (writer.path / "summary.json").write_text("{")
    run = read_run(writer.path)
    assert len(run.samples) == 1
    assert run.summary is None
    assert [problem.split(": ")[0] for problem in run.problems] == [
        "samples.jsonl:2",
        "samples.jsonl:3",
        "summary.json",
    ]


def test_text_with_unusual_line_separators_survives(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path, {})
    writer.append(sample(error="a\u2028b\u0085c"))
    run = read_run(writer.path)
    assert run.problems == ()
    assert run.samples[0]["error"] == "a\u2028b\u0085c"


def test_two_runs_of_one_second_have_folders_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter(["aaaa", "aaaa", "bbbb", *["aaaa"] * 20])
    monkeypatch.setattr(runs.secrets, "token_hex", lambda size: next(drawn))
    first, second = (RunWriter(tmp_path, {}, clock=FakeClock()) for _ in range(2))
    assert (first.run_id[-4:], second.run_id[-4:]) == ("aaaa", "bbbb")
    assert [read_run(one.path).environment["run"] for one in (first, second)] == [first.run_id, second.run_id]
    with pytest.raises(PovError, match="cannot write"):
        RunWriter(tmp_path, {}, clock=FakeClock())


def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = RunWriter(tmp_path, {})
    writer.append(sample(trial=1))
    real = os.fsync

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PovError, match="cannot write") as caught:
        writer.append(sample(trial=2))
    assert "space" in caught.value.fix
    assert [s["trial"] for s in writer.unsaved] == [2]
    monkeypatch.setattr(os, "fsync", real)
    writer.append(sample(trial=3))
    run = read_run(writer.path)
    assert [s["trial"] for s in run.samples] == [1, 2, 3]
    assert run.problems == ()


# Between opening a file and its `with` there is a line as well.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_ctrl_c_at_any_line_leaves_a_whole_chain(tmp_path: Path) -> None:
    cut = 0
    for line in range(1, 200):
        writer = RunWriter(tmp_path, {})
        writer.append(sample())
        left = line

        def at_that_line(frame: FrameType, event: str, argument: object) -> Any:
            nonlocal left
            if frame.f_code.co_filename != runs.__file__:
                return None
            if event == "line":
                left -= 1
                if left == 0:
                    raise KeyboardInterrupt
            return at_that_line

        sys.settrace(at_that_line)
        try:
            writer.append(sample(trial=2))
            break
        except KeyboardInterrupt:
            cut += 1
        finally:
            sys.settrace(None)
        writer.append(sample(trial=3))
        writer.finish({})
        run = read_run(writer.path)
        assert run.problems == (), line
        assert [s["n"] for s in run.samples] in ([1, 2], [1, 2, 3])
        assert run.samples[-1]["trial"] == 3
    assert cut > 10, "the writer has that many lines"


@pytest.mark.parametrize("file", ["environment.json", "samples.jsonl"])
@pytest.mark.parametrize("detached", [False, True])
def test_a_run_without_one_of_its_files_is_told_by_that_file(tmp_path: Path, file: str, detached: bool) -> None:
    path = RunWriter(tmp_path, {}).path
    (path / file).unlink()
    with pytest.raises(NotFound, match="no readable run") as caught:
        read_run(path, detached=detached)
    assert caught.value.cause == f"{file} is not there"
    assert ("sent again" if detached else "pov runs list") in caught.value.fix


def test_a_run_that_could_not_begin_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pov.state.runs.write_atomic", full)
    with pytest.raises(PovError, match="cannot write"):
        RunWriter(tmp_path, {})
    assert list(tmp_path.iterdir()) == []


def test_the_summary_names_the_digests(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path, {})
    saved = writer.append(sample())
    writer.finish({"a": 1})
    summary = json.loads((writer.path / "summary.json").read_text())
    assert summary["digests"]["chain_head"] == saved["digest"]


def three(folder: Path) -> Path:
    """A finished run of three samples."""
    writer = RunWriter(folder, {"criteria": [{"id": "time", "at_most": 180}], "plan": [1, 2, 3]})
    for trial in (1, 2, 3):
        writer.append(sample(trial=trial))
    writer.finish({})
    return writer.path


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_corrupt_line_is_named_by_its_number_and_the_rest_is_read(tmp_path: Path, number: int) -> None:
    path = three(tmp_path)
    lines = (path / "samples.jsonl").read_text().splitlines()
    lines[number - 1] = lines[number - 1][:40]
    (path / "samples.jsonl").write_text("\n".join(lines) + "\n")
    run = read_run(path)
    assert run.problems[0] == f"samples.jsonl:{number}: cut off or not JSON"
    assert [s["trial"] for s in run.samples] == [trial for trial in (1, 2, 3) if trial != number]


def test_a_sample_of_a_newer_schema_is_told_and_left_out(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path, {})
    first = writer.append(sample())
    newer = {**sample(trial=2), "schema": "pov.dev/sample/v9", "prev": first["digest"]}
    newer["digest"] = digest_of(newer)
    with (writer.path / "samples.jsonl").open("a") as stream:
        stream.write(json.dumps(newer) + "\n")
    run = read_run(writer.path)
    assert [s["trial"] for s in run.samples] == [1]
    (told,) = run.problems
    assert told == "samples.jsonl:2: has the schema pov.dev/sample/v9, which this version does not read: left out"


def test_a_run_of_a_newer_version_is_refused_in_words(tmp_path: Path) -> None:
    path = RunWriter(tmp_path, {"schema": "pov.dev/environment/v9"}).path
    with pytest.raises(PovError, match="another version of pov") as caught:
        read_run(path)
    assert "pov.dev/environment/v9" in caught.value.cause
    (path / "environment.json").write_text("[]")
    with pytest.raises(NotFound, match="no readable run"):
        read_run(path)


def test_criteria_and_plan_are_part_of_where_the_chain_begins(tmp_path: Path) -> None:
    for old, new, changed in (
        ('"at_most": 180', '"at_most": 181', ": changed in its criteria"),
        ("    3\n", "    4\n", ": changed in its plan"),
        ('"criteria": [', '"cores": 64, "criteria": [', ": changed in its environment"),
        ('"plan": [', '"plan": [ ', ""),
    ):
        path = three(tmp_path / f"run{changed[-8:].strip()}")
        record = path / "environment.json"
        text = record.read_text()
        assert old in text
        record.write_text(text.replace(old, new))
        told = f"environment.json: is not the one that was saved before the first sample{changed}"
        assert told in read_run(path).problems


def test_a_first_sample_that_tells_another_beginning_than_its_own_is_named(tmp_path: Path) -> None:
    path = three(tmp_path)
    lines = (path / "samples.jsonl").read_text().splitlines()
    first = json.loads(lines[0])
    first["genesis"]["plan"] = "0" * 64
    first["digest"] = digest_of(first)
    (path / "samples.jsonl").write_text("\n".join([json.dumps(first), *lines[1:]]) + "\n")
    assert "samples.jsonl:1: tells another beginning than its own: changed in its plan" in read_run(path).problems


@pytest.mark.parametrize("name", ["samples.jsonl", "environment.json", "summary.json", "head.json"])
def test_the_head_covers_every_byte_of_a_run(tmp_path: Path, name: str) -> None:
    path = three(tmp_path)
    assert read_run(path).problems == ()
    content = (path / name).read_bytes()
    # A byte that changes no value: what a digest over values alone would not see.
    (path / name).write_bytes(content.replace(b",", b", ", 1) if name == "samples.jsonl" else content + b"\n")
    assert read_run(path).problems


def test_files_that_a_run_is_measured_against_lie_beside_it(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path, {}, files={"criteria.frozen.json": b"agreed"})
    assert (writer.path / "criteria.frozen.json").read_bytes() == b"agreed"
    (writer.path / runs.CONFIGURATION).write_bytes(b"bundle")
    writer.finish({})
    assert read_run(writer.path).problems == ()
    (writer.path / runs.CONFIGURATION).write_bytes(b"another")
    assert read_run(writer.path).problems == ("configuration.bundle: is not the one that the summary was made from",)
    (writer.path / runs.CONFIGURATION).unlink()
    assert read_run(writer.path).problems == ("configuration.bundle: is not there any more",)
    assert read_run(writer.path, detached=True).problems == ()

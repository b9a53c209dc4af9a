"""A run that ended early goes on: whatever it was killed in, no sample is lost, and the chain is one."""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from pov.base.errors import PovError
from pov.model.sample import CUT_OFF, INTERRUPTED
from pov.state import reopening, runs, under_way
from pov.state.reopening import reopened
from pov.state.runs import CONFIGURATION, HEAD, RunWriter, digest_of, read_run
from tests.unit.reporting.simulated import TickingClock

PLAN = [{"experiment": "deploy", "arm": "automated", "trial": trial} for trial in (1, 2, 3, 4)]
ENVIRONMENT = {"started": "2026-03-09T09:30:00.000Z", "plan": PLAN}


def sample(number: int, **more: Any) -> dict[str, Any]:
    begun = f"2026-03-09T09:3{number}:00.000Z"
    return {**PLAN[number - 1], "started": begun, "seconds": 20.5, "ok": True, **more}


def begun(folder: Path, saved: int = 2) -> Path:
    """A run that was killed while the trial after the `saved` ones ran."""
    writer = RunWriter(folder, ENVIRONMENT)
    for number in range(1, saved + 1):
        writer.begin(PLAN[number - 1])
        writer.append(sample(number))
    writer.begin(PLAN[saved])
    return writer.path


def go_on(path: Path) -> RunWriter:
    return reopened(read_run(path), clock=TickingClock(seconds=3600))


def finished(path: Path) -> runs.Run:
    """Go on to the end, and read it back."""
    writer = go_on(path)
    for number in range(len(read_run(path).samples) + 1, 5):
        writer.begin(PLAN[number - 1])
        writer.append(sample(number))
    writer.finish({"run": {"interrupted": False}})
    return read_run(path)


def test_a_killed_run_goes_on_and_tells_it_in_its_next_sample(tmp_path: Path) -> None:
    run = finished(begun(tmp_path))
    assert run.problems == ()
    assert [(s["n"], s["trial"]) for s in run.samples] == [(1, 1), (2, 2), (3, 3), (4, 4)]
    assert run.samples[2]["resumed"] == [
        {
            "after": 2,
            "ended": CUT_OFF,
            "last": "2026-03-09T09:32:20.500Z",
            "at": "2026-03-09T10:30:00.000Z",
            "trial": "deploy automated 3",
            "cut_bytes": 0,
        }
    ]
    assert not any("resumed" in run.samples[n] for n in (0, 1, 3))
    assert not (run.path / under_way.FILE).exists()
    assert json.loads((run.path / HEAD).read_text())["samples"] == 4


def test_whatever_byte_the_last_line_was_cut_at_only_its_sample_is_measured_again(tmp_path: Path) -> None:
    path = begun(tmp_path, saved=3)
    samples = path / "samples.jsonl"
    whole = samples.read_bytes()
    before = whole.rindex(b"\n", 0, -1) + 1
    for cut in (*range(before, before + 5), *range(before + 5, len(whole) - 2, 37), *range(len(whole) - 2, len(whole))):
        samples.write_bytes(whole[:cut])
        for name in (HEAD, "summary.json", under_way.FILE):
            (path / name).unlink(missing_ok=True)
        run = finished(path)
        assert run.problems == (), cut
        assert [s["trial"] for s in run.samples] == [1, 2, 3, 4]
        assert samples.read_bytes().startswith(whole[:before])
        resumed = [one for s in run.samples for one in s.get("resumed", ())]
        # Where the end of its line alone is missing, a sample is whole.
        complete = cut == len(whole) - 1
        assert [(one["after"], one["cut_bytes"]) for one in resumed] == [(3, 0) if complete else (2, cut - before)]


# Between opening a file and its `with` there is a line as well.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_cut_off_at_any_line_of_going_on_it_goes_on_again(tmp_path: Path) -> None:
    files, cut = {reopening.__file__, under_way.__file__, runs.__file__}, 0
    for line in range(1, 400):
        path = begun(tmp_path)
        RunWriter.finish(_as_interrupted(path), {"run": {"interrupted": True, "finished": "2026-03-09T09:33:00Z"}})
        saved, left = read_run(path), line

        def at_that_line(frame: FrameType, event: str, argument: object) -> Any:
            nonlocal left
            if frame.f_code.co_filename not in files:
                return None
            if event == "line":
                left -= 1
                if left == 0:
                    raise KeyboardInterrupt
            return at_that_line

        sys.settrace(at_that_line)
        try:
            writer = reopened(saved)
            writer.begin(PLAN[2])
            writer.append(sample(3))
            break
        except KeyboardInterrupt:
            cut += 1
        finally:
            sys.settrace(None)
        assert read_run(path).problems == (), line
        run = finished(path)
        assert run.problems == (), line
        assert [s["trial"] for s in run.samples] == [1, 2, 3, 4], line
        assert any(s.get("resumed") for s in run.samples), line
    assert cut > 40, "going on has that many lines"


def _as_interrupted(path: Path) -> RunWriter:
    """Its writer, without having gone on: as Ctrl-C finds it."""
    writer = reopened(read_run(path))
    (path / under_way.FILE).unlink()
    return writer


def test_what_it_wrote_of_its_end_goes_and_is_written_anew(tmp_path: Path) -> None:
    path = begun(tmp_path)
    (path / CONFIGURATION).write_bytes(b"of then")
    _as_interrupted(path).finish({"run": {"interrupted": True, "finished": "2026-03-09T09:33:00.000Z"}})
    (path / CONFIGURATION).write_bytes(b"of then")
    writer = go_on(path)
    assert not [name for name in (HEAD, "summary.json", CONFIGURATION) if (path / name).exists()]
    assert [(one.ended, one.last) for one in writer.resumed] == [(INTERRUPTED, "2026-03-09T09:33:00.000Z")]
    writer.append(sample(3))
    assert read_run(path).problems == ()


def test_two_times_before_a_sample_are_both_told_and_once(tmp_path: Path) -> None:
    path = begun(tmp_path)
    go_on(path).begin(PLAN[2])
    assert len(go_on(path).resumed) == 2
    writer = go_on(path)
    writer.append(sample(3))
    # Killed before the next trial was noted: the note still tells what the sample carries already.
    assert len(under_way.read(path).resumed) == 3
    later = go_on(path)
    assert [one.after for one in later.resumed] == [3]
    run = finished(path)
    assert [len(s.get("resumed", ())) for s in run.samples] == [0, 0, 3, 2]


def test_a_trial_that_was_saved_is_not_told_as_measured_again(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path, ENVIRONMENT)
    writer.begin(PLAN[0])
    writer.append(sample(1))
    assert go_on(writer.path).resumed[-1].trial == ""


@pytest.mark.parametrize(
    ("samples", "summary", "last"),
    [
        ([], None, "2026-03-09T09:30:00.000Z"),
        ([sample(1)], None, "2026-03-09T09:31:20.500Z"),
        ([sample(1, seconds=None)], None, "2026-03-09T09:31:00.000Z"),
        ([sample(1, started="noon")], None, "noon"),
        ([sample(1, started="")], None, "2026-03-09T09:30:00.000Z"),
        ([sample(1)], {"run": {"finished": "2026-03-09T09:40:00Z"}}, "2026-03-09T09:40:00Z"),
        ([sample(1)], {"run": {}}, "2026-03-09T09:31:20.500Z"),
    ],
)
def test_the_last_moment_that_is_known(
    tmp_path: Path, samples: list[dict[str, Any]], summary: object, last: str
) -> None:
    note = under_way.noted_anew(tmp_path, ENVIRONMENT, samples, summary, TickingClock().wall())
    assert note.resumed[-1].last == last


@pytest.mark.parametrize("content", ["", "{", "[]", '{"trial": 3, "resumed": 4}', '{"resumed": [7]}', "\x00\x00"])
def test_a_note_that_cannot_be_read_costs_the_note_alone(tmp_path: Path, content: str) -> None:
    path = begun(tmp_path)
    (path / under_way.FILE).write_text(content)
    run = finished(path)
    assert run.problems == ()
    assert run.samples[2]["resumed"][-1]["after"] == 2


def test_a_full_disk_keeps_it_from_going_on_and_changes_no_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = begun(tmp_path)
    whole = (path / "samples.jsonl").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(PovError, match="cannot write"):
            go_on(path)
    assert (path / "samples.jsonl").read_bytes() == whole
    assert finished(path).problems == ()


def test_what_waits_for_room_on_the_disk_is_not_forgotten_if_it_is_killed_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = begun(tmp_path)
    writer = go_on(path)
    real = os.fsync

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PovError):
        writer.append(sample(3))
    monkeypatch.setattr(os, "fsync", real)
    writer.begin(PLAN[3])
    assert [one.after for one in go_on(path).resumed] == [2, 2]


def test_a_record_that_says_that_it_never_went_on_does_not_fit(tmp_path: Path) -> None:
    run = finished(begun(tmp_path))
    lines = (run.path / "samples.jsonl").read_text().splitlines()
    record = json.loads(lines[2])
    del record["resumed"]
    record["digest"] = digest_of(record)
    lines[2] = json.dumps(record)
    (run.path / "samples.jsonl").write_text("\n".join(lines) + "\n")
    assert "samples.jsonl:4: does not fit the chain" in read_run(run.path).problems

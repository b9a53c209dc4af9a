"""Recordings written and read back, cut-off and damaged ones among them."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pov.base.errors import NotFound, PovError
from pov.model.asciicast import MARKED, OUTPUT, RESIZED, Event, Recorder, read_cast

HEADER = '{"version": 2, "width": 80, "height": 24}'
STARTED = datetime(2026, 3, 9, 9, 30, tzinfo=UTC)


def recorded(path: Path) -> Recorder:
    recorder = Recorder(path, 80, 24, started=STARTED, title="deploy-person-1")
    recorder.add(0.25, OUTPUT, "prompt> ")
    recorder.add(1.0, RESIZED, "100x30")
    recorder.add(2.123456789, MARKED, "done: ledger")
    return recorder


def test_what_is_written_is_asciicast_of_version_2_and_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "one.cast"
    recorded(path).close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0] == {"version": 2, "width": 80, "height": 24, "timestamp": 1773048600, "title": "deploy-person-1"}
    assert lines[1:] == [[0.25, "o", "prompt> "], [1.0, "r", "100x30"], [2.123457, "m", "done: ledger"]]
    cast = read_cast(path)
    assert (cast.columns, cast.rows, cast.seconds, cast.problems) == (80, 24, 2.123457, ())
    assert cast.events[0] == Event(0.25, OUTPUT, "prompt> ")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_each_event_is_on_its_way_to_the_disk_at_once(tmp_path: Path) -> None:
    recorder = recorded(tmp_path / "one.cast")
    assert len(read_cast(tmp_path / "one.cast").events) == 3
    recorder.close()


@pytest.mark.parametrize(
    ("lines", "events", "told"),
    [
        ([HEADER, '[0.5, "o", "a"]', '[1.0, "o", "b'], 1, "one.cast:3: cut off"),
        ([HEADER, '[0.5, "o", "a"]', "", '[1.0, "o", "b"]', ""], 2, ""),
        ([HEADER, "nonsense", '[1.0, "o", "b"]', ""], 1, "one.cast:2: not an event"),
        ([HEADER, '[-1, "o", "a"]', '[1.0, "o", "b"]', ""], 1, "one.cast:2: not an event"),
        ([HEADER, '[1.0, "o", "b"]', '[0.5, "o", "a"]', ""], 2, "one.cast:3: goes back in time"),
        ([HEADER, '[1.0, "i", "typed"]', ""], 0, "one.cast:2: holds typed input, which is left out"),
        ([HEADER, '[1.0, "z", "a later kind"]', ""], 1, ""),
        ([HEADER, '{"at": 1}', ""], 0, "one.cast:2: not an event"),
        ([HEADER, ""], 0, ""),
    ],
)
def test_a_damaged_recording_gives_what_it_still_holds(
    tmp_path: Path, lines: list[str], events: int, told: str
) -> None:
    path = tmp_path / "one.cast"
    path.write_text("\n".join(lines))
    cast = read_cast(path)
    assert len(cast.events) == events
    assert len(cast.problems) == bool(told)
    assert "".join(cast.problems).startswith(told)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "nonsense",
        '{"version": 1, "width": 80, "height": 24}',
        '{"version": 2}',
        "[]",
        '{"version": 2, "width": 80}',
    ],
)
def test_what_is_no_recording_is_refused_with_the_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "one.cast"
    path.write_text(content)
    with pytest.raises(PovError, match=r"one\.cast:1: not a recording"):
        read_cast(path)


def test_a_recording_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no recording"):
        read_cast(tmp_path / "none.cast")


def test_a_disk_that_refuses_ends_the_recording_and_nothing_else(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "no" / "such" / "folder.cast", 80, 24, started=STARTED, title="x")
    recorder.add(1.0, OUTPUT, "goes on")
    recorder.close()
    assert "No such file" in recorder.failure


def test_a_flood_ends_the_recording_with_a_mark_and_not_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pov.model.asciicast.MOST_BYTES", 1000)
    recorder = Recorder(tmp_path / "one.cast", 80, 24, started=STARTED, title="x")
    for second in range(100):
        recorder.add(float(second), OUTPUT, "y" * 100)
    recorder.close()
    cast = read_cast(tmp_path / "one.cast")
    assert len(cast.events) == 11
    assert (cast.events[-1].kind, cast.problems, recorder.failure) == (MARKED, (), "")
    assert "ends here" in cast.events[-1].text


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    recorder = recorded(tmp_path / "one.cast")
    full = os.open("/dev/full", os.O_WRONLY)
    assert recorder._stream is not None
    os.dup2(full, recorder._stream.fileno())
    os.close(full)
    recorder.add(3.0, OUTPUT, "more")
    recorder.add(4.0, OUTPUT, "and more")
    recorder.close()
    assert "No space left" in recorder.failure

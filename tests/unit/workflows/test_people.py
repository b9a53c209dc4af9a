"""Recordings of people: watched, agreed to, attached, taken back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import InvalidInput, NotFound, PovError
from pov.engines import pdf
from pov.model.events import silent
from pov.reporting.standalone.verifier import main
from pov.state.people import FOLDER
from pov.state.runs import read_run
from pov.workflows import report, verify
from pov.workflows.people import Which, agree, listed, play, withdraw
from pov.workflows.report import ReportOptions, attachments
from pov.workflows.verify import VerifyOptions
from tests.unit.reporting import simulated
from tests.unit.reporting.simulated import TickingClock

CAST = """{"version": 2, "width": 80, "height": 24}
[0.5, "o", "prompt> "]
[60.0, "m", "done: ledger"]
[61.0, "o", "bye\\r\\n"]
"""
NAME = "deploy-person-1"


def save(root: Path, *, cast: str = CAST, **changes: Any) -> Which:
    """A run of which sample 1 is a person's, with a recording."""
    runs = root / ".pov" / "demo" / "runs"
    digest = hashlib.sha256(cast.encode()).hexdigest()
    details = {"by": "sam", "recording": {"file": f"{NAME}.cast", "sha256": digest}, **changes}
    first = {"arm": "person", "origin": "person", "details": details}
    path = simulated.save(runs, sample_changes={1: first})
    (path / FOLDER).mkdir()
    (path / FOLDER / f"{NAME}.cast").write_text(cast)
    return Which(root, recording=NAME)


def cast_of(which: Which) -> Path:
    return next((which.root / ".pov" / "demo" / "runs").glob(f"*/{FOLDER}/{NAME}.cast"))


def watched(which: Which, clock: TickingClock | None = None, speed: float = 1.0) -> str:
    shown: list[str] = []
    play(which, shown.append, speed=speed, counts=True, clock=clock or TickingClock())
    return "".join(shown)


def casts(which: Which) -> Mapping[str, bytes]:
    run = read_run(cast_of(which).parent.parent)
    return {name: content for name, content in attachments(run).items() if name.endswith(".cast")}


def states(which: Which) -> list[str]:
    return [one.state for one in listed(which).recordings]


def test_it_is_attached_only_once_its_person_watched_it_and_agreed(tmp_path: Path) -> None:
    which = save(tmp_path)
    assert states(which) == ["not watched yet"]
    with pytest.raises(PovError, match="sam has not watched deploy-person-1 yet"):
        agree(which, "sam")
    assert casts(which) == {}
    watched(which)
    assert states(which) == ["watched, not agreed"]
    assert casts(which) == {}
    agree(which, "sam", clock=TickingClock())
    assert states(which) == ["watched and agreed by sam, 2026-03-09"]
    assert casts(which) == {f"{NAME}.cast": CAST.encode()}
    withdraw(which, "sam", delete=False)
    assert states(which) == ["not watched yet"]
    assert casts(which) == {}


def test_a_standstill_is_shortened_and_marks_are_shown(tmp_path: Path) -> None:
    clock = TickingClock()
    shown = watched(save(tmp_path), clock, speed=2.0)
    assert clock.slept == [0.25, 1.0, 0.5]
    assert shown.index("prompt> ") < shown.index("done: ledger") < shown.index("bye")


def test_it_does_not_count_as_watched_before_its_end_or_where_no_person_watches(tmp_path: Path) -> None:
    which = save(tmp_path)

    def leaves(text: str) -> None:
        if "prompt" in text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play(which, leaves, speed=1.0, counts=True, clock=TickingClock())
    assert states(which) == ["not watched yet"]
    play(which, lambda _: None, speed=1.0, counts=False, clock=TickingClock())
    assert states(which) == ["not watched yet"]


def test_what_was_agreed_to_is_that_recording_and_no_other(tmp_path: Path) -> None:
    which = save(tmp_path)
    watched(which)
    agree(which, "sam")
    cast_of(which).write_text(CAST.replace("bye", "hello"))
    assert states(which) == ["not the recording of its sample"]
    assert casts(which) == {}
    with pytest.raises(PovError, match="not the recording of its sample"):
        agree(which, "sam")


def test_only_the_person_may_say_so(tmp_path: Path) -> None:
    which = save(tmp_path)
    watched(which)
    for act in (lambda: agree(which, "kim"), lambda: withdraw(which, "kim", delete=True)):
        with pytest.raises(InvalidInput, match="is of sam, not of kim"):
            act()
    assert cast_of(which).exists()


def test_deleting_leaves_the_sample_and_its_digest(tmp_path: Path) -> None:
    which = save(tmp_path)
    path = cast_of(which)
    withdraw(which, "sam", delete=True)
    assert not path.exists()
    (left,) = listed(which).recordings
    assert left.state == "deleted"
    assert left.sha256 == hashlib.sha256(CAST.encode()).hexdigest()


@pytest.mark.parametrize(
    "consent",
    [
        "nonsense",
        "{}",
        json.dumps({"sha256": 1, "by": "sam", "watched": "x", "speed": 1, "agreed": "x"}),
        json.dumps({"sha256": "0" * 64, "by": "sam", "watched": "x", "speed": 1, "agreed": "x"}),
        json.dumps(
            {
                "sha256": hashlib.sha256(CAST.encode()).hexdigest(),
                "by": "kim",
                "watched": "x",
                "speed": 1,
                "agreed": "x",
            }
        ),
        json.dumps(
            {"sha256": hashlib.sha256(CAST.encode()).hexdigest(), "by": "sam", "watched": "", "speed": 1, "agreed": "x"}
        ),
    ],
)
def test_a_consent_that_does_not_fit_is_none(tmp_path: Path, consent: str) -> None:
    which = save(tmp_path)
    cast_of(which).with_name(f"{NAME}.consent.json").write_text(consent)
    assert states(which) == ["not watched yet"]
    assert casts(which) == {}


def test_a_recording_that_was_cut_off_is_shown_as_far_as_it_goes(tmp_path: Path) -> None:
    which = save(tmp_path, cast=CAST + '[62.0, "o", "cut')
    assert "bye" in watched(which)


def test_a_recording_without_a_sample_is_listed_and_never_attached(tmp_path: Path) -> None:
    which = save(tmp_path, recording={})
    assert states(which) == ["of a trial that was not saved"]
    watched(which)
    with pytest.raises(InvalidInput, match="of nobody that is known"):
        agree(which, "sam")
    assert casts(which) == {}


@pytest.mark.parametrize("file", ["../../environment.json", "../people/x.cast", "x.txt", ""])
def test_a_samples_file_name_leads_nowhere_else(tmp_path: Path, file: str) -> None:
    which = save(tmp_path, recording={"file": file, "sha256": "0" * 64})
    assert [one.name for one in listed(which).recordings] == [NAME]


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    save(tmp_path)
    with pytest.raises(NotFound, match="no recording other in this run") as caught:
        watched(Which(tmp_path, recording="other"))
    assert NAME in caught.value.cause
    with pytest.raises(NotFound, match="no run nothing"):
        listed(Which(tmp_path, run="nothing"))


def test_a_recording_does_nothing_else_to_the_terminal_it_is_shown_on(tmp_path: Path) -> None:
    which = save(tmp_path, cast=CAST.replace("prompt> ", "\\u001b]52;c;aGVsbG8=\\u0007prompt> "))
    assert "52;c" not in watched(which)


def test_a_report_is_drawn_again_whatever_became_of_the_consent_since(tmp_path: Path) -> None:
    which = save(tmp_path)
    watched(which)
    agree(which, "sam")
    made = report.run(ReportOptions(tmp_path), silent).paths["pdf"]
    withdraw(which, "sam", delete=True)
    assert verify.run(VerifyOptions(tmp_path, target=str(made)), silent).wrong == ()
    again = report.run(ReportOptions(tmp_path), silent).paths["pdf"]
    assert verify.run(VerifyOptions(tmp_path, target=str(again)), silent).wrong == ()
    assert f"{NAME}.cast" not in pdf.attachments(again.read_bytes())


def test_a_recording_that_was_changed_in_a_report_is_found(tmp_path: Path) -> None:
    which = save(tmp_path)
    watched(which)
    agree(which, "sam")
    folder = tmp_path / "saved"
    folder.mkdir()
    for name, content in pdf.attachments(report.run(ReportOptions(tmp_path), silent).paths["pdf"].read_bytes()).items():
        (folder / name).write_bytes(content)
    assert main([str(folder)]) == 0
    (folder / f"{NAME}.cast").write_text(CAST.replace("bye", "hello"))
    assert main([str(folder)]) != 0


def test_of_two_persons_each_may_agree_to_their_own_recording_alone(tmp_path: Path) -> None:
    files = {"sam": "deploy-person-reviewed-1-author", "kim": "deploy-person-reviewed-1-reviewer"}
    digest = hashlib.sha256(CAST.encode()).hexdigest()
    rows = [{"by": who, "recording": {"file": f"{name}.cast", "sha256": digest}} for who, name in files.items()]
    which = save(tmp_path, recording={}, reviewer="kim", sittings=rows)
    folder = cast_of(which).parent
    cast_of(which).unlink()
    for name in files.values():
        (folder / f"{name}.cast").write_text(CAST)
    assert {one.name: one.by for one in listed(which).recordings} == {name: who for who, name in files.items()}
    theirs = {who: Which(tmp_path, recording=name) for who, name in files.items()}
    for one in theirs.values():
        watched(one)
    with pytest.raises(InvalidInput, match="is of kim, not of sam"):
        agree(theirs["kim"], "sam")
    agree(theirs["kim"], "kim", clock=TickingClock())
    run = read_run(folder.parent)
    attached = [name for name in attachments(run) if name.endswith(".cast")]
    assert attached == [f"{files['kim']}.cast"]
    withdraw(theirs["kim"], "kim", delete=False)
    assert not [name for name in attachments(run) if name.endswith(".cast")]

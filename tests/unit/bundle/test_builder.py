"""The graph of components: order, cache, what a killed or failed build leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import PovError
from pov.bundle.builder import Component, Made, find_all, hash_files, make_all, prune
from pov.model.events import Event, silent

Make = Callable[[Path, Mapping[str, Made], Callable[[str], None]], Mapping[str, Any]]


def writes(text: str, log: list[str], name: str) -> Make:
    def make(folder: Path, needs: Mapping[str, Made], say: Callable[[str], None]) -> Mapping[str, Any]:
        log.append(name)
        below = "".join((needs[need].folder / "out").read_text() for need in sorted(needs))
        (folder / "out").write_text(below + text)
        return {"text": text}

    return make


def chain(
    log: list[str], *, middle: str = "1", good: Callable[[Mapping[str, Any]], bool] = lambda _: True
) -> list[Component]:
    return [
        Component("top", writes("c", log, "top"), needs=("middle", "other")),
        Component("middle", writes("b", log, "middle"), {"version": middle}, ("bottom",), still_good=good),
        Component("other", writes("x", log, "other")),
        Component("bottom", writes("a", log, "bottom")),
    ]


def test_needs_are_made_first_and_handed_on(tmp_path: Path) -> None:
    log: list[str] = []
    made = make_all(chain(log), silent, root=tmp_path)
    assert (made["top"].folder / "out").read_text() == "abxc"
    assert made["top"].facts == {"text": "c"}
    assert log.index("bottom") < log.index("middle") < log.index("top")


def test_a_second_build_makes_nothing_and_says_so(tmp_path: Path) -> None:
    make_all(chain([]), silent, root=tmp_path)
    log: list[str] = []
    events: list[Event] = []
    make_all(chain(log), events.append, root=tmp_path)
    assert log == []
    assert {event.kind for event in events} == {"unchanged"}


def test_a_changed_input_makes_what_stands_on_it_and_nothing_else(tmp_path: Path) -> None:
    make_all(chain([]), silent, root=tmp_path)
    log: list[str] = []
    make_all(chain(log, middle="2"), silent, root=tmp_path)
    assert sorted(log) == ["middle", "top"]


def test_what_is_no_longer_good_is_made_again(tmp_path: Path) -> None:
    make_all(chain([]), silent, root=tmp_path)
    log: list[str] = []
    make_all(chain(log, good=lambda _: False), silent, root=tmp_path)
    assert log == ["middle"]


def test_independent_components_run_side_by_side(tmp_path: Path) -> None:
    meeting = threading.Barrier(2, timeout=10)

    def make(folder: Path, needs: Mapping[str, Made], say: Callable[[str], None]) -> Mapping[str, Any]:
        meeting.wait()
        return {}

    make_all([Component("one", make), Component("two", make)], silent, root=tmp_path)


def test_a_failure_lets_others_end_and_keeps_them(tmp_path: Path) -> None:
    started = threading.Event()

    def fails(folder: Path, needs: Mapping[str, Made], say: Callable[[str], None]) -> Mapping[str, Any]:
        started.wait(10)
        (folder / "half").write_text("half")
        raise PovError("no such module", cause="it was moved")

    def slow(folder: Path, needs: Mapping[str, Made], say: Callable[[str], None]) -> Mapping[str, Any]:
        started.set()
        (folder / "out").write_text("whole")
        return {}

    log: list[str] = []
    components = [
        Component("fails", fails),
        Component("slow", slow),
        Component("never", writes("n", log, "never"), needs=("fails",)),
    ]
    events: list[Event] = []
    with pytest.raises(PovError, match="no such module") as caught:
        make_all(components, events.append, root=tmp_path)
    assert "while building fails" in caught.value.details
    assert "pov bundle build" in caught.value.fix
    assert log == []
    assert [event.subject for event in events if event.kind == "failed"] == ["fails"]
    assert (next(tmp_path.glob("slow-*")) / "out").read_text() == "whole"
    assert find_all([components[1]], root=tmp_path) is not None
    assert not list(tmp_path.glob("fails-*"))


def test_find_all_makes_nothing(tmp_path: Path) -> None:
    log: list[str] = []
    assert find_all(chain(log), root=tmp_path) is None
    made = make_all(chain(log), silent, root=tmp_path)
    log.clear()
    assert find_all(chain(log), root=tmp_path) == made
    assert find_all(chain(log, good=lambda _: False), root=tmp_path) is None
    assert find_all(chain(log)[:1], root=tmp_path) is None
    assert log == []


KILLED = """
    import sys, time
    from pathlib import Path
    from pov.bundle.builder import Component, make_all
    from pov.model.events import silent

    def quick(folder, needs, say):
        (folder / "out").write_text("whole")
        return {}

    def endless(folder, needs, say):
        (folder / "out").write_text("half")
        print("half way", flush=True)
        time.sleep(60)
        return {}

    components = [Component("quick", quick), Component("endless", endless, needs=("quick",))]
    make_all(components, silent, root=Path(sys.argv[1]))
"""


def test_a_killed_build_goes_on_where_it_was(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == "half way\n"
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
    assert list(tmp_path.glob(".endless-*"))
    log: list[str] = []
    components = [
        Component("quick", writes("again", log, "quick")),
        Component("endless", writes("whole", log, "endless"), needs=("quick",)),
    ]
    made = make_all(components, silent, root=tmp_path)
    assert log == ["endless"]
    assert (made["endless"].folder / "out").read_text() == "wholewhole"
    assert not list(tmp_path.glob(".*")), "what the killed build left half is gone"


INTERRUPTED = """
    import sys
    from pathlib import Path
    from pov.base.process import run
    from pov.bundle.builder import Component, make_all
    from pov.model.events import silent

    def tell(line):
        # In one piece: two threads write.
        print(line + "\\n", end="", flush=True)

    def endless(folder, needs, say):
        run(["sh", "-c", "echo $$; exec sleep 60"], timeout_s=60, env={}, on_line=tell)
        return {}

    try:
        make_all([Component("one", endless), Component("two", endless)], silent, root=Path(sys.argv[1]))
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


def test_ctrl_c_ends_compilers_and_downloads_at_once(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(INTERRUPTED), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        children = [int(process.stdout.readline()) for _ in range(2)]
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "interrupted\n"
    process.wait(10)
    assert not [pid for pid in children if Path("/proc", str(pid)).exists()]


def test_two_builds_at_once_share_the_work(tmp_path: Path) -> None:
    entered, leave, log = threading.Event(), threading.Event(), []

    def slow(folder: Path, needs: Mapping[str, Made], say: Callable[[str], None]) -> Mapping[str, Any]:
        log.append("made")
        entered.set()
        leave.wait(10)
        return {}

    waits = threading.Event()

    def hear(event: Event) -> None:
        if "another pov" in event.message:
            waits.set()
            leave.set()

    first = threading.Thread(target=make_all, args=([Component("one", slow)], silent), kwargs={"root": tmp_path})
    first.start()
    assert entered.wait(10)
    make_all([Component("one", slow)], hear, root=tmp_path)
    first.join(10)
    assert waits.is_set()
    assert log == ["made"]


def test_prune_keeps_what_is_in_use_and_what_was_used_lately(tmp_path: Path) -> None:
    old = make_all(chain([], middle="1"), silent, root=tmp_path)
    lately = make_all(chain([], middle="2"), silent, root=tmp_path)
    new = make_all(chain([], middle="3"), silent, root=tmp_path)
    for made in (old, new):
        for name in ("middle", "top"):
            os.utime(made[name].folder / "done.json", (time.time() - 10_000, time.time() - 10_000))
    removed = prune(new, root=tmp_path, unused_s=5_000)
    assert sorted(removed) == sorted([old["middle"].folder, old["top"].folder])
    assert all(made[name].folder.exists() for made in (lately, new) for name in made)


def test_a_hash_of_files_follows_names_modes_and_contents(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    file = folder / "a"
    file.write_text("1")
    seen = {hash_files(folder)}
    file.write_text("2")
    seen.add(hash_files(folder))
    file.chmod(0o755)
    seen.add(hash_files(folder))
    file.rename(folder / "b")
    seen.add(hash_files(folder))
    assert len(seen) == 4

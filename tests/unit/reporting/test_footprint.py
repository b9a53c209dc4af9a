"""What the platform itself takes: summed up, told on its page and by the command line, and computed by the verifier."""

from __future__ import annotations

import copy
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from pov.cli.measure import in_words
from pov.measure.footprint import PLATFORM, footprint
from pov.model.events import silent
from pov.model.reading import read_sample
from pov.model.words import Words
from pov.reporting.blocks import Bullets, Table, Text
from pov.reporting.model import Chapter, build
from pov.reporting.standalone.verifier import Verifier
from pov.state.runs import read_run
from pov.workflows import runs
from pov.workflows.report import attachments
from tests.unit.reporting import simulated

PAIRS = [("deploy", "automated"), ("deploy", "placebo")]
ONE = {
    "seconds": 40.0,
    "processor_s": {"argocd": 2.0, "vault": 1.0, "node": 5.0},
    "memory_mib": {"argocd": 400.0, "vault": 60.0, "node": 500.0},
    "containers": {"argocd": 5, "vault": 2},
}
TWO = {
    "seconds": 60.0,
    "processor_s": {"argocd": 10.0, "vault": 1.0, "node": 5.0},
    "memory_mib": {"argocd": 500.0, "vault": 60.0, "node": 520.0},
    "containers": {"argocd": 5, "vault": 2},
}


def samples(*told: tuple[str, Any]) -> list[Any]:
    return [
        read_sample({"experiment": "deploy", "arm": arm, "details": {"footprint": span} if span else {}}, n, [])
        for n, (arm, span) in enumerate(told, 1)
    ]


def test_spans_are_added_up_and_those_of_placebos_apart() -> None:
    found = footprint(samples(("automated", TWO), ("placebo", ONE), ("manual", None)), Words())
    assert found is not None
    assert (found.trials, found.readings, found.seconds) == (3, 2, 100.0)
    assert (found.placebos, found.idle) == (1, 40.0)
    assert [part.name for part in found.parts] == ["argocd", "vault", "node"]
    assert found.share(["argocd"]) == pytest.approx(0.12)
    assert found.share(["argocd", "vault"], idle=True) == pytest.approx(3 / 40)
    assert found.memory(PLATFORM) == pytest.approx(450 + 60)
    assert [part.most_mib for part in found.parts] == [500.0, 60.0, 520.0]


@pytest.mark.parametrize("span", [None, {}, {"seconds": 0}, {"seconds": "x"}, {"processor_s": {"argocd": 1.0}}, 7])
def test_nothing_is_told_where_nothing_was_recorded(span: Any) -> None:
    assert footprint(samples(("automated", span)), Words()) is None


def test_without_a_placebo_nothing_is_said_of_doing_nothing() -> None:
    found = footprint(samples(("automated", {"seconds": 5.0, "processor_s": {"vault": 1}, "memory_mib": 3})), Words())
    assert found is not None
    assert found.share(PLATFORM, idle=True) is None
    assert found.share(PLATFORM) == pytest.approx(0.2)


def span_of(number: int, times: float) -> dict[str, Any]:
    """What is simulated, with so many times the processor time and memory."""
    span = simulated.footprint(number)
    more = {key: {name: value * times for name, value in span[key].items()} for key in ("processor_s", "memory_mib")}
    return {**span, **more}


def saved(folder: Path, left_out: int = 0, times: float = 1.0) -> Path:
    order = simulated.plan(trials=2, pairs=PAIRS)
    changes = {n: {"details": {"footprint": span_of(n, times)}} for n in range(1, 5) if n != left_out}
    record = {"machine": {"cores": 2}}
    return simulated.save(folder / ".pov" / "one" / "runs", order=order, sample_changes=changes,
                          environment_changes=record)  # fmt: skip


def chapter(path: Path) -> Chapter:
    return next(one for one in build(read_run(path)).chapters if one.id == "footprint")


def test_the_page_tells_every_part_and_their_sum(tmp_path: Path) -> None:
    blocks = chapter(saved(tmp_path)).blocks
    bullets = next(block for block in blocks if isinstance(block, Bullets))
    table = next(block for block in blocks if isinstance(block, Table))
    told = {lead: rest.replace("\u202f", " ") for lead, rest in bullets.items}
    assert told["With nothing done"].endswith("on a machine of 2 cores.")
    assert re.match(r"the platform took [\d.]+ % of one core \(2 placebos of ", told["With nothing done"])
    assert told["Moving parts:"] == "8 containers, and 70 agents, one beside each replica."
    assert "Not everything was read:" not in told
    rows = {row[0]: row for row in table.rows}
    assert rows["Argo CD"][1:2] + rows["Argo CD"][4:] == ("5", "405", "406")
    own = [row for row in table.rows if row[0] in PLATFORM.values()]
    assert int(rows["The platform together"][1]) == sum(int(row[1]) for row in own)
    assert list(rows)[-1] == "Everything on the node"
    assert table.strong == (4, len(table.rows) - 1)


def test_a_trial_without_a_span_is_counted(tmp_path: Path) -> None:
    bullets = next(block for block in chapter(saved(tmp_path, left_out=2)).blocks if isinstance(block, Bullets))
    assert bullets.items[-1] == ("Not everything was read:", "of 1 trial no span is recorded.")


def test_a_run_of_before_says_that_it_was_not_recorded(tmp_path: Path) -> None:
    (block,) = chapter(simulated.save(tmp_path / "runs")).blocks
    assert isinstance(block, Text)
    assert "not recorded" in block.text


@pytest.mark.parametrize("times", [0.01, 1.0, 7.0], ids=["hardly anything", "little", "much"])
def test_pov_runs_show_tells_it_in_one_line_as_the_report_does(tmp_path: Path, times: float) -> None:
    """The same figure to the same digit: whoever reads both would else wonder which of them is measured."""
    path = saved(tmp_path, times=times)
    told = in_words(runs.run_show(runs.RunsOptions(tmp_path), path.name, silent))
    bullets = next(block for block in chapter(path).blocks if isinstance(block, Bullets))
    said = dict(bullets.items)
    quiet, whole = (re.search(r"took (.+?) of one", said[lead]) for lead in ("With nothing done", "Over the whole run"))
    assert quiet is not None
    assert whole is not None
    memory = said["Memory:"].partition(",")[0]
    line = f"takes {quiet[1]} of one core with nothing done, {whole[1]} of one core over the whole run, and {memory}."
    assert f"The platform itself {line}" in told


def test_a_run_of_before_says_nothing_of_it_in_pov_runs_show(tmp_path: Path) -> None:
    older = simulated.save(tmp_path / "older" / ".pov" / "one" / "runs")
    assert "platform itself" not in in_words(runs.run_show(runs.RunsOptions(tmp_path / "older"), older.name, silent))


@pytest.mark.parametrize("left_out", [0, 2])
def test_the_verifier_computes_every_figure_and_finds_a_changed_one(tmp_path: Path, left_out: int) -> None:
    run, draw = read_run(saved(tmp_path, left_out)), random.Random(4)
    document = build(run).as_json()
    for name, content in attachments(run).items():
        (tmp_path / name).write_bytes(content)
    at = next(n for n, one in enumerate(document["sections"]) if one["id"] == "footprint")
    blocks = json.loads(json.dumps(document["sections"][at]["blocks"]))

    def wrong(changed: Any) -> list[str]:
        other = {**document, "sections": [{"id": "footprint", "title": "x", "blocks": changed}]}
        (tmp_path / "report.json").write_text(json.dumps(other))
        verifier = Verifier(tmp_path)
        verifier.run()
        return [line for line in verifier.wrong if line.startswith("footprint")]

    assert wrong(blocks) == []
    table, bullets = (next(n for n, b in enumerate(blocks) if b["kind"] == kind) for kind in ("table", "bullets"))
    places = [(table, "rows", row, cell) for row, cells in enumerate(blocks[table]["rows"]) for cell in range(1, 6)
              if re.search(r"\d", cells[cell])]  # fmt: skip
    places += [(bullets, "items", item, 1) for item in range(4)]
    for block, key, row, cell in draw.sample(places, 12):
        other = copy.deepcopy(blocks)
        before = other[block][key][row][cell]
        other[block][key][row][cell] = re.sub(r"\d", lambda d: str((int(d[0]) + 3) % 10), before, count=1)
        assert wrong(other), before
    assert wrong([]), "a page that was emptied shows"


HALVES = {"argocd": 238.5, "vault": 268.2, "agents": 264.4, "gitea": 210.4}
"""Added up one by one they come out a hair below 981.5, and exactly rounded at it."""


@pytest.mark.parametrize(
    "span",
    [{"seconds": 40.0, "processor_s": {"argocd": 1.0}, "memory_mib": HALVES, "containers": {}}, 7, {"seconds": "x"},
     {"seconds": 5.0, "processor_s": {"argocd": float("nan"), "vault": -3.0}, "memory_mib": [1], "containers": None}],
    ids=["halves", "no record", "no time", "no figures"],
)  # fmt: skip
def test_the_verifier_reads_every_span_as_the_report_does(tmp_path: Path, span: Any) -> None:
    order = simulated.plan(trials=2, pairs=PAIRS)
    changes = {n: {"details": {"footprint": span}} for n in range(1, 5)}
    run = read_run(simulated.save(tmp_path / "runs", order=order, sample_changes=changes))
    for name, content in attachments(run, report=build(run)).items():
        (tmp_path / name).write_bytes(content)
    verifier = Verifier(tmp_path)
    verifier.run()
    assert [line for line in verifier.wrong if line.startswith("footprint")] == []


def test_what_ended_in_between_is_said_to_be_in_a_row_of_its_own(tmp_path: Path) -> None:
    note = next(block for block in chapter(saved(tmp_path)).blocks if isinstance(block, Text))
    assert "before it ended stands in the row of those that ended" in note.text

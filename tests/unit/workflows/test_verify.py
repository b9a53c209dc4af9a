"""The verifier that a report carries: it computes all of it again without us, and any changed figure is found."""

from __future__ import annotations

import copy
import json
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pov.model.events import silent
from pov.model.kinds import Arm
from pov.model.words import Words
from pov.reporting import one_file
from pov.reporting.model import build
from pov.reporting.sections.worth_basis import _METHOD
from pov.reporting.standalone.known import TOLD, WORTH
from pov.reporting.standalone.verifier import Verifier
from pov.state.runs import HEAD, digest_of, read_run
from pov.workflows import report, verify
from pov.workflows.attesting import attested
from pov.workflows.countersigning import Lists
from pov.workflows.verify import VerifyOptions
from tests.unit.reporting import simulated
from tests.unit.reporting.crowded import crowded
from tests.unit.reporting.test_report import RUNS
from tests.unit.reporting.test_worth import SECTIONS
from tests.unit.value.sections import FULL, changed

MEASURED = {"experiment": "deploy", "arm": "automated", "metric": "median_seconds", "per": 5}


def attached(folder: Path, changes: Mapping[str, Any] | None = None) -> Path:
    """What the report of a simulated run carries, saved in an empty folder."""
    return attached_of(simulated.save(folder / ".pov" / "one" / "runs", **(changes or {})), folder)


def attached_of(run: Path, folder: Path) -> Path:
    """The same of a run that is there."""
    saved, lists = read_run(run), Lists.of(folder)
    found = attested(saved, lists, folder)
    drawn = build(saved, attested=found)
    out = folder / "out"
    out.mkdir()
    for name, content in report.attachments(saved, report=drawn, lists=lists).items():
        (out / name).write_bytes(content)
    return out


def alone(folder: Path) -> subprocess.CompletedProcess[str]:
    """The verifier that is attached, in a Python that knows nothing but its standard library."""
    argv = [sys.executable, "-I", "-S", "verify.py"]
    return subprocess.run(argv, cwd=folder, capture_output=True, encoding="utf-8", check=False)


@pytest.mark.parametrize("kind", RUNS)
def test_reports_of_every_kind_of_run_match_their_samples(tmp_path: Path, kind: str) -> None:
    verifier = Verifier(attached(tmp_path, RUNS[kind]))
    verifier.run()
    assert verifier.wrong == []
    assert verifier.done > 10


def test_an_added_arm_of_people_is_told_apart_from_machines_by_both(tmp_path: Path) -> None:
    """The report and the verifier know people's arms by the catalogue that a run keeps, and not by name."""
    words = Words().with_arms([Arm("by-phone", "By phone", kind="person", compared=False)])
    machines = simulated.plan(trials=2, pairs=[("deploy", "automated"), ("deploy", "manual")])
    hands = [{"experiment": "deploy", "arm": "by-phone", "trial": n} for n in (1, 2)]
    changes = {len(machines) + n: {"origin": origin} for n, origin in ((1, "person"), (2, "simulated"))}
    environment = {"catalogue": words.as_json()}
    said = {"order": [*machines, *hands], "sample_changes": changes, "environment_changes": environment}
    folder = attached(tmp_path, said)
    assert alone(folder).returncode == 0, alone(folder).stdout
    told = json.loads((folder / "report.json").read_text())
    (people,) = (json.dumps(chapter) for chapter in told["sections"] if chapter["id"] == "people")
    assert "By phone" in people
    assert "By-phone-simulated" in people


@pytest.mark.parametrize("name", SECTIONS)
def test_every_figure_of_the_value_model_is_computed(tmp_path: Path, name: str) -> None:
    verifier = Verifier(attached(tmp_path, {"environment_changes": {"value": SECTIONS[name]}}))
    verifier.run()
    assert verifier.wrong == []
    assert not [note for note in verifier.notes if "worth" in note]
    assert any("is not whole" in note for note in verifier.notes) is (name == "not whole")


@pytest.mark.parametrize("name", ["full", "example", "negative", "no price", "timed"])
def test_any_figure_of_the_value_model_that_is_changed_is_found(tmp_path: Path, name: str) -> None:
    section = changed(FULL, {"activities.0.after.measured": MEASURED}) if name == "timed" else SECTIONS[name]
    folder, draw = attached(tmp_path, {"environment_changes": {"value": section}}), random.Random(5)
    document = json.loads((folder / "report.json").read_text())
    verifier = Given(folder, document, None)
    verifier.run()
    assert verifier.wrong == []
    places = [
        (("sections", at, "blocks", *path), value)
        for at, chapter in enumerate(document["sections"])
        if chapter["id"] in WORTH
        for path, value in leaves(chapter["blocks"])
        if not _UNSEEN & set(path) and not isinstance(value, bool) and re.search(r"\d", str(value))
        if value not in {text for _, text in _METHOD} and (name != "example" or value != "EXAMPLE")
    ]
    assert len(places) > 150
    for path, value in draw.sample(places, 25):
        verifier = Given(folder, with_another_figure(document, path, value), verifier.given)
        verifier.run()
        assert verifier.wrong, f"{path}: {value!r}"


@pytest.mark.parametrize(
    ("price", "told"),
    [("10000 EUR", "10\u202f000"), ("4000 EUR", "4\u202f000")],
)
def test_a_changed_price_on_page_one_is_found(tmp_path: Path, price: str, told: str) -> None:
    folder = attached(tmp_path, {"environment_changes": {"value": SECTIONS["full"]}})
    document = json.loads((folder / "report.json").read_text())
    text = json.dumps(document["sections"][0], ensure_ascii=False)
    assert told in text, price
    document["sections"][0] = json.loads(text.replace(told, "1\u202f000"))
    verifier = Given(folder, document, None)
    verifier.run()
    assert any(line.startswith("decision: The decision, 2: it says 'Price.") for line in verifier.wrong)


def test_a_value_section_that_was_changed_afterwards_is_told(tmp_path: Path) -> None:
    folder = attached(tmp_path, {"environment_changes": {"value": SECTIONS["full"]}})
    rewrite(folder, "value.json", lambda d: d["growth"].update(expected=50))
    lines = alone(folder).stdout
    assert "it says that the section was changed after the run: it says False" in lines
    assert "worth: net present value" in lines


def test_a_report_with_a_value_section_is_drawn_again_to_the_last_byte(tmp_path: Path) -> None:
    changes = {"value": SECTIONS["full"]}
    simulated.save(tmp_path / ".pov" / "one" / "runs", environment_changes=changes)
    made = report.run(report.ReportOptions(tmp_path), silent).paths["pdf"]
    assert verify.run(VerifyOptions(tmp_path, target=str(made)), silent).wrong == ()


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value of a document, with its place."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, key))
    else:
        yield path, value


# No figures that anybody reads.
_UNSEEN = {"said", "colour", "widths", "align", "strong"}
_UNREAD = {"alt", "trial", *_UNSEEN}


def test_any_figure_of_the_first_pages_that_is_changed_is_found(tmp_path: Path) -> None:
    folder, draw = attached(tmp_path, {"order": simulated.plan(trials=4)}), random.Random(9)
    whole = Verifier(folder)
    whole.run()
    assert whole.wrong == []
    document = json.loads((folder / "report.json").read_text())
    first = [at for at, section in enumerate(document["sections"]) if section["id"] in TOLD]
    places = [
        (("sections", at, "blocks", *path), value)
        for at in first
        for path, value in leaves(document["sections"][at]["blocks"])
        if not _UNREAD & set(path) and not isinstance(value, bool) and re.search(r"\d", str(value))
    ]
    assert len(places) > 250
    for path, value in draw.sample(places, 120):
        verifier = Given(folder, with_another_figure(document, path, value), whole.given)
        verifier.run()
        assert verifier.wrong, f"{path}: {value!r}"


@pytest.mark.parametrize(("count", "more"), [(6, {}), (9, {"criteria": 9, "arms": 3, "value": SECTIONS["full"]})])
def test_a_crowded_page_one_is_computed_place_by_place(tmp_path: Path, count: int, more: dict[str, Any]) -> None:
    runs = tmp_path / ".pov" / "one" / "runs"
    crowded(runs, count, **more)
    folder, draw = attached_of(next(runs.iterdir()), tmp_path), random.Random(2)
    document = json.loads((folder / "report.json").read_text())
    verifier = Given(folder, document, None)
    verifier.run()
    assert verifier.wrong == []
    told = [section["id"] for section in document["sections"]]
    places = [
        (("sections", at, "blocks", *path), value)
        for at in (told.index(name) for name in ("decision", "rest") if name in told)
        for path, value in leaves(document["sections"][at]["blocks"])
        if not _UNREAD & set(path) and not isinstance(value, bool) and re.search(r"\d", str(value))
        if path[-1] not in {"name", "anchor", "see"}
    ]
    assert len(places) > 30
    for path, value in draw.sample(places, 25):
        verifier = Given(folder, with_another_figure(document, path, value), verifier.given)
        verifier.run()
        assert verifier.wrong, f"{path}: {value!r}"


def with_another_figure(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The document with one figure changed: its first digit, or the number."""
    other = copy.deepcopy(document)
    inner: Any = other
    for key in path[:-1]:
        inner = inner[key]
    wrong = re.sub(r"\d", lambda digit: str((int(digit[0]) + 3) % 10), str(value), count=1)
    inner[path[-1]] = wrong if isinstance(value, str) else value + 7.77
    return other


class Given(Verifier):
    """The verifier on another report than the one in the folder; what samples give is the same."""

    def __init__(self, folder: Path, document: Any, given: Any) -> None:
        super().__init__(folder, one_file.verifier())
        self.document, self.given = document, given

    def read(self, name: str) -> Any:
        """The document for the file."""
        return self.document if name == "report.json" else super().read(name)


def change_line(folder: Path, number: int, edit: Callable[[dict[str, Any]], object]) -> None:
    """Edit one sample, with the chain after it made whole again: what somebody would do who is not a fool."""
    lines = (folder / "samples.jsonl").read_text().splitlines()
    head = ""
    for at, line in enumerate(lines):
        sample = json.loads(line)
        if at + 1 == number:
            edit(sample)
        if at + 1 >= number:
            sample["prev"] = head or sample["prev"]
            sample["digest"] = digest_of(sample)
        head = sample["digest"]
        lines[at] = json.dumps(sample, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    (folder / "samples.jsonl").write_text("\n".join(lines) + "\n")


def rewrite(folder: Path, name: str, edit: Callable[[dict[str, Any]], object]) -> None:
    """Edit a JSON document."""
    document = json.loads((folder / name).read_text())
    edit(document)
    (folder / name).write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def block(document: dict[str, Any], kind: str) -> dict[str, Any]:
    """The first block of a kind."""
    return next(b for s in document["sections"] for b in s["blocks"] if b["kind"] == kind)


def by_cause(document: dict[str, Any]) -> dict[str, Any]:
    """The first table of failures by cause."""
    tables = [b for s in document["sections"] for b in s["blocks"] if b["kind"] == "table"]
    return next(table for table in tables if table["caption"].startswith("Failures by cause"))


def first_row(document: dict[str, Any]) -> dict[str, Any]:
    """The first criterion's row on page one."""
    row: dict[str, Any] = block(document, "outcomes")["rows"][0]
    return row


def cell(document: dict[str, Any]) -> dict[str, Any]:
    """The first large figure on page one."""
    found: dict[str, Any] = block(document, "key_figures")["cells"][0]
    return found


def _say_faster(document: dict[str, Any]) -> None:
    columns = next(b for b in document["sections"][0]["blocks"] if b["kind"] == "columns")
    for item in columns["left"][0]["items"]:
        item[1] = item[1].replace("median ", "median 3")


def _drop(folder: Path) -> None:
    lines = (folder / "samples.jsonl").read_text().splitlines()
    (folder / "samples.jsonl").write_text("\n".join([*lines[:2], *lines[3:]]) + "\n")


TAMPERED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a sample's time, bluntly": (
        lambda f: (f / "samples.jsonl").write_text(
            (f / "samples.jsonl").read_text().replace('"seconds":', '"seconds":1', 1)
        ),
        "samples.jsonl:1: does not fit the chain",
    ),
    "a sample's time, with the chain made whole": (
        lambda f: change_line(f, 2, lambda s: s.update(seconds=0.5)),
        "least: it says 57.716, the samples give 0.5",
    ),
    "lost requests": (
        lambda f: change_line(f, 1, lambda s: s["traffic"]["operation"].update(hard=7)),
        "requests: it says",
    ),
    "a failed trial made good": (lambda f: change_line(f, 3, lambda s: s.update(ok=False)), "trials: it says"),
    "a sample dropped": (_drop, "samples.jsonl:3: does not fit the chain"),
    "a threshold in the record": (
        lambda f: rewrite(f, "environment.json", lambda d: d["criteria"][0].update(at_most=1)),
        "samples.jsonl:1: does not fit the chain",
    ),
    "a threshold in the record, by its part": (
        lambda f: rewrite(f, "environment.json", lambda d: d["criteria"][0].update(at_most=1)),
        "environment.json: changed in its criteria since the first sample",
    ),
    "the order of trials": (
        lambda f: rewrite(f, "environment.json", lambda d: d.update(order_seed=8)),
        "environment.json: changed in its plan since the first sample",
    ),
    "the machine": (
        lambda f: rewrite(f, "environment.json", lambda d: d["machine"].update(cores=64)),
        "environment.json: changed in its environment since the first sample",
    ),
    "a threshold in the criteria": (
        lambda f: (f / "criteria.json").write_text((f / "criteria.json").read_text().replace("180", "18")),
        "criteria.json: not the criteria",
    ),
    "a threshold on page one": (
        lambda f: rewrite(f, "report.json", lambda d: first_row(d).update(threshold="at most 900\u202fs")),
        "threshold: it says",
    ),
    "an outcome on page one": (
        lambda f: rewrite(f, "report.json", lambda d: first_row(d).update(outcome="fail")),
        "outcome: it says",
    ),
    "a verdict": (
        lambda f: rewrite(
            f,
            "report.json",
            lambda d: d["verdict"].insert(0, d["verdict"].pop(0).replace("DOES NOT TELL APART", "PASS")),
        ),
        "verdict",
    ),
    "a large figure": (lambda f: rewrite(f, "report.json", lambda d: cell(d).update(figure="1.0")), "figure: it says"),
    "a range": (
        lambda f: rewrite(f, "report.json", lambda d: cell(d).update(range="1.0 – 2.0\u202fs")),
        "range: it says",
    ),
    "a count of requests": (
        lambda f: rewrite(f, "report.json", lambda d: cell(d).update(loss="none of 1 request failed")),
        "requests: it says",
    ),
    "a mark in a chart": (
        lambda f: rewrite(f, "report.json", lambda d: block(d, "dots")["panels"][0]["points"][0].update(seconds=1.0)),
        "points: it says",
    ),
    "a bar": (
        lambda f: rewrite(f, "report.json", lambda d: block(d, "bars")["rows"][0]["parts"][0].update(seconds=99.0)),
        "sum of steps: it says",
    ),
    "a figure in a sentence": (lambda f: rewrite(f, "report.json", _say_faster), "decision: What follows, "),
    "the number of runs": (
        lambda f: rewrite(
            f, "runs.json", lambda d: d["runs"].append({**d["runs"][0], "run": "z", "state": "unfinished"})
        ),
        "Run 1 of 1 here.', the samples give",
    ),
    "a cause": (
        lambda f: rewrite(f, "report.json", lambda d: by_cause(d)["rows"][0].__setitem__(5, "1")),
        "failures by cause: it says",
    ),
    "what the customer stated": (
        lambda f: rewrite(f, "report.json", lambda d: block(d, "stated")["items"][0].update(value="450")),
        "stated figures: it says",
    ),
    "a digest": (
        lambda f: rewrite(f, "report.json", lambda d: d["digests"].update({"samples.jsonl": "0" * 64})),
        "digest of samples.jsonl",
    ),
    "the head": (lambda f: rewrite(f, HEAD, lambda d: d.update(chain_head="0" * 64)), "head.json: chain_head"),
    "a criterion left out": (
        lambda f: rewrite(f, "report.json", lambda d: block(d, "outcomes")["rows"].pop()),
        "criteria that are shown",
    ),
    "samples that are not there": (lambda f: (f / "samples.jsonl").unlink(), "samples.jsonl: cannot be read"),
    "a report that is none": (lambda f: (f / "report.json").write_text("{"), "report.json: cannot be read"),
}


@pytest.mark.parametrize("kind", TAMPERED)
def test_the_verifier_names_what_was_tampered_with(tmp_path: Path, kind: str) -> None:
    folder = attached(tmp_path)
    tamper, told = TAMPERED[kind]
    tamper(folder)
    done = alone(folder)
    assert done.returncode == 1, done.stdout
    assert done.stderr == ""
    lines = [line for line in done.stdout.splitlines() if line.startswith("DOES NOT MATCH")]
    assert [line for line in lines if told in line], done.stdout


@pytest.mark.parametrize("end", ["value", "low", "high"])
def test_ratios_and_both_ends_of_their_intervals_are_computed_again(tmp_path: Path, end: str) -> None:
    folder = attached(tmp_path, {"order": simulated.plan(trials=6)})
    assert alone(folder).returncode == 0
    rewrite(folder, "report.json", lambda d: block(d, "ratios")["rows"][0].update({end: 1.234}))
    told = alone(folder).stdout
    assert f", {end}: it says 1.234, the samples give " in told


def test_a_run_that_is_not_counted_is_missed(tmp_path: Path) -> None:
    earlier = [{"run": "20260301-090000-aaaa", "environment": "one", "started": "2026-03-01T09:00:00.000Z"}]
    folder = attached(tmp_path, {"environment_changes": {"earlier_runs": earlier}})
    rewrite(folder, "runs.json", lambda d: d.update(runs=[]))
    assert "runs.json: run 20260301-090000-aaaa came before this one and is not counted" in alone(folder).stdout


def test_what_is_judged_by_a_figure_of_its_own_is_computed_and_a_changed_one_found(tmp_path: Path) -> None:
    order = [{"experiment": "audit", "arm": arm, "trial": i} for arm in ("automated", "manual") for i in (1, 2)]
    changes = {i + 1: {"figures": {"answers_right": 9.0 if i < 2 else 6.0}} for i in range(4)}
    folder = attached(tmp_path, {"order": order, "sample_changes": changes})
    verifier = Verifier(folder)
    verifier.run()
    assert verifier.wrong == []
    report = folder / "report.json"
    told = report.read_text()
    assert '"figure": "9"' in told
    report.write_text(told.replace('"figure": "9"', '"figure": "12"'))
    verifier = Verifier(folder)
    verifier.run()
    assert any("figure" in line for line in verifier.wrong)


@pytest.mark.parametrize(("excused", "outcome"), [(0, "fail"), (2, "not shown"), (None, "not shown")])
def test_handshakes_are_excused_by_both_as_the_samples_tell(tmp_path: Path, excused: int | None, outcome: str) -> None:
    """Runs of before did not tell which of the excused requests were handshakes: as many as can have been, then."""
    seen = simulated.traffic(900, late=4, excused=2)
    seen["operation"] |= {} if excused is None else {"excused_handshakes": excused}
    judged = {"id": "shaken", "title": "S", "experiment": "rotate", "arm": "automated", "metric": "failed_handshakes"}
    order = [{"experiment": "rotate", "arm": arm, "trial": 1} for arm in ("automated", "manual")]
    changes = {"criteria": [{**judged, "at_most": 0}]}
    folder = attached(
        tmp_path, {"order": order, "sample_changes": {1: {"traffic": seen}}, "environment_changes": changes}
    )
    verifier = Verifier(folder)
    verifier.run()
    assert verifier.wrong == []
    assert [one["outcome"] for one in verifier.scores] == [outcome]


@pytest.mark.parametrize("column", [0, 2, 3, 4, 5])
def test_what_running_the_platform_takes_is_computed_and_a_changed_cell_found(tmp_path: Path, column: int) -> None:
    names = ("unseal", "restart", "upgrade")
    order = [{"experiment": name, "arm": "automated", "trial": i} for name in names for i in (1, 2, 3)]
    parts = {"figures": {"argocd_seconds": 31.5, "vault_seconds": 9.25}}
    between = {"figures": {"upgraded_seconds": 30.5, "delivered_seconds": 14.25}}
    changes = {2: {"seconds": None, "ok": False, "error": "broken"}, 4: parts, 5: parts, 6: parts}
    folder = attached(tmp_path, {"order": order, "sample_changes": changes | dict.fromkeys((7, 8, 9), between)})
    verifier = Verifier(folder)
    verifier.run()
    assert verifier.wrong == []
    rewrite(folder, "report.json", lambda d: _upkeep(d)[0].__setitem__(column, "another"))
    verifier = Verifier(folder)
    verifier.run()
    assert any("running the platform: what was measured" in line for line in verifier.wrong)


def _upkeep(document: dict[str, Any]) -> list[list[str]]:
    """The rows of that table."""
    blocks = next(one["blocks"] for one in document["sections"] if one["id"] == "upkeep")
    return next(b["rows"] for b in blocks if b["kind"] == "table")  # type: ignore[no-any-return]


_LOADED = {1: {"details": {"load_per_core": 6.38}}, 2: {"details": {"load_per_core": 2.0}}}


@pytest.mark.parametrize(("change", "found"), [
    (lambda said: said, False), (lambda said: said.replace("1 of", "0 of"), True), (lambda _said: "", True),
])  # fmt: skip
def test_page_one_says_how_many_trials_began_on_a_busy_machine(
    tmp_path: Path, change: Callable[[str], str], found: bool
) -> None:
    folder = attached(tmp_path, {"sample_changes": _LOADED})
    samples = len((folder / "samples.jsonl").read_text().splitlines())

    def say(document: dict[str, Any]) -> None:
        block = next(b for b in document["sections"][0]["blocks"] if "A busy machine." in b.get("text", ""))
        assert f"1 of {samples} trials began with more than 2 runnable tasks a core" in block["text"]
        block["text"] = change(block["text"])

    rewrite(folder, "report.json", say)
    verifier = Verifier(folder)
    verifier.run()
    told = [line for line in verifier.wrong if line.startswith("decision: What was measured, ")]
    assert any("A busy machine. 1 of" in line for line in told) is found


def test_a_busy_machine_is_told_of_people_alone_too(tmp_path: Path) -> None:
    order = [{"experiment": "deploy", "arm": "person", "trial": 1}]
    sat = {"origin": "person", "details": {"by": "sam", "load_per_core": 6.38}}
    folder = attached(tmp_path, {"order": order, "sample_changes": {1: sat}})
    first = json.dumps(json.loads((folder / "report.json").read_text())["sections"][0])
    assert "1 of 1 trial began with more than 2 runnable tasks a core" in first
    verifier = Verifier(folder)
    verifier.run()
    assert not any("busy machine" in line for line in verifier.wrong), verifier.wrong


def test_a_quiet_machine_is_no_news(tmp_path: Path) -> None:
    folder = attached(tmp_path)
    assert "A busy machine" not in (folder / "report.json").read_text()
    first = {"kind": "text", "text": "A busy machine. 3 of 7 trials began so.", "tone": "note", "see": ""}
    rewrite(folder, "report.json", lambda d: d["sections"][0]["blocks"].append(first))
    verifier = Verifier(folder)
    verifier.run()
    assert any("it says 'A busy machine. 3 of 7 trials began so.', which nothing" in line for line in verifier.wrong)

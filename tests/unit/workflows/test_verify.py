"""Evidence: what a report carries computes itself again without us, and any changed byte is found."""

from __future__ import annotations

import copy
import hashlib
import json
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import NotFound, PovError
from pov.engines import pdf, ssh
from pov.measure.summary import summarise
from pov.model.catalogue import Arm, Words
from pov.model.events import silent
from pov.model.reading import read_sample
from pov.reporting import standalone
from pov.reporting.model import build
from pov.reporting.sections.worth_basis import _METHOD
from pov.state import frozen as store
from pov.state.runs import CONFIGURATION, HEAD, RunWriter, digest_of, head_of, read_run
from pov.workflows import report, verify
from pov.workflows.attesting import attested
from pov.workflows.countersigning import Lists
from pov.workflows.verify import VerifyOptions, VerifyResult
from tests.unit.reporting import simulated
from tests.unit.reporting.crowded import crowded
from tests.unit.reporting.test_report import RUNS
from tests.unit.reporting.test_worth import SECTIONS
from tests.unit.value.sections import FULL, changed

BUYER = "ines@acme.example"
MEASURED = {"experiment": "deploy", "arm": "automated", "metric": "median_seconds", "per": 5}
CRITERIA = simulated.environment([])["criteria"]


def key_in(folder: Path, name: str = "buyer") -> Path:
    """A new key, its owner's alone."""
    path = folder / f"{name}.key"
    path.write_text(ssh.make_key(name).private.reveal())
    path.chmod(0o600)
    return path


def signed_run(root: Path, key: Path) -> Path:
    """A small run against criteria that were frozen and countersigned, with a configuration repository."""
    agreed = {"criteria": CRITERIA, "terms": {}}
    frozen = store.freeze(agreed, "2026-03-08T10:00:00.000Z")
    (root / store.FILE).write_bytes(frozen.content)
    argv = ["ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", "criteria@pov.dev", root / store.FILE]
    subprocess.run(argv, check=True, capture_output=True)
    signature = (root / f"{store.FILE}.sig").read_bytes()
    public = subprocess.run(["ssh-keygen", "-y", "-f", key], check=True, capture_output=True, text=True).stdout
    (root / store.SIGNERS).write_text(f"{BUYER} {public}")
    stood = {"state": "as frozen", "digest": frozen.digest, "at": frozen.at, "number": 1}
    stood["signatures"] = {f"{store.FILE}.sig": hashlib.sha256(signature).hexdigest()}
    order = simulated.plan(trials=1, pairs=[("deploy", "automated"), ("deploy", "manual")])
    environment = simulated.environment(order, frozen=stood, earlier_runs=[])
    files = {store.FILE: frozen.content, f"{store.FILE}.sig": signature}
    writer = RunWriter(root / ".pov" / "one" / "runs", environment, files=files, clock=simulated.TickingClock())
    draw = random.Random(3)
    for item in order:
        writer.append(simulated.sample(item, draw) | {"started": "2026-03-09T09:31:00.000Z"})
    _bundle(root, writer.path / CONFIGURATION)
    writer.finish({"schema": "pov.dev/summary/v2", "run": {"id": writer.run_id, "finished": "2026-03-09T09:40:00Z"}})
    return writer.path


def _bundle(root: Path, file: Path) -> str:
    """A Git bundle with one commit; returns it."""
    folder = root / "configuration"
    git = ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "init", "-q", "-b", "main", folder], check=True)
    (folder / "values.yaml").write_text("image: 1\n")
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "one"], check=True)
    subprocess.run([*git, "bundle", "create", "-q", file, "--all"], check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """An engagement folder with a signed run and its signed report; the buyer's key. Tests work on copies."""
    root = tmp_path_factory.mktemp("acme")
    key = key_in(root)
    run = signed_run(root, key)
    verify.run(VerifyOptions(root, key=key, signer=BUYER), silent)
    made = report.run(report.ReportOptions(root), silent).paths["pdf"]
    verify.run(VerifyOptions(root, target=str(made), key=key, signer=BUYER), silent)
    return root, run, made


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


def test_the_verifier_out_of_the_pdf_runs_alone_in_an_empty_folder(
    case: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    for name, content in pdf.attachments(case[2].read_bytes()).items():
        (tmp_path / name).write_bytes(content)
    done = alone(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all match" in done.stdout
    assert "ssh-keygen -Y verify" in done.stdout
    code = "import sys; sys.path.insert(0, '.'); import verify; print(*sys.modules)"
    argv = [sys.executable, "-I", "-S", "-c", code]
    loaded = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.split()
    assert not [
        name for name in loaded if name.partition(".")[0] not in {*sys.stdlib_module_names, "verify", "__main__"}
    ]


@pytest.mark.parametrize("kind", RUNS)
def test_reports_of_every_kind_of_run_match_their_samples(tmp_path: Path, kind: str) -> None:
    verifier = standalone.Verifier(attached(tmp_path, RUNS[kind]))
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
    verifier = standalone.Verifier(attached(tmp_path, {"environment_changes": {"value": SECTIONS[name]}}))
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
        if chapter["id"] in standalone.WORTH
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
    assert any(line.startswith("decision: Price.") for line in verifier.wrong)


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


# No figures that anybody reads; and sentences, in which a figure is only looked up.
_UNSEEN = {"said", "colour", "widths", "align", "strong"}
_UNREAD = {"alt", "said", "colour", "trial", "widths", "align", "strong", "items", "text", "subtitle"}


def test_any_figure_of_the_first_pages_that_is_changed_is_found(tmp_path: Path) -> None:
    folder, draw = attached(tmp_path, {"order": simulated.plan(trials=4)}), random.Random(9)
    whole = standalone.Verifier(folder)
    whole.run()
    assert whole.wrong == []
    document = json.loads((folder / "report.json").read_text())
    first = [at for at, section in enumerate(document["sections"]) if section["id"] in standalone.TOLD]
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
        if path[-1] not in {"name", "anchor", "see", "reason", "title", "head"}
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


class Given(standalone.Verifier):
    """The verifier on another report than the one in the folder; what samples give is the same."""

    def __init__(self, folder: Path, document: Any, given: Any) -> None:
        super().__init__(folder)
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
            f, "report.json", lambda d: d["verdict"].insert(0, d["verdict"].pop(0).replace("PASS", "FAIL"))
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
    "a figure in a sentence": (lambda f: rewrite(f, "report.json", _say_faster), "is given by no sample"),
    "the number of runs": (
        lambda f: rewrite(
            f, "runs.json", lambda d: d["runs"].append({**d["runs"][0], "run": "z", "state": "unfinished"})
        ),
        "which run of how many",
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
        "criteria that are left out",
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


def whole(result: VerifyResult) -> bool:
    """Whether everything matches and everything is signed by the buyer."""
    return not result.wrong and {one.by for one in result.signatures} == {BUYER}


def test_a_signed_run_and_its_report_verify(case: tuple[Path, Path, Path]) -> None:
    root, run, made = case
    of_run = verify.run(VerifyOptions(root, target=run.name), silent)
    assert whole(of_run)
    assert {one.of for one in of_run.signatures} == {"criteria", "run"}
    assert any(CONFIGURATION in line for line in of_run.checked)
    of_report = verify.run(VerifyOptions(root, target=str(made)), silent)
    assert whole(of_report)
    assert {one.of for one in of_report.signatures} == {"criteria", "run", "report"}
    assert any("to the last byte" in line for line in of_report.checked)
    assert any("allowed_signers" in line for line in of_report.forgeable)
    assert any("a seed may have been drawn again" in line for line in of_report.forgeable)
    assert json.dumps(of_report.as_json())
    own = verify.run(VerifyOptions(root, target=str(made), signers=root / store.SIGNERS), silent)
    assert not any("allowed_signers" in line for line in own.forgeable)


def test_the_readers_own_list_decides(case: tuple[Path, Path, Path], tmp_path: Path) -> None:
    root, run, _ = case
    other = tmp_path / "signers"
    other.write_text(f"somebody {ssh.make_key('x').public}\n")
    result = verify.run(VerifyOptions(root, target=run.name, signers=other), silent)
    assert not any(one.by for one in result.signatures)
    assert any("allows nobody to sign with this key" in line for line in result.wrong)
    public = (root / store.SIGNERS).read_text().split(maxsplit=1)[1]
    revoked = tmp_path / "revoked"
    revoked.write_text(public)
    result = verify.run(VerifyOptions(root, target=run.name, revoked=revoked), silent)
    assert any("does not count any more" in line for line in result.wrong)


def test_an_extracted_folder_verifies_too(case: tuple[Path, Path, Path], tmp_path: Path) -> None:
    for name, content in pdf.attachments(case[2].read_bytes()).items():
        (tmp_path / name).write_bytes(content)
    result = verify.run(VerifyOptions(tmp_path, target=str(tmp_path)), silent)
    assert result.wrong == ()
    assert any(CONFIGURATION in line for line in result.unseen)


def test_any_changed_byte_of_a_signed_run_is_found(case: tuple[Path, Path, Path], tmp_path: Path) -> None:
    root, run, _ = case
    draw, lists = random.Random(20_260_309), Lists.of(root)
    here = tmp_path / ".pov" / "one" / "runs" / run.name
    here.mkdir(parents=True)
    for file in run.iterdir():
        (here / file.name).write_bytes(file.read_bytes())
    names = ["environment.json", "samples.jsonl", "summary.json", CONFIGURATION, HEAD, store.FILE]
    names += [file.name for file in run.glob("*.sig")]
    for name in names:
        content = (run / name).read_bytes()
        for at in draw.sample(range(len(content)), min(25, len(content))):
            changed = bytearray(content)
            changed[at] ^= 1 << draw.randrange(8)
            (here / name).write_bytes(changed)
            assert _noticed(here, lists, tmp_path), f"byte {at} of {name}"
        (here / name).write_bytes(content)
    assert not _noticed(here, lists, tmp_path)


def _noticed(run: Path, lists: Lists, root: Path) -> bool:
    """Whether a run is refused, or something is told to be wrong with it."""
    try:
        saved = read_run(run)
    except PovError:
        return True
    return bool(saved.problems) or bool(attested(saved, lists, root).problems)


def test_any_changed_byte_of_a_report_is_found_also_without_a_signature(
    case: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    content, draw = case[2].read_bytes(), random.Random(5)
    here = tmp_path / "report.pdf"
    here.write_bytes(content)
    assert verify.run(VerifyOptions(tmp_path, target=str(here)), silent).wrong == ()
    for at in draw.sample(range(len(content)), 12):
        changed = bytearray(content)
        changed[at] ^= 1 << draw.randrange(8)
        here.write_bytes(changed)
        try:
            assert verify.run(VerifyOptions(tmp_path, target=str(here)), silent).wrong, f"byte {at}"
        except PovError:
            continue


@pytest.mark.parametrize("name", ["statement.json", f"statement.json.{BUYER}.sig"])
def test_any_changed_byte_beside_a_report_is_found(case: tuple[Path, Path, Path], tmp_path: Path, name: str) -> None:
    root, draw = case[0], random.Random(6)
    for file in case[2].parent.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    content = (tmp_path / name).read_bytes()
    options = VerifyOptions(root, target=str(tmp_path / "report.pdf"), signers=root / store.SIGNERS)
    for at in draw.sample(range(len(content)), 4):
        changed = bytearray(content)
        changed[at] ^= 1 << draw.randrange(8)
        (tmp_path / name).write_bytes(changed)
        assert verify.run(options, silent).wrong, f"byte {at}"


def test_nobody_signs_what_does_not_verify(tmp_path: Path) -> None:
    key = key_in(tmp_path)
    run = signed_run(tmp_path, key)
    lines = (run / "samples.jsonl").read_text()
    (run / "samples.jsonl").write_text(lines.replace('"seconds":', '"seconds":1', 1))
    with pytest.raises(PovError, match="not signed") as caught:
        verify.run(VerifyOptions(tmp_path, key=key, signer=BUYER), silent)
    assert any("samples.jsonl:1" in line for line in caught.value.details)
    assert not list(run.glob(f"{HEAD}*.sig"))


def test_criteria_that_were_swapped_after_the_freeze_show(tmp_path: Path) -> None:
    run = signed_run(tmp_path, key_in(tmp_path))
    other = store.freeze({"criteria": [], "terms": {}}, "2026-03-08T10:00:00.000Z")
    (run / store.FILE).write_bytes(other.content)
    told = verify.run(VerifyOptions(tmp_path), silent).wrong
    assert f"{store.FILE}: is not the one that the run recorded before its first sample" in told
    (run / store.FILE).unlink()
    assert f"{store.FILE}: is not there any more" in verify.run(VerifyOptions(tmp_path), silent).wrong


def test_a_signature_that_came_later_does_not_count(tmp_path: Path) -> None:
    key = key_in(tmp_path)
    run = signed_run(tmp_path, key)
    signature = (run / f"{store.FILE}.sig").read_bytes()
    (run / f"{store.FILE}.late.sig").write_bytes(signature)
    result = verify.run(VerifyOptions(tmp_path), silent)
    assert "criteria.frozen.json.late.sig: is not one that the run recorded before its first sample" in result.wrong


@pytest.mark.parametrize("finish", [True, False])
def test_a_commit_that_the_bundle_does_not_hold_is_named(tmp_path: Path, finish: bool) -> None:
    changes = {1: {"details": {"revision": "1" * 40}}}
    run = simulated.save(tmp_path / ".pov" / "one" / "runs", finish=finish, sample_changes=changes)
    commit = _bundle(tmp_path, run / CONFIGURATION)
    result = verify.run(VerifyOptions(tmp_path), silent)
    told = f"{CONFIGURATION}: does not hold the commit {'1' * 40}"
    assert (told in result.wrong) is finish
    # A run that was killed has what was there when it began.
    early = f"{CONFIGURATION}: of the run's beginning, for it was killed: 1 later commits are not in it"
    assert (early in result.unseen) is not finish
    assert commit
    (run / CONFIGURATION).write_bytes(b"no bundle")
    assert any("Git cannot read it" in line for line in verify.run(VerifyOptions(tmp_path), silent).wrong)


def test_sums_that_are_not_those_of_the_samples_are_named(tmp_path: Path) -> None:
    run = simulated.save(tmp_path / ".pov" / "one" / "runs")
    summary = json.loads((run / "summary.json").read_text())
    summary["prober_sees"] = False
    (run / "summary.json").write_text(json.dumps(summary))
    (run / HEAD).write_bytes(head_of(run))
    assert "summary.json: prober_sees is not what the samples give" in verify.run(VerifyOptions(tmp_path), silent).wrong


def test_comparisons_by_another_versions_method_are_not_called_wrong(tmp_path: Path) -> None:
    run = simulated.save(tmp_path / ".pov" / "one" / "runs")
    saved = read_run(run)
    samples = [read_sample(sample, n, []) for n, sample in enumerate(saved.samples, 1)]
    summary = {**summarise({"id": run.name}, samples, ()), "digests": saved.summary and saved.summary["digests"]}
    comparison = summary["experiments"][0]["comparisons"][0]
    for method, wrong in ((comparison["method"], True), ("another version's", False)):
        comparison |= {"ratio": 17.0, "method": method}
        (run / "summary.json").write_text(json.dumps(summary))
        (run / HEAD).write_bytes(head_of(run))
        told = verify.run(VerifyOptions(tmp_path), silent).wrong
        assert any("comparisons[1].ratio" in line for line in told) is wrong, told


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7\n", b"no PDF at all"])
def test_what_is_no_report_is_called_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.pdf").write_bytes(content)
    with pytest.raises(PovError, match="PDF"):
        verify.run(VerifyOptions(tmp_path, target=str(tmp_path / "x.pdf")), silent)
    with pytest.raises(NotFound, match="no run in"):
        verify.run(VerifyOptions(tmp_path, target=str(tmp_path)), silent)
    with pytest.raises(NotFound):
        verify.run(VerifyOptions(tmp_path, target="no-such-run"), silent)


def test_what_is_judged_by_a_figure_of_its_own_is_computed_and_a_changed_one_found(tmp_path: Path) -> None:
    order = [{"experiment": "audit", "arm": arm, "trial": i} for arm in ("automated", "manual") for i in (1, 2)]
    changes = {i + 1: {"figures": {"answers_right": 9.0 if i < 2 else 6.0}} for i in range(4)}
    folder = attached(tmp_path, {"order": order, "sample_changes": changes})
    verifier = standalone.Verifier(folder)
    verifier.run()
    assert verifier.wrong == []
    report = folder / "report.json"
    told = report.read_text()
    assert '"figure": "9"' in told
    report.write_text(told.replace('"figure": "9"', '"figure": "12"'))
    verifier = standalone.Verifier(folder)
    verifier.run()
    assert any("figure" in line for line in verifier.wrong)


@pytest.mark.parametrize("column", [0, 2, 3, 4, 5])
def test_what_running_the_platform_takes_is_computed_and_a_changed_cell_found(tmp_path: Path, column: int) -> None:
    order = [{"experiment": name, "arm": "automated", "trial": i} for name in ("unseal", "restart") for i in (1, 2, 3)]
    parts = {"figures": {"argocd_seconds": 31.5, "vault_seconds": 9.25}}
    changes = {2: {"seconds": None, "ok": False, "error": "broken"}, 4: parts, 5: parts, 6: parts}
    folder = attached(tmp_path, {"order": order, "sample_changes": changes})
    verifier = standalone.Verifier(folder)
    verifier.run()
    assert verifier.wrong == []
    rewrite(folder, "report.json", lambda d: _upkeep(d)[0].__setitem__(column, "another"))
    verifier = standalone.Verifier(folder)
    verifier.run()
    assert any("running the platform: what was measured" in line for line in verifier.wrong)


def _upkeep(document: dict[str, Any]) -> list[list[str]]:
    """The rows of that table."""
    blocks = next(one["blocks"] for one in document["sections"] if one["id"] == "upkeep")
    return next(b["rows"] for b in blocks if b["kind"] == "table")  # type: ignore[no-any-return]

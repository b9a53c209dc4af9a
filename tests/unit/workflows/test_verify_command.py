"""`pov verify` on signed runs and reports: what matches, whose signature counts, and that any changed byte is found."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import NotFound, PovError
from pov.engines import pdf, ssh
from pov.measure.summary import summarise
from pov.model.events import silent
from pov.model.reading import read_sample
from pov.state import frozen as store
from pov.state.runs import CONFIGURATION, HEAD, RunWriter, head_of, read_run
from pov.workflows import report, verify
from pov.workflows.attesting import attested
from pov.workflows.countersigning import Lists
from pov.workflows.verify import VerifyOptions, VerifyResult
from tests.unit.reporting import simulated
from tests.unit.value.sections import FULL
from tests.unit.workflows.test_verify import alone

BUYER = "ines@acme.example"
CRITERIA = simulated.environment([])["criteria"]
PLAN = [{"name": "deploy", "trials": 1, "arms": ["automated", "manual"], "arm_trials": {}, "aa": None}]


def key_in(folder: Path, name: str = "buyer") -> Path:
    """A new key, its owner's alone."""
    path = folder / f"{name}.key"
    path.write_text(ssh.make_key(name).private.reveal())
    path.chmod(0o600)
    return path


def signed_run(root: Path, key: Path, plan: Sequence[Mapping[str, Any]] = PLAN) -> Path:
    """A small run against criteria that were frozen with a plan and countersigned, with a configuration repository."""
    agreed = {"criteria": CRITERIA, "experiments": plan, "terms": {}}
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


DEPARTS = "the plan differs from the frozen one: deploy, automated: 1 trial in place of 6"


def test_a_plan_that_is_not_the_frozen_one_is_told_from_the_files_alone(tmp_path: Path) -> None:
    """The run itself says nothing of it: page one, `pov verify` and the attached verifier find it all the same."""
    run = signed_run(tmp_path, key_in(tmp_path), [{**PLAN[0], "arm_trials": {"automated": 6}}])
    result = verify.run(VerifyOptions(tmp_path, target=str(run)), silent)
    assert (result.wrong, result.exploratory) == ((), (DEPARTS,))
    made = report.run(report.ReportOptions(tmp_path), silent).paths
    assert verify.run(VerifyOptions(tmp_path, target=str(made["pdf"])), silent).exploratory == (DEPARTS,)
    first = json.loads(made["json"].read_text())["sections"][0]["blocks"]
    (box,) = (b for b in first if b["kind"] == "callout" and b["title"].startswith("Exploratory"))
    assert box["text"] == "deploy, automated: 1 trial in place of 6."
    out = tmp_path / "out"
    out.mkdir()
    for name, content in pdf.attachments(made["pdf"].read_bytes()).items():
        (out / name).write_bytes(content)
    done = alone(out)
    assert done.returncode == 0, done.stdout
    assert f"exploratory     {DEPARTS}\n" in done.stdout
    drawn = json.loads((out / "report.json").read_text())
    drawn["sections"][0]["blocks"] = [b for b in first if b is not box]
    (out / "report.json").write_text(json.dumps(drawn))
    assert "it does not say 'Exploratory: the plan differs from the frozen one" in alone(out).stdout


def whole(result: VerifyResult) -> bool:
    """Whether everything matches and everything is signed by the buyer."""
    return not result.wrong and {one.by for one in result.signatures} == {BUYER}


@pytest.mark.parametrize(("by", "over"), [("mallory", "criteria and run"), (BUYER, "the run alone")])
def test_page_one_names_no_other_signer_and_nothing_that_was_not_signed(
    case: tuple[Path, Path, Path], tmp_path: Path, by: str, over: str
) -> None:
    """Whether a signature is theirs, ssh-keygen tells; whose it may be, and over what, the files tell."""
    files = pdf.attachments(case[2].read_bytes())
    if over == "the run alone":
        files = {name: content for name, content in files.items() if not name.startswith("head.json.")}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    assert f"criteria and run countersigned by {BUYER}" in (tmp_path / "report.json").read_text()
    told = (
        (tmp_path / "report.json")
        .read_text()
        .replace(f"criteria and run countersigned by {BUYER}", f"{over} countersigned by {by}")
    )
    (tmp_path / "report.json").write_text(told)
    (line,) = (line for line in alone(tmp_path).stdout.splitlines() if line.startswith("DOES NOT MATCH  decision"))
    assert f"{over} countersigned by {by}" in line


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


def test_a_signature_whose_statement_is_gone_is_told_with_all_else(
    case: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    for file in case[2].parent.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "statement.json").unlink()
    options = VerifyOptions(case[0], target=str(tmp_path / "report.pdf"), signers=case[0] / store.SIGNERS)
    result = verify.run(options, silent)
    assert [line.partition(": ")[0] for line in result.wrong] == [f"statement.json.{BUYER}.sig"]
    assert any("to the last byte" in line for line in result.checked)


def test_a_run_in_another_ones_folder_is_told(case: tuple[Path, Path, Path], tmp_path: Path) -> None:
    """A run that was measured again until it pleased could else take the place of one that others name."""
    other = tmp_path / ".pov" / "one" / "runs" / "20260308-093000-aaaa"
    shutil.copytree(case[1], other)
    told = f"environment.json: is that of run {case[1].name}, and lies in the folder of {other.name}"
    options = VerifyOptions(tmp_path, target=str(other), signers=case[0] / store.SIGNERS)
    assert verify.run(options, silent).wrong == (told,)
    # Anywhere else a copy may have any name.
    assert verify.run(replace(options, target=str(shutil.copytree(other, tmp_path / "sent"))), silent).wrong == ()


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


@pytest.mark.parametrize(("rules", "wrong"), [("this version's", True), ("another version's", False), (None, False)])
def test_warnings_by_another_versions_rules_are_not_called_wrong(
    tmp_path: Path, rules: str | None, wrong: bool
) -> None:
    run = simulated.save(tmp_path / ".pov" / "one" / "runs")
    saved = read_run(run)
    samples = [read_sample(sample, n, []) for n, sample in enumerate(saved.samples, 1)]
    summary = {**summarise({"id": run.name}, samples, ()), "digests": saved.summary and saved.summary["digests"]}
    experiment = summary["experiments"][0]
    experiment["warnings"] = ["worded otherwise"]
    if rules is None:
        del experiment["warned_by"]
    elif not wrong:
        experiment["warned_by"] = rules
    (run / "summary.json").write_text(json.dumps(summary))
    (run / HEAD).write_bytes(head_of(run))
    told = verify.run(VerifyOptions(tmp_path), silent).wrong
    assert any("warnings" in line for line in told) is wrong, told


def test_a_run_with_a_value_section_that_is_copied_away_still_matches(tmp_path: Path) -> None:
    run = simulated.save(tmp_path / ".pov" / "one" / "runs", environment_changes={"value": FULL})
    copied = tmp_path / "sent" / run.name
    shutil.copytree(run, copied)
    for target in (run, copied):
        assert verify.run(VerifyOptions(tmp_path, target=str(target)), silent).wrong == (), target


def test_only_a_summary_that_is_there_was_computed_again(tmp_path: Path) -> None:
    sums, none = "summary.json, computed again by pov", "the run has no summary.json"
    simulated.save(tmp_path / ".pov" / "one" / "runs")
    whole = verify.run(VerifyOptions(tmp_path), silent)
    assert sums in whole.checked
    assert not any(none in one for one in whole.unseen)
    simulated.save(tmp_path / ".pov" / "two" / "runs", stop_after=4, finish=False)
    cut = verify.run(VerifyOptions(tmp_path, "two"), silent)
    assert (cut.wrong, sums in cut.checked) == ((), False)
    assert any(none in one for one in cut.unseen)


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7\n", b"no PDF at all"])
def test_what_is_no_report_is_called_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.pdf").write_bytes(content)
    with pytest.raises(PovError, match="PDF"):
        verify.run(VerifyOptions(tmp_path, target=str(tmp_path / "x.pdf")), silent)
    with pytest.raises(NotFound, match="no run in"):
        verify.run(VerifyOptions(tmp_path, target=str(tmp_path)), silent)
    with pytest.raises(NotFound):
        verify.run(VerifyOptions(tmp_path, target="no-such-run"), silent)

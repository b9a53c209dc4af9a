"""`pov criteria` and `pov verify` as somebody types them: words, JSON, exit codes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pypdf
import pytest

from pov.cli.main import main
from pov.engines import ssh
from tests.unit.reporting import simulated


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An engagement folder."""
    assert main(["init", str(tmp_path / "acme"), "--customer", "Acme"]) == 0
    return tmp_path / "acme"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """Somebody's key."""
    path = tmp_path / "key"
    path.write_text(ssh.make_key("ines").private.reveal())
    path.chmod(0o600)
    return path


def test_from_the_sheet_to_a_signed_report(root: Path, key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = ["--engagement", str(root)]
    assert main([*at, "criteria", "sheet"]) == 0
    out = capsys.readouterr().out
    assert "Left to fill in by hand" in out
    assert f"\n  pov --engagement {root} criteria freeze " in out
    assert main([*at, "criteria", "freeze", "--json"]) == 0
    frozen = json.loads(capsys.readouterr().out)
    assert len(frozen["digest"]) == len(frozen["agreement"]) == 64
    assert main([*at, "criteria", "freeze"]) == 0
    out = capsys.readouterr().out
    assert f"\n  pov --engagement {root} criteria sign --key KEY --as NAME " in out
    assert f" -n criteria@pov.dev {root / 'criteria.frozen.json'} " in out
    assert main([*at, "criteria", "sign", "--key", str(key), "--as", "ines"]) == 0
    assert "Have ines tell its fingerprint by another way" in capsys.readouterr().out
    simulated.save(root / ".pov" / "one" / "runs")
    assert main([*at, "verify", "--sign", str(key), "--as", "ines"]) == 0
    assert "head.json is signed by ines" in capsys.readouterr().out
    assert main([*at, "report"]) == 0
    pdf = next(root.glob(".pov/one/reports/*/report.pdf"))
    capsys.readouterr()
    assert main([*at, "verify", str(pdf)]) == 0
    out = capsys.readouterr().out
    assert "signed          run, by ines, key SHA256:" in out
    assert "the same to the last byte" in out
    assert "What could still be forged:" in out


def test_what_does_not_match_ends_with_code_1(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = simulated.save(root / ".pov" / "one" / "runs")
    at = ["--engagement", str(root), "verify", run.name]
    assert main(at) == 0
    assert "signed          by nobody: self-attested" in capsys.readouterr().out
    lines = (run / "samples.jsonl").read_text().splitlines()
    lines[4] = lines[4].replace('"ok":true', '"ok":false')
    (run / "samples.jsonl").write_text("\n".join(lines) + "\n")
    assert main(at) == 1
    told = capsys.readouterr()
    assert "DOES NOT MATCH  samples.jsonl:5: does not fit the chain" in told.out
    assert f"{run.name}: " in told.err
    assert main([*at, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["matches"] is False
    assert document["wrong"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["criteria", "sign", "--as", "ines"], 2, "--key"),
        (["criteria", "sign", "--key", "nobody", "--as", "ines"], 1, "no criteria are frozen"),
        (["verify", "--sign", "key"], 2, "go together"),
        (["verify", "--as", "ines"], 2, "go together"),
        (["verify"], 1, "nothing was measured yet"),
        (["criteria", "frees"], 2, "No such command"),
    ],
)
def test_what_cannot_be_done_is_told(
    root: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, told: str
) -> None:
    assert main(["--engagement", str(root), *arguments]) == code
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("also", [[], ["--plan"]], ids=["run", "plan"])
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--budget", "5x"], "--budget: `5x` is no duration"),
        (["--budget", "0s"], "--budget: no time at all"),
        (["--profile", "foo"], "--profile: no profile foo"),
        (["nope"], "nope: no such experiment"),
        (["interrupted", "--at", "never"], "--at: no point `never`"),
        (["rollback-errors", "--error-rate", "7"], "--error-rate: 7 is no such share"),
        (["nope", "--budget", "5x", "--error-rate", "7"], "3 problems in the input"),
    ],
)
def test_what_no_environment_could_measure_is_refused_before_one_is_asked_for(
    root: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str, also: list[str]
) -> None:
    assert main(["--engagement", str(root), "measure", *arguments, *also]) == 2
    err = capsys.readouterr().err
    assert told in err
    assert "no environment" not in err


@pytest.mark.parametrize("option", ["--signers", "--revoked"])
@pytest.mark.parametrize("path", ["", "mistyped", "."])
def test_a_list_that_is_not_there_is_not_taken_for_an_empty_one(
    root: Path, option: str, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = simulated.save(root / ".pov" / "one" / "runs")
    assert main(["--engagement", str(root), "verify", run.name, option, path]) == 2
    out, err = capsys.readouterr()
    assert option in err
    assert "signed" not in out


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["verify", "sent.pdf"], 2, "no file sent.pdf"),
        (["verify", "runs/20260309-093000-aaaa"], 2, "no file runs/20260309-093000-aaaa"),
        (["verify", "20260309-093000-aaaa"], 2, " runs list\n"),
        (["verify", "."], 2, "no run in ."),
        (["verify", __file__], 2, "this is no PDF"),
        (["verify", "zzz", "--sign", "nokey", "--as", "ines"], 2, "no run zzz"),
        (["report", "--run", "zzz"], 2, "no run zzz"),
        (["people", "list", "--run", "zzz"], 2, "no run zzz"),
        (["runs", "show", "zzz"], 2, "no run zzz"),
        (["runs", "compare", "zza", "zzb"], 2, "no run zza"),
        (["bundle", "load", "."], 2, "is a directory"),
        (["bundle", "load", "nowhere.tar"], 2, "no file nowhere.tar"),
        (["bundle", "load", __file__], 2, "is no tar file"),
        (["people", "play", "zzz"], 2, "no recording zzz"),
        (["people", "agree", "zzz", "--by", "sam"], 2, "no recording zzz"),
        (["people", "play", "zzz", "--json"], 2, "is to be watched"),
    ],
)
def test_what_is_named_and_not_there_is_wrong_input_and_no_failure(
    root: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, told: str
) -> None:
    simulated.save(root / ".pov" / "one" / "runs")
    assert main(["--engagement", str(root), *arguments]) == code
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["verify"], 1),
        (["verify", "latest"], 1),
        (["verify", "zzz"], 2),
        (["report"], 1),
        (["report", "--run", "latest"], 1),
        (["report", "--run", "zzz"], 2),
        (["runs", "show", "latest"], 1),
        (["runs", "show", "zzz"], 2),
    ],
)
def test_where_nothing_was_measured_only_a_named_run_is_wrong_input(
    root: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int
) -> None:
    assert main(["--engagement", str(root), *arguments]) == code
    assert "nothing was measured yet" in capsys.readouterr().err


ON_THE_NEWEST = (["report"], ["verify"], ["people", "list"], ["runs", "show"])
ON_A_RUN = (["report", "--run"], ["verify"], ["people", "list", "--run"], ["runs", "show"])


@pytest.mark.parametrize("command", ON_THE_NEWEST, ids=" ".join)
def test_a_damaged_newest_run_is_told_and_no_older_one_taken(
    root: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    runs = root / ".pov" / "one" / "runs"
    older = simulated.save(runs)
    shutil.copytree(older, runs / "20991231-235959-beef")
    (runs / "20991231-235959-beef" / "environment.json").unlink()
    at = ["--engagement", str(root), *command]
    for _ in range(2):
        assert main(at) == 1
        err = capsys.readouterr().err
        assert f"no readable run in {runs / '20991231-235959-beef'}" in err
        assert "environment.json is not there" in err
        assert f"name another run: pov --engagement {root} runs list" in err
        shutil.rmtree(older, ignore_errors=True)


@pytest.mark.parametrize("command", ON_A_RUN, ids=" ".join)
@pytest.mark.parametrize("name", ["latest", "an end", "whole"])
def test_a_run_is_named_alike_for_every_command(
    root: Path, capsys: pytest.CaptureFixture[str], command: list[str], name: str
) -> None:
    run = simulated.save(root / ".pov" / "one" / "runs")
    wanted = {"latest": "latest", "an end": run.name[-4:], "whole": run.name}[name]
    assert main(["--engagement", str(root), *command, wanted]) == 0
    assert run.name in capsys.readouterr().out


def test_an_environment_without_runs_is_told_beside_which_there_are_some(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    simulated.save(root / ".pov" / "one" / "runs")
    assert main(["--engagement", str(root), "--name", "two", "report"]) == 1
    err = capsys.readouterr().err
    assert "nothing was measured yet in two" in err
    assert "environments with runs: one" in err


@pytest.mark.parametrize("command", ON_THE_NEWEST, ids=" ".join)
def test_of_several_environments_with_runs_one_is_named_for_the_command_that_was_typed(
    root: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    for name in ("one", "two"):
        simulated.save(root / ".pov" / name / "runs")
    typed = ["--engagement", str(root), *command]
    assert main(typed) == 2
    err = capsys.readouterr().err
    assert "several environments have runs: one, two" in err
    assert err.endswith(f"fix: pov --name one {' '.join(typed)}\n")


@pytest.mark.parametrize("damage", ["samples gone", "half a PDF", "another beginning", "nothing attached"])
def test_a_damaged_run_or_report_is_a_failure_and_no_wrong_input(
    root: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script that asks whether evidence holds must not take a broken one for a misspelt path."""
    path = simulated.save(root / ".pov" / "one" / "runs")
    if damage == "samples gone":
        (path / "samples.jsonl").unlink()
    else:
        path = root / "sent.pdf"
        pypdf.PdfWriter().write(path)
        if damage == "half a PDF":
            path.write_bytes(path.read_bytes()[:200])
        if damage == "another beginning":
            path.write_bytes(b"X" + path.read_bytes()[1:])
    assert main(["--engagement", str(root), "verify", str(path)]) == 1
    assert "Error:" in capsys.readouterr().err

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from pov.base.errors import CriterionNotMet, InvalidInput, NotShown, PovError, PreflightFailed, Problem, RunInterrupted
from pov.cli.app import COMMANDS, cli
from pov.cli.main import main

HEAVY = (
    "rich",
    "pydantic",
    "ruamel",
    "kubernetes",
    "requests",
    "hvac",
    "git",
    "cryptography",
    "ansible_runner",
    "typst",
)


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "pov", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    return subprocess.run(argv, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_help_imports_nothing_heavy_and_no_command() -> None:
    code = (
        "import sys\nfrom pov.cli.main import main\nassert main(['--help']) == 0\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "loaded += [name for name in sys.modules if name.startswith(('pov.workflows', 'pov.engines', 'pov.config'))]\n"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_commands_help_imports_no_workflow(name: str) -> None:
    code = (
        f"import sys\nfrom pov.cli.main import main\nassert main([{name!r}, '--help']) == 0\n"
        f"assert not [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not [name for name in sys.modules if name.startswith('pov.workflows.')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


def test_bringing_up_reads_in_no_more_than_it_needs() -> None:
    code = (
        "import sys, pov.cli.up, pov.workflows.up, pov.workflows.preflight, pov.workflows.diagnostics, pov.steps.plan\n"
        "unneeded = ('kubernetes', 'ansible_runner', 'typst', 'numpy', 'scipy', 'jinja2', 'rich')\n"
        "loaded = [name for name in unneeded if name in sys.modules]\n"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_help_loads_nothing_that_takes_its_time(tmp_path: Path) -> None:
    look = "import sys; from pov.cli.main import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    argv = [sys.executable, "-c", look]
    done = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=True)
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert "pov" in loaded
    slow = {"kubernetes", "hvac", "requests", "git", "ansible_runner", "cryptography", "pydantic", "rich", "yaml"}
    assert not loaded & slow
    assert not {name for name in done.stderr.split() if name.startswith(("pov.workflows.", "pov.engines."))}


GOOD = """\
apiVersion: pov.dev/v1
kind: Scenario
metadata: {name: mine, title: Mine}
services:
  count: 5
stages: [{name: staging}]
"""
BAD: dict[str, tuple[str, str]] = {
    "unknown key": (GOOD + "pkii: {}\n", "mine.yaml:7: unknown key `pkii`"),
    "wrong unit": (GOOD + "pki: {ttl: 24 hours}\n", "mine.yaml:7: pki.ttl: `24 hours` is no duration"),
    "no services": (GOOD.replace("5", "0"), "mine.yaml:5: services.count: must be at least 1, not 0"),
    "too many": (GOOD.replace("5", "1001"), "mine.yaml:5: services.count: must be at most 1000, not 1001"),
    "wrong type": (GOOD.replace("5", "five"), "mine.yaml:5: services.count: must be a whole number, not 'five'"),
    "duplicate key": (GOOD + "kind: Scenario\n", "mine.yaml:7: found duplicate key"),
    "bomb": ("a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "mine.yaml:2: alias *a is not allowed"),
    "not YAML": ("a: [\n", "mine.yaml:2: "),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_scenario_ends_with_2_one_message_and_nothing_changed(tmp_path: Path, case: str) -> None:
    text, message = BAD[case]
    (tmp_path / "mine.yaml").write_text(text)
    done = run("scenarios", "show", "mine.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"Error: {message}")
    assert done.stderr.count("Error:") == 1
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]


USAGE = [
    (["scenarios", "show", "none.yaml"], "none.yaml: no such file"),
    (["scenarios", "show", "gitops-36"], "gitops-36: no such scenario"),
    (["scenarios", "show", "quickstart", "--services", "0"], "--services: N = 0 is not in 1 to 1000"),
    (["scenarios", "show", "quickstart", "--services", "1001"], "--services: N = 1001 is not in 1 to 1000"),
    (["scenarios", "show", "quickstart", "--services", "many"], "'many' is not a valid integer"),
    (["scenarios", "smoke", "--attempts", "0"], "--attempts: 0 is not at least 1"),
    (["scenarios", "smoke", "none"], "none: no such scenario"),
    (["stauts"], "No such command 'stauts'. Did you mean 'status'?"),
    (["report", "--fromat", "pdf"], "No such option"),
    (["report", "--format", "docx"], "--format: no format docx"),
    (["--engagement", "nowhere", "report"], "nowhere: no engagement folder"),
    (["--engagement", "/dev/null", "report"], "/dev/null: no engagement folder: it is a file"),
    (["--name", "UPPER", "status"], "--name: `UPPER` cannot name an environment"),
    (["status", "--name", "../x"], "--name: `../x` cannot name an environment"),
    (["init", "Acme Ltd"], "NAME: `Acme Ltd` cannot name an engagement"),
    (["init", "acme", "--scenario", "nope"], "nope: no such scenario"),
    (["measure", "--trials", "0"], "0 is not in the range"),
    (["open", "--show-password"], "passwords are printed to a terminal only"),
]


@pytest.mark.parametrize(("arguments", "message"), USAGE, ids=[" ".join(case[0]) for case in USAGE])
def test_bad_usage_ends_with_2_and_changes_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert list(tmp_path.iterdir()) == []


def raising(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


ERRORS: list[tuple[BaseException, int, list[str]]] = [
    (PovError("broken", cause="the cause", fix="pov up", details=["journal: x"]), 1, ["broken", "the cause", "pov up"]),
    (InvalidInput([Problem("a:1", "x"), Problem("a:2", "y", "z")]), 2, ["2 problems", "a:1: x", "a:2: y (z)"]),
    (PreflightFailed([Problem("memory", "too little", "N = 20 fits")]), 3, ["memory: too little", "N = 20 fits"]),
    (CriterionNotMet("deploy-time"), 4, ["Error: deploy-time"]),
    (NotShown("deploy-time"), 5, ["Note: deploy-time"]),
    (KeyboardInterrupt(), 130, ["interrupted", "run the same command again"]),
    (RunInterrupted("20260309-093000-ab12"), 130, ["interrupted", "fix: pov measure --resume 20260309-093000-ab12\n"]),
    (click.Abort(), 130, ["interrupted"]),
    (OSError(28, "No space left on device", "/x"), 1, ["/x: No space left on device"]),
    (RuntimeError("surprise"), 1, ["unexpected error", "RuntimeError: surprise", "-v"]),
]


@pytest.mark.parametrize(("error", "code", "words"), ERRORS, ids=[type(case[0]).__name__ for case in ERRORS])
def test_every_error_becomes_words_and_a_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    words: list[str],
) -> None:
    command = click.Command("x", callback=raising(error))
    monkeypatch.setattr(cli, "resolve_command", lambda ctx, args: ("x", command, []))
    assert main(["x"]) == code
    err = capsys.readouterr().err
    assert all(word in err for word in words)
    assert "Traceback" not in err
    assert main(["-v", "x"]) == code
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    "group", [[], ["runs"], ["criteria"], ["bundle"], ["scenarios"], ["people"], ["infra"]], ids=str
)
def test_a_group_alone_tells_its_commands(group: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(group) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(" ".join(["Usage: pov", *group]))
    assert "Commands:" in err
    assert "Error" not in err
    assert "fix" not in err


def test_the_engagement_file_in_the_folders_place_is_told_by_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my demo").mkdir()
    for file, folder in ((tmp_path / "my demo" / "engagement.yaml", "'my demo'"), (tmp_path / "engagement.yaml", ".")):
        file.touch()
        assert main(["--engagement", str(file.relative_to(tmp_path)), "status"]) == 2
        told = capsys.readouterr().err
        assert "no engagement folder: it is a file" in told
        assert told.endswith(f"fix: --engagement {folder}\n")


NEXT = [
    ([], "pov up", "pov up"),
    (["--engagement", "acme"], "pov down, then pov up", "pov --engagement acme down, then pov --engagement acme up"),
    (["--engagement", "acme", "--name", "one"], "pov up", "pov --engagement acme --name one up"),
    (["--engagement", "a c"], "pov runs list", "pov --engagement 'a c' runs list"),
    # What names the place itself, or is of no environment, is left alone.
    (["--engagement", "acme"], "pov measure --resume x --engagement acme", "pov measure --resume x --engagement acme"),
    (["--name", "one"], "pov down --name two, then pov up", "pov down --name two, then pov up"),
    (["--engagement", "acme"], "cd /theirs && pov status", "cd /theirs && pov status"),
    (["--engagement", "acme"], "pov bundle build", "pov bundle build"),
    (["--engagement", "acme"], "pov init NAME", "pov init NAME"),
    (["--engagement", "acme"], "wait for it", "wait for it"),
    (["--engagement", "acme"], "pov --name one …", "pov --name one --engagement acme x"),
]


def ending_with(error: PovError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand beside two engagement folders; every command fails so."""
    for folder in ("acme", "a c"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "engagement.yaml").touch()
    monkeypatch.chdir(tmp_path)
    command = click.Command("x", callback=raising(error))
    monkeypatch.setattr(cli, "resolve_command", lambda ctx, args: ("x", command, []))


@pytest.mark.parametrize(("place", "fix", "told"), NEXT)
def test_the_next_command_means_the_environment_that_was_meant(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    place: list[str],
    fix: str,
    told: str,
) -> None:
    ending_with(PovError("broken", fix=fix), tmp_path, monkeypatch)
    assert main([*place, "x"]) == 1
    assert capsys.readouterr().err.endswith(f"fix: {told}\n")


def test_so_does_the_remedy_of_each_of_several_problems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    problems = [Problem("a", "asked by pov up", "pov up"), Problem("b", "broken", "put it back")]
    ending_with(InvalidInput(problems), tmp_path, monkeypatch)
    assert main(["--engagement", "acme", "--json", "x"]) == 2
    out, err = capsys.readouterr()
    assert [problem["fix"] for problem in json.loads(out)["error"]["problems"]] == [
        "pov --engagement acme up",
        "put it back",
    ]
    assert "  - a: asked by pov up (pov --engagement acme up)\n  - b: broken (put it back)\n" in err


def test_json_gives_exactly_one_document_also_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["scenarios", "show", "nope", "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["error"]["exit_code"] == 2
    assert document["error"]["problems"][0]["where"] == "nope"


def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "pov", "scenarios", "show", "gitops-35", "--services", "900", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen(
        argv, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_global_options_are_taken_before_and_after_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in (
        ["--json", "scenarios", "list"],
        ["scenarios", "--json", "list"],
        ["scenarios", "list", "--json"],
    ):
        assert main(arguments) == 0
        names: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["scenarios"]
        assert {"gitops-35", "quickstart"} <= {entry["name"] for entry in names}


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("pov ")
    assert main(["version", "--json"]) == 0
    assert "pov" in json.loads(capsys.readouterr().out)


def test_the_schema_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ("scenario", "engagement", "offering", "stages", "summary"):
        assert main(["scenarios", "schema", kind]) == 0
        version = "v2" if kind == "summary" else "v1"
        assert json.loads(capsys.readouterr().out)["$id"].endswith(f"{kind}/{version}")


ENDINGS = {signal.SIGINT: "interrupted", signal.SIGTERM: "ended by SIGTERM", signal.SIGHUP: "ended by SIGHUP"}


@pytest.mark.parametrize("number", ENDINGS)
def test_an_interrupt_ends_with_its_own_code_after_cleaning_up(tmp_path: Path, number: signal.Signals) -> None:
    code = (
        "import click, sys, time\nfrom pov.cli.app import cli\nfrom pov.cli.main import main\n"
        "def work():\n"
        # Not one long sleep: a signal that comes just before it begins is heard only when it ends.
        "    try:\n        print('working', flush=True)\n        for _ in range(600): time.sleep(0.1)\n"
        "    finally:\n        print('cleaned up', flush=True)\n"
        "cli.resolve_command = lambda ctx, args: ('x', click.Command('x', callback=work), [])\n"
        "sys.exit(main(['x']))"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "working\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert out == "cleaned up\n"
    assert f"Error: {ENDINGS[number]}" in err
    assert "Traceback" not in err


def test_without_a_umask_nobody_else_may_write_what_is_made(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "pov", "init", "deep/acme"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    subprocess.run(argv, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=60, umask=0)
    made = [path for path in tmp_path.rglob("*") if not path.is_symlink()]
    assert tmp_path / "deep" / "acme" / "engagement.yaml" in made
    assert [path for path in made if path.stat().st_mode & stat.S_IWOTH] == []

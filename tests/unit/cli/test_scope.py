from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from pov.cli.main import main
from pov.config.engagement import load_engagement
from pov.config.offering import shipped


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("--users 40000", ["Medium: dedicated RDS, db-med-04. No review needed."]),
        ("--users 9999 --region eu-west-1", ["Small", "No review needed."]),
        ("--users 400000", ["No size.", "because no size holds 100,000 to 999,999 users"]),
        ("--users 1000000", ["Enterprise", "every Enterprise deal is reviewed"]),
        ("--users 40000 --availability 99.9", ["No review needed.", "from EXAMPLE figures"]),
        ("--users 40000 --availability 99.999", ["review", "two regions with failover"]),
        ("--users 40000 --availability 99.99999", ["review", "no topology of the offering gives 99.99999"]),
        ("--users 40000 --region mars", ["mars is no region of the offering"]),
    ],
)
def test_one_line_with_nothing_set_up(
    arguments: str, told: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scope", "size", *arguments.split()]) == 0
    said = capsys.readouterr().out
    assert all(text in said for text in told), said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("--users 0", "must be at least 1, not 0\n  fix: such as 40000\n"),
        ("--users 10 --availability 101", "must be less than 100, not 101.0\n  fix: such as 99.9\n"),
        ("--users -5", "must be at least 1"),
        ("--users 9000000000", "must be at most 8500000000"),
        ("--users many", "not a valid integer"),
        ("--users 10 --availability 0.999", "looks like a share, not percent"),
        ("--users 10 --availability 100", "availability"),
        ("--users 10 --availability nan", "availability"),
        ("--users 10 --region a --region A", "a is there twice"),
        ("--users 10 --offering none.yaml", "no such file"),
    ],
)
def test_figures_that_cannot_be(arguments: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scope", "size", *arguments.split()]) == 2
    said = capsys.readouterr()
    assert told in said.err
    assert said.out == ""


def test_a_companys_own_offering_takes_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("own.yaml").write_text(shipped().read_text().replace("below: 100000}", "below: 1000000}"))
    assert main(["scope", "size", "--users", "400000", "--offering", "own.yaml"]) == 0
    assert "Medium" in capsys.readouterr().out


def test_the_answer_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scope", "size", "--users", "400000", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["review"] is True
    assert document["size"] is None
    assert document["gaps_and_overlaps"] == ["no size holds 100,000 to 999,999 users"]


def test_the_offering_on_one_page(capsys: pytest.CaptureFixture[str]) -> None:
    import pypdf

    assert main(["scope", "sheet", "--out", "page.pdf"]) == 0
    assert capsys.readouterr().out.strip() == "page.pdf"
    pages = pypdf.PdfReader("page.pdf").pages
    assert len(pages) == 1
    text = " ".join(pages[0].extract_text().split())
    for told in ("No size holds 100,000 to 999,999 users", "64 cores", "legacy-core-db-01", "EXAMPLE", "absent"):
        assert told in text


def test_a_page_takes_the_place_of_no_pipe_and_of_no_link(capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo("pipe")
    assert main(["scope", "sheet", "--out", "pipe"]) == 2
    assert "is a device, a pipe or a socket" in capsys.readouterr().err
    assert Path("pipe").is_fifo()
    Path("link.pdf").symlink_to("page.pdf")
    assert main(["scope", "sheet", "--out", "link.pdf"]) == 0
    assert Path("link.pdf").is_symlink()
    assert Path("page.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("command", ["gate", "scope check"])
@pytest.mark.parametrize("option", ["--signers", "--revoked"])
def test_lists_of_keys_that_are_named_are_there(command: str, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), option, "nowhere"]) == 2
    assert f"Invalid value for '{option}': File 'nowhere' does not exist" in capsys.readouterr().err


SCOPE = """\
scope:
  # what the rep said
  promised: Small
  users: 40000
  availability: 99.99
  compliance: [PCI DSS]
"""


def engagement(name: str, scope: str = SCOPE) -> Path:
    assert main(["init", name]) == 0
    path = Path(name, "engagement.yaml")
    path.write_text(path.read_text() + scope)
    return path


def test_a_deal_is_shown_with_its_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import pypdf

    engagement("acme")
    capsys.readouterr()
    assert main(["--engagement", "acme", "scope", "show", "--pdf", "deal.pdf"]) == 0
    said = capsys.readouterr().out
    assert main(["--engagement", "acme", "scope"]) == 0
    assert said.startswith(capsys.readouterr().out.strip())
    for told in ("Small was promised, and 40,000 users need Medium", "3 of 3 prices are EXAMPLE", "questions open"):
        assert told in said
    text = " ".join(" ".join(page.extract_text() for page in pypdf.PdfReader("deal.pdf").pages).split())
    for told in ("Scope for acme", "Small was promised", "EXAMPLE", "The next nine, 99.999"):
        assert told in text


@pytest.mark.parametrize(
    ("scope", "line", "told"),
    [
        ("scope:\n  users: -1\n", 2, "must be at least 1, not -1"),
        ("scope:\n  users: 5\n  promised: Huge\n", 3, "the offering has no size Huge"),
        ("scope:\n  dealValue: {amount: 5, currency: EUR}\n", 2, "no sum mixes currencies"),
        ("scope:\n  residency: EU\n  regions:\n    - eu-west-1\n    - us-east-1\n", 5, "us-east-1 lies in US"),
        ("scope:\n  start: 2026-12-01\n  due: 2026-11-01\n", 3, "is before the start"),
        ("scope:\n  user: 5\n", 2, "did you mean `users`?"),
    ],
)
def test_bad_answers_are_told_with_their_line(
    scope: str, line: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = engagement("acme", scope)
    number = path.read_text()[: -len(scope)].count("\n") + line
    assert main(["--engagement", "acme", "scope", "show"]) == 2
    said = capsys.readouterr().err
    assert f"acme/engagement.yaml:{number}: " in said
    assert told in said


def test_an_engagement_without_a_scope_is_told_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    engagement("acme", "")
    assert main(["--engagement", "acme", "scope", "show"]) == 2
    assert "pov --engagement acme scope ask" in capsys.readouterr().err
    assert main(["scope", "show"]) == 2
    assert "this is no engagement folder" in capsys.readouterr().err


def test_answers_are_kept_beside_what_the_file_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = engagement("acme")
    before = path.read_text()
    answers = iter(["60", "5", "eu-central-1"])

    def prompt(*_: object, **__: object) -> str:
        try:
            return next(answers)
        except StopIteration:
            raise click.Abort from None

    monkeypatch.setattr(click, "prompt", prompt)
    assert main(["--engagement", "acme", "scope", "ask"]) == 0
    assert path.read_text().startswith(before)
    found = load_engagement(Path("acme")).scope
    assert found is not None
    assert (found.users, found.recovery.time_minutes, found.regions) == (40_000, 60, ("eu-central-1",))
    assert "acme/engagement.yaml" in capsys.readouterr().out


def test_answers_without_an_engagement_are_assessed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter(["40000"])
    monkeypatch.setattr(click, "prompt", lambda *_, **__: next(answers, ""))
    assert main(["scope"]) == 0
    assert "Medium: dedicated RDS, db-med-04. No review needed." in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_what_a_changed_promise_costs(capsys: pytest.CaptureFixture[str]) -> None:
    engagement("before")
    engagement("after", SCOPE.replace("99.99", "99.999"))
    capsys.readouterr()
    assert main(["scope", "diff", "before", "after"]) == 0
    said = capsys.readouterr().out
    for told in ("99.99 %", "99.999 %", "+ availability 99.999 % is asked", "a month, USD", "a total is missing"):
        assert told in said
    assert main(["scope", "diff", "before", "before"]) == 0
    assert capsys.readouterr().out.strip() == "Nothing differs."


@pytest.mark.parametrize("unasked", ["before", "after it"])
def test_of_two_deals_the_one_without_a_scope_is_the_one_to_ask_about(
    unasked: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("before", "after"):
        engagement(name, "" if unasked.startswith(name) else SCOPE)
    Path("after").rename("after it")
    capsys.readouterr()
    for typed in ([], ["--engagement", "before"]):
        assert main([*typed, "scope", "diff", "before", "after it"]) == 2
        err = capsys.readouterr().err
        assert f"{unasked}/engagement.yaml: it has no `scope:` yet" in err
        assert f"fix: pov --engagement {shlex.quote(unasked)} scope ask\n" in err


def test_the_one_line_reads_in_nothing_that_it_does_not_need() -> None:
    heavy = ("kubernetes", "hvac", "git", "requests", "cryptography", "ansible_runner", "typst", "numpy", "scipy")
    code = (
        "import sys; from pov.cli.main import main; assert main(['scope', 'size', '--users', '40000']) == 0; "
        f"found = sorted(set(sys.modules) & set({heavy!r})); assert not found, found"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr

"""`pov verify` on files that are not as they should be: what is wrong is told, file by file, and nothing falls over."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pov.base.errors import PovError
from pov.cli.main import main
from pov.model.events import silent
from pov.workflows import verify
from pov.workflows.verify import VerifyOptions
from tests.unit.reporting import simulated
from tests.unit.reporting.malformed import edit, mutate
from tests.unit.reporting.test_worth import SECTIONS
from tests.unit.workflows.test_verify import attached_of

ROUNDS = 20


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run in an engagement's folder."""
    runs = tmp_path_factory.mktemp("engagement") / ".pov" / "one" / "runs"
    order, changes = simulated.plan(trials=1), {"value": SECTIONS["full"]}
    return simulated.save(runs, order=order, environment_changes=changes)


@pytest.fixture(scope="module")
def saved(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What its report carries."""
    return attached_of(run, tmp_path_factory.mktemp("report"))


def copied(run: Path, root: Path) -> Path:
    """The run in another engagement's folder."""
    return Path(shutil.copytree(run, root / ".pov" / "one" / "runs" / run.name))


def verified(root: Path, target: Path) -> list[str]:
    """Everything that it says is wrong; or the error, whose words are the same for everybody."""
    try:
        return list(verify.run(VerifyOptions(root, target=str(target)), silent).wrong)
    except PovError as error:
        return [f"{error.message}: {error.cause}"]


@pytest.mark.parametrize("detached", [False, True], ids=["a run", "attachments"])
def test_whatever_is_changed_at_random_it_is_told_and_nothing_falls_over(
    run: Path, saved: Path, tmp_path: Path, detached: bool
) -> None:
    draw = random.Random(31)
    for number in range(ROUNDS):
        root = tmp_path / str(number)
        target = Path(shutil.copytree(saved, root / "out")) if detached else copied(run, root)
        names = {mutate(target, draw) for _ in range(draw.choice((1, 1, 2)))}
        wrong = verified(root, target)
        assert wrong or not names & {"environment.json", "summary.json", "samples.jsonl"}, names
        shutil.rmtree(root)


CASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "half a summary": (
        lambda f: (f / "summary.json").write_bytes((f / "summary.json").read_bytes()[:100]), "summary.json"),
    "a list for a summary": (edit("summary.json", lambda d: [d]), "summary.json"),
    "a list for a head": (edit("head.json", lambda d: [d]), "head.json"),
    "a list for a record": (edit("environment.json", lambda d: [d]), "environment.json"),
    "criteria in a mapping": (edit("environment.json", lambda d: d.update(criteria={"a": 1})), "environment.json"),
    "a value section in a list": (edit("environment.json", lambda d: d.update(value=[1])), "environment.json"),
    "no number": (
        lambda f: (f / "samples.jsonl").write_text(
            (f / "samples.jsonl").read_text().replace('"seconds":', '"seconds":NaN,"was":', 1)), "samples.jsonl"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_command_ends_with_1_and_names_the_file(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.chdir(tmp_path)
    change, name = CASES[case]
    target = copied(run, tmp_path)
    change(target)
    assert main(["verify", str(target)]) == 1
    out, err = capsys.readouterr()
    assert "unexpected error" not in err
    assert name in out + err, out + err

"""What lies in a file's place, or in a file, given to the command: pipes, devices, folders, odd JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pov.cli.main import main
from tests.unit.reporting import simulated

FILES = ("environment.json", "samples.jsonl", "summary.json", "head.json")

IN_ITS_PLACE: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a device without an end": lambda path: path.symlink_to("/dev/zero"),
    "a folder": lambda path: path.mkdir(),
    "lists in lists": lambda path: path.write_text("[" * 200_000),
    "mappings in mappings": lambda path: path.write_text('{"a":' * 200_000),
    "half a letter": lambda path: path.write_text('{"run": "\\ud800", "started": "\\udfff"}\n'),
    "no text": lambda path: path.write_bytes(b"\xff\xfe\0\0" * 1000),
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POV_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("kind", IN_ITS_PLACE)
def test_a_run_that_cannot_be_read_is_told_and_the_others_are(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    order = simulated.plan(trials=1, pairs=[("deploy", "automated"), ("deploy", "manual")])
    runs = Path(".pov/one/runs")
    good, *bad = (simulated.save(runs, order=order, control=False) for _ in range(len(FILES) + 1))
    for path, name in zip(bad, FILES, strict=True):
        (path / name).unlink()
        IN_ITS_PLACE[kind](path / name)
    assert main(["runs", "list", "--json"]) == 0
    listed = {line["run"]: line for line in json.loads(capsys.readouterr().out)["runs"]}
    assert listed[good.name]["problems"] == []
    # A report tells every run since the freeze, these among them.
    assert main(["report", "--run", good.name, "--format", "json"]) == 0
    for path in bad:
        assert listed[path.name]["problems"], path
        capsys.readouterr()
        assert main(["verify", str(path), "--json"]) == 1
        said = capsys.readouterr()
        assert json.loads(said.out)
        assert "unexpected error" not in said.err
        assert "the operating system refused" not in said.err


GIVEN = {
    "a scenario": ["scenarios", "show", "{}"],
    "one to bring up": ["up", "{}"],
    "an offering": ["scope", "size", "--users", "5", "--offering", "{}"],
    "an archive": ["bundle", "load", "{}"],
    "who may sign": ["verify", "--signers", "{}"],
}


@pytest.mark.parametrize("place", ["pipe.yaml", "/dev/zero"])
@pytest.mark.parametrize("case", GIVEN)
def test_a_file_that_is_none_is_told_before_anything_else(
    case: str, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo("pipe.yaml")
    assert main([*(word.format(place) for word in GIVEN[case]), "--json"]) == 2
    told = json.loads(capsys.readouterr().out)["error"]["message"]
    assert "is a device, a pipe or a socket, and no file" in told
    assert os.listdir() == ["pipe.yaml"]  # noqa: PTH208 - names alone

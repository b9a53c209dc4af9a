"""Files that somebody brings are found and checked before anything is changed, and recorded with their digests."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pov.base.errors import InvalidInput
from pov.config.engagement import load_engagement
from pov.config.own import taking_own, with_own_work
from pov.experiments.brought import Digested
from pov.workflows.brought import Brought, brought
from pov.workflows.measure import planned
from pov.workflows.measure_options import MeasureOptions
from tests.unit.experiments.world import scenario

HEAD = """\
apiVersion: pov.dev/v1
kind: Engagement
name: acme
customer: {name: Acme}
proof: {services: [payment-gateway]}
"""
MINE = (
    "arms: [{name: mine, label: Ours, command: [bin/deploy.sh, --fast], experiments: [deploy], timeLimit: 1m30s, "
    "seenWithin: 45s}]\n"
)
BOOK = "runbooks: [{experiment: deploy, path: books/deploy.yml, by: E. Muster, when: 2026-10-01}]\n"


def script(path: Path, text: str = "#!/bin/sh\n", mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def bring(folder: Path, text: str, *arms: str) -> tuple[Brought, tuple[str, ...]]:
    (folder / "engagement.yaml").write_text(HEAD + text)
    return brought(load_engagement(folder), folder, arms)


def faults(folder: Path, text: str, *arms: str) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        bring(folder, text, *arms)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def test_a_path_starts_at_the_engagement_s_folder_wherever_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = script(tmp_path / "bin" / "deploy.sh")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    found, names = bring(tmp_path, MINE)
    (own,) = found.arms
    assert names == ()
    assert own.script.argv == (str(path), "--fast")
    assert (own.script.folder, own.script.limit_s, own.script.seen_s) == (tmp_path, 90.0, 45.0)
    assert (own.arm.label, own.arm.kind, own.arm.legacy) == ("Ours", "script", True)
    assert found.as_json()["own_arms"] == [
        {
            "name": "mine",
            "experiments": ["deploy"],
            "command": [str(path), "--fast"],
            "time_limit_s": 90.0,
            "seen_within_s": 45.0,
            # As `sha256sum` prints it: whoever brought the script compares.
            "digest": hashlib.sha256(path.read_bytes()).hexdigest(),
            "origin": "engagement.yaml",
        }
    ]


def test_an_arm_by_a_word_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = script(tmp_path / "a=b c.sh")
    monkeypatch.chdir(tmp_path)
    found, names = brought(None, None, ("automated", "mine=./a=b c.sh"))
    assert names == ("automated", "mine")
    (own,) = found.arms
    assert own.script.argv == (str(path),)
    assert own.experiments == taking_own()
    assert (own.script.limit_s, own.script.seen_s) == (600.0, 120.0)
    assert own.experiments[:2] == ("deploy", "rotate")
    plan, _ = planned(MeasureOptions(tmp_path, experiments=("deploy",), arms=names, trials=2), scenario(), found)
    assert {arm for _, arm in plan} == {"automated", "mine", "placebo"}
    assert plan["deploy", "mine"] == 2
    options = MeasureOptions(tmp_path, experiments=("interrupted",), arms=("mine",), trials=1)
    assert planned(options, scenario(), found)[0]["interrupted", "mine"] == 1


@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        (lambda path: None, "is not there"),
        (lambda path: path.mkdir(parents=True), "is no file"),
        (lambda path: script(path, mode=0o644), "is not executable (chmod +x"),
        (lambda path: script(path, "echo a\n"), "does not say what it is run by (begin it with"),
        (lambda path: script(path, ""), "does not say what it is run by"),
    ],
)
def test_a_file_that_cannot_be_started_is_told_before_anything(
    tmp_path: Path, prepare: object, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(prepare)
    prepare(tmp_path / "bin" / "deploy.sh")
    (fault,) = faults(tmp_path, MINE)
    assert fault.startswith("engagement.yaml: arm mine: bin/deploy.sh")
    assert told in fault
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput) as caught:
        brought(None, None, ("mine=bin/deploy.sh",))
    assert told in str(caught.value.problems[0])


@pytest.mark.parametrize(
    ("arm", "told"),
    [
        ("manual=./x.sh", "--arm: `manual` is an arm of this toolkit (choose another name)"),
        ("Mine=./x.sh", "--arm: Mine=./x.sh: no arm by that name and file"),
        ("=./x.sh", "--arm: =./x.sh: no arm by"),
        ("mine=./x.sh", "--arm: there is an arm mine already (choose another name)"),
        ("other=", "--arm: other=: no arm by"),
        ("other=./gone.sh", "--arm: arm other: "),
        ("other=./a\0b", "--arm: "),
    ],
)
def test_bad_words_on_the_command_line(tmp_path: Path, arm: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path / "bin" / "deploy.sh")
    script(tmp_path / "x.sh")
    monkeypatch.chdir(tmp_path)
    (fault,) = faults(tmp_path, MINE, arm)
    assert fault.startswith(told)


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    found = faults(tmp_path, MINE + BOOK, "manual=./x.sh")
    assert len(found) == 3


def test_names_are_those_of_the_catalogue_and_of_the_engagement(tmp_path: Path) -> None:
    script(tmp_path / "bin" / "deploy.sh")
    found, _ = bring(tmp_path, MINE)
    with pytest.raises(InvalidInput, match="no arm `mime`") as caught:
        planned(MeasureOptions(tmp_path, arms=("mime",)), scenario(), found)
    assert caught.value.fix.startswith("did you mean `mine`?")
    with pytest.raises(InvalidInput, match="nothing to do: mine takes part in none of rotate"):
        planned(MeasureOptions(tmp_path, experiments=("rotate",), arms=("mine",)), scenario(), found)
    plan, _ = planned(MeasureOptions(tmp_path), scenario(), found)
    assert [arm for experiment, arm in plan if experiment == "deploy"][:4] == [
        "automated", "automated-poll", "manual", "mine",
    ]  # fmt: skip
    assert ("rotate", "mine") not in plan
    two = scenario(services={"count": 5, "replicas": 2}, experiments=[])
    wide, left_out = planned(MeasureOptions(tmp_path), two, found)
    assert ("deploy", "mine") not in wide
    assert left_out == ("the mine arm is left out: this environment has no legacy estate that is like staging",)


def test_a_runbook_is_recorded_with_who_gave_it_and_what_it_was(tmp_path: Path) -> None:
    book = script(tmp_path / "books" / "deploy.yml", "- hosts: all\n  tasks: [{include_tasks: one.yml}]\n", 0o644)
    part = script(tmp_path / "books" / "one.yml", "- name: stop\n  raw: 'true'\n", 0o644)
    found, _ = bring(tmp_path, BOOK)
    assert found.playbooks == {"deploy": Digested.of(book, [part])}
    recorded = found.as_json()["runbooks"]
    assert recorded["deploy"] == {
        "origin": "customer",
        "path": "books/deploy.yml",
        "digest": found.playbooks["deploy"].digest,
        "by": "E. Muster",
        "when": "2026-10-01",
    }
    assert recorded["rotate"]["origin"] == "example"
    part.write_text("- name: stop\n  raw: 'false'\n")
    assert Digested.of(book, [part]).digest != recorded["deploy"]["digest"]


def test_a_step_of_a_kind_that_ansible_does_not_know_is_told_by_line(tmp_path: Path) -> None:
    script(tmp_path / "books" / "deploy.yml", "- hosts: all\n  tasks: [{include_tasks: one.yml}]\n", 0o644)
    script(tmp_path / "books" / "one.yml", "- raw: 'true'\n- name: stop\n  servise: {name: x}\n", 0o644)
    (fault,) = faults(tmp_path, BOOK)
    assert fault.startswith("books/one.yml:2: couldn't resolve module/action 'servise'")


def test_a_runbook_without_a_step_is_none(tmp_path: Path) -> None:
    script(tmp_path / "books" / "deploy.yml", "- hosts: all\n", 0o644)
    assert faults(tmp_path, BOOK) == ["books/deploy.yml: a runbook without a step (write its steps under `tasks`)"]


def test_without_anything_brought_the_example_is_recorded_as_such() -> None:
    found, names = brought(None, None, ())
    assert names == ()
    recorded = found.as_json()
    assert recorded["own_arms"] == []
    assert {name: book["origin"] for name, book in recorded["runbooks"].items()} == dict.fromkeys(
        with_own_work(), "example"
    )
    assert recorded["runbooks"]["deploy"]["digest"] != recorded["runbooks"]["rotate"]["digest"]

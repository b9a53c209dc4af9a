"""What an engagement file may bring: arms of one's own, runbooks. Every fault by line, with its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from pov.base.errors import InvalidInput
from pov.config.engagement import Engagement, load_engagement
from pov.config.own import taking_own, with_own_work
from pov.config.playbook import read_playbook

HEAD = """\
apiVersion: pov.dev/v1
kind: Engagement
name: acme
customer: {name: Acme}
scenario: quickstart
proof: {services: [payment-gateway]}
"""
MINE = (
    "{name: mine, label: Our script, command: [./deploy.sh, --fast], experiments: [deploy], timeLimit: 90s, "
    "seenWithin: 5m}"
)
BOOK = "{experiment: deploy, path: books/deploy.yml, by: E. Muster, when: 2026-10-01}"

MEIN = "criteria:\n  - {id: q, title: Q, experiment: deploy, arm: mein, metric: median_seconds, atMost: 2}\n"


def load(folder: Path, text: str) -> Engagement:
    (folder / "engagement.yaml").write_text(HEAD + text)
    return load_engagement(folder)


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        load(folder, text)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def test_an_arm_and_a_runbook_need_no_line_of_code(tmp_path: Path) -> None:
    criterion = "{id: quick, title: Quick, experiment: deploy, arm: mine, metric: median_seconds, atMost: 20}"
    found = load(tmp_path, f"arms: [{MINE}]\nrunbooks: [{BOOK}]\ncriteria: [{criterion}]\n")
    (arm,), (book,), (wanted,) = found.arms, found.runbooks, found.criteria
    assert arm.command == ("./deploy.sh", "--fast")
    assert (arm.experiments, arm.time_limit, arm.seen_within) == (("deploy",), "90s", "5m")
    assert (book.experiment, book.path, book.by) == ("deploy", "books/deploy.yml", "E. Muster")
    assert wanted.arm == "mine"


def test_without_a_word_on_it_an_arm_is_in_every_experiment_with_work_of_its_own(tmp_path: Path) -> None:
    (arm,) = load(tmp_path, "arms: [{name: mine, label: Ours, command: [a]}]\n").arms
    assert arm.experiments == with_own_work() == ("deploy", "rotate", "provision", "secret")
    (asked,) = load(tmp_path, "arms: [{name: m, label: Ours, command: [a], experiments: [interrupted]}]\n").arms
    assert asked.experiments == ("interrupted",)
    assert set(taking_own()) == {*with_own_work(), "interrupted"}
    assert (arm.time_limit, arm.seen_within) == ("10m", "2m")


def test_names_of_one_file_are_unknown_in_the_next(tmp_path: Path) -> None:
    load(tmp_path, f"arms: [{MINE}]\n")
    criterion = "criteria:\n  - {id: q, title: Q, experiment: deploy, arm: mine, metric: median_seconds, atMost: 2}\n"
    (told,) = faults(tmp_path, criterion)
    assert told.startswith("engagement.yaml:8: criteria.1.arm: no arm `mine`")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("arms: 3\n", ["7: arms: must be a list"]),
        ("arms:\n  - 3\n", ["8: arms.1: must be a mapping of keys"]),
        ("arms: [{name: manual, label: x, command: [a]}]\n", ["`manual` is an arm of this toolkit (choose another"]),
        ("arms: [{name: Mine, label: x, command: [a]}]\n", ["arms.1.name: must be lower-case letters"]),
        ("arms: [{name: m, label: '', command: [a]}]\n", ["arms.1.label: must not be empty"]),
        ("arms: [{name: m, label: x}]\n", ["`arms.1.command` is missing"]),
        ("arms: [{name: m, label: x, command: []}]\n", ["arms.1.command: needs at least 1"]),
        ("arms: [{name: m, label: x, command: ./a.sh}]\n", ["arms.1.command: must be a list"]),
        ("arms: [{name: m, label: x, command: ['']}]\n", ["arms.1.command.1: must not be empty"]),
        ("arms: [{name: m, label: x, command: [a], experiments: [deplo]}]\n", ["did you mean `deploy`?"]),
        ("arms: [{name: m, label: x, command: [a], experiments: []}]\n", ["experiments: needs at least 1"]),
        ("arms: [{name: m, label: x, command: [a], timeLimit: 2h}]\n", ["2h is not between 1s and 30m"]),
        ("arms: [{name: m, label: x, command: [a], timeLimit: 10}]\n", ["is no duration"]),
        ("arms: [{name: m, label: x, command: [a], seenWithin: 31m}]\n", ["seenWithin: 31m is not between 1s and 30m"]),
        ("arms: [{name: m, label: x, command: [a], seenWithin: 0s}]\n", ["0s is not between 1s and 30m"]),
        ("arms: [{name: m, label: x, command: [a], shell: true}]\n", ["unknown key `arms.1.shell`"]),
        (f"arms:\n  - {MINE}\n  - {MINE}\n", ["9: arms.2: `mine` is named twice (keep one)"]),
        ("runbooks: [{experiment: deploy, path: a}]\n", ["runbooks.1.by` is missing", "runbooks.1.when` is missing"]),
        (
            "runbooks: [{experiment: deploy, path: a, by: ' ', when: 2026-10-01}]\n",
            ["a runbook needs the name of who gave it"],
        ),
        (
            f"runbooks: [{BOOK.replace('deploy,', 'interrupted,', 1)}]\n",
            ["interrupted runs the runbook of deploy (experiment: deploy)"],
        ),
        (f"runbooks: [{BOOK.replace('deploy,', 'deplyo,')}]\n", ["did you mean `deploy`?"]),
        (f"runbooks:\n  - {BOOK}\n  - {BOOK}\n", ["9: runbooks.2: `deploy` is named twice (keep one)"]),
        (
            f"arms: [{MINE}]\n{MEIN.replace('mein', 'mine').replace('deploy', 'rotate')}",
            ["9: criteria.1.arm: mine takes no part in rotate (add it to the arm's experiments)"],
        ),
        (f"arms: [{MINE}]\n{MEIN}", ["9: criteria.1.arm: no arm `mein` (did you mean `mine`?)"]),
    ],
)
def test_what_is_wrong_is_told_by_line(tmp_path: Path, text: str, told: list[str]) -> None:
    found = faults(tmp_path, text)
    assert len(found) == len(told)
    for line, part in zip(found, told, strict=True):
        assert line.startswith("engagement.yaml:")
        assert part in line


PLAY = "- hosts: all\n  tasks:\n"


def test_a_runbook_is_read_with_the_files_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "one.yml").write_text("- raw: a\n- block:\n    - raw: b\n  rescue:\n    - raw: c\n")
    (tmp_path / "more" / "two.yml").write_text("- import_tasks: one.yml\n- raw: d\n")
    path = tmp_path / "deploy.yml"
    path.write_text(
        f"{PLAY}    - include_tasks: more/two.yml\n    - name: e\n      raw: e\n  handlers:\n    - raw: f\n"
    )
    book = read_playbook(path)
    assert book.parts == [tmp_path / "more" / "two.yml", tmp_path / "more" / "one.yml"]
    assert book.steps == 6


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "deploy.yml: a runbook without a step"),
        ("[]\n", "deploy.yml: a runbook without a step"),
        ("- hosts: all\n", "deploy.yml: a runbook without a step"),
        ("- hosts: all\n  tasks: []\n", "deploy.yml: a runbook without a step"),
        ("hosts: all\n", "deploy.yml:1: a runbook is a list"),
        ("- hosts: all\n  tasks: [\n", "deploy.yml:"),
        ("- one\n", "deploy.yml:1: a play is a mapping"),
        ("- hosts: all\n  tasks: stop\n", "deploy.yml:1: steps are a list"),
        (f"{PLAY}    - stop\n", "deploy.yml:1: a step is a mapping"),
        ("- hosts: all\n  roles: [web]\n", "deploy.yml:1: `roles` takes steps from elsewhere"),
        ("- import_playbook: other.yml\n", "deploy.yml:1: `import_playbook` takes steps from elsewhere"),
        (f"{PLAY}    - ansible.builtin.include_role: {{name: x}}\n", "deploy.yml:3: `ansible.builtin.include_role`"),
        (f"{PLAY}    - include_tasks: '{{{{ one }}}}.yml'\n", "deploy.yml:3: names a file that is known only when"),
        (f"{PLAY}    - include_tasks: gone.yml\n", "gone.yml: no such file"),
        (f"{PLAY}    - raw: '\xff'\n", "deploy.yml: no runbook"),
        ("# " + "x" * 70_000, "deploy.yml: no runbook: larger than 64 KiB"),
    ],
)
def test_what_is_no_runbook_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "deploy.yml"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(InvalidInput) as caught:
        read_playbook(path)
    assert str(caught.value.problems[0]).removeprefix(f"{tmp_path}/").startswith(told)


def test_a_runbook_that_names_itself_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "deploy.yml"
    (tmp_path / "round.yml").write_text("- raw: a\n- include_tasks: round.yml\n")
    path.write_text(f"{PLAY}    - include_tasks: round.yml\n")
    assert read_playbook(path).steps == 1

"""Conftest's answers, with a script in its place: what it cannot try never passes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pov.base.errors import PovError
from pov.engines.conftest import Conftest


def conftest(folder: Path, said: object, code: int = 0) -> Conftest:
    (folder / "said").write_text(said if isinstance(said, str) else json.dumps(said))
    script = f'#!/bin/sh\necho "$@" > {folder}/call\nenv > {folder}/env\nls -A > {folder}/there\n'
    (folder / "conftest").write_text(f"{script}cat {folder}/said\nexit {code}\n")
    (folder / "conftest").chmod(0o755)
    return Conftest(folder / "conftest", folder / "policies")


REFUSED = {"msg": "too much", "metadata": {"query": "data.x.deny", "limit": "64", "who": ["cto"]}}


def test_refusals_and_what_is_only_told_are_kept_apart(tmp_path: Path) -> None:
    said = [{"namespace": "x", "successes": 3, "failures": [REFUSED], "warnings": [{"msg": "set aside"}]}]
    judged = conftest(tmp_path, said, code=1).judge(tmp_path / "document.json", "x")
    assert [(one.text, one.more) for one in judged.refused] == [("too much", {"limit": "64", "who": ["cto"]})]
    assert [one.text for one in judged.told] == ["set aside"]
    assert judged.rules == 5


def test_it_stands_in_an_empty_folder_and_is_given_none_of_the_users_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONFTEST_POLICY", "/mine")
    monkeypatch.setenv("CONFTEST_NO_FAIL", "true")
    conftest(tmp_path, [{"successes": 1}]).judge_blocks([tmp_path / "a.tf"], "x")
    assert "CONFTEST" not in (tmp_path / "env").read_text()
    assert (tmp_path / "there").read_text() == ""
    call = (tmp_path / "call").read_text().split()
    assert call[call.index("--policy") + 1] == str(tmp_path / "policies")
    assert {"--strict", "--show-builtin-errors", "--combine"} <= set(call)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ([{"namespace": "x", "successes": 0}], 0),
        ([], 0),
        ("", 1),
        ("Error: load: rego_parse_error", 1),
        ({"successes": 3}, 0),
        ([{"successes": "many"}], 0),
        ([{"successes": 3}], 1),
        ([{"successes": 3, "failures": [REFUSED]}], 0),
        ([{"successes": 3, "failures": [{"metadata": {}}]}], 1),
    ],
    ids=["no-rule", "no-result", "nothing", "policy-broken", "no-list", "no-number", "code-1", "code-0", "no-message"],
)
def test_what_was_not_tried_is_an_error_and_never_a_pass(said: object, code: int, tmp_path: Path) -> None:
    with pytest.raises(PovError):
        conftest(tmp_path, said, code).judge(tmp_path / "document.json", "x")

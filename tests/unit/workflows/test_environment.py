"""Which environment a command means, and what is told to whoever stands in another folder than its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pov.base.errors import NotFound
from pov.cli.main import main
from pov.model.events import silent
from pov.workflows import down
from pov.workflows.down import DownOptions
from pov.workflows.environment import below, choose, home_of, recall


def up(root: Path, *names: str, engagement: bool = True) -> Path:
    """A folder from which environments of these names were brought up."""
    for name in names:
        (root / ".pov" / name).mkdir(parents=True)
        (root / ".pov" / name / "environment.json").write_text("{}")
    if engagement:
        (root / "engagement.yaml").touch()
    return root


def test_folders_below_are_looked_at_one_level_down_and_only_above_an_engagement(tmp_path: Path) -> None:
    up(tmp_path / "demo", "one", "two")
    up(tmp_path / "my demo", "one")
    up(tmp_path / "no-engagement", "one", engagement=False)
    up(tmp_path / "deeper" / "demo", "one")
    (tmp_path / "never-up").mkdir()
    (tmp_path / "never-up" / "engagement.yaml").touch()
    assert below(tmp_path) == ("demo", "my demo")
    assert below(tmp_path / "nowhere") == ()
    (tmp_path / "engagement.yaml").touch()
    assert below(tmp_path) == ()


COMMANDS = {
    # What was typed, and what is to be typed from there.
    ("status",): "pov --engagement 'my demo' status",
    ("measure", "--arm", "my own"): "pov --engagement 'my demo' measure --arm 'my own'",
    ("down",): "pov --engagement 'my demo' down",
    ("--json", "status"): "pov --engagement 'my demo' --json status",
    ("measure", "--name", "one"): "pov --engagement 'my demo' measure --name one",
    ("status", "--name", "other"): "--engagement 'my demo' --name one",
}


@pytest.mark.parametrize("typed", COMMANDS, ids=" ".join)
def test_above_the_engagement_folder_the_same_command_is_told_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    up(tmp_path / "my demo", "one")
    assert main(list(typed)) == 1
    out, err = capsys.readouterr()
    if "--json" in typed:
        assert json.loads(out)["error"]["fix"] == COMMANDS[typed]
    assert "no environment" in err
    assert "my demo" in err.partition("cause:")[2].splitlines()[0]
    assert err.splitlines()[-1] == f"  fix: {COMMANDS[typed]}"


def test_a_name_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    up(tmp_path, "gitops-35", "quickstart")
    with pytest.raises(NotFound, match="no environment other") as caught:
        recall(home_of(tmp_path, "other"), "other")
    assert "environments here: gitops-35, quickstart" in caught.value.cause
    assert caught.value.fix == "--name gitops-35, or pov up --name other"


def test_where_nothing_is_up_it_is_to_be_brought_up(tmp_path: Path) -> None:
    for look in (lambda: choose(tmp_path, None), lambda: recall(home_of(tmp_path, "x"), "x")):
        with pytest.raises(NotFound, match="no environment") as caught:
            look()
        assert caught.value.fix == "pov up"


def test_several_are_told_with_the_command_that_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(up(tmp_path, "one", "two"))
    assert main(["open", "argocd"]) == 2
    assert "fix: pov --name one open argocd" in capsys.readouterr().err


def test_down_where_nothing_is_up_says_so_and_ends_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert main(["down"]) == 0
        assert capsys.readouterr().out == f"Nothing is up in {tmp_path}, no changes.\n"
    assert main(["down", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"name": None, "removed": [], "kept": [], "seconds": 0.0}
    assert list(tmp_path.iterdir()) == []


def test_down_of_a_mistyped_name_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    up(tmp_path, "gitops-35")
    with pytest.raises(NotFound, match="no environment gitops-53") as caught:
        down.run(DownOptions(tmp_path, "gitops-53"), silent)
    assert "gitops-35" in caught.value.fix
    assert [path.name for path in (tmp_path / ".pov").iterdir()] == ["gitops-35"]


def test_down_by_name_above_the_engagement_folder_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """To say that nothing was there would be untrue: it is up, a folder further down."""
    monkeypatch.chdir(tmp_path)
    up(tmp_path / "demo", "gitops-35")
    assert main(["down", "--name", "gitops-35"]) == 1
    assert capsys.readouterr().err.endswith("fix: pov --engagement demo down --name gitops-35\n")
    assert not (tmp_path / ".pov").exists()

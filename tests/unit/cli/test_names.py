"""Names and paths that a user can choose, given to the real command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pov.base.names import MOST, derive, is_name
from tests.unit.cli.surroundings import QUICKSTART, Surroundings

NAMES: dict[str, str | None] = {
    "Acme Corp": "acme-corp",
    "gitops-35": "gitops-35",
    "Ünïted--Pay_ments!": "united-pay-ments",
    "-leading": "leading",
    "35 services": "services",
    "a": "a",
    "..": None,
    ".": None,
    "": None,
    "株式会社サンプル": None,
    "🚀": None,
    "12345": None,
    "Acme 🚀": "acme",
    "a/../b": "a-b",
    "tail-": "tail",
    "\udcff\udcfex": "x",
}


@pytest.mark.parametrize("text", NAMES)
def test_a_name_is_derived_from_any_text(text: str) -> None:
    assert derive(text) == NAMES[text]
    assert NAMES[text] is None or is_name(str(NAMES[text]))


def test_long_texts_stay_apart_and_short_enough() -> None:
    names = {derive("a long customer name that goes on " * 3 + str(number)) for number in range(50)}
    assert len(names) == 50
    assert all(name is not None and is_name(name) and len(name) <= MOST for name in names)
    assert all(is_name(str(derive("x" * length + "-" * 40 + "y"))) for length in range(1, 40))


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    return Surroundings(tmp_path)


def put(around: Surroundings, path: str, text: str = QUICKSTART) -> Path:
    file = around.here / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


SCENARIOS = {
    # The file or folder that is there, where the command is run, its argument, the environment's name.
    "a folder by a dot": ("Acme Corp/scenario.yaml", "Acme Corp", ".", "acme-corp"),
    "a folder by two dots": ("Acme Corp/scenario.yaml", "Acme Corp/inner", "..", "acme-corp"),
    "a file with a capital and a space": ("Acme Corp.yaml", ".", "Acme Corp.yaml", "acme-corp"),
    "a file by two dots": ("mine.yaml", "inner", "../mine.yaml", "mine"),
    "the usual file's name": ("Pay/scenario.yaml", ".", "Pay/scenario.yaml", "pay"),
    "a file with a leading dash": ("-x.yaml", ".", "./-x.yaml", "x"),
    "a leading dash behind two": ("-x.yaml", ".", "--|-x.yaml", "x"),
    "no letter that fits": ("株式会社.yaml", ".", "株式会社.yaml", "quickstart"),
    "digits alone": ("2026.yml", ".", "2026.yml", "quickstart"),
    "a long name": ("n" * 200 + ".yaml", ".", "n" * 200 + ".yaml", derive("n" * 200)),
    "a folder like a shipped scenario": ("gitops-35/scenario.yaml", ".", "./gitops-35", "gitops-35"),
    "a shipped one": ("other.yaml", ".", "quickstart", "quickstart"),
    "quotes and dollars": ("a'b\"$(c).yaml", ".", "a'b\"$(c).yaml", "a-b-c"),
}


@pytest.mark.parametrize("case", SCENARIOS)
def test_up_gives_every_scenario_a_name_that_can_stand(around: Surroundings, case: str) -> None:
    file, folder, argument, name = SCENARIOS[case]
    put(around, file)
    (around.here / folder).mkdir(exist_ok=True)
    before = around.files()
    done = around.pov("up", *argument.split("|"), cwd=around.here / folder)
    assert f"environment {name}, scenario" in done.stderr
    assert is_name(str(name))
    # Without a container engine it goes no further.
    assert "no container engine" in done.stderr
    assert around.files() == before


def test_a_link_keeps_the_name_that_was_typed(around: Surroundings) -> None:
    put(around, "real/Real.yaml")
    (around.here / "Linked One.yaml").symlink_to("real/Real.yaml")
    assert "environment linked-one," in around.pov("up", "Linked One.yaml").stderr


REFUSED = {
    "an empty argument": ([""], "is a variable not set?"),
    "a folder without a scenario": (["."], "scenario.yaml: no such file"),
    "the root": (["/"], "/scenario.yaml: no such file"),
    "nothing known": (["nope"], "no such scenario"),
    "a line break": (["a\nb.yaml"], "is no scenario"),
    "too long for the file system": (["n" * 300], "File name too long"),
    "a path too long for the kernel": (["n/" * 3000], "File name too long"),
    "a name with a slash": (["quickstart", "--name", "a/b"], "cannot name an environment"),
    "a name of dots": (["quickstart", "--name", ".."], "cannot name an environment"),
    "an empty name": (["quickstart", "--name", ""], "cannot name an environment"),
    "an empty engagement": (["--engagement", ""], "is a variable not set?"),
    "an engagement that is a file": (["--engagement", "file"], "no engagement folder"),
    "an engagement too long": (["--engagement", "n" * 300], "File name too long"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_up_refuses_what_cannot_be_named_before_anything_changes(around: Surroundings, case: str) -> None:
    arguments, message = REFUSED[case]
    put(around, "file", "x")
    before = around.files()
    done = around.pov("up", *arguments)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert around.files() == before
    assert not (around.root / "cache").exists()


def test_a_relative_path_in_a_file_means_that_files_folder(around: Surroundings) -> None:
    assert around.pov("init", "engagements/acme", "--scenario", "quickstart").returncode == 0
    file = around.here / "engagements/acme/engagement.yaml"
    file.write_text(file.read_text().replace('scenario: "quickstart"', "scenario: ../own/Mine.yaml"))
    scenario = put(around, "engagements/own/Mine.yaml")
    for folder, argument in ((around.here, "engagements/acme"), (around.here / "engagements/own", "../acme")):
        done = around.pov("up", "--engagement", argument, cwd=folder)
        assert f"environment mine, scenario {scenario}" in done.stderr


FOLDERS = ["with a space", "ünïcödé 株式会社", "-dash", 'it\'s "quoted"', "a%n$HOME", "new\tab", "x:y", "d" * 200]


@pytest.mark.parametrize("folder", FOLDERS)
def test_an_engagement_may_lie_anywhere(around: Surroundings, folder: str) -> None:
    place = f"./{folder}/acme"
    done = around.pov("init", place)
    printable = folder.isprintable()
    assert done.returncode == (0 if printable else 2), done.stderr
    if not printable:
        assert "characters that configuration files cannot hold" in done.stderr
        return
    # What to type next is typed as it is told.
    told = re.search(r"cd (.*)", done.stdout)
    assert told is not None
    subprocess.run(["sh", "-c", f"cd {told[1]}"], cwd=around.here, check=True)
    up = around.pov("up", "--engagement", place)
    assert "environment gitops-35, scenario gitops-35" in up.stderr
    assert "no container engine" in up.stderr
    assert not (around.here / folder / "acme" / ".pov").exists()
    assert "no environment in" in around.pov("status", "--engagement", place).stderr


def test_init_here_and_above_takes_the_folders_own_name(around: Surroundings) -> None:
    (around.here / "acme" / "inner").mkdir(parents=True)
    assert around.pov("init", ".", cwd=around.here / "acme" / "inner").returncode == 0
    assert around.pov("init", "..", cwd=around.here / "acme" / "inner").returncode == 0
    assert "name: acme\n" in (around.here / "acme" / "engagement.yaml").read_text()
    assert "name: inner\n" in (around.here / "acme" / "inner" / "engagement.yaml").read_text()


INIT = {
    "a name with a fix": (["Acme Corp"], "such as acme-corp"),
    "a name of nothing": (["株式会社"], "cannot name an engagement"),
    "an empty path": ([""], "is a variable not set?"),
    "a file in the way": (["taken"], "is no folder"),
    "a file further up": (["taken/acme"], "is no folder"),
    "a link to nowhere": (["broken"], "is no folder"),
    "too long": (["./" + "n/" * 1500 + "acme"], "a path of more than"),
    "a part too long": (["n" * 300 + "/acme"], "File name too long"),
    "an unknown scenario": (["acme", "--scenario", "nope"], "no such scenario"),
}


@pytest.mark.parametrize("case", INIT)
def test_init_refuses_before_anything_changes(around: Surroundings, case: str) -> None:
    arguments, message = INIT[case]
    put(around, "taken", "x")
    (around.here / "broken").symlink_to("nowhere")
    before = around.files()
    done = around.pov("init", *arguments)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert around.files() == before


ARCHIVES = {
    "bytes that are no text": ("\udcff\udcfe.tar", "holds characters that a text cannot"),
    "a folder of such a name": ("\udcff/pov.tar", "holds characters that configuration files cannot hold"),
    "a file in the way": ("taken/pov.tar", "is no folder"),
}


@pytest.mark.parametrize("case", ARCHIVES)
def test_a_place_that_cannot_take_an_archive_is_told_before_anything_is_collected(
    around: Surroundings, case: str
) -> None:
    path, message = ARCHIVES[case]
    put(around, "taken", "x")
    before = around.files()
    done = around.pov("bundle", "save", path)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert around.files() == before


@pytest.mark.parametrize("command", [["init", "sub/acme"], ["up", "quickstart"], ["bundle", "save", "sub/pov.tar"]])
def test_a_folder_that_cannot_be_written_is_told_first(tmp_path: Path, command: list[str]) -> None:
    around = Surroundings(tmp_path)
    around.here.chmod(0o555)
    done = around.pov(*command, powerless=True)
    assert "cannot be written by user" in done.stderr
    assert done.returncode in {2, 3}
    assert around.files() == set()


def test_an_environments_place_that_is_a_file_is_told_first(around: Surroundings) -> None:
    put(around, ".pov", "x")
    done = around.pov("up", "quickstart")
    assert done.returncode == 3
    assert f"{around.here}/.pov: is no folder" in done.stderr


CACHES: dict[str, tuple[dict[str, str | None], int, str]] = {
    "no home at all": ({"HOME": None, "POV_CACHE": None}, 0, ""),
    "a relative home": ({"HOME": "rel", "POV_CACHE": None}, 2, "HOME: rel is not an absolute path"),
    "a relative cache of the user": ({"XDG_CACHE_HOME": "rel", "POV_CACHE": None}, 0, ""),
    "a relative cache": ({"POV_CACHE": "rel"}, 2, "POV_CACHE: rel is not an absolute path"),
    "a cache with a colon": ({"POV_CACHE": "/tmp/a:b"}, 2, "the cache: /tmp/a:b has a colon in it"),
    "a home with a colon": ({"HOME": "/tmp/a:b", "POV_CACHE": None}, 2, "set POV_CACHE to a folder without one"),
    "a home that is not there": ({"HOME": "/nonexistent", "POV_CACHE": None}, 0, ""),
    "folders that are not there": ({"PYTHONPATH": None, "TMPDIR": "/nonexistent"}, 0, ""),
    "a temporary folder with a space": ({"TMPDIR": "/tmp/a b"}, 0, ""),
    "an odd PYTHONPATH": ({"PYTHONPATH": f"/nonexistent:{Path(__file__).parents[3]}:/dev/null:rel"}, 0, ""),
}


@pytest.mark.parametrize("case", CACHES)
def test_variables_that_name_folders(around: Surroundings, case: str) -> None:
    env, code, message = CACHES[case]
    done = around.pov("version", env=env)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "fault of pov" not in done.stderr
    assert around.files() == set()


def a_pipe_inside(cache: Path) -> None:
    cache.mkdir()
    os.mkfifo(cache / "containers")


SHAPES: dict[str, Callable[[Path], object]] = {
    "a file": lambda cache: cache.write_text("x"),
    "a link to nowhere": lambda cache: cache.symlink_to("nowhere/at/all"),
    "a pipe in the settings' folder's place": a_pipe_inside,
    "a folder in the settings' place": lambda cache: (cache / "containers" / "containers.conf").mkdir(parents=True),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_cache_that_takes_nothing_is_told_by_the_preflight_and_by_doctor(around: Surroundings, shape: str) -> None:
    SHAPES[shape](around.root / "cache")
    up = around.pov("up", "quickstart")
    assert up.returncode == 3, up.stderr
    assert f"cannot keep Podman's settings in {around.root}/cache/containers" in up.stderr
    assert "set POV_CACHE to a folder that can be written" in up.stderr
    assert around.files() == set()
    doctor = around.pov("doctor", "--json")
    assert doctor.returncode == 3, doctor.stderr
    found = {check["name"]: check for check in json.loads(doctor.stdout)["checks"]}
    assert "set POV_CACHE" in found["containers"]["fix"]
    assert found["ports"]["verdict"] == "ok", "the others are looked at all the same"


@pytest.mark.parametrize("record", ["{}", "[]", "\xff\xfe", '{"key": 1, "binaries": 7}', "[" * 100_000])
def test_a_damaged_record_of_the_bundle_is_none(around: Surroundings, record: str) -> None:
    folder = around.root / "cache" / "bundle"
    folder.mkdir(parents=True)
    (folder / "current.json").write_bytes(record.encode("latin-1"))
    done = around.pov("bundle", "list")
    assert done.returncode == 1
    assert "there is no bundle yet" in done.stderr


@pytest.mark.parametrize("name", ["containers.conf", "engine"])
def test_what_the_cache_remembers_may_be_damaged(around: Surroundings, name: str) -> None:
    folder = around.root / "cache" / "containers"
    folder.mkdir(parents=True)
    (folder / name).write_bytes(b"\xff\xfe\0")
    done = around.pov("up", "quickstart")
    assert done.returncode == 3, done.stderr
    assert "no container engine here can run kind" in done.stderr


def test_a_folder_that_was_removed_meanwhile_is_told(around: Surroundings) -> None:
    gone = around.here / "gone"
    gone.mkdir()
    script = "import os, sys; os.rmdir(os.getcwd()); os.execv(sys.executable, [sys.executable, '-m', 'pov', 'status'])"
    argv = [sys.executable, "-c", script]
    done = subprocess.run(argv, cwd=gone, env=around.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "is not there any more" in done.stderr

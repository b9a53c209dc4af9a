"""What of a change Terraform is shown, and what it is refused for before that."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pov.base.errors import InvalidInput
from pov.base.paths import data
from pov.base.variables import TAKEN, TERRAFORM_DECIDES, TERRAFORM_SETTLES, TERRAFORM_TELLS
from pov.scoping.gate import Check
from pov.workflows.gate_room import furnish, of_the_process, with_state, without_state

PLAIN = {"main.tf", "outputs.tf", "variables.tf"}


@pytest.fixture
def change(tmp_path: Path) -> Path:
    """A repository with the toolkit's own folder in it."""
    shutil.copytree(data("terraform"), tmp_path / "repository" / "terraform")
    return tmp_path / "repository" / "terraform" / "targets" / "local"


def test_the_toolkits_own_root_module_is_taken_where_none_is_named(tmp_path: Path) -> None:
    room = furnish(tmp_path / "room", None)
    assert {path.name for path in room.files} == PLAIN
    assert room.refusals == ()
    assert (room.root / "../../modules/guardrails/main.tf").read_text() == (
        data("terraform", "modules", "guardrails", "main.tf").read_text()
    )


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("terraform.tfvars", "sets variables"),
        ("terraform.tfvars.json", "sets variables"),
        ("more.auto.tfvars", "sets variables"),
        ("more.auto.tfvars.json", "sets variables"),
        (".auto.tfvars", "sets variables"),
        ("override.tf", "overrides other files"),
        ("main_override.tf", "overrides other files"),
        ("main_override.tf.json", "overrides other files"),
        ("override.tofu", "overrides other files"),
        ("main.tofu", "is read by OpenTofu alone"),
        ("main.tofu.json", "is read by OpenTofu alone"),
        ("more.tf.json", "is written as JSON"),
    ],
)
def test_what_would_be_loaded_past_the_gate_is_refused_by_name(
    name: str, told: str, change: Path, tmp_path: Path
) -> None:
    (change / name).write_text("scope = {}\n")
    room = furnish(tmp_path / "room", change)
    assert [refusal.what for refusal in room.refusals] == [f"{name} {told}"]
    assert {path.name for path in room.root.iterdir()} == PLAIN


def test_what_terraform_does_not_load_is_left_alone_and_not_copied(change: Path, tmp_path: Path) -> None:
    for name in ("README.md", "prod.tfvars", ".terraform.lock.hcl", "main.tf.orig"):
        (change / name).write_text("x\n")
    (change / ".terraform").mkdir()
    (change / "policies").mkdir()
    room = furnish(tmp_path / "room", change)
    assert room.refusals == ()
    assert {path.name for path in room.root.iterdir()} == PLAIN


def test_a_link_and_a_huge_file_are_refused(change: Path, tmp_path: Path) -> None:
    (change / "secret.tf").symlink_to("/etc/passwd")
    (change / "huge.tf").write_text("#" * 300_000)
    (change / "folder.tf").mkdir()
    room = furnish(tmp_path / "room", change)
    assert sorted(refusal.what for refusal in room.refusals) == [
        "folder.tf is a link, or no file", "huge.tf is larger than that", "secret.tf is a link, or no file",
    ]  # fmt: skip


def test_modules_of_a_change_never_judge_it(change: Path, tmp_path: Path) -> None:
    module = change / "../../modules/guardrails/main.tf"
    module.write_text(module.read_text().replace("length(local.refusals) == 0", "true"))
    (change / "../../modules/landing_zone/more.tf.json").write_text("{}")
    room = furnish(tmp_path / "room", change)
    assert [refusal.what for refusal in room.refusals] == [
        "the module guardrails beside it is not the toolkit's",
        "the module landing_zone beside it is not the toolkit's",
    ]
    shipped = data("terraform", "modules", "guardrails", "main.tf").read_text()
    assert (tmp_path / "room" / "modules" / "guardrails" / "main.tf").read_text() == shipped


@pytest.mark.parametrize("ending", [".tf", ".tf.json", ".tofu", ".tofu.json"])
def test_a_file_more_makes_a_module_another(ending: str, change: Path, tmp_path: Path) -> None:
    (change / f"../../modules/guardrails/main_override{ending}").write_text("{}")
    told = [refusal.what for refusal in furnish(tmp_path / "room", change).refusals]
    assert told == ["the module guardrails beside it is not the toolkit's"]


def test_a_root_module_that_is_a_link_is_judged_by_where_it_leads(change: Path, tmp_path: Path) -> None:
    other = tmp_path / "repository" / "other"
    shutil.copytree(change.parent.parent, other)
    shutil.rmtree(change)
    change.symlink_to(other / "targets" / "local")
    assert furnish(tmp_path / "room", change).refusals == ()
    (other / "modules" / "guardrails" / "main.tf").write_text("# softer\n")
    told = [refusal.what for refusal in furnish(tmp_path / "second", change).refusals]
    assert told == ["the module guardrails beside it is not the toolkit's"]


_OWN = {"Key": "guardrails", "Source": "../../modules/guardrails", "Dir": "../../modules/guardrails"}
_ROOT = {"Key": "", "Source": "", "Dir": "."}


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("modules/modules.json", json.dumps({"Modules": [_ROOT, _OWN]}), ""),
        ("environment", "default\n", ""),
        ("modules/modules.json", json.dumps({"Modules": [_ROOT, {**_OWN, "Dir": "../../soft"}]}), "takes modules"),
        ("modules/modules.json", json.dumps({"Modules": [_ROOT, {"Key": "guardrails"}]}), "takes modules"),
        ("modules/modules.json", json.dumps([_OWN]), "takes modules"),
        ("modules/modules.json", "{", "takes modules"),
        ("environment", "other", "chooses another workspace"),
    ],
)
def test_what_terraform_remembers_leads_nowhere_else(
    name: str, text: str, told: str, change: Path, tmp_path: Path
) -> None:
    place = change / ".terraform" / name
    place.parent.mkdir(parents=True)
    place.write_text(text)
    found = furnish(tmp_path / "room", change).refusals
    assert [told in refusal.what for refusal in found] == ([True] if told else [])


@pytest.mark.parametrize("make", ["nothing", "empty", "file"])
def test_what_is_no_root_module_is_told(make: str, tmp_path: Path) -> None:
    folder = tmp_path / "change"
    if make == "empty":
        folder.mkdir()
    elif make == "file":
        folder.write_text("x")
    with pytest.raises(InvalidInput):
        furnish(tmp_path / "room", folder)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        # What is refused, what is told as advice, and what nobody needs to be told of.
        ("TF_VAR_scope", "refused"),
        ("TF_VAR_quotas", "refused"),
        ("TF_VAR_stages", "refused"),
        ("TF_VAR_storage", "refused"),
        ("TF_VAR_bounds", "refused"),
        ("TF_VAR_iops_approval", "refused"),
        ("TF_VAR_override", "refused"),
        ("TF_CLI_ARGS", "refused"),
        ("TF_CLI_ARGS_plan", "refused"),
        ("TF_CLI_CONFIG_FILE", "advice"),
        ("TERRAFORM_CONFIG", "advice"),
        ("TF_DATA_DIR", "advice"),
        ("TF_WORKSPACE", "refused"),
        ("TF_PLUGIN_CACHE_DIR", "advice"),
        ("TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE", "advice"),
        ("TF_REATTACH_PROVIDERS", "refused"),
        ("TF_ENCRYPTION", "refused"),
        ("TF_VAR_colour", "advice"),
        ("TF_REGISTRY_CLIENT_TIMEOUT", "advice"),
        ("TF_LOG", ""),
        ("TF_IN_AUTOMATION", ""),
        ("TF_INPUT", ""),
        ("scope", ""),
    ],
)
def test_a_variable_of_the_process_by_which_an_apply_would_be_another_is_refused(name: str, told: str) -> None:
    found = of_the_process({name: "x", "PATH": "/bin"})
    said = f"{name} is set in the environment"
    assert [one.what for one in found.refusals] == ([said] if told == "refused" else [])
    assert [one.what.partition(":")[0] for one in found.advice] == ([said] if told == "advice" else [])
    assert of_the_process({name: ""}) == Check("variables"), "one that is empty sets nothing"


def test_none_of_them_reaches_terraform() -> None:
    assert not {*TERRAFORM_DECIDES, *TERRAFORM_SETTLES, *TERRAFORM_TELLS} & {*TAKEN["terraform"]}


def test_a_backend_takes_the_place_of_the_changes_own(change: Path, tmp_path: Path) -> None:
    room = furnish(tmp_path / "room", change)
    with_state(room)
    assert 'secret_suffix = "landing-zone"' in (room.root / "pov_gate_override.tf").read_text()
    without_state(room)
    assert 'backend "local"' in (room.root / "pov_gate_override.tf").read_text()

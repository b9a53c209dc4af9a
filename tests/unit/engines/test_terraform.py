"""Terraform's command lines and errors, with a script in its place."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
from pathlib import Path

import pytest

from pov.base.errors import NotFound, PovError, Transient
from pov.engines import terraform as engine
from pov.engines.terraform import Terraform, copy_modules, find_program, leftovers
from pov.engines.terraform_state import StateMark, seal_of
from tests.fakes.terraform import saved_plan


def program(folder: Path, script: str, name: str = "terraform") -> Path:
    path = folder / name
    path.write_text(f'#!/bin/sh\necho "$@" >> {folder}/calls\nenv > {folder}/env\n{script}\n')
    path.chmod(0o755)
    return path


def terraform(folder: Path, script: str) -> Terraform:
    module = folder / "module"
    module.mkdir()
    path = program(folder, script)
    return Terraform(path, module, providers=folder / "mirror", work=folder / "work", env={"KUBE_TOKEN": "hush"})


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().splitlines()


SHOWN = json.dumps(
    {
        "resource_changes": [
            {"change": {"actions": ["create"]}},
            {"change": {"actions": ["update"]}},
            {"change": {"actions": ["delete", "create"]}},
            {"change": {"actions": ["no-op"]}},
        ]
    }
)


def test_a_plan_with_changes_is_no_error(tmp_path: Path) -> None:
    made = saved_plan(tmp_path / "made", lineage="l", serial=3)
    plans = f"cp {made} {tmp_path}/work/plan.out; echo 'Plan: 2 to add'; exit 2"
    script = f"case $1 in plan) {plans};; show) echo '{SHOWN}';; esac"
    plan = terraform(tmp_path, script).plan({"a": 1})
    assert (plan.create, plan.update, plan.delete) == (2, 1, 1)
    assert not plan.empty
    assert (plan.made_on, plan.seal) == (StateMark("l", 3), seal_of(made))
    assert plan.document == json.loads(SHOWN)
    assert (tmp_path / "work/plan.txt").read_text() == "Plan: 2 to add\n"
    assert json.loads((tmp_path / "work/variables.tfvars.json").read_text()) == {"a": 1}
    (first, second) = calls(tmp_path)
    assert first.startswith("plan ")
    for flag in ("-detailed-exitcode", "-input=false", "-no-color", f"-out={tmp_path}/work/plan.out"):
        assert flag in first.split()
    assert second.split() == ["show", "-json", "-no-color", f"{tmp_path}/work/plan.out"]


def test_an_apply_takes_the_saved_plan_and_no_variables(tmp_path: Path) -> None:
    runner = terraform(tmp_path, "true")
    path = saved_plan(tmp_path / "plan.out")
    runner.apply(engine.Plan(1, 0, 0, "", path, {}, seal_of(path), StateMark()))
    (call,) = calls(tmp_path)
    assert call.endswith(str(tmp_path / "plan.out"))
    assert "var" not in call.replace(str(tmp_path), "")


def test_nothing_of_the_users_own_setup_reaches_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TF_LOG", "TF_VAR_stages", "KUBECONFIG", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "mine")
    terraform(tmp_path, "true").init()
    env = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines() if "=" in line)
    assert not {"TF_LOG", "TF_VAR_stages", "KUBECONFIG", "HTTPS_PROXY", "https_proxy"} & env.keys()
    assert env["KUBE_TOKEN"] == "hush"
    assert env["HOME"] == str(tmp_path / "work")
    assert env["TF_DATA_DIR"] == str(tmp_path / "work/data")
    assert str(tmp_path / "mirror") in Path(env["TF_CLI_CONFIG_FILE"]).read_text()
    assert "hush" not in " ".join(calls(tmp_path))


def test_sockets_lie_where_their_address_fits_and_are_discarded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "plain_temporary", lambda: tmp_path)
    folder = engine._temporary(tmp_path / "work")
    assert folder.parent == tmp_path
    assert len(folder.name) < 20
    keep = tmp_path / "keep"
    script = f'stat -c %a "$TMPDIR" > {tmp_path}/mode; [ ! -e {keep} ] || touch "$TMPDIR/plugin123"'
    runner = terraform(tmp_path, script)
    runner.init()
    assert (tmp_path / "mode").read_text() == "700\n"
    assert not folder.exists(), "nothing was left in it"
    keep.touch()
    runner.init()
    engine.discard_temporary(tmp_path / "another")
    assert folder.exists()
    engine.discard_temporary(tmp_path / "work")
    assert not folder.exists()


def test_a_folder_that_somebody_else_put_there_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "plain_temporary", lambda: tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    engine._temporary(tmp_path / "work").symlink_to(elsewhere)
    terraform(tmp_path, 'touch "${TMPDIR:-.}/plugin123"').init()
    engine.discard_temporary(tmp_path / "work")
    assert list(elsewhere.iterdir()) == []
    assert elsewhere.is_dir()


def test_errors_are_told_unwrapped(tmp_path: Path) -> None:
    said = "╷\\n│ Error: Module output value precondition failed\\n│ \\n│ Refused by the\\n│ guardrail.\\n╵\\n"
    script = f"printf '{said}' >&2; exit 1"
    with pytest.raises(PovError, match="terraform plan failed") as failure:
        terraform(tmp_path, script).plan({})
    assert "Refused by the guardrail." in failure.value.cause
    assert "│" not in failure.value.cause


def test_a_lost_connection_is_transient(tmp_path: Path) -> None:
    with pytest.raises(Transient):
        terraform(tmp_path, "echo 'Error: dial tcp: connection refused' >&2; exit 1").init()


def test_an_old_terraform_gives_way_to_the_bundles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = program(tmp_path, """echo '{"terraform_version": "1.5.7"}'""")
    monkeypatch.setattr("shutil.which", lambda _, **__: str(installed))
    assert find_program({"tofu": tmp_path / "tofu"}) == tmp_path / "tofu"
    with pytest.raises(NotFound, match=r"is 1\.5\.7, older than 1\.9"):
        find_program({})
    program(tmp_path, """echo '{"terraform_version": "1.11.4"}'""")
    assert find_program({"tofu": tmp_path / "tofu"}) == installed
    monkeypatch.setattr("shutil.which", lambda _, **__: None)
    with pytest.raises(NotFound, match="no terraform"):
        find_program({})


def test_modules_are_copied_and_leftovers_removed(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "modules/a/tests").mkdir(parents=True)
    (source / "targets/local").mkdir(parents=True)
    (source / "modules/a/main.tf").write_text("# a")
    (source / "modules/a/tests/a.tftest.hcl").write_text("# test")
    (target / "modules/b").mkdir(parents=True)
    (target / "modules/b/main.tf").write_text("# gone")
    (target / "targets/local").mkdir(parents=True)
    (target / "targets/local/.terraform.lock.hcl").write_text("# lock")
    copy_modules(source, target)
    found = sorted(str(path.relative_to(target)) for path in target.rglob("*") if path.is_file())
    assert found == ["modules/a/main.tf", "targets/local/.terraform.lock.hcl"]
    copy_modules(source, target, tests=True)
    assert (target / "modules/a/tests/a.tftest.hcl").exists()


def test_leftovers_of_a_killed_run_are_told_apart_and_ended(tmp_path: Path) -> None:
    for name in ("terraform", "terraform-provider-x"):
        (tmp_path / name).symlink_to("/bin/sleep")
    assert leftovers(tmp_path) == engine.Leftovers((), ())
    with contextlib.ExitStack() as stack:
        program, provider = [
            stack.enter_context(subprocess.Popen([str(tmp_path / name), "60"], cwd=tmp_path))
            for name in ("terraform", "terraform-provider-x")
        ]
        found = leftovers(tmp_path)
        assert found == engine.Leftovers((program.pid,), (provider.pid,))
        found.end_providers()
        assert provider.poll() is None, "its Terraform is still there"
        program.kill()
        program.wait()
        leftovers(tmp_path).end_providers()
        assert provider.wait(10) == -signal.SIGKILL


def test_a_plan_that_a_condition_stopped_is_told_whole(tmp_path: Path) -> None:
    script = (
        f"case $1 in plan) touch {tmp_path}/work/plan.out; echo 'Error: no' >&2; exit 1;; show) echo '{SHOWN}';; esac"
    )
    found = terraform(tmp_path, script).judged({"a": 1})
    assert len(found.document["resource_changes"]) == 4
    assert (found.path, found.failure) == (tmp_path / "work/plan.out", "Error: no")


def test_an_older_plan_does_not_pass_for_one_that_failed(tmp_path: Path) -> None:
    runner = terraform(tmp_path, f"case $1 in plan) echo 'Error: no' >&2; exit 1;; show) echo '{SHOWN}';; esac")
    (tmp_path / "work/plan.out").write_text("older")
    with pytest.raises(PovError, match="terraform plan failed"):
        runner.judged({})


def test_a_whole_plan_has_no_failure(tmp_path: Path) -> None:
    assert terraform(tmp_path, f"case $1 in plan) exit 2;; show) echo '{SHOWN}';; esac").judged({}).failure == ""

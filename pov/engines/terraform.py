"""Terraform (or OpenTofu) through python-terraform, with that package's traps hidden.

Its `destroy` passes a flag that is gone, its `plan` calls changes an error, it adds `-var-file` where a saved plan
forbids it, knows no time limit, logs output, and takes any misspelt method for a command. So only its command builder
is used, and every command runs through our own process runner.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from python_terraform import IsFlagged
from python_terraform import Terraform as CommandBuilder

from pov.base import variables
from pov.base.errors import NotFound, PovError, TimedOut, Transient
from pov.base.files import write_atomic
from pov.base.paths import plain_temporary
from pov.base.process import Completed, run
from pov.engines.terraform_state import StateMark, made_on, seal_of

_INIT_LIMIT_S = 120.0
_PLAN_LIMIT_S = 180.0
_APPLY_LIMIT_S = 300.0
_VERSION_LIMIT_S = 20.0
_MINIMUM = (1, 9)  # validation across variables
_BOX = re.compile(r"^[│╷╵]\s?", re.MULTILINE)
_PASSING = ("connection refused", "i/o timeout", "context deadline exceeded", "EOF", "the object has been modified")


@dataclass(frozen=True)
class Plan:
    """What an apply would do: counts of objects, the text as Terraform prints it, and the file to apply.

    `document` is the plan as `terraform show -json` tells it, `seal` the file's SHA-256 before that was asked,
    `made_on` the state that it was made on.
    """

    create: int
    update: int
    delete: int
    text: str
    path: Path
    document: Mapping[str, Any]
    seal: str
    made_on: StateMark

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return self.create + self.update + self.delete == 0


@dataclass(frozen=True)
class Planned:
    """A plan as a document (`terraform show -json`), also of one that a condition stopped, and its file.

    `failure` is what Terraform says where it planned nothing, or not to the end; empty for a whole plan.
    """

    document: Mapping[str, Any]
    path: Path
    failure: str = ""


def find_program(binaries: Mapping[str, Path]) -> Path:
    """The installed `terraform` if it is new enough, else the bundle's OpenTofu. Raises `NotFound`."""
    installed = variables.program("terraform")
    if installed is not None and _parts(version(Path(installed))) >= _MINIMUM:
        return Path(installed)
    if "tofu" in binaries:
        return binaries["tofu"]
    least = ".".join(map(str, _MINIMUM))
    if installed is None:
        raise NotFound("there is no terraform", fix="pov bundle build")
    said = version(Path(installed))
    found = f"is {said}, older than {least}" if said else "does not say a version"
    raise NotFound(f"{installed} {found}", fix="pov bundle build")


def version(program: Path) -> str:
    """The version that a program says it is, `1.11.4`; empty if it says none."""
    own = {"CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": os.devnull}
    env = variables.given_to("terraform", own)
    try:
        said = run([str(program), "version", "-json"], timeout_s=_VERSION_LIMIT_S, env=env, check=False)
    except (NotFound, TimedOut):
        return ""
    match = re.search(r'"terraform_version":\s*"(\d+\.\d+[^"]*)"', said.stdout)
    return match[1] if match else ""


def _parts(version_text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version_text)[:2])


class Terraform:
    """One root module. Everything that Terraform writes goes to `work`; the user's own configuration is not read.

    `env` carries what backend and provider need (KUBE_CONFIG_PATH, KUBE_TOKEN): credentials stand nowhere else.
    """

    def __init__(
        self, program: Path, module: Path, *, providers: Path, work: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self._module = module
        self._work = work
        self._builder = CommandBuilder(working_dir=str(module), terraform_bin_path=str(program))
        work.mkdir(parents=True, exist_ok=True)
        self._env = self._variables(providers, env or {})

    def init(self) -> None:
        """Fetch the provider from the mirror, connect the backend."""
        self._checked("init", timeout_s=_INIT_LIMIT_S, reconfigure=IsFlagged)

    def plan(self, variables: Mapping[str, Any]) -> Plan:
        """What would change. Raises `PovError` with Terraform's own reasons, a guardrail's refusal among them."""
        done, out = self._planned(variables)
        if done.code not in {0, 2}:
            raise _failure("plan", done)
        write_atomic(self._work / "plan.txt", done.stdout)
        seal = seal_of(out)
        shown = self._shown(out)
        actions = [change["change"]["actions"] for change in shown.get("resource_changes", ())]
        create, update, delete = (sum(name in some for some in actions) for name in ("create", "update", "delete"))
        return Plan(create, update, delete, done.stdout, out, shown, seal, made_on(out))

    def judged(self, variables: Mapping[str, Any], *, refresh: bool = True) -> Planned:
        """The plan as a document, to be judged. One that conditions stop is told whole, with them in its `checks`.

        The state is not locked: nothing comes of this plan, and who makes it may only read. Without `refresh` what
        the state says is believed, and the cluster is not asked. Raises `PovError` with Terraform's own reasons where
        there is no plan at all.
        """
        done, out = self._planned(variables, lock=False, refresh=refresh)
        failed = done.code not in {0, 2}
        if failed and not out.is_file():
            raise _failure("plan", done)
        return Planned(self._shown(out), out, _failure("plan", done).cause if failed else "")

    def validate(self) -> None:
        """Whether the modules are sound by themselves. Raises `PovError` with Terraform's own reasons."""
        self._checked("validate", timeout_s=_PLAN_LIMIT_S)

    def _planned(
        self, variables: Mapping[str, Any], *, lock: bool = True, refresh: bool = True
    ) -> tuple[Completed, Path]:
        inputs, out = self._work / "variables.tfvars.json", self._work / "plan.out"
        write_atomic(inputs, json.dumps(variables, indent=2) + "\n")
        # Terraform keeps a plan that conditions stopped; an older one must not pass for it.
        out.unlink(missing_ok=True)
        options = {"var_file": str(inputs), "out": str(out), "detailed_exitcode": IsFlagged}
        options |= {"lock_timeout": "20s"} if lock else {"lock": False}
        if not refresh:
            options["refresh"] = False
        return self._run("plan", timeout_s=_PLAN_LIMIT_S, **options), out

    def _shown(self, out: Path) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(
            self._checked("show", str(out), timeout_s=_PLAN_LIMIT_S, json=IsFlagged).stdout
        )
        return shown

    def apply(self, plan: Plan) -> None:
        """Do exactly what was planned. Raises `PovError` for a file that is not the one that was read, before anything.

        Terraform itself refuses one that was made on another state than the one there is, under the state's lock.
        """
        if seal_of(plan.path) != plan.seal:
            told = "the plan was changed after it was checked: nothing of it is applied"
            raise PovError(told, cause=str(plan.path), fix="pov up, which plans anew")
        self._checked("apply", str(plan.path), timeout_s=_APPLY_LIMIT_S, lock_timeout="20s")

    def output(self) -> dict[str, Any]:
        """The root module's outputs."""
        found = json.loads(self._checked("output", timeout_s=_PLAN_LIMIT_S, json=IsFlagged).stdout or "{}")
        return {name: entry["value"] for name, entry in found.items()}

    def unlock(self, lock_id: str) -> None:
        """Release a lock of the state whose holder is known to be gone."""
        self._checked("force-unlock", lock_id, timeout_s=_INIT_LIMIT_S, force=IsFlagged)

    def test(self) -> str:
        """Run the module's own tests; returns what they printed. Raises `PovError` if one failed."""
        return self._checked("test", timeout_s=_APPLY_LIMIT_S).stdout

    def _checked(self, command: str, *arguments: str, timeout_s: float, **options: Any) -> Completed:
        done = self._run(command, *arguments, timeout_s=timeout_s, **options)
        if done.code != 0:
            raise _failure(command, done)
        return done

    def _run(self, command: str, *arguments: str, timeout_s: float, **options: Any) -> Completed:
        if command in {"init", "plan", "apply"}:
            options["input"] = False
        if command != "force-unlock":
            options["no_color"] = IsFlagged
        argv: Sequence[str] = self._builder.generate_cmd_string(command, *arguments, **options)
        temporary = _temporary(self._work)
        with suppress(FileExistsError):
            temporary.mkdir(mode=0o700, exist_ok=True)
        own = {"TMPDIR": str(temporary)} if _is_ours(temporary) else {}
        try:
            return run(argv, timeout_s=timeout_s, env={**self._env, **own}, cwd=self._module, check=False)
        finally:
            # Only where nothing was left in it.
            with suppress(OSError):
                temporary.rmdir()

    def _variables(self, providers: Path, extra: Mapping[str, str]) -> dict[str, str]:
        settings = self._work / "cli.tfrc"
        mirror = f"filesystem_mirror {{\n    path = {json.dumps(str(providers))}\n  }}"
        write_atomic(settings, f"disable_checkpoint = true\nprovider_installation {{\n  {mirror}\n}}\n")
        own = {
            # The provider keeps a cache in the home folder, which is the user's.
            "HOME": str(self._work),
            "TF_CLI_CONFIG_FILE": str(settings),
            "TF_DATA_DIR": str(self._work / "data"),
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
        }
        return variables.given_to("terraform", {**own, **extra})


def _temporary(work: Path) -> Path:
    """Where Terraform's sockets lie: a short path, since the address of a socket has no more than 107 bytes."""
    mark = hashlib.sha256(os.fsencode(work.absolute())).hexdigest()[:10]
    return Path(plain_temporary(), f"pov-{mark}")


def _is_ours(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def discard_temporary(work: Path) -> None:
    """Remove the temporary files of `work`: a provider that was killed leaves its socket behind."""
    folder = _temporary(work)
    if _is_ours(folder):
        shutil.rmtree(folder, ignore_errors=True)


def _failure(command: str, done: Completed) -> PovError:
    said = _BOX.sub("", done.stderr or done.stdout).strip()
    start = said.find("Error:")
    # It wraps its paragraphs at 78 columns; what is indented (code, lists) stays as it is.
    cause = re.sub(r"(?<=[^\n])\n(?=[^\n ])", " ", said[max(0, start) :])[:2000]
    if any(text in said for text in _PASSING):
        return Transient(f"terraform {command} was cut off", cause=cause, fix="pov up")
    return PovError(f"terraform {command} failed", cause=cause)


def copy_modules(source: Path, target: Path, *, tests: bool = False) -> Path:
    """Copy the shipped modules, with their tests if wanted, to where Terraform may write its lock file."""
    kept = {target / "targets" / "local" / ".terraform.lock.hcl"}
    endings = ("*.tf", "*.tftest.hcl") if tests else ("*.tf",)
    wanted = {path.relative_to(source) for ending in endings for path in source.rglob(ending)}
    for path in target.rglob("*"):
        if path.is_file() and path not in kept and path.relative_to(target) not in wanted:
            path.unlink()
    for relative in wanted:
        destination = target / relative
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / relative, destination)
    return target


@dataclass(frozen=True)
class Leftovers:
    """Processes of an interrupted run, by id: Terraform itself, and providers, which outlive it and never end."""

    programs: tuple[int, ...]
    providers: tuple[int, ...]

    def end_providers(self) -> None:
        """End the providers whose Terraform is gone."""
        if not self.programs:
            _kill(self.providers)

    def end(self) -> None:
        """End them all."""
        _kill((*self.programs, *self.providers))


def leftovers(work: Path) -> Leftovers:
    """What still works inside our folder. Where there is no /proc nobody can tell, and there is nothing to end."""
    programs: list[int] = []
    providers: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if not (process / "cwd").readlink().is_relative_to(work):
                continue
            name = Path(os.fsdecode((process / "cmdline").read_bytes().split(b"\0")[0])).name
        except OSError:
            continue
        if name.startswith("terraform-provider"):
            providers.append(int(process.name))
        elif name in {"terraform", "tofu"}:
            # Nothing else: somebody's shell may stand in that folder.
            programs.append(int(process.name))
    return Leftovers(tuple(programs), tuple(providers))


def _kill(numbers: Sequence[int]) -> None:
    for number in numbers:
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)

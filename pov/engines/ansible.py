"""Runbooks, run by ansible-runner over SSH: quiet, bounded, from a private folder, with each task timed by its events.

Secrets travel in files of mode 0600 alone. The user's own Ansible configuration is left out.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import ansible_runner
from ansible_runner.exceptions import AnsibleRunnerException
from ansible_runner.utils import get_callback_dir

from pov.base import variables
from pov.base.errors import PovError, TimedOut
from pov.base.files import write_atomic
from pov.base.redact import Secret
from pov.base.scratch import Scratch
from pov.engines import ssh
from pov.engines.runbook_text import Written, written
from pov.engines.script import Script
from pov.engines.workplace import Workplace, at_hosts

_CONFIGURATION = """\
[defaults]
nocows = true
host_key_checking = true
gathering = explicit
interpreter_python = /usr/bin/python3
retry_files_enabled = false
deprecation_warnings = false
localhost_warning = false
display_skipped_hosts = false
timeout = 20
forks = 1
[ssh_connection]
pipelining = true
usetty = false
ssh_executable = ssh
ssh_args = -F "{config}"
sftp_extra_args = -F "{config}"
scp_extra_args = -F "{config}"
"""
_RUNNERS_OWN = {"ANSIBLE_STDOUT_CALLBACK", "ANSIBLE_RETRY_FILES_ENABLED", "AWX_ISOLATED_DATA_DIR"}
_HEARD_EVERY_S = 1
_DONE = {"runner_on_ok", "runner_on_failed", "runner_on_unreachable"}
_NO_WORK = {"include_tasks", "ansible.builtin.include_tasks"}


@dataclass(frozen=True)
class TaskTime:
    """One task on one host: how long it took in seconds, by the runbook's own events."""

    host: str
    name: str
    seconds: float


@dataclass(frozen=True)
class Target:
    """A host of the inventory: how sshd on it is reached, its public key, and its variables."""

    ssh: ssh.Target
    variables: Mapping[str, Any] = field(default_factory=dict)


class Runbooks:
    """Playbooks of one folder against one inventory. Use it as a context: the private folder goes with it.

    `user` logs in with `key`; `common` are variables of every host, and so is `ssh_config`, the client's configuration.
    """

    def __init__(
        self, playbooks: Path, targets: Sequence[Target], *, user: str, key: Secret, common: Mapping[str, Any]
    ) -> None:
        self._playbooks = playbooks
        self._common, self._user, self._key = dict(common), user, key
        self._names = [target.ssh.name for target in targets]
        self._healthy = str(common.get("healthy", "healthy"))
        # Sockets of shared connections lie in here, and Ansible takes its path apart.
        self._scratch = Scratch.plain()
        self.folder = self._scratch.path
        self._client = ssh.configure(self.folder / "ssh", [target.ssh for target in targets], user, key)
        write_atomic(self.folder / "ansible.cfg", _CONFIGURATION.format(config=self._client.config))
        hosts = {target.ssh.name: dict(target.variables) for target in targets}
        inventory = {"all": {"hosts": hosts, "vars": {**common, "ssh_config": str(self._client.config)}}}
        # JSON is YAML: no library is needed to write it.
        write_atomic(self.folder / "inventory.yml", json.dumps(inventory), mode=0o600)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End shared connections and remove the private folder; twice is fine."""
        if self.folder.exists():
            self._client.close(self._names)
            self._scratch.close()

    def written(self, playbook: str, variables: Mapping[str, Any]) -> Written:
        """A playbook as a person reads it, for these hosts and variables."""
        return written(self._playbooks, playbook, json.loads((self.folder / "inventory.yml").read_text()), variables)

    def workplace(self) -> Workplace:
        """A shell on this machine from which a person reaches the hosts; it goes with the private folder."""
        return at_hosts(self.folder / "desk", self._client.config, check=self._healthy)

    def check(self, playbook: str, variables: Mapping[str, Any], *, timeout_s: float = 60) -> None:
        """Read the playbook without running it: mistakes show, and the program's own files are read once."""
        self._run(playbook, variables, timeout_s, "--syntax-check")

    def run(self, playbook: str, variables: Mapping[str, Any], *, timeout_s: float) -> list[TaskTime]:
        """Run the playbook to its end; returns its tasks in their order.

        Raises `PovError` with the task, the host and what it said, `TimedOut` after `timeout_s` seconds. An interrupt
        ends the playbook before it gets through.
        """
        return self._run(playbook, variables, timeout_s, None)

    def script(
        self,
        argv: Sequence[str],
        told: Mapping[str, str],
        *,
        folder: Path,
        log: Path | None,
        secret_files: Sequence[Path],
    ) -> Script:
        """A script of somebody else's against the same hosts, ready to run: told what a runbook is told, as `POV_NAME`.

        `told` comes on top. What stands in `secret_files` is kept out of `log`, as the key is.
        """
        work = Path(tempfile.mkdtemp(prefix="script-", dir=self.folder))
        common = {f"POV_{name.upper()}": str(value) for name, value in self._common.items()}
        ways = {
            "POV_SSH_CONFIG": str(self._client.config),
            "POV_SSH_USER": self._user,
            "POV_SSH_KEY": str(self._client.identity),
        }
        secrets = [self._key, *(Secret(path.read_text()) for path in secret_files)]
        return Script(argv, {**common, **ways, **told}, folder=folder, work=work, log=log, secrets=secrets)

    def _run(self, playbook: str, variables: Mapping[str, Any], timeout_s: float, flags: str | None) -> list[TaskTime]:
        heard = _Heard()
        stop = threading.Event()
        result: list[Any] = []
        runs = Path(tempfile.mkdtemp(prefix="run-", dir=self.folder))
        # Variables go into a file: an argument list is for everybody to see.
        write_atomic(runs / "variables.json", json.dumps(dict(variables)), mode=0o600)
        arguments = [f"--extra-vars {shlex.quote(f'@{runs}/variables.json')}", *([flags] if flags else [])]

        def work() -> None:
            try:
                result.append(
                    _run(
                        self._variables(),
                        private_data_dir=str(runs),
                        project_dir=str(self._playbooks),
                        playbook=playbook,
                        inventory=str(self.folder / "inventory.yml"),
                        cmdline=" ".join(arguments),
                        settings={"pexpect_timeout": _HEARD_EVERY_S, "job_timeout": int(timeout_s) + 5},
                        event_handler=heard.take,
                        cancel_callback=stop.is_set,
                        quiet=True,
                    )
                )
            except (AnsibleRunnerException, OSError, ValueError) as error:
                result.append(error)

        end, late = time.monotonic() + timeout_s, False
        # On a thread of its own: in the main thread, ansible-runner takes over the signal handlers and keeps them.
        thread = threading.Thread(target=work, name="runbook", daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                thread.join(0.05)
                if not late and thread.is_alive() and time.monotonic() >= end:
                    # ansible-runner knows whole seconds alone; asked like this, it kills the playbook within one.
                    late = True
                    stop.set()
        except BaseException:
            stop.set()
            thread.join(15)
            raise
        return _judged(result[0] if result else None, heard, playbook, timeout_s, late=late)

    def _variables(self) -> dict[str, str]:
        own = {
            # Of this installation, wherever it lies: ansible-playbook is found by its name.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{variables.search_path()}",
            # ansible-runner switches it off unless it is asked for here.
            "ANSIBLE_HOST_KEY_CHECKING": "True",
            "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"),
            "ANSIBLE_HOME": str(self.folder / "home"),
            "ANSIBLE_LOCAL_TEMP": str(self.folder / "tmp"),
            "ANSIBLE_NOCOLOR": "1",
            "PYTHONWARNINGS": "ignore",
            # ansible-runner adds this folder to those plugins, and takes from the process what it is not given here.
            "ANSIBLE_CALLBACK_PLUGINS": "",
            "AWX_LIB_DIRECTORY": get_callback_dir(),
        }
        return variables.given_to("ansible", own)


def _run(env: Mapping[str, str], **options: Any) -> Any:
    """Run ansible-runner with the variables `env` and those that it sets itself, and not with the process's own."""
    runner = ansible_runner.interface.init_runner(envvars=dict(env), **options)
    kept = {*env, *_RUNNERS_OWN}
    runner.config.env = {name: value for name, value in runner.config.env.items() if name in kept}
    runner.run()
    return runner


class _Heard:
    """What the events of a run told."""

    def __init__(self) -> None:
        self.tasks: list[TaskTime] = []
        self.failure = ""

    def take(self, event: Mapping[str, Any]) -> bool:
        data = event.get("event_data") or {}
        if event.get("event") in _DONE and data.get("task_action") not in _NO_WORK:
            self.tasks.append(TaskTime(str(data.get("host")), str(data.get("task")), _seconds(data)))
            if event["event"] != "runner_on_ok" and not data.get("ignore_errors") and not self.failure:
                self.failure = f"{data.get('task')} on {data.get('host')}: {_said(data.get('res') or {})}"
        # Nothing is to be written down for this event.
        return False


def _seconds(data: Mapping[str, Any]) -> float:
    try:
        return (datetime.fromisoformat(data["end"]) - datetime.fromisoformat(data["start"])).total_seconds()
    except (KeyError, TypeError, ValueError):
        return float(data.get("duration") or 0.0)


def _said(outcome: Mapping[str, Any]) -> str:
    parts = [str(outcome.get(key)).strip() for key in ("msg", "stderr", "stdout") if outcome.get(key)]
    return " / ".join(parts)[-800:] or "no reason given"


def _judged(result: Any, heard: _Heard, playbook: str, timeout_s: float, *, late: bool) -> list[TaskTime]:
    fix = "look at the hosts: pov status"
    if isinstance(result, BaseException) or result is None:
        raise PovError(f"the runbook {playbook} could not be started", cause=str(result), fix=fix)
    if result.status == "timeout" or (late and result.status == "canceled"):
        last = heard.tasks[-1].name if heard.tasks else "nothing"
        raise TimedOut(f"the runbook {playbook}: not done after {timeout_s:g} s", cause=f"last done: {last}", fix=fix)
    if result.status != "successful":
        cause = heard.failure or _tail(result)
        raise PovError(f"the runbook {playbook} ended as {result.status}", cause=cause, fix=fix)
    return heard.tasks


def _tail(result: Any) -> str:
    try:
        return str(result.stdout.read())[-1500:].strip()
    except (AnsibleRunnerException, OSError):
        return "nothing was printed"

"""Whether Ansible knows every step of a runbook, asked of Ansible itself, without a host and before anything runs."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from pov.base import variables
from pov.base.files import write_atomic
from pov.base.paths import plain_temporary
from pov.base.process import run
from pov.base.scratch import scratch

_LIMIT_S = 120.0
_TOLD = re.compile(r"\[ERROR\]: (?P<message>.*?)\s*(?:\n+Origin: (?P<where>\S.*?:\d+):\d+|\n\n|$)", re.DOTALL)


def syntax_faults(playbook: Path, parts: Sequence[Path]) -> list[tuple[str, str]]:
    """What is wrong with a playbook and with each file of steps in `parts`: the place and the fault, one for each file.

    Ansible looks at the steps of an included file only when it gets there: here each file is read by itself.
    """
    with scratch(plain_temporary()) as folder:
        write_atomic(folder / "ansible.cfg", "[defaults]\nnocows = true\n")
        found = []
        for number, part in enumerate(parts):
            # JSON is YAML.
            plays = [{"hosts": "all", "gather_facts": False, "tasks": [{"import_tasks": str(part)}]}]
            wrapper = folder / f"{number}.yml"
            write_atomic(wrapper, json.dumps(plays))
            found += _faults(folder, wrapper, part)
        return [*_faults(folder, playbook, playbook), *found]


def _faults(folder: Path, playbook: Path, told: Path) -> list[tuple[str, str]]:
    own = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{variables.search_path()}",
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_NOCOLOR": "1",
        "PYTHONWARNINGS": "ignore",
    }
    argv = ("ansible-playbook", "--syntax-check", "-i", "localhost,", str(playbook))
    done = run(argv, timeout_s=_LIMIT_S, env=variables.given_to("ansible", own), cwd=folder, check=False)
    if done.code == 0:
        return []
    match = _TOLD.search(done.stderr)
    if match is None:
        return [(str(told), (done.stderr or done.stdout).strip()[-400:] or f"ansible-playbook ended with {done.code}")]
    return [(match["where"] or str(told), " ".join(match["message"].split()))]

"""A runbook as a person reads it: the steps of a playbook host by host, each with the command to type.

It reads what playbooks of single commands are made of: plays over hosts, `include_tasks` once a service, `raw`,
`shell` and `command`. A playbook made otherwise is handed over as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_VALUE = re.compile(r"\{\{\s*(?P<name>[\w.]+)\s*(?:\|\s*quote\s*)?\}\}")
_COMMANDS = ("raw", "shell", "command")
_INCLUDES = ("include_tasks", "import_tasks")
_BUILT_IN = "ansible.builtin."
_MARGIN = "     "


@dataclass(frozen=True)
class Written:
    """A runbook in words, and the names of its parts in their order; none where it was handed over as it stands."""

    text: str
    parts: tuple[str, ...] = ()


class _Otherwise(Exception):
    """The playbook is made in another way."""


def written(folder: Path, playbook: str, inventory: Mapping[str, Any], variables: Mapping[str, Any]) -> Written:
    """The runbook for these hosts, with every value in its place."""
    try:
        parts = list(_parts(folder, playbook, inventory["all"], variables))
    except (_Otherwise, OSError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return Written((folder / playbook).read_text(errors="replace"))
    lines = []
    for number, (title, steps) in enumerate(parts, 1):
        lines += [f"{number:>3}. {title}", *steps, ""]
    return Written("\n".join(lines), tuple(title for title, _ in parts))


def _parts(
    folder: Path, playbook: str, everybody: Mapping[str, Any], variables: Mapping[str, Any]
) -> Iterator[tuple[str, list[str]]]:
    for play in _read(folder / playbook):
        for host, own in everybody["hosts"].items():
            known = {**everybody["vars"], **own, **variables, "inventory_hostname": host}
            for task in play["tasks"]:
                yield from _of_task(folder, task, host, known)


def _of_task(
    folder: Path, task: Mapping[str, Any], host: str, known: Mapping[str, Any]
) -> Iterator[tuple[str, list[str]]]:
    included = _module(task, _INCLUDES)
    if included is None:
        yield f"{task['name']} on {host}", list(_steps([task], host, known))
        return
    if "host_services" not in str(task.get("loop")):
        raise _Otherwise
    tasks, variable = _read(folder / str(included)), task["loop_control"]["loop_var"]
    for placed in known["host_services"]:
        if placed["service"] in known["services"]:
            yield f"{placed['service']} on {host}", list(_steps(tasks, host, {**known, variable: placed}))


def _steps(tasks: Sequence[Mapping[str, Any]], host: str, known: Mapping[str, Any]) -> Iterator[str]:
    printed = {task["register"]: f'<what "{task["name"]}" printed>' for task in tasks if "register" in task}
    for task in tasks:
        command = _module(task, _COMMANDS)
        if command is None:
            raise _Otherwise
        where = "this machine" if task.get("delegate_to") == "localhost" else host
        again = ", until it succeeds" if "until" in task else ""
        yield f"{_MARGIN}{task['name']} (on {where}{again})"
        text = _filled(str(command), {**known, **_values(task.get("vars"), known)}, printed)
        yield from (f"{_MARGIN}  {line}" for line in text.strip().splitlines())


def _values(own: object, known: Mapping[str, Any]) -> dict[str, str]:
    return {name: _filled(str(value), known, {}) for name, value in own.items()} if isinstance(own, Mapping) else {}


def _filled(text: str, known: Mapping[str, Any], printed: Mapping[str, str]) -> str:
    def fill(match: re.Match[str]) -> str:
        first, *rest = match["name"].split(".")
        if first in printed:
            return printed[first]
        found: Any = known.get(first)
        for name in rest:
            found = found.get(name) if isinstance(found, Mapping) else None
        return match[0] if found is None else str(found)

    return _VALUE.sub(fill, text)


def _module(task: Mapping[str, Any], names: Sequence[str]) -> object | None:
    """What a task hands to the first of these modules that it uses; None where it uses none."""
    return next((task[key] for name in names for key in (name, _BUILT_IN + name) if key in task), None)


def _read(path: Path) -> list[Any]:
    found = yaml.safe_load(path.read_text())
    if not isinstance(found, list):
        raise _Otherwise
    return found

"""A customer's runbook as it is written: its steps, and the files that belong to it, before any of it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml.error import MarkedYAMLError, YAMLError

from pov.base.errors import InvalidInput, Problem
from pov.base.files import bytes_of
from pov.config.loading import MAX_BYTES, load_yaml

_STEPS = ("pre_tasks", "tasks", "post_tasks", "handlers")
_BLOCKS = ("block", "rescue", "always")
_PREFIXES = ("", "ansible.builtin.", "ansible.legacy.")
_INCLUDES = tuple(f"{prefix}{name}" for prefix in _PREFIXES for name in ("include_tasks", "import_tasks"))
_ELSEWHERE = (
    "roles", "vars_files", *(f"{prefix}{name}" for prefix in _PREFIXES for name in
    ("import_playbook", "include_role", "import_role", "include_vars")),
)  # fmt: skip
_WRITE_OUT = "write its steps out under `tasks`, or in files that `include_tasks` names"


@dataclass
class Playbook:
    """A playbook, the files of steps that it includes, how many steps there are, and what is wrong with it."""

    path: Path
    parts: list[Path] = field(default_factory=list)
    steps: int = 0
    problems: list[Problem] = field(default_factory=list)


def read_playbook(path: Path) -> Playbook:
    """Read it whole, with every file of steps that it names. Raises `InvalidInput` with all problems, by line."""
    book = Playbook(path)
    plays = _document(book, path)
    for play in plays:
        if not isinstance(play, Mapping):
            _wrong(book, path, plays, "a play is a mapping of keys", "start with `- hosts: all`")
            continue
        for key in _ELSEWHERE:
            if key in play:
                _wrong(book, path, play, f"`{key}` takes steps from elsewhere", _WRITE_OUT)
        for key in _STEPS:
            _walk(book, path, play, play.get(key) or [])
    if not book.steps and not book.problems:
        book.problems.append(Problem(str(path), "a runbook without a step", "write its steps under `tasks`"))
    if book.problems:
        raise InvalidInput(book.problems)
    return book


def _walk(book: Playbook, path: Path, above: Any, tasks: Any) -> None:
    if not isinstance(tasks, list):
        _wrong(book, path, above, "steps are a list", "start each with a dash")
        return
    for task in tasks:
        if not isinstance(task, Mapping):
            _wrong(book, path, above, "a step is a mapping of keys", "such as `- name: stop service`")
            continue
        for key in _ELSEWHERE:
            if key in task:
                _wrong(book, path, task, f"`{key}` takes steps from elsewhere", _WRITE_OUT)
        blocks = [key for key in _BLOCKS if key in task]
        for key in blocks:
            _walk(book, path, task, task[key])
        included = list(_included(task))
        for name in included:
            _include(book, path, task, name)
        book.steps += not blocks and not included


def _included(task: Mapping[str, Any]) -> Iterator[str]:
    for key in _INCLUDES:
        if key in task:
            value = task[key]
            yield str(value.get("file", "")) if isinstance(value, Mapping) else str(value or "")


def _include(book: Playbook, path: Path, task: Any, name: str) -> None:
    if not name or "{{" in name:
        _wrong(book, path, task, "names a file that is known only when it runs", "name the file itself")
        return
    part = (path.parent / name).resolve()
    if part in book.parts:
        return
    book.parts.append(part)
    tasks = _document(book, part)
    _walk(book, part, tasks, tasks)


def _document(book: Playbook, path: Path) -> list[Any]:
    try:
        found = load_yaml(_read(path))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        book.problems.append(Problem(f"{path}:{line}", str(error.problem or "not YAML"), "mend the YAML there"))
    except (OSError, ValueError, YAMLError, RecursionError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else getattr(error, "strerror", None)
        book.problems.append(Problem(str(path), reason or f"no runbook: {error}", "check the path"))
    else:
        if isinstance(found, list):
            return found
        if found is None:
            return []
        book.problems.append(Problem(f"{path}:1", "a runbook is a list", "start with `- hosts: all`"))
    return []


def _read(path: Path) -> str:
    content = bytes_of(path)
    if len(content) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES // 1024} KiB")
    return content.decode()


def _wrong(book: Playbook, path: Path, node: Any, message: str, fix: str) -> None:
    line = getattr(getattr(node, "lc", None), "line", None)
    book.problems.append(Problem(f"{path}:{line + 1}" if line is not None else str(path), message, fix))

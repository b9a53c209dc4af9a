"""The verifier's rooms as the one file that goes with every report."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from pov.reporting import standalone
from pov.reporting.one_file import verifier

FOLDER = Path(standalone.__file__).parent
ROOMS = {path.stem: ast.parse(path.read_text()) for path in FOLDER.glob("*.py") if path.stem != "__init__"}
FILE = ast.parse(verifier())


def _defined(tree: ast.Module) -> list[str]:
    """Names that a module gives something to at its top."""
    found: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.append(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found += [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
    return found


def _imported(tree: ast.Module) -> set[str]:
    modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return modules | {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}


def test_it_imports_pythons_own_library_alone() -> None:
    assert {name.partition(".")[0] for name in _imported(FILE)} <= set(sys.stdlib_module_names)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_python_and_other_rooms_by_their_own_names(room: str) -> None:
    """What a room called otherwise than another one does would have no name in the one file."""
    for node in ast.walk(ROOMS[room]):
        if isinstance(node, ast.Import | ast.ImportFrom):
            assert node in ROOMS[room].body, "imports stand at the top"
            assert all(alias.asname is None and alias.name != "*" for alias in node.names)
    own = {name for name in _imported(ROOMS[room]) if name.partition(".")[0] not in sys.stdlib_module_names}
    assert own <= {f"{standalone.__name__}.{other}" for other in ROOMS}


def test_no_two_rooms_give_a_name_to_something() -> None:
    found = Counter(name for tree in ROOMS.values() for name in _defined(tree))
    assert [name for name, times in found.items() if times > 1] == []


def test_it_holds_what_the_rooms_hold_and_each_after_what_it_needs() -> None:
    assert Counter(_defined(FILE)) == Counter(name for tree in ROOMS.values() for name in _defined(tree))
    ran: dict[str, object] = {"__name__": "verify"}
    exec(compile(FILE, "verify.py", "exec"), ran)  # noqa: S102 - our own file, as a reader starts it
    assert ran["Verifier"]


def test_it_is_the_same_byte_for_byte_wherever_it_is_made() -> None:
    for seed in ("1", "2"):
        script = "import sys; from pov.reporting.one_file import verifier; sys.stdout.buffer.write(verifier())"
        made = subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        )
        assert made.stdout == verifier()

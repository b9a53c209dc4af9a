"""The verifier as it is attached to reports: the rooms of `standalone/` as one file that needs Python alone."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

_PACKAGE = "pov.reporting.standalone"
_LAST = "verifier"
"""The room with `main`: what it says of itself is what the file says of itself."""
_STARTED = 'if __name__ == "__main__":\n    sys.exit(main(sys.argv[1:], Path(sys.argv[0])))\n'


class _Room:
    """One module: its docstring, what it imports of Python and of other rooms, and all below its imports as it is."""

    def __init__(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        body = ast.parse(text).body
        imports = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
        self.told = ast.get_docstring(ast.Module(body, []), clean=False) or ""
        self.rooms = sorted(
            node.module.rpartition(".")[2]
            for node in imports
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{_PACKAGE}.") and node.module
        )
        own = {f"{_PACKAGE}.{room}" for room in self.rooms} | {"__future__"}
        self.python = [node for node in imports if not (isinstance(node, ast.ImportFrom) and node.module in own)]
        self.below = "\n".join(text.splitlines()[imports[-1].end_lineno :]).strip("\n")


@cache
def verifier() -> bytes:
    """The file, byte for byte the same each time: each room after those that it needs, by name where it is free."""
    rooms = {path.stem: _Room(path) for path in sorted(_folder().glob("*.py")) if path.stem != "__init__"}
    order = TopologicalSorter({name: room.rooms for name, room in rooms.items()}).static_order()
    parts = [f"# {rooms[name].told}\n\n{rooms[name].below}" for name in order if name != _LAST]
    last = rooms[_LAST]
    head = f'"""{last.told}"""\n\nfrom __future__ import annotations\n\n{_imports(rooms.values())}'
    return ("\n\n\n".join([head, *parts, last.below, _STARTED])).encode()


def _imports(rooms: Iterable[_Room]) -> str:
    """All that they import of Python, each module once."""
    whole: set[str] = set()
    names: dict[str, set[str]] = {}
    for node in (node for room in rooms for node in room.python):
        if isinstance(node, ast.Import):
            whole |= {alias.name for alias in node.names}
        else:
            names.setdefault(str(node.module), set()).update(alias.name for alias in node.names)
    lines = [f"import {name}" for name in sorted(whole)]
    return "\n".join([*lines, *(f"from {name} import {', '.join(sorted(names[name]))}" for name in sorted(names))])


def _folder() -> Path:
    return Path(__file__).with_name(_PACKAGE.rpartition(".")[2])

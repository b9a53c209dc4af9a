"""What `pov` holds, `pov` uses: a function, class, constant or field that tests alone know is for nobody.

By name, over all modules: one that is read anywhere counts as read everywhere, so that nothing is told wrongly.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

from pov import __file__ as package

ROOT = Path(package).parent
LEFT = {
    "cli/app.py": {"list_commands", "resolve_command", "format_commands"},  # click calls them
    "cli/given.py": {"_describe_range"},  # click calls it
    "config/loading.py": {"construct_object"},  # ruamel.yaml does
    # It is part of the bundle's key: whoever changes how layers are written takes it out, and no image is made anew
    # for it alone.
    "bundle/layers.py": {"from_json"},
    "reporting/blocks.py": {"see"},  # the page's templates read it
}
HOOKS = ("command", "validator", "serializer", "atexit")
"""In a decorator: whoever decorates calls it."""


class _Module(ast.NodeVisitor):
    """What a module defines, and the names that it reads outside of what they name."""

    def __init__(self) -> None:
        self.defined: set[str] = set()
        self.read: set[str] = set()
        self._inside: list[str] = []

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        called = any(hook in ast.unparse(decorator) for decorator in node.decorator_list for hook in HOOKS)
        if not called and not node.name.startswith("__") and not node.name.startswith("visit_"):
            self.defined.add(node.name)
        self._within(node, node.name)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.defined.add(node.name)
        fields = [one.target for one in node.body if isinstance(one, ast.AnnAssign)]
        self.defined |= {one.id for one in fields if isinstance(one, ast.Name) and not one.id.startswith("__")}
        self._within(node, node.name)

    def visit_Assign(self, node: ast.Assign) -> None:
        self._constants(*node.targets)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._constants(node.target)
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        self._reads(node.id, node.ctx)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._reads(node.attr, node.ctx)
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        """A name in a text may be what `getattr` or a template reads."""
        if isinstance(node.value, str) and node.value.isidentifier():
            self._reads(node.value, ast.Load())

    def _within(self, node: ast.AST, name: str) -> None:
        self._inside.append(name)
        self.generic_visit(node)
        self._inside.pop()

    def _constants(self, *targets: ast.expr) -> None:
        if not self._inside:
            names = [one for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)]
            self.defined |= {one.id for one in names if not one.id.startswith("__")}

    def _reads(self, name: str, context: ast.expr_context) -> None:
        if isinstance(context, ast.Load) and name not in self._inside:
            self.read.add(name)


def unused(sources: dict[str, str]) -> dict[str, set[str]]:
    """Names that each module defines and none reads, by module."""
    found: dict[str, _Module] = defaultdict(_Module)
    for where, source in sources.items():
        found[where].visit(ast.parse(source))
    read = set().union(*(module.read for module in found.values()))
    return {where: left for where, module in found.items() if (left := module.defined - read)}


def test_nothing_is_there_for_tests_alone() -> None:
    paths = {path.relative_to(ROOT).as_posix(): path for path in sorted(ROOT.rglob("*.py"))}
    assert unused({where: path.read_text() for where, path in paths.items()}) == LEFT


@pytest.mark.parametrize(
    ("source", "left"),
    [
        ("def a(): pass\n", {"a"}),
        ("def a(): a()\n", {"a"}),
        ("def a(): pass\nb = a\nprint(b)\n", set()),
        ("A = 1\n", {"A"}),
        ("A, B = 1, 2\nprint(A)\n", {"B"}),
        ("A: int = 1\n", {"A"}),
        ("class A:\n    def b(self): pass\n    c = 1\nA()\n", {"b"}),
        ("class A:\n    def b(self): pass\nA().b()\n", set()),
        ("class A:\n    b: int\n    c: int = 1\nprint(A(b=2).c)\n", {"b"}),
        ("class A:\n    b: int\ndef d(a): a.b = 1\nd(A())\n", {"b"}),
        ("class A:\n    b: int\n    def c(self): return self.b\nA().c()\n", set()),
        ("class A:\n    def b(self): pass\ngetattr(A(), 'b')\n", set()),
        ("@command('x')\ndef a(): pass\n", set()),
    ],
)
def test_the_scan_finds_what_nobody_reads(source: str, left: set[str]) -> None:
    assert unused({"m.py": source}) == ({"m.py": left} if left else {})


def test_a_name_that_another_module_reads_is_used() -> None:
    assert unused({"m.py": "def a(): pass\n", "n.py": "from m import a\na()\n"}) == {}
    assert unused({"m.py": "def a(): pass\n", "n.py": "from m import a\n"}) == {"m.py": {"a"}}

"""`pov bundle build`: official images or built ones, and everything else that the bundle needs."""

from __future__ import annotations

import threading
from pathlib import Path

from pov.bundle import BuildOptions, Bundle, graph
from pov.bundle.builder import hash_of, make_all
from pov.engines.containers import Containers, find
from pov.model.events import Emit


class _Engine:
    """The container engine, probed when it is first needed: a long compile should not wait for it, nor a short look."""

    def __init__(self) -> None:
        self._found: Containers | None = None
        self._lock = threading.Lock()

    def __call__(self) -> Containers:
        with self._lock:
            self._found = self._found or find()
            return self._found


def build(options: BuildOptions, emit: Emit, *, root: Path | None = None) -> Bundle:
    """Make every component that is missing, and put the bundle together."""
    tofu = not graph.with_terraform()
    made = make_all(graph.components(_Engine(), tofu=tofu), emit, root=root)
    return graph.assemble(made, hash_of(*sorted(f"{name}={one.key}" for name, one in made.items())))

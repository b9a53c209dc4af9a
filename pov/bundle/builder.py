"""Runs components as a graph: each cached by the hash of its inputs, resumable, several side by side."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pov.base.errors import PovError
from pov.base.files import write_atomic
from pov.base.paths import cache_root
from pov.base.process import stop_all
from pov.base.wait import Pending, first_done, wait_for
from pov.model.events import Emit, Event

_DONE = "done.json"
_OTHER_BUILD_S = 3600.0
_AGAIN_S = 0.2


@dataclass(frozen=True)
class Component:
    """One thing to make. `make` fills a folder; what it returns (JSON) is kept and handed to those that need it.

    `inputs` are all the facts that its content depends on besides the components it needs.
    """

    name: str
    make: Callable[[Path, Mapping[str, Made], Callable[[str], None]], Mapping[str, Any]]
    inputs: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    expected_s: float = 5.0
    still_good: Callable[[Mapping[str, Any]], bool] = lambda _: True


@dataclass(frozen=True)
class Made:
    """A finished component: its folder, its key, what it said of itself."""

    folder: Path
    key: str
    facts: Mapping[str, Any]


def hash_of(*parts: str) -> str:
    """A short hash over texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def hash_files(*roots: Path) -> str:
    """A short hash over the names, modes and contents of files and folders."""
    digest = hashlib.sha256()
    for root in roots:
        paths = sorted(path for path in root.rglob("*") if path.is_file()) if root.is_dir() else [root]
        for path in paths:
            digest.update(str(path.relative_to(root.parent)).encode() + bytes([os.access(path, os.X_OK)]))
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def make_all(components: Sequence[Component], emit: Emit, *, root: Path | None = None) -> dict[str, Made]:
    """Make what is missing; returns every component by name. A failure lets others end and is raised then.

    A component is made in a temporary folder and renamed, so a killed build leaves nothing half that looks whole.
    """
    base = root or _components_root()
    base.mkdir(parents=True, exist_ok=True)
    made: dict[str, Made] = {}
    waiting = {component.name: component for component in components}
    running: dict[Future[Made], Component] = {}
    failure: BaseException | None = None
    halt = threading.Event()
    # More than there are cores: downloads and unpacking fill the time in which a linker uses one core alone.
    with (
        ThreadPoolExecutor(max_workers=2 + (os.cpu_count() or 2), thread_name_prefix="bundle") as pool,
        _ctrl_c(pool, halt),
    ):
        while waiting or running:
            ready = [c for c in waiting.values() if set(c.needs) <= made.keys()] if failure is None else []
            for component in ready:
                del waiting[component.name]
                running[pool.submit(_make, component, made, base, emit, halt)] = component
            if not running:
                break
            for future in first_done(running):
                component = running.pop(future)
                error = future.exception()
                if error is None:
                    made[component.name] = future.result()
                elif failure is None:
                    failure = error
    if failure is not None:
        raise failure
    return made


@contextmanager
def _ctrl_c(pool: ThreadPoolExecutor, halt: threading.Event) -> Iterator[None]:
    """On Ctrl-C end compilers and downloads, which do not hear the terminal: their threads end then."""
    try:
        yield
    except KeyboardInterrupt:
        halt.set()
        ended = threading.Thread(target=pool.shutdown, kwargs={"cancel_futures": True}, daemon=True)
        ended.start()
        # Again and again: a thread may have been about to start its command.
        while ended.is_alive():
            stop_all()
            ended.join(_AGAIN_S)
        raise


def find_all(components: Sequence[Component], *, root: Path | None = None) -> dict[str, Made] | None:
    """All components by name if every one of them is finished and still good, else None. Makes nothing."""
    base = root or _components_root()
    made: dict[str, Made] = {}
    waiting = list(components)
    while waiting:
        ready = [component for component in waiting if set(component.needs) <= made.keys()]
        if not ready:
            return None
        for component in ready:
            waiting.remove(component)
            key = _key(component, made)
            found = _find(component, base / f"{component.name}-{key}", key)
            if found is None:
                return None
            made[component.name] = found
    return made


def prune(
    made: Mapping[str, Made],
    *,
    root: Path | None = None,
    unused_s: float = 7 * 86_400.0,
    spare: Callable[[Path], bool] = lambda _: False,
) -> list[Path]:
    """Remove earlier makes of these components that nobody asked for in the last `unused_s` seconds.

    A folder that `spare` knows as somebody's stays.
    """
    base = root or _components_root()
    removed = []
    for name, one in made.items():
        for folder in base.glob(f"{name}-{'[0-9a-f]' * 16}"):
            try:
                unused = time.time() - (folder / _DONE).stat().st_mtime
            except FileNotFoundError:
                continue
            if folder.name != f"{name}-{one.key}" and unused > unused_s and not spare(folder):
                shutil.rmtree(folder, ignore_errors=True)
                removed.append(folder)
    return removed


def _components_root() -> Path:
    return cache_root() / "build" / "components"


def _key(component: Component, made: Mapping[str, Made]) -> str:
    inputs = json.dumps(dict(component.inputs), sort_keys=True)
    return hash_of(component.name, inputs, *(made[name].key for name in component.needs))


def _find(component: Component, folder: Path, key: str) -> Made | None:
    try:
        facts = json.loads((folder / _DONE).read_text())
    except FileNotFoundError:
        return None
    if not component.still_good(facts):
        return None
    os.utime(folder / _DONE)
    return Made(folder, key, facts)


@contextmanager
def _alone(component: Component, base: Path, emit: Emit, halt: threading.Event) -> Iterator[None]:
    """Hold the component's lock: two builds at once share the work. It ends with the process that holds it."""
    # Not a dot file: what is half made begins with a dot.
    with (base / f"{component.name}.lock").open("w") as lock:

        def taken() -> bool | Pending:
            if halt.is_set():
                raise PovError("interrupted")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return Pending("another pov is building it")
            return True

        wait_for(
            f"{component.name} is free", taken, timeout_s=_OTHER_BUILD_S, interval_s=0.2,
            on_pending=lambda waiting: emit(Event("progress", component.name, waiting.state)),
        )  # fmt: skip
        yield


def _make(component: Component, made: Mapping[str, Made], base: Path, emit: Emit, halt: threading.Event) -> Made:
    needs = {name: made[name] for name in component.needs}
    key = _key(component, needs)
    folder = base / f"{component.name}-{key}"
    with _alone(component, base, emit, halt):
        found = _find(component, folder, key)
        if found is not None:
            emit(Event("unchanged", component.name, "cached"))
            return found
        shutil.rmtree(folder, ignore_errors=True)
        return _make_anew(component, needs, folder, key, emit)


def _make_anew(component: Component, needs: Mapping[str, Made], folder: Path, key: str, emit: Emit) -> Made:
    started = time.monotonic()
    emit(Event("started", component.name, f"building {component.name}", component.expected_s))
    base = folder.parent
    for leftover in base.glob(f".{component.name}-{'[0-9a-f]' * 16}.*"):
        shutil.rmtree(leftover, ignore_errors=True)
    half = base / f".{component.name}-{key}.{os.getpid()}"
    half.mkdir()
    try:
        facts = dict(component.make(half, needs, lambda text: emit(Event("progress", component.name, text))))
        write_atomic(half / _DONE, json.dumps(facts, indent=1))
        half.rename(folder)
    except BaseException as error:
        text = error.message if isinstance(error, PovError) else repr(error)
        emit(Event("failed", component.name, text, time.monotonic() - started))
        if isinstance(error, PovError):
            error.details = (f"while building {component.name}", *error.details)
            error.fix = error.fix or "pov bundle build  (finished parts are kept)"
        raise
    emit(Event("changed", component.name, f"built {component.name}", time.monotonic() - started))
    return Made(folder, key, facts)

"""Which container engine is taken: Docker or Podman, whichever can really run a privileged container here.

A version number proves nothing. The one that an environment's cluster was made with is written down, and is the one
that later commands speak to, whatever has come first on the PATH or into the variables since.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pov.base import variables
from pov.base.errors import NotFound, PovError
from pov.base.files import text_of, write_atomic
from pov.base.paths import SET_CACHE, cache_root
from pov.engines.containers import Containers
from pov.model.reading import parsed


def podman_configuration() -> str:
    """Podman's settings as kind needs them: runc (crun refuses hybrid cgroups), limits inside this process's own.

    `pids_limit = 0` lifts Podman's 2,048 processes a container: a node with dozens of pods needs more.
    """
    files = min(20_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    processes = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    # Half of the own hard limit: Podman lowers its own before it hands limits on, and refuses what is above.
    limit = 32_768 if processes == resource.RLIM_INFINITY else min(32_768, processes // 2)
    return (
        "[engine]\n"
        'runtime = "runc"\n'
        'cgroup_manager = "cgroupfs"\n'
        'events_logger = "file"\n'
        "[containers]\n"
        "pids_limit = 0\n"
        'log_driver = "k8s-file"\n'
        f'default_ulimits = ["nofile={files}:{files}", "nproc={limit}:{limit}"]\n'
    )


def _write_configuration() -> Path:
    path = cache_root() / "containers" / "containers.conf"
    text = podman_configuration()
    try:
        if not path.exists() or text_of(path) != text:
            write_atomic(path, text)
    except OSError as error:
        raise PovError(f"cannot keep Podman's settings in {path}", cause=str(error), fix=SET_CACHE) from error
    return path


def candidates() -> tuple[Containers, ...]:
    """The engines worth a probe, Docker first since it is what most laptops have."""
    reached = variables.taken_by("the choice of an engine")
    return (
        Containers("docker", None, variables.program("docker") or "", reached),
        Containers("podman", _write_configuration(), variables.program("podman") or "", reached),
    )


def find(record: Path | None = None) -> Containers:
    """The engine that `record` names; where there is none, the first that runs a privileged container.

    Raises `PovError` telling what each one said. What a probe has shown holds until the machine is started anew, the
    engine is another, or its settings are.
    """
    if record is not None and record.exists():
        return _recorded(record)
    said, fix = [], "pov doctor --fix"
    remembered = cache_root() / "containers" / "engine"
    kind, _, proof = _remembered(remembered).partition(" ")
    for engine in sorted(candidates(), key=lambda candidate: candidate.kind != kind):
        seen = _circumstances(engine)
        if engine.kind == kind and seen and proof == seen:
            return engine
        why = engine.probe()
        if why is None:
            with suppress(OSError):  # it is probed again the next time
                write_atomic(remembered, f"{engine.kind} {seen}")
            _make_modules_folder()
            return engine
        said.append(f"{engine.kind}: {why}")
        if engine.program:
            fix = f"start {engine.kind}, or mend what it says; or: pov doctor --fix"
    raise PovError("no container engine here can run kind", cause="\n".join(said), fix=fix)


def remember(engine: Containers, record: Path) -> None:
    """Write down which engine a cluster is about to be made with, for `find` and `require_same`."""
    reached = dict(engine.reached)
    if engine.kind == "docker" and not {"DOCKER_HOST", "DOCKER_CONTEXT"} & reached.keys():
        # The context that is in use now: another one may be by the time of `down`.
        shown = engine.run("context", "show", check=False)
        if shown.code == 0 and shown.stdout.strip():
            reached["DOCKER_CONTEXT"] = shown.stdout.strip()
    document = {
        "kind": engine.kind,
        "program": engine.program,
        "reached": reached,
        "storage": engine.info().storage,
    }
    write_atomic(record, json.dumps(document, indent=2) + "\n")


def _recorded(record: Path) -> Containers:
    held = _read(record)
    program, kind = str(held["program"]), held["kind"]
    if program and variables.program(program) is None:
        raise NotFound(
            f"this environment's cluster runs in {kind}, and its program {program} is not there any more",
            fix=f"install {kind} again, then the same command; {_for_good(record)}",
        )
    configuration = _write_configuration() if kind == "podman" else None
    return Containers(kind, configuration, program, held["reached"])


def require_same(engine: Containers, record: Path) -> None:
    """Raise `PovError` unless what answers keeps its containers where the recorded engine did: only then does a
    container that it does not know not exist. Without a record there is nothing to compare."""
    if not record.exists():
        return
    held, found = _read(record), engine.info().storage
    if found != held["storage"]:
        raise PovError(
            f"this environment's cluster was made in another {engine.kind} than the one that answers",
            cause=f"made in {held['storage']}, now {found or 'unknown'} answers; nothing was removed",
            fix=f"run this as the user who made it, against the same {engine.kind}; {_for_good(record)}",
        )


def _read(record: Path) -> Mapping[str, Any]:
    try:
        held = parsed(text_of(record))
        return {key: held[key] for key in ("kind", "program", "reached", "storage")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PovError(f"{record} cannot be read", cause=str(error), fix=_for_good(record)) from error


def _for_good(record: Path) -> str:
    return f"if its containers are gone for good: rm -r {record.parent}"


def _remembered(path: Path) -> str:
    try:
        return text_of(path).strip()
    except OSError:
        return ""


def _circumstances(engine: Containers) -> str:
    """A hash of what a probe's answer depends on; empty where it cannot be told, so that it is probed every time."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    except OSError:
        return ""
    if not engine.program:
        return ""
    settings = engine.configuration.read_text() if engine.configuration is not None else ""
    reached = json.dumps(dict(engine.reached), sort_keys=True)
    modified = str(Path(engine.program).stat().st_mtime_ns)
    facts = (boot, engine.program, modified, str(os.geteuid()), settings, reached)
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()[:16]


def _make_modules_folder() -> None:
    # kind mounts it into every node; Podman refuses a mount whose source is missing.
    modules = Path("/lib/modules")
    if not modules.exists() and os.geteuid() == 0:
        modules.mkdir(parents=True)

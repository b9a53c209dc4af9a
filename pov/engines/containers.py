"""Docker or Podman, whichever can really run a privileged container here. A version number proves nothing.

The user's own container configuration is not touched: Podman reads one of ours, named by `CONTAINERS_CONF`.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pov.base import variables
from pov.base.errors import CommandFailed, NotFound, PovError, TimedOut
from pov.base.files import write_atomic
from pov.base.paths import cache_root
from pov.base.process import Completed, run

Engine = Literal["docker", "podman"]
_QUICK_S = 60.0
_SLOW_S = 900.0
_PROBE_IMAGE = "localhost/pov-probe:1"


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
    if not path.exists() or path.read_text() != text:
        write_atomic(path, text)
    return path


@dataclass(frozen=True)
class Containers:
    """One container engine, by its command line."""

    kind: Engine
    configuration: Path | None = None

    def env(self) -> dict[str, str]:
        """Variables for this engine's own command and for `kind`."""
        if self.kind == "docker":
            return {"KIND_EXPERIMENTAL_PROVIDER": "docker"}
        return {"KIND_EXPERIMENTAL_PROVIDER": "podman", "CONTAINERS_CONF": str(self.configuration)}

    def run(
        self, *arguments: str, timeout_s: float = _QUICK_S, check: bool = True, stdin: bytes | None = None
    ) -> Completed:
        """Run the engine's command with `arguments`."""
        env = variables.given_to("container engine", self.env())
        return run([self.kind, *arguments], timeout_s=timeout_s, env=env, check=check, input=stdin)

    def version(self) -> str:
        """The engine and its version, for records."""
        return self.run("--version").stdout.strip()

    def exists(self, container: str) -> bool:
        """Whether there is a container of that name, running or not."""
        return self.run("container", "inspect", container, check=False).code == 0

    def is_running(self, container: str) -> bool:
        """Whether that container runs."""
        done = self.run("container", "inspect", "--format", "{{.State.Running}}", container, check=False)
        return done.code == 0 and done.stdout.strip() == "true"

    def start(self, container: str) -> None:
        """Start a stopped container."""
        self.run("start", container)

    def remove(self, container: str) -> None:
        """Remove a container and its anonymous volumes, running or not; a missing one is fine."""
        self.run("rm", "--force", "--volumes", container, check=False)

    def published_ports(self, container: str) -> dict[int, int]:
        """Host ports by container port (TCP)."""
        document = self._inspect(container)
        ports = document["NetworkSettings"]["Ports"] or {}
        return {
            int(inside.removesuffix("/tcp")): int(bindings[0]["HostPort"])
            for inside, bindings in ports.items()
            if bindings and inside.endswith("/tcp")
        }

    def environment_of(self, container: str) -> dict[str, str]:
        """A container's environment variables."""
        return dict(line.split("=", 1) for line in self._inspect(container)["Config"]["Env"] if "=" in line)

    def exec(
        self,
        container: str,
        *argv: str,
        timeout_s: float = _QUICK_S,
        check: bool = True,
        stdin: bytes | None = None,
    ) -> Completed:
        """Run a command inside a container."""
        flags = ["--interactive"] if stdin is not None else []
        return self.run("exec", *flags, container, *argv, timeout_s=timeout_s, check=check, stdin=stdin)

    def copy_in(self, container: str, source: Path, target: str) -> None:
        """Copy a file into a container."""
        self.run("cp", str(source), f"{container}:{target}", timeout_s=_SLOW_S)

    def image_id(self, reference: str) -> str | None:
        """The image's id (sha256 of its configuration), or None."""
        done = self.run("image", "inspect", "--format", "{{.Id}}", reference, check=False)
        return done.stdout.strip().removeprefix("sha256:") if done.code == 0 else None

    def build(
        self, context: Path, tag: str, *, containerfile: Path | None = None, arguments: Mapping[str, str] | None = None
    ) -> str:
        """Build an image without the network's cache of layers; returns its id."""
        flags = [part for key, value in (arguments or {}).items() for part in ("--build-arg", f"{key}={value}")]
        file = ["--file", str(containerfile)] if containerfile is not None else []
        self.run(
            "build",
            "--quiet",
            "--pull=never" if self.kind == "podman" else "--pull=false",
            *flags,
            *file,
            "--tag",
            tag,
            str(context),
            timeout_s=_SLOW_S,
        )
        found = self.image_id(tag)
        if found is None:
            raise PovError(f"{self.kind} built {tag} and does not know it")
        return found

    def import_root(self, archive: Path, tag: str) -> None:
        """Make an image from a root file system archive."""
        self.run("import", str(archive), tag, timeout_s=_SLOW_S)

    def save(self, references: Sequence[str], path: Path) -> None:
        """Write images to one archive that `load` and containerd read."""
        path.parent.mkdir(parents=True, exist_ok=True)
        several = ["--multi-image-archive"] if self.kind == "podman" else []
        self.run("save", *several, "--output", str(path), *references, timeout_s=_SLOW_S)

    def load(self, path: Path) -> None:
        """Load an archive's images into the engine's storage."""
        self.run("load", "--input", str(path), timeout_s=_SLOW_S)

    def can_pull(self, reference: str, timeout_s: float = 10.0) -> bool:
        """Whether an image can be had from its registry, asked once and bounded."""
        try:
            return self.run("pull", "--quiet", reference, timeout_s=timeout_s, check=False).code == 0
        except TimedOut:
            return False

    def remove_images(self, prefix: str) -> list[str]:
        """Remove images whose name starts with `localhost/PREFIX`; returns what was removed."""
        listed = self.run("images", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()
        names = [name for name in listed if name.startswith(f"localhost/{prefix}")]
        if names:
            self.run("rmi", "--force", *names, timeout_s=_SLOW_S)
        return names

    def memory_bytes(self, container: str) -> int:
        """Memory in use by a container and everything in it, in bytes, as its control group counts it."""
        done = self.exec(
            container,
            "sh",
            "-c",
            "cat /sys/fs/cgroup/memory.current 2>/dev/null || cat /sys/fs/cgroup/memory/memory.usage_in_bytes",
        )
        return int(done.stdout.strip())

    def _inspect(self, container: str) -> Any:
        try:
            return json.loads(self.run("container", "inspect", container).stdout)[0]
        except CommandFailed as error:
            raise NotFound(f"no container {container}") from error

    def probe(self) -> str | None:
        """Run a privileged container. None if it worked, else why not, in the engine's words."""
        try:
            if self.image_id(_PROBE_IMAGE) is None:
                self._make_probe_image()
            self.run("run", "--rm", "--privileged", "--network=none", _PROBE_IMAGE, "/probe", timeout_s=_QUICK_S)
        except (CommandFailed, TimedOut, NotFound) as error:
            return error.cause.strip().splitlines()[-1] if error.cause.strip() else error.message
        return None

    def _make_probe_image(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            # The smallest program there is: a static ELF that calls exit(0). Nothing has to be pulled or compiled.
            (root / "probe").write_bytes(_EXIT_0)
            (root / "probe").chmod(0o755)
            run(["tar", "-cf", str(root / "probe.tar"), "-C", folder, "probe"], timeout_s=_QUICK_S)
            self.import_root(root / "probe.tar", _PROBE_IMAGE)


def _elf_exit_0() -> bytes:
    """An x86-64 Linux program of 128 bytes: `mov edi, 0; mov eax, 60; syscall` (System V ABI, ELF-64)."""
    code = bytes.fromhex("31ffb83c0000000f05")
    base, header, program = 0x400000, 64, 56
    size = header + program + len(code)
    entry = base + header + program
    elf = b"\x7fELF\x02\x01\x01" + bytes(9)
    elf += (2).to_bytes(2, "little") + (62).to_bytes(2, "little") + (1).to_bytes(4, "little")
    elf += entry.to_bytes(8, "little") + header.to_bytes(8, "little") + bytes(8) + bytes(4)
    elf += b"".join(n.to_bytes(2, "little") for n in (header, program, 1, 0, 0, 0))
    segment = (1).to_bytes(4, "little") + (5).to_bytes(4, "little") + bytes(8)
    segment += base.to_bytes(8, "little") * 2 + size.to_bytes(8, "little") * 2 + (0x1000).to_bytes(8, "little")
    return elf + segment + code


_EXIT_0 = _elf_exit_0()


def candidates() -> tuple[Containers, ...]:
    """The engines worth a probe, Docker first since it is what most laptops have."""
    return Containers("docker"), Containers("podman", _write_configuration())


def find() -> Containers:
    """The first engine that runs a privileged container. Raises `PovError` telling what each one said.

    What a probe has shown holds until the machine is started anew, the engine is another, or its settings are.
    """
    said = []
    remembered = cache_root() / "containers" / "engine"
    kind, _, proof = _remembered(remembered).partition(" ")
    for engine in sorted(candidates(), key=lambda candidate: candidate.kind != kind):
        seen = _circumstances(engine)
        if engine.kind == kind and seen and proof == seen:
            return engine
        why = engine.probe()
        if why is None:
            write_atomic(remembered, f"{engine.kind} {seen}")
            _make_modules_folder()
            return engine
        said.append(f"{engine.kind}: {why}")
    raise PovError("no container engine here can run kind", cause="\n".join(said), fix="pov doctor --fix")


def _remembered(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _circumstances(engine: Containers) -> str:
    """A hash of what a probe's answer depends on; empty where it cannot be told, so that it is probed every time."""
    program = shutil.which(engine.kind)
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    except OSError:
        return ""
    if program is None:
        return ""
    settings = engine.configuration.read_text() if engine.configuration is not None else ""
    facts = (boot, program, str(Path(program).stat().st_mtime_ns), str(os.geteuid()), settings)
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()[:16]


def _make_modules_folder() -> None:
    # kind mounts it into every node; Podman refuses a mount whose source is missing.
    modules = Path("/lib/modules")
    if not modules.exists() and os.geteuid() == 0:
        modules.mkdir(parents=True)

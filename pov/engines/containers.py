"""Docker or Podman by its command line. Which of them, `container_choice` decides and remembers.

That an engine does not answer is an error of its own, and never taken for the absence of what was asked for.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pov.base import variables
from pov.base.errors import CommandFailed, NotFound, PovError, TimedOut
from pov.base.process import Completed, run
from pov.base.scratch import scratch
from pov.engines import container_probe

Engine = Literal["docker", "podman"]
_QUICK_S = 60.0
_SLOW_S = 900.0
_ZSTD = "zstd compression is not supported"


class Silent(PovError):
    """A container engine whose program is there, and that does not answer, or not as one does."""


@dataclass(frozen=True)
class Info:
    """What an engine says of itself: memory and processors of the machine its containers run on, and its storage.

    `storage` tells its containers from those of another engine of the same kind: Docker's id, Podman's folder.
    `folder` is where they lie, on that machine. `cgroup_v1`: it has the old layout of control groups. `remote`: the
    engine says that it runs elsewhere.
    """

    memory_mib: float
    processors: int
    architecture: str
    cgroup_v1: bool
    remote: bool
    storage: str
    folder: str


@dataclass(frozen=True)
class Containers:
    """One container engine, by its command line: its program, and the variables that say where it is to be reached.

    Podman reads settings of ours, named by `CONTAINERS_CONF`: the user's own are not touched.
    """

    kind: Engine
    configuration: Path | None = None
    program: str = ""
    reached: Mapping[str, str] = field(default_factory=dict)

    def env(self) -> dict[str, str]:
        """Variables for this engine's own command and for `kind`, which calls that by its name."""
        own = {"KIND_EXPERIMENTAL_PROVIDER": self.kind, **self.reached}
        if self.configuration is not None:
            own["CONTAINERS_CONF"] = str(self.configuration)
        if self.program:
            own["PATH"] = f"{Path(self.program).parent}{os.pathsep}{variables.search_path()}"
        return own

    def info(self) -> Info:
        """Ask the engine for itself. Raises `Silent` with its words, `NotFound` if there is no such program."""
        try:
            done = self.run("info", "--format", "{{json .}}", check=False)
        except TimedOut as error:
            raise self.silent(error.message) from error
        if done.code != 0:
            raise self.silent(done.stderr or done.stdout)
        try:
            told = json.loads(done.stdout)
            if self.kind == "docker":
                return Info(
                    memory_mib=told["MemTotal"] / 2**20,
                    processors=told["NCPU"],
                    architecture=told["Architecture"],
                    cgroup_v1=told.get("CgroupVersion") == "1",
                    remote=False,
                    storage=told["ID"],
                    folder=told["DockerRootDir"],
                )
            host, folder = told["host"], told["store"]["graphRoot"]
            return Info(
                memory_mib=host["memTotal"] / 2**20,
                processors=host["cpus"],
                architecture=host["arch"],
                cgroup_v1=host.get("cgroupVersion") == "v1",
                remote=bool(host.get("serviceIsRemote")),
                storage=folder,
                folder=folder,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise self.strange("info", done.stdout) from error

    def strange(self, asked: str, said: str) -> Silent:
        """The error that this program is not what it is called."""
        return self.silent(f"`{asked}` is not answered as {self.kind} does: {said.strip()[:200] or 'nothing'}")

    def silent(self, said: str) -> Silent:
        """The error that this engine does not answer."""
        where = ", ".join(f"{name}={value}" for name, value in self.reached.items())
        named = f"{self.program or self.kind}{f' ({where})' if where else ''}"
        return Silent(f"{named} does not answer", cause=said.strip()[-1000:], fix=f"start {self.kind}, then try again")

    def run(
        self, *arguments: str, timeout_s: float = _QUICK_S, check: bool = True, stdin: bytes | None = None
    ) -> Completed:
        """Run the engine's command with `arguments`."""
        env = variables.given_to("container engine", self.env())
        return run([self.program or self.kind, *arguments], timeout_s=timeout_s, env=env, check=check, input=stdin)

    def version(self) -> str:
        """The engine and its version, for records."""
        return self.run("--version").stdout.strip()

    def inspect(self, container: str) -> Any | None:
        """What the engine knows of a container; None if there is none of that name. Raises `Silent`."""
        done = self.run("container", "inspect", container, check=False)
        if done.code == 0:
            try:
                return json.loads(done.stdout)[0]
            except (ValueError, LookupError) as error:
                raise self.strange("container inspect", done.stdout) from error
        # It fails for a missing container as it does for everything else.
        if container in self.names():
            raise self.silent(done.stderr)
        return None

    def names(self) -> list[str]:
        """Names of all containers, running or not. Raises `Silent`."""
        done = self.run("ps", "--all", "--format", "{{.Names}}", check=False)
        if done.code != 0:
            raise self.silent(done.stderr)
        return done.stdout.split()

    def exists(self, container: str) -> bool:
        """Whether there is a container of that name, running or not."""
        return self.inspect(container) is not None

    def is_running(self, container: str) -> bool:
        """Whether that container runs."""
        found = self.inspect(container)
        return found is not None and bool(found["State"]["Running"])

    def start(self, container: str) -> None:
        """Start a stopped container."""
        self.run("start", container)

    def remove(self, container: str) -> None:
        """Remove a container and its anonymous volumes, running or not; a missing one is fine."""
        self.run("rm", "--force", "--volumes", container, check=False)

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
        """Write images to one archive that `load` and containerd read.

        Podman's archive of several images knows no layers that were compressed with zstd, and does not unpack them
        either: such images are kept anew first, with the same contents and id.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        several = ["--multi-image-archive"] if self.kind == "podman" else []
        arguments = ("save", *several, "--output", str(path), *references)
        try:
            self.run(*arguments, timeout_s=_SLOW_S)
        except CommandFailed as error:
            if _ZSTD not in error.stderr:
                raise
            for reference in references:
                self._keep_anew(reference, path.parent)
            path.unlink(missing_ok=True)
            self.run(*arguments, timeout_s=_SLOW_S)

    def _keep_anew(self, reference: str, folder: Path) -> None:
        """Out of the storage and in again by a form that has layers as gzip: the name then stands for those."""
        with scratch(folder) as scratched:
            archive = scratched / "image.tar"
            self.run("save", "--format", "oci-archive", "--output", str(archive), reference, timeout_s=_SLOW_S)
            self.load(archive)

    def load(self, path: Path) -> None:
        """Load an archive's images into the engine's storage."""
        self.run("load", "--input", str(path), timeout_s=_SLOW_S)

    def remove_images(self, prefix: str) -> list[str]:
        """Remove images whose name starts with `localhost/PREFIX`; returns what was removed."""
        listed = self.run("images", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()
        names = [name for name in listed if name.startswith(f"localhost/{prefix}")]
        if names:
            self.run("rmi", "--force", *names, timeout_s=_SLOW_S)
        return names

    def _there(self, container: str) -> Any:
        found = self.inspect(container)
        if found is None:
            raise NotFound(f"no container {container}")
        return found

    def probe(self) -> str | None:
        """Run a privileged container. None if it worked, else why not, in the engine's words."""
        try:
            architecture = self.info().architecture
            if self.image_id(container_probe.IMAGE) is None:
                with scratch() as folder:
                    archive = folder / "probe.tar"
                    container_probe.write_root(archive, architecture)
                    self.import_root(archive, container_probe.IMAGE)
            self.run("run", "--rm", "--privileged", "--network=none", container_probe.IMAGE, "/probe")
        except (PovError, ValueError) as error:
            cause = error.cause.strip() if isinstance(error, PovError) else ""
            return f"{error}: {cause.splitlines()[-1]}" if cause else str(error)
        return None

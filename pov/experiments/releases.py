"""New versions to deploy: the same program with another version, as an image in the node and as an archive."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pov.base.errors import PovError
from pov.engines.containers import Containers

_RELEASE = "release"
_PROGRAM = "pov-mock"


@dataclass(frozen=True)
class BuiltReleases:
    """Builds from `image`, the one that serves now, and from `program`, the same service as a file.

    `load` imports an image archive into the node, `present` tells whether the node has a reference.
    """

    containers: Containers
    image_reference: str
    program: Path
    load: Callable[[Path], None]
    present: Callable[[str], bool]

    def image(self, version: str) -> str:
        """An image with another `/release`, hence another digest, in the node. Returns its reference."""
        reference = self._reference(version)
        with tempfile.TemporaryDirectory(prefix="pov-") as name:
            folder = Path(name)
            (folder / _RELEASE).write_text(f"{version}\n")
            (folder / "Containerfile").write_text(f"FROM {self.image_reference}\nCOPY {_RELEASE} /{_RELEASE}\n")
            self.containers.build(folder, reference, containerfile=folder / "Containerfile")
            archive = folder / f"{version}.tar"
            self.containers.save([reference], archive)
            self.load(archive)
        if not self.present(reference):
            raise PovError(f"the node does not have {reference} after it was imported")
        return reference

    def archive(self, version: str, folder: Path) -> Path:
        """`VERSION.tar.gz` in `folder`, with the program and its version."""
        path = folder / f"{version}.tar.gz"
        with tempfile.TemporaryDirectory(prefix="pov-") as name, tarfile.open(path, "w:gz", compresslevel=1) as tar:
            release = Path(name) / _RELEASE
            release.write_text(f"{version}\n")
            tar.add(release, _RELEASE, filter=_as_root)
            tar.add(self.program, _PROGRAM, filter=_as_program)
        return path

    def forget(self, version: str) -> None:
        """Take the image's name from this machine; nothing happens if it has none."""
        self.containers.run("rmi", "--force", self._reference(version), check=False)

    def _reference(self, version: str) -> str:
        repository, _, tag = self.image_reference.rpartition(":")
        # A colon may belong to a registry's port instead of a tag.
        return f"{repository if repository and '/' not in tag else self.image_reference}:{version}"


def _as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode = 0o644
    return entry


def _as_program(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    _as_root(entry).mode = 0o755
    return entry

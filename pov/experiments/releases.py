"""New versions to deploy: the same program with another version, as an image in the node and as an archive."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pov.base.errors import PovError
from pov.base.scratch import scratch
from pov.bundle.images import MOCK_CONFIG
from pov.bundle.layers import Image, LayerWriter, write_archive

_RELEASE = "release"
_PROGRAM = "pov-mock"
_LOST = "lost"
"""Where a version that does not start keeps its version file: under a name that the program does not look for."""


@dataclass(frozen=True)
class BuiltReleases:
    """New versions of `program`, the service as a file; images are called like `reference`, the one that serves now.

    `load` imports an image archive into the node, `present` tells whether the node has a reference.
    """

    reference: str
    program: Path
    load: Callable[[Path], None]
    present: Callable[[str], bool]

    def image(self, version: str, folder: Path, *, starts: bool = True, error_rate: float = 0.0) -> Path:
        """An image with another `/release`, hence another digest, as an archive in `folder`.

        One that does not start lacks what the program reads first, its version, and ends at once. One with an error
        rate says so beside its version, and answers that share of its requests with an error.
        """
        with LayerWriter(folder / "program.tar") as layer:
            layer.file(f"/{_PROGRAM}", self.program)
            program = layer.done()
        with LayerWriter(folder / "release.tar") as layer:
            layer.text(f"/{_RELEASE}" if starts else f"/{_RELEASE}-{_LOST}", _says(version, error_rate))
            release = layer.done()
        archive = folder / f"{version}.tar"
        write_archive([Image(self._reference(version), (program, release), MOCK_CONFIG)], archive)
        return archive

    def deliver(self, image: Path, version: str) -> str:
        """Import an image into the node. Returns its reference."""
        reference = self._reference(version)
        self.load(image)
        if not self.present(reference):
            raise PovError(f"the node does not have {reference} after it was imported")
        return reference

    def archive(self, version: str, folder: Path, *, starts: bool = True, error_rate: float = 0.0) -> Path:
        """`VERSION.tar.gz` in `folder`, with the program and what `image` says of its version."""
        path = folder / f"{version}.tar.gz"
        with scratch() as own, tarfile.open(path, "w:gz", compresslevel=1) as tar:
            release = own / _RELEASE
            release.write_text(_says(version, error_rate))
            tar.add(release, _RELEASE if starts else f"{_RELEASE}-{_LOST}", filter=_as_root)
            tar.add(self.program, _PROGRAM, filter=_as_program)
        return path

    def _reference(self, version: str) -> str:
        repository, _, tag = self.reference.rpartition(":")
        # A colon may belong to a registry's port instead of a tag.
        return f"{repository if repository and '/' not in tag else self.reference}:{version}"


def _says(version: str, error_rate: float) -> str:
    return f"{version}\nerror-rate {error_rate:g}\n" if error_rate else f"{version}\n"


def _as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode = 0o644
    return entry


def _as_program(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    _as_root(entry).mode = 0o755
    return entry

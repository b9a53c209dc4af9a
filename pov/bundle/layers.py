"""Image layers and images written as archives, without a container engine: quick, and the same bytes every time.

A layer is an uncompressed tar file named by its sha256. An image is a list of layers and a configuration. An archive
holds several images in the format of `docker save`, which Docker, Podman and containerd all read.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any, Self

_CHUNK = 1 << 20
_EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True)
class Layer:
    """A tar file; `digest` is its sha256 in hex."""

    path: Path
    digest: str


@dataclass(frozen=True)
class Image:
    """A reference, its layers from the bottom up, and how it runs (the fields of Docker's `Config`)."""

    reference: str
    layers: tuple[Layer, ...]
    config: Mapping[str, Any] = field(default_factory=dict)

    def configuration(self) -> bytes:
        """The image's configuration document; its sha256 is the image's id."""
        document = {
            "architecture": "amd64",
            "os": "linux",
            "created": _EPOCH,
            "config": dict(self.config),
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.digest}" for layer in self.layers]},
            "history": [{"created": _EPOCH, "created_by": "pov bundle build"} for _ in self.layers],
        }
        return json.dumps(document, sort_keys=True).encode()

    def id(self) -> str:
        """`sha256:…` of the configuration."""
        return "sha256:" + hashlib.sha256(self.configuration()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return {
            "reference": self.reference,
            "layers": [[str(layer.path), layer.digest] for layer in self.layers],
            "config": dict(self.config),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Image:
        """An image as `as_json` wrote it."""
        layers = tuple(Layer(Path(path), digest) for path, digest in document["layers"])
        return cls(document["reference"], layers, document["config"])


class _Hashing(io.RawIOBase):
    """A file that knows the sha256 of what was written to it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.digest.update(data)
        return self._stream.write(data)


class LayerWriter:
    """Writes one layer. Owners, modes and times are what is said here, never what the host's files happen to have."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream = io.BufferedWriter(io.FileIO(path, "w"))
        self._hashing = _Hashing(self._stream)
        self._tar = tarfile.open(fileobj=self._hashing, mode="w|", format=tarfile.PAX_FORMAT, bufsize=_CHUNK)  # noqa: SIM115 - closed by __exit__
        self._folders: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._tar.close()
        self._stream.close()

    def folder(self, target: str, mode: int = 0o755, owner: tuple[int, int] = (0, 0)) -> None:
        """A folder, and those above it that were not written yet (0755, root)."""
        self._parents(target)
        self._add(target, tarfile.DIRTYPE, mode, owner)
        self._folders.add(target.strip("/"))

    def text(self, target: str, content: str, mode: int = 0o644, owner: tuple[int, int] = (0, 0)) -> None:
        """A file with this content."""
        self._parents(target)
        data = content.encode()
        self._add(target, tarfile.REGTYPE, mode, owner, size=len(data), stream=io.BytesIO(data))

    def file(self, target: str, source: Path, mode: int = 0o755, owner: tuple[int, int] = (0, 0)) -> None:
        """A copy of a file."""
        self._parents(target)
        with source.open("rb") as stream:
            self._add(target, tarfile.REGTYPE, mode, owner, size=source.stat().st_size, stream=stream)

    def link(self, target: str, points_to: str) -> None:
        """A symbolic link."""
        self._parents(target)
        self._add(target, tarfile.SYMTYPE, 0o777, (0, 0), link=points_to)

    def tree(self, target: str, source: Path, owner: tuple[int, int] = (0, 0)) -> None:
        """Everything below a folder; of modes, only whether a file can be run is kept."""
        for path in sorted(source.rglob("*")):
            inside = str(PurePosixPath(target) / path.relative_to(source).as_posix())
            if path.is_symlink():
                self.link(inside, str(path.readlink()))
            elif path.is_file():
                self.file(inside, path, 0o755 if path.stat().st_mode & 0o100 else 0o644, owner)
            elif path.is_dir():
                self.folder(inside, owner=owner)

    def done(self) -> Layer:
        """Finish the file; what it is called by."""
        self._tar.close()
        self._stream.close()
        return Layer(self._path, self._hashing.digest.hexdigest())

    def _parents(self, target: str) -> None:
        for parent in reversed(PurePosixPath(target.strip("/")).parents):
            name = str(parent)
            if name not in {".", ""} and name not in self._folders:
                self._folders.add(name)
                self._add(name, tarfile.DIRTYPE, 0o755, (0, 0))

    def _add(
        self,
        target: str,
        kind: bytes,
        mode: int,
        owner: tuple[int, int],
        *,
        size: int = 0,
        stream: IO[bytes] | None = None,
        link: str = "",
    ) -> None:
        info = tarfile.TarInfo(target.strip("/"))
        info.type, info.mode, info.size, info.linkname = kind, mode, size, link
        info.uid, info.gid = owner
        self._tar.addfile(info, stream)


def write_archive(images: Iterable[Image], path: Path) -> None:
    """Write images to one archive; a layer that several share is in it once."""
    manifest: list[Mapping[str, Any]] = []
    written: set[str] = set()
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for image in images:
            configuration = image.configuration()
            name = f"{image.id().removeprefix('sha256:')}.json"
            manifest.append(
                {
                    "Config": name,
                    "RepoTags": [image.reference],
                    "Layers": [f"{layer.digest}.tar" for layer in image.layers],
                }
            )
            _add_bytes(tar, name, configuration, written)
            for layer in image.layers:
                inside = f"{layer.digest}.tar"
                if inside not in written:
                    written.add(inside)
                    with layer.path.open("rb") as stream:
                        info = tarfile.TarInfo(inside)
                        info.size = layer.path.stat().st_size
                        tar.addfile(info, stream)
        _add_bytes(tar, "manifest.json", json.dumps(manifest).encode(), written)


def _add_bytes(tar: tarfile.TarFile, name: str, data: bytes, written: set[str]) -> None:
    if name not in written:
        written.add(name)
        info = tarfile.TarInfo(name)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))


def facts_of(layers: Sequence[Layer], folder: Path) -> list[list[str]]:
    """Layers as a component keeps them: file names relative to its folder, which is renamed when it is done."""
    return [[layer.path.relative_to(folder).as_posix(), layer.digest] for layer in layers]

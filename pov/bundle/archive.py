"""One archive: a plain tar whose large members are gzip, so that each can be checked and installed by itself.

The outer tar stays uncompressed: wheels and packages are compressed already, and a manifest at its head can be read
without reading the rest. Inside lie only regular files; anything else is refused.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, NoReturn

from pov.base.errors import NoSuchInput, PovError
from pov.bundle import manifest as manifests
from pov.bundle.manifest import FileRecord, Manifest, check_path, damaged, foreign
from pov.bundle.packing import digest_of, pack, pieces, unpack

_MANIFEST_LIMIT = 32 * 2**20
_WORTH_PACKING = 64 * 1024
_ALREADY_PACKED = (".whl", ".deb", ".gz", ".zip", ".zst")
Say = Callable[[str], None]


def sweep(folder: Path, start: str) -> None:
    """Remove what killed runs left half-written in a folder: names of ours that start so and end with a process id."""
    for path in folder.glob(f".{start}*"):
        found = re.fullmatch(r"\.[^/]*[.-](\d+)(?:\.part)?", path.name)
        if found is None or _runs(int(found[1])):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def describe(source: Path, path: str, part: str, staging: Path) -> tuple[FileRecord, Path]:
    """The record of a file that will lie at `path`, and the file to store: `source`, or its gzip in `staging`."""
    executable = os.access(source, os.X_OK)
    size = source.stat().st_size
    if size < _WORTH_PACKING or source.suffix in _ALREADY_PACKED:
        digest = digest_of(source)
        return FileRecord(path, part, size, digest, size, digest, executable=executable), source
    packed = staging / f"{hashlib.sha256(path.encode()).hexdigest()[:16]}.gz"
    with told_when_full(packed):
        unpacked, unpacked_digest = pack(source, packed)
    record = FileRecord(
        f"{path}.gz", part, packed.stat().st_size, digest_of(packed), unpacked, unpacked_digest, True, executable
    )
    return record, packed


def write(target: Path, manifest: Manifest, stored: dict[str, Path], say: Say) -> str:
    """Write the archive beside `target` and rename it when it is whole. Returns its SHA-256."""
    half = target.with_name(f".{target.name}.{os.getpid()}.part")
    sweep(target.parent, f"{target.name}.")
    try:
        with told_when_full(target), tarfile.open(half, "w", format=tarfile.PAX_FORMAT) as archive:
            text = manifest.dump()
            _add(archive, manifests.NAME, len(text), text)
            for record in manifest.files:
                say(f"writing {record.path}")
                with stored[record.path].open("rb") as content:
                    _add(archive, record.path, record.size, content)
        with half.open("rb") as stream:
            os.fsync(stream.fileno())
        digest = digest_of(half)
        half.replace(target)
    finally:
        half.unlink(missing_ok=True)
    return digest


def _add(archive: tarfile.TarFile, name: str, size: int, content: bytes | IO[bytes]) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o644, 0
    archive.addfile(member, io.BytesIO(content) if isinstance(content, bytes) else content)


class Archive:
    """An open archive. Its manifest was checked; its members are checked by `verify` and again while installed."""

    def __init__(self, tar: tarfile.TarFile, manifest: Manifest, digest: str) -> None:
        self._tar = tar
        self._members: dict[str, tarfile.TarInfo] = {}
        self.manifest = manifest
        self.digest = digest

    def verify(self, say: Say) -> None:
        """Read everything once. Raises `PovError` unless it holds exactly what the manifest says, to the last byte."""
        expected = {record.path: record for record in self.manifest.files}
        for member in self._walk():
            record = expected.pop(member.name, None)
            if record is None:
                raise foreign(f"{member.name} is not in its manifest, or is there twice")
            say(f"checking {record.path}")
            if member.size != record.size:
                raise damaged(f"{record.path}: {member.size} bytes, {record.size} expected")
            digest = hashlib.sha256()
            for piece in self._read(member):
                digest.update(piece)
            if digest.hexdigest() != record.sha256:
                raise damaged(f"{record.path} has another digest than its manifest says")
            self._members[member.name] = member
        if expected:
            raise damaged(f"it ends early: {', '.join(sorted(expected)[:3])} missing")

    def install(self, record: FileRecord, root: Path) -> Path:
        """Put a verified member under `root`, whole or not at all, compared once more with its digest.

        A file of the right size that is there already was put there by this method, and is kept.
        """
        target = root / record.installed
        if target.is_file() and target.stat().st_size == record.unpacked:
            return target
        half = target.with_name(f".{target.name}.{os.getpid()}.part")
        sweep(target.parent, f"{target.name}.")
        digest, written = hashlib.sha256(), 0
        try:
            with told_when_full(root):
                target.parent.mkdir(parents=True, exist_ok=True)
                with half.open("wb") as stream:
                    for piece in self._content(record):
                        written += len(piece)
                        if written > record.unpacked:
                            raise damaged(f"{record.path} holds more than its manifest says")
                        digest.update(piece)
                        stream.write(piece)
                    stream.flush()
                    os.fchmod(stream.fileno(), 0o755 if record.executable else 0o644)
                    os.fsync(stream.fileno())
            if written != record.unpacked or digest.hexdigest() != record.unpacked_sha256:
                raise damaged(f"{record.path} has another digest than its manifest says")
            half.replace(target)
        finally:
            half.unlink(missing_ok=True)
        return target

    def _content(self, record: FileRecord) -> Iterator[bytes]:
        member = self._members[record.path]
        if not record.packed:
            yield from self._read(member)
            return
        stream = self._tar.extractfile(member)
        assert stream is not None
        try:
            yield from pieces(unpack(stream))
        except (EOFError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise damaged(f"{record.path} is no whole gzip file") from error

    def _walk(self) -> Iterator[tarfile.TarInfo]:
        try:
            for member in self._tar:
                check_path(member.name)
                if not member.isreg():
                    raise foreign(f"{member.name} is no regular file")
                if member.name != manifests.NAME:
                    yield member
        except tarfile.TarError as error:
            raise damaged(f"it cannot be read to its end: {error}") from error

    def _read(self, member: tarfile.TarInfo) -> Iterator[bytes]:
        stream = self._tar.extractfile(member)
        assert stream is not None
        try:
            yield from pieces(stream)
        except tarfile.TarError as error:
            raise damaged(f"{member.name}: {error}") from error


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Open an archive and check its manifest.

    Raises `NoSuchInput` without a file and for another kind of file, `PovError` for a bad one.
    """
    with ExitStack() as stack:
        try:
            tar = stack.enter_context(tarfile.open(path, "r:"))
            first = tar.next()
        except tarfile.TarError as error:
            raise foreign(f"{path.name} is no tar file", NoSuchInput) from error
        except FileNotFoundError as error:
            raise NoSuchInput(f"no file {path}", fix="pov bundle save FILE, on a machine with a network") from error
        if first is None or first.name != manifests.NAME or not first.isreg() or first.size > _MANIFEST_LIMIT:
            raise foreign(f"it does not start with {manifests.NAME}", NoSuchInput)
        stream = tar.extractfile(first)
        assert stream is not None
        try:
            text = stream.read()
        except tarfile.TarError as error:
            raise damaged("it ends within its manifest") from error
        yield Archive(tar, manifests.parse(text), hashlib.sha256(text).hexdigest())


@contextmanager
def told_when_full(where: Path) -> Iterator[None]:
    """Turn "no space left" into words with a remedy; whoever writes removes the half-written file."""
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        full(where, error)


def full(where: Path, error: BaseException | None = None) -> NoReturn:
    """Raise the error for a full disk."""
    raise PovError(
        f"the disk is full at {where}",
        cause="half-written files were removed; whole ones are kept",
        fix="free some room, or set POV_CACHE to a folder on another disk; then run the same command again",
    ) from error

"""Debian packages as files: what one says of itself, the index that apt reads, and a fetch of all that a list needs."""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pov.base import variables
from pov.base.errors import CommandFailed, PovError
from pov.base.process import run
from pov.base.scratch import scratch
from pov.bundle import Entry
from pov.bundle.licences import UNKNOWN, of_debian
from pov.bundle.packing import digest_of

_FETCH_S = 600.0
_DOCUMENTS = "usr/share/doc/"
_HEADER = 60
_MAGIC = b"!<arch>\n"


@dataclass(frozen=True)
class Deb:
    """One package file and the fields of its control file, in their order."""

    path: Path
    control: str
    copyright: str

    def field(self, name: str) -> str:
        """A single-line field, or an empty text."""
        start = f"{name}: "
        return next((line[len(start) :] for line in self.control.splitlines() if line.startswith(start)), "")

    def entry(self) -> Entry:
        """The package as a component."""
        licence = of_debian(self.copyright) if self.copyright else UNKNOWN
        digest = f"sha256:{digest_of(self.path)}"
        return Entry(self.field("Package"), self.field("Version"), licence, _origin(self), digest)

    def index(self) -> str:
        """Its paragraph in a `Packages` file beside it."""
        size, digest = self.path.stat().st_size, digest_of(self.path)
        return f"{self.control.strip()}\nFilename: ./{self.path.name}\nSize: {size}\nSHA256: {digest}\n"


def read(path: Path) -> Deb:
    """Read a package file. Raises `PovError` if it is none."""
    control = copyright_file = ""
    try:
        for name, content in _members(path):
            if name.startswith("control.tar"):
                control = _text(content, ("control",))
            elif name.startswith("data.tar"):
                package = path.name.split("_")[0]
                copyright_file = _text(content, (f"usr/share/doc/{package}/copyright",))
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise PovError(f"{path.name} is no Debian package", cause=str(error)) from error
    if "Package: " not in control:
        raise PovError(f"{path.name} is no Debian package", cause="it has no control file")
    return Deb(path, control, copyright_file)


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    """The members of an `ar` archive (deb(5)): a 60-byte header each, content padded to an even size."""
    with path.open("rb") as stream:
        if stream.read(len(_MAGIC)) != _MAGIC:
            raise ValueError("it does not start as an ar archive")
        while len(header := stream.read(_HEADER)) == _HEADER:
            size = int(header[48:58])
            yield header[:16].decode().strip().rstrip("/"), stream.read(size)
            stream.seek(size % 2, io.SEEK_CUR)


def _text(archive: bytes, names: Sequence[str]) -> str:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r|*") as members:
        for member in members:
            if member.name.removeprefix("./") in names and member.isreg():
                return _content(members, member)
    return ""


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    stream = archive.extractfile(member)
    return stream.read().decode(errors="replace") if stream is not None else ""


def installed_in(root: Path, where: str, digest: str) -> list[Entry]:
    """The packages of a root file system: a tar file, part of the image `where`, with `digest` (`sha256:…`)."""
    copyrights: dict[str, str] = {}
    same: dict[str, str] = {}
    status = ""
    with tarfile.open(root, "r:") as members:
        for member in members:
            name = member.name.removeprefix("./")
            package, _, file = name.removeprefix(_DOCUMENTS).partition("/")
            if name.startswith(_DOCUMENTS) and file in {"", "copyright"}:
                if member.issym():
                    # `libgcc-s1` is a link to `gcc-12-base`, or its copyright file is one into that folder.
                    same[package] = PurePosixPath(member.linkname.removesuffix("/copyright")).name
                elif member.isreg():
                    copyrights[package] = _content(members, member)
            elif name == "var/lib/dpkg/status":
                status = _content(members, member)
    debs = [
        Deb(root, paragraph, "") for paragraph in status.split("\n\n") if "Status: install ok installed" in paragraph
    ]
    entries = []
    for deb in debs:
        name = deb.field("Package")
        told_by = name if name in copyrights else same.get(name, "")
        licence = of_debian(copyrights.get(told_by, ""))
        entries.append(Entry(name, deb.field("Version"), licence, f"{_origin(deb)} in {where}", digest))
    return entries


def _origin(deb: Deb) -> str:
    source = deb.field("Source").split(" ")[0] or deb.field("Package")
    return f"Debian package {deb.field('Package')} (source {source})"


def fetch(packages: Sequence[str], folder: Path) -> list[Path]:
    """Download packages with everything they depend on, from the system's own sources, as for an empty system.

    Nothing is installed and no root is needed. What lies in `folder` already is not downloaded again, and what no
    longer belongs to the set is removed.
    """
    if variables.program("apt-get") is None:
        raise PovError("runtime packages can be collected on Debian alone", fix="run `pov bundle save` there")
    (folder / "partial").mkdir(parents=True, exist_ok=True)
    with scratch() as own:
        status = own / "status"
        status.touch()
        empty = ("-o", f"Dir::State::status={status}", "-o", f"Dir::Cache={own}", "-o", "Debug::NoLocking=1")
        install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *empty]
        try:
            run(
                [*install, "--download-only", "-o", f"Dir::Cache::archives={folder}", *packages],
                timeout_s=_FETCH_S,
                env=variables.given_to("apt"),
            )
            planned = run(
                [*install, "--print-uris", "-o", f"Dir::Cache::archives={own}", *packages],
                timeout_s=_FETCH_S,
                env=variables.given_to("apt"),
            )
        except CommandFailed as error:
            fix = "apt-get update, then the same command again"
            raise PovError("cannot download the runtime packages", cause=error.cause, fix=fix) from error
    # A line of the plan: 'address' file-name size digest. Only the name is of interest here.
    names = {line.split()[1] for line in planned.stdout.splitlines() if line.startswith("'")}
    shutil.rmtree(folder / "partial", ignore_errors=True)
    for path in folder.iterdir():
        if path.name not in names:
            path.unlink()
    return sorted(folder.glob("*.deb"))

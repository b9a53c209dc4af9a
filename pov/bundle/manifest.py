"""What an archive of the bundle says of itself: every file with its digest, every component with its licence.

The manifest is the archive's first member. It comes from outside, so nothing in it is believed before it was checked.
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pov.base.errors import PovError
from pov.bundle import Entry

KIND = "pov.dev/bundle"
FORMAT = 1
NAME = "manifest.json"
README = "README.md"
PARTS = ("images", "binaries", "manifests", "packages", "wheels", "text")
_REFERENCE = re.compile(r"[a-z0-9][A-Za-z0-9._/:@-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FIX = "copy the archive again from where it was saved, and compare its digest"


@dataclass(frozen=True)
class FileRecord:
    """One member: its size and SHA-256 as it lies in the archive; `unpacked` and its digest once gzip is undone.

    Sizes are in bytes. A member that is not `packed` is the same before and after.
    """

    path: str
    part: str
    size: int
    sha256: str
    unpacked: int
    unpacked_sha256: str
    packed: bool = False
    executable: bool = False

    @property
    def installed(self) -> str:
        """Its path once installed."""
        return self.path.removesuffix(".gz") if self.packed else self.path


@dataclass(frozen=True)
class System:
    """What the archive is for: programs and wheels run on this machine, packages fit this distribution."""

    machine: str
    distribution: str
    python: str


@dataclass(frozen=True)
class Manifest:
    """An archive's content. `bundle` is the record of the bundle with paths inside the archive.

    `image_ids` says which image each reference must be, by the digest of its configuration.
    """

    pov: str
    system: System
    bundle: Mapping[str, Any]
    image_ids: Mapping[str, str]
    files: tuple[FileRecord, ...]
    components: tuple[Entry, ...]

    def dump(self) -> bytes:
        """The manifest as it is written, the same bytes for the same content."""
        document = {
            "kind": KIND,
            "format": FORMAT,
            "pov": self.pov,
            "system": vars(self.system),
            "bundle": dict(self.bundle),
            "image_ids": dict(self.image_ids),
            "components": [vars(component) for component in self.components],
            "files": [vars(record) for record in self.files],
        }
        return (json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()

    def of(self, part: str) -> tuple[FileRecord, ...]:
        """The files of one part."""
        return tuple(record for record in self.files if record.part == part)

    def file(self, path: str) -> FileRecord:
        """The file that is installed at `path`."""
        for record in self.files:
            if record.installed == path:
                return record
        raise foreign(f"its manifest names {path}, which it does not hold")


def foreign(why: str, kind: type[PovError] = PovError) -> PovError:
    """The error for a file that is no archive of ours; `kind` says whether its contents were looked at."""
    return kind(
        "this is no bundle archive that can be loaded", cause=why, fix="give a file that `pov bundle save` wrote"
    )


def damaged(why: str) -> PovError:
    """The error for an archive that is not what was saved. Nothing of it was installed."""
    return PovError("the archive is damaged; nothing was installed", cause=why, fix=_FIX)


def check_path(path: str) -> None:
    """Refuse names that could lead out of the folder they are installed in."""
    pure = PurePosixPath(path)
    if (
        not pure.parts
        or "\0" in path
        or "\\" in path
        or pure.is_absolute()
        or str(pure) != path
        or any(part in {"..", "."} or part.startswith("~") for part in pure.parts)
    ):
        raise foreign(f"unsafe name {path!r}")


def parse(text: bytes) -> Manifest:
    """Read and check a manifest. Raises `PovError` for what is not ours, of a later format, or hangs not together."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise foreign(f"{NAME} is not JSON") from error
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise foreign(f"{NAME} does not say kind: {KIND}")
    if document.get("format") != FORMAT:
        raise PovError(
            f"the archive has format {document.get('format')}, this pov reads format {FORMAT}",
            fix="install the pov that comes with the archive (see its README.md)",
        )
    try:
        manifest = Manifest(
            pov=str(document["pov"]),
            system=System(**document["system"]),
            bundle=document["bundle"],
            image_ids=document["image_ids"],
            files=tuple(FileRecord(**record) for record in document["files"]),
            components=tuple(Entry(**component) for component in document["components"]),
        )
        _check(manifest)
    except (KeyError, TypeError, AttributeError) as error:
        raise foreign(f"{NAME} is incomplete: {error}") from error
    return manifest


def _check(manifest: Manifest) -> None:
    seen: set[str] = set()
    for record in manifest.files:
        check_path(record.path)
        if record.path in seen or record.installed in seen or record.path == NAME:
            raise foreign(f"{record.path} stands twice in {NAME}")
        seen |= {record.path, record.installed}
        good = record.part in PARTS and all(type(size) is int and size >= 0 for size in (record.size, record.unpacked))
        if not good or not (_SHA256.fullmatch(record.sha256) and _SHA256.fullmatch(record.unpacked_sha256)):
            raise foreign(f"{record.path} is described wrongly in {NAME}")
        if record.packed and not record.path.endswith(".gz"):
            raise foreign(f"{record.path} is said to be packed and is not named so")
    _check_bundle(manifest)


def _check_bundle(manifest: Manifest) -> None:
    record = manifest.bundle
    names = [record["key"], record["source"], record["late_archive"], record["argocd_manifest"]]
    references = [record["node_image"], *record["images"].values(), *manifest.image_ids]
    if not all(isinstance(text, str) for text in [*names, *record["late_images"], *manifest.image_ids.values()]):
        raise foreign(f"the bundle is described wrongly in {NAME}")
    for reference in references:
        if not (isinstance(reference, str) and _REFERENCE.fullmatch(reference)):
            raise foreign(f"{reference!r} is no image reference")
    for path in record["binaries"].values():
        check_path(path)
        if not any(file.installed == path or file.installed.startswith(f"{path}/") for file in manifest.files):
            raise foreign(f"{NAME} names {path}, which the archive does not hold")
    manifest.file(record["late_archive"])
    manifest.file(record["argocd_manifest"])
    for entry in record["entries"]:
        Entry(**entry)


def this_system() -> System:
    """This machine, in the words of a manifest."""
    return System(platform.machine(), distribution(), ".".join(platform.python_version_tuple()[:2]))


def distribution(path: Path = Path("/etc/os-release")) -> str:
    """`debian-12`, or an empty text where it cannot be told."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return ""
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    name, version = (values.get(key, "").strip('"') for key in ("ID", "VERSION_ID"))
    return f"{name}-{version}" if name and version else name


def check_system(manifest: Manifest) -> None:
    """Refuse an archive for another kind of machine."""
    here = this_system()
    if manifest.system.machine != here.machine:
        raise PovError(
            f"the archive is for {manifest.system.machine}, this machine is {here.machine}",
            fix=f"save one on a {here.machine} machine",
        )


def relocated(manifest: Manifest, root: Path) -> Mapping[str, Any]:
    """The bundle's record with the paths as they are once installed under `root`."""
    record = dict(manifest.bundle)
    record["binaries"] = {name: str(root / path) for name, path in record["binaries"].items()}
    for key in ("argocd_manifest", "late_archive"):
        record[key] = str(root / record[key])
    return record

"""A bundle of a few kilobytes, a container engine in a dictionary, and packages made on the spot."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pov.base.errors import CommandFailed
from pov.base.process import Completed
from pov.bundle import Bundle, Entry

NODE = "localhost/pov-node:1"
MOCK = "localhost/pov-mock:1.0.0"


class Engine:
    """Stands for `Containers`: an image is its reference, its id and some bytes."""

    kind = "podman"

    def __init__(self, images: dict[str, str] | None = None) -> None:
        self.images = dict(images or {})
        self.loads: list[str] = []
        self.full = False
        self.root = "/nowhere"

    def run(self, *arguments: str, **_: Any) -> Completed:
        assert arguments[0] == "info"
        return Completed(arguments, 0, f"{self.root}\n", "", 0.0)

    def image_id(self, reference: str) -> str | None:
        text = self.images.get(reference)
        return hashlib.sha256(text.encode()).hexdigest() if text is not None else None

    def save(self, references: Sequence[str], path: Path) -> None:
        path.write_text(json.dumps({reference: self.images[reference] for reference in references}))

    def load(self, path: Path) -> None:
        if self.full:
            raise CommandFailed(["podman", "load"], 125, "", "write /layer: no space left on device")
        self.loads.append(path.name)
        self.images |= json.loads(path.read_bytes())


def engine() -> Engine:
    return Engine({NODE: "node " * 40_000, MOCK: "mock"})


def bundle(folder: Path, containers: Engine) -> Bundle:
    """A bundle with one binary, two folders of binaries and one late image."""
    (folder / "providers" / "a" / "b").mkdir(parents=True)
    (folder / "kind").write_bytes(b"\x7fELF kind " * 20_000)
    (folder / "kind").chmod(0o755)
    (folder / "providers" / "a" / "b" / "provider").write_bytes(b"provider")
    (folder / "providers" / "a" / "b" / "provider").chmod(0o755)
    (folder / "go").write_bytes(b"left out")
    (folder / "install.yaml").write_text("kind: List\n")
    (folder / "argocd-earlier").mkdir()
    (folder / "argocd-earlier" / "install.yaml").write_text("kind: Earlier\n")
    (folder / "argocd-earlier" / "image.tar").write_text("earlier " * 10_000)
    containers.save([MOCK], folder / "late.tar")
    return Bundle(
        key="0123456789abcdef",
        source="official",
        images={"mock": MOCK, "argocd": "localhost/argocd:1"},
        late_images=(MOCK,),
        late_archive=folder / "late.tar",
        node_image=NODE,
        binaries={
            "kind": folder / "kind",
            "terraform-providers": folder / "providers",
            "go": folder / "go",
            "tofu": folder / "kind",
            "argocd-earlier": folder / "argocd-earlier",
        },
        argocd_manifest=folder / "install.yaml",
        entries=tuple(
            Entry(name, "0.33.0", "Apache-2.0", f"module of {name}", "sha256:" + "0" * 64)
            for name in ("kind", "terraform-provider")
        ),
    )


def deb(folder: Path, name: str, version: str = "1.0", licence: str = "GPL-2+") -> Path:
    """A Debian package that holds a copyright file and nothing else."""
    control = f"Package: {name}\nVersion: {version}\nArchitecture: all\nDescription: small\n"
    copyright_file = f"Format: https://example.org/\n\nFiles: *\nCopyright: nobody\nLicense: {licence}\n"
    members = {
        "debian-binary": b"2.0\n",
        "control.tar.xz": _tar({"./control": control}),
        "data.tar.xz": _tar({f"./usr/share/doc/{name}/copyright": copyright_file}),
    }
    path = folder / f"{name}_{version}_all.deb"
    with path.open("wb") as stream:
        stream.write(b"!<arch>\n")
        for member, content in members.items():
            stream.write(f"{member:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode())
            stream.write(content + b"\n" * (len(content) % 2))
    return path


def wheel(folder: Path, name: str = "click", version: str = "8.3.0") -> Path:
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        text = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nLicense-Expression: BSD-3-Clause\n"
        archive.writestr(f"{name}-{version}.dist-info/METADATA", text)
    return path


def _tar(files: dict[str, str]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:xz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return stream.getvalue()

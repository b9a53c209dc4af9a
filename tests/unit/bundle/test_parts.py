from __future__ import annotations

import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import CommandFailed, PovError
from pov.base.process import Completed
from pov.bundle import debian, packing, registries, wheels
from pov.bundle.licences import UNKNOWN, of_debian, of_engine, of_wheel
from pov.bundle.manifest import check_path, distribution
from tests.unit.bundle import small


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 25_000])
def test_packed_in_pieces_it_is_one_gzip_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    content = bytes(number % 251 for number in range(size))
    (tmp_path / "plain").write_bytes(content)
    monkeypatch.setattr(packing.pieces, "__defaults__", (1000,))
    assert packing.pack(tmp_path / "plain", tmp_path / "gz") == (size, hashlib.sha256(content).hexdigest())
    packed = (tmp_path / "gz").read_bytes()
    assert gzip.decompress(packed) == content
    one = zlib.decompressobj(31)
    assert one.decompress(packed) == content
    assert (one.eof, one.unused_data) == (True, b"")
    assert b"".join(packing.pieces(packing.unpack(io.BytesIO(packed)))) == content
    packing.pack(tmp_path / "plain", tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == packed


WHEELS = [
    ("License-Expression: Apache-2.0 OR BSD-3-Clause\nLicense: x", "Apache-2.0 OR BSD-3-Clause"),
    ("License: MIT License", "MIT"),
    ("License: Apache-2.0", "Apache-2.0"),
    ("License: see the file\nClassifier: License :: OSI Approved :: BSD License", "BSD-3-Clause"),
    ("Classifier: License :: OSI Approved", UNKNOWN),
    ("Name: x\n\nLicense: MIT", UNKNOWN),
    ("", UNKNOWN),
]


@pytest.mark.parametrize(("metadata", "licence"), WHEELS)
def test_licences_of_wheels(metadata: str, licence: str) -> None:
    assert of_wheel(metadata) == licence


DEBIAN = [
    ("Format: x\nLicense: GPL-2+\nLicense: Expat\n text", "GPL-2.0-or-later AND MIT"),
    (
        "Format: x\nLicense: GPL-2 or Artistic, and LGPL-2.1+",
        "Artistic-1.0-Perl AND GPL-2.0-only AND LGPL-2.1-or-later",
    ),
    ("Format: x\nLicense: public-domain", "LicenseRef-public-domain"),
    ("Format: x\nLicense: my own words", "LicenseRef-Debian-my-own-words"),
    ("Format: x\nLicense:\n text", UNKNOWN),
    ("See /usr/share/common-licenses/GPL-3 for it.", "GPL-3.0-only"),
    ("See `/usr/share/common-licenses/Apache-2.0'.", "Apache-2.0"),
    ("All rights reserved.", UNKNOWN),
]


@pytest.mark.parametrize(("text", "licence"), DEBIAN)
def test_licences_of_debian_packages(text: str, licence: str) -> None:
    assert of_debian(text) == licence


def test_licences_of_engines() -> None:
    assert of_engine("openbao") == "MPL-2.0"
    assert of_engine("something else") == UNKNOWN


def test_a_package_says_what_it_is(tmp_path: Path) -> None:
    path = small.deb(tmp_path, "podman", "4.3.1")
    entry = debian.read(path).entry()
    assert (entry.name, entry.version, entry.licence) == ("podman", "4.3.1", "GPL-2.0-or-later")
    assert entry.origin == "Debian package podman (source podman)"
    index = debian.read(path).index()
    assert f"Filename: ./{path.name}\nSize: {path.stat().st_size}\nSHA256: {entry.digest[7:]}\n" in index


@pytest.mark.parametrize("content", [b"", b"not one", b"!<arch>\n", b"!<arch>\n" + b"x" * 60])
def test_what_is_no_package_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x_1_all.deb").write_bytes(content)
    with pytest.raises(PovError, match="is no Debian package"):
        debian.read(tmp_path / "x_1_all.deb")


def test_fetching_keeps_what_belongs_and_asks_as_for_an_empty_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[list[str]] = []

    def apt(argv: list[str], **_: Any) -> Completed:
        calls.append(argv)
        listed = "NOTE: x\n'there/podman_4_amd64.deb' podman_4_amd64.deb 12 MD5Sum:0\n"
        return Completed(tuple(argv), 0, listed if "--print-uris" in argv else "", "", 0.0)

    monkeypatch.setattr(debian, "run", apt)
    monkeypatch.setattr("shutil.which", lambda name, **_: name)
    (tmp_path / "podman_4_amd64.deb").touch()
    (tmp_path / "podman_3_amd64.deb").touch()
    assert debian.fetch(["podman"], tmp_path) == [tmp_path / "podman_4_amd64.deb"]
    assert [path.name for path in tmp_path.iterdir()] == ["podman_4_amd64.deb"]
    assert all(any(part.startswith("Dir::State::status=") for part in argv) for argv in calls)
    assert "--download-only" in calls[0]


def test_a_wheel_says_what_it_is(tmp_path: Path) -> None:
    entry = wheels.entry(small.wheel(tmp_path, "ruamel_yaml", "0.19.1"))
    assert (entry.name, entry.version, entry.licence) == ("ruamel-yaml", "0.19.1", "BSD-3-Clause")


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_file_holds_versions_with_hashes_and_nothing_of_the_machine_it_was_made_on(name: str) -> None:
    line = re.compile(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==\S+( ; .+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?|#.*|")
    lines = (Path(__file__).parents[3] / name).read_text().splitlines()
    assert [text for text in lines if not line.fullmatch(text)] == []


def test_wheels_are_compared_with_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "checkout"
    root.mkdir()
    (root / "requirements.lock").write_text("click==8.3.0 --hash=sha256:00\n")
    (root / "requirements-dev.lock").write_text("a==1 \\\n  --hash=x\npip==26.3 \\\n  --hash=y \\\n  --hash=z\nb==2\n")
    monkeypatch.setattr(wheels, "data", lambda: root)
    seen: list[tuple[list[str], str]] = []

    def pip(*argv: str, **_: Any) -> None:
        read = "" if "--requirement" not in argv else Path(argv[argv.index("--requirement") + 1]).read_text()
        seen.append((list(argv), read))

    monkeypatch.setattr(registries, "pip", pip)
    wheels.collect(tmp_path / "wheels")
    assert ["--require-hashes" in argv for argv, _ in seen] == [True, True, False]
    assert seen[1][1] == "pip==26.3 \\\n  --hash=y \\\n  --hash=z\n"
    assert seen[2][0][-1] == str(root)


def failing(error: Exception) -> Callable[..., Completed]:
    def work(*_: Any, **__: Any) -> Completed:
        raise error

    return work


def test_wheels_without_a_checkout_or_an_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "data", lambda: tmp_path)
    with pytest.raises(PovError, match="saved from a checkout"):
        wheels.collect(tmp_path / "wheels")
    (tmp_path / "requirements.lock").touch()
    (tmp_path / "requirements-dev.lock").write_text("pip==1 \\\n --hash=x\n")
    monkeypatch.setattr(registries, "pip", failing(CommandFailed(["pip"], 1, "", "no index answers")))
    with pytest.raises(PovError) as caught:
        wheels.collect(tmp_path / "wheels")
    assert "no index answers" in caught.value.cause


@pytest.mark.parametrize(
    "path", ["", "/a", "../a", "a/../b", "a//b", "./a", "a/", "a\\b", "~/a", "a/~b", "a\0b", ".", "a/."]
)
def test_unsafe_names(path: str) -> None:
    with pytest.raises(PovError):
        check_path(path)


@pytest.mark.parametrize(
    ("text", "name"),
    [('ID=debian\nVERSION_ID="12"\n', "debian-12"), ("ID=arch\n", "arch"), ("", ""), ("x\n", "")],
)  # fmt: skip
def test_distributions(tmp_path: Path, text: str, name: str) -> None:
    (tmp_path / "os-release").write_text(text)
    assert distribution(tmp_path / "os-release") == name
    assert distribution(tmp_path / "none") == ""

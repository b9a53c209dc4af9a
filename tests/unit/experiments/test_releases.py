from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from pov.base.errors import PovError
from pov.experiments.releases import BuiltReleases


class Node:
    """Keeps what was loaded."""

    def __init__(self) -> None:
        self.tags: list[str] = []
        self.configurations: list[str] = []
        self.versions: list[str] = []
        self.lossy = False

    def load(self, archive: Path) -> None:
        with tarfile.open(archive) as tar:
            (entry,) = json.loads(_read(tar, "manifest.json"))
            self.configurations.append(entry["Config"])
            assert json.loads(_read(tar, entry["Config"]))["config"]["User"] == "65532:65532"
            layer = tar.extractfile(entry["Layers"][-1])
            assert layer is not None
            with tarfile.open(fileobj=layer) as inner:
                self.versions.append(_read(inner, "release").decode())
            self.tags += [] if self.lossy else entry["RepoTags"]

    def present(self, reference: str) -> bool:
        return reference in self.tags


def _read(tar: tarfile.TarFile, name: str) -> bytes:
    stream = tar.extractfile(name)
    assert stream is not None
    return stream.read()


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "pov-mock"
    path.write_bytes(b"program")
    return path


def brought(releases: BuiltReleases, version: str, folder: Path) -> str:
    return releases.deliver(releases.image(version, folder), version)


def test_each_version_is_an_image_of_its_own(program: Path, tmp_path: Path) -> None:
    node = Node()
    releases = BuiltReleases("registry:5000/pov/mock:1.0.0", program, node.load, node.present)
    assert [brought(releases, version, tmp_path) for version in ("v1", "v2")] == [
        "registry:5000/pov/mock:v1",
        "registry:5000/pov/mock:v2",
    ]
    assert node.versions == ["v1\n", "v2\n"]
    assert len(set(node.configurations)) == 2


def test_a_reference_without_a_tag_gets_one(program: Path, tmp_path: Path) -> None:
    node = Node()
    releases = BuiltReleases("registry:5000/mock", program, node.load, node.present)
    assert brought(releases, "v1", tmp_path) == "registry:5000/mock:v1"


def test_an_image_that_does_not_arrive_is_told(program: Path, tmp_path: Path) -> None:
    node = Node()
    node.lossy = True
    with pytest.raises(PovError, match="does not have pov/mock:v1"):
        brought(BuiltReleases("pov/mock:1", program, node.load, node.present), "v1", tmp_path)


def test_the_archive_for_hosts_holds_program_and_version(program: Path, tmp_path: Path) -> None:
    node = Node()
    path = BuiltReleases("pov/mock:1", program, node.load, node.present).archive("v1", tmp_path)
    with tarfile.open(path) as tar:
        found = {entry.name: (entry.mode, entry.uid) for entry in tar.getmembers()}
        assert found == {"release": (0o644, 0), "pov-mock": (0o755, 0)}
        assert _read(tar, "release") == b"v1\n"


def test_a_version_that_answers_with_errors_says_so_beside_its_name(program: Path, tmp_path: Path) -> None:
    node = Node()
    releases = BuiltReleases("pov/mock:1", program, node.load, node.present)
    releases.deliver(releases.image("v1", tmp_path, error_rate=0.25), "v1")
    assert node.versions == ["v1\nerror-rate 0.25\n"]
    with tarfile.open(releases.archive("v1", tmp_path, error_rate=0.25)) as tar:
        assert _read(tar, "release") == b"v1\nerror-rate 0.25\n"


def test_a_version_that_does_not_start_lacks_the_file_that_the_program_reads_first(
    program: Path, tmp_path: Path
) -> None:
    releases = BuiltReleases("pov/mock:1", program, Node().load, Node().present)
    with tarfile.open(releases.archive("v1", tmp_path, starts=False)) as tar:
        assert "release" not in tar.getnames()
        assert "pov-mock" in tar.getnames()
    with tarfile.open(releases.image("v1", tmp_path, starts=False)) as tar:
        (entry,) = json.loads(_read(tar, "manifest.json"))
        names = []
        for layer in entry["Layers"]:
            stream = tar.extractfile(layer)
            assert stream is not None
            with tarfile.open(fileobj=stream) as inner:
                names += [name.lstrip("./") for name in inner.getnames()]
    assert "pov-mock" in names
    assert "release" not in names

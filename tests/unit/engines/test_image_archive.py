"""Archives without the layers that are there already."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from pov.engines.image_archive import slim


def sha(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def docker_archive(path: Path, images: dict[str, list[bytes]], *, compress: bool = False) -> Path:
    """What `docker save` writes: a manifest, configurations, layers as tar files."""
    manifest = []
    with tarfile.open(path, "w") as out:
        for tag, layers in images.items():
            config = json.dumps({"rootfs": {"diff_ids": [sha(layer) for layer in layers]}, "tag": tag}).encode()
            names = [f"{sha(layer)[7:]}.tar" for layer in layers]
            for name, layer in zip(names, layers, strict=True):
                add(out, name, gzip.compress(layer, mtime=0) if compress else layer)
            add(out, f"{sha(config)[7:]}.json", config)
            manifest.append({"Config": f"{sha(config)[7:]}.json", "RepoTags": [tag], "Layers": names})
        add(out, "manifest.json", json.dumps(manifest).encode())
    return path


def add(out: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    out.addfile(info, io.BytesIO(content))


def read(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as source:
        return {member.name: source.extractfile(member).read() for member in source}  # type: ignore[union-attr]


def manifests(files: dict[str, bytes]) -> dict[str, Any]:
    """Manifests by image name, each digest checked on the way."""
    found = {}
    for entry in json.loads(files["index.json"])["manifests"]:
        content = files["blobs/" + entry["digest"].replace(":", "/")]
        assert sha(content) == entry["digest"]
        assert len(content) == entry["size"]
        found[entry["annotations"]["io.containerd.image.name"]] = json.loads(content)
    return found


def test_layers_that_are_there_are_left_out(tmp_path: Path) -> None:
    base, one, two = b"base" * 500, b"one", b"two"
    source = docker_archive(tmp_path / "a.tar", {"localhost/a:1": [base, one], "localhost/b:2": [base, two]})
    slim(source, {sha(base)}, tmp_path / "slim.tar")
    files = read(tmp_path / "slim.tar")
    assert "blobs/" + sha(base).replace(":", "/") not in files
    found = manifests(files)
    assert set(found) == {"localhost/a:1", "localhost/b:2"}
    first, second = found["localhost/a:1"]["layers"]
    assert first == {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": sha(base), "size": len(base)}
    assert files["blobs/" + second["digest"].replace(":", "/")] == one
    config = files["blobs/" + found["localhost/a:1"]["config"]["digest"].replace(":", "/")]
    assert json.loads(config)["tag"] == "localhost/a:1"


def test_a_shared_layer_is_written_once(tmp_path: Path) -> None:
    source = docker_archive(tmp_path / "a.tar", {"localhost/a:1": [b"base"], "localhost/b:2": [b"base"]})
    slim(source, set(), tmp_path / "slim.tar")
    with tarfile.open(tmp_path / "slim.tar") as out:
        names = out.getnames()
    assert len(names) == len(set(names))


def test_compressed_layers_keep_their_own_digest(tmp_path: Path) -> None:
    source = docker_archive(tmp_path / "a.tar", {"localhost/a:1": [b"layer"]}, compress=True)
    slim(source, set(), tmp_path / "slim.tar")
    files = read(tmp_path / "slim.tar")
    (layer,) = manifests(files)["localhost/a:1"]["layers"]
    assert layer["mediaType"].endswith("+gzip")
    assert gzip.decompress(files["blobs/" + layer["digest"].replace(":", "/")]) == b"layer"
    assert layer["digest"] == sha(gzip.compress(b"layer", mtime=0))


def test_another_form_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as out:
        add(out, "index.json", b"{}")
    with pytest.raises(KeyError):
        slim(tmp_path / "a.tar", set(), tmp_path / "slim.tar")


def test_layers_as_zstd_stay_as_they_are(tmp_path: Path) -> None:
    # Docker saves layers as its storage has them. What is in them is nobody's business here.
    layer = b"\x28\xb5\x2f\xfd" + b"frames"
    source = docker_archive(tmp_path / "a.tar", {"localhost/a:1": [layer]})
    slim(source, set(), tmp_path / "slim.tar")
    files = read(tmp_path / "slim.tar")
    (described,) = manifests(files)["localhost/a:1"]["layers"]
    assert described["mediaType"] == "application/vnd.oci.image.layer.v1.tar+zstd"
    assert files["blobs/" + described["digest"].replace(":", "/")] == layer

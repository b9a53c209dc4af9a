"""Layers and image archives: the same bytes every time, in the format that engines read."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path

from pov.bundle.layers import Image, Layer, LayerWriter, write_archive
from pov.bundle.packing import digest_of


def layer(path: Path, text: str = "1.0.0\n") -> Layer:
    program = path.with_suffix(".bin")
    program.write_bytes(b"\x7fELF" + bytes(5_000_000))
    writer = LayerWriter(path)
    with writer:
        writer.file("/usr/local/bin/program", program)
        writer.text("/release", text)
        writer.folder("/home/someone", 0o775, (999, 0))
        writer.link("/usr/local/bin/other", "program")
        return writer.done()


def test_a_layer_says_its_owners_and_modes_and_nothing_of_this_machine(tmp_path: Path) -> None:
    made = layer(tmp_path / "layer.tar")
    with tarfile.open(made.path) as tar:
        members = {member.name: member for member in tar}
        release = tar.extractfile("release")
        assert release is not None
        assert release.read() == b"1.0.0\n"
    assert list(members) == [
        "usr", "usr/local", "usr/local/bin", "usr/local/bin/program", "release", "home", "home/someone",
        "usr/local/bin/other",
    ]  # fmt: skip
    assert {member.mtime for member in members.values()} == {0}
    assert members["usr/local/bin/program"].mode == 0o755
    assert (members["home/someone"].uid, members["home/someone"].mode) == (999, 0o775)
    assert members["usr/local/bin/other"].linkname == "program"


def test_the_same_content_is_the_same_layer_and_image(tmp_path: Path) -> None:
    one, two = layer(tmp_path / "one.tar"), layer(tmp_path / "two.tar")
    assert one.digest == two.digest == digest_of(one.path)
    assert Image("a:1", (one,)).id() == Image("b:2", (two,)).id()
    other = layer(tmp_path / "three.tar", "2.0.0\n")
    assert Image("a:1", (other,)).id() != Image("a:1", (one,)).id()


def test_a_tree_keeps_what_can_be_run_and_what_is_a_link(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "run.sh").write_text("#!/bin/sh\n")
    (source / "deep" / "run.sh").chmod(0o700)
    (source / "plain").write_text("x")
    (source / "link").symlink_to("plain")
    writer = LayerWriter(tmp_path / "layer.tar")
    with writer:
        writer.tree("/opt", source)
        made = writer.done()
    with tarfile.open(made.path) as tar:
        modes = {member.name: (member.mode, member.type) for member in tar}
    assert modes["opt/deep/run.sh"] == (0o755, tarfile.REGTYPE)
    assert modes["opt/plain"] == (0o644, tarfile.REGTYPE)
    assert modes["opt/link"][1] == tarfile.SYMTYPE


def test_an_archive_holds_a_shared_layer_once(tmp_path: Path) -> None:
    base, top = layer(tmp_path / "base.tar"), layer(tmp_path / "top.tar", "top\n")
    images = [
        Image("localhost/a:1", (base,), {"User": "65532:65532"}),
        Image("localhost/b:1", (base, top), {"Entrypoint": ["/program"]}),
    ]
    path = tmp_path / "images.tar"
    write_archive(images, path)
    with tarfile.open(path) as tar:
        names = tar.getnames()
        manifest = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
        for entry, image in zip(manifest, images, strict=True):
            raw = tar.extractfile(entry["Config"]).read()  # type: ignore[union-attr]
            assert f"sha256:{hashlib.sha256(raw).hexdigest()}" == image.id()
            document = json.loads(raw)
            assert document["config"] == dict(image.config)
            for inside, expected in zip(entry["Layers"], document["rootfs"]["diff_ids"], strict=True):
                content = tar.extractfile(inside).read()  # type: ignore[union-attr]
                assert f"sha256:{hashlib.sha256(content).hexdigest()}" == expected
    assert len(names) == len(set(names))
    assert [entry["RepoTags"] for entry in manifest] == [["localhost/a:1"], ["localhost/b:1"]]


def test_an_image_survives_being_written_down(tmp_path: Path) -> None:
    image = Image("localhost/a:1", (layer(tmp_path / "layer.tar"),), {"User": "0"})
    assert Image.from_json(json.loads(json.dumps(image.as_json()))) == image

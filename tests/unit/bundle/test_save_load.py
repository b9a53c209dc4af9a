from __future__ import annotations

import errno
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import PovError
from pov.base.process import run
from pov.bundle import archive, current, debian, hostpackages, loading, manifest, records, saving, versions, wheels
from pov.bundle.loading import is_loaded, load
from pov.bundle.packing import digest_of
from pov.bundle.saving import Saved, save
from pov.model.events import Event, silent
from tests.unit.bundle import small
from tests.unit.bundle.small import MOCK, NODE, Engine


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Saved:
    """An archive that a first machine saved; the cache is that of a second one from now on."""
    monkeypatch.setenv("POV_CACHE", str(tmp_path / "first"))
    (tmp_path / "source").mkdir()
    debs = tmp_path / "debs"
    debs.mkdir()
    monkeypatch.setattr(debian, "fetch", lambda packages, folder: [small.deb(debs, "podman"), small.deb(debs, "runc")])
    monkeypatch.setattr("shutil.which", lambda name, **_: f"/usr/bin/{name}")

    def collect(folder: Path) -> list[Path]:
        folder.mkdir()
        return [small.wheel(folder), small.wheel(folder, "pip", "26.3")]

    monkeypatch.setattr(wheels, "collect", collect)
    containers: Any = small.engine()
    done = save(small.bundle(tmp_path / "source", containers), tmp_path / "pov.tar", containers, silent)
    assert not list((tmp_path / "first" / "bundle").iterdir())
    monkeypatch.setenv("POV_CACHE", str(tmp_path / "second"))
    monkeypatch.setattr(hostpackages, "missing", lambda **_: [])
    return done


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """A second machine with an empty container engine."""
    containers = Engine()
    monkeypatch.setattr(loading, "find", lambda: containers)
    return containers


def test_what_was_saved_is_the_bundle_in_use_after_loading(saved: Saved, machine: Engine) -> None:
    loaded = load(saved.path, silent)
    bundle = current()
    assert bundle == loaded.bundle
    assert bundle is not None
    assert is_loaded(bundle)
    assert machine.images == {NODE: small.engine().images[NODE]}
    assert set(bundle.binaries) == {"kind", "terraform-providers", "tofu", "argocd-earlier"}
    assert bundle.binaries["kind"].read_bytes() == b"\x7fELF kind " * 20_000
    assert os.access(bundle.binaries["kind"], os.X_OK)
    assert os.access(bundle.binaries["terraform-providers"] / "a" / "b" / "provider", os.X_OK)
    assert bundle.argocd_manifest.read_text() == "kind: List\n"
    assert loaded.images == (NODE,)
    assert MOCK in bundle.late_archive.read_text()
    assert (hostpackages.packages_folder() / "Packages").read_text().count("Filename: ./") == 2
    assert not [path for path in loaded.root.rglob("*") if path.suffix in {".part", ".gz"} or path.name == "node.tar"]


def test_the_manifest_names_every_component(saved: Saved) -> None:
    with archive.opened(saved.path) as opened:
        told = {entry.name: entry for entry in opened.manifest.components}
    assert told["podman"].licence == "GPL-2.0-or-later"
    assert told["click"].licence == "BSD-3-Clause"
    assert told["kind"].origin == "module of kind"
    assert told["argocd-earlier"].version == versions.ARGOCD_EARLIER
    assert told["argocd-earlier"].licence == "Apache-2.0"
    assert {"terraform-provider", "runc"} <= told.keys()
    assert all(entry.digest.startswith("sha256:") for entry in told.values())
    assert saved.sha256 == digest_of(saved.path)


def test_the_same_bundle_gives_the_same_bytes(saved: Saved, tmp_path: Path) -> None:
    containers: Any = small.engine()
    again = save(small.bundle(tmp_path / "again", containers), tmp_path / "again.tar", containers, silent)
    with tarfile.open(saved.path) as one, tarfile.open(again.path) as two:
        assert one.getnames() == two.getnames()
    assert {r.path: r.sha256 for r in saved.manifest.of("images")} == {
        r.path: r.sha256 for r in again.manifest.of("images")
    }


def test_loading_twice_changes_nothing(saved: Saved, machine: Engine) -> None:
    load(saved.path, silent)
    machine.loads.clear()
    assert load(saved.path, silent).images == ()
    assert machine.loads == []


def test_a_cut_off_load_goes_on_and_switches_last(saved: Saved, machine: Engine) -> None:
    machine.full = True
    with pytest.raises(PovError, match="the disk is full at the storage of podman"):
        load(saved.path, silent)
    assert not records.own_file().exists()
    machine.full = False
    kept = {path: path.stat().st_ino for path in loading.archives_folder().rglob("kind")}
    assert kept
    loaded = load(saved.path, silent)
    assert {path: path.stat().st_ino for path in loading.archives_folder().rglob("kind")} == kept
    assert current() == loaded.bundle


def test_what_killed_runs_left_is_swept_away(saved: Saved, machine: Engine, tmp_path: Path) -> None:
    root = load(saved.path, silent).root
    gone = 2**22 + 1
    left = [
        root / "binaries" / f".kind.{gone}.part",
        hostpackages.packages_folder().with_name(f".packages.{gone}") / "half",
        tmp_path / f".pov.tar.{gone}.part",
        tmp_path / "second" / "bundle" / f".save-{gone}" / "half",
    ]
    kept = [tmp_path / f".pov.tar.{os.getppid()}.part", tmp_path / ".pov.tar.swp", tmp_path / f".other.{gone}.part"]
    for path in (*left, *kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("half")
    (root / "binaries" / "kind").unlink()
    load(saved.path, silent)
    containers: Any = small.engine()
    save(small.bundle(tmp_path / "third", containers), tmp_path / "pov.tar", containers, silent)
    assert [path for path in left if path.exists()] == []
    assert [path for path in kept if not path.exists()] == []


def test_another_archive_takes_the_place_of_the_first(saved: Saved, machine: Engine, tmp_path: Path) -> None:
    first = load(saved.path, silent)
    containers: Any = small.engine()
    (tmp_path / "source2").mkdir()
    bundle = small.bundle(tmp_path / "source2", containers)
    (tmp_path / "source2" / "kind").write_bytes(b"another kind")
    second = load(save(bundle, tmp_path / "second.tar", containers, silent).path, silent)
    assert second.root != first.root
    assert not first.root.exists()
    assert second.bundle.binaries["kind"].read_bytes() == b"another kind"


def test_missing_host_packages_are_installed_from_the_archive(
    saved: Saved, machine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(hostpackages, "missing", lambda **_: ["podman"])
    monkeypatch.setattr(hostpackages, "install", lambda packages, emit: asked.append(list(packages)))
    told: list[Event] = []
    assert load(saved.path, told.append).packages == ("podman",)
    assert asked == [["podman"]]
    assert any(event.kind == "changed" and "podman" in event.message for event in told)


def test_packages_that_cannot_be_installed_are_told_and_the_bundle_is_loaded(
    saved: Saved, machine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(packages: list[str], emit: Any) -> None:
        raise PovError("missing here: openssl", cause="installing needs root", fix="sudo apt-get install openssl")

    monkeypatch.setattr(hostpackages, "missing", lambda **_: ["openssl"])
    monkeypatch.setattr(hostpackages, "install", refuse)
    told: list[Event] = []
    assert load(saved.path, told.append).packages == ()
    assert current() is not None
    assert "sudo apt-get install openssl" in next(event.message for event in told if event.kind == "warning")


def test_packages_of_another_distribution_are_left_alone(
    saved: Saved, machine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "distribution", lambda: "ubuntu-24.04")
    monkeypatch.setattr(hostpackages, "missing", lambda **_: pytest.fail("not asked"))
    load(saved.path, silent)
    assert not hostpackages.packages_folder().exists()


Members = list[tuple[tarfile.TarInfo, bytes]]


def rewritten(path: Path, change: Callable[[Members], None]) -> Path:
    """The archive with its members changed."""
    members: Members = []
    with tarfile.open(path) as tar:
        for member in tar:
            stream = tar.extractfile(member)
            assert stream is not None
            members.append((member, stream.read()))
    change(members)
    target = path.with_name("changed.tar")
    with tarfile.open(target, "w") as tar:
        for member, content in members:
            member.size = len(content) if member.isreg() else 0
            tar.addfile(member, io.BytesIO(content) if member.isreg() else None)
    return target


def index(members: Members, name: str) -> int:
    return next(number for number, (member, _) in enumerate(members) if member.name.startswith(name))


def flip(name: str) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        number = index(members, name)
        member, content = members[number]
        members[number] = (member, content[:-1] + bytes([content[-1] ^ 1]))

    return change


def edit(change: Callable[[dict[str, Any]], None]) -> Callable[[Members], None]:
    def rewrite(members: Members) -> None:
        document = json.loads(members[0][1])
        change(document)
        members[0] = (members[0][0], json.dumps(document).encode())

    return rewrite


def add(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> Callable[[Members], None]:
    def change(members: Members) -> None:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, link
        members.append((member, b"x"))

    return change


def evil(path: str) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        document["files"][0]["path"] = path

    return change


BAD: dict[str, tuple[Callable[[Members], None], str]] = {
    "an image changed": (flip("images/node.tar"), "images/node.tar.gz has another digest"),
    "a wheel changed": (flip("wheels/"), "has another digest"),
    "a member too long": (lambda m: m.__setitem__(2, (m[2][0], m[2][1] + b"x")), "bytes, "),
    "a member gone": (lambda m: m.pop(3) and None, "missing"),
    "a stranger": (add("extra"), "extra is not in its manifest"),
    "a member twice": (lambda m: m.append(m[1]), "is there twice"),
    "out of the folder": (add("../evil"), "unsafe name '../evil'"),
    "an absolute name": (add("/etc/cron.d/evil"), "unsafe name '/etc/cron.d/evil'"),
    "a link": (add("link", tarfile.SYMTYPE, "/etc/passwd"), "link is no regular file"),
    "a hard link": (add("link", tarfile.LNKTYPE, "README.md"), "link is no regular file"),
    "a device": (add("null", tarfile.CHRTYPE), "null is no regular file"),
    "evil path in the manifest": (edit(evil("../../evil")), "unsafe name"),
    "evil path of a home": (edit(evil("~root/evil")), "unsafe name"),
    "evil late archive": (edit(lambda d: d["bundle"].update(late_archive="/etc/shadow")), "/etc/shadow"),
    "evil binary": (edit(lambda d: d["bundle"]["binaries"].update(kind="../kind")), "unsafe name"),
    "a binary it does not hold": (edit(lambda d: d["bundle"]["binaries"].update(kind="bin")), "does not hold"),
    "an option as an image": (edit(lambda d: d["bundle"].update(node_image="--all")), "no image reference"),
    "another kind of file": (edit(lambda d: d.update(kind="other")), "does not say kind: pov.dev/bundle"),
    "no files": (edit(lambda d: d.pop("files") and None), "incomplete"),
    "files of a wrong type": (edit(lambda d: d.update(files="x")), "incomplete"),
    "a negative size": (edit(lambda d: d["files"][0].update(size=-1)), "described wrongly"),
    "no manifest": (lambda m: m.pop(0) and None, "does not start with manifest.json"),
    "not JSON": (lambda m: m.__setitem__(0, (m[0][0], b"{")), "not JSON"),
    "deep JSON": (lambda m: m.__setitem__(0, (m[0][0], b"[" * 200_000)), "not JSON"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_archive_is_refused_and_nothing_is_installed(
    saved: Saved, machine: Engine, tmp_path: Path, case: str
) -> None:
    change, words = BAD[case]
    with pytest.raises(PovError) as caught:
        load(rewritten(saved.path, change), silent)
    assert words in caught.value.cause
    assert caught.value.fix
    assert not (tmp_path / "second").exists()
    assert machine.images == {}


def test_a_later_format_names_the_way_out(saved: Saved, machine: Engine) -> None:
    with pytest.raises(PovError, match="format 2, this pov reads format 1"):
        load(rewritten(saved.path, edit(lambda d: d.update(format=2))), silent)


def test_another_machine_is_refused(saved: Saved, machine: Engine) -> None:
    with pytest.raises(PovError, match="the archive is for riscv64"):
        load(rewritten(saved.path, edit(lambda d: d["system"].update(machine="riscv64"))), silent)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_archive_is_refused(saved: Saved, machine: Engine, tmp_path: Path, part: float) -> None:
    content = saved.path.read_bytes()
    (tmp_path / "cut.tar").write_bytes(content[: int(len(content.rstrip(b"\0")) * part)])
    with pytest.raises(PovError):
        load(tmp_path / "cut.tar", silent)
    assert not (tmp_path / "second").exists()


def test_an_empty_file_and_no_file(tmp_path: Path, machine: Engine) -> None:
    (tmp_path / "empty").touch()
    for name, words in (("empty", "no bundle archive"), ("none", "no file")):
        with pytest.raises(PovError, match=words):
            load(tmp_path / name, silent)


def test_a_member_that_unpacks_to_more_than_it_says_is_stopped(saved: Saved, machine: Engine) -> None:
    def shrink(document: dict[str, Any]) -> None:
        record = next(r for r in document["files"] if r["path"] == "binaries/kind.gz")
        record["unpacked"] = 100

    with pytest.raises(PovError) as caught:
        load(rewritten(saved.path, edit(shrink)), silent)
    assert "holds more than its manifest says" in caught.value.cause
    assert not list(loading.archives_folder().rglob("kind*"))


def test_too_little_room_is_told_before_anything_is_changed(
    saved: Saved, machine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(PovError, match="the archive does not fit: it needs"):
        load(saved.path, silent)
    assert not (tmp_path / "second").exists()


def test_too_little_room_in_the_engines_storage(
    saved: Saved, machine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine.root = str(tmp_path)
    real = shutil.disk_usage

    def usage(path: Path) -> Any:
        return type("Usage", (), {"free": 1000}) if path == tmp_path else real(path)

    (tmp_path / "second").mkdir()
    monkeypatch.setattr("shutil.disk_usage", usage)
    with pytest.raises(PovError, match="the image does not fit: it needs"):
        load(saved.path, silent)
    assert not records.own_file().exists()
    assert machine.loads == []


def test_a_disk_that_fills_up_leaves_no_half_file(
    saved: Saved, machine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", no_room)
    with pytest.raises(PovError, match="the disk is full") as caught:
        load(saved.path, silent)
    assert "POV_CACHE" in caught.value.fix
    assert [path for path in loading.archives_folder().rglob("*") if path.is_file()] == []


def test_a_failed_save_leaves_nothing(saved: Saved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    containers: Any = small.engine()
    bundle = small.bundle(tmp_path / "third", containers)
    del containers.images[NODE]
    with pytest.raises(PovError, match="is gone from podman") as caught:
        save(bundle, tmp_path / "out" / "third.tar", containers, silent)
    assert caught.value.fix == "pov bundle build"
    assert list((tmp_path / "out").iterdir()) == []
    assert list((tmp_path / "second" / "bundle").iterdir()) == []


def test_the_readme_stands_in_front_and_tells_the_commands(saved: Saved) -> None:
    done = run(["tar", "-xOf", str(saved.path), "README.md"], timeout_s=30, env={})
    for command in (
        "python3 -m venv",
        "wheels/pip-26.3-py3-none-any.whl/pip install --no-index --find-links wheels pov",
        "pov bundle load pov.tar",
    ):
        assert command in done.stdout
    with tarfile.open(saved.path) as tar:
        assert tar.getnames()[:2] == ["manifest.json", "README.md"]


def test_the_readmes_commands_can_be_typed_whatever_the_archive_is_called(tmp_path: Path) -> None:
    content = saving._Content(tmp_path)
    saving._readme(content, "my bundle.tar")
    told = (tmp_path / "README.md").read_text()
    assert "tar -xf 'my bundle.tar' README.md wheels" in told
    assert "pov bundle load 'my bundle.tar'" in told

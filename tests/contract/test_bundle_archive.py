"""Saving and loading with a real container engine, without any network: first a tiny bundle, then the real one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pov.base.wait import wait_for
from pov.bundle import Bundle, debian, wheels
from pov.bundle.saving import save
from pov.engines.containers import Containers
from pov.model.events import silent
from tests.unit.bundle import small

pytestmark = [pytest.mark.contract, pytest.mark.apart, pytest.mark.timeout(300)]

REPOSITORY = Path(__file__).parents[2]
OFFLINE = ("unshare", "--net") if os.geteuid() == 0 else ("unshare", "--net", "--map-root-user")


def offline(*argv: str, env: Mapping[str, str], timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    """Run a command in a network namespace with nothing in it, not even the loopback address."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **env}
    return subprocess.run(
        [*OFFLINE, *argv], env=environment, capture_output=True, text=True, check=False, timeout=timeout_s
    )


def pov(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "pov", *arguments)


@pytest.fixture
def tiny(
    containers: Containers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """An archive of a bundle with two images of a few bytes, which are no longer in the engine; and their ids."""
    tag = uuid.uuid4().hex[:8]
    references = {"node": f"localhost/pov-test-node:{tag}", "mock": f"localhost/pov-test-mock:{tag}"}
    try:
        yield _saved(containers, references, tmp_path, monkeypatch)
    finally:
        for reference in references.values():
            containers.run("rmi", "--force", reference, check=False)


def _saved(
    containers: Containers, references: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Mapping[str, str]]:
    for name, reference in references.items():
        (tmp_path / "file").write_text(name)
        with tarfile.open(tmp_path / "root.tar", "w") as root:
            root.add(tmp_path / "file", name)
        containers.import_root(tmp_path / "root.tar", reference)
    source = tmp_path / "source"
    bundle = small.bundle(source, small.engine())
    (source / "late.tar").unlink()
    containers.save([references["mock"]], source / "late.tar")
    images = {"images": {"mock": references["mock"]}, "late_images": [references["mock"]]}
    record = {**bundle.as_json(), **images, "node_image": references["node"]}
    monkeypatch.setenv("POV_CACHE", str(tmp_path / "first"))
    monkeypatch.setattr(debian, "fetch", lambda packages, folder: [])
    monkeypatch.setattr(wheels, "collect", lambda folder: [])
    target = tmp_path / "pov-bundle.tar"
    saved = save(_bundle(record), target, containers, silent)
    for reference in references.values():
        containers.run("rmi", "--force", reference)
        assert containers.image_id(reference) is None
    return target, saved.manifest.image_ids


def _bundle(record: Mapping[str, Any]) -> Bundle:
    return Bundle(
        key=record["key"],
        source=record["source"],
        images=record["images"],
        late_images=tuple(record["late_images"]),
        late_archive=Path(record["late_archive"]),
        node_image=record["node_image"],
        binaries={name: Path(path) for name, path in record["binaries"].items()},
        argocd_manifest=Path(record["argocd_manifest"]),
        entries=(),
    )


def test_an_archive_loads_without_a_network(
    tiny: tuple[Path, Mapping[str, str]], containers: Containers, tmp_path: Path
) -> None:
    archive, ids = tiny
    env = {"POV_CACHE": str(tmp_path / "fresh")}
    loaded = offline(*pov("bundle", "load", str(archive), "--json"), env=env)
    assert loaded.returncode == 0, loaded.stderr
    assert set(json.loads(loaded.stdout)["images"]) == set(ids)
    assert {reference: containers.image_id(reference) for reference in ids} == dict(ids)
    listed = json.loads(offline(*pov("bundle", "list", "--json"), env=env).stdout)
    assert listed["loaded"]
    assert Path(listed["binaries"]["kind"]).is_relative_to(tmp_path / "fresh")
    again = offline(*pov("bundle", "load", str(archive), "--json"), env=env)
    assert json.loads(again.stdout)["images"] == []
    kept = offline(*pov("bundle", "build", "--json"), env=env)
    assert kept.returncode == 0, kept.stderr
    assert json.loads(kept.stdout)["loaded"]


def test_a_damaged_archive_changes_nothing(tiny: tuple[Path, Mapping[str, str]], tmp_path: Path) -> None:
    archive, _ = tiny
    content = bytearray(archive.read_bytes())
    with tarfile.open(archive) as members:
        content[members.getmember("images/node.tar").offset_data + 600] ^= 1
    archive.write_bytes(content)
    refused = offline(*pov("bundle", "load", str(archive)), env={"POV_CACHE": str(tmp_path / "fresh")})
    assert refused.returncode == 1
    assert "nothing was installed" in refused.stderr
    assert not (tmp_path / "fresh" / "bundle").exists()


def test_official_images_that_cannot_be_pulled_are_refused_quickly(tmp_path: Path) -> None:
    env = {"POV_CACHE": str(tmp_path / "fresh")}
    refused = offline(*pov("bundle", "build", "--images", "official"), env=env, timeout_s=60)
    assert refused.returncode == 3
    assert "--images built" in refused.stderr
    assert not (tmp_path / "fresh" / "bundle" / "current.json").exists()


@pytest.fixture(scope="module")
def real(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real bundle, saved by the command."""
    target = tmp_path_factory.mktemp("saved") / "pov-bundle.tar"
    done = subprocess.run(
        pov("bundle", "save", str(target), "--json"), capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def storage(tmp_path: Path, containers: Containers) -> Iterator[dict[str, str]]:
    """Variables for a cache and a container storage that are empty, as on a machine that never saw a registry."""
    if containers.kind != "podman" or os.geteuid() != 0:
        pytest.fail("a storage of its own needs Podman and root")
    text = f'[storage]\ndriver = "overlay"\ngraphroot = "{tmp_path}/graph"\nrunroot = "{tmp_path}/run"\n'
    (tmp_path / "storage.conf").write_text(text)
    yield {"POV_CACHE": str(tmp_path / "fresh"), "CONTAINERS_STORAGE_CONF": str(tmp_path / "storage.conf")}
    # No command of Podman's: its clean-up would reach the user's own containers. Its mounts went with the namespace,
    # which takes a moment where it was ended in the middle.
    for name in ("graph", "run", "fresh", "elsewhere"):
        wait_for(f"{name} to be removed", partial(_removed, tmp_path / name), timeout_s=60, bears=(OSError,))


HIDDEN = ("/run/libpod", "/run/containers", "/etc/containers/networks")
"""Podman's state of the moment and its networks lie here whatever the storage is: the user's are out of sight."""

OWN = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
"""With all that was started there it ends, however it ends: a node of a container engine outlives whoever made it."""

ALONE = "set -eu; ip link set lo up; " + "".join(f"mkdir -p {path}; mount -t tmpfs none {path}; " for path in HIDDEN)


@pytest.mark.matrix
@pytest.mark.timeout(1800)
def test_the_real_bundle_installs_as_its_readme_says_and_the_demo_comes_up(
    real: Path, storage: dict[str, str], tmp_path: Path
) -> None:
    readme = subprocess.run(
        ["tar", "-xOf", str(real), "README.md"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    commands = [line.strip() for line in readme.splitlines() if line.startswith("    ")]
    assert len(commands) == 4
    target = tmp_path / "elsewhere"
    target.mkdir()
    (target / real.name).hardlink_to(real) if _same_disk(real, target) else shutil.copy(real, target)
    own = [
        f"cd {target}",
        *commands,
        "pov-venv/bin/pov bundle list --json > list.json",
        # Without the machine's own Terraform, if it has one: the archive brings OpenTofu.
        "export PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        "trap 'pov-venv/bin/pov --plain --name airgap down' EXIT",
        "pov-venv/bin/pov --plain --name airgap up quickstart",
        "pov-venv/bin/pov --name airgap status --json > status.json",
    ]
    script = ALONE + "; ".join(own)
    done = offline(*OWN, "sh", "-c", script, env={**storage, "PYTHONPATH": ""}, timeout_s=1500)
    assert done.returncode == 0, done.stderr
    assert "airgap is down" in done.stdout
    document = json.loads((target / "list.json").read_text())
    assert document["loaded"]
    assert all(component["licence"] and component["version"] for component in document["components"])
    assert json.loads((target / "status.json").read_text())


def _removed(folder: Path) -> bool:
    if folder.exists():
        shutil.rmtree(folder)
    return True


def _same_disk(one: Path, other: Path) -> bool:
    return one.stat().st_dev == other.stat().st_dev


@pytest.mark.matrix
def test_every_component_of_the_real_bundle_is_described(real: Path) -> None:
    with tarfile.open(real) as archive:
        stream = archive.extractfile("manifest.json")
        assert stream is not None
        manifest = json.load(stream)
    described = {component["name"] for component in manifest["components"]}
    assert {"kind", "kubectl", "openbao", "gitea", "argocd", "podman", "click", "pov"} <= described
    for component in manifest["components"]:
        assert component["digest"].startswith("sha256:"), component
        assert component["origin"], component
    assert "://" not in json.dumps(manifest)

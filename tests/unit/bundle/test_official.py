from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import CommandFailed, PovError, PreflightFailed, TimedOut
from pov.base.process import Completed
from pov.bundle import Entry, official, versions
from pov.bundle.official import CannotPull, Made, can_pull, choose, make, references
from pov.model.events import Event, silent

MANIFEST = """\
        image: quay.io/argoproj/argocd:v3.6.1
        imagePullPolicy: Always
        image: registry.example/library/redis:8.10.1-alpine
"""


class Registry:
    """A container engine whose registry answers, does not, or answers for some images alone."""

    kind = "podman"

    def __init__(self, *, answers: bool = True, lacks: str = "", hangs: bool = False, says: str = "") -> None:
        self.calls: list[tuple[str, ...]] = []
        self.images: set[str] = set()
        self.built: dict[str, Mapping[str, str]] = {}
        self._answers = answers
        self._lacks = lacks
        self._hangs = hangs
        self._says = says

    def run(self, *arguments: str, timeout_s: float = 60, check: bool = True) -> Completed:
        self.calls.append(arguments)
        if self._hangs:
            raise TimedOut("not done after 10 s")
        good = self._answers
        if arguments[0] == "pull":
            good = good and not (self._lacks and self._lacks in arguments[-1])
            if good:
                self.images.add(arguments[-1])
        if check and not good:
            raise CommandFailed(arguments, 125, "", "no such host")
        return Completed(arguments, 0 if good else 125, "", self._says, 0.1)

    def image_id(self, reference: str) -> str | None:
        return f"{abs(hash(reference)):064x}"[:64] if reference in self.images else None

    def build(self, context: Path, tag: str, *, containerfile: Path, arguments: Mapping[str, str] | None = None) -> str:
        assert (context / "pov-mock").read_bytes() == b"program"
        assert (context / "release").read_text() == f"{versions.MOCK}\n"
        assert containerfile.is_file()
        self.built[tag] = arguments or {}
        return "id"

    def save(self, references: list[str], path: Path) -> None:
        path.write_text("\n".join(references))


def made(folder: Path) -> Made:
    (folder / "install.yaml").write_text(MANIFEST)
    (folder / "mock").write_bytes(b"program")
    entries = (Entry("kind", "0.33.0", "Apache-2.0", "sigs.k8s.io/kind", "sha256:0"),)
    return Made("k" * 16, {"kind": folder / "kind"}, folder / "install.yaml", folder / "mock", entries, folder)


def test_one_bounded_question_and_nothing_pulled() -> None:
    registry: Any = Registry()
    assert can_pull(registry)
    assert [call[:2] for call in registry.calls] == [("manifest", "inspect")]
    assert not can_pull(Registry(answers=False))  # type: ignore[arg-type]
    assert not can_pull(Registry(hangs=True))  # type: ignore[arg-type]
    mirror: Any = Registry(answers=False, says="Treating single images as manifest lists is not implemented")
    assert can_pull(mirror), "a mirror for one platform has the image, too"


def test_the_choice() -> None:
    silent_registry: Any = Registry(answers=False)
    told: list[Event] = []
    assert choose("auto", silent_registry, told.append) == "built"
    assert "no image registry answers" in told[0].message
    answering: Any = Registry()
    assert choose("auto", answering, silent) == "official"
    assert choose("official", answering, silent) == "official"
    unasked: Any = Registry()
    assert choose("built", unasked, silent) == "built"
    assert unasked.calls == []
    with pytest.raises(PreflightFailed) as caught:
        choose("official", silent_registry, silent)
    assert "--images built" in caught.value.fix
    assert caught.value.exit_code == 3


def test_references_are_pinned_and_redis_is_argo_cds(tmp_path: Path) -> None:
    found = references(made(tmp_path).argocd_manifest)
    assert found["redis"] == "registry.example/library/redis:8.10.1-alpine"
    assert set(found) == {"argocd", "redis", "openbao", "gitea", "vault"}
    for reference in (*found.values(), official.NODE, official.DEBIAN):
        assert not reference.endswith(":latest")
        assert ":" in reference.split("/")[-1]
    (tmp_path / "install.yaml").write_text("image: argocd\n")
    with pytest.raises(PovError, match="names no Redis image"):
        references(tmp_path / "install.yaml")


def test_a_bundle_of_official_images(tmp_path: Path) -> None:
    registry: Any = Registry()
    bundle = make(made(tmp_path), registry, silent)
    assert bundle.source == "official"
    assert set(bundle.images) == {"argocd", "redis", "openbao", "gitea", "vault", "mock", "legacy-host"}
    assert set(bundle.late_images) == set(bundle.images.values())
    assert bundle.late_archive.read_text().split() == sorted(bundle.images.values())
    assert bundle.node_image == official.NODE_NAME
    assert ("tag", official.NODE, official.NODE_NAME) in registry.calls
    assert registry.built[bundle.images["legacy-host"]] == {"BASE": "localhost/pov-official-base:bookworm"}
    told = {entry.name: entry for entry in bundle.entries}
    assert told["image-vault"].licence == "BUSL-1.1"
    assert told["image-node"].version == official.NODE_VERSION
    assert told["image-argocd"].version == versions.ARGOCD
    assert not (tmp_path / "context").exists()
    pulls = [call for call in registry.calls if call[0] == "pull"]
    make(made(tmp_path), registry, silent)
    assert [call for call in registry.calls if call[0] == "pull"] == pulls


def test_an_image_that_cannot_be_pulled_is_named(tmp_path: Path) -> None:
    registry: Any = Registry(lacks="gitea")
    told: list[Event] = []
    with pytest.raises(CannotPull, match=r"cannot pull docker\.gitea\.com/gitea") as caught:
        make(made(tmp_path), registry, told.append)
    assert "--images built" in caught.value.fix
    assert "no such host" in caught.value.cause
    assert [event.subject for event in told if event.kind == "failed"] == ["image-gitea"]
    assert not (tmp_path / "late.tar").exists()

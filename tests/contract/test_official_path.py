"""The official path as most users meet it first: pull, build on that, bring up; against a local registry."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pov.base.paths import cache_root
from pov.bundle import Bundle, official
from pov.engines.containers import Containers
from tests.contract.official import Served, registry

pytestmark = [pytest.mark.contract, pytest.mark.apart, pytest.mark.timeout(900)]

REPOSITORY = Path(__file__).parents[2]
_BENT = """
import sys
from pov.bundle import official
official.NODE = sys.argv.pop(1)
from pov.cli.main import main
sys.exit(main())
"""
"""`pov` as it is, but for the node's digest: the one that it has is that of an image which is not here."""


@pytest.fixture(scope="module")
def served(bundle: Bundle, containers: Containers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The registry, filled."""
    if containers.kind != "podman":
        pytest.fail("the engine's setting for mirrors is Podman's")
    with registry(bundle, containers, tmp_path_factory.mktemp("registry")) as found:
        yield found


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache without a bundle, whose compiled programs are those of the user's."""
    folder = tmp_path_factory.mktemp("cache")
    (cache_root() / "build").mkdir(parents=True, exist_ok=True)
    (folder / "build").symlink_to(cache_root() / "build")
    return folder


class Pov:
    """The command, in a folder and with a cache of its own."""

    def __init__(self, served: Served, cache: Path, folder: Path) -> None:
        self._node = served.node
        # What other suites set to reach the engine by its socket would have another engine chosen.
        own = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "TESTCONTAINERS_"))}
        self._env = {**own, **served.variables, "POV_CACHE": str(cache), "PYTHONPATH": str(REPOSITORY)}
        self._folder = folder

    def __call__(self, *arguments: str, timeout_s: float = 600, env: Mapping[str, str] | None = None) -> Any:
        argv = [sys.executable, "-c", _BENT, self._node, "--json", *arguments]
        done = subprocess.run(
            argv, cwd=self._folder, env={**self._env, **(env or {})}, capture_output=True, text=True, check=False,
            timeout=timeout_s, umask=0o077,
        )  # fmt: skip
        assert done.returncode == 0, (
            f"{' '.join(arguments)} -> {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        )
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def pov(served: Served, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Pov:
    """The command against the registry."""
    return Pov(served, cache, tmp_path_factory.mktemp("official"))


def test_images_that_can_be_pulled_are_pulled(pov: Pov, served: Served, containers: Containers) -> None:
    """Without a word about images, they are taken from the registry, each under its official name."""
    made = pov("bundle", "build")
    assert made["source"] == "official"
    assert {name: made["images"][name] for name in ("argocd", "redis", "openbao", "gitea", "vault")} == {
        name: served.references[name] for name in ("argocd", "redis", "openbao", "gitea", "vault")
    }
    assert all(containers.image_id(reference) is not None for reference in served.references.values())
    assert containers.image_id(official.NODE_NAME) == containers.image_id(served.node)
    nodes = [entry for entry in made["components"] if entry["name"] == "image-node"]
    assert [entry["origin"] for entry in nodes] == [f"container image {served.node}"]


def test_the_environment_comes_up_from_them(pov: Pov, served: Served) -> None:
    name = f"official-{uuid.uuid4().hex[:6]}"
    try:
        up = pov("--name", name, "up", "quickstart", "--images", "official")
        assert up["changed"]
        status = pov("--name", name, "status")
        assert status["problems"] == []
        assert status["engines"]["argocd"] == served.references["argocd"]
        assert not pov("--name", name, "up")["changed"]
    finally:
        pov("--name", name, "down")

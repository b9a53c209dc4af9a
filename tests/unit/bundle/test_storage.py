"""Images of earlier builds in the engine's storage."""

from __future__ import annotations

import os
from typing import Any

from pov.base.process import Completed
from pov.bundle.storage import Storage, remove_leftovers, remove_others
from pov.engines.containers import Containers


class Listing(Containers):
    """An engine with three images that notes what it is asked."""

    def run(self, *arguments: str, **_: Any) -> Completed:
        asked.append(arguments)
        if arguments[0] == "ps":
            mine, gone = os.getpid(), 2**22 + 1
            there = [f"pov-build-{mine}-aa", f"pov-build-{gone}-bb", f"my-pov-build-{gone}-cc", "pov-x-control-plane"]
            return Completed(arguments, 0, "\n".join(there), "", 0.0)
        ids = "{{.ID}}" in " ".join(arguments)
        names = {"localhost/pov/node:1": "aa", "localhost/pov/node:2": "bb", "localhost:5000/other:1": "cc"}
        text = "\n".join(f"{name} sha256:{image}" if ids else name for name, image in names.items())
        return Completed(arguments, 0, text if arguments[0] == "images" else "", "", 0.0)


asked: list[tuple[str, ...]] = []


def test_images_are_known_by_name_and_id_and_listed_once() -> None:
    asked.clear()
    storage = Storage(lambda: Listing("podman"))
    assert storage.has({"reference": "localhost/pov/node:1", "id": "aa"})
    assert not storage.has({"reference": "localhost/pov/node:1", "id": "bb"})
    assert not storage.has({"reference": "localhost/pov/node:3", "id": "aa"})
    assert len(asked) == 1


def test_only_unwanted_images_of_these_repositories_are_removed_and_never_by_force() -> None:
    asked.clear()
    remove_others(Listing("podman"), ["localhost/pov/node"], ["localhost/pov/node:2"])
    assert [one for one in asked if one[0] == "rmi"] == [("rmi", "localhost/pov/node:1")]


def test_containers_of_killed_builds_are_removed_and_those_of_living_ones_are_not() -> None:
    asked.clear()
    remove_leftovers(Listing("podman"), "pov-build")
    assert [one[-1] for one in asked if one[0] == "rm"] == [f"pov-build-{2**22 + 1}-bb"]

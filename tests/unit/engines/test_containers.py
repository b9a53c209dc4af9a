"""What is done when an engine refuses, against a program that plays one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pov.base.errors import CommandFailed
from pov.engines.containers import Containers

_ZSTD = "Error during manifest conversion: zstd compression is not supported for docker images"
_PODMAN = """\
#!/bin/sh
echo "$*" >> {folder}/calls
case "$1 $2" in
"save --multi-image-archive")
    test -e {folder}/loaded || {{ echo half > {folder}/late.tar; echo '{said}' >&2; exit 125; }}
    test ! -e {folder}/late.tar || {{ echo 'docker-archive does not support modifying' >&2; exit 125; }}
    echo whole > {folder}/late.tar ;;
"load --input") touch {folder}/loaded ;;
esac
"""


def podman(folder: Path, said: str) -> Containers:
    program = folder / "podman"
    program.write_text(_PODMAN.format(folder=folder, said=said))
    program.chmod(0o755)
    return Containers("podman", None, str(program))


def test_images_of_zstd_layers_are_kept_anew_and_then_saved(tmp_path: Path) -> None:
    podman(tmp_path, _ZSTD).save(["quay.io/a:1", "quay.io/b:1"], tmp_path / "late.tar")
    assert (tmp_path / "late.tar").read_text() == "whole\n"
    calls = [line.split(" ")[:3] for line in (tmp_path / "calls").read_text().splitlines()]
    assert [call[0] for call in calls] == ["save", "save", "load", "save", "load", "save"]
    assert calls[1] == ["save", "--format", "oci-archive"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["calls", "late.tar", "loaded", "podman"]


def test_another_refusal_is_told_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed) as caught:
        podman(tmp_path, "no space left on device").save(["quay.io/a:1"], tmp_path / "late.tar")
    assert "no space left" in caught.value.stderr
    assert len((tmp_path / "calls").read_text().splitlines()) == 1

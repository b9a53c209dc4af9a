"""An image whose layers were published with zstd: pulled, kept in an archive, without the layers that a node has."""

from __future__ import annotations

import json
import tarfile
import urllib.request
import uuid
from pathlib import Path

import pytest

from pov.engines.containers import Containers
from pov.engines.image_archive import slim
from tests.contract.official import push, serving

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]


def test_it_is_saved_like_any_other(containers: Containers, tmp_path: Path) -> None:
    name = f"pov-test/zstd-{uuid.uuid4().hex[:8]}"
    (tmp_path / "content").write_text("something\n" * 1000)
    (tmp_path / "Containerfile").write_text("FROM scratch\nCOPY content /a\nCOPY Containerfile /b\n")
    other = f"localhost/{name}-plain:1"
    made = containers.build(tmp_path, other, containerfile=tmp_path / "Containerfile")
    with serving(containers, tmp_path) as address:
        reference = f"{address}/{name}:1"
        try:
            digest = push(containers, other, reference, tmp_path, compression="zstd")
            accepts = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
            asked = urllib.request.Request(f"http://{address}/v2/{name}/manifests/{digest}", headers=accepts)
            published = json.load(urllib.request.urlopen(asked, timeout=10))
            assert {layer["mediaType"] for layer in published["layers"]} == {
                "application/vnd.oci.image.layer.v1.tar+zstd"
            }
            containers.run("rmi", "--force", other)
            containers.run("pull", "--quiet", "--tls-verify=false", reference)
            assert containers.image_id(reference) == made
            containers.save([reference], tmp_path / "late.tar")
            assert containers.image_id(reference) == made, "it is the same image as before"
            slim(tmp_path / "late.tar", set(), tmp_path / "slim.tar")
            with tarfile.open(tmp_path / "slim.tar") as archive:
                assert "index.json" in archive.getnames()
            containers.run("rmi", "--force", reference)
            containers.load(tmp_path / "late.tar")
            assert containers.image_id(reference) == made
        finally:
            containers.run("rmi", "--force", other, reference, check=False)

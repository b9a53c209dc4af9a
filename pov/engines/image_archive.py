"""Archives of images, without the layers that a node has already: a base of 250 MB is not hashed a second time."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import IO, Any

_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_COMPRESSED = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}
"""How compressed layers begin. Docker saves them as its storage has them, where that is containerd's."""
_CHUNK = 2**20


def slim(archive: Path, present: Collection[str], target: Path) -> None:
    """Write the images of a docker archive (`docker save`, `podman save`) as an OCI layout to `target`.

    Layers whose digest (`sha256:…`) is in `present` are left out. Raises `KeyError` for an archive of another form.
    """
    written: set[str] = set()
    entries = []
    with tarfile.open(archive) as source, tarfile.open(target, "w") as out:
        for image in json.loads(_read(source, "manifest.json")):
            config = _read(source, image["Config"])
            layers = []
            for name, diff_id in zip(image["Layers"], json.loads(config)["rootfs"]["diff_ids"], strict=True):
                content = source.extractfile(name)
                assert content is not None
                layer = _layer(content, diff_id)
                layers.append(layer)
                if layer["digest"] not in present and layer["digest"] not in written:
                    written.add(layer["digest"])
                    out.addfile(_named(_blob(layer["digest"]), layer["size"]), content)
            manifest = _encode(
                {
                    "schemaVersion": 2,
                    "mediaType": _MANIFEST,
                    "config": _describe(_CONFIG, config),
                    "layers": layers,
                }
            )
            for blob in (config, manifest):
                if _digest(blob) not in written:
                    written.add(_digest(blob))
                    _add(out, _blob(_digest(blob)), blob)
            entries += [_entry(manifest, tag) for tag in image["RepoTags"]]
        _add(out, "oci-layout", _encode({"imageLayoutVersion": "1.0.0"}))
        _add(out, "index.json", _encode({"schemaVersion": 2, "mediaType": _INDEX, "manifests": entries}))


def _layer(content: IO[bytes], diff_id: str) -> dict[str, Any]:
    """Describes a layer. Uncompressed, as most archives have it, its digest is the one that the configuration tells."""
    kind, digest = _LAYER, diff_id
    begins = content.read(4)
    compression = next((name for name, magic in _COMPRESSED.items() if begins.startswith(magic)), None)
    if compression is not None:
        content.seek(0)
        found = hashlib.sha256()
        for chunk in iter(lambda: content.read(_CHUNK), b""):
            found.update(chunk)
        kind, digest = f"{_LAYER}+{compression}", f"sha256:{found.hexdigest()}"
    size = content.seek(0, io.SEEK_END)
    content.seek(0)
    return {"mediaType": kind, "digest": digest, "size": size}


def _entry(manifest: bytes, tag: str) -> dict[str, Any]:
    annotations = {"io.containerd.image.name": tag, "org.opencontainers.image.ref.name": tag.rsplit(":", 1)[1]}
    return {**_describe(_MANIFEST, manifest), "annotations": annotations}


def _read(source: tarfile.TarFile, name: str) -> bytes:
    content = source.extractfile(name)
    assert content is not None
    return content.read()


def _describe(kind: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": _digest(content), "size": len(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _encode(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True).encode()


def _named(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    return info


def _add(out: tarfile.TarFile, name: str, content: bytes) -> None:
    out.addfile(_named(name, len(content)), io.BytesIO(content))

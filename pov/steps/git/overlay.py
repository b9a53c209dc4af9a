"""One stage's overlay: which services it runs, in which versions, and when their certificates are renewed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pov.base.errors import PovError
from pov.config.estates import Estate
from pov.steps.templates import block, document, render

AGENT_IMAGE = "certificate-agent"
"""The image name that stands for the agent in every base; an overlay says which image it really is."""

TRUST_DOMAIN = "pov.dev"
PROBER = f"spiffe://{TRUST_DOMAIN}/ns/pov-system/sa/prober"
PORT = 8443
_RENDERED = ("kustomization.yaml", "default-deny.yaml", "vault-ca.yaml", "certificate-policy.yaml")
_TOPOLOGY = "topology.json"
FILES = (*_RENDERED, _TOPOLOGY)
"""What an overlay consists of; other files in its folder are somebody else's."""
_SPREAD_S = 2
_REFERENCE = re.compile(r"^(?P<name>[^@]+?)(?::(?P<tag>[\w][\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?$")


@dataclass(frozen=True)
class Kept:
    """What stands in an overlay and does not belong to the bring-up: versions by service, and the renewal's number."""

    images: Mapping[str, str] = field(default_factory=dict)
    generation: int = 1


def overlay(estate: Estate, image: str, ca_pem: str, kept: Kept) -> dict[str, str]:
    """The files of `stages/ENVIRONMENT`, by path. A service keeps the image that `kept` names, others get `image`."""
    folder = f"stages/{estate.name}"
    followed = kept.images.get(AGENT_IMAGE)
    images = {AGENT_IMAGE: image}
    for service in estate.services:
        held = kept.images.get(service)
        # Whoever ran what the bring-up had set before follows it to the new one; another choice stays.
        images[service] = image if held in {None, followed} else str(held)
    values = {
        "stage": estate.name,
        "services": block((f"- ../../services/{name}" for name in sorted(estate.services)), 0),
        "images": image_entries(images),
        "generation": kept.generation,
        "spread": _SPREAD_S,
        "ca": block(ca_pem.strip().splitlines(), 4),
    }
    files = {f"{folder}/{name}": render("repository", "stage", name, values=values) for name in _RENDERED}
    files[f"{folder}/{_TOPOLOGY}"] = topology_file(estate)
    return files


def kept_in(stage: str) -> tuple[str, str]:
    """The files that hold what does not belong to the bring-up: the overlay, and the certificate policy."""
    return f"stages/{stage}/kustomization.yaml", f"stages/{stage}/certificate-policy.yaml"


def read_kept(files: Mapping[str, str], stage: str) -> Kept:
    """What an overlay holds now; nothing for a missing one. Raises `PovError` for one that cannot be read."""
    folder = f"stages/{stage}"
    kustomization, policy = kept_in(stage)
    if kustomization not in files:
        return Kept()
    try:
        return Kept(images_of(files[kustomization]), generation_of(files[policy]))
    except (AttributeError, KeyError, TypeError, ValueError, PovError) as error:
        fix = f"mend {folder} in the configuration repository, then pov up"
        raise PovError(f"{folder} cannot be read", cause=f"{type(error).__name__}: {error}", fix=fix) from error


def images_of(kustomization: str) -> dict[str, str]:
    """Image references by name, from a kustomization."""
    entries: list[dict[str, Any]] = document(kustomization).get("images", [])
    return {entry["name"]: _joined(entry) for entry in entries}


def with_images(kustomization: str, changed: Mapping[str, str]) -> str:
    """The kustomization with other images. Raises `PovError` for a service that it does not run."""
    images = images_of(kustomization)
    unknown = sorted(changed.keys() - images.keys())
    if unknown:
        raise PovError(f"this stage does not run {', '.join(unknown)}")
    return _with_all_images(kustomization, {**images, **changed})


def with_service(kustomization: str, service: str, image: str) -> str:
    """The kustomization with one more service."""
    return _with_all_images(_with_resource(kustomization, service), {**images_of(kustomization), service: image})


def without_service(kustomization: str, service: str) -> str:
    """The kustomization without that service; unchanged if it does not run it."""
    left = {name: image for name, image in images_of(kustomization).items() if name != service}
    line = _resource(service)
    return _with_all_images("".join(x for x in kustomization.splitlines(keepends=True) if x.rstrip() != line), left)


def _resource(service: str) -> str:
    return f"- ../../services/{service}"


def _with_resource(kustomization: str, service: str) -> str:
    head, mark, rest = kustomization.partition("\nconfigMapGenerator:")
    if not mark:
        raise PovError("the kustomization is not as the bring-up wrote it", fix="pov up")
    return kustomization if _resource(service) in head.splitlines() else f"{head}\n{_resource(service)}{mark}{rest}"


def _with_all_images(kustomization: str, images: Mapping[str, str]) -> str:
    head, _, _ = kustomization.partition("\nimages:\n")
    return f"{head}\nimages:\n{image_entries(images)}\n"


def generation_of(policy: str) -> int:
    """The renewal's number, from a certificate policy."""
    return int(document(policy)["data"]["generation"])


def with_generation(policy: str, generation: int) -> str:
    """The certificate policy with another number."""
    changed, count = re.subn(r'(?m)^(\s+generation:\s*)["\']?\d+["\']?\s*$', rf'\g<1>"{generation}"', policy)
    if count != 1:
        raise PovError("the certificate policy holds no generation")
    return changed


def image_entries(images: Mapping[str, str]) -> str:
    """Lines for `images` of a kustomization, sorted, one block for each name."""
    lines = []
    for name, reference in sorted(images.items()):
        lines.append(f"- name: {name}")
        lines += [f"  {key}: {json.dumps(value)}" for key, value in _split(reference).items()]
    return "\n".join(lines)


def topology_file(estate: Estate) -> str:
    """What the mock services read: who may call whom, and how each call behaves."""
    document = {
        "trustDomain": TRUST_DOMAIN,
        "namespace": estate.namespace,
        "prober": PROBER,
        "services": {
            name: {
                "callers": sorted(edge.source for edge in estate.edges if edge.target == name),
                "calls": [
                    {
                        "to": edge.target,
                        "address": f"{edge.target}.{estate.namespace}.svc:{PORT}",
                        "latencyMs": edge.latency_ms,
                        "errorRate": edge.error_rate,
                        "payloadBytes": edge.payload_bytes,
                    }
                    for edge in sorted(estate.edges, key=lambda edge: edge.target)
                    if edge.source == name
                ],
            }
            for name in sorted(estate.services)
        },
    }
    return json.dumps(document, indent=1) + "\n"


def _split(reference: str) -> dict[str, str]:
    match = _REFERENCE.match(reference)
    if match is None:
        raise PovError(f"not an image reference: {reference}")
    parts = {"newName": match["name"], "newTag": match["tag"], "digest": match["digest"]}
    if parts["digest"] is not None:
        parts["newTag"] = None  # kustomize takes one of the two, and a digest says more.
    return {key: value for key, value in parts.items() if value is not None}


def _joined(entry: Mapping[str, Any]) -> str:
    name = str(entry.get("newName", entry["name"]))
    if "digest" in entry:
        return f"{name}@{entry['digest']}"
    return f"{name}:{entry['newTag']}" if "newTag" in entry else name

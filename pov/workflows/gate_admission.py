"""Manifests of a change, tried on the running environment: would its admission policies take them? Nothing is made.

Each is asked by server-side dry run in the name of Argo CD's controller, which brings in what is merged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pov.base.errors import InvalidInput, NotFound, Problem, Transient
from pov.engines.kube import Kube
from pov.scoping.gate import Check, Refusal
from pov.workflows.gate_state import kubeconfig_of

NAME = "admission"
_AS = "system:serviceaccount:argocd:argocd-application-controller"
_GROUPS = ("system:serviceaccounts", "system:serviceaccounts:argocd", "system:authenticated")
_MOST_FILES, _LARGEST = 500, 1024 * 1024
_KEEPER = ("platform team",)


def admission(manifests: Path | None, root: Path, environment: str) -> Check:
    """Try every manifest below a folder on an environment. Raises `InvalidInput` for files that hold none."""
    if manifests is None:
        return Check(NAME, not_checked="no manifests are named (--manifests DIR)")
    found = list(_manifests(manifests))
    kubeconfig, why_not = kubeconfig_of(root, environment)
    if why_not:
        return Check(NAME, not_checked=why_not)
    return tried(found, Kube(kubeconfig), environment)


def tried(manifests: Sequence[Mapping[str, Any]], kube: Kube, environment: str) -> Check:
    """Ask the cluster for each. One without a verdict is refused, so that nothing passes by being odd."""
    if not kube.is_up():
        return Check(NAME, not_checked=f"the cluster of {environment} does not answer")
    limit = f"the admission policies of {environment}"
    told = [(_called(manifest), _asked(kube, manifest)) for manifest in manifests]
    return Check(NAME, tuple(Refusal(f"{what}: {why}", limit, "what it says", _KEEPER) for what, why in told if why))


def _asked(kube: Kube, manifest: Mapping[str, Any]) -> str:
    """Why the cluster would not take it; empty if it would."""
    try:
        allowed, said, _ = kube.can_i_dry_run(manifest, as_user=_AS, as_groups=_GROUPS)
    except (NotFound, Transient) as error:
        return f"no verdict: {error.message}"
    return "" if allowed else said or "it is refused"


def _called(manifest: Mapping[str, Any]) -> str:
    space = manifest["metadata"].get("namespace")
    return f"{manifest['kind']} {manifest['metadata']['name']}" + (f" in {space}" if space else "")


def _manifests(folder: Path) -> Iterator[dict[str, Any]]:
    paths = sorted(path for path in folder.rglob("*") if path.suffix in {".yaml", ".yml"} and path.is_file())
    if not paths or len(paths) > _MOST_FILES:
        told = f"holds {len(paths)} files of YAML, and 1 to {_MOST_FILES} are looked at"
        raise InvalidInput([Problem(str(folder), told, "name a folder of manifests, as rendered")])
    for path in paths:
        for document in filter(None, _documents(path)):
            metadata = document.get("metadata") if isinstance(document, dict) else None
            names = (document.get("apiVersion"), document.get("kind")) if isinstance(document, dict) else ()
            if not isinstance(metadata, dict) or not all(isinstance(n, str) for n in (*names, metadata.get("name"))):
                fix = "one object a document, with apiVersion, kind and metadata.name"
                raise InvalidInput([Problem(str(path), "holds what is no manifest", fix)])
            yield document


def _documents(path: Path) -> list[Any]:
    try:
        if path.stat().st_size > _LARGEST:
            raise InvalidInput([Problem(str(path), f"larger than {_LARGEST // 1024} KiB", "is it a manifest?")])
        text = path.read_text()
        # Aliases are how a small file grows without bound; manifests as rendered have none.
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise InvalidInput([Problem(str(path), "has an alias (*name)", "write the value out")])
        return list(yaml.safe_load_all(text))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise InvalidInput([Problem(str(path), "cannot be read as YAML", "mend the file")]) from error

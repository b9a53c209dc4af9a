"""The deal's repository: what it begins with, and what `pov up` keeps in it. Pure functions to texts by path.

`platform/` holds what pull requests are judged by, and `terraform/modules/` what is built: `pov up` alone writes both.
`deal/` and the root module are seeded once; after that they change by pull request, and by nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from pov.base.errors import PovError
from pov.base.paths import data
from pov.config.engagement import FILE, Engagement
from pov.config.scenario import list_scenarios
from pov.steps.gate.names import DEAL, MANDATE, OFFERING, PLATFORM, REGISTER, REVOKED, ROOT_MODULE, SIGNERS, STAGES

_NOBODY = "# Nobody may approve: the user's own allowed_signers was missing when `pov up` ran.\n"
_MODULES = "terraform/modules"
_MOST_RECORDS = 500
"""Of other deals, each with its signature: what a pull request is judged by is laid out anew for each."""


def is_managed(path: str) -> bool:
    """Whether `pov up` keeps such a file, and removes it when it is no longer wanted."""
    return path == "README.md" or path.startswith((f"{PLATFORM}/", f"{_MODULES}/"))


def managed(offering: Path, own: Path) -> dict[str, str | bytes]:
    """What `pov up` keeps. `own` is the user's folder: signers, revocations, mandate, approvals of other deals.

    Raises `PovError` for more of those than the gate can look at.
    """
    found: dict[str, str | bytes] = {
        "README.md": data("argocd", "gate", "README.md").read_text(),
        f"{PLATFORM}/{OFFERING}": offering.read_text(),
    }
    for name in (SIGNERS, REVOKED, MANDATE, f"{MANDATE}.sig"):
        if (own / name).is_file():
            # As they are: a list of revoked keys that `ssh-keygen -k` made is no text.
            found[f"{PLATFORM}/{name}"] = (own / name).read_bytes()
    found |= {f"{PLATFORM}/{REGISTER}/{inside}": content for inside, content in _register(own / REGISTER)}
    found.setdefault(f"{PLATFORM}/{SIGNERS}", _NOBODY)
    return found | _texts(data(_MODULES), _MODULES)


def _register(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Records and their signatures, by their paths in the folder, which may have one of its own for each deal."""
    records = sorted(path for path in folder.rglob("*.json") if path.is_file())
    if len(records) > _MOST_RECORDS:
        told = f"holds {len(records)} records; the gate looks at {_MOST_RECORDS} at most"
        raise PovError(f"{folder} {told}", fix="keep those that still hold")
    for path in records:
        signature = path.with_name(f"{path.name}.sig")
        for one in (path, *((signature,) if signature.is_file() else ())):
            yield one.relative_to(folder).as_posix(), one.read_bytes()


def seeds(
    engagement: Engagement | None, example: Path, stages: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, str]]:
    """What the repository begins with, by folder: each is written where the branch has no such folder yet.

    The deal is the engagement's where it has a scope, else the scenario's example. `stages` is what `pov up` asks for.
    """
    deal = {STAGES: _stages(stages)}
    if engagement is not None and engagement.scope is not None:
        deal[FILE] = _yaml(_engagement(engagement))
    elif (example / FILE).is_file():
        deal |= {path.name: path.read_text() for path in sorted(example.iterdir()) if path.suffix == ".yaml"}
    return {
        DEAL: {f"{DEAL}/{name}": text for name, text in deal.items()},
        ROOT_MODULE: _texts(data(ROOT_MODULE), ROOT_MODULE),
    }


def _engagement(found: Engagement) -> dict[str, Any]:
    """What of an engagement a deal is: whose it is, and what it asks for. Nothing in it names a file."""
    whole = found.model_dump(mode="json", by_alias=True, exclude_none=True)
    kept = {key: whole[key] for key in ("apiVersion", "kind", "name", "customer", "proof", "scope")}
    kept["scope"].pop("offering", None)
    return kept | ({"scenario": found.scenario} if found.scenario in list_scenarios() else {})


def _stages(stages: Mapping[str, Mapping[str, Any]]) -> str:
    asked = {
        name: {"cpu": one["cpu"], "memoryGib": one["memory_gib"], "pods": one["pods"], "services": one["services"]}
        for name, one in stages.items()
    }
    return _yaml({"apiVersion": "pov.dev/v1", "kind": "Stages", "stages": asked})


def _yaml(document: Mapping[str, Any]) -> str:
    return yaml.safe_dump(json.loads(json.dumps(document)), sort_keys=False, allow_unicode=True, width=120)


def _texts(folder: Path, inside: str) -> dict[str, str]:
    return {
        f"{inside}/{path.relative_to(folder).as_posix()}": path.read_text() for path in sorted(folder.rglob("*.tf"))
    }

"""Criteria that were frozen before anything was measured: one file, its digest, and who countersigned it.

The file lies in the engagement folder, and a copy with its signatures in each run that was measured against it. What
was agreed (`agreed`) is told apart from when it was frozen: the former alone is compared.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pov.base.errors import PovError
from pov.base.files import bytes_of, text_of
from pov.model.reading import parsed
from pov.state.runs import canonical

SCHEMA = "pov.dev/criteria/v1"
FILE = "criteria.frozen.json"
SIGNERS = "allowed_signers"
REVOKED = "revoked_keys"


@dataclass(frozen=True)
class Frozen:
    """`agreed` holds criteria, experiments, services under proof and terms; `content` is the file, byte for byte."""

    content: bytes
    agreed: Mapping[str, Any]
    at: str
    number: int
    because: str

    @property
    def digest(self) -> str:
        """SHA-256 of the file, as hex: what a run records, and what a signature is over."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def agreement(self) -> str:
        """SHA-256 of what was agreed, as hex: what stands on the sheet."""
        return agreement_of(self.agreed)


def agreement_of(agreed: Mapping[str, Any]) -> str:
    """The digest of what is agreed, whenever it is frozen."""
    return hashlib.sha256(canonical(agreed)).hexdigest()


def freeze(agreed: Mapping[str, Any], at: str, *, before: Frozen | None = None, because: str = "") -> Frozen:
    """What is agreed, as it is to be frozen. `because` says why, where something was frozen before."""
    number = before.number + 1 if before else 1
    about = {"at": at, "number": number, "because": because, "before": before.digest if before else ""}
    document = {"schema": SCHEMA, "frozen": about, "agreed": dict(agreed)}
    content = (json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n").encode()
    return Frozen(content, agreed, at, number, because)


def read(folder: Path) -> Frozen | None:
    """What is frozen in a folder, None for nothing. Raises `PovError` if the file cannot be read as such."""
    path = folder / FILE
    try:
        content = bytes_of(path)
        document = parsed(content)
        about, agreed = document["frozen"], document["agreed"]
        if document["schema"] != SCHEMA:
            raise PovError(f"{path} has the schema {document['schema']}", fix="use the version of pov that froze it")
        return Frozen(content, dict(agreed), str(about["at"]), int(about["number"]), str(about["because"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, ArithmeticError, LookupError, TypeError) as error:
        fix = f"git -C {folder} checkout -- {FILE}  (freezing committed it)"
        raise PovError(f"{path} cannot be read", cause=repr(error), fix=fix) from error


def signatures(folder: Path, of: str = FILE) -> dict[str, str]:
    """Signatures beside a file, by name: FILE.sig, as `ssh-keygen -Y sign` writes it, and FILE.WHO.sig."""
    return {path.name: _text(path) for path in sorted(folder.glob(f"{of}*.sig"))}


def _text(path: Path) -> str:
    try:
        return text_of(path)
    except OSError:
        return ""  # no signature, and told as one that is none


def differences(frozen: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What is not as it was frozen, in words, each with both values."""
    before, after = dict(_leaves(frozen, "")), dict(_leaves(now, ""))
    changed = [key for key in dict.fromkeys([*before, *after]) if before.get(key) != after.get(key)]
    return [f"{key}: frozen as {_shown(before, key)}, now {_shown(after, key)}" for key in changed]


def _shown(leaves: Mapping[str, Any], key: str) -> str:
    return json.dumps(leaves[key], ensure_ascii=False) if key in leaves else "nothing"


def _leaves(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Every value by its place; an item of a list goes by its id or name, if it has one."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{where}.{key}" if where else str(key))
    elif isinstance(value, list | tuple):
        for position, inner in enumerate(value, 1):
            named = inner.get("id") or inner.get("name") if isinstance(inner, Mapping) else None
            yield from _leaves(inner, f"{where}[{named or position}]")
    else:
        yield where, value

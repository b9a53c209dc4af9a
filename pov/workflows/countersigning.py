"""Countersignatures beside files: made with somebody's SSH key, and judged by lists of who may sign what.

`ssh-keygen -Y sign` makes the same, without us; whose key it really is is for people to tell each other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pov.base.errors import InvalidInput, Problem
from pov.base.files import bytes_of, require_writable, write_atomic
from pov.base.scratch import scratch
from pov.model.events import Emit, Event
from pov.state import frozen as store

if TYPE_CHECKING:
    from pov.engines.signing import Signer

CRITERIA, RUN, REPORT = "criteria@pov.dev", "run@pov.dev", "report@pov.dev"
"""The namespaces: what a signature is for. One over criteria is none over a run."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")


@dataclass(frozen=True)
class Lists:
    """Who may sign, and which keys count no more: the engagement folder's files, or those that somebody else keeps."""

    signers: Path
    revoked: Path | None = None

    @classmethod
    def of(cls, folder: Path) -> Lists:
        """Those of a folder."""
        gone = folder / store.REVOKED
        return cls(folder / store.SIGNERS, gone if gone.is_file() else None)


@dataclass(frozen=True)
class SignResult:
    """Who signed what, and where the signature lies. `added` says that their key was not known before."""

    path: Path
    signed: Path
    signer: str
    fingerprint: str
    added: bool

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document."""
        return {**vars(self), "path": str(self.path), "signed": str(self.signed)}


@dataclass(frozen=True)
class Signed:
    """What a signature is over: a file and its content, for a purpose, at the moment that it was made."""

    file: Path
    content: bytes
    namespace: str
    at: datetime


def countersign(root: Path, what: Signed, key: Path, name: str, emit: Emit) -> SignResult:
    """Sign a file's content, with the signature beside it. A key that is not known yet is added, and that is told."""
    from pov.engines import signing

    require_possible(root, what.file, key, name)
    signature = signing.sign(what.content, key, namespace=what.namespace)
    signers, lists = root / store.SIGNERS, Lists.of(root)
    added = not _knows(_listed(signers), name)
    line = f'{name} namespaces="{CRITERIA},{RUN},{REPORT}" {signing.public_key(signature)}\n'.encode()
    with scratch() as folder:
        if added:
            # Judged by a copy: whatever ends this early, nobody stands in the list who has not signed.
            lists = replace(lists, signers=folder / store.SIGNERS)
            lists.signers.write_bytes(_with(_listed(signers), line))
        found = verified_by(lists, what, signature)
    if found.principal != name:
        told = f"this is the key of {found.principal} in {signers}"
        raise InvalidInput([Problem("--as", told, f"--as {found.principal}, or sign with the key of {name}")])
    path = _beside(what.file, name)
    write_atomic(path, signature)
    if added:
        write_atomic(signers, _with(_listed(signers), line))
    emit(Event("changed", "criteria", f"{what.file.name} is signed by {name}, key {found.fingerprint}"))
    if added:
        told = f"{name} was added to {signers}: have the key's fingerprint told by another way, {found.fingerprint}"
        emit(Event("warning", "criteria", told))
    return SignResult(path, what.file, name, found.fingerprint, added)


def require_possible(root: Path, file: Path, key: Path, name: str) -> None:
    """Raises `InvalidInput` for a name, a key or a folder that no signature comes of; asked before long work."""
    fix = "a name or an address such as ines.weber@example.com"
    problems = [] if _NAME.fullmatch(name) else [Problem("--as", f"`{name}` cannot name a signer", fix)]
    if not key.is_file():
        problems.append(Problem(str(key), "no such key", "ssh-keygen -t ed25519 -f FILE  (it makes one)"))
    if problems:
        raise InvalidInput(problems)
    require_writable(_beside(file, name), root / store.SIGNERS)


def _beside(file: Path, name: str) -> Path:
    return file.with_name(f"{file.name}.{name}.sig")


def verified_by(lists: Lists, what: Signed, signature: str) -> Signer:
    """Who signed it, by those lists: a key that was valid then, and is not revoked by now. Raises `NotSigned`."""
    from pov.engines import signing

    return signing.verify(
        what.content, signature, signers=lists.signers, namespace=what.namespace, when=what.at, revoked=lists.revoked
    )


def moment(text: str) -> datetime:
    """A recorded moment."""
    return datetime.fromisoformat(text)


def _listed(signers: Path) -> bytes:
    """What stands in the list by now, byte for byte: others write it as well, in whatever encoding."""
    return bytes_of(signers) if signers.is_file() else b""


def _with(known: bytes, line: bytes) -> bytes:
    return known + (b"\n" if known and not known.endswith(b"\n") else b"") + line


def _knows(signers: bytes, name: str) -> bool:
    told = signers.decode(errors="replace")
    lines = (line.split() for line in told.splitlines() if line and not line.startswith("#"))
    return any(name in words[0].split(",") for words in lines if words)

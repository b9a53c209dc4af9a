"""Files that somebody brings, a runbook or a script: a run is measured with what they were at its start."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pov.base.errors import PovError


@dataclass(frozen=True)
class Digested:
    """A file that somebody brought, and the digest of what it was when the run began (SHA-256, hex).

    Of a file alone it is what `sha256sum` prints, so that whoever brought it can compare. With parts it is over name,
    length and content of each file in turn.
    """

    path: Path
    digest: str
    parts: tuple[Path, ...] = ()
    """Further files that belong to it and are in its digest."""

    @classmethod
    def of(cls, path: Path, parts: Sequence[Path] = ()) -> Digested:
        """As it is now. Raises `PovError` where it cannot be read."""
        return cls(path, _digest((path, *parts)), tuple(parts))

    def unchanged(self) -> None:
        """Raises `PovError` if it is not what it was: trials of one arm would not be of one thing."""
        if _digest((self.path, *self.parts)) != self.digest:
            raise PovError(f"{self.path} was changed while it was measured", fix="pov measure")


def _digest(paths: Sequence[Path]) -> str:
    if len(paths) == 1:
        return hashlib.sha256(_content(paths[0])).hexdigest()
    found = hashlib.sha256()
    for path in paths:
        content = _content(path)
        found.update(path.name.encode() + b"\0" + str(len(content)).encode() + b"\0" + content)
    return found.hexdigest()


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PovError(f"{path} cannot be read", cause=str(error.strerror), fix="check the path") from error


@dataclass(frozen=True)
class OwnScript:
    """A script as an arm: its argument list, the folder it starts in, its limit in seconds, its file as it was.

    Once it has ended, the prober has `seen_s` seconds to see its work.
    """

    argv: tuple[str, ...]
    folder: Path
    limit_s: float
    file: Digested
    seen_s: float

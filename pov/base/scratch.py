"""Private folders for the time of one piece of work: gone with it, or, if it was killed, with the next command.

Each is locked by the process that made it. The kernel drops the lock with the process, however that ends; a folder
that nobody holds is one that was left behind.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from pov.base.errors import PovError
from pov.base.files import private_dir
from pov.base.paths import plain_temporary

_OURS = re.compile(r"\.pov-[0-9a-f]{12}")
"""No folder of anybody else's is called so. Short, since sockets lie in some of them."""


class Scratch:
    """A folder of mode 0700 in `where`, by default the user's temporary folder."""

    def __init__(self, where: Path | None = None) -> None:
        parent = where or Path(tempfile.gettempdir())
        discard_left(parent)
        self.path, self._lock = _made(parent)

    @classmethod
    def plain(cls) -> Self:
        """One whose path holds nothing to quote and is short: see `plain_temporary`."""
        return cls(plain_temporary())

    def close(self) -> None:
        """Remove it; twice is fine."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __del__(self) -> None:
        """As for temporary folders of the standard library: one that was dropped is of no use to anybody."""
        with suppress(Exception):
            self.close()


@contextmanager
def scratch(where: Path | None = None) -> Iterator[Path]:
    """A folder that is gone at the end of the block."""
    made = Scratch(where)
    try:
        yield made.path
    finally:
        made.close()


def discard_left(*places: Path) -> None:
    """Remove what killed processes of this user have left; nothing that is in use, and nothing of anybody else's."""
    for folder in _left(places or _usual()):
        # Another user's cannot be opened, and somebody else may be removing it as well.
        with suppress(OSError):
            lock = _locked(folder)
            if lock is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


def _usual() -> set[Path]:
    places = set()
    # That there is none is told to who needs one.
    with suppress(OSError):
        places.add(Path(tempfile.gettempdir()))
    with suppress(OSError, PovError):
        places.add(plain_temporary())
    return places


def _left(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        try:
            names = [entry.name for entry in os.scandir(place) if _OURS.fullmatch(entry.name)]
        except OSError:
            continue
        yield from (place / name for name in names)


def _made(parent: Path) -> tuple[Path, int]:
    while True:
        path = private_dir(parent / f".pov-{secrets.token_hex(6)}")
        try:
            lock = _locked(path)
        except OSError:
            # A file system without locks: nobody will take it for left behind, nor remove it if it is.
            return path, -1
        if lock is not None:
            return path, lock
        # Somebody took it for left behind between these two lines, and removes it.


def _locked(folder: Path) -> int | None:
    """A lock on the folder, if nobody holds it and it is this user's own; closing the number ends it."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        found = os.fstat(opened)
        if found.st_uid == os.geteuid() and not found.st_mode & 0o077:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Removed meanwhile, it is not this one any more.
            if os.path.samestat(found, folder.lstat()):
                return opened
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError:
        os.close(opened)
        raise
    os.close(opened)
    return None

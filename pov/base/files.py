"""Files that are either the old or the new content, never half of one."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from pov.base.errors import PovError


def write_atomic(path: Path, data: bytes | str, mode: int = 0o644) -> None:
    """Write `data` to a temporary file beside `path` and rename it into place; parent folders are made.

    Raises `OSError` where `path` is a device, a pipe or a socket: root would put a file in its place.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise FileExistsError(errno.EEXIST, "is a device, a pipe or a socket, and no file", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    content = data.encode() if isinstance(data, str) else data
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def private_dir(path: Path) -> Path:
    """Make `path` a folder that only its owner can enter. Raises `PovError` where the file system keeps no modes."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    if path.stat().st_mode & 0o077:
        fix = "use a folder on a file system that keeps permissions"
        raise PovError(f"{path} cannot be made private: others could read what is kept there", fix=fix)
    return path

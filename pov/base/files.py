"""Files that are either the old or the new content, never half of one."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path

from pov.base.errors import InvalidInput, PovError, PreflightFailed, Problem

_LONGEST = 2048
"""Bytes of a path that leave room for what lies below it: the kernel takes 4095."""
_NO_FILE = "is a device, a pipe or a socket, and no file"


def write_atomic(path: Path, data: bytes | str, mode: int = 0o644) -> None:
    """Write `data` to a temporary file beside `path` and rename it into place; parent folders are made.

    Raises `OSError` where `path` is a device, a pipe or a socket: root would put a file in its place.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise FileExistsError(errno.EEXIST, _NO_FILE, str(path))
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


def require_file(path: Path) -> None:
    """Raises `OSError` for what cannot be read to its end: nobody may ever write into a pipe, a device has no end."""
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(errno.EINVAL, _NO_FILE, str(path))


def bytes_of(path: Path) -> bytes:
    """The content of a file. Raises `OSError` where there is none, and for a folder, a device, a pipe or a socket."""
    require_file(path)
    return path.read_bytes()


def text_of(path: Path) -> str:
    """Its text, with a mark for each byte that is none. Raises as `bytes_of`."""
    require_file(path)
    return path.read_text(errors="replace")


def descriptor_to_append(path: Path, mode: int = 0o644) -> int:
    """Open a file that is read and added to, its folder being there; made with `mode` where it is not.

    `open` would make it with what the umask leaves of 0666: with a umask of 0 anybody could write it.
    """
    return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, mode)


def private_dir(path: Path) -> Path:
    """Make `path` a folder that only its owner can enter. Raises `PovError` where the file system keeps no modes."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    if path.stat().st_mode & 0o077:
        fix = "use a folder on a file system that keeps permissions"
        raise PovError(f"{path} cannot be made private: others could read what is kept there", fix=fix)
    return path


def require_readable(*folders: Path) -> None:
    """Raises `PreflightFailed` for the first of these that is there and that this user may not look into.

    What is in it would look as if it were not there. The folders above come first.
    """
    for folder in folders:
        try:
            mode = folder.stat().st_mode
        except PermissionError:
            pass
        except OSError:
            continue
        else:
            if not stat.S_ISDIR(mode) or os.access(folder, os.R_OK | os.X_OK):
                continue
        said, fix = (
            f"cannot be read by user {os.geteuid()}",
            "chmod it, be the user it belongs to, or choose another folder",
        )
        raise PreflightFailed([Problem(str(folder), said, fix)])


def save(path: Path, content: bytes | str) -> None:
    """Write a file that the user asked for; a link stays one. Raises `PovError` where it cannot be written."""
    try:
        write_atomic(path.resolve(), content)
    except OSError as error:
        raise PovError(
            f"cannot write {path}", cause=str(error), fix="choose another file, or free some space"
        ) from error


def require_writable(*paths: Path) -> None:
    """Raises `InvalidInput` with each of these files that could not be written. Asked before long work."""
    if problems := [problem for path in paths for problem in in_the_way(path)]:
        raise InvalidInput(problems)


def in_the_way(path: Path) -> list[Problem]:
    """What stands in the way of writing a file, which need not be there: asked as `write_atomic` would be.

    A file is made beside it and removed again: modes do not tell what root may not do, nor what name is too long.
    """
    fix = "choose another file"
    try:
        real = path.resolve()
        if real.is_dir():
            return [Problem(str(path), "is a folder", "name a file in it")]
        if real.exists() and not real.is_file():
            return [Problem(str(path), _NO_FILE, fix)]
        if problems := obstacles(real.parent):
            return problems
        with tempfile.NamedTemporaryFile(dir=_nearest(real.parent), prefix=f".{real.name}."):
            return []
    except RuntimeError:
        return [Problem(str(path), "is a link that leads back to itself", fix)]
    except OSError as error:
        return [Problem(str(path), f"cannot be written: {error.strerror}", fix)]


def obstacles(folder: Path) -> list[Problem]:
    """What stands in the way of keeping files in `folder`, which need not be there. Asked before the first change."""
    where = str(folder)
    if not where.isprintable():
        fix = "choose a folder whose path is plain text in UTF-8"
        return [Problem(ascii(where), "holds characters that configuration files cannot hold", fix)]
    if len(os.fsencode(where)) > _LONGEST:
        return [Problem(f"{where[:60]}…", f"is a path of more than {_LONGEST} bytes", "choose a shorter one")]
    try:
        there = _nearest(folder)
        is_folder = there.is_dir()
    except OSError as error:
        return [Problem(where, str(error.strerror), "choose a folder that can be entered")]
    if not is_folder:
        return [Problem(str(there), "is no folder", "choose another folder, or move it away")]
    if not os.access(there, os.W_OK | os.X_OK):
        said = f"cannot be written by user {os.geteuid()}; it belongs to user {there.stat().st_uid}"
        return [Problem(str(there), said, "choose a folder that is yours, on a disk that takes writes")]
    return []


def _nearest(folder: Path) -> Path:
    """The nearest folder above that is there, or itself."""
    # lstat rather than exists(): a link that leads nowhere is in the way, and a folder nobody may enter is told.
    while not _is_there(folder):
        folder = folder.parent
    return folder


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True

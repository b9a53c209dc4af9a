"""Where things lie: the declarations shipped with `pov`, and the user's cache."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from pov.base.errors import InvalidInput, PovError, Problem

_PLAIN = re.compile(r"/[A-Za-z0-9/._-]{1,39}")
"""The address of a socket has no more than 103 bytes on some systems, and SSH appends 17 to a name of its own."""
SET_CACHE = "set POV_CACHE to a folder that can be written"
_PACKAGE = Path(__file__).resolve().parent.parent


def data(*parts: str) -> Path:
    """A shipped declaration: `data("scenarios", "gitops-35")`. Works in a checkout and from a wheel."""
    checkout = _PACKAGE.parent
    root = checkout if (checkout / "pyproject.toml").is_file() else _PACKAGE / "_data"
    return root.joinpath(*parts)


def installation() -> Path:
    """The folder of this very `pov`: another checkout, or another virtual environment, has another."""
    return _PACKAGE


def cache_root() -> Path:
    """The folder for what can be made again: `$POV_CACHE`, or `pov` in the user's cache folder.

    Raises `InvalidInput` where neither says where that is, or where its path has a colon in it, at which Go and
    container engines end a path. `$XDG_CACHE_HOME` counts only when it is absolute, as its own rules say.
    """
    root = _cache_root()
    if ":" in str(root):
        told = f"{root} has a colon in it, at which compilers and container engines end a path"
        raise InvalidInput([Problem("the cache", told, "set POV_CACHE to a folder without one")])
    return root


def _cache_root() -> Path:
    override = os.environ.get("POV_CACHE")
    if override:
        if not Path(override).is_absolute():
            raise InvalidInput([Problem("POV_CACHE", f"{override} is not an absolute path", "start it with /")])
        return Path(override)
    cache = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(cache) if cache.startswith("/") else _user_folder() / ".cache") / "pov"


def config_root() -> Path:
    """The folder for what this user has set: `pov` in the user's configuration folder. Raises as `cache_root` does."""
    config = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(config) if config.startswith("/") else _user_folder() / ".config") / "pov"


def plain_temporary() -> Path:
    """A folder for temporary files whose path some tool takes apart, or which holds sockets: short, nothing to quote.

    The user's own where it is like that, else the system's. Raises `PovError` where there is none.
    """
    for folder in (tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm"):  # noqa: S108 - names in it are random
        if _PLAIN.fullmatch(folder) and Path(folder).is_dir() and os.access(folder, os.W_OK | os.X_OK):
            return Path(folder)
    fix = "set TMPDIR to a folder of at most 40 letters, digits, dots and dashes that can be written"
    raise PovError("no folder for temporary files will do", fix=fix)


def _user_folder() -> Path:
    try:
        home = Path.home()
    except RuntimeError as error:
        raise InvalidInput([Problem("HOME", "is not set, and this user has no home folder", SET_CACHE)]) from error
    if not home.is_absolute():
        raise InvalidInput([Problem("HOME", f"{home} is not an absolute path", SET_CACHE)])
    return home

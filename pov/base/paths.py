"""Where things lie: the declarations shipped with `pov`, and the user's cache."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def data(*parts: str) -> Path:
    """A shipped declaration: `data("scenarios", "gitops-35")`. Works in a checkout and from a wheel."""
    checkout = _PACKAGE.parent
    root = checkout if (checkout / "pyproject.toml").is_file() else _PACKAGE / "_data"
    return root.joinpath(*parts)


def cache_root() -> Path:
    """The folder for what can be made again: `$POV_CACHE`, or `pov` in the user's cache folder."""
    override = os.environ.get("POV_CACHE")
    if override:
        return Path(override)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pov"

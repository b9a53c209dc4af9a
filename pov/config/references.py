"""Which scenario is meant, told so that it means the same from any folder, and the name that follows from it."""

from __future__ import annotations

from pathlib import Path

from pov.base.errors import InvalidInput, Problem
from pov.base.names import derive
from pov.config.scenario import Scenario, list_scenarios

_ENDINGS = {".yaml", ".yml"}


def absolute(reference: str, base: Path) -> str:
    """A shipped scenario's name as it is, anything else as an absolute path; a relative one starts at `base`.

    What is neither stays as it is: reading it tells what is known. Raises `InvalidInput` for what cannot be a path.
    """
    if not reference or not reference.isprintable():
        raise InvalidInput([Problem("scenario", f"{reference!r} is no scenario", "a name or a path")])
    if reference in list_scenarios():
        return reference
    path = base.absolute() / reference
    if path.suffix not in _ENDINGS and "/" not in reference and not _there(path):
        return reference
    # Dots are taken out by the file system itself: what lies behind a link has another parent than its name tells.
    return str(path.resolve() if ".." in path.parts else path)


def environment_name(reference: str, scenario: Scenario) -> str:
    """The name of an environment that was given none: from the scenario's file or folder, else the scenario's own."""
    path = Path(reference)
    inside_folder = path.name in {"scenario.yaml", "scenario.yml"}
    text = path.parent.name if inside_folder else path.stem if path.suffix in _ENDINGS else path.name
    return derive(text) or scenario.name


def _there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        raise InvalidInput([Problem(str(path), str(error.strerror), "check the path")]) from error

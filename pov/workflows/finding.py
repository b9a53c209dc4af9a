"""Which run is meant: one rule for every command, so that none takes another run than the rest do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pov.base.errors import InvalidInput, NoSuchInput, NotFound, Problem
from pov.state.home import Home, among

LATEST = "latest"


def folders(root: Path, name: str | None) -> list[Path]:
    """The runs' folders of every environment here, or of the named one, oldest first; damaged ones among them."""
    from pov.workflows.environment import home_of

    if name is not None:
        home_of(root, name)
    found = among(root, f"{name or '*'}/runs/*/")
    return sorted((path for path in found if path.is_dir()), key=lambda path: (path.name, str(path)))


def located(root: Path, name: str | None, wanted: str | None) -> tuple[Home, Path]:
    """The environment's folder and that of the run which is meant in it.

    A run is meant by its id, or by as much of its end or beginning as no other run shares; without one, or as `latest`,
    the newest. A damaged one is found as any other, and whoever reads it tells: the newest is never an older one.

    Raises `NoSuchInput` if the named one is not there, `NotFound` if there is none at all, `InvalidInput` where several
    may be meant.
    """
    newest = wanted is None or wanted == LATEST
    known = folders(root, name)
    if not known:
        raise _nothing(root, name, NotFound if newest else NoSuchInput)
    path = _newest(known) if wanted is None or newest else _named(known, wanted)
    home = Home(path.parent.parent)
    return home, home.runs_dir / path.name


def _newest(known: Sequence[Path]) -> Path:
    names = sorted({path.parent.parent.name for path in known})
    if len(names) > 1:
        told = f"several environments have runs: {', '.join(names)}"
        raise InvalidInput([Problem("--name", told, f"pov --name {names[0]} …")])
    return known[-1]


def _named(known: Sequence[Path], wanted: str) -> Path:
    exact = [path for path in known if path.name == wanted]
    found = exact or [path for path in known if wanted and (path.name.startswith(wanted) or path.name.endswith(wanted))]
    names = ", ".join(path.name for path in found or known)
    if not found:
        raise NoSuchInput(f"no run {wanted}", cause=f"runs: {names}", fix="pov runs list")
    if len(found) > 1:
        told = f"`{wanted}` is the beginning or end of several: {names}"
        raise InvalidInput([Problem("RUN", told, "one of them, whole")])
    return found[0]


def _nothing(root: Path, name: str | None, kind: type[NotFound]) -> NotFound:
    from pov.workflows.environment import nothing_measured

    others = sorted({path.parent.parent.name for path in folders(root, None)})
    if not others:
        return nothing_measured(root, kind)
    told = f"environments with runs: {', '.join(others)}"
    return kind(
        f"nothing was measured yet in {name}", cause=told, fix=f"--name {others[0]}, or pov measure --name {name}"
    )

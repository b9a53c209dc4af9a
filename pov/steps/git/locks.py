"""Locks that a killed push left in the Git server's repository.

Git holds one for a few milliseconds while it moves a branch, takes it for somebody else's work for ever after, and
refuses whoever comes next.
"""

from __future__ import annotations

from pov.base.errors import PovError
from pov.steps.context import Context
from pov.steps.git.server import run_inside

_ROOT = "/var/lib/gitea/git/repositories"
_SIGNS = ("cannot lock ref", ".lock': File exists")


def told_by(error: PovError) -> bool:
    """Whether somebody was refused because of a lock."""
    return any(sign in f"{error.message}\n{error.cause}" for sign in _SIGNS)


def take_away(ctx: Context, repository: str) -> list[str]:
    """Remove the locks of branches that are a minute old; returns their paths. A younger one may be at work."""
    return run_inside(ctx, command(repository)).split()


def command(repository: str) -> tuple[str, ...]:
    """What does it inside the server. Objects have locks of their own, for work that may take longer."""
    found = f"{_ROOT}/{repository}.git"
    aside = ("-path", f"{found}/objects", "-prune", "-o", "-path", f"{found}/hooks", "-prune", "-o")
    old = ("-type", "f", "-name", "*.lock", "-mmin", "+1")
    return ("find", found, *aside, *old, "-print", "-exec", "rm", "-f", "{}", "+")

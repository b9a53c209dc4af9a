"""The deal that an environment follows: as the protected branch held it when a merge of it was last applied.

It is kept beside the environment, as what it was asked to be is. From then on every plan asks for the deal's stages
too, by the deal's offering and approvals, with its root module: a bring-up neither takes back what was merged, nor
applies what was merged since.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pov.base.errors import PovError
from pov.base.files import write_atomic
from pov.config.engagement import Engagement, load_engagement
from pov.config.offering import Offering, load_offering
from pov.config.stages import load_stages
from pov.engines.history import is_held
from pov.state.home import Home
from pov.steps.gate.names import DEAL, OFFERING, PLATFORM, REPOSITORY, ROOT_MODULE, STAGES

RECORD = "deal.json"
_FOLDER = "deal"
_FIX = f"put it back, or pov down and pov up: a new environment follows no merge of {REPOSITORY} yet"
BACKEND_FILE = "pov_gate_override.tf"
"""Whatever backend a root module names, the one in this file takes its place."""
WITH_STATE = """terraform {
  backend "kubernetes" {
    secret_suffix = "landing-zone"
    namespace     = "pov-terraform"
  }
}
"""


@dataclass(frozen=True)
class Origin:
    """Where it is from: the commit of main, the merge that brought it there, whose pull request, and its plan."""

    commit: str
    merge: str
    pull: int
    plan: str


@dataclass(frozen=True)
class Followed:
    """A deal, and the folder with the files of its commit. Files are read when they are asked for."""

    origin: Origin
    folder: Path

    @property
    def stages(self) -> dict[str, dict[str, Any]]:
        """What it asks for. Raises `InvalidInput` where the file is not there or wrong."""
        return load_stages(self.folder / DEAL / STAGES)

    @property
    def offering_file(self) -> Path:
        """The offering of the protected branch."""
        return self.folder / PLATFORM / OFFERING

    @property
    def offering(self) -> Offering:
        """The same, read."""
        return load_offering(self.offering_file)

    @property
    def engagement(self) -> Engagement:
        """Whose deal it is, and its scope."""
        return load_engagement(self.folder / DEAL)

    def furnish(self, root: Path) -> None:
        """Put its root module in place of the one that lies in `root`, on the state of the landing zone."""
        for path in root.glob("*.tf"):
            path.unlink()
        for path in sorted((self.folder / ROOT_MODULE).glob("*.tf")):
            shutil.copyfile(path, root / path.name)
        write_atomic(root / BACKEND_FILE, WITH_STATE)


def followed(home: Home) -> Followed | None:
    """The deal that an environment follows; None where no merge was ever applied.

    Raises `PovError` where it cannot be read, its files are gone, or a commit of a repository around it may have
    brought it: it names the text that Terraform is given.
    """
    path = home.root / RECORD
    try:
        found = json.loads(path.read_text())
        origin = Origin(str(found["commit"]), str(found["merge"]), int(found["pull"]), str(found["plan"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise PovError(f"{path} cannot be read", cause=repr(error), fix=_FIX) from error
    deal = Followed(origin, home.root / _FOLDER / origin.commit)
    if not (deal.folder / DEAL).is_dir():
        raise PovError(f"{path} names what is not there", cause=str(deal.folder), fix=_FIX)
    if is_held(path):
        told = f"{path} is held by the repository around it: whoever commits there would choose what is applied"
        raise PovError(told, fix="git rm -r --cached .pov, where it is held, then this again")
    return deal


def keep(home: Home, deal: Followed) -> Followed:
    """Have the environment follow `deal` from here on. Raises `PovError` if the disk refuses."""
    try:
        return _kept(home, deal)
    except OSError as error:
        fix = "free some space on this disk, or make the folder writable"
        raise PovError(f"{REPOSITORY} cannot be kept beside the environment", cause=str(error), fix=fix) from error


def _kept(home: Home, deal: Followed) -> Followed:
    # Its files first, then what points to them.
    place = home.root / _FOLDER / deal.origin.commit
    if not place.is_dir():
        half = place.with_name(f"{place.name}.new")
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(deal.folder, half)
        half.rename(place)
    write_atomic(home.root / RECORD, json.dumps(asdict(deal.origin), indent=2) + "\n")
    for other in place.parent.iterdir():
        if other != place:
            shutil.rmtree(other, ignore_errors=True)
    return Followed(deal.origin, place)


def joined(own: Mapping[str, Mapping[str, Any]], asked: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Stages of the scenario, and those that a deal asks for; of a stage that both name the deal's figures count."""
    return {name: dict(figures) for name, figures in {**own, **asked}.items()}

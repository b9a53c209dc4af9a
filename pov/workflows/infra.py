"""`pov infra log`: what Terraform was made to do to an environment, by whom, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pov.base.errors import CriterionNotMet, NotFound
from pov.state.home import TERRAFORM_LOG, among
from pov.state.terraform_log import Log, read_log
from pov.workflows.environment import choose, environments, home_of


@dataclass(frozen=True)
class LogResult:
    """One environment's log, and where it lies."""

    name: str
    path: Path
    log: Log

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document."""
        return {"name": self.name, "file": str(self.path), **self.log.as_json()}

    def raise_for(self) -> None:
        """Raises `CriterionNotMet` where a line was changed, dropped or cut off."""
        if self.log.problems:
            fix = "the lines above; what a run or a check kept of the log tells what stood there"
            raise CriterionNotMet(f"the log of {self.name} is not whole", fix=fix)


def run_log(root: Path, name: str | None) -> LogResult:
    """Read the log, also that of an environment that was taken down. Raises `NotFound` where there is none."""
    chosen = _chosen(root, name)
    path = home_of(root, chosen).terraform_log
    if not path.is_file():
        raise NotFound(f"Terraform has not been run for {chosen}, or by a version that kept no log", fix="pov up")
    return LogResult(chosen, path, read_log(path))


def _chosen(root: Path, name: str | None) -> str:
    left = sorted(path.parent.name for path in among(root, f"*/{TERRAFORM_LOG}"))
    if name is None and not environments(root) and len(left) == 1:
        return left[0]
    return choose(root, name)

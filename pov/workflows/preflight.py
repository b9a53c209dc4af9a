"""What is in the way of `pov up`, found before anything is changed and told all at once."""

from __future__ import annotations

from pov.base.errors import PreflightFailed, Problem
from pov.bundle import Bundle
from pov.config.scenario import Scenario
from pov.state.home import Home, obstacles
from pov.steps.targets import OwnCluster
from pov.workflows import tools


def check(home: Home, scenario: Scenario, cluster: OwnCluster, bundle: Bundle | None) -> None:
    """Raise `PreflightFailed` with every problem of folder, tools and target. `bundle` is None if it will be built."""
    problems: list[Problem] = list(obstacles(home.root))
    if not problems:
        # What the target looks at lies in that folder, too.
        problems += tools.problems(bundle.binaries if bundle is not None else None)
        try:
            cluster.check(scenario)
        except PreflightFailed as error:
            problems += error.problems
    if problems:
        raise PreflightFailed(problems)

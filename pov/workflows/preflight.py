"""What is in the way of `pov up`, found before anything is changed and told all at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from pov.base.errors import PreflightFailed, Problem
from pov.base.files import obstacles
from pov.bundle import Bundle
from pov.config.scenario import Scenario
from pov.state.home import Home
from pov.steps.targets import OwnCluster
from pov.workflows import tools


def check(home: Home, scenario: Scenario, cluster: OwnCluster, bundle: Bundle | None) -> None:
    """Raise `PreflightFailed` with every problem of folder, tools and target. `bundle` is None if it will be built."""
    problems: list[Problem] = list(obstacles(home.root))
    if not problems:
        # What the target looks at lies in that folder, too.
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="tools") as pool:
            about_tools = pool.submit(tools.problems, bundle.binaries if bundle is not None else None)
            about_target = _of_target(cluster, scenario)
        problems += [*about_tools.result(), *about_target]
    if problems:
        raise PreflightFailed(problems)


def _of_target(cluster: OwnCluster, scenario: Scenario) -> Sequence[Problem]:
    try:
        cluster.check(scenario)
    except PreflightFailed as error:
        return error.problems
    return ()

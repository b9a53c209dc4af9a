"""One trial on a standing environment, as `pov measure` takes it, without a run around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from pov.base.clock import SYSTEM_CLOCK
from pov.experiments import EXPERIMENTS
from pov.experiments.core import Experiment
from pov.measure.order import Slot
from pov.measure.trials import Result, run_trial
from pov.workflows.toolbox import toolbox
from tests.e2e.harness import Environment

IN_THIS_PROCESS = (
    # A trial's connections end with its process; here the process goes on, and the collector finds them.
    pytest.mark.usefixtures("connections_let_go"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
)
"""Marks of the tests that take one."""


def trial(
    environment: Environment,
    experiment: str,
    arm: str,
    *,
    experiments: Mapping[str, Experiment] = EXPERIMENTS,
    logs: Path | None = None,
    usual: dict[str, float] | None = None,
) -> Result:
    """Take it; `experiments` may have arms that somebody brought, `logs` is the folder for what scripts print.

    `usual` is what trials of one run know of times, where several are one run's.
    """
    box = replace(toolbox(environment.context()), run="e2e", logs=logs, usual={} if usual is None else usual)
    slot = Slot(experiment, arm, 1)
    return run_trial(slot, lambda: experiments[experiment].arms[arm].make(box, slot), SYSTEM_CLOCK)

"""What is measured. Add an experiment: write its module, put its line into `EXPERIMENTS`."""

from __future__ import annotations

from collections.abc import Mapping

from pov.experiments import deploy, rotate
from pov.experiments.core import Experiment

EXPERIMENTS: Mapping[str, Experiment] = {
    experiment.name: experiment for experiment in (deploy.EXPERIMENT, rotate.EXPERIMENT)
}

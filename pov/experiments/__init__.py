"""What is measured. Each experiment of the catalogue has a module here by its name, and in it an `EXPERIMENT`.

A dash in the name is an underscore in the module's.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from pov.experiments.core import Experiment
from pov.model import catalogue
from pov.model.registry import Registry

EXPERIMENTS: Registry[Experiment] = Registry("experiment")


def attach(experiment: Experiment) -> Experiment:
    """Say what is done in an experiment of the catalogue. Raises `ValueError` for unknown names, or if it was said."""
    unknown = [arm for arm in experiment.arms if arm not in catalogue.ARMS]
    if experiment.name not in catalogue.EXPERIMENTS:
        unknown.insert(0, experiment.name)
    if unknown:
        raise ValueError(f"not in the catalogue: {', '.join(unknown)}")
    if (experiment.own is not None) != catalogue.EXPERIMENTS[experiment.name].own:
        raise ValueError(f"{experiment.name}: the catalogue says otherwise whether it takes own arms")
    return EXPERIMENTS.register(experiment)


def attach_all(names: Iterable[str]) -> None:
    """Attach what the modules of these experiments say. Raises `ImportError` where there is none."""
    for name in names:
        attach(import_module(f"{__name__}.{name.replace('-', '_')}").EXPERIMENT)


attach_all(catalogue.EXPERIMENTS)

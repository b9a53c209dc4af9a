"""What an experiment is: a name, and for each of its arms a way to make a trial."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pov.experiments.toolbox import Toolbox
from pov.measure.order import Slot
from pov.measure.trials import Trial

MakeTrial = Callable[[Toolbox, Slot], Trial]


@dataclass(frozen=True)
class Experiment:
    """Something that is measured in several arms; making a trial touches nothing yet.

    `negative` makes the trial that must fail requests, where there is one; it works on the legacy estate.
    """

    name: str
    arms: Mapping[str, MakeTrial]
    negative: MakeTrial | None = None

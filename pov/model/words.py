"""The catalogue as one run knew it: this version's, with the words that the run itself was measured with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

from pov.model.catalogue import ARMS, EXPERIMENTS, METRICS, proposed
from pov.model.kinds import AUTOMATED, PERSON, Arm, Experiment, Metric


@dataclass(frozen=True)
class Words:
    """The catalogue as a reader of one run sees it: this version's, with what the run itself recorded on top."""

    experiments: Mapping[str, Experiment] = field(default_factory=lambda: EXPERIMENTS)
    arms: Mapping[str, Arm] = field(default_factory=lambda: ARMS)
    metrics: Mapping[str, Metric] = field(default_factory=lambda: METRICS)

    def as_json(self) -> dict[str, Any]:
        """To be saved with a run."""
        kinds = {"experiments": self.experiments, "arms": self.arms, "metrics": self.metrics}
        return {kind: [asdict(item) for item in items.values()] for kind, items in kinds.items()}  # type: ignore[call-overload]

    def with_arms(self, arms: Iterable[Arm]) -> Words:
        """The same with further arms: those that an engagement brings."""
        return Words(self.experiments, {**self.arms, **{arm.name: arm for arm in arms}}, self.metrics)

    @classmethod
    def of(cls, recorded: object) -> Words:
        """Out of a run's record, however damaged."""
        found = recorded if isinstance(recorded, Mapping) else {}
        return cls(
            {**EXPERIMENTS, **_read(Experiment, found.get("experiments"))},
            {**ARMS, **_read(Arm, found.get("arms"))},
            {**METRICS, **_read(Metric, found.get("metrics"))},
        )

    def experiment(self, name: str) -> Experiment:
        """Its data; an unknown one keeps the name it was saved with."""
        return self.experiments.get(name) or Experiment(name, name.capitalize(), name)

    def arm(self, name: str) -> Arm:
        """Its data; an unknown one keeps the name it was saved with, and enters no comparison.

        What was done in a person's place (`NAME-simulated`) stands apart as the person's own does.
        """
        whose = self.arms.get(name.rpartition("-")[0])
        kind = PERSON if whose is not None and whose.by_people else AUTOMATED
        return self.arms.get(name) or Arm(name, name.capitalize(), kind=kind, compared=False)

    def proposed(self) -> Arm:
        """The arm that is proposed."""
        return next((arm for arm in self.arms.values() if arm.proposed), proposed())

    def metric(self, name: str) -> Metric:
        """Its data; an unknown one is a further figure of the trials, by its median."""
        return self.metrics.get(name) or Metric(name, name.replace("_", " "), name, unit="")


Data = TypeVar("Data", Experiment, Arm, Metric)


def _read(kind: type[Data], items: object) -> dict[str, Data]:
    """Those of `items` that are whole: every key known, every value of its field's type."""
    known = {f.name: f for f in fields(kind)}
    found = {}
    for item in items if isinstance(items, list) else ():
        if not isinstance(item, Mapping) or not set(item) <= set(known):
            continue
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in item.items()
        }
        if all(_fits(str(known[key].type), value) for key, value in values.items()) and values.get("name"):
            try:
                read = kind(**values)
            except TypeError:
                continue
            found[read.name] = read
    return found


def _fits(annotation: str, value: object) -> bool:
    types: dict[str, type] = {"str": str, "bool": bool}
    wanted = types.get(annotation)
    return isinstance(value, wanted) if wanted else isinstance(value, tuple) and all(isinstance(v, str) for v in value)

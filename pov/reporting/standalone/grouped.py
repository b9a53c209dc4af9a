"""Samples by experiment and arm."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from pov.reporting.standalone.arms import Arm, amount
from pov.reporting.standalone.checks import Checks
from pov.reporting.standalone.known import APART
from pov.reporting.standalone.letters import mapping
from pov.reporting.standalone.trials import saw


class Grouped(Checks):
    """The samples by experiment and arm, in the words of the run's own catalogue."""

    def __init__(self, folder: Path, own: bytes = b"") -> None:
        super().__init__(folder, own)
        self.arms: dict[str, dict[str, Any]] = {}
        self.metrics: dict[str, dict[str, Any]] = {}
        self.titles: dict[str, dict[str, Any]] = {}
        self.experiments: dict[str, dict[str, Arm]] = {}
        self.hands: dict[str, dict[str, Arm]] = {}
        self.people: list[Arm] = []
        self.planned: Counter[tuple[Any, Any]] = Counter()

    def group(self) -> None:
        """Samples by experiment and arm, in the catalogue's order."""
        named: dict[str, dict[str, Any]] = {"arms": {}, "metrics": {}, "experiments": {}}
        # What the run recorded counts; what it did not is as the report has it.
        for catalogue in (self.report.get("catalogue") or {}, self.environment.get("catalogue") or {}):
            for kind, items in named.items():
                items.update({item["name"]: item for item in catalogue.get(kind) or []})
        self.arms, self.metrics, self.titles = named["arms"], named["metrics"], named["experiments"]
        order = {name: at for at, name in enumerate(self.arms)}
        found: dict[str, dict[str, list[dict[str, Any]]]] = {name: {} for name in self.titles}
        for s in self.samples:
            origin = s.get("origin")
            # A script in a person's place is no machine's arm; people's own arms are theirs by name.
            own = {"person"} if self.kind(s["arm"]) == "person" else {"executed", "simulated"}
            arm = s["arm"] if origin in own else f"{s['arm']}-{origin}"
            found.setdefault(s["experiment"], {}).setdefault(arm, []).append(s)
        every = {
            name: {arm: Arm(by[arm]) for arm in sorted(by, key=lambda a: (order.get(a, len(order)), a))}
            for name, by in found.items()
            if by
        }
        # People stand apart from all that machines do, and enter none of their figures.
        self.hands = {
            name: {arm: own for arm, own in by.items() if self.kind(arm) == "person"} for name, by in every.items()
        }
        self.people = [own for by in self.hands.values() for own in by.values()]
        self.experiments = {
            name: {arm: own for arm, own in by.items() if self.kind(arm) != "person"} for name, by in every.items()
        }
        facts = mapping(self.summary.get("run"))
        plan = self.environment.get("plan") or self.environment.get("planned") or facts.get("planned")
        for p in plan if isinstance(plan, list) else []:
            # One trial, or an arm with its number of trials.
            self.planned[mapping(p).get("experiment"), mapping(p).get("arm")] += int(
                amount(mapping(p).get("trials", 1))
            )

    def every(self) -> list[Arm]:
        """Every arm, people's among them."""
        return [*(arm for by in self.experiments.values() for arm in by.values()), *self.people]

    def kind(self, arm: str) -> str:
        """An arm's kind, as the run's catalogue has it; what was done in a person's place stands apart as theirs."""
        if arm not in self.arms and self.arms.get(arm.rpartition("-")[0], {}).get("kind") == "person":
            return "person"
        return str(self.arms.get(arm, {}).get("kind", ""))

    def spoken(self, arm: str) -> str:
        """An arm's name inside a sentence."""
        data = self.arms.get(arm, {})
        return str(data.get("spoken") or data.get("label", arm.capitalize()).lower())

    def tried(self, experiment: str, arm: str, counts: bool) -> tuple[Arm, int]:
        """An arm's trials and how many were planned; for failures also those in which it was tried against itself."""
        twins = (
            [n for n, a in self.arms.items() if a.get("kind") == "again" and a.get("against") == arm] if counts else []
        )
        by = self.experiments.get(experiment, {})
        trials = [t for name in (arm, *twins) if name in by for t in by[name].trials]
        return Arm(trials), sum(self.planned[experiment, name] for name in (arm, *twins))

    def windows(self) -> list[dict[str, Any]]:
        """The trials of negative controls."""
        arms = [item for by in self.experiments.values() for item in by.items()]
        return [t for name, arm in arms if self.kind(name) == "negative" for t in arm.trials]

    def seen(self) -> bool | None:
        """Whether each negative control saw the failure that it had to see; None where there was none."""
        windows = self.windows()
        return all(map(saw, windows)) if windows else None

    def named_metric(self, name: str) -> dict[str, Any]:
        """A metric; one that the catalogue does not know is a further figure of trials."""
        return self.metrics.get(name) or {"figure": name, "unit": "", "label": name.replace("_", " ")}

    def inside(self, block: dict[str, Any]) -> list[dict[str, Any]]:
        """A block, or those in its columns."""
        if block["kind"] != "columns":
            return [block]
        return [found for side in ("left", "right") for inner in block[side] for found in self.inside(inner)]

    def marked(self, key: str) -> str:
        """The arm that the catalogue calls proposed, or today's way."""
        return next((name for name, arm in self.arms.items() if arm.get(key)), "")

    def proposed(self) -> str:
        """The arm that is proposed, inside a sentence; of a run that recorded no catalogue, by today's name."""
        return self.spoken(self.marked("proposed") or "automated")

    @staticmethod
    def timed_both(base: Arm | None, other: Arm | None) -> bool:
        """Whether both have times that can be set against each other."""
        return bool(base and other and base.times and other.times and min(*base.times, *other.times) > 0)

    def ways_of(self, experiment: str) -> dict[str, Arm]:
        """An experiment's arms that a machine works, but for the proposed one tried against itself."""
        by = self.experiments.get(experiment, {})
        return {name: own for name, own in by.items() if self.kind(name) not in APART | {"again"}}

    def label(self, arm: str) -> str:
        """An arm's name as a heading."""
        return str(self.arms.get(arm, {}).get("label", arm.capitalize()))

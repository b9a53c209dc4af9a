"""What a saved run says, read with care: anything missing or damaged becomes "not recorded" or a problem in words.

Times are seconds. Statistics are median, least, greatest and n over successful trials alone; a failed trial is kept
and counted, never averaged in. Trials of different origin (executed, stopwatch) never share an arm.
"""

from __future__ import annotations

import hashlib
import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pov.state.runs import Run

NEGATIVE = "negative-control"
"""The arm whose trials must fail: it shows that the prober sees a failure when there is one."""
PLACEBO = "placebo"
"""The arm in which nothing is done under the same load: it shows what fails by itself."""


@dataclass(frozen=True)
class Trial:
    """One sample. `n` is its number in `samples.jsonl`; counts are None where they were not recorded."""

    n: int
    experiment: str
    arm: str
    trial: int
    origin: str
    started: str
    seconds: float | None
    ok: bool
    error: str
    steps: tuple[tuple[str, float], ...] = ()
    requests: int | None = None
    failed_requests: int | None = None
    handshakes: int | None = None
    failed_handshakes: int | None = None
    digest: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Arm:
    """All trials of one arm of one experiment, in the order they ran."""

    name: str
    trials: tuple[Trial, ...]

    @property
    def good(self) -> tuple[Trial, ...]:
        """Successful trials with a time."""
        return tuple(trial for trial in self.trials if trial.ok and trial.seconds is not None)

    @property
    def times(self) -> tuple[float, ...]:
        """Seconds of the successful trials."""
        return tuple(trial.seconds for trial in self.good if trial.seconds is not None)

    @property
    def n(self) -> int:
        """How many trials the statistics stand on."""
        return len(self.good)

    @property
    def failed(self) -> tuple[Trial, ...]:
        """Trials that failed: kept, counted, not averaged in."""
        return tuple(trial for trial in self.trials if trial not in self.good)

    @property
    def median(self) -> float:
        """Median seconds; only where n > 0."""
        return statistics.median(self.times)

    @property
    def least(self) -> float:
        """Shortest successful trial in seconds; only where n > 0."""
        return min(self.times)

    @property
    def greatest(self) -> float:
        """Longest successful trial in seconds; only where n > 0."""
        return max(self.times)

    def total(self, name: str) -> int | None:
        """Sum of a count over all trials, failed ones included; None when no trial recorded it."""
        counts = [getattr(trial, name) for trial in self.trials]
        known = [value for value in counts if value is not None]
        return sum(known) if known else None


@dataclass(frozen=True)
class Experiment:
    """One experiment and its arms; placebos and negative controls stand apart and enter no statistic."""

    name: str
    arms: tuple[Arm, ...]
    negative: Arm | None = None
    placebo: Arm | None = None

    def arm(self, name: str) -> Arm | None:
        """The arm of this name, if any trial of it ran."""
        return next((arm for arm in self.arms if arm.name == name), None)


@dataclass(frozen=True)
class Criterion:
    """A bound agreed beforehand; `at_most` in the metric's own unit."""

    id: str
    title: str
    experiment: str
    arm: str
    metric: str
    at_most: float


@dataclass(frozen=True)
class Stated:
    """A figure that somebody stated, and was not measured."""

    id: str
    figure: str
    value: float
    unit: str
    by: str
    when: str
    experiment: str = ""


@dataclass(frozen=True)
class Facts:
    """Everything the report knows. `environment` is the raw record, for tables of versions and machine.

    `planned` holds (experiment, arm) of each trial that was drawn before the first, None if it was not recorded.
    """

    run: str
    started: str
    finished: str
    interrupted: bool
    simulated: bool
    planned: tuple[tuple[str, str], ...] | None
    trials: tuple[Trial, ...]
    experiments: tuple[Experiment, ...]
    criteria: tuple[Criterion, ...]
    stated: tuple[Stated, ...]
    customer: str
    under_proof: tuple[str, ...]
    environment: Mapping[str, Any]
    summary: Mapping[str, Any]
    digests: Mapping[str, str]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def scored(self) -> tuple[Mapping[str, Any], ...]:
        """The criteria as the summary scored them."""
        return tuple(item for item in _list(self.summary.get("criteria")) if isinstance(item, Mapping))

    @property
    def saved(self) -> int:
        """How many trials were saved, placebos and negative controls left out."""
        return sum(1 for trial in self.trials if trial.arm not in {NEGATIVE, PLACEBO})

    def experiment(self, name: str) -> Experiment | None:
        """The experiment of this name, if any trial of it ran."""
        return next((experiment for experiment in self.experiments if experiment.name == name), None)


def gather(run: Run) -> Facts:
    """Read a run into facts. Never raises for what lies in the files; what does not fit is told in `problems`."""
    problems = list(run.problems)
    environment = _mapping(run.environment)
    summary = _mapping(run.summary)
    trials = tuple(_trial(sample, number, problems) for number, sample in enumerate(map(_mapping, run.samples), 1))
    facts_of_run = _mapping(summary.get("run"))
    engagement = _mapping(environment.get("engagement"))
    plan = environment.get("plan") or environment.get("planned") or facts_of_run.get("planned")
    experiments = _experiments(trials)
    problems += _disagreements(experiments, summary)
    return Facts(
        run=text(environment.get("run")) or run.path.name,
        started=text(
            environment.get("started") or facts_of_run.get("started") or (trials[0].started if trials else "")
        ),
        finished=text(facts_of_run.get("finished") or (trials[-1].started if trials else "")),
        interrupted=run.summary is None or bool(facts_of_run.get("interrupted")),
        simulated=bool(environment.get("simulated")),
        planned=_planned(plan),
        trials=trials,
        experiments=experiments,
        criteria=_criteria(environment.get("criteria"), problems),
        stated=_stated(environment.get("baseline") or engagement.get("baseline"), problems),
        customer=text(_mapping(engagement.get("customer")).get("name") or engagement.get("customer_name")),
        under_proof=tuple(text(name) for name in _list(environment.get("under_proof"))),
        environment=environment,
        summary=summary,
        digests=_digests(run, trials),
        problems=tuple(problems),
        warnings=tuple(_warning(warning) for warning in _warnings(summary)),
    )


def is_text(char: str) -> bool:
    """Whether a character belongs into a line of text: what prints, and the joiners that Persian and Hindi need."""
    return char.isprintable() or char in "\u200c\u200d"


def text(value: object) -> str:
    """Any recorded value as a line of text; nothing for None. Control characters would break the PDF's text layer."""
    if value is None:
        return ""
    return "".join(char if is_text(char) else " " for char in str(value)).strip()


def number(value: object) -> float | None:
    """A finite number that is not negative, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None


def _trial(sample: Mapping[str, Any], number_in_file: int, problems: list[str]) -> Trial:
    n = number(sample.get("n"))
    seconds, ok = number(sample.get("seconds")), sample.get("ok") is True
    name = int(n) if n is not None else number_in_file
    if ok and seconds is None:
        problems.append(f"sample {name}: marked as successful without a time; counted as failed")
        ok = False
    details = _mapping(sample.get("details"))
    steps = tuple(
        (text(step.get("name")) or "unnamed", value)
        for step in map(_mapping, _list(sample.get("steps")))
        if (value := number(step.get("seconds"))) is not None
    )
    trial, origin = number(sample.get("trial")), text(sample.get("origin")) or "executed"
    arm = text(sample.get("arm")) or "unnamed"
    return Trial(
        n=name,
        experiment=text(sample.get("experiment")) or "unnamed",
        arm=arm if origin == "executed" else f"{arm}-{origin}",
        trial=int(trial) if trial is not None else 0,
        origin=origin,
        started=text(sample.get("started")),
        seconds=seconds,
        ok=ok,
        error=text(sample.get("error")),
        steps=steps,
        requests=_whole(sample, details, "requests"),
        failed_requests=_whole(sample, details, "failed_requests"),
        handshakes=_whole(sample, details, "handshakes"),
        failed_handshakes=_whole(sample, details, "failed_handshakes"),
        digest=text(sample.get("digest")),
        details=details,
    )


def _planned(plan: object) -> tuple[tuple[str, str], ...] | None:
    if not isinstance(plan, list):
        return None
    pairs = (
        (text(item.get("experiment")), text(item.get("arm")))
        for item in map(_mapping, plan)
        # An item is one trial, or an arm with its number of trials.
        for _ in range(int(number(item.get("trials", 1)) or 0))
    )
    return tuple(pair for pair in pairs if pair[1] not in {NEGATIVE, PLACEBO})


def _whole(sample: Mapping[str, Any], details: Mapping[str, Any], name: str) -> int | None:
    value = number(sample.get(name))
    value = number(details.get(name)) if value is None else value
    return None if value is None else int(value)


def _experiments(trials: Iterable[Trial]) -> tuple[Experiment, ...]:
    by_name: dict[str, dict[str, list[Trial]]] = {}
    for trial in trials:
        by_name.setdefault(trial.experiment, {}).setdefault(trial.arm, []).append(trial)
    order = ("automated", "automated-poll", "scripted", "manual")
    experiments = []
    for name, found in sorted(by_name.items(), key=lambda item: (item[0] != "deploy", item[0])):
        ranked = sorted(found, key=lambda arm: (order.index(arm) if arm in order else len(order), arm))
        arms = {arm: Arm(arm, tuple(found[arm])) for arm in ranked}
        negative, placebo = arms.pop(NEGATIVE, None), arms.pop(PLACEBO, None)
        experiments.append(Experiment(name, tuple(arms.values()), negative, placebo))
    return tuple(experiments)


def _criteria(items: object, problems: list[str]) -> tuple[Criterion, ...]:
    criteria = []
    for position, item in enumerate(map(_mapping, _list(items)), 1):
        at_most = number(item.get("at_most", item.get("atMost")))
        if at_most is None:
            problems.append(f"criterion {text(item.get('id')) or position}: no threshold recorded")
            continue
        name = text(item.get("id")) or f"criterion-{position}"
        experiment, arm, metric = (text(item.get(key)) for key in ("experiment", "arm", "metric"))
        criteria.append(Criterion(name, text(item.get("title")) or name, experiment, arm, metric, at_most))
    return tuple(criteria)


def _stated(items: object, problems: list[str]) -> tuple[Stated, ...]:
    stated = []
    for position, item in enumerate(map(_mapping, _list(items)), 1):
        value = number(item.get("value"))
        name = text(item.get("id")) or f"figure-{position}"
        if value is None:
            problems.append(f"stated figure {name}: no value recorded")
            continue
        unit, by, when, experiment = (text(item.get(key)) for key in ("unit", "by", "when", "experiment"))
        stated.append(Stated(name, text(item.get("figure")) or name, value, unit, by, when, experiment))
    return tuple(stated)


def _disagreements(experiments: Iterable[Experiment], summary: Mapping[str, Any]) -> list[str]:
    """Where the summary's medians are not those of the samples: the samples count."""
    medians = {(e.name, arm.name): arm.median for e in experiments for arm in e.arms if arm.n}
    problems = []
    for experiment in map(_mapping, _list(summary.get("experiments"))):
        for arm in map(_mapping, _list(experiment.get("arms"))):
            key = (text(experiment.get("name")), text(arm.get("name")))
            told, found = number(arm.get("median")), medians.get(key)
            if told is not None and (found is None or abs(told - found) > 0.001 + 1e-6 * found):
                problems.append(f"summary.json: the median of {' / '.join(key)} is not that of the samples")
    return problems


def _digests(run: Run, trials: tuple[Trial, ...]) -> dict[str, str]:
    digests = {}
    for name in ("samples.jsonl", "environment.json", "summary.json"):
        path = run.path / name
        if path.is_file():
            digests[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    digests["chain head"] = trials[-1].digest if trials else ""
    return digests


def _warnings(summary: Mapping[str, Any]) -> list[object]:
    found = list(_list(summary.get("warnings")))
    for experiment in map(_mapping, _list(summary.get("experiments"))):
        found += _list(experiment.get("warnings"))
    return found


def _warning(value: object) -> str:
    words = _mapping(value)
    return (
        text(". ".join(text(words[k]) for k in ("message", "remedy", "fix") if words.get(k))) if words else text(value)
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []

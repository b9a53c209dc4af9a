"""`pov runs`: what was measured so far, one run of it, and two runs side by side; from their files alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pov.base.errors import PovError
from pov.measure.results import Arm
from pov.measure.scoring import word
from pov.measure.summary import summarise
from pov.model.events import Emit
from pov.model.reading import mapping, text
from pov.reporting.facts import Facts, gather
from pov.state.runs import read_run
from pov.state.under_way import is_held
from pov.workflows.environment import RECORD, RUNS, below
from pov.workflows.finding import folders, located
from pov.workflows.running import without_any_trials

ALIKE = ("target", "scenario", "services", "services_seed", "replicas", "traffic", "criteria", "pki")
_READINGS = {"calibration"}
"""Of the load: what the windows that tried it saw. What was asked for, and what it was slowed down to, stay."""
_OF_MACHINE = ("cores", "processor", "memory_mib", "system")


@dataclass(frozen=True)
class RunsOptions:
    """`root` holds `.pov/`; `name` narrows the list to one environment."""

    root: Path
    name: str | None = None


@dataclass(frozen=True)
class Line:
    """One run in the list. `saved` of `planned` trials, windows left out; outcomes of its criteria, counted.

    `ended` is "whole", "interrupted" or "cut off", of which no summary was written; "running" while it is measured.
    """

    environment: str
    run: str
    started: str
    scenario: str
    ended: str
    saved: int
    planned: int | None
    failed: int
    outcomes: Mapping[str, int]
    simulated: bool
    problems: tuple[str, ...]
    goes_on: bool = False
    """Whether it ended early on an environment that is still there: `pov measure --resume` says what else it takes."""


@dataclass(frozen=True)
class RunList:
    """The runs of every environment here, oldest first; without any, engagement folders below that hold some."""

    runs: tuple[Line, ...]
    below: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The list as one JSON document."""
        return {"runs": [asdict(line) for line in self.runs]}


@dataclass(frozen=True)
class RunDetails:
    """One run: its line, and its summary, computed anew from its samples."""

    line: Line
    summary: Mapping[str, Any]
    path: Path

    def as_json(self) -> dict[str, Any]:
        """The summary as one JSON document, with how the run ended and what is wrong with its files."""
        return {**self.summary, "ended": self.line.ended, "problems": list(self.line.problems), "path": str(self.path)}


@dataclass(frozen=True)
class Pair:
    """One arm of one experiment in two runs: n, median and range in seconds of each, and second over first."""

    experiment: str
    arm: str
    n: tuple[int, int]
    medians: tuple[float | None, float | None]
    ranges: tuple[tuple[float, float] | None, tuple[float, float] | None]
    hard: tuple[int | None, int | None]
    late: tuple[int | None, int | None]
    ratio: float | None

    @property
    def apart(self) -> bool | None:
        """Whether the ranges do not overlap; None where an arm has no time in one of the runs."""
        first, second = self.ranges
        if first is None or second is None:
            return None
        return first[1] < second[0] or second[1] < first[0]


@dataclass(frozen=True)
class Compared:
    """Two runs side by side, and in what else they differ. Trials of different runs were never interleaved."""

    runs: tuple[str, str]
    pairs: tuple[Pair, ...]
    differences: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The comparison as one JSON document."""
        pairs = [{**asdict(pair), "ranges_apart": pair.apart} for pair in self.pairs]
        return {"runs": list(self.runs), "pairs": pairs, "differences": list(self.differences)}


def run_list(options: RunsOptions, emit: Emit) -> RunList:
    """Every saved run, also those that were interrupted or cut off. An unreadable one is listed with its problem."""
    lines = tuple(_line(path) for path in folders(options.root, options.name))
    return RunList(lines, () if lines else below(options.root, RUNS))


def run_show(options: RunsOptions, run: str, emit: Emit) -> RunDetails:
    """One run by its id, or by as much of its end or beginning as no other run shares; `latest` is the newest."""
    path = find(options, run)
    facts = gather(read_run(path))
    return RunDetails(_line_of(path, facts), _summary(facts), path)


def run_compare(options: RunsOptions, first: str, second: str, emit: Emit) -> Compared:
    """Two runs arm by arm: medians and ranges, no test, since nothing interleaved them."""
    paths = find(options, first), find(options, second)
    one, other = (gather(read_run(path)) for path in paths)
    return Compared(
        (paths[0].name, paths[1].name),
        tuple(_pairs(one, other)),
        (*differences(one.environment, other.environment), *_other_runbooks(one.environment, other.environment)),
    )


def find(options: RunsOptions, wanted: str) -> Path:
    """The folder of the run that is meant. Raises as `finding.located`."""
    return located(options.root, options.name, wanted)[1]


def _line(path: Path) -> Line:
    try:
        return _line_of(path, gather(read_run(path)))
    except PovError as error:
        told = f"{error.message}: {error.cause}"
        return Line(path.parent.parent.name, path.name, "", "", "unreadable", 0, None, 0, {}, False, (told,))


def _line_of(path: Path, facts: Facts) -> Line:
    running = facts.interrupted and is_held(path)
    early = "running" if running else "interrupted" if facts.summary else "cut off"
    failed = sum(len(arm.failed) for experiment in facts.experiments for arm in (*experiment.arms, *experiment.people))
    return Line(
        environment=path.parent.parent.name,
        run=path.name,
        started=facts.started,
        scenario=text(mapping(facts.environment.get("scenario")).get("name")),
        ended=early if facts.interrupted else "whole",
        saved=facts.saved,
        planned=None if facts.planned is None else len(facts.planned),
        failed=failed,
        outcomes=dict(Counter(word(score.outcome, score.tells_apart) for score in facts.scores)),
        simulated=facts.simulated,
        problems=facts.problems,
        goes_on=facts.interrupted
        and not running
        and bool(text(facts.environment.get("cluster")))
        and (path.parent.parent / RECORD).is_file(),
    )


def _summary(facts: Facts) -> dict[str, Any]:
    """As `pov measure` would have written it: also for a run that was cut off before its summary."""
    planned, words = Counter(facts.planned or ()), facts.words
    order = {name: place for place, name in enumerate([*words.experiments, *words.arms])}
    about = dict(mapping(facts.summary.get("run"))) or {
        **{key: facts.environment.get(key) for key in ("scenario", "target", "services", "versions", "machine")},
        "started": facts.started,
        "interrupted": True,
    }
    about |= {"id": facts.run}
    about["planned"] = [
        {"experiment": experiment, "arm": arm, "trials": trials}
        for (experiment, arm), trials in sorted(planned.items(), key=lambda item: [order.get(n, 99) for n in item[0]])
    ]
    return summarise(about, facts.trials, [score.criterion for score in facts.scores], facts.words)


def _pairs(one: Facts, other: Facts) -> Iterator[Pair]:
    names = dict.fromkeys(
        (experiment.name, arm.name)
        for facts in (one, other)
        for experiment in facts.experiments
        for arm in experiment.arms
    )
    for experiment, arm in names:
        yield _pair(experiment, one.results.arm(experiment, arm), other.results.arm(experiment, arm))


def _pair(experiment: str, first: Arm, second: Arm) -> Pair:
    both = bool(first.n and second.n and first.median)
    one, other = first.counts, second.counts
    return Pair(
        experiment=experiment,
        arm=first.name,
        n=(first.n, second.n),
        medians=(_median(first), _median(second)),
        ranges=(_range(first), _range(second)),
        hard=(None if one is None else one.hard, None if other is None else other.hard),
        late=(None if one is None else one.late, None if other is None else other.late),
        ratio=round(second.median / first.median, 3) if both else None,
    )


def _median(arm: Arm) -> float | None:
    return round(arm.median, 3) if arm.n else None


def _range(arm: Arm) -> tuple[float, float] | None:
    return (arm.least, arm.greatest) if arm.n else None


def differences(first: Mapping[str, Any], second: Mapping[str, Any], alike: Sequence[str] = ALIKE) -> Iterator[str]:
    """What beside the arms is not the same in both records, so that a difference may come from there."""
    for key in alike:
        a, b = _without_readings(key, first), _without_readings(key, second)
        if a != b:
            yield _told(key.replace("_", " "), a, b)
    for key in _OF_MACHINE:
        a, b = mapping(first.get("machine")).get(key), mapping(second.get("machine")).get(key)
        if a != b:
            yield _told(f"machine, {key.replace('_mib', ' in MiB')}", a, b)
    # What earlier trials left running is no version of the platform's.
    versions = [
        without_any_trials({str(name): str(told) for name, told in mapping(record.get("versions")).items()})
        for record in (first, second)
    ]
    for name in sorted(set(versions[0]) | set(versions[1])):
        a, b = versions[0].get(name), versions[1].get(name)
        if a != b:
            yield _told(f"version, {name}", a, b)


def _other_runbooks(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[str]:
    """Experiments whose runbook was another one, by its digest, wherever it lay and whoever gave it."""
    books = [mapping(record.get("runbooks")) for record in (first, second)]
    for name in sorted(books[0].keys() & books[1].keys()):
        a, b = (text(mapping(told[name]).get("digest"))[:12] or None for told in books)
        if a != b:
            yield _told(f"runbook, {name}", a, b)


def _without_readings(key: str, record: Mapping[str, Any]) -> object:
    """A part of the record without what was read off this machine: windows under the same load never count alike."""
    value = record.get(key)
    if key != "traffic" or not isinstance(value, Mapping):
        return value
    return {name: told for name, told in value.items() if name not in _READINGS}


def _told(what: str, first: object, second: object) -> str:
    plain = all(value is None or isinstance(value, str | int | float) for value in (first, second))
    if not plain:
        return f"{what}: not the same"
    a, b = ("not recorded" if value is None else value for value in (first, second))
    return f"{what}: {a} and {b}"

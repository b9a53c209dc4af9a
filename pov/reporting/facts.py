"""What a saved run says, read with care: anything missing or damaged becomes "not recorded" or a problem in words.

What the samples sum up to, how criteria score and which arms differ is `pov.measure`'s, here as everywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pov.measure.results import SIMULATED, Experiment, Results, gathered
from pov.measure.scoring import Score, criteria, scored
from pov.measure.statistics import Comparison, Same, comparisons, same
from pov.model.reading import items, mapping, number, read_sample, text
from pov.model.sample import Resumption, Sample
from pov.model.words import Words
from pov.reporting.valued import GivenValue, Valued, valued
from pov.state.attested import Attested, recorded
from pov.state.people import states
from pov.state.runs import Run, digests_of


@dataclass(frozen=True)
class Stated:
    """A figure that somebody stated, and was not measured. An `example` was made up to show the form."""

    id: str
    figure: str
    value: float
    unit: str
    by: str
    when: str
    experiment: str = ""
    example: bool = False


@dataclass(frozen=True)
class Facts:
    """Everything the report knows. `environment` is the raw record, for tables of versions and machine.

    `comparisons` are by experiment, the primary one first. `planned` holds (experiment, arm) of each trial that was
    drawn before the first, None if it was not recorded.
    """

    run: str
    started: str
    finished: str
    interrupted: bool
    simulated: bool
    planned: tuple[tuple[str, str], ...] | None
    trials: tuple[Sample, ...]
    results: Results
    scores: tuple[Score, ...]
    comparisons: Mapping[str, Sequence[Comparison]]
    stated: tuple[Stated, ...]
    customer: str
    under_proof: tuple[str, ...]
    environment: Mapping[str, Any]
    summary: Mapping[str, Any]
    digests: Mapping[str, str]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    attested: Attested
    recordings: Mapping[str, str]
    """Of people's terminals: where each stands with its person's consent, by file."""
    valued: Valued | None = None

    @property
    def words(self) -> Words:
        """What experiments, arms and metrics are called."""
        return self.results.words

    @property
    def experiments(self) -> tuple[Experiment, ...]:
        """The experiments of which a trial ran."""
        return self.results.experiments

    def same(self, experiment: Experiment) -> Same | None:
        """What the proposed arm against itself tells of this machine; None where that was not tried."""
        return same(self.results, experiment)

    @property
    def saved(self) -> int:
        """How many trials were saved, placebos and negative controls left out."""
        return sum(1 for trial in self.trials if not self.words.arm(trial.arm).window)

    @property
    def resumptions(self) -> tuple[Resumption, ...]:
        """Where the run had ended early and went on."""
        return tuple(one for trial in self.trials for one in trial.resumed)

    @property
    def agreed(self) -> bool:
        """Whether somebody is named for every criterion."""
        return bool(self.scores) and all(score.criterion.agreed for score in self.scores)

    def runbook(self, experiment: str) -> Mapping[str, Any]:
        """What was recorded of the runbook that an experiment's manual arm executed."""
        return mapping(mapping(self.environment.get("runbooks")).get(experiment))

    def from_customer(self, experiment: str) -> bool:
        """Whether an experiment's runbook came from the customer: by somebody who is named, with its digest."""
        found = self.runbook(experiment)
        return found.get("origin") == "customer" and all(text(found.get(key)) for key in ("path", "digest", "by"))


def gather(run: Run, value: GivenValue | None = None, attested: Attested | None = None) -> Facts:
    """Read a run into facts. Never raises for what lies in the files; what does not fit is told in `problems`.

    `value` takes the place of the value section that was recorded with the run. `attested` is what else stands behind
    the run; without it what the run recorded, unchecked.
    """
    problems = [*run.problems, *(attested.problems if attested else ())]
    environment = mapping(run.environment)
    summary = mapping(run.summary)
    words = Words.of(environment.get("catalogue"))
    trials = tuple(read_sample(mapping(record), n, problems) for n, record in enumerate(run.samples, 1))
    facts_of_run = mapping(summary.get("run"))
    started = text(environment.get("started") or facts_of_run.get("started"))
    engagement = mapping(environment.get("engagement"))
    planned = _planned(environment.get("plan") or facts_of_run.get("planned"), words)
    results = gathered(trials, Counter(planned or ()), words)
    wanted = criteria(environment.get("criteria"), problems)
    scores = scored(results, wanted)
    stated = _stated(environment.get("baseline"), problems)
    kept = GivenValue(mapping(environment.get("value")) or None, changed=False)
    worth = valued(kept if value is None else value, results, problems)
    problems += [*_other_medians(results.experiments, summary), *_other_outcomes(scores, summary)]
    return Facts(
        run=text(environment.get("run")) or run.path.name,
        started=started or (trials[0].started if trials else ""),
        finished=text(facts_of_run.get("finished")) or (trials[-1].started if trials else ""),
        interrupted=run.summary is None or bool(facts_of_run.get("interrupted")),
        simulated=bool(environment.get("simulated")) or any(trial.origin == SIMULATED for trial in trials),
        planned=planned,
        trials=trials,
        results=results,
        scores=scores,
        comparisons=comparisons(results, wanted),
        stated=stated,
        customer=text(mapping(engagement.get("customer")).get("name")),
        under_proof=tuple(text(name) for name in items(environment.get("under_proof"))),
        environment=environment,
        summary=summary,
        digests=_digests(run, trials),
        problems=tuple(problems),
        warnings=tuple(text(warning) for warning in _warnings(summary)),
        recordings=states(run.path, run.samples),
        valued=worth,
        attested=attested or recorded(environment),
    )


def _planned(plan: object, words: Words) -> tuple[tuple[str, str], ...] | None:
    if not isinstance(plan, list):
        return None
    pairs = (
        (text(item.get("experiment")), text(item.get("arm")))
        for item in map(mapping, plan)
        # An item is one trial, or an arm with its number of trials.
        for _ in range(int(number(item.get("trials", 1)) or 0))
    )
    return tuple(pair for pair in pairs if not words.arm(pair[1]).window)


def _stated(records: object, problems: list[str]) -> tuple[Stated, ...]:
    stated = []
    for position, item in enumerate(map(mapping, items(records)), 1):
        value = number(item.get("value"))
        name = text(item.get("id")) or f"figure-{position}"
        if value is None:
            problems.append(f"stated figure {name}: no value recorded")
            continue
        unit, by, when, experiment = (text(item.get(key)) for key in ("unit", "by", "when", "experiment"))
        figure, example = text(item.get("figure")) or name, item.get("example") is True
        stated.append(Stated(name, figure, value, unit, by, when, experiment, example))
    return tuple(stated)


def _other_medians(experiments: Iterable[Experiment], summary: Mapping[str, Any]) -> list[str]:
    """Where the summary's medians are not those of the samples: the samples count."""
    medians = {(e.name, arm.name): arm.median for e in experiments for arm in e.arms if arm.n}
    problems = []
    for experiment in map(mapping, items(summary.get("experiments"))):
        for arm in map(mapping, items(experiment.get("arms"))):
            key = (text(experiment.get("name")), text(arm.get("name")))
            told, found = number(arm.get("median")), medians.get(key)
            if told is not None and (found is None or abs(told - found) > 0.001 + 1e-6 * found):
                problems.append(f"summary.json: the median of {' / '.join(key)} is not that of the samples")
    return problems


def _other_outcomes(scores: Iterable[Score], summary: Mapping[str, Any]) -> list[str]:
    """Where the summary scored a criterion otherwise than its samples do: the samples count."""
    told = {text(item.get("id")): text(item.get("outcome")) for item in map(mapping, items(summary.get("criteria")))}
    return [
        f"summary.json: {s.criterion.id} is scored as {told[s.criterion.id]}, the samples say {s.outcome}"
        for s in scores
        if told.get(s.criterion.id, s.outcome) != s.outcome
    ]


def _digests(run: Run, trials: tuple[Sample, ...]) -> dict[str, str]:
    found = digests_of(run.path, ("samples.jsonl", "environment.json", "summary.json"))
    return {**found, "chain head": trials[-1].digest if trials else ""}


def _warnings(summary: Mapping[str, Any]) -> list[object]:
    found = list(items(summary.get("warnings")))
    for experiment in map(mapping, items(summary.get("experiments"))):
        found += items(experiment.get("warnings"))
    return found

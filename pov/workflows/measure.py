"""`pov measure`: trials of each arm in a recorded random order, every sample saved as it happens."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pov.base.clock import SYSTEM_CLOCK
from pov.base.errors import InvalidInput, Problem
from pov.config.estates import LEGACY, estates
from pov.config.experiments import Experiment as Settings
from pov.config.experiments import timeouts
from pov.config.explaining import Faults, nearest
from pov.config.points import check
from pov.config.scenario import Scenario
from pov.experiments import EXPERIMENTS
from pov.experiments.calibration import WINDOW_S, Calibration, calibrate
from pov.experiments.core import Experiment, have_at_hand
from pov.experiments.seat import People
from pov.experiments.toolbox import STAGING, Toolbox
from pov.measure.order import new_seed, shuffled
from pov.measure.scoring import criteria as read_criteria
from pov.model import catalogue
from pov.model.events import Emit, Event, Listeners
from pov.model.kinds import AGAIN, NEGATIVE, PLACEBO
from pov.state.runs import RunWriter
from pov.workflows.agreement import possible_arms
from pov.workflows.brought import Brought, brought, unknown_arms
from pov.workflows.differences import compare
from pov.workflows.measuring import MeasureResult, Measuring, Plan, mark_of, under_measurement
from pov.workflows.metering import Meter
from pov.workflows.planning import PROFILES, Paced, Profile, budget, paced
from pov.workflows.taking_back import killed, take_back_all, take_back_release, take_back_stage

_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
ABOUT = (
    "scenario", "target", "services", "versions", "machine", "started", "traffic", "differences", "left_out",
    "exploratory",
)  # fmt: skip


_UNLIKE = "this environment has no legacy estate that is like staging"


@dataclass(frozen=True)
class MeasureOptions:
    """What to measure: nothing named means what the scenario says. Without a seed, one is drawn and recorded.

    `aa` are further trials of the proposed arm, to be compared with itself. An arm is a name, or `NAME=FILE` for a
    script as an arm of one's own. `budget` is a duration such as `20m`; `profile` one of
    `planning.PROFILES`, and what is given beside it counts more.
    `exploratory` measures against other criteria than the frozen ones, or by another plan, and the report says so.
    `people` are those who sit down for the arms that are theirs. `at` and `error_rate` are options of one experiment
    each (`catalogue.OPTIONS`), and count more than the scenario's.
    `hint` are the options with which the command to go on means the same environment.
    """

    root: Path
    name: str | None = None
    experiments: tuple[str, ...] = ()
    arms: tuple[str, ...] = ()
    trials: int | None = None
    seed: int | None = None
    aa: int | None = None
    budget: str | None = None
    profile: str | None = None
    exploratory: bool = False
    people: People | None = None
    at: str | None = None
    error_rate: float | None = None
    hint: str = ""


def run(options: MeasureOptions, emit: Emit) -> MeasureResult:
    """Measure the running environment. Whatever ends it early, what was measured is kept and summed up.

    Raises `InvalidInput` before anything is touched, `PovError` if what runs is not what the scenario asks for, or if
    the disk would not take the samples.
    """
    from pov.steps.gate.published import renewed
    from pov.workflows.agreement import criteria_of
    from pov.workflows.environment import attach, recall
    from pov.workflows.record import asked, environment, other_versions
    from pov.workflows.refused import refused
    from pov.workflows.standing import Meant, standing
    from pov.workflows.toolbox import kept_configuration, seated, toolbox

    _refuse_at_once(options)
    ctx = attach(options.root, options.name, emit)
    own, arms = brought(ctx.engagement, recall(ctx.home, ctx.name).engagement, options.arms)
    paces, left_out = _paced(replace(options, arms=arms), ctx.scenario, own, ctx.home.runs_dir)
    plan = paces.plan
    criteria = criteria_of(ctx.scenario, ctx.engagement)
    if options.people is not None:
        options.people.terminal().close()
    with ctx.home.lock():
        choices = chosen(options, ctx.scenario)
        meant = Meant(plan, own.words, [one.arm.name for one in own.arms], choices)
        stands = standing(options.root, ctx.scenario, ctx.engagement, meant, exploratory=options.exploratory)
        box = replace(toolbox(ctx), timeouts=timeouts(criteria), playbooks=own.playbooks)
        take_back_stage(box, emit, ctx.deal)
        take_back_release(box, [trial for _, trial in killed(ctx.home.runs_dir)], emit)
        differences = compare(ctx.kube, asked(ctx))
        for text in (*left_out, *differences, *filter(None, [stands.told])):
            emit(Event("warning", "measure", text))
        for text in paces.lines(own.words):
            emit(Event("note", "measure", text))
        box = replace(box, **choices)
        # A run that was killed leaves its load running. No other run can be under way: the lock is ours.
        box.prober().stop_loads()
        take_back_all(box, ctx.home.runs_dir, emit)
        have_at_hand(box, [own.experiments[name] for name, _ in plan])
        load = _calibrated(box, plan, own.experiments, emit)
        seed = new_seed() if options.seed is None else options.seed
        slots = shuffled(plan, seed)
        emit(Event("started", "measure", "Versions and the machine", 1.0))
        begun, started = SYSTEM_CLOCK.monotonic(), SYSTEM_CLOCK.wall()
        record = environment(ctx, slots, seed, criteria, started, own=own)
        others = other_versions(ctx, record["versions"])
        for text in others:
            emit(Event("warning", "measure", text))
        record |= {
            "traffic": load.as_json(),
            "differences": [*differences, *others],
            "left_out": list(left_out),
            "refused": refused(options.root, ctx.engagement),
            "people": options.people.as_json() if options.people else None,
            "choices": choices,
            **stands.record,
        }
        writer = RunWriter(ctx.home.runs_dir, record, files=stands.files)
        emit(Event("finished", "measure", f"recorded in {writer.path}", SYSTEM_CLOCK.monotonic() - begun))
        with under_measurement(writer), renewed(ctx):
            box = replace(box, run=mark_of(writer.run_id), traffic=load.traffic, logs=writer.path / "logs")
            if options.people is not None:
                box = seated(box, ctx, options.people, writer.path)
            about = {key: record[key] for key in ABOUT}
            told = Listeners(emit, ctx.home.journal_writer().hear)
            wanted = read_criteria(record["criteria"], [])
            keep = kept_configuration(ctx)
            meter = Meter.of(ctx)
            return Measuring(
                box, writer, slots, told, own, expected=paces.each, keep=keep, meter=meter, hint=options.hint
            ).measure({**about, "seed": seed}, plan, wanted)


def show(options: MeasureOptions, emit: Emit) -> Paced:
    """The plan that `run` would follow, and about how long it takes; nothing is touched, nothing recorded.

    Raises `InvalidInput` as `run` does.
    """
    from pov.workflows.environment import attach, recall

    _refuse_at_once(options)
    ctx = attach(options.root, options.name, emit)
    own, arms = brought(ctx.engagement, recall(ctx.home, ctx.name).engagement, options.arms)
    paces, left_out = _paced(replace(options, arms=arms), ctx.scenario, own, ctx.home.runs_dir)
    return replace(paces, left_out=left_out)


def chosen(options: MeasureOptions, scenario: Scenario) -> dict[str, Any]:
    """What can be chosen of single experiments, as the toolbox has it: from the options, else from the scenario."""
    wishes = {one.name: one for one in scenario.experiments}
    found = {}
    for option in catalogue.OPTIONS.values():
        said = getattr(options, option.name)
        wish = wishes.get(option.experiment)
        found[option.recorded] = option.figure(getattr(wish, option.name, None) if said is None else said)
    return found


def _paced(options: MeasureOptions, scenario: Scenario, own: Brought, runs: Path) -> tuple[Paced, tuple[str, ...]]:
    """The plan, cut to the budget where there is one, and everything that was left out, with the reason."""
    profile = _profile(options)
    budget_s = budget(options.budget, profile)
    trials = options.trials or (profile.trials if profile else None)
    plan, left_out = planned(replace(options, trials=trials), scenario, own)
    asked = f"--budget {options.budget}" if options.budget else f"--profile {options.profile}"
    paces = paced(plan, own.experiments, own.words, runs, budget_s, asked=asked)
    return paces, (*left_out, *paces.left_out)


def _profile(options: MeasureOptions) -> Profile | None:
    if options.profile is not None and options.profile not in PROFILES:
        raise InvalidInput(
            [Problem("--profile", f"no profile {options.profile}", nearest(options.profile, tuple(PROFILES)))]
        )
    return PROFILES[options.profile] if options.profile else None


def _refuse_at_once(options: MeasureOptions) -> None:
    """Raise `InvalidInput` with what is wrong whatever runs: nobody brings an environment up to be told then."""
    problems = [*_unknown(options.experiments, EXPERIMENTS), *_out_of_range(options)]
    try:
        budget(options.budget, _profile(options))
    except InvalidInput as error:
        problems += error.problems
    if problems:
        raise InvalidInput(problems)


def _calibrated(box: Toolbox, plan: Plan, experiments: Mapping[str, Experiment], emit: Emit) -> Calibration:
    """The load that this machine bears, told before the first trial."""
    names = dict.fromkeys(
        experiments[experiment].arms[arm].estate for experiment, arm in plan if arm in experiments[experiment].arms
    )
    estates = tuple(box.estate(name) for name in names)
    emit(Event("started", "measure", "The load that this machine bears", len(estates) * (WINDOW_S + 3)))
    begun = SYSTEM_CLOCK.monotonic()
    load = calibrate(box, estates, lambda text: emit(Event("progress", "measure", text)))
    emit(Event("finished", "measure", "The load that this machine bears", SYSTEM_CLOCK.monotonic() - begun))
    if load.warning:
        emit(Event("warning", "measure", load.warning))
    return load


def planned(
    options: MeasureOptions, scenario: Scenario, own: Brought | None = None
) -> tuple[dict[tuple[str, str], int], tuple[str, ...]]:
    """Trials by experiment and arm, also those that are never compared; and what was left out, with the reason.

    Arms of one's `own` are measured in their experiments as the scenario's are. Raises `InvalidInput` with all faults.
    """
    own = own or Brought()
    experiments = own.experiments
    settings: dict[str, Settings] = {experiment.name: experiment for experiment in scenario.experiments}
    names = options.experiments or tuple(settings) or catalogue.usual_experiments()
    _refuse(options, scenario, experiments, names)
    plan: dict[tuple[str, str], int] = {}
    unlike: dict[str, None] = {}
    for name in dict.fromkeys(names):
        wish = settings.get(name) or Settings.model_validate({"name": name})
        ways = experiments[name].arms
        wanted = (*wish.arms, *(arm.arm.name for arm in own.arms if name in arm.experiments))
        possible = possible_arms(wanted, ways, scenario)
        unlike |= {arm.arm.name: None for arm in own.arms if not scenario.has_manual_arm}
        chosen = [arm for arm in dict.fromkeys(options.arms or possible) if arm in ways]
        by_people = [arm for arm in chosen if _by_people(arm)]
        plan |= {(name, arm): options.trials or wish.trials_of(arm) for arm in chosen if arm not in by_people}
        if options.people is not None:
            plan |= {(name, arm): (options.trials or 1) * len(options.people.by) for arm in by_people}
        # Nobody is kept waiting while nothing is done: those windows belong to runs of machines.
        chosen = [arm for arm in chosen if arm not in by_people]
        if chosen:
            base = catalogue.proposed().name
            first = base if base in chosen else chosen[0]
            plan[name, catalogue.named(PLACEBO)] = min(plan[name, first], wish.placebos or plan[name, first])
        # Fewer trials are asked for of every arm, then; more of this one have to be asked for.
        usual = min(wish.aa or 0, options.trials or wish.aa or 0)
        aa = usual if options.aa is None else options.aa
        if aa and catalogue.proposed().name in chosen:
            plan[name, catalogue.named(AGAIN)] = aa
        if chosen and experiments[name].negative is not None and scenario.legacy.hosts:
            plan[name, catalogue.named(NEGATIVE)] = 1
    kept, left_out = _without_edges(plan, scenario)
    return kept, (*left_out, *(f"the {arm} arm is left out: {_UNLIKE}" for arm in unlike))


def _refuse(
    options: MeasureOptions, scenario: Scenario, experiments: Mapping[str, Experiment], names: Sequence[str]
) -> None:
    """Raise `InvalidInput` with every experiment and arm that is not there, or cannot be measured here."""
    problems = _unknown(names, experiments)
    problems += unknown_arms(options.arms, experiments)
    problems += _about_people(options)
    problems += [*_out_of_range(options), *_about_the_choices(options, names)]
    known = {arm: way for experiment in experiments.values() for arm, way in experiment.arms.items()}
    by_hand = [arm for arm in options.arms if arm in known and known[arm].estate == LEGACY]
    itself = catalogue.proposed().name
    if options.aa and options.arms and itself not in options.arms:
        told = f"the {itself} arm is not measured, so it cannot be tried against itself"
        problems.append(Problem("--aa", told, f"--arm {itself} beside it, or leave --aa out"))
    if by_hand and not scenario.has_manual_arm:
        problems.append(Problem("--arm", f"the {by_hand[0]} arm cannot be measured: {_UNLIKE}", "leave it out"))
    if not problems:
        problems += [
            Problem("--arm", f"nothing to do: {arm} takes part in none of {', '.join(names)}", "name its experiment")
            for arm in options.arms
            if not any(arm in experiments[name].arms for name in names)
        ]
    if problems:
        raise InvalidInput(problems)


def _unknown(names: Sequence[str], experiments: Mapping[str, Experiment]) -> list[Problem]:
    known = tuple(experiments)
    return [Problem(name, "no such experiment", nearest(name, known)) for name in names if name not in experiments]


def _out_of_range(options: MeasureOptions) -> Iterator[Problem]:
    """What was chosen of single experiments and no scenario could have."""
    for option in catalogue.OPTIONS.values():
        said = getattr(options, option.name)
        try:
            if said is not None:
                check(option, said)
        except Faults as error:
            yield from (Problem(option.flag, message, fix) for _, message, fix in error.faults)


def _about_the_choices(options: MeasureOptions, names: Sequence[str]) -> Iterator[Problem]:
    """What was chosen of experiments that are not measured."""
    for option in catalogue.OPTIONS.values():
        said = getattr(options, option.name)
        if said is not None and option.experiment not in names:
            told = f"{option.lacks} {', '.join(names)}"
            fix = f"pov measure {option.experiment} {option.flag} {said}, or leave it out"
            yield Problem(option.flag, told, fix)


def _by_people(arm: str) -> bool:
    """Whether people do it. Arms of one's own, which no catalogue knows, are scripts."""
    known = catalogue.ARMS.get(arm)
    return known is not None and known.by_people


def _about_people(options: MeasureOptions) -> list[Problem]:
    """What is wrong with who sits down, and for what."""
    wanted = [arm for arm in options.arms if _by_people(arm)]
    people = options.people or People(())
    found = []
    if not people.by:
        found += [Problem("--arm", f"{arm}: nobody is named who does it", "--by ALIAS") for arm in wanted[:1]]
    elif not wanted:
        found.append(
            Problem("--by", "nobody sits down in the arms that are measured", f"--arm {catalogue.by_people()[0]}")
        )
    for option, aliases in (("--by", people.by), ("--reviewer", people.reviewers)):
        for alias in aliases:
            if not _ALIAS.fullmatch(alias):
                fix = "1 to 40 letters, digits, dots and dashes: an alias, it stands in the report"
                found.append(Problem(option, f"`{alias}` cannot be used as an alias", fix))
    spelt: dict[str, str] = {}
    for alias in (*people.by, *people.reviewers):
        if (other := spelt.setdefault(alias.casefold(), alias)) != alias:
            found.append(Problem("--by", f"{other} and {alias} would count as two persons", "one spelling a person"))
    return [*found, *_about_reviewers(people, wanted)]


def _about_reviewers(people: People, wanted: Sequence[str]) -> Iterator[Problem]:
    """What is wrong with who reviews: somebody else than who asks, one for all, or one for each."""
    by, reviewers = people.by, people.reviewers
    reviewed = [arm for arm in wanted if arm in catalogue.reviewed()]
    if not reviewers:
        for arm in reviewed[:1] if by else ():
            yield Problem("--reviewer", f"{arm}: nobody is named who reviews", "--reviewer ALIAS, another person")
        return
    if not reviewed:
        fix = f"--arm {catalogue.reviewed()[0]}, or leave it out"
        yield Problem("--reviewer", "nobody reviews in the arms that are measured", fix)
    if by and len(reviewers) not in {1, len(by)}:
        told = f"{len(reviewers)} of them for {len(by)} who ask"
        yield Problem("--reviewer", told, "one for all, or one for each --by, in their order")
    elif alone := [one for one, other in zip(by, reviewers * len(by), strict=False) if one == other]:
        yield Problem("--reviewer", f"{alone[0]} would review what they asked for themselves", "another person's alias")


def _without_edges(
    plan: dict[tuple[str, str], int], scenario: Scenario
) -> tuple[dict[tuple[str, str], int], tuple[str, ...]]:
    """Leave out what only a load can show where no service calls another."""
    staging = next(estate for estate in estates(scenario) if estate.name == STAGING)
    if staging.edges:
        return plan, ()
    windows = {arm.name for arm in catalogue.ARMS.values() if arm.window}
    kept = {key: trials for key, trials in plan.items() if key[1] not in windows}
    reason = "no service calls another: trials run without a load, placebos and negative control are left out"
    return kept, (reason,)

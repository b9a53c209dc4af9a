"""`pov measure`: trials of each arm in a recorded random order, every sample saved as it happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pov.base.clock import SYSTEM_CLOCK
from pov.config.estates import estates
from pov.config.experiments import Experiment as Settings
from pov.config.experiments import timeouts
from pov.config.scenario import Scenario
from pov.experiments.calibration import WINDOW_S, Calibration, calibrate
from pov.experiments.core import Experiment, have_at_hand
from pov.experiments.toolbox import STAGING, Toolbox
from pov.measure.order import new_seed, shuffled
from pov.measure.scoring import criteria as read_criteria
from pov.model import catalogue
from pov.model.events import Emit, Event, Listeners
from pov.model.kinds import AGAIN, NEGATIVE, PLACEBO
from pov.state.runs import RunWriter
from pov.workflows.agreement import possible_arms
from pov.workflows.brought import Brought, brought
from pov.workflows.differences import compare
from pov.workflows.measure_options import UNLIKE, MeasureOptions, profile_of, refuse, refuse_at_once
from pov.workflows.measuring import MeasureResult, Measuring, Plan, mark_of, under_measurement
from pov.workflows.metering import Meter
from pov.workflows.planning import Paced, budget, paced
from pov.workflows.taking_back import killed, take_back_all, take_back_release, take_back_stage

ABOUT = (
    "scenario", "target", "services", "versions", "machine", "started", "traffic", "differences", "left_out",
    "exploratory",
)  # fmt: skip


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

    refuse_at_once(options)
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

    refuse_at_once(options)
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
    profile = profile_of(options)
    budget_s = budget(options.budget, profile)
    trials = options.trials or (profile.trials if profile else None)
    plan, left_out = planned(replace(options, trials=trials), scenario, own)
    asked = f"--budget {options.budget}" if options.budget else f"--profile {options.profile}"
    paces = paced(plan, own.experiments, own.words, runs, budget_s, asked=asked)
    return paces, (*left_out, *paces.left_out)


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
    refuse(options, scenario, experiments, names)
    plan: dict[tuple[str, str], int] = {}
    unlike: dict[str, None] = {}
    for name in dict.fromkeys(names):
        wish = settings.get(name) or Settings.model_validate({"name": name})
        ways = experiments[name].arms
        wanted = (*wish.arms, *(arm.arm.name for arm in own.arms if name in arm.experiments))
        possible = possible_arms(wanted, ways, scenario)
        unlike |= {arm.arm.name: None for arm in own.arms if not scenario.has_manual_arm}
        chosen = [arm for arm in dict.fromkeys(options.arms or possible) if arm in ways]
        sitting = [arm for arm in chosen if arm in catalogue.by_people()]
        plan |= {(name, arm): options.trials or wish.trials_of(arm) for arm in chosen if arm not in sitting}
        if options.people is not None:
            plan |= {(name, arm): (options.trials or 1) * len(options.people.by) for arm in sitting}
        # Nobody is kept waiting while nothing is done: those windows belong to runs of machines.
        chosen = [arm for arm in chosen if arm not in sitting]
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
    return kept, (*left_out, *(f"the {arm} arm is left out: {UNLIKE}" for arm in unlike))


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

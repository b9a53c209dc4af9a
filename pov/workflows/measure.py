"""`pov measure`: trials of each arm in a recorded random order, every sample saved as it happens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pov.base.clock import SYSTEM_CLOCK
from pov.base.errors import InvalidInput, Problem
from pov.config.estates import LEGACY, estates
from pov.config.experiments import Experiment as Settings
from pov.config.experiments import timeouts
from pov.config.scenario import Scenario
from pov.experiments import EXPERIMENTS
from pov.experiments.calibration import WINDOW_S, Calibration, calibrate
from pov.experiments.toolbox import STAGING, Toolbox
from pov.measure.order import interleave, new_seed
from pov.measure.scoring import criteria as read_criteria
from pov.model import catalogue
from pov.model.events import Emit, Event, Listeners
from pov.state.runs import RunWriter
from pov.workflows.differences import compare
from pov.workflows.measuring import MeasureResult, Measuring, Plan

_ABOUT = (
    "scenario", "target", "services", "versions", "machine", "started", "traffic", "differences", "left_out"
)  # fmt: skip


@dataclass(frozen=True)
class MeasureOptions:
    """What to measure: nothing named means what the scenario says. Without a seed, one is drawn and recorded.

    `aa` are further trials of the proposed arm, to be compared with itself.
    """

    root: Path
    name: str | None = None
    experiments: tuple[str, ...] = ()
    arms: tuple[str, ...] = ()
    trials: int | None = None
    seed: int | None = None
    aa: int | None = None


def run(options: MeasureOptions, emit: Emit) -> MeasureResult:
    """Measure the running environment. Whatever ends it early, what was measured is kept and summed up.

    Raises `InvalidInput` before anything is touched, `PovError` if what runs is not what the scenario asks for, or if
    the disk would not take the samples.
    """
    from pov.workflows.environment import attach
    from pov.workflows.record import asked, criteria_of, environment, other_versions
    from pov.workflows.toolbox import toolbox

    ctx = attach(options.root, options.name, emit)
    plan, left_out = planned(options, ctx.scenario)
    criteria = criteria_of(ctx)
    with ctx.home.lock():
        differences = compare(ctx.kube, asked(ctx))
        for text in (*left_out, *differences):
            emit(Event("warning", "measure", text))
        # A run that was killed leaves its load running. No other run can be under way: the lock is ours.
        box = replace(toolbox(ctx), timeouts=timeouts(criteria))
        box.prober().stop_loads()
        load = _calibrated(box, plan, emit)
        seed = new_seed() if options.seed is None else options.seed
        slots = interleave(plan, seed)
        emit(Event("started", "measure", "Versions and the machine", 1.0))
        begun, started = SYSTEM_CLOCK.monotonic(), SYSTEM_CLOCK.wall()
        record = environment(ctx, slots, seed, criteria, started)
        others = other_versions(ctx, record["versions"])
        for text in others:
            emit(Event("warning", "measure", text))
        record |= {
            "traffic": load.as_json(),
            "differences": [*differences, *others],
            "left_out": list(left_out),
        }
        writer = RunWriter(ctx.home.runs_dir, record)
        emit(Event("finished", "measure", f"recorded in {writer.path}", SYSTEM_CLOCK.monotonic() - begun))
        # Versions of a run carry its mark: no two runs deploy the same.
        box = replace(box, run=writer.run_id.replace("-", "")[4:], traffic=load.traffic)
        about = {key: record[key] for key in _ABOUT}
        told = Listeners(emit, ctx.home.journal_writer().hear)
        wanted = read_criteria(record["criteria"], [])
        return Measuring(box, writer, slots, told).measure({**about, "seed": seed}, plan, wanted)


def _calibrated(box: Toolbox, plan: Plan, emit: Emit) -> Calibration:
    """The load that this machine bears, told before the first trial."""
    names = dict.fromkeys(
        EXPERIMENTS[experiment].arms[arm].estate for experiment, arm in plan if arm in EXPERIMENTS[experiment].arms
    )
    estates = tuple(box.estate(name) for name in names)
    emit(Event("started", "measure", "The load that this machine bears", len(estates) * (WINDOW_S + 3)))
    begun = SYSTEM_CLOCK.monotonic()
    load = calibrate(box, estates, lambda text: emit(Event("progress", "measure", text)))
    emit(Event("finished", "measure", "The load that this machine bears", SYSTEM_CLOCK.monotonic() - begun))
    if load.warning:
        emit(Event("warning", "measure", load.warning))
    return load


def planned(options: MeasureOptions, scenario: Scenario) -> tuple[dict[tuple[str, str], int], tuple[str, ...]]:
    """Trials by experiment and arm, also those that are never compared; and what was left out, with the reason.

    Raises `InvalidInput` with all faults.
    """
    settings: dict[str, Settings] = {experiment.name: experiment for experiment in scenario.experiments}
    names = options.experiments or tuple(settings) or tuple(EXPERIMENTS)
    problems = [
        Problem(name, "no such experiment", f"one of {', '.join(EXPERIMENTS)}")
        for name in names
        if name not in EXPERIMENTS
    ]
    known = {arm: way for experiment in EXPERIMENTS.values() for arm, way in experiment.arms.items()}
    problems += [
        Problem("--arm", f"no arm {arm}", f"one of {', '.join(sorted(known))}")
        for arm in options.arms
        if arm not in known
    ]
    by_hand = [arm for arm in options.arms if arm in known and known[arm].estate == LEGACY]
    if by_hand and not scenario.has_manual_arm:
        unlike = f"this environment has no legacy estate that is like staging for the {by_hand[0]} arm"
        problems.append(Problem("--arm", unlike, "leave it out"))
    if problems:
        raise InvalidInput(problems)
    plan: dict[tuple[str, str], int] = {}
    for name in dict.fromkeys(names):
        wish = settings.get(name) or Settings.model_validate({"name": name})
        ways = EXPERIMENTS[name].arms
        possible = tuple(
            arm for arm in wish.arms if arm in ways and (ways[arm].estate != LEGACY or scenario.has_manual_arm)
        )
        chosen = [arm for arm in dict.fromkeys(options.arms or possible) if arm in ways]
        plan |= {(name, arm): options.trials or wish.trials_of(arm) for arm in chosen}
        if chosen:
            base = catalogue.proposed().name
            first = base if base in chosen else chosen[0]
            plan[name, catalogue.named("placebo")] = min(plan[name, first], wish.placebos or plan[name, first])
        aa = wish.aa if options.aa is None else options.aa
        if aa and catalogue.proposed().name in chosen:
            plan[name, catalogue.named("again")] = aa
        if chosen and EXPERIMENTS[name].negative is not None and scenario.legacy.hosts:
            plan[name, catalogue.named("negative")] = 1
    return _without_edges(plan, scenario)


def _without_edges(
    plan: dict[tuple[str, str], int], scenario: Scenario
) -> tuple[dict[tuple[str, str], int], tuple[str, ...]]:
    """Leave out what only a load can show where no service calls another."""
    staging = next(estate for estate in estates(scenario) if estate.name == STAGING)
    if staging.edges:
        return plan, ()
    kept = {key: trials for key, trials in plan.items() if not catalogue.ARMS[key[1]].window}
    reason = "no service calls another: trials run without a load, placebos and negative control are left out"
    return kept, (reason,)

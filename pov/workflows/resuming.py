"""`pov measure --resume RUN`: a run that ended early goes on where it stopped, in the order that was drawn before it.

Criteria, plan, load and people are those that the run recorded. It goes on only where the same still runs: on the same
cluster, in the same versions, with the same scripts and runbooks, on the same machine.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pov.base.clock import SYSTEM_CLOCK
from pov.base.errors import InvalidInput, NotFound, PovError, Problem
from pov.config.experiments import Criterion, timeouts
from pov.config.parts import Traffic
from pov.experiments.core import have_at_hand
from pov.experiments.seat import People
from pov.measure.order import Slot
from pov.measure.scoring import criteria as read_criteria
from pov.model.catalogue import OPTIONS
from pov.model.events import Emit, Event, Listeners
from pov.model.reading import items, mapping, read_sample, text
from pov.model.sample import CUT_OFF, Resumption, Sample
from pov.state import frozen, under_way
from pov.state.reopening import reopened, torn
from pov.state.runs import HEAD, Run, read_run
from pov.steps.context import Context
from pov.workflows.alike import comparable, unlike
from pov.workflows.brought import Brought, brought
from pov.workflows.differences import compare
from pov.workflows.measure import ABOUT
from pov.workflows.measuring import MeasureResult, Measuring, mark_of, under_measurement
from pov.workflows.metering import Meter
from pov.workflows.planning import Paced, paced
from pov.workflows.report import STATEMENT
from pov.workflows.runs import RunsOptions, find
from pov.workflows.taking_back import take_back, take_back_release, take_back_stage

_NEWLINE = b"\n"


@dataclass(frozen=True)
class ResumeOptions:
    """Which run goes on, by its id or as much of it as no other shares.

    `busy` is set while a person has the terminal; `hint` are the options with which the command to go on means the same
    environment.
    """

    root: Path
    run: str
    name: str | None = None
    busy: threading.Event = field(default_factory=threading.Event)
    hint: str = ""


@dataclass(frozen=True)
class Unfinished:
    """A run that can go on: its files fit, and of the plan's `slots` the first have their samples."""

    saved: Run
    slots: tuple[Slot, ...]

    @property
    def run(self) -> str:
        """Its id."""
        return str(self.saved.environment["run"])

    @property
    def begun(self) -> str:
        """The trial that had begun without being saved; empty for none."""
        return under_way.unsaved(self.saved.path, self.saved.samples)

    @property
    def left(self) -> tuple[Slot, ...]:
        """What is to be measured still."""
        return self.slots[len(self.saved.samples) :]


def resume(options: ResumeOptions, emit: Emit) -> MeasureResult:
    """Go on with a run. Whatever ends it early again, what was measured is kept and summed up.

    Raises `InvalidInput` before anything is touched where it cannot go on, `PovError` where something else runs than
    what it recorded.
    """
    from pov.steps.gate.published import renewed
    from pov.workflows.toolbox import kept_configuration, seated, toolbox

    unfinished = found(options)
    record = unfinished.saved.environment
    ctx, own, criteria = _standing(options, unfinished, emit)
    people = _people(record, options.busy)
    if people is not None:
        people.terminal().close()
    with ctx.home.lock():
        # Another may have gone on with it since: now nobody can.
        unfinished = found(options)
        box = replace(toolbox(ctx), timeouts=timeouts(criteria), playbooks=own.playbooks, **choices(record))
        take_back_stage(box, emit, ctx.deal)
        take_back_release(box, [unfinished.begun], emit)
        emit(Event("started", "measure", "Whether the same runs as before", 1.0))
        begun = SYSTEM_CLOCK.monotonic()
        told = [*_frozen_since(options.root, ctx, record), *_other(ctx, own, criteria, record)]
        emit(Event("finished", "measure", "Whether the same runs as before", SYSTEM_CLOCK.monotonic() - begun))
        if told:
            raise PovError(
                f"run {record['run']} cannot go on: what runs now is not what it recorded",
                details=told,
                fix="pov up puts back what was changed since; for anything else a new run: pov measure",
            )
        box.prober().stop_loads()
        take_back(box, mark_of(unfinished.run), unfinished.begun, emit)
        have_at_hand(box, [own.experiments[slot.experiment] for slot in unfinished.left])
        paces = _paces(unfinished, own, ctx)
        writer = reopened(unfinished.saved)
        with under_measurement(writer), renewed(ctx):
            for line in _told(writer.resumed[-1], unfinished):
                emit(Event("warning", "measure", line))
            for line in paces.lines(own.words) if unfinished.left else ():
                emit(Event("note", "measure", line))
            samples = _samples(unfinished.saved)
            times = sum(len(sample.resumed) for sample in samples) + len(writer.resumed)
            box = replace(box, run=mark_of(writer.run_id, times), traffic=_traffic(record), logs=writer.path / "logs")
            if people is not None:
                box = seated(box, ctx, people, writer.path)
            heard = Listeners(emit, ctx.home.journal_writer().hear)
            measuring = Measuring(
                box,
                writer,
                unfinished.slots,
                heard,
                own,
                expected=paces.each,
                keep=kept_configuration(ctx),
                meter=Meter.of(ctx),
                done=samples,
                hint=options.hint,
            )
            about = {key: record[key] for key in ABOUT if key in record} | {"seed": record.get("order_seed")}
            plan = Counter((slot.experiment, slot.arm) for slot in unfinished.slots)
            return measuring.measure(about, plan, read_criteria(record.get("criteria"), []))


def left(options: ResumeOptions, emit: Emit) -> Paced:
    """What `resume` would measure, and about how long it takes; nothing is touched. Raises as `resume` does."""
    unfinished = found(options)
    ctx, own, _ = _standing(options, unfinished, emit)
    return _paces(unfinished, own, ctx)


def found(options: ResumeOptions) -> Unfinished:
    """The run that is meant. Raises `InvalidInput` with everything that keeps it from going on."""
    try:
        path = find(RunsOptions(options.root, options.name), options.run)
        saved = read_run(path)
    except NotFound as error:
        told = f"{error.message}: {error.cause}" if error.cause else error.message
        raise InvalidInput([Problem("--resume", told, "pov runs list")]) from error
    problems = list(_obstacles(saved))
    if problems:
        raise InvalidInput(problems)
    slots = tuple(Slot(**{key: one[key] for key in ("experiment", "arm", "trial")}) for one in _plan(saved))
    return Unfinished(saved, slots)


def _obstacles(saved: Run) -> Iterator[Problem]:
    """Why a run cannot go on, whatever runs."""
    run = saved.path.name
    if saved.summary is not None and not mapping(saved.summary.get("run")).get("interrupted"):
        fix = f"pov report --run {run}, or a new run: pov measure"
        yield Problem(run, f"ended by itself: {len(saved.samples)} of {len(_plan(saved))} trials are saved", fix)
        return
    if not text(saved.environment.get("cluster")):
        told = (
            "an earlier version of pov saved it, and did not record on which cluster: it cannot be told whether it runs"
        )
        yield Problem(run, told, f"pov report --run {run}, or a new run: pov measure")
        return
    if any(text(one.get(key)) == "" for one in _plan(saved) for key in ("experiment", "arm", "trial")):
        yield Problem(run, "its plan cannot be read", "a new run: pov measure")
        return
    reports = saved.path.parent.parent / "reports" / run
    if frozen.signatures(saved.path, HEAD) or frozen.signatures(reports, STATEMENT):
        told = "it is countersigned as it is: the signature would be over other samples than the run's"
        yield Problem(run, told, "a new run: pov measure")
    lines = (saved.path / "samples.jsonl").read_bytes()
    cut = f"samples.jsonl:{lines.count(_NEWLINE) + 1}: " if torn(saved.path / "samples.jsonl") else None
    for problem in saved.problems:
        if cut is None or not problem.startswith(cut):
            yield Problem(run, problem, f"pov verify {run} tells what does not fit")
    order = [under_way.name_of(one) for one in _plan(saved)]
    if not saved.problems and [under_way.name_of(one) for one in saved.samples] != order[: len(saved.samples)]:
        yield Problem(run, "its samples are not the first of its plan, in their order", f"pov verify {run}")


def _plan(saved: Run) -> list[Mapping[str, Any]]:
    return [mapping(one) for one in items(saved.environment.get("plan"))]


def _standing(
    options: ResumeOptions, unfinished: Unfinished, emit: Emit
) -> tuple[Context, Brought, Sequence[Criterion]]:
    """The run's environment, what was brought to it, and the criteria as they are now."""
    from pov.workflows.agreement import criteria_of
    from pov.workflows.environment import attach, recall

    name = unfinished.saved.path.parent.parent.name
    try:
        ctx = attach(options.root, name, emit)
    except NotFound as error:
        cause = f"{error.message}: a run goes on where it was begun, or not at all"
        raise NotFound(
            f"run {unfinished.run} cannot go on", cause=cause, fix="a new run: pov up, pov measure"
        ) from error
    typed = [
        f"{one['name']}={one['command'][0]}"
        for one in map(mapping, items(unfinished.saved.environment.get("own_arms")))
        if one.get("origin") == "--arm"
    ]
    own, _ = brought(ctx.engagement, recall(ctx.home, ctx.name).engagement, typed)
    return ctx, own, criteria_of(ctx.scenario, ctx.engagement)


def _frozen_since(root: Path, ctx: Context, record: Mapping[str, Any]) -> Iterator[str]:
    """Whether criteria were frozen since the run began: it cannot have been begun for those."""
    before, now = mapping(record.get("frozen")).get("digest"), frozen.read(root) if ctx.engagement is not None else None
    if before != (now.digest if now else None):
        yield "criteria: frozen anew since the run began" if before else "criteria: frozen after the run began"


def _other(ctx: Context, own: Brought, criteria: Sequence[Criterion], record: Mapping[str, Any]) -> Iterator[str]:
    """Everything else that is not as the run recorded it."""
    from pov.workflows.record import asked, environment

    now = json.loads(json.dumps(environment(ctx, (), 0, criteria, SYSTEM_CLOCK.wall(), own=own)))
    mock = ctx.images["mock"]
    plan = {(text(one.get("experiment")), text(one.get("arm"))) for one in map(mapping, items(record.get("plan")))}
    yield from unlike(comparable(record, mock, plan), comparable(now, mock, plan))
    if mapping(mapping(record.get("traffic")).get("asked")) != ctx.scenario.traffic.model_dump(mode="json"):
        yield "traffic: the scenario asks for another load"
    yield from (text for text in compare(ctx.kube, asked(ctx)) if text not in items(record.get("differences")))


def _told(now: Resumption, unfinished: Unfinished) -> Iterator[str]:
    """What somebody has to know who goes on."""
    how = "was interrupted" if now.ended != CUT_OFF else "was cut off"
    done, of = len(unfinished.saved.samples), len(unfinished.slots)
    yield f"the run {how} after {done} of {of} trials, last heard of at {now.last}: the report tells it"
    if now.trial:
        yield f"{now.trial} had begun and was not saved: it is measured again"
    if now.cut_bytes:
        yield f"samples.jsonl: a last line of {now.cut_bytes} bytes was not whole, and was cut off"


def _paces(unfinished: Unfinished, own: Brought, ctx: Context) -> Paced:
    plan = Counter((slot.experiment, slot.arm) for slot in unfinished.left)
    return paced(plan, own.experiments, own.words, ctx.home.runs_dir, None)


def _samples(saved: Run) -> list[Sample]:
    return [read_sample(record, n, []) for n, record in enumerate(saved.samples, 1)]


def _traffic(record: Mapping[str, Any]) -> Traffic:
    """The load that was found before the first trial: no arm may meet another one."""
    told = mapping(record.get("traffic"))
    return Traffic.model_validate({name: told[name] for name in Traffic.model_fields}, by_name=True)


def choices(record: Mapping[str, Any]) -> dict[str, Any]:
    """What was chosen of single experiments, as the toolbox has it: no trial is of another kind than those before."""
    told = mapping(record.get("choices"))
    return {option.recorded: told[option.recorded] for option in OPTIONS.values() if option.recorded in told}


def _people(record: Mapping[str, Any], busy: threading.Event) -> People | None:
    told = mapping(record.get("people"))
    by, reviewers = (tuple(text(alias) for alias in items(told.get(key))) for key in ("by", "reviewers"))
    return People(by, bool(told.get("simulated")), busy=busy, reviewers=reviewers) if by else None

"""`pov measure`."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from pov.base.errors import CriterionNotMet, InvalidInput, NotShown, PovError, Problem
from pov.cli.app import command_options, settings
from pov.cli.console import console
from pov.cli.given import NAME, Number
from pov.cli.tables import Result, duration, show, table
from pov.model.catalogue import AT, ERROR_RATE, by_people, proposed, reviewed

if TYPE_CHECKING:
    from pov.workflows.planning import Paced


@click.command()
@click.argument("experiments", type=NAME, nargs=-1, metavar="[EXPERIMENT]...")
@click.option("--trials", type=click.IntRange(1, 100), metavar="N", help="Trials of each arm.")
@click.option(
    "--arm",
    "arms",
    type=NAME,
    multiple=True,
    metavar="A[=FILE]",
    help="Only this arm; may be given again. With a file: a script of your own as an arm.",
)
@click.option("--seed", type=int, metavar="N", help="Seed of the trials' order; recorded either way.")
@click.option(
    "--aa", type=click.IntRange(0, 100), metavar="N", help=f"Trials of the {proposed().said} arm against itself."
)
@click.option(
    "--budget", type=NAME, metavar="TIME", help="As many rounds as fit, such as 20m; cut before the first trial."
)
@click.option("--profile", type=NAME, metavar="P", help="stage (under six minutes) or readout (six trials an arm).")
@click.option(
    AT.flag,
    type=NAME,
    metavar="POINT",
    help=f"Where `{AT.experiment}` kills the work: {', '.join(AT.points)}, or such as 35%.",
)
@click.option(
    ERROR_RATE.flag,
    type=Number(),
    metavar="SHARE",
    help=f"How bad `{ERROR_RATE.experiment}` has it, such as {ERROR_RATE.usual}.",
)
@click.option("--plan", "only_plan", is_flag=True, help="Tell the plan and about how long it takes; measure nothing.")
@click.option(
    "--exploratory", is_flag=True, help="Against other criteria or by another plan than frozen; the report says so."
)
@click.option(
    "--by",
    "by",
    type=NAME,
    multiple=True,
    metavar="ALIAS",
    help=f"Who does the arm `{by_people()[0]}`; again for the next one.",
)
@click.option(
    "--reviewer",
    "reviewers",
    type=NAME,
    multiple=True,
    metavar="ALIAS",
    help=f"Who reviews in the arm `{reviewed()[0]}`: one for all, or one for each --by.",
)
@click.option("--resume", "resumed", type=NAME, metavar="RUN", help="Go on with a run that was interrupted or cut off.")
@click.option("--simulated", is_flag=True, hidden=True, help="A script types in their place: every page says so.")
@command_options
def command(
    *,
    experiments: tuple[str, ...],
    arms: tuple[str, ...],
    trials: int | None,
    seed: int | None,
    only_plan: bool,
    by: tuple[str, ...],
    reviewers: tuple[str, ...],
    simulated: bool,
    resumed: str | None,
    **sizes: Any,
) -> None:
    """Measure the scenario's experiments (or what is named) in each arm, in random order.

    The plan is told first, with the time it will take: learnt from earlier trials here, or guessed. Every sample is
    saved as it happens: Ctrl-C keeps what was measured, and --resume RUN goes on with it.

    Ends with code 0 when all criteria pass, 4 when any fails, 5 when none fails and something is not shown, 1 where
    every trial of an arm failed, 130 interrupted.
    """
    chosen = settings()
    from pov.experiments.seat import People
    from pov.workflows import measure
    from pov.workflows.measure_options import MeasureOptions

    people = People(by, simulated, reviewers=reviewers) if by or reviewers else None
    if resumed is not None:
        given = {"EXPERIMENT": experiments, "--arm": arms, "--trials": trials, "--seed": seed, "--by": by}
        given |= {"--reviewer": reviewers, "--simulated": simulated, **sizes}
        _go_on(resumed, [name for name, value in given.items() if value not in (None, (), False)], only_plan)
        return
    options = MeasureOptions(
        chosen.root, chosen.name, experiments, arms, trials, seed, people=people, hint=chosen.hint, **sizes
    )
    if only_plan:
        with console() as emit:
            paced = measure.show(options, emit)
        show(paced, _plan_in_words)
        return
    with console(people.busy if people else None) as emit:
        result = measure.run(options, emit)
    _tell(result)


def _go_on(run: str, given: Sequence[str], only_plan: bool) -> None:
    """The run's own plan counts: whatever would be another one is refused."""
    from pov.workflows import resuming

    if given:
        names = ", ".join(
            name if name.isupper() or name.startswith("--") else f"--{name.replace('_', '-')}" for name in given
        )
        fix = f"leave it out, or begin a new run: pov measure{settings().hint}"
        raise InvalidInput([Problem("--resume", f"{run} goes on by its own plan, which {names} would change", fix)])
    chosen, busy = settings(), threading.Event()
    options = resuming.ResumeOptions(chosen.root, run, chosen.name, busy, chosen.hint)
    if only_plan:
        with console() as emit:
            paced = resuming.left(options, emit)
        show(paced, _plan_in_words)
        return
    with console(busy) as emit:
        result = resuming.resume(options, emit)
    _tell(result)


def _tell(result: Result) -> None:
    """The result, and the code that a script has to hear."""
    show(result, lambda measured: f"{in_words(measured)}\n\nNext: pov report{settings().hint}")
    ended = _ending(result.as_json(), f"pov report{settings().hint}  (it shows every sample behind it)")
    if ended is not None:
        raise ended


def _plan_in_words(result: Paced) -> str:
    from pov.model.words import Words

    words = Words()
    head = ["experiment", "arm", "trials", "each, about", "learnt from"]
    rows = [
        [
            experiment,
            words.arm(arm).label,
            str(trials),
            duration(result.each[experiment, arm].seconds),
            str(result.each[experiment, arm].trials or "a guess"),
        ]
        for (experiment, arm), trials in result.plan.items()
    ]
    told = [table(head, rows, right=(2, 3, 4)), f"About {duration(result.seconds)} in all, in a random order."]
    told += [f"! {reason}" for reason in result.left_out]
    return "\n\n".join(told)


def _ending(summary: Mapping[str, Any], fix: str) -> PovError | None:
    """What a script has to hear of a run that is measured and saved; None where every criterion is met."""
    dead = [
        f"{experiment['name']} {arm['name']}"
        for experiment in summary["experiments"]
        for arm in experiment.get("people", ())
        if not any(trial["ok"] for trial in arm["trials"])
    ]
    dead += [
        f"{experiment['name']} {arm['name']}"
        for experiment in summary["experiments"]
        for arm in experiment["arms"]
        if arm["trials"] and not any(trial["ok"] for trial in arm["trials"])
    ]
    if dead:
        return PovError(f"saved, but every trial failed: {', '.join(dead)}", fix=fix)
    by_outcome: dict[str, list[Mapping[str, Any]]] = {}
    for criterion in summary["criteria"]:
        by_outcome.setdefault(criterion["outcome"], []).append(criterion)
    if missed := by_outcome.get("fail"):
        return CriterionNotMet(f"measured, saved, and not met: {_ids(missed)}", fix=fix)
    if open_ := by_outcome.get("not shown"):
        return _not_shown(summary, open_, fix)
    return None


def _not_shown(summary: Mapping[str, Any], open_: Sequence[Mapping[str, Any]], fix: str) -> NotShown:
    """Why criteria stay open: what this run's plan never held is told apart from what it held and could not show."""
    planned = {(part["experiment"], part["arm"]) for part in summary["run"].get("planned", ())}
    outside = [one for one in open_ if planned and (one["experiment"], one["arm"]) not in planned]
    inside = [one for one in open_ if one not in outside]
    told = f"measured, saved, and not shown: {_ids(inside)}" if inside else "measured and saved"
    if outside:
        told += f"; not shown since this run was not to measure that: {_ids(outside)}"
    return NotShown(told, fix=fix)


def _ids(criteria: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(str(one["id"]) for one in criteria)


def in_words(result: Result) -> str:
    """A run's summary for people."""
    summary = result.as_json()
    experiments = summary.get("experiments", ())
    head = ["experiment", "arm", "trials", "median", "range", "requests", "hard", "late", "excused"]
    rows = [row for experiment in experiments for row in _rows(experiment)]
    parts = [f"Run {summary['run'].get('id', '')}", table(head, rows, right=(2, 3, 4, 5, 6, 7, 8)) if rows else ""]
    head = ["experiment", "arm", "by", "trial", "elapsed", "hands-on", "failed commands", "requests lost", "outcome"]
    people = [row for experiment in experiments for row in _people(experiment)]
    parts.append(table(head, people, right=(3, 4, 5, 6, 7)) if people else "")
    parts.append("\n".join(line for experiment in experiments for line in _comparisons(experiment)))
    head = ["criterion", "bound", "observed", "outcome", "why", "today's way"]
    criteria = [
        [str(c["id"]), f"{c['threshold']:g}", _observed(c, c["metric"]), _outcome(c), _why(c), _today(c)]
        for c in summary.get("criteria", ())
    ]
    parts.append(table(head, criteria) if criteria else "")
    parts.append(_footprint(summary.get("footprint")))
    warnings = [warning for experiment in experiments for warning in experiment.get("warnings", ())]
    parts.append("\n".join(f"! {warning}" for warning in [*_interruptions(summary), *warnings]))
    return "\n\n".join(part for part in parts if part)


def _footprint(told: Mapping[str, Any] | None) -> str:
    """What the platform itself takes, in one line; nothing where that was not recorded."""
    from pov.measure.footprint import PLATFORM, Footprint
    from pov.reporting.numbers import NARROW, count, percent

    if told is None:
        return ""
    found = Footprint.of(told)
    times = ((True, "with nothing done"), (False, "over the whole run"))
    taken = [(found.share(PLATFORM, idle=idle), when) for idle, when in times]
    shares = [f"{percent(share)} of one core {when}" for share, when in taken if share is not None]
    return f"The platform itself takes {', '.join(shares)}, and {count(found.memory(PLATFORM))}{NARROW}MiB."


def _interruptions(summary: Mapping[str, Any]) -> Iterator[str]:
    """Where the run went on: the time in between was not drawn."""
    for one in summary.get("interruptions", ()):
        again = f"; {one['trial']} had begun, and was measured again" if one["trial"] else ""
        yield f"{one['ended']} after sample {one['after']}, at {one['last']} or later; resumed at {one['at']}{again}"


def _rows(experiment: Mapping[str, Any]) -> Iterator[list[str]]:
    for arm in experiment["arms"]:
        spread = f"{duration(arm['minimum'])} to {duration(arm['maximum'])}" if arm["n"] else "–"
        counts = ["–" if arm[key] is None else str(arm[key]) for key in ("requests", "hard", "late", "excused")]
        tried = f"{arm['n']} of {arm['n'] + arm['failed']}"
        yield [str(experiment["name"]), str(arm["name"]), tried, duration(arm["median"]), spread, *counts]


def _people(experiment: Mapping[str, Any]) -> Iterator[list[str]]:
    from pov.reporting.numbers import kinds

    for arm in experiment.get("people", ()):
        for trial in arm["trials"]:
            figures = trial["figures"]
            lost = "–" if trial["hard"] is None else kinds(trial["hard"], trial["late"])
            times = [duration(trial["seconds"]), duration(figures.get("hands_on_seconds"))]
            counts = [_figure(figures.get("failed_commands")), lost]
            outcome = "ok" if trial["ok"] else str(trial["error"])
            by = ", ".join(filter(None, (trial["by"], trial.get("reviewer"))))
            by += " (a script)" if trial["origin"] == "simulated" else ""
            yield [str(experiment["name"]), str(arm["name"]), by, str(trial["trial"]), *times, *counts, outcome]


def _outcome(criterion: Mapping[str, Any]) -> str:
    from pov.measure.scoring import word

    return word(str(criterion["outcome"]), criterion.get("tells_apart"))


def _today(criterion: Mapping[str, Any]) -> str:
    today = criterion.get("today")
    if not today:
        return "–"
    return f"{today['outcome']} ({_observed(today, criterion['metric'])})"


def _observed(scored: Mapping[str, Any], metric: str) -> str:
    """What was observed; a sum of hard and late failures as both, where the run told them apart."""
    from pov.measure.results import holds_both
    from pov.model.words import Words
    from pov.reporting.numbers import kinds

    hard, late, figure = scored.get("hard"), scored.get("late"), _figure(scored["observed"])
    if hard is not None and late is not None:
        return kinds(hard, late)
    return f"{figure}, not told apart" if scored["observed"] and holds_both(Words().metric(metric)) else figure


def _why(criterion: Mapping[str, Any]) -> str:
    from pov.measure.scoring import why

    return why(criterion["reason"], criterion.get("late"), criterion["excused"], criterion["outcome"])


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _comparisons(experiment: Mapping[str, Any]) -> Iterator[str]:
    comparisons: Sequence[Mapping[str, Any]] = experiment.get("comparisons", ())
    for comparison in comparisons:
        names = " / ".join(str(arm) for arm in comparison["arms"])
        kind = "primary" if comparison["primary"] else "descriptive"
        yield f"{experiment['name']}: {names} = {_ratio(comparison)} ({kind}{_order(comparison)})"
    itself = experiment.get("against_itself")
    if itself is None:
        return
    if itself["smallest_ratio"] is None:
        yield f"{experiment['name']}: A/A = {_ratio(itself)}: what this machine can tell is not known"
    else:
        told = "something else made a difference" if itself["apart"] else "smaller ones cannot be told on this machine"
        yield f"{experiment['name']}: A/A: ratios from {itself['smallest_ratio']:.2f} on can be told; {told}"


def _ratio(comparison: Mapping[str, Any]) -> str:
    if comparison["interval"] is None:
        return f"{comparison['ratio']:.2f}, no interval: {comparison['why_no_interval']}"
    low, high = comparison["interval"]
    return f"{comparison['ratio']:.2f}, {comparison['coverage']:.1%} interval {low:.2f} to {high:.2f}"


def _order(comparison: Mapping[str, Any]) -> str:
    if not comparison["primary"]:
        return ""
    if comparison["p_value"] is None:
        return f"; no p: {comparison['why_no_p']}"
    return f"; order, p {comparison['p_value']:.2g}, by Holm {comparison['p_adjusted']:.2g}"

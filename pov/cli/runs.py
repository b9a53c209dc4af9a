"""`pov runs`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pov.cli.app import Group, as_typed, command_options, settings
from pov.cli.given import NAME
from pov.cli.tables import duration, show, table
from pov.model.events import silent

if TYPE_CHECKING:
    from pov.workflows.runs import Compared, Line, Pair, RunDetails, RunList, RunsOptions


@click.group(cls=Group)
@command_options
def command() -> None:
    """List, show and compare what was measured. A run outlives its environment."""


@command.command("list")
@command_options
def list_command() -> None:
    """List every run, also those that were interrupted or cut off."""
    from pov.workflows import runs

    show(runs.run_list(_options(), silent), _list_in_words)


@command.command("show")
@click.argument("run", type=NAME, default="latest")
@command_options
def show_command(run: str) -> None:
    """Tell what a run measured, summed up anew from its samples; the newest if none is named."""
    from pov.workflows import runs

    show(runs.run_show(_options(), run, silent), _details_in_words)


@command.command("compare")
@click.argument("first", type=NAME)
@click.argument("second", type=NAME)
@command_options
def compare_command(first: str, second: str) -> None:
    """Lay two runs side by side, arm by arm, and tell what else differs between them."""
    from pov.workflows import runs

    show(runs.run_compare(_options(), first, second, silent), _compared_in_words)


def _options() -> RunsOptions:
    from pov.workflows.runs import RunsOptions

    chosen = settings()
    return RunsOptions(chosen.root, chosen.name)


def _list_in_words(result: RunList) -> str:
    if result.below:
        others = [f"pov --engagement {as_typed(Path(folder))} runs list" for folder in result.below]
        return "\n".join(["Nothing was measured yet from this folder. There are runs in one below:", *others])
    if not result.runs:
        return f"Nothing was measured yet. Next: pov measure{settings().hint}"
    head = ["run", "environment", "scenario", "ended", "trials", "failed", "criteria"]
    rows = [
        [
            line.run,
            line.environment,
            line.scenario + (" (simulated)" if line.simulated else ""),
            line.ended,
            f"{line.saved} of {'?' if line.planned is None else line.planned}",
            str(line.failed),
            ", ".join(f"{count} {outcome}" for outcome, count in line.outcomes.items()) or "–",
        ]
        for line in result.runs
    ]
    problems = [f"! {line.run}: {problem}" for line in result.runs for problem in line.problems]
    problems += [f"{line.run} {_goes_on(line)}" for line in result.runs if line.goes_on]
    return "\n\n".join(part for part in (table(head, rows, right=(4, 5)), "\n".join(problems)) if part)


def _details_in_words(result: RunDetails) -> str:
    from pov.cli.measure import in_words

    line = result.line
    ended = (
        "whole"
        if line.ended == "whole"
        else f"{line.ended}, {_of(line)} trials {'are saved so far' if line.ended == 'running' else 'are kept'}"
    )
    told = [f"Started {line.started}, {ended}.", *(f"! {problem}" for problem in line.problems), str(result.path)]
    told += [f"It {_goes_on(line)}"] if line.goes_on else []
    return f"{in_words(result)}\n\n" + "\n".join([*told, f"Its report: pov report --run {line.run}{settings().hint}"])


def _goes_on(line: Line) -> str:
    """How a run that ended early is finished."""
    return f"goes on with: pov measure --resume {line.run}{settings().hint}"


def _of(line: Line) -> str:
    return str(line.saved) if line.planned is None else f"{line.saved} of {line.planned}"


_NO_TEST = (
    "Medians and ranges of the successful trials. No test is made: trials of different runs were not interleaved, "
    "so the machine's day is in every difference."
)


def _compared_in_words(result: Compared) -> str:
    first, second = result.runs
    head = ["experiment", "arm", "n", f"A {first}", f"B {second}", "B / A", "ranges", "hard, A and B", "late, A and B"]
    parts = [
        table(head, [_row(pair) for pair in result.pairs], right=(2, 5)),
        _NO_TEST,
        "\n".join(f"! {difference}" for difference in result.differences) or "Nothing else that was recorded differs.",
    ]
    return "\n\n".join(parts)


def _row(pair: Pair) -> list[str]:
    apart = {None: "–", True: "apart", False: "overlap"}[pair.apart]
    cells = [
        "–" if spread is None else f"{duration(median)} ({duration(spread[0])} to {duration(spread[1])})"
        for median, spread in zip(pair.medians, pair.ranges, strict=True)
    ]
    ratio = "–" if pair.ratio is None else f"{pair.ratio:.2f}"
    return [
        pair.experiment,
        pair.arm,
        "{} / {}".format(*pair.n),
        *cells,
        ratio,
        apart,
        _both(pair.hard),
        _both(pair.late),
    ]


def _both(counts: tuple[int | None, int | None]) -> str:
    return ", ".join("–" if count is None else str(count) for count in counts)

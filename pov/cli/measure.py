"""`pov measure`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from pov.base.errors import CriterionNotMet, NotShown, PovError
from pov.cli.app import command_options, settings
from pov.cli.console import console
from pov.cli.tables import Result, duration, show, table


@click.command()
@click.argument("experiments", nargs=-1, metavar="[EXPERIMENT]...")
@click.option("--trials", type=click.IntRange(1, 100), metavar="N", help="Trials of each arm.")
@click.option("--arm", "arms", multiple=True, metavar="A", help="Only this arm; may be given again.")
@click.option("--seed", type=int, metavar="N", help="Seed of the trials' order; recorded either way.")
@command_options
def command(experiments: tuple[str, ...], trials: int | None, arms: tuple[str, ...], seed: int | None) -> None:
    """Measure deploy and rotate (or what is named) in each arm, in random order.

    Every sample is saved as it happens: Ctrl-C keeps what was measured. Ends with code 0 when every criterion is met, 4
    when one is not, 5 when none is missed and one is not shown, 1 when every trial of an arm failed.
    """
    chosen = settings()
    from pov.workflows import measure

    options = measure.MeasureOptions(chosen.root, chosen.name, experiments, arms, trials, seed)
    with console() as emit:
        result = measure.run(options, emit)
    show(result, _in_words)
    ended = _ending(result.as_json(), f"pov report{settings().hint}  (it shows every sample behind it)")
    if ended is not None:
        raise ended


def _ending(document: Mapping[str, Any], fix: str) -> PovError | None:
    """What a script has to hear of a run that is measured and saved; None where every criterion is met."""
    dead = [
        f"{experiment.get('name')} {arm.get('name')}"
        for experiment in document.get("experiments", ())
        for arm in experiment.get("arms", ())
        if arm.get("trials") and not any(trial.get("ok") for trial in arm["trials"])
    ]
    if dead:
        return PovError(f"saved, but every trial failed: {', '.join(dead)}", fix=fix)
    by_outcome: dict[str, list[str]] = {}
    for criterion in _criteria(document):
        by_outcome.setdefault(str(criterion.get("outcome")), []).append(str(criterion.get("id")))
    if missed := by_outcome.get("fail"):
        return CriterionNotMet(f"measured, saved, and not met: {', '.join(missed)}", fix=fix)
    if open_ := by_outcome.get("not shown"):
        return NotShown(f"measured, saved, and not shown: {', '.join(open_)}", fix=fix)
    return None


def _criteria(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return document.get("criteria") or document.get("summary", {}).get("criteria") or ()


def _in_words(result: Result) -> str:
    document = result.as_json()
    summary = document if "experiments" in document else document.get("summary", {})
    run = summary.get("run", document.get("run", ""))
    name = run.get("id", "") if isinstance(run, Mapping) else run
    rows = [row for experiment in summary.get("experiments", ()) for row in _rows(experiment)]
    head = ["experiment", "arm", "trials", "median", "range", "failed requests", "failed handshakes"]
    parts = [f"Run {name}", table(head, rows, right=(2, 3, 4, 5, 6))]
    comparisons = [line for experiment in summary.get("experiments", ()) for line in _comparisons(experiment)]
    parts.append("\n".join(comparisons))
    criteria = [
        [str(c.get("id")), f"at most {c.get('threshold')}", str(c.get("observed")), str(c.get("outcome"))]
        for c in _criteria(document)
    ]
    parts.append(table(["criterion", "agreed", "observed", "outcome"], criteria) if criteria else "")
    warnings = [w for experiment in summary.get("experiments", ()) for w in experiment.get("warnings", ())]
    parts.append("\n".join(f"! {_text(warning)}" for warning in [*warnings, *summary.get("warnings", ())]))
    parts.append(f"Next: pov report{settings().hint}")
    return "\n\n".join(part for part in parts if part)


def _rows(experiment: Mapping[str, Any]) -> Iterator[list[str]]:
    for arm in experiment.get("arms", ()):
        trials = arm.get("trials", ())
        good = [t["seconds"] for t in trials if t.get("ok") and t.get("seconds") is not None]
        spread = f"{duration(min(good))} to {duration(max(good))}" if good else "–"
        yield [
            str(experiment.get("name")),
            str(arm.get("name")),
            f"{sum(bool(t.get('ok')) for t in trials)} of {len(trials)}",
            duration(arm.get("median")),
            spread,
            _share(trials, "failed_requests", "requests"),
            _share(trials, "failed_handshakes", "handshakes"),
        ]


def _share(trials: Sequence[Mapping[str, Any]], failed: str, tried: str) -> str:
    counted = [trial for trial in trials if trial.get(tried) is not None]
    if not counted:
        return "–"
    return f"{sum(t.get(failed) or 0 for t in counted)} of {sum(t[tried] for t in counted)}"


def _comparisons(experiment: Mapping[str, Any]) -> Iterator[str]:
    for comparison in experiment.get("comparisons", ()):
        arms, ratio = comparison.get("arms"), comparison.get("ratio")
        if isinstance(ratio, int | float) and arms:
            names = " / ".join(str(arm) for arm in arms)
            yield f"{experiment.get('name')}: {names} = {ratio:.2f} (ratio of medians)"


def _text(warning: Any) -> str:
    if not isinstance(warning, Mapping):
        return str(warning)
    remedy = warning.get("remedy") or warning.get("fix")
    return f"{warning.get('message', '')}{f' ({remedy})' if remedy else ''}"

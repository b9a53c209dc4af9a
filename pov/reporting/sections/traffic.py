"""What the services' callers saw meanwhile: requests and handshakes that failed, and the negative control."""

from __future__ import annotations

from collections.abc import Iterator

from pov.reporting import wording
from pov.reporting.blocks import Block, Callout, Heading, Table, Text
from pov.reporting.facts import Experiment, Facts, Trial
from pov.reporting.judge import numbers
from pov.reporting.numbers import count, plural
from pov.reporting.section import Section

_HEAD = ("Sample", "Arm", "Requests", "Failed", "Handshakes", "Failed")


def build(facts: Facts) -> Iterator[Block]:
    """A row for each sample, a sum for each arm; placebos and the negative control apart."""
    recorded = [e for e in facts.experiments if any(_counts(t) for arm in e.arms for t in arm.trials)]
    if facts.trials and not recorded:
        yield Text("No trial of this run recorded requests.")
    if recorded:
        yield Text(
            "The prober sends on a fixed schedule, whatever the answers do (open loop), and never tries again: a "
            "request that fails, comes late or is never sent counts as failed. Kept connections and new ones are "
            "driven apart; handshakes are counted on the new ones."
        )
    for experiment in recorded:
        words = wording.experiment(experiment.name)
        yield Heading(words.title)
        rows: list[tuple[str, ...]] = []
        sums: list[int] = []
        for arm in experiment.arms:
            rows += [(f"{t.n}", wording.arm(arm.name), *_counts_text(t)) for t in arm.trials]
            totals = (arm.total(name) for name in ("requests", "failed_requests", "handshakes", "failed_handshakes"))
            sums.append(len(rows))
            rows.append(("all", wording.arm(arm.name), *(count(total) for total in totals)))
        caption = f"Requests and new handshakes during each {words.noun}."
        yield Table(caption, _HEAD, tuple(rows), "llrrrr", strong=tuple(sums))
    for experiment in facts.experiments:
        yield from _not_compared(experiment)
    if any(experiment.arms for experiment in facts.experiments) and not any(e.negative for e in facts.experiments):
        lost = sum(arm.total("failed_requests") or 0 for e in facts.experiments for arm in e.arms)
        seen = (
            f"It did see {plural(lost, 'failed request')} in this run's trials." if lost else "It saw none in this run."
        )
        text = f"No trial was made to fail on purpose, so how well the prober sees failures is not shown. {seen}"
        yield Callout("No negative control", text)


SECTION = Section("traffic", "Requests that failed", build)


def _counts(trial: Trial) -> bool:
    return trial.requests is not None or trial.failed_requests is not None


def _counts_text(trial: Trial) -> tuple[str, ...]:
    return tuple(
        count(value) for value in (trial.requests, trial.failed_requests, trial.handshakes, trial.failed_handshakes)
    )


def _not_compared(experiment: Experiment) -> Iterator[Block]:
    placebo = experiment.placebo
    if placebo is not None:
        failed, requests = placebo.total("failed_requests"), placebo.total("requests")
        seen = f"{count(failed)} of {count(requests)} requests failed under the same load while nothing was done"
        of = f"{wording.experiment(experiment.name).noun}, samples {numbers(placebo)}"
        if failed:
            rest = "Failures during trials cannot be laid to the operation alone."
            yield Callout(f"Placebo ({of}): failures", f"{seen}. {rest}", "warning")
        else:
            yield Callout(f"Placebo ({of})", f"{seen}.")
    if experiment.negative is None:
        return
    failed, requests = experiment.negative.total("failed_requests"), experiment.negative.total("requests")
    what = "a service whose reload is switched off, same code, same load"
    if failed:
        seen = f"{count(failed)} of {count(requests)} requests failed, as they must."
        yield Callout("Negative control: failures seen", f"With {what}, {seen} The prober can see what it looks for.")
    else:
        yield Callout(
            "Negative control: no failure seen",
            f"With {what}, nothing failed. The figures for failed requests prove nothing until this is understood.",
            "warning",
        )

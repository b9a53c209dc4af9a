"""What experiments, arms and figures are called in the report. Unknown ones keep the name they were saved with."""

from __future__ import annotations

from dataclasses import dataclass

from pov.reporting.facts import Facts
from pov.reporting.numbers import listing, plural


@dataclass(frozen=True)
class Words:
    """How one experiment is spoken of: what is done, where its clock starts and stops."""

    title: str
    noun: str
    starts: str
    stops: str


_START = "the artefact is ready and the change is edited but not committed"
_WORDS = {
    "deploy": Words("Deploying a new version", "deployment", _START, "the prober has seen every replica serve it"),
    "rotate": Words(
        "Renewing every certificate",
        "rotation",
        "the renewal is asked for",
        "the prober has seen every replica serve a new certificate",
    ),
}
_ARMS = {
    "automated": ("Automated", "a commit; the platform does the rest"),
    "automated-poll": ("Automated, poll only", "the same without the webhook"),
    "scripted": ("Scripted", "an imperative script"),
    "manual": ("Runbook by machine", "over SSH, no human time"),
    "placebo": ("Placebo", "nothing done"),
    "negative-control": ("Negative control", "reload switched off"),
    "manual-stopwatch": ("Runbook by hand", "human time, by stopwatch"),
}
_METRICS = {
    "median_seconds": "median time",
    "max_seconds": "longest time",
    "failed_requests": "failed requests",
    "failed_handshakes": "failed handshakes",
}


def experiment(name: str) -> Words:
    """An experiment's words."""
    unknown = Words(name.capitalize(), name, "the operation starts", "the operation is seen to be done")
    return _WORDS.get(name, unknown)


def arm(name: str) -> str:
    """An arm's name for readers."""
    return _ARMS.get(name, (name.capitalize(), ""))[0]


def arm_note(name: str) -> str:
    """What an arm is, in a few words."""
    return _ARMS.get(name, ("", ""))[1]


def metric(name: str) -> str:
    """A metric's name for readers."""
    return _METRICS.get(name, name.replace("_", " "))


def subject(facts: Facts, name: str) -> str:
    """What an experiment worked on, as far as the run recorded it."""
    if name == "rotate":
        services = facts.environment.get("services")
        return f"{services} services in staging, under load" if isinstance(services, int) else "staging, under load"
    if facts.under_proof:
        return f"{plural(len(facts.under_proof), 'service')} in staging: {listing(list(facts.under_proof))}"
    return "staging"

"""`pov scenarios smoke`: each scenario up, measured, reported, down; the outcome as JUnit XML for a CI."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.errors import InvalidInput, PovError, Problem
from pov.base.files import require_writable, save
from pov.base.names import derive
from pov.config.scenario import Scenario, list_scenarios, load_scenario
from pov.model.events import Emit, Event

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd]")


@dataclass(frozen=True)
class SmokeOptions:
    """Which scenarios (all shipped ones if none is named), how often each is tried, where the XML goes."""

    root: Path
    scenarios: tuple[str, ...] = ()
    attempts: int = 1
    junit: Path | None = None
    images: str = "auto"


@dataclass(frozen=True)
class Attempt:
    """One attempt at a scenario: what failed, if anything did, and the seconds of each phase that ran."""

    error: str
    phases: Mapping[str, float]

    @property
    def seconds(self) -> float:
        """All phases together."""
        return sum(self.phases.values())


@dataclass(frozen=True)
class Case:
    """A scenario with its attempts; the last one decides, the earlier ones stay on record."""

    scenario: str
    attempts: tuple[Attempt, ...]

    @property
    def ok(self) -> bool:
        """Whether the last attempt went through."""
        return not self.attempts[-1].error


@dataclass(frozen=True)
class SmokeResult:
    """Every scenario's outcome, and the XML file."""

    cases: tuple[Case, ...]
    junit: Path

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document."""
        return {
            "ok": all(case.ok for case in self.cases),
            "junit": str(self.junit),
            "scenarios": [
                {
                    "name": case.scenario,
                    "ok": case.ok,
                    "attempts": [
                        {"error": attempt.error, "seconds": round(attempt.seconds, 3), "phases": dict(attempt.phases)}
                        for attempt in case.attempts
                    ],
                }
                for case in self.cases
            ],
        }


@dataclass
class Phases:
    """What one attempt does, as callables: handed in, so that a test needs no cluster."""

    up: Callable[[str, Scenario], object]
    measure: Callable[[str, Scenario], Mapping[str, Any]]
    report: Callable[[str, Scenario], object]
    down: Callable[[str, Scenario], object]
    clock: Clock = field(default_factory=lambda: SYSTEM_CLOCK)


def run(options: SmokeOptions, emit: Emit, phases: Phases | None = None) -> SmokeResult:
    """Try each scenario until it goes through or its attempts are used up. Failures are results, not exceptions."""
    if options.attempts < 1:
        raise InvalidInput([Problem("--attempts", f"{options.attempts} is not at least 1", "leave it out for one")])
    names = options.scenarios or list_scenarios()
    scenarios = [(name, load_scenario(name)) for name in names]
    junit = options.junit or options.root / ".pov" / "smoke.xml"
    require_writable(junit)
    phases = phases or _real(options, emit)
    cases = []
    for name, scenario in scenarios:
        attempts: list[Attempt] = []
        while len(attempts) < options.attempts and (not attempts or attempts[-1].error):
            emit(Event("note", "smoke", f"{scenario.name}, attempt {len(attempts) + 1} of {options.attempts}"))
            attempts.append(_attempt(name, scenario, phases))
            if attempts[-1].error:
                emit(Event("warning", "smoke", f"{scenario.name}: {attempts[-1].error}"))
        cases.append(Case(scenario.name, tuple(attempts)))
        # After each scenario: a CI that kills a long job still finds what was done.
        save(junit, junit_xml(cases))
    return SmokeResult(tuple(cases), junit)


def _attempt(name: str, scenario: Scenario, phases: Phases) -> Attempt:
    seconds: dict[str, float] = {}
    errors: list[str] = []

    def timed(phase: str, work: Callable[[str, Scenario], object]) -> object | None:
        started = phases.clock.monotonic()
        try:
            return work(name, scenario)
        except PovError as error:
            errors.append(" ".join(part for part in (f"{phase}: {error.message}", error.cause) if part))
            return None
        finally:
            seconds[phase] = phases.clock.monotonic() - started

    try:
        timed("up", phases.up)
        measured = None if errors else timed("measure", phases.measure)
        if isinstance(measured, Mapping):
            errors += [f"measure: {fault}" for fault in faults(measured)]
            timed("report", phases.report)
    finally:
        timed("down", phases.down)
    return Attempt("; ".join(errors), seconds)


def faults(summary: Mapping[str, Any]) -> list[str]:
    """What a summary holds against a scenario: failed trials, criteria that were not met, nothing measured.

    What is not shown is no fault of the scenario's: a machine that stalled cannot tell, and says so.
    """
    found = []
    trials = 0
    for experiment in summary.get("experiments", ()):
        for arm in experiment.get("arms", ()):
            for trial in arm.get("trials", ()):
                trials += 1
                if not trial.get("ok"):
                    found.append(
                        f"{experiment.get('name')} {arm.get('name')} failed: {trial.get('error') or 'no reason'}"
                    )
    found += [
        f"criterion {c.get('id')} not met: {c.get('reason')}"
        for c in summary.get("criteria", ())
        if c.get("outcome") == "fail"
    ]
    return found if trials else ["nothing was measured"]


def junit_xml(cases: list[Case]) -> str:
    """The cases as JUnit XML; attempts are properties, and earlier failures `rerunFailure` elements."""
    suite = ET.Element("testsuite", name="pov scenarios smoke", tests=str(len(cases)), errors="0", skipped="0")
    suite.set("failures", str(sum(not case.ok for case in cases)))
    suite.set("time", f"{sum(attempt.seconds for case in cases for attempt in case.attempts):.3f}")
    for case in cases:
        total = sum(attempt.seconds for attempt in case.attempts)
        node = ET.SubElement(suite, "testcase", name=case.scenario, classname="pov.scenarios")
        node.set("time", f"{total:.3f}")
        properties = ET.SubElement(node, "properties")
        ET.SubElement(properties, "property", name="attempts", value=str(len(case.attempts)))
        for phase, seconds in case.attempts[-1].phases.items():
            ET.SubElement(properties, "property", name=f"seconds.{phase}", value=f"{seconds:.3f}")
        for number, attempt in enumerate(case.attempts, start=1):
            if attempt.error:
                last = number == len(case.attempts)
                text = _NOT_XML.sub("?", attempt.error)
                ET.SubElement(node, "failure" if last else "rerunFailure", message=text, type=f"attempt {number}")
    ET.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suite, encoding="unicode") + "\n"


def _real(options: SmokeOptions, emit: Emit) -> Phases:
    from pov.workflows import down, measure, report, up
    from pov.workflows.measure_options import MeasureOptions

    def name_of(scenario: Scenario) -> str:
        # Names of their own: a demo that stands is not touched by its smoke test.
        return derive(f"smoke-{scenario.name}") or "smoke"

    def bring_up(name: str, scenario: Scenario) -> object:
        wish = up.UpOptions(options.root, name_of(scenario), scenario=name, images=options.images)
        return up.run(wish, emit)

    def take(_: str, scenario: Scenario) -> Mapping[str, Any]:
        smoke = scenario.smoke
        # It tries this machine out: whatever was frozen in the folder is not what it measures, and its report says so.
        wish = MeasureOptions(
            options.root, name_of(scenario), smoke.experiments, (), smoke.trials, None, exploratory=True
        )
        return measure.run(wish, emit).as_json()

    return Phases(
        up=bring_up,
        measure=take,
        report=lambda _, scenario: report.run(report.ReportOptions(options.root, name_of(scenario)), emit),
        down=lambda _, scenario: down.run(down.DownOptions(options.root, name_of(scenario)), emit),
    )

"""`pov compliance`: controls of PCI DSS and SOC 2, each by a check on the live environment, with evidence to keep.

Changes are tried as dry runs alone; nothing is changed but what a log-in leaves in logs. A control whose evidence
cannot be had is not shown, with the reason: nothing is claimed that was not looked at.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pov.base.clock import SYSTEM_CLOCK, Clock, timestamp
from pov.base.errors import CriterionNotMet, NotShown, PovError
from pov.base.files import write_atomic
from pov.base.redact import Secret, redact
from pov.model.events import Emit, Event
from pov.state.compliance import RESULT, SCHEMA
from pov.workflows.controls.control import NOT_MET, NOT_SHOWN, RESULTS, SOURCES, Control, Finding

if TYPE_CHECKING:
    from pov.state.home import Home
    from pov.workflows.controls.live import Live

_AT_ONCE = 4


@dataclass(frozen=True)
class ComplianceOptions:
    """Which environment."""

    root: Path
    name: str | None = None


@dataclass(frozen=True)
class Judgement:
    """One control with what came of it, its evidence file's name, and that file's SHA-256."""

    control: Control
    finding: Finding
    file: str = ""
    digest: str = ""

    def as_json(self) -> dict[str, Any]:
        """As it is kept, without the evidence itself, which lies in its file."""
        one = self.control
        return {
            "standard": one.standard,
            "number": one.number,
            "asks": one.asks,
            "source": SOURCES[one.standard],
            "looked_at": one.looks,
            "not_looked_at": one.leaves,
            "result": self.finding.result,
            "seen": self.finding.said,
            "evidence": {"file": self.file, "sha256": self.digest},
        }


@dataclass(frozen=True)
class ComplianceResult:
    """What was found, where the evidence lies, and the SHA-256 of the file that names all others."""

    name: str
    checked: str
    judgements: tuple[Judgement, ...]
    folder: Path
    digest: str = ""

    def document(self) -> dict[str, Any]:
        """What is kept in `result.json`."""
        found = Counter(one.finding.result for one in self.judgements)
        return {
            "schema": SCHEMA,
            "environment": self.name,
            "checked": self.checked,
            "counts": {result: found[result] for result in RESULTS},
            "controls": [one.as_json() for one in self.judgements],
        }

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document."""
        return {**self.document(), "folder": str(self.folder), "sha256": self.digest}

    def raise_for(self) -> None:
        """Raises `CriterionNotMet` where a control is not met, else `NotShown` where one is not shown.

        What was seen to be otherwise is not met; what could not be seen never counts as that.
        """
        failed, unseen = self._found(NOT_MET), self._found(NOT_SHOWN)
        if failed:
            raise CriterionNotMet(f"{_controls(failed)} not met", fix=f"what was seen: {self.folder}")
        if unseen:
            raise NotShown(f"{_controls(unseen)} not shown", fix=f"the reasons: {self.folder}")

    def _found(self, result: str) -> list[Control]:
        return [one.control for one in self.judgements if one.finding.result == result]


def _controls(found: Sequence[Control]) -> str:
    names = ", ".join(f"{one.standard} {one.number}" for one in found)
    return f"{len(found)} control ({names}) is" if len(found) == 1 else f"{len(found)} controls ({names}) are"


def run(options: ComplianceOptions, emit: Emit, *, clock: Clock = SYSTEM_CLOCK) -> ComplianceResult:
    """Look at every control and keep the evidence. What cannot be asked is not shown. Raises `NotFound` without one."""
    from pov.workflows.controls.live import live
    from pov.workflows.controls.register import CONTROLS
    from pov.workflows.environment import attach

    ctx = attach(options.root, options.name, emit)
    with ctx.home.lock():
        findings = looked_at(CONTROLS, live(ctx, clock=clock), emit)
        return kept(ctx.home, ctx.name, tuple(zip(CONTROLS, findings, strict=True)), clock)


def looked_at(controls: Sequence[Control], live: Live, emit: Emit) -> list[Finding]:
    """What came of each control, in their order; a few are looked at side by side."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="control") as pool:
        return list(pool.map(partial(_looked_at, live, emit), controls))


def _looked_at(live: Live, emit: Emit, control: Control) -> Finding:
    emit(Event("progress", "compliance", f"{control.standard} {control.number}"))
    try:
        return control.check(live)
    except PovError as error:
        why = f"{error.message}: {error.cause}" if error.cause else error.message
        return Finding(NOT_SHOWN, f"It could not be looked at: {' '.join(why.split())[:300]}", {"error": why})


def kept(home: Home, name: str, found: Sequence[tuple[Control, Finding]], clock: Clock) -> ComplianceResult:
    """Write a file of evidence for each control, then `result.json`, which holds their digests. No secret is in any."""
    now = clock.wall()
    folder = home.compliance_dir / f"{now:%Y%m%d-%H%M%S-%f}"
    secrets = home.all_secrets()
    judgements = tuple(_kept(folder, control, finding, timestamp(now), secrets) for control, finding in found)
    result = ComplianceResult(name, timestamp(now), judgements, folder)
    content = _text(result.document(), secrets)
    write_atomic(folder / RESULT, content)
    return ComplianceResult(name, result.checked, judgements, folder, hashlib.sha256(content).hexdigest())


def _kept(folder: Path, control: Control, finding: Finding, checked: str, secrets: Sequence[Secret]) -> Judgement:
    document = {
        "control": f"{control.standard} {control.number}",
        "checked": checked,
        "result": finding.result,
        "seen": finding.said,
        "evidence": dict(finding.evidence),
    }
    content, file = _text(document, secrets), f"{control.id}.json"
    write_atomic(folder / file, content)
    return Judgement(control, finding, file, hashlib.sha256(content).hexdigest())


def _text(document: dict[str, Any], secrets: Sequence[Secret]) -> bytes:
    return (redact(json.dumps(document, indent=2, ensure_ascii=False, default=str), secrets) + "\n").encode()

"""`pov report`: the PDF, the JSON and the workbook of a saved run, from its files alone. No cluster is needed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pov.base.clock import SYSTEM_CLOCK
from pov.base.errors import InvalidInput, Problem
from pov.base.files import require_writable, save
from pov.model.events import Emit, Event
from pov.state import people
from pov.workflows.finding import located

if TYPE_CHECKING:
    from pov.reporting.model import Report
    from pov.reporting.valued import GivenValue
    from pov.state.attested import Attested
    from pov.state.runs import Run
    from pov.workflows.countersigning import Lists

FORMATS = ("pdf", "json")
"""What is written where nothing is asked for."""
KNOWN = (*FORMATS, "xlsx")
DRAWN, VERIFIER, STATEMENT, VALUE = "report.json", "verify.py", "statement.json", "value.json"
STATEMENT_SCHEMA = "pov.dev/statement/v1"
_SAVED = ("samples.jsonl", "summary.json", "environment.json")


@dataclass(frozen=True)
class ReportOptions:
    """`root` holds `.pov/`; without `name` the only environment with runs, without `run` its newest run."""

    root: Path
    name: str | None = None
    run: str | None = None
    formats: tuple[str, ...] = FORMATS


@dataclass(frozen=True)
class ReportResult:
    """The verdict in a sentence a criterion, the files by format, what is wrong with the run's, the time in seconds."""

    run: str
    verdict: tuple[str, ...]
    paths: dict[str, Path]
    problems: tuple[str, ...]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document."""
        return {
            "run": self.run,
            "verdict": list(self.verdict),
            "paths": {kind: str(path) for kind, path in self.paths.items()},
            "problems": list(self.problems),
            "seconds": round(self.seconds, 3),
        }


def run(options: ReportOptions, emit: Emit) -> ReportResult:
    """Write the report beside the runs. Raises `NotFound` without a run, `InvalidInput` for an unknown format."""
    from pov.state.runs import read_run
    from pov.workflows.attesting import attested
    from pov.workflows.countersigning import Lists

    unknown = [f"no format {kind}" for kind in options.formats if kind not in KNOWN]
    if unknown or not options.formats:
        raise InvalidInput([Problem("--format", (unknown or ["names none"])[0], f"one of {', '.join(KNOWN)}")])
    started = SYSTEM_CLOCK.monotonic()
    home, folder = located(options.root, options.name, options.run)
    paths = {kind: home.reports_dir / folder.name / f"report.{kind}" for kind in dict.fromkeys(options.formats)}
    require_writable(*paths.values())
    saved = read_run(folder)
    lists, value = Lists.of(options.root), _value(options.root, saved)
    report = composed(saved, attested(saved, lists, options.root), value)
    if "xlsx" in options.formats:
        _refuse_without_a_case(report)
    emit(Event("started", "report", f"Report of run {report.run}", 1.0))
    for kind, path in paths.items():
        save(path, pdf(report, saved, lists, value) if kind == "pdf" else _other(kind, report))
    if "pdf" in paths:
        save(paths["pdf"].with_name(STATEMENT), statement(paths["pdf"].read_bytes(), saved))
    for problem in report.facts.problems:
        emit(Event("warning", "report", problem))
    seconds = SYSTEM_CLOCK.monotonic() - started
    emit(Event("finished", "report", str(next(iter(paths.values()), "")), seconds))
    return ReportResult(report.run, report.verdict, paths, report.facts.problems, seconds)


def _other(kind: str, report: Report) -> bytes:
    """The JSON document, or the workbook of what it is worth."""
    from pov.reporting.render import moment

    worth = report.facts.valued
    if kind == "xlsx" and worth is not None and worth.case is not None:
        from pov.value.workbook import workbook

        return workbook(worth.case, f"{report.title}: what it is worth", moment(report).replace(tzinfo=None))
    return drawn(report)


def _refuse_without_a_case(report: Report) -> None:
    worth = report.facts.valued
    if worth is None:
        fix = "write `value:` into engagement.yaml (`pov init --example` shows one), then pov report again"
        raise InvalidInput([Problem("--format", "there is no value section to make a workbook of", fix)])
    if worth.case is None:
        told = f"the value section lacks {', '.join(worth.missing[:3])}{' …' if len(worth.missing) > 3 else ''}"
        raise InvalidInput([Problem("--format", told, "give the figures, then pov report again")])


def composed(saved: Run, found: Attested, value: GivenValue | None = None) -> Report:
    """The report of a run; letters that no font here draws are told in it."""
    from pov.reporting import lettering
    from pov.reporting.model import build

    report = build(saved, attested=found, value=value)
    if lacking := lettering.lacking(lettering.texts_of(report.as_json())):
        told = f"no font here draws {lettering.in_words(lacking)}: {lettering.PLACEHOLDER} stands in its place"
        report = build(saved, attested=found, problems=(told,), value=value)
    return report


def attachments(
    saved: Run, value: GivenValue | None = None, *, report: Report | None = None, lists: Lists | None = None
) -> dict[str, bytes]:
    """The run's files byte for byte, its criteria, the value section that is told of, recordings whose person agreed.

    With a `report` also what was drawn, what countersigns all that by `lists`, and a verifier. It imports nothing of
    `pov`: whoever got the PDF has all that is needed to compute it again.
    """
    from pov.reporting.one_file import verifier
    from pov.workflows import attesting

    files = {name: (saved.path / name).read_bytes() for name in _SAVED if (saved.path / name).is_file()}
    criteria = saved.environment.get("criteria")
    if isinstance(criteria, list):
        files["criteria.json"] = (json.dumps(criteria, indent=2, ensure_ascii=False) + "\n").encode()
    section = saved.environment.get("value") if value is None else value.section
    if isinstance(section, Mapping):
        files[VALUE] = (json.dumps(section, indent=2, ensure_ascii=False) + "\n").encode()
    files |= people.attached(saved.path, saved.samples)
    if report is not None:
        files |= attesting.attachments(saved, report.facts.attested, lists) if lists is not None else {}
        files |= {DRAWN: drawn(report), VERIFIER: verifier()}
    return files


def drawn(report: Report) -> bytes:
    """The report as the document that is drawn."""
    return (json.dumps(report.as_json(), indent=2, ensure_ascii=False) + "\n").encode()


def statement(pdf: bytes, saved: Run) -> bytes:
    """What is signed with a report: the PDF's digest and the run's head."""
    from pov.state.runs import head_of

    head = json.loads(head_of(saved.path))
    document = {"schema": STATEMENT_SCHEMA, "report.pdf": hashlib.sha256(pdf).hexdigest(), "head": head}
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def pdf(report: Report, saved: Run, lists: Lists, value: GivenValue | None = None) -> bytes:
    """The report drawn, with its attachments: the same bytes from the same files."""
    from pov.reporting.render import render_pdf

    return render_pdf(report, attachments(saved, value, report=report, lists=lists))


def _value(root: Path, saved: Run) -> GivenValue | None:
    """The value section as the engagement file has it now: a price may come after the run. None without a file.

    Raises `InvalidInput` with every problem of that file.
    """
    from pov.config.engagement import FILE, load_engagement
    from pov.reporting.valued import GivenValue

    if not (root / FILE).is_file():
        return None
    value = load_engagement(root).value
    section = None if value is None else value.model_dump(mode="json", by_alias=True)
    return GivenValue(section, changed=section != saved.environment.get("value"))

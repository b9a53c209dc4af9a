"""`pov report`: the PDF and the JSON of a saved run, from its files alone. No cluster is needed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pov.base.clock import SYSTEM_CLOCK
from pov.base.errors import InvalidInput, NotFound, PovError, Problem
from pov.base.files import write_atomic
from pov.model.events import Emit, Event
from pov.state.home import Home

if TYPE_CHECKING:
    from pov.reporting.model import Report
    from pov.reporting.valued import GivenValue
    from pov.state.runs import Run

FORMATS = ("pdf", "json")
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
    from pov.reporting import lettering
    from pov.reporting.model import build
    from pov.state.runs import read_run

    unknown = [kind for kind in options.formats if kind not in FORMATS]
    if unknown:
        raise InvalidInput([Problem("--format", f"no format {unknown[0]}", f"one of {', '.join(FORMATS)}")])
    started = SYSTEM_CLOCK.monotonic()
    home = _home(options.root, options.name)
    saved = read_run(_folder(home, options.run))
    value = _value(options.root, saved)
    report = build(saved, value=value)
    if lacking := lettering.lacking(lettering.texts_of(report.as_json())):
        told = f"no font here draws {lettering.in_words(lacking)}: {lettering.PLACEHOLDER} stands in its place"
        report = build(saved, problems=(told,), value=value)
    emit(Event("started", "report", f"Report of run {report.run}", 1.0))
    paths = {kind: home.reports_dir / saved.path.name / f"report.{kind}" for kind in dict.fromkeys(options.formats)}
    for kind, path in paths.items():
        content = (
            _pdf(report, saved, value) if kind == "pdf" else json.dumps(report.as_json(), indent=2, ensure_ascii=False)
        )
        _write(path, content)
    for problem in report.facts.problems:
        emit(Event("warning", "report", problem))
    seconds = SYSTEM_CLOCK.monotonic() - started
    emit(Event("finished", "report", str(next(iter(paths.values()), "")), seconds))
    return ReportResult(report.run, report.verdict, paths, report.facts.problems, seconds)


def attachments(saved: Run, value: GivenValue | None = None) -> dict[str, bytes]:
    """The run's files byte for byte, the criteria that it was saved with, and the value section that is told of."""
    found = {name: (saved.path / name).read_bytes() for name in _SAVED if (saved.path / name).is_file()}
    criteria = saved.environment.get("criteria")
    if isinstance(criteria, list):
        found["criteria.json"] = (json.dumps(criteria, indent=2, ensure_ascii=False) + "\n").encode()
    section = saved.environment.get("value") if value is None else value.section
    if isinstance(section, Mapping):
        found["value.json"] = (json.dumps(section, indent=2, ensure_ascii=False) + "\n").encode()
    return found


def _pdf(report: Report, saved: Run, value: GivenValue | None) -> bytes:
    from pov.reporting.render import render_pdf

    return render_pdf(report, attachments(saved, value))


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


def _write(path: Path, content: bytes | str) -> None:
    try:
        write_atomic(path, content if isinstance(content, bytes) else content + "\n")
    except OSError as error:
        fix = "free some space, then pov report again"
        raise PovError(f"cannot write {path}", cause=str(error), fix=fix) from error


def _home(root: Path, name: str | None) -> Home:
    """The environment's folder. A taken-down environment keeps its runs, so only those are looked for."""
    if name is not None:
        return Home(root / ".pov" / name)
    known = sorted({path.parent.parent.parent.name for path in (root / ".pov").glob("*/runs/*/environment.json")})
    if not known:
        raise NotFound(f"nothing was measured yet in {root}", fix="pov measure")
    if len(known) > 1:
        fix = f"pov report --name {known[0]}"
        raise InvalidInput([Problem("--name", f"several environments have runs: {', '.join(known)}", fix)])
    return Home(root / ".pov" / known[0])


def _folder(home: Home, wanted: str | None) -> Path:
    from pov.state.runs import latest

    if wanted is None:
        return latest(home.runs_dir)
    names = _names(home.runs_dir)
    if wanted in names:
        return home.runs_dir / wanted
    raise NotFound(f"no run {wanted} in {home.runs_dir}", cause=f"runs: {', '.join(names) or 'none'}", fix="pov report")


def _names(runs_dir: Path) -> Sequence[str]:
    return sorted(path.parent.name for path in runs_dir.glob("*/environment.json"))

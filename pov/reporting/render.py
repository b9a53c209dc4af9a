"""Draw a report with Typst: one PDF that is both accessible (PDF/UA-1) and fit for archives (PDF/A-3a).

The files of the run are attached byte for byte. Only fonts that come along are used, and the date is the run's own, so
that the same run gives the same PDF on every machine. Letters that none of them has are drawn as placeholders.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pov.base.errors import PovError
from pov.base.paths import data
from pov.base.scratch import scratch
from pov.reporting import lettering
from pov.reporting.model import Report

if TYPE_CHECKING:
    from collections.abc import Iterator

STANDARDS = ["ua-1", "a-3a"]
MAIN = "report.typ"
DOCUMENT = "document.json"
ATTACHED = "attached"
"""Attachments lie apart: one of them is called as what is drawn."""


def render_pdf(report: Report, attachments: Mapping[str, bytes]) -> bytes:
    """The report as PDF, with `attachments` by file name. Raises `PovError` if Typst refuses."""
    with _workspace(report, attachments) as root:
        return _pages(_compile(root, format="pdf", pdf_standards=STANDARDS, timestamp=moment(report)))[0]


def _compile(root: Path, **how: Any) -> Any:
    import typst  # noqa: PLC0415 (a compiled library that only this command needs)

    try:
        return typst.Compiler(str(root / MAIN), root=str(root), font_paths=lettering.fonts()).compile(**how)
    except RuntimeError as error:
        raise PovError("the report could not be drawn", cause=str(getattr(error, "diagnostic", error))) from error


def _pages(result: Any) -> list[bytes]:
    return [bytes(page) for page in result] if isinstance(result, list) else [bytes(result)]


def moment(report: Report) -> datetime:
    """When the run ended, in UTC: the date of everything that is written about it."""
    for text in (report.facts.finished, report.facts.started):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            continue
        moment = moment.replace(microsecond=0)  # as fine as Typst takes it
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return datetime(1970, 1, 1, tzinfo=UTC)


@contextmanager
def _workspace(report: Report, attachments: Mapping[str, bytes]) -> Iterator[Path]:
    """A folder with the templates, the report as JSON and the attachments: Typst sees nothing else."""
    with scratch() as root:
        for template in data("reports").glob("*.typ"):
            shutil.copyfile(template, root / template.name)
        told = report.as_json()
        texts = list(lettering.texts_of(told))
        told = lettering.without(told, lettering.lacking(texts)) | {"fonts": lettering.families(texts)}
        document = {**lettering.isolated(told), "attachments": [_attachment(file) for file in attachments]}
        (root / DOCUMENT).write_text(json.dumps(document, ensure_ascii=False))
        (root / ATTACHED).mkdir()
        for file, content in attachments.items():
            (root / ATTACHED / file).write_bytes(content)
        yield root


_PURPOSES = {
    "samples.jsonl": "Every sample of the run, a hash chain, one JSON object a line",
    "summary.json": "Summary of the run",
    "environment.json": "Versions, machine, criteria, plan and seeds of the run, as saved before its first trial",
    "criteria.json": "Criteria as saved before the first trial",
    "value.json": "Value section of the engagement file",
    "criteria.frozen.json": "Criteria and terms as frozen before anything was measured",
    "head.json": "Digests of the run's files: what is countersigned",
    "people.json": "Where each recording of a person's terminal stood with their consent",
    "runs.json": "Every run since the criteria were frozen, unfinished ones too",
    "report.json": "What this report was drawn from",
    "verify.py": "Computes every figure of the first pages again: python3 -I -S verify.py",
    "allowed_signers": "Whose keys count, for ssh-keygen -Y verify",
}
_MIME = {
    ".jsonl": "application/jsonl",
    ".json": "application/json",
    ".py": "text/x-python",
    ".cast": "application/x-asciicast",
}


def _attachment(name: str) -> dict[str, str]:
    purpose = f"SSH signature over {name.partition('.json')[0]}.json" if name.endswith(".sig") else name
    if name.endswith(".cast"):
        purpose = "What a person's terminal showed, recorded as asciicast v2; attached with their consent"
    mime = _MIME.get(Path(name).suffix, "text/plain")
    return {"name": name, "mime": mime, "description": _PURPOSES.get(name, purpose)}

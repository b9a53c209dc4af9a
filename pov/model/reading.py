"""Saved samples read back with care: what is missing stays empty, what is damaged is told. Also those of version 1."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from pov.model.sample import Cause, Counts, Resumption, Sample, Stalls, Step, Traffic

V1 = "pov.dev/sample/v1"
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
"""Half of a letter as JSON escapes it: with its other half it is one, alone it is none."""
_EXACT = 2**53
_OLD_ARMS = {"control": "placebo"}
_OLD_ORIGINS = {"stopwatch": "person"}
_OLD_FIGURES = {"failed_gates": "failed_checks"}
"""Also of version 2, as it was written at first."""
TOLD_APART = "told_apart"
"""In a traffic's details: false where a run did not keep hard and late failures apart."""


def read_sample(record: Mapping[str, Any], position: int, problems: list[str]) -> Sample:
    """One record as a sample; what does not fit is added to `problems`. `position` is its number in the file."""
    old = record.get("schema") == V1
    n = whole(record.get("n")) or position
    seconds, ok = number(record.get("seconds")), record.get("ok") is True
    if ok and seconds is None:
        problems.append(f"sample {n}: marked as successful without a time; counted as failed")
        ok = False
    arm, origin = text(record.get("arm")) or "unnamed", text(record.get("origin")) or "executed"
    details = mapping(record.get("details"))
    return Sample(
        experiment=text(record.get("experiment")) or "unnamed",
        arm=_OLD_ARMS.get(arm, arm) if old else arm,
        trial=whole(record.get("trial")) or 0,
        origin=_OLD_ORIGINS.get(origin, origin) if old else origin,
        started=text(record.get("started")),
        seconds=seconds,
        ok=ok,
        error=text(record.get("error")) or None,
        steps=tuple(
            Step(text(step.get("name")) or "unnamed", value)
            for step in map(mapping, items(record.get("steps")))
            if (value := number(step.get("seconds"))) is not None
        ),
        figures={
            _OLD_FIGURES.get(name, text(name)): value
            for name, told in mapping(record.get("figures")).items()
            if (value := number(told)) is not None
        },
        traffic=_old_traffic(record, details) if old else _traffic(record.get("traffic")),
        details=details,
        run=text(record.get("run")),
        n=n,
        prev=text(record.get("prev")),
        digest=text(record.get("digest")),
        resumed=resumptions(record.get("resumed")),
    )


def resumptions(records: object) -> tuple[Resumption, ...]:
    """Where a run went on, as a sample or a note recorded it."""
    return tuple(
        Resumption(
            after=whole(told.get("after")) or 0,
            ended=text(told.get("ended")),
            last=text(told.get("last")),
            at=text(told.get("at")),
            trial=text(told.get("trial")),
            cut_bytes=whole(told.get("cut_bytes")) or 0,
        )
        for told in map(mapping, items(records))
    )


def _traffic(record: object) -> Traffic | None:
    if not isinstance(record, Mapping):
        return None
    return Traffic(
        seconds=number(record.get("seconds")) or 0.0,
        operation=_counts(record.get("operation")) or Counts(),
        control=_counts(record.get("control")),
        around=_counts(record.get("around")) or Counts(),
        causes=tuple(
            Cause(
                text(cause.get("edge")),
                text(cause.get("kind")),
                text(cause.get("text")),
                whole(cause.get("count")) or 0,
                cause.get("fresh") is True,
            )
            for cause in map(mapping, items(record.get("causes")))
        ),
        heartbeat=_stalls(record.get("heartbeat")),
        control_stalls=_stalls(record.get("control_stalls")),
        node={text(key): number(value) for key, value in mapping(record.get("node")).items()},
        rate_per_s=number(record.get("rate_per_s")) or 0.0,
        timeout_ms=whole(record.get("timeout_ms")) or 0,
        latency_ms={
            text(key): value
            for key, told in mapping(record.get("latency_ms")).items()
            if (value := number(told)) is not None
        },
        details=mapping(record.get("details")),
    )


def _old_traffic(record: Mapping[str, Any], details: Mapping[str, Any]) -> Traffic | None:
    """Version 1 counted the whole load, warm-up and verification among it, and did not tell hard from late.

    Those written last had both; theirs are taken as they stand. All failures of the others count as hard: none of them
    was excused, and none can be now.
    """
    seen = mapping(details.get("traffic"))
    if isinstance(seen.get("operation"), Mapping):
        return _traffic(seen)
    requests = whole(record.get("requests"))
    if requests is None:
        return None
    failed, shaken = whole(record.get("failed_requests")) or 0, whole(record.get("failed_handshakes")) or 0
    counts = Counts(requests, failed, 0, 0, whole(record.get("handshakes")) or 0, shaken, 0)
    return Traffic(number(seen.get("seconds")) or 0.0, counts, None, Counts(), details={**seen, TOLD_APART: False})


def _counts(record: object) -> Counts | None:
    if not isinstance(record, Mapping):
        return None
    names = ("requests", "hard", "late", "excused", "handshakes", "hard_handshakes", "late_handshakes")
    handshakes = whole(record.get("excused_handshakes"))
    return Counts(**{name: whole(record.get(name)) or 0 for name in names}, excused_handshakes=handshakes)


def _stalls(record: object) -> Stalls | None:
    if not isinstance(record, Mapping):
        return None
    longest, total = number(record.get("longest_ms")), number(record.get("total_ms"))
    return Stalls(longest or 0.0, total or 0.0, whole(record.get("count")) or 0)


def is_text(char: str) -> bool:
    """Whether a character belongs into a line of text: what prints, and the joiners that Persian and Hindi need."""
    return char.isprintable() or char in "\u200c\u200d"


def text(value: object) -> str:
    """Any recorded value as a line of text; nothing for None. Control characters would break a PDF's text layer."""
    if value is None:
        return ""
    return "".join(char if is_text(char) else " " for char in str(value)).strip()


def number(value: object) -> float | None:
    """A finite number that is not negative, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) and found >= 0 else None


def whole(value: object) -> int | None:
    """A number without its fraction, or None; also for one so large that it is not exact."""
    found = number(value)
    return None if found is None or found >= _EXACT else int(found)


def parsed(content: str | bytes) -> Any:
    """A document of JSON. Raises `ValueError` for what is none, also for one that is nested without end.

    So does one with halves of letters, which could not be written again.
    """
    try:
        found = json.loads(content)
        written = content if isinstance(content, str) else content.decode(errors="replace")
        if _HALF.search(written):
            json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested without end") from None
    return found


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is a mapping, or an empty one."""
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> list[Any]:
    """The value's items if it is a list, or none."""
    return list(value) if isinstance(value, list | tuple) else []

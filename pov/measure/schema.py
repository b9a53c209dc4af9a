"""The published JSON Schema of `summary.json`: every key that a summary has, and none that it has not."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from pov.measure.summary import SCHEMA

_BASE = "https://json-schema.org/draft/2020-12/schema"
Share = float | None


class _Part(BaseModel):
    """All keys are always there; what was not measured is null."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class StepTime(_Part):
    """A named part of the operation and its seconds."""

    name: str
    seconds: float


class Counted(_Part):
    """Requests of the operation, null where none were recorded; `late` ones that may be excused are `excused`.

    `failed_` is hard and late together, on which a criterion may stand. Handshakes of both kinds are null, too, in runs
    of before they were told.
    """

    requests: int | None
    failed_requests: int | None
    hard: int | None
    late: int | None
    excused: int | None
    handshakes: int | None
    failed_handshakes: int | None
    hard_handshakes: int | None = None
    late_handshakes: int | None = None


class TrialRow(Counted):
    """One trial."""

    trial: int
    origin: str
    started: str
    seconds: float | None
    ok: bool
    error: str | None
    steps: list[StepTime]
    figures: dict[str, float]


class WindowRow(TrialRow):
    """One placebo or negative control, and the estate that it ran on."""

    estate: str | None


class Windows(Counted):
    """Placebos or negative controls of an experiment, with what is done in them."""

    what: str
    windows: list[WindowRow]


class BoundRow(_Part):
    """`events` in `of` tries leave at most a share of `at_most` open at 95 %, if what is assumed holds."""

    per: Literal["trial", "new connection", "request"]
    kind: Literal["failed", "hard", "late"]
    events: int
    of: int
    rule_of_three: Share
    at_most: float
    assumes: str


class ArmRow(Counted):
    """One arm: times in seconds over its `n` successful trials, failures over all of them."""

    name: str
    planned: int
    trials: list[TrialRow]
    n: int
    failed: int
    median: float | None
    minimum: float | None
    maximum: float | None
    bounds: list[BoundRow]
    loads_the_machine: bool


class PersonTrialRow(_Part):
    """One piece of work of a person, `by` an alias; `figures` hold the hands-on time and what was counted.

    `reviewer` is the second person's alias, empty where nobody reviewed.
    """

    trial: int
    by: str
    reviewer: str
    experience: str
    origin: str
    started: str
    seconds: float | None
    ok: bool
    error: str | None
    figures: dict[str, float]
    requests: int | None
    hard: int | None
    late: int | None


class PeopleRow(_Part):
    """What people did, apart from every machine's arm; medians are null below six persons.

    Where two persons do it, `persons` counts pairs of which no person sits in another one.
    """

    name: str
    persons: int
    median: float | None
    hands_on_median: float | None
    trials: list[PersonTrialRow]


class RatioRow(_Part):
    """How many times as long the first of `arms` took as the second. `interval` is null where the reason is given."""

    arms: tuple[str, str]
    n: tuple[int, int]
    ratio: float
    interval: tuple[float, float] | None
    coverage: Share
    why_no_interval: str


class ComparisonRow(RatioRow):
    """A comparison. Only a primary one has a p, with Holm's correction over the run's in `p_adjusted`.

    `falls_short` is the coverage that was seen in simulation where arms spread as unequally, null for 95 % or more.
    `shorter` says whether the second arm took less time, null where that is not clear.
    """

    primary: bool
    falls_short: Share
    method: str
    p_value: Share
    p_adjusted: Share
    p_method: str
    why_no_p: str
    shorter: bool | None


class ItselfRow(RatioRow):
    """The proposed arm against itself: ratios below `smallest_ratio` cannot be told on this machine."""

    smallest_ratio: float | None
    apart: bool


class ExperimentRow(_Part):
    """One experiment."""

    name: str
    arms: list[ArmRow]
    people: list[PeopleRow]
    placebo: Windows | None
    negative_control: Windows | None
    comparisons: list[ComparisonRow]
    against_itself: ItselfRow | None
    warned_by: str = ""
    """By which rules it was warned; empty in runs of before there were several."""
    warnings: list[str]


class TodayRow(_Part):
    """A criterion scored for today's way."""

    arm: str
    observed: float | None
    hard: int | None = None
    late: int | None = None
    outcome: Literal["pass", "fail", "not shown"]


class CriterionRow(_Part):
    """One criterion against what was seen.

    `hard` and `late` are those of an `observed` sum of both, null for any other figure, and in runs of before they were
    kept here.
    """

    id: str
    title: str
    experiment: str
    arm: str
    metric: str
    unit: str
    threshold: float
    agreed_by: str
    agreed_on: str
    observed: float | None
    hard: int | None = None
    late: int | None = None
    excused: int
    outcome: Literal["pass", "fail", "not shown"]
    reason: str
    today: TodayRow | None
    tells_apart: bool | None


class InterruptionRow(_Part):
    """The run had ended early with `after` samples, and went on; `trial` had begun, and was measured again.

    `last` is the last moment that is known of it before, `at` when it went on; `cut_bytes` of a last line were cut off.
    """

    after: int
    ended: Literal["interrupted", "cut off"]
    last: str
    at: str
    trial: str
    cut_bytes: int


class PartRow(_Part):
    """One part of the environment: processor time in seconds over all spans and over placebos, memory in MiB."""

    name: str
    containers: int
    idle_s: float
    processor_s: float
    memory_mib: float
    most_mib: float


class FootprintRow(_Part):
    """What the platform took, part by part, in `seconds` of `readings` spans, `idle` of them over placebos."""

    parts: list[PartRow]
    trials: int
    readings: int
    seconds: float
    placebos: int
    idle: float


class Summary(BaseModel):
    """`summary.json` of a run: a pure function of its samples and criteria. `run` is what it recorded of itself.

    `digests` are those of the files that it was made from, added when it is saved.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    schema_: Literal["pov.dev/summary/v2"]
    run: dict[str, Any]
    experiments: list[ExperimentRow]
    criteria: list[CriterionRow]
    prober_sees: bool | None
    footprint: FootprintRow | None = None
    interruptions: list[InterruptionRow] = []
    digests: dict[str, str] = {}


def summary_schema() -> dict[str, Any]:
    """The schema of `summary.json`, draft 2020-12."""
    found = Summary.model_json_schema()
    # A field of that name would hide pydantic's own.
    found["properties"] = {"schema" if k == "schema_" else k: v for k, v in found["properties"].items()}
    found["required"] = ["schema" if k == "schema_" else k for k in found["required"]]
    return {"$schema": _BASE, "$id": f"https://pov.dev/schemas/{SCHEMA.removeprefix('pov.dev/')}", **found}

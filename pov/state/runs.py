"""Records of measuring runs: `environment.json`, `samples.jsonl` (a hash chain), `summary.json`.

Each sample carries the digest of the one before it, the first that of `environment.json`: a changed, dropped or
reordered sample shows, and so does a threshold, seed or machine that was edited afterwards. A chain that nobody else
countersigned proves order and completeness to whoever trusts its last digest, no more.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.errors import NotFound, PovError
from pov.base.files import write_atomic
from pov.model.reading import V1
from pov.model.sample import SCHEMA

OLD_GENESIS = "0" * 64
"""Where chains of samples of version 1 begin: they do not hold what was recorded before the first."""


def canonical(record: Mapping[str, Any]) -> bytes:
    """The bytes a digest is taken over: JSON, sorted keys, no spaces, UTF-8."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest_of(sample: Mapping[str, Any]) -> str:
    """SHA-256 of a sample without its own `digest`, as hex."""
    return hashlib.sha256(canonical({key: value for key, value in sample.items() if key != "digest"})).hexdigest()


@dataclass(frozen=True)
class _Chain:
    """How far a run is: samples so far, the last one's digest, bytes that are surely on the disk, what is not yet."""

    head: str
    count: int = 0
    saved: int = 0
    unsaved: tuple[dict[str, Any], ...] = ()


class RunWriter:
    """Saves a run as it happens. What could not be written is kept and written with the next chance.

    An interrupt may come between any two steps of it: its state changes in one assignment, and what is written goes to
    the place after the last byte that is surely there, however often it is begun.
    """

    def __init__(self, runs_dir: Path, environment: Mapping[str, Any], *, clock: Clock = SYSTEM_CLOCK) -> None:
        self.run_id = f"{clock.wall():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        self.path = runs_dir / self.run_id
        record = _pretty({"run": self.run_id, **environment}).encode()
        self._chain = _Chain(hashlib.sha256(record).hexdigest())
        try:
            self.path.mkdir(parents=True)
            write_atomic(self.path / "environment.json", record)
            (self.path / "samples.jsonl").touch()
        except OSError as error:
            raise _cannot_write(self.path, error) from error

    def append(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        """Save one sample and return it as saved. Raises `PovError` if the disk refuses; the sample is kept then."""
        chain = self._chain
        number = chain.count + 1
        record = {"schema": SCHEMA, "run": self.run_id, "n": number, **sample, "prev": chain.head}
        record["digest"] = digest_of(record)
        self._chain = _Chain(record["digest"], number, chain.saved, (*chain.unsaved, record))
        self.flush()
        return record

    def flush(self) -> None:
        """Write what is not on the disk yet; raises `PovError` and keeps it in memory when that fails."""
        path, chain = self.path / "samples.jsonl", self._chain
        try:
            with path.open("r+b") as stream:
                stream.seek(chain.saved)
                try:
                    stream.writelines(canonical(record) + b"\n" for record in chain.unsaved)
                    stream.truncate()
                    os.fsync(stream.fileno())
                except OSError:
                    os.truncate(path, chain.saved)
                    raise
                end = stream.tell()
        except OSError as error:
            raise _cannot_write(path, error) from error
        self._chain = replace(chain, saved=end, unsaved=())

    @property
    def unsaved(self) -> tuple[dict[str, Any], ...]:
        """Samples that the disk refused so far."""
        return self._chain.unsaved

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Write `summary.json`, with the digests of what it was made from."""
        self.flush()
        samples = (self.path / "samples.jsonl").read_bytes()
        environment = (self.path / "environment.json").read_bytes()
        digests = {
            "samples.jsonl": hashlib.sha256(samples).hexdigest(),
            "environment.json": hashlib.sha256(environment).hexdigest(),
            "chain_head": self._chain.head,
        }
        try:
            write_atomic(self.path / "summary.json", _pretty({**summary, "digests": digests}))
        except OSError as error:
            raise _cannot_write(self.path / "summary.json", error) from error


@dataclass(frozen=True)
class Run:
    """A saved run as read back. `problems` says what is wrong with the files; empty for a whole one."""

    path: Path
    environment: Mapping[str, Any]
    samples: tuple[Mapping[str, Any], ...]
    summary: Mapping[str, Any] | None
    problems: tuple[str, ...] = field(default=())


def read_run(path: Path) -> Run:
    """Read a run and check its chain. A cut-off last line is reported, not an error."""
    try:
        recorded = (path / "environment.json").read_bytes()
        environment = json.loads(recorded)
        lines = (path / "samples.jsonl").read_text(errors="replace").split("\n")
    except (OSError, ValueError) as error:
        raise NotFound(f"no readable run in {path}", cause=str(error), fix="pov measure") from error
    problems: list[str] = []
    samples: list[Mapping[str, Any]] = []
    genesis = head = hashlib.sha256(recorded).hexdigest()
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        sample = _object(line)
        if sample is None:
            problems.append(f"samples.jsonl:{number}: cut off or not JSON")
            continue
        if not samples and sample.get("prev") != genesis:
            # What follows is judged by its own beginning: only what was edited is told.
            head = str(sample.get("prev"))
            if head != OLD_GENESIS or sample.get("schema") != V1:
                problems.append("environment.json: is not the one that was saved before the first sample")
        if sample.get("prev") != head or sample.get("digest") != digest_of(sample):
            problems.append(f"samples.jsonl:{number}: does not fit the chain")
        head = sample.get("digest", head)
        samples.append(sample)
    summary = None
    if (path / "summary.json").exists():
        summary = _object((path / "summary.json").read_text(errors="replace"))
        if summary is None:
            problems.append("summary.json: cut off or not JSON")
        elif summary.get("digests", {}).get("chain_head") != head:
            problems.append("summary.json: was made from other samples")
        elif summary.get("digests", {}).get("environment.json", genesis) != genesis and not problems:
            problems.append("environment.json: is not the one that the summary was made from")
    return Run(path, environment, tuple(samples), summary, tuple(problems))


def _object(text: str) -> dict[str, Any] | None:
    try:
        record = json.loads(text)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def latest(runs_dir: Path) -> Path:
    """The newest run's folder. Raises `NotFound` if nothing was measured."""
    runs = sorted(path.parent for path in runs_dir.glob("*/environment.json"))
    if not runs:
        raise NotFound(f"nothing was measured yet in {runs_dir}", fix="pov measure")
    return runs[-1]


def _pretty(record: Mapping[str, Any]) -> str:
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def _cannot_write(path: Path, error: OSError) -> PovError:
    return PovError(
        f"cannot write {path}",
        cause=str(error),
        fix="free some space on this disk; what was measured is kept until then",
    )

"""Records of measuring runs: `environment.json`, `samples.jsonl` (a hash chain), `summary.json`, `head.json`.

Each sample carries the digest of the one before it, the first that of `environment.json`, which holds the criteria, the
plan and the seed: a changed, dropped or reordered sample shows, and so does a threshold or a plan that was edited
afterwards. The first sample also carries digests of its parts (criteria, plan, all else), so that what was edited has a
name. `head.json` holds the digests of all files of a run: it is what somebody else signs. A chain that nobody
countersigned proves order and completeness to whoever trusts its last digest, no more.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.errors import NotFound, PovError
from pov.base.files import bytes_of, text_of, write_atomic
from pov.model.reading import V1, mapping, parsed
from pov.model.sample import SCHEMA, Resumption
from pov.state import under_way
from pov.state.under_way import Note

CONFIGURATION = "configuration.bundle"
"""Every branch of the configuration repository as a Git bundle: from the run's beginning, and anew at its end."""
HEAD = "head.json"
HEAD_SCHEMA = "pov.dev/head/v1"
ENVIRONMENT = "pov.dev/environment/v1"
_SIGNED = ("environment.json", "samples.jsonl", "summary.json", CONFIGURATION)
_KNOWN = {V1, SCHEMA}
_DRAWS = 10
OLD_GENESIS = "0" * 64
"""Where chains of samples of version 1 begin: they do not hold what was recorded before the first."""


def canonical(record: Mapping[str, Any]) -> bytes:
    """The bytes a digest is taken over: JSON, sorted keys, no spaces, UTF-8."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest_of(sample: Mapping[str, Any]) -> str:
    """SHA-256 of a sample without its own `digest`, as hex."""
    return hashlib.sha256(canonical({key: value for key, value in sample.items() if key != "digest"})).hexdigest()


def genesis_of(environment: Mapping[str, Any]) -> dict[str, str]:
    """SHA-256 of what a run recorded before its first sample: its criteria, its plan with the seed, and all else."""
    planned = ("plan", "order_seed")
    parts = {
        "environment": {key: value for key, value in environment.items() if key not in {"criteria", *planned}},
        "criteria": {"criteria": environment.get("criteria")},
        "plan": {key: environment.get(key) for key in planned},
    }
    return {name: hashlib.sha256(canonical(part)).hexdigest() for name, part in parts.items()}


@dataclass(frozen=True)
class Chain:
    """How far a run is: samples so far, the last one's digest, bytes that are surely on the disk, what is not yet.

    `genesis` is what the first sample tells of the record before it, `resumed` what the next one has to tell.
    """

    head: str
    genesis: Mapping[str, str]
    count: int = 0
    saved: int = 0
    unsaved: tuple[dict[str, Any], ...] = ()
    resumed: tuple[Resumption, ...] = ()


def _own_folder(runs_dir: Path, clock: Clock) -> Path:
    """A folder that no other run has: two that begin in one second may draw the same name."""
    drawn = 0
    while True:
        path, drawn = runs_dir / f"{clock.wall():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}", drawn + 1
        try:
            path.mkdir(parents=True)
        except OSError as error:
            if drawn < _DRAWS and path.is_dir():
                continue
            raise cannot_write(path, error) from error
        return path


class RunWriter:
    """Saves a run as it happens. What could not be written is kept and written with the next chance.

    An interrupt may come between any two steps of it: its state changes in one assignment, and what is written goes to
    the place after the last byte that is surely there, however often it is begun.
    """

    def __init__(
        self,
        runs_dir: Path,
        environment: Mapping[str, Any],
        *,
        files: Mapping[str, bytes] | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """`files` by name lie beside the record from the beginning on."""
        self.path = _own_folder(runs_dir, clock)
        self.run_id = self.path.name
        record = _pretty({"run": self.run_id, **environment}).encode()
        self._chain = Chain(hashlib.sha256(record).hexdigest(), genesis_of(json.loads(record)))
        try:
            for name, content in (files or {}).items():
                write_atomic(self.path / name, content)
            write_atomic(self.path / "environment.json", record)
            (self.path / "samples.jsonl").touch()
        except OSError as error:
            # No run began: what is left of it would be the newest, and unreadable.
            shutil.rmtree(self.path, ignore_errors=True)
            raise cannot_write(self.path, error) from error

    @property
    def resumed(self) -> tuple[Resumption, ...]:
        """Where the run went on since its last sample."""
        return self._chain.resumed

    def begin(self, trial: Mapping[str, Any]) -> None:
        """Note that a trial begins. A disk that refuses costs the note, and nothing else."""
        waiting = [one for record in self._chain.unsaved for one in record.get("resumed", ())]
        note = Note(under_way.name_of(trial), (*(Resumption(**one) for one in waiting), *self._chain.resumed))
        with suppress(OSError):
            under_way.write(self.path, note)

    def append(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        """Save one sample and return it as saved. Raises `PovError` if the disk refuses; the sample is kept then."""
        chain = self._chain
        number = chain.count + 1
        told: dict[str, Any] = {"resumed": [asdict(one) for one in chain.resumed]} if chain.resumed else {}
        told |= {"genesis": chain.genesis} if number == 1 else {}
        record = {"schema": SCHEMA, "run": self.run_id, "n": number, **sample, **told, "prev": chain.head}
        record["digest"] = digest_of(record)
        self._chain = Chain(record["digest"], chain.genesis, number, chain.saved, (*chain.unsaved, record))
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
            raise cannot_write(path, error) from error
        self._chain = replace(chain, saved=end, unsaved=())

    @property
    def unsaved(self) -> tuple[dict[str, Any], ...]:
        """Samples that the disk refused so far."""
        return self._chain.unsaved

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Write `summary.json`, with the digests of what it was made from, and `head.json`. The note goes with the end
        of a run that ended by itself.
        """
        self.flush()
        made_from = ("samples.jsonl", "environment.json", CONFIGURATION)
        digests = {**digests_of(self.path, made_from), "chain_head": self._chain.head}
        try:
            write_atomic(self.path / "summary.json", _pretty({**summary, "digests": digests}))
            write_atomic(self.path / HEAD, head_of(self.path))
            if not mapping(summary.get("run")).get("interrupted"):
                (self.path / under_way.FILE).unlink(missing_ok=True)
        except OSError as error:
            raise cannot_write(self.path / "summary.json", error) from error


def head_of(path: Path) -> bytes:
    """What somebody signs who countersigns a run: the digests of its files, a function of them alone."""
    lines = [line for line in text_of(path / "samples.jsonl").split("\n") if line]
    last = (_object(lines[-1]) if lines else None) or {}
    record = {
        "schema": HEAD_SCHEMA,
        "run": path.name,
        "samples": len(lines),
        "chain_head": str(last.get("digest", "")),
        "files": digests_of(path, _SIGNED),
    }
    recorded = _object(text_of(path / "environment.json")) or {}
    return _pretty({**record, "run": str(recorded.get("run", path.name))}).encode()


def digests_of(path: Path, names: Iterable[str]) -> dict[str, str]:
    """SHA-256 by name of those that are there."""
    there = [name for name in names if (path / name).is_file()]
    return {name: hashlib.sha256(bytes_of(path / name)).hexdigest() for name in there}


@dataclass(frozen=True)
class Run:
    """A saved run as read back. `problems` says what is wrong with the files; empty for a whole one."""

    path: Path
    environment: Mapping[str, Any]
    samples: tuple[Mapping[str, Any], ...]
    summary: Mapping[str, Any] | None
    problems: tuple[str, ...] = field(default=())


def read_run(path: Path, *, detached: bool = False) -> Run:
    """Read a run and check its chain. What is corrupt is told by its number, and the rest is read.

    `detached` reads the files out of a report, which holds no configuration repository.

    Raises `NotFound` without a run, `PovError` if a newer version saved it.
    """
    try:
        recorded = bytes_of(path / "environment.json")
        environment = parsed(recorded)
        lines = text_of(path / "samples.jsonl").split("\n")
    except FileNotFoundError as error:
        raise _unreadable(path, f"{Path(error.filename).name} is not there", detached) from error
    except OSError as error:
        raise _unreadable(path, f"{Path(error.filename or '').name}: {error.strerror}", detached) from error
    except ValueError as error:
        raise _unreadable(path, "environment.json: cut off or not JSON", detached) from error
    if not isinstance(environment, dict):
        raise _unreadable(path, "environment.json holds no record", detached)
    schema = environment.get("schema", ENVIRONMENT)
    if schema != ENVIRONMENT:
        told = f"environment.json has the schema {schema}, and this version reads {ENVIRONMENT}"
        raise PovError(f"run {path.name} was saved by another version of pov", cause=told, fix="use that version")
    problems: list[str] = []
    genesis = hashlib.sha256(recorded).hexdigest()
    samples, head = _chained(lines, genesis, genesis_of(environment), problems)
    summary = _summary(path, genesis, head, problems, detached) if (path / "summary.json").exists() else None
    if not problems and (path / HEAD).exists():
        problems += _other_head(path, detached)
    return Run(path, environment, samples, summary, tuple(problems))


def _unreadable(path: Path, cause: str, detached: bool) -> NotFound:
    fix = "put the run's own file back from a copy, or name another run: pov runs list"
    if detached:
        fix = "have the run's own files, or the report, sent again"
    return NotFound(f"no readable run in {path}", cause=cause, fix=fix)


def _chained(
    lines: Sequence[str], genesis: str, parts: Mapping[str, str], problems: list[str]
) -> tuple[tuple[Mapping[str, Any], ...], str]:
    """The samples that can be read, and the last digest; what does not fit is added to `problems` by its line.

    `parts` are the digests that the first sample tells of the record before it.
    """
    samples: list[Mapping[str, Any]] = []
    head, begun = genesis, False
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        sample, first, begun = _object(line), not begun, True
        if sample is None:
            problems.append(f"samples.jsonl:{number}: cut off or not JSON")
            continue
        begun_with = mapping(sample.get("genesis"))
        other = [name for name, digest in parts.items() if begun_with and begun_with.get(name) != digest]
        changed = f": changed in its {', '.join(other)}" if other else ""
        if first and sample.get("prev") == genesis and changed:
            problems.append(f"samples.jsonl:{number}: tells another beginning than its own{changed}")
        if first and sample.get("prev") != genesis:
            # What follows is judged by its own beginning: only what was edited is told.
            head = str(sample.get("prev"))
            if head != OLD_GENESIS or sample.get("schema") != V1:
                problems.append(f"environment.json: is not the one that was saved before the first sample{changed}")
        if sample.get("prev") != head or sample.get("digest") != digest_of(sample):
            problems.append(f"samples.jsonl:{number}: does not fit the chain")
        head = str(sample.get("digest", head))
        if str(sample.get("schema", SCHEMA)) in _KNOWN:
            samples.append(sample)
        else:
            told = f"has the schema {sample.get('schema')}, which this version does not read: left out"
            problems.append(f"samples.jsonl:{number}: {told}")
    return tuple(samples), head


def _summary(path: Path, genesis: str, head: str, problems: list[str], detached: bool) -> Mapping[str, Any] | None:
    try:
        summary = _object(text_of(path / "summary.json"))
    except OSError as error:
        problems.append(f"summary.json: {error.strerror}")
        return None
    digests = mapping(summary.get("digests")) if summary is not None else {}
    if summary is None:
        problems.append("summary.json: cut off or not JSON")
    elif digests.get("chain_head") != head:
        problems.append("summary.json: was made from other samples")
    elif digests.get("environment.json", genesis) != genesis and not problems:
        problems.append("environment.json: is not the one that the summary was made from")
    elif not problems:
        problems += _other_files(path, digests, "the summary was made from", detached)
    return summary


def _other_files(path: Path, told: object, which: str, detached: bool) -> list[str]:
    """Files that are not those that their digests were taken from, byte for byte, or are not there."""
    digests = told if isinstance(told, Mapping) else {}
    found = digests_of(path, _SIGNED)
    changed = [name for name in _SIGNED if name in digests and name in found and digests[name] != found[name]]
    gone = [
        name for name in _SIGNED if name in digests and name not in found and not (detached and name == CONFIGURATION)
    ]
    return [f"{name}: is not the one that {which}" for name in changed] + [
        f"{name}: is not there any more" for name in gone
    ]


def _other_head(path: Path, detached: bool) -> list[str]:
    try:
        signed = bytes_of(path / HEAD)
    except OSError as error:
        return [f"{HEAD}: {error.strerror}"]
    told, now = _object(signed.decode(errors="replace")), _object(head_of(path).decode())
    if told is None or now is None:
        return [f"{HEAD}: cut off or not JSON"]
    other = _other_files(path, told.pop("files", {}), "the run's head was taken from", detached)
    now.pop("files", None)
    # Out of a report the one file that it does not hold is missing: there the rest is compared.
    same = told == now if detached else signed == head_of(path)
    return other or ([] if same else [f"{HEAD}: is not the head of this run's samples"])


def _object(text: str) -> dict[str, Any] | None:
    try:
        record = parsed(text)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def saved_in(runs_dir: Path) -> list[Path]:
    """The folders of the runs that have a record, oldest first."""
    return sorted(path.parent for path in runs_dir.glob("*/environment.json"))


def _pretty(record: Mapping[str, Any]) -> str:
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def cannot_write(path: Path, error: OSError) -> PovError:
    """What a full disk is told as."""
    return PovError(
        f"cannot write {path}",
        cause=str(error),
        fix="free some space on this disk; what was measured is kept until then",
    )

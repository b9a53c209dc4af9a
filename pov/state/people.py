"""Recordings of people at a terminal, beside the run: who did it, who watched it, who agreed that a report carries it.

What a person agreed to is one recording, byte for byte: of a changed one nothing is known.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from pov.base.errors import NoSuchInput, PovError
from pov.base.files import bytes_of, text_of, write_atomic
from pov.model.reading import items, mapping, parsed, text

FOLDER = "people"
"""In a run's folder: recordings, runbooks as people had them, who agreed."""
_CAST, _CONSENT = ".cast", ".consent.json"
TOLD = "people.json"
"""Among a report's attachments: where each recording stood when it was written, so that it can be drawn again."""


@dataclass(frozen=True)
class Consent:
    """What a person said of a recording, told by its SHA-256. Times are ISO 8601; empty for what did not happen yet.

    `speed` is how many times as fast it was watched.
    """

    sha256: str
    by: str
    watched: str = ""
    speed: float = 0.0
    agreed: str = ""


@dataclass(frozen=True)
class Recording:
    """One recording of a run. `sha256` is what its sample holds, `found` what the file has now; empty for none."""

    name: str
    path: Path
    by: str = ""
    sha256: str = ""
    found: str = ""
    consent: Consent | None = None

    @property
    def whole(self) -> bool:
        """Whether the file is the one that the sample tells of."""
        return bool(self.found) and self.found == self.sha256

    @property
    def watched(self) -> bool:
        """Whether its person has watched it as it is."""
        return self._holds and self.consent is not None and bool(self.consent.watched)

    @property
    def agreed(self) -> bool:
        """Whether its person has watched it as it is, and agreed that a report carries it."""
        return self.watched and self.consent is not None and bool(self.consent.agreed)

    @property
    def _holds(self) -> bool:
        return (
            self.whole and self.consent is not None and (self.consent.sha256, self.consent.by) == (self.found, self.by)
        )

    @property
    def state(self) -> str:
        """Where it stands, in words."""
        if not self.found:
            return "deleted"
        if not self.sha256:
            return "of a trial that was not saved"
        if not self.whole:
            return "not the recording of its sample"
        if self.agreed and self.consent is not None:
            return f"watched and agreed by {self.by}, {self.consent.agreed[:10]}"
        return "watched, not agreed" if self.watched else "not watched yet"


def recordings(run: Path, samples: Iterable[Mapping[str, Any]]) -> tuple[Recording, ...]:
    """Every recording that a run's samples tell of, and those that lie there without a sample."""
    folder, found = run / FOLDER, dict[str, Recording]()
    for sample in samples:
        details = mapping(sample.get("details"))
        # One person's, or that of each sitting where two persons sat there in turn: each is its own person's.
        for row in (details, *map(mapping, items(details.get("sittings")))):
            told = mapping(row.get("recording"))
            file = text(told.get("file"))
            # A name out of a file that anybody may have written: it leads nowhere else.
            if file.endswith(_CAST) and Path(file).name == file:
                name = file.removesuffix(_CAST)
                found[name] = Recording(name, folder / file, text(row.get("by")), text(told.get("sha256")))
    for path in sorted(folder.glob(f"*{_CAST}")):
        found.setdefault(path.stem, Recording(path.stem, path))
    return tuple(replace(one, found=_digest(one.path), consent=_consent(one.path)) for one in found.values())


def states(run: Path, samples: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Where each recording stands, by file: as a report's attachments in `run` tell it, else as it is now."""
    try:
        told = parsed(text_of(run / TOLD))
    except (OSError, ValueError):
        return {one.path.name: one.state for one in recordings(run, samples)}
    return {text(file): text(state) for file, state in sorted(mapping(told).items())}


def attached(run: Path, samples: Iterable[Mapping[str, Any]]) -> dict[str, bytes]:
    """What a report carries of people: where each recording stands, and those whose person agreed."""
    kept = tuple(samples)
    told = states(run, kept)
    if (run / TOLD).is_file():
        paths = [run / file for file in told if Path(file).name == file and (run / file).is_file()]
    else:
        paths = [one.path for one in recordings(run, kept) if one.agreed]
    files = {TOLD: (json.dumps(told, indent=2, sort_keys=True) + "\n").encode()} if told else {}
    return files | {path.name: path.read_bytes() for path in paths}


def named(every: Iterable[Recording], name: str) -> Recording:
    """The recording of this name. Raises `NoSuchInput` with those that there are."""
    known = {one.name: one for one in every}
    wanted = name.removesuffix(_CAST)
    if wanted not in known:
        cause = f"recordings: {', '.join(known) or 'none'}"
        raise NoSuchInput(f"no recording {wanted} in this run", cause=cause, fix="pov people list")
    return known[wanted]


def keep(recording: Recording, consent: Consent | None) -> None:
    """Write down what the person said; None takes it back."""
    path = _beside(recording.path)
    try:
        if consent is None:
            path.unlink(missing_ok=True)
        else:
            write_atomic(path, json.dumps(asdict(consent), indent=2) + "\n", mode=0o600)
    except OSError as error:
        raise PovError(f"cannot write {path}", cause=str(error), fix="free some space on this disk") from error


def _beside(cast: Path) -> Path:
    return cast.with_name(f"{cast.stem}{_CONSENT}")


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(bytes_of(path)).hexdigest()
    except OSError:
        return ""


def _consent(cast: Path) -> Consent | None:
    """What was said, None for nothing, and for what does not read: then the person has to be asked again."""
    try:
        found = parsed(text_of(_beside(cast)))
        consent = Consent(**{f.name: found[f.name] for f in fields(Consent)})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    texts = (consent.sha256, consent.by, consent.watched, consent.agreed)
    return consent if all(isinstance(value, str) for value in texts) else None

"""Who stands behind a run beside the machine that measured it: frozen criteria, countersignatures, all other runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pov.model.reading import items, mapping, text, whole
from pov.state.ledger import INTERRUPTED, MISSING, UNFINISHED, Entry

CRITERIA, RUN = "criteria", "run"


@dataclass(frozen=True)
class Signature:
    """A signature over the criteria or the run's head. `by` is empty where it does not count, and `why` says why."""

    of: str
    file: str
    by: str = ""
    fingerprint: str = ""
    why: str = ""


@dataclass(frozen=True)
class Attested:
    """`state` is what the run recorded of the freeze, empty for a run of before there was one.

    `changes` are differences from the frozen criteria and terms as the run recorded them, `plan` those of its plan from
    the frozen one, found in its files. `runs` are all runs since the freeze, None where nobody looked for them.
    """

    state: str = ""
    at: str = ""
    number: int = 0
    because: str = ""
    digest: str = ""
    changes: tuple[str, ...] = ()
    plan: tuple[str, ...] = ()
    signatures: tuple[Signature, ...] = ()
    runs: tuple[Entry, ...] | None = None
    problems: tuple[str, ...] = ()
    controls: bytes = b""
    """The newest result of `pov compliance` for the environment, as it was written; empty where nobody looked."""

    def signers(self, of: str) -> tuple[str, ...]:
        """Who signed the criteria or the run, where the signature counts."""
        return tuple(dict.fromkeys(one.by for one in self.signatures if one.of == of and one.by))

    @property
    def broken(self) -> tuple[Entry, ...]:
        """Runs that did not end by themselves, or were taken away."""
        return tuple(run for run in self.runs or () if run.state in {INTERRUPTED, UNFINISHED, MISSING})

    def position(self, run: str) -> int | None:
        """The number of a run among all of them, from 1."""
        names = [entry.run for entry in self.runs or ()]
        return names.index(run) + 1 if run in names else None


def recorded(environment: Mapping[str, Any]) -> Attested:
    """What the run itself recorded; nothing is checked yet."""
    frozen = mapping(environment.get("frozen"))
    return Attested(
        state=text(frozen.get("state")),
        at=text(frozen.get("at")),
        number=whole(frozen.get("number")) or 0,
        because=text(frozen.get("because")),
        digest=text(frozen.get("digest")),
        changes=tuple(text(change) for change in items(frozen.get("changes"))),
    )


def signed(found: Attested, signatures: Sequence[Signature], problems: Sequence[str]) -> Attested:
    """With signatures that were checked, and what is wrong with them."""
    bad = [f"{one.file}: {one.why}" for one in signatures if not one.by]
    return replace(found, signatures=tuple(signatures), problems=(*found.problems, *problems, *bad))

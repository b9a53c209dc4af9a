"""What the gate's Job does with a pull request that was fetched: judge it by what the protected branch holds.

What needs no plan is told before there is one, where it refuses. No later word takes that back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pov.base.errors import InvalidInput, PovError
from pov.bundle.on_demand import GatePrograms
from pov.model.events import silent
from pov.scoping.gate import Check, Refusal
from pov.scoping.gate_comment import FAILED, REFUSED, SO_FAR, UNREADABLE
from pov.steps.gate.names import DEAL, MAIN, MANDATE, OFFERING, PLATFORM, REVOKED, ROOT_MODULE, SIGNERS, STAGES
from pov.workflows.approvals import FOLDER as APPROVALS
from pov.workflows.approvals import Trust
from pov.workflows.gate import GateOptions, run_gate
from pov.workflows.gate_fetch import FACTS, Facts
from pov.workflows.gate_records import RECORDS, STAYS
from pov.workflows.gate_state import copied

_OPEN = (f"{DEAL}/", f"{ROOT_MODULE}/")
"""What a pull request may change."""
_RECORDS = f"{DEAL}/{APPROVALS}/"
_KEEPER = ("platform team",)


def judge(
    room: Path, environment: str, programs: GatePrograms, state: Path | None = None, *,
    first: Callable[[Mapping[str, Any]], None] = lambda _: None,
) -> dict[str, Any]:  # fmt: skip
    """The verdict as a document, whatever it is: also of a change that cannot be judged, or a gate that failed.

    `state` is the folder with the copy of the landing zone's state; without one it is planned against nothing. `first`
    is told a document of what is refused without a plan, before the plan is made. All of that stands in the verdict,
    which is a refusal then, also where the gate failed afterwards.
    """
    told: dict[str, Any] = {}
    try:
        facts = _facts(room)
        before = tuple(_before(facts, room))
        if facts.too_large:
            return _refused(before, ())
        asked = options(room, environment, programs)
        if state is not None:
            asked = replace(asked, against=copied(state, environment))

        def tell(checks: Sequence[Check], priced: Sequence[str]) -> None:
            found = (*before, *checks)
            if any(check.refusals for check in found):
                told.update(_refused(found, priced))
                first({**told, SO_FAR: True})

        result = run_gate(asked, silent, first=tell)
        return replace(result, checks=(*before, *result.checks)).as_json()
    except InvalidInput as error:
        found = {"outcome": UNREADABLE, "lines": [inside(room, str(problem)) for problem in error.problems]}
    except PovError as error:
        found = {"outcome": FAILED, "lines": [inside(room, f"{error.message}: {error.cause}")]}
    return {**found, **told}


def _refused(checks: Sequence[Check], priced: Sequence[str]) -> dict[str, Any]:
    return {"outcome": REFUSED, "checks": [check.as_json() for check in checks], "priced": list(priced)}


def options(room: Path, environment: str, programs: GatePrograms) -> GateOptions:
    """What the gate is told: the deal is the pull request's, and all that it is judged by the protected branch's."""
    head, platform = room / "head", room / "base" / PLATFORM
    mandate, revoked = platform / MANDATE, platform / REVOKED
    return GateOptions(
        folder=head / DEAL,
        trust=Trust(platform / SIGNERS, revoked if revoked.is_file() else None),
        mode="block" if mandate.is_file() else "advise",
        mandate=mandate if mandate.is_file() else None,
        environment=environment,
        offering=platform / OFFERING,
        # Whatever the protected branch holds of other deals: those that `pov up` brought, and one that was here before.
        register=room / "base",
        stages=head / DEAL / STAGES,
        terraform=head / ROOT_MODULE,
        programs=programs,
    )


def _facts(room: Path) -> Facts:
    found: Mapping[str, Any] = json.loads((room / FACTS).read_text())
    return Facts(bool(found["outdated"]), tuple(found["changed"]), tuple(found["special"]), str(found["too_large"]))


def _before(facts: Facts, room: Path) -> Iterator[Check]:
    """What is refused by what Git tells alone."""
    limit = "what is judged is what would be merged"
    if facts.outdated:
        what = f"the branch lacks commits of {MAIN}"
        yield Check("up to date", (Refusal(what, limit, f"bring {MAIN} into it", ("whoever asks",)),))
    limit = "nothing that judges comes from what is under review"
    paths = [path for path in facts.changed if not path.startswith(_OPEN)]
    yield Check("what judges", tuple(Refusal(f"{path} is changed", limit, "put it back", _KEEPER) for path in paths))
    paths = [path for path in facts.changed if path.startswith(_RECORDS) and (room / "base" / path).is_file()]
    yield Check(RECORDS, tuple(Refusal(f"{path} is changed", STAYS, "put it back", _KEEPER) for path in paths))
    limit = "plain files"
    yield Check(
        "plain files", tuple(Refusal(told, limit, "put the file itself there", _KEEPER) for told in facts.special)
    )
    if facts.too_large:
        yield Check(
            "size",
            (
                Refusal(
                    "the branch holds more than can be judged",
                    facts.too_large,
                    "take out what is no part of the deal",
                    _KEEPER,
                ),
            ),
        )


def inside(room: Path, said: str) -> str:
    """Paths as whoever asks knows them."""
    return said.replace(f"{room / 'head'}/", "").replace(f"{room / 'base'}/", f"{MAIN}: ")

"""What watches the deal's repository from inside the cluster: a Job for each pull request that nobody judged as it is.

The repository is the truth. A verdict is a commit status of the gate's own, which names the commit of the branch that
was judged against, and what judged; whatever else is there (none, another one's, an older one) is judged anew. Killed
anywhere and started again, it goes on: a Job that runs is waited for, one that is done is told.

What is refused without a plan is told while the Job still plans, and stands: the comment is completed when the Job has
ended. No second word makes it green.

However many ask and however often they push, a few Jobs run at a time, and one of each request: who has waited longest
is next. A commit that another one has taken the place of by then is never judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.errors import NotFound, PovError
from pov.base.files import write_atomic
from pov.engines.gitea_pulls import ERROR, FAILURE, PENDING, SUCCESS, Asked, Status
from pov.scoping.gate_comment import (
    FAILED,
    MARK,
    PASSED,
    REFUSED,
    SO_FAR,
    against,
    comment,
    description,
    holds_until,
    is_judged,
    is_so_far,
    is_unseen,
    unseen,
    waits,
)
from pov.steps.gate.job import AT_ONCE
from pov.steps.gate.names import CONTEXT, MAIN, REPOSITORY

INTERVAL_S = 1.0
PATIENCE = 5
"""Looks at one request that fail in a row before its status says so: a server that stumbles is no news."""
_STATES = {PASSED: SUCCESS, FAILED: ERROR}
_TAKEN_BACK = {
    "outcome": REFUSED,
    "checks": [{"refusals": [{
        "what": "a Job that is gone refused it, and another one did not",
        "limit": "no later word takes a refusal back",
        "fix": "another commit, which is judged anew",
    }]}],
}  # fmt: skip


class Server(Protocol):
    """What is asked of Gitea: see `Pulls`."""

    user: str

    def open_into(self, repository: str, branch: str) -> tuple[Asked, ...]: ...  # noqa: D102
    def status(self, repository: str, commit: str, context: str) -> Status | None: ...  # noqa: D102
    def set_status(self, repository: str, commit: str, context: str, state: str, description: str) -> None: ...  # noqa: D102
    def comment(self, repository: str, number: int, mark: str, text: str) -> None: ...  # noqa: D102


@dataclass(frozen=True)
class Turn:
    """A Job that was started for a pull request, of whichever state of it."""

    number: int
    since: datetime
    unfinished: bool


class Jobs(Protocol):
    """The Jobs that judge."""

    @property
    def judge(self) -> str:
        """What judges, in short; another one judges all anew."""
        ...

    def turns(self) -> tuple[Turn, ...]:
        """Every Job that there is."""
        ...

    def verdict(self, asked: Asked, again: str) -> Mapping[str, Any] | None:
        """The document of the one that is done; None while it runs. Raises `NotFound` where there is none.

        Of one that runs it may be what is refused so far. `again` is empty for the first one of a state.
        """
        ...

    def start(self, asked: Asked, again: str) -> None:
        """Make it, unless there is one."""
        ...


@dataclass(frozen=True)
class _State:
    """A pull request as it is now, and what the gate itself has said of it; `own` is None where it has not.

    It is `void` where a green shows that counts no more: another one's, of an older `main` or release, or one
    that rests on an approval which held `until` then.
    """

    asked: Asked
    own: Status | None
    until: datetime | None
    void: bool

    @property
    def settled(self) -> bool:
        """Whether there is a verdict that holds, and all of it is told."""
        return self.own is not None and self.own.state in {SUCCESS, FAILURE} and not self.void and not self.so_far

    @property
    def so_far(self) -> bool:
        """Whether it is told to be refused, and the rest is not."""
        return self.own is not None and self.own.state == FAILURE and is_so_far(self.own.description)

    @property
    def unseen(self) -> bool:
        """Whether the last word is that it cannot be looked at."""
        return self.own is not None and is_unseen(self.own.description)

    @property
    def failed(self) -> bool:
        """Whether the gate failed at it, which is told once."""
        return self.own is not None and self.own.state == ERROR and not self.unseen

    @property
    def again(self) -> str:
        """What tells its Job from the one that had judged the same before."""
        return f"{self.until:%Y%m%d%H%M%S}" if self.until is not None else ""


@dataclass
class Watcher:
    """Looks at all that is open, again and again. Remembers only how often looks at a request failed in a row."""

    server: Server
    jobs: Jobs
    _failing: dict[Asked, int] = field(default_factory=dict)
    _before: Mapping[Asked, int] = field(default_factory=dict)
    _told: list[str] = field(default_factory=list)

    def look(self, now: datetime) -> Sequence[str]:
        """One look at every open pull request: tell what is judged, start what nobody judges and whose turn it is.

        One that cannot be looked at keeps no other from it: returns what failed, a sentence each. Raises as `Gitea` and
        `Kube` do where one of them does not answer at all.
        """
        turns = self.jobs.turns()
        everything = self.server.open_into(REPOSITORY, MAIN)
        self._before, self._failing, self._told = self._failing, {}, []
        waiting: list[_State] = []
        seen: set[str] = set()
        for asked in everything:
            if asked.head in seen:
                continue  # a status is a commit's: what is said of it was said for the older one
            seen.add(asked.head)
            with self._bearing(asked, now):
                state = self._state(asked, now)
                if state.void:
                    state = self._green_no_more(state)
                if not state.settled and not self._has_job(state):
                    waiting.append(state)
        self._give_turns(waiting, turns, now)
        return self._told

    @contextmanager
    def _bearing(self, asked: Asked, now: datetime) -> Iterator[None]:
        try:
            yield
        except PovError as error:
            self._told.append(f"pull request {asked.number}: {error.message}: {error.cause}")
            self._failing[asked] = self._before.get(asked, 0) + 1
            if self._failing[asked] >= PATIENCE:
                with suppress(PovError):  # it is told in the log
                    self._give_up(asked, now, error)

    def _give_up(self, asked: Asked, now: datetime, error: PovError) -> None:
        """Say on the request itself why it is not judged: once, until a look goes well."""
        state = self._state(asked, now)
        if not (state.settled or state.unseen or state.failed or state.so_far):
            said = unseen(error.message, asked.base, self.jobs.judge, state.until)
            self._set(asked, state.own, ERROR, said)

    def _state(self, asked: Asked, now: datetime) -> _State:
        held = self.server.status(REPOSITORY, asked.head, CONTEXT)
        about = against(asked.base, self.jobs.judge)
        is_own = held is not None and held.by == self.server.user and held.description.endswith(about)
        own = held if is_own else None
        until = holds_until(own.description) if own is not None else None
        over = until is not None and until <= now
        void = held is not None and held.state == SUCCESS and (own is None or over)
        return _State(asked, own, until, void)

    def _green_no_more(self, state: _State) -> _State:
        """Before anything else is asked, which may fail."""
        said = is_judged(state.asked.base, self.jobs.judge, state.until)
        self._set(state.asked, state.own, PENDING, said)
        return replace(state, own=Status(PENDING, said, self.server.user), void=False)

    def _has_job(self, state: _State) -> bool:
        """Whether a Job judges it, or has; what that said is told, unless it was."""
        try:
            document = self.jobs.verdict(state.asked, state.again)
        except NotFound:
            return False
        if document is not None:
            if not state.failed:
                self._tell(state, document)
        elif not state.unseen:
            self._pending(state)
        return True

    def _give_turns(self, waiting: Sequence[_State], turns: Sequence[Turn], now: datetime) -> None:
        busy = Counter(turn.number for turn in turns if turn.unfinished)
        last: dict[int, datetime] = {}
        for turn in turns:
            last[turn.number] = max(turn.since, last.get(turn.number, turn.since))

        def waits_since(state: _State) -> tuple[datetime, int]:
            asked = state.asked
            return max(asked.opened, last.get(asked.number, asked.opened)), asked.number

        before = busy.total()
        for state in sorted(waiting, key=waits_since):
            asked = state.asked
            with self._bearing(asked, now):
                if busy.total() < AT_ONCE and not busy[asked.number]:
                    self._begin(state)
                    busy[asked.number] += 1
                elif not state.unseen:
                    self._wait(state, waits(before, asked.base, self.jobs.judge, state.until))
                before += 1

    def _begin(self, state: _State) -> None:
        """The status first, so that none is started unsaid; but what says why no Job came stays until one does."""
        if not state.unseen:
            self._pending(state)
        self.jobs.start(state.asked, state.again)
        if state.unseen:
            self._pending(state)

    def _pending(self, state: _State) -> None:
        self._wait(state, is_judged(state.asked.base, self.jobs.judge, state.until))

    def _wait(self, state: _State, said: str) -> None:
        """What is refused so far stays so, also where its Job is gone and another one is to judge it."""
        if not state.so_far:
            self._set(state.asked, state.own, PENDING, said)

    def _tell(self, state: _State, document: Mapping[str, Any]) -> None:
        """First the comment, then the status: cut off in between, both are told again."""
        if document.get(SO_FAR) and state.so_far:
            return
        if document.get("outcome") == PASSED and state.so_far:
            document = _TAKEN_BACK
        asked, judge = state.asked, self.jobs.judge
        self.server.comment(REPOSITORY, asked.number, MARK, comment(document, asked.head, asked.base, judge))
        told = _STATES.get(str(document.get("outcome")), FAILURE)
        said = description(document, asked.base, judge, state.until)
        self.server.set_status(REPOSITORY, asked.head, CONTEXT, told, said)

    def _set(self, asked: Asked, own: Status | None, state: str, said: str) -> None:
        """Each status is a record of its own for ever: none is set that is there already."""
        if own is None or (own.state, own.description) != (state, said):
            self.server.set_status(REPOSITORY, asked.head, CONTEXT, state, said)


def watch(
    watcher: Watcher, looked: Path, tell: Callable[[str], None], *,
    clock: Clock = SYSTEM_CLOCK, goes_on: Callable[[], bool] = lambda: True,
) -> None:  # fmt: skip
    """Look every second as long as `goes_on`. `looked` is a file that is there while server and cluster answer.

    Where they do not they are asked again at the next look; what fails is told once.
    """
    told: Sequence[str] = ()
    while goes_on():
        try:
            said = watcher.look(clock.wall())
            if not looked.exists():
                write_atomic(looked, "")
        except PovError as error:
            looked.unlink(missing_ok=True)
            said = (f"{error.message}: {error.cause}",)
        for one in said:
            if one not in told:
                tell(one)
        told = said
        clock.sleep(INTERVAL_S)

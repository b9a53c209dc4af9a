"""The arm of two persons: one asks for a change by a pull request, another one reads it, approves it and merges it.

They sit at one terminal in turn. The clock runs from when the first one is ready until the prober has seen every
replica serve the change; what nobody sits there for is waiting, a part of it that is told apart.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from pov.base.clock import Clock
from pov.base.errors import PovError
from pov.base.wait import Pending, wait_for
from pov.engines.review_command import usage
from pov.engines.runbook_text import Written
from pov.engines.workplace import Workplace
from pov.experiments.person import SEEN_LIMIT_S, AtRepository, StoppableClock
from pov.experiments.ports.gitops import Desks, Standing
from pov.experiments.ports.legacy import Part, Seat
from pov.measure.people import AUTHOR, LOOK_S, REVIEWER
from pov.measure.trials import Ending
from pov.model.sample import Step

_MAIN = "main"


@dataclass
class Sat:
    """One sitting: since when it was waited for, from when on and how long it lasted, in seconds of the clock.

    `ended` says what became of it.
    """

    role: str
    seat: Seat
    called: float
    began: float = 0.0
    seconds: float = 0.0
    ended: str = ""

    @property
    def waited(self) -> float:
        """How long nobody sat there before."""
        return self.began - self.called


class WithReview(AtRepository):
    """A trial in which two persons sit down in turn until what the one asks for is merged by the other, and seen."""

    parts = ("edit", "commit", "pull request")
    reviewer: Seat
    sat: list[Sat]
    """Who sat down, in turn."""

    _clock_began = 0.0
    _desks: Desks | None = None
    _places: Mapping[str, Workplace] = MappingProxyType({})
    _answered: Standing | None = None
    _merged_at: float | None = None

    @property
    def desks(self) -> Desks:
        """Where both sit; there from `make_fit` on."""
        if self._desks is None:
            raise PovError("the trial was not set up")
        return self._desks

    @property
    @abstractmethod
    def topic(self) -> str:
        """What the server calls the pull request's branch, of which there is none."""

    def make_fit(self) -> None:
        """As ever; accounts and rights of both as they have to be."""
        super().make_fit()
        self._desks = self.box.git.desks()
        self._desks.make_ready()
        self.after.add("pull request", self._desks.close_open)

    def take_seats(self) -> None:
        """Both hear what is to be done and what is recorded, and may decline; the author's Enter starts the clock."""
        self._places = {AUTHOR: self.desks.author(self.seat.by), REVIEWER: self.desks.reviewer(self.reviewer.by)}
        author, reviewer = self.seat.by, self.reviewer.by
        self.reviewer.until_ready(
            f"review the pull request of {author}: {self.task}",
            f"A pull request of {author} into {_MAIN} of the configuration repository. The shell starts in a working "
            f"copy of {_MAIN}.\n\n{usage(_MAIN)}\n",
            part=Part(
                "reviewed such a change", f"You are called once it is there. Press Enter, and {author} sits down: "
            ),
        )
        self.seat.until_ready(
            f"{self.task}, which {reviewer} reviews",
            self._written(AUTHOR).text,
            part=Part("asked for such a change", "The change is ready. Press Enter and the clock starts: "),
        )

    def operate(self) -> None:
        """Author and reviewer in turn, until it is merged and seen; the way back is another commit where it fails."""
        self._clock_began = self.box.clock.monotonic()
        self.after.add("way back", self.repair, after={Ending.FAILED})
        asked = self._ask()
        while not self._review(asked):
            asked = self._ask(self._answered)

    def _ask(self, before: Standing | None = None) -> Standing:
        """The author's turn, which ends once the server has the pull request, or another state of it than `before`."""
        found: list[Standing] = []

        def look() -> Standing | Pending:
            now = self.desks.newest()
            if now is None:
                return Pending("there is no pull request yet")
            if before is not None and (now.number, now.head) == (before.number, before.head):
                return Pending(f"pull request {now.number} is as it was")
            return now

        def until_there(clock: Clock) -> None:
            found.append(self._once("a pull request", look, clock))

        why = "" if before is None else f"{self.reviewer.by} sent pull request {before.number} back: {before.said}"
        sat = self._sits(AUTHOR, until_there, why=why, told=self._handed_over)
        sat.ended = f"pull request {found[0].number} {'is there' if before is None else 'is changed'}"
        self.details["pull"] = {"number": found[0].number, "author": found[0].author}
        self.desks.hand_over(found[0].number)
        return found[0]

    def _review(self, asked: Standing) -> bool:
        """The reviewer's turn; whether it ended with a merge that was seen everywhere, and not with a wish."""

        def look() -> Standing | Pending:
            now = self.desks.standing(asked.number)
            waits = now.is_open and not now.sent_back
            return Pending(f"pull request {now.number} is not answered") if waits else now

        def until_answered(clock: Clock) -> None:
            self._answered = now = self._once(f"an answer to pull request {asked.number}", look, clock)
            if now.merged:
                self._merged_at = self._now()
                self.details["pull"] |= {"approved_by": list(now.approvers), "revision": now.merged}
                self._look(clock)
            elif not now.is_open:
                raise PovError(f"pull request {now.number} was closed without a merge", cause=now.said)

        why = f"Pull request {asked.number} of {self.seat.by} waits for a review."
        sat = self._sits(REVIEWER, until_answered, why=why, told=self._farewell)
        said = self._answered.said if self._answered else ""
        sat.ended = f"sent back: {said}" if self._merged_at is None else "merged, and seen everywhere"
        return self._merged_at is not None

    def _handed_over(self, _: float) -> str:
        return f"The pull request is there. {self.reviewer.by} sits down next."

    def _farewell(self, _: float) -> str:
        if self._merged_at is None:
            return f"It is sent back. {self.seat.by} sits down next."
        return f"Seen everywhere: the clock stopped after {self._now():.1f} s."

    def _sits(self, role: str, look: Callable[[Clock], object], *, why: str, told: Callable[[float], str]) -> Sat:
        """One sitting, until `look` returns; its person is called before where there is a `why`."""
        mine = [sat.seat for sat in self.sat if sat.role == role]
        seat = mine[-1].again() if mine else self.reviewer if role == REVIEWER else self.seat
        ended = self.sat[-1].began + self.sat[-1].seconds if self.sat else 0.0
        sat = Sat(role, seat, ended, ended)
        self.sat.append(sat)
        clock = StoppableClock(self.box.clock)
        try:
            try:
                if why:
                    seat.called(why)
            finally:
                sat.began = self._now() if why else 0.0
            seat.work(self._places[role], self._written(role), partial(look, clock), clock.stop, told=told)
        except PovError as error:
            sat.ended = error.message
            raise
        finally:
            sat.seconds = self._now() - sat.began
        return sat

    def _once(self, what: str, look: Callable[[], Standing | Pending], clock: Clock) -> Standing:
        return wait_for(what, look, timeout_s=SEEN_LIMIT_S, interval_s=LOOK_S, clock=clock)

    def _now(self) -> float:
        return self.box.clock.monotonic() - self._clock_began

    def _written(self, role: str) -> Written:
        """What the author, or the reviewer, reads."""
        if role == REVIEWER:
            return Written(usage(_MAIN), ("read", "answer"))
        text = (
            f"In {self.change}:\n  {self.edit}\n\nThen\n  git diff\n  git commit --all --message '…'\n"
            f"  git push origin HEAD:refs/for/{_MAIN} -o topic={self.topic}\n\n"
            f"The last one asks for a pull request into {_MAIN}, where you may push nothing. Where {self.reviewer.by} "
            "sends it back:\ncommit again, and push the same. The shell starts in a working copy. vi, nano or sed: "
            "whatever this machine has.\n"
        )
        return Written(text, self.parts)

    def verify(self) -> None:
        """As ever, for the merge; and the server names somebody else than the author who approved it."""
        merged = self._answered
        if merged is None or not merged.merged:
            raise PovError("nothing was merged")
        if not set(merged.approvers) - {merged.author}:
            raise PovError(f"pull request {merged.number} was merged without anybody else's approval")
        super().verify()
        if self.revision != merged.merged:
            told = f"{_MAIN} stands at {self.revision[:10]}"
            raise PovError(f"{told}, which is not the merge of pull request {merged.number}")

    def steps(self) -> tuple[Step, ...]:
        """Whose turn it was, and until when; the last one's ends with the merge, and the platform's follows."""
        found = []
        for sat in self.sat:
            if sat.waited:
                found.append(Step(f"waiting for the {sat.role}", sat.waited))
            end = sat.began + sat.seconds
            if sat is self.sat[-1] and self._merged_at is not None:
                found += [
                    Step(f"{sat.role}, until the merge", self._merged_at - sat.began),
                    Step("from the merge until seen", end - self._merged_at),
                ]
            elif sat.seconds:
                found.append(Step(f"{sat.role} at the terminal", sat.seconds))
        return tuple(found)

    def note_work(self) -> None:
        """Take over what was kept of each sitting; hands-on time of both together and apart, and the waiting."""
        self.details |= {
            "by": self.seat.by,
            "experience": self.seat.experience,
            "reviewer": self.reviewer.by,
            "reviewer_experience": self.reviewer.experience,
            "sittings": [_row(sat) for sat in self.sat],
            **({"terminal_gone": True} if self.gone else {}),
        }
        figures: dict[str, float] = {}
        for sat in self.sat:
            own = sat.seat.session.figures(sat.seat.seconds)
            own |= {f"{sat.role}_hands_on_seconds": own["hands_on_seconds"], "waiting_seconds": sat.waited}
            own |= {"review_rounds": float(sat.role == REVIEWER and sat.seconds > 0)}
            figures |= {name: round(figures.get(name, 0.0) + value, 3) for name, value in own.items()}
        self.figures |= figures

    @property
    def gone(self) -> bool:
        """Whether the terminal went away from under either."""
        return any(seat.gone for seat in (self.seat, self.reviewer, *(sat.seat for sat in self.sat)))


def _row(sat: Sat) -> dict[str, Any]:
    session = sat.seat.session
    kept = {name: value for name, value in sat.seat.as_details().items() if name in {"by", "person", "recording"}}
    return {
        "role": sat.role,
        **kept,
        "waited_s": round(sat.waited, 3),
        "at": round(sat.began, 3),
        "seconds": round(sat.seconds, 3),
        "hands_on_seconds": round(session.hands_on(sat.seat.seconds), 3),
        "marks": [{"at": round(at, 3), "name": name} for at, name in session.marks],
        "ended": sat.ended,
    }

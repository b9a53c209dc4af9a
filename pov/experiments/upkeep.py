"""What running the platform itself takes: a part of it ends, and what matters is how long until it serves again.

Services of every stage are under load meanwhile, and none of them is to notice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from pov.base.errors import PovError
from pov.base.wait import Pending, wait_for
from pov.engines.rest import COMING_BACK
from pov.experiments.anew import started_anew
from pov.experiments.control import watch_beside
from pov.experiments.gitops import at_rest
from pov.experiments.seen import INTERVAL_S
from pov.experiments.toolbox import STAGING, Toolbox
from pov.experiments.trial import EstateTrial
from pov.experiments.workloads import POD, is_going
from pov.measure.order import Slot
from pov.model.sample import Step

ARGOCD, VAULT = "argocd", "vault"
"""Parts of the platform; each runs in a namespace of its name."""
_AT_REST_S = 240.0
_BACK_S = 300.0
T = TypeVar("T")


class UpkeepTrial(EstateTrial):
    """One trial on parts of the platform."""

    def __init__(self, box: Toolbox, slot: Slot, parts: tuple[str, ...]) -> None:
        super().__init__(box, slot, box.estate(STAGING), ())
        there = [estate for estate in box.estates if estate.kind == "gitops"]
        self._stages = tuple(estate.name for estate in there)
        self.watch = watch_beside(there)
        self.parts = parts
        self._before: dict[str, Mapping[str, str]] = {}
        self._now: dict[str, tuple[str, ...]] = {}
        self._since: datetime | None = None
        self.marks: list[Step] = []
        self.details["parts"] = list(parts)

    def make_fit(self) -> None:
        """Every stage at rest, every part serving. Nothing is touched where one of them would not come back."""
        for part in self.parts:
            self.box.platform.comes_back(part)
        self._at_rest()
        for part in self.parts:
            self._until(part, partial(self.box.platform.lacking, part))

    def warm_up(self) -> None:
        """As ever, and note the pods that are to go."""
        super().warm_up()
        self._before = {part: {name: uid for name, (uid, _) in self._pods(part).items()} for part in self.parts}
        self._since = self.box.clock.wall()

    def until_back(self, part: str) -> None:
        """Return once none of a part's pods from before is left, the others are ready, and it lets somebody in."""
        self._until(part, lambda: self._not_new(part) or self.box.platform.lacking(part))

    def check(self) -> None:
        """Each pod, asked for by name, began after the trial; each part says so itself; what it keeps came back whole.

        Certificates that are in use are Vault's, and stages are at rest.
        """
        self.details["started_anew"] = {part: self._anew(part) for part in self.parts}
        self.details["says"] = {part: self.heard(part, partial(self.box.platform.says, part)) for part in self.parts}
        if VAULT in self.parts:
            for row in self.box.prober().identify(STAGING):
                if not self.box.platform.certified(row.serial):
                    raise PovError(f"Vault knows nothing of the certificate that {row.service} shows: {row.serial}")
        self._at_rest()

    def steps(self) -> tuple[Step, ...]:
        """Each part's way back."""
        return tuple(self.marks)

    def concerns(self, pod: Mapping[str, Any]) -> bool:
        """Whether a pod of a part is to be another one afterwards; every one of them, unless told otherwise."""
        return True

    def heard(self, part: str, ask: Callable[[], T]) -> T:
        """What a part answers, once it is the part that does."""
        return wait_for(
            f"{part} to answer", ask, timeout_s=_BACK_S, interval_s=INTERVAL_S, bears=COMING_BACK, clock=self.box.clock,
            fix="pov status",
        )  # fmt: skip

    def _at_rest(self) -> None:
        for stage in self._stages:
            at_rest(self.box, stage, self.box.git.head(stage), _AT_REST_S)

    def _anew(self, part: str) -> list[dict[str, str]]:
        if self._since is None:
            raise PovError("the trial was not warmed up")
        return started_anew(self.box, part, self._before[part], self._now[part], self._since)

    def _pods(self, part: str) -> Mapping[str, tuple[str, bool]]:
        """The unique id of each pod that is not on its way out, and whether it is ready, by name."""
        held = [pod for pod in self.box.cluster.list(POD, part) if not is_going(pod) and self.concerns(pod)]
        told = [(pod["metadata"], pod.get("status") or {}) for pod in held]
        return {about["name"]: (about["uid"], _is_ready(status)) for about, status in told}

    def _not_new(self, part: str) -> str:
        now = self._pods(part)
        if set(self._before[part].values()) & {uid for uid, _ in now.values()}:
            return f"{part} has a pod of before"
        self._now[part] = tuple(now)
        return "" if now and all(ready for _, ready in now.values()) else f"{part} has a pod that is not ready"

    def _until(self, part: str, lacking: Callable[[], str]) -> None:
        def look() -> bool | Pending:
            told = lacking()
            return Pending(told) if told else True

        wait_for(
            f"{part} to serve", look, timeout_s=_BACK_S, interval_s=INTERVAL_S, bears=COMING_BACK, clock=self.box.clock,
            fix="pov up",
        )  # fmt: skip


def _is_ready(status: Mapping[str, object]) -> bool:
    conditions = status.get("conditions")
    found = conditions if isinstance(conditions, list) else []
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in found)

"""The findings of page one."""

from __future__ import annotations

from collections.abc import Iterator

from pov.reporting.standalone.arms import Arm, Pair, loss
from pov.reporting.standalone.compared import Compared
from pov.reporting.standalone.known import (
    APART,
    CLEAN,
    FAILED_TRIALS,
    FEW,
    FEWER,
    GAIN,
    LATE,
    LOSES,
    MANY,
    NO_GAIN,
    PEOPLE,
    PROPOSED_LOSES,
    UNCLEAR,
    VARIANT,
)
from pov.reporting.standalone.letters import factor, line, listing, plural, seconds
from pov.reporting.standalone.trials import hard_causes, stalls, stated_in


class Findings:
    """What was found, in sentences: arms compared, requests lost, people."""

    def __init__(self, verifier: Compared) -> None:
        self.of, self.environment = verifier, verifier.environment
        self.ran = {
            name: {arm: own for arm, own in by.items() if verifier.kind(arm) not in APART}
            for name, by in verifier.experiments.items()
        }
        self.shown = {name: arms for name, arms in self.ran.items() if arms}
        self.itself = {name: self.against_itself(name) for name in self.ran}
        adjusted = verifier.corrected()
        self.pairs: dict[str, list[tuple[Pair, bool]]] = {}
        for name, by in self.ran.items():
            primary = verifier.primary_pair(name)
            smallest = self.smallest(self.itself[name])
            self.pairs[name] = [
                (Pair((base, other), (by[base], by[other]), adjusted.get(name) if first else None, smallest), first)
                for base, other, _ in verifier.comparisons(name)
                if base
                for first in [(base, other) == primary]
            ]
        self.stated = stated_in(self.environment)
        found = self.findings()
        room = MANY if len(self.ran) <= FEW else FEWER
        self.follows, self.left = found[:room], found[room:]

    def noun(self, experiment: str) -> str:
        """What one of an experiment's trials is called."""
        return str(self.of.titles.get(experiment, {}).get("noun") or experiment)

    def title(self, experiment: str) -> str:
        """An experiment's heading."""
        return str(self.of.titles.get(experiment, {}).get("title") or experiment.capitalize())

    def against_itself(self, experiment: str) -> Pair | None:
        """The proposed arm against itself; None where no such trial succeeded."""
        found = [
            Pair((base, other), (self.ran[experiment][base], self.of.experiments[experiment][other]))
            for first, other, _ in self.of.comparisons(experiment, judged=True)
            if not first
            for base in [str(self.of.arms[other].get("against"))]
        ]
        return found[0] if found else None

    @staticmethod
    def smallest(itself: Pair | None) -> float | None:
        """The ratio from which on this machine can tell a difference; None where trials are too few for an interval."""
        if itself is None or itself.low is None or itself.high is None:
            return None
        return max(itself.high, 1 / itself.low)

    def in_a_word(self, one: Pair | None) -> str:
        """The smallest ratio that can be told, or why none can."""
        smallest = self.smallest(one)
        if one is None or smallest is None:
            return "not told (too few trials)"
        return "not told (it differs from itself)" if one.apart else factor(smallest)

    def of_itself(self, experiment: str) -> str:
        """The same in a sentence."""
        one = self.itself[experiment]
        if one is None:
            arm = self.of.proposed()
            return f"not measured, no trial of the {arm} arm against itself (A/A) was planned, or none succeeded."
        trials = f"{len(one.base.times)} and {len(one.other.times)} trials"
        pair, smallest = f"{self.of.spoken(one.names[0])} against itself (A/A, {trials})", self.smallest(one)
        if smallest is None:
            return f"{pair} shows a ratio of {factor(one.value)}; too few trials for an interval."
        if one.apart:
            return f"{pair} shows a ratio of {one.told}, so something else than the arms made a difference."
        return f"{pair} leaves a ratio of up to {factor(smallest)} open; smaller ones cannot be told here."

    def findings(self) -> list[str]:
        """Every finding, the weightiest first."""
        pairs = [(name, pair, first) for name, each in self.pairs.items() for pair, first in each]
        found = [
            (self.weight(pair), f"{self.lead(name, pair)} {self.sentence(pair)}")
            for name, pair, _ in sorted(pairs, key=lambda one: not one[2])
        ]
        found += [*self.losses(), *((PEOPLE, told) for told in self.of_people())]
        every = [*(own for by in self.ran.values() for own in by.values()), *self.of.people]
        failed = sum(own.failed for own in every)
        if failed:
            found.append((FAILED_TRIALS, f"{plural(failed, 'trial')} failed. Kept and counted, in no median."))
        return [told for _, told in sorted(found, key=lambda one: one[0])]

    def weight(self, pair: Pair) -> int:
        """How early a comparison is told."""
        if self.of.arms.get(pair.names[1], {}).get("against"):
            return VARIANT
        return UNCLEAR if pair.shorter is None else GAIN if pair.shorter else NO_GAIN

    def lead(self, experiment: str, pair: Pair) -> str:
        """A comparison's finding in a few words."""
        noun, other = self.noun(experiment), self.of.arms.get(pair.names[1], {})
        if other.get("against"):
            told = "no clear difference" if pair.shorter is None else "slower" if pair.shorter else "faster"
            return f"{self.of.label(pair.names[1])}: {'too few trials to compare' if pair.few else told}."
        beside = "" if other.get("reference") else f", beside {self.of.spoken(pair.names[1])}"
        if pair.few:
            return f"Too few trials to compare machine time per {noun}{beside}."
        if pair.shorter is None:
            return f"No clear difference in machine time per {noun}{beside}."
        return f"{'Less' if pair.shorter else 'No gain in'} machine time per {noun}{beside}."

    def sentence(self, pair: Pair) -> str:
        """What its trials say."""
        base, other = map(self.of.spoken, pair.names)
        if pair.few:
            return f"Successful ones: {len(pair.base.times)} {base}, {len(pair.other.times)} {other}."
        medians = f"median {seconds(pair.base.median)} {base}, {seconds(pair.other.median)} {other}, ratio {pair.told}"
        if pair.shorter is None:
            return f"{pair.unclear}: {medians}."
        if not pair.wholly:
            return f"Not in every trial, but on the whole: {medians}."
        every = "In every successful trial" if pair.shorter else f"Every successful trial of {other} was shorter"
        return f"{every}: {medians}."

    def losses(self) -> Iterator[tuple[int, str]]:
        """Failed requests: experiment by experiment where there are few, and else arm by arm over all of them."""
        counted = {
            name: found for name, by in self.ran.items()
            if (found := {arm: own for arm, own in by.items() if own.counts and self.is_compared(arm)})
        }  # fmt: skip
        if len(counted) > FEW:
            yield from self.by_arm(counted)
            return
        for name, by in counted.items():
            hard = [arm for arm, own in by.items() if own.total("hard")]
            failed = any(own.total("hard", "late") for own in by.values())
            lead = "Hard failures" if hard else "Late requests, none failed hard" if failed else "No request failed"
            proposed = any(self.of.arms.get(arm, {}).get("proposed") for arm in hard)
            weight = PROPOSED_LOSES if proposed else LOSES if hard else LATE if failed else CLEAN
            yield weight, f"{lead}, {self.noun(name)}s: {'; '.join(self.told(arm, own) for arm, own in by.items())}."

    def is_compared(self, arm: str) -> bool:
        """Whether an arm enters comparisons; one that the catalogue does not know does not."""
        return bool((self.of.arms.get(arm) or {"compared": False}).get("compared", True))

    def told(self, arm: str, own: Arm) -> str:
        """An arm's failed requests, why, and how this machine stood still."""
        why = hard_causes(own.trials) if own.total("hard") else ""
        stood = stalls(own.trials) if own.total("late") else ""
        return ", ".join(part for part in (self.of.spoken(arm), loss(own), why, stood) if part)

    def by_arm(self, counted: dict[str, dict[str, Arm]]) -> Iterator[tuple[int, str]]:
        """The same arm by arm."""
        for arm in dict.fromkeys(arm for by in counted.values() for arm in by):
            said, data = self.of.spoken(arm), self.of.arms.get(arm, {})
            hard: list[str] = []
            late: list[str] = []
            clean: list[str] = []
            requests = 0
            found = [(f"{self.noun(name)}s", by[arm]) for name, by in counted.items() if arm in by]
            for nouns, own in found:
                if own.total("hard", "late"):
                    (hard if own.total("hard") else late).append(f"{nouns}, {loss(own)}")
                else:
                    clean.append(nouns)
                    requests += own.total("requests")
            if hard:
                causes = hard_causes([t for _, own in found for t in own.trials])
                why = f". Why: {causes}" if causes else ""
                weight = PROPOSED_LOSES if data.get("proposed") else LOSES
                yield weight, f"Hard failures, {said}: {'; '.join(hard)}{why}."
            if late:
                yield LATE, f"Late requests, none failed hard, {said}: {'; '.join(late)}."
            if clean:
                yield CLEAN, f"No request failed, {said}: in {listing(clean)}, of {plural(requests, 'request')}."

    def of_people(self) -> Iterator[str]:
        """How many persons were timed; and a script in a person's place."""
        scripted = [any(t.get("origin") == "simulated" for t in own.trials) for own in self.of.people]
        sat = [own for own, script in zip(self.of.people, scripted, strict=True) if not script]
        told = [t.get("details") or {} for own in sat for t in own.trials]
        authors = {line(row.get("by")) or "not recorded" for row in told}
        n = len(authors | {who for row in told if (who := line(row.get("reviewer")))})
        if n:
            yield f"{plural(n, 'person')} timed, in no comparison: see People."
        if any(scripted):
            yield "A script typed in a person's place: no person's time."

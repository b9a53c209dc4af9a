"""The sentences of page one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from pov.reporting.standalone.arms import amount, loss, reach
from pov.reporting.standalone.findings import Findings
from pov.reporting.standalone.inference import at_most
from pov.reporting.standalone.known import (
    BOXES,
    BUSY,
    CRITERIA,
    DEPARTED,
    FEW,
    NOBODY,
    SIGNED,
    STATED,
    VALUED,
    WORST_FIRST,
    N,
)
from pov.reporting.standalone.letters import count, cut, line, listing, mapping, parts, percent, plain, plural
from pov.reporting.standalone.money import money, whole
from pov.reporting.standalone.trials import agreed, by_kind, missing, resumed, saw, stalled, verdict


class FirstPage(Findings):
    """What has to stand in each place of page one, word by word, from what was saved."""

    @cached_property
    def page_one(self) -> dict[str, list[str]]:
        """Every sentence of page one, by the heading above it."""
        columns = {"What follows": self.follows or [" Nothing yet: no arm has a successful trial."]}
        if self.left:
            columns["What follows"].append(f"{plural(len(self.left), 'more finding')}, none of more weight.")
        return {
            BOXES: list(self.boxes()),
            VALUED: list(self.asked()),
            "What was asked": list(self.criteria()),
            "What was measured": list(self.measured()),
            "What the customer states": list(self.states()),
            **columns,
            "What does not follow": [f"{lead} {rest}" for lead, rest in self.limits()],
        }

    @cached_property
    def rest(self) -> dict[str, list[str]]:
        """What page one has no room for."""
        found = {"What follows, too": self.left}
        if self.stated[STATED:]:
            found["What the customer states, too"] = [self.note(self.stated[STATED:])]
        return {heading: told for heading, told in found.items() if told}

    def head(self) -> dict[str, Any]:
        """What stands above page one, and on every page."""
        of, facts = self.environment, mapping(self.of.summary.get("run"))
        engagement, scenario = mapping(of.get("engagement")), of.get("scenario")
        customer = line(mapping(engagement.get("customer")).get("name") or engagement.get("customer_name"))
        if isinstance(scenario, dict):
            scenario = scenario.get("title") or scenario.get("name")
        told = "Simulated in part: in this run a script typed in a person's place. What it did is no person's."
        band = told if any(s.get("origin") == "simulated" for s in self.of.samples) else ""
        if of.get("simulated"):
            band = "Simulated run, made by a generator for tests. No figure in this report was measured."
        first, last = ([s.get("started") for s in self.of.samples[at:][:1]] for at in (0, -1))
        started = line(of.get("started") or facts.get("started")) or line("".join(map(str, first)))
        finished = line(facts.get("finished")) or line("".join(map(str, last)))
        return {
            "run": line(of.get("run")),
            "title": f"Proof of value for {customer}" if customer else "Proof of value",
            "subtitle": str(scenario or ""),
            "date": (finished or started)[:10],
            "simulated": bool(band),
            "band": band,
        }

    def boxes(self) -> Iterator[str]:
        """What nobody may miss, above all else."""
        went_on = [told for s in self.of.samples for told in s.get("resumed") or []]
        windows = {"placebo", "negative"}
        if not self.of.summary or mapping(self.of.summary.get("run")).get("interrupted"):
            saved = sum(1 for s in self.of.samples if self.of.kind(s["arm"]) not in windows)
            planned = sum(n for (_, arm), n in self.of.planned.items() if self.of.kind(str(arm)) not in windows)
            of = f"{saved} of {plural(planned, 'planned trial')}" if planned else plural(saved, "trial")
            yield f"This run did not end by itself {of} saved; what is shown stands on those alone."
        if went_on:
            more = f" In all {len(went_on)} times, see Method." if len(went_on) > 1 else ""
            yield f"This run was interrupted and went on {resumed(went_on[0])}{more}"
        if self.of.departures:
            more = f"; {len(self.of.departures) - 2} more under Evidence" if len(self.of.departures) > 2 else ""
            yield f"{DEPARTED} {'; '.join(self.of.departures[:2])}{more}."
        problems = self.of.report.get("problems") or []
        if problems:
            more = f", and {len(problems) - 1} more under Evidence" if len(problems) > 1 else ""
            yield f"Something is wrong with this run's files {problems[0]}{more}"
        blind = [t for t in self.of.windows() if not saw(t)]
        if blind:
            why = "no hard failure on its own service's edges was seen"
            if blind[0].get("ok") is not True:
                why = f"it failed itself: {line(blind[0].get('error')) or 'no reason recorded'}"
            told = f"Negative control {blind[0]['n']}: {why}. Few or no failed requests prove nothing here."
            yield f"Not shown that the prober sees failures {told}"
        which = [f"{self.noun(name)}, {listing(loads)}" for name in self.ran if (loads := self.loads(name))]
        if which:
            told = f"{'; '.join(which)}: edges outside the change stalled in most trials, in no placebo."
            yield f"The operation loads this machine {told[0].upper()}{told[1:]}"

    def loads(self, experiment: str) -> list[str]:
        """Arms in most of whose trials edges outside the change stalled, and in no placebo."""
        quiet = [own for arm, own in self.of.experiments[experiment].items() if self.of.kind(arm) == "placebo"][-1:]
        if not quiet or not quiet[0].trials or any(map(stalled, quiet[0].trials)):
            return []
        arms = self.ran[experiment].items()
        return [self.of.spoken(arm) for arm, own in arms if 2 * sum(map(stalled, own.trials)) > len(own.trials)]

    def asked(self) -> Iterator[str]:
        """What is asked for, the price, the risks."""
        given, no_purchase = self.of.section, "Mock services cannot carry a purchase, and none is asked for."
        usual = "the same measurements on services of your own"
        unread = "the recorded value section does not read"
        if not given or any(told.startswith(unread) for told in self.of.report.get("problems") or []):
            yield f"The next step. {no_purchase} Asked: {usual}. Nobody is named to decide, and no date."
            yield "Price. No value model was given with this run: it says nothing of price, hours or money."
            return
        following = mapping(given.get("next"))
        who = cut(following.get("by") or "", 60) or "nobody is named"
        until = f"until {following['until']}" if following.get("until") else "no date is set"
        step = (following.get("step") or "").strip().rstrip(".") or usual
        yield f"The next step. {no_purchase} Asked: {step}. To decide: {who}, {until}."
        example = "EXAMPLE. " if given.get("example") else ""
        yield f"Price. {example}{self.price(mapping(given.get('price')), given['currency'])}"
        lacking = missing(given)
        if lacking:
            more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
            told = f"{', '.join(lacking[:3])}{more}"
            yield (
                f"What it is worth. Nobody has given {plural(len(lacking), 'figure')} of the value section ({told}): "
                "no result is told."
            )
        elif self.of.pages and (threats := self.of.pages.threats()):
            named = [f"{cut(r['title'], 80)} ({cut(r['probability'].get('by') or '', 60)})" for r, *_ in threats[:3]]
            more = f"; {len(threats) - 3} more further back" if len(threats) > 3 else ""
            yield f"Risks, with owners. {example}{'; '.join(named)}{more}."
        else:
            yield "Risks. None was named, and nobody answers for any."

    def price(self, price: dict[str, Any], currency: str) -> str:
        """The price with its source and date, or who gives it until when; told as stale after its last day."""
        paid = [(money(price.get(key)), how) for key, how in (("once", "once"), ("yearly", "a year, in advance"))]
        told = " and ".join(f"{whole(amount)}{N}{currency} {how}" for amount, how in paid if amount is not None)
        if not told:
            coming = mapping(price.get("notGiven"))
            until = f"until {coming['until']}" if coming.get("until") else "no date is set"
            return f"Not given: {cut(coming.get('by') or '', 60) or 'nobody is named to give it'}, {until}."
        stale, last = "", str(price.get("validUntil") or "")
        if last and self.head()["date"] > last:
            stale = f" It was valid until {last}: ask for a new one."
        source = f"{cut(price.get('source') or '', 80)}; {cut(price.get('by') or '', 60)},{N}{price.get('when')}"
        return f"{told} ({source}).{stale}"

    def criteria(self) -> Iterator[str]:
        """The heads of the criteria's columns, what a reader must know of each row, and who stands behind them."""
        criteria = {c["id"]: c for c in self.environment["criteria"]}
        if not self.of.scores:
            yield "No criterion was saved with this run: figures are shown, nothing is scored."
            return
        who = {agreed(c) for c in criteria.values()}
        arms = list(dict.fromkeys(c["arm"] for c in criteria.values()))
        yield f"Criterion, {next(iter(who))}" if len(who) == 1 else "Criterion"
        yield self.of.label(arms[0]) if len(arms) == 1 else "Observed"
        for one in self.ranked()[:CRITERIA]:
            by = "" if len(who) == 1 else f" ({line(criteria[one['id']].get('agreed_by')) or NOBODY})"
            yield self.of.both(f"{one['id']}: {self.of.standing(w)}{by}" for w in (one, one["pooled"]))
        yield self.attested()

    def ranked(self) -> list[dict[str, Any]]:
        """Criteria as page one has them: where there are many, the worst first."""
        if len(self.of.scores) <= CRITERIA:
            return self.of.scores
        return sorted(self.of.scores, key=lambda one: WORST_FIRST.index(verdict(one)))

    def attested(self) -> str:
        """When criteria were frozen, who countersigned, and which run of how many it is."""
        stood = self.environment.get("frozen") or {}
        told = "Criteria were not frozen before this run"
        at = line(stood.get("at"))
        if line(stood.get("state")) not in {"", "not frozen"}:
            told = f"Criteria frozen on {at[:10]}"
            told += "; this run was measured against others: exploratory" if stood.get("changes") else ""
            told += "; this run's plan is another: exploratory" if self.of.departures else ""
        number, runs, broken = self.of.counted or ["0", "0", "0"]
        ended = f", {broken} of them unfinished or gone" if broken != "0" else ""
        run = f" Run {number} of {runs} {'since' if at else 'here'}{ended}." if number != "0" else ""
        return f"{told}; {SIGNED}.{run}"

    def measured(self) -> Iterator[str]:
        """Names and words around the large figures, what this machine can tell, and whether it was busy."""
        if not self.shown:
            yield (
                "People alone: see the page on people."
                if self.of.people
                else "Nothing: no trial of this run was saved."
            )
        elif len(self.shown) <= FEW:
            for name in self.shown:
                yield from self.large(name)
        else:
            for name in self.shown:
                judged = self.of.titles.get(name, {}).get("judged_by")
                yield f"{self.title(name)} {self.of.named_metric(judged)['label'] if judged else ''}"
        if self.shown:
            yield f"Smallest difference that this machine can tell. {self.can_tell()}"
        busy = sum(amount((s.get("details") or {}).get("load_per_core")) > BUSY for s in self.of.samples)
        if busy:
            began = f"{count(busy)} of {plural(len(self.of.samples), 'trial')} began with more than {BUSY:g} runnable"
            yield (
                f"A busy machine. {began} tasks a core in the minute before: one with less to do may take other times."
            )

    def large(self, experiment: str) -> Iterator[str]:
        """What stands beside an experiment's large figures: its heading, what it worked on, the arms, all in words."""
        words = self.of.titles.get(experiment, {})
        yield self.title(experiment)
        services, proof = self.environment.get("services"), [line(s) for s in self.environment.get("under_proof") or []]
        known = {
            "{services}": f"{services} services" if isinstance(services, int) else "all services",
            "{proof}": f"{plural(len(proof), 'service')} in staging: {listing(proof)}" if proof else "staging",
        }
        subject = str(words.get("subject") or "staging")
        for key, value in known.items():
            subject = subject.replace(key, value)
        yield subject
        told, here = [], dict(way.split(": ", 1) for way in words.get("ways") or [] if ": " in way)
        metric = self.of.named_metric(words["judged_by"]) if words.get("judged_by") else None
        for arm, own in self.of.ways_of(experiment).items():
            yield f"{self.of.label(arm)}: {here.get(arm) or self.of.arms.get(arm, {}).get('note') or ''}"
            figure, unit = parts(own.median) if own.median is not None else ("–", "")
            seen = own.observe(metric)[0] if metric else None
            if metric:
                figure, unit = ("–", "") if seen is None else (plain(seen), str(metric.get("unit", "s")))
            told.append(f"{self.of.label(arm)}: {figure} {unit}" + ("" if metric else f", {reach(own)}"))
        yield f"{metric['label'] if metric else 'Medians'}. {'; '.join(told)}"

    def can_tell(self) -> str:
        """What the proposed arm against itself says, experiment by experiment; once if none was tried."""
        again = {n: own for n, by in self.ran.items() for a, own in by.items() if self.of.kind(a) == "again"}
        arm = self.of.proposed()
        if not again:
            return f"Not measured: no trial of the {arm} arm against itself (A/A) was planned."
        if len(again) > FEW:
            told = [f"{self.noun(name)} {self.in_a_word(self.itself[name])}" for name in again]
            return f"The {arm} arm against itself (A/A) leaves ratios open of up to: {'; '.join(told)}."
        found = []
        for name, own in again.items():
            lost = f" Its requests: {loss(own)}." if own.counts and own.counts["hard"] + own.counts["late"] else ""
            noun = self.noun(name)
            found.append(f"{noun.capitalize()}: {self.of_itself(name)}{lost}")
        return " ".join(found)

    def states(self) -> Iterator[str]:
        """What is said of stated figures, and how many have no room."""
        if not self.stated:
            yield "Nothing: the engagement holds no stated figure, or there was no engagement."
            return
        yield self.note(self.stated[:STATED])
        left = len(self.stated) - STATED
        if left > 0:
            yield f"{plural(left, 'more stated figure')}."

    @staticmethod
    def note(stated: list[dict[str, Any]]) -> str:
        """What is said below stated figures."""
        example = "EXAMPLE. " if any(s.get("example") is True for s in stated) else ""
        return f"{example}Stated, not measured. In no statistic of this report."

    def limits(self) -> Iterator[tuple[str, str]]:
        """What nobody may read into these trials."""
        arms = [(arm, own) for by in self.ran.values() for arm, own in by.items()]
        kinds = {self.of.kind(arm) for arm, _ in arms}
        if "manual" in kinds:
            which = self.runbooks()
            told = f"{which[0].upper()}{which[1:]} {'were' if ' and ' in which else 'was'} executed by a machine"
            yield "Nothing about people's time.", f"{told}: no reading, typing or hand-over is in it."
        if "script" in kinds:
            told = (
                "It works when somebody starts it, and does not tell what is changed by hand afterwards, or who did it."
            )
            yield "No platform in a script.", told
        if self.stated:
            told = "They were not timed here; subtracting ours from theirs proves nothing."
            yield "No saving against stated figures.", told
        ns = sorted({len(own.times) for arm, own in arms if own.times and self.is_compared(arm)})
        if ns and 2 / math.comb(2 * ns[-1], ns[-1]) > 0.05:
            trials = plural(ns[-1], "trial") if len(ns) == 1 else f"{ns[0]} to {plural(ns[-1], 'trial')}"
            told = "an arm no exact test can tell an order from chance; the medians describe these trials."
            yield "No significance.", f"With {trials} {told}"
        for name, by in self.ran.items():
            for arm in by if self.of.titles.get(name, {}).get("bound") else ():
                own = self.of.tried(name, arm, True)[0]
                proposed = self.of.arms.get(arm, {}).get("proposed") and own.times and not own.failed
                if proposed and own.counts and not own.total("hard", "late"):
                    told = f"0 failures in {plural(len(own.times), self.noun(name))} rule out, at 95{N}%, only a rate"
                    above = percent(at_most(0, len(own.times)))
                    yield "Not zero disruption.", f"{told} above {above}{N}% of them."
        if self.shown and not self.of.windows():
            hard, late = (sum(own.total(kind) for _, own in arms) for kind in ("hard", "late"))
            told = "No trial was made to fail on purpose."
            seen = f"{told} It did see failures: {by_kind(hard, late)}." if hard + late else told
            lead = "Not that the prober sees every failure."
            self.of.both((f"{lead} {seen}", f"{lead} {told} It did see {count(hard + late)} fail."))
            yield lead, seen
        yield "Not your production.", "Mock services with similar traffic, on one machine; times there will differ."

    def runbooks(self) -> str:
        """Whose runbooks the manual arms executed."""
        whose: dict[str, list[str]] = {}
        for name, by in self.ran.items():
            if any(self.of.kind(arm) == "manual" for arm in by):
                found = mapping(mapping(self.environment.get("runbooks")).get(name)) or mapping(
                    self.environment.get("runbook")
                )
                known = found.get("origin") == "customer" and all(line(found.get(k)) for k in ("path", "digest", "by"))
                told = "the customer's runbook" if known else "an example runbook"
                whose.setdefault(told, []).append(self.noun(name))
        if len(whose) <= 1:
            return next(iter(whose), "an example runbook")
        return " and ".join(f"{told} ({listing(nouns)})" for told, nouns in whose.items())

"""How it was measured, and what the method cannot show."""

from __future__ import annotations

from collections.abc import Iterator

from pov.measure.coverage import simulated
from pov.measure.order import COMPLETE
from pov.model.kinds import SCRIPT
from pov.model.reading import items, mapping, number, text
from pov.reporting import wording
from pov.reporting.blocks import Block, Bullets, Heading, Table, Text
from pov.reporting.facts import Facts
from pov.reporting.numbers import NARROW, count, listing, plural, share
from pov.reporting.section import Section

_ARMS = (
    "Automated: a commit, and nothing else by hand. Runbook: the steps of {books} run one after the other over SSH "
    "against a legacy estate of the same services, host by host, without a pause. Replicas and prober are the same; "
    "{checks}."
)
_CHECKED = "how an arm itself makes sure that a service is fit"
_SCRIPTS = (
    "{names}: run on this machine against the legacy estate, told what the runbook is told, with the artefact on the "
    "hosts, under the same clocks, load and checks. That a script ended well is not believed: prober and hosts decide."
)
_DRAIN = (
    "A pod that goes serves on until no new connection has come for 3 s, since callers are sent to another. A service "
    "on a host has one address and nobody who sends callers elsewhere: told to stop, it finishes the requests in hand "
    "and refuses new ones until its successor listens (--drain 0s), for the runbook, a script and a person alike."
)
_NOISE = (
    "Hard failures (refused, cut off, answered wrongly) and late ones are kept apart, and count on the edges that the "
    "change touches while the clock runs. A late one is excused only if an edge outside the change, or the prober "
    "itself, stood still in that moment; a hard one never."
)
_STATISTICS = (
    "Median, least, greatest and n of successful trials. Ratios by Hodges and Lehmann on logarithms, intervals by "
    "inverting the exact rank test: they hold 95 % where two arms differ by a factor alone, and print what they "
    "attain. Exact two-sided Mann–Whitney test of order for one primary comparison an experiment, Holm's correction "
    "over those; all else is descriptive. Failed trials are counted, never averaged in. Executed times and people's "
    "times are never pooled, and stated figures enter no statistic."
)
_HUMAN = (
    "No person was timed in arms that are executed by machine. Where a change is approved in them, a second account "
    "does so at once: what it takes somebody to read a change and to decide is in no figure here, of no arm."
)
_INDEPENDENCE = (
    "Whoever ran the trials also wrote the record. The hash chain shows a changed or missing sample to a reader who "
    "kept its last digest. A countersignature, where there is one, fixes what was recorded: not that it was measured."
)


def _intervals() -> str:
    """How far intervals fall short in simulation, where arms do not differ by a factor alone."""
    table = simulated()
    equal = [c for c in table["cases"] if c["sizes"] == "equal" and c["spread"] > 1 and c["coverage"] is not None]
    worst = min(equal, key=lambda case: case["coverage"])
    return (
        f"Where one arm spreads more than the other they cover less than 95{NARROW}%: at worst "
        f"{share(worst['coverage'])}, with n {worst['n']} and {worst['spread']:g} times the spread, of what "
        f"{count(table['draws'])} simulated runs a case showed. Where this run's arms are like that, a page says so."
    )


def build(facts: Facts) -> Iterator[Block]:
    """Clocks, order, load, statistics; then limits."""
    yield Bullets(tuple(_method(facts)))
    order = facts.environment.get("plan")
    if isinstance(order, list) and order and all(isinstance(item, dict) for item in order):
        names = [" ".join(str(item.get(key, "")) for key in ("experiment", "arm", "trial")) for item in order]
        yield Text(f"The order, drawn before the first trial: {', '.join(names)}.", "note")
    left = [text(reason) for reason in items(facts.environment.get("left_out"))]
    if left:
        yield Text(f"Left out before the first trial: {'; '.join(left)}.", "note")
    checks = _checks(facts)
    if checks:
        yield Table(f"{_CHECKED.capitalize()}.", ("Arm", "Of", "Its own checks"), checks, "lll", (1, 1, 3))
    yield Heading("What this report does not prove")
    yield Bullets(tuple(_limits(facts)))


SECTION = Section("method", "Method", build)


def _method(facts: Facts) -> Iterator[tuple[str, str]]:
    for experiment in facts.experiments:
        words = facts.words.experiment(experiment.name)
        yield f"Clock, {words.noun}.", wording.clock(words)
    where = "stands in the table below" if _checks(facts) else "was not recorded"
    yield "Arms.", _ARMS.format(books=wording.runbooks(facts, in_full=True), checks=f"{_CHECKED} {where}")
    yield "What a swap loses.", _DRAIN
    scripts = list(dict.fromkeys(_scripts(facts)))
    if scripts:
        yield "Scripts.", _SCRIPTS.format(names=listing(scripts))
    yield "Order.", f"{_order(facts)} Each sample is saved as it happens, failed ones too."
    for one in facts.resumptions:
        yield "Interrupted, and went on.", wording.resumed(one)
    yield "Load.", _load(facts)
    yield "Noise.", _NOISE
    yield "Statistics.", _STATISTICS
    yield "Resolution of the clocks.", _resolution(facts)
    yield "Time.", "A monotonic clock on the machine that ran the trials; the prober runs inside the cluster."


def _order(facts: Facts) -> str:
    """How the order of trials was drawn, as the run recorded it."""
    seed = facts.environment.get("order_seed")
    if seed is None:
        return "Trials came in an order whose seed was not recorded."
    if facts.environment.get("order_drawn") == COMPLETE:
        return f"Completely randomised: all trials of all arms were shuffled at once, from seed {seed}."
    return (
        f"Random in rounds, from seed {seed}: each round held each arm once; tests and intervals take the order as "
        "completely random."
    )


def _resolution(facts: Facts) -> str:
    """How finely an operation's end is known, as the run recorded it."""
    every = number(mapping(facts.environment.get("stop_clock")).get("looks_every_s"))
    if every is None:
        return "How often it was looked whether an operation was done was not recorded."
    return (
        f"Whether an operation is done is looked at anew {every:g}{NARROW}s after each answer, with the same pause in "
        "every arm of every experiment: a time is too long by that and one look at most."
    )


def _scripts(facts: Facts) -> Iterator[str]:
    """Arms that are scripts, each with the digest of what ran."""
    for trial in facts.trials:
        if facts.words.arm(trial.arm).kind == SCRIPT:
            digest = text(trial.details.get("script"))
            words = facts.words.experiment(trial.experiment).noun
            yield f"{facts.words.arm(trial.arm).label}, {words} (SHA-256 {digest[:12] or 'not recorded'})"


def _checks(facts: Facts) -> tuple[tuple[str, str, str], ...]:
    """Arm, experiments and what was recorded of the arm's own checks: alike ones in one row."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for trial in facts.trials:
        told = text(trial.details.get("checks"))
        if told:
            noun = facts.words.experiment(trial.experiment).noun
            found.setdefault((facts.words.arm(trial.arm).label, told), {})[noun] = None
    return tuple((arm, listing(list(nouns)), told) for (arm, told), nouns in found.items())


def _load(facts: Facts) -> str:
    traffic = mapping(facts.environment.get("traffic"))
    traffic = mapping(traffic.get("traffic")) or traffic
    kept, new = number(traffic.get("interval_ms")), number(traffic.get("new_connection_interval_ms"))
    used = sorted({trial.traffic.timeout_ms for trial in facts.trials if trial.traffic and trial.traffic.timeout_ms})
    limit = number(traffic.get("timeout_ms"))
    limits = " or ".join(count(value) for value in used) or count(limit)
    if kept is None or new is None or limit is None:
        return "An open-loop prober drives the edges on a fixed schedule; its intervals were not recorded."
    return (
        f"An open-loop prober calls every edge each {count(kept)} ms on a kept connection and each {count(new)} ms on "
        f"a new one, with a limit of {limits} ms and no retries. Late or unsent counts as failed."
    )


def _limits(facts: Facts) -> Iterator[tuple[str, str]]:
    machine = facts.environment.get("machine")
    cores = machine.get("cores") if isinstance(machine, dict) else None
    where = f"one machine with {plural(cores, 'core')}" if isinstance(cores, int) else "one machine"
    yield (
        "Your estate.",
        f"These are mock services on {where}. Shape of the graph and way of working are alike, sizes are not.",
    )
    yield "Human time.", _HUMAN
    if facts.valued is None:
        yield "Savings.", "Hours and money are not part of this report; it holds times and failures."
    else:
        yield "Savings.", "Hours and money rest on the value section's figures, which are stated or modelled by people."
    yield "Rare failures.", "A failure that shows once in a hundred rotations is not found by a handful of them."
    yield "Intervals.", _intervals()
    yield "Independence.", _INDEPENDENCE

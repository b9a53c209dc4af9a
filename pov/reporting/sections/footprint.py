"""What the platform itself takes: processor and memory by part, for whoever fears too many moving parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pov.measure.footprint import AGENTS, AROUND, PLATFORM, Footprint, Taken, footprint
from pov.model.reading import mapping, text
from pov.reporting.blocks import Block, Bullets, Table, Text
from pov.reporting.facts import Facts
from pov.reporting.numbers import NARROW, count, percent, plural, seconds
from pov.reporting.section import Section

_HEAD = ("Part", "Containers", "Nothing done", "Whole run", "MiB", "MiB at most")
_SOURCE = (
    "Source: counters of the node's control groups, read before the first trial and after each one, kept with each "
    "sample (details.footprint). Processor: time used by time passed, so that 100 % is one core; windows with nothing "
    "done are the placebos, under the same load, with what starts and ends that load. Memory: in use less file pages "
    "that lie idle, as Kubernetes counts a working set, at those moments; what rose and fell in between is not seen. "
    "What a container took since the last reading before it ended stands in the row of those that ended, whichever "
    "part it was of: the parts' own figures are that much too small. "
    "Sums are of medians; containers are those of the last reading. Outside: pov itself and the container engine that "
    "holds the node. One node and mock services: more services, copies that stand by, and longer histories take more."
)


def build(facts: Facts) -> Iterator[Block]:
    """The platform together in sentences, then every part, so that the sum is the node's."""
    found = footprint(facts.trials, facts.words)
    if found is None:
        if facts.trials:
            yield Text("What the platform takes of processor and memory was not recorded with this run.")
        return
    yield Bullets(tuple(_told(found, text(mapping(facts.environment.get("machine")).get("cores")))))
    names = [part.name for part in found.parts]
    platform, rest = ([part for part in found.parts if (part.name in PLATFORM) is inside] for inside in (True, False))
    rows = [
        *(_row(found, part) for part in platform),
        _sum(found, "The platform together", PLATFORM),
        *(_row(found, part) for part in rest),
        _sum(found, "Everything on the node", names),
    ]
    caption = "Processor as a share of one core; memory as the median of all readings, and the highest."
    yield Table(caption, _HEAD, tuple(rows), "lrrrrr", (1, 0, 0, 0, 0, 0), (len(platform), len(rows) - 1))
    yield Text(_SOURCE, "note")


SECTION = Section("footprint", "What the platform itself takes", build)


def _told(found: Footprint, cores: str) -> Iterator[tuple[str, str]]:
    of = f", on a machine of {plural(int(cores), 'core')}" if cores.isdigit() else ""
    quiet = _share(found, PLATFORM, idle=True)
    if found.placebos:
        spans = f"{plural(found.placebos, 'placebo')} of {seconds(found.idle)} in all"
        yield "With nothing done", f"the platform took {quiet} of one core ({spans}){of}."
    spans = f"{plural(found.readings, 'span')} of {seconds(found.seconds)} in all, trials of every arm"
    yield "Over the whole run", f"it took {_share(found, PLATFORM)} of one core ({spans})."
    yield "Memory:", f"{count(found.memory(PLATFORM))}{NARROW}MiB, the median of {plural(found.readings, 'reading')}."
    parts = {part.name: part for part in found.parts}
    own = sum(part.containers for part in found.parts if part.name in PLATFORM and part.name != AGENTS)
    agents = parts[AGENTS].containers if AGENTS in parts else 0
    yield (
        "Moving parts:",
        f"{plural(own, 'container')}, and {plural(agents, 'agent')}, one beside each replica.",
    )
    around = [name for name in ("kubernetes", "node") if name in parts]
    if around:
        told = f"{_share(found, around)} of one core and {count(found.memory(around))}{NARROW}MiB over the whole run"
        yield "Kubernetes itself", f"takes {told}: new only where no cluster is there yet."
    if found.readings < found.trials:
        left = plural(found.trials - found.readings, "trial")
        yield "Not everything was read:", f"of {left} no span is recorded."


def _row(found: Footprint, part: Taken) -> tuple[str, ...]:
    label = {**PLATFORM, **AROUND}[part.name]
    told = _share(found, [part.name], idle=True), _share(found, [part.name])
    number = count(part.containers) if part.containers else "–"
    return (label, number, *told, count(part.memory_mib), count(part.most_mib))


def _sum(found: Footprint, label: str, names: Iterable[str]) -> tuple[str, ...]:
    wanted = list(names)
    number = sum(part.containers for part in found.parts if part.name in wanted)
    told = _share(found, wanted, idle=True), _share(found, wanted)
    return (label, count(number) if number else "–", *told, count(found.memory(wanted)), "")


def _share(found: Footprint, names: Iterable[str], *, idle: bool = False) -> str:
    told = found.share(names, idle=idle)
    return "–" if told is None else percent(told)

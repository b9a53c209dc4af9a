"""What the parts of the platform took."""

from __future__ import annotations

import math
import statistics
from typing import Any

from pov.reporting.standalone.arms import amount
from pov.reporting.standalone.known import AROUND, PLATFORM, N
from pov.reporting.standalone.letters import count, percent, seconds
from pov.reporting.standalone.texts import tokens


def part_of(span: dict[str, Any], key: str, part: str) -> float:
    """What a span tells of a part."""
    by = span.get(key)
    return amount(by.get(part)) if isinstance(by, dict) else 0.0


class Taken:
    """What parts of the platform took in spans, those of placebos (`quiet`) among them."""

    def __init__(self, spans: list[dict[str, Any]], quiet: list[dict[str, Any]]) -> None:
        self.spans, self.quiet = spans, quiet
        held = {name: [part_of(span, "memory_mib", name) for span in spans] for name in (*PLATFORM, *AROUND)}
        self.memory = {name: (statistics.median(of), max(of)) for name, of in held.items() if of}
        self.names = [n for n in self.memory if self.memory[n][1] or self.seconds([n], spans)]

    def seconds(self, names: list[str], spans: list[dict[str, Any]]) -> float:
        """Processor time of some parts."""
        return math.fsum(part_of(span, "processor_s", name) for span in spans for name in names)

    def share(self, names: list[str], spans: list[dict[str, Any]]) -> str:
        """The same by the time that passed, as it is printed."""
        over = math.fsum(span["seconds"] for span in spans)
        return f"{percent(self.seconds(names, spans) / over)}{N}%" if over else "–"

    def containers(self, names: list[str]) -> int:
        """Those of the last reading."""
        return sum(int(part_of(self.spans[-1], "containers", name)) for name in names)

    def mebibytes(self, names: list[str]) -> str:
        """Medians added up."""
        return count(math.fsum(self.memory[name][0] for name in names))

    def row(self, label: str, names: list[str], most: str) -> list[str]:
        """A row of the table."""
        number = self.containers(names)
        shares = self.share(names, self.quiet), self.share(names, self.spans)
        return [label, count(number) if number else "–", *shares, self.mebibytes(names), most]

    def rows(self) -> list[list[str]]:
        """The table."""
        parts = {n: self.row({**PLATFORM, **AROUND}[n], [n], count(self.memory[n][1])) for n in self.names}
        own = [n for n in self.names if n in PLATFORM]
        rest = [parts[n] for n in self.names if n not in PLATFORM]
        all_own = self.row("The platform together", own, "")
        return [*(parts[n] for n in own), all_own, *rest, self.row("Everything on the node", self.names, "")]

    def sentences(self, cores: Any, trials: int) -> list[list[str]]:
        """The figures of each sentence, in their order."""
        own = [n for n in self.names if n in PLATFORM]
        spans, quiet = (math.fsum(span["seconds"] for span in some) for some in (self.spans, self.quiet))
        on = [str(cores)] if isinstance(cores, int) else []
        read = count(len(self.spans))
        figures = [[self.share(own, self.quiet), count(len(self.quiet)), seconds(quiet), *on]] if self.quiet else []
        figures += [[self.share(own, self.spans), read, seconds(spans)], [self.mebibytes(own), read]]
        agents = [n for n in own if n == "agents"]
        figures.append([count(self.containers([n for n in own if n not in agents])), count(self.containers(agents))])
        around = [n for n in self.names if n in {"kubernetes", "node"}]
        if around:
            figures.append([self.share(around, self.spans), self.mebibytes(around)])
        if len(self.spans) < trials:
            figures.append([count(trials - len(self.spans))])
        return [[token for figure in one for token in tokens(figure, [])] for one in figures]

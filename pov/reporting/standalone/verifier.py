"""Check a report by the files attached to it, without whoever made it: python3 -I -S verify.py [FOLDER]

This file imports nothing but Python's standard library. It computes the chain of samples, the order that the seed gives
and in which they came, the criteria's outcomes, the figures of the report's first pages, what order and rare failures
say, what the platform takes, and the value model on them again, and says in one line each what does not match, by file
and place. What it does not compute it names, with the reason. It reads report.json, from which the PDF was drawn: that
both are the same is for `pov verify report.pdf` to show, or for your eyes. Sentences of page one and of experiments are
compared word by word with those that the samples give, all other figures place by place. Signatures are for ssh-keygen:
the commands are printed. It ends with 1 if anything does not match.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

from pov.reporting.standalone.arms import Arm, amount, loss, rare
from pov.reporting.standalone.fitting import BROKEN
from pov.reporting.standalone.known import (
    ALWAYS,
    APART,
    COMPUTED,
    FOOTPRINT,
    LATER,
    ON_PLATFORM,
    TOLD,
    UPKEEP,
    VALUE,
    WORTH,
)
from pov.reporting.standalone.letters import printed, seconds, span
from pov.reporting.standalone.placed import Placed
from pov.reporting.standalone.sentences import Sentences
from pov.reporting.standalone.shapes import ENVIRONMENT, REPORT, SUMMARY
from pov.reporting.standalone.taken import Taken
from pov.reporting.standalone.texts import tokens
from pov.reporting.standalone.worth import Worth
from pov.reporting.standalone.worth_pages import WorthPages


class Verifier(Placed):
    """Reads a folder of attachments; `wrong` says what does not match, `notes` what was not computed again."""

    def run(self) -> None:
        """Everything, in order; what cannot be read keeps the rest from being looked at."""
        found = self.read("environment.json")
        self.recorded = found if isinstance(found, dict) else {}
        self.environment = self.fit("environment.json", found, ENVIRONMENT)
        self.environment["criteria"] = self.bounded(self.environment.get("criteria") or [])
        self.report = self.fit("report.json", self.read("report.json"), REPORT)
        self.even(self.report.get("sections") or [])
        self.summary = summary = self.optional("summary.json", SUMMARY)
        head = self.chain()
        if (self.folder / "criteria.json").exists() and self.read("criteria.json") != self.recorded.get("criteria"):
            self.wrong.append("criteria.json: not the criteria that were saved before the first trial")
        with self.looking("head.json"):
            self.digests(head, summary)
        with self.looking("criteria.frozen.json"):
            self.frozen()
        with self.looking("samples.jsonl"):
            self.group()
        with self.looking("criteria.frozen.json: experiments"):
            self.departures = self.departed()
        with self.looking("environment.json: plan"):
            self.order()
        if self.wrong and not self.samples:
            return
        for c in self.environment["criteria"]:
            with self.looking(f"environment.json: criterion {c['id']}"):
                self.scores.append(self.score(c))
        with self.looking("summary.json"):
            self.of_summary(summary)
        self.of_report()

    def of_summary(self, summary: dict[str, Any]) -> None:
        """summary.json: medians, ranges, counts and outcomes."""
        for e in summary.get("experiments") or []:
            for a in e.get("arms") or []:
                own = self.experiments.get(e["name"], {}).get(a["name"]) or Arm([])
                where = f"summary.json: {e['name']}, {a['name']}"
                self.expect(f"{where}, n", a.get("n"), len(own.good))
                self.expect(f"{where}, failed trials", a.get("failed"), own.failed)
                self.expect(f"{where}, median", a.get("median"), own.median)
                self.expect(f"{where}, minimum", a.get("minimum"), min(own.times, default=None))
                self.expect(f"{where}, maximum", a.get("maximum"), max(own.times, default=None))
                # Handshakes by kind are in no summary of an earlier version.
                kinds = (name for name in ("hard_handshakes", "late_handshakes") if name in a)
                for name in ("requests", "hard", "late", "excused", "handshakes", *kinds):
                    self.expect(f"{where}, {name}", a.get(name), own.counts and own.counts[name])
        if "interruptions" in summary:
            went_on = [told for s in self.samples for told in s.get("resumed") or []]
            self.expect("summary.json: interruptions", summary["interruptions"], went_on)
        told = {c["id"]: c for c in summary.get("criteria") or []}
        for one in self.scores:
            if one["id"] in told:
                of = told[one["id"]]
                for key in ("observed", "outcome", "excused", *(key for key in ("hard", "late") if key in of)):
                    self.expect(f"summary.json: {one['id']}, {key}", of.get(key), one[key])

    def of_report(self) -> None:
        """report.json: verdicts, and every block of the first pages."""
        sections = self.report.get("sections") or []
        for look in (self.left_out, self.of_comparisons, self.of_worth):
            with self.looking("report.json"):
                look(sections)
        with self.looking("report.json"):
            self.given = self.given or Sentences(self)
            self.of_head(self.given)
        if not any(section["id"] == "order" for section in sections):
            with self.looking("report.json"):
                self.of_order("order", [])
        for section in sections:
            self.of_section(section, f"report.json: section “{section['title']}”")

    def of_section(self, section: dict[str, Any], where: str) -> None:
        """A section: each of its blocks, and what is said in it."""
        blocks = [b for top in section["blocks"] for b in self.inside(top)]
        title = ""
        for n, b in enumerate(blocks, 1):
            title = b.get("text", "") if b["kind"] == "heading" else b.get("title", title)
            with self.looking(f"{where}, block {n} ({b['kind']})"):
                self.block(section["id"], title, b)
        with self.looking(where):
            if section["id"] == FOOTPRINT:
                self.of_footprint(blocks)
            elif section["id"] == UPKEEP:
                self.of_upkeep(blocks)
            elif section["id"] in TOLD:
                self.sentences(section)
            elif section["id"] not in {*WORTH, *COMPUTED}:
                why = LATER.get(section["id"], "this verifier does not know it")
                self.notes.append(f"section “{section['title']}”: {why}")

    def of_upkeep(self, blocks: list[dict[str, Any]]) -> None:
        """Running the platform: the rows that were measured, which come first; others are the value section's."""
        computed = []
        for name in ON_PLATFORM:
            words = self.titles.get(name, {})
            for own in self.ways_of(name).values():
                lost = loss(own) + (
                    f"; {own.failed} failed trial{'' if own.failed == 1 else 's'}" if own.failed else ""
                )
                reach = span(min(own.times), max(own.times)) if len(own.times) > 1 else "–"
                n = str(len(own.good))
                computed.append([words.get("title"), "executed", seconds(own.median), reach, n, lost])
                for metric in (self.metrics.get(each, {}) for each in words.get("metrics") or []):
                    value = own.observe(metric)[0]
                    if value is not None:
                        computed.append([f"of it: {metric.get('label')}", "executed", seconds(value), "–", n, "–"])
        rows = [list(row) for b in blocks if b["kind"] == "table" for row in b["rows"]]
        self.expect("running the platform: what was measured", rows[: len(computed)], computed)
        others = [row[0] for row in rows[len(computed) :] if row[1] == "executed"]
        self.expect("running the platform: further rows that a machine is said to have done", others, [])
        self.notes.append("section “Running the platform itself”: what was stated in it is as the value section has it")

    def of_footprint(self, blocks: list[dict[str, Any]]) -> None:
        """What the platform itself takes: every figure of its sentences and its table, from the spans in samples."""
        told = [(s, (s.get("details") or {}).get(FOOTPRINT)) for s in self.samples]
        spans = [(s, span) for s, span in told if isinstance(span, dict) and amount(span.get("seconds"))]
        quiet = [span for s, span in spans if self.kind(s["arm"]) == "placebo"]
        found = Taken([span for _, span in spans], quiet)
        items = [item for b in blocks if b["kind"] == "bullets" for item in b["items"]]
        rows = [row for b in blocks if b["kind"] == "table" for row in b["rows"]]
        if not spans:
            self.expect("footprint: figures without a record", [*rows, *items], [])
            return
        self.expect("footprint: table", rows, found.rows())
        cores = (self.environment.get("machine") or {}).get("cores")
        computed = found.sentences(cores, len(self.samples))
        self.expect("footprint: sentences", [tokens(" ".join(item), []) for item in items], computed)

    def of_worth(self, sections: list[dict[str, Any]]) -> None:
        """The value section computed anew, against what pages one to three say of it."""
        saved = self.environment.get("value") or None
        section = self.optional(VALUE, {}) if (self.folder / VALUE).exists() else saved
        self.section = section or {}
        drawn = {one["id"]: one["blocks"] for one in sections if one["id"] in WORTH}
        if not section:
            self.wrong += [f"{name}: there is no value section to compute it from" for name in drawn]
            return
        told = any(b.get("title") == "Changed after the run" for blocks in drawn.values() for b in blocks)
        if drawn:
            self.expect("value.json: it says that the section was changed after the run", told, section != saved)
        try:
            self.pages = WorthPages(Worth(section, self.timed), self.expect)
        except BROKEN as error:
            if drawn:
                self.wrong.append(f"value.json: cannot be computed ({error!r}), and yet a result is told")
            else:
                self.notes.append(f"the value section is not whole ({error}): nothing follows from it yet")
            return
        whole_section = section.get("asOf") and (section.get("discount") or {}).get("percent") is not None
        self.expect("report.json: pages of what it is worth", sorted(drawn), sorted(WORTH) if whole_section else [])
        for name, blocks in drawn.items():
            with self.looking(f"report.json: section {name}"):
                self.pages.of_page(blocks)

    def timed(self, wanted: dict[str, Any]) -> tuple[float, int] | None:
        """A metric of one of this run's arms, and how many trials it stands on."""
        by = {**self.experiments.get(wanted["experiment"], {}), **self.hands.get(wanted["experiment"], {})}
        own = by.get(wanted["arm"]) or Arm([])
        metric = self.metrics.get(wanted["metric"]) or {"figure": wanted["metric"]}
        value = own.observe(metric)[0]
        return (value, len(own.good)) if value is not None and own.good else None

    def left_out(self, sections: list[dict[str, Any]]) -> None:
        """Sections, and tables of bounds, that samples call for: one that was left out says nothing by itself."""
        there = [section["id"] for section in sections]
        for name in self.called_for():
            self.expect(f"report.json: there is a section “{name}”", name in there, True)
        if any((s.get("details") or {}).get(FOOTPRINT) for s in self.samples):
            self.expect("footprint: what samples tell of it is in the report", FOOTPRINT in there, True)
        if any(self.ways_of(name) for name in ON_PLATFORM):
            self.expect("running the platform: what was measured of it is in the report", UPKEEP in there, True)
        blocks = [b for section in sections if section["id"] == "rare" for b in section["blocks"]]
        shown = [b["text"] for b, after in pairwise(blocks) if (b["kind"], after["kind"]) == ("heading", "table")]
        wanted = [
            self.titles.get(name, {}).get("title") or name.capitalize()
            for name in self.experiments
            if any(rare("", self.tried(name, arm, True)[0]) for arm in self.ways_of(name))
        ]
        self.expect("rare: experiments with bounds", shown, wanted)

    def called_for(self) -> list[str]:
        """Sections that every report has, and those that these samples call for."""
        ways = [own for by in self.experiments.values() for name, own in by.items() if self.kind(name) not in APART]
        stepped = any(t.get("steps") for own in ways for t in own.trials)
        wanted = {"experiments": ways, "traffic": ways, "steps": stepped, "people": self.people}
        return [*ALWAYS, *(name for name, called in wanted.items() if called)]


def main(arguments: list[str], started: Path | None = None) -> int:
    """Tell what does not match, a line each; returns 1 if anything does not. `started` is the file that is at work."""
    own = started.read_bytes() if started is not None and started.is_file() else b""
    verifier = Verifier(Path(arguments[0] if arguments else "."), own)
    verifier.run()
    out = [f"DOES NOT MATCH  {printed(line)}" for line in dict.fromkeys(verifier.wrong)]
    out += [f"exploratory     the plan differs from the frozen one: {printed(line)}" for line in verifier.departures]
    out += [f"not checked     {printed(line)}" for line in dict.fromkeys(verifier.notes)]
    for path in sorted(verifier.folder.glob("*.sig")):
        name = printed(path.name)
        what = name.partition(".json")[0] + ".json"
        space = "criteria@pov.dev" if what.startswith("criteria") else "run@pov.dev"
        out.append(f"to check        ssh-keygen -Y verify -f SIGNERS -I WHO -n {space} -s {name} < {what}")
    told = f"{len(set(verifier.wrong))} do not match" if verifier.wrong else "all match"
    out.append(f"{verifier.done} figures and digests computed from {len(verifier.samples)} samples: {told}.")
    sys.stdout.buffer.write(("\n".join(out) + "\n").encode(errors="backslashreplace"))
    return 1 if verifier.wrong else 0

"""Tables, large figures and drawings, place by place."""

from __future__ import annotations

import math
import re
import statistics
from collections import Counter
from itertools import zip_longest
from typing import Any

from pov.reporting.standalone.arms import Arm, by_cause, loss, n_of, numbers, rare, reach
from pov.reporting.standalone.fitting import is_a
from pov.reporting.standalone.inference import ratio
from pov.reporting.standalone.known import APART, COLUMNS, CRITERIA, EXAMPLE, STATED, WORST_FIRST
from pov.reporting.standalone.letters import axis, count, line, listing, parts, plain, seconds
from pov.reporting.standalone.shapes import NUMBER
from pov.reporting.standalone.trials import stated_in, verdict, wanted
from pov.reporting.standalone.worded import Worded


class Placed(Worded):
    """Tables, large figures and drawings, place by place."""

    def block(self, section: str, title: str, b: dict[str, Any]) -> None:
        """The figures of one block, place by place; `title` is the heading above it."""
        named = {n.capitalize(): n for n in self.experiments} | {e.get("title"): n for n, e in self.titles.items()}
        by = (self.hands if section == "people" else self.experiments).get(named.get(title, ""), {})
        where = f"{section}: {title}"
        if b["kind"] == "outcomes":
            self.of_outcomes(section, b)
        elif b["kind"] == "overview":
            self.of_overview(where, b)
        elif b["kind"] == "stated":
            self.of_stated(section, b["items"])
        elif b["kind"] == "key_figures" and by and self.titles.get(named.get(title, ""), {}).get("judged_by"):
            self.of_judged(where, b["cells"], by, self.titles[named[title]]["judged_by"])
        elif section == "rare" and b["kind"] == "table":
            self.of_rare(where, b["rows"], named.get(title, ""), by)
        elif section == "order" and b["kind"] == "table":
            self.of_order(where, b["rows"])
        elif b["kind"] in {"key_figures", "dots"} and by:
            if section == "people":
                self.of_points(where, b["panels"], by)
            else:
                self.of_cells(where, b["axis"], b.get("cells") or b.get("panels") or [], by)
        elif b["kind"] == "table" and by:
            self.of_table(where, b, by)
        elif b["kind"] == "ratios" and by:
            self.of_ratios(where, b["rows"], {self.spoken(name): own for name, own in by.items()})
            tens = [round(tick / 10.0 ** math.floor(math.log10(tick) + 1e-9), 6) for tick in b["axis"] if tick > 0]
            even = len(tens) == len(b["axis"]) and set(tens) <= {1, 2, 5} and b["axis"] == sorted(b["axis"])
            self.expect(f"{where}, axis of ratios", even, True)
        elif b["kind"] == "bars":
            self.of_bars(where, b["rows"], b["legend"])
            ways = [own for name, own in by.items() if self.kind(name) not in APART]
            steps = [t for own in ways for t in own.trials if t.get("steps")]
            lengths = [max(math.fsum(x["seconds"] for x in t["steps"]), t.get("seconds") or 0.0) for t in steps]
            ticks = [round(tick, 9) for tick in b["axis"]]
            self.expect(f"{where}, axis of steps", ticks, axis(max(lengths, default=0.0)))

    def of_rare(self, where: str, rows: list[list[str]], experiment: str, by: dict[str, Arm]) -> None:
        """What rare failures leave open: every count and bound."""
        ways = [name for name in by if self.kind(name) not in {*APART, "again"}]
        computed = [row for name in ways for row in rare(self.label(name), self.tried(experiment, name, True)[0])]
        for printed_row, row in zip_longest(rows, computed):
            self.expect(f"{where}, {', '.join((printed_row or row or [])[:2])}", printed_row, row)

    def of_cells(self, where: str, ticks: list[float], cells: list[dict[str, Any]], by: dict[str, Arm]) -> None:
        """Large figures, or panels of a chart, on one axis."""
        arms = {self.label(name): own for name, own in by.items()}
        drawn = [arms.get(cell["label"]) or Arm([]) for cell in cells]
        highest = max((time for own in drawn for time in own.times), default=0.0)
        self.expect(f"{where}, axis", [round(tick, 9) for tick in ticks], axis(highest))
        for cell, own in zip(cells, drawn, strict=True):
            self.cell(f"{where}, {cell['label']}", cell, own)

    def of_points(self, where: str, panels: list[dict[str, Any]], by: dict[str, Arm]) -> None:
        """Every trial of people: all that there is of few persons."""
        arms = {self.label(name): own for name, own in by.items()}
        for panel in panels:
            self.points(f"{where}, {panel['label']}", panel, arms.get(panel["label"]) or Arm([]))

    def of_judged(self, where: str, cells: list[dict[str, Any]], by: dict[str, Arm], judged: str) -> None:
        """Large figures of an experiment whose arms are judged by a figure of its own, and not by their seconds."""
        arms = {self.label(name): own for name, own in by.items()}
        metric = self.metrics.get(judged, {})
        for cell in cells:
            own = arms.get(cell["label"]) or Arm([])
            self.cell(f"{where}, {cell['label']}", {k: v for k, v in cell.items() if k != "figure"}, own)
            told_of = [(t.get("figures") or {}).get(judged) for t in own.good]
            found: list[Any] = [value for value in told_of if is_a(value, NUMBER)]
            aggregation = metric.get("aggregation", "median")
            value = float(statistics.median(found)) if found else 0.0
            if found and aggregation in {"max", "min", "sum"}:
                value = float({"max": max(found), "min": min(found), "sum": sum(found)}[aggregation])
            told = f"{plain(value)} {metric.get('unit', '')}" if found else "– "
            self.expect(f"{where}, {cell['label']}, figure", f"{cell['figure']} {cell['unit']}", told)
            self.expect(f"{where}, {cell['label']}, range", cell["range"], metric.get("label"))
            for key, computed in (("trials", n_of(own)), ("loss", loss(own)), ("samples", numbers(own))):
                self.expect(f"{where}, {cell['label']}, {key}", cell[key], computed)

    def of_table(self, where: str, b: dict[str, Any], by: dict[str, Arm]) -> None:
        """Medians with their ranges, or failures by cause."""
        arms = {self.label(name): own for name, own in by.items()}
        if b["caption"].startswith("Medians with range"):
            for row in b["rows"]:
                own = arms.get(row[0]) or Arm([])
                low, high = min(own.times, default=None), max(own.times, default=None)
                told = [str(len(own.good)), str(own.failed), seconds(own.median), seconds(low), seconds(high)]
                for name, shown, computed in zip(b["head"][1:], row[1:], [*told, numbers(own)], strict=False):
                    self.expect(f"{where}, {row[0]}, {name}", shown, computed)
        elif b["caption"].startswith("Failures by cause"):
            labels = [self.label(name) for name in by if self.kind(name) not in {"placebo", "negative"}]
            causes = [row for label in labels for row in by_cause(label, arms[label])]
            self.expect(f"{where}, failures by cause", b["rows"], causes)

    def of_stated(self, section: str, items: list[dict[str, Any]]) -> None:
        """What the customer stated, and who said so when: the first ones on page one, the others further back."""
        stated = stated_in(self.environment)[:STATED] if section == "decision" else stated_in(self.environment)[STATED:]
        given = [[plain(s["value"]), s.get("unit") or "", s.get("figure") or s.get("id")] for s in stated]
        self.expect(f"{section}: stated figures", [[i["value"], i["unit"], i["figure"]] for i in items], given)
        for item, s in zip(items, stated, strict=False):
            by_whom = f"stated by {line(s.get('by')) or 'an unnamed person'}, {line(s.get('when')) or 'no date given'}"
            source = EXAMPLE if s.get("example") is True else by_whom
            self.expect(f"{section}: {item['figure']}, source", item["source"], source)

    def of_outcomes(self, section: str, b: dict[str, Any]) -> None:
        """Each criterion with its threshold, what was seen of both ways, and the outcome; those left out, counted."""
        ranked = self.given.ranked() if self.given else self.scores
        left = Counter(verdict(one) for one in ranked[CRITERIA:])
        kinds = [f"{left[kind]} {kind}" for kind in WORST_FIRST if left[kind]]
        noun = f"more criteri{'on' if left.total() == 1 else 'a'}, none with a worse outcome"
        more = f"{count(left.total())} {noun}: {listing(kinds)}." if left else ""
        self.expect(f"{section}: criteria that are left out", b.get("more") or "", more)
        shown = [one["id"] for one in ranked[:CRITERIA]]
        self.expect(f"{section}: criteria that are shown", [row["id"] for row in b["rows"]], shown)
        scores = {one["id"]: one for one in self.scores}
        for row in b["rows"]:
            one = scores.get(row["id"])
            if one is None:
                self.wrong.append(f"{section}: {row['title']}: no such criterion was saved before the first trial")
                continue
            where, today = f"{section}: {one['id']}", one.get("today")
            self.expect(f"{where}, title", row["title"], one["title"])
            self.expect(f"{where}, threshold", row["threshold"], self.threshold(one))
            pair = one, one["pooled"]
            seen_today = self.both(w["today"]["seen"] for w in pair) if today else "–"
            self.sentence(f"{where}, today", row["today"], seen_today)
            self.sentence(f"{where}, observed", row["observed"], self.both(w["seen"] for w in pair))
            self.expect(f"{where}, outcome", row["outcome"], verdict(one))

    def of_overview(self, where: str, b: dict[str, Any]) -> None:
        """Every experiment in a row: what each arm took and lost."""
        ran = [name for name, by in self.experiments.items() if any(self.kind(n) not in APART for n in by)]
        self.expect(f"{where}, experiments", [row["name"] for row in b["rows"]], ran)
        ways = Counter(way for name in ran for way in self.ways_of(name) if not self.arms.get(way, {}).get("against"))
        first = [self.marked(key) for key in ("proposed", "reference")]
        ranked = sorted(ways, key=lambda way: (first.index(way) if way in first else len(first), -ways[way], way))
        shown = [self.label(way) for way in ranked[:COLUMNS]]
        self.expect(f"{where}, arms", [arm["label"] for arm in b["arms"]], shown)
        for row in b["rows"]:
            by = self.experiments.get(row["name"], {})
            arms = {self.label(name): own for name, own in by.items() if self.kind(name) not in {*APART, "again"}}
            left = sum(1 for label in arms if label not in shown)
            more = f"{left} further arm{'' if left == 1 else 's'}" if left else ""
            self.expect(f"{where}, {row['title']}, further arms", row["more"], more)
            judged = str(self.titles.get(row["name"], {}).get("judged_by") or "")
            self.expect(f"{where}, {row['title']}, cells", len(row["cells"]), len(shown))
            for label, cell in zip(shown, row["cells"], strict=False):
                printed = [cell["figure"], cell["trials"], cell["loss"]]
                self.expect(f"{where}, {row['title']}, {label}", printed, self.small(arms.get(label), judged))

    def small(self, own: Arm | None, judged: str) -> list[str]:
        """An arm in a cell of the overview: its figure, n, and what it lost."""
        if own is None:
            return ["–", "", ""]
        metric = self.metrics.get(judged, {})
        value = own.observe(metric)[0] if judged else None
        figure = seconds(own.median)
        if judged:
            figure = "–" if value is None else f"{plain(value)} {metric.get('unit', '')}".strip()
        n, c = n_of(own), own.counts
        if c is None:
            return [figure, n, "requests not recorded"]
        lost = f"{count(c['hard'])} hard, {count(c['late'])} late of" if c["hard"] + c["late"] else "none of"
        return [figure, n, f"{lost} {count(c['requests'])}{'' if c['hard'] + c['late'] else ' failed'}"]

    def of_ratios(self, where: str, rows: list[dict[str, Any]], arms: dict[str, Arm]) -> None:
        """Each ratio with both ends of its interval."""
        for row in rows:
            # "the runbook to automated": how many times as long the one took as the other.
            other, _, base = row["name"].removesuffix(" (primary)").partition(" to ")
            times = [arms[name].times if name in arms else [] for name in (base, other)]
            computed = ratio(*times) if all(times) and min(map(min, times)) > 0 else (None, None, None)
            for key, value in zip(("value", "low", "high"), computed, strict=False):
                self.expect(f"{where}, ratio of {row['name']}, {key}", row.get(key), value)

    def of_bars(self, where: str, rows: list[dict[str, Any]], legend: list[dict[str, Any]]) -> None:
        """Each trial's time, the steps that are drawn of it, and the key: medians of each step over good trials."""
        by_number = {s["n"]: s for s in self.samples}
        for row in rows:
            s = by_number.get(row["n"]) or {}
            steps = math.fsum(step["seconds"] for step in s.get("steps") or [])
            drawn = math.fsum(part["seconds"] for part in row["parts"])
            self.expect(f"{where}, sample {row['n']}, time", row.get("seconds"), s.get("seconds"))
            self.expect(f"{where}, sample {row['n']}, sum of steps", round(drawn, 6), round(steps, 6))
            told = seconds(s.get("seconds")) if s.get("ok") is True else "failed"
            self.expect(f"{where}, sample {row['n']}, total", row["total"], told)
        good = Arm([by_number[row["n"]] for row in rows if row["n"] in by_number]).good
        named = [re.sub(r" ×\d+$", "", item["name"]) for item in legend]
        for item, name in zip(legend, named, strict=True):
            sums = [
                math.fsum(x["seconds"] for x in t.get("steps") or [] if wanted(x["name"], name, named)) for t in good
            ]
            told = seconds(statistics.median(sums)) if sums else ""
            self.expect(f"{where}, median of {name}", item["median"], told)

    def cell(self, where: str, cell: dict[str, Any], own: Arm) -> None:
        """Large figures and points of one arm."""
        self.expect(f"{where}, median", cell.get("median"), own.median)
        self.expect(f"{where}, least", cell.get("least"), min(own.times, default=None))
        self.expect(f"{where}, greatest", cell.get("greatest"), max(own.times, default=None))
        self.points(where, cell, own)
        if "figure" in cell:
            figure, unit = parts(own.median) if own.median is not None else ("–", "")
            self.expect(f"{where}, figure", f"{cell['figure']} {cell['unit']}", f"{figure} {unit}")
            self.expect(f"{where}, range", cell["range"], reach(own))
            self.expect(f"{where}, trials", cell["trials"], n_of(own))
            self.expect(f"{where}, requests", cell["loss"], loss(own))
            self.expect(f"{where}, samples", cell["samples"], numbers(own))

    def points(self, where: str, cell: dict[str, Any], own: Arm) -> None:
        """Every trial of one arm: all that there is of few persons."""
        points = [(p["n"], p.get("seconds"), p["ok"]) for p in cell.get("points") or []]
        self.expect(f"{where}, points", points, [(t["n"], t.get("seconds"), t in own.good) for t in own.trials])

"""Comparisons of arms."""

from __future__ import annotations

import re
from typing import Any

from pov.reporting.standalone.arms import Arm
from pov.reporting.standalone.coverage import SHORT, WITHIN, covered, nearest, quoted
from pov.reporting.standalone.inference import DRAWN, holm, ordered, ratio
from pov.reporting.standalone.known import APART
from pov.reporting.standalone.scored import Scored


class Compared(Scored):
    """Which arms are compared with which, and what order and Holm's correction say of that."""

    def pairs(self, experiment: str, ran: dict[str, Arm]) -> tuple[tuple[str, str], list[tuple[str, str]]]:
        """Which arms are compared: the primary pair, and all of them, that one first; what is compared with leads."""
        proposed, primary = self.marked("proposed"), self.primary_pair(experiment)
        found = [primary]
        for name in ran:
            data = self.arms.get(name) or {"compared": False}
            found.append((data.get("against") or (proposed if data.get("compared", True) else ""), name))
        return primary, [pair for pair in dict.fromkeys(found) if pair[0] != pair[1]]

    def comparisons(self, experiment: str, *, judged: bool = False) -> list[tuple[str, str, str]]:
        """What the report compares: two arms, and the name of its row.

        The primary comparison comes first, then each arm with the proposed one, or with the one of which it is a
        variant; last the proposed arm against itself, whose first name is empty. Where arms are `judged` by another
        figure than their seconds there are none, unless asked for.
        """
        if not judged and self.titles.get(experiment, {}).get("judged_by"):
            return []
        ran = {name: own for name, own in self.experiments.get(experiment, {}).items() if self.kind(name) not in APART}
        primary, pairs = self.pairs(experiment, self.ways_of(experiment))
        found = [
            (base, other, f"{self.spoken(other)} to {self.spoken(base)}{' (primary)' if pair == primary else ''}")
            for pair in pairs
            for base, other in [pair]
            if self.timed_both(ran.get(base), ran.get(other))
        ]
        again = next((n for n in self.experiments.get(experiment, {}) if self.kind(n) == "again"), "")
        itself = str(self.arms.get(again, {}).get("against") or "")
        if again and self.timed_both(ran.get(itself), self.experiments[experiment][again]):
            found.append(("", again, f"{self.spoken(again)} to {self.spoken(itself)}"))
        return found

    def of_comparisons(self, sections: list[dict[str, Any]]) -> None:
        """Every comparison has its row; and coverages that the report quotes from simulations, simulated here."""
        rows: dict[str, list[str]] = {}
        under = ""
        pages = [top for section in sections if section["id"] == "experiments" for top in section["blocks"]]
        for b in (b for top in pages for b in self.inside(top)):
            under = b["text"] if b["kind"] == "heading" else under
            if b["kind"] == "ratios":
                rows.setdefault(under, []).extend(row["name"] for row in b["rows"])
        for name, by in self.experiments.items():
            title = str(self.titles.get(name, {}).get("title") or name.capitalize())
            wanted = self.comparisons(name)
            self.expect(f"experiments: {title}: what is compared", rows.get(title, []), [row for *_, row in wanted])
            for base, other, row in wanted:
                if base and ratio(by[base].times, by[other].times)[1] is not None:
                    case = nearest(by[base].times, by[other].times)
                    if quoted(case) < SHORT:
                        here, told = 100 * covered(case), quoted(case) / 100
                        where = f"experiments: {title}, {row}, coverage in simulation, {here:.1f} % here"
                        self.expect(f"{where}, within {WITHIN:g} of {told:.1f} %", abs(here - told) <= WITHIN, True)

    def of_order(self, where: str, rows: list[list[str]]) -> None:
        """Which comparisons are primary, p of each, and Holm's correction over them."""
        computed = self.primaries()
        whole = all(how not in DRAWN for *_, how in computed)
        adjusted = holm([1.0 if p is None else p for *_, p, _ in computed])
        self.expect(f"{where}: primary comparisons", [row[:3] for row in rows], [row for _, row, *_ in computed])
        for row, (*_, p, how), by_holm in zip(rows, computed, adjusted, strict=False):
            self.expect(f"{where}, {row[0]}: how", row[5], how)
            if how not in DRAWN:
                self.expect(f"{where}, {row[0]}: p", row[3], "–" if p is None else f"{p:.2g}")
            if whole:
                self.expect(f"{where}, {row[0]}: p by Holm", row[4], "–" if p is None else f"{by_holm:.2g}")
            else:
                self.notes.append(f"{where}, {row[0]}: a p by {' or '.join(DRAWN)} is not computed, nor Holm's over it")

    def primaries(self) -> list[tuple[str, list[str], float | None, str]]:
        """Each experiment with its primary comparison in words, the p of that, and how it is found."""
        computed = []
        for name, by in self.experiments.items():
            base, other = self.primary_pair(name)
            if base and (base, other) in [pair[:2] for pair in self.comparisons(name)]:
                p, how = ordered(by[base].times, by[other].times)
                title = str(self.titles.get(name, {}).get("title") or name.capitalize())
                n = f"{len(by[other].times)}, {len(by[base].times)}"
                computed.append((name, [title, f"{self.spoken(other)}, {self.spoken(base)}", n], p, how))
        return computed

    def corrected(self) -> dict[str, float | None]:
        """p by Holm of each experiment's primary comparison; as the report has it where one of them is not computed."""
        computed = self.primaries()
        if all(how not in DRAWN for *_, how in computed):
            adjusted = holm([1.0 if p is None else p for *_, p, _ in computed])
            return {name: None if p is None else by for (name, _, p, _), by in zip(computed, adjusted, strict=True)}
        tables = [b for s in self.report.get("sections") or [] if s["id"] == "order" for b in s["blocks"]]
        told = {row[0]: row[4] for b in tables if b["kind"] == "table" for row in b["rows"] if len(row) > 4}
        names = {name: told.get(row[0], "–") for name, row, *_ in computed}
        return {name: float(p) if re.fullmatch(r"\d[\d.e-]*", p) else None for name, p in names.items()}

    def primary_pair(self, experiment: str) -> tuple[str, str]:
        """An experiment's primary comparison: what is compared with, then what is compared.

        A criterion names it, else it is the proposed arm and today's.
        """
        base, other = (self.marked(key) for key in ("proposed", "reference"))
        for c in self.environment.get("criteria") or []:
            if c.get("experiment") == experiment and c.get("primary_against"):
                base, other = c["arm"], c["primary_against"]
        return base, other

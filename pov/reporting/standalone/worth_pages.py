"""The pages of the value model, from its figures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from itertools import accumulate, zip_longest
from typing import Any

from pov.reporting.standalone.known import N
from pov.reporting.standalone.letters import cut
from pov.reporting.standalone.money import HUNDRED, given_as, money, rounded, tenths, whole
from pov.reporting.standalone.texts import texts_in, tokens
from pov.reporting.standalone.worth import Worth


class WorthPages:
    """Pages two and three, and page one's price and risks, against the value section computed anew."""

    def __init__(self, worth: Worth, expect: Callable[[str, Any, Any], None]) -> None:
        self.worth, self.expect = worth, expect
        found = set(texts_in(worth.of))
        found |= {cut(text, most) for text in found for most in (60, 80)} | {text.strip().rstrip(".") for text in found}
        some = (text for text in found if re.search(r"\d", text) and not re.fullmatch(r"[\d.]+( [A-Z]{3})?", text))
        self.texts = sorted((text for text in some if len(text) > 1), key=len, reverse=True)
        self.cash = worth.evaluate()
        self.npv, self.npv_hard = worth.npv(self.cash), worth.npv(self.cash, "net_hard")
        self.swings = worth.swings()
        worse = {e["key"]: e["low" if low <= high else "high"] for e, low, high in self.swings}
        better = {e["key"]: e["high" if low <= high else "low"] for e, low, high in self.swings}
        self.low, self.high = worth.evaluate(worse), worth.evaluate(better)

    def told(self, where: str, text: str, *figures: str) -> None:
        """A sentence says these figures, in this order, and no others."""
        self.expect(where, tokens(text, self.texts), [token for figure in figures for token in tokens(figure, [])])

    def together(self, quarters: list[dict[str, Decimal]], line: str = "net") -> list[Decimal]:
        """Cash up to each quarter's end."""
        return list(accumulate(q[line] for q in quarters))

    def pays_back(self, quarters: list[dict[str, Decimal]], line: str = "net") -> str:
        """From which quarter's end on cash never is below zero again."""
        below = [n for n, cash in enumerate(self.together(quarters, line), 1) if cash < 0]
        first = (below[-1] if below else 0) + 1
        return f"end of quarter {first}" if first <= len(quarters) else "not within three years"

    def threats(self) -> list[tuple[dict[str, Any], Decimal, Decimal, Decimal]]:
        """Risks with how likely they are, what they cost, and both multiplied: the heaviest first."""
        found = []
        for r in self.worth.items("risks"):
            likely, cost = (self.worth.expected[f"risks.{r['id']}.{key}"] for key in ("probability", "cost"))
            found.append((r, likely, cost, rounded(likely * cost / HUNDRED, self.worth.digits)))
        return sorted(found, key=lambda one: -one[3])

    def of_page(self, blocks: list[dict[str, Any]]) -> None:
        """Every block of pages two and three."""
        under = ""
        for b in blocks:
            under = b["text"] if b["kind"] == "heading" else under
            if b["kind"] == "columns":
                self.of_bullets(b["left_title"], b["left"])
                self.of_bullets(b["right_title"], b["right"])
            elif b["kind"] == "bullets":
                self.of_bullets(under, [b])
            elif b["kind"] == "cash":
                self.of_cash(b)
            elif b["kind"] == "table":
                self.of_table(b)
            elif b["kind"] == "text" and under == "The ceiling":
                self.of_ceiling(b["text"])
            elif b["kind"] == "callout" and under == "Over three years":
                self.of_verdict(b)

    def of_verdict(self, b: dict[str, Any]) -> None:
        """Whether it pays back, and on hard savings alone."""
        back = self.pays_back(self.cash) if self.npv >= 0 else "not within three years"
        self.expect("worth: it pays back", "it pays back by the" in b["title"], back != "not within three years")
        self.told("worth: the quarter by which it pays back", b["title"], back)
        self.told("worth: net present value", b["text"], whole(self.npv), whole(self.npv_hard))
        pays = "alone it pays." in b["text"]
        self.expect("worth: on hard savings alone it pays", pays, self.npv_hard >= 0)

    def most(self) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        """Every stated hour of a year, the highest rate, their product, and every counted incident."""
        w = self.worth
        week = money((w.of.get("week") or {}).get("before"))
        a_week = sum(w.hours(w.expected, "before").values(), Decimal(0)) / 13 if week is None else week
        rate = max(w.expected[f"rates.{a['rate']}"] for a in w.items("activities"))
        counted = sum(
            (w.expected[f"incidents.{i['id']}.perYear"] * w.expected[f"incidents.{i['id']}.cost"]
             for i in w.items("incidents")), Decimal(0),
        )  # fmt: skip
        return a_week * 52, rate, rounded(a_week * 52 * rate, w.digits), rounded(counted, w.digits)

    def of_ceiling(self, text: str) -> None:
        """Every stated hour gone, against what it costs."""
        hours, rate, at_most, incidents = self.most()
        year, every = sum(q["spent"] for q in self.cash[:4]), sum(q["spent"] for q in self.cash)
        pays = 3 * at_most >= every
        figures = [whole(x) for x in (hours, rate, at_most, Decimal(year), Decimal(every))]
        more = bool(incidents) and not pays
        self.told("worth: the ceiling", text, *figures, whole(incidents) if more else "")
        self.expect("worth: hours alone pay year one", "hours alone would pay that" in text, at_most >= year)
        self.expect("worth: hours alone pay three years", "hours alone would pay those" in text, pays)
        either = 3 * (at_most + incidents) < every
        self.expect("worth: with incidents too", "would not pay either" in text, more and either)

    def of_cash(self, b: dict[str, Any]) -> None:
        """The chart of cash: its bars, its lines, its axis."""
        self.expect("worth: bars of cash", [bar["value"] for bar in b["bars"]], [float(q["net"]) for q in self.cash])
        self.expect("worth: quarters of cash", [bar["label"] for bar in b["bars"]], [str(q["n"]) for q in self.cash])
        for line, of in zip(b["lines"], ("net", "net_hard"), strict=True):
            drawn = [float(x) for x in self.together(self.cash, of)]
            self.expect(f"worth: line {line['label']}", line["values"], drawn)
        self.told("worth: cash in words", b["alt"], *(whole(q["net"]) for q in self.cash))
        scale = 1000 if "in thousand" in b["caption"] else 1
        labels = [given_as(Decimal(str(round(tick["value"] / scale, 6)))) for tick in b["axis"]]
        self.expect("worth: axis of cash", [tick["label"] for tick in b["axis"]], labels)
        steps = {round(b["axis"][i + 1]["value"] - tick["value"], 6) for i, tick in enumerate(b["axis"][:-1])}
        self.expect("worth: even steps of that axis", len(steps), 1)

    def of_table(self, b: dict[str, Any]) -> None:
        """A table of pages two and three: its rows, and the figures of its caption."""
        caption = b["caption"].removeprefix("EXAMPLE. ")
        kinds = {"Discounted at": self.over_three_years, "The inputs that move": self.sensitivity,
                 "Hours a week": self.hours, "Every input": self.inputs, "Cash by quarter": self.by_quarter,
                 "How likely": self.risks}  # fmt: skip
        rows = next((of() for begins, of in kinds.items() if caption.startswith(begins)), None)
        where = f"value model: {caption[:40]}"
        self.expect(f"{where}: known", rows is not None, True)
        for printed, computed in zip_longest(b["rows"], rows or []):
            self.expect(f"{where}, {(printed or computed or [''])[0]}", printed, computed)
        if caption.startswith("Every input"):
            whose = f" By {self.usual()}, where a line names nobody else." if self.usual() else ""
            self.expect(f"{where}: whose they are", caption, f"Every input.{whose}")
        rate = (given_as(self.worth.discount),) if caption.startswith("Discounted at") else ()
        self.told(where, caption, *rate)

    def over_three_years(self) -> list[list[str]]:
        """Low, expected without and with soft savings, high."""
        four = [(self.low, ""), (self.cash, "_hard"), (self.cash, ""), (self.high, "")]

        def hard(quarters: list[dict[str, Decimal]]) -> Decimal:
            return sum((q["hard"] for q in quarters), Decimal(0))

        def saved(quarters: list[dict[str, Decimal]], only: str) -> Decimal:
            return hard(quarters) + (Decimal(0) if only else sum((q["soft"] for q in quarters), Decimal(0)))

        return [
            ["Saved", *(whole(saved(q, only)) for q, only in four)],
            ["of it hard", *(whole(hard(q)) for q, _ in four)],
            ["Paid", *(whole(sum((x["spent"] for x in q), Decimal(0))) for q, _ in four)],
            ["Left", *(whole(self.together(q, f"net{only}")[-1]) for q, only in four)],
            ["Net present value", *(whole(self.worth.npv(q, f"net{only}")) for q, only in four)],
            ["Pays back", *(self.pays_back(q, f"net{only}") for q, only in four)],
        ]

    def sensitivity(self) -> list[list[str]]:
        """The three inputs that move the result most."""
        return [
            [
                e["label"],
                f"{given_as(e['low'])} – {given_as(e['high'])}{N}{e['unit']}",
                f"{given_as(e['expected'])}{N}{e['unit']}",
                f"{whole(min(low, high))} … {whole(max(low, high))}",
                f"{e['owner']}; {e['origin']}",
            ]
            for e, low, high in self.swings[:3]
        ]

    def hours(self) -> list[list[str]]:
        """Hours a week today and then, and what counts of the difference."""
        w = self.worth
        before, after = w.hours(w.expected, "before"), w.hours(w.expected, "after")
        rows, sums = [], (sum(before.values(), Decimal(0)) / 13, sum(after.values(), Decimal(0)) / 13)
        for a in w.items("activities"):
            first, then, kind = before[a["id"]] / 13, after[a["id"]] / 13, w.counted(a)
            counts = {"hard": f"hard: {a.get('budgetLine') or ''}", "none": "zero: nobody is named to redeploy them"}
            if kind == "soft":
                e = w.entries[f"activities.{a['id']}.redeployed"]
                counts["soft"] = f"soft: {given_as(e['expected'])}{N}% redeployed by {e['owner']}"
            told = "a cost, in full" if then > first else counts[kind]
            rows.append([a["title"], *(tenths(x) for x in (first, then, first - then)), told])
        return [*rows, ["All", *(tenths(x) for x in (*sums, sums[0] - sums[1])), ""]]

    def inputs(self) -> list[list[str]]:
        """Every input with its owner, where that is not the one whom the caption names for most."""
        return [
            [
                e["label"],
                f"{given_as(e['expected'])}{N}{e['unit']}",
                f"{given_as(e['low'])} – {given_as(e['high'])}" if e["low"] < e["high"] else "–",
                e["origin"],
                "; ".join(x for x in ("" if self.whose(e) == self.usual() else self.whose(e), e["basis"]) if x),
            ]
            for e in self.worth.entries.values()
        ]

    @staticmethod
    def whose(entry: dict[str, Any]) -> str:
        """Who answers for an input, and since when."""
        return ", ".join(x for x in (entry["owner"], entry["when"]) if x)

    def usual(self) -> str:
        """Whose inputs more than half are, told once; nobody where one has no owner."""
        every = list(self.worth.entries.values())
        owned = all(e["owner"] for e in every)
        return next((w for w, n in Counter(map(self.whose, every)).items() if owned and 2 * n > len(every)), "")

    def by_quarter(self) -> list[list[str]]:
        """Cash of each quarter, line by line."""
        lines = [(*(q[n] for n in ("n", "hard", "soft", "price")), q["costs"] + q["parallel"], q["extra"], q["net"])
                 for q in self.cash]  # fmt: skip
        total = self.together(self.cash)
        return [[whole(x) for x in (*line, sum_)] for line, sum_ in zip(lines, total, strict=True)]

    def risks(self) -> list[list[str]]:
        """Risks taken off by their weight."""
        rows = [
            [r["title"], r["probability"].get("by") or "", f"{given_as(likely)}{N}%", whole(cost), f"−{whole(weighed)}"]
            for r, likely, cost, weighed in self.threats()
        ]
        last = ["Less every risk by its weight", "", "", "", f"{whole(self.adjusted())}{N}{self.worth.currency}"]
        return [["Net present value, as expected", "", "", "", whole(self.npv)], *rows, last]

    def adjusted(self) -> Decimal:
        """Less every risk by its weight."""
        return self.npv - sum((weighed for *_, weighed in self.threats()), Decimal(0))

    def of_bullets(self, under: str, blocks: list[dict[str, Any]]) -> None:
        """When it would be a bad buy; doing nothing and getting out; figures that do not close."""
        kinds = {"It would be a bad buy if …": self.bad_buy, "Doing nothing, and getting out": self.way_out,
                 "The stated figures do not close": self.closing}  # fmt: skip
        if under in kinds:
            told = [tokens(" ".join(item), self.texts) for b in blocks for item in b["items"]]
            computed = [[t for figure in figures for t in tokens(figure, [])] for figures in kinds[under]()]
            self.expect(f"value model: {under}", told, computed)

    def bad_buy(self) -> list[list[str]]:
        """The figures of each way in which it would be one."""
        w, found = self.worth, []
        if self.npv < 0:
            found.append([whole(self.npv)])
        found += [[given_as(at), given_as(entry["expected"])] for entry, at in w.limits(self.swings)]
        savings = sum((rounded((q["hard"] + q["soft"]) * q["factor"], w.digits) for q in self.cash), Decimal(0))
        if savings > 0:
            found.append([given_as(rounded((savings - self.npv) / savings * HUNDRED, 1))])
        a_year = rounded(w.yearly + self.npv / sum(self.cash[n - 1]["factor"] for n in (1, 5, 9)), w.digits)
        if a_year > 0:
            found.append([whole(a_year)])
        late = range(1, 13) if self.npv >= 0 else ()
        found += [[str(n - 1)] for n in late if w.npv(w.evaluate(late=n)) < 0][:1]
        if self.npv_hard < 0 <= self.npv:
            found.append([whole(self.npv_hard)])
        return found

    def way_out(self) -> list[list[str]]:
        """What doing nothing costs, hours that count zero, stopping, leaving, risks."""
        w = self.worth
        before, after, fit = w.hours(w.expected, "before"), w.hours(w.expected, "after"), w.fit(w.expected)
        a_year = sum(4 * before[a["id"]] * w.expected[f"rates.{a['rate']}"] for a in w.items("activities")) * fit
        growth = 1 + w.expected["growth"] / HUNDRED
        years = [rounded((a_year + self.most()[3]) * growth**n, w.digits) for n in range(3)]
        found = [[whole(sum(years, Decimal(0))), *(whole(year) for year in years)]]
        freed = idle = Decimal(0)
        for a in w.items("activities"):
            saved, kind = max(before[a["id"]] - after[a["id"]], Decimal(0)) * fit * 4, w.counted(a)
            freed += saved
            part = w.expected[f"activities.{a['id']}.redeployed"] / HUNDRED if kind == "soft" else Decimal(0)
            idle += saved * (1 - (1 if kind == "hard" else part))
        if idle > 0:
            found.append([whole(idle), whole(freed)])
        quarter, leaving = min(w.first + w.waits, 12), w.expected.get("exit")
        lost = sum((q["spent"] - q["hard"] - q["soft"] for q in self.cash[:quarter]), Decimal(0)) + (leaving or 0)
        found += [[str(quarter), whole(lost)], [] if leaving is None else [whole(leaving)]]
        return [*found, [whole(self.adjusted())]] if w.items("risks") else found

    def closing(self) -> list[list[str]]:
        """Stated weeks that activities do not come to, and times a piece that cannot make up both."""
        w, week = self.worth, self.worth.of.get("week") or {}
        found = []
        for time in ("before", "after"):
            stated, told = money(week.get(time)), sum(w.hours(w.stated, time).values(), Decimal(0)) / 13
            if stated is not None and abs(stated - told) > Decimal("0.05") * stated:
                found.append([given_as(stated), given_as(told), given_as(abs(stated - told))])
        before, (first, then) = w.hours(w.stated, "before"), (money(week.get(t)) for t in ("before", "after"))
        largest = max(w.items("activities"), key=lambda a: before[a["id"]])
        today, later = (w.stated[f"activities.{largest['id']}.{time}"] for time in ("before", "after"))
        if first is not None and then is not None and any(before.values()) and later:
            often, often_then = first * 60 / today, then * 60 / later
            if abs(often - often_then) > Decimal("0.05") * often:
                found.append([given_as(x) for x in (first, today, often, then, later, often_then)])
        return found

"""The value model, evaluated again."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Any

from pov.reporting.standalone.money import A_QUARTER, HUNDRED, THOUSANDTHS, WHOLE, money, rounded


class Worth:
    """The value section computed anew: every input with its bounds, twelve quarters of cash, what follows.

    `measured` gives a metric of an arm in seconds and its number of trials, or None.
    """

    def __init__(self, section: dict[str, Any], measured: Callable[[dict[str, Any]], tuple[float, int] | None]) -> None:
        self.of, self.measured = section, measured
        self.currency = str(section["currency"])
        self.digits = 0 if self.currency in WHOLE else 3 if self.currency in THOUSANDTHS else 2
        self.entries: dict[str, dict[str, Any]] = {}
        self.stated: dict[str, Decimal] = {}
        self.read()
        self.expected = {key: entry["expected"] for key, entry in self.entries.items()}
        price = section.get("price") or {}
        self.once, self.yearly = money(price.get("once")) or Decimal(0), money(price.get("yearly")) or Decimal(0)
        self.priced = price.get("once") is not None or price.get("yearly") is not None
        self.discount = money((section.get("discount") or {}).get("percent")) or Decimal(0)
        self.waits = int((section.get("parallel") or {}).get("quarters") or 0)
        self.first = min(int(wave["quarter"]) for wave in section["waves"])

    def items(self, key: str) -> list[dict[str, Any]]:
        """The activities, incidents, costs or risks."""
        return list(self.of.get(key) or [])

    def read(self) -> None:
        """Every input, in the order in which the report lists them. Raises `TypeError` where one is not given."""
        for a in self.items("activities"):
            key, title = f"activities.{a['id']}", a["title"]
            self.add(f"{key}.volume", f"{title}: how often", f"a {a['volume'].get('per') or 'week'}", a["volume"])
            self.timed(f"{key}.before", f"{title}: time today", a["before"])
            self.timed(f"{key}.after", f"{title}: time then", a["after"])
            self.redeployed(key, a)
        for rate in self.items("rates"):
            self.add(f"rates.{rate['id']}", f"{rate['title']}: an hour", self.currency, rate["hour"])
        for i in self.items("incidents"):
            key, title = f"incidents.{i['id']}", i["title"]
            self.add(f"{key}.perYear", f"{title}: how often", "a year", i["perYear"])
            self.add(f"{key}.cost", f"{title}: what one costs", self.currency, i["cost"])
            self.add(f"{key}.avoided", f"{title}: avoided", "%", i["avoided"])
            self.redeployed(key, i)
        for c in self.items("costs"):
            unit = self.currency + ("" if c.get("once") else " a year")
            self.add(f"costs.{c['id']}", c["title"], unit, c.get("once") or c["yearly"])
        self.add("growth", "Growth of volumes", "% a year", self.of["growth"])
        if self.of.get("trainingDip"):
            self.add("trainingDip", "Training: savings lost in a wave's first quarter", "%", self.of["trainingDip"])
        if self.of.get("parallel"):
            label = "Both ways side by side: a quarter"
            self.add("parallel", label, self.currency, self.of["parallel"]["perQuarter"])
        for r in self.items("risks"):
            self.add(f"risks.{r['id']}.probability", f"{r['title']}: how likely", "%", r["probability"])
            self.add(f"risks.{r['id']}.cost", f"{r['title']}: what it costs", self.currency, r["cost"])
        if self.of.get("exit"):
            self.add("exit", "Leaving the platform again", self.currency, self.of["exit"]["cost"])

    def add(self, key: str, label: str, unit: str, given: dict[str, Any]) -> None:
        """One input with its bounds, which are what is expected where nothing is said."""
        expected = money(given.get("expected"))
        if expected is None:
            raise TypeError(key)
        low, high = money(given.get("low")), money(given.get("high"))
        self.entries[key] = {
            "key": key, "label": label, "unit": unit, "expected": expected,
            "low": expected if low is None else low, "high": expected if high is None else high,
            "origin": given.get("origin") or "stated", "owner": given.get("by") or "",
            "when": str(given.get("when") or "")[:10], "basis": given.get("source") or "",
        }  # fmt: skip
        self.stated[key] = expected

    def timed(self, key: str, label: str, given: dict[str, Any]) -> None:
        """A time in minutes: that of the run where one was measured."""
        self.add(key, label, "min", given)
        wanted, entry = given.get("measured"), self.entries[key]
        if not wanted:
            return
        metric, per = wanted.get("metric") or "median_seconds", int(wanted.get("per") or 1)
        name, found = f"{wanted['experiment']}/{wanted['arm']}/{metric}", self.measured({**wanted, "metric": metric})
        if found is None:
            entry["basis"] = f"{entry['basis']}; {name} was not measured in this run".strip("; ")
            return
        minutes = Decimal(str(found[0])) / 60 / per
        over = f", over {per} services" if per > 1 else ""
        entry |= {"low": min(entry["low"], minutes), "high": max(entry["high"], minutes), "expected": minutes,
                  "origin": "executed",
                  "basis": f"{name} of this run, {found[1]} trials{over}; machine time"}  # fmt: skip

    def counted(self, freed: dict[str, Any]) -> str:
        """How much of a saving counts."""
        if freed.get("frees") == "hard":
            return "hard"
        return "soft" if (freed.get("redeployed") or {}).get("expected") is not None else "none"

    def redeployed(self, key: str, freed: dict[str, Any]) -> None:
        """The part of freed hours that somebody is named for."""
        if self.counted(freed) == "soft":
            self.add(f"{key}.redeployed", f"{freed['title']}: put to other use", "%", freed["redeployed"])

    def hours(self, given: dict[str, Decimal], time: str) -> dict[str, Decimal]:
        """Hours a quarter of each activity, before or after."""
        return {
            a["id"]: given[f"activities.{a['id']}.volume"] * A_QUARTER[a["volume"].get("per") or "week"]
            * given[f"activities.{a['id']}.{time}"] / 60
            for a in self.items("activities")
        }  # fmt: skip

    def fit(self, given: dict[str, Decimal]) -> Decimal:
        """The part of the activities that the stated week has room for."""
        stated = money((self.of.get("week") or {}).get("before"))
        told = sum(self.hours(given, "before").values(), Decimal(0)) / 13
        return Decimal(1) if stated is None or told <= stated else stated / told

    def quarterly(self, given: dict[str, Decimal]) -> tuple[Decimal, Decimal, Decimal]:
        """Hard and soft savings and further work, in money a quarter at full use."""
        hard = soft = extra = Decimal(0)
        before, after, fit = self.hours(given, "before"), self.hours(given, "after"), self.fit(given)
        worths = []
        for a in self.items("activities"):
            saved, rate = before[a["id"]] - after[a["id"]], given[f"rates.{a['rate']}"]
            extra += max(-saved, Decimal(0)) * rate
            worths.append((f"activities.{a['id']}", a, max(saved, Decimal(0)) * fit * rate))
        for i in self.items("incidents"):
            key = f"incidents.{i['id']}"
            avoided = given[f"{key}.cost"] * given[f"{key}.avoided"] / HUNDRED
            worths.append((key, i, given[f"{key}.perYear"] / 4 * avoided))
        for key, freed, worth in worths:
            kind = self.counted(freed)
            hard += worth if kind == "hard" else 0
            soft += worth * given[f"{key}.redeployed"] / HUNDRED if kind == "soft" else 0
        return hard, soft, extra

    def evaluate(self, changes: dict[str, Decimal] | None = None, late: int = 0) -> list[dict[str, Decimal]]:
        """Twelve quarters of cash with some inputs changed, and waves `late` by quarters."""
        with localcontext() as context:
            context.prec = 34
            given = self.expected | (changes or {})
            full = self.quarterly(given)
            return [self.quarter(given, full, n, late) for n in range(1, 13)]

    def quarter(self, given: dict[str, Decimal], full: tuple[Decimal, ...], n: int, late: int) -> dict[str, Decimal]:
        """Cash of one quarter, each line rounded to the currency's smallest unit."""
        growth = (1 + given["growth"] / HUNDRED) ** ((n - 1) // 4)
        dip = given.get("trainingDip", Decimal(0)) / HUNDRED
        part, beside = Decimal(0), False
        for wave in self.of["waves"]:
            live = int(wave["quarter"]) + late
            beside = beside or 0 <= n - live < self.waits
            if n >= live + self.waits:
                part += int(wave["services"]) * (1 - dip if n == live + self.waits else 1)
        part /= int(self.of["services"])
        costs = Decimal(0)
        for c in self.items("costs"):
            amount, begins = given[f"costs.{c['id']}"], int(c.get("quarter") or 1)
            costs += (amount if n == begins else 0) if c.get("once") else (amount / 4 if n >= begins else 0)
        price = (self.once if n == 1 else 0) + (self.yearly if n % 4 == 1 else 0)
        q = {
            "n": Decimal(n),
            "hard": rounded(full[0] * growth * part, self.digits),
            "soft": rounded(full[1] * growth * part, self.digits),
            "extra": rounded(full[2] * growth, self.digits) if n >= self.first + late else Decimal(0),
            "costs": rounded(costs, self.digits),
            "price": rounded(Decimal(price), self.digits),
            "parallel": rounded(given["parallel"], self.digits) if beside else Decimal(0),
            "factor": (1 + self.discount / HUNDRED) ** (Decimal(-n) / 4),
        }
        q["spent"] = q["extra"] + q["costs"] + q["price"] + q["parallel"]
        q["net"], q["net_hard"] = q["hard"] + q["soft"] - q["spent"], q["hard"] - q["spent"]
        return q

    def npv(self, quarters: list[dict[str, Decimal]], line: str = "net") -> Decimal:
        """Present value of one line over three years."""
        return sum((rounded(q[line] * q["factor"], self.digits) for q in quarters), Decimal(0))

    def swings(self) -> list[tuple[dict[str, Any], Decimal, Decimal]]:
        """Every input with a range, with the result at its low and its high end: the largest difference first."""
        found = []
        for entry in self.entries.values():
            if entry["low"] < entry["high"]:
                ends = [self.npv(self.evaluate({entry["key"]: entry[end]})) for end in ("low", "high")]
                found.append((entry, ends[0], ends[1]))
        return sorted(found, key=lambda one: -abs(one[2] - one[1]))

    def limits(self, swings: list[tuple[dict[str, Any], Decimal, Decimal]]) -> list[tuple[dict[str, Any], Decimal]]:
        """How far the inputs that matter most may be off before it loses money."""
        found = []
        for entry, at_low, at_high in swings[:3]:
            farthest = HUNDRED if entry["unit"].startswith("%") else max(entry["high"], entry["expected"] * 10)
            bad, good = min(Decimal(0), entry["low"]), farthest
            if at_low > at_high:
                bad, good = good, bad

            def npv(at: Decimal, key: str = entry["key"]) -> Decimal:
                return self.npv(self.evaluate({key: at}))

            if npv(bad) < 0 <= npv(good):
                for _ in range(32):
                    middle = (good + bad) / 2
                    bad, good = (middle, good) if npv(middle) < 0 else (bad, middle)
                found.append((entry, good))
        return found

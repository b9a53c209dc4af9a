"""The chain of samples, their order, and what was frozen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

from pov.reporting.standalone.fitting import canonical, is_a, record_of, sha
from pov.reporting.standalone.grouped import Grouped
from pov.reporting.standalone.known import APART, ERROR_RATE, POINTS
from pov.reporting.standalone.letters import cut
from pov.reporting.standalone.shapes import AGREED, BOUNDS, COUNTED_RUNS, HEAD, NUMBER, SAMPLE
from pov.reporting.standalone.trials import drawn, named


class Chained(Grouped):
    """The chain of samples, the order that the seed gave, and whether plan and criteria are those that were frozen."""

    def __init__(self, folder: Path, own: bytes = b"") -> None:
        super().__init__(folder, own)
        self.promised: dict[str, Any] = {}
        self.counted: list[str] = []
        self.departures: list[str] = []

    def bounded(self, criteria: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Criteria that have a bound; one without is told."""
        found = [c for c in criteria if any(is_a(c.get(key), NUMBER) for key in BOUNDS)]
        self.wrong += [f"environment.json: criterion {c['id']} has no bound" for c in criteria if c not in found]
        return found

    def even(self, sections: list[dict[str, Any]]) -> None:
        """Tables whose rows are as long as their heads; others are told and left out."""
        for section in sections:
            for b in (b for top in section["blocks"] for b in self.inside(top)):
                if b["kind"] == "table":
                    odd = [row for row in b["rows"] if len(row) != len(b["head"])]
                    where = f"report.json: section “{section['title']}”"
                    self.wrong += [f"{where}: a row of {len(row)} cells under {len(b['head'])} heads" for row in odd]
                    b["rows"] = [row for row in b["rows"] if row not in odd]

    def chain(self) -> str:
        """Every sample carries the digest of the one before, the first that of environment.json."""
        try:
            head = sha((self.folder / "environment.json").read_bytes())
            lines = (self.folder / "samples.jsonl").read_bytes().decode(errors="replace").split("\n")
        except OSError as error:
            self.wrong.append(f"samples.jsonl: cannot be read ({error})")
            return ""
        for number, line in enumerate(lines, 1):
            if not line:
                continue
            try:
                sample = record_of(line.encode())
                told = sha(canonical({key: value for key, value in sample.items() if key != "digest"}))
            except (ValueError, RecursionError) as error:
                self.wrong.append(f"samples.jsonl:{number}: cut off or not JSON ({cut(str(error), 80)})")
                continue
            if sample.get("prev") != head or sample.get("digest") != told:
                self.wrong.append(f"samples.jsonl:{number}: does not fit the chain (changed, dropped or reordered)")
            head = str(sample.get("digest"))
            if sample.get("schema") != "pov.dev/sample/v2":
                self.wrong.append(f"samples.jsonl:{number}: schema {sample.get('schema')} is not read by this verifier")
                continue
            fit = self.fit(f"samples.jsonl:{number}", sample, SAMPLE)
            if number == 1:
                with self.looking("environment.json"):
                    self.beginning(fit.get("genesis") or {})
            for went_on in fit.get("resumed") or []:
                self.expect(f"samples.jsonl:{number}: went on after so many samples", went_on["after"], number - 1)
            if fit:
                self.samples.append(fit)
        return head

    def beginning(self, told: dict[str, str]) -> None:
        """The first sample tells the digests of the criteria, the plan and all else that was recorded before it."""
        planned = {key: self.recorded.get(key) for key in ("plan", "order_seed")}
        criteria = {"criteria": self.recorded.get("criteria")}
        rest = {key: value for key, value in self.recorded.items() if key not in planned | criteria}
        for name, part in {"environment": rest, "criteria": criteria, "plan": planned}.items():
            if name in told and told[name] != sha(canonical(part)):
                self.wrong.append(f"environment.json: changed in its {name} since the first sample was saved")
            self.done += name in told

    def digests(self, head: str, summary: dict[str, Any]) -> None:
        """What summary, head and report say of the files' digests."""
        told: list[tuple[str, str, Any]] = [
            ("summary.json", name, digest) for name, digest in (summary.get("digests") or {}).items()
        ]
        signed = self.optional("head.json", HEAD)
        told += [("head.json", name, digest) for name, digest in (signed.get("files") or {}).items()]
        told += [("head.json", "chain_head", signed["chain_head"])] if "chain_head" in signed else []
        recorded = [(s.get("details") or {}).get("recording") or {} for s in self.samples]
        told += [
            ("samples.jsonl", r["file"], r.get("sha256")) for r in recorded if r.get("file") and self.there(r["file"])
        ]
        told += [("report.json", name, digest) for name, digest in (self.report.get("digests") or {}).items()]
        for where, name, digest in told:
            if name in {"chain_head", "chain head"}:
                # Of no sample there is no last digest.
                self.expect(f"{where}: {name}", digest, head if self.samples or where == "summary.json" else "")
            elif path := self.there(name):
                self.expect(f"{where}: digest of {name}", digest, sha(path.read_bytes()))
            else:
                self.notes.append(f"{name} is not attached: the digest that {where} gives of it is not checked")

    def frozen(self) -> None:
        """The criteria that the run was scored by are those that were frozen, unless it says otherwise."""
        stood = self.environment.get("frozen") or {}
        if stood.get("digest"):
            path = self.folder / "criteria.frozen.json"
            content = path.read_bytes() if path.is_file() else b""
            self.expect("environment.json: digest of criteria.frozen.json", stood["digest"], sha(content))
            self.promised = agreed = self.optional(path.name, AGREED).get("agreed") or {}
            same = agreed.get("criteria") == self.recorded.get("criteria")
            if not stood.get("changes") and not same:
                self.wrong.append("environment.json: its criteria are not those of criteria.frozen.json")
            for name, digest in (stood.get("signatures") or {}).items():
                signature = self.there(name)
                held = signature.read_bytes() if signature else b""
                self.expect(f"environment.json: digest of {name}", digest, sha(held))
        if (self.folder / "runs.json").exists():
            entries = self.optional("runs.json", COUNTED_RUNS).get("runs") or []
            runs = [entry.get("run") for entry in entries]
            lost = [e["run"] for e in self.environment.get("earlier_runs") or [] if e.get("run") not in runs]
            self.wrong += [f"runs.json: run {run} came before this one and is not counted" for run in lost]
            broken = sum(1 for entry in entries if entry.get("state") in {"interrupted", "unfinished", "missing"})
            at = runs.index(self.environment.get("run")) + 1 if self.environment.get("run") in runs else 0
            self.counted = [str(at), str(len(runs)), str(broken)]

    def departed(self) -> list[str]:
        """Where the plan is not the frozen one. In none are windows, people, own arms; nor is a run of those alone."""
        own = {arm.get("name") for arm in self.environment.get("own_arms") or []}
        mine = {key: n for key, n in self.planned.items() if key[1] not in own and self.kind(str(key[1])) not in APART}
        frozen: dict[tuple[Any, Any], int] = {}
        for one in self.promised.get("experiments") or []:
            more = one.get("arm_trials") or {}
            frozen |= {(one["name"], arm): more.get(arm, one.get("trials")) or 0 for arm in one.get("arms") or []}
            again = [n for n, a in self.arms.items() if a.get("kind") == "again"] if one.get("aa") else []
            frozen |= {(one["name"], name): one["aa"] for name in again}
        if not mine or not self.promised:
            return []
        found = []
        for key in dict.fromkeys([*frozen, *mine]):
            n, of = mine.get(key, 0), frozen.get(key)
            if key[1] not in own and self.kind(str(key[1])) not in APART and mine.get(key) != of:
                trials = "no trial" if not n else f"{n} trial{'' if n == 1 else 's'}"
                told = f"{trials}, and none in the frozen plan" if of is None else f"{trials} in place of {of}"
                found.append(f"{', '.join(map(str, key))}: {told}")
        return [*found, *self.other_kind({name for name, _ in mine})]

    def other_kind(self, measured: set[Any]) -> Iterator[str]:
        """What was chosen otherwise than frozen: where work is killed, how bad a version is."""
        of = {one["name"]: one for one in self.promised.get("experiments") or [] if one["name"] in measured}
        chosen = self.environment.get("choices") or {}
        at, rate = chosen.get("kill_at"), chosen.get("error_rate")
        if at is not None and "interrupted" in of:
            point = of["interrupted"].get("at") or "half"
            if f"{at:g}" != f"{POINTS.get(point, point.removesuffix('%').lstrip('0'))}":
                yield f"interrupted: killed at {at:g} % in place of {point}"
        if rate is not None and "rollback-errors" in of:
            share = of["rollback-errors"].get("error_rate") or ERROR_RATE
            if rate != share:
                yield f"rollback-errors: a share of {rate:g} in place of {share:g}"

    def order(self) -> None:
        """The plan is the order that the seed gives, and samples came in the plan's order, without one left out."""
        plan, seed = self.environment.get("plan"), self.environment.get("order_seed")
        if self.environment.get("simulated"):
            self.notes.append("the order of trials: its generator drew it, for tests")
            return
        keys = ("experiment", "arm", "trial")
        slots: list[tuple[Any, ...]] = [tuple(p.get(k) for k in keys) for p in plan or [] if isinstance(p, dict)]
        if not slots or any(not isinstance(trial, int) for *_, trial in slots):
            self.notes.append("the order of trials: the run recorded no plan that says it")
            return
        if isinstance(seed, int):
            meant = Counter((str(experiment), str(arm)) for experiment, arm, _ in slots)
            wanted = drawn(meant, seed, self.environment.get("order_drawn"))
            self.expect(f"environment.json: the plan is the order that seed {seed} gives", slots == wanted, True)
        else:
            self.notes.append("the order of trials: no seed was recorded to compute it from")
        came = [tuple(s.get(key) for key in keys) for s in self.samples]
        for at, (one, planned) in enumerate(zip_longest(came, slots[: len(came)]), 1):
            self.expect(f"samples.jsonl:{at}: trial by the plan", named(one), named(planned))

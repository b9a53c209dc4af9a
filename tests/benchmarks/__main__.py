"""`make bench`: the speed goals, measured, with the floor of the same run beside them.

    python -m tests.benchmarks [--only commands,gate,mock,prober,quickstart,gitops-35,deploys,refusal,bundle]
        [--rounds N] [--out FILE]

Run it on a quiet machine: it warns about a busy one. `bundle` builds a bundle from nothing (a quarter of an hour) and
is left out unless named. Exit code 0, met or not: it is a measurement; `--strict` makes a missed goal exit code 1.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks import bundle_build, commands, deploys, environments, gate, mock, prober, refusal

DEFAULT = "commands,gate,mock,prober,quickstart,gitops-35,deploys,refusal"
_PARTS: dict[str, Any] = {
    "commands": commands,
    "deploys": deploys,
    "gate": gate,
    "mock": mock,
    "prober": prober,
    "refusal": refusal,
    "bundle": bundle_build,
}
"""Modules that measure one thing; every other name is a scenario's."""


def main(arguments: Sequence[str]) -> int:
    """Measure what was asked for, print a table, write JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("--only", default=DEFAULT, help=f"what to measure, of {DEFAULT},bundle")
    parser.add_argument("--rounds", type=int, default=1, help="rounds of up and floor for each scenario")
    parser.add_argument("--out", type=Path, help="where the figures go as JSON")
    parser.add_argument("--strict", action="store_true", help="end with code 1 when a goal is missed")
    chosen = parser.parse_args(arguments)
    record: dict[str, Any] = {"machine": _machine()}
    rows: list[tuple[str, str, str, str]] = []
    if record["machine"]["load_1min"] > 0.5 * (os.cpu_count() or 1):
        print(f"busy: load {record['machine']['load_1min']:.1f}; close what else runs", file=sys.stderr)
    for what in chosen.only.split(","):
        if what in _PARTS:
            record[what] = _PARTS[what].measure()
            rows += _PARTS[what].told(record[what])
        else:
            figures = environments.measure(what, chosen.rounds)
            record[what] = figures.as_json()
            rows += environments.told(figures)
            print(f"\nMemory of the node at rest, {what}:\n{_table(environments.memory_table(figures))}", flush=True)
            shares = _table(environments.processor_table(figures))
            print(f"\nShares of one core that the node takes, {what}:\n{shares}\n", flush=True)
        if chosen.out is not None:
            # After each part: what took an hour is not lost to what comes next.
            chosen.out.write_text(environments.as_text({**record, "rows": rows}))
    print(_table([("", "measured", "goal", ""), *rows]))
    missed = any(row[3] == "NOT MET" for row in rows)
    return 1 if chosen.strict and missed else 0


def _machine() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_1min": round(os.getloadavg()[0], 2),
    }


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A run's report as pictures, to be looked at: `python -m tests.pictures RUN FOLDER [DOTS_AN_INCH]`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pov.reporting.model import Report, build
from pov.reporting.render import _compile, _pages, _workspace
from pov.state.runs import read_run


def pictures(report: Report, *, ppi: float = 100) -> list[bytes]:
    """The report's pages as PNG, at `ppi` dots an inch."""
    with _workspace(report, {}) as root:
        return _pages(_compile(root, format="png", ppi=ppi))


def main(arguments: Sequence[str]) -> None:
    """Write `page-1.png` and so on of a run's folder."""
    run, folder, *dots = arguments
    Path(folder).mkdir(parents=True, exist_ok=True)
    for number, page in enumerate(pictures(build(read_run(Path(run))), ppi=float(dots[0]) if dots else 100), 1):
        Path(folder, f"page-{number}.png").write_bytes(page)


if __name__ == "__main__":
    main(sys.argv[1:])

"""`pov gate` when everything it runs was built before: as a command, and what its seconds are made of.

The deal of `enterprise-scope` as it stands, which passes: against no state, as in most CIs, and against that of the
scenario's landing zone on a bare API server (etcd and kube-apiserver, no node and no service beside it).
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from pov.base.files import write_atomic
from pov.base.paths import data
from pov.bundle.on_demand import for_gate
from pov.engines.conftest import Conftest
from pov.engines.terraform import Terraform
from pov.model.events import silent
from pov.state.home import Home
from pov.workflows import gate
from pov.workflows.approvals import Trust
from tests.benchmarks import commands
from tests.contract.landing_zone import on_control_plane

GOAL_S = 10.0
SCENARIO, NAME = "enterprise-scope", "bench"
ALONE, AGAINST = "pov gate, against no state", "pov gate, against a state"
REST = "all else"
_ROUNDS = 7
_STEPS: dict[str, tuple[Any, str]] = {
    "scope and approvals": (gate, "run_check"),
    "copying the root module": (gate, "furnish"),
    "its text, by conftest": (Conftest, "judge_blocks"),
    "asking for the state": (gate, "against"),
    "terraform init": (Terraform, "init"),
    "terraform validate": (Terraform, "validate"),
    "terraform plan and show": (Terraform, "judged"),
    "the plan, by conftest": (Conftest, "judge"),
}


def measure() -> dict[str, Any]:
    """Seconds of the command in each round, without and with a state, and of each step with one, in one process."""
    for_gate(silent)
    with tempfile.TemporaryDirectory(prefix="pov-bench-") as folder:
        root, deal = Path(folder), Path(folder, "deal")
        shutil.copytree(data("scenarios", SCENARIO, "deal"), deal)
        (root / "zone").mkdir()
        (root / "signers").touch()
        asked = ["--engagement", str(deal), "--name", NAME, "gate", "--signers", str(root / "signers")]
        asked += ["--stages", str(deal / "stages.yaml")]
        figures: dict[str, Any] = {ALONE: commands.seconds(*asked, cwd=root)}
        with on_control_plane(root / "zone", SCENARIO) as zone:
            zone.run()
            write_atomic(Home(deal / ".pov" / NAME).kubeconfig, zone.kube.kubeconfig.read_bytes())
            figures[AGAINST] = commands.seconds(*asked, cwd=root)
            figures["steps"] = _steps(deal, root / "signers")
    return figures


def _steps(deal: Path, signers: Path) -> dict[str, list[float]]:
    """Of several rounds, the first one left out; the last row is what no step accounts for."""
    options = gate.GateOptions(deal, Trust(signers), environment=NAME, running=deal, stages=deal / "stages.yaml")
    rounds = []
    for _ in range(_ROUNDS + 1):
        taken = dict.fromkeys(_STEPS, 0.0)
        with _timed(taken):
            result = gate.run_gate(options, silent)
        assert result.against["environment"] == NAME, result.against
        assert not result.refusals
        rounds.append({**taken, REST: result.seconds - sum(taken.values())})
    return {name: [round(one[name], 4) for one in rounds[1:]] for name in rounds[0]}


@contextmanager
def _timed(taken: dict[str, float]) -> Iterator[None]:
    """For a `with` block every step adds its seconds to `taken`."""

    def timing(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            since = time.perf_counter()
            try:
                return call(*arguments, **options)
            finally:
                taken[name] += time.perf_counter() - since

        return timed

    with ExitStack() as stack:
        for name, (owner, attribute) in _STEPS.items():
            stack.enter_context(mock.patch.object(owner, attribute, timing(name, getattr(owner, attribute))))
        yield


def told(figures: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Rows for people: medians, the goal, whether it was met."""
    rows = []
    for name in (ALONE, AGAINST):
        median = statistics.median(figures[name])
        rows.append((f"{name}, warm", f"{median:.2f} s", f"{GOAL_S:g} s", "met" if median <= GOAL_S else "NOT MET"))
    steps = ((name, statistics.median(taken)) for name, taken in figures["steps"].items())
    return [*rows, *((f"  {name}", f"{median:.2f} s", "", "") for name, median in steps)]

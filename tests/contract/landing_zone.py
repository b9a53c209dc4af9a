"""A control plane with the landing zone's step on it, as `pov up` runs it: what tests of the landing zone share.

`python -m tests.contract.landing_zone KUBECONFIG HOME SCENARIO N` runs the step in a process of its own, to be killed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pov.base.errors import NotFound, Transient
from pov.bundle import require_current
from pov.config.estates import estates
from pov.config.scenario import Scenario, load_scenario
from pov.engines.kube import INSTALLER, Kube
from pov.engines.kube_api import Refused
from pov.engines.terraform import Terraform, find_program
from pov.model.events import Event, silent
from pov.state.home import Home
from pov.state.terraform_log import Entry, read_log
from pov.steps.context import Context
from pov.steps.core import Outcome, Report
from pov.steps.landing_zone import asking
from pov.steps.landing_zone import step as landing_zone
from tests.contract.apiserver import control_plane, providers

Who = tuple[str, tuple[str, ...]]
"""A name and the groups that it comes with."""
ADMIN: Who = ("somebody", ("system:masters", "system:authenticated"))
CONTROLLER: Who = (
    "system:serviceaccount:kube-system:deployment-controller",
    ("system:masters", "system:serviceaccounts:kube-system"),
)
GITOPS: Who = ("system:serviceaccount:argocd:argocd-application-controller", ("system:masters",))
NODE: Who = ("system:node:one", ("system:masters", "system:nodes"))
INSTALLED_BY: Who = (INSTALLER, ("system:masters", "system:authenticated"))
TERRAFORM: Who = ("system:serviceaccount:pov-terraform:terraform", ("system:masters",))


def impersonating(who: Who) -> dict[str, Any]:
    """The headers by which an administrator speaks in somebody's name."""
    return {"Impersonate-User": who[0], "Impersonate-Group": who[1]}


@dataclass
class Zone:
    """An environment of which there is the landing zone alone, and what its step said."""

    ctx: Context
    said: list[Event] = field(default_factory=list)

    @property
    def kube(self) -> Kube:
        return self.ctx.kube

    def run(self, checked: str = "") -> Outcome:
        self.ctx.checked = checked
        return landing_zone.step().run(self.ctx, Report("landing_zone", self.said.append))

    def ask(self, who: Who, method: str, path: str, body: Any = None, kind: str = "") -> tuple[bool, str]:
        """Whether `who` may do this (dry-run where that exists), and what the server said or warned."""
        query = {} if method == "GET" or "?" in path else {"dryRun": "All"}
        try:
            reply = self.kube._api.call(
                method,
                path,
                body=body,
                headers=impersonating(who),
                query=query,
                content_type=kind or "application/json",
            )
        except Refused as refusal:
            return False, refusal.message
        except (NotFound, Transient) as passed:
            # Admitted, then nothing there to talk to: there are no nodes.
            return True, str(passed)
        return True, " ".join(reply.warnings)

    def asks_for(self, scenario: Scenario) -> None:
        """From now on the step is run for `scenario`."""
        self.ctx.scenario, self.ctx.estates = scenario, estates(scenario)

    @contextmanager
    def asking(self, *, scenario: Scenario | None = None, approved: Mapping[str, Any] | None = None) -> Iterator[None]:
        """For a `with` block the step is run for another scenario, or with other approvals."""
        before = (self.ctx.scenario, self.ctx.approved)
        if scenario is not None:
            self.asks_for(scenario)
        if approved is not None:
            self.ctx.approved = approved
        try:
            yield
        finally:
            self.asks_for(before[0])
            self.ctx.approved = before[1]

    @property
    def variables(self) -> dict[str, Any]:
        """What Terraform is told."""
        ctx = self.ctx
        return {"stages": asking.requested(ctx.scenario, ctx.estates), **asking.limits(None, ctx.approved)}

    @property
    def work(self) -> Path:
        """Where Terraform works."""
        return self.ctx.home.root / "terraform"

    @property
    def log(self) -> tuple[Entry, ...]:
        """The log of its runs, which is whole."""
        log = read_log(self.ctx.home.terraform_log)
        assert log.problems == ()
        return log.entries

    def terraform(self) -> Terraform:
        """As the step runs it, with the names of its last run."""
        token = self.kube.as_installer().create_token("terraform", "pov-terraform", audience="", ttl_s=600)
        env = {"KUBE_CONFIG_PATH": str(self.work / "kubeconfig"), "KUBE_TOKEN": token.reveal()}
        root = self.work / "modules" / "targets" / "local"
        return Terraform(find_program(self.ctx.binaries), root, providers=providers(), work=self.work, env=env)


def on(kube: Kube, home: Path, scenario: Scenario) -> Zone:
    """The step on a cluster that runs."""
    # It neither makes a cluster nor asks who calls whom.
    nothing: Any = None
    ctx = Context(
        name="contract",
        scenario=scenario,
        engagement=None,
        home=Home(home),
        cluster=nothing,
        topology=nothing,
        estates=estates(scenario),
        emit=silent,
    )
    ctx.kube, ctx.bundle = kube, require_current()
    return Zone(ctx)


@contextmanager
def on_control_plane(work: Path, scenario: str) -> Iterator[Zone]:
    """A control plane without a landing zone yet."""
    (work / "control-plane").mkdir()
    with control_plane(work / "control-plane") as kube:
        yield on(kube, work / "home", load_scenario(scenario))


def _main(kubeconfig: str, home: str, scenario: str, count: str) -> None:
    on(Kube(Path(kubeconfig)), Path(home), load_scenario(scenario).with_services(int(count))).run()


if __name__ == "__main__":
    _main(*sys.argv[1:])

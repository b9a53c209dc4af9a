"""The running environment as the checks see it: each engine is reached when it is first asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.errors import NotFound
from pov.config.estates import Estate
from pov.config.units import seconds
from pov.engines.argocd import App, held_app
from pov.steps.context import Context

if TYPE_CHECKING:
    from pov.engines.git import Commit
    from pov.engines.gitea import Gitea
    from pov.engines.kube import Kube
    from pov.engines.prober import Prober
    from pov.engines.terraform_state import StateMark
    from pov.engines.vault import Vault
    from pov.state.terraform_log import Log

PROD = "prod"
_BEGINNING = datetime(1970, 1, 2, tzinfo=UTC)
ADMINISTRATORS = ("system:masters", "system:authenticated")
SOMEBODY = "pov-probe"
"""In whose name an administrator's change is tried, always as a dry run."""


@dataclass(frozen=True)
class Infrastructure:
    """The log of Terraform runs; the log's head as the last bring-up left it in the cluster; the state there is now."""

    log: Log
    head: str
    state: StateMark


@dataclass(frozen=True)
class Live:
    """`stages` are the estates that come from Git; `prod` is the one that is guarded, if the scenario has it.

    `ttl_s` is how long a service's certificate may live. `prod_log` is every commit that prod's branch stood on, oldest
    first; `heads` the commit of each branch on the server; `vault_program` the client beside Vault's server.
    """

    stages: tuple[Estate, ...]
    ttl_s: int
    now: datetime
    kube: Kube
    gitea: Callable[[], Gitea]
    prober: Callable[[], Prober]
    vault: Callable[[], Vault]
    prod_log: Callable[[], tuple[Commit, ...]]
    heads: Callable[[], dict[str, str]]
    terraform: Callable[[], Infrastructure]
    vault_program: str = "bao"

    @property
    def prod(self) -> Estate | None:
        """The stage in which only Git changes anything."""
        return next((stage for stage in self.stages if stage.name == PROD), None)

    def app(self, stage: str) -> App | None:
        """What Argo CD does about a stage; None where it does nothing."""
        try:
            return held_app(self.kube, stage)
        except NotFound:
            return None

    def tried(
        self, kind: str, namespace: str, user: str, groups: tuple[str, ...], spec: dict[str, Any] | None = None
    ) -> tuple[bool, str]:
        """Whether `user` may make an object there, by a dry run, and what the cluster said. Nothing is changed."""
        body: dict[str, Any] = {"data": {"by": "hand"}} if spec is None else {"spec": spec}
        manifest = {
            "apiVersion": "apps/v1" if kind == "Deployment" else "v1",
            "kind": kind,
            "metadata": {"name": "pov-probe", "namespace": namespace},
            **body,
        }
        allowed, said, _ = self.kube.can_i_dry_run(manifest, as_user=user, as_groups=groups)
        return allowed, said


def live(ctx: Context, *, clock: Clock = SYSTEM_CLOCK) -> Live:
    """The environment behind a context."""
    from pov.steps.git import repository, server
    from pov.steps.services import prober
    from pov.steps.vault import step as vault

    guard = Lock()  # there is one working copy, and checks run side by side

    @cache
    def git() -> tuple[tuple[Commit, ...], dict[str, str]]:
        copy = repository.working_copy(ctx, repository.PROD)
        return copy.log(".", _BEGINNING), copy.server_heads()

    def told() -> tuple[tuple[Commit, ...], dict[str, str]]:
        with guard:
            return git()

    return Live(
        stages=tuple(estate for estate in ctx.estates if estate.kind == "gitops"),
        ttl_s=seconds(ctx.scenario.pki.ttl),
        now=clock.wall(),
        kube=ctx.kube,
        gitea=lambda: server.connect(ctx),
        prober=lambda: prober.connect(ctx),
        vault=lambda: vault.connect(ctx),
        prod_log=lambda: told()[0],
        heads=lambda: told()[1],
        terraform=lambda: _infrastructure(ctx),
        vault_program="bao" if ctx.scenario.engines.vault == "openbao" else "vault",
    )


def _infrastructure(ctx: Context) -> Infrastructure:
    from pov.state.terraform_log import read_log
    from pov.steps.landing_zone.identity import NAMESPACE
    from pov.steps.landing_zone.step import RECORD, state_of

    record = ctx.kube.get("ConfigMap", RECORD, NAMESPACE) or {}
    head = str((record.get("data") or {}).get("log") or "")
    return Infrastructure(read_log(ctx.home.terraform_log), head, state_of(ctx.kube))

"""The toolbox of trials, filled in from a running environment. Nothing connects before a trial asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from pov.config.legacy import Host, Placed
from pov.engines.ansible import Runbooks
from pov.engines.argocd import App, held_app
from pov.engines.certificates import KeyPair
from pov.engines.git import ConfigRepo
from pov.engines.legacy_ca import LegacyCa
from pov.engines.workplace import Workplace
from pov.experiments.ports.gitops import Configuration
from pov.experiments.ports.legacy import CaFiles
from pov.experiments.releases import BuiltReleases
from pov.experiments.seat import People, Seat
from pov.experiments.toolbox import Toolbox
from pov.measure.machine import load_per_core
from pov.measure.order import Slot
from pov.measure.people import AUTHOR, REVIEWER
from pov.model.catalogue import reviewed
from pov.state.people import FOLDER
from pov.steps.argocd import worker
from pov.steps.context import Context
from pov.steps.git import repository as git_repository
from pov.steps.git.desks import Desks
from pov.steps.git.history import Recorded, history
from pov.steps.git.promotion import Reviewed, forget, review
from pov.steps.landing_zone import changing
from pov.steps.landing_zone.deal import followed
from pov.steps.legacy.estate import client_key, give_addresses, hosts_of
from pov.steps.legacy.ssh import runbooks
from pov.steps.services.prober import connect
from pov.steps.vault.accounts import ServiceAccounts
from pov.steps.vault.audited import AuditLog
from pov.steps.vault.owner import Owner
from pov.workflows.approved import allowed
from pov.workflows.environment import recall
from pov.workflows.platform import RunningPlatform


class StageConfiguration(Configuration):
    """One stage's part of the configuration repository, in the environment's working copy."""

    def __init__(self, ctx: Context, repo: ConfigRepo, stage: str) -> None:
        self._ctx = ctx
        self._repo = repo
        self._stage = stage

    def head(self) -> str:
        """The newest commit; empty without one."""
        return self._repo.head or ""

    def images(self) -> Mapping[str, str]:
        """Image references by service."""
        return git_repository.images(self._repo, self._stage)

    def set_images(self, images: Mapping[str, str]) -> None:
        """Edit, without a commit."""
        git_repository.set_images(self._repo, self._stage, images)

    def generation(self) -> int:
        """The certificates' generation."""
        return git_repository.generation(self._repo, self._stage)

    def set_generation(self, generation: int) -> None:
        """Edit, without a commit."""
        git_repository.set_generation(self._repo, self._stage, generation)

    def add_service(self, name: str, stages: Sequence[str]) -> None:
        """Write a new service's files and have stages run it, without a commit."""
        git_repository.add_service(self._ctx, self._repo, name, stages)

    def remove_service(self, name: str, stages: Sequence[str]) -> bool:
        """Take all of it away, without a commit; whether there was anything."""
        return git_repository.remove_service(self._repo, name, stages)

    def ask_for_namespace(self, name: str, asked: Mapping[str, float]) -> None:
        """Write a request for one, without a commit."""
        changing.ask(self._repo, name, asked)

    def drop_namespace(self, name: str) -> bool:
        """Take the request away, without a commit; whether there was one."""
        return changing.drop(self._repo, name)

    def revert(self, revision: str) -> None:
        """Take a commit back, without a commit."""
        self._repo.revert(revision)

    def commit(self, message: str) -> str:
        """Commit; returns the revision."""
        return self._repo.commit(message)

    def push(self) -> None:
        """Push."""
        self._repo.push()

    def workplace(self, by: str) -> Workplace:
        """A shell in it for a person."""
        return self._repo.workplace(by)

    def push_as(self, branch: str) -> None:
        """Push as a branch of its own."""
        self._repo.push_as(branch)

    def of(self, stage: str) -> StageConfiguration:
        """The same working copy, for another stage."""
        return StageConfiguration(self._ctx, self._repo, stage)

    def close(self) -> None:
        """Nothing to do: the next one to open the working copy drops what was not committed."""


@dataclass(frozen=True)
class _Git:
    ctx: Context

    def configuration(self, stage: str) -> Configuration:
        """A fresh working copy for a stage."""
        return StageConfiguration(self.ctx, git_repository.working_copy(self.ctx), stage)

    def history(self, stage: str, service: str, since: datetime) -> tuple[Recorded, ...]:
        """What was changed of a service in a stage since then."""
        return history(self.ctx, stage, service, since)

    def head(self, stage: str) -> str:
        """The commit on the server that a stage follows."""
        return git_repository.heads(self.ctx).get(git_repository.branch_of(stage), "")

    def review(self, stage: str, title: str, branch: str = "") -> Reviewed:
        """Bring `branch`, main if none is given, to the stage's branch by pull request and approval."""
        return review(self.ctx, branch or git_repository.MAIN, git_repository.branch_of(stage), title)

    def desks(self) -> Desks:
        """Where persons sit who ask for changes and review them."""
        return Desks(self.ctx)

    def forget(self, branch: str) -> None:
        """Delete a branch."""
        forget(self.ctx, branch)

    def webhook(self, on: bool) -> None:
        """Whether Gitea tells Argo CD of pushes."""
        git_repository.webhook(self.ctx, on)


@dataclass(frozen=True)
class _Delivery:
    ctx: Context

    def state(self, stage: str) -> App:
        """Argo CD's application of a stage, as the cluster holds it."""
        return held_app(self.ctx.kube, stage)

    def kill(self) -> None:
        """Kill Argo CD's application controller."""
        worker.kill(self.ctx)

    def lacking(self) -> str:
        """Why there is none again yet."""
        return worker.lacking(self.ctx)


@dataclass(frozen=True)
class _LegacyHosts:
    ctx: Context

    @property
    def all(self) -> tuple[Host, ...]:
        """Hosts with what runs on them."""
        return hosts_of(self.ctx)

    def runbooks(self) -> Runbooks:
        """The runbooks against them."""
        return runbooks(self.ctx)

    def give_addresses(self, host: Host, services: Sequence[Placed]) -> None:
        """Further services' addresses: these and no others."""
        give_addresses(self.ctx, host, services)


@dataclass(frozen=True)
class _LegacyPki:
    ctx: Context

    def files(self) -> CaFiles:
        """The CA's files."""
        ca = LegacyCa.load(self.ctx.home.secrets_dir)
        return CaFiles(ca.certificate, ca.key)

    def issue(self, names: Sequence[str], life: timedelta) -> KeyPair:
        """A key and certificate."""
        return LegacyCa.load(self.ctx.home.secrets_dir).issue(names, life)


def kept_configuration(ctx: Context) -> Callable[[Path], None]:
    """Writes every branch of the configuration repository, as it is on the server by then, into one Git bundle."""
    return lambda file: git_repository.working_copy(ctx).bundle(file)


def toolbox(ctx: Context) -> Toolbox:
    """What trials work with, under the load that the scenario asks for. Whoever holds the environment's lock."""
    # A merge may have been applied since the environment was looked at: trials must not take that back.
    ctx.deal = followed(ctx.home)
    return Toolbox(
        run="",
        under_proof=tuple(ctx.scenario.pov_services),
        estates=ctx.estates,
        traffic=ctx.scenario.traffic,
        prober=lambda: connect(ctx),
        git=_Git(ctx),
        delivery=_Delivery(ctx),
        cluster=ctx.kube,
        hosts=_LegacyHosts(ctx),
        pki=_LegacyPki(ctx),
        releases=_releases(ctx),
        accounts=ServiceAccounts(ctx),
        credentials=lambda: Owner.connect(ctx),
        vault_log=AuditLog(ctx),
        platform=RunningPlatform(ctx),
        infrastructure=changing.ChangeOfInfrastructure(ctx, partial(_allowed, ctx)),
        busy=load_per_core,
    )


def _allowed(ctx: Context) -> tuple[Mapping[str, Mapping[str, Any]], float]:
    found = allowed(ctx.deal, recall(ctx.home, ctx.name).engagement, ctx.name, ctx.emit)
    return found.variables, found.iops


def seated(box: Toolbox, ctx: Context, people: People, run: Path) -> Toolbox:
    """The toolbox with who sits down at which trial, and who reviews there."""
    reviewer = reviewers(ctx, people, run) if people.reviewers else None
    return replace(box, seat=seats(ctx, people, run), reviewer=reviewer)


def seats(ctx: Context, people: People, run: Path) -> Callable[[Slot], Seat]:
    """Who sits down at which trial: in turn, the next person at the next one. Recordings go beside the run."""
    secrets = (*ctx.home.all_secrets(), client_key(ctx))
    asking = reviewed()

    def seat(slot: Slot) -> Seat:
        role = AUTHOR if slot.arm in asking else ""
        return Seat(slot, people.by[_turn(slot, people)], people, run / FOLDER, secrets, role=role)

    return seat


def reviewers(ctx: Context, people: People, run: Path) -> Callable[[Slot], Seat]:
    """Who reviews at which trial: whose turn it is beside the person whose turn it is, or the only one there is."""
    secrets = (*ctx.home.all_secrets(), client_key(ctx))

    def seat(slot: Slot) -> Seat:
        by = people.reviewers[_turn(slot, people) % len(people.reviewers)]
        return Seat(slot, by, people, run / FOLDER, secrets, role=REVIEWER)

    return seat


def _turn(slot: Slot, people: People) -> int:
    return (slot.trial - 1) % len(people.by)


def _releases(ctx: Context) -> BuiltReleases:
    cluster = ctx.cluster
    return BuiltReleases(ctx.images["mock"], ctx.binaries["pov-mock"], cluster.bring_images, cluster.has_image)

"""The toolbox of trials, filled in from a running environment. Nothing connects before a trial asks."""

from __future__ import annotations

from collections.abc import Mapping

from pov.engines.git import ConfigRepo
from pov.engines.legacy_ca import LegacyCa
from pov.experiments.releases import BuiltReleases
from pov.experiments.toolbox import STAGING, Configuration, LegacyCaFiles, Toolbox
from pov.measure.machine import load_per_core
from pov.steps.context import Context
from pov.steps.git import repository as git_repository
from pov.steps.legacy.estate import hosts_of
from pov.steps.legacy.ssh import runbooks
from pov.steps.services.prober import connect


class StagingConfiguration(Configuration):
    """Staging's part of the configuration repository, in the environment's working copy."""

    def __init__(self, repo: ConfigRepo) -> None:
        self._repo = repo

    def head(self) -> str:
        """The newest commit; empty without one."""
        return self._repo.head or ""

    def images(self) -> Mapping[str, str]:
        """Image references by service."""
        return git_repository.images(self._repo, STAGING)

    def set_images(self, images: Mapping[str, str]) -> None:
        """Edit, without a commit."""
        git_repository.set_images(self._repo, STAGING, images)

    def generation(self) -> int:
        """The certificates' generation."""
        return git_repository.generation(self._repo, STAGING)

    def set_generation(self, generation: int) -> None:
        """Edit, without a commit."""
        git_repository.set_generation(self._repo, STAGING, generation)

    def commit(self, message: str) -> str:
        """Commit; returns the revision."""
        return self._repo.commit(message)

    def push(self) -> None:
        """Push."""
        self._repo.push()

    def close(self) -> None:
        """Nothing to do: the next one to open the working copy drops what was not committed."""


def toolbox(ctx: Context, run: str) -> Toolbox:
    """What trials work with; `run` marks this run's versions."""
    return Toolbox(
        run=run,
        under_proof=tuple(ctx.scenario.pov_services),
        estates=ctx.estates,
        traffic=ctx.scenario.traffic,
        hosts=hosts_of(ctx),
        kube=ctx.kube,
        prober=lambda: connect(ctx),
        configuration=lambda: StagingConfiguration(git_repository.working_copy(ctx)),
        webhook=lambda on: git_repository.webhook(ctx, on),
        runbooks=lambda: runbooks(ctx),
        releases=_releases(ctx),
        legacy_ca=lambda: _legacy_ca(ctx),
        legacy_pair=lambda names, life: LegacyCa.load(ctx.home.secrets_dir).issue(names, life),
        busy=load_per_core,
    )


def _releases(ctx: Context) -> BuiltReleases:
    cluster = ctx.cluster
    return BuiltReleases(ctx.images["mock"], ctx.binaries["pov-mock"], cluster.bring_images, cluster.has_image)


def _legacy_ca(ctx: Context) -> LegacyCaFiles:
    ca = LegacyCa.load(ctx.home.secrets_dir)
    return LegacyCaFiles(ca.certificate, ca.key)

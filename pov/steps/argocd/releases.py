"""Argo CD's releases that an upgrade is between: the earlier one, which no bring-up installs, and the bundle's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pov.base.errors import PovError
from pov.base.scratch import scratch
from pov.bundle import earlier as bundled
from pov.steps.argocd.install import apply, fitted
from pov.steps.argocd.manifest import Document
from pov.steps.argocd.watched import connect
from pov.steps.context import Context


@dataclass(frozen=True)
class Release:
    """One release, ready to be applied: the version that its API will tell, its image, its fitted manifests."""

    ctx: Context
    version: str
    image: str
    manifests: Sequence[Document]

    def install(self) -> None:
        """Apply it over whatever is there, as a bring-up does it, and return at once."""
        apply(self.ctx, self.manifests)


def pinned(ctx: Context) -> Release:
    """The bundle's, which every bring-up installs. Raises `PovError` where the cluster was made from another bundle."""
    image = ctx.images["argocd"]
    if not ctx.cluster.has_image(image):
        cause = "the cluster was made from another bundle than the one in use"
        raise PovError(f"the node does not have {image}", cause=cause, fix="pov down, then pov up")
    return _release(ctx, image, ctx.argocd_manifest)


def earlier(ctx: Context) -> Release:
    """The release before, its image on the node. Where it was never made here, that takes minutes."""
    found = bundled.earlier(ctx.bundle, ctx.emit)
    if not ctx.cluster.has_image(found.image):
        with scratch() as folder:
            archive = folder / bundled.ARCHIVE
            found.write(archive)
            ctx.cluster.bring_images(archive)
        if not ctx.cluster.has_image(found.image):
            raise PovError(f"the node does not have {found.image} after it was imported", fix="pov status")
    return _release(ctx, found.image, found.manifest)


def version(ctx: Context) -> str:
    """The version that Argo CD's own API tells, without what a build appends to it (`v3.6.1+0f1e2d3`)."""
    return connect(ctx).version().partition("+")[0]


def _release(ctx: Context, image: str, manifest: Path) -> Release:
    # Its tag is the version, with the letter in official references and without it in ours.
    return Release(ctx, f"v{image.rpartition(':')[2].removeprefix('v')}", image, fitted(ctx, manifest, image))

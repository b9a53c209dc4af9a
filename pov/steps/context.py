"""What the steps of one bring-up share."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pov.base.errors import NotFound, PovError
from pov.config.estates import Estate
from pov.config.scenario import Scenario
from pov.model.events import Emit
from pov.model.topology import Topology
from pov.state.home import Home

if TYPE_CHECKING:
    from pov.bundle import Bundle
    from pov.config.engagement import Engagement
    from pov.engines.certificates import Trust
    from pov.engines.kube import Kube
    from pov.steps.cluster import Cluster
    from pov.steps.landing_zone.deal import Followed


@dataclass
class Context:
    """One environment while it is brought up or looked at.

    `cluster` is where it runs; `endpoints` are the https URLs that the cluster gave, by name. `kube` and `trust` exist
    once their steps ran; reading them earlier is a mistake in the steps' order.
    """

    name: str
    scenario: Scenario
    engagement: Engagement | None
    home: Home
    cluster: Cluster
    topology: Topology
    estates: tuple[Estate, ...]
    emit: Emit
    target: str = "kind"
    approved: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What the guardrail is told of signed approvals: its variables by name."""

    approved_iops: float = 0
    """The IOPS that are approved."""

    deal: Followed | None = None
    """The deal that it follows, where a merge of one was applied."""

    checked: str = ""
    """The digest of the one plan of the landing zone that may be applied, where somebody had it checked."""

    endpoints: dict[str, str] = field(default_factory=dict)
    _bundle: Bundle | None = None
    _kube: Kube | None = None
    _trust: Trust | None = None
    _cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def bundle(self) -> Bundle:
        """The bundle in use. A running environment can be looked at, and taken down, without one."""
        if self._bundle is None:
            raise NotFound("there is no bundle here, or its files are gone", fix="pov bundle build")
        return self._bundle

    @bundle.setter
    def bundle(self, bundle: Bundle | None) -> None:
        self._bundle = bundle

    @property
    def images(self) -> Mapping[str, str]:
        """Image references by component: argocd, redis, openbao, gitea, mock, legacy-host."""
        return self.bundle.images

    @property
    def binaries(self) -> Mapping[str, Path]:
        """Host binaries by name: kind, kubectl, bao, pov-mock, terraform-providers (a folder) and more."""
        return self.bundle.binaries

    @property
    def argocd_manifest(self) -> Path:
        """Argo CD's official install manifest, of the pinned release."""
        return self.bundle.argocd_manifest

    @property
    def kube(self) -> Kube:
        """The cluster; set by the cluster step."""
        if self._kube is None:
            raise PovError("the cluster is not there yet", fix="pov up")
        return self._kube

    @kube.setter
    def kube(self, kube: Kube) -> None:
        self._kube = kube

    @property
    def trust(self) -> Trust:
        """The bootstrap CA; set by the trust step."""
        if self._trust is None:
            raise PovError("the bootstrap CA is not there yet", fix="pov up")
        return self._trust

    @trust.setter
    def trust(self, trust: Trust) -> None:
        self._trust = trust

    def url(self, service: str) -> str:
        """The https URL at which a service of the platform answers from outside the cluster."""
        if service not in self.endpoints:
            raise PovError(f"no address for {service} yet", fix="pov up")
        return self.endpoints[service]

    def cancel(self) -> None:
        """Ask running steps to stop at their next look."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        """Whether somebody pressed Ctrl-C."""
        return self._cancelled.is_set()

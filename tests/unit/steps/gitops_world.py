"""A cluster, a Git server and an Argo CD in memory, and a configuration repository on this disk."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.redact import Secret
from pov.config.estates import estates
from pov.config.scenario import load_scenario
from pov.config.topology import generate
from pov.engines.argocd import ArgoCD
from pov.engines.certificates import Trust
from pov.engines.git_command import Remote
from pov.model.events import Event
from pov.state.home import Home
from pov.steps.argocd import install as argocd_install
from pov.steps.argocd import watched as argocd
from pov.steps.context import Context
from pov.steps.core import Outcome, Report, Step
from pov.steps.git import promotion
from pov.steps.git import repository as git_repository
from pov.steps.git import server as git
from pov.steps.services import stages as services
from tests.fakes.argocd import FakeRest
from tests.fakes.cluster import FakeCluster, endpoints
from tests.fakes.gitea import FakeGitea, FakeServer
from tests.fakes.kube import FakeKube

OFFICIAL = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: applications.argoproj.io}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cm}
data: {resource.exclusions: kept}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-tls-certs-cm}
---
apiVersion: v1
kind: Secret
metadata: {name: argocd-secret}
type: Opaque
---
apiVersion: v1
kind: Service
metadata: {name: argocd-server}
spec:
  ports: [{name: http, port: 80, targetPort: 8080}, {name: https, port: 443, targetPort: 8080}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: argocd-redis}
spec:
  template:
    spec:
      initContainers: [{name: secret-init, image: "quay.io/argoproj/argocd:v3"}]
      containers:
        - name: redis
          image: public.ecr.aws/docker/library/redis:8-alpine@sha256:abc
          imagePullPolicy: Always
          args: [--save, "", --requirepass $(REDIS_PASSWORD)]
          env: [{name: REDIS_PASSWORD, valueFrom: {secretKeyRef: {name: argocd-redis, key: auth}}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: argocd-dex-server}
spec: {template: {spec: {containers: [{name: dex, image: "ghcr.io/dexidp/dex:v2", imagePullPolicy: Always}]}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: argocd-application-controller}
spec:
  template:
    spec:
      containers:
        - name: argocd-application-controller
          image: quay.io/argoproj/argocd:v3
          imagePullPolicy: Always
          readinessProbe: {httpGet: {path: /healthz, port: 8082}, initialDelaySeconds: 5, periodSeconds: 10}
"""


class Killed(BaseException):
    """What a SIGKILL looks like from inside: nothing is cleaned up."""


@dataclass
class World:
    ctx: Context
    kube: FakeKube
    server: FakeServer
    rest: FakeRest
    events: list[Event] = field(default_factory=list)

    def run(self, step: Step) -> Outcome:
        return step.run(self.ctx, Report(step.name, self.events.append))

    def said(self) -> list[str]:
        return [event.message for event in self.events]


def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scenario_name: str = "gitops-35") -> World:
    scenario = load_scenario(scenario_name)
    monkeypatch.setenv("POV_CACHE", str(tmp_path / "cache"))
    official = tmp_path / "install.yaml"
    official.write_text(OFFICIAL)
    images = {"gitea": "gitea:1", "argocd": "argocd:1", "redis": "redis:1", "mock": "mock:1"}
    bundle: Any = SimpleNamespace(images=images, argocd_manifest=official)
    kube, server, rest = FakeKube(), FakeServer(), FakeRest()
    any_kube: Any = kube
    home = Home(tmp_path / "demo")
    ctx = Context(
        name="demo",
        scenario=scenario,
        engagement=None,
        home=home,
        cluster=FakeCluster(home, "demo"),
        topology=generate(scenario.services.seed, scenario.services.count),
        estates=estates(scenario),
        emit=lambda event: None,
        endpoints=endpoints("demo"),
    )
    ctx.kube, ctx.bundle = any_kube, bundle
    ctx.trust, _ = Trust.ensure(ctx.home)
    world = World(ctx, kube, server, rest)

    play_engines(tmp_path, monkeypatch, server, rest)
    return world


def play_engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: FakeServer, rest: FakeRest) -> Path:
    """Have every step meet these engines in the place of real ones; returns the configuration repository."""
    bare = tmp_path / "server.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch", "main", str(bare)], check=True, timeout=20)

    def remote(ctx: Context) -> Remote:
        return Remote(str(bare), "pov", tmp_path / "token", ctx.trust.ca_path)

    def connect(ctx: Context) -> FakeGitea:
        return FakeGitea(server, "pov")

    def connect_as(ctx: Context, user: str) -> FakeGitea:
        return FakeGitea(server, user, server.passwords[user])

    def connect_argo(ctx: Context) -> ArgoCD:
        any_rest: Any = rest
        password = ctx.home.secret(argocd_install.PASSWORD_FILE) or Secret("")
        rest.password = password.reveal()
        return ArgoCD(any_rest, "admin", password)

    for module in (git, git_repository, promotion):
        monkeypatch.setattr(module, "connect", connect)
    for module in (git, promotion):
        monkeypatch.setattr(module, "connect_as", connect_as)
    monkeypatch.setattr(git_repository, "_remote", remote)
    for module in (argocd, services):
        monkeypatch.setattr(module, "connect", connect_argo)
    return bare

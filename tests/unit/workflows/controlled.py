"""An environment in which every control is met, in memory: tests bend one place of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

from pov.base.errors import CommandFailed
from pov.base.redact import Secret
from pov.config.estates import Estate, estates
from pov.config.scenario import load_scenario
from pov.engines.branches import Rule
from pov.engines.certificates import make_ca
from pov.engines.git import Commit
from pov.engines.prober import EdgeAnswer, Identity, Refusals
from pov.engines.terraform_state import StateMark
from pov.model.events import silent
from pov.state.terraform_log import APPLIED, LogWriter, read_log
from pov.steps.git.repository import FULL_NAME
from pov.workflows.compliance import looked_at
from pov.workflows.controls.control import Control, Finding
from pov.workflows.controls.live import Infrastructure, Live
from pov.workflows.controls.register import CONTROLS
from tests.fakes.gitea import FakeGitea, FakeServer
from tests.fakes.kube import FakeKube
from tests.fakes.prober import FakeProber
from tests.fakes.vault import FakeVault, Holder, Server

NOW = datetime.now(UTC).replace(microsecond=0)
ENDS = (NOW + timedelta(hours=20)).isoformat()
TTL_S = 86_400
NUMBER = count()
GIT, OWNER, REVIEWER = "refused: changes come from Git", "pov", "reviewer"
UNTRUSTED = "tls: failed to verify certificate: x509: certificate signed by unknown authority"


class Prober(FakeProber):
    """Certificates that end in 20 hours; what a test bends is in its place."""

    def __init__(self, found: tuple[Estate, ...]) -> None:
        super().__init__(found)
        self.edges: Sequence[EdgeAnswer] | None = None
        self.refused: Refusals | None = None
        self.shown: Sequence[Identity] | None = None

    def verify(self, estate: str) -> list[EdgeAnswer]:
        return super().verify(estate) if self.edges is None else list(self.edges)

    def refusals(self, estate: str) -> Refusals:
        return super().refusals(estate) if self.refused is None else self.refused

    def identify(self, estate: str, services: Sequence[str] = ()) -> list[Identity]:
        found = super().identify(estate, services) if self.shown is None else list(self.shown)
        return [replace(one, not_after=ENDS) if one.not_after.startswith("2030") else one for one in found]


@dataclass
class World:
    """An environment in which every control is met, in memory, but for the log of Terraform runs."""

    room: ClassVar[Path]
    kube: FakeKube = field(default_factory=FakeKube)
    git: FakeServer = field(default_factory=FakeServer)
    vault: Server = field(default_factory=lambda: Server(initialised=True, sealed=False))
    stages: tuple[Estate, ...] = tuple(one for one in estates(load_scenario("gitops-35")) if one.kind == "gitops")
    log: tuple[Commit, ...] = ()
    verdicts: dict[str, tuple[bool, str]] = field(default_factory=dict)
    answers: dict[str, str | Exception] = field(default_factory=dict)
    log_size: int = 100
    state: StateMark = field(default_factory=lambda: StateMark("l", 2, 3))
    recorded: str = ""

    def __post_init__(self) -> None:
        self.prober = Prober(self.stages)
        self.kube.verdict = self._verdict
        self.kube.command = self._command
        self._fill_git()
        self._fill_cluster()
        self._fill_vault()
        self.terraform = self.room / f"log-{next(NUMBER)}"
        self.recorded = LogWriter(self.terraform).record(APPLIED, run="a", command="pov up", after=self.state.as_json())

    def _fill_git(self) -> None:
        owner, reviewer = FakeGitea(self.git, OWNER), FakeGitea(self.git, REVIEWER)
        owner.ensure_repository("platform-config", "")
        first = self.git.push(FULL_NAME, "main")
        self.git.fork(FULL_NAME, "prod")
        owner.protect(FULL_NAME, Rule("prod", approvals=1, approvers=(REVIEWER,)))
        self.git.push(FULL_NAME, "main")
        pull = owner.open_pull(FULL_NAME, "main", "prod", "Promote to prod")
        reviewer.approve(FULL_NAME, pull.number)
        merged = owner.merge(FULL_NAME, pull.number)
        self.log = tuple(Commit(one, OWNER, NOW, "x") for one in (first, merged))

    def _fill_cluster(self) -> None:
        for stage in self.stages:
            branch = "prod" if stage.name == "prod" else "main"
            automated = {"prune": True, "selfHeal": True}
            status = {"sync": {"status": "Synced", "revision": self.log[-1].id}, "reconciledAt": NOW.isoformat()}
            spec = {"source": {"targetRevision": branch}, "syncPolicy": {"automated": automated}}
            self._put("Application", stage.name, "argocd", spec=spec, status=status)
            deny = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
            self._put("NetworkPolicy", "deny", stage.namespace, spec=deny)
            counted = {"used": {"pods": "3"}, "hard": {"pods": "9"}}
            self._put("ResourceQuota", "landing-zone", stage.namespace, status=counted)
            self._put("Namespace", stage.namespace, None)
        self._put("Role", "writer", "argocd", rules=[{"apiGroups": [""], "resources": ["secrets"], "verbs": ["patch"]}])
        self.bind(
            "writer", "Role", "argocd", {"kind": "ServiceAccount", "name": "argocd-server", "namespace": "argocd"}
        )
        server = {"containers": [{"name": "x", "command": ["kube-apiserver", "--audit-log-path=/var/log/audit"]}]}
        self._put("Pod", "kube-apiserver", "kube-system", spec=server)
        self.kube.objects["Pod", "kube-system", "kube-apiserver"]["metadata"]["labels"] = {
            "component": "kube-apiserver"
        }

    def _fill_vault(self) -> None:
        self.vault.tokens["root"] = Holder(("root",))
        for mount, days in (("pki", 3650), ("pki_int", 30)):
            self.vault.authorities[mount] = {"one": make_ca(mount, timedelta(days=days))}
            self.vault.defaults[mount] = "one"
        self.vault.mounts["sys/audit"] = {"volume/": {"type": "file"}}

    def _put(self, kind: str, name: str, namespace: str | None, **more: Any) -> None:
        metadata = {"name": name, "annotations": {}, **({"namespace": namespace} if namespace else {})}
        self.kube.put({"kind": kind, "metadata": metadata, **more})

    def bind(self, role: str, kind: str, namespace: str | None, *subjects: Mapping[str, str]) -> None:
        """Bind a role, in a namespace or in all."""
        binding = "RoleBinding" if namespace else "ClusterRoleBinding"
        self._put(binding, f"bind-{role}", namespace, roleRef={"kind": kind, "name": role}, subjects=list(subjects))

    def role(self, name: str, *verbs: str, every: bool = False) -> None:
        """A role for the whole cluster."""
        one = ["*"] if every else ["configmaps"]
        self._put("ClusterRole", name, None, rules=[{"apiGroups": ["*"], "resources": one, "verbs": list(verbs)}])

    def app(self, stage: str) -> dict[str, Any]:
        """Argo CD's application of a stage."""
        return self.kube.objects["Application", "argocd", stage]

    def quota(self, stage: str) -> dict[str, Any]:
        """A stage's quota."""
        return self.kube.objects["ResourceQuota", stage, "landing-zone"]

    def _verdict(self, manifest: Mapping[str, Any], user: str, groups: Sequence[str]) -> tuple[bool, str]:
        kind = str(manifest["kind"])
        if kind in self.verdicts:
            return self.verdicts[kind]
        if kind == "Deployment":
            return False, "denied request: Refused by the guardrail. 1000001 CPU cores are asked for"
        if kind == "Pod":
            return False, 'pods "x" is forbidden: violates PodSecurity "restricted:latest"'
        return False, GIT if user == "pov-probe" else f'User "{user}" cannot patch'

    def _command(self, argv: Sequence[str]) -> str:
        if argv[0] == "stat":
            self.log_size += 10
            return f"{self.log_size}\n"
        allowed = "kubernetes.default" in argv[-1]
        said = (
            self.answers.get("allowed", UNTRUSTED)
            if allowed
            else self.answers.get("forbidden", "dial tcp: i/o timeout")
        )
        if isinstance(said, Exception):
            raise said
        raise CommandFailed(argv, 1, "", f"Error checking seal status: {said}")

    def live(self) -> Live:
        kube: Any = self.kube
        gitea: Any = FakeGitea(self.git, OWNER)
        prober: Any = self.prober
        vault: Any = FakeVault(self.vault, Secret("root"))
        return Live(
            stages=self.stages,
            ttl_s=TTL_S,
            now=NOW,
            kube=kube,
            gitea=lambda: gitea,
            prober=lambda: prober,
            vault=lambda: vault,
            prod_log=lambda: self.log,
            heads=lambda: {"prod": self.log[-1].id, "main": self.log[-1].id},
            terraform=lambda: Infrastructure(read_log(self.terraform), self.recorded, self.state),
        )

    def finding(self, number: str) -> Finding:
        return looked_at([control(number)], self.live(), silent)[0]


def control(number: str) -> Control:
    return next(one for one in CONTROLS if one.number == number)

"""What the gate's parts are called, for the step that makes them and for those that run inside."""

from __future__ import annotations

NAMESPACE = "pov-gate"
RUNNER = "gate-runner"
JOB = "gate-job"
"""Deployments, service accounts and Secrets of the one that watches, and of those that judge."""

REPOSITORY = "pov/deal"
MAIN = "main"
USER = "gate"
CONTEXT = "pov/gate"
"""The status without which nothing is merged."""

IN_CLUSTER_URL = "https://gitea.gitea.svc:3000"
LOGIN = "/run/gitea"
TOKEN_KEY, CA_KEY = "token", "ca.crt"
"""Where a pod finds its token and what vouches for the server."""

CHANGE = "/change"
"""Where a Job's pod has what it judges."""

DEAL = "deal"
PLATFORM = "platform"
SIGNERS, REVOKED, OFFERING, MANDATE = "allowed_signers", "revoked_keys", "offering.yaml", "mandate.json"
REGISTER = "register"
"""Approvals of other deals, which capacity is summed over."""
STAGES = "stages.yaml"
ROOT_MODULE = "terraform/targets/local"

COPY = "gate-state"
COPY_LABEL = "pov.dev/state-serial"
COPY_FOLDER = "/run/landing-zone"
COPY_STATE, COPY_STAGES = "tfstate", "stages.json"
"""The copy of Terraform's state: what its ConfigMaps are called, and where a Job has it."""

RESERVED = frozenset({"argocd", "default", "gitea", "local-path-storage", "qa", "vault"})
RESERVED_BEGIN = ("kube-", "pov-")
"""What no stage of a deal is called: the platform's own namespaces, and the stage that trials make and take away."""

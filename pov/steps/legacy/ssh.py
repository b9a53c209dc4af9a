"""The way to the legacy hosts for the customer's runbooks: inventory, keys, connections."""

from __future__ import annotations

from dataclasses import asdict

from pov.base.errors import NotFound
from pov.base.paths import data
from pov.config.estates import LEGACY
from pov.config.legacy import Host
from pov.engines.ansible import Runbooks, Target
from pov.engines.ssh import Target as SshTarget
from pov.engines.ssh import kubectl_command
from pov.steps.context import Context
from pov.steps.legacy.estate import HOST_PUBLIC_KEY, client_key, hosts_of, secret_name

_SSHD = ("/usr/sbin/sshd", "-i", "-E", "/var/log/sshd.log", "-f", "/etc/ssh/pov_sshd_config")
"""With a log of its own: without a syslog, the process that talks before the login dies of its first line."""
_COMMON = {
    "release_root": "/opt/pov",
    "certificate_root": "/etc/pov/certs",
    "credential_root": "/etc/pov/credentials",
    "service_root": "/etc/service",
    "supervise": "sv",
    "healthy": "healthy",
    "owner": "65532:65532",
    "program": "/usr/local/bin/pov-mock",
    "topology": "/etc/pov/topology.json",
}
"""Where things lie on a host; the runbooks name no path of their own."""


def runbooks(ctx: Context) -> Runbooks:
    """The runbooks against this environment's hosts. Close it. Raises `NotFound` before the legacy step ran."""
    targets = [_target(ctx, host) for host in hosts_of(ctx)]
    folder = data("mock_services", "legacy", "runbooks")
    return Runbooks(folder, targets, user="root", key=client_key(ctx), common=_COMMON)


def _target(ctx: Context, host: Host) -> Target:
    held = (ctx.kube.secret(secret_name(host), LEGACY) or {}).get(HOST_PUBLIC_KEY)
    if not held:
        raise NotFound(f"the legacy host {host.name} is not there yet", fix="pov up")
    command = kubectl_command(ctx.binaries["kubectl"], ctx.home.kubeconfig, LEGACY, host.pod, _SSHD)
    variables = {"host_services": [asdict(placed) for placed in host.services]}
    return Target(SshTarget(host.name, command, held.decode()), variables)

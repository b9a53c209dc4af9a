"""SSH to hosts without an open port: keys, and a client configuration that runs `sshd -i` at the far end.

The far end is reached by a command (`ProxyCommand`), so nothing listens anywhere. Host keys are checked strictly, and
the user's own configuration, agent and known hosts are left out.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pov.base import variables
from pov.base.errors import CommandFailed, PovError, TimedOut
from pov.base.files import private_dir, write_atomic
from pov.base.process import Completed, run
from pov.base.redact import Secret
from pov.base.scratch import scratch

_LIMIT_S = 30.0


@dataclass(frozen=True)
class Key:
    """An Ed25519 key in OpenSSH's format; `public` is the one line that goes into authorized_keys or known_hosts."""

    private: Secret
    public: str


@dataclass(frozen=True)
class Target:
    """A host: its name, the command behind which its sshd speaks on standard input and output, its public key."""

    name: str
    command: tuple[str, ...]
    public_key: str


@dataclass(frozen=True)
class Client:
    """A client configuration on disk."""

    config: Path
    sockets: Path
    identity: Path

    def close(self, names: Sequence[str]) -> None:
        """End the connections that are kept open for the named hosts; those that are not there are left alone."""
        if not any(self.sockets.iterdir()):
            return
        for name in names:
            try:
                _run("ssh", "-F", str(self.config), "-O", "exit", name, check=False)
            except (CommandFailed, TimedOut):
                continue


def make_key(comment: str) -> Key:
    """A new key pair without a passphrase. Raises `PovError` where what is called ssh-keygen makes none."""
    with scratch() as folder:
        path = folder / "key"
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path))
        try:
            return Key(Secret(path.read_text()), path.with_suffix(".pub").read_text().strip())
        except (OSError, UnicodeDecodeError) as error:
            fix = "put OpenSSH's own first on the PATH"
            raise PovError("ssh-keygen ended well and made no key", cause=str(error), fix=fix) from error


def kubectl_command(kubectl: Path, kubeconfig: Path, namespace: str, pod: str, sshd: Sequence[str]) -> tuple[str, ...]:
    """The command that runs `sshd` in a pod, with no variable but its own: its files lie with the environment's."""
    flags = ("--kubeconfig", str(kubeconfig), "--namespace", namespace)
    own = (f"HOME={kubeconfig.parent}", f"KUBECACHEDIR={kubeconfig.parent / 'kubectl-cache'}")
    return ("env", "-i", *own, str(kubectl), *flags, "exec", "--stdin", pod, "--", *sshd)


def configure(folder: Path, targets: Sequence[Target], user: str, key: Secret) -> Client:
    """Write a client's files into `folder` (made private). Connections are shared, and end a minute after their use."""
    private_dir(folder)
    sockets = private_dir(folder / "s")
    identity, known_hosts, config = folder / "id", folder / "known_hosts", folder / "ssh_config"
    write_atomic(identity, key.reveal(), mode=0o600)
    lines = [f"{target.name} {' '.join(target.public_key.split()[:2])}\n" for target in targets]
    write_atomic(known_hosts, "".join(lines))
    common: Mapping[str, str] = {
        "User": user,
        "IdentityFile": _quoted(identity),
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "UserKnownHostsFile": _quoted(known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "PreferredAuthentications": "publickey",
        "ConnectTimeout": "20",
        "ServerAliveInterval": "15",
        "ControlMaster": "auto",
        "ControlPersist": "60s",
        "ControlPath": _quoted(sockets / "%n"),
    }
    blocks = [f"Host {target.name}\n    ProxyCommand {_proxied(target.command)}\n" for target in targets]
    blocks.append("Host *\n" + "".join(f"    {option} {value}\n" for option, value in common.items()))
    write_atomic(config, "".join(blocks), mode=0o600)
    return Client(config, sockets, identity)


def version() -> str:
    """What `ssh -V` says of itself."""
    return _run("ssh", "-V").stderr.strip().split(",")[0]


def _run(*argv: str, check: bool = True) -> Completed:
    return run(argv, timeout_s=_LIMIT_S, env=variables.given_to("ssh"), check=check)


def _proxied(command: Sequence[str]) -> str:
    return shlex.join(command).replace("%", "%%")


def _quoted(path: Path) -> str:
    return f'"{path}"'

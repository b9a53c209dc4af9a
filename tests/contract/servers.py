"""Real servers for contract tests: the bundle's images in testcontainers, configured as the cluster configures them.

Every published port is on the loopback address, every server speaks TLS by the test's own CA.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from pov.base.paths import data
from pov.base.ports import LOOPBACK
from pov.base.redact import Secret
from pov.base.wait import Pending, wait_for
from pov.engines.certificates import Trust
from pov.engines.containers import Containers

START_S = 60.0
STOP_S = 10


@dataclass(frozen=True)
class Server:
    """A server in a container: where it answers, which CA vouches for it."""

    url: str
    ca_path: Path
    container: Any

    def exec(self, *argv: str) -> str:
        """Run a command inside; returns what it printed on standard output."""
        code, output = self.container.get_wrapped_container().exec_run(list(argv), demux=True)
        out, err = (part.decode() if part else "" for part in output)
        assert code == 0, f"{argv[0]} ended with {code}: {err or out}"
        return out


@dataclass(frozen=True)
class OpenBao(Server):
    """Initialised and unsealed, audit log on; `root` may do everything."""

    root: Secret
    recovery: tuple[Secret, ...]


@dataclass(frozen=True)
class GiteaServer(Server):
    """With one administrator, `owner`, and a token of theirs with every scope that `pov up` uses."""

    owner: str
    token: Secret


@contextmanager
def container_api(containers: Containers) -> Iterator[None]:
    """The engine's API on a socket of its own for testcontainers, and the variables that it reads. Docker has one."""
    settings = {
        "TESTCONTAINERS_RYUK_DISABLED": "true",
        "TESTCONTAINERS_CONNECTION_MODE": "docker_host",
        "TESTCONTAINERS_HOST_OVERRIDE": LOOPBACK,
        "TC_HOST": LOOPBACK,
    }
    if containers.kind == "docker":
        with _environment(settings):
            yield
        return
    # A socket's path may have 107 characters at most: pytest's folders are too deep.
    with tempfile.TemporaryDirectory(prefix="pov-api-") as folder:
        socket = Path(folder, "podman.sock")
        environment = {**os.environ, **containers.env()}
        argv = ["podman", "system", "service", "--time=0", f"unix://{socket}"]
        with Path(folder, "log").open("wb") as log:
            service = subprocess.Popen(argv, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            wait_for("podman's API", lambda: _is_there(socket, service), timeout_s=START_S, interval_s=0.05)
            with _environment({**settings, **containers.env(), "DOCKER_HOST": f"unix://{socket}"}):
                yield
        finally:
            service.terminate()
            service.wait(STOP_S)


def _is_there(socket: Path, service: subprocess.Popen[bytes]) -> bool | Pending:
    assert service.poll() is None, f"podman's API ended with {service.returncode}"
    return True if socket.exists() else Pending("no socket yet")


@contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def openbao(image: str, trust: Trust, folder: Path, *, auto_unseal: bool = True) -> Iterator[Server]:
    """A server as in the cluster, not initialised yet: raft, static seal, audit log, TLS."""
    config = folder / "config"
    for part in ("config", "tls", "seal", "data", "run"):
        (folder / part).mkdir(parents=True)
    text = data("vault", "server", "openbao.hcl").read_text()
    if not auto_unseal:
        text = text[: text.index('seal "static"')] + text[text.index("audit ") :]
    (config / "server.hcl").write_text(text)
    (folder / "seal" / "key").write_text(secrets.token_hex(32))
    (folder / "data" / "audit").mkdir()
    _certificate(trust, folder / "tls", ["vault.vault.svc"])
    mounts = {part: (f"/vault/{part}", part in {"data", "run"}) for part in ("config", "tls", "seal", "data", "run")}
    command = ["server", "-config=/vault/config/server.hcl"]
    with _running(image, "/usr/bin/bao", command, folder, mounts, 8200, {"HOME": "/vault/run"}) as (url, container):
        server = Server(url, trust.ca_path, container)
        _answers(server, "/v1/sys/health?uninitcode=200&sealedcode=200&standbyok=true")
        yield server


def initialise(server: Server) -> OpenBao:
    """Initialise a server over its API, three recovery keys, two of which are enough."""
    answer = requests.put(
        f"{server.url}/v1/sys/init",
        json={"recovery_shares": 3, "recovery_threshold": 2},
        verify=str(server.ca_path),
        timeout=START_S,
    )
    answer.raise_for_status()
    document = answer.json()
    _answers(server, "/v1/sys/health")
    recovery = tuple(Secret(key) for key in document["recovery_keys_base64"])
    return OpenBao(server.url, server.ca_path, server.container, Secret(document["root_token"]), recovery)


@contextmanager
def gitea(image: str, trust: Trust, folder: Path, *, owner: str = "pov") -> Iterator[GiteaServer]:
    """A Git server as in the cluster: SQLite, sign-in required, TLS."""
    for part in ("configuration", "secrets", "tls", "data"):
        (folder / part).mkdir(parents=True)
    (folder / "configuration" / "app.ini").write_text(data("argocd", "gitea", "app.ini").read_text())
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
    values = {"secret_key": secrets.token_urlsafe(48), "internal_token": secrets.token_urlsafe(48), "jwt_secret": key}
    for name, value in values.items():
        (folder / "secrets" / name).write_text(value)
    _certificate(trust, folder / "tls", ["gitea.gitea.svc"])
    mounts = {
        "configuration": ("/etc/gitea", False),
        "secrets": ("/etc/gitea-secrets", False),
        "tls": ("/etc/gitea-tls", False),
        "data": ("/var/lib/gitea", True),
    }
    environment = {
        "USER": "git",
        "HOME": "/var/lib/gitea",
        "GITEA_WORK_DIR": "/var/lib/gitea",
        "GITEA_CUSTOM": "/var/lib/gitea/custom",
        "TMPDIR": "/tmp",
        "SSL_CERT_FILE": "/etc/gitea-tls/ca.crt",
    }
    command = ["web", "--config", "/etc/gitea/app.ini"]
    with _running(image, "gitea", command, folder, mounts, 3000, environment) as (url, container):
        server = Server(url, trust.ca_path, container)
        _answers(server, "/api/healthz")
        said = server.exec(
            *("gitea", "--config", "/etc/gitea/app.ini", "admin", "user", "create", "--admin", "--username", owner),
            *("--email", f"{owner}@pov.dev", "--random-password", "--must-change-password=false", "--access-token"),
            *("--access-token-scopes", "write:admin,write:issue,write:repository,write:user"),
        )
        token = next(line.split()[-1] for line in said.splitlines() if line.startswith("Access token was"))
        yield GiteaServer(url, trust.ca_path, container, owner, Secret(token))


def _certificate(trust: Trust, folder: Path, names: Sequence[str]) -> None:
    pair = trust.server(names)
    (folder / "tls.crt").write_text(pair.certificate)
    (folder / "tls.key").write_text(pair.key.reveal())
    (folder / "ca.crt").write_text(trust.ca_pem)


@contextmanager
def _running(
    image: str,
    program: str,
    command: Sequence[str],
    folder: Path,
    mounts: dict[str, tuple[str, bool]],
    port: int,
    environment: dict[str, str],
) -> Iterator[tuple[str, Any]]:
    # Imported here: it reads its settings from the environment once, when it is imported.
    from testcontainers.core.container import DockerContainer

    container = DockerContainer(image)
    container.with_kwargs(entrypoint=[program], security_opt=["no-new-privileges"])
    container.with_command(list(command))
    container.with_envs(**environment)
    for name, (target, writable) in mounts.items():
        source = folder / name
        # Whoever runs inside, it is somebody else: the folder above keeps other people out.
        for path in (source, *source.rglob("*")):
            path.chmod(0o777 if path.is_dir() and writable else 0o755 if path.is_dir() else 0o644)
        container.with_volume_mapping(str(source), target, "rw" if writable else "ro")
    container.ports[f"{port}/tcp"] = (LOOPBACK,)  # type: ignore[assignment]
    client = container.get_docker_client().client
    try:
        with container:
            inside = container.get_wrapped_container()
            inside.reload()
            binding = inside.attrs["NetworkSettings"]["Ports"][f"{port}/tcp"][0]
            assert binding["HostIp"] == LOOPBACK, json.dumps(binding)
            yield f"https://{LOOPBACK}:{binding['HostPort']}", container
    finally:
        client.close()


def _answers(server: Server, path: str) -> None:
    session = requests.Session()
    session.trust_env = False

    def ask() -> bool | Pending:
        inside = server.container.get_wrapped_container()
        try:
            answer = session.get(server.url + path, verify=str(server.ca_path), timeout=5)
        except requests.ConnectionError as error:
            inside.reload()
            assert inside.status == "running", inside.logs(tail=20).decode()
            return Pending(str(error)[:200])
        return True if answer.ok else Pending(f"{answer.status_code}")

    with session:
        wait_for(f"{server.url}{path}", ask, timeout_s=START_S, interval_s=0.1)

"""A real OpenBao as a process on loopback, with the configuration that `pov` ships; a cluster that reviews tokens."""

from __future__ import annotations

import base64
import json
import secrets
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from pov.base.paths import data
from pov.base.ports import free_ports
from pov.base.redact import Secret
from pov.base.wait import wait_for
from pov.engines.certificates import Trust, issue, make_ca
from pov.engines.vault import Vault
from pov.state.home import Home
from pov.steps.vault import layout
from pov.steps.vault.authorities import make_issuing_ca

PROGRAM = Path(sys.executable).parent / "bao"


@dataclass
class Cluster:
    """An API server that answers TokenReview, and nothing else."""

    url: str
    ca_pem: str
    accounts: dict[str, tuple[str, str, str]] = field(default_factory=dict)

    def account(self, namespace: str, name: str, audience: str = "vault") -> Secret:
        """A token of a service account, as the API server would make it; its signature is what this server knows."""
        now = int(time.time())
        claims = {
            "iss": "https://kubernetes.default.svc.cluster.local",
            "sub": f"system:serviceaccount:{namespace}:{name}",
            "aud": [audience],
            "iat": now,
            "nbf": now,
            "exp": now + 600,
            "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": name, "uid": f"{namespace}-{name}"}},
        }
        parts = [json.dumps({"alg": "RS256", "typ": "JWT"}).encode(), json.dumps(claims).encode()]
        parts.append(secrets.token_bytes(256))
        token = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
        self.accounts[token] = (namespace, name, audience)
        return Secret(token)

    def review(self, document: dict[str, object]) -> dict[str, object]:
        spec = document["spec"]
        assert isinstance(spec, dict)
        namespace, name, audience = self.accounts.get(spec["token"], ("", "", ""))
        if not name or audience not in spec.get("audiences", [audience]):
            return {**document, "status": {"authenticated": False, "error": "unknown token"}}
        user = {"username": f"system:serviceaccount:{namespace}:{name}", "uid": f"{namespace}-{name}"}
        return {**document, "status": {"authenticated": True, "audiences": [audience], "user": user}}


@contextmanager
def cluster(work: Path) -> Iterator[Cluster]:
    """Serve token reviews over TLS."""
    ca = make_ca("test cluster")
    pair = issue(ca, "kubernetes", ["127.0.0.1"])
    (work / "api.crt").write_text(pair.certificate)
    (work / "api.key").write_text(pair.key.reveal())
    made = Cluster("", ca.certificate)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            content = json.dumps(made.review(document)).encode()
            self.send_response(201)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(work / "api.crt", work / "api.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    made.url = f"https://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class Bao:
    """The server's process; its folder `data` is its volume."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.audit = work / "data" / "audit.log"
        self.pid_file = work / "run" / "pid"
        for folder in ("data", "run", "tls", "seal"):
            (work / folder).mkdir(parents=True)
        self.trust, _ = Trust.ensure(Home(work / "home"))
        pair = self.trust.server(["vault.vault.svc"])
        (work / "tls" / "tls.crt").write_text(pair.certificate)
        (work / "tls" / "tls.key").write_text(pair.key.reveal())
        (work / "seal" / "key").write_text(secrets.token_hex(32))
        port, cluster_port = free_ports(2)
        self.url = f"https://127.0.0.1:{port}"
        shipped = data("vault", "server", "openbao.hcl").read_text()
        text = shipped.replace("/vault/", f"{work}/").replace("[::]:8200", f"127.0.0.1:{port}")
        (work / "server.hcl").write_text(text.replace("127.0.0.1:8201", f"127.0.0.1:{cluster_port}"))
        self._process: subprocess.Popen[bytes] | None = None

    def vault(self, token: Secret | None = None) -> Vault:
        return Vault(self.url, self.trust.ca_path, token)

    def start(self) -> None:
        with (self.work / "log").open("ab") as log:
            command = [str(PROGRAM), "server", f"-config={self.work / 'server.hcl'}"]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.work)
        wait_for("OpenBao answers", self.vault().status, timeout_s=30, interval_s=0.1)

    def log(self) -> str:
        return (self.work / "log").read_text()

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None


def renew_issuing_ca(vault: Any, wanted: layout.Wishes) -> str:
    """A new issuing CA under the same root before it is due, as `up` makes one when it is. Returns its PEM."""
    return make_issuing_ca(vault, layout._authorities(layout._declarations(), wanted.values())["issuing"])

"""The platform as its users reach it: Git and Vault by their own APIs, services by mutual TLS; none of `pov`'s code."""

from __future__ import annotations

import base64
import http.client
import re
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pov.bundle import require_current
from tests.e2e.harness import Environment, Web

REPOSITORY = "/api/v1/repos/pov/platform-config"
_GENERATION = re.compile(r"(generation: \")(\d+)")


class Git:
    """The configuration repository, as one of Gitea's users."""

    def __init__(self, environment: Environment, user: str = "pov") -> None:
        name = {"pov": "gitea-password", "reviewer": "gitea-reviewer-password"}[user]
        self._auth = (user, environment.secret(name))
        self._web = environment.web("gitea")

    def api(self, method: str, path: str = "", json: Any = None) -> Any:
        """An answer of the repository's API, whatever its code."""
        return self._web(method, REPOSITORY + path, auth=self._auth, json=json)

    def edit(self, branch: str, path: str, change: Any, message: str) -> Any:
        """Commit `change(text)` as the new content of a file; the answer, whatever its code."""
        found = self.api("GET", f"/contents/{quote(path)}?ref={branch}").json()
        text = base64.b64decode(found["content"]).decode()
        changed = change(text)
        assert changed != text, f"nothing to change in {path}"
        body = {
            "branch": branch,
            "sha": found["sha"],
            "message": message,
            "content": base64.b64encode(changed.encode()).decode(),
        }
        return self.api("PUT", f"/contents/{quote(path)}", json=body)

    def renew_all(self, environment: str, branch: str = "main") -> Any:
        """Commit the next generation of an environment's certificate policy: every certificate is renewed."""
        path, message = f"stages/{environment}/certificate-policy.yaml", f"Renew {environment}'s certificates"
        return self.edit(branch, path, lambda text: _GENERATION.sub(_next, text, count=1), message)


def _next(match: re.Match[str]) -> str:
    return f"{match[1]}{int(match[2]) + 1}"


def serials(environment: Environment, estate: str) -> dict[str, str]:
    """Which certificate each service of an estate shows."""
    services = environment.pov("status").json["services"]
    found = {service["name"]: service["serial"] for service in services if service["estate"] == estate}
    assert found
    assert all(found.values()), found
    return found


def vault_login(environment: Environment, namespace: str, service: str, role: str | None = None) -> Any:
    """Vault's answer to a service account that logs in with its role."""
    token = environment.kubectl("create", "token", service, "-n", namespace, "--audience", "vault").out.strip()
    body = {"role": role or namespace, "jwt": token}
    return environment.web("vault")("POST", "/v1/auth/kubernetes/login", json=body)


def vault_as(environment: Environment, namespace: str, service: str) -> Web:
    """Vault, logged in to as a service."""
    answer = vault_login(environment, namespace, service)
    assert answer.status_code == 200, answer.text
    return environment.web("vault", {"X-Vault-Token": answer.json()["auth"]["client_token"]})


def spiffe(namespace: str, service: str) -> str:
    """A service's name in its certificate."""
    return f"spiffe://pov.dev/ns/{namespace}/sa/{service}"


@dataclass(frozen=True)
class Identity:
    """A client certificate with its key, in files, and the root that it trusts."""

    certificate: Path
    key: Path
    root: str

    @classmethod
    def issue(cls, environment: Environment, namespace: str, service: str, folder: Path) -> Identity:
        """What the service's own agent would get."""
        vault = vault_as(environment, namespace, service)
        body = {"common_name": service, "uri_sans": spiffe(namespace, service), "ttl": "10m"}
        answer = vault("POST", "/v1/pki_int/issue/service", json=body)
        assert answer.status_code == 200, answer.text
        data = answer.json()["data"]
        certificate, key = folder / f"{service}.crt", folder / f"{service}.key"
        certificate.write_text("\n".join([data["certificate"], data["issuing_ca"]]))
        key.write_text(data["private_key"])
        return cls(certificate, key, environment.web("vault")("GET", "/v1/pki/ca/pem").text)


def ask(port: int, root: str, identity: Identity | None, path: str = "/work") -> int | None:
    """The code of a service's answer; None if it ended the connection without one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # A service is named by its URI, which Python does not check; who answers is not what is asked here.
    context.check_hostname = False
    context.load_verify_locations(cadata=root)
    if identity is not None:
        context.load_cert_chain(identity.certificate, identity.key)
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except ssl.SSLCertVerificationError:
        raise
    except (ssl.SSLError, ConnectionError, http.client.BadStatusLine):
        return None
    finally:
        connection.close()


@contextmanager
def forwarded(environment: Environment, namespace: str, service: str, port: int = 8443) -> Iterator[int]:
    """A loopback port that leads to a service."""
    kubectl = str(require_current().binaries["kubectl"])
    argv = [kubectl, "--kubeconfig", str(environment.home.kubeconfig), "port-forward", "-n", namespace]
    with subprocess.Popen(
        [*argv, f"service/{service}", f":{port}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"127\.0\.0\.1:(\d+)", line)
            assert found, line
            yield int(found[1])
        finally:
            process.terminate()

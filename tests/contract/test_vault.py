"""One suite for Vault's API: against the fake that unit tests use, and against the real server."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import PovError, Transient
from pov.base.paths import data
from pov.base.redact import Secret
from pov.base.wait import Pending, wait_for
from pov.engines.certificates import details, signed_by
from pov.engines.vault import Denied, Initialised, Issued, Status, Vault
from pov.steps.vault.layout import Wishes, converge, renew_issuing_ca
from tests.contract.openbao import Bao, cluster
from tests.fakes.vault import FakeVault, Server

pytestmark = pytest.mark.contract
HOUR = 3600
ACCOUNTS = {"staging": ("ledger", "fraud-scoring"), "dev": ("ledger",), "pov-system": ("prober",)}


@dataclass
class Opened:
    """A server, initialised and set up, and what was seen on the way."""

    open: Callable[[Secret | None], Any]
    account: Callable[..., Secret]
    wishes: Wishes
    before: Status
    made: Initialised
    changed: bool
    bao: Bao | None = None

    @property
    def root(self) -> Any:
        return self.open(self.made.root_token)

    def as_account(self, namespace: str, name: str, role: str | None = None) -> Any:
        vault = self.open(None)
        vault.login_kubernetes(role or namespace, self.account(namespace, name))
        return vault


def wished(host: str) -> Wishes:
    return Wishes(24 * HOUR, 720 * HOUR, 8760 * HOUR, ACCOUNTS, kubernetes_host=host)


def set_up(open_vault: Callable[[Secret | None], Any], account: Callable[..., Secret], wishes: Wishes) -> Opened:
    vault = open_vault(None)
    before = vault.status()
    made = vault.initialise(auto_unseal=True, shares=3, threshold=2)
    vault.use(made.root_token)
    wait_for("it leads", lambda: vault.token_works() or Pending("no"), timeout_s=20, interval_s=0.1)
    return Opened(open_vault, account, wishes, before, made, changed=False)


@pytest.fixture(scope="module", params=["fake", "real"])
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    if request.param == "fake":
        server = Server()
        ready = set_up(lambda token: FakeVault(server, token), server.account, wished("https://kubernetes.default.svc"))
        ready.changed = converge(ready.root, ready.wishes, with_audit=False)
        yield ready
        return
    work = tmp_path_factory.mktemp("bao")
    with cluster(work) as api:
        bao = Bao(work)
        bao.start()
        try:
            ready = set_up(bao.vault, api.account, wished(api.url))
            # In a pod both of these come from the service account's own files.
            config = {
                "kubernetes_host": api.url,
                "kubernetes_ca_cert": api.ca_pem,
                "token_reviewer_jwt": api.account("vault", "vault").reveal(),
            }
            ready.root.write("sys/auth/kubernetes", {"type": "kubernetes"})
            ready.root.write("auth/kubernetes/config", config)
            ready.changed = converge(ready.root, ready.wishes, with_audit=False)
            ready.bao = bao
            yield ready
        finally:
            bao.stop()


def own_name(vault: Any, namespace: str, name: str, **more: Any) -> Issued:
    dns = [name, f"{name}.{namespace}.svc"]
    issued: Issued = vault.issue(
        "service", common_name=name, uri=f"spiffe://pov.dev/ns/{namespace}/sa/{name}", dns=dns, **more
    )
    return issued


def test_a_server_says_who_it_is_and_that_nobody_initialised_it(opened: Opened) -> None:
    assert opened.before == Status(initialised=False, sealed=True, auto_unseal=True, engine="OpenBao 2.7.2")
    assert opened.root.status() == Status(initialised=True, sealed=False, auto_unseal=True, engine="OpenBao 2.7.2")


def test_initialising_gives_out_keys_once(opened: Opened) -> None:
    assert len(opened.made.keys) == 3
    with pytest.raises(PovError, match="already initialized"):
        opened.open(None).initialise(auto_unseal=True, shares=1, threshold=1)


def test_without_a_token_nothing_is_told(opened: Opened) -> None:
    with pytest.raises(Denied):
        opened.open(None).read("sys/mounts")
    assert not opened.open(Secret("s.wrong")).token_works()


def test_what_is_declared_is_set_up_once(opened: Opened) -> None:
    assert opened.changed
    assert not converge(opened.root, opened.wishes, with_audit=False)


def test_the_admin_sees_that_nothing_differs_and_can_change_lifetimes(opened: Opened) -> None:
    admin = opened.as_account("vault", "pov-admin", "pov-admin")
    assert not converge(admin, opened.wishes, with_audit=False)
    shorter = Wishes(HOUR, 720 * HOUR, 8760 * HOUR, {**ACCOUNTS, "dev": ()}, opened.wishes.kubernetes_host)
    assert converge(admin, shorter, with_audit=False)
    assert admin.read("pki_int/roles/service")["ttl"] == HOUR
    assert admin.read("auth/kubernetes/role/dev") is None
    assert converge(admin, opened.wishes, with_audit=False)
    assert not converge(admin, opened.wishes, with_audit=False)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("sys/policies/acl/pov-admin", {"policy": 'path "*" { capabilities = ["read"] }'}),
        ("auth/kubernetes/role/pov-admin", {"token_policies": ["root"]}),
        ("sys/mounts/another", {"type": "pki"}),
        ("auth/token/create-orphan", {"policies": ["root"]}),
        ("pki_int/issue/service", {"common_name": "pov-admin"}),
    ],
)
def test_the_admin_is_narrow(opened: Opened, path: str, body: dict[str, Any]) -> None:
    if opened.bao is None and path.startswith("auth/token/"):
        return
    with pytest.raises(Denied):
        opened.as_account("vault", "pov-admin", "pov-admin").write(path, body)


def test_a_service_gets_its_own_name(opened: Opened) -> None:
    issued = own_name(opened.as_account("staging", "ledger"), "staging", "ledger", ttl="24h")
    said = details(issued.certificate)
    assert set(said.names) == {"ledger", "ledger.staging.svc", "spiffe://pov.dev/ns/staging/sa/ledger"}
    assert (said.not_after - said.not_before).total_seconds() == pytest.approx(24 * HOUR, abs=600)
    assert issued.serial.replace(":", "").lstrip("0") == said.serial
    intermediate, root = issued.chain
    assert signed_by(issued.certificate, intermediate)
    assert signed_by(intermediate, root)
    assert signed_by(root, root)
    assert "PRIVATE KEY" in issued.key.reveal()


@pytest.mark.parametrize(
    ("name", "uri", "dns"),
    [
        ("fraud-scoring", "spiffe://pov.dev/ns/staging/sa/fraud-scoring", []),
        ("ledger", "spiffe://pov.dev/ns/staging/sa/fraud-scoring", []),
        ("ledger", "spiffe://pov.dev/ns/dev/sa/ledger", []),
        ("ledger", "spiffe://evil.dev/ns/staging/sa/ledger", []),
        ("ledger", "spiffe://pov.dev/ns/staging/sa/ledger", ["fraud-scoring.staging.svc"]),
        ("ledger", "spiffe://pov.dev/ns/staging/sa/ledger", ["ledger.dev.svc"]),
        ("ledger", "spiffe://pov.dev/ns/staging/sa/ledger", ["sub.ledger.staging.svc"]),
        ("ledger", "spiffe://pov.dev/ns/staging/sa/ledger", ["*.ledger.staging.svc"]),
        ("localhost", "spiffe://pov.dev/ns/staging/sa/ledger", []),
    ],
)
def test_and_no_other(opened: Opened, name: str, uri: str, dns: list[str]) -> None:
    with pytest.raises(PovError, match=r"not allowed by this role|not valid for this role"):
        opened.as_account("staging", "ledger").issue("service", common_name=name, uri=uri, dns=dns)


@pytest.mark.parametrize(
    ("namespace", "name", "role"),
    [("staging", "ledger", "dev"), ("dev", "fraud-scoring", "dev"), ("staging", "ledger", "pov-admin")],
)
def test_a_role_admits_its_own_accounts_alone(opened: Opened, namespace: str, name: str, role: str) -> None:
    with pytest.raises(Denied, match="not authorized"):
        opened.as_account(namespace, name, role)


def test_a_token_meant_for_somebody_else_is_refused(opened: Opened) -> None:
    with pytest.raises(Denied):
        opened.open(None).login_kubernetes("staging", opened.account("staging", "ledger", audience="another"))


def test_a_service_may_do_nothing_else(opened: Opened) -> None:
    service = opened.as_account("staging", "ledger")
    for path in ("sys/mounts", "pki_int/roles/service", "auth/kubernetes/role/staging"):
        with pytest.raises(Denied):
            service.read(path)
    with pytest.raises(Denied):
        service.read("pki_int/certs", listing=True)


def test_a_role_that_does_not_exist_is_told_apart(opened: Opened) -> None:
    with pytest.raises(PovError, match="invalid role name"):
        opened.as_account("staging", "ledger", "nobody")


def test_issued_certificates_are_on_record(opened: Opened) -> None:
    issued = own_name(opened.as_account("pov-system", "prober"), "pov-system", "prober")
    keys = opened.as_account("vault", "pov-admin", "pov-admin").read("pki_int/certs", listing=True)["keys"]
    assert int(issued.serial.replace(":", ""), 16) in {int(key.replace(":", ""), 16) for key in keys}


def test_a_new_issuing_ca_stands_under_the_same_root(opened: Opened) -> None:
    service = opened.as_account("staging", "ledger")
    before = own_name(service, "staging", "ledger")
    renewed = renew_issuing_ca(opened.as_account("vault", "pov-admin", "pov-admin"), opened.wishes)
    after = own_name(service, "staging", "ledger")
    assert not signed_by(before.certificate, renewed)
    assert signed_by(after.certificate, renewed)
    assert after.chain[1] == before.chain[1]
    assert not converge(opened.root, opened.wishes, with_audit=False)


def test_anybody_may_read_which_roots_to_trust(opened: Opened) -> None:
    """Agents do, before they have a token worth anything here."""
    if opened.bao is None:
        return
    anybody = opened.open(None)
    listed = anybody.read("pki_int/issuers", listing=True)["keys"]
    pems = [anybody.read(f"pki_int/issuer/{issuer}/json")["certificate"] for issuer in listed]
    roots = [pem for pem in pems if signed_by(pem, pem)]
    assert [details(pem).subject for pem in roots] == ["CN=pov root CA"]


def test_a_root_token_is_made_from_recovery_keys_and_revoked(opened: Opened) -> None:
    admin = opened.as_account("vault", "pov-admin", "pov-admin")
    with pytest.raises(PovError, match="no root token"):
        admin.new_root_token(opened.made.keys[:1])
    token = admin.new_root_token(opened.made.keys)
    vault = opened.open(token)
    assert vault.token_works()
    vault.revoke_own_token()
    assert not opened.open(token).token_works()
    with pytest.raises(Denied):
        opened.open(None).new_root_token(opened.made.keys)


def test_after_a_restart_it_unseals_itself(opened: Opened) -> None:
    if opened.bao is None:
        return
    opened.bao.stop()
    with pytest.raises(Transient):
        opened.open(None).status()
    opened.bao.start()
    vault = opened.root
    wait_for("it leads again", lambda: vault.token_works() or Pending("no"), timeout_s=20, interval_s=0.1)
    assert not vault.status().sealed


def test_every_request_is_on_the_audit_log_and_no_secret_is(opened: Opened) -> None:
    if opened.bao is None:
        return
    issued = own_name(opened.as_account("staging", "ledger"), "staging", "ledger")
    text = opened.bao.audit.read_text()
    entries = [json.loads(line) for line in text.splitlines()]
    assert any(entry["request"]["path"] == "pki_int/issue/service" for entry in entries if entry["type"] == "response")
    # Keys and tokens are hashed: what the log holds opens nothing.
    assert issued.key.reveal().splitlines()[1] not in text
    assert opened.made.root_token.reveal() not in text
    assert opened.bao.audit.stat().st_mode & 0o077 == 0


def test_a_company_bundle_and_proxy_are_ignored(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "VAULT_CACERT", "VAULT_CAPATH"):
        monkeypatch.setenv(name, "/nonexistent/ca.pem")
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("VAULT_TOKEN", "s.somebody-elses")
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:9")
    assert opened.open(None).status().initialised
    with pytest.raises(Denied):
        opened.open(None).read("sys/mounts")


def test_another_ca_is_not_believed(opened: Opened, tmp_path: Path) -> None:
    if opened.bao is None:
        return
    (tmp_path / "ca.crt").write_text(cluster_ca())
    with pytest.raises(Transient, match="certificate of the bootstrap CA"):
        Vault(opened.bao.url, tmp_path / "ca.crt").status()


def cluster_ca() -> str:
    from pov.engines.certificates import make_ca

    return make_ca("somebody else").certificate


def test_the_audit_log_is_rotated_without_losing_an_entry(opened: Opened) -> None:
    if opened.bao is None:
        return
    bao = opened.bao
    script = data("vault", "server", "rotate-audit.sh")
    environment = {
        **{name: os.environ[name] for name in ("PATH",)},
        "LOG": str(bao.audit),
        "PID_FILE": str(bao.pid_file),
        "BYTES": "2000",
        "FILES": "3",
        "PERIOD": "0.1",
    }

    def files() -> list[Path]:
        return sorted(bao.audit.parent.glob("audit.log*"))

    process = subprocess.Popen(["/bin/sh", str(script)], env=environment)
    try:
        for _ in range(6):
            before = bao.audit.stat().st_ino if bao.audit.exists() else 0
            opened.root.read("sys/mounts")
            wait_for("a new file", lambda old=before: renewed(bao.audit, old), timeout_s=10, interval_s=0.02)
    finally:
        process.terminate()
        assert process.wait(5) == 0
    names = [path.name for path in files()]
    assert names == ["audit.log", "audit.log.1", "audit.log.2", "audit.log.3"]
    assert all(json.loads(line) for path in files() for line in path.read_text().splitlines())
    assert not opened.root.status().sealed
    opened.root.read("sys/auth")
    assert '"sys/auth"' in bao.audit.read_text()


def renewed(path: Path, old: int) -> bool | Pending:
    return True if path.exists() and path.stat().st_ino != old else Pending("the old one")

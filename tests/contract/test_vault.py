"""One suite for Vault's API: against the fake that unit tests use, and against the real server."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pov.base.clock import SYSTEM_CLOCK, SystemClock
from pov.base.errors import NotFound, PovError, Transient
from pov.base.paths import data
from pov.base.redact import Secret
from pov.base.wait import Pending, wait_for
from pov.engines.certificates import details, make_ca, signed_by
from pov.engines.vault import Denied, Initialised, Issued, Status, Vault
from pov.steps.vault.audited import AuditLog
from pov.steps.vault.authorities import authorities, warnings
from pov.steps.vault.credentials import change, held
from pov.steps.vault.layout import Wishes, converge
from tests.contract.openbao import Bao, cluster, renew_issuing_ca
from tests.fakes.vault import FakeVault, Server

pytestmark = pytest.mark.contract
HOUR = 3600
ACCOUNTS = {"staging": ("ledger", "fraud-scoring"), "dev": ("ledger",), "pov-system": ("prober",)}
CREDENTIALS = {"staging": ("ledger", "fraud-scoring"), "dev": ("ledger",)}


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
    return Wishes(24 * HOUR, 720 * HOUR, 8760 * HOUR, ACCOUNTS, kubernetes_host=host, credentials=CREDENTIALS)


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


def test_the_admin_sees_that_nothing_differs_and_changes_nothing(opened: Opened) -> None:
    admin = opened.as_account("vault", "pov-admin", "pov-admin")
    assert not converge(admin, opened.wishes, with_audit=False)
    shorter = replace(opened.wishes, ttl=HOUR, accounts={**ACCOUNTS, "dev": ()})
    with pytest.raises(Denied):
        converge(admin, shorter, with_audit=False)
    assert not converge(admin, opened.wishes, with_audit=False)
    # With the recovery keys there is a way, for as long as the token lasts.
    token = admin.new_root_token(opened.made.keys)
    root = opened.open(token)
    assert converge(root, shorter, with_audit=False)
    assert admin.read("pki_int/roles/service")["ttl"] == HOUR
    assert admin.read("auth/kubernetes/role/dev") is None
    assert converge(root, opened.wishes, with_audit=False)
    root.revoke_own_token()
    assert not converge(admin, opened.wishes, with_audit=False)


def own_ca() -> dict[str, Any]:
    """A CA of pov-admin's own, to be brought in; and a request, to be signed as one."""
    ca = make_ca("mine")
    return {"pem_bundle": f"{ca.key.reveal()}\n{ca.certificate}", "certificate": ca.certificate, "csr": request_pem()}


def request_pem() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pov-admin")])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


NAME = {"common_name": "ledger", "uri_sans": "spiffe://pov.dev/ns/staging/sa/ledger"}
OWN_ROLE = {
    "bound_service_account_names": ["pov-admin"],
    "bound_service_account_namespaces": ["vault"],
    "audience": "vault",
    "token_policies": ["service"],
}
ANY_NAME = {"allow_any_name": True, "enforce_hostnames": False, "allowed_uri_sans": ["*"], "max_ttl": 3600}
EVERYTHING = {"policy": 'path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }'}
ISSUING = (
    *("pki_int/issue/service", "pki_int/issue/mine", "pki_int/sign/service", "pki_int/sign-verbatim"),
    *(
        "pki_int/sign-verbatim/service",
        "pki/sign-verbatim",
        "pki/issue/service",
        "pki_int/issuer/default/issue/service",
    ),
    *("pki_int/issuer/default/sign/service", "pki_int/issuer/default/sign-verbatim"),
    *("pki/root/sign-intermediate", "pki_int/root/sign-intermediate", "pki/root/sign-self-issued"),
    *("pki/issuer/default/sign-intermediate", "pki_int/issuer/default/sign-intermediate"),
    *("pki/issuer/default/sign-self-issued", "pki_int/issuer/default/sign-self-issued"),
    *("pki/root/generate/exported", "pki/root/generate/internal", "pki/root/rotate/exported", "pki/root/replace"),
    *("pki_int/intermediate/set-signed", "pki_int/intermediate/generate/exported", "pki_int/root/generate/exported"),
    *("pki_int/intermediate/generate/internal", "pki_int/intermediate/cross-sign", "pki_int/issuers/import/bundle"),
    *(
        "pki_int/issuers/generate/root/exported",
        "pki_int/config/ca",
        "pki_int/keys/import",
        "pki_int/keys/generate/exported",
    ),
    *("pki_int/config/issuers", "pki_int/issuer/default", "pki_int/config/acme", "pki_int/config/cluster"),
)
OTHERS = {
    **{f"pki_int/roles/{name}": ANY_NAME for name in ("service", "mine")},
    **{
        f"auth/kubernetes/role/{name}": OWN_ROLE
        for name in ("dev", "staging", "prod", "pov-system", "pov-admin", "mine")
    },
    "auth/kubernetes/config": {"kubernetes_host": "https://127.0.0.1:1"},
    **{f"sys/policies/acl/{name}": EVERYTHING for name in ("pov-admin", "service", "default", "mine")},
    "sys/policy/pov-admin": EVERYTHING,
    **{
        f"auth/token/{path}": {"policies": ["root"]}
        for path in ("create", "create-orphan", "create/mine", "roles/mine")
    },
    "sys/mounts/mine": {"type": "pki"},
    "sys/mounts/pki_int/tune": {"max_lease_ttl": "1h"},
    "sys/remount": {"from": "pki", "to": "mine"},
    "sys/auth/mine": {"type": "userpass"},
    "sys/audit/mine": {"type": "file", "options": {"file_path": "/dev/null"}},
    "sys/config/auditing/request-headers/x": {},
    "identity/entity": {"name": "mine", "policies": ["service"]},
    "identity/entity-alias": {"name": "mine"},
    "identity/group": {"name": "mine", "policies": ["service"]},
    "sys/rotate/recovery/init": {},
    "sys/raw/core/mounts": {"value": ""},
    "sys/seal": {},
    "sys/step-down": {},
}


@pytest.mark.parametrize("path", [*ISSUING, *OTHERS])
def test_the_admin_cannot_write(opened: Opened, path: str) -> None:
    if opened.bao is None and path.startswith("auth/token/"):
        return
    body = OTHERS.get(path) or {**NAME, **own_ca()}
    with pytest.raises(Denied):
        opened.as_account("vault", "pov-admin", "pov-admin").write(path, body)


@pytest.mark.parametrize("path", ["pki_int/roles/service", "pki_int/issuer/default", "auth/kubernetes/role/dev"])
def test_the_admin_cannot_patch(opened: Opened, path: str) -> None:
    if opened.bao is None:
        return
    admin = opened.as_account("vault", "pov-admin", "pov-admin")
    kind = {"Content-Type": "application/merge-patch+json"}
    with pytest.raises(Denied):
        admin._call(admin._client.adapter.request, "patch", f"/v1/{path}", json=ANY_NAME, headers=kind)


@pytest.mark.parametrize(
    "path",
    [
        *("sys/audit/volume", "sys/mounts/pki", "sys/auth/kubernetes", "pki/root", "pki_int/issuer/default"),
        *("auth/kubernetes/role/dev", "pki_int/roles/service", "sys/policies/acl/service", "pki_int/key/default"),
    ],
)
def test_the_admin_cannot_delete(opened: Opened, path: str) -> None:
    with pytest.raises(Denied):
        opened.as_account("vault", "pov-admin", "pov-admin").delete(path)


@pytest.mark.parametrize(
    ("path", "listing"),
    [
        *(("pki/keys", True), ("pki_int/keys", True), ("pki_int/key/default", False), ("auth/token/accessors", True)),
        *(("sys/raw/core/master", False), ("sys/storage/raft/snapshot", False), ("identity/entity/id", True)),
    ],
)
def test_the_admin_reads_no_keys(opened: Opened, path: str, listing: bool) -> None:
    if opened.bao is None and path.startswith("auth/token/"):
        return
    with pytest.raises(Denied):
        opened.as_account("vault", "pov-admin", "pov-admin").read(path, listing=listing)


def test_known_limit_recovery_keys_open_everything(opened: Opened) -> None:
    """Who has them and pov-admin's account has what pov-admin is denied; vault/README.md says so."""
    token = opened.as_account("vault", "pov-admin", "pov-admin").new_root_token(opened.made.keys)
    root = opened.open(token)
    root.write("sys/policies/acl/mine", EVERYTHING)
    root.delete("sys/policies/acl/mine")
    root.revoke_own_token()


def test_known_limit_who_has_a_services_token_has_its_name(opened: Opened) -> None:
    """Vault believes the cluster: whoever may make tokens for a service account is that service here."""
    issued = own_name(opened.as_account("staging", "ledger"), "staging", "ledger")
    assert "spiffe://pov.dev/ns/staging/sa/ledger" in details(issued.certificate).names


def test_known_limit_a_revoked_certificate_is_good_by_its_chain(opened: Opened) -> None:
    """Services look at the chain and the time, and ask for no revocation list; vault/README.md says so."""
    if opened.bao is None:
        return
    issued = own_name(opened.as_account("staging", "ledger"), "staging", "ledger")
    root = opened.open(opened.as_account("vault", "pov-admin", "pov-admin").new_root_token(opened.made.keys))
    try:
        root.write("pki_int/revoke", {"serial_number": issued.serial})
        held = root.read(f"pki_int/cert/{issued.serial}")
        assert held is not None
        assert held["revocation_time"] > 0
    finally:
        root.revoke_own_token()
    intermediate, ca = issued.chain
    assert signed_by(issued.certificate, intermediate)
    assert signed_by(intermediate, ca)
    assert details(issued.certificate).not_after > datetime.now(UTC)


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
    renewed = renew_issuing_ca(opened.root, opened.wishes)
    after = own_name(service, "staging", "ledger")
    assert not signed_by(before.certificate, renewed)
    assert signed_by(after.certificate, renewed)
    assert after.chain[1] == before.chain[1]
    assert not converge(opened.root, opened.wishes, with_audit=False)


class Later(SystemClock):
    """The machine's clock, so many seconds on."""

    def __init__(self, by_s: float) -> None:
        self._by = timedelta(seconds=by_s)

    def wall(self) -> datetime:
        return super().wall() + self._by


@pytest.mark.parametrize(("share", "renewed"), [(0.1, False), (0.6, False), (0.7, True), (1.2, True)])
def test_up_renews_the_issuing_ca_with_a_third_of_its_life_left(opened: Opened, share: float, renewed: bool) -> None:
    renew_issuing_ca(opened.root, opened.wishes)
    before = authorities(opened.open(None))
    clock = Later(share * opened.wishes.ca_ttl)
    assert converge(opened.root, opened.wishes, with_audit=False, clock=clock) is renewed
    # `pov status` says so before.
    assert bool(warnings(before, opened.wishes.ttl, clock.wall())) is renewed
    after = authorities(opened.open(None))
    assert (after.issuing.serial != before.issuing.serial) is renewed
    assert after.root == before.root


def test_a_certificate_does_not_outlive_its_issuing_ca_and_up_makes_room(opened: Opened) -> None:
    """What a scenario's `caTtl` that leaves no room would come to, on the server that enforces it."""
    renew_issuing_ca(opened.root, replace(opened.wishes, ca_ttl=opened.wishes.ttl - HOUR))
    service = opened.as_account("staging", "ledger")
    said = warnings(authorities(opened.open(None)), opened.wishes.ttl, SYSTEM_CLOCK.wall())
    assert "issues no certificate any more: pov up renews it" in said[0]
    if opened.bao is not None:
        with pytest.raises(PovError, match=r"beyond the expiration of the CA|notAfter"):
            own_name(service, "staging", "ledger", ttl="24h")
    assert converge(opened.root, opened.wishes, with_audit=False)
    own_name(service, "staging", "ledger", ttl="24h")


def test_near_the_roots_end_an_issuing_ca_ends_with_it_and_then_up_refuses(opened: Opened) -> None:
    if opened.bao is None:
        return
    longer = replace(opened.wishes, ca_ttl=opened.wishes.root_ttl + HOUR)
    assert converge(opened.root, longer, with_audit=False)
    found = authorities(opened.open(None))
    assert timedelta(0) < found.root.not_after - found.issuing.not_after < timedelta(minutes=2)
    assert "nobody renews it" in warnings(found, opened.wishes.ttl, SYSTEM_CLOCK.wall())[0]
    own_name(opened.as_account("staging", "ledger"), "staging", "ledger", ttl="24h")
    # Nothing longer can be had, so that it is left alone as long as it is good for one more certificate.
    assert not converge(opened.root, longer, with_audit=False)
    for left_h, refused in ((25, False), (23, True)):
        clock = Later(opened.wishes.root_ttl - left_h * HOUR)
        if refused:
            with pytest.raises(PovError, match="root CA of the services ends") as caught:
                converge(opened.root, longer, with_audit=False, clock=clock)
            assert "pov down" in caught.value.fix
        else:
            assert not converge(opened.root, longer, with_audit=False, clock=clock)
    assert converge(opened.root, opened.wishes, with_audit=False)


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
    # A look at a token is answered a moment before it leads; a login is not.
    wait_for("a login", lambda: opened.as_account("staging", "ledger"), timeout_s=20, interval_s=0.1)


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


def test_a_service_reads_its_own_credential_and_no_other(opened: Opened) -> None:
    ledger = opened.as_account("staging", "ledger")
    own = ledger.read("secret/data/staging/ledger")["data"]["value"]
    assert len(own) == 43
    for path in (
        "secret/data/staging/fraud-scoring",
        "secret/data/dev/ledger",
        "secret/data/staging",
        "secret/metadata/staging/ledger",
    ):
        with pytest.raises(Denied):
            ledger.read(path)
    for listed in ("secret/metadata/staging", "secret/metadata"):
        with pytest.raises(Denied):
            ledger.read(listed, listing=True)
    with pytest.raises(Denied):
        ledger.write("secret/data/staging/ledger", {"data": {"value": "mine"}})
    others = [opened.as_account("dev", "ledger").read("secret/data/dev/ledger")]
    others.append(opened.as_account("staging", "fraud-scoring").read("secret/data/staging/fraud-scoring"))
    assert len({own, *(other["data"]["value"] for other in others)}) == 3


def test_whoever_changes_a_credential_reads_none(opened: Opened) -> None:
    owner = opened.as_account("vault", "credential-owner", "credential-owner")
    before = held(owner, "staging", "ledger")
    version = change(owner, "staging", "ledger", Secret("another"))
    assert version == before.version + 1
    after = held(owner, "staging", "ledger")
    assert after.version == version
    assert after.since > before.since
    assert opened.as_account("staging", "ledger").read("secret/data/staging/ledger")["data"] == {"value": "another"}
    for path in ("secret/data/staging/ledger", "secret/data/staging/ledger?version=1"):
        with pytest.raises(Denied):
            owner.read(path)
    for other in ("sys/policies/acl/service", "auth/kubernetes/role/staging", "secret/config", "sys/mounts/secret"):
        with pytest.raises(Denied):
            owner.write(other, {})
    with pytest.raises(Denied):
        owner.delete("secret/metadata/staging/ledger")
    with pytest.raises(NotFound, match="ledger has no credential in prod"):
        held(owner, "prod", "ledger")
    assert not converge(opened.root, opened.wishes, with_audit=False), "what somebody changed stays"


def test_a_credential_goes_with_all_that_is_known_of_it(opened: Opened) -> None:
    change(opened.root, "going", "ledger", Secret("first"))
    change(opened.root, "going", "ledger", Secret("second"))
    opened.root.delete("secret/metadata/going/ledger")
    for path in ("secret/data/going/ledger", "secret/data/going/ledger?version=1", "secret/metadata/going/ledger"):
        assert opened.root.read(path) is None
    opened.root.delete("secret/metadata/going/ledger")


def test_the_admin_sees_who_has_a_credential_and_reads_none(opened: Opened) -> None:
    admin = opened.as_account("vault", "pov-admin", "pov-admin")
    assert admin.read("secret/metadata/staging", listing=True) == {"keys": ["fraud-scoring", "ledger"]}
    for path in ("secret/data/staging/ledger", "secret/metadata/staging/ledger", "secret/subkeys/staging/ledger"):
        with pytest.raises(Denied):
            admin.read(path)
    for path in ("secret/data/staging/ledger", "secret/metadata/staging/ledger", "secret/undelete/staging/ledger"):
        with pytest.raises(Denied):
            admin.write(path, {"data": {"value": "mine"}})


def test_the_audit_log_tells_who_changed_a_credential_and_who_got_a_certificate(opened: Opened) -> None:
    if opened.bao is None:
        return
    since = SYSTEM_CLOCK.wall()
    version = change(
        opened.as_account("vault", "credential-owner", "credential-owner"), "staging", "ledger", Secret("another-one")
    )
    with pytest.raises(Denied):
        change(opened.as_account("staging", "ledger"), "staging", "ledger", Secret("not-mine-to-change"))
    opened.as_account("staging", "ledger").read("secret/data/staging/ledger")
    own_name(opened.as_account("staging", "ledger"), "staging", "ledger")
    own_name(opened.as_account("dev", "ledger"), "dev", "ledger")

    def here(pod: str, namespace: str, argv: list[str], **_: Any) -> str:
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    ctx: Any = SimpleNamespace(kube=SimpleNamespace(exec=here))
    log = AuditLog(ctx, str(opened.bao.audit))
    (one,) = log.credential_changes("staging", "ledger", since)
    assert (one.account, one.namespace, one.version) == ("credential-owner", "vault", version)
    assert since <= one.when <= SYSTEM_CLOCK.wall()
    (got,) = log.certificates("staging", "ledger", since)
    assert (got.account, got.namespace) == ("ledger", "staging")
    assert log.credential_changes("staging", "fraud-scoring", since) == ()


def test_credentials_are_in_no_audit_log(opened: Opened) -> None:
    if opened.bao is None:
        return
    value = Secret("a-credential-to-be-found-in-no-log")
    change(opened.as_account("vault", "credential-owner", "credential-owner"), "staging", "ledger", value)
    log = opened.bao.audit.read_text()
    assert "secret/data/staging/ledger" in log
    assert value.reveal() not in log

"""The agent against a real server that is set up as `pov up` does it, and a cluster that reviews tokens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from pov.base.ports import free_ports
from pov.base.process import run
from pov.base.redact import Secret
from pov.base.wait import Pending, wait_for
from pov.bundle import graph
from pov.bundle.builder import make_all
from pov.engines.certificates import make_ca
from pov.engines.container_choice import find
from pov.engines.vault import Vault
from pov.experiments.secret import fingerprint
from pov.model.events import silent
from pov.steps.vault.credentials import change, ensure_credentials
from pov.steps.vault.layout import Wishes, converge
from tests.contract.openbao import Bao, Cluster, cluster, renew_issuing_ca
from tests.contract.policy_api import policy_api
from tests.unit.mock_services.running import Process

pytestmark = pytest.mark.contract
HOUR = 3600
ACCOUNTS = {"staging": ("ledger", "fraud-scoring")}
LIMIT_S = 30.0


@dataclass
class Ready:
    """A server with the PKI of the services."""

    bao: Bao
    api: Cluster
    root: Vault


@pytest.fixture(scope="module")
def program() -> Path:
    made = make_all([c for c in graph.components(find, tofu=False) if c.name in {"go", "mock"}], silent)
    return made["mock"].folder / "pov-mock"


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ready]:
    work = tmp_path_factory.mktemp("bao")
    with cluster(work) as api:
        bao = Bao(work)
        bao.start()
        try:
            vault = bao.vault()
            vault.use(vault.initialise(auto_unseal=True, shares=1, threshold=1).root_token)
            wait_for("it leads", lambda: vault.token_works() or Pending("no"), timeout_s=20, interval_s=0.1)
            reviewer = {
                "kubernetes_host": api.url,
                "kubernetes_ca_cert": api.ca_pem,
                "token_reviewer_jwt": api.account("vault", "vault").reveal(),
            }
            vault.write("sys/auth/kubernetes", {"type": "kubernetes"})
            vault.write("auth/kubernetes/config", reviewer)
            wishes = Wishes(24 * HOUR, 720 * HOUR, 8760 * HOUR, ACCOUNTS, api.url, credentials=ACCOUNTS)
            converge(vault, wishes, with_audit=False)
            yield Ready(bao, api, vault)
        finally:
            bao.stop()


class Agents:
    """Starts agents whose files lie below one folder."""

    def __init__(self, program: Path, ready: Ready, work: Path, stack: ExitStack) -> None:
        self.program, self.ready, self.work, self._stack = program, ready, work, stack
        self.certs = work / "certs"
        self.process: Process | None = None

    def start(self, name: str = "ledger", account: str = "ledger", *flags: str) -> Process:
        (self.work / "token").write_text(self.ready.api.account("staging", account).reveal())
        (port,) = free_ports(1)
        argv = [
            self.program, "agent", "--vault", self.ready.bao.url, "--vault-ca", self.ready.bao.trust.ca_path,
            "--role", "staging", "--name", name, "--namespace", "staging", "--out", self.certs,
            "--token", self.work / "token", "--status", f"127.0.0.1:{port}", *flags,
        ]  # fmt: skip
        self.process = self._stack.enter_context(Process(argv, port))
        return self.process

    def status(self) -> dict[str, Any]:
        assert self.process is not None
        answer = self.process.page("/status")
        return {} if answer is None else dict(answer.json())

    def until(self, what: str, check: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        def look() -> dict[str, Any] | Pending:
            seen = self.status()
            return seen if seen and check(seen) else Pending(str(seen))

        return wait_for(what, look, timeout_s=LIMIT_S, interval_s=0.05)

    def certificate(self) -> x509.Certificate:
        return x509.load_pem_x509_certificates((self.certs / "tls.crt").read_bytes())[0]

    def roots(self) -> list[str]:
        found = x509.load_pem_x509_certificates((self.certs / "ca.crt").read_bytes())
        return sorted(root.subject.rfc4514_string() for root in found)

    def check(self) -> int:
        return run([str(self.program), "check", "--certs", str(self.certs)], timeout_s=20, env={}, check=False).code


@pytest.fixture
def agents(program: Path, ready: Ready, tmp_path: Path) -> Iterator[Agents]:
    with ExitStack() as stack:
        yield Agents(program, ready, tmp_path, stack)


def test_a_service_gets_its_own_name(agents: Agents) -> None:
    agents.start().until_ready()
    leaf = agents.certificate()
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["spiffe://pov.dev/ns/staging/sa/ledger"]
    assert set(names.get_values_for_type(x509.DNSName)) == {"ledger", "ledger.staging.svc"}
    assert len(x509.load_pem_x509_certificates((agents.certs / "tls.crt").read_bytes())) == 2
    assert agents.roots() == ["CN=pov root CA"]
    assert agents.check() == 0
    assert (agents.certs / "tls.key").stat().st_mode & 0o007 == 0
    status = agents.status()
    assert status["renewals"] == 1
    assert status["serial"] == leaf.serial_number.to_bytes(20, "big").lstrip(b"\0").hex(":")
    assert agents.process is not None
    assert not any("PRIVATE" in line or "s." in line.split("serial")[0] for line in agents.process.log)


def test_it_gets_no_other(agents: Agents) -> None:
    agents.start("fraud-scoring", "ledger")
    refused = agents.until("a refusal", lambda seen: bool(seen["lastError"]))
    assert "issue: status" in refused["lastError"]
    assert not (agents.certs / "tls.crt").exists()
    assert agents.check() == 1
    assert agents.process is not None
    answer = agents.process.page("/ready")
    assert answer is not None
    assert answer.status_code == 503


def test_it_renews_by_two_thirds_of_its_life(agents: Agents) -> None:
    agents.start("ledger", "ledger", "--ttl", "6s").until_ready()
    first = agents.certificate()
    agents.until("the next one", lambda seen: seen["renewals"] == 2)
    second = agents.certificate()
    assert second.serial_number != first.serial_number
    # Two thirds of 6 s, and a second between two looks; certificates have whole seconds.
    between = second.not_valid_after_utc - first.not_valid_after_utc
    assert 3 <= between.total_seconds() <= 5
    assert agents.check() == 0


def test_a_new_generation_rotates_and_a_restart_does_not(agents: Agents, tmp_path: Path) -> None:
    with policy_api(tmp_path / "account") as api:
        flags = ("--policy-configmap", "certificate-policy", "--kube", api.url, "--kube-account", str(api.account))
        agents.start("ledger", "ledger", *flags).until_ready()
        agents.until("the policy is known", lambda seen: seen["generation"] == "1")
        first = agents.certificate().serial_number
        api.put(2)
        agents.until("the rotation", lambda seen: seen["renewals"] == 2 and seen["generation"] == "2")
        second = agents.certificate().serial_number
        assert second != first
        _restart(agents, flags)
        agents.until("the policy is known again", lambda seen: seen["generation"] == "2")
        assert agents.certificate().serial_number == second
        assert agents.process is not None
        agents.process.signal(15)
        assert agents.process.wait() == 0
        api.put(3)
        agents.start("ledger", "ledger", *flags).until_ready()
        agents.until("what it missed", lambda seen: seen["generation"] == "3" and seen["renewals"] == 1)


def test_a_credential_is_fetched_and_followed(agents: Agents, ready: Ready) -> None:
    flags = ("--credential-mount", "secret", "--credential-every", "200ms")
    agents.start("ledger", "ledger", *flags).until_ready()
    file = agents.certs / "credential"
    first = file.read_text()
    assert file.stat().st_mode & 0o007 == 0
    value = Secret("another")
    version = change(ready.root, "staging", "ledger", value)
    seen = agents.until("the next version", lambda seen: seen["credentialVersion"] == version)
    assert seen["credentialError"] == ""
    assert file.read_text() == "another" != first
    told = run([str(agents.program), "fingerprint", "--file", str(file)], timeout_s=20, env={})
    assert told.stdout == f"{fingerprint(value)}\n"
    assert agents.process is not None
    assert not any(value.reveal() in line or first in line for line in agents.process.log)


def test_a_service_waits_for_a_credential_that_is_not_there(agents: Agents, ready: Ready) -> None:
    """Neither another's nor none at all: the agent is not ready, and says why."""
    ready.root.delete("secret/metadata/staging/fraud-scoring")
    agents.start("fraud-scoring", "fraud-scoring", "--credential-mount", "secret", "--credential-every", "200ms")
    seen = agents.until("it looked", lambda seen: bool(seen["credentialError"]) and bool(seen["serial"]))
    assert "status 404" in seen["credentialError"]
    assert not (agents.certs / "credential").exists()
    assert agents.process is not None
    answer = agents.process.page("/ready")
    assert answer is not None
    assert answer.status_code == 503
    ensure_credentials(ready.root, "staging", ["fraud-scoring"])
    agents.process.until_ready()


def _restart(agents: Agents, flags: tuple[str, ...]) -> None:
    assert agents.process is not None
    agents.process.signal(15)
    assert agents.process.wait() == 0
    agents.start("ledger", "ledger", *flags).until_ready()


def test_an_emptied_generation_orders_nothing(agents: Agents, tmp_path: Path) -> None:
    with policy_api(tmp_path / "account") as api:
        flags = ("--policy-configmap", "certificate-policy", "--kube", api.url, "--kube-account", str(api.account))
        agents.start("ledger", "ledger", *flags).until_ready()
        api.put(2)
        agents.until("the rotation", lambda seen: seen["renewals"] == 2 and seen["generation"] == "2")
        api.put("")
        # The watch tells changes in order: a renewal for the emptied one would be one too many at the next.
        begun = time.monotonic()
        wait_for(
            "three looks of the agent", lambda: time.monotonic() - begun > 3 or Pending("not yet"),
            timeout_s=LIMIT_S, interval_s=0.2,
        )  # fmt: skip
        api.put(3)
        seen = agents.until("the next rotation", lambda seen: seen["generation"] == "3")
        assert seen["renewals"] == 3


@pytest.mark.parametrize("behaviour", ["truncate", "err"])
def test_an_issuer_at_its_end_is_told_and_not_asked_without_end(agents: Agents, ready: Ready, behaviour: str) -> None:
    """Servers cut a certificate to its issuer's end, or refuse it, as they are set up to do."""
    lasting = ready.root.read("pki_int/config/issuers") or {}
    renew_issuing_ca(ready.root, Wishes(24 * HOUR, 15, 8760 * HOUR, ACCOUNTS, ready.api.url))
    try:
        ready.root.write("pki_int/issuer/default", {"leaf_not_after_behavior": behaviour})
        agents.start("ledger", "ledger", "--ttl", "1h")
        if behaviour == "truncate":
            cut = agents.until("a certificate", lambda seen: seen["renewals"] == 1)
            assert "though 1h0m0s were asked for" in cut["warning"]
            assert agents.check() == 0
        failing = agents.until("the end of the issuer", lambda seen: bool(seen["lastError"]))
        assert failing["nextTry"]
        # 15 s, 6 s, 2 s …: each leaves two fifths of what was left.
        assert failing["renewals"] <= 7
    finally:
        ready.root.write("pki_int/config/issuers", {"default": lasting["default"]})
    healed = agents.until("it heals", lambda seen: bool(seen["serial"]) and not seen["lastError"])
    assert (healed["warning"], healed["nextTry"]) == ("", None)
    assert agents.check() == 0


def test_it_goes_on_while_the_server_is_down(agents: Agents, ready: Ready) -> None:
    agents.start("ledger", "ledger", "--ttl", "12s").until_ready()
    first = agents.certificate().serial_number
    ready.bao.stop()
    try:
        agents.until("it notices", lambda seen: bool(seen["lastError"]))
        assert agents.certificate().serial_number == first
    finally:
        ready.bao.start()
    agents.until("it renews", lambda seen: seen["renewals"] >= 2 and not seen["lastError"])
    assert agents.certificate().serial_number != first
    assert agents.check() == 0


def test_a_second_root_is_trusted_with_the_next_certificate(agents: Agents, ready: Ready) -> None:
    other = make_ca("another root CA")
    bundle = {"pem_bundle": f"{other.certificate}"}
    imported = ready.root.write("pki/issuers/import/cert", bundle)["imported_issuers"]
    try:
        agents.start().until_ready()
        assert agents.roots() == ["CN=another root CA", "CN=pov root CA"]
    finally:
        for issuer in imported:
            ready.root.delete(f"pki/issuer/{issuer}")

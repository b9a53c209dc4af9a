from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pov.base.errors import NotFound
from pov.base.redact import Secret
from pov.config.estates import estates
from pov.config.legacy import dns_names, hosts, identity
from pov.engines import ssh
from pov.engines.certificates import details, signed_by
from pov.engines.legacy_ca import LegacyCa
from tests.unit.experiments.world import scenario

NAMES = ("ledger.legacy.svc", "ledger", "spiffe://pov.dev/ns/legacy/sa/ledger")


def test_the_client_knows_its_hosts_alone(tmp_path: Path) -> None:
    targets = [
        ssh.Target("legacy-1", ("kubectl", "--kubeconfig", "/a b/100%", "exec", "x"), "ssh-ed25519 AAAA comment"),
        ssh.Target("legacy-2", ("kubectl", "exec", "y"), "ssh-ed25519 BBBB"),
    ]
    client = ssh.configure(tmp_path / "ssh", targets, "root", Secret("private"))
    text = client.config.read_text()
    assert "Host legacy-1\n    ProxyCommand kubectl --kubeconfig '/a b/100%%' exec x\n" in text
    for line in ("StrictHostKeyChecking yes", "IdentityAgent none", "IdentitiesOnly yes", "ControlPersist 60s"):
        assert line in text
    assert (tmp_path / "ssh" / "known_hosts").read_text() == "legacy-1 ssh-ed25519 AAAA\nlegacy-2 ssh-ed25519 BBBB\n"
    assert (tmp_path / "ssh" / "id").stat().st_mode & 0o777 == 0o600
    client.close(["legacy-1"])


def test_the_way_to_a_pod_knows_no_variable_but_its_own() -> None:
    command = ssh.kubectl_command(Path("/bin/kubectl"), Path("/k"), "legacy", "legacy-1-0", ["sshd", "-i"])
    assert command[:4] == ("env", "-i", "HOME=/", "KUBECACHEDIR=/kubectl-cache")
    assert command[-8:] == ("--namespace", "legacy", "exec", "--stdin", "legacy-1-0", "--", "sshd", "-i")


def test_a_key_is_one_of_ed25519() -> None:
    key = ssh.make_key("pov")
    assert key.public.startswith("ssh-ed25519 ")
    assert "OPENSSH PRIVATE KEY" in key.private.reveal()
    assert ssh.version().startswith("OpenSSH")


def test_the_ca_is_made_once_however_many_ask(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no CA yet"):
        LegacyCa.load(tmp_path)
    with ThreadPoolExecutor(4) as pool:
        made = [outcome for _, outcome in pool.map(lambda _: LegacyCa.ensure(tmp_path), range(4))]
    assert sorted(made) == [False, False, False, True]
    assert LegacyCa.load(tmp_path).key.stat().st_mode & 0o777 == 0o600


def test_a_ca_cut_off_in_between_is_made_anew(tmp_path: Path) -> None:
    first, _ = LegacyCa.ensure(tmp_path)
    pem = first.pem
    first.certificate.unlink()
    second, made = LegacyCa.ensure(tmp_path)
    assert made
    assert second.pem != pem


def test_what_it_signs_is_for_both_sides_and_vouched_for(tmp_path: Path) -> None:
    ca, _ = LegacyCa.ensure(tmp_path)
    pair = ca.issue(NAMES)
    assert signed_by(pair.certificate, ca.pem)
    assert set(NAMES) == set(details(pair.certificate).names)
    now = datetime.now(UTC)
    assert ca.vouches_for(pair.certificate, NAMES, now)
    assert not ca.vouches_for(pair.certificate, (*NAMES, "other"), now)
    assert not ca.vouches_for(pair.certificate, NAMES, now + timedelta(days=300))
    assert not ca.vouches_for("", NAMES, now)
    other, _ = LegacyCa.ensure(tmp_path / "other")
    assert not other.vouches_for(pair.certificate, NAMES, now)
    short = details(ca.issue(NAMES, timedelta(seconds=15)).certificate)
    assert short.not_after - now < timedelta(seconds=30)


def test_services_are_dealt_out_and_ports_are_their_own() -> None:
    legacy = estates(scenario())[-1]
    placed = hosts(legacy, 2)
    assert [host.pod for host in placed] == ["legacy-1-0", "legacy-2-0"]
    assert sorted(p.service for host in placed for p in host.services) == sorted(legacy.services)
    for host in placed:
        ports = [port for p in host.services for port in (p.port, p.health_port)]
        assert len(set(ports)) == len(ports)
    assert len(hosts(legacy, 50)) == len(legacy.services), "no host without work"
    assert identity("legacy", "ledger") == NAMES[2]
    assert dns_names("legacy", "ledger") == NAMES[:2]

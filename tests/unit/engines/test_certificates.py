from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pov.base.errors import NotFound, PovError
from pov.engines.certificates import CA_LIFE, Trust, belongs, details, issue, make_ca, signed_by
from pov.state.home import Home

NAMES = ("vault.vault.svc", "vault")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "demo")


def test_the_ca_is_made_once_and_kept(home: Home) -> None:
    with pytest.raises(NotFound):
        Trust.load(home)
    trust, made = Trust.ensure(home)
    again, made_again = Trust.ensure(home)
    assert (made, made_again) == (True, False)
    assert again.ca_pem == trust.ca_pem == trust.ca_path.read_text()
    assert "demo" in details(trust.ca_pem).subject
    assert (home.secrets_dir / "ca.key").stat().st_mode & 0o777 == 0o600


def test_cut_off_between_key_and_certificate_it_is_made_anew(home: Home) -> None:
    trust, _ = Trust.ensure(home)
    trust.ca_path.unlink()
    _, made = Trust.ensure(home)
    assert made


def test_files_that_do_not_fit_are_told_not_replaced(home: Home) -> None:
    trust, _ = Trust.ensure(home)
    trust.ca_path.write_text(make_ca("another").certificate)
    with pytest.raises(PovError, match="damaged") as caught:
        Trust.ensure(home)
    assert "pov up" in caught.value.fix


def test_the_key_is_redacted_and_the_certificate_is_not_a_secret(home: Home) -> None:
    trust, _ = Trust.ensure(home)
    assert "PRIVATE KEY" not in repr(trust)
    assert [secret.reveal()[:15] for secret in home.all_secrets()] == ["-----BEGIN PRIV"]


def test_a_server_certificate_serves_its_names_and_loopback(home: Home) -> None:
    trust, _ = Trust.ensure(home)
    pair = trust.server(NAMES)
    said = details(pair.certificate)
    assert set(said.names) == {*NAMES, "localhost", "127.0.0.1"}
    assert said.not_before < datetime.now(UTC) < said.not_after < datetime.now(UTC) + timedelta(days=398)
    assert signed_by(pair.certificate, trust.ca_pem)
    assert belongs(pair.certificate, pair.key)
    assert not belongs(pair.certificate, trust.server(NAMES).key)
    assert "***" in repr(pair)


def test_python_itself_accepts_the_chain(home: Home, tmp_path: Path) -> None:
    trust, _ = Trust.ensure(home)
    pair = trust.server(NAMES)
    (tmp_path / "pair.pem").write_text(pair.certificate + pair.key.reveal())
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "pair.pem")
    client = ssl.create_default_context(cadata=trust.ca_pem)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    for name in ("127.0.0.1", "localhost", *NAMES):
        shake(client, server, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(client, server, "gitea.gitea.svc")


def shake(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> None:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue


@pytest.mark.parametrize(
    ("names", "age", "good"),
    [
        (NAMES, timedelta(0), True),
        (NAMES[:1], timedelta(0), True),
        ((*NAMES, "another"), timedelta(0), False),
        (NAMES, timedelta(days=260), True),
        (NAMES, timedelta(days=270), False),
        (NAMES, timedelta(days=500), False),
    ],
)
def test_a_certificate_serves_on_while_it_covers_the_names_and_a_third_of_its_life_is_left(
    home: Home, names: tuple[str, ...], age: timedelta, good: bool
) -> None:
    trust, _ = Trust.ensure(home)
    pem = trust.server(NAMES).certificate
    assert trust.vouches_for(pem, names, datetime.now(UTC) + age) is good


def test_another_ca_or_no_certificate_at_all_does_not_serve_on(home: Home) -> None:
    trust, _ = Trust.ensure(home)
    other = issue(make_ca("another"), "vault", [*NAMES, "localhost", "127.0.0.1"])
    assert not trust.vouches_for(other.certificate, NAMES, datetime.now(UTC))
    assert not trust.vouches_for("", NAMES, datetime.now(UTC))
    assert not trust.vouches_for("nonsense", NAMES, datetime.now(UTC))


def test_a_leaf_may_carry_a_spiffe_id_and_act_as_a_client() -> None:
    ca = make_ca("legacy CA", timedelta(days=30))
    pair = issue(ca, "ledger", ["ledger", "spiffe://pov.dev/ns/legacy/sa/ledger"], life=timedelta(hours=1), client=True)
    assert details(pair.certificate).names == ("ledger", "spiffe://pov.dev/ns/legacy/sa/ledger")
    assert details(pair.certificate).issuer == details(ca.certificate).subject


def test_a_ca_stands_under_another() -> None:
    root = make_ca("root", path_length=1)
    below = make_ca("issuing", timedelta(days=1), under=root)
    assert signed_by(below.certificate, root.certificate)
    assert not signed_by(root.certificate, below.certificate)


def test_life_left_is_a_share() -> None:
    said = details(make_ca("any").certificate)
    middle = said.not_before + (said.not_after - said.not_before) / 2
    assert said.life_left(middle) == pytest.approx(0.5)
    assert said.life_left(datetime.now(UTC) + CA_LIFE * 2) < 0

"""Signatures by this machine's real ssh-keygen: whose counts, and what each of those that do not is told."""

from __future__ import annotations

import os
import random
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pov.base.errors import NotFound, PovError
from pov.engines import signing, ssh
from pov.engines.signing import NotSigned
from tests.unit.engines import hostile

DATA = b'{"criteria": "as agreed"}\n'
NAMESPACE = "criteria@pov.dev"
DAY = timedelta(days=1)
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Person:
    """Somebody with a key, on disk as `ssh-keygen` would leave it."""

    def __init__(self, folder: Path, name: str) -> None:
        made = ssh.make_key(name)
        self.name, self.public, self.key = name, " ".join(made.public.split()[:2]), folder / f"{name}.key"
        self.key.write_text(made.private.reveal())
        self.key.chmod(0o600)
        self.public_file = folder / f"{name}.key.pub"
        self.public_file.write_text(made.public + "\n")

    def allowed(self, folder: Path, *options: str) -> Path:
        """A file of allowed signers with this person alone."""
        file = folder / "allowed_signers"
        file.write_text(f"{self.name} {','.join(options)} {self.public}\n".replace("  ", " "))
        return file

    def signs(self, data: bytes = DATA, namespace: str = NAMESPACE) -> str:
        """A signature of theirs."""
        return signing.sign(data, self.key, namespace=namespace)


@pytest.fixture
def buyer(tmp_path: Path) -> Person:
    """Who countersigns."""
    return Person(tmp_path, "ines.weber@customer.example")


def test_a_signature_names_its_signer_and_anybody_can_check_it_without_us(buyer: Person, tmp_path: Path) -> None:
    made, signers = buyer.signs(), buyer.allowed(tmp_path, f'namespaces="{NAMESPACE}"')
    found = signing.verify(DATA, made, signers=signers, namespace=NAMESPACE)
    assert found.principal == buyer.name
    told = subprocess.run(["ssh-keygen", "-lf", buyer.public_file], capture_output=True, text=True, check=True).stdout
    assert found.fingerprint == told.split()[1]
    (tmp_path / "sig").write_text(made)
    by_hand = ["ssh-keygen", "-Y", "verify", "-f", signers, "-I", buyer.name, "-n", NAMESPACE, "-s", tmp_path / "sig"]
    subprocess.run(by_hand, input=DATA, check=True, capture_output=True)


def test_the_key_inside_a_signature_is_the_signers(buyer: Person) -> None:
    made = buyer.signs()
    assert signing.public_key(made) == buyer.public
    for other in ("U1NIU0lHAAAAAQAAADMAAAA", "AAAA", "not base64!"):
        text = f"-----BEGIN SSH SIGNATURE-----\n{other}\n-----END SSH SIGNATURE-----\n"
        with pytest.raises(NotSigned, match="no SSH signature"):
            signing.public_key(text)


def test_what_was_signed_by_hand_counts(buyer: Person, tmp_path: Path) -> None:
    file = tmp_path / "criteria.json"
    file.write_bytes(DATA)
    argv = ["ssh-keygen", "-Y", "sign", "-f", buyer.key, "-n", NAMESPACE, file]
    subprocess.run(argv, check=True, capture_output=True)
    made = (tmp_path / "criteria.json.sig").read_text()
    assert signing.verify(DATA, made, signers=buyer.allowed(tmp_path), namespace=NAMESPACE).principal == buyer.name


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (f'namespaces="{NAMESPACE}"', ""),
        ('namespaces="other@pov.dev"', "not permitted for use in signature namespace"),
        (f'valid-before="{NOW + DAY:%Y%m%d}"', ""),
        (f'valid-before="{NOW - DAY:%Y%m%d}"', "expired"),
        (f'valid-after="{NOW + DAY:%Y%m%d}"', "not yet valid"),
        (f'valid-after="{NOW - DAY:%Y%m%d}",valid-before="{NOW + DAY:%Y%m%d}",namespaces="{NAMESPACE}"', ""),
    ],
)
def test_a_key_counts_for_its_purpose_and_in_its_time(buyer: Person, tmp_path: Path, options: str, reason: str) -> None:
    signers = buyer.allowed(tmp_path, options)
    if not reason:
        assert signing.verify(DATA, buyer.signs(), signers=signers, namespace=NAMESPACE, when=NOW).principal
        return
    with pytest.raises(NotSigned) as caught:
        signing.verify(DATA, buyer.signs(), signers=signers, namespace=NAMESPACE, when=NOW)
    assert reason in caught.value.cause
    assert f"{signers}:1" in caught.value.cause, "where it stands"


def test_a_signature_for_something_else_is_none_for_this(buyer: Person, tmp_path: Path) -> None:
    made = buyer.signs(namespace="report@pov.dev")
    with pytest.raises(NotSigned, match="not a signature over these data") as caught:
        signing.verify(DATA, made, signers=buyer.allowed(tmp_path), namespace=NAMESPACE)
    assert "namespace" in caught.value.cause


def test_changed_data_are_not_signed(buyer: Person, tmp_path: Path) -> None:
    made, signers, draw = buyer.signs(), buyer.allowed(tmp_path), random.Random(7)
    for _ in range(25):
        data = bytearray(DATA)
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        with pytest.raises(NotSigned, match="not a signature over these data"):
            signing.verify(bytes(data), made, signers=signers, namespace=NAMESPACE)
    with pytest.raises(NotSigned):
        signing.verify(b"", made, signers=signers, namespace=NAMESPACE)


def test_a_changed_signature_is_none(buyer: Person, tmp_path: Path) -> None:
    made, signers, draw = buyer.signs(), buyer.allowed(tmp_path), random.Random(11)
    head, *body, tail = made.splitlines()
    text = "".join(body)
    for _ in range(25):
        at = draw.randrange(len(text) - 4)
        other = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        with pytest.raises(NotSigned):
            signing.verify(DATA, f"{head}\n{other}\n{tail}", signers=signers, namespace=NAMESPACE)


def test_another_persons_key_does_not_count(buyer: Person, tmp_path: Path) -> None:
    stranger = Person(tmp_path, "stranger")
    signers = buyer.allowed(tmp_path)
    with pytest.raises(NotSigned, match="allows nobody to sign with this key") as caught:
        signing.verify(DATA, stranger.signs(), signers=signers, namespace=NAMESPACE)
    assert "No principal matched" in caught.value.cause
    signers.write_text("")
    with pytest.raises(NotSigned, match="allows nobody"):
        signing.verify(DATA, buyer.signs(), signers=signers, namespace=NAMESPACE)


def test_a_pattern_is_nobodys_name(buyer: Person, tmp_path: Path) -> None:
    signers = tmp_path / "allowed_signers"
    signers.write_text(f"*@customer.example {buyer.public}\n")
    with pytest.raises(NotSigned):
        signing.verify(DATA, buyer.signs(), signers=signers, namespace=NAMESPACE)


def test_one_of_a_keys_several_names_is_told(buyer: Person, tmp_path: Path) -> None:
    signers = tmp_path / "allowed_signers"
    signers.write_text(f"# the buyers\n*@x,ines,otto {buyer.public}\n")
    assert signing.verify(DATA, buyer.signs(), signers=signers, namespace=NAMESPACE).principal == "ines"


@pytest.mark.parametrize("krl", [False, True])
def test_a_revoked_key_does_not_count_and_another_one_does(buyer: Person, tmp_path: Path, krl: bool) -> None:
    other = Person(tmp_path, "other")
    revoked = tmp_path / "revoked"
    if krl:
        subprocess.run(["ssh-keygen", "-kf", revoked, other.public_file], check=True, capture_output=True)
    else:
        revoked.write_text(other.public + "\n")
    signers = tmp_path / "allowed_signers"
    signers.write_text(f"{buyer.name} {buyer.public}\n{other.name} {other.public}\n")
    found = signing.verify(DATA, buyer.signs(), signers=signers, namespace=NAMESPACE, revoked=revoked)
    assert found.principal == buyer.name
    with pytest.raises(NotSigned, match="does not count any more"):
        signing.verify(DATA, other.signs(), signers=signers, namespace=NAMESPACE, revoked=revoked)


def test_a_list_of_revoked_keys_that_cannot_be_read_lets_nobody_through(buyer: Person, tmp_path: Path) -> None:
    revoked, signers = tmp_path / "revoked", buyer.allowed(tmp_path)
    with pytest.raises(NotFound, match="revoked"):
        signing.verify(DATA, buyer.signs(), signers=signers, namespace=NAMESPACE, revoked=revoked)
    revoked.write_text("no key at all\n")
    with pytest.raises(NotSigned, match="does not count any more"):
        signing.verify(DATA, buyer.signs(), signers=signers, namespace=NAMESPACE, revoked=revoked)


@pytest.mark.parametrize("text", ["", "yes, I agree", "-----BEGIN SSH SIGNATURE-----\nAAAA\n"])
def test_what_is_no_signature_is_called_so(buyer: Person, tmp_path: Path, text: str) -> None:
    with pytest.raises(NotSigned, match="no SSH signature"):
        signing.verify(DATA, text, signers=buyer.allowed(tmp_path), namespace=NAMESPACE)


def test_missing_files_are_named(buyer: Person, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="allowed"):
        signing.verify(DATA, buyer.signs(), signers=tmp_path / "allowed", namespace=NAMESPACE)
    with pytest.raises(NotFound, match="no key"):
        signing.sign(DATA, tmp_path / "nobody", namespace=NAMESPACE)


def test_a_key_with_a_passphrase_is_not_waited_for(tmp_path: Path) -> None:
    key = tmp_path / "locked"
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "a passphrase", "-f", key]
    subprocess.run(argv, check=True, capture_output=True)
    with pytest.raises(PovError, match="cannot sign with") as caught:
        signing.sign(DATA, key, namespace=NAMESPACE)
    assert "passphrase" in caught.value.cause
    assert f"ssh-add {key}" in caught.value.fix


def test_a_key_that_others_can_read_is_refused(buyer: Person) -> None:
    buyer.key.chmod(0o644)
    with pytest.raises(PovError, match="cannot sign with") as caught:
        signing.sign(DATA, buyer.key, namespace=NAMESPACE)
    assert "too open" in caught.value.cause


def test_an_agent_may_hold_the_key(buyer: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    socket = tmp_path / "s"
    with subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.PIPE, text=True) as agent:
        try:
            assert agent.stdout is not None
            agent.stdout.readline()  # it tells where it listens once it does
            monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
            subprocess.run(["ssh-add", "-q", buyer.key], check=True, capture_output=True, env=os.environ)
            buyer.key.unlink()
            made = signing.sign(DATA, buyer.public_file, namespace=NAMESPACE)
        finally:
            agent.terminate()
    assert signing.verify(DATA, made, signers=buyer.allowed(tmp_path), namespace=NAMESPACE).principal


def test_hostile_surroundings_change_nothing(buyer: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile.surround(monkeypatch, tmp_path)
    signing.require()
    # A time zone of the user's would move a key's last hours.
    signers = buyer.allowed(tmp_path, f'valid-before="{NOW:%Y%m%d%H%M%S}"')
    just_before, just_after = NOW - timedelta(minutes=1), NOW + timedelta(minutes=1)
    signing.verify(DATA, buyer.signs(), signers=signers, namespace=NAMESPACE, when=just_before)
    with pytest.raises(NotSigned):
        signing.verify(DATA, buyer.signs(), signers=signers, namespace=NAMESPACE, when=just_after)
    with pytest.raises(ValueError, match="time zone"):
        signing.verify(DATA, buyer.signs(), signers=signers, namespace=NAMESPACE, when=NOW.replace(tzinfo=None))


def test_a_missing_or_old_ssh_keygen_is_told_before_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signing.require()
    folder = tmp_path / "bin"
    folder.mkdir()
    real = os.environ["PATH"]
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(NotFound, match="no program `ssh-keygen`"):
        signing.require()
    # One from before signatures; one that takes any key at any time.
    for refused, told in (("sign", "cannot sign"), ("verify-time", "cannot sign"), ("", "after its time")):
        old = folder / "ssh-keygen"
        known = f'case "$*" in *{refused}*) echo unknown option >&2; exit 1;; esac' if refused else _EASY
        old.write_text(f'#!/bin/sh\nPATH={real}\n{known}\nexec ssh-keygen "$@"\n')
        old.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{real}")
        with pytest.raises(PovError, match=told) as caught:
            signing.require()
        assert "OpenSSH 8.9" in caught.value.fix


_EASY = """\
case "$*" in
*find-principals*) echo probe; exit 0;;
*"-Y verify"*) echo 'Good signature for probe with ED25519 key SHA256:abc'; exit 0;;
esac"""

"""Keys and certificates: the bootstrap CA of an environment, and what it signs. All keys are EC P-256."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pov.base.errors import NotFound, PovError
from pov.base.files import private_dir, write_atomic
from pov.base.redact import Secret
from pov.state.home import Home

CA_LIFE = timedelta(days=3652)
SERVER_LIFE = timedelta(days=397)
"""Browsers refuse server certificates that live longer than 398 days."""

_SKEW = timedelta(minutes=5)
_ALWAYS = ("localhost", "127.0.0.1")
_CA_FILE = "ca.crt"
_KEY_FILE = "ca.key"


@dataclass(frozen=True)
class KeyPair:
    """A certificate (PEM, leaf first) and its private key (PEM, PKCS #8)."""

    certificate: str
    key: Secret


@dataclass(frozen=True)
class Details:
    """What a certificate says. `serial` is hexadecimal without colons; `names` are DNS names, addresses and URIs."""

    subject: str
    issuer: str
    serial: str
    not_before: datetime
    not_after: datetime
    names: tuple[str, ...]
    fingerprint: str

    def life_left(self, now: datetime) -> float:
        """The share of the whole life that is left: 1 at the start, 0 or less when it has run out."""
        return (self.not_after - now) / (self.not_after - self.not_before)


def details(pem: str) -> Details:
    """Read the first certificate of `pem`. Raises `PovError` if there is none."""
    certificate = _read(pem)
    return Details(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        serial=f"{certificate.serial_number:x}",
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        names=_names(certificate),
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
    )


def signed_by(pem: str, ca_pem: str) -> bool:
    """Whether the first certificate of `pem` was signed by the key of `ca_pem`. Lifetimes are not looked at."""
    try:
        _read(pem).verify_directly_issued_by(_read(ca_pem))
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def make_ca(
    common_name: str, life: timedelta = CA_LIFE, *, path_length: int = 0, under: KeyPair | None = None
) -> KeyPair:
    """A CA with at most `path_length` CAs below it: self-signed, or signed by the CA `under` which it stands."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(common_name)
    issuer = _read(under.certificate).subject if under else name
    builder = _builder(name, issuer, key.public_key(), life)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    if under:
        builder = _from_authority(builder, under)
    return _finish(builder, key, _private(under.key) if under else key)


def issue(
    ca: KeyPair,
    common_name: str,
    names: Sequence[str],
    *,
    life: timedelta = SERVER_LIFE,
    client: bool = False,
) -> KeyPair:
    """A leaf for `names` (DNS names, IP addresses, URIs), signed by `ca`; for servers, with `client` for both sides."""
    key = ec.generate_private_key(ec.SECP256R1())
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, *([ExtendedKeyUsageOID.CLIENT_AUTH] if client else [])]
    builder = _builder(_name(common_name), _read(ca.certificate).subject, key.public_key(), life)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
    return _finish(_from_authority(builder, ca), key, _private(ca.key))


@dataclass(frozen=True)
class Trust:
    """The bootstrap CA: it vouches for the pages and APIs of the platform, and for nothing of the services."""

    ca_path: Path
    ca_pem: str
    _key: Secret

    @classmethod
    def load(cls, home: Home) -> Self:
        """The CA kept in `home`. Raises `NotFound` if there is none, `PovError` if its files do not fit together."""
        path = home.secrets_dir / _CA_FILE
        key = home.secret(_KEY_FILE)
        try:
            pem = path.read_text()
        except FileNotFoundError:
            pem = ""
        if key is None or not pem:
            raise NotFound("no bootstrap CA for this environment", fix="pov up")
        if not belongs(pem, key):
            fix = f"remove {path} and {home.secrets_dir / _KEY_FILE}, then pov up"
            raise PovError("the bootstrap CA is damaged", cause=f"{path} and its key do not belong together", fix=fix)
        return cls(path, pem, key)

    @classmethod
    def ensure(cls, home: Home) -> tuple[Self, bool]:
        """The CA kept in `home`, made if there is none; the second value tells whether it was made."""
        try:
            return cls.load(home), False
        except NotFound:
            pass
        ca = make_ca(f"pov bootstrap CA ({home.root.name})")
        private_dir(home.secrets_dir)
        # The certificate last: cut off in between, the next run finds no certificate and makes both anew.
        (home.secrets_dir / _CA_FILE).unlink(missing_ok=True)
        home.save_secret(_KEY_FILE, ca.key)
        write_atomic(home.secrets_dir / _CA_FILE, ca.certificate)
        return cls.load(home), True

    def server(self, dns: Sequence[str]) -> KeyPair:
        """A server certificate for `dns`, the first being its common name; always for loopback as well."""
        names = list(dict.fromkeys([*dns, *_ALWAYS]))
        return issue(KeyPair(self.ca_pem, self._key), names[0], names)

    def vouches_for(self, pem: str, dns: Sequence[str], now: datetime) -> bool:
        """Whether `pem` can go on serving: signed by this CA, for all of `dns`, with a third of its life left."""
        try:
            said = details(pem)
        except PovError:
            return False
        covered = {*dns, *_ALWAYS} <= set(said.names)
        return covered and said.life_left(now) > 1 / 3 and signed_by(pem, self.ca_pem)


def belongs(pem: str, key: Secret) -> bool:
    """Whether `key` is the private key of the first certificate of `pem`."""
    try:
        private = serialization.load_pem_private_key(key.reveal().encode(), None)
        public = _read(pem).public_key()
    except (ValueError, TypeError, PovError):
        return False
    return private.public_key() == public


def _read(pem: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        raise PovError("not a certificate in PEM", cause=str(error)) from error


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return (
        *alternative.get_values_for_type(x509.DNSName),
        *(str(address) for address in alternative.get_values_for_type(x509.IPAddress)),
        *alternative.get_values_for_type(x509.UniformResourceIdentifier),
    )


def _general(name: str) -> x509.GeneralName:
    if "://" in name:
        return x509.UniformResourceIdentifier(name)
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _name(common_name: str) -> x509.Name:
    # A common name holds 64 characters at most; what is verified are the alternative names.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, life: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        # Clocks of a laptop and of its virtual machine differ: a certificate from the future would be refused.
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _from_authority(builder: x509.CertificateBuilder, ca: KeyPair) -> x509.CertificateBuilder:
    identifier = _read(ca.certificate).extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    extension = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    return builder.add_extension(extension, critical=False)


def _private(key: Secret) -> ec.EllipticCurvePrivateKey:
    loaded = serialization.load_pem_private_key(key.reveal().encode(), None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)
    return loaded


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _finish(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, signing: ec.EllipticCurvePrivateKey
) -> KeyPair:
    pem = builder.sign(signing, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return KeyPair(pem, Secret(private.decode()))

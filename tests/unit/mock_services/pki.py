"""Certificates for the mock services' tests."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PROBER = "spiffe://pov.dev/ns/pov-system/sa/prober"


def spiffe(name: str, namespace: str = "staging") -> str:
    return f"spiffe://pov.dev/ns/{namespace}/sa/{name}"


class Authority:
    """A root that signs directly."""

    def __init__(self, name: str = "root") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._certificate = (
            self._builder(self._name, self._key.public_key(), timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
                    key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
                ),
                critical=True,
            )
            .sign(self._key, hashes.SHA256())
        )  # fmt: skip
        self.pem = self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, life: timedelta) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + life)
        )

    def issue(self, uri: str = "") -> tuple[str, str]:
        """A certificate for 127.0.0.1 and, if given, a URI name; and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
        if uri:
            names.append(x509.UniformResourceIdentifier(uri))
        certificate = (
            self._builder(x509.Name([]), key.public_key(), timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName(names), critical=True)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return (
            certificate.public_bytes(serialization.Encoding.PEM).decode(),
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode(),
        )

    def write(self, folder: Path, uri: str = "", *trusted: Authority) -> None:
        """A new certificate with its key, and the roots to trust (this one, if none is named), file by file."""
        certificate, key = self.issue(uri)
        folder.mkdir(exist_ok=True)
        roots = "".join(authority.pem for authority in trusted or (self,))
        for name, text in (("tls.crt", certificate), ("tls.key", key), ("ca.crt", roots)):
            half = folder / f".{name}"
            half.write_text(text)
            half.replace(folder / name)


def serial_of(certificate: bytes | str | None) -> str:
    """The serial of a PEM text or of DER, as Vault writes it."""
    assert certificate
    if isinstance(certificate, str):
        found = x509.load_pem_x509_certificate(certificate.encode())
    else:
        found = x509.load_der_x509_certificate(certificate)
    number = found.serial_number
    return number.to_bytes((number.bit_length() + 7) // 8, "big").hex(":")

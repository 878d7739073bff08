"""An authority that is made for one certificate: for demonstrations and tests, trusted by nobody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


class Issued(NamedTuple):
    """A chain and its key, in PEM."""

    chain: str
    key: str


def issue(*names: str, days: int = 30) -> Issued:
    """A certificate for these names, signed by an authority that signs nothing else."""
    now = datetime.now(UTC)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority of one certificate")])

    def built(name: x509.Name, public: ec.EllipticCurvePublicKey, ca: bool) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(root_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )

    root = built(root_name, root_key.public_key(), True).sign(root_key, SHA256())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    shown = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    leaf = built(subject, key.public_key(), False).add_extension(shown, critical=False)
    chain = b"".join(one.public_bytes(Encoding.PEM) for one in (leaf.sign(root_key, SHA256()), root))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Issued(chain.decode(), pem.decode())

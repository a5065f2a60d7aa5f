"""The cluster's certificates, its service account key and kubeconfigs, made with ``cryptography``.

Certificate authorities and the service account key live as long as the cluster's data: the tokens and the certificates
in running pods rest on them. What they sign is made anew when it is missing, soon to expire, or asked for with other
names. Subjects follow upstream's "PKI certificates and requirements" page.
"""

import base64
import datetime as dt
import ipaddress
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS = 3650
LEAF_DAYS = 365
RENEW_DAYS = 60
CLOCK_SLACK = dt.timedelta(hours=1)


@dataclass(frozen=True)
class Leaf:
    """One certificate to be signed.

    ``names`` are DNS names or IP addresses; a certificate with names is a server's, one without a client's (``both``:
    used as either, as etcd does).
    """

    file: str
    authority: str
    common_name: str
    organizations: Sequence[str] = ()
    names: Sequence[str] = ()
    both: bool = False


@dataclass(frozen=True)
class User:
    """A kubeconfig to be written: the client certificate of that name, and the server it is meant for."""

    certificate: str
    server: str
    path: Path


AUTHORITIES = ("ca", "front-proxy-ca", "etcd-ca")


def make(folder: Path, leaves: Sequence[Leaf]) -> None:
    """Make what is missing or due in ``folder``: the authorities, the service account key pair and the leaves.

    Files are ``<name>.crt`` and ``<name>.key`` in PEM, keys readable by root only. Idempotent.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name in AUTHORITIES:
        _authority(folder, name)
    _service_account_key(folder)
    for leaf in leaves:
        if not _is_good(folder, leaf):
            _sign(folder, leaf)


def write_kubeconfig(folder: Path, user: User) -> None:
    """Write a kubeconfig that carries its certificates, so that it works from any folder."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "kafka-bluegreen",
        "clusters": [
            {
                "name": "kafka-bluegreen",
                "cluster": {
                    "server": user.server,
                    "certificate-authority-data": _base64(folder / "ca.crt"),
                    # Nothing leaves the machine; packing the API's schema, which each `pulumi up` reads, takes longer
                    # than sending it.
                    "disable-compression": True,
                },
            }
        ],
        "users": [
            {
                "name": user.certificate,
                "user": {
                    "client-certificate-data": _base64(folder / f"{user.certificate}.crt"),
                    "client-key-data": _base64(folder / f"{user.certificate}.key"),
                },
            }
        ],
        "contexts": [{"name": "kafka-bluegreen", "context": {"cluster": "kafka-bluegreen", "user": user.certificate}}],
    }
    user.path.parent.mkdir(parents=True, exist_ok=True)
    _write(user.path, json.dumps(config, indent=1).encode(), private=True)  # JSON is YAML


def _authority(folder: Path, name: str) -> None:
    if (folder / f"{name}.crt").exists() and (folder / f"{name}.key").exists():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"kafka-bluegreen sandbox {name}")])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _builder(subject, subject, key.public_key(), AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(folder / f"{name}.key", _pem_key(key), private=True)
    _write(folder / f"{name}.crt", certificate.public_bytes(serialization.Encoding.PEM))


def _service_account_key(folder: Path) -> None:
    if (folder / "service-account.pub").exists():
        return
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    _write(folder / "service-account.key", _pem_key(key), private=True)
    _write(folder / "service-account.pub", public)


def _is_good(folder: Path, leaf: Leaf) -> bool:
    """Whether the leaf on disk is the one asked for, signed by today's authority and valid for a while."""
    path = folder / f"{leaf.file}.crt"
    if not path.exists() or not (folder / f"{leaf.file}.key").exists():
        return False
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    authority = x509.load_pem_x509_certificate((folder / f"{leaf.authority}.crt").read_bytes())
    due = certificate.not_valid_after_utc - dt.timedelta(days=RENEW_DAYS)
    if dt.datetime.now(dt.UTC) >= due or certificate.subject != _subject(leaf):
        return False
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):  # any reason not to verify is a reason to sign anew
        return False
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return not leaf.names
    return list(names) == [_general_name(name) for name in leaf.names]


def _sign(folder: Path, leaf: Leaf) -> None:
    authority = x509.load_pem_x509_certificate((folder / f"{leaf.authority}.crt").read_bytes())
    authority_key = serialization.load_pem_private_key((folder / f"{leaf.authority}.key").read_bytes(), password=None)
    if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{folder}/{leaf.authority}.key is not one of ours")
    key = ec.generate_private_key(ec.SECP256R1())
    usages = []
    if leaf.names:
        usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
    if leaf.both or not leaf.names:
        usages.append(ExtendedKeyUsageOID.CLIENT_AUTH)
    builder = (
        _builder(_subject(leaf), authority.subject, key.public_key(), LEAF_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
    )
    if leaf.names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in leaf.names]), critical=False
        )
    certificate = builder.sign(authority_key, hashes.SHA256())
    _write(folder / f"{leaf.file}.key", _pem_key(key), private=True)
    _write(folder / f"{leaf.file}.crt", certificate.public_bytes(serialization.Encoding.PEM))


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SLACK)
        .not_valid_after(now + dt.timedelta(days=days))
    )


def _subject(leaf: Leaf) -> x509.Name:
    organizations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name) for name in leaf.organizations]
    return x509.Name([*organizations, x509.NameAttribute(NameOID.COMMON_NAME, leaf.common_name)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem_key(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _write(path: Path, content: bytes, *, private: bool = False) -> None:
    """Replace the file whole, so that a killed ``up`` never leaves half a key."""
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    partial.replace(path)

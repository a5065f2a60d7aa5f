import datetime as dt
import ssl
import stat
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from tools.sandbox import pki
from tools.sandbox.pki import Leaf, User

SERVER = Leaf("server", "ca", "server", names=("localhost", "127.0.0.1", "10.1.2.3"))
CLIENT = Leaf("client", "ca", "someone", ("some:group",))
ETCD = Leaf("etcd", "etcd-ca", "etcd", names=("localhost",), both=True)


def _certificate(folder: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes())


def _usages(folder: Path, name: str) -> set[str]:
    extension = _certificate(folder, name).extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    return {usage._name for usage in extension.value}


def test_leaves_are_signed_by_their_authority_for_their_use(tmp_path: Path) -> None:
    pki.make(tmp_path, [SERVER, CLIENT, ETCD])
    for leaf in (SERVER, CLIENT, ETCD):
        _certificate(tmp_path, leaf.file).verify_directly_issued_by(_certificate(tmp_path, leaf.authority))
    assert _usages(tmp_path, "server") == {"serverAuth"}
    assert _usages(tmp_path, "client") == {"clientAuth"}
    assert _usages(tmp_path, "etcd") == {"serverAuth", "clientAuth"}
    assert _certificate(tmp_path, "client").subject.rfc4514_string() == "CN=someone,O=some:group"


def test_a_client_of_tls_accepts_the_server_and_no_other_authority(tmp_path: Path) -> None:
    pki.make(tmp_path, [SERVER])
    assert _handshake(tmp_path, "ca") == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(tmp_path, "front-proxy-ca")


def _handshake(folder: Path, authority: str) -> str | None:
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(folder / "server.crt", folder / "server.key")
    client_side = ssl.create_default_context(cafile=str(folder / f"{authority}.crt"))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_side.wrap_bio(to_client, to_server, server_hostname="10.1.2.3")
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    for end in (client, server, client, server):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return client.version()


def test_private_keys_are_for_root_only(tmp_path: Path) -> None:
    pki.make(tmp_path, [SERVER])
    keys = list(tmp_path.glob("*.key"))
    assert len(keys) == 5  # three authorities, the service accounts', the server's
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
    assert not list(tmp_path.glob(".*"))


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_making_again_changes_nothing(tmp_path: Path) -> None:
    pki.make(tmp_path, [SERVER, CLIENT, ETCD])
    before = _contents(tmp_path)
    pki.make(tmp_path, [SERVER, CLIENT, ETCD])
    assert _contents(tmp_path) == before


@pytest.mark.parametrize(
    "other",
    [
        Leaf("server", "ca", "server", names=("localhost", "127.0.0.1", "10.1.2.4")),
        Leaf("server", "ca", "another", names=SERVER.names),
        Leaf("server", "etcd-ca", "server", names=SERVER.names),
    ],
    ids=["names", "subject", "authority"],
)
def test_a_leaf_that_is_asked_for_otherwise_is_signed_anew_and_nothing_else(tmp_path: Path, other: Leaf) -> None:
    pki.make(tmp_path, [SERVER, CLIENT])
    before = _contents(tmp_path)
    pki.make(tmp_path, [other, CLIENT])
    changed = {name for name, content in _contents(tmp_path).items() if before[name] != content}
    assert changed == {"server.crt", "server.key"}
    assert pki._is_good(tmp_path, other)


def test_a_leaf_is_renewed_before_it_expires_and_the_authority_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pki, "LEAF_DAYS", pki.RENEW_DAYS - 1)
    pki.make(tmp_path, [SERVER])
    before = _contents(tmp_path)
    monkeypatch.undo()
    pki.make(tmp_path, [SERVER])
    after = _contents(tmp_path)
    assert {name for name in after if before[name] != after[name]} == {"server.crt", "server.key"}
    left = _certificate(tmp_path, "server").not_valid_after_utc - dt.datetime.now(dt.UTC)
    assert left > dt.timedelta(days=pki.RENEW_DAYS)


def test_kubeconfig_carries_what_it_needs(tmp_path: Path) -> None:
    pki.make(tmp_path, [CLIENT])
    path = tmp_path / "elsewhere" / "config"
    pki.write_kubeconfig(tmp_path, User("client", "https://127.0.0.1:1", path))
    content = yaml.safe_load(path.read_text())
    (cluster,), (user,), (context,) = content["clusters"], content["users"], content["contexts"]
    assert cluster["cluster"]["server"] == "https://127.0.0.1:1"
    assert context["name"] == content["current-context"]
    assert context["context"] == {"cluster": cluster["name"], "user": user["name"]}
    assert str(tmp_path) not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

"""A first look without the Kubernetes client: whom it serves, what it sends, and that no error says a credential."""

import base64
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.cluster.access import AccessError, ClusterAccess
from components.cluster.errors import ApiError
from components.cluster.glance import Glance, glance
from tests.components.cluster.test_access import SECRET, content
from tests.support.loopback import Scripted
from tools.sandbox import pki

ROOT = Path(__file__).parents[3]
NOWHERE: Mapping[str, str] = {}


@pytest.fixture
def server() -> Iterator[Scripted]:
    made = Scripted()
    yield made
    made.close()


def access(address: str, user: Mapping[str, Any] | None = None, **cluster: str) -> ClusterAccess:
    described = content(user, clusters=[{"name": "here", "cluster": {"server": address, **cluster}}])
    return ClusterAccess(yaml.safe_dump(described))


def look(given: ClusterAccess) -> Glance:
    found = glance(given, "tests", NOWHERE)
    assert found is not None
    return found


def test_an_object_is_read_with_the_token(server: Scripted) -> None:
    server.answers["GET", "/base/api/v1/pods/p"] = (200, {"kind": "Pod"})
    assert look(access(f"{server.url}/base")).get("/api/v1/pods/p") == {"kind": "Pod"}
    assert server.requests[0][2]["auth"] == [f"Bearer {SECRET}"]


def test_a_token_from_a_file(server: Scripted, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{SECRET}\n")
    server.answers["GET", "/x"] = (200, {"a": 1})
    found = look(access(server.url, {"tokenFile": str(tmp_path / "token")}))
    assert [found.get("/x"), found.get("/x")] == [{"a": 1}, {"a": 1}]
    assert server.requests[1][2]["auth"] == [f"Bearer {SECRET}"]


@pytest.mark.parametrize(("status", "not_found"), [(404, True), (403, False), (500, False)])
def test_a_refusal_is_told_without_the_token(server: Scripted, status: int, not_found: bool) -> None:
    server.answers["GET", "/x"] = (status, {"message": f"you are {SECRET}"})
    with pytest.raises(ApiError) as refused:
        look(access(server.url)).get("/x")
    assert str(refused.value) == f"GET /x: {status} you are [credential]"
    assert (refused.value.status, refused.value.not_found) == (status, not_found)


def test_no_answer_is_told_as_that(server: Scripted) -> None:
    found = look(access(server.url))
    server.close()
    with pytest.raises(ApiError, match="GET /x: the API server does not answer: ConnectionRefusedError") as refused:
        found.get("/x")
    assert refused.value.status is None


def test_an_answer_that_is_no_object_is_refused(server: Scripted) -> None:
    server.answers["GET", "/x"] = (200, b"nothing")
    with pytest.raises(ApiError, match="the answer is no object"):
        look(access(server.url)).get("/x")


def test_a_token_that_is_no_headers_value_is_not_quoted(server: Scripted) -> None:
    with pytest.raises(ApiError) as refused:
        look(access(server.url, {"token": f"{SECRET}\nX-Other: 1"})).get("/x")
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("user", "cluster", "environment"),
    [
        ({"exec": {"command": "login"}}, {}, {}),
        ({"username": "me", "password": SECRET}, {}, {}),
        ({"token": SECRET, "as": "you"}, {}, {}),
        ({"token": SECRET}, {"proxy-url": "http://127.0.0.1:1"}, {}),
        ({"token": SECRET}, {"insecure-skip-tls-verify": "true"}, {}),
        ({"token": SECRET}, {"tls-server-name": "other"}, {}),
        ({"token": SECRET}, {}, {"HTTPS_PROXY": "http://127.0.0.1:1"}),
        ({"client-certificate-data": "!", "client-key-data": SECRET}, {}, {}),
    ],
)
def test_others_take_the_client(user: Mapping[str, Any], cluster: dict[str, str], environment: dict[str, str]) -> None:
    assert glance(access("https://127.0.0.1:1", user, **cluster), "tests", environment) is None


def test_no_cluster_is_an_error() -> None:
    with pytest.raises(AccessError):
        glance(ClusterAccess("{}", context="none"), "tests", NOWHERE)


@pytest.mark.parametrize("inline", [True, False], ids=["in the kubeconfig", "in files"])
def test_certificates_are_used_and_the_servers_is_checked(server: Scripted, tmp_path: Path, inline: bool) -> None:
    leaves = [pki.Leaf("server", "ca", "server", names=("127.0.0.1",)), pki.Leaf("me", "ca", "me")]
    pki.make(tmp_path, leaves)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    context.load_verify_locations(tmp_path / "ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    server._server.socket = context.wrap_socket(server._server.socket, server_side=True)
    server.answers["GET", "/x"] = (200, {"a": 1})

    def told(**files: str) -> dict[str, str]:
        names = {name.replace("_", "-"): tmp_path / file for name, file in files.items()}
        if not inline:
            return {name: str(file) for name, file in names.items()}
        return {f"{name}-data": base64.b64encode(file.read_bytes()).decode() for name, file in names.items()}

    me = told(client_certificate="me.crt", client_key="me.key")
    address = f"https://127.0.0.1:{server.port}"
    assert look(access(address, me, **told(certificate_authority="ca.crt"))).get("/x") == {"a": 1}
    with pytest.raises(ApiError, match="does not answer: SSLCertVerificationError"):
        look(access(address, me, **told(certificate_authority="etcd-ca.crt"))).get("/x")


def test_it_loads_no_client() -> None:
    """Half a second that a switch would wait for."""
    loaded = "[name for name in ('kubernetes', 'pulumi_kubernetes', 'urllib3') if name in sys.modules]"
    code = f"import sys; import components.before; print({loaded})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"

"""A user with a certificate or a token is served without the kubernetes package, and as safely."""

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from components.cluster.access import ClusterAccess, without_package
from components.cluster.client import ApiError, KubernetesApi
from tests.components.cluster.test_access import SECRET
from tests.support.loopback import Exchange, Loopback
from tools.sandbox import pki
from tools.sandbox.pki import Leaf, User

SERVER = Leaf("server", "ca", "server", names=("127.0.0.1",))
CLIENT = Leaf("client", "ca", "someone")
READ = """
import sys
from components.cluster.access import ClusterAccess
from components.cluster.client import KubernetesApi
print(KubernetesApi(ClusterAccess(sys.argv[1]), agent="tests").get("/x"), "kubernetes" in sys.modules)
"""


class Server(Loopback):
    """Over TLS, to whoever shows a certificate of its authority."""

    def __init__(self, folder: Path) -> None:
        super().__init__(Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.crt", folder / "server.key")
        context.load_verify_locations(folder / "ca.crt")
        self._context = context
        self.demand_certificates(True)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def demand_certificates(self, demanded: bool) -> None:
        self._context.verify_mode = ssl.CERT_REQUIRED if demanded else ssl.CERT_NONE

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"


class Handler(Exchange):
    owner: ClassVar[Server]

    def respond(self) -> None:
        told = self.headers.get("authorization")
        if self.path == "/refused":
            self.answer(403, {"message": f"you are {told}"})
        else:
            self.answer(200, {"path": self.path, "authorization": told})


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    pki.make(folder, [SERVER, CLIENT])
    return folder


@pytest.fixture
def server(certificates: Path) -> Iterator[Server]:
    made = Server(certificates)
    yield made
    made.close()


@pytest.fixture
def kubeconfig(server: Server, certificates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The sandbox's own form, and no proxy around."""
    for name in list(os.environ):
        if name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    path = tmp_path / "kubeconfig"
    pki.write_kubeconfig(certificates, User("client", server.url, path))
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def access(content: Mapping[str, Any]) -> ClusterAccess:
    return ClusterAccess(json.dumps(content))


def changed(content: Mapping[str, Any], kind: str, **values: Any) -> dict[str, Any]:
    """With other values in the one cluster or user; None takes one away."""
    (entry,) = content[f"{kind}s"]
    inner = {key: value for key, value in {**entry[kind], **values}.items() if value is not None}
    return {**content, f"{kind}s": [{**entry, kind: inner}]}


def with_token(content: Mapping[str, Any], token: str = SECRET) -> dict[str, Any]:
    """A user who has a token, and no certificate."""
    nothing = {"client-certificate-data": None, "client-key-data": None}
    return changed(content, "user", token=token, **nothing)


def test_it_is_reached_without_the_package(kubeconfig: dict[str, Any]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", READ, json.dumps(kubeconfig)], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "{'path': '/x', 'authorization': None} False\n"


def test_certificates_in_files_are_as_good(kubeconfig: dict[str, Any], certificates: Path) -> None:
    files = {"client-certificate": "client.crt", "client-key": "client.key"}
    user: dict[str, Any] = {key: str(certificates / name) for key, name in files.items()}
    content = changed(kubeconfig, "user", **user, **{f"{key}-data": None for key in files})
    content = changed(
        content,
        "cluster",
        **{"certificate-authority": str(certificates / "ca.crt"), "certificate-authority-data": None},
    )
    assert without_package(access(content)) is not None
    assert KubernetesApi(access(content), agent="tests").get("/x")["path"] == "/x"


def test_a_token_is_sent_and_shown_by_no_error(kubeconfig: dict[str, Any], certificates: Path, server: Server) -> None:
    server.demand_certificates(False)
    content = with_token(kubeconfig)
    assert without_package(access(content)) is not None
    assert SECRET not in repr(without_package(access(content)))
    api = KubernetesApi(access(content), agent="tests")
    assert api.get("/x")["authorization"] == f"Bearer {SECRET}"
    with pytest.raises(ApiError, match=r"GET /refused: 403 .*you are Bearer \[credential\]"):
        api.get("/refused")


def test_a_server_of_another_authority_is_not_believed(
    kubeconfig: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    pki.make(other, [])
    content = changed(
        kubeconfig, "cluster", **{"certificate-authority": str(other / "ca.crt"), "certificate-authority-data": None}
    )
    assert without_package(access(content)) is not None
    with pytest.raises(ApiError, match=r"GET /x: the API server does not answer: .*CERTIFICATE_VERIFY_FAILED"):
        KubernetesApi(access(content), agent="tests").get("/x")


def test_a_server_of_another_name_is_not_believed(kubeconfig: dict[str, Any], server: Server) -> None:
    content = changed(kubeconfig, "cluster", server=f"https://localhost:{server.port}")
    with pytest.raises(ApiError, match="the API server does not answer"):
        KubernetesApi(access(content), agent="tests").get("/x")


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("user", {"token": SECRET}),  # beside its certificate
        ("user", {"token": "", "client-certificate-data": None, "client-key-data": None}),
        ("user", {"tokenFile": __file__, "client-certificate-data": None, "client-key-data": None}),
        ("user", {"exec": {"command": "x"}}),
        ("user", {"client-key-data": "bm8ga2V5"}),
        ("user", {"client-certificate-data": None, "client-key-data": None}),
        ("cluster", {"proxy-url": "http://127.0.0.1:1"}),
        ("cluster", {"tls-server-name": "other"}),
        ("cluster", {"insecure-skip-tls-verify": True}),
        ("cluster", {"certificate-authority-data": None}),
        ("cluster", {"certificate-authority-data": "bm8gY2VydGlmaWNhdGU="}),
    ],
)
def test_whatever_needs_more_is_left_to_the_package(
    kubeconfig: dict[str, Any], kind: str, values: dict[str, Any]
) -> None:
    assert without_package(access(changed(kubeconfig, kind, **values))) is None


def test_a_proxy_of_the_environment_is_left_to_the_package(kubeconfig: dict[str, Any]) -> None:
    assert without_package(access(kubeconfig), {}) is not None
    assert without_package(access(kubeconfig), {"HTTPS_PROXY": "http://127.0.0.1:1"}) is None

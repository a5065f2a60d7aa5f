"""The client against an API server that is another program: what is sent, what comes back, and what errors say."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from components.cluster.access import AccessError, ClusterAccess
from components.cluster.client import ApiError, KubernetesApi
from components.live_reader import check
from components.live_switch import Expectation, SwitchError
from tests.components.cluster.test_access import SECRET, content, whole_text
from tests.support.loopback import Exchange, Loopback


class Server(Loopback):
    """status, body: what every request gets. parts: what a watch gets, cut as it is here. seen: the requests."""

    def __init__(self) -> None:
        self.status = 200
        self.body = b"{}"
        self.parts: list[bytes] = []
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        super().__init__(Handler)


class Handler(Exchange):
    owner: ClassVar[Server]

    def respond(self) -> None:
        server = self.owner
        server.seen.append((self.command, self.path, dict(self.headers), self.received()))
        if "watch=1" in self.path and server.status == 200:
            self.begin_chunks()
            self.chunks(server.parts)
            self.end_chunks()
        else:
            self.answer(server.status, server.body)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def access(address: str, **cluster: str) -> ClusterAccess:
    return ClusterAccess(
        yaml.safe_dump(content(clusters=[{"name": "here", "cluster": {"server": address, **cluster}}]))
    )


@pytest.fixture
def api(server: Server) -> KubernetesApi:
    return KubernetesApi(access(server.url), agent="tests")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_a_request_as_it_is_sent(method: str, api: KubernetesApi, server: Server) -> None:
    server.body = b"\x00raw"
    query = [("labelSelector", "a=b,c"), ("labelSelector", "d e")]
    body = None if method == "GET" else {"a": 1}
    kind = "application/merge-patch+json"
    assert api.request(method, "/api/v1/pods/p:80/proxy/x", query=query, body=body, content_type=kind) == b"\x00raw"
    ((sent, path, headers, received),) = server.seen
    assert (sent, path) == (method, "/api/v1/pods/p:80/proxy/x?labelSelector=a%3Db%2Cc&labelSelector=d%20e")
    assert (headers["User-Agent"], headers["authorization"]) == ("tests", f"Bearer {SECRET}")
    assert received == (b"" if body is None else json.dumps(body).encode())
    assert headers.get("Content-Type") == (None if body is None else kind)


def test_bytes_are_sent_as_they_are(api: KubernetesApi, server: Server) -> None:
    api.request("POST", "/x", body=b"\x00\x01", content_type="application/octet-stream")
    assert server.seen[0][3] == b"\x00\x01"


def test_an_object(api: KubernetesApi, server: Server) -> None:
    server.body = b'{"kind": "Pod"}'
    assert api.get("/api") == {"kind": "Pod"}
    for answer in (b"[]", b"<html>", b"\xff"):
        server.body = answer
        with pytest.raises(ApiError, match="GET /api: the answer is no object"):
            api.get("/api")


def test_an_object_is_made(api: KubernetesApi, server: Server) -> None:
    server.body = b'{"metadata": {"name": "made"}}'
    assert api.post("/jobs", {"kind": "Job"}) == {"metadata": {"name": "made"}}
    method, path, headers, body = server.seen[0]
    assert (method, path, headers["Content-Type"], body) == ("POST", "/jobs", "application/json", b'{"kind": "Job"}')
    server.body = b"[]"
    with pytest.raises(ApiError, match="POST /jobs: the answer is no object"):
        api.post("/jobs", {})


def test_a_watch_gives_events_however_they_are_cut(api: KubernetesApi, server: Server) -> None:
    events: list[dict[str, Any]] = [{"type": kind, "object": {"n": "é"}} for kind in ("ADDED", "BOOKMARK", "ERROR")]
    data = "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events).encode()
    for size in (1, 7, len(data)):
        server.parts = [data[start : start + size] for start in range(0, len(data), size)]
        watched = api.watch("/w", query=[("fieldSelector", "a=b")], resource_version="7", seconds=3)
        assert list(watched) == events
    assert server.seen[0][1] == "/w?fieldSelector=a%3Db&watch=1&resourceVersion=7&timeoutSeconds=3"


def test_a_watch_that_is_cut_off_ends(api: KubernetesApi, server: Server) -> None:
    server.parts = [b'{"type": "ADDED"}\n{"type": "MOD']
    assert list(api.watch("/w", query=(), resource_version="7", seconds=3)) == [{"type": "ADDED"}]


@pytest.mark.parametrize(("status", "not_found"), [(404, True), (410, False), (403, False), (503, False)])
def test_what_is_not_success_is_an_error(status: int, not_found: bool, api: KubernetesApi, server: Server) -> None:
    server.status, server.body = status, b"the reason"
    for call in (lambda: api.request("DELETE", "/x"), lambda: list(api.watch("/x", resource_version="1", seconds=1))):
        with pytest.raises(ApiError, match=f"/x: {status} .*the reason") as refused:
            call()
        assert (refused.value.status, refused.value.not_found) == (status, not_found)


def test_no_error_of_a_call_holds_a_credential(api: KubernetesApi, server: Server) -> None:
    server.status, server.body = 401, b"x" * 490 + f" who is {SECRET}?".encode()
    with pytest.raises(ApiError) as refused:
        api.get("/x")
    assert "hunter2" not in whole_text(refused.value)


@pytest.mark.parametrize(
    "given",
    [
        access("http://127.0.0.1:1"),
        access(f"http://user:{SECRET}@127.0.0.1:1"),
        access("http://127.0.0.1:1", **{"proxy-url": f"http://user:{SECRET}@127.0.0.1:2"}),
        access("https://127.0.0.1:1", **{"certificate-authority-data": "aHVudGVyMi1odW50ZXIyLWh1bnRlcjI="}),
    ],
    ids=["nobody there", "a password in the address", "a password in the proxy's", "no certificate at all"],
)
def test_no_error_without_an_answer_holds_a_credential(given: ClusterAccess) -> None:
    with pytest.raises(ApiError, match="GET /x: the API server does not answer") as refused:
        KubernetesApi(given, agent="tests").get("/x")
    assert refused.value.status is None
    assert SECRET not in whole_text(refused.value)


def with_token(address: str, token: str) -> KubernetesApi:
    named = {"name": "here", "cluster": {"server": address}}
    return KubernetesApi(ClusterAccess(yaml.safe_dump(content({"token": token}, clusters=[named]))), agent="tests")


def test_a_tokens_last_line_break_is_no_part_of_it(server: Server) -> None:
    with_token(server.url, f"{SECRET}\n").get("/x")
    assert server.seen[0][2]["authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize("token", [f"a\n{SECRET}", f"\u0416{SECRET}"], ids=["two lines", "no latin letter"])
def test_a_token_that_no_header_can_hold(server: Server, token: str) -> None:
    with pytest.raises(ApiError, match=r"GET /x: .*cannot be sent") as refused:
        with_token(server.url, token).get("/x")
    assert SECRET not in whole_text(refused.value)


def test_a_proxy_that_is_none() -> None:
    given = access("http://127.0.0.1:1", **{"proxy-url": f"gopher://user:{SECRET}@127.0.0.1:2"})
    with pytest.raises(AccessError, match="see its proxy-url") as refused:
        KubernetesApi(given, agent="tests")
    assert SECRET not in whole_text(refused.value)


def test_a_token_that_cannot_be_renewed(api: KubernetesApi, monkeypatch: pytest.MonkeyPatch) -> None:
    def renewal(_: object) -> None:
        raise ValueError(SECRET)

    monkeypatch.setattr(api._configuration, "refresh_api_key_hook", renewal)
    with pytest.raises(ApiError, match="the credential cannot be renewed") as refused:
        api.get("/x")
    assert SECRET not in whole_text(refused.value)


# -- the check of `pulumi up` by the same way ------------------------------------------------------------

EXPECTED = Expectation(namespace="n", name="consumer", active="green", attempt=1, timeout_seconds=5)


def test_the_check_of_a_switch_reads_with_a_kubeconfig_that_is_given_as_content(server: Server) -> None:
    said = {"status": "True", "reason": "Switched", "observedGeneration": 1}
    conditions = [{"type": kind, **said} for kind in ("Settled", "Ready")]
    server.body = json.dumps(
        {
            "metadata": {"generation": 1, "resourceVersion": "1"},
            "spec": {"active": "green", "attempt": 1},
            "status": {"active": "green", "conditions": conditions},
        }
    ).encode()
    check(EXPECTED, access(server.url))
    assert server.seen[0][1] == "/apis/kafka-bluegreen.io/v1alpha1/namespaces/n/kafkaconsumerswitches/consumer"


def test_a_check_that_cannot_read_says_no_credential(server: Server, tmp_path: Path) -> None:
    server.status, server.body = 403, SECRET.encode()
    broken = ClusterAccess(yaml.safe_dump(content())[:-20] + ": : :")
    for given in (access(server.url), broken):
        with pytest.raises(SwitchError, match="KafkaConsumerSwitch n/consumer cannot be read") as refused:
            check(EXPECTED, given)
        assert SECRET not in whole_text(refused.value)

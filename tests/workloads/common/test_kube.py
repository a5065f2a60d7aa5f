"""The API client, against a server that misbehaves on demand."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fake_kube import FakeApi
from tests.support.waiting import until
from workloads.common import kube
from workloads.common.kube import (
    Access,
    AccessError,
    ApiError,
    Event,
    Follower,
    Kube,
    Object,
    UnreachableError,
    version_of,
)

LEASES = "/apis/coordination.k8s.io/v1/namespaces/n/leases"


@pytest.fixture
def api() -> Iterator[FakeApi]:
    made = FakeApi()
    yield made
    made.silent = False
    made.close()


@pytest.fixture
def client(api: FakeApi) -> Kube:
    return Kube(Access(api.url), "test")


class Followed:
    """What a follower told."""

    def __init__(self, client: Kube, name: str = "x", *, by_get: bool = False) -> None:
        self.reads: list[tuple[list[Object], int | None]] = []
        self.events: list[Event] = []
        self.follower = Follower(
            client,
            LEASES,
            on_read=lambda found, version: self.reads.append((found, version)),
            on_change=self.events.append,
            name=name,
            by_get=by_get,
        )
        self.follower.start()

    def saw(self) -> list[tuple[str, int]]:
        return [(event.kind, version_of(event.object)) for event in self.events]


def test_an_error_says_what_was_asked_and_what_was_said(client: Kube) -> None:
    with pytest.raises(ApiError) as caught:
        client.get(f"{LEASES}/missin")
    assert caught.value.status == 404
    assert caught.value.reason == "NotFound"
    assert f"GET {LEASES}/missin" in str(caught.value)


def test_a_write_on_an_old_version_is_a_conflict(api: FakeApi, client: Kube) -> None:
    old = client.post(LEASES, {"metadata": {"name": "x"}})
    api.put(f"{LEASES}/x", {"by": "somebody else"})
    with pytest.raises(ApiError) as caught:
        client.put(f"{LEASES}/x", old)
    assert caught.value.status == 409


def test_no_answer_within_the_deadline(api: FakeApi, client: Kube) -> None:
    api.silent = True
    began = time.monotonic()
    with pytest.raises(UnreachableError, match=r"GET /version: no answer within 0\.2 s"):
        client.get("/version", deadline=0.2)
    assert time.monotonic() - began < 1


def test_nobody_there() -> None:
    with pytest.raises(UnreachableError, match=r"GET /version: no connection to http://127\.0\.0\.1:1: .*refused"):
        Kube(Access("http://127.0.0.1:1"), "test").get("/version")


def test_one_connection_is_kept_and_replaced_when_the_server_closes_it(api: FakeApi, client: Kube) -> None:
    for _ in range(5):
        client.get("/version")
    assert api.connections == 1
    api.close_after_answer = True
    client.get("/version")
    time.sleep(0.05)
    client.get("/version")
    assert api.connections == 2


def test_keeping_warm_asks_only_when_idle_and_never_raises(api: FakeApi, client: Kube) -> None:
    client.get("/version")
    client.keep_warm()
    assert len(api.requests) == 1
    client.keep_warm(idle=0.0)
    assert len(api.requests) == 2
    api.failures = [500]
    client.keep_warm(idle=0.0)
    api.close()
    client.keep_warm(idle=0.0)


def test_the_token_is_read_again_when_it_was_refused(api: FakeApi, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one\n")
    client = Kube(Access(api.url, token_file=file), "test")
    api.accepted_token = "one"  # noqa: S105
    client.get("/version")
    file.write_text("two\n")
    client.get("/version")
    assert api.tokens == ["Bearer one", "Bearer one"], "a token is not read for every request"
    api.accepted_token = "two"  # noqa: S105
    with pytest.raises(ApiError) as caught:
        client.get("/version")
    assert caught.value.status == 401
    client.get("/version")


def test_the_token_is_read_again_after_a_while(api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kube, "TOKEN_SECONDS", 0.0)
    file = tmp_path / "token"
    file.write_text("one")
    client = Kube(Access(api.url, token_file=file), "test")
    client.get("/version")
    file.write_text("two")
    client.get("/version")
    assert api.tokens == ["Bearer one", "Bearer two"]


def test_a_service_account_is_used_in_a_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("t")
    monkeypatch.setattr(kube, "SERVICE_ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")
    found = kube.access()
    assert found.server == "https://[fd00::1]:6443"
    assert found.ca_file == str(tmp_path / "ca.crt")
    assert found.headers() == {"Authorization": "Bearer t"}


def test_without_any_way_in_it_is_said_where_was_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(AccessError, match="not in a pod"):
        kube.from_kubeconfig(str(tmp_path / "none"))


@pytest.mark.parametrize("chunk", [0, 1, 7])
def test_events_are_whole_however_they_are_cut(api: FakeApi, client: Kube, chunk: int) -> None:
    api.chunk = chunk
    seen = Followed(client)
    until("read", lambda: seen.reads)
    for number in range(3):
        api.put(f"{LEASES}/x", {"spec": {"number": number, "text": "ä\\n"}})
    until("three events", lambda: len(seen.events) == 3)
    assert [event.object["spec"] for event in seen.events] == [{"number": n, "text": "ä\\n"} for n in range(3)]
    assert [event.kind for event in seen.events] == ["ADDED", "MODIFIED", "MODIFIED"]


def test_only_the_object_asked_for(api: FakeApi, client: Kube) -> None:
    seen = Followed(client)
    until("read", lambda: seen.reads)
    api.put(f"{LEASES}/other", {})
    api.put(f"{LEASES}/x", {})
    until("the event", lambda: seen.events)
    assert [event.object["metadata"]["name"] for event in seen.events] == ["x"]


def test_a_broken_watch_goes_on_where_it_stood(api: FakeApi, client: Kube) -> None:
    api.put(f"{LEASES}/x", {})
    seen = Followed(client, by_get=True)
    until("the watch is open", lambda: api._watches)
    for _ in range(3):
        api.put(f"{LEASES}/x", {})
    until("three events", lambda: len(seen.events) == 3)
    api.break_watches()
    api.put(f"{LEASES}/x", {})
    until("the fourth", lambda: len(seen.events) == 4)
    assert [version for _, version in seen.saw()] == [102, 103, 104, 105]
    assert len(seen.reads) == 1, "nothing was read again"


def test_a_watch_that_is_too_old_reads_anew(api: FakeApi, client: Kube) -> None:
    api.put(f"{LEASES}/x", {})
    seen = Followed(client, by_get=True)
    until("the watch is open", lambda: api._watches)
    api.oldest = 1000
    api.version = 2000
    api.break_watches()
    until("read again", lambda: len(seen.reads) >= 2)
    api.oldest = 0
    api.put(f"{LEASES}/x", {})
    until("seen, by a read or a watch", lambda: 2001 in [v for _, v in [*seen.reads, *seen.saw()]])


def test_an_object_that_was_written_long_ago_is_followed_at_once(api: FakeApi, client: Kube) -> None:
    """Its own resourceVersion is older than anything that the server can still tell, as after a restart."""
    api.put(f"{LEASES}/x", {})
    api.version, api.oldest = 2000, 1000
    seen = Followed(client, by_get=True)
    until("the watch is open", lambda: api._watches)
    time.sleep(0.2)
    assert len(seen.reads) == 1
    assert seen.follower.failing_since is None
    api.put(f"{LEASES}/x", {})
    until("the change", lambda: seen.saw() == [("MODIFIED", 2001)])


def test_a_watch_that_is_always_too_old_does_not_run_hot(api: FakeApi, client: Kube) -> None:
    api.put(f"{LEASES}/x", {})
    api.oldest = 1 << 60
    seen = Followed(client)
    time.sleep(1.0)
    assert 2 <= len(seen.reads) < 20


def test_a_missing_object_is_read_as_missing_and_seen_when_it_comes(api: FakeApi, client: Kube) -> None:
    seen = Followed(client, by_get=True)
    until("read", lambda: seen.reads)
    assert seen.reads == [([], None)]
    api.put(f"{LEASES}/x", {})
    until("the event", lambda: seen.events)
    assert seen.saw() == [("ADDED", 101)]
    api.remove(f"{LEASES}/x")
    until("the deletion", lambda: len(seen.events) == 2)
    assert seen.saw()[1] == ("DELETED", 102)


def test_a_server_that_comes_back_is_found(api: FakeApi, client: Kube) -> None:
    api.failures = [500, 503, 403]
    seen = Followed(client)
    until("read after three refusals", lambda: seen.reads)
    assert api.count("GET", "/leases") == 4
    assert seen.follower.failing_since is None


def test_what_a_handler_raises_does_not_end_the_following(api: FakeApi, client: Kube) -> None:
    calls = []

    def fail(event: Event) -> None:
        calls.append(event)
        raise ValueError("a test")

    follower = Follower(client, LEASES, on_read=lambda *_: None, on_change=fail, name="x")
    follower.start()
    until("the watch is open", lambda: api._watches)
    api.put(f"{LEASES}/x", {})
    until("called", lambda: calls)
    until("the watch is open again", lambda: api.count("GET", "/leases", watch=True) >= 2)
    assert follower.thread.is_alive()


def test_a_silent_watch_is_given_up(api: FakeApi, client: Kube) -> None:
    with pytest.raises(UnreachableError, match="WATCH"):
        list(client.watch(LEASES, "100", silence=0.2))


def test_two_threads_do_not_wait_for_each_other(api: FakeApi, client: Kube) -> None:
    seen = Followed(client)
    until("the watch is open", lambda: api._watches)
    began = time.monotonic()
    client.get("/version")
    assert time.monotonic() - began < 0.5
    assert seen.follower.thread.is_alive()

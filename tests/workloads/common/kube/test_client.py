"""The API client, against a server that misbehaves on demand."""

from pathlib import Path

import pytest
from urllib3.util.connection import is_connection_dropped

from tests.support.fake_kube import FakeApi
from tests.support.waiting import until
from workloads.common.kube import Access, ApiError, Kube, SilentError, UnreachableError

LEASES = "/apis/coordination.k8s.io/v1/namespaces/n/leases"


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
    with pytest.raises(UnreachableError, match=r"GET /version: no answer within 0\.2 s"):
        client.get("/version", deadline=0.2)


def test_nobody_there() -> None:
    with pytest.raises(UnreachableError, match=r"GET /version: no connection to http://127\.0\.0\.1:1: .*refused"):
        Kube(Access("http://127.0.0.1:1"), "test").get("/version")


def test_one_connection_is_kept_and_replaced_when_the_server_closes_it(api: FakeApi, client: Kube) -> None:
    for _ in range(5):
        client.get("/version")
    assert api.connections == 1
    api.close_after_answer = True
    client.get("/version")
    assert client._pool.pool is not None
    (connection,) = [kept for kept in client._pool.pool.queue if kept is not None]
    until("the client's side sees the end", lambda: is_connection_dropped(connection))
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


def test_silence_of_a_watch_is_told_from_a_break(api: FakeApi, client: Kube) -> None:
    events = client.watch(LEASES, "100")
    until("the watch is open", lambda: api.watching)
    api.break_watches()
    with pytest.raises(UnreachableError, match="the watch broke") as caught:
        list(events)
    assert not isinstance(caught.value, SilentError)
    with pytest.raises(SilentError, match=r"WATCH .*: nothing came for 0\.2 s"):
        list(client.watch(LEASES, "100", silence=0.2))


def test_a_watch_is_accepted_or_refused_before_its_first_event(api: FakeApi, client: Kube) -> None:
    client.watch(LEASES, "100")
    api.refuse_watches = 503
    with pytest.raises(ApiError, match=r"WATCH .*a test asked for it") as caught:
        client.watch(LEASES, "100")
    assert caught.value.status == 503


def test_the_token_is_read_again_when_a_watch_was_refused_for_it(api: FakeApi, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one")
    client = Kube(Access(api.url, token_file=file), "test")
    client.get("/version")
    file.write_text("two")
    api.accepted_token = "two"  # noqa: S105
    with pytest.raises(ApiError, match="401"):
        client.watch(LEASES, "100")
    client.watch(LEASES, "100")

"""The follower, against a server that misbehaves on demand."""

import itertools
import logging
import time

import pytest

from tests.support.fake_kube import FakeApi
from tests.support.waiting import until
from workloads.common.kube import Event, Follower, Kube, Object, version_of
from workloads.common.kube.pace import FIRST_SECONDS, MOST_SECONDS

LEASES = "/apis/coordination.k8s.io/v1/namespaces/n/leases"


class Followed:
    """What a follower told."""

    def __init__(self, client: Kube, name: str = "x", *, by_get: bool = False, silence: float = 60.0) -> None:
        self.reads: list[tuple[list[Object], int | None]] = []
        self.events: list[Event] = []
        self.follower = Follower(
            client,
            LEASES,
            on_read=lambda found, version: self.reads.append((found, version)),
            on_change=self.events.append,
            name=name,
            by_get=by_get,
            silence=silence,
        )
        self.follower.start()

    def saw(self) -> list[tuple[str, int]]:
        return [(event.kind, version_of(event.object)) for event in self.events]


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
    until("the watch is open", lambda: api.watching)
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
    until("the watch is open", lambda: api.watching)
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
    until("the watch is open", lambda: api.watching)
    api.put(f"{LEASES}/x", {})
    until("the change", lambda: seen.saw() == [("MODIFIED", 2001)])
    assert len(seen.reads) == 1
    assert seen.follower.failing_since is None


def test_a_watch_that_is_always_too_old_does_not_run_hot(api: FakeApi, client: Kube) -> None:
    api.put(f"{LEASES}/x", {})
    api.oldest = 1 << 60
    times: list[float] = []
    Follower(
        client, LEASES, on_read=lambda *_: times.append(time.monotonic()), on_change=lambda _: None, name="x"
    ).start()
    until("it read six times", lambda: len(times) >= 6)
    waits = [later - earlier for earlier, later in itertools.pairwise(times[1:6])]
    for number, wait in enumerate(waits):
        assert wait >= 0.5 * min(FIRST_SECONDS * 2**number, MOST_SECONDS), f"wait {number} of {waits}"


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
    until("the watch is open", lambda: api.watching)
    api.put(f"{LEASES}/x", {})
    until("called", lambda: calls)
    until("the watch is open again", lambda: api.count("GET", "/leases", watch=True) >= 2)
    assert follower.thread.is_alive()


def test_two_threads_do_not_wait_for_each_other(api: FakeApi, client: Kube) -> None:
    seen = Followed(client)
    until("the watch is open", lambda: api.watching)
    client.get("/version")
    assert seen.follower.thread.is_alive()


@pytest.mark.parametrize("by_get", [True, False])
def test_silence_is_no_failure(api: FakeApi, client: Kube, caplog: pytest.LogCaptureFixture, *, by_get: bool) -> None:
    """A server promises no bookmarks: an idle collection has nothing to tell, for hours."""
    api.put(f"{LEASES}/x", {})
    api.deaf_watches = True
    seen = Followed(client, by_get=by_get, silence=0.05)
    until("four watches in a row", lambda: api.count("GET", "/leases", watch=True) >= 4)
    assert seen.follower.failing_since is None
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert {version for _, version in seen.reads} == {101}, "it asked, and nothing had moved"


@pytest.mark.parametrize("by_get", [True, False])
def test_what_a_silent_watch_never_told_is_found_by_asking(api: FakeApi, client: Kube, *, by_get: bool) -> None:
    api.put(f"{LEASES}/x", {"spec": 1})
    api.deaf_watches = True
    seen = Followed(client, by_get=by_get, silence=0.05)
    until("the watch is open", lambda: api.watching)
    api.put(f"{LEASES}/x", {"spec": 2})
    until("the change is read", lambda: seen.reads[-1][0][0]["spec"] == 2)
    api.remove(f"{LEASES}/x")
    until("the removal is read", lambda: seen.reads[-1][0] == [])
    assert seen.follower.failing_since is None


def test_the_watch_after_a_silence_goes_on_from_what_was_read(api: FakeApi, client: Kube) -> None:
    api.put(f"{LEASES}/x", {})
    api.deaf_watches = True
    seen = Followed(client, silence=0.05)
    until("the watch is open", lambda: api.watching)
    api.put(f"{LEASES}/x", {})
    until("the change is read", lambda: seen.reads[-1][1] == 102)
    api.deaf_watches = False
    until("a watch that hears", lambda: api.watching)
    api.put(f"{LEASES}/x", {})
    until("told by the watch, or read after another silence", lambda: 103 in _versions(seen))
    assert 102 not in [version for _, version in seen.saw()], "what was read is not told again"


def test_a_watch_is_broken_when_asking_after_a_silence_fails(api: FakeApi, client: Kube) -> None:
    api.put(f"{LEASES}/x", {})
    api.deaf_watches = True
    seen = Followed(client, by_get=True, silence=0.05)
    until("the watch is open", lambda: api.watching)
    api.failures = [500] * 1000
    until("the watch counts as broken", lambda: seen.follower.failing_since is not None)
    api.failures = []
    until("the next answer mends it, with nothing to tell", lambda: seen.follower.failing_since is None)
    assert seen.events == []


def test_a_watch_that_broke_is_mended_when_a_new_one_is_accepted(api: FakeApi, client: Kube) -> None:
    api.put(f"{LEASES}/x", {})
    seen = Followed(client)
    until("the watch is open", lambda: api.watching)
    api.refuse_watches = 503
    api.failures = [503] * 1000
    api.break_watches()
    until("the watch counts as broken", lambda: seen.follower.failing_since is not None)
    api.failures = []
    api.refuse_watches = 0
    until("mended", lambda: seen.follower.failing_since is None)
    assert seen.events == [], "not by an event"


def test_a_connection_that_breaks_is_mended_by_the_watch_alone(api: FakeApi, client: Kube) -> None:
    """No read is due after a break: the new watch's acceptance has to say that all is well again."""
    api.put(f"{LEASES}/x", {})
    seen = Followed(client)
    until("the watch is open", lambda: api.watching)
    api.silent = True
    api.break_watches()
    until("the watch counts as broken", lambda: seen.follower.failing_since is not None)
    api.silent = False
    until("mended", lambda: seen.follower.failing_since is None)
    assert (len(seen.reads), seen.events) == (1, [])


def _versions(seen: Followed) -> list[int | None]:
    return [version for _, version in [*seen.reads, *seen.saw()]]

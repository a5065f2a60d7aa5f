import itertools
from typing import Any

import pytest

from experiments.cluster import Cluster
from experiments.errors import DeadlineError, PreconditionError
from experiments.producer import Producer
from experiments.progress import Progress
from tests.experiments.test_cluster import PODS, listed, pod
from tests.support.fake_api import Answer, FakeApi

STATUS = f"{PODS}/producer-0:8080/proxy/status"
CONFIG = f"{PODS}/producer-0:8080/proxy/config"


def status(acked: int = 0, in_flight: int = 0, name: str = "p0-ab") -> dict[str, Any]:
    return {"producer": name, "seq": acked, "acked": acked, "failed": 0, "unknown": 0, "in_flight": in_flight}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A monotonic clock that only sleeping moves."""
    now = [100.0]
    monkeypatch.setattr("experiments.producer.time.monotonic", lambda: now[0])
    monkeypatch.setattr("experiments.producer.time.sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return now


def producer(cluster: Cluster) -> Producer:
    return Producer(cluster, "strategy-c", Progress())


def flow(now: list[float], *rates: float) -> Any:
    """A producer that keeps each rate for 3 s, the last one for ever."""
    begun = now[0]

    def answer(_: Any) -> Answer:
        left, acked = now[0] - begun, 0.0
        for rate in (*rates[:-1],):
            acked += rate * min(3.0, max(0.0, left))
            left -= 3.0
        return 200, status(int(acked + rates[-1] * max(0.0, left)))

    return answer


def test_the_rate_is_measured_from_what_was_acknowledged(api: FakeApi, cluster: Cluster, clock: list[float]) -> None:
    api.answers["GET", STATUS] = flow(clock, 100)
    assert producer(cluster).measure_rate(100) == pytest.approx(100, abs=0.5)


def test_a_producer_that_is_still_getting_there_is_waited_for(
    api: FakeApi, cluster: Cluster, clock: list[float]
) -> None:
    api.answers["GET", STATUS] = flow(clock, 40, 94.9, 96)
    assert producer(cluster).measure_rate(100) == pytest.approx(96, abs=0.5)


@pytest.mark.parametrize("rate", [0, 94, 106, 2000])
def test_another_rate_than_asked_for_is_no_precondition(
    api: FakeApi, cluster: Cluster, clock: list[float], rate: int
) -> None:
    api.answers["GET", STATUS] = flow(clock, rate)
    with pytest.raises(PreconditionError, match="does not keep 100 records/s"):
        producer(cluster).measure_rate(100)


def test_silence_waits_for_the_last_acknowledgement(api: FakeApi, cluster: Cluster, clock: list[float]) -> None:
    answers = itertools.chain([status(10, 5), status(12, 3), status(15, 0)], itertools.repeat(status(15, 0)))
    api.answers["PUT", CONFIG] = (200, {})
    api.answers["GET", STATUS] = lambda _: (200, next(answers))
    assert producer(cluster).silence().acked == 15
    assert [sent for method, _, _, sent in api.requests if method == "PUT"] == [{"rate": 0}]
    assert clock


def test_records_that_stay_in_flight_are_an_error(
    api: FakeApi, cluster: Cluster, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    api.answers["PUT", CONFIG] = (200, {})
    api.answers["GET", STATUS] = (200, status(10, 3))
    monkeypatch.setattr("experiments.producer._FLUSH_SECONDS", 1.0)
    with pytest.raises(DeadlineError, match="3 in flight"):
        producer(cluster).silence()
    assert clock


def test_a_run_gets_a_producer_of_its_own(api: FakeApi, cluster: Cluster) -> None:
    old, ending = pod("producer-0", uid="old"), pod("producer-0", uid="old", ready=False, version="11")
    api.answers["GET", f"{PODS}/producer-0"] = (200, old)
    api.answers["DELETE", f"{PODS}/producer-0"] = (200, {})
    api.answers["GET", PODS] = (200, listed(old))
    api.answers["GET", STATUS] = (200, status(name="p0-new"))
    for kind, raw in (
        ("MODIFIED", ending),
        ("DELETED", ending),
        ("ADDED", pod("producer-0", uid="new", ready=False, version="13")),
        ("MODIFIED", pod("producer-0", uid="new", version="14")),
    ):
        api.events.put({"type": kind, "object": raw})
    assert producer(cluster).renew().name == "p0-new"
    methods = [method for method, _, _, _ in api.requests]
    assert methods.index("DELETE") == 1
    assert api.events.empty()

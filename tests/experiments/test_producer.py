import itertools
import json
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from experiments import in_pod, session
from experiments.cluster import Cluster, Pod
from experiments.errors import DeadlineError, PreconditionError
from experiments.pod_history import PodHistory
from experiments.producer import Counts, Producer, ProducerLog, producers_since
from experiments.progress import Progress
from tests.experiments.test_cluster import PODS, listed, pod
from tests.experiments.test_pod_history import raw
from tests.support.fake_api import FakeApi
from tests.support.loopback import Answer

STATUS = f"{PODS}/producer-0:8080/proxy/status"
CONFIG = f"{PODS}/producer-0:8080/proxy/config"


def status(acked: int = 0, in_flight: int = 0, name: str = "p0-ab") -> dict[str, Any]:
    return {"producer": name, "seq": acked, "acked": acked, "failed": 0, "unknown": 0, "in_flight": in_flight}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A monotonic clock that only the producer's sleeping moves: other threads of this process keep the real one."""
    now = [100.0]
    own = SimpleNamespace(
        monotonic=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds), time=time.time
    )
    monkeypatch.setattr("experiments.producer.time", own)
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
    for kind, changed in (
        ("MODIFIED", ending),
        ("DELETED", ending),
        ("ADDED", pod("producer-0", uid="new", ready=False, version="13")),
        ("MODIFIED", pod("producer-0", uid="new", version="14")),
    ):
        api.events.put({"type": kind, "object": changed})
    assert producer(cluster).renew().name == "p0-new"
    methods = [method for method, _, _, _ in api.requests]
    assert methods.index("DELETE") == 1
    assert api.events.empty()


def test_everybody_who_produced_since_the_run_began_is_judged() -> None:
    logs = {
        "p0-before": ProducerLog(first=10, last=99, ended=True),
        "p0-mine": ProducerLog(first=100, last=130, ended=False),
        "p0-again": ProducerLog(first=131, last=200, ended=True),
        "p0-closing": ProducerLog(first=210, last=220, ended=False),
    }
    assert producers_since(logs, 100, besides=["p0-closing"]) == ["p0-mine", "p0-again"]


def test_the_producers_of_a_volume_are_listed_from_their_logs(tmp_path: Path) -> None:
    def line(name: str, t: int) -> str:
        return json.dumps({"producer": name, "seq": 0, "topic": "t", "partition": 0, "offset": 0, "t": t}) + "\n"

    (tmp_path / "producer-0.ab.jsonl").write_text(
        line("p0-ab", 5) + line("p0-ab", 9) + '{"producer": "p0-ab", "end": 2}\n'
    )
    (tmp_path / "producer-0.cd.jsonl").write_text(line("p0-cd", 10) + line("p0-cd", 12))
    (tmp_path / "producer-0.cd.0001.jsonl").write_text(line("p0-cd", 13) + line("p0-cd", 15) + '{"producer": "p0-c')
    (tmp_path / "producer-0.ef.jsonl").write_text("")
    program = Path(in_pod.__file__).parent / "producers.py"
    found = json.loads(subprocess.check_output([sys.executable, str(program), str(tmp_path)]))
    assert found == {
        "p0-ab": {"first": 5, "last": 9, "end": True},
        "p0-cd": {"first": 10, "last": 15, "end": False},
    }


@pytest.mark.parametrize(
    ("names", "producers", "pods", "expected"),
    [
        (["mine"] * 3, ["mine"], [[("u1", 0)], [("u1", 0)]], []),
        (["mine", "other", "other"], ["mine", "other"], [[("u1", 0)], [("u1", 1)]], ["other"]),
        (["mine"] * 3, ["mine", "between"], [[("u1", 0)], [("u1", 1)]], ["between"]),
        (["mine"] * 3, ["mine"], [[("u1", 0)], [("u1", 1)]], ["producer-0, 1 times"]),
        (["mine"] * 3, ["mine"], [[("u1", 0)], [("u2", 0)]], ["producer-0, a new pod"]),
    ],
)
def test_a_producer_that_was_restarted_is_named(names: Any, producers: Any, pods: Any, expected: list[str]) -> None:
    """30 s into a run the producer was started again: the rate was kept, and everything before was not judged."""
    history = PodHistory()
    for at, moment in enumerate(pods):
        history.observe([Pod.of(raw("producer-0", uid, count, "producer")) for uid, count in moment], float(at))
    counts = [Counts(name, 0, 0, 0, 0, float(at)) for at, name in enumerate(names)]
    assert session._others("mine", counts, producers, history) == expected


def test_counts_of_two_processes_have_no_rate() -> None:
    first, last = Counts("mine", 10, 0, 0, 0, 1.0), Counts("other", 110, 0, 0, 0, 2.0)
    assert session._rate(first, last) is None
    assert session._rate(first, Counts("mine", 110, 0, 0, 0, 2.0)) == 100.0

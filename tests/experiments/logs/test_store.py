"""The log store asked through the API server, and a recording of what a run's pods said; both without a store."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.settings import StackName, strategy_settings
from components.strategies.base import strategy
from experiments import cluster as cluster_module
from experiments.cluster import Cluster, ClusterError
from experiments.errors import CollectionError
from experiments.logs import broker_logger, recording
from experiments.logs.broker_logger import LOGGER, telling_of_commits
from experiments.logs.items import ITEMS
from experiments.logs.queries import CONTAINER_FIELD, NAMESPACE_FIELD, POD_FIELD
from experiments.logs.store import LogStore, last_lines, seconds, written_at
from experiments.pod_history import Life
from experiments.progress import Progress
from experiments.records import compressed_text
from tests.support.fake_api import FakeApi

PLATFORM = "/api/v1/namespaces/kafka-bluegreen"
SERVICE = f"{PLATFORM}/services/victorialogs"
QUERY = f"{SERVICE}:9428/proxy/select/logsql/query"
METRICS = f"{SERVICE}:9428/proxy/metrics"
VERSION = b'vm_app_version{version="victoria-logs-v1.52.1", short_version="v1.52.1"} 1\n'
LINE = '2026-11-28T12:00:01.000000001Z {"time":"2026-11-28T12:00:00.250000Z","message":"committed"}\n'


def test_a_platform_without_a_store_has_none(cluster: Cluster) -> None:
    assert LogStore.found(cluster) is None


def test_what_cannot_be_known_is_no_store_that_is_not_there(cluster: Cluster, api: FakeApi) -> None:
    api.answers["GET", SERVICE] = (403, {"message": "forbidden"})
    with pytest.raises(ClusterError, match="forbidden"):
        LogStore.found(cluster)


def test_an_answer_is_rows(cluster: Cluster, api: FakeApi) -> None:
    api.answers["GET", QUERY] = (200, b'{"lines":"3"}\n')
    assert LogStore(cluster).ask("* | stats count() lines") == [{"lines": 3}]
    assert api.requests[-1][2]["query"] == ["* | stats count() lines"]


def test_a_query_that_the_store_refuses_is_told(cluster: Cluster, api: FakeApi) -> None:
    api.answers["GET", QUERY] = (400, b"cannot parse query [(]: missing ')'")
    with pytest.raises(ClusterError, match="missing"):
        LogStore(cluster).ask("(")
    api.answers["GET", QUERY] = (200, b"<html>")
    with pytest.raises(ClusterError, match="is none"):
        LogStore(cluster).ask("*")


def test_a_store_that_does_not_answer_is_asked_again(monkeypatch: pytest.MonkeyPatch, cluster: Cluster) -> None:
    row = {NAMESPACE_FIELD: "n", POD_FIELD: "p", CONTAINER_FIELD: "c", "newest": "1970-01-01T00:00:05Z"}
    answers = [b"", json.dumps(row).encode(), *[b""] * 3]

    def request(*_: object, **__: object) -> bytes:
        if not (answer := answers.pop(0)):
            raise ClusterError("read timed out")
        return answer

    monkeypatch.setattr(cluster, "request", request)
    monkeypatch.setattr(cluster_module, "_RETRY_SECONDS", 0)
    store, lines = LogStore(cluster), {("n", "p", "c"): 5.0}
    assert store.wait_for(lines, 0.0) == []
    with pytest.raises(ClusterError, match="timed out"):
        store.wait_for(lines, 0.0)
    assert not answers


def test_its_version_is_its_own_word(cluster: Cluster, api: FakeApi) -> None:
    api.answers["GET", METRICS] = (200, VERSION)
    assert LogStore(cluster).version() == "v1.52.1"


@pytest.mark.parametrize(
    ("line", "written"),
    [
        (LINE.strip(), "2026-11-28T12:00:00.25Z"),
        ("2026-11-28T12:00:01.5Z [2026-11-28] INFO a broker's", "2026-11-28T12:00:01.5Z"),
        ('2026-11-28T12:00:01.5Z {"message":"no time"}', "2026-11-28T12:00:01.5Z"),
        ('2026-11-28T12:00:01.5Z {"time":"now"}', "2026-11-28T12:00:01.5Z"),
        ("2026-11-28T12:00:01.5Z {torn", "2026-11-28T12:00:01.5Z"),
    ],
)
def test_a_line_has_the_time_that_the_collector_takes(line: str, written: str) -> None:
    assert written_at(line) == seconds(written)


def test_microseconds_are_what_counts_of_a_time() -> None:
    assert seconds("2026-11-28T12:00:00.123456789Z") == seconds("2026-11-28T12:00:00.123456Z")


def _newest(moment: str) -> bytes:
    """Of a consumer of ours; one of another stack has the same name, and is ahead."""
    where = {"kubernetes.pod_name": "consumer-blue-0", "kubernetes.container_name": "consumer"}
    ours = {"kubernetes.pod_namespace": "strategy-c", **where, "newest": moment}
    others = {"kubernetes.pod_namespace": "strategy-b", **where, "newest": "2026-11-28T13:00:00Z"}
    return f"{json.dumps(ours)}\n{json.dumps(others)}".encode()


def test_it_is_waited_until_the_newest_line_is_there(cluster: Cluster, api: FakeApi) -> None:
    answers = iter([b"", _newest("2026-11-28T12:00:00.1Z"), _newest("2026-11-28T12:00:00.25Z")])
    asked: list[bytes] = []

    def next_one(_: Any) -> tuple[int, bytes]:
        asked.append(next(answers))
        return 200, asked[-1]

    api.answers["GET", QUERY] = next_one
    lines = {("strategy-c", "consumer-blue-0", "consumer"): seconds("2026-11-28T12:00:00.25Z")}
    assert LogStore(cluster).wait_for(lines, 30.0) == []
    assert len(asked) == 3


def test_what_does_not_arrive_is_named(cluster: Cluster, api: FakeApi) -> None:
    api.answers["GET", QUERY] = (200, b"")
    lines = {("ns", "consumer-blue-0", "consumer"): 1.0, ("ns", "controller-x", "controller"): 2.0}
    assert LogStore(cluster).wait_for(lines, 0.0) == ["ns/consumer-blue-0/consumer", "ns/controller-x/controller"]
    assert LogStore(cluster).wait_for({}, 30.0) == []


def test_the_last_line_of_each_container_is_asked_for(cluster: Cluster, api: FakeApi) -> None:
    api.answers["GET", "/api/v1/namespaces/strategy-c/pods/consumer-blue-0/log"] = (200, LINE.encode())
    pods = [("strategy-c", "consumer-blue-0", ["consumer"]), ("strategy-c", "gone-0", ["consumer"])]
    found = last_lines(cluster, pods, "2026-11-28T11:59:00Z")
    assert found == {("strategy-c", "consumer-blue-0", "consumer"): seconds("2026-11-28T12:00:00.25Z")}
    assert api.requests[0][2]["tailLines"] == ["1"]


@pytest.fixture
def commanded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What was run in the producer's pod: the logger and its level."""
    found: list[tuple[str, ...]] = []

    def run(_namespace: str, _pod: str, _container: str, command: list[str], *, seconds: float) -> bytes:
        assert seconds > 0
        found.append(tuple(command[-2:]))
        return b""

    monkeypatch.setattr(broker_logger, "output_of", run)
    return found


def test_the_brokers_tell_of_commits_for_a_time_only(commanded: list[tuple[str, ...]]) -> None:
    def interrupted() -> None:
        with telling_of_commits("strategy-c", Progress()) as told:
            assert told
            assert commanded == [(LOGGER, "DEBUG")]
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert commanded == [(LOGGER, "DEBUG"), (LOGGER, "")]


def test_brokers_that_cannot_be_told_end_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object, **__: object) -> bytes:
        raise CollectionError("kubectl exec: exit code 1")

    monkeypatch.setattr(broker_logger, "output_of", refused)
    with telling_of_commits("strategy-c", Progress()) as told:
        assert not told
    assert "exit code 1" in capsys.readouterr().err


@contextmanager
def _silent(_namespace: str, _progress: Progress) -> Iterator[bool]:
    yield True


@pytest.fixture
def lab(cluster: Cluster, api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A pair with one consumer a colour, after two switches of which one was refused."""
    name = StackName("strategy-c")
    settings = strategy_settings({"strategy": "c", "replicas": "1"}, name.name)
    switch = {
        "metadata": {"generation": 1},
        "spec": {"active": "blue", "blue": {"group": "bluegreen-c"}, "green": {"group": "bluegreen-c"}},
    }
    path = "/apis/kafka-bluegreen.io/v1alpha1/namespaces/strategy-c/kafkaconsumerswitches/consumer"
    api.answers["GET", path] = (200, switch)
    for where in ("/api/v1/namespaces/strategy-c/pods", f"{PLATFORM}/pods"):
        api.answers["GET", where] = (200, {"items": []})
    monkeypatch.setattr(recording, "telling_of_commits", _silent)
    switches = [SimpleNamespace(outcome="Switched"), SimpleNamespace(outcome="Refused")]
    return SimpleNamespace(
        namespace=name.name,
        settings=settings,
        parts=strategy("c").parts(settings, name),
        notes=SimpleNamespace(switches=switches),
        progress=Progress(),
        clock_offset=0.0,
    )


def _serving(api: FakeApi, lines: int) -> None:
    api.answers["GET", SERVICE] = (200, {})
    api.answers["GET", METRICS] = (200, VERSION)
    api.answers["GET", QUERY] = (200, json.dumps({"lines": str(lines)}).encode())


def test_a_run_without_a_store_records_nothing(cluster: Cluster, lab: Any) -> None:
    with recording.recording(cluster, lab) as recorded:
        assert recorded is None


def test_a_run_has_what_was_said_before_its_scenario_and_in_it(cluster: Cluster, api: FakeApi, lab: Any) -> None:
    _serving(api, 2)
    told = io.StringIO()
    lab.progress = Progress(told)
    with recording.recording(cluster, lab) as recorded:
        assert recorded is not None
        said = recorded.section(1000.0, 1060.0)
    assert (said["store"], said["offset_commits_told"], said["not_arrived"]) == ("VictoriaLogs v1.52.1", True, [])
    assert (said["after"]["from"], said["after"]["to"]) == ("1970-01-01T00:16:40.000Z", "1970-01-01T00:17:40.000Z")
    keys = [item.key for item in ITEMS]
    assert list(said["before"]["items"]) == list(said["after"]["items"]) == keys
    # One switch moved the grant, of one pod a colour: two calls are what is asked for.
    assert said["after"]["items"]["lifecycle_calls"] == {"lines": 2, "bad": 0, "normal": True}
    assert said["after"]["items"]["failures"]["normal"] is said["before"]["items"]["failures"]["normal"] is False
    assert "not normal in the logs of the last minute: failures: 2 lines" in told.getvalue()
    json.dumps(said, allow_nan=False)


def test_a_span_is_asked_for_by_the_clusters_clock(cluster: Cluster, api: FakeApi, lab: Any) -> None:
    _serving(api, 0)
    lab.clock_offset = 2.5
    with recording.recording(cluster, lab) as recorded:
        assert recorded is not None
        said = recorded.section(1000.0, 1060.0)
    assert (said["after"]["from"], said["after"]["to"]) == ("1970-01-01T00:16:42.500Z", "1970-01-01T00:17:42.500Z")


def test_a_store_that_fails_costs_its_answers_and_nothing_else(cluster: Cluster, api: FakeApi, lab: Any) -> None:
    _serving(api, 2)
    with recording.recording(cluster, lab) as recorded:
        assert recorded is not None
        api.answers["GET", QUERY] = (500, b"out of memory")
        asked = recorded.section(1000.0, 1060.0)["after"]["items"]["lease"]
        assert (asked["lines"], asked["normal"]) == (None, None)
        assert "out of memory" in asked["error"]
        api.answers["GET", METRICS] = (503, b"no endpoints")
        assert "no endpoints" in recorded.section(1000.0, 1060.0)["error"]


def test_what_a_pod_said_that_is_gone_is_kept(cluster: Cluster, api: FakeApi, lab: Any, tmp_path: Path) -> None:
    _serving(api, 0)
    lives = [
        Life("consumer-green-0", "u1", "consumer", {}, {}, 1000.0, gone_at=1030.0),
        Life("consumer-green-0", "u2", "consumer", {}, {}, 1040.0),
    ]
    with recording.recording(cluster, lab) as recorded:
        assert recorded is not None
        api.answers["GET", QUERY] = (200, b'{"_msg":"stopping"}\n')
        assert recorded.keep_gone(lives, 1000.0, tmp_path) == lives[:1]
        (query,) = api.requests[-1][2]["query"]
        assert "_time:[1970-01-01T00:16:40.000000Z, 1970-01-01T00:17:10.000000Z)" in query
        assert '"kubernetes.pod_name"="consumer-green-0"' in query
        assert '"kubernetes.pod_namespace":="strategy-c"' in query
        for answer in ((200, b""), (500, b"out of memory")):
            api.answers["GET", QUERY] = answer
            assert recorded.keep_gone(lives, 1000.0, tmp_path) == []
    assert compressed_text(tmp_path / "consumer-green-0.u1.jsonl.zst") == '{"_msg":"stopping"}\n'
    assert [file.name for file in tmp_path.glob("*.zst")] == ["consumer-green-0.u1.jsonl.zst"]

"""What a run keeps: nothing of its span is left out without being named."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import zstandard

from experiments import collection
from experiments.cluster import Cluster, ClusterError, Pod
from experiments.errors import CollectionError
from experiments.pod_history import PodHistory
from tests.experiments.test_pod_history import raw
from tests.support.fake_api import FakeApi

LINE = "2026-11-23T12:00:00Z [GroupCoordinator] Preparing to rebalance group {} in state Stable with old generation 1\n"


def history(*moments: list[dict[str, Any]]) -> PodHistory:
    found = PodHistory()
    for at, pods in enumerate(moments):
        found.observe([Pod.of(pod) for pod in pods], float(at))
    return found


def logs(monkeypatch: pytest.MonkeyPatch, current: str, previous: str | None) -> list[bool]:
    """The broker's logs; gives whether each one that was asked for was the previous container's."""
    asked: list[bool] = []

    def log(self: Cluster, namespace: str, pod: str, since: str, *, previous: bool = False, **_: object) -> str:
        asked.append(previous)
        text = before if previous else current
        if text is None:
            raise ClusterError("previous terminated container not found", 400)
        return text

    before = previous
    monkeypatch.setattr(Cluster, "log", log)
    return asked


def seen(cluster: Cluster, pods: PodHistory, folder: Path, *groups: str) -> collection.BrokerSeen:
    return collection.broker_logs(cluster, pods, since=100.0, groups=groups or ("g",), folder=folder)


def test_rebalances_before_a_restart_of_the_broker_are_counted(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = logs(monkeypatch, LINE.format("g"), 2 * LINE.format("g"))
    found = seen(cluster, history([raw("kafka-0", "u", 1, "kafka")], [raw("kafka-0", "u", 2, "kafka")]), tmp_path)
    assert found.rebalances == 3
    assert asked == [True, False]
    kept = {file.name: zstandard.ZstdDecompressor().decompress(file.read_bytes()) for file in tmp_path.glob("*.zst")}
    assert kept["kafka-0.previous.log.zst"].decode() == 2 * LINE.format("g")
    assert "kafka.log.zst" in kept


def test_a_broker_that_went_on_has_one_log(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = logs(monkeypatch, LINE.format("blue-g") + LINE.format("green-g") + LINE.format("other"), None)
    pods = history([raw("kafka-0", "u", 1, "kafka")], [raw("kafka-0", "u", 1, "kafka")])
    assert seen(cluster, pods, tmp_path, "blue-g", "green-g").rebalances == 2
    assert asked == [False]


@pytest.mark.parametrize(
    ("moments", "said"),
    [
        ([[raw("kafka-0", "u1", 0, "kafka")], [raw("kafka-0", "u2", 0, "kafka")]], "kafka-0 (UID u1) is gone"),
        ([[raw("kafka-0", "u", 0, "kafka")], [raw("kafka-0", "u", 2, "kafka")]], "was started again 2 times"),
        ([[raw("kafka-0", "u", 0, "kafka")], [raw("kafka-0", "u", 1, "kafka")]], "the container before is gone"),
        ([[raw("metrics-0", "u", 0, "metrics")]], "no broker was seen"),
    ],
)
def test_a_log_that_is_gone_leaves_the_rebalances_unknown(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moments: Any, said: str
) -> None:
    logs(monkeypatch, "", None)
    found = seen(cluster, history(*moments), tmp_path)
    assert found.rebalances is None
    assert any(said in text for text in found.unread)


def test_a_process_that_worked_has_its_log_or_the_run_has_no_result(tmp_path: Path) -> None:
    consumed = tmp_path / "consumed"
    consumed.mkdir()
    (consumed / "consumer-blue-0.ab.jsonl.zst").touch()
    (consumed / "consumer-blue-1.cd.0001.jsonl.zst").touch()
    collection.require_logs_of(["consumer-blue-0.ab", "consumer-blue-1.cd"], tmp_path)
    with pytest.raises(CollectionError, match=r"no consumed log of consumer-blue-0\.a, consumer-green-0\.ef, seen to"):
        collection.require_logs_of(["consumer-blue-0.a", "consumer-blue-0.ab", "consumer-green-0.ef"], tmp_path)


def kept(folder: Path) -> dict[str, str]:
    decompress = zstandard.ZstdDecompressor().decompress
    return {file.name: decompress(file.read_bytes()).decode() for file in folder.glob("*.zst")}


def logs_of(cluster: Cluster, folder: Path, moments: Sequence[list[dict[str, Any]]]) -> list[str]:
    return collection.pod_logs(cluster, "n", ["agent"], history(*moments), since=100.0, folder=folder)


def test_the_logs_of_a_strategys_own_programs_are_kept(
    cluster: Cluster, api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = logs(monkeypatch, "now\n", "before\n")
    pods = [raw("agent-blue-0", "b", 1, "agent"), raw("agent-green-0", "g", 0, "agent")]
    api.answers["GET", "/api/v1/namespaces/n/pods"] = (200, {"items": pods})
    moments = [[raw("agent-blue-0", "b", 0, "agent"), pods[1], raw("agent-red-0", "r", 0, "agent")], pods]
    assert logs_of(cluster, tmp_path, moments) == ["agent-red-0 (UID r): gone"]
    assert kept(tmp_path) == {"agent-blue-0.log.zst": "before\nnow\n", "agent-green-0.log.zst": "now\n"}
    assert asked == [True, False, False]
    assert api.requests[-1][2]["labelSelector"] == ["app.kubernetes.io/name=agent"]


def test_a_log_is_kept_up_to_a_size_and_what_is_cut_is_named(
    cluster: Cluster, api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection, "_LOG_BYTES", 4)
    pods = [raw("agent-blue-0", "b", 2, "agent")]
    api.answers["GET", "/api/v1/namespaces/n/pods"] = (200, {"items": pods})
    api.answers["GET", "/api/v1/namespaces/n/pods/agent-blue-0/log"] = (200, b"1234")
    assert logs_of(cluster, tmp_path, [[raw("agent-blue-0", "b", 0, "agent")], pods]) == [
        "agent-blue-0: more than 4 bytes",
        "agent-blue-0: more than 4 bytes",
        "agent-blue-0: started again 2 times, one log is kept of the time before",
    ]
    assert kept(tmp_path) == {"agent-blue-0.log.zst": "12341234"}
    assert api.requests[-1][2]["limitBytes"] == ["4"]


def test_a_log_that_cannot_be_had_is_named(cluster: Cluster, api: FakeApi, tmp_path: Path) -> None:
    pods = [raw("agent-blue-0", "b", 0, "agent")]
    api.answers["GET", "/api/v1/namespaces/n/pods"] = (200, {"items": pods})
    (missing,) = logs_of(cluster, tmp_path, [pods])
    assert missing.startswith("agent-blue-0: ")
    assert kept(tmp_path) == {}

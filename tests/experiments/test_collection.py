"""What a run keeps: nothing of its span is left out without being named."""

from pathlib import Path
from typing import Any

import pytest
import zstandard

from experiments import collection
from experiments.cluster import Cluster, ClusterError, Pod
from experiments.errors import CollectionError
from experiments.pod_history import PodHistory
from tests.experiments.test_pod_history import raw

LINE = "2026-11-23T12:00:00Z [GroupCoordinator] Preparing to rebalance group {} in state Stable with old generation 1\n"


def history(*moments: list[dict[str, Any]]) -> PodHistory:
    found = PodHistory()
    for at, pods in enumerate(moments):
        found.observe([Pod.of(pod) for pod in pods], float(at))
    return found


def logs(monkeypatch: pytest.MonkeyPatch, current: str, previous: str | None) -> list[bool]:
    """The broker's logs; gives whether each one that was asked for was the previous container's."""
    asked: list[bool] = []

    def log(self: Cluster, namespace: str, pod: str, since: str, *, container: str, previous: bool = False) -> str:
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

"""The producer's loop without a broker: where it writes, and what it writes down when it is told to end."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from workloads.common.http import HttpError, Request
from workloads.common.records import PRODUCED, LogName, Space
from workloads.common.reload import Reloader
from workloads.producer import loop as module
from workloads.producer.__main__ import Api
from workloads.producer.ledger import Ledger
from workloads.producer.loop import ProducerError, ProducerLoop, client_configuration
from workloads.producer.payload import key
from workloads.producer.settings import ProducerSettings


class FakeProducer:
    """Acknowledges at the next poll, as long as `answers`; `partitions` are there, or the broker is not (None)."""

    partitions: int | None = 4
    answers = True
    polled: Callable[[], None] = staticmethod(lambda: None)
    stats: Callable[[str], None]

    def __init__(self, configuration: dict[str, Any]) -> None:
        type(self).stats = staticmethod(configuration["stats_cb"])
        self._sent: list[tuple[int, Callable[..., None]]] = []
        self._offsets: dict[int, int] = {}

    def list_topics(self, topic: str, timeout: float) -> Any:
        if self.partitions is None:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        there = dict.fromkeys(range(self.partitions))
        return SimpleNamespace(topics={topic: SimpleNamespace(error=None, partitions=there)})

    def produce(
        self, topic: str, value: bytes, key: bytes | None, partition: int, on_delivery: Callable[..., None]
    ) -> None:
        self._sent.append((partition, on_delivery))

    def poll(self, _: float) -> None:
        if self.answers:
            for partition, told in self._sent:
                offset = self._offsets[partition] = self._offsets.get(partition, -1) + 1
                told(None, SimpleNamespace(partition=lambda p=partition: p, offset=lambda o=offset: o))
            self._sent.clear()
        type(self).polled()

    def purge(self) -> None:
        self._sent.clear()


class Bench:
    """A loop on a scratch folder, stopped at its `stops`-th poll, or at a later one that finds `records` produced."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, *, stops: int = 50, records: int = 0, **settings: Any
    ) -> None:
        self.file = folder / "produced" / "producer-0.b.jsonl"
        usual = {"bootstrap_servers": "k", "topic": "t", "rate": 10_000, "pod_name": "producer-0", "flush_seconds": 0.2}
        made = ProducerSettings.model_validate(usual | {"records_dir": folder} | settings)
        self.polls = 0

        def polled() -> None:
            self.polls += 1
            if self.polls >= stops and self.loop.status.seq >= records:
                self.loop.stop()

        monkeypatch.setattr(FakeProducer, "polled", staticmethod(polled))
        monkeypatch.setattr(module, "Producer", FakeProducer)
        reloader = Reloader(folder / "none.yaml", lambda: made)
        self.loop = ProducerLoop(made, "p0-b", Ledger(folder, "producer-0", "b", "p0-b", "t"), reloader)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.file.read_bytes().splitlines()]


@pytest.mark.parametrize(("asked", "written"), [([], {0, 1, 2, 3}), ([1, 3], {1, 3}), ([2], {2})])
def test_it_writes_to_the_partitions_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[int], written: set[int]
) -> None:
    bench = Bench(tmp_path, monkeypatch, records=8, write_partitions=asked)
    bench.loop.run()
    *lines, end = bench.lines()
    assert {line["partition"] for line in lines} == written
    assert end == {"producer": "p0-b", "end": len(lines)}


@pytest.mark.parametrize(("asked", "written"), [([], {0, 1, 2, 3, 4, 5}), ([1, 3], {1, 3})])
def test_partitions_that_are_added_are_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[int], written: set[int]
) -> None:
    """Unless it was told which ones to write to."""
    bench = Bench(tmp_path, monkeypatch, records=40, write_partitions=asked)
    partitions: dict[str, object] = {str(number): {} for number in (-1, 0, 1, 2, 3, 4, 5)}
    text = json.dumps({"brokers": {"k": {"source": "configured"}}, "topics": {"t": {"partitions": partitions}}})
    polled = FakeProducer.polled

    def told() -> None:
        FakeProducer.stats(text)
        polled()

    monkeypatch.setattr(FakeProducer, "polled", staticmethod(told))
    bench.loop.run()
    assert {line["partition"] for line in bench.lines()[-20:-1]} == written
    assert set(bench.loop.status.partitions) == written


def test_partitions_that_are_not_there_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path, monkeypatch, write_partitions=[0, 99])
    with pytest.raises(ProducerError, match=r"write_partitions: topic t has partitions 0 to 3, not \[99\]"):
        bench.loop.run()
    assert bench.lines() == [{"producer": "p0-b", "end": 0}]


def test_told_to_end_it_ends_its_log_also_without_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeProducer, "answers", False)
    bench = Bench(tmp_path, monkeypatch)
    bench.loop.run()
    *lines, end = bench.lines()
    assert end["end"] == len(lines) == bench.loop.status.seq
    assert {line["status"] for line in lines} == {"unknown"}
    assert bench.loop.status.in_flight == 0


def test_told_to_end_before_there_is_a_broker_it_ends_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeProducer, "partitions", None)
    bench = Bench(tmp_path, monkeypatch, stops=1)
    bench.loop.run()
    assert bench.lines() == [{"producer": "p0-b", "end": 0}]
    assert not bench.loop.connected


@pytest.mark.parametrize("partitions", [4, None], ids=["sending", "waiting for the topic"])
def test_with_a_client_that_knows_no_broker_any_more_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, partitions: int | None
) -> None:
    monkeypatch.setattr(FakeProducer, "partitions", partitions)
    monkeypatch.setattr(FakeProducer, "answers", False)
    bench = Bench(tmp_path, monkeypatch)
    polled = FakeProducer.polled

    def says() -> None:
        FakeProducer.stats('{"brokers": {}}')
        polled()

    monkeypatch.setattr(FakeProducer, "polled", staticmethod(says))
    with pytest.raises(ProducerError, match="knows no broker any more"):
        bench.loop.run()
    *lines, end = bench.lines()
    assert end == {"producer": "p0-b", "end": len(lines)}
    assert {line["status"] for line in lines} <= {"unknown"}
    assert not bench.loop.connected


def test_a_connect_that_is_not_answered_is_given_up_soon_unless_told_otherwise(tmp_path: Path) -> None:
    usual = {"bootstrap_servers": "k", "topic": "t", "pod_name": "producer-0"}
    name = "socket.connection.setup.timeout.ms"
    for client, milliseconds in ({}, 3000), ({name: 9000}, 9000):
        settings = ProducerSettings.model_validate({**usual, "client": client})
        assert client_configuration(settings)[name] == milliseconds


def test_its_log_goes_on_in_parts(tmp_path: Path) -> None:
    space = Space(tmp_path, ("produced",), 1 << 30, process="producer-0.b")
    space.part_bytes = 300
    ledger = Ledger(tmp_path, "producer-0", "b", "p0-b", "t", space=space)
    for seq in range(9):
        ledger.sent(seq)
        ledger.is_acked(seq, 0, seq)
        ledger.write_down()
    ledger.end(9)
    parts = sorted((tmp_path / "produced").iterdir(), key=lambda path: LogName.of(path).part)
    assert len(parts) > 2
    found = [json.loads(line) for path in parts for line in path.read_bytes().splitlines()]
    assert [line.get("seq", "end") for line in found] == [*range(9), "end"]


NUMBERS = ["-1", "true", '"1"', "[]", "1e300", str(2**63), "9" * 300]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("rate", value) for value in [*NUMBERS, "1000000.1"]),
        *(("message_bytes", value) for value in [*NUMBERS, "63", "1000001", "64.0", "1e3"]),
    ],
)
def test_a_load_that_it_cannot_have_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    bench = Bench(tmp_path, monkeypatch)
    before = bench.loop.load
    change = Api(bench.loop, "producer-0", Space(tmp_path, (PRODUCED,), 0, process="p")).routes()["PUT", "/config"]
    with pytest.raises(HttpError, match=f"{name}: ") as refused:
        change(Request("PUT", "/config", {}, f'{{"{name}": {value}}}'.encode()))
    assert refused.value.status == 400
    for number in ("NaN", "Infinity", "1e999"):
        with pytest.raises(HttpError, match="not JSON"):
            change(Request("PUT", "/config", {}, f'{{"{name}": {number}}}'.encode()))
    assert bench.loop.load == before


def test_the_greatest_record_fits_the_client_and_the_brokers_default() -> None:
    """`message.max.bytes` of a broker is 1048588 by default, a batch's overhead included."""
    most = next(item.le for item in ProducerSettings.model_fields["message_bytes"].metadata if hasattr(item, "le"))
    settings = ProducerSettings.model_validate({"bootstrap_servers": "k", "topic": "t", "pod_name": "producer-0"})
    assert most + 1000 < client_configuration(settings)["message.max.bytes"] < 1_048_588


def test_a_share_of_keys_is_no_json_and_without_a_share_there_is_none() -> None:
    assert key(7, 0.0) is None
    assert key(7, 1.0) == b"record 7"
    found = [key(seq, 0.5) or b"" for seq in range(4000)]
    plain = [each for each in found if not each.startswith(b'"')]
    assert 1600 < len(plain) < 2400  # six standard deviations are 190
    assert {json.loads(each)[:6] for each in found if each not in set(plain)} == {"record"}
    for each in plain[:10]:
        with pytest.raises(ValueError, match="Expecting value"):
            json.loads(each)

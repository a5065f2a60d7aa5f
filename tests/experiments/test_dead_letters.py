"""What connectors skipped, as records that were handled with an error."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from experiments import dead_letters
from experiments.dead_letters import as_handled, begins, keep
from experiments.errors import CollectionError
from experiments.in_pod import dead_letters as program
from experiments.records import CONSUMED, EVENTS, PRODUCED, objects, write_compressed
from tools.validator import Report, validate

NAMES: Any = {"blue": "e-blue", "green": "e-green"}


def assigned(color: str, epoch: int, *places: list[object]) -> dict[str, Any]:
    return {"color": color, "pod": "agent", "epoch": epoch, "event": "ASSIGNED", "partitions": list(places), "t": epoch}


EVENTS_OF_A_RUN = [
    assigned("green", 3, ["t", 0, 10], ["t", 1]),
    assigned("blue", 5, ["t", 0, 20], ["t", 1, 20]),
    assigned("green", 7, ["t", 0, 30], ["t", 1, 30]),
    {"color": "green", "pod": "agent", "epoch": 9, "event": "PAUSED", "partitions": [["t", 0, 40]], "t": 9},
]


def letter(partition: int, offset: int, connector: str = "e-green", producer: str = "p") -> dict[str, Any]:
    place = {"topic": "t", "partition": partition, "offset": offset}
    return {"connector": connector, "task": 1, **place, "producer": producer, "seq": offset, "t": 5, "error": "KEY: no"}


def test_a_letter_belongs_to_the_newest_grant_of_its_colour_that_begins_at_it_or_below() -> None:
    grants = begins(EVENTS_OF_A_RUN, "green")
    found = as_handled([letter(0, 10), letter(0, 29), letter(0, 30), letter(1, 0), letter(1, 44)], "green", grants)
    assert [line["epoch"] for line in found[:-1]] == [3, 3, 7, 3, 7]
    assert found[0] == {
        "color": "green",
        "pod": "e-green-1",
        "epoch": 3,
        "producer": "p",
        "seq": 10,
        "topic": "t",
        "partition": 0,
        "offset": 10,
        "t": 5_000_000,
        "error": "KEY: no",
    }
    assert found[-1] == {"pod": "dead-letters-green", "end": 5}


def test_a_letter_from_before_every_grant_is_nobodys() -> None:
    with pytest.raises(CollectionError, match="e-green skipped t-0 at 9, and no event says"):
        as_handled([letter(0, 9)], "green", begins(EVENTS_OF_A_RUN, "green"))


def asked_for(output: bytes, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    asked: list[list[str]] = []

    def answer(_: str, __: str, ___: str, command: list[str], *, seconds: float) -> bytes:
        asked.append(command[3:])
        return output

    monkeypatch.setattr(dead_letters, "output_of", answer)
    return asked


def test_what_these_producers_records_were_skipped_of_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / EVENTS).mkdir()
    (tmp_path / CONSUMED).mkdir()
    events = "".join(f"{json.dumps(event)}\n" for event in EVENTS_OF_A_RUN)
    write_compressed(tmp_path / EVENTS / "agent.b.jsonl.zst", events.encode())
    letters = [letter(0, 10), letter(0, 31), letter(0, 21, "e-blue"), letter(0, 11, producer="before")]
    output = "".join(f"{json.dumps(line)}\n" for line in [*letters, {"end": 4}]).encode()
    asked = asked_for(output, monkeypatch)
    assert keep("strategy-e", NAMES, producers=["p"], since_ns=1_500_000_000, logs=tmp_path) == 3
    assert asked == [["read", "/etc/kafka-bluegreen/settings.yaml", "strategy-e-dead-letters", "1500"]]
    lines = [line for line in objects(tmp_path, CONSUMED) if "offset" in line]
    assert sorted((line["color"], line["epoch"], line["offset"]) for line in lines) == [
        ("blue", 5, 21),
        ("green", 3, 10),
        ("green", 7, 31),
    ]


def test_to_the_validator_what_was_skipped_is_failed_and_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Green (epoch 7) is given offset 30 and skips 31; blue goes on at 32."""
    produced = [
        {"producer": "p", "seq": at, "topic": "t", "partition": 0, "offset": at, "status": "acked", "t": at}
        for at in (30, 31, 32)
    ]

    def handled(color: str, epoch: int, at: int, t: int) -> dict[str, Any]:
        place = {"producer": "p", "seq": at, "topic": "t", "partition": 0, "offset": at}
        return {"color": color, "pod": f"{color}-0", "epoch": epoch, **place, "t": t}

    logs: dict[str, list[dict[str, Any]]] = {
        f"{PRODUCED}/p.jsonl.zst": [*produced],
        f"{CONSUMED}/green-0.a.jsonl.zst": [handled("green", 7, 30, 4_900_000)],
        f"{CONSUMED}/blue-0.a.jsonl.zst": [handled("blue", 9, 32, 9_000_000)],
        f"{EVENTS}/agent.b.jsonl.zst": EVENTS_OF_A_RUN,
    }
    for name, lines in logs.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_compressed(tmp_path / name, "".join(f"{json.dumps(line)}\n" for line in lines).encode())

    def judged() -> Report:
        return validate([tmp_path / PRODUCED], [tmp_path / CONSUMED], events=[tmp_path / EVENTS], producers=["p"])

    before = judged()
    assert (before.anomalies["lost"], before.failed) == (1, 0)
    asked_for(f'{json.dumps(letter(0, 31))}\n{{"end": 1}}\n'.encode(), monkeypatch)
    keep("strategy-e", NAMES, producers=["p"], since_ns=0, logs=tmp_path)
    after = judged()
    assert (after.anomalies["lost"], after.failed, after.verdict) == (0, 1, "pass")


def test_an_empty_queue_leaves_no_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for(b'{"end": 0}\n', monkeypatch)
    assert keep("strategy-e", NAMES, producers=["p"], since_ns=0, logs=tmp_path) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("output", [b"", b'{"connector": "x"', b'{"offset": 1}\n', b'{"end": 1}\n'])
def test_a_queue_that_was_not_read_whole_is_refused(
    output: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_for(output, monkeypatch)
    with pytest.raises(CollectionError):
        keep("strategy-e", NAMES, producers=["p"], since_ns=0, logs=tmp_path)


# -- what runs beside the producer


def skipped(offset: int) -> Any:
    context = {"connector.name": "e-green", "task.id": "2", "topic": "t", "partition": "4", "offset": str(offset)}
    context |= {"stage": "KEY_CONVERTER", "exception.message": "Converting byte[] failed" + "!" * 300}
    headers = [(f"__connect.errors.{name}", value.encode()) for name, value in context.items()]
    value = json.dumps({"producer": "p", "seq": offset, "payload": "x"}).encode()
    return SimpleNamespace(
        error=lambda: None, headers=lambda: headers, value=lambda: value, timestamp=lambda: (2, 1234)
    )


class FakeConsumer:
    """A queue with one partition, from offset 5 on."""

    topics: dict[str, Any] = {"q": SimpleNamespace(partitions={0: None}, error=None)}  # noqa: RUF012
    start, at = 5, 5
    error: KafkaError | None = None

    def __init__(self, _: dict[str, Any]) -> None:
        self.list_topics: Callable[..., Any] = lambda timeout: SimpleNamespace(topics=self.topics)
        self.assign: Callable[..., None] = lambda _: None
        self.unassign = self.close = lambda: None
        self.assignment: Callable[..., list[Any]] = lambda: [None]

    def offsets_for_times(self, places: list[Any], timeout: float) -> list[Any]:
        return [SimpleNamespace(offset=self.start, error=self.error)]

    def get_watermark_offsets(self, _: Any, timeout: float) -> tuple[int, int]:
        return 0, 8

    def consume(self, most: int, seconds: float) -> list[Any]:
        self.at += 1
        return [skipped(self.at - 1)]

    def position(self, _: Any) -> list[Any]:
        return [SimpleNamespace(offset=self.at)]


def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], topic: str = "q") -> list[Any]:
    monkeypatch.setattr(program, "Consumer", FakeConsumer)
    program.read("k:9092", topic, 1)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_queue_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    *lines, last = told(monkeypatch, capsys)
    assert [line["seq"] for line in lines] == [5, 6, 7]
    assert last == {"end": 3}
    assert lines[0].items() >= {"connector": "e-green", "task": 2, "partition": 4, "offset": 5, "t": 1234}.items()
    assert lines[0]["error"].startswith("KEY_CONVERTER: Converting byte[] failed")
    assert len(lines[0]["error"]) == 200


def test_nothing_since_then_and_no_queue(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(monkeypatch, capsys, "other") == [{"end": 0}]
    monkeypatch.setattr(FakeConsumer, "start", -1)
    assert told(monkeypatch, capsys) == [{"end": 0}]


def test_a_queue_whose_leader_is_not_there_is_not_taken_for_an_empty_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    moving = KafkaError(KafkaError.NOT_LEADER_FOR_PARTITION)
    with monkeypatch.context() as patched:
        patched.setattr(FakeConsumer, "error", moving)
        patched.setattr(FakeConsumer, "start", 1_700_000_000_000)
        with pytest.raises(KafkaException):
            told(patched, capsys)
    monkeypatch.setitem(FakeConsumer.topics, "q", SimpleNamespace(partitions={}, error=moving))
    with pytest.raises(KafkaException):
        told(monkeypatch, capsys)
    assert '"end"' not in capsys.readouterr().out

"""The worker without a broker: what stops it, and what it does with values of every kind."""

import errno
import json
import os
import time
import zlib
from collections import deque
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError
from hypothesis import given
from hypothesis import strategies as st

from workloads.common.records import LogName, RecordLog, RecordLogError, Space
from workloads.handling.processing import Abandoned, ProcessingError, Pulse, Stall, Worker, identity
from workloads.handling.record import failed
from workloads.member.control import Command
from workloads.member.faults import FaultInjection, Faults
from workloads.member.lifecycle import Pause


class FakeMessage:
    """What the worker asks a message for; `reading` runs while the record is in hand."""

    def __init__(self, offset: int, value: bytes | None = None, error: KafkaError | None = None) -> None:
        self._offset = offset
        self._value = value or b'{"producer":"p","seq":%d,"payload":""}' % offset
        self._error = error
        self.reading: Any = lambda: None

    def value(self) -> bytes:
        self.reading()
        return self._value

    def error(self) -> KafkaError | None:
        return self._error

    def partition(self) -> int:
        return 3

    def offset(self) -> int:
        return self._offset


class Bench:
    """A worker on a scratch log."""

    def __init__(
        self,
        folder: Path,
        faults: Faults | None = None,
        stall_seconds: float = 60.0,
        space: Space | None = None,
        *,
        checks: bool = False,
    ) -> None:
        self.inbox: deque[Command] = deque()
        self.faults = FaultInjection(faults or Faults(), enabled=True)
        self.log = RecordLog(folder, "consumed", "consumer-blue-0", "b", space)
        self.worker = Worker(
            self.log,
            color="blue",
            pod="consumer-blue-0",
            version="1",
            topic="t",
            faults=self.faults,
            pulse=Pulse(stall_seconds),
            inbox=self.inbox,
            slow_seconds=0.5,
            checks=checks,
        )

    def handle(self, messages: list[FakeMessage]) -> list[Any]:
        return self.worker.handle(messages, 7)

    def offsets(self) -> list[int]:
        if not self.log.path.exists():
            return []
        return [json.loads(line)["offset"] for line in self.log.path.read_bytes().splitlines()]


def test_a_command_stops_it_after_the_record_in_hand(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    messages = [FakeMessage(offset) for offset in range(10)]
    messages[4].reading = lambda: bench.inbox.append(Command(Pause(1)))
    assert bench.handle(messages) == messages[5:]
    assert bench.offsets() == [0, 1, 2, 3, 4]
    assert bench.worker.positions == {3: 5}
    assert bench.worker.handled == 5


def test_a_freeze_leaves_the_record_in_hand_alone(tmp_path: Path) -> None:
    bench = Bench(tmp_path, stall_seconds=1.0)
    messages = [FakeMessage(offset) for offset in range(10)]
    messages[4].reading = lambda: time.sleep(1.1)
    with pytest.raises(Stall):
        bench.handle(messages)
    assert bench.offsets() == [0, 1, 2, 3]
    assert bench.worker.positions == {3: 4}


def test_a_freeze_between_two_batches_is_seen(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.handle([FakeMessage(0)])
    bench.worker.pulse.last -= 61.0
    with pytest.raises(Stall):
        bench.handle([FakeMessage(1)])
    assert bench.offsets() == [0]


def test_an_injected_delay_is_no_freeze(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Faults(processing_delay_ms=250))
    assert bench.handle([FakeMessage(0), FakeMessage(1)]) != []  # one takes longer than a batch may
    assert bench.offsets() == [0]
    assert bench.worker.seconds.counts[-3:] == [1, 0, 0]


def test_exceeding_the_poll_interval_is_a_long_delay(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Faults(exceed_max_poll_interval=True))
    started = time.monotonic()
    bench.handle([FakeMessage(0)])
    assert time.monotonic() - started >= 0.5
    assert bench.offsets() == [0]


def test_the_end_of_the_process_abandons_a_delayed_record(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Faults(processing_delay_ms=60_000))
    bench.worker.stopping = True
    with pytest.raises(Abandoned):
        bench.handle([FakeMessage(0)])
    assert bench.offsets() == []


def test_the_end_of_a_partition_moves_the_position_and_is_nothing_handled(tmp_path: Path) -> None:
    """A marker, an aborted record: nobody is handed it, and whoever waits for lag 0 waits for it to be passed."""
    bench = Bench(tmp_path)
    end = FakeMessage(5, error=KafkaError(KafkaError._PARTITION_EOF))
    assert bench.handle([FakeMessage(0), end]) == [end]  # the loop's, as an error is
    bench.worker.passed(end)
    assert bench.worker.positions == {3: 5}
    assert (bench.worker.handled, bench.worker.failed) == (1, 0)


@pytest.mark.parametrize("name", sorted(name for name in vars(KafkaError) if name.isupper()))
def test_an_end_is_known_among_all_faults(name: str) -> None:
    message = FakeMessage(0, error=KafkaError(getattr(KafkaError, name)))
    assert failed(message) is (name != "_PARTITION_EOF")


def test_an_error_among_records_is_left_to_the_loop(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    messages = [FakeMessage(0), FakeMessage(1, error=KafkaError(KafkaError._FATAL)), FakeMessage(2)]
    assert bench.handle(messages) == messages[1:]
    assert bench.offsets() == [0]


def test_half_of_the_records_fail(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Faults(failure_rate=0.5))
    rest = [FakeMessage(offset) for offset in range(400)]
    while rest:
        rest = bench.handle(rest)
    assert bench.worker.handled == 400
    assert 120 < bench.worker.failed < 280
    errors = [json.loads(line).get("error") for line in bench.log.path.read_bytes().splitlines()]
    assert sum(error is not None for error in errors) == bench.worker.failed
    assert bench.worker.positions == {3: 400}


names = st.text(min_size=1, max_size=20)


@given(names, st.integers(0, 10**15), st.booleans())
def test_identity_is_what_json_says(name: str, seq: int, compact: bool) -> None:
    separators = (",", ":") if compact else (", ", ": ")
    value = json.dumps({"producer": name, "seq": seq, "payload": "x"}, separators=separators, ensure_ascii=compact)
    try:
        encoded = value.encode()
    except UnicodeEncodeError:
        return
    try:
        producer, number = identity(encoded)
    except ProcessingError:
        assert any(0xD800 <= ord(c) < 0xE000 for c in name)  # half a surrogate pair is no text
        return
    assert json.loads(b'{"producer":"%b","seq":%b}' % (producer, number)) == {"producer": name, "seq": seq}


@given(st.binary(max_size=60))
def test_junk_is_refused_or_read_as_json(junk: bytes) -> None:
    for value in (junk, b'{"producer":"' + junk, b'{"producer":"p","seq":' + junk + b",}"):
        try:
            producer, seq = identity(value)
        except ProcessingError:
            continue
        line = json.loads(b'{"producer":"%b","seq":%b}' % (producer, seq))
        assert isinstance(line["producer"], str)
        assert isinstance(line["seq"], int)


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"1",
        b'{"producer":"p","seq":-1}',
        b'{"producer":"p","seq":true}',
        b'{"producer":"p","seq":01}',
        b'{"producer":"p","seq":1.5}',
        b'{"producer":"\xff","seq":1}',
    ],
)
def test_values_without_identity(value: bytes | None) -> None:
    with pytest.raises(ProcessingError):
        identity(value)


def test_a_line_that_is_not_taken_is_not_committed_past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path)
    messages = [FakeMessage(offset) for offset in range(10)]

    def full(_fd: int, _line: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    bench.handle(messages[:4])
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(RecordLogError, match="No space left on device"):
        bench.handle(messages[4:])
    assert bench.worker.positions == {3: 4}
    assert bench.worker.handled == 4


def test_the_end_line_says_how_many_lines_there_are(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Faults(failure_rate=0.5))
    bench.worker.end()
    assert not bench.log.path.exists()  # an idle process leaves no file
    bench.handle([FakeMessage(offset) for offset in range(7)])
    bench.worker.end()
    *lines, end = [json.loads(line) for line in bench.log.path.read_bytes().splitlines()]
    assert end == {"pod": "consumer-blue-0", "end": 7}
    assert len(lines) == 7
    assert {line["version"] for line in lines} == {"1"}


def test_a_log_goes_on_in_parts(tmp_path: Path) -> None:
    space = Space(tmp_path, ("consumed",), 1 << 30, process="consumer-blue-0.b")
    space.part_bytes = 1000
    bench = Bench(tmp_path, space=space)
    for offset in range(40):
        bench.handle([FakeMessage(offset)])
    bench.worker.end()
    parts = sorted((tmp_path / "consumed").iterdir(), key=lambda path: LogName.of(path).part)
    assert len(parts) > 3
    assert parts[1].name == "consumer-blue-0.b.0001.jsonl"
    lines = [json.loads(line) for path in parts for line in path.read_bytes().splitlines()]
    assert [line.get("offset", "end") for line in lines] == [*range(40), "end"]


def test_a_second_version_checks_the_values_and_writes_the_same_lines(tmp_path: Path) -> None:
    lines: list[list[dict[str, Any]]] = []
    for checks in (False, True):
        bench = Bench(tmp_path / str(checks), checks=checks)
        messages = [FakeMessage(0), FakeMessage(1, b"no producer")]
        bench.handle(messages)
        assert bench.worker.checksum == (zlib.crc32(messages[0].value() + messages[1].value()) if checks else 0)
        lines.append([json.loads(line) for line in bench.log.path.read_bytes().splitlines()])
    first, second = ([{**line, "t": 0} for line in found] for found in lines)
    assert first == second

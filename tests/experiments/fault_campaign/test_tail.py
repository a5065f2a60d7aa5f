"""Logs are copied as they grow, whole lines only, and events count when all is over."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from components.strategies.consumers import PARTS
from experiments.errors import CollectionError
from experiments.fault_campaign.tail import Stepped, Tail
from experiments.records import CONSUMED, EVENTS, PRODUCED

POD = "consumer-blue-0"


class Volume:
    """What the pods' processes see; a pod in `dead` has none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dead: set[str] = set()
        for pod in ("producer-0", POD):
            for kind in (PRODUCED, CONSUMED, EVENTS):
                (folder / pod / kind).mkdir(parents=True)
        self.pods = ["producer-0", POD]

    def of(self, pod: str, _program: object) -> list[int]:
        return [] if pod in self.dead else [self.pods.index(pod)]

    def records(self, pid: int, kind: str) -> Path:
        return self.folder / self.pods[pid] / kind

    def write(self, pod: str, kind: str, name: str, text: str) -> None:
        with (self.folder / pod / kind / name).open("a") as file:
            file.write(text)


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    return Volume(tmp_path / "volumes")


@pytest.fixture
def tail(volume: Volume, tmp_path: Path) -> Tail:
    processes: Any = volume
    return Tail(processes, PARTS, tmp_path / "copy", 1000.0)


def produced(seq: int) -> str:
    return json.dumps({"producer": "p0", "seq": seq, "t": seq}) + "\n"


WRITERS = {POD: PARTS.members.program}


def test_only_what_was_added_is_copied_and_only_whole_lines(volume: Volume, tail: Tail) -> None:
    volume.write("producer-0", PRODUCED, "p0.jsonl", produced(1) + '{"produ')
    tail.copy_produced()
    assert [line["seq"] for _, line in tail.lines(PRODUCED)] == [1]
    volume.write("producer-0", PRODUCED, "p0.jsonl", 'cer": "p0", "seq": 2, "t": 2}\n' + produced(3))
    tail.copy_produced()
    tail.copy_produced()
    assert [line["seq"] for _, line in tail.lines(PRODUCED)] == [1, 2, 3]


def test_what_was_not_written_to_since_is_left_out(volume: Volume, tail: Tail) -> None:
    volume.write("producer-0", PRODUCED, "old.jsonl", produced(1))
    os.utime(volume.folder / "producer-0" / PRODUCED / "old.jsonl", (999, 999))
    volume.write("producer-0", PRODUCED, "p0.jsonl", produced(2))
    tail.copy_produced()
    assert [line["seq"] for _, line in tail.lines(PRODUCED)] == [2]


def test_who_produced_since_is_told(volume: Volume, tail: Tail) -> None:
    volume.write("producer-0", PRODUCED, "p0.jsonl", produced(5))
    volume.write("producer-0", PRODUCED, "p1.jsonl", json.dumps({"producer": "p1", "seq": 1, "t": 99}) + "\n")
    tail.copy_produced()
    assert tail.producers(6) == ["p1"]
    assert tail.producers(0) == ["p0", "p1"]


def test_events_count_when_all_is_over(volume: Volume, tail: Tail) -> None:
    volume.write(POD, EVENTS, f"{POD}.a.jsonl", "{}\n")
    volume.write(POD, CONSUMED, f"{POD}.a.jsonl", "{}\n")
    assert tail.copy_consumed(WRITERS) == []
    assert list(tail.lines(CONSUMED)) == [(f"{POD}.a", {})]
    assert not (tail.folder / EVENTS).exists()
    assert list(tail.lines(EVENTS)) == [(f"{POD}.a", {})]
    tail.complete()
    assert (tail.folder / EVENTS).exists()
    assert list(tail.lines(EVENTS)) == [(f"{POD}.a", {})]


def test_what_a_stepped_clock_wrote_down_is_put_right(volume: Volume, tail: Tail) -> None:
    ns, day = 1_000_000_000, -86_400
    tail.put_right([Stepped(POD, day, 200_000.0, 200_004.0)])
    times = [199_999, 200_001 + day, 200_003 + day, 200_005]
    for at in times:
        volume.write(POD, CONSUMED, f"{POD}.a.jsonl", json.dumps({"seq": at, "t": at * ns}) + "\n")
    volume.write(POD, CONSUMED, f"{POD}.a.jsonl", json.dumps({"pod": POD, "end": 4}) + "\n")
    tail.copy_consumed(WRITERS)
    found = [line.get("t") for _, line in tail.lines(CONSUMED)]
    assert found == [199_999 * ns, 200_001 * ns, 200_003 * ns, 200_005 * ns, None]


def test_the_clock_of_one_pod_is_not_anothers(volume: Volume, tail: Tail) -> None:
    tail.put_right([Stepped("consumer-green-0", -86_400, 200_000.0, 200_004.0)])
    volume.write(POD, CONSUMED, f"{POD}.a.jsonl", json.dumps({"t": (200_001 - 86_400) * 10**9}) + "\n")
    tail.copy_consumed(WRITERS)
    assert [line["t"] for _, line in tail.lines(CONSUMED)] == [(200_001 - 86_400) * 10**9]


def test_who_is_not_there_is_named_and_read_when_it_is_back(volume: Volume, tail: Tail) -> None:
    volume.write(POD, CONSUMED, f"{POD}.a.jsonl", "{}\n")
    volume.dead.add(POD)
    assert tail.copy_consumed(WRITERS) == [POD]
    volume.dead.clear()
    assert tail.copy_consumed(WRITERS) == []
    assert len(list(tail.lines(CONSUMED))) == 1


def test_without_its_producer_nothing_is_judged(volume: Volume, tail: Tail) -> None:
    volume.dead.add("producer-0")
    with pytest.raises(CollectionError, match="no process of producer-0"):
        tail.copy_produced()


def test_what_a_pod_wrote_at_its_end_is_copied_when_a_change_of_shape_has_taken_it_away(
    tail: Tail, volume: Volume
) -> None:
    """Its volume outlives it, and no process of it is there any more to reach it by."""
    program = PARTS.members.program
    line = json.dumps({"offset": 1}) + "\n"
    volume.write(POD, CONSUMED, f"{POD}.a.jsonl", line)
    assert tail.copy_consumed({POD: program}) == []
    volume.write(POD, CONSUMED, f"{POD}.a.jsonl", json.dumps({"offset": 2}) + "\n")
    volume.dead.add(POD)
    assert tail.copy_consumed({}) == []
    assert [one["offset"] for _, one in tail.lines(CONSUMED)] == [1, 2]
    volume.write(POD, CONSUMED, f"{POD}.a.jsonl", json.dumps({"offset": 3}) + "\n")
    assert tail.copy_consumed({POD: program}) == [POD], "and of one that is not there just now"
    assert [one["offset"] for _, one in tail.lines(CONSUMED)] == [1, 2, 3]
    tail.close()

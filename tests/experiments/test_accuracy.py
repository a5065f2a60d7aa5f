"""Where the new colour took up, from logs: those of whole runs made up at random, and those that lack something."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.accuracy import Taken, as_json, compare, measurements, shown
from experiments.cli import main
from experiments.measurements import other
from tests.support.record_logs import log
from tests.support.search import examples

TOPIC = "t"


def event(color: str, name: str, epoch: int, t: int, *partitions: tuple[int, int | None]) -> dict[str, Any]:
    told = [[TOPIC, partition, *([] if offset is None else [offset])] for partition, offset in partitions]
    return {"color": color, "pod": f"consumer-{color}-0", "epoch": epoch, "event": name, "partitions": told, "t": t}


def record(color: str, epoch: int, t: int, partition: int, offset: int) -> dict[str, Any]:
    return {"color": color, "epoch": epoch, "topic": TOPIC, "partition": partition, "offset": offset, "t": t}


@dataclass(frozen=True)
class Reign:
    """One grant: per partition, by how much its start was off, how many records it handled, and whether its members
    were paused (else they crashed, and the last commit stands)."""

    off: Sequence[int]
    handled: int
    paused: bool


REIGNS = st.integers(1, 3).flatmap(
    lambda partitions: st.lists(
        st.builds(
            Reign,
            st.lists(st.integers(-3, 3), min_size=partitions, max_size=partitions),
            st.integers(0, 4),
            st.booleans(),
        ),
        min_size=1,
        max_size=5,
    )
)


def played(reigns: Sequence[Reign]) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[list[int]]]:
    """The lines of a run, and by how much each start after the first reign was off."""
    events, consumed, t, color, epoch = [], [], 0, "blue", 2
    committed = [100] * len(reigns[0].off)
    for number, reign in enumerate(reigns):
        starts = [offset + (off if number else 0) for offset, off in zip(committed, reign.off, strict=True)]
        t += 1
        waiting = other("blue" if color == "blue" else "green")
        # A member of the other colour's own group is assigned its partitions while it waits, under any older epoch.
        events.append(event(waiting, "ASSIGNED", epoch - 1, t, *((n, None) for n in range(len(starts)))))
        events.append(event(color, "ASSIGNED", epoch, t, *((n, None) for n in range(len(starts)))))
        events.append(event(color, "ACTIVE", epoch, t, *((n, None) for n in range(len(starts)))))
        t += 1
        events.append(event(color, "ASSIGNED", epoch, t, *enumerate(starts)))
        committed = []
        for partition, start in enumerate(starts):
            for offset in range(start, start + reign.handled):
                t += 1
                consumed.append(record(color, epoch, t, partition, offset))
            committed.append(start + reign.handled)
        t += 1
        events.append(event(color, "COMMITTED", epoch, t, *enumerate(committed)))
        if reign.paused:
            events.append(event(color, "DRAINING", epoch + 1, t, *enumerate(committed)))
            events.append(event(color, "PAUSED", epoch + 1, t, *enumerate(committed)))
        color, epoch = other("blue" if color == "blue" else "green"), epoch + 2
    return events, consumed, [list(reign.off) for reign in reigns[1:]]


@settings(max_examples=examples(200), deadline=None)
@given(REIGNS, st.integers(0, 2**32))
def test_every_start_that_is_off_is_found_and_no_other(reigns: list[Reign], seed: int) -> None:
    events, consumed, off = played(reigns)
    random.Random(seed).shuffle(events)
    random.Random(seed).shuffle(consumed)
    taken = compare(events, consumed)
    partitions = len(reigns[0].off)
    assert [one.difference for one in taken] == [n for reign in off for n in reign]
    assert [one.partition for one in taken] == list(range(partitions)) * len(off)
    assert [one.said_by for one in taken] == [
        "PAUSED" if reign.paused else "COMMITTED" for reign in reigns[:-1] for _ in range(partitions)
    ]
    for one in taken:
        assert one.first is None or one.first == one.start
    assert measurements(taken)["offset_difference_max"] == max((abs(n) for reign in off for n in reign), default=None)


FORWARD = [
    event("blue", "ASSIGNED", 2, 10, (0, 5)),
    event("blue", "PAUSED", 3, 20, (0, 9)),
    event("green", "ASSIGNED", 4, 30, (0, 9)),
]


def only(events: list[dict[str, Any]], consumed: Sequence[dict[str, Any]] = ()) -> Taken:
    (taken,) = compare(events, consumed)
    return taken


def test_what_a_zombie_commits_later_is_not_where_its_colour_left_off() -> None:
    late = event("blue", "COMMITTED", 2, 40, (0, 14))
    crashed = [FORWARD[0], event("blue", "COMMITTED", 2, 15, (0, 8)), FORWARD[2]]
    assert (only([*FORWARD, late]).committed, only([*crashed, late]).committed) == (9, 8)


def test_what_a_waiting_colour_copies_is_not_where_the_other_one_left_off() -> None:
    back = [
        *FORWARD,
        event("blue", "COMMITTED", 3, 35, (0, 11)),
        event("green", "PAUSED", 5, 40, (0, 12)),
        event("blue", "ASSIGNED", 6, 50, (0, 12)),
    ]
    assert [(one.direction, one.committed, one.difference) for one in compare(back, [])] == [
        ("blue-green", 9, 0),
        ("green-blue", 12, 0),
    ]


def test_the_first_assignment_under_a_grant_is_its_start() -> None:
    again = event("green", "ASSIGNED", 4, 60, (0, 17))
    assert (only([again, *FORWARD]).start, only([*FORWARD, again]).start) == (9, 9)


def test_what_was_paused_at_stands_above_another_members_commit() -> None:
    assert only([*FORWARD, event("blue", "COMMITTED", 3, 21, (0, 8))]).committed == 9


def test_a_commit_of_an_earlier_grant_is_not_where_the_last_one_left_off() -> None:
    crashed = [*FORWARD, event("green", "PAUSED", 5, 40, (0, 12)), event("blue", "ASSIGNED", 6, 50, (0, 12))]
    again = compare([*crashed, event("green", "ASSIGNED", 8, 60, (0, 12))], [])
    assert [(one.epoch, one.committed) for one in again] == [(4, 9), (6, 12), (8, None)]


def test_a_colour_that_is_assigned_partitions_while_it_waits_has_no_reign() -> None:
    waiting = [event("green", "ASSIGNED", epoch, 12, (0, None)) for epoch in (0, 2, 3)]
    assert [(one.epoch, one.difference) for one in compare([*FORWARD, *waiting], [])] == [(4, 0)]


def test_a_colour_that_was_active_began_also_where_no_start_is_told() -> None:
    taken = only([*FORWARD[:2], event("green", "ACTIVE", 4, 30, (0, None))])
    assert (taken.committed, taken.start) == (9, None)


def test_a_change_of_the_same_colour_is_no_change_of_colour() -> None:
    assert compare([*FORWARD[:2], event("blue", "ASSIGNED", 4, 30, (0, 9))], []) == []


def test_a_start_that_nobody_told_is_seen_by_the_first_record() -> None:
    events = [*FORWARD[:2], event("green", "ACTIVE", 4, 30, (0, None))]
    taken = only(events, [record("blue", 2, 15, 0, 7), record("green", 4, 31, 0, 10), {"end": 2, "t": 1}])
    assert (taken.start, taken.difference, taken.first, taken.first_difference) == (None, None, 10, 1)
    told = measurements([taken])
    assert (told["offset_difference_max"], told["offset_first_difference_max"]) == (None, 1)
    assert told["offset_partitions_taken"] == 1


def test_without_records_from_before_the_first_one_says_nothing() -> None:
    """The logs of a run hold one producer's records; the one before it may have sent those that are not there."""
    assert only(FORWARD, [record("green", 4, 31, 0, 12)]).first is None


def test_who_was_active_when_the_logs_begin_is_told_by_its_draining() -> None:
    events = [event("blue", "DRAINING", 3, 19, (0, 9)), *FORWARD[1:]]
    assert (only(events).direction, only(events).difference) == ("blue-green", 0)
    assert compare(FORWARD[1:], []) == []


def test_a_partition_that_nobody_committed_has_no_difference() -> None:
    taken = only([FORWARD[0], event("green", "ASSIGNED", 4, 30, (0, 9))])
    assert (taken.committed, taken.said_by, taken.difference) == (None, None, None)


def test_the_table_of_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:

    assert main(["offsets", str(tmp_path)]) == 2
    assert f"the record logs of {tmp_path.name} are not kept" in capsys.readouterr().err
    for kind, lines in (("events", FORWARD), ("consumed", [record("blue", 2, 15, 0, 7)]), ("produced", [])):
        log(tmp_path / "logs" / kind / "x.jsonl.zst", (json.dumps(line) for line in lines))
    assert main(["offsets", str(tmp_path)]) == 0
    assert "1  blue-green      4           1" in capsys.readouterr().out
    taken = compare(FORWARD, [])
    assert as_json(taken)[0]["difference"] == 0
    assert shown(taken).splitlines()[0].startswith("#")

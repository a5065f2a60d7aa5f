"""What is written of a consumer's life, in the order in which a judge has to read it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest
from confluent_kafka import KafkaError

from workloads.common.records import EventLog
from workloads.common.states import State
from workloads.handling.journal import Journal
from workloads.member.lifecycle import Lifecycle

Event = tuple[str, int, list[list[object]]]


class Events:
    """The log of events."""

    def __init__(self) -> None:
        self.written: list[Event] = []

    def write(self, event: str, epoch: int, partitions: Iterable[Sequence[object]] = ()) -> None:
        self.written.append((event, epoch, [list(partition) for partition in partitions]))


@dataclass(frozen=True)
class Fetched:
    """A record as it was fetched, or what stands in its place."""

    number: int | None
    at: int | None
    wrong: KafkaError | None = None

    def value(self) -> bytes | None:
        return b"{}"

    def partition(self) -> int | None:
        return self.number

    def offset(self) -> int | None:
        return self.at

    def error(self) -> KafkaError | None:
        return self.wrong


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def journal(events: Events) -> Journal:
    return Journal(cast("EventLog", events), "t")


def test_a_start_is_written_when_the_last_partition_has_brought_its_first_record(
    journal: Journal, events: Events
) -> None:
    journal.assigned(3, [0, 1])
    journal.reading(3, [0, 1])
    journal.fetched([Fetched(0, 40), Fetched(0, 41)])
    assert events.written == [("ASSIGNED", 3, [["t", 0], ["t", 1]])], "one is not known yet"
    journal.fetched([Fetched(1, 7), Fetched(0, 42)])
    assert events.written[1:] == [("ASSIGNED", 3, [["t", 0, 40], ["t", 1, 7]])]
    journal.fetched([Fetched(0, 43), Fetched(1, 8)])
    assert len(events.written) == 2, "each start once"


def test_what_is_known_of_the_starts_stands_before_every_later_event(journal: Journal, events: Events) -> None:
    journal.reading(3, [0, 1])
    journal.fetched([Fetched(1, 7)])
    journal.write("LOST", 4, [0, 1], {})
    assert events.written == [("ASSIGNED", 3, [["t", 1, 7]]), ("LOST", 4, [["t", 0], ["t", 1]])]
    journal.fetched([Fetched(0, 40)])
    assert events.written[2:] == [("ASSIGNED", 3, [["t", 0, 40]])], "the late one still has its own"


@pytest.mark.parametrize(
    "no_record", [Fetched(0, 9, KafkaError(KafkaError._PARTITION_EOF)), Fetched(0, None), Fetched(5, 9)], ids=repr
)
def test_only_a_record_of_a_partition_that_is_read_is_a_start(
    journal: Journal, events: Events, no_record: Fetched
) -> None:
    journal.reading(3, [0])
    journal.fetched([no_record])
    assert events.written == []
    journal.fetched([Fetched(0, 10)])
    assert events.written == [("ASSIGNED", 3, [["t", 0, 10]])]


def test_a_partition_that_went_is_waited_for_no_more(journal: Journal, events: Events) -> None:
    journal.reading(3, [0, 1])
    journal.gone([1])
    journal.fetched([Fetched(0, 40), Fetched(1, 7)])
    assert events.written == [("ASSIGNED", 3, [["t", 0, 40]])]


def test_of_a_partition_that_is_read_anew_the_new_start_counts(journal: Journal, events: Events) -> None:
    journal.reading(3, [0, 1])
    journal.fetched([Fetched(0, 40)])
    journal.reading(4, [0])
    journal.write("LOST", 4, [], {})
    assert events.written == [("LOST", 4, [])], "where it began before is not where it begins"
    journal.fetched([Fetched(0, 90), Fetched(1, 7)])
    assert events.written[1:] == [("ASSIGNED", 4, [["t", 0, 90], ["t", 1, 7]])]


def test_nothing_is_waited_for_once_nothing_is_read(journal: Journal, events: Events) -> None:
    journal.reading(3, [0])
    journal.forget()
    journal.fetched([Fetched(0, 40)])
    assert events.written == []


def test_explicit_starts_are_all_there_at_once(journal: Journal, events: Events) -> None:
    journal.started(5, {1: 7, 0: 40})
    journal.fetched([Fetched(0, 40), Fetched(1, 7)])
    assert events.written == [("ASSIGNED", 5, [["t", 0, 40], ["t", 1, 7]])]


def test_a_pause_bears_what_is_committed_and_the_partitions_that_were_owned(journal: Journal, events: Events) -> None:
    """The handled and the committed offsets differ where the drain's commit was not acknowledged."""
    active = Lifecycle(state=State.ACTIVE, epoch=3, partitions=(0, 1))
    paused = replace(active, state=State.PAUSED, epoch=4, partitions=())
    journal.changed(active, paused, acked={0: 50}, positions={0: 52, 1: 9})
    assert events.written == [("PAUSED", 4, [["t", 0, 50], ["t", 1]])]


def test_what_becomes_active_bears_where_it_stands_on_what_it_has_now(journal: Journal, events: Events) -> None:
    waiting = Lifecycle(epoch=3, partitions=(0,))
    active = replace(waiting, state=State.ACTIVE, epoch=5, partitions=(1,))
    journal.changed(waiting, active, acked={1: 50}, positions={1: 52})
    assert events.written == [("ACTIVE", 5, [["t", 1, 52]])]


def test_what_drains_names_what_it_had(journal: Journal, events: Events) -> None:
    active = Lifecycle(state=State.ACTIVE, epoch=3, partitions=(0,))
    draining = replace(active, state=State.DRAINING, partitions=())
    journal.changed(active, draining, acked={0: 50}, positions={0: 52})
    assert events.written == [("DRAINING", 3, [["t", 0, 52]])]


def test_it_is_the_line_of_the_event_log(tmp_path: Path) -> None:
    log = EventLog(tmp_path, "blue", "consumer-blue-0", "b", version="1")
    Journal(log, "t").started(5, {0: 40})
    log.close()
    (line,) = (tmp_path / "events" / "consumer-blue-0.b.jsonl").read_text().splitlines()
    assert '"partitions":[["t",0,40]]' in line

"""The groups' lag as a metric: what is read, whose it is, and what is told when it cannot be read."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.waiting import until
from tests.workloads.controller.samples import switch_object
from workloads.common.states import Color
from workloads.controller import group_lag as module
from workloads.controller.brokers import BrokerOffsets
from workloads.controller.group_lag import GroupLag, behind_ends
from workloads.controller.measured import MeasureError
from workloads.controller.observe import Switch, read_switch

Told = dict[tuple[str, str, str], float]


class Brokers(BrokerOffsets):
    """Two partitions, and what a test says that groups have committed."""

    def __init__(self) -> None:
        super().__init__("nowhere:1")
        self.commits: dict[str, dict[int, int]] = {"g": {0: 90, 1: 50}, "h": {0: 80}}
        self.error: Exception | None = None
        self.order: list[str] = []

    def beginnings(self, topic: str, partitions: int) -> dict[int, int]:
        assert (topic, partitions) == ("t", 2)
        return {0: 10, 1: 20}

    def ends(self, topic: str, partitions: int) -> dict[int, int]:
        self.order.append("ends")
        return {0: 100, 1: 50}

    def committed(self, group: str, topic: str, partitions: int) -> dict[int, int]:
        assert (topic, partitions) == ("t", 2)
        self.order.append(group)
        if self.error is not None:
            raise self.error
        return self.commits[group]


def switch(**changes: Any) -> Switch:
    return read_switch(switch_object(partitions=2, **changes))


def shared() -> Switch:
    """Both colours in one group."""
    made = switch_object(partitions=2)
    made["spec"]["green"]["group"] = "g"
    return read_switch(made)


def told(lag: GroupLag, worker: Color | None = None) -> Told:
    """(colour, group, partition) -> lag, as a scrape reads it."""
    samples = [sample for family in lag.metrics("controller-0", worker) for sample in family.samples]
    assert {sample.name for sample in samples} <= {"kafka_consumer_group_lag"}
    for sample in samples:
        assert (sample.labels["strategy"], sample.labels["topic"]) == ("c", "t")
        assert sample.labels["pod"] == "controller-0"
    return {(s.labels["color"], s.labels["group"], s.labels["partition"]): s.value for s in samples}


@pytest.mark.parametrize(
    ("committed", "lag"),
    [
        ({0: 100}, 0),
        ({0: 93}, 7),
        ({}, 90),  # it would begin at the beginning
        ({0: 3}, 90),  # what is gone is nobody's lag
        ({0: 10}, 90),
        ({0: 250}, 0),  # of a topic that was made anew
    ],
)
def test_what_lies_between_a_group_and_the_end(committed: dict[int, int], lag: int) -> None:
    assert behind_ends({0: 10}, {0: 100}, committed) == {0: lag}


def test_every_group_of_the_switch_is_told_with_its_colour() -> None:
    lag = GroupLag(Brokers(), switch)
    lag.read()
    assert told(lag) == {
        ("blue", "g", "0"): 10,
        ("blue", "g", "1"): 0,
        ("green", "h", "0"): 20,
        ("green", "h", "1"): 30,
    }
    assert told(lag) == told(lag, Color.GREEN), "whoever holds the grant, a group of one's own is one's own"


@pytest.mark.parametrize(("worker", "color"), [(Color.BLUE, "blue"), (Color.GREEN, "green"), (None, "")])
def test_a_shared_group_is_told_once_as_the_colours_at_work(worker: Color | None, color: str) -> None:
    brokers = Brokers()
    lag = GroupLag(brokers, shared)
    lag.read()
    assert told(lag, worker) == {(color, "g", "0"): 10, (color, "g", "1"): 0}
    assert brokers.order == ["g", "ends"]


def test_the_ends_are_read_after_the_commits() -> None:
    """What is produced and committed in between would be a lag below nothing, and be cut to 0."""
    brokers = Brokers()
    GroupLag(brokers, switch).read()
    assert brokers.order == ["g", "h", "ends"]


def test_a_switch_from_before_groups_were_named_has_no_lag() -> None:
    made = switch_object(partitions=2)
    for color in Color:
        del made["spec"][color]["group"]
    lag = GroupLag(Brokers(), lambda: read_switch(made))
    lag.read()
    assert told(lag) == {}


def test_no_figure_is_told_of_what_cannot_be_read(caplog: pytest.LogCaptureFixture) -> None:
    brokers = Brokers()
    lag = GroupLag(brokers, switch)
    lag.read()
    brokers.error = MeasureError("committed offsets of group g on t cannot be read: no")
    lag.read()
    lag.read()
    assert told(lag) == {}
    assert [record.getMessage() for record in caplog.records] == ["the groups' lag cannot be read"], "said once"
    brokers.error = None
    lag.read()
    assert told(lag)


def test_no_figure_is_told_without_a_switch_or_of_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Switch | None] = [switch()]
    lag = GroupLag(Brokers(), lambda: asked[0])
    lag.read()
    assert told(lag)
    monkeypatch.setattr(module, "STALE_SECONDS", -1.0)
    assert told(lag) == {}
    monkeypatch.undo()
    asked[0] = None
    lag.read()
    assert told(lag) == {}


def test_it_goes_on_whatever_happens_and_ends_when_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INTERVAL_SECONDS", 0.01)
    brokers = Brokers()
    brokers.error = RuntimeError("unexpected")
    lag = GroupLag(brokers, switch)
    lag.thread.start()
    until("it has failed more than once", lambda: len(brokers.order) > 2)
    brokers.error = None
    until("a figure", _tells(lag))
    lag.stop()
    lag.thread.join(5)
    assert not lag.thread.is_alive()


def _tells(lag: GroupLag) -> Callable[[], bool]:
    return lambda: bool(told(lag))

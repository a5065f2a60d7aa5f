"""What a start asks the broker, without a broker: both groups and the log at once, the fence register, and what each
answer comes to when there is none.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from tests.support.waiting import until
from workloads.common.bystander import Committed
from workloads.common.labels import sealed
from workloads.common.states import Color, Membership
from workloads.consumer import offsets
from workloads.consumer.offsets import GroupOffsets
from workloads.consumer.settings import ConsumerSettings
from workloads.handling.carry import Commit, Found

OURS, OTHERS, FENCE = "t-green", "t-blue", "t-fence"
REFUSED = KafkaException(KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED))


class Broker:
    """What groups have committed, what the topic holds, and what a question comes to: by group and by what is asked."""

    def __init__(self) -> None:
        self.groups: dict[str, dict[int, Committed]] = {OURS: {}, OTHERS: {}, FENCE: {}}
        self.log: dict[int, tuple[int, int]] = {}
        self.failing: dict[str, Exception] = {}
        self.held: dict[str, threading.Event] = {}  # what is not answered before this is set
        self.stable: dict[str, list[bool]] = {}
        self.asked: list[tuple[str, str, float]] = []

    def bystander(self, configuration: Mapping[str, Any], group: str, *, stable: bool = False) -> "Bystander":
        assert configuration["client.id"] == "consumer-green-1-admin"
        self.stable.setdefault(group, []).append(stable)
        return Bystander(self, group)


class Bystander:
    """Of one group; see `workloads.common.bystander`."""

    def __init__(self, broker: Broker, group: str) -> None:
        self._broker, self._group = broker, group

    def committed(self, topic: str, partitions: Iterable[int], seconds: float) -> dict[int, Committed]:
        self._answers(topic, f"{self._group} committed", seconds)
        known = self._broker.groups[self._group]
        return {p: known.get(p, Committed(-1001)) for p in partitions}

    def bounds(self, topic: str, partitions: Sequence[int], seconds: float) -> dict[int, tuple[int, int]]:
        self._answers(topic, "bounds", seconds)
        return {p: self._broker.log[p] for p in partitions}

    def commit(self, topic: str, notes: Mapping[int, tuple[int, str]], seconds: float) -> None:
        self._answers(topic, f"{self._group} commit", seconds)
        known = self._broker.groups[self._group]
        known.update({p: Committed(offset, label.partition(";")[0]) for p, (offset, label) in notes.items()})
        assert all(label == sealed(label.partition(";")[0]) for _, label in notes.values())

    def _answers(self, topic: str, what: str, seconds: float) -> None:
        assert topic == "t"
        self._broker.asked.append((what, threading.current_thread().name, seconds))
        if held := self._broker.held.get(what):
            assert held.wait(60)
        if error := self._broker.failing.get(what):
            raise error


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    made = Broker()
    monkeypatch.setattr(offsets, "Bystander", made.bystander)
    return made


def asking(*, fenced: bool = True) -> GroupOffsets:
    given: dict[str, Any] = {"fencing": "transactions", "transactional_id": "t", "transactional_ids": 3}
    return GroupOffsets(
        ConsumerSettings(
            bootstrap_servers="b:9092",
            topic="t",
            group_id=OURS,
            other_group_id=OTHERS,
            color=Color.GREEN,
            strategy="s",
            membership=Membership.SEPARATE,
            pod_name="consumer-green-1",
            **(given if fenced else {}),
        )
    )


def test_what_stands_in_the_way_of_a_start_is_both_commits_and_the_log(broker: Broker) -> None:
    broker.groups[OURS] = {0: Committed(10, "epoch=5 by=1")}
    broker.groups[OTHERS] = {0: Committed(40, "epoch=7 copy"), 1: Committed(3, "")}
    broker.log = {0: (2, 50), 1: (0, 9)}
    question = asking().ask([0, 1], 5.0)
    assert question.answer(60.0) == {
        0: Found(Commit(10, 5, by=1), Commit(40, 7, copy=True), 2, 50),
        1: Found(None, Commit(3), 0, 9),
    }
    assert question.done()
    asked = [f"{OTHERS} committed", f"{OURS} committed", "bounds"]
    assert sorted(broker.asked) == sorted((what, "offsets", 5.0) for what in asked)


@pytest.mark.parametrize("what", [f"{OURS} committed", f"{OTHERS} committed", "bounds"])
def test_whoever_asks_does_not_wait_and_it_is_done_when_everybody_has_answered(broker: Broker, what: str) -> None:
    broker.log = {0: (0, 1)}
    silent = broker.held[what] = threading.Event()
    question = asking().ask([0], 5.0)
    until(
        "the others", lambda: [question._bounds.done(), *(group.done() for group in question._groups)].count(True) == 2
    )
    assert not question.done()
    with pytest.raises(KafkaException) as late:
        question.answer(0.0)
    assert late.value.args[0].code() == KafkaError._TIMED_OUT
    silent.set()
    until("all answers", question.done)
    assert question.answer(0.0) == {0: Found(None, None, 0, 1)}


@pytest.mark.parametrize("what", [f"{OURS} committed", f"{OTHERS} committed", "bounds"])
def test_what_the_broker_refuses_is_told_as_that(broker: Broker, what: str) -> None:
    broker.log = {0: (0, 1)}
    broker.failing = {what: REFUSED}
    question = asking().ask([0], 5.0)
    with pytest.raises(KafkaException) as refused:
        question.answer(60.0)
    assert refused.value is REFUSED


@pytest.mark.parametrize("error", [ValueError("a defect"), TimeoutError("a defect"), KeyError(3)], ids=repr)
def test_an_error_of_ours_is_told_as_itself(broker: Broker, error: Exception) -> None:
    """Not as the silence of a broker, for which nobody would look here."""
    broker.log = {0: (0, 1)}
    broker.failing = {"bounds": error, f"{FENCE} commit": error}
    where: GroupOffsets = asking()
    begun: list[Callable[[], object]] = [
        lambda: where.ask([0], 5.0).answer(60.0),
        lambda: where.register([1], 4, 5.0).answer(60.0),
    ]
    for answer in begun:
        with pytest.raises(type(error)) as told:
            answer()
        assert told.value is error


def test_the_register_says_under_which_epoch_which_id_was_initialised(broker: Broker) -> None:
    where = asking()
    where.register([1, 2], 9, 5.0).answer(60.0)
    broker.groups[FENCE][0] = Committed(8, "blue")  # the other colour's word is none of ours
    assert where.registered(5.0) == {1: 9, 2: 9}
    assert broker.groups[FENCE][1] == Committed(9, "green")


def test_a_note_that_is_not_acknowledged_is_told(broker: Broker) -> None:
    where = asking()
    broker.failing = {f"{FENCE} commit": REFUSED}
    with pytest.raises(KafkaException) as refused:
        where.register([1], 9, 5.0).answer(60.0)
    assert refused.value is REFUSED
    broker.failing = {}
    noted = broker.held[f"{FENCE} commit"] = threading.Event()
    note = where.register([1], 9, 5.0)
    with pytest.raises(KafkaException) as late:
        note.answer(0.0)
    assert late.value.args[0].code() == KafkaError._TIMED_OUT
    noted.set()


@pytest.mark.parametrize("fenced", [True, False])
def test_a_transaction_is_waited_for_where_there_are_any(broker: Broker, fenced: bool) -> None:
    asking(fenced=fenced)
    assert broker.stable[OURS] == [False, fenced]  # the log has no offsets to wait for
    assert broker.stable[OTHERS] == [fenced]

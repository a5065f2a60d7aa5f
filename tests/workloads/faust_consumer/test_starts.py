"""Where a colour on Faust begins: its group is given the starts before anybody joins it."""

from collections.abc import Mapping
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from workloads.common.bystander import Committed
from workloads.common.labels import unsealed
from workloads.common.settings import validated
from workloads.faust_consumer import starts
from workloads.faust_consumer.settings import FaustSettings
from workloads.faust_consumer.starts import Starts
from workloads.handling.carry import OutrankedError


class Group:
    """A group's commits as a test has them; refusing: how often a write is refused, as while it has members;
    leaderless: how often the bounds are, as of a topic that is new or moves.
    """

    def __init__(self, *commits: tuple[int, str]) -> None:
        self.commits = list(commits)
        self.refusing = 0
        self.leaderless = 0
        self.written: list[Mapping[int, tuple[int, str]]] = []

    def committed(self, topic: str, partitions: Any, seconds: float) -> dict[int, Committed]:
        return {p: Committed(self.commits[p][0], unsealed(self.commits[p][1])) for p in partitions}

    def bounds(self, topic: str, partitions: Any, seconds: float) -> dict[int, tuple[int, int]]:
        if self.leaderless:
            self.leaderless -= 1
            raise KafkaException(KafkaError(KafkaError.NOT_LEADER_FOR_PARTITION))
        return dict.fromkeys(partitions, (0, 100))

    def commit(self, topic: str, offsets: Mapping[int, tuple[int, str]], seconds: float) -> None:
        if self.refusing:
            self.refusing -= 1
            raise KafkaException(KafkaError(KafkaError.UNKNOWN_MEMBER_ID))
        self.written.append(offsets)
        for partition, commit in offsets.items():
            self.commits[partition] = commit


def made(monkeypatch: pytest.MonkeyPatch, own: Group, other: Group) -> Starts:
    groups = {"g": own, "h": other}
    monkeypatch.setattr(starts, "Bystander", lambda _, group: groups[group])
    settings = {"bootstrap_servers": "b:1", "topic": "t", "group_id": "g", "other_group_id": "h", "color": "green"}
    settings |= {"strategy": "x"}
    return Starts(validated(FaustSettings, settings | {"membership": "separate", "pod_name": "p-0"}))


def test_the_group_stands_where_the_other_colour_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    own, other = Group((3, "epoch=2"), (-1, "")), Group((7, "epoch=4"), (9, "epoch=4"))
    own.refusing = 1  # a colleague was faster, and is in the group already
    assert made(monkeypatch, own, other).carry_over(2, 6, 5.0) == {0: 7, 1: 9}
    assert own.written == [{0: (7, "epoch=6 start; "), 1: (9, "epoch=6 start; ")}]


def test_a_partition_whose_leader_is_not_there_yet_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    own, other = Group((-1, ""), (-1, "")), Group((7, "epoch=4"), (9, "epoch=4"))
    own.leaderless = 2
    assert made(monkeypatch, own, other).carry_over(2, 6, 5.0) == {0: 7, 1: 9}


def test_whoever_comes_second_finds_it_done(monkeypatch: pytest.MonkeyPatch) -> None:
    own, other = Group((8, "epoch=6"), (9, "epoch=6 start")), Group((7, "epoch=4"), (9, "epoch=4"))
    assert made(monkeypatch, own, other).carry_over(2, 6, 5.0) == {0: 8, 1: 9}
    assert own.written == []


def test_under_a_grant_that_is_over_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    own, other = Group((3, "epoch=2")), Group((7, "epoch=8"))
    with pytest.raises(OutrankedError):
        made(monkeypatch, own, other).carry_over(1, 6, 5.0)
    assert own.written == []


def test_a_group_that_cannot_be_written_to_is_an_error_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    own, other = Group((3, "epoch=2")), Group((7, "epoch=4"))
    own.refusing = 1000
    with pytest.raises(KafkaException):
        made(monkeypatch, own, other).carry_over(1, 6, 0.2)

"""What is handled and not committed, and when a commit is due."""

from workloads.faust_consumer.offsets import Offsets


def test_what_the_broker_has_not_acknowledged_is_uncommitted() -> None:
    positions = {0: 5, 1: 7}
    offsets = Offsets(positions)
    assert offsets.uncommitted() == {0: 5, 1: 7}
    offsets.acked.update({0: 5, 1: 6})
    assert offsets.uncommitted() == {1: 7}
    offsets.forget([1])
    assert (offsets.uncommitted(), positions) == ({}, {0: 5})
    offsets.clear()
    assert (positions, offsets.acked) == ({}, {})


def test_a_commit_is_due_once_an_interval() -> None:
    offsets = Offsets({})
    offsets.begin(10.0)
    assert [offsets.due(now, 1.0) for now in (10.0, 10.9, 11.0, 11.5, 12.0)] == [False, False, True, False, True]

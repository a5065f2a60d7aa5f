"""The newer of two things that were learnt stays, whichever comes last."""

from dataclasses import replace

import pytest

from workloads.common.lease import Grant
from workloads.common.report import Report
from workloads.common.states import Color, State
from workloads.sidecar.lease import LeaseState
from workloads.sidecar.store import ViewStore

ACTIVE = Report("b", State.ACTIVE, 3, 3, partitions=(0,))


def lease(version: int, epoch: int) -> LeaseState:
    return LeaseState(Grant(holder=Color.BLUE, epoch=epoch), version)


@pytest.fixture
def store() -> ViewStore:
    return ViewStore(Color.BLUE, 2)


def test_it_begins_with_nothing_but_who_it_is(store: ViewStore) -> None:
    view = store.view
    assert (view.color, view.ordinal) == (Color.BLUE, 2)
    assert (view.grant, view.read_for, view.consumer, view.reported) == (None, None, None, None)


def test_a_lease_counts_when_its_version_is_newer(store: ViewStore) -> None:
    assert store.lease_is(lease(7, 3))
    assert not store.lease_is(lease(6, 2)), "a read that was overtaken by the watch"
    assert not store.lease_is(lease(7, 2)), "the same version has one content"
    assert store.view.grant == Grant(holder=Color.BLUE, epoch=3)
    assert store.lease_is(lease(8, 4))
    assert store.view.grant == Grant(holder=Color.BLUE, epoch=4)


def test_a_read_for_a_process_counts_also_when_it_brought_nothing_newer(store: ViewStore) -> None:
    store.lease_is(lease(7, 3))
    assert not store.lease_is(lease(7, 3), read_for="b")
    assert (store.view.read_for, store.view.grant) == ("b", Grant(holder=Color.BLUE, epoch=3))
    store.lease_is(lease(8, 4))  # what the watch brings is for no process
    assert store.view.read_for == "b"


def test_an_answer_gets_the_time_at_which_it_was_learnt_and_each_a_later_one(
    store: ViewStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workloads.sidecar.store.time.time_ns", lambda: 100)
    store.subject_is(replace(ACTIVE, at=5))
    assert store.view.consumer is not None
    assert (store.view.consumer, store.view.consumer.at) == (ACTIVE, 100)
    store.subject_is(replace(ACTIVE, state=State.DRAINING))  # the clock has not moved, or was set back
    assert store.view.consumer.at == 101


def test_the_same_answer_again_is_counted_and_is_no_news(store: ViewStore) -> None:
    store.subject_is(ACTIVE)
    before = store.view
    store.subject_is(replace(ACTIVE, at=before.consumer.at + 5 if before.consumer else 0))
    assert store.view is before
    assert store.answers == 2


def test_one_that_falls_silent_keeps_all_but_its_state(store: ViewStore) -> None:
    store.subject_is(ACTIVE)
    store.subject_is_silent()
    assert store.view.consumer == replace(ACTIVE, state=None)
    before = store.view
    store.subject_is_silent()
    assert store.view is before


def test_of_one_that_never_spoke_silence_tells_nothing(store: ViewStore) -> None:
    store.subject_is_silent()
    assert store.view.consumer is None
    assert store.answers == 0


def test_what_was_accepted_is_kept_beside_what_is(store: ViewStore) -> None:
    store.subject_is(ACTIVE)
    store.reported(replace(ACTIVE, state=State.PAUSED))
    assert store.view.reported == replace(ACTIVE, state=State.PAUSED)
    assert store.view.consumer == ACTIVE


def test_a_view_that_was_taken_does_not_change(store: ViewStore) -> None:
    """Whoever took it reads it without the mover's lock."""
    taken = store.view
    store.lease_is(lease(7, 3))
    store.subject_is(ACTIVE)
    assert (taken.grant, taken.consumer) == (None, None)

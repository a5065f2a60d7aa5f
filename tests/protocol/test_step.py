"""The sidecar's step: what it does next for what it sees."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from workloads.common.lease import Grant, Shape
from workloads.common.report import Report
from workloads.common.states import Color, State
from workloads.sidecar.step import Call, Next, PauseConsumer, ReadLease, ResumeConsumer, View, step

BLUE, GREEN = Color.BLUE, Color.GREEN
ACTIVE, DRAINING, PAUSED = State.ACTIVE, State.DRAINING, State.PAUSED


def said(state: State | None, epoch: int, seen: int | None = None, boot_id: str = "b1") -> Report:
    return Report(boot_id, state, epoch, epoch if seen is None else seen)


def outside(epoch: int) -> Report:
    return replace(said(PAUSED, epoch), left=True)


def held(color: Color, epoch: int, shape: Shape | None = None) -> Grant:
    return Grant(color, epoch, color, shape=shape)


def withdrawn(last: Color | None, epoch: int, *, leave: bool = False) -> Grant:
    return Grant(None, epoch, last, leave=leave)


TWO = Shape(members=2, partitions=12)
LEAVE = withdrawn(BLUE, 3, leave=True)


TABLE: list[tuple[str, View, Call | None]] = [
    ("nothing is known", View(BLUE), None),
    ("a Lease, and no answer yet", View(BLUE, held(BLUE, 2), "b1"), None),
    ("the consumer does not answer", View(BLUE, held(BLUE, 2), "b1", said(None, 2)), None),
    ("no Lease was read: it reads one", View(BLUE, consumer=said(PAUSED, 0)), ReadLease("b1")),
    ("it read, and there was none", View(BLUE, None, "b1", said(PAUSED, 0)), None),
    ("no Lease, and the consumer is active: nothing pauses", View(BLUE, None, "b1", said(ACTIVE, 2)), None),
    ("granted", View(BLUE, held(BLUE, 2), "b1", said(PAUSED, 1)), ResumeConsumer(2)),
    ("granted, draining", View(BLUE, held(BLUE, 2), "b1", said(DRAINING, 1)), ResumeConsumer(2)),
    ("granted, active", View(BLUE, held(BLUE, 2), "b1", said(ACTIVE, 2)), None),
    ("granted anew, active before", View(BLUE, held(BLUE, 4), "b1", said(ACTIVE, 2)), ResumeConsumer(4)),
    ("granted, joining", View(BLUE, held(BLUE, 2), "b1", said(PAUSED, 1, seen=2)), ResumeConsumer(2)),
    ("granted, a new process: read the Lease first", View(BLUE, held(BLUE, 2), "b0", said(PAUSED, 0)), ReadLease("b1")),
    ("granted, after a stall", View(BLUE, held(BLUE, 2), "b1", said(PAUSED, 2)), ResumeConsumer(2)),
    ("an old grant: the consumer knows better", View(BLUE, held(BLUE, 2), "b1", said(PAUSED, 3)), None),
    ("withdrawn", View(BLUE, withdrawn(BLUE, 3), "b1", said(ACTIVE, 2)), PauseConsumer(3)),
    ("withdrawn, a new process: pausing needs no fresh Lease", View(BLUE, withdrawn(BLUE, 3), "b0", said(PAUSED, 0)),
     PauseConsumer(3)),
    ("withdrawn, joining under the old grant", View(BLUE, withdrawn(BLUE, 3), "b1", said(PAUSED, 1, seen=2)),
     PauseConsumer(3)),
    ("withdrawn, draining", View(BLUE, withdrawn(BLUE, 3), "b1", said(DRAINING, 3)), PauseConsumer(3)),
    ("withdrawn, paused", View(BLUE, withdrawn(BLUE, 3), "b1", said(PAUSED, 3)), None),
    ("withdrawn, paused before", View(BLUE, withdrawn(BLUE, 5), "b1", said(PAUSED, 3)), PauseConsumer(5)),
    ("an old withdrawal", View(BLUE, withdrawn(BLUE, 3), "b1", said(ACTIVE, 4)), None),
    ("the other colour's", View(BLUE, held(GREEN, 4), "b1", said(PAUSED, 3)), PauseConsumer(4)),
    ("the other colour's, known", View(BLUE, held(GREEN, 4), "b1", said(PAUSED, 4)), None),
    ("the other colour's, and this one active", View(BLUE, held(GREEN, 4), "b1", said(ACTIVE, 4)), PauseConsumer(4)),
    ("granted, one of its shape", View(BLUE, held(BLUE, 2, TWO), "b1", said(PAUSED, 1), ordinal=1), ResumeConsumer(2)),
    ("granted, beyond its shape", View(BLUE, held(BLUE, 2, TWO), "b1", said(PAUSED, 1), ordinal=2), PauseConsumer(2)),
    ("granted, beyond its shape, known", View(BLUE, held(BLUE, 2, TWO), "b1", said(PAUSED, 2), ordinal=2), None),
    ("granted, beyond its shape, a new process: pausing needs no fresh Lease",
     View(BLUE, held(BLUE, 2, TWO), "b0", said(PAUSED, 0), ordinal=2), PauseConsumer(2)),
    ("granted, beyond its shape, and active", View(BLUE, held(BLUE, 4, TWO), "b1", said(ACTIVE, 2), ordinal=2),
     PauseConsumer(4)),
    ("granted, and nobody has said a shape", View(BLUE, held(BLUE, 2), "b1", said(PAUSED, 1), ordinal=99),
     ResumeConsumer(2)),
    ("withdrawn to leave", View(BLUE, LEAVE, "b1", said(ACTIVE, 2)), PauseConsumer(3, leave=True)),
    ("withdrawn to leave, paused before", View(BLUE, LEAVE, "b1", outside(2)), PauseConsumer(3, leave=True)),
    ("withdrawn to leave, paused, and not out yet", View(BLUE, LEAVE, "b1", said(PAUSED, 3)),
     PauseConsumer(3, leave=True)),
    ("withdrawn to leave, and out", View(BLUE, LEAVE, "b1", outside(3)), None),
    ("withdrawn to leave, and the consumer knows better", View(BLUE, LEAVE, "b1", said(PAUSED, 4)), None),
    ("withdrawn from the other colour to leave", View(GREEN, LEAVE, "b1", said(PAUSED, 2)), PauseConsumer(3, leave=True)),
    ("a grant asks nobody to leave", View(GREEN, replace(held(BLUE, 4), leave=True), "b1", said(PAUSED, 3)),
     PauseConsumer(4)),
]  # fmt: skip


@pytest.mark.parametrize(("view", "call"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_the_call(view: View, call: Call | None) -> None:
    assert step(view).call == call


def test_what_is_new_is_reported_once() -> None:
    now = said(PAUSED, 3)
    assert step(View(BLUE, consumer=now)).report == now
    assert step(View(BLUE, consumer=now, reported=said(ACTIVE, 2))).report == now
    assert step(View(BLUE, consumer=now, reported=now)) == Next(ReadLease("b1"))
    assert step(View(BLUE)).report is None


def test_silence_is_reported_as_such() -> None:
    silent = said(None, 2)
    assert step(View(BLUE, held(BLUE, 2), "b1", silent, said(ACTIVE, 2))).report == silent


@pytest.mark.parametrize(
    ("grant", "consumer", "urgent"),
    [
        (withdrawn(BLUE, 3), said(PAUSED, 3), True),
        (withdrawn(None, 3), said(PAUSED, 3), True),
        (withdrawn(GREEN, 3), said(PAUSED, 3), False),
        (replace(withdrawn(GREEN, 3), unconfirmed=True), said(PAUSED, 3), True),
        (withdrawn(BLUE, 3), said(DRAINING, 3), False),
        (withdrawn(BLUE, 3), said(PAUSED, 2), False),
        (held(BLUE, 4), said(ACTIVE, 4), True),
        (held(BLUE, 4), said(ACTIVE, 2), False),
        (held(BLUE, 4), said(PAUSED, 4), False),
        (held(GREEN, 4), said(PAUSED, 4), False),
        (None, said(PAUSED, 0), False),
        (LEAVE, said(PAUSED, 3), False),
        (LEAVE, outside(3), True),
        (withdrawn(GREEN, 3, leave=True), outside(3), True),
    ],
)
def test_what_somebody_waits_for_is_urgent(grant: Grant | None, consumer: Report, urgent: bool) -> None:
    assert step(View(BLUE, grant, "b1", consumer)).urgent is urgent
    assert not step(View(BLUE, grant, "b1", consumer, reported=consumer)).urgent


def test_nobody_waits_for_what_is_beyond_the_shape() -> None:
    assert not step(View(BLUE, held(BLUE, 4, TWO), "b1", said(ACTIVE, 4), ordinal=2)).urgent


COLORS = some.sampled_from(list(Color))
MAYBE = some.none() | COLORS
REPORTS = some.builds(
    Report, some.sampled_from(["b0", "b1"]), some.none() | some.sampled_from(list(State)), some.integers(0, 5),
    some.integers(0, 5), left=some.booleans(),
)  # fmt: skip
SHAPES = some.none() | some.builds(Shape, some.integers(0, 3), some.just(12))
GRANTS = some.builds(Grant, MAYBE, some.integers(0, 5), MAYBE, shape=SHAPES, leave=some.booleans())
VIEWS = some.builds(
    View, COLORS, some.none() | GRANTS, some.none() | some.sampled_from(["b0", "b1"]), some.none() | REPORTS,
    some.none() | REPORTS, some.integers(0, 3),
)  # fmt: skip


@given(VIEWS)
def test_a_resume_needs_a_grant_that_was_read_for_this_process(view: View) -> None:
    call = step(view).call
    if isinstance(call, ResumeConsumer):
        assert view.grant is not None
        assert view.consumer is not None
        assert (view.grant.holder, view.grant.epoch) == (view.color, call.epoch)
        assert view.grant.shape is None or view.ordinal < view.grant.shape.members
        assert view.read_for == view.consumer.boot_id


@given(VIEWS)
def test_a_pause_needs_a_lease_that_grants_this_colour_nothing(view: View) -> None:
    call = step(view).call
    if isinstance(call, PauseConsumer):
        assert view.grant is not None
        beyond = view.grant.shape is not None and view.ordinal >= view.grant.shape.members
        assert view.grant.holder != view.color or beyond
        assert call.epoch == view.grant.epoch
        assert call.leave == (view.grant.leave and view.grant.holder is None)


@given(VIEWS)
def test_who_has_to_leave_is_asked_until_it_has(view: View) -> None:
    following, grant, consumer = step(view), view.grant, view.consumer
    if grant is None or not grant.leave or grant.holder is not None or consumer is None or consumer.state is None:
        return
    if consumer.seen_epoch <= grant.epoch and not consumer.left:
        assert following.call == PauseConsumer(grant.epoch, leave=True)
        assert not following.urgent


@given(VIEWS)
def test_the_report_is_what_the_consumer_said(view: View) -> None:
    report = step(view).report
    assert report is None or report == view.consumer

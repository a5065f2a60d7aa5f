"""When the sidecar does what its step says."""

from workloads.common.backoff import Backoff
from workloads.common.lease import Grant
from workloads.common.report import Report
from workloads.common.states import Color, State
from workloads.sidecar.step import PauseConsumer, ReadLease, ResumeConsumer, View
from workloads.sidecar.timing import (
    AGAIN_MOST_SECONDS,
    AGAIN_SECONDS,
    HOLD_IN_COMMAND_SECONDS,
    HOLD_SECONDS,
    UNHURRIED_SECONDS,
    Schedule,
    call_hold,
    report_hold,
)

RESUME, PAUSE, READ = ResumeConsumer(2), PauseConsumer(3), ReadLease("b")
LEAVE = PauseConsumer(3, leave=True)
BLUE, GREEN = Color.BLUE, Color.GREEN


def asked_again(seconds: float, answer_seconds: float = 0.0004) -> int:
    """How often a call goes out in `seconds` that is answered after `answer_seconds`, and changes nothing."""
    schedule, now, calls = Schedule(), 0.0, 0
    while now < seconds:
        if schedule.may_go(RESUME, now):
            calls += 1
            now += answer_seconds
            schedule.ended(RESUME, now, patient=False)
        else:
            now += 0.001
    return calls


def test_an_answer_that_changes_nothing_is_asked_for_with_the_backoff() -> None:
    backoff, allowed, ends = Backoff(AGAIN_SECONDS, AGAIN_MOST_SECONDS), 1, 0.0
    while (ends := ends + backoff.next()) < 10.0:
        allowed += 1
    assert asked_again(10.0) == allowed


def test_a_new_call_goes_out_at_once_and_begins_anew() -> None:
    schedule = Schedule()
    for _ in range(5):
        schedule.may_go(RESUME, 1.0)
        schedule.ended(RESUME, 1.0, patient=False)
    assert not schedule.may_go(RESUME, 1.5)
    assert schedule.may_go(PAUSE, 1.5)
    assert schedule.may_go(RESUME, 1.5), "something else was asked for meanwhile"
    schedule.ended(RESUME, 1.5, patient=False)
    assert schedule.may_go(RESUME, 1.5 + AGAIN_SECONDS)


def test_what_took_its_whole_deadline_is_repeated_at_once() -> None:
    schedule = Schedule()
    schedule.may_go(RESUME, 1.0)
    schedule.ended(RESUME, 1.0, patient=False)
    schedule.ended(RESUME, 7.0, patient=True)
    assert schedule.may_go(RESUME, 7.0)
    schedule.ended(RESUME, 7.0, patient=False)
    assert schedule.may_go(RESUME, 7.0 + AGAIN_SECONDS)


def test_nothing_asked_for_forgets_what_was() -> None:
    schedule = Schedule()
    schedule.may_go(RESUME, 1.0)
    schedule.ended(RESUME, 1.0, patient=False)
    assert not schedule.may_go(None, 1.0)
    assert schedule.may_go(RESUME, 1.0)


def test_the_end_of_another_call_changes_nothing() -> None:
    schedule = Schedule()
    schedule.may_go(PAUSE, 1.0)
    schedule.ended(RESUME, 1.0, patient=False)
    assert schedule.may_go(PAUSE, 1.0)


def test_a_lease_that_changed_is_read_at_once() -> None:
    schedule = Schedule()
    schedule.may_go(READ, 1.0)
    schedule.ended(READ, 1.0, patient=False)
    assert not schedule.may_go(READ, 1.0)
    schedule.lease_changed()
    assert schedule.may_go(READ, 1.0)
    schedule.may_go(RESUME, 1.0)
    schedule.ended(RESUME, 1.0, patient=False)
    schedule.lease_changed()
    assert not schedule.may_go(RESUME, 1.0), "it is not about the Lease"


def test_a_held_call_goes_out_when_its_time_has_come() -> None:
    schedule = Schedule()
    assert not schedule.may_go(PAUSE, 1.0, hold=0.5)
    assert not schedule.may_go(PAUSE, 1.4, hold=0.5)
    assert schedule.may_go(PAUSE, 1.5, hold=0.5)


def test_only_a_pause_that_nobody_waits_for_is_held() -> None:
    paused = Report("b", State.PAUSED, 2, 2)
    others = View(BLUE, Grant(None, 3, GREEN), "b", paused, paused)
    assert call_hold(others, PAUSE) == UNHURRIED_SECONDS
    assert call_hold(others, None) == 0
    assert call_hold(others, RESUME) == 0
    own = View(BLUE, Grant(None, 3, BLUE), "b", paused, paused)
    assert call_hold(own, PAUSE) == 0
    lost = View(BLUE, Grant(None, 3, GREEN, unconfirmed=True), "b", paused, paused)
    assert call_hold(lost, PAUSE) == 0, "both colours have to confirm"
    assert call_hold(others, LEAVE) == 0, "the next grant is for another shape"
    active = Report("b", State.ACTIVE, 2, 2)
    assert call_hold(View(BLUE, Grant(None, 3, GREEN), "b", active, active), PAUSE) == 0


def test_a_report_waits_for_what_a_command_will_lead_to() -> None:
    assert report_hold(RESUME, urgent=True) == 0
    assert report_hold(RESUME, urgent=False) == HOLD_IN_COMMAND_SECONDS
    assert report_hold(READ, urgent=False) == report_hold(None, urgent=False) == HOLD_SECONDS

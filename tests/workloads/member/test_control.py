"""How commands are answered: what is true, at once, and never what is not."""

import threading
import time

from workloads.common.states import State
from workloads.member.control import Answer, Command, Control, Truth, judge
from workloads.member.lifecycle import (
    Assigned,
    Closed,
    CommitEnded,
    Event,
    Heard,
    Lifecycle,
    Lost,
    Pause,
    Resume,
    Stalled,
    step,
)


def executed(now: Lifecycle, event: Pause | Resume) -> tuple[Command, Lifecycle]:
    result = step(now, event)
    return Command(event, refused=result.refused), result.lifecycle


def test_judging_a_command() -> None:
    assert judge(Command(Pause(1)), Truth(Lifecycle())) is None  # not executed: nothing is true of it
    pause, now = executed(Lifecycle(), Pause(1))
    assert judge(pause, Truth(now)) is Answer.DONE
    resume, now = executed(now, Resume(2))
    assert judge(resume, Truth(now)) is None
    assert judge(pause, Truth(now)) is Answer.STALE
    same, now = executed(now, Pause(2))
    assert judge(resume, Truth(now)) is Answer.STALE
    assert judge(same, Truth(now)) is Answer.DONE
    stale, now = executed(now, Resume(2))
    assert judge(stale, Truth(now)) is Answer.STALE


def test_a_resume_that_was_executed_and_then_lost_is_answered_at_once() -> None:
    """Its epoch is not stale: the same call is a new try, and 503 says so."""
    for voided in (Lost(), Stalled()):
        resume, joining = executed(Lifecycle(), Resume(2))
        assert judge(resume, Truth(step(joining, voided).lifecycle)) is Answer.VOID
        active = step(joining, Assigned((0,))).lifecycle
        assert judge(resume, Truth(active)) is Answer.DONE
        assert judge(resume, Truth(step(active, voided).lifecycle)) is Answer.VOID
        again, joining = executed(step(joining, voided).lifecycle, Resume(2))
        assert judge(again, Truth(joining)) is None
    assert Answer.VOID.status == 503
    assert Answer.STALE.status == 409


def test_a_pause_to_leave_is_done_when_it_has_left() -> None:
    now = step(step(Lifecycle(), Resume(2)).lifecycle, Assigned((0,))).lifecycle
    now = step(step(now, Pause(3)).lifecycle, CommitEnded(ok=True)).lifecycle
    leave, now = executed(now, Pause(3, leave=True))
    plain = Command(Pause(3), refused=False)
    assert (judge(plain, Truth(now)), judge(leave, Truth(now))) == (Answer.DONE, None)
    closed = step(now, Closed()).lifecycle
    assert judge(leave, Truth(closed)) is Answer.DONE
    resume, joining = executed(now, Resume(4))
    assert (judge(leave, Truth(joining)), judge(resume, Truth(joining))) == (Answer.STALE, None)


def test_a_resume_below_what_was_heard_of_is_stale() -> None:
    """Whoever repeats it would be refused: it is for the controller to make the Lease again. An equal one is done."""
    resume, joining = executed(Lifecycle(), Resume(2))
    assert judge(resume, Truth(step(joining, Heard(3)).lifecycle)) is Answer.STALE
    heard = step(joining, Heard(2)).lifecycle
    assert judge(resume, Truth(step(heard, Assigned((0,))).lifecycle)) is Answer.DONE
    pause, paused = executed(Lifecycle(), Pause(2))
    assert judge(pause, Truth(step(paused, Heard(2)).lifecycle)) is Answer.DONE


def test_a_caller_of_a_lost_resume_does_not_wait_for_its_deadline() -> None:
    control = Control(Lifecycle())
    command = control.submit(Resume(2))
    answers: list[tuple[Answer, Truth]] = []
    waiting = threading.Thread(target=lambda: answers.append(control.wait(command, 60)), daemon=True)
    waiting.start()
    joining = step(Lifecycle(), Resume(2)).lifecycle

    def is_executed() -> None:
        command.refused = False

    control.publish(Truth(joining), is_executed)
    control.publish(Truth(step(joining, Lost()).lifecycle))
    waiting.join(10)
    assert [answer for answer, _ in answers] == [Answer.VOID]
    assert answers[0][1].lifecycle.state is State.PAUSED


def test_paused_after_a_loss_tells_what_was_left_uncommitted() -> None:
    def paused(*events: Event) -> bool:
        now = Lifecycle()
        for event in (Resume(2), Assigned((0,)), *events, Pause(3)):
            now = step(now, event).lifecycle
        assert now.state is State.PAUSED
        return now.committed

    assert not paused(Lost(uncommitted=True))
    assert paused(Lost())
    assert not paused(Lost(uncommitted=True), Resume(2))  # still joining
    assert paused(Lost(uncommitted=True), Resume(2), Assigned((0,)), Stalled(), CommitEnded(ok=True))


def test_waiting_ends_with_the_process() -> None:
    control = Control(Lifecycle())
    command = control.submit(Resume(1))
    control.publish(Truth(Lifecycle(), stopping=True))
    started = time.monotonic()
    assert control.wait(command, 60)[0] is Answer.LATE
    assert time.monotonic() - started < 30  # and not the 60 that it may wait

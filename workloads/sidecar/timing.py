"""When the sidecar does what its step says: pure rules, whose caller gives the time."""

from workloads.common.backoff import Backoff
from workloads.common.states import State
from workloads.sidecar.step import Call, PauseConsumer, ReadLease, View

AGAIN_SECONDS = 0.25
AGAIN_MOST_SECONDS = 2.0
# A pause that nobody waits for is held back until a hand-off is over.
UNHURRIED_SECONDS = 0.5
# How long a report that nobody waits for is held back, so that a newer one may take its place.
HOLD_SECONDS = 0.5
HOLD_IN_COMMAND_SECONDS = 1.0


class Schedule:
    """When the call that the step asks for may go out.

    A call that the step has not asked for before goes out at once, unless nobody waits for it. One that was answered,
    and is asked for again, because the answer changed nothing, waits longer each time: whatever the answer was, whoever
    gives it at once would be asked thousands of times a second. Only an answer that took the call's whole deadline has
    taken its time already.
    """

    def __init__(self) -> None:
        self._call: Call | None = None
        self._not_before = 0.0
        self._backoff = Backoff(AGAIN_SECONDS, AGAIN_MOST_SECONDS)

    def may_go(self, call: Call | None, now: float, hold: float = 0.0) -> bool:
        """Whether this call, which the step asks for now (None: none), may go out; hold: seconds, for a new one."""
        if call != self._call:
            self._call, self._not_before = call, now + hold
            self._backoff.reset()
        return call is not None and now >= self._not_before

    def ended(self, call: Call, now: float, *, patient: bool) -> None:
        """This call is over; patient: it took its whole deadline."""
        if call != self._call:
            return
        if patient:
            self._backoff.reset()
            self._not_before = now
        else:
            self._not_before = now + self._backoff.next()

    def lease_changed(self) -> None:
        """A Lease that could not be read may be readable now."""
        if isinstance(self._call, ReadLease):
            self._call = None


def call_hold(view: View, call: Call | None) -> float:
    """How long to hold back a call for which nobody waits: it only tells a paused consumer about a grant that is not
    its colour's.

    The others are in a hand-off at that moment, and often its own grant comes before the pause has gone out.
    """
    grant, consumer = view.grant, view.consumer
    unhurried = (
        isinstance(call, PauseConsumer)
        and not call.leave
        and grant is not None
        and not grant.unconfirmed
        and grant.last_holder == view.color.other
        and consumer is not None
        and consumer.state is State.PAUSED
    )
    return UNHURRIED_SECONDS if unhurried else 0.0


def report_hold(running: Call | None, *, urgent: bool) -> float:
    """How long a report may wait for a newer one; what a command will lead to must not find another under way."""
    if urgent:
        return 0.0
    return HOLD_SECONDS if running is None or isinstance(running, ReadLease) else HOLD_IN_COMMAND_SECONDS

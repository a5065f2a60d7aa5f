"""One command on its way: what the core names is carried out, one step at a time."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from workloads.common.logs import fields
from workloads.sidecar.connect import core
from workloads.sidecar.connect.control import Control, NotNowError, RefusedError, SilentError
from workloads.sidecar.connect.core import Sight
from workloads.sidecar.connect.group import Groups
from workloads.sidecar.connect.journal import Journal
from workloads.sidecar.connect.memory import Goal, Memory, interference
from workloads.sidecar.connect.recorders import Recorders
from workloads.sidecar.connect.seen import Connector, Member, Seen
from workloads.sidecar.connect.workers import Workers
from workloads.sidecar.subject import Result

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0  # one look
STEP_SECONDS = 5.0  # one request that changes something
AGAIN_SECONDS = 1.0  # a step that was accepted, and has not come true, is carried out again
NOT_NOW_SECONDS = 0.05
PROBLEMS = (NotNowError, SilentError, RefusedError)


@dataclass(frozen=True, slots=True)
class Hands:
    """All that an agent reaches its connector by. step: held by whoever changes something; one thing at a time."""

    control: Control
    groups: Groups
    workers: Workers
    recorders: Recorders
    journal: Journal
    step: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for. ends: in monotonic seconds. abandoned: whether whoever asked has gone away."""

    epoch: int
    pause: bool
    ends: float
    abandoned: Callable[[], bool]


class Command:
    """What it has seen is forgotten whenever something was done, or waited for."""

    def __init__(self, hands: Hands, memory: Memory, goal: Goal, order: Order) -> None:
        self._hands = hands
        self._memory = memory
        self._goal = goal
        self._order = order
        self._seen = Seen()
        self._moves = 0  # of the memory, when the round began
        self._again_at = 0.0
        self._why = ""

    def run(self) -> tuple[Result, Connector | None, tuple[Member, ...]]:
        """Until it is done, not wanted any more, or its time is over; when done, with what it has seen last.

        It begins when the step in hand has ended: an older command begins no other one, so what is seen from then on
        is not about to be changed by it.
        """
        if self._acquire():
            self._hands.step.release()
        while self._wanted():
            if time.monotonic() >= self._order.ends:
                return self._not_yet()
            try:
                step = self._next()
                if isinstance(step, core.Stale):
                    logger.warning("stale", extra=fields(epoch=self._order.epoch, why=step.why))
                    break
                if isinstance(step, core.Done):
                    self._done(step)
                    return Result.DONE, self._seen.own, self._seen.members or ()
                self._carry_out(step)
            except PROBLEMS as error:
                self._wait(str(error))
        return Result.STALE, None, ()

    def _not_yet(self) -> tuple[Result, None, tuple[()]]:
        logger.warning("not yet", extra=fields(epoch=self._order.epoch, why=self._why))
        self._memory.is_blocked(self._why)
        return Result.NOT_YET, None, ()

    def _acquire(self) -> bool:
        """Wait for the step in hand, for as long as there is time."""
        if self._hands.step.acquire(timeout=max(0.0, self._order.ends - time.monotonic())):
            return True
        self._why = "the step in hand has not ended"
        return False

    def _wanted(self) -> bool:
        return not self._order.abandoned() and self._memory.is_newest(self._order.epoch, pause=self._order.pause)

    def _next(self) -> core.Step:
        if time.monotonic() >= self._again_at:
            self._seen = replace(self._seen, sent=None)
        seen, goal = self._seen, self._goal
        if self._order.pause:
            step = core.pausing(seen)
        else:
            step = core.resuming(seen, self._order.epoch, goal.topic, goal.partitions)
        if seen.workers is not None and not isinstance(step, core.Wait):
            self._memory.halted(self._moves)  # the workers are asked last, and the core goes on
        return step

    def _carry_out(self, step: core.Look | core.Wait | core.Doing) -> None:
        match step:
            case core.Look(at):
                self._seen = self._look(at)
            case core.Wait(why):
                self._wait(why)
            case _:
                self._do(step)

    def _do(self, step: core.Doing) -> None:
        """Carry out one step, unless a newer command has come: whoever has the lock compares before it acts."""
        if not self._acquire():
            return
        began = time.monotonic()
        try:
            if not self._wanted():
                return
            self._perform(step)
        finally:
            self._hands.step.release()
            self._forget()
        self._seen = replace(self._seen, sent=step)
        self._again_at = time.monotonic() + AGAIN_SECONDS
        took = round(time.monotonic() - began, 4)
        logger.info("step", extra=fields(epoch=self._order.epoch, step=type(step).__name__, seconds=took))

    def _perform(self, step: core.Doing) -> None:
        control, epoch, own = self._hands.control, self._order.epoch, self._seen.own
        if own is not None and (meddled := interference(self._memory.facts, own)):
            logger.warning("somebody else has written the state", extra=fields(epoch=epoch, why=meddled))
        match step:
            case core.Create():
                control.create(STEP_SECONDS)
            case core.Configure():
                control.configure(STEP_SECONDS)
            case core.Stop():
                control.stop(epoch, STEP_SECONDS)
            case core.Alter(offsets):
                control.alter(epoch, offsets, STEP_SECONDS)
            case core.Bear():
                self._write_starts()
                self._memory.moves()
                control.bear(epoch, STEP_SECONDS)
            case core.Start():
                self._memory.moves()
                control.start(epoch, STEP_SECONDS)

    def _look(self, at: Sight) -> Seen:
        seen, hands, own = self._seen, self._hands, self._seen.own
        if at is Sight.OWN or own is None:
            return self._look_at_own()
        match at:
            case Sight.OTHER:
                other = hands.control.other(LOOK_SECONDS)
                self._memory.hears(other.epoch)
                return replace(seen, other=other)
            case Sight.MEMBERS:
                return replace(seen, members=hands.groups.members(own.group, LOOK_SECONDS))
            case Sight.WORKERS:
                return replace(seen, workers=hands.workers.ask(own.name, LOOK_SECONDS))
            case Sight.OFFSETS:
                return self._look_at_offsets(own)
            case Sight.COMMITTED:
                return replace(seen, committed=self._is_committed(own))

    def _look_at_own(self) -> Seen:
        """Unanswered calls first, then the connector: what was not answered before may have come true since."""
        control = self._hands.control
        before = self._memory.facts
        unanswered, quiet_in = control.unanswered(), control.quiet_in()
        own = control.own(LOOK_SECONDS)
        if not own.stopped:
            self._memory.seen_moving(before)
        facts = self._memory.facts
        self._moves = facts.moves
        known = facts.halted and facts.paused is not None and facts.committed
        return replace(
            self._seen,
            own=own,
            unanswered=unanswered,
            quiet_in=quiet_in,
            halted=facts.halted,
            committed=True if known else None,
        )

    def _look_at_offsets(self, own: Connector) -> Seen:
        groups, other = self._hands.groups, self._seen.other
        source = self._seen.source_offsets
        if source is None and other is not None:
            source = groups.offsets(other.group, LOOK_SECONDS)
        return replace(self._seen, own_offsets=groups.offsets(own.group, LOOK_SECONDS), source_offsets=source)

    def _is_committed(self, own: Connector) -> bool:
        """Whether the group's offsets are not behind what the recorders have seen; unknown is no."""
        offsets = self._hands.groups.offsets(own.group, LOOK_SECONDS)
        self._hands.journal.paused(self._order.epoch, offsets)
        try:
            handled = self._hands.recorders.mark(self._order.epoch, LOOK_SECONDS)
        except SilentError as error:
            logger.warning("what was handled is not known", extra=fields(error=str(error)))
            return False
        if handled is None or handled.epoch != own.epoch:
            return True
        late = core.is_behind(offsets, handled.next, self._goal.topic)
        if late:
            logger.warning("offsets are behind what was handled", extra=fields(late=late))
        return not late

    def _write_starts(self) -> None:
        """For whoever judges: where it is about to begin."""
        own, offsets = self._seen.own, self._seen.own_offsets
        if offsets is None and own is not None:
            offsets = self._hands.groups.offsets(own.group, LOOK_SECONDS)
        self._hands.journal.assigned(self._order.epoch, offsets or {}, self._goal.partitions)

    def _wait(self, why: str) -> None:
        if why != self._why:
            logger.debug("waits", extra=fields(epoch=self._order.epoch, why=why))
        self._why = why
        self._forget()
        self._hands.control.wait(max(0.0, min(NOT_NOW_SECONDS, self._order.ends - time.monotonic())))

    def _forget(self) -> None:
        """Look anew; what the other colour is, and where it stands, does not change while the grant is ours."""
        seen = self._seen
        self._seen = Seen(other=seen.other, source_offsets=seen.source_offsets, sent=seen.sent)

    def _done(self, step: core.Done) -> None:
        if self._order.pause:
            self._memory.paused(self._order.epoch, self._moves, committed=step.committed)
        else:
            self._memory.done()
            self._hands.journal.active(self._order.epoch, self._seen.members or ())

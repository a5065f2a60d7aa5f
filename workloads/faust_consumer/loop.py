"""The member's loop: commands, effects, records and the group's events, all in the one event loop.

Nothing else changes the lifecycle, so nothing of it needs a lock. Commands are executed between two records, effects
one after the other; while an effect waits for Faust or the broker, commands go on being answered.
"""

import asyncio
import contextlib
import logging
import time
from typing import Any

from confluent_kafka import KafkaException

from workloads.common.logs import fields
from workloads.common.records import EventLog, RecordLogError
from workloads.common.states import State
from workloads.faust_consumer import leaving
from workloads.faust_consumer.application import Activation, Endings, Partitions
from workloads.faust_consumer.offsets import Offsets
from workloads.faust_consumer.presence import Presence
from workloads.faust_consumer.record import FaustRecord
from workloads.faust_consumer.settings import FaustSettings
from workloads.faust_consumer.starts import Starts
from workloads.handling import carry
from workloads.handling.figures import Figures
from workloads.handling.journal import Journal
from workloads.handling.processing import Abandoned, Stall, Worker
from workloads.member.control import Control
from workloads.member.driver import Driver
from workloads.member.faults import FaultInjection
from workloads.member.lifecycle import (
    Assigned,
    Client,
    Closed,
    CommitEnded,
    Effect,
    Event,
    Heard,
    Left,
    Lifecycle,
    Lost,
    Revoked,
    Stalled,
    StartFailed,
)

logger = logging.getLogger("workloads.faust_consumer")

# How long a turn waits for a command, or an effect that is due.
_TURN_SECONDS = 0.05
_RETRY_SECONDS = 0.05
# Of the stall limit: as `workloads/consumer/carrier.py`.
_SHARE_OF_STALL = 0.75


class FaustLoop:
    """Runs one process. `run` and what it calls belong to the event loop; `stop`, `ready` and `figures` to anybody.

    More than a dozen attributes: each is one of the pieces that a turn has in it, and none of them knows the turn.
    """

    def __init__(
        self,
        *,
        settings: FaustSettings,
        worker: Worker,
        events: EventLog,
        faults: FaultInjection,
        control: Control,
    ) -> None:
        self._settings = settings
        self._worker = worker
        self._faults = faults
        self.figures = Figures()
        self._journal = Journal(events, settings.topic)
        self._offsets = Offsets(worker.positions)
        self._driver = Driver(control, self._changed, self._member_id)
        self._starts = Starts(settings) if settings.carries else None
        self._activation: Activation | None = None
        self._wake = asyncio.Event()
        self._due = asyncio.Event()  # an effect
        self._loop: asyncio.AbstractEventLoop | None = None
        self._presence = Presence(settings)
        self._failure: BaseException | None = None
        self._granted = 0  # under which what is handled is committed, also by a pause's drain
        self._stopping = False
        self._committing: asyncio.Task[None] | None = None
        self._endings = Endings()

    # --- for other threads

    def wake(self) -> None:
        """A command has come, or the process is to end."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has just ended
                self._loop.call_soon_threadsafe(self._wake.set)

    def stop(self) -> None:
        """End: handle no more, commit, leave. Flags only, so that a signal handler may call it."""
        self._worker.stopping = True
        self._stopping = True
        self.wake()

    @property
    def ready(self) -> bool:
        """Connected and able to take over."""
        return not self._driver.stopping and self._presence.there

    # --- the event loop's

    async def run(self) -> None:
        """Until `stop`, or something that cannot be got over: that is raised."""
        self._loop = asyncio.get_running_loop()
        asking = asyncio.create_task(self._presence.run())
        working = asyncio.create_task(self._carry_out())
        self._driver.tell()
        try:
            while not (self._driver.stopping and self._at_rest) and self._failure is None:
                self._turn(time.monotonic())
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), _TURN_SECONDS)
                self._wake.clear()
                for task in (asking, working):
                    if task.done() and (error := task.exception()) is not None:
                        raise error
            if self._failure is not None:
                raise self._failure
            self._worker.end()
        finally:
            self._driver.end()
            for task in (asking, working):
                task.cancel()
            await asyncio.gather(asking, working, return_exceptions=True)
            await self._drop()

    @property
    def _at_rest(self) -> bool:
        return self._driver.lifecycle.state is State.PAUSED and not self._driver.effects and self._activation is None

    def _turn(self, now: float) -> None:
        try:
            self._worker.pulse.check(now)
        except Stall as stall:
            self._stalled(stall.args[0])
        self.figures.consumed_rate.sample(now, self._worker.handled)
        if self._stopping and not self._driver.stopping:
            self._begin_stop()
        self._commands()
        self._supervise()
        if (activation := self._activation) is not None and self._driver.lifecycle.state is State.ACTIVE:
            self.figures.high = activation.ends(self._driver.lifecycle.partitions)
            idle = self._committing is None or self._committing.done()
            if idle and self._offsets.due(now, self._settings.commit_interval_seconds):
                self._committing = asyncio.create_task(self._commit_held(activation))

    def _supervise(self) -> None:
        """Faust goes on under another member's name when the group took it for gone, and ends when it cannot go on."""
        activation = self._activation
        if activation is None or self._driver.lifecycle.client is not Client.MEMBER:
            return
        if (crash := activation.crashed) is not None:
            self._lost(activation, f"Faust has given up: {crash!r}")

    # --- records

    async def _record(self, activation: Activation, message: Any) -> None:
        """Handle one; or never return: what is not handled is not let past, and the application is being stopped."""
        record, driver = FaustRecord(message), self._driver
        self._commands()
        if not self._may_handle(activation, record.partition()):
            await asyncio.Event().wait()
        self._journal.fetched([record])
        try:
            left = self._worker.handle([record], driver.lifecycle.epoch)
        except Stall as stall:
            self._stalled(stall.args[0])
        except Abandoned:
            pass
        except RecordLogError as refused:
            self._fail(refused)
        else:
            if not left:
                return
            self._commands()
            if self._may_handle(activation, record.partition()):
                await self._record(activation, message)
                return
        await asyncio.Event().wait()

    def _may_handle(self, activation: Activation, partition: int) -> bool:
        now = self._driver.lifecycle
        return activation is self._activation and now.state is State.ACTIVE and partition in now.partitions

    async def _commit_held(self, activation: Activation) -> None:
        """Commit, after the injected delay."""
        await asyncio.sleep(self._faults.now.commit_delay_ms / 1000)
        await self._commit(activation)

    async def _commit(self, activation: Activation) -> bool:
        """Commit what is not; whether nothing is left that could be."""
        offsets = self._offsets.uncommitted()
        if not offsets:
            return True
        began = time.monotonic()
        try:
            ok = await activation.commit(offsets)
        except Exception as error:  # noqa: BLE001 - Faust tells what became of its thread by whatever it comes to
            logger.warning("commit failed", extra=fields(error=repr(error)))
            ok = False
        took = time.monotonic() - began
        self.figures.commits["ok" if ok else "failed"] += 1
        if ok:
            self._offsets.acked.update(offsets)
            self.figures.commit_mean.add(time.monotonic(), took * 1000)
            self.figures.commit_seconds.observe(took)
            self._journal.write("COMMITTED", self._driver.lifecycle.epoch, tuple(offsets), offsets)
        return ok

    # --- the group

    async def _assigned(self, activation: Activation, owned: Partitions) -> None:
        if activation is not self._activation or self._driver.lifecycle.client is not Client.MEMBER:
            return
        new = [p for p in owned if p not in self._driver.lifecycle.partitions]
        self._offsets.forget(new)
        self.figures.assignments += 1
        self.figures.rebalances += self.figures.assignments > 1
        epoch = self._driver.lifecycle.seen_epoch
        self._journal.assigned(epoch, owned)
        self._journal.reading(epoch, new)
        logger.info("partitions assigned", extra=fields(partitions=new, complete=owned))
        self._feed(Assigned(owned))

    async def _revoked(self, activation: Activation, taken: Partitions) -> None:
        """A rebalance, or the group took this member for gone: then it does not go back by itself."""
        if activation is not self._activation or self._driver.lifecycle.client is not Client.MEMBER:
            return
        if activation.lost:
            self._lost(activation, "the group took this member for gone")
            return
        now = self._driver.lifecycle
        self._feed(Revoked(taken))
        await self._commit(activation)
        self._journal.write("REVOKED", now.epoch, taken, self._worker.positions)
        self._journal.gone(taken)
        self._offsets.forget(taken)
        logger.info("partitions revoked", extra=fields(partitions=taken, state=now.state))

    def _lost(self, activation: Activation, why: str) -> None:
        now = self._driver.lifecycle
        self.figures.lost += 1
        self._driver.last_error = why
        self._journal.write("LOST", now.epoch, now.partitions, self._worker.positions)
        self._journal.forget()
        uncommitted = bool(self._offsets.uncommitted())
        logger.error("membership lost", extra=fields(reason=why, state=now.state, epoch=now.epoch))
        self._offsets.clear()
        activation.member_id = ""
        self._feed(Lost(uncommitted))

    # --- effects

    async def _carry_out(self) -> None:
        """Effects, one after the other."""
        while True:
            if not self._driver.effects:
                self._due.clear()
                await self._due.wait()
            effect = self._driver.effects.popleft()
            match effect:
                case Effect.COMMIT:
                    await self._drain()
                case Effect.LEAVE:
                    await self._leave()
                    self._feed(Left())
                case Effect.CLOSE:
                    while not await self._leave():
                        logger.warning("Faust has not left its group yet")
                    self._feed(Closed())
                case Effect.REPLACE | Effect.RETIRE:
                    await self._drop()
                case Effect.JOIN:
                    await self._join()
                case Effect.REWIND:
                    raise RuntimeError("Faust is never a member that waits")
            self._wake.set()

    async def _drain(self) -> None:
        """Commit all that was handled, within half of the drain timeout; with a delayed commit, after that."""
        deadline = time.monotonic() + self._settings.drain_timeout_seconds / 2
        activation = self._activation
        delay = self._faults.now.commit_delay_ms / 1000
        if delay:
            await asyncio.sleep(min(delay, deadline - time.monotonic()))
        ok = not self._offsets.uncommitted()
        while not ok and activation is not None and time.monotonic() < deadline:
            with contextlib.suppress(TimeoutError):
                ok = await asyncio.wait_for(self._commit(activation), max(0.001, deadline - time.monotonic()))
            if not ok:
                await asyncio.sleep(_RETRY_SECONDS)
        if not ok:
            self._driver.last_error = "the commit was not acknowledged in time"
            logger.error("drained without a commit", extra=fields(uncommitted=self._offsets.uncommitted()))
        self._feed(CommitEnded(ok))

    async def _join(self) -> None:
        await self._drop()
        if not self._driver.lifecycle.wanted:
            return
        self._offsets.clear()
        self._journal.forget()
        if self._starts is not None and not await self._carried_over(self._starts):
            return
        if not self._driver.lifecycle.wanted:
            return
        self._activation = Activation(
            self._settings,
            lambda: carry.label(self._granted),
            on_record=self._record,
            on_assigned=self._assigned,
            on_revoked=self._revoked,
        )
        self._activation.start()

    async def _carried_over(self, starts: Starts) -> bool:
        """Whether the group stands where this grant begins; what is in the way of it voids the resume."""
        epoch = self._driver.lifecycle.seen_epoch
        seconds = self._settings.stall_seconds * _SHARE_OF_STALL
        try:
            found = await asyncio.to_thread(starts.carry_over, self._presence.partitions, epoch, seconds)
        except carry.OutrankedError as outranked:
            self._start_failed(str(outranked), Heard(outranked.known))
        except carry.OffsetOutOfRangeError as wrong:
            self._start_failed(str(wrong), StartFailed())
        except KafkaException as refused:
            self._start_failed(refused.args[0].str(), StartFailed())
        else:
            logger.info("starts carried over", extra=fields(epoch=epoch, starts=dict(found)))
            return True
        return False

    def _start_failed(self, why: str, event: StartFailed | Heard) -> None:
        self._driver.last_error = why
        logger.error("start failed", extra=fields(epoch=self._driver.lifecycle.seen_epoch, error=why))
        self._feed(event)

    async def _leave(self) -> bool:
        """Have it leave; whether nothing is left of it. One that hangs while brokers answer is given up."""
        activation, member, began = self._activation, self._member_id(), time.monotonic()
        gone = await self._drop()
        if not gone and activation is not None and self._presence.there_since(began):
            await leaving.give_up(self._settings, member, self._fail)
        return gone

    async def _drop(self) -> bool:
        """Have it leave and end; whether nothing is left of it. It handles nothing any more in any case."""
        activation, self._activation = self._activation, None
        return await self._endings.of(activation)

    # --- the lifecycle

    def _commands(self) -> None:
        self._driver.commands()
        if self._driver.effects:
            self._due.set()

    def _feed(self, event: Event) -> None:
        self._driver.feed(event)
        if self._driver.effects:
            self._due.set()

    def _changed(self, before: Lifecycle, now: Lifecycle) -> None:
        """Write a change of state down, before anybody is told of it."""
        if now.state is State.ACTIVE:
            self._driver.last_error, self._granted = None, now.epoch
            self._offsets.begin(time.monotonic())
        self._journal.changed(before, now, acked=self._offsets.acked, positions=self._worker.positions)

    def _member_id(self) -> str:
        return "" if self._activation is None else self._activation.consumer.member_id

    def _stalled(self, seconds: float) -> None:
        lifecycle = self._driver.lifecycle
        if lifecycle.state is State.ACTIVE or lifecycle.wanted:
            self.figures.stalls += 1
            self._driver.last_error = f"the loop stood still for {seconds:.1f} s; its grant is void until confirmed"
            logger.warning("stalled", extra=fields(seconds=round(seconds, 3), state=lifecycle.state))
        self._feed(Stalled())

    def _begin_stop(self) -> None:
        lifecycle = self._driver.lifecycle
        self._driver.stopping = True
        logger.info("stopping", extra=fields(state=lifecycle.state, epoch=lifecycle.epoch))
        self._feed(Stalled())

    def _fail(self, error: BaseException) -> None:
        self._failure = error
        self._wake.set()

"""The poll loop: the one thread that owns the Kafka client and carries the lifecycle out.

Every turn: take commands, carry out what the lifecycle asks for, poll, handle records while it is ACTIVE and only then,
commit.
"""

import logging
import time
from collections.abc import Callable

from confluent_kafka import KafkaException, Message

from workloads.common.logs import fields
from workloads.common.records import EventLog
from workloads.common.reload import Reloader
from workloads.common.states import State
from workloads.consumer.backlog import Backlog
from workloads.consumer.carrier import Carrier
from workloads.consumer.client import GroupClient, Listener
from workloads.consumer.commits import Commits
from workloads.consumer.group import GroupListener
from workloads.consumer.keeper import Keeper
from workloads.consumer.offsets import Offsets
from workloads.consumer.settings import ConsumerSettings
from workloads.handling import carry
from workloads.handling.figures import Figures
from workloads.handling.journal import Journal
from workloads.handling.processing import Abandoned, Stall, Worker
from workloads.handling.record import ends
from workloads.member.control import Control
from workloads.member.driver import Driver
from workloads.member.faults import FaultInjection
from workloads.member.lifecycle import Assigned, Client, Effect, Lifecycle, Stalled, start

logger = logging.getLogger("workloads.consumer")

BATCH = 500
# How long a poll waits for a record. A command that comes meanwhile waits as long, in the middle of a hand-off:
# librdkafka cannot be woken from Python.
_POLL_SECONDS = 0.002
_DRAIN_POLL_SECONDS = 0.001
# A loop that neither reads nor joins is woken by commands; in between it serves its client so often.
_IDLE_SECONDS = 0.05

# What does not wait until a client has left: it is done with that one.
_NOT_WAITING = (Effect.REPLACE, Effect.JOIN)

MakeClient = Callable[[ConsumerSettings, Listener], GroupClient]
MakeOffsets = Callable[[ConsumerSettings], Offsets]


class ConsumerLoop:
    """Runs one consumer process. `run` belongs to one thread; `stop`, `ready` and `figures` may be used by others.

    More than a dozen attributes: each is one of the pieces that a turn has in it, and none of them knows the turn.
    """

    def __init__(
        self,
        *,
        settings: ConsumerSettings,
        worker: Worker,
        events: EventLog,
        faults: FaultInjection,
        control: Control,
        reloader: Reloader[ConsumerSettings],
        make_client: MakeClient,
        make_offsets: MakeOffsets,
    ) -> None:
        """make_offsets: what asks the broker about groups; only where positions are carried from one to the other."""
        self._settings = settings
        self._worker = worker
        self._faults = faults
        self._reloader = reloader
        self._stop_deadline: float | None = None
        self.figures = Figures()
        self._backlog = Backlog()
        self._journal = Journal(events, settings.topic)
        self._commits = Commits(
            worker.positions,
            faults,
            interval_seconds=settings.commit_interval_seconds,
            drain_seconds=settings.drain_timeout_seconds / 2,
        )
        self._driver = Driver(control, self._changed, self._member_id)
        self._group = GroupListener(
            self._driver,
            client=lambda: self._keeper.client,
            commits=self._commits,
            backlog=self._backlog,
            journal=self._journal,
            label=self._label,
            positions=worker.positions,
            figures=self.figures,
        )
        self._keeper = Keeper(
            lambda: make_client(settings, self._group),
            self._group.forget,
            worker.pulse,
            place=settings.way.place,
            waits_for_close=settings.incremental,  # a static KIP-848 member keeps its place until it is closed
        )
        self._carrier: Carrier | None = None
        if settings.carries:
            self._carrier = Carrier(
                settings,
                make_offsets(settings),
                driver=self._driver,
                group=self._group,
                commits=self._commits,
                journal=self._journal,
                poll=self._take,
            )

    # --- for other threads

    def stop(self) -> None:
        """End: handle no more, commit, close. A flag only, so that a signal handler may call it: it may interrupt
        whoever holds a lock.
        """
        self._worker.stopping = True

    @property
    def ready(self) -> bool:
        """Connected and able to take over: there is a client, its connections are up, and the loop moves."""
        client = self._keeper.client
        # While a delayed commit holds the loop nothing is polled, so the client cannot say how it stands.
        held = self._commits.held(time.monotonic())
        if client is None or self._driver.stopping or not (client.connected or held):
            return False
        now = self._driver.control.truth.lifecycle
        if self._carrier is not None and now.state is State.PAUSED and not client.owned:
            return False  # it would take over nothing
        return client.warm or now.client is Client.MEMBER

    # --- the loop

    def begin(self) -> None:
        """Make the client, and do what the lifecycle begins with."""
        self._keeper.open()
        self._driver.follow(start(self._settings.membership, self._settings.group_protocol))

    def run(self) -> None:
        """From `begin` until `stop`. Raises `RecordLogError` when a line could not be written: its record is not
        committed.
        """
        try:
            while self.turn():
                pass
            self._worker.end()
        finally:
            self._driver.end()
            self._keeper.end()

    def turn(self) -> bool:
        """One turn; whether there is to be another."""
        driver, now = self._driver, time.monotonic()
        self._check_pulse(now)
        if self._worker.stopping and self._stop_deadline is None:
            self._stop_deadline = now + self._settings.drain_timeout_seconds
            self._begin_stop()
        driver.commands()
        self._run_effects(now)
        self._drain(now)
        client = self._keeper.client
        if client is None:
            driver.control.idle(_POLL_SECONDS if self._keeper.is_due(now, hurry=False) else _IDLE_SECONDS)
        elif held := self._commits.held(now):  # the fault stands in the loop: nothing is polled, nothing handled
            driver.control.idle(min(held, _IDLE_SECONDS))
        elif client.late and driver.lifecycle.state is State.ACTIVE:  # nothing more is handled that may be repeated
            driver.control.idle(_IDLE_SECONDS)
            self._take(client, 0.0, 1)
            self._run_effects(now)
        else:
            self._poll(client)
            self._run_effects(now)
            self._handle()
        self._upkeep(time.monotonic())
        return self._stop_deadline is None or (driver.lifecycle.state is not State.PAUSED and now < self._stop_deadline)

    def _check_pulse(self, now: float) -> None:
        try:
            self._worker.pulse.check(now)
        except Stall as stall:
            self._stalled(stall.args[0])

    def _poll(self, client: GroupClient) -> None:
        """Take what the client has, after a wait that fits the state."""
        now = self._driver.lifecycle
        if self._backlog:
            wait, most = 0.0, 1
        elif now.state is State.ACTIVE:
            wait, most = _POLL_SECONDS, BATCH
        elif now.state is State.DRAINING or self._keeper.leaving is not None:
            wait, most = _DRAIN_POLL_SECONDS, 1
        elif now.wanted:
            wait, most = _POLL_SECONDS, 1
        else:
            # One that is not warm yet may be the next to enter the group: it is made warm at the end of this turn.
            self._driver.control.idle(_IDLE_SECONDS if client.warm else _POLL_SECONDS)
            wait, most = 0.0, 1
        self._take(client, wait, most)

    def _take(self, client: GroupClient, wait: float, most: int) -> None:
        """Poll the client, and take what comes of it."""
        try:
            got = client.poll(wait, most)
        except KafkaException as error:
            self._group.error(error.args[0])
            return
        if got:
            self._journal.fetched(got)
            self._backlog.add(got)

    def _handle(self) -> None:
        """Handle what is there, one record after the other, as long as the state allows it."""
        backlog, driver = self._backlog, self._driver
        while backlog:
            fault = backlog.fault()
            if fault is not None:
                self._faulted(fault)
            elif driver.lifecycle.state is State.ACTIVE:
                try:
                    backlog.messages = self._worker.handle(backlog.messages, driver.lifecycle.epoch)
                except Stall as stall:
                    self._stalled(stall.args[0])
                except Abandoned:
                    backlog.clear()
                if self._worker.stopping or not driver.control.inbox:
                    return
                driver.commands()
            else:
                backlog.drop_records()

    def _faulted(self, fault: Message) -> None:
        """What stands in the place of a record: an error, or how far a partition was read."""
        error = fault.error()
        if error is not None and not ends(error):
            self._group.error(error)
        elif self._driver.lifecycle.state is State.ACTIVE:
            self._worker.passed(fault)

    def _upkeep(self, now: float) -> None:
        """What comes around now and then: commits, the settings file, warm connections, a halt after a drain."""
        lifecycle, client = self._driver.lifecycle, self._keeper.client
        self.figures.consumed_rate.sample(now, self._worker.handled)
        if (settings := self._reloader.changed(now)) is not None and self._faults.enabled:
            logger.info("faults changed by the settings file", extra=fields(faults=settings.faults.model_dump()))
            self._faults.replace(settings.faults)
        if client is None:
            return
        if lifecycle.state is State.ACTIVE:
            if self._commits.due(now, client):
                self._group.commit(client)
        elif lifecycle.state is State.PAUSED and not lifecycle.wanted:
            if client.flowing and client.owned:
                client.halt()
            if self._carrier is None:
                self._keeper.keep_warm(now)
            else:
                self._carrier.stand_by(now, client)

    # --- the lifecycle

    def _changed(self, before: Lifecycle, now: Lifecycle) -> None:
        """Write a change of state down, before anybody is told of it."""
        if now.state is State.ACTIVE:
            self._driver.last_error = None
            self._commits.begin(time.monotonic())
        self._journal.changed(before, now, acked=self._commits.acked, positions=self._worker.positions)

    def _run_effects(self, now: float) -> None:
        keeper, effects = self._keeper, self._driver.effects
        if keeper.is_due(now, hurry=Effect.JOIN in effects):
            keeper.renew(last=self._driver.stopping)
        self._tell_ended()
        while effects and (keeper.leaving is None or effects[0] in _NOT_WAITING):
            try:
                self._run_effect(effects.popleft(), now)
            except KafkaException as error:  # a client that refuses to join or leave is of no use any more
                self._group.failed(error.args[0])
                self._group.lost(error.args[0].str(), fenced=False)

    def _run_effect(self, effect: Effect, now: float) -> None:
        keeper = self._keeper
        match effect:
            case Effect.COMMIT:
                self._commits.begin_drain(now)
            case Effect.LEAVE:
                keeper.leave(now)
                if keeper.client is None:
                    self._tell_ended()
            case Effect.CLOSE:
                keeper.close(now)
                self._tell_ended()
            case Effect.REPLACE:
                keeper.replace(last=self._driver.stopping)
            case Effect.RETIRE:
                keeper.retire(now)
            case Effect.JOIN:
                self._group.forget()
                keeper.enter()
                self._driver.tell()
            case Effect.REWIND:
                # A pause that was taken together with the resume has been confirmed by now: somebody else may start.
                if keeper.client is not None and self._driver.lifecycle.wanted:
                    self._rewind(keeper.client)

    def _tell_ended(self) -> None:
        if (event := self._keeper.ended()) is not None:
            self._driver.feed(event)

    def _member_id(self) -> str:
        client = self._keeper.client
        return "" if client is None else client.member_id

    def _label(self) -> str:
        """The metadata of an ordinary commit."""
        return carry.label(self._driver.lifecycle.epoch) if self._carrier is None else self._carrier.label()

    def _rewind(self, client: GroupClient) -> None:
        if self._carrier is not None:
            self._carrier.start(client)
            return
        self._group.forget()
        client.rewind()
        self._journal.reading(self._driver.lifecycle.seen_epoch, client.owned)
        self._driver.feed(Assigned(client.owned))

    def _drain(self, now: float) -> None:
        """One step of the commit that ends a drain."""
        client = self._keeper.client
        ok = self._commits.drained(now, client)
        if ok is not None:
            self._group.drained(ok=ok)
        elif client is not None and self._commits.drain_due(now, client):
            self._group.commit(client)

    def _stalled(self, seconds: float) -> None:
        self._backlog.clear()
        lifecycle = self._driver.lifecycle
        if lifecycle.state is State.ACTIVE or lifecycle.wanted:
            self.figures.stalls += 1
            self._driver.last_error = (
                f"the poll loop stood still for {seconds:.1f} s; its grant is void until it is confirmed"
            )
            logger.warning(
                "stalled", extra=fields(seconds=round(seconds, 3), state=lifecycle.state, epoch=lifecycle.epoch)
            )
        self._driver.feed(Stalled())

    def _begin_stop(self) -> None:
        """SIGTERM is a drain that nobody asked for by the protocol; from now on no command is taken."""
        lifecycle = self._driver.lifecycle
        self._driver.stopping = True
        logger.info("stopping", extra=fields(state=lifecycle.state, epoch=lifecycle.epoch))
        self._driver.feed(Stalled())

"""The poll loop: the one thread that owns the Kafka client and carries the lifecycle out.

Every turn: take commands, carry out what the lifecycle asks for, poll, handle records while it is ACTIVE and only then,
commit. What the client tells from within `poll` goes into the lifecycle at once, and is published at once; what that
asks for is done after the poll.
"""

import logging
import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException, Message

from workloads.common.logs import fields
from workloads.common.metrics import Buckets, Recent, Window
from workloads.common.records import EventLog
from workloads.common.reload import Reloader
from workloads.common.states import State
from workloads.consumer.client import GONE, GroupClient
from workloads.consumer.processing import Abandoned, Pulse, Stall, Worker
from workloads.consumer.settings import ConsumerSettings
from workloads.member.control import Command, Control, Truth
from workloads.member.faults import FaultInjection
from workloads.member.lifecycle import (
    Assigned,
    Client,
    CommitEnded,
    Effect,
    Event,
    Left,
    Lifecycle,
    Lost,
    Revoked,
    Stalled,
    Step,
    start,
    step,
)

logger = logging.getLogger("workloads.consumer")

BATCH = 500
# How long a poll waits for a record. A command that comes meanwhile waits as long, in the middle of a hand-off:
# librdkafka cannot be woken from Python.
_POLL_SECONDS = 0.002
_DRAIN_POLL_SECONDS = 0.001
# A loop that neither reads nor joins is woken by commands; in between it serves its client so often.
_IDLE_SECONDS = 0.05
# A client whose place was taken is closed and replaced so much later: not while the other colour is joining.
_RETIRE_SECONDS = 0.25
_WARM_EVERY_SECONDS = 60.0
_WARM_RETRY_SECONDS = 1.0
_COMMIT_RETRY_SECONDS = 0.05
_CLOSE_SECONDS = 3.0


@dataclass(slots=True)
class Figures:
    """What the loop counts beside its worker; metrics read it."""

    consumed_rate: Window = field(default_factory=Window)
    commit_mean: Recent = field(default_factory=Recent)
    commit_seconds: Buckets = field(
        default_factory=lambda: Buckets((0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10))
    )
    commits: Counter[str] = field(default_factory=Counter)
    client_errors: Counter[str] = field(default_factory=Counter)
    assignments: int = 0
    rebalances: int = 0
    lost: int = 0
    stalls: int = 0
    high: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Drain:
    """The commit of a drain: to be sent at `send_at`, given up at `deadline`."""

    send_at: float
    deadline: float


class ConsumerLoop:
    """Runs one consumer process. `run` belongs to one thread; `control`, `stop` and what metrics read may be used by
    others.
    """

    def __init__(
        self,
        *,
        settings: ConsumerSettings,
        worker: Worker,
        events: EventLog,
        faults: FaultInjection,
        pulse: Pulse,
        control: Control,
        reloader: Reloader[ConsumerSettings],
    ) -> None:
        self._settings = settings
        self._worker = worker
        self._events = events
        self._faults = faults
        self._pulse = pulse
        self._control = control
        self._reloader = reloader
        self._lifecycle: Lifecycle = control.truth.lifecycle
        self._client: GroupClient | None = None
        self._retiring: tuple[GroupClient, float] | None = None
        self._effects: deque[Effect] = deque()
        self._drain: _Drain | None = None
        self._leaving = False
        self._backlog: list[Message] = []
        self._acked: dict[int, int] = {}
        # Offsets of partitions that a rebalance took, whose commit has not been answered.
        self._unresolved: dict[int, int] = {}
        self._commit_at = 0.0
        self._warm_at = 0.0
        self._generation = -1
        self._last_error: str | None = None
        self._stop = False
        self._stopping = False
        self._stop_deadline = 0.0
        self._janitor = _Janitor()
        self.figures = Figures()
        self.turned = time.monotonic()

    # --- for other threads

    def stop(self) -> None:
        """End: handle no more, commit, close. Flags only, so that a signal handler may call it: it may interrupt
        whoever holds a lock.
        """
        self._stop = True
        self._worker.stopping = True

    @property
    def ready(self) -> bool:
        """Connected and able to take over: there is a client, its connections are up, and the loop moves."""
        client = self._client
        if client is None or self._stopping or not client.connected:
            return False
        return client.warm or self._control.truth.lifecycle.client is Client.MEMBER

    # --- the loop

    def run(self) -> None:
        """Until `stop`. Raises `RecordLogError` when a line could not be written: its record is not committed."""
        settings = self._settings
        self._client = self._fresh()
        self._follow(start(settings.membership, settings.group_protocol))
        try:
            while not self._stopping or (
                self._lifecycle.state is not State.PAUSED and self.turned < self._stop_deadline
            ):
                self._turn()
        finally:
            self._end()

    def _turn(self) -> None:
        now = time.monotonic()
        self._moved(now)
        if self._stop and not self._stopping:
            self._begin_stop()
        self._commands()
        self._run_effects(now)
        self._drain_on(now)
        client = self._client
        if client is None:
            self._control.idle(_IDLE_SECONDS)
            return
        try:
            self._backlog += self._poll(client)
        except KafkaException as error:
            self._client_error(error.args[0])
        self._run_effects(now)
        self._handle()
        self._upkeep(time.monotonic())

    def _moved(self, now: float) -> None:
        self.turned = now
        try:
            self._pulse.check(now)
        except Stall as stall:
            self._stalled(stall.args[0])

    def _poll(self, client: GroupClient) -> list[Message]:
        """What the client has, after a wait that fits the state; records of partitions that are not owned (any more)
        left out.
        """
        now = self._lifecycle
        seen = client.rebalanced
        if self._backlog:
            got = client.poll(0, 1)
        elif now.state is State.ACTIVE:
            got = client.poll(_POLL_SECONDS, BATCH)
        elif now.state is State.DRAINING or self._leaving:
            got = client.poll(_DRAIN_POLL_SECONDS, 1)
        elif now.wanted:
            got = client.poll(_POLL_SECONDS, 1)
        else:
            self._control.idle(_IDLE_SECONDS)
            got = client.poll(0, 1)
        if client.rebalanced != seen:
            # A batch may hold records from before a rebalance that happened while it was filled
            # (confluent-kafka-python#1013).
            owned = set(client.owned)
            self._backlog = [message for message in self._backlog if message.partition() in owned]
            got = [message for message in got if message.error() is not None or message.partition() in owned]
        return got

    def _handle(self) -> None:
        """Handle what is there, one record after the other, as long as the state allows it. What it does not allow is
        dropped: whoever is ACTIVE next, this process included, starts at the committed offsets.
        """
        while self._backlog:
            error = self._backlog[0].error()
            if error is not None:
                del self._backlog[0]
                self._client_error(error)
            elif self._lifecycle.state is State.ACTIVE:
                try:
                    self._backlog = self._worker.handle(self._backlog, self._lifecycle.epoch)
                except Stall as stall:
                    self._stalled(stall.args[0])
                except Abandoned:
                    self._backlog = []
                if self._stop or not self._control.inbox:
                    return
                self._commands()
            else:
                self._backlog = [message for message in self._backlog if message.error() is not None]

    def _upkeep(self, now: float) -> None:
        """What comes around now and then: commits, the settings file, warm connections, a halt after a drain."""
        worker, client, lifecycle = self._worker, self._client, self._lifecycle
        self.figures.consumed_rate.sample(now, worker.handled)
        if (settings := self._reloader.changed(now)) is not None and self._faults.enabled:
            logger.info("faults changed by the settings file", extra=fields(faults=settings.faults.model_dump()))
            self._faults.replace(settings.faults)
        if client is None:
            return
        if lifecycle.state is State.ACTIVE:
            if now >= self._commit_at:
                self._commit_at = now + self._settings.commit_interval_seconds + self._faults.now.commit_delay_ms / 1000
                if not client.committing:
                    self._commit(client)
        elif lifecycle.state is State.PAUSED and not lifecycle.wanted:
            if client.flowing and client.owned:
                client.halt()
            if not client.owned and now >= self._warm_at:
                warm = client.warm_up(self._settings.partitions)
                self._pulse.last = time.monotonic()
                self._warm_at = self._pulse.last + (_WARM_EVERY_SECONDS if warm else _WARM_RETRY_SECONDS)

    # --- lifecycle

    def _commands(self) -> None:
        while (command := self._control.take()) is not None:
            if self._stopping:
                continue
            result = step(self._lifecycle, command.event)
            logger.info(
                "command refused" if result.refused else "command executed",
                extra=fields(
                    command=type(command.event).__name__.lower(),
                    epoch=command.event.epoch,
                    seen_epoch=result.lifecycle.seen_epoch,
                ),
            )
            self._follow(result, command)

    def _feed(self, event: Event) -> None:
        self._follow(step(self._lifecycle, event))

    def _follow(self, result: Step, command: Command | None = None) -> None:
        """Take the next lifecycle as the truth, publish it, note what has to be done for it."""
        before, self._lifecycle = self._lifecycle, result.lifecycle
        self._effects.extend(result.effects)
        if before.state is not result.lifecycle.state:
            self._changed(before, result.lifecycle)

        def executed() -> None:
            if command is not None:
                command.refused = result.refused

        self._control.publish(Truth(self._lifecycle, self._last_error, self._stopping), executed)

    def _changed(self, before: Lifecycle, now: Lifecycle) -> None:
        """Write a change of state down, before anybody is told of it."""
        partitions = before.partitions if now.state is not State.ACTIVE else now.partitions
        if now.state is State.ACTIVE:
            self._last_error = None
            self._commit_at = time.monotonic() + self._settings.commit_interval_seconds
        self._event(
            now.state.value, partitions, self._acked if now.state is State.PAUSED else self._worker.positions, now.epoch
        )
        logger.info(
            "state changed",
            extra=fields(
                before=before.state, state=now.state, epoch=now.epoch, partitions=partitions, committed=now.committed
            ),
        )

    def _run_effects(self, now: float) -> None:
        if self._retiring is not None and (now >= self._retiring[1] or Effect.JOIN in self._effects):
            self._replace()
        if self._leaving and (self._client is None or self._client.left):
            self._leaving = False
            self._feed(Left())
        while self._effects and not self._leaving:
            try:
                self._run_effect(self._effects.popleft(), now)
            except KafkaException as error:  # a client that refuses to join or leave is of no use any more
                self.failed(error.args[0])
                self.lost(error.args[0].str(), fenced=False)

    def _run_effect(self, effect: Effect, now: float) -> None:
        match effect:
            case Effect.COMMIT:
                self._drain = _Drain(
                    now + self._faults.now.commit_delay_ms / 1000, now + self._settings.drain_timeout_seconds / 2
                )
            case Effect.LEAVE:
                self._leave()
            case Effect.REPLACE:
                self._replace()
            case Effect.RETIRE:
                self._retire(now)
            case Effect.JOIN:
                if self._client is None:
                    self._client = self._fresh()
                self._forget()
                self._client.join()
            case Effect.REWIND:
                self._rewind()

    def _drain_on(self, now: float) -> None:
        """One step of the commit that ends a drain."""
        drain, client = self._drain, self._client
        if drain is None:
            return
        left = self._uncommitted()
        if not left and not self._unresolved:
            self._drained(ok=True)
        elif now >= drain.deadline or client is None:
            self._drained(ok=False)
        elif now >= drain.send_at and not client.committing:
            drain.send_at = now + _COMMIT_RETRY_SECONDS
            self._commit(client)

    def _drained(self, *, ok: bool) -> None:
        self._drain = None
        if not ok:
            self._last_error = f"the commit was not acknowledged within {self._settings.drain_timeout_seconds / 2:g} s"
            logger.error("drained without a commit", extra=fields(uncommitted=self._uncommitted()))
        self._feed(CommitEnded(ok))

    def _stalled(self, seconds: float) -> None:
        self._backlog = []
        if self._lifecycle.state is State.ACTIVE or self._lifecycle.wanted:
            self.figures.stalls += 1
            self._last_error = f"the poll loop stood still for {seconds:.1f} s; its grant is void until it is confirmed"
            logger.warning(
                "stalled",
                extra=fields(seconds=round(seconds, 3), state=self._lifecycle.state, epoch=self._lifecycle.epoch),
            )
            self._feed(Stalled())

    def _begin_stop(self) -> None:
        """SIGTERM is a drain that nobody asked for by the protocol; from now on no command is taken."""
        self._stopping = True
        self._stop_deadline = time.monotonic() + self._settings.drain_timeout_seconds
        logger.info("stopping", extra=fields(state=self._lifecycle.state, epoch=self._lifecycle.epoch))
        self._feed(Stalled())

    # --- the client

    def _fresh(self) -> GroupClient:
        settings = self._settings
        self._warm_at = 0.0
        return GroupClient(
            settings.client_configuration(), settings.topic, incremental=settings.incremental, listener=self
        )

    def _forget(self) -> None:
        """What was known of positions belongs to an earlier assignment."""
        self._backlog = []
        self._worker.positions.clear()
        self._acked.clear()
        self._unresolved.clear()
        self.figures.high.clear()

    def _dispose(self, client: GroupClient) -> None:
        """Close a client: by the janitor, so that a broker that does not answer holds nothing up; but a static KIP-848
        member's place is free only when its close has ended.
        """
        client.detach()
        if self._settings.incremental:
            client.close()
            self._pulse.last = time.monotonic()
        else:
            self._janitor.close(client)

    def _replace(self) -> None:
        """A fresh client that stands by, in place of the one there is."""
        for client in (self._client, self._retiring[0] if self._retiring else None):
            if client is not None:
                self._dispose(client)
        self._retiring = None
        self._leaving = False
        self._forget()
        if self._stopping:
            self._client = None
        else:
            self._client = self._fresh()

    def _retire(self, now: float) -> None:
        """The client's place was taken: deaf from now on, replaced when nobody is waiting."""
        if self._client is not None:
            self._client.detach()
            self._retiring = (self._client, now + _RETIRE_SECONDS)
            self._client = None
            self._forget()

    def _leave(self) -> None:
        """Leave the group; a static KIP-848 member does so by closing."""
        client = self._client
        if client is not None and self._settings.instance_id is None:
            client.leave()
            self._leaving = True
            return
        if client is not None:
            self._retiring = (client, 0.0)
            self._client = None
            client.detach()
            client.close()
            self._pulse.last = time.monotonic()
            self._retiring = None
        self._feed(Left())

    def _rewind(self) -> None:
        client = self._client
        if client is None:
            return
        self._forget()
        client.rewind()
        self._feed(Assigned(client.owned))

    # --- commits

    def _uncommitted(self) -> dict[int, int]:
        acked = self._acked
        return {p: offset for p, offset in self._worker.positions.items() if acked.get(p) != offset}

    def _commit(self, client: GroupClient) -> None:
        offsets = self._uncommitted()
        if not offsets:
            return
        try:
            client.commit(offsets, f"epoch={self._lifecycle.epoch}")
        except KafkaException as error:
            self.figures.commits["failed"] += 1
            self._client_error(error.args[0])

    # --- what the client tells (Listener)

    def wants_flow(self) -> bool:
        """Only an active consumer reads, or one that becomes active by this assignment."""
        return self._lifecycle.state is State.ACTIVE or (
            self._lifecycle.state is State.PAUSED and self._lifecycle.wanted
        )

    def assigned(self, partitions: tuple[int, ...], complete: tuple[int, ...], generation: int) -> None:
        """See `Listener`."""
        for partition in partitions:
            self._worker.positions.pop(partition, None)
            self._acked.pop(partition, None)
        self.figures.assignments += 1
        if self._generation not in {-1, generation}:
            self.figures.rebalances += 1
        self._generation = generation
        flowing = self.wants_flow()
        self._event("ASSIGNED", complete, {}, self._lifecycle.seen_epoch if flowing else self._lifecycle.epoch)
        logger.info(
            "partitions assigned",
            extra=fields(partitions=partitions, complete=complete, generation=generation, paused=not flowing),
        )
        self._feed(Assigned(complete))

    def revoked(self, partitions: tuple[int, ...]) -> None:
        """See `Listener`. What was handled of these and is not committed goes out now: the commit is sent before the
        client rejoins or leaves, by the same connection.
        """
        uncommitted = self._uncommitted()
        self._unresolved.update((p, offset) for p, offset in uncommitted.items() if p in partitions)
        if self._client is not None:
            self._commit(self._client)
        self._event("REVOKED", partitions, self._worker.positions, self._lifecycle.epoch)
        logger.info("partitions revoked", extra=fields(partitions=partitions, state=self._lifecycle.state))
        for partition in partitions:
            self._worker.positions.pop(partition, None)
        self._feed(Revoked(partitions))

    def lost(self, reason: str, *, fenced: bool) -> None:
        """See `Listener`. A client is lost once: what else it has to say of that is not heard."""
        if self._client is None or self._client.detached:
            return
        self._client.detach()
        self.figures.lost += 1
        self._last_error = reason
        self._event(
            "FENCED" if fenced else "LOST", self._lifecycle.partitions, self._worker.positions, self._lifecycle.epoch
        )
        logger.error(
            "membership lost",
            extra=fields(reason=reason, fenced=fenced, state=self._lifecycle.state, epoch=self._lifecycle.epoch),
        )
        self._drain = None
        self._backlog = []
        self._worker.positions.clear()
        self._unresolved.clear()
        self._feed(Lost())

    def commit_ended(self, error: KafkaError | None, offsets: Mapping[int, int], latency: float) -> None:
        """See `Listener`."""
        if offsets:
            self.figures.commit_mean.add(time.monotonic(), latency * 1000)
            self.figures.commit_seconds.observe(latency)
            self._acked.update(offsets)
            self._event("COMMITTED", tuple(offsets), offsets, self._lifecycle.epoch)
            logger.info(
                "committed",
                extra=fields(offsets=dict(offsets), duration_ms=round(latency * 1000, 3), epoch=self._lifecycle.epoch),
            )
        self.figures.commits["ok" if error is None else "failed"] += 1
        if error is not None:
            self._client_error(error)
        unresolved, self._unresolved = self._unresolved, {}
        missed = {p: offset for p, offset in unresolved.items() if self._acked.get(p) != offset}
        if missed:
            logger.error("handled, revoked, and not committed: will be handled again", extra=fields(offsets=missed))
        if self._drain is not None and (missed or not self._uncommitted()):
            self._drained(ok=not missed)

    def failed(self, error: KafkaError) -> None:
        """See `Listener`."""
        self.figures.client_errors[error.name()] += 1
        self._last_error = error.str()
        logger.warning("client error", extra=fields(code=error.name(), error=error.str(), fatal=error.fatal()))

    def observed(self, partitions: Mapping[int, Mapping[str, int]]) -> None:
        """See `Listener`. A partition that brought no record yet stands where the client fetches, if nothing waits in
        its queue.
        """
        self.figures.high = {p: max(values["ls_offset"], values["hi_offset"]) for p, values in partitions.items()}
        if self._lifecycle.state is State.ACTIVE:
            for partition, values in partitions.items():
                if (
                    values["app_offset"] < 0
                    and values["fetchq_cnt"] == 0
                    and values["next_offset"] >= 0
                    and not self._backlog
                ):
                    offset = values["next_offset"]
                    if self._worker.positions.setdefault(partition, offset) == offset:
                        self._acked.setdefault(partition, offset)

    def _client_error(self, error: KafkaError) -> None:
        """An error from poll or commit: the end of this client, or something that it gets over."""
        self.failed(error)
        if error.code() in GONE or error.fatal():
            fenced = "fence" in error.str().lower() or "instance" in error.str().lower()
            self.lost(error.str(), fenced=fenced)

    def _event(self, name: str, partitions: Sequence[int], offsets: Mapping[int, int], epoch: int) -> None:
        topic = self._settings.topic
        self._events.write(name, epoch, ([topic, p, offsets[p]] if p in offsets else [topic, p] for p in partitions))

    # --- the end

    def _end(self) -> None:
        """Close what is open, within a few seconds whatever the broker does."""
        self._stopping = True
        self._control.publish(Truth(self._lifecycle, self._last_error, stopping=True))
        for client in (self._client, self._retiring[0] if self._retiring else None):
            if client is not None:
                client.detach()
                self._janitor.close(client)
        self._client = None
        if not self._janitor.finish(_CLOSE_SECONDS):
            logger.warning("a client did not close in time", extra=fields(seconds=_CLOSE_SECONDS))


class _Janitor:
    """Closes clients in a thread of its own, one after the other."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[GroupClient | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="janitor", daemon=True)
        self._thread.start()

    def close(self, client: GroupClient) -> None:
        """Close this one, soon."""
        self._queue.put(client)

    def finish(self, seconds: float) -> bool:
        """Wait until all are closed, at most `seconds`; whether they are."""
        self._queue.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (client := self._queue.get()) is not None:
            client.close()

"""Carries positions over: a member of its colour's own group begins where the higher epoch stands (`carry.py`).

The order is what makes it safe, and each step is answered before the next begins:
1. a background copy that is under way, which would otherwise overtake the start and stay there;
2. with transactions, the own id is initialised: whoever of the other colour committed by it is fenced from here on;
3. what both groups committed is read, as stable offsets, and anew after every other id whose commits stand there was
   initialised under this grant too, by the colleague whose id it is (known by the fence register);
4. the starts are committed under this epoch, so that a resume that is repeated goes on from them;
5. reading begins.

All of it together has a deadline below the stall limit, so waiting in it is no stall; a pause ends it between two
steps. What each step took is in the log line "started".

A newer epoch than the grant's, found in 3, ends the start before anything is committed or read: it has been heard of
(`lifecycle.Heard`), which the member's report tells the controller.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from confluent_kafka import KafkaError, KafkaException

from workloads.common.logs import fields
from workloads.common.states import State
from workloads.consumer.client import GONE, GroupClient
from workloads.consumer.commits import Commits
from workloads.consumer.copies import Copies
from workloads.consumer.group import GroupListener
from workloads.consumer.offsets import Offsets, Registering
from workloads.consumer.settings import ConsumerSettings
from workloads.handling import carry
from workloads.handling.journal import Journal
from workloads.member.driver import Driver
from workloads.member.lifecycle import Assigned, Heard, Pause, StartFailed

logger = logging.getLogger("workloads.consumer")

# Of the stall limit: a start that takes longer is given up, and is tried again when the sidecar says so.
_SHARE_OF_STALL = 0.75
_AGAIN_SECONDS = 0.002
_POLL_SECONDS = 0.001
# How long a member that has just been paused is left alone: the other colour is starting.
_QUIET_SECONDS = 0.5
_WARM_EVERY_SECONDS = 60.0


class _TooLateError(Exception):
    """The start took too long; what it waited for."""


class _AbandonedError(Exception):
    """Nothing failed: a pause came, or the membership is gone (which has been told)."""


class Fence:
    """The transactional ids, of one pod. Owned by the poll loop.

    numbers: those that it initialised for the start in progress.
    """

    def __init__(self, settings: ConsumerSettings, offsets: Offsets) -> None:
        self.number = settings.number
        self._count = settings.transactional_ids
        self._offsets = offsets
        self._registering: list[Registering] = []
        self.numbers: set[int] = set()

    def begin(self) -> None:
        """Of a new start nothing is initialised."""
        self.numbers.clear()
        self._registering.clear()

    def initialise(self, client: GroupClient, number: int, epoch: int, seconds: float) -> None:
        """Fence whoever else committed by this id. Raises `KafkaException`."""
        client.fence((number,), seconds)
        self.numbers.add(number)
        self._registering.append(self._offsets.register((number,), epoch, seconds))

    def registered(self, seconds: float) -> None:
        """Wait until all of it is noted, so that who waits for it is let on. Raises `KafkaException`."""
        until = time.monotonic() + seconds
        while self._registering:
            self._registering.pop().answer(until - time.monotonic())

    def missing(self, chosen: Mapping[int, carry.Start], epoch: int, seconds: float) -> tuple[set[int], set[int]]:
        """Which ids have to be initialised before these starts count: those that nobody of this colour has, so that
        this pod may, and those that a colleague has to. Raises `KafkaException`.

        The register tells of this colour's initialisations only. One under an epoch between the commit and this grant
        counts as well: a colleague that is still active was not started anew.
        """
        awaited = {n: since for n, since in carry.awaited(chosen).items() if n not in self.numbers}
        nobodys = {n for n in awaited if n >= self._count or n == self.number}
        if nobodys or not awaited:
            return nobodys, set()
        known = self._offsets.registered(seconds)
        return set(), {n for n, since in awaited.items() if not (since < known.get(n, carry.UNKNOWN) <= epoch)}


class Carrier:
    """Owned by the poll loop."""

    def __init__(
        self,
        settings: ConsumerSettings,
        offsets: Offsets,
        *,
        driver: Driver,
        group: GroupListener,
        commits: Commits,
        journal: Journal,
        poll: Callable[[GroupClient, float, int], None],
    ) -> None:
        """poll: has the client polled by the loop, which takes what comes of it."""
        self._settings = settings
        self._offsets = offsets
        self._driver = driver
        self._group = group
        self._commits = commits
        self._journal = journal
        self._poll = poll
        self._fence = Fence(settings, offsets) if settings.fenced else None
        self._copies = Copies(offsets, driver)
        self._quiet_until: float | None = None
        self._warm_at = 0.0
        self._granted = 0

    # --- while it waits

    def stand_by(self, now: float, client: GroupClient) -> None:
        """One turn of a member that waits: connections are kept warm, copies follow."""
        if self._quiet_until is None:
            self._quiet_until = now + _QUIET_SECONDS
        if now < self._quiet_until:
            return
        if not client.warm or now >= self._warm_at:
            warm = client.warm_up()
            self._warm_at = now + _WARM_EVERY_SECONDS
            if not warm:
                self._quiet_until = now + 1.0
        elif not client.flowing:
            self._copies.turn(now, client)

    # --- at its start

    def start(self, client: GroupClient) -> None:
        """Start what is owned and is not read yet: everything at a resume, and what a rebalance brought since. What
        cannot be started is not read, and voids the resume.
        """
        began, epoch = time.monotonic(), self._driver.lifecycle.seen_epoch
        step = _Step(began, _SHARE_OF_STALL * self._settings.stall_seconds)
        self._quiet_until = None
        self._copies.drop()
        try:
            self._start(client, epoch, step)
        except _AbandonedError:
            logger.info("start abandoned", extra=fields(epoch=epoch, waited_for=step.what))
        except (_TooLateError, carry.OffsetOutOfRangeError) as failed:
            self._failed(str(failed), epoch, StartFailed())
        except carry.OutrankedError as outranked:
            self._failed(str(outranked), epoch, Heard(outranked.known))
        except KafkaException as refused:
            error = refused.args[0]
            if error.code() in GONE or error.fatal():
                self._group.error(error)
            else:
                self._failed(f"waiting for {step.what}: {error.str()}", epoch, StartFailed())
        else:
            self._granted = epoch
            self._driver.stands_against(None)
            logger.info("started", extra=fields(epoch=epoch, partitions=client.owned, milliseconds=step.times()))
            self._driver.feed(Assigned(client.owned))

    def label(self) -> str:
        """What an ordinary commit says of itself: the epoch of the grant under which its records were handled, which
        is not that of the pause whose drain it may be.
        """
        now = self._driver.lifecycle
        if now.state is State.ACTIVE:
            self._granted = now.epoch
        return carry.label(self._granted, by=None if self._fence is None else self._fence.number)

    def _failed(self, why: str, epoch: int, event: StartFailed | Heard) -> None:
        self._driver.last_error = why
        logger.error("start failed", extra=fields(epoch=epoch, error=why))
        self._driver.feed(event)

    def _start(self, client: GroupClient, epoch: int, step: "_Step") -> None:
        self._wait(client, step, "an earlier commit's answer", lambda: not client.committing)
        if self._driver.lifecycle.state is not State.ACTIVE:
            self._group.forget()
            self._group.unstarted = frozenset(client.owned)
            if self._fence is not None:
                self._fence.begin()
                step.now("the transactional id")
                self._fence.initialise(client, self._fence.number, epoch, step.left)
        while self._group.unstarted:
            self._carry(client, self._group.unstarted, epoch, step)
        if self._fence is not None:
            step.now("the fence register")
            self._fence.registered(step.left)
        step.now("its end")

    def _carry(self, client: GroupClient, partitions: frozenset[int], epoch: int, step: "_Step") -> None:
        chosen = self._find(client, sorted(partitions), epoch, step)
        fresh = {p: at.offset for p, at in chosen.items() if not carry.stands(at, epoch)}
        if fresh:
            self._commit(client, fresh, epoch, step)
        if self._group.unstarted is not partitions:  # a rebalance meanwhile: look again
            return
        step.now("the assignment")
        starts = {p: at.offset for p, at in chosen.items()}
        client.start(starts)
        self._commits.started(starts)
        self._journal.started(epoch, starts)
        self._group.unstarted = frozenset()
        told = {p: [at.offset, at.source, None if at.commit is None else at.commit.epoch] for p, at in chosen.items()}
        logger.info("starts carried over", extra=fields(epoch=epoch, starts=told))

    def _find(
        self, client: GroupClient, partitions: Sequence[int], epoch: int, step: "_Step"
    ) -> Mapping[int, carry.Start]:
        """Where each begins, once nobody else can move it any more."""
        while True:
            asked = self._offsets.ask(partitions, step.left)
            self._wait(client, step, "both groups' offsets", asked.done)
            chosen = carry.starts(asked.answer(step.left), epoch)
            if self._fence is None:
                return chosen
            nobodys, colleagues = self._fence.missing(chosen, epoch, step.left)
            if not nobodys and not colleagues:
                return chosen
            for number in nobodys:
                self._fence.initialise(client, number, epoch, step.left)
            while colleagues:
                step.now(f"transactional ids {sorted(colleagues)} to be initialised by the pods of those numbers")
                self._fence.registered(step.left)
                self._again(client, step)
                _, colleagues = self._fence.missing(chosen, epoch, step.left)

    def _commit(self, client: GroupClient, starts: Mapping[int, int], epoch: int, step: "_Step") -> None:
        answers: list[KafkaError | None] = []
        by = None if self._fence is None else self._fence.number
        step.now("the starts' commit")
        client.commit(starts, carry.label(epoch, "start", by), lambda error, _, __: answers.append(error))
        self._wait(client, step, "the starts' commit", lambda: bool(answers))
        if answers[0] is not None:
            raise KafkaException(answers[0])

    def _wait(self, client: GroupClient, step: "_Step", what: str, done: Callable[[], bool]) -> None:
        while not done():
            step.now(what)
            self._turn(client, _POLL_SECONDS)

    def _again(self, client: GroupClient, step: "_Step") -> None:
        """Something is not so yet: look again in a moment."""
        _ = step.left
        self._turn(client, _AGAIN_SECONDS)

    def _turn(self, client: GroupClient, seconds: float) -> None:
        self._poll(client, seconds, 1)
        if client.detached:
            raise _AbandonedError
        waiting = self._driver.control.inbox
        if any(isinstance(c.event, Pause) and c.event.epoch >= self._driver.lifecycle.seen_epoch for c in waiting):
            raise _AbandonedError


class _Step:
    """What a start waits for now, how long it may go on in all, and what each step took. Times in seconds."""

    def __init__(self, began: float, seconds: float) -> None:
        self._until = began + seconds
        self._since = [("", began)]

    @property
    def what(self) -> str:
        """What it waits for."""
        return self._since[-1][0]

    def now(self, what: str) -> None:
        """It is this from now on. Raises `_TooLateError` when it is too late for it."""
        _ = self.left
        if what != self.what:
            self._since.append((what, time.monotonic()))

    @property
    def left(self) -> float:
        """For how long it may go on. Raises `_TooLateError` when it may not."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise _TooLateError(f"the start was given up, waiting for {self.what}")
        return left

    def times(self) -> dict[str, float]:
        """By step, how long it took, in ms."""
        took: dict[str, float] = {}
        for (what, since), (_, until) in pairwise(self._since):
            if what:
                took[what] = round(took.get(what, 0.0) + (until - since) * 1000, 3)
        return took

"""What follows from what the group says: the listener of the client that there is.

It is called from within `poll`. What it is told goes into the lifecycle at once, and is published at once; what that
asks for is done by the loop, after the poll.
"""

import logging
import time
from collections.abc import Callable, Mapping

from confluent_kafka import KafkaError, KafkaException

from workloads.common.logs import fields
from workloads.common.states import State
from workloads.consumer.backlog import Backlog
from workloads.consumer.client import GONE, GroupClient
from workloads.consumer.commits import Commits
from workloads.handling.figures import Figures
from workloads.handling.journal import Journal
from workloads.member.driver import Driver
from workloads.member.lifecycle import Assigned, CommitEnded, Lost, Owned, Revoked
from workloads.member.way import Start

logger = logging.getLogger("workloads.consumer")


class GroupListener:
    """See `Listener`, which it is. Owned by the poll loop, as everything that it changes.

    unstarted: of a member whose starts are carried over, what is owned and not read yet; another object after each
    rebalance.
    """

    def __init__(
        self,
        driver: Driver,
        *,
        client: Callable[[], GroupClient | None],
        commits: Commits,
        backlog: Backlog,
        journal: Journal,
        label: Callable[[], str],
        positions: Mapping[int, int],
        figures: Figures,
    ) -> None:
        """client: the one that there is. label: the metadata of a commit. positions: the worker's, by partition."""
        self._driver = driver
        self._client = client
        self._commits = commits
        self._backlog = backlog
        self._journal = journal
        self._label = label
        self._positions = positions
        self._figures = figures
        self._generation = -1
        self.unstarted: frozenset[int] = frozenset()

    def wants_flow(self) -> bool:
        """Only an active consumer reads, or one that becomes active by this assignment."""
        now = self._driver.lifecycle
        if now.way.starts is Start.CARRIED:
            return False
        return now.state is State.ACTIVE or (now.state is State.PAUSED and now.wanted)

    def assigned(self, partitions: tuple[int, ...], complete: tuple[int, ...], generation: int) -> None:
        """See `Listener`."""
        self._backlog.drop(partitions)
        self._commits.assigned(partitions)
        self._figures.assignments += 1
        if self._generation not in {-1, generation}:
            self._figures.rebalances += 1
        self._generation = generation
        flowing, epoch = self.wants_flow(), self._driver.lifecycle.seen_epoch
        self._journal.assigned(epoch, complete)
        if flowing:
            self._journal.reading(epoch, partitions)
        logger.info(
            "partitions assigned",
            extra=fields(partitions=partitions, complete=complete, generation=generation, paused=not flowing),
        )
        if self._driver.lifecycle.way.starts is Start.CARRIED:
            self.unstarted = self.unstarted.union(partitions)
            self._driver.feed(Owned(complete))
        else:
            self._driver.feed(Assigned(complete))

    def revoked(self, partitions: tuple[int, ...]) -> None:
        """See `Listener`. What was handled of these and is not committed goes out now: the commit is sent before the
        client rejoins or leaves, by the same connection.
        """
        self._backlog.drop(partitions)
        self._commits.taken(partitions)
        client, now = self._client(), self._driver.lifecycle
        if client is not None:
            self.commit(client)
        self._journal.write("REVOKED", now.epoch, partitions, self._positions)
        self._journal.gone(partitions)
        logger.info("partitions revoked", extra=fields(partitions=partitions, state=now.state))
        self._commits.gone(partitions)
        self.unstarted = self.unstarted.difference(partitions)
        self._driver.feed(Revoked(partitions))

    def lost(self, reason: str, *, fenced: bool) -> None:
        """See `Listener`. A client is lost once: what else it has to say of that is not heard."""
        client, now = self._client(), self._driver.lifecycle
        if client is None or client.detached:
            return
        client.detach()
        self._figures.lost += 1
        self._driver.last_error = reason
        self._journal.write("FENCED" if fenced else "LOST", now.epoch, now.partitions, self._positions)
        self._journal.gone(now.partitions)
        self.unstarted = frozenset()
        uncommitted = self._commits.open
        logger.error(
            "membership lost",
            extra=fields(
                reason=reason, fenced=fenced, state=now.state, epoch=now.epoch, uncommitted=self._commits.uncommitted()
            ),
        )
        self._backlog.clear()
        self._commits.lost()
        self._driver.feed(Lost(uncommitted))

    def commit_ended(self, error: KafkaError | None, offsets: Mapping[int, int], latency: float) -> None:
        """See `Listener`."""
        epoch = self._driver.lifecycle.epoch
        if offsets:
            self._figures.commit_mean.add(time.monotonic(), latency * 1000)
            self._figures.commit_seconds.observe(latency)
            self._journal.write("COMMITTED", epoch, tuple(offsets), offsets)
            logger.info(
                "committed", extra=fields(offsets=dict(offsets), duration_ms=round(latency * 1000, 3), epoch=epoch)
            )
        client = self._client()
        missed = self._commits.answered(offsets, more=client is not None and client.committing)
        self._figures.commits["ok" if error is None else "failed"] += 1
        if error is not None:
            self.error(error)
        if missed:
            logger.error("handled, revoked, and not committed: will be handled again", extra=fields(offsets=missed))
        if self._commits.draining and (missed or not self._commits.open):
            self.drained(ok=not missed)

    def failed(self, error: KafkaError) -> None:
        """See `Listener`."""
        self._figures.client_errors[error.name()] += 1
        self._driver.last_error = error.str()
        logger.warning("client error", extra=fields(code=error.name(), error=error.str(), fatal=error.fatal()))

    def observed(self, partitions: Mapping[int, Mapping[str, int]]) -> None:
        """See `Listener`. Never a position: the figures say where the client fetches, and records up to there can still
        wait in its queue.
        """
        self._figures.high = {p: max(values["ls_offset"], values["hi_offset"]) for p, values in partitions.items()}

    # --- for the loop

    def error(self, error: KafkaError) -> None:
        """An error from poll or commit: the end of this client, or something that it gets over."""
        self.failed(error)
        if error.code() in GONE or error.fatal():
            fenced = "fence" in error.str().lower() or "instance" in error.str().lower()
            self.lost(error.str(), fenced=fenced)

    def commit(self, client: GroupClient) -> None:
        """Send what is not committed."""
        offsets = self._commits.uncommitted()
        if not offsets:
            return
        try:
            client.commit(offsets, self._label())
        except KafkaException as error:
            self._figures.commits["failed"] += 1
            self.error(error.args[0])

    def drained(self, *, ok: bool) -> None:
        """The drain's commit was acknowledged, or was not in time."""
        self._commits.end_drain()
        if not ok:
            self._driver.last_error = f"the commit was not acknowledged within {self._commits.drain_seconds:g} s"
            logger.error("drained without a commit", extra=fields(uncommitted=self._commits.uncommitted()))
        self._driver.feed(CommitEnded(ok))

    def forget(self) -> None:
        """What was known of positions and of the backlog belongs to an earlier assignment."""
        self._backlog.clear()
        self._commits.forget()
        self._journal.forget()
        self._figures.high.clear()
        self.unstarted = frozenset()

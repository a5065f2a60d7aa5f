"""What is committed and what is not, when the next commit goes out, and the one that ends a drain.

Commits are asynchronous (`commitSync` waits without a deadline in librdkafka), one at a time. The injected
`commit_delay_ms` is a sleep before a commit in the poll loop, as in a consumer that calls `commitSync`: while it lasts
the loop neither handles nor polls. Commands are taken nevertheless: a pause ends it, and its own commit is delayed in
turn, for half of the drain timeout at most.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from workloads.consumer.client import GroupClient
from workloads.member.faults import FaultInjection

_RETRY_SECONDS = 0.05


@dataclass(slots=True)
class _Drain:
    """The commit of a drain: to be sent at `send_at`, given up at `deadline`."""

    send_at: float
    deadline: float


class Commits:
    """Owned by the poll loop. Times are monotonic seconds.

    positions: by partition, the next offset; the worker's own. acked: by partition, the offset that the broker has
    acknowledged.
    """

    def __init__(
        self, positions: dict[int, int], faults: FaultInjection, *, interval_seconds: float, drain_seconds: float
    ) -> None:
        """drain_seconds: how long the commit of a drain may take in all."""
        self._positions = positions
        self._faults = faults
        self._interval_seconds = interval_seconds
        self.drain_seconds = drain_seconds
        self.acked: dict[int, int] = {}
        # Offsets of partitions that a rebalance took, whose commit has not been answered.
        self._unresolved: dict[int, int] = {}
        self._due_at = 0.0
        self._held_until: float | None = None
        self._drain: _Drain | None = None

    def uncommitted(self) -> dict[int, int]:
        """Positions that the broker has not acknowledged."""
        acked = self.acked
        return {p: offset for p, offset in self._positions.items() if acked.get(p) != offset}

    @property
    def open(self) -> bool:
        """Whether something was handled whose commit has no answer yet."""
        return bool(self._unresolved) or bool(self.uncommitted())

    def forget(self) -> None:
        """What was known of positions belongs to an earlier assignment."""
        self._positions.clear()
        self.acked.clear()
        self._unresolved.clear()
        self._held_until = None

    def lost(self) -> None:
        """The membership is gone: there is nothing left to commit, and nobody to drain for."""
        self._positions.clear()
        self._unresolved.clear()
        self._held_until = None
        self._drain = None

    # --- while active

    def begin(self, now: float) -> None:
        """It became active: the first commit is due an interval later."""
        self._due_at = now + self._interval_seconds
        self._held_until = None

    def due(self, now: float, client: GroupClient) -> bool:
        """Whether a commit is to be sent now. With an injected delay, the loop is held first."""
        if self._held_until is not None:
            if now < self._held_until:
                return False
            self._held_until = None
            return True
        if now < self._due_at:
            return False
        self._due_at = now + self._interval_seconds
        if client.committing:
            return False
        delay = self._delay()
        if delay and self.uncommitted():
            self._held_until = now + delay
            self._due_at += delay
            return False
        return True

    def held(self, now: float) -> float:
        """For how many seconds more the loop is held by a delayed commit; 0 when it is not."""
        return 0.0 if self._held_until is None else max(0.0, self._held_until - now)

    # --- partitions come and go

    def assigned(self, partitions: Collection[int]) -> None:
        """Of these nothing is known any more."""
        for partition in partitions:
            self._positions.pop(partition, None)
            self.acked.pop(partition, None)

    def taken(self, partitions: Collection[int]) -> None:
        """A rebalance takes these; their commit goes out now, and its answer is waited for."""
        self._unresolved.update((p, offset) for p, offset in self.uncommitted().items() if p in partitions)

    def gone(self, partitions: Collection[int]) -> None:
        """They are taken."""
        for partition in partitions:
            self._positions.pop(partition, None)

    def started(self, offsets: Mapping[int, int]) -> None:
        """Reading of these begins here, and so it is committed."""
        self._positions.update(offsets)
        self.acked.update(offsets)

    def answered(self, offsets: Mapping[int, int], *, more: bool) -> dict[int, int]:
        """A commit was answered, and these were taken; gives what was handled, taken away and not committed.

        more: whether another one is on its way: that of a revocation is sent behind one that was, and is the one that
        tells.
        """
        self.acked.update(offsets)
        missed = {p: offset for p, offset in self._unresolved.items() if self.acked.get(p) != offset}
        self._unresolved = missed if more else {}
        return {} if more else missed

    # --- the drain

    @property
    def draining(self) -> bool:
        """Whether the commit of a drain is waited for."""
        return self._drain is not None

    def begin_drain(self, now: float) -> None:
        """Commit everything, within `drain_seconds`; a commit that was held is given up for this one."""
        self._held_until = None
        self._drain = _Drain(now + self._delay(), now + self.drain_seconds)

    def end_drain(self) -> None:
        """It has ended, or there is nothing left to be drained."""
        self._drain = None

    def drained(self, now: float, client: GroupClient | None) -> bool | None:
        """How the drain ended: everything is acknowledged (True), or was not in time (False); None while it goes on."""
        if self._drain is None:
            return None
        if not self.open:
            return True
        return False if now >= self._drain.deadline or client is None else None

    def drain_due(self, now: float, client: GroupClient) -> bool:
        """Whether the drain's commit is to be sent (again) now."""
        drain = self._drain
        if drain is None or now < drain.send_at or client.committing:
            return False
        drain.send_at = now + _RETRY_SECONDS
        return True

    def _delay(self) -> float:
        return self._faults.now.commit_delay_ms / 1000

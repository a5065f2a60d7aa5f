"""The keeper of clients: makes them, keeps the one that stands by warm, retires, replaces and closes them."""

import logging
import queue
import threading
import time
from collections.abc import Callable

from workloads.common.logs import fields
from workloads.consumer.client import GroupClient
from workloads.consumer.processing import Pulse
from workloads.member.way import Place

logger = logging.getLogger("workloads.consumer")

# A client whose place was taken is closed and replaced so much later: not while the other colour is joining.
_RETIRE_SECONDS = 0.25
_WARM_EVERY_SECONDS = 60.0
_WARM_RETRY_SECONDS = 1.0
_CLOSE_SECONDS = 3.0


class Keeper:
    """Owned by the poll loop. `client` is the one there is; None while one is being retired, and at the end.

    leaving: `leave` has begun, and has not ended yet.
    """

    def __init__(
        self,
        make: Callable[[], GroupClient],
        forget: Callable[[], None],
        pulse: Pulse,
        *,
        place: Place,
        waits_for_close: bool,
        partitions: int,
    ) -> None:
        """make: a client that stands by. forget: called when what was known of the last client's positions is void.

        waits_for_close: the place in the group is free only when the close has ended, so it is waited for.
        """
        self._make = make
        self._forget = forget
        self._pulse = pulse
        self._place = place
        self._waits_for_close = waits_for_close
        self._partitions = partitions
        self._retiring: tuple[GroupClient, float] | None = None
        self._warm_at = 0.0
        self._janitor = _Janitor()
        self.client: GroupClient | None = None
        self.leaving = False

    def open(self) -> GroupClient:
        """The client; a fresh one that stands by when there is none."""
        if self.client is None:
            self._warm_at = 0.0
            self.client = self._make()
        return self.client

    def replace(self, *, last: bool) -> None:
        """A fresh client that stands by, in place of the one there is; none when the process is ending (`last`)."""
        for client in (self.client, self._retiring[0] if self._retiring else None):
            if client is not None:
                self._dispose(client, waits=self._waits_for_close)
        self.client = self._retiring = None
        self.leaving = False
        self._forget()
        if not last:
            self.open()

    def retire(self, now: float) -> None:
        """The client's place was taken: deaf from now on, replaced when nobody is waiting."""
        if self.client is not None:
            self.client.detach()
            self._retiring = (self.client, now + _RETIRE_SECONDS)
            self.client = None
            self._forget()

    def retired(self, now: float, *, hurry: bool) -> bool:
        """Whether a retired client is to be replaced now; hurry: somebody needs a client."""
        return self._retiring is not None and (hurry or now >= self._retiring[1])

    def leave(self) -> None:
        """Leave the group: `left` says when. A static member does so by closing its client."""
        client = self.client
        if client is None:
            return
        if self._place is Place.NONE:
            client.leave()
            self.leaving = True
            return
        self.client = None
        self._dispose(client, waits=True)

    @property
    def left(self) -> bool:
        """Whether what `leave` began has ended."""
        return self.client is None or self.client.left

    def keep_warm(self, now: float) -> None:
        """Refresh what a join needs, when it is time to."""
        if self.client is not None and not self.client.owned and now >= self._warm_at:
            warm = self.client.warm_up(self._partitions)
            self._pulse.last = time.monotonic()
            self._warm_at = self._pulse.last + (_WARM_EVERY_SECONDS if warm else _WARM_RETRY_SECONDS)

    def end(self) -> None:
        """Close what is open, within a few seconds whatever the broker does."""
        for client in (self.client, self._retiring[0] if self._retiring else None):
            if client is not None:
                client.detach()
                self._janitor.close(client)
        self.client = self._retiring = None
        if not self._janitor.finish(_CLOSE_SECONDS):
            logger.warning("a client did not close in time", extra=fields(seconds=_CLOSE_SECONDS))

    def _dispose(self, client: GroupClient, *, waits: bool) -> None:
        """Close a client: by the janitor, so that a broker that does not answer holds nothing up, where nobody has to
        wait for it. Nor does anybody where the coordinator is out of reach: the close frees no place then, and by
        KIP-848 it takes as long as a request may (`socket.timeout.ms`, 60 s).
        """
        client.detach()
        if waits and client.connected:
            client.close()
            self._pulse.last = time.monotonic()
        else:
            self._janitor.close(client)


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

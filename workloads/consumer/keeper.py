"""The keeper of clients: makes them, keeps the one that stands by warm, retires, replaces and closes them."""

import logging
import queue
import threading
import time
from collections.abc import Callable

from workloads.common.logs import fields
from workloads.consumer.client import GroupClient
from workloads.handling.processing import Pulse
from workloads.member.lifecycle import Closed, Left
from workloads.member.way import Place

logger = logging.getLogger("workloads.consumer")

# A client whose place was taken is closed and replaced so much later: not while the other colour is joining.
_RETIRE_SECONDS = 0.25
_WARM_EVERY_SECONDS = 60.0
_WARM_RETRY_SECONDS = 1.0
_CLOSE_SECONDS = 3.0


class Keeper:
    """Owned by the poll loop. `client` is the one there is; None while one is being retired, and at the end.

    leaving: how `leave` or `close` will end, which has begun and has not ended yet; None: neither.
    """

    def __init__(
        self,
        make: Callable[[], GroupClient],
        forget: Callable[[], None],
        pulse: Pulse,
        *,
        place: Place,
        waits_for_close: bool,
    ) -> None:
        """make: a client that stands by. forget: called when what was known of the last client's positions is void.

        waits_for_close: the place in the group is free only when the close has ended, so it is waited for.
        """
        self._make = make
        self._forget = forget
        self._pulse = pulse
        self._place = place
        self._waits_for_close = waits_for_close
        self._retiring: tuple[GroupClient | None, float] | None = None
        self._entered = False  # the present client is, or has been, on its way into the group
        self._warm_at = 0.0
        self._janitor = _Janitor()
        self.client: GroupClient | None = None
        self.leaving: Left | Closed | None = None

    def open(self) -> GroupClient:
        """The client; a fresh one that stands by when there is none."""
        if self.client is None:
            self._warm_at = 0.0
            self._entered = False
            self.client = self._make()
        return self.client

    def enter(self) -> None:
        """Enter the group: nobody waits for the end of what has been in it."""
        client = self.open()
        self.leaving, self._entered = None, True
        client.join()

    def replace(self, *, last: bool) -> None:
        """A fresh client that stands by, in place of the one there is; none when the process is ending (`last`)."""
        if self.client is not None:
            self._dispose(self.client, waits=self._waits_for_close)
        self.client = self.leaving = None
        self.renew(last=last)

    def renew(self, *, last: bool) -> None:
        """A fresh client that stands by, in place of one that was retired, has left or was closed."""
        if (retired := self._retired) is not None:
            self._dispose(retired, waits=self._waits_for_close)
        self._retiring = None
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

    def is_due(self, now: float, *, hurry: bool) -> bool:
        """Whether it is time to `renew`; hurry: somebody needs a client."""
        return self._retiring is not None and (hurry or now >= self._retiring[1])

    def leave(self, now: float) -> None:
        """Leave the group: `ended` says when. A static member does so by closing its client; a fresh one stands by when
        nobody is waiting.
        """
        client = self.client
        if client is not None and self._place is Place.NONE:
            client.leave()
        elif client is not None:
            self.client = None
            self._dispose(client, waits=True)
            self._retiring = (None, now + _RETIRE_SECONDS)
        self.leaving = Left()

    def close(self, now: float) -> None:
        """Close every client that has been in the group: `ended` says when that is over. A fresh one stands by at once,
        for it may be the next to enter.
        """
        if (retired := self._retired) is not None:
            self._retiring = (None, now)
            self._dispose(retired, waits=True)
        if self.client is not None and self._entered:
            client, self.client = self.client, None
            self._retiring = (None, now)
            self._dispose(client, waits=True)
        self.leaving = Closed()

    def ended(self) -> Left | Closed | None:
        """What `leave` or `close` has come to, once; None while nothing has ended."""
        match event := self.leaving:
            case Left() if self.client is None or self.client.left:
                self._entered = False
                if self.client is not None and self.client.spent:
                    self.retire(time.monotonic())
            case Closed() if self._janitor.idle:
                pass
            case _:
                return None
        self.leaving = None
        return event

    def keep_warm(self, now: float) -> None:
        """Refresh what a join needs, when it is time to."""
        if self.client is not None and not self.client.owned and now >= self._warm_at:
            warm = self.client.warm_up()
            self._pulse.last = time.monotonic()
            self._warm_at = self._pulse.last + (_WARM_EVERY_SECONDS if warm else _WARM_RETRY_SECONDS)

    def end(self) -> None:
        """Close what is open, within a few seconds whatever the broker does."""
        for client in (self.client, self._retired):
            if client is not None:
                client.detach()
                self._janitor.close(client)
        self.client = self._retiring = None
        if not self._janitor.finish(_CLOSE_SECONDS):
            logger.warning("a client did not close in time", extra=fields(seconds=_CLOSE_SECONDS))

    @property
    def _retired(self) -> GroupClient | None:
        return self._retiring[0] if self._retiring else None

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
        self._queue: queue.Queue[GroupClient | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name="janitor", daemon=True)
        self._thread.start()

    def close(self, client: GroupClient) -> None:
        """Close this one, soon."""
        self._queue.put(client)

    @property
    def idle(self) -> bool:
        """Whether all that it was given are closed."""
        return not self._queue.unfinished_tasks

    def finish(self, seconds: float) -> bool:
        """Wait until all are closed, at most `seconds`; whether they are."""
        self._queue.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (client := self._queue.get()) is not None:
            client.close()
            self._queue.task_done()

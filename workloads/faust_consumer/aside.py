"""A thread of Faust's that is waited for without standing still, and that holds no process up.

Faust's own waits for its thread's end in the event loop that it was started from (mode-streaming,
`mode/threads.py`): while the thread waits for that loop in turn, neither goes on, and nobody is answered any more.
"""

import asyncio
import contextlib
from typing import Any

from mode.threads import ServiceThread, WorkerThread


class _Worker(WorkerThread):
    """ended: for the loop that it was started from."""

    def __init__(self, service: ServiceThread, **kwargs: Any) -> None:
        super().__init__(service, **kwargs)
        self.daemon = True
        self.ended = asyncio.Event()

    def run(self) -> None:
        """Everything that happens in the thread."""
        try:
            super().run()
        finally:
            with contextlib.suppress(RuntimeError):  # that loop has ended before
                self.service.parent_loop.call_soon_threadsafe(self.ended.set)


class Aside(ServiceThread):
    """To be mixed in before Faust's service."""

    abstract = True
    Worker = _Worker

    async def stop(self) -> None:
        """As Faust's, and awaits the end of the thread."""
        thread, self._thread = self._thread, None
        await super().stop()
        if isinstance(thread, _Worker):
            await thread.ended.wait()

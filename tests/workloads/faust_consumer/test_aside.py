"""Faust's thread ends without its parent loop standing still meanwhile."""

import asyncio
from typing import Any

import pytest
from mode.threads import ServiceThread

from workloads.faust_consumer.aside import Aside


class NeedsItsParent(ServiceThread):
    """Its thread does not end before the loop that it was started from has done something for it.

    served: whether that loop did. patience: how long it is waited for; one that stands still never does.
    """

    served: bool | None = None
    patience = 0.2

    async def on_thread_started(self) -> None:
        self._last = asyncio.create_task(self._asks_at_its_end())
        await asyncio.sleep(0)

    async def _asks_at_its_end(self) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            asked = asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self.parent_loop)
            try:
                await asyncio.wait_for(asyncio.wrap_future(asked), self.patience)
            except TimeoutError:
                self.served = False
            else:
                self.served = True


class OfOurs(Aside, NeedsItsParent):
    """The same; a busy machine's loop may take its time."""

    patience = 10.0


@pytest.mark.parametrize(("kind", "served"), [(NeedsItsParent, False), (OfOurs, True)])
def test_the_loop_goes_on_while_the_thread_ends(kind: type[NeedsItsParent], served: bool) -> None:
    """Faust's own is here to show that it is still so: then `Aside` can go."""

    async def there_and_back() -> Any:
        service = kind()
        await service.start()
        thread = service._thread
        await service.stop()
        assert thread is not None
        thread.join(5)  # what is left of it is its own last step
        assert not thread.is_alive()
        return service.served

    assert asyncio.run(there_and_back()) is served

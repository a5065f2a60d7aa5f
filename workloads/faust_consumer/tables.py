"""Faust's table manager for an application without tables."""

from faust.tables import TableManager


class NoTables(TableManager):
    """Subscribes at once. Faust's own waits a second first, for tables that are still to be declared
    (faust-streaming 0.15.3, `faust/tables/manager.py`); here that second would be part of every hand-off.
    """

    async def on_start(self) -> None:
        """See `TableManager`."""
        if not self.should_stop:
            await self._update_channels()
            await self.recovery.start()

"""Our consumer on Faust, whose application never ends: `python -m tests.applications.hung`."""

import asyncio
import sys

import faust

from workloads.faust_consumer import __main__ as program


async def never(_: faust.App) -> None:
    """In the place of `faust.App.stop`."""
    await asyncio.Event().wait()


if __name__ == "__main__":
    setattr(faust.App, "stop", never)  # noqa: B010 - a method in the place of a method
    sys.exit(program.main())

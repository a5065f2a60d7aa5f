"""One remedy for Pulumi's Python SDK (3.215): without it, a program uses a whole core for as long as it waits.

The SDK ends a program by waiting first for the calls to the engine that it knows of, and then for the outputs, the
latter in a loop that never blocks (`wait_for_rpcs` in `pulumi/runtime/stack.py`). A call is known from the first turn
of the event loop after its resource was made, and the program usually ends before that turn: so it waits for everything
in the loop that never blocks. On two cores that is half the machine, taken from the very switch that is waited for."""

import asyncio

from pulumi.runtime.sync_await import _sync_await


def let_registrations_begin() -> None:
    """Turn the event loop once, so that the SDK knows of all calls to the engine and blocks on them. Call it last in
    the program.
    """
    _sync_await(asyncio.sleep(0))

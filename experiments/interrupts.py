"""Ctrl-C, deliberately: where it may strike, where it waits, and what a second one means.

- Outside a shield the first signal raises `Interrupted` at once, wherever the main thread is.
- Inside `shielded()` it does not: `on_signal` is told (it may pass the signal on to a child), and `Interrupted` is
  raised when the shield ends.
- After the first one has been raised the run is being tidied up. A second one sets `hurried`: tidying up looks at it
  and leaves the rest to the next run. From the third on, outside a shield, `Interrupted` is raised again, so that
  nobody is held against their will.

SIGTERM and SIGHUP are taken as Ctrl-C: a closed terminal must not leave a stack locked either.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_INSIST = 3


class Interrupted(KeyboardInterrupt):
    """The user asked the run to end."""


class Interrupts:
    """Handlers for the time of a `with`; only in the main thread."""

    def __init__(self) -> None:
        self.count = 0
        self._raised = False
        self._shields: list[Callable[[int], None] | None] = []
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            self._previous[number] = signal.signal(number, self._received)
        return self

    def __exit__(self, *_: object) -> None:
        # A process that was asked to end is about to: one more signal must not change how it does.
        for number, handler in self._previous.items():
            signal.signal(number, signal.SIG_IGN if self.count else handler)

    @property
    def hurried(self) -> bool:
        """A second signal came: leave out what the next run can do as well."""
        return self.count > 1

    def _received(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self._shields:
            for on_signal in self._shields:
                if on_signal is not None:
                    on_signal(self.count)
        elif not self._raised or self.count >= _INSIST:
            self._raised = True
            raise Interrupted

    @contextmanager
    def shielded(self, on_signal: Callable[[int], None] | None = None) -> Iterator[None]:
        """Let nothing raise inside.

        A first signal that came meanwhile raises `Interrupted` when the outermost shield ends.
        """
        self._shields.append(on_signal)
        try:
            yield
        finally:
            self._shields.pop()
        self.check()

    def check(self) -> None:
        """Raise `Interrupted` for a first signal that has not been raised yet and may be."""
        if self.count and not self._raised and not self._shields:
            self._raised = True
            raise Interrupted

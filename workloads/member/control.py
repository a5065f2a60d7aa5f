"""What passes between the HTTP threads and the poll loop: commands one way, the truth the other way."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from workloads.common.states import State
from workloads.member.lifecycle import Lifecycle, Pause, Resume


@dataclass(frozen=True, slots=True)
class Truth:
    """What is, as the poll loop knows it; replaced as a whole.

    stopping: the process is ending and takes no commands.
    """

    lifecycle: Lifecycle
    last_error: str | None = None
    stopping: bool = False


class Verdict(Enum):
    """How a command stands when its caller is answered."""

    DONE = 200  # what was asked for is true
    ACCEPTED = 202  # nobody waited for it
    STALE = 409  # refused, or overtaken by a newer command
    LATE = 503  # not true yet when the deadline passed


@dataclass(eq=False, slots=True)
class Command:
    """A command on its way; `refused` is None until the loop has executed it."""

    event: Pause | Resume
    refused: bool | None = None


class Control:
    """Commands queue up here; the loop takes them between records, and publishes what became of them."""

    def __init__(self, lifecycle: Lifecycle) -> None:
        self.inbox: deque[Command] = deque()
        self._truth = Truth(lifecycle)
        self._changed = threading.Condition()
        self._wake = threading.Event()

    @property
    def truth(self) -> Truth:
        """The newest published one."""
        return self._truth

    def submit(self, event: Pause | Resume) -> Command:
        """Queue a command and wake the loop."""
        command = Command(event)
        self.inbox.append(command)
        self._wake.set()
        return command

    def wait(self, command: Command, seconds: float) -> tuple[Verdict, Truth]:
        """Wait until the command is fulfilled, refused or overtaken, at most `seconds`; gives the truth that it was
        judged by.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                verdict = judge(command, self._truth)
                if verdict is not None:
                    return verdict, self._truth
                left = deadline - time.monotonic()
                if left <= 0 or self._truth.stopping:
                    return Verdict.LATE, self._truth
                self._changed.wait(left)

    def idle(self, seconds: float) -> None:
        """The loop's own wait while there is nothing to poll for: ends at once when a command comes."""
        self._wake.wait(seconds)
        self._wake.clear()

    def take(self) -> Command | None:
        """The next command."""
        return self.inbox.popleft() if self.inbox else None

    def publish(self, truth: Truth, executed: Callable[[], None] | None = None) -> None:
        """Make this the truth, and wake whoever waits for it. `executed` runs before anybody can look."""
        with self._changed:
            if executed is not None:
                executed()
            self._truth = truth
            self._changed.notify_all()


def judge(command: Command, truth: Truth) -> Verdict | None:
    """How an executed command stands; None while it may still come true."""
    now = truth.lifecycle
    if command.refused is None:
        return None
    if command.refused or now.seen_epoch > command.event.epoch:
        return Verdict.STALE
    if isinstance(command.event, Pause):
        return Verdict.DONE if now.state is State.PAUSED and not now.wanted else None
    if now.paused_epoch >= command.event.epoch:
        return Verdict.STALE
    return Verdict.DONE if now.state is State.ACTIVE and now.epoch == command.event.epoch else None

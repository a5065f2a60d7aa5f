"""What passes between the HTTP threads and the application's loop: commands one way, the truth the other way."""

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
    """What is, as the application's loop knows it; replaced as a whole.

    stopping: the process is ending and takes no commands. obstacle: what stands against a resume now, found while it
    waits; None when nothing is known of any. member_id: as which the group's coordinator knows the client; empty while
    it is no member.
    """

    lifecycle: Lifecycle
    last_error: str | None = None
    stopping: bool = False
    obstacle: str | None = None
    member_id: str = ""


class Answer(Enum):
    """How a command stands when its caller is answered."""

    DONE = "done"  # what was asked for is true
    ACCEPTED = "accepted"  # nobody waited for it
    STALE = "stale"  # refused, or overtaken by a newer command
    VOID = "void"  # a resume that was executed and then lost: the same call again is a new try
    LATE = "late"  # not true yet when the deadline passed

    @property
    def status(self) -> int:
        """The HTTP status that says so. A void resume is 503 and not 409: its epoch is not stale."""
        return _STATUS[self]


_STATUS = {Answer.DONE: 200, Answer.ACCEPTED: 202, Answer.STALE: 409, Answer.VOID: 503, Answer.LATE: 503}


@dataclass(eq=False, slots=True)
class Command:
    """A command on its way; `refused` is None until the loop has executed it."""

    event: Pause | Resume
    refused: bool | None = None


class Control:
    """Commands queue up here; the loop takes them between records, and publishes what became of them."""

    def __init__(self, lifecycle: Lifecycle, wake: Callable[[], None] | None = None) -> None:
        """wake: also called when a command has come, by the thread that brought it; for a loop that waits elsewhere
        than in `idle`.
        """
        self._wake_loop = wake
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
        if self._wake_loop is not None:
            self._wake_loop()
        return command

    def wait(self, command: Command, seconds: float) -> tuple[Answer, Truth]:
        """Wait until the command is fulfilled, refused, overtaken or void, at most `seconds`; gives the truth that it
        was judged by.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                answer = judge(command, self._truth)
                if answer is not None:
                    return answer, self._truth
                left = deadline - time.monotonic()
                if left <= 0 or self._truth.stopping:
                    return Answer.LATE, self._truth
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


def judge(command: Command, truth: Truth) -> Answer | None:
    """How an executed command stands; None while it may still come true."""
    now = truth.lifecycle
    if command.refused is None:
        return None
    if command.refused or now.seen_epoch > command.event.epoch:
        return Answer.STALE
    if isinstance(command.event, Pause):
        outside = now.left or not command.event.leave
        return Answer.DONE if now.state is State.PAUSED and not now.wanted and outside else None
    if now.paused_epoch >= command.event.epoch:
        return Answer.STALE
    if not now.wanted:  # it was wanted when it was executed, and no newer command has come: lost, fenced or stalled
        return Answer.VOID
    return Answer.DONE if now.state is State.ACTIVE and now.epoch == command.event.epoch else None

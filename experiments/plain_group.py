"""Plain members of a consumer group (`experiments/in_pod/plain_consumer.py`), each in a pod of its own, and what they
say: for measuring what a switch costs without any of this project.
"""

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from components.names import SETTINGS_DIRECTORY, SETTINGS_FILE
from experiments.errors import DeadlineError, ExperimentError
from experiments.kubectl import converse, program_in

_PROGRAM = Path(__file__).parent / "in_pod" / "plain_consumer.py"
_SETTINGS = f"{SETTINGS_DIRECTORY}/{SETTINGS_FILE}"
_ALIVE_SECONDS = 5.0
_ENDS_SECONDS = 20.0

Line = dict[str, Any]


class Member:
    """One of them. pod: where it runs. Its lines come by a thread of its own; `changed` is notified at each."""

    def __init__(self, command: Sequence[str], pod: str, changed: threading.Condition) -> None:
        """command: what begins its program, with standard input and output."""
        self.pod = pod
        self._changed = changed
        self._lines: list[Line] = []
        self._ended = threading.Event()
        self._conversation = converse(command)
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._read, self._keep)]
        for thread in self._threads:
            thread.start()

    @property
    def lines(self) -> list[Line]:
        """All that it has said, oldest first."""
        with self._changed:
            return list(self._lines)

    @property
    def owned(self) -> frozenset[int]:
        """The partitions that it has now, by what it said."""
        return owned(self.lines)

    def has_said(self, event: str) -> bool:
        return any(line.get("event") == event for line in self.lines)

    @property
    def ended(self) -> bool:
        """Whether its program is over, or the way to it."""
        return self._ended.is_set()

    def tell(self, word: str) -> None:
        """Raises ExperimentError if it is not there any more."""
        try:
            self._write(word)
        except OSError as error:
            raise ExperimentError(f"the plain member in {self.pod} is gone: {error}") from error

    def close(self) -> None:
        """Have it leave, and wait for its end; killed when that takes too long."""
        with contextlib.suppress(OSError):
            self._conversation.stdin.close()
        try:
            self._conversation.process.wait(_ENDS_SECONDS)
        except subprocess.TimeoutExpired:
            self._conversation.end()
        for thread in self._threads:
            thread.join(_ENDS_SECONDS)
        self._conversation.stdout.close()

    def _write(self, word: str) -> None:
        stdin = self._conversation.stdin
        if stdin.closed:
            raise BrokenPipeError("its input is closed")
        stdin.write(f"{word}\n".encode())
        stdin.flush()

    def _read(self) -> None:
        for text in self._conversation.stdout:
            with contextlib.suppress(ValueError):  # a line that was cut off is none
                line = json.loads(text)
                with self._changed:
                    self._lines.append(line)
                    self._changed.notify_all()
        self._ended.set()
        with self._changed:
            self._changed.notify_all()

    def _keep(self) -> None:
        """Say that it is still wanted."""
        while not self._ended.wait(_ALIVE_SECONDS):
            try:
                self._write("")
            except (OSError, ValueError):
                return


class PlainGroup:
    """Members of one group that are waited for together."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._members: list[Member] = []

    def begin(self, command: Sequence[str], pod: str) -> Member:
        """One more, not in the group yet."""
        member = Member(command, pod, self._changed)
        self._members.append(member)
        return member

    def wait(self, missing: Callable[[], str | None], what: str, seconds: float) -> None:
        """Wait until nothing is missing. Raises DeadlineError with what was last, ExperimentError when one has ended
        that did not leave.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            while (lacking := missing()) is not None:
                gone = [one.pod for one in self._members if one.ended and not one.has_said("LEFT")]
                if gone:
                    raise ExperimentError(f"plain members ended without having left: {', '.join(gone)}")
                left = deadline - time.monotonic()
                if left <= 0:
                    raise DeadlineError(what, seconds, lacking)
                self._changed.wait(left)

    def close(self) -> None:
        """End all of them."""
        for member in self._members:
            member.close()


@contextlib.contextmanager
def plain_group() -> Iterator[PlainGroup]:
    """A group that is ended with the block."""
    group = PlainGroup()
    try:
        yield group
    finally:
        group.close()


def command(namespace: str, pod: str, container: str, arguments: Sequence[str]) -> list[str]:
    """What begins a member's program in a container that has the bootstrap servers in its settings file. arguments:
    topic, group, client id, protocol.
    """
    return program_in(namespace, pod, container, _PROGRAM, [_SETTINGS, *arguments])


def owned(lines: Sequence[Line]) -> frozenset[int]:
    """The partitions that a member with these lines has."""
    found: set[int] = set()
    for line in lines:
        match line.get("event"):
            case "ASSIGNED":
                found.update(line["partitions"])
            case "REVOKED" | "LOST":
                found.difference_update(line["partitions"])
            case "LEFT":
                found.clear()
    return frozenset(found)

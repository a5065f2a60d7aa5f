"""The application that is tried: what can be done to it and asked of it, wherever it runs."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

COLOR = "blue"
HANDLED, EVENTS = "consumed", "events"


class NoAnswerError(Exception):
    """The application did not answer a call, or ended; the message says which."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. body: the JSON object that it holds; empty when it holds none. text: as it came."""

    status: int
    body: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""


def wait_status(
    app: "Application", seconds: float, *, every: float, running: Callable[[], None] = lambda: None
) -> None:
    """Until it answers its status. running: raises `NoAnswerError` when it has ended. Raises `NoAnswerError` after so
    many seconds.
    """
    until = time.monotonic() + seconds
    while True:
        running()
        try:
            status = app.call("GET", "/lifecycle/status", seconds=5.0).status
        except NoAnswerError as error:
            said = str(error)
        else:
            if status < HTTPStatus.INTERNAL_SERVER_ERROR:
                return
            said = f"it is answered with {status}"
        if time.monotonic() > until:
            raise NoAnswerError(f"no status within {seconds:g} s: {said}")
        time.sleep(every)


class Application(Protocol):
    """One pod's application. A signal reaches the application's process alone."""

    def start(self) -> None:
        """Have it run; returns when it answers its status. Raises `NoAnswerError` when it does not."""

    def call(self, method: str, path: str, body: object = None, *, seconds: float = 30.0) -> Reply:
        """A request; `/lifecycle` and `/faults` on the loopback, everything else on the pod's network. Raises
        `NoAnswerError`.
        """

    def reachable(self) -> str:
        """An address beside the loopback at which its lifecycle API answers; empty when there is none."""

    def signal(self, name: str) -> None:
        """STOP, CONT, TERM or KILL."""

    def fill(self) -> None:
        """Have no file of the application's grow any more, as on a full volume."""

    def ended(self, seconds: float) -> int:
        """Its exit code, when it has ended; a signal's number, negative, where that has ended it. Raises
        `NoAnswerError` when it goes on after `seconds`.
        """

    def again(self) -> None:
        """As `start`, of one that has ended: with the same volume, as another process."""

    def lines(self, kind: str) -> list[Mapping[str, Any]]:
        """The whole lines of its record logs of this kind (`consumed`, `events`), file by file. Raises `ValueError`
        for a line that is no JSON object.
        """

    def close(self) -> None:
        """Have nothing of it left."""

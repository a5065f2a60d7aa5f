"""What a point works with."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from experiments.conformance.application import EVENTS, HANDLED, Application, Reply
from experiments.conformance.kafka import Kafka
from experiments.conformance.points import CLASSIC, TAKEOVER, FailedError

T = TypeVar("T")
Line = Mapping[str, Any]

ACTIVE, PAUSED = "ACTIVE", "PAUSED"
DONE, STALE, NOT_NOW = 200, 409, 503
#: The limits that the application is given, in seconds (`Suite`).
#: A stall is what a point makes, and not what a busy machine does; a session outlives it.
SESSION_SECONDS, DRAIN_SECONDS, RESUME_SECONDS, STALL_SECONDS = 12, 10, 10, 5
_LOOK_SECONDS = 0.02
_CALL_SECONDS = 20.0


class Way(Protocol):
    """The application's way to the broker."""

    def cut(self) -> None:
        """Nothing passes from now on."""

    def open(self) -> None:
        """Everything passes at once from now on."""

    def slow(self, seconds: float) -> None:
        """Everything passes so much later from now on."""


@dataclass
class Bench:
    """An application of its own, its topic and group, and its way to the broker.

    epoch: of the last command that was given.
    """

    app: Application
    kafka: Kafka
    way: Way
    membership: str
    group: str
    protocol: str = CLASSIC
    epoch: int = field(default=0)

    # Commands

    def pause(self, epoch: int | None = None, *, seconds: float = _CALL_SECONDS, **more: object) -> Reply:
        """Under this epoch, or the next one; the answer."""
        return self._command("pause", epoch, seconds, more)

    def resume(self, epoch: int | None = None, *, seconds: float = _CALL_SECONDS, **more: object) -> Reply:
        """Under this epoch, or the next one; the answer."""
        return self._command("resume", epoch, seconds, more)

    def paused(self, *, leave: bool = False) -> Reply:
        """A pause under the next epoch, done. Raises `FailedError` when it is not."""
        return self._done("pause", PAUSED, self.pause(leave=True) if leave else self.pause())

    def resumed(self) -> Reply:
        """A resume under the next epoch, done; one that is not done in time is repeated, as a sidecar does. Raises
        `FailedError` when it is not.
        """
        reply = self.resume()
        until = time.monotonic() + 3 * RESUME_SECONDS
        while reply.status == NOT_NOW and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)
            reply = self.resume(self.epoch)
        return self._done("resume", ACTIVE, reply)

    def wait_ready(self) -> None:
        """Until it says that it is. Raises `FailedError` after a minute."""
        self.until("it to be ready", self.ready, 60)

    def work(self) -> None:
        """Ready, and resumed under the next epoch. Raises `FailedError`."""
        self.wait_ready()
        self.resumed()

    def status(self) -> Mapping[str, Any]:
        """GET /lifecycle/status. Raises `FailedError` when it is no status."""
        reply = self.app.call("GET", "/lifecycle/status")
        if reply.status != DONE or "state" not in reply.body:
            raise FailedError(f"GET /lifecycle/status: {reply.status} {reply.text[:200]}")
        return reply.body

    def ready(self) -> bool:
        """Whether GET /readyz says so."""
        return self.app.call("GET", "/readyz").status == DONE

    # What it does

    def handled(self) -> list[Line]:
        """What it says that it has handled; end lines are no records."""
        return [line for line in self.app.lines(HANDLED) if "end" not in line]

    def events(self) -> list[Line]:
        """What it says that became of it."""
        return list(self.app.lines(EVENTS))

    def positions(self) -> dict[int, int]:
        """By partition, the offset after the last one that was handled."""
        found: dict[int, int] = {}
        for line in self.handled():
            found[line["partition"]] = max(found.get(line["partition"], 0), line["offset"] + 1)
        return found

    def handles_all(self, seconds: float = 20.0) -> int:
        """Wait until everything that was sent was handled, each record once; gives how many. Raises `FailedError`."""
        self.until(
            f"all {self.kafka.sent} records to be handled", lambda: len(self._places()) >= self.kafka.sent, seconds
        )
        places = self._places()
        if len(places) != len(set(places)):
            raise FailedError(f"{len(places) - len(set(places))} records were handled twice")
        return len(places)

    def handles_nothing(self, seconds: float, why: str) -> None:
        """Watch for so long that it handles nothing. Raises `FailedError`."""
        before, until = len(self.handled()), time.monotonic() + seconds
        while time.monotonic() < until:
            if (now := len(self.handled())) != before:
                raise FailedError(f"it handled {now - before} records {why}")
            time.sleep(5 * _LOOK_SECONDS)

    def until(self, what: str, look: Callable[[], T], seconds: float) -> T:
        """Wait for something true; gives it. Raises `FailedError` that says what it waited for."""
        deadline = time.monotonic() + seconds
        while True:
            if found := look():
                return found
            if time.monotonic() > deadline:
                raise FailedError(f"waited {seconds:g} s for {what}")
            time.sleep(_LOOK_SECONDS)

    @property
    def instance_id(self) -> str:
        """The `group.instance.id` that its place in the group has, by the contract; empty where it has none."""
        return f"{self.group}-0" if self.membership == TAKEOVER else ""

    def first_offsets(self) -> dict[int, int]:
        """By partition, the offset of the first record that was handled."""
        found: dict[int, int] = {}
        for partition, offset in self._places():
            found.setdefault(partition, offset)
        return found

    def _places(self) -> list[tuple[int, int]]:
        return [(line["partition"], line["offset"]) for line in self.handled()]

    def _command(self, name: str, epoch: int | None, seconds: float, more: Mapping[str, object]) -> Reply:
        if epoch is None:
            epoch = self.epoch = self.epoch + 1
        body = {"epoch": epoch, "deadline_ms": 5000, **more}
        return self.app.call("POST", f"/lifecycle/{name}", body, seconds=seconds)

    def _done(self, name: str, state: str, reply: Reply) -> Reply:
        if reply.status != DONE or (reply.body.get("state"), reply.body.get("epoch")) != (state, self.epoch):
            raise FailedError(f"{name} under epoch {self.epoch}: {reply.status} {reply.text[:300]}")
        return reply


def expect(holds: object, seen: str) -> None:
    """Raises `FailedError` with what was seen when it does not hold."""
    if not holds:
        raise FailedError(seen)


def says_the_truth(reply: Reply, positions: Mapping[int, int], committed: Mapping[int, int]) -> None:
    """A pause's answer, where the broker was in the way of it. Raises `FailedError` when it is another than such a
    pause can have, or says that all is committed which is not. By partition, positions: what was handled.
    """
    expect(reply.status in {DONE, NOT_NOW}, f"the pause: {reply.status} {reply.text[:200]}")
    if reply.status == DONE and reply.body.get("committed") is True:
        behind = {p: offset for p, offset in positions.items() if committed.get(p, 0) < offset}
        expect(not behind, f"it said committed, and {behind} is not: {committed}")

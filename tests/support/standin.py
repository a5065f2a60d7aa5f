"""A consumer process without a broker: the real lifecycle function behind the real HTTP contract, with instant effects.

What a test of sidecar and controller needs of a consumer is that it answers truthfully; every effect of the lifecycle
(commit, leave, join, …) succeeds at once here, unless a test says otherwise.
"""

import threading
import time
import uuid

from workloads.common.http import HttpError, HttpServer, Request, Response
from workloads.common.states import GroupProtocol, Membership, State
from workloads.member.lifecycle import (
    Assigned,
    Client,
    Closed,
    CommitEnded,
    Effect,
    Event,
    Left,
    Lifecycle,
    Pause,
    Resume,
    start,
    step,
)


class StandIn:
    """One consumer; `restart` makes it a new process. Times in seconds."""

    def __init__(self, partitions: tuple[int, ...], membership: Membership = Membership.TAKEOVER) -> None:
        self.partitions = partitions
        self.membership = membership
        self.drain_seconds = 0.0
        self.commit_ok = True
        self.joins = True
        self.closes = True
        self.hangs = False  # accepts connections and never answers, like a stopped process
        self.positions: dict[int, int] = {}
        self.handled = 0
        self.failed = 0
        self.history: list[tuple[str, int, float]] = []
        self._changed = threading.Condition()
        self.lifecycle = Lifecycle()
        self.boot_id = ""
        self.restart()
        self.server = HttpServer(
            "127.0.0.1",
            0,
            {
                ("GET", "/lifecycle/status"): lambda _: self._answer(200),
                ("POST", "/lifecycle/pause"): lambda request: self._command(request, pause=True),
                ("POST", "/lifecycle/resume"): lambda request: self._command(request, pause=False),
                ("GET", "/progress"): self._progress,
            },
        )
        self.server.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server.port}"

    def restart(self) -> None:
        """A new process: everything is forgotten."""
        with self._changed:
            self.boot_id = uuid.uuid4().hex[:12]
            first = start(self.membership, GroupProtocol.CLASSIC)
            self.lifecycle = first.lifecycle
            self._changed.notify_all()
        self._carry_out(first.effects)

    def die(self) -> None:
        """The process is gone, and with it whatever it did."""
        self.history.append(("PAUSED", self.lifecycle.epoch, time.monotonic()))
        self.server.stop()
        self.lifecycle = Lifecycle()

    def feed(self, event: Event) -> bool:
        """Give the lifecycle an event; returns whether a command was refused."""
        with self._changed:
            before = self.lifecycle.state
            done = step(self.lifecycle, event)
            self.lifecycle = done.lifecycle
            if done.lifecycle.state is not before:
                self.history.append((str(done.lifecycle.state), done.lifecycle.epoch, time.monotonic()))
            self._changed.notify_all()
        self._carry_out(done.effects)
        return done.refused

    def join_now(self) -> None:
        """A join that did not come about until now does."""
        if self.lifecycle.wanted:
            self.feed(Assigned(self.partitions))

    def _carry_out(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            if effect is Effect.COMMIT:
                if self.drain_seconds:
                    time.sleep(self.drain_seconds)
                self.feed(CommitEnded(self.commit_ok))
            elif effect is Effect.LEAVE:
                self.feed(Left())
            elif effect is Effect.CLOSE and self.closes:
                self.feed(Closed())
            elif effect in {Effect.JOIN, Effect.REWIND} and self.joins:
                self.feed(Assigned(self.partitions))

    def _command(self, request: Request, *, pause: bool) -> Response:
        self._hang()
        asked = request.json_object()
        epoch, deadline = int(str(asked["epoch"])), int(str(asked["deadline_ms"])) / 1000
        voids, leave = asked.get("voids"), asked.get("leave") is True
        if self.feed(Pause(epoch, leave) if pause else Resume(epoch, None if voids is None else int(str(voids)))):
            return self._answer(409)
        ends = time.monotonic() + deadline
        wanted = State.PAUSED if pause else State.ACTIVE

        def true() -> bool:
            now = self.lifecycle
            return now.state is wanted and now.wanted != pause and (now.left or not leave)

        with self._changed:
            while not true():
                if self.lifecycle.seen_epoch > epoch or (not pause and not self.lifecycle.wanted):
                    break
                if not self._changed.wait(ends - time.monotonic()):
                    break
        return self._answer(200 if true() else 503)

    def _progress(self, _: Request) -> Response:
        self._hang()
        owned = self.lifecycle.partitions
        return Response(
            {
                "boot_id": self.boot_id,
                "positions": {str(n): self.positions.get(n, 0) for n in owned},
                "handled": self.handled,
                "failed": self.failed,
                "time": time.time_ns(),
            }
        )

    def _answer(self, status: int) -> Response:
        self._hang()
        now = self.lifecycle
        return Response(
            {
                "state": now.state,
                "epoch": now.epoch,
                "seen_epoch": now.seen_epoch,
                "boot_id": self.boot_id,
                "partitions": list(now.partitions),
                "committed": now.committed,
                "last_error": None,
                "voids": now.voids,
                "left": now.left,
                "member_id": self.boot_id if now.client is Client.MEMBER else "",
            },
            status,
        )

    def _hang(self) -> None:
        while self.hangs:
            time.sleep(0.02)
        if self.server is None:
            raise HttpError(503, "not started")

"""What drives the lifecycle: commands and events in, the truth and the effects out."""

import logging
from collections import deque
from collections.abc import Callable

from workloads.common.logs import fields
from workloads.member.control import Command, Control, Truth
from workloads.member.lifecycle import Client, Effect, Event, Lifecycle, Pause, Step, step

logger = logging.getLogger(__name__)

Changed = Callable[[Lifecycle, Lifecycle], None]


class Driver:
    """Owned by the application's one loop. Every step is published at once; what it asks for waits in `effects`.

    effects: to be carried out by the loop, in order. last_error: what the truth says went wrong last; published with
    the next step. stopping: the process is ending; commands are taken and dropped. obstacle: see `Truth`.
    """

    def __init__(self, control: Control, changed: Changed, member_id: Callable[[], str] = str) -> None:
        """changed: called with (before, now) at each change of state, before anybody is told of it. member_id: of the
        client that there is.
        """
        self.control = control
        self.lifecycle = control.truth.lifecycle
        self.effects: deque[Effect] = deque()
        self.last_error: str | None = None
        self.stopping = False
        self.obstacle: str | None = None
        self._changed = changed
        self._member_id = member_id

    def commands(self) -> None:
        """Execute the commands that wait."""
        while (command := self.control.take()) is not None:
            if self.stopping:
                continue
            result = step(self.lifecycle, command.event)
            logger.info(
                "command refused" if result.refused else "command executed",
                extra=fields(
                    command=type(command.event).__name__.lower(),
                    epoch=command.event.epoch,
                    leave=isinstance(command.event, Pause) and command.event.leave,
                    seen_epoch=result.lifecycle.seen_epoch,
                ),
            )
            self.follow(result, command)

    def feed(self, event: Event) -> None:
        """Something happened."""
        self.follow(step(self.lifecycle, event))

    def follow(self, result: Step, command: Command | None = None) -> None:
        """Take the next lifecycle as the truth, publish it, note what has to be done for it."""
        before, self.lifecycle = self.lifecycle, result.lifecycle
        self.effects.extend(result.effects)
        if before.state is not result.lifecycle.state:
            self._changed(before, result.lifecycle)

        def executed() -> None:
            if command is not None:
                command.refused = result.refused

        self.control.publish(self._truth(), executed)

    def stands_against(self, obstacle: str | None) -> None:
        """This stands against a resume now (None: nothing); told at once when it is news."""
        if obstacle != self.obstacle:
            self.obstacle = obstacle
            self.tell()

    def tell(self) -> None:
        """Publish the truth: something beside the lifecycle has changed."""
        self.control.publish(self._truth())

    def end(self) -> None:
        """No command is answered from now on but by what is."""
        self.stopping = True
        self.tell()

    def _truth(self) -> Truth:
        member_id = self._member_id() if self.lifecycle.client is Client.MEMBER else ""
        return Truth(self.lifecycle, self.last_error, self.stopping, self.obstacle, member_id)

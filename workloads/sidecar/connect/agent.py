"""The agent: a sidecar's `Subject` that is a connector.

A connector must not be left in the middle of a step, for each of them is a request that comes true or not, whoever
waits for its answer. So a newer command waits for the step in hand; the older one ends before its next step, because it
sees that it is not the newest any more, or that its way was abandoned.
"""

import secrets
import threading
import time

from workloads.common.report import Report
from workloads.sidecar.connect.account import Account
from workloads.sidecar.connect.command import LOOK_SECONDS, PROBLEMS, Command, Hands, Order
from workloads.sidecar.connect.memory import Goal, Memory, report
from workloads.sidecar.connect.seen import RUNNING
from workloads.sidecar.subject import Answer, NoAnswerError, Result

_SAID = {Result.DONE: "done", Result.NOT_YET: "not yet", Result.STALE: "stale", Result.REFUSED: "refused"}


class Agent:
    """One connector's agent, shared by all ways to it. account: what the connector has handled."""

    def __init__(self, hands: Hands, goal: Goal, account: Account, boot_id: str = "") -> None:
        self._boot_id = boot_id or secrets.token_hex(4)
        self._hands = hands
        self._account = account
        self._goal = goal
        self._memory = Memory()

    def status(self, deadline: float) -> Report:
        """What the connector is now. Raises NoAnswerError."""
        before = self._memory.facts
        try:
            own = self._hands.control.own(deadline)
            if not own.stopped:
                self._memory.seen_moving(before)
            members = self._hands.groups.members(own.group, deadline) if own.state == RUNNING else ()
        except PROBLEMS as error:
            raise NoAnswerError(str(error)) from error
        return report(self._boot_id, self._memory.facts, own, members, self._goal)

    def progress(self, deadline: float) -> dict[str, object]:
        """What the connector has handled and failed, by this process's account, as `GET /progress` tells it; where it
        stands is in its group. Raises SilentError.
        """
        told = self._account.read(deadline)
        return {"boot_id": self._boot_id, "positions": {}, "handled": told.handled, "failed": told.failed}

    def command(self, order: Order) -> Answer:
        """Bring PAUSED or ACTIVE about. Raises NoAnswerError."""
        if not self._memory.accept(order.epoch, pause=order.pause):
            return Answer(Result.STALE, _SAID[Result.STALE], self.status(LOOK_SECONDS))
        result, own, members = Command(self._hands, self._memory, self._goal, order).run()
        if own is None:
            return Answer(result, _SAID[result], self.status(LOOK_SECONDS))
        said = report(self._boot_id, self._memory.facts, own, members, self._goal)
        return Answer(result, _SAID[result], said)


class AgentWay:
    """One way to the agent, for one thread (a `Subject`)."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._abandoned = threading.Event()

    def status(self, deadline: float) -> Report:
        """What the connector is now. Raises NoAnswerError."""
        return self._agent.status(min(deadline, LOOK_SECONDS))

    def pause(self, epoch: int, deadline: float, leave: bool = False) -> Answer:  # noqa: ARG002 - PAUSED includes it
        """Towards PAUSED under this epoch, with which the connector's group has no member. Raises NoAnswerError."""
        return self._command(epoch, deadline, pause=True)

    def resume(self, epoch: int, deadline: float, voids: int = 0) -> Answer:  # noqa: ARG002 - nothing of it stalls
        """Towards ACTIVE under this epoch. Raises NoAnswerError."""
        return self._command(epoch, deadline, pause=False)

    def renew(self) -> None:
        """A new call is about to begin."""
        self._abandoned.clear()

    def abandon(self) -> None:
        """The call in progress ends before its next step."""
        self._abandoned.set()

    def _command(self, epoch: int, deadline: float, *, pause: bool) -> Answer:
        return self._agent.command(Order(epoch, pause, time.monotonic() + deadline, self._abandoned.is_set))

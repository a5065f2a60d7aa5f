"""Disturbing a switch while it runs: an update in the background, and the moments of a switch held open.

A phase of a switch lasts milliseconds. It is held by freezing a consumer that it waits for, so that something can be
done in it; what is held goes on when the block ends.

Who is to hang in a switch is frozen when Pulumi is about to write it, and not before: until then it may take longer
than liveness lets anybody hang. Nor after it: then the switch may be over before the signal has been sent.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from components.names import Color
from components.strategies.parts import Part
from experiments.cluster import Cluster, Objects, Pod
from experiments.errors import DeadlineError, ExperimentError
from experiments.processes import LocalProcesses
from experiments.stacks import Update

_UPDATE_SECONDS = 300.0
_PHASE_SECONDS = 60.0
_GOING_SECONDS = 10.0
WAITING_FOR_LAG, PAUSING, RESUMING, ROLLING_BACK = PHASES = ("WaitingForLag", "Pausing", "Resuming", "RollingBack")


@dataclass
class Pending:
    """An update that goes on in the background; afterwards its end: an Update, or what was raised in its place."""

    ended: list[Update] = field(default_factory=list)
    raised: list[BaseException] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Whether the update has ended, one way or the other."""
        return bool(self.ended or self.raised)

    @property
    def update(self) -> Update:
        """The update, once it has returned. Raises ExperimentError before that."""
        if not self.ended:
            raise ExperimentError("the update has not returned yet")
        return self.ended[0]


@contextlib.contextmanager
def in_background(update: Callable[[], Update], seconds: float = _UPDATE_SECONDS) -> Iterator[Pending]:
    """Let an update go on in a thread of its own during the block, and wait for its end after it.

    What is raised in the update (an interrupt, too) is raised here, when the block ended well. Raises DeadlineError.
    """
    pending = Pending()

    def work() -> None:
        try:
            pending.ended.append(update())
        except BaseException as error:  # noqa: BLE001 - it is raised again where somebody waits for it
            pending.raised.append(error)

    thread = threading.Thread(target=work, name="update", daemon=True)
    thread.start()
    try:
        yield pending
    finally:
        thread.join(seconds)
    if pending.raised:
        raise pending.raised[0]
    if not pending.ended:
        raise DeadlineError("pulumi up to return", seconds, "it is still running")


class Disturbance:
    """What may be done to a strategy stack's pods while it switches. members: those that a switch waits for. at_work:
    those that handle records, where these are others.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        members: Part,
        processes: LocalProcesses,
        wait_switching: Callable[[], None],
        *,
        at_work: Part | None = None,
    ) -> None:
        """wait_switching: until the update in progress writes the switch."""
        self._at_work = at_work or members
        self._wait_switching = wait_switching
        self._cluster = cluster
        self._namespace = namespace
        self._members = members
        self.processes = processes

    def wait_phase(self, phase: str, seconds: float = _PHASE_SECONDS) -> None:
        """Wait until the controller says that the switch is in this phase. Raises DeadlineError."""
        self._cluster.wait_switch(
            self._namespace,
            lambda switch: None if switch.phase == phase else switch.describe(),
            f"phase {phase}",
            seconds,
        )

    def wait_holder(self, holder: str, seconds: float = _PHASE_SECONDS) -> None:
        """Wait until this colour holds the grant, or nobody (""). Raises DeadlineError."""
        self._cluster.wait_lease(
            self._namespace,
            lambda lease: None if _holder(lease) == holder else f"{_holder(lease) or 'nobody'} holds it",
            f"{holder or 'nobody'} to hold the grant",
            seconds,
        )

    def wait_going(self, pod: str, seconds: float = _GOING_SECONDS) -> None:
        """Wait until a pod's object says that it is to end, or is gone: then nobody makes another one when it goes.

        Raises DeadlineError.
        """

        def missing(pods: Objects) -> str | None:
            return None if pod not in pods or Pod.of(pods[pod]).terminating else f"{pod} is not asked to end"

        path, query = f"/api/v1/namespaces/{self._namespace}/pods", [("fieldSelector", f"metadata.name={pod}")]
        self._cluster.wait(path, query, missing, f"{pod} to be asked to end", seconds)

    def hung(self, pod: str) -> contextlib.AbstractContextManager[None]:
        """A member's pod hangs within the block, from the moment when the update in progress writes the switch. Raises
        DeadlineError, PreconditionError.
        """
        return self.processes.frozen(pod, self._members.program, after=self._wait_switching)

    def holding(self, phase: str) -> Part:
        """Whose pod stands still, on the side of the colour that is left, to hold this phase open: a switch waits for
        the records of whoever handles them, and for the word of its members.
        """
        return self._at_work if phase == WAITING_FOR_LAG else self._members

    @contextlib.contextmanager
    def held(
        self, phase: str, source: Color, target: Color, begin: Callable[[], None] = lambda: None
    ) -> Iterator[None]:
        """The switch from `source` to `target`, whose update has begun, is in `phase` within the block. begin: commands
        it, where that has not been done before; what it raises is raised.

        It needs `lagPolicy: wait` to be held in WaitingForLag, and `immediate` to get beyond it: a frozen consumer
        falls behind. Raises DeadlineError when the switch does not get there.
        """
        if phase not in PHASES:
            raise ValueError(f"{phase!r} is none of the phases that can be held: {', '.join(PHASES)}")
        with contextlib.ExitStack() as stack:
            old = stack.enter_context(contextlib.ExitStack())
            # From now on, and not from when the switch is written: what tells that may come after the hand-off. The
            # update is there long before liveness.
            held = self.holding(phase)
            old.enter_context(self.processes.frozen(held.pod(source, 0), held.program))
            begin()
            if phase == WAITING_FOR_LAG:
                self.wait_phase(WAITING_FOR_LAG)
                yield
                return
            self.wait_holder("")
            if phase == PAUSING:
                yield
                return
            stack.enter_context(self.processes.frozen(self._members.pod(target, 0), self._members.program))
            old.close()
            self.wait_holder(target)
            if phase == ROLLING_BACK:
                self.wait_holder("")
            yield


def _holder(lease: Mapping[str, Any]) -> str:
    return str(lease.get("spec", {}).get("holderIdentity") or "")

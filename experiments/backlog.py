"""A colour that handles less than comes in, made on purpose, so that it falls behind.

Consumers are told to take longer over each record. Where a colour's work is done by workers that take no faults, such
as Kafka Connect's, these are frozen: they handle nothing at all until they go on.
"""

import contextlib
import time
from collections.abc import Callable, Iterator

from components.names import Color
from experiments import faults
from experiments.errors import DeadlineError, ExperimentError
from experiments.lab import Lab

# A colour that is told to be slow still handles this part of what comes.
_SHARE = 0.25
_POLL_SECONDS = 0.1
_BEHIND_SECONDS = 60.0

Release = Callable[[], None]


@contextlib.contextmanager
def behind(lab: Lab, records: int) -> Iterator[Release]:
    """The active colour is more than this many records behind when the block begins, and falls further behind until it
    is released, at the end of the block at the latest.

    Raises DeadlineError when it does not fall behind, FaultError, PreconditionError.
    """
    color = lab.active
    with contextlib.ExitStack() as slowed:
        if lab.parts.workers is None:
            _slow_down(lab, color, slowed)
        else:
            for number in range(lab.settings.replicas):
                slowed.enter_context(
                    lab.disturbance.processes.frozen(lab.pod(color, number), lab.parts.workers.program)
                )
        _wait_behind(lab, records)
        yield slowed.close


def _slow_down(lab: Lab, color: Color, slowed: contextlib.ExitStack) -> None:
    members, replicas = lab.parts.members, lab.settings.replicas
    pods = [members.pod(color, number) for number in range(replicas)]

    def put(milliseconds: float) -> None:
        faults.put(lab.namespace, members.program.container, pods, {"processing_delay_ms": milliseconds})

    slowed.callback(put, 0.0)
    put(faults.slow(_SHARE, replicas, lab.settings.rate))


def lag(lab: Lab) -> int:
    """How many records the consumers are behind just now. Raises ExperimentError."""
    return lab.lag.sample().total


def _wait_behind(lab: Lab, records: int) -> None:
    deadline, last = time.monotonic() + _BEHIND_SECONDS, "nothing yet"
    while time.monotonic() < deadline:
        # A sample that could not be taken is not the last one.
        with contextlib.suppress(ExperimentError):
            if (now := lag(lab)) > records:
                return
            last = f"{now} records"
        time.sleep(_POLL_SECONDS)
    raise DeadlineError(f"the lag to be more than {records} records", _BEHIND_SECONDS, last)

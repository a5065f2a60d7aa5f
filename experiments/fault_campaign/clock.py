"""The wall clock of one process of a pod is stepped back by a day, and then right again (`vdso`).

A day, so that a time that was written down meanwhile is none of the campaign's, and can be put right where it is judged
by: the validator tells by the times of records whether two colours were at work at once.

Of a Connect worker it is left out: the timers of Kafka's Java clients run on the wall clock, so a step forward, which
the end of this one is, has them wait for what they take for due in a day; and nothing of ours could mend that.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

from components.names import CONTROLLER
from components.strategies.parts import Program, ours
from experiments.errors import PreconditionError
from experiments.fault_campaign import vdso
from experiments.fault_campaign.plan import Injection
from experiments.fault_campaign.scene import Inject, Scene, inhabitants
from experiments.lab import Lab

STEP_SECONDS = -86_400


@contextmanager
def _behind(scene: Scene, pod: str, program: Program) -> Iterator[str]:
    with vdso.stepped(scene.processes.one(pod, program), STEP_SECONDS):
        yield pod


def _member(scene: Scene, injection: Injection) -> AbstractContextManager[str]:
    return _behind(scene, scene.worker(injection), scene.lab.parts.at_work.program)


def _mover(scene: Scene, injection: Injection) -> AbstractContextManager[str]:
    return _behind(scene, *scene.mover(injection))


def _controller(scene: Scene, _injection: Injection) -> AbstractContextManager[str]:
    return _behind(scene, scene.controller(), ours(CONTROLLER))


def take_back(lab: Lab) -> Iterator[str]:
    """Whose clock is stepped has its own again. Raises PreconditionError, DeadlineError."""
    for pod, program in inhabitants(lab):
        for pid in lab.disturbance.processes.of(pod, program):
            with suppress(PreconditionError):  # gone, or of a machine where no clock can be stepped
                if vdso.is_stepped(pid):
                    vdso.put_right(pid)
                    yield f"the clock of {program.container} of {pod} was stepped"


INJECT: dict[str, Inject] = {
    "clock-step": _member,
    "mover-clock-step": _mover,
    "controller-clock-step": _controller,
}

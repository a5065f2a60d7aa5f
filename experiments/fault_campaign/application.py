"""The plan's four faults of an application, by the members' own API (design §5.4), which listens on their loopback."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from experiments import faults
from experiments.fault_campaign.plan import Injection
from experiments.fault_campaign.scene import Inject, Scene
from experiments.faults import Fault, FaultError
from experiments.lab import Lab

_UNDO_SECONDS = 60.0
_RETRY_SECONDS = 1.0


def _faulty(values: Mapping[str, Fault], none: Mapping[str, Fault]) -> Inject:
    @contextmanager
    def inject(scene: Scene, injection: Injection) -> Iterator[str]:
        pod, container = scene.worker(injection), scene.lab.parts.members.program.container
        try:
            # Also one that does not answer may take them, later, when nobody waits any more.
            faults.put(scene.namespace, container, [pod], values)
            yield pod
        finally:
            _put_off(scene.namespace, container, pod, none)

    return inject


def _put_off(namespace: str, container: str, pod: str, none: Mapping[str, Fault]) -> None:
    """Who was made anew meanwhile has none, and is told so, too, once it answers. Raises FaultError."""
    ends = time.monotonic() + _UNDO_SECONDS
    while True:
        try:
            faults.put(namespace, container, [pod], none)
            return
        except FaultError:
            if time.monotonic() > ends:
                raise
        time.sleep(_RETRY_SECONDS)


_NONE: dict[str, Fault] = {
    "processing_delay_ms": 0,
    "failure_rate": 0.0,
    "commit_delay_ms": 0,
    "exceed_max_poll_interval": False,
}


def take_back(lab: Lab) -> Iterator[str]:
    """All of them are put off, of every member that takes any, whether it has some or not: nothing of it is told. One
    that does not answer is an error, because it may have some. Raises FaultError.
    """
    if faults.enabled(lab.settings.strategy):
        members = lab.parts.members
        pods = [f"{name}-{at}" for name, number in members.wanted(lab.whole).items() for at in range(number)]
        faults.put(lab.namespace, members.program.container, pods, _NONE)
    yield from ()


INJECT: dict[str, Inject] = {
    "processing-delay": _faulty({"processing_delay_ms": 1500}, {"processing_delay_ms": 0}),
    "failure-rate": _faulty({"failure_rate": 0.5}, {"failure_rate": 0.0}),
    "slow-commit": _faulty({"commit_delay_ms": 3500}, {"commit_delay_ms": 0}),
    "max-poll": _faulty({"exceed_max_poll_interval": True}, {"exceed_max_poll_interval": False}),
}

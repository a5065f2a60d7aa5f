"""kill -9 of the controller and of a sidecar at each phase of a switch: it ends in a good state by itself.

A phase that lasts milliseconds is held open by freezing a consumer that it waits for.
"""

import contextlib
import random
import signal
import time
from collections.abc import Iterator

import pytest

from experiments.cluster import Switch
from tests.e2e.field import Field, assert_nothing_wrong, frozen, processes, send, until

GOOD = {"Switched", "Refused", "Failed", "RolledBack"}


@contextlib.contextmanager
def _held(field: Field, phase: str) -> Iterator[None]:
    """The switch from blue to green is in `phase` within the block, and goes on after it."""
    with contextlib.ExitStack() as stack:
        blue = stack.enter_context(contextlib.ExitStack())
        blue.enter_context(frozen("consumer-blue-0"))
        if phase == "WaitingForLag":
            until("the controller to wait for lag", lambda: field.switch().phase == "WaitingForLag")
            yield
            return
        # Without a record in flight blue's position stays at the end, so that the lag policy lets the switch begin.
        until("the grant to be withdrawn", lambda: field.holder() == "")
        if phase == "Pausing":
            yield
            return
        stack.enter_context(frozen("consumer-green-0"))
        blue.close()
        until("green to be granted", lambda: field.holder() == "green")
        if phase == "RollingBack":
            until("the grant to be withdrawn again", lambda: field.holder() == "", 30)
        yield


def _kill(field: Field, victim: str, colour: str) -> None:
    if victim == "controller":
        send(field.controller_pod(), "controller", signal.SIGKILL)
    else:
        send(f"consumer-{colour}-1", "sidecar", signal.SIGKILL)


CASES = [(phase, victim) for phase in ("WaitingForLag", "Pausing", "Resuming") for victim in ("controller", "sidecar")]


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("phase", "victim"),
    [*CASES, ("RollingBack", "controller"), pytest.param("RollingBack", "sidecar", marks=pytest.mark.soak)],
)
def test_killed_in_a_phase(blue: Field, victim: str, phase: str) -> None:
    policy = "wait" if phase == "WaitingForLag" else "immediate"
    with blue.judged(f"{victim}-{phase}") as verdicts:
        blue.stack.configuration.set(lagPolicy=policy)
        with blue.updating("green") as updates, _held(blue, phase):
            _kill(blue, victim, "blue" if phase in ("WaitingForLag", "Pausing") else "green")
            until(f"the {victim} to be back", lambda: _back(blue, victim, phase), 60, 0.1)
        settled = _good_end(blue)
        if updates[0].error is None:
            assert settled.active == "green", settled.describe()
    blue.stack.configuration.set(lagPolicy="wait")
    assert_nothing_wrong(verdicts[0])


def _good_end(field: Field) -> Switch:
    """The end that the system reaches by itself; a rollback that was blocked goes on once its pod is back."""
    return field.cluster.wait_switch(
        field.namespace,
        lambda s: None if s.active and s.holds(s.settled) and s.settled and s.settled.reason in GOOD else s.describe(),
        "a good end",
        120,
    )


def _back(field: Field, victim: str, phase: str) -> bool:
    colour = "blue" if phase in ("WaitingForLag", "Pausing") else "green"
    pod = field.controller_pod() if victim == "controller" else f"consumer-{colour}-1"
    return bool(processes(pod, victim))


@pytest.mark.soak
def test_killed_at_any_moment(blue: Field) -> None:
    """Six switches, each with a kill some milliseconds after the command reached the cluster."""
    rng = random.Random(11)
    active = "blue"
    with blue.judged("any-moment") as verdicts:
        for number in range(6):
            target = "green" if active == "blue" else "blue"
            before = blue.lease()["metadata"]["resourceVersion"]
            generation = blue.switch().generation
            with blue.updating(target):
                until("the new generation", lambda g=generation: blue.switch().generation > g, 60)
                time.sleep(rng.uniform(0, 0.05))  # the moment is what is varied
                _kill(blue, ("controller", "sidecar")[number % 2], target)
            settled = _good_end(blue)
            assert blue.lease()["metadata"]["resourceVersion"] != before
            blue.wait_ready_pods()
            active = settled.active
    assert_nothing_wrong(verdicts[0])

"""kill -9 of the controller and of a sidecar at each phase of a switch: it ends in a good state by itself."""

import random
import signal
import time

import pytest

from experiments.cluster import LiveSwitch
from tests.support.field import Field, held
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("strategy-c"), pytest.mark.usefixtures("judged")]

DUPLICATES = 0

GOOD = {"Switched", "Refused", "Failed", "RolledBack"}


def _kill(field: Field, victim: str, pod: str) -> None:
    if victim == "controller":
        field.processes.send(field.controller_pod(), "controller", signal.SIGKILL)
    else:
        field.processes.send(pod, "sidecar", signal.SIGKILL)


@pytest.mark.parametrize("victim", ["controller", "sidecar"])
@pytest.mark.parametrize("phase", ["WaitingForLag", "Pausing", "Resuming", "RollingBack"])
def test_killed_in_a_phase(blue: Field, victim: str, phase: str) -> None:
    policy = "wait" if phase == "WaitingForLag" else "immediate"
    blue.stack.configuration.set(lagPolicy=policy)
    with blue.updating("green") as updates, held(blue, phase):
        pod = "consumer-blue-1" if phase in ("WaitingForLag", "Pausing") else "consumer-green-1"
        _kill(blue, victim, pod)
        until(f"the {victim} to be back", lambda: _back(blue, victim, pod), 60, 0.1)
    settled = _good_end(blue)
    if updates[0].error is None:
        assert settled.active == "green", settled.describe()
    blue.stack.configuration.set(lagPolicy="wait")


def _good_end(field: Field) -> LiveSwitch:
    """The end that the system reaches by itself; a rollback that was blocked goes on once its pod is back."""
    return field.cluster.wait_switch(
        field.namespace,
        lambda s: None if s.active and s.holds(s.settled) and s.settled and s.settled.reason in GOOD else s.describe(),
        "a good end",
        120,
    )


def _back(field: Field, victim: str, pod: str) -> bool:
    return bool(field.processes.of(field.controller_pod() if victim == "controller" else pod, victim))


def test_killed_at_any_moment(blue: Field) -> None:
    """Six switches, each with a kill some milliseconds after the command reached the cluster."""
    rng = random.Random(11)
    active = "blue"
    for number in range(6):
        target = "green" if active == "blue" else "blue"
        before = blue.lease()["metadata"]["resourceVersion"]
        generation = blue.switch().generation
        with blue.updating(target):
            until("the new generation", lambda g=generation: blue.switch().generation > g, 60)
            time.sleep(rng.uniform(0, 0.05))  # the moment is what is varied
            _kill(blue, ("controller", "sidecar")[number % 2], f"consumer-{target}-{number // 2}")
        settled = _good_end(blue)
        assert blue.lease()["metadata"]["resourceVersion"] != before
        active = settled.active
        blue.renew_controller()
        blue.wait_ready_pods()

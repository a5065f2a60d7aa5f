"""An update in the background, and processes that are frozen or gone."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from components.strategies.consumers import PARTS
from experiments.cluster import Cluster
from experiments.disturbance import PHASES, Disturbance, in_background
from experiments.errors import DeadlineError, ExperimentError, PreconditionError
from experiments.interrupts import Interrupted
from experiments.processes import LocalProcesses
from experiments.stacks import Update
from tests.experiments.test_cluster import listed
from tests.support.connectors import parts
from tests.support.fake_api import FakeApi
from tests.support.waiting import until

SWITCHES = "/apis/kafka-bluegreen.io/v1alpha1/namespaces/strategy-e/kafkaconsumerswitches"
UPDATE = Update(100.0, 2.0, None)


def test_an_update_goes_on_during_the_block_and_is_waited_for() -> None:
    go = threading.Event()

    def update() -> Update:
        assert go.wait(30)
        return UPDATE

    with in_background(update) as pending:
        with pytest.raises(ExperimentError, match="has not returned yet"):
            _ = pending.update
        go.set()
    assert pending.update is UPDATE


def test_an_interrupt_of_the_update_is_an_interrupt_of_the_run() -> None:
    def update() -> Update:
        raise Interrupted

    with pytest.raises(Interrupted), in_background(update):
        pass


def test_what_goes_wrong_in_the_block_is_told_first() -> None:
    with pytest.raises(KeyError), in_background(lambda: UPDATE):
        raise KeyError("in the block")


def test_an_update_that_does_not_return_has_a_deadline() -> None:
    go = threading.Event()

    def update() -> Update:
        go.wait(30)
        return UPDATE

    with pytest.raises(DeadlineError, match="pulumi up to return"), in_background(update, 0.05):
        pass
    go.set()


@pytest.fixture
def workload() -> Iterator[subprocess.Popen[bytes]]:
    """A process that looks like a consumer's of a pod of its own."""
    environment = {**os.environ, "POD_NAME": "consumer-test-0", "POD_NAMESPACE": "strategy-t"}
    code = "import time; time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code, "workloads.consumer"], env=environment)
    yield process
    process.kill()
    process.wait()


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_process_is_frozen_for_the_time_of_the_block(workload: subprocess.Popen[bytes]) -> None:
    processes = LocalProcesses("strategy-t")
    until("the process", lambda: processes.of("consumer-test-0", "consumer") == [workload.pid])
    with processes.frozen("consumer-test-0"):
        until("it to be frozen", lambda: _state(workload.pid) == "T")
    until("it to go on", lambda: _state(workload.pid) != "T")
    processes.send("consumer-test-0", "consumer", signal.SIGKILL)
    assert workload.wait(30) == -signal.SIGKILL


def test_a_process_that_is_not_there_is_named() -> None:
    with pytest.raises(PreconditionError, match="no process of workload consumer in pod consumer-none-0"):
        LocalProcesses("strategy-t").send("consumer-none-0", "consumer", signal.SIGKILL)


class Frozen(LocalProcesses):
    """Notes what is frozen and thawed, in order; `ready` comes before what has to be waited for."""

    def __init__(self) -> None:
        super().__init__("strategy-c")
        self.log: list[str] = []

    def frozen(
        self, pod: str, what: Any = "consumer", seconds: float = 0.0, after: Callable[[], None] = lambda: None
    ) -> Any:
        import contextlib

        @contextlib.contextmanager
        def noted() -> Iterator[None]:
            self.log.append(f"ready {pod}")
            after()
            self.log.append(f"freeze {pod}")
            yield
            self.log.append(f"thaw {pod}")

        return noted()


def lease(holder: str, version: str) -> dict[str, Any]:
    return {"metadata": {"name": "consumer-switch", "resourceVersion": version}, "spec": {"holderIdentity": holder}}


def test_who_hangs_in_a_switch_is_frozen_when_it_is_written(cluster: Cluster) -> None:
    processes, written = Frozen(), threading.Event()

    def wait() -> None:
        assert written.wait(30)

    def hang() -> None:
        with Disturbance(cluster, "strategy-c", PARTS.members, processes, wait).hung("consumer-green-1"):
            processes.log.append("in the block")

    thread = threading.Thread(target=hang)
    thread.start()
    until("all to be ready", lambda: processes.log == ["ready consumer-green-1"])
    written.set()
    thread.join(30)
    expected = ["ready consumer-green-1", "freeze consumer-green-1", "in the block", "thaw consumer-green-1"]
    assert processes.log == expected


@pytest.mark.parametrize(
    ("phase", "holders", "expected"),
    [
        (
            "Pausing",
            [""],
            ["ready consumer-green-0", "freeze consumer-green-0", "in the block", "thaw consumer-green-0"],
        ),
        (
            "Resuming",
            ["", "blue"],
            [
                "ready consumer-green-0",
                "freeze consumer-green-0",
                "ready consumer-blue-0",
                "freeze consumer-blue-0",
                "thaw consumer-green-0",
                "in the block",
                "thaw consumer-blue-0",
            ],
        ),
    ],
)
def test_a_phase_is_held_open(
    api: FakeApi, cluster: Cluster, phase: str, holders: list[str], expected: list[str]
) -> None:
    """From green to blue: nothing in it names a colour."""
    path = "/apis/coordination.k8s.io/v1/namespaces/strategy-c/leases"
    answers = [listed(lease("green", "1")), *(listed(lease(holder, "2")) for holder in holders[1:])]
    api.answers["GET", path] = lambda _: (200, answers.pop(0))
    api.events.put({"type": "MODIFIED", "object": lease(holders[0], "5")})
    processes = Frozen()
    with Disturbance(cluster, "strategy-c", PARTS.members, processes, lambda: None).held(phase, "green", "blue"):
        processes.log.append("in the block")
    assert processes.log == expected


def test_who_handles_the_records_stands_still_where_the_switch_waits_for_them(api: FakeApi, cluster: Cluster) -> None:
    """A member that has them handled by others holds nothing up by standing still."""
    own = parts()
    switch = {"metadata": {"name": "consumer", "resourceVersion": "1", "generation": 2}}
    switch |= {"spec": {"active": "blue"}, "status": {"phase": "WaitingForLag"}}
    api.answers["GET", SWITCHES] = (200, listed(switch))
    processes = Frozen()
    disturbance = Disturbance(cluster, "strategy-e", own.members, processes, lambda: None, at_work=own.at_work)
    with disturbance.held("WaitingForLag", "green", "blue"):
        processes.log.append("in the block")
    assert processes.log == [
        "ready green-connect-0",
        "freeze green-connect-0",
        "in the block",
        "thaw green-connect-0",
    ]
    assert [disturbance.holding(phase) is own.members for phase in PHASES] == [False, True, True, True]


def test_a_phase_that_cannot_be_held_is_refused(cluster: Cluster) -> None:
    disturbance = Disturbance(cluster, "strategy-c", PARTS.members, Frozen(), lambda: None)
    with pytest.raises(ValueError, match="'Ready' is none of"), disturbance.held("Ready", "blue", "green"):
        pass

"""What the end-to-end tests do to the deployed stacks: switch them as a user does, and judge the logs."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.strategies.consumers import PARTS
from experiments import records, verdict
from experiments.cluster import Cluster, LiveSwitch, Pod
from experiments.disturbance import Disturbance, in_background
from experiments.lag import Lag
from experiments.measurements import Verdict
from experiments.processes import LocalProcesses
from experiments.producer import CONTAINER, POD, Producer
from experiments.progress import Progress
from experiments.stacks import Stack, Update
from tests.support.waiting import until

NAMESPACE = "strategy-c"
LEASE = "consumer-switch"
CONTROLLER = "app.kubernetes.io/name=controller"
SETTLE_SECONDS = 90.0
# Of the drain and of the resume: half the default, because many tests wait for them.
TIMEOUT_SECONDS = 5


_PROCESSES = LocalProcesses(NAMESPACE)
processes, send, frozen = _PROCESSES.of, _PROCESSES.send, _PROCESSES.frozen


@dataclass
class Field:
    """The deployed strategy-c stack."""

    cluster: Cluster
    stack: Stack
    producer: Producer
    lag: Lag
    progress: Progress
    folder: Path
    attempt: int
    replicas: int = 3

    @property
    def namespace(self) -> str:
        return self.stack.name

    # -- reading

    def switch(self) -> LiveSwitch:
        return self.cluster.switch(self.namespace)

    def lease(self) -> dict[str, Any]:
        path = f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases/{LEASE}"
        return self.cluster.get(path)

    def holder(self) -> str:
        return str(self.lease()["spec"].get("holderIdentity") or "")

    def controller_pod(self) -> str:
        pods = self.cluster.pods(self.namespace, CONTROLLER)
        return next(pod.name for pod in pods if not pod.terminating)

    def wait_settled(self, seconds: float = SETTLE_SECONDS) -> LiveSwitch:
        """Until the newest generation has its outcome and a colour holds the grant."""
        return self.cluster.wait_switch(
            self.namespace,
            lambda s: None if s.holds(s.settled) and s.active else s.describe(),
            "the switch to settle",
            seconds,
        )

    def wait_ready_pods(self, seconds: float = 120.0) -> None:
        def missing(objects: dict[str, dict[str, Any]]) -> str | None:
            pods = [Pod.of(raw) for raw in objects.values()]
            ready = sum(pod.ready and not pod.terminating for pod in pods)
            return None if ready == 2 * self.replicas == len(pods) else f"{ready} of {len(pods)} Ready"

        path = f"/api/v1/namespaces/{self.namespace}/pods"
        self.cluster.wait(path, [("labelSelector", PARTS.members.selector)], missing, "all consumer pods", seconds)

    def renew_controller(self) -> None:
        """A new pod for a controller that was killed: kubelet waits ever longer before it starts a container again."""
        for pod in self.cluster.pods(self.namespace, CONTROLLER):
            if pod.restarts and not pod.terminating:
                self.cluster.delete_pod(self.namespace, pod.name)

    # -- switching, as a user does

    def up(self, active: str, **changes: Any) -> Update:
        """`pulumi up` with this colour, as a new attempt; returns when Pulumi does."""
        self.attempt += 1
        self.stack.configuration.set(active=active, attempt=self.attempt, **changes)
        return self.stack.up()

    @contextlib.contextmanager
    def updating(self, active: str) -> Iterator[list[Update]]:
        """`pulumi up` in the background of the block; afterwards the list holds its Update."""
        ended: list[Update] = []
        with in_background(lambda: self.up(active)) as pending:
            yield ended
        ended.append(pending.update)

    def steady(self, active: str = "blue") -> None:
        """Everybody is there, and `active` is."""
        self.renew_controller()
        self.wait_ready_pods()
        if self.wait_settled().active != active or self.switch().wanted != active:
            update = self.up(active)
            assert update.error is None, update.error
        until(f"{active} to hold the grant", lambda: self.holder() == active)

    # -- judging

    @contextlib.contextmanager
    def judged(self, name: str) -> Iterator[list[Verdict]]:
        """Everything that the block lets happen is judged from the record logs of a producer of its own."""
        verdicts: list[Verdict] = []
        started = time.time_ns()
        counts = self.producer.renew()
        self.lag.wait_caught_up(60)
        yield verdicts
        self.wait_ready_pods()
        active = self.wait_settled().active
        self.producer.silence()
        self.lag.wait_caught_up(90, active)
        self.producer.renew()
        logs = self.folder / name
        logs.mkdir(parents=True)
        arguments = ["--producer", counts.name, "--since-ns", str(started)]
        records.export(self.namespace, POD, CONTAINER, arguments, scratch=self.folder, target=logs)
        for pod in self.cluster.pods(self.namespace, PARTS.members.selector):
            records.export(self.namespace, pod.name, "consumer", arguments, scratch=self.folder, target=logs)
        verdicts.append(verdict.validate(logs, [counts.name], self.folder / f"{name}.json"))


def held(field: Field, phase: str) -> contextlib.AbstractContextManager[None]:
    """The switch from blue to green is in `phase` within the block, and goes on after it."""
    return Disturbance(field.cluster, field.namespace, PARTS.members, _PROCESSES).held(phase, "blue", "green")


def assert_nothing_wrong(judged: Verdict, duplicates: int = 0) -> None:
    """No anomaly but up to so many duplicates, and the run saw traffic at all."""
    assert judged.acked > 100, "too little traffic to say anything"
    wrong = {kind: n for kind, n in judged.anomalies.items() if n and kind != "duplicate"}
    assert not wrong, f"anomalies {wrong} in {judged.acked} acknowledged records"
    assert judged.anomalies["duplicate"] <= duplicates, (
        f"{judged.anomalies['duplicate']} duplicates, at most {duplicates}"
    )

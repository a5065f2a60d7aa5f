"""Connectors as a run sees them, and as a user moves them by hand: by Connect's REST API, or by their resources.

Connect's answers come through any worker's pod, and say what the workers have agreed on. Nothing in here takes part in
a switch; whoever moves a connector by hand holds its agent still meanwhile, because the agent puts right what nobody
was granted.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from components import connect_names
from components.names import Color
from components.strategies.parts import Connectors, Part, Parts
from experiments import by_hand
from experiments.cluster import Cluster, ClusterError, Pod
from experiments.errors import DeadlineError, ExperimentError, PreconditionError

ABSENT = "ABSENT"
RUNNING, PAUSED, STOPPED, UNASSIGNED = "RUNNING", "PAUSED", "STOPPED", "UNASSIGNED"
#: How a state is asked for: Connect's call, and the resource's word.
CALLS: Mapping[str, str] = {RUNNING: "resume", PAUSED: "pause", STOPPED: "stop"}
WORDS: Mapping[str, str] = {RUNNING: "running", PAUSED: "paused", STOPPED: "stopped"}
_POLL_SECONDS = 0.02
_ANSWER_SECONDS = 10.0
# Between two generations of workers Connect refuses everything that is not read.
_NOT_NOW = 409
_NOT_NOW_SECONDS = 30.0
_AGAIN_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class State:
    """A connector's state, Connect's word or ABSENT, and its tasks' by their numbers."""

    connector: str
    tasks: Mapping[int, str]

    @classmethod
    def of(cls, status: Mapping[str, Any]) -> "State":
        """From what Connect says, or from a resource's `status.connectorStatus`."""
        tasks = {int(task["id"]): str(task["state"]) for task in status.get("tasks") or ()}
        return cls(str((status.get("connector") or {}).get("state") or ABSENT), tasks)

    def is_all(self, state: str) -> bool:
        """Whether it is in a state with all that belongs to it: stopped, no worker has a task of it; else each task is
        in that state, and there is one.
        """
        if self.connector != state:
            return False
        states = set(self.tasks.values())
        return states <= {UNASSIGNED} if state == STOPPED else states == {state}

    def told(self) -> str:
        """For people."""
        tasks = ", ".join(f"{number} {state}" for number, state in sorted(self.tasks.items()))
        return f"{self.connector} (tasks {tasks})" if tasks else f"{self.connector} (no task)"


def required(parts: Parts) -> tuple[Connectors, Part, Part]:
    """The connectors of a strategy, its workers and its recorders. Raises PreconditionError for one without."""
    if parts.connectors is None or parts.workers is None or parts.recorder is None:
        raise PreconditionError(
            "this strategy's colours are no connectors; run this scenario with a strategy whose colours are"
        )
    return parts.connectors, parts.workers, parts.recorder


class Connect:
    """The connectors of one stack."""

    def __init__(self, cluster: Cluster, namespace: str, connectors: Connectors, workers: Part) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._connectors = connectors
        self._workers = workers

    @property
    def by_resource(self) -> bool:
        """Whether the stack moves its connectors by their resources."""
        return self._connectors.by_resource

    @property
    def control(self) -> str:
        """By what the stack moves its connectors, for a result."""
        return "resource" if self.by_resource else "REST"

    def name(self, color: Color) -> str:
        """A colour's connector."""
        return self._connectors.names[color]

    def resource(self, color: Color) -> str:
        """A colour's connector's resource, as kubectl is told of it."""
        return self._connectors.resources.named(self.name(color))

    def resource_path(self, color: Color) -> str:
        """The same, as the API server has it."""
        return self._connectors.resources.path(self._namespace, self.name(color))

    # What is

    def version(self) -> str:
        """Connect's, as a worker says it. Raises ExperimentError."""
        answer = self._read("blue", "/") or self._read("green", "/")
        if not isinstance(answer, dict) or "version" not in answer:
            raise ExperimentError("no worker says its version")
        return str(answer["version"])

    def managers(self) -> list[str]:
        """Who manages the workers' pods, by their label."""
        raws = self._cluster.get(
            f"/api/v1/namespaces/{self._namespace}/pods", [("labelSelector", self._workers.selector)]
        )["items"]
        labels = (raw["metadata"].get("labels", {}).get(connect_names.MANAGED_BY_LABEL) for raw in raws)
        return sorted({str(label) for label in labels if label})

    def state(self, color: Color) -> State:
        """A connector's state as Connect tells it. Raises ClusterError when no worker answers."""
        return State.of(self._read(color, f"/connectors/{self.name(color)}/status") or {})

    def group(self, color: Color) -> str | None:
        """The consumer group that its configuration makes; None if there is no such connector. Raises ClusterError."""
        config = self._read(color, f"/connectors/{self.name(color)}/config")
        return None if config is None else group_of(self.name(color), config)

    def workers(self, color: Color) -> list[Pod]:
        """A colour's workers, by name."""
        name = self._workers.sets[color]
        pods = self._cluster.pods(self._namespace, self._workers.selector)
        return sorted((pod for pod in pods if pod.name.rpartition("-")[0] == name), key=lambda pod: pod.name)

    # What is done by hand

    def ask(self, color: Color, state: str, *, by_resource: bool) -> float:
        """Ask for a state; returns when that was taken, with the seconds that it took. Raises ExperimentError."""
        begun = time.monotonic()
        if by_resource:
            by_hand.ask_for_state(self._namespace, self.resource(color), WORDS[state])
        else:
            self._put(color, f"/connectors/{self.name(color)}/{CALLS[state]}")
        return time.monotonic() - begun

    def alter_offsets(self, color: Color, topic: str, offsets: Mapping[int, int]) -> int:
        """Give a connector these offsets (KIP-875); returns the status of Connect's answer. Raises ClusterError where
        there was none.
        """
        body = {
            "offsets": [
                {
                    "partition": {"kafka_topic": topic, "kafka_partition": partition},
                    "offset": {"kafka_offset": offset},
                }
                for partition, offset in sorted(offsets.items())
            ]
        }
        try:
            self._call(color, f"/connectors/{self.name(color)}/offsets", method="PATCH", body=body)
        except ClusterError as error:
            if error.status is None:
                raise
            return error.status
        return 200

    # Waiting

    def wait(self, color: Color, state: str, seconds: float) -> float:
        """Wait until a connector is in a state with all that belongs to it; returns the seconds.

        Connect tells nobody of a change, so it is asked again and again. Raises DeadlineError.
        """
        return self.wait_until(color, lambda found: found.is_all(state), f"to be {state}", seconds)

    def wait_until(self, color: Color, fits: Callable[[State], bool], what: str, seconds: float) -> float:
        """The same for any state. Raises DeadlineError."""
        begun, last = time.monotonic(), "no answer"
        while (now := time.monotonic()) - begun < seconds:
            try:
                found = self.state(color)
            except ClusterError as error:
                last = str(error)
            else:
                if fits(found):
                    return time.monotonic() - begun
                last = found.told()
            time.sleep(min(_POLL_SECONDS, max(0.0, begun + seconds - now)))
        raise DeadlineError(f"connector {self.name(color)} {what}", seconds, last)

    # Connect's REST API

    def _read(self, color: Color, path: str) -> Any:
        """What Connect answers; None for what it does not have."""
        try:
            return json.loads(self._call(color, path))
        except ClusterError as error:
            if error.not_found:
                return None
            raise

    def _put(self, color: Color, path: str) -> None:
        """A change, asked for again while the workers are between two generations."""
        deadline = time.monotonic() + _NOT_NOW_SECONDS
        while True:
            try:
                self._call(color, path, method="PUT")
            except ClusterError as error:
                if error.status != _NOT_NOW or time.monotonic() > deadline:
                    raise
                time.sleep(_AGAIN_SECONDS)
            else:
                return

    def _call(self, color: Color, path: str, *, method: str = "GET", body: Any = None) -> bytes:
        ready = [pod for pod in self.workers(color) if pod.ready and not pod.terminating]
        if not ready:
            raise ClusterError(f"no worker of {color} is ready, of which Connect could be asked")
        return self._cluster.through_pod(
            self._namespace,
            ready[0].name,
            self._connectors.rest_port,
            path,
            method=method,
            body=body,
            seconds=_ANSWER_SECONDS,
        )


def group_of(connector: str, config: Mapping[str, Any]) -> str:
    """The consumer group of a sink connector: what its configuration says, else Connect's own name for it."""
    return str(config.get(connect_names.GROUP_KEY) or connect_names.group(connector))

"""The workers of a Connect cluster: which pods there are, and what each process says that it runs.

What a process says of itself is read from its metrics endpoint (a JMX exporter), because Connect's REST API answers
with what the cluster has agreed on, whichever worker is asked: the status of a frozen worker's tasks is deleted by the
leader while they may go on. These series count:

| series | from the MBean | meaning |
| --- | --- | --- |
| `kafka_connect_worker_task_count` | `connect-worker-metrics`, `task-count` | must be there: the endpoint speaks |
| any with labels `connector`, `task` | `connector-task-metrics`, `sink-task-metrics` | a task that the worker has |
| any with label `client_id` | `kafka.consumer`, `connector-consumer-<connector>-<task>` | a consumer that is open |
| `kafka_connect_rebalance_epoch` | `connect-worker-rebalance-metrics`, `epoch` | the generation; optional |
| `kafka_connect_rebalance_rebalancing` | the same, `rebalancing` | 1 between two generations; optional |
| `kafka_connect_sink_records_sent_total` | `sink-task-metrics`, `sink-record-send-total` | records given to the sink |
| `kafka_consumer_errors_total` | `task-error-metrics`, `total-record-errors` | records that failed before it |

A task that did not end within `task.shutdown.graceful.timeout.ms` is taken off Connect's list while its thread goes on:
its consumer is what still tells of it.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import urllib3

from workloads.common.kube import Kube, KubeError
from workloads.sidecar.connect.control import SilentError
from workloads.sidecar.connect.seen import Worker

TASK_COUNT = "kafka_connect_worker_task_count"
GENERATION = "kafka_connect_rebalance_epoch"
REBALANCING = "kafka_connect_rebalance_rebalancing"
SENT = "kafka_connect_sink_records_sent_total"
ERRORS = "kafka_consumer_errors_total"
AT_A_TIME = 8
LEAST_SECONDS = 0.05

_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})?\s+(\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Pod:
    """A worker's pod. uid: which process; host: its address, empty while it has none."""

    name: str
    uid: str
    host: str


@dataclass(frozen=True, slots=True)
class Counts:
    """What one task's metrics say, since the task began: records given to the sink, and records that failed on their
    way to it (in a converter or a transform), whether they were skipped or ended the task.
    """

    sent: int
    failed: int


# A worker's pod UID, and the number of a task that it has.
TaskAt = tuple[str, int]

# The colour's pods, all of them, as they are now. Raises SilentError.
Pods = Callable[[float], Sequence[Pod]]


def listed(kube: Kube, namespace: str, selector: str) -> Pods:
    """The pods by a consistent list (no cache): whoever is not in it is gone."""
    path = f"/api/v1/namespaces/{namespace}/pods"

    def pods(deadline: float) -> Sequence[Pod]:
        try:
            found = kube.list(path, labels_are=selector, deadline=deadline)
        except KubeError as error:
            raise SilentError(f"workers cannot be listed: {error}") from error
        return [
            Pod(
                item["metadata"]["name"],
                item["metadata"]["uid"],
                str((item.get("status") or {}).get("podIP") or ""),
            )
            for item in found["items"]
        ]

    return pods


class Workers:
    """Asks the colour's workers, all at the same time. Safe for threads."""

    def __init__(self, pods: Pods, port: int) -> None:
        self._pods = pods
        self._port = port
        self._http = urllib3.PoolManager(num_pools=AT_A_TIME * 4, maxsize=2)
        self._hands = ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="ask-worker")

    def ask(self, connector: str, deadline: float) -> tuple[Worker, ...]:
        """What each says of this connector's tasks; asked after this call began. Raises SilentError without a list."""
        found = self._pods(deadline)
        return tuple(self._hands.map(lambda pod: self._one(pod, connector, deadline), found))

    def counts(self, connector: str, deadline: float) -> Mapping[TaskAt, Counts]:
        """What the connector's tasks have counted. Raises SilentError without a list, or naming who is silent."""
        counted: dict[TaskAt, Counts] = {}
        ends = time.monotonic() + deadline
        found = self._pods(deadline)
        left = max(LEAST_SECONDS, ends - time.monotonic())
        for pod, (text, problem) in zip(
            found, self._hands.map(lambda pod: self._metrics(pod, left), found), strict=True
        ):
            if problem:
                raise SilentError(f"{pod.name} does not say what its tasks have counted: {problem}")
            counted |= {(pod.uid, task): counts for task, counts in counted_by(text, connector).items()}
        return counted

    def _one(self, pod: Pod, connector: str, deadline: float) -> Worker:
        text, problem = self._metrics(pod, deadline)
        return Worker(pod.name, problem=problem) if problem else understood(pod.name, text, connector)

    def _metrics(self, pod: Pod, deadline: float) -> tuple[str, str]:
        """(its metrics, why they could not be had): one of them is empty."""
        if not pod.host:
            return "", "has no address"
        try:
            response = self._http.request(
                "GET", f"http://{pod.host}:{self._port}/metrics", timeout=deadline, retries=False, redirect=False
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            return "", f"metrics: {type(error).__name__}"
        if response.status != 200:
            return "", f"metrics: HTTP {response.status}"
        return response.data.decode(errors="replace"), ""


def counted_by(text: str, connector: str) -> dict[int, Counts]:
    """Task number -> what it has counted, by a worker's metrics. Connect makes both series when a task begins and takes
    them away when it ends, one after the other: a task that has one of them has nothing to tell, for without the other
    one it would seem to have begun anew, or to fail at nothing.
    """
    found: dict[str, dict[int, int]] = {SENT: {}, ERRORS: {}}
    for name, labels_text, value in _SAMPLE.findall(text):
        if name not in found or connector not in labels_text:
            continue
        labels = {label: _plain(text) for label, text in _LABEL.findall(labels_text)}
        if labels.get("connector") == connector and labels.get("task", "").isdigit():
            # Before its first value a sum of the JVM's is NaN to some exporters.
            found[name][int(labels["task"])] = int(float(value)) if value != "NaN" else 0
    return {task: Counts(found[SENT][task], found[ERRORS][task]) for task in found[SENT].keys() & found[ERRORS].keys()}


def understood(pod: str, text: str, connector: str) -> Worker:
    """What a worker's metrics (Prometheus's text format) say of this connector."""
    consumer = re.compile(rf"connector-consumer-{re.escape(connector)}-(\d+)")
    tasks: set[int] = set()
    numbers: dict[str, float] = {}
    for name, labels_text, value in _SAMPLE.findall(text):
        if name in (TASK_COUNT, GENERATION, REBALANCING):
            numbers[name] = float(value)
        if connector not in labels_text:
            continue
        labels = {label: _plain(text) for label, text in _LABEL.findall(labels_text)}
        if labels.get("connector") == connector and labels.get("task", "").isdigit():
            tasks.add(int(labels["task"]))
        owner = consumer.fullmatch(labels.get("client_id", ""))
        if owner:
            tasks.add(int(owner[1]))
    if TASK_COUNT not in numbers:
        return Worker(pod, problem=f"its metrics have no {TASK_COUNT}")
    generation = int(numbers[GENERATION]) if GENERATION in numbers else None
    return Worker(pod, tuple(sorted(tasks)), "", generation, numbers.get(REBALANCING, 0.0) > 0)


def _plain(text: str) -> str:
    return text.replace('\\"', '"').replace("\\n", "\n").replace("\\\\", "\\")

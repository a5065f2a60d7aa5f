"""What the end-to-end tests of controller and sidecars need of a cluster: a namespace of their own on a real API
server, pods that exist but run nowhere, and the two programs as ordinary processes beside it.
"""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from components.names import COLORS
from tests.support.standin import StandIn
from tests.support.waiting import until
from workloads.common.kube import ApiError, Kube, Object, access
from workloads.common.lease import Grant, from_lease

ROOT = Path(__file__).parents[2]
DEFINITION = ROOT / "components" / "files" / "kafkaconsumerswitch.yaml"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
LEASE = "consumer-switch"
SWITCH = "consumer"


class Process:
    """A workload as a process on this machine."""

    def __init__(self, name: str, module: str, log: Path, environment: dict[str, str]) -> None:
        self.name = name
        self._module = module
        self._log = log
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; its log is appended to."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._module],
                cwd=ROOT,
                env={**os.environ, **self._environment},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        if self._process is not None:
            self._process.send_signal(number)

    def wait(self, seconds: float) -> int:
        """Its exit code."""
        if self._process is None:
            raise AssertionError(f"{self.name} was never started")
        return self._process.wait(seconds)

    def log(self) -> list[dict[str, Any]]:
        """What it logged."""
        return [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]


class World:
    """One namespace with a switch, pods, and stand-in consumers."""

    def __init__(self, kube: Kube, namespace: str, folder: Path, replicas: int, partitions: int) -> None:
        self.kube = kube
        self.namespace = namespace
        self.folder = folder
        self.replicas = replicas
        self.partitions = partitions
        self.processes: dict[str, Process] = {}
        self.consumers: dict[str, StandIn] = {}
        self._ports: dict[str, int] = {}
        self.pods_path = f"/api/v1/namespaces/{namespace}/pods"
        self.lease_path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{LEASE}"
        self.switches_path = f"/apis/kafka-bluegreen.io/v1alpha1/namespaces/{namespace}/kafkaconsumerswitches"
        self.switch_path = f"{self.switches_path}/{SWITCH}"

    # -- making things ---------------------------------------------------------------------------------------------

    def pod_names(self, color: str) -> list[str]:
        """The pods that a colour has."""
        return [f"consumer-{color}-{number}" for number in range(self.replicas)]

    def make_pod(self, name: str) -> Object:
        """A pod that no scheduler touches, Ready."""
        color = name.split("-")[1]
        pod = self.kube.post(
            self.pods_path,
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": name,
                    "labels": {"app.kubernetes.io/name": "consumer", "kafka-bluegreen.io/color": color},
                },
                "spec": {
                    "schedulerName": "none",
                    "automountServiceAccountToken": False,
                    "containers": [{"name": "consumer", "image": "none"}],
                },
            },
        )
        self.set_ready(name, ready=True)
        return pod

    def set_ready(self, name: str, *, ready: bool) -> None:
        """What the kubelet would say."""
        condition = {"type": "Ready", "status": str(ready)}
        self.kube.patch(f"{self.pods_path}/{name}/status", {"status": {"conditions": [condition]}})

    def turns(self, name: str, *, ready: bool) -> None:
        """A pod's readiness changes, and the controller has seen it: it watches pods and switch apart."""
        self.set_ready(name, ready=ready)

        def seen() -> bool:
            members = self.switch()["status"]["members"]
            return any(member["pod"] == name and member["ready"] == ready for member in members)

        until(f"the controller sees {name} ready: {ready}", seen)

    def make_consumer(self, name: str) -> StandIn:
        """The consumer of a pod; it owns every n-th partition when active."""
        number = int(name.rpartition("-")[2])
        self.consumers[name] = StandIn(tuple(range(number, self.partitions, self.replicas)))
        return self.consumers[name]

    def make_switch(self, active: str = "blue", **changes: object) -> None:
        """The KafkaConsumerSwitch."""
        spec: dict[str, object] = {
            "strategy": "c",
            "active": active,
            "attempt": 1,
            "topic": "bluegreen",
            "partitions": self.partitions,
            "leaseName": LEASE,
            "membership": "takeover",
            "lagPolicy": "immediate",
            "lagTimeoutSeconds": 5,
            "lagThreshold": 0,
            "readyTimeoutSeconds": 30,
            "drainTimeoutSeconds": 30,
            "resumeTimeoutSeconds": 30,
            **{
                color: {
                    "selector": {"app.kubernetes.io/name": "consumer", "kafka-bluegreen.io/color": color},
                    "replicas": self.replicas,
                    "version": "1",
                    "group": "bluegreen-c",
                }
                for color in COLORS
            },
            **changes,
        }
        self.kube.post(
            self.switches_path,
            {
                "apiVersion": "kafka-bluegreen.io/v1alpha1",
                "kind": "KafkaConsumerSwitch",
                "metadata": {"name": SWITCH},
                "spec": spec,
            },
        )

    def ask(self, active: str | None = None, **changes: object) -> int:
        """Change the spec; returns the generation."""
        spec = {**({"active": active} if active else {}), **changes}
        body: Object = {"spec": spec}
        changed = self.kube.patch(self.switch_path, body, content_type="application/merge-patch+json")
        return int(changed["metadata"]["generation"])

    # -- processes -------------------------------------------------------------------------------------------------

    def start_sidecar(self, pod: str) -> Process:
        """The sidecar of a pod."""
        uid = self.kube.get(f"{self.pods_path}/{pod}")["metadata"]["uid"]
        return self._start(
            f"sidecar-{pod}",
            "workloads.sidecar",
            {
                "BG_COLOR": pod.split("-")[1],
                "BG_LEASE_NAME": LEASE,
                "BG_LIFECYCLE_URL": self.consumers[pod].url,
                "BG_HTTP_PORT": "0",
                "BG_HTTP_HOST": "127.0.0.1",
                "POD_NAME": pod,
                "POD_UID": uid,
            },
        )

    def start_controller(self, name: str = "controller", **settings: str) -> Process:
        """A controller."""
        return self._start(
            name,
            "workloads.controller",
            {
                "BG_BOOTSTRAP_SERVERS": "127.0.0.1:1",
                "BG_HTTP_PORT": "0",
                "BG_HTTP_HOST": "127.0.0.1",
                "POD_NAME": name,
                **settings,
            },
        )

    def _start(self, name: str, module: str, environment: dict[str, str]) -> Process:
        process = Process(name, module, self.folder / f"{name}.log", {"POD_NAMESPACE": self.namespace, **environment})
        self.processes[name] = process
        process.start()
        return process

    def start_all(self, active: str = "blue", **changes: object) -> None:
        """Everything, settled on `active`."""
        for color in COLORS:
            for pod in self.pod_names(color):
                self.make_pod(pod)
                self.make_consumer(pod)
                self.start_sidecar(pod)
        self.make_switch(active, **changes)
        self.start_controller()
        self.settled(1)

    # -- looking ---------------------------------------------------------------------------------------------------

    def switch(self) -> Object:
        """The KafkaConsumerSwitch."""
        return self.kube.get(self.switch_path)

    def grant(self) -> Grant | None:
        """The Lease; None when there is none."""
        try:
            return from_lease(self.kube.get(self.lease_path))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def settled(self, generation: int, seconds: float = 60.0) -> dict[str, Any]:
        """The status once it says Settled for this generation."""

        def look() -> dict[str, Any] | None:
            status: dict[str, Any] = self.switch().get("status") or {}
            condition = self.condition(status, "Settled")
            done = condition.get("status") == "True" and condition.get("observedGeneration") == generation
            return status if done else None

        result: dict[str, Any] = until(f"Settled for generation {generation}", look, seconds)
        return result

    @staticmethod
    def condition(status: dict[str, Any], kind: str) -> dict[str, Any]:
        """One condition of a status; empty when it is not there."""
        return next((c for c in status.get("conditions") or () if c["type"] == kind), {})

    def active(self) -> dict[str, int]:
        """The consumers that are ACTIVE, with their epochs."""
        return {name: c.lifecycle.epoch for name, c in self.consumers.items() if c.lifecycle.state == "ACTIVE"}

    def close(self) -> None:
        """End every process, and the namespace's content."""
        for process in self.processes.values():
            process.send(signal.SIGCONT)
            process.kill()
        for consumer in self.consumers.values():
            consumer.hangs = False
            consumer.server.stop()


def _quietly(kube: Kube, path: str, body: Object | None = None) -> None:
    """Create it, unless it exists; without a body: delete it, unless it does not."""
    try:
        if body is None:
            kube.delete(path, deadline=10)
        else:
            kube.post(path, body, deadline=10)
    except ApiError as error:
        if error.status not in {404, 409}:
            raise


def make_definition(kube: Kube) -> None:
    """The CustomResourceDefinition, if the platform has not made it."""
    content = yaml.safe_load(DEFINITION.read_text())
    name = content["metadata"]["name"]
    try:
        kube.get(f"{DEFINITIONS}/{name}")
    except ApiError as error:
        if error.status != 404:
            raise
        _quietly(kube, DEFINITIONS, content)

    def established() -> bool:
        try:
            conditions = kube.get(f"{DEFINITIONS}/{name}").get("status", {}).get("conditions", [])
            kube.list("/apis/kafka-bluegreen.io/v1alpha1/kafkaconsumerswitches")
        except ApiError:
            return False
        return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)

    until("the CRD is established", established)


@contextmanager
def world(folder: Path, replicas: int = 2, partitions: int = 4) -> Iterator[World]:
    """A namespace of its own on the cluster that KUBECONFIG names; removed at the end."""
    kube = Kube(access(), "kafka-bluegreen-tests")
    namespace = f"test-{uuid.uuid4().hex[:8]}"
    make_definition(kube)
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    _quietly(kube, "/api/v1/namespaces", body)
    made = World(kube, namespace, folder, replicas, partitions)
    try:
        yield made
    finally:
        made.close()
        _quietly(kube, f"/api/v1/namespaces/{namespace}")

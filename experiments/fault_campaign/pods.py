"""Pods that are taken away: asked to end, evicted, and deleted by force once their processes are dead."""

import contextlib
import signal

from components.names import PLATFORM_NAMESPACE, SIDECAR
from experiments.errors import PreconditionError
from experiments.fault_campaign.plan import Injection
from experiments.fault_campaign.scene import Inject, Scene, happens


def _delete(scene: Scene, injection: Injection) -> str:
    pod = scene.worker(injection)
    scene.lab.cluster.delete_pod(scene.namespace, pod)
    return pod


def _evict(scene: Scene, injection: Injection) -> str:
    pod = scene.worker(injection)
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": scene.namespace}}
    scene.lab.cluster.request("POST", f"/api/v1/namespaces/{scene.namespace}/pods/{pod}/eviction", body=body)
    return pod


def _force(scene: Scene, injection: Injection) -> str:
    """First the processes, then the object: design §4 lets nobody say that a process is dead which is not."""
    pod = scene.worker(injection)
    for program in (scene.lab.parts.at_work.program, SIDECAR):
        with contextlib.suppress(PreconditionError):  # dead already, or there is no sidecar in it
            scene.processes.send(pod, program, signal.SIGKILL)
    scene.lab.cluster.delete_pod(scene.namespace, pod, force=True)
    return pod


def _agent(scene: Scene, injection: Injection) -> str:
    pod, _ = scene.mover(injection)
    scene.lab.cluster.delete_pod(scene.namespace, pod)
    return pod


def _controller(scene: Scene, _injection: Injection) -> str:
    pod = scene.controller()
    scene.lab.cluster.delete_pod(scene.namespace, pod)
    return pod


def _broker(scene: Scene, _injection: Injection) -> str:
    pod = scene.broker()
    scene.lab.cluster.delete_pod(PLATFORM_NAMESPACE, pod)
    return pod


INJECT: dict[str, Inject] = {
    "pod-delete": happens(_delete),
    "pod-evict": happens(_evict),
    "pod-force-delete": happens(_force),
    "agent-delete": happens(_agent),
    "controller-delete": happens(_controller),
    "broker-restart": happens(_broker),
}

"""A pod that reaches somebody no more: routes that swallow what is sent, in the pod's own network namespace.

A blackhole and not an unreachable one: whoever is cut off hears nothing, as where packets are lost.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from components.names import KAFKA, LIFECYCLE_PORT, NAME_LABEL, PLATFORM_NAMESPACE
from experiments.campaign.plan import Injection
from experiments.campaign.scene import Inject, Scene
from experiments.campaign.undoing import changed
from experiments.errors import PreconditionError

_NO_ADDRESS = ("", "None")


def _addresses(scene: Scene, namespace: str, selector: str) -> list[str]:
    """Those of the Services, and of the pods behind them."""
    query = [("labelSelector", selector)] if selector else []
    services = scene.lab.cluster.get(f"/api/v1/namespaces/{namespace}/services", query)["items"]
    pods = scene.lab.cluster.get(f"/api/v1/namespaces/{namespace}/pods", query)["items"] if selector else []
    found = [str(service["spec"].get("clusterIP") or "") for service in services]
    found += [str(pod.get("status", {}).get("podIP") or "") for pod in pods]
    wanted = sorted({address for address in found if address not in _NO_ADDRESS})
    if not wanted:
        raise PreconditionError(f"nobody in {namespace} has an address to be cut off from")
    return wanted


@contextmanager
def _without(pid: int, addresses: list[str]) -> Iterator[None]:
    make = [["ip", "route", "add", "blackhole", f"{address}/32"] for address in addresses]
    undo = [["ip", "route", "del", "blackhole", f"{address}/32"] for address in addresses]
    with changed(make, undo, net=pid):
        yield


@contextmanager
def _cut_broker(scene: Scene, injection: Injection) -> Iterator[str]:
    pod = scene.worker(injection)
    addresses = _addresses(scene, PLATFORM_NAMESPACE, f"{NAME_LABEL}={KAFKA}")
    with _without(scene.processes.one(pod, scene.lab.parts.at_work.program), addresses):
        yield pod


@contextmanager
def _cut_api(scene: Scene, injection: Injection) -> Iterator[str]:
    """From the Service `kubernetes`, by whose address every pod goes to the API server."""
    pod, program = scene.mover(injection)
    service = scene.lab.cluster.get("/api/v1/namespaces/default/services/kubernetes")
    with _without(scene.processes.one(pod, program), [str(service["spec"]["clusterIP"])]):
        yield pod


@contextmanager
def _cut_sidecar(scene: Scene, injection: Injection) -> Iterator[str]:
    pod = scene.worker(injection)
    rule = ["INPUT", "-i", "lo", "-p", "tcp", "--dport", str(LIFECYCLE_PORT), "-j", "DROP"]
    with changed(
        [["iptables", "-w", "-I", *rule]],
        [["iptables", "-w", "-D", *rule]],
        net=scene.processes.one(pod, scene.lab.parts.at_work.program),
    ):
        yield pod


INJECT: dict[str, Inject] = {"cut-broker": _cut_broker, "cut-api": _cut_api, "cut-sidecar": _cut_sidecar}

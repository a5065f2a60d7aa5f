"""A pod that reaches somebody no more, or somebody else in its place, by routes and rules in the pod's own network
namespace.

The routes are blackholes and not unreachable ones: whoever is cut off hears nothing, as where packets are lost. An API
server that refuses speaks with the real one's certificate, so clients believe it (`refusing`).
"""

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from components.names import CONTROLLER, KAFKA, LIFECYCLE_PORT, NAME_LABEL, PLATFORM_NAMESPACE
from experiments.errors import PreconditionError
from experiments.fault_campaign.plan import Injection
from experiments.fault_campaign.scene import Inject, Scene, inhabitants
from experiments.fault_campaign.undoing import changed, run, running
from experiments.lab import Lab

_REFUSING = Path(__file__).parent / "refusing.py"
_STATUSES = (500, 429, 409)
_LATE_SECONDS = 1.0
_JUMPS = ("DROP", "REDIRECT", "REJECT")
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


def _api_address(scene: Scene) -> str:
    service = scene.lab.cluster.get("/api/v1/namespaces/default/services/kubernetes")
    return str(service["spec"]["clusterIP"])


@contextmanager
def _slowed(scene: Scene, pid: int) -> Iterator[None]:
    endpoints = scene.lab.cluster.get("/api/v1/namespaces/default/endpoints/kubernetes")
    found = [(one["addresses"][0]["ip"], one["ports"][0]["port"]) for one in endpoints.get("subsets") or ()]
    if not found:
        raise PreconditionError("nobody says where the API server itself is")
    host, port = found[0]
    command = [sys.executable, str(_REFUSING), _api_address(scene), "slow", host, str(port), str(_LATE_SECONDS)]
    with running(command, net=pid):
        yield


@contextmanager
def _refused(scene: Scene, pid: int) -> Iterator[None]:
    """The certificate is where the API server says on its command line that it is."""
    arguments = scene.processes.arguments(scene.processes.daemon_of(pid, "kube-apiserver"))
    files = [arguments.get(f"--tls-{what}-file", "") for what in ("cert", "private-key")]
    if not all(files):
        raise PreconditionError("the API server does not say on its command line where its certificate is")
    command = [sys.executable, str(_REFUSING), _api_address(scene), "refuse", *files, *map(str, _STATUSES)]
    with running(command, net=pid):
        yield


def _of_mover(change: Callable[[Scene, int], AbstractContextManager[None]]) -> Inject:
    @contextmanager
    def inject(scene: Scene, injection: Injection) -> Iterator[str]:
        pod, program = scene.mover(injection)
        with change(scene, scene.processes.one(pod, program)):
            yield pod

    return inject


def _of_controller(change: Callable[[Scene, int], AbstractContextManager[None]]) -> Inject:
    @contextmanager
    def inject(scene: Scene, _injection: Injection) -> Iterator[str]:
        pod = scene.controller()
        with change(scene, scene.processes.one(pod, CONTROLLER)):
            yield pod

    return inject


def _without_api(scene: Scene, pid: int) -> AbstractContextManager[None]:
    """The Service `kubernetes`, by whose address every pod goes to the API server."""
    return _without(pid, [_api_address(scene)])


def _without_broker(scene: Scene, pid: int) -> AbstractContextManager[None]:
    return _without(pid, _addresses(scene, PLATFORM_NAMESPACE, f"{NAME_LABEL}={KAFKA}"))


def _without_connect(scene: Scene, pid: int) -> AbstractContextManager[None]:
    connectors = scene.lab.parts.connectors
    if connectors is None:
        raise PreconditionError("there are no Connect workers to be cut off from")
    rule = ["OUTPUT", "-p", "tcp", "--dport", str(connectors.rest_port), "-j", "DROP"]
    return changed([["iptables", "-w", "-I", *rule]], [["iptables", "-w", "-D", *rule]], net=pid)


@contextmanager
def _cut_broker(scene: Scene, injection: Injection) -> Iterator[str]:
    pod = scene.worker(injection)
    with _without_broker(scene, scene.processes.one(pod, scene.lab.parts.at_work.program)):
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


def take_back(lab: Lab) -> Iterator[str]:
    """Routes and rules of ours in the pods' networks: nobody else makes any there. Raises PreconditionError."""
    for pod, program in inhabitants(lab):
        for pid in lab.disturbance.processes.of(pod, program)[:1]:
            if _network(pid) == _network(os.getpid()):
                continue  # this machine's own, whose rules are others'
            for route in run(["ip", "route", "show", "type", "blackhole"], net=pid).splitlines():
                run(["ip", "route", "del", *route.split()[:2]], net=pid)
                yield f"{pod} did not reach {route.split()[1]}"
            for table in ("filter", "nat"):
                for rule in run(["iptables", "-w", "-t", table, "-S"], net=pid).splitlines():
                    if _is_ours(rule):
                        run(["iptables", "-w", "-t", table, "-D", *shlex.split(rule)[1:]], net=pid)
                        yield f"in the network of {pod} there was {rule}"


def _network(pid: int) -> str:
    """Which it is; empty where the process is gone."""
    try:
        return str(Path(f"/proc/{pid}/ns/net").readlink())
    except OSError:
        return ""


def _is_ours(rule: str) -> bool:
    """Whether a rule, as `iptables -S` says it, is one that is made here, or by `refusing`."""
    return rule.startswith(("-A INPUT", "-A OUTPUT")) and any(f"-j {jump}" in rule for jump in _JUMPS)


INJECT: dict[str, Inject] = {
    "cut-broker": _cut_broker,
    "cut-api": _of_mover(_without_api),
    "cut-sidecar": _cut_sidecar,
    "cut-connect": _of_mover(_without_connect),
    "api-errors": _of_mover(_refused),
    "api-slow": _of_mover(_slowed),
    "api-errors-controller": _of_controller(_refused),
    "api-slow-controller": _of_controller(_slowed),
    "controller-cut-api": _of_controller(_without_api),
    "controller-cut-broker": _of_controller(_without_broker),
}

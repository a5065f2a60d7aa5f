"""Processes that are killed or stand still: those of pods, and the cluster's own. They have to be this machine's."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from components.names import KAFKA, NAME_LABEL, PLATFORM_NAMESPACE
from experiments import freezing
from experiments.errors import PreconditionError
from experiments.fault_campaign.plan import Injection
from experiments.fault_campaign.scene import BROKER, Inject, Scene, happens, inhabitants
from experiments.lab import Lab
from experiments.processes import LocalProcesses

_API_SERVER, _STORE = _DAEMONS = ("kube-apiserver", "etcd")


def _worker_kill(scene: Scene, injection: Injection) -> str:
    pod = scene.worker(injection)
    scene.processes.send(pod, scene.lab.parts.at_work.program, signal.SIGKILL)
    return pod


def _mover_kill(scene: Scene, injection: Injection) -> str:
    pod, program = scene.mover(injection)
    scene.processes.send(pod, program, signal.SIGKILL)
    return pod


def _controller_kill(scene: Scene, _injection: Injection) -> str:
    pod = scene.controller()
    scene.processes.send(pod, "controller", signal.SIGKILL)
    return pod


def _daemon(scene: Scene, name: str) -> int:
    """The cluster's process of that name, by one of the processes that it runs."""
    return scene.processes.daemon_of(scene.processes.one(scene.controller(), "controller"), name)


def _api_restart(scene: Scene, _injection: Injection) -> str:
    os.kill(_daemon(scene, _API_SERVER), signal.SIGKILL)
    return _API_SERVER


@contextmanager
def _still(pids: list[int], injection: Injection) -> Iterator[None]:
    """The guardian ends it in time: who waits here may wait for the very process that stands still."""
    with freezing.frozen(pids, injection.seconds):
        yield


@contextmanager
def _worker_freeze(scene: Scene, injection: Injection) -> Iterator[str]:
    pod = scene.worker(injection)
    with _still([scene.processes.one(pod, scene.lab.parts.at_work.program)], injection):
        yield pod


@contextmanager
def _pod_freeze(scene: Scene, injection: Injection) -> Iterator[str]:
    pod = scene.worker(injection)
    pids = [scene.processes.one(pod, scene.lab.parts.at_work.program)]
    mover, program = scene.mover(injection)
    if mover == pod:
        pids.append(scene.processes.one(pod, program))
    with _still(pids, injection):
        yield pod


@contextmanager
def _mover_freeze(scene: Scene, injection: Injection) -> Iterator[str]:
    pod, program = scene.mover(injection)
    with _still([scene.processes.one(pod, program)], injection):
        yield pod


@contextmanager
def _controller_freeze(scene: Scene, injection: Injection) -> Iterator[str]:
    pod = scene.controller()
    with _still([scene.processes.one(pod, "controller")], injection):
        yield pod


@contextmanager
def _broker_stall(scene: Scene, injection: Injection) -> Iterator[str]:
    pod = scene.broker()
    with _still([LocalProcesses("").one(pod, BROKER)], injection):
        yield pod


def _stalled(name: str) -> Inject:
    @contextmanager
    def inject(scene: Scene, injection: Injection) -> Iterator[str]:
        with _still([_daemon(scene, name)], injection):
            yield name

    return inject


def take_back(lab: Lab) -> Iterator[str]:
    """Whoever stands still goes on: of the pair, and of what everybody shares. Guardians do that where they live."""
    processes = lab.disturbance.processes
    found = {f"{program.container} of {pod}": processes.of(pod, program) for pod, program in inhabitants(lab)}
    for pod in lab.cluster.pods(PLATFORM_NAMESPACE, f"{NAME_LABEL}={KAFKA}"):
        found[pod.name] = LocalProcesses("").of(pod.name, BROKER)
    some = next((pids[0] for pids in found.values() if pids), None)
    if some is not None:
        found |= {name: [processes.daemon_of(some, name)] for name in _DAEMONS}
    for who, pids in found.items():
        for pid in pids:
            with suppress(PreconditionError, ProcessLookupError):
                if freezing.stopped(freezing.identify(pid)):
                    os.kill(pid, signal.SIGCONT)
                    yield f"{who} stood still"


INJECT: dict[str, Inject] = {
    "worker-kill": happens(_worker_kill),
    "mover-kill": happens(_mover_kill),
    "controller-kill": happens(_controller_kill),
    "worker-freeze": _worker_freeze,
    "worker-freeze-long": _worker_freeze,
    "pod-freeze": _pod_freeze,
    "mover-freeze": _mover_freeze,
    "mover-freeze-long": _mover_freeze,
    "controller-freeze": _controller_freeze,
    "controller-freeze-long": _controller_freeze,
    "broker-stall": _broker_stall,
    "broker-stall-long": _broker_stall,
    "api-stall": _stalled(_API_SERVER),
    "api-restart": happens(_api_restart),
    "etcd-stall": _stalled(_STORE),
}

"""Processes that are killed or stand still: those of pods, and the cluster's own. They have to be this machine's."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from experiments import freezing
from experiments.fault_campaign.plan import Injection
from experiments.fault_campaign.scene import BROKER, Inject, Scene, happens
from experiments.processes import LocalProcesses


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
    os.kill(_daemon(scene, "kube-apiserver"), signal.SIGKILL)
    return "kube-apiserver"


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


INJECT: dict[str, Inject] = {
    "worker-kill": happens(_worker_kill),
    "mover-kill": happens(_mover_kill),
    "controller-kill": happens(_controller_kill),
    "worker-freeze": _worker_freeze,
    "worker-freeze-long": _worker_freeze,
    "pod-freeze": _pod_freeze,
    "mover-freeze": _mover_freeze,
    "broker-stall": _broker_stall,
    "broker-stall-long": _broker_stall,
    "api-stall": _stalled("kube-apiserver"),
    "api-restart": happens(_api_restart),
    "etcd-stall": _stalled("etcd"),
}

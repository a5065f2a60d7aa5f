"""An agent, put together from its settings."""

import secrets
from collections.abc import Sequence
from pathlib import Path

from workloads.common.kube import Kube
from workloads.common.records import EventLog
from workloads.sidecar.callers import READY_CALLERS
from workloads.sidecar.connect.account import Account
from workloads.sidecar.connect.agent import Agent
from workloads.sidecar.connect.command import Hands
from workloads.sidecar.connect.control import Control
from workloads.sidecar.connect.group import KafkaGroups
from workloads.sidecar.connect.http import ConnectHttp
from workloads.sidecar.connect.journal import Journal
from workloads.sidecar.connect.ledger import Ledger
from workloads.sidecar.connect.memory import Goal
from workloads.sidecar.connect.recorders import Addresses, Recorders
from workloads.sidecar.connect.rest import ConnectorAddress, RestControl
from workloads.sidecar.connect.settings import ConnectSettings, ControlKind
from workloads.sidecar.connect.strimzi import StrimziControl
from workloads.sidecar.connect.workers import Pods, Workers, listed

#: The threads that an agent is asked by at a time: those that call, the one that looks at its status, and one that
#: tells what was handled.
ASKING = READY_CALLERS + 2


def build(
    settings: ConnectSettings, kube: Kube, *, namespace: str, color: str, pod: str, version: str, image: str = ""
) -> Agent:
    """The agent in this pod. It begins to look when it is asked to."""
    boot_id = secrets.token_hex(4)
    own = listed(kube.sibling(ASKING), namespace, settings.own.workers)
    other = listed(kube.sibling(ASKING), namespace, settings.other.workers)
    log = (
        EventLog(Path(settings.records_dir), color, pod, boot_id, version=version, image=image)
        if settings.records_dir
        else None
    )
    workers = Workers(own, settings.metrics_port)
    hands = Hands(
        control(settings, kube, namespace, own, other),
        KafkaGroups(settings.bootstrap_servers, settings.topic, settings.partitions),
        workers,
        Recorders(_recorders(settings, own)),
        Journal(log, settings.topic),
    )
    goal = Goal(settings.topic, settings.partitions)
    return Agent(hands, goal, Account(workers, settings.own.name), boot_id)


def control(settings: ConnectSettings, kube: Kube, namespace: str, own: Pods, other: Pods) -> Control:
    """The control that the settings name."""
    names = settings.own.name, settings.other.name
    if settings.control is ControlKind.STRIMZI:
        return StrimziControl(kube.sibling(ASKING), namespace, *names, others=other, lock_seconds=settings.lock_seconds)
    ledger = Ledger()
    http = ConnectHttp(own, settings.rest_port, ledger)
    same = settings.own.workers == settings.other.workers
    others = http if same else ConnectHttp(other, settings.rest_port, Ledger())
    return RestControl(ConnectorAddress(names[0], http), ConnectorAddress(names[1], others), settings.config, ledger)


def _recorders(settings: ConnectSettings, pods: Pods) -> Addresses:
    def addresses(deadline: float) -> Sequence[str]:
        found = list(settings.recorder_urls)
        if settings.recorder_port:
            found += [f"http://{pod.host}:{settings.recorder_port}" for pod in pods(deadline)]
        return found

    return addresses

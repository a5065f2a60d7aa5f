"""What a process of an application of ours is made of besides its loop, whatever client that is built on."""

from collections.abc import Callable
from dataclasses import dataclass

from workloads.common.http import HttpServer
from workloads.common.records import CONSUMED, EVENTS, EventLog, RecordLog, Space
from workloads.common.states import Membership
from workloads.handling.member import ApplicationMember
from workloads.handling.metrics import ConsumerMetrics, Loop
from workloads.handling.processing import Pulse, Worker
from workloads.handling.settings import ApplicationSettings
from workloads.member.api import LifecycleApi, PodApi
from workloads.member.control import Control
from workloads.member.faults import FaultInjection
from workloads.member.lifecycle import start

# Liveness is slower than a drain by so much: a hang is a failed switch first, and a restart after that.
_LIVENESS_MARGIN_SECONDS = 10.0
# A loop is not ready when it has not moved for the stall limit and so much.
_MOVING_MARGIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What a loop works with."""

    space: Space
    events: EventLog
    faults: FaultInjection
    control: Control
    worker: Worker


def parts(
    settings: ApplicationSettings,
    boot_id: str,
    membership: Membership,
    *,
    slow_seconds: float,
    wake: Callable[[], None] | None = None,
) -> Parts:
    """membership: as its lifecycle has it. slow_seconds: beyond the time after which its client leaves the group
    without a poll. wake: as for `Control`. Raises `RecordLogError`.
    """
    color, pod, folder = settings.color.value, settings.pod_name, settings.records_dir
    space = Space(folder, (CONSUMED, EVENTS), settings.records_keep_bytes, process=f"{pod}.{boot_id}")
    events = EventLog(folder, color, pod, boot_id, version=settings.version, image=settings.image, space=space)
    space.tell = events.truncated
    space.make_room()
    faults = FaultInjection(settings.faults, enabled=settings.faults_enabled)
    control = Control(start(membership, settings.group_protocol).lifecycle, wake)
    worker = Worker(
        RecordLog(folder, CONSUMED, pod, boot_id, space),
        color=color,
        pod=pod,
        version=settings.version,
        topic=settings.topic,
        faults=faults,
        pulse=Pulse(settings.stall_seconds),
        inbox=control.inbox,
        slow_seconds=slow_seconds,
        checks=settings.processing == "checksum",
    )
    return Parts(space, events, faults, control, worker)


def servers(settings: ApplicationSettings, made: Parts, boot_id: str, loop: Loop) -> list[HttpServer]:
    """The lifecycle API's and the pod's, which nobody has started yet. Raises OSError."""
    metrics = ConsumerMetrics(settings, loop, made.worker, made.control, made.space)
    member = ApplicationMember(made.control, loop, made.worker, metrics)
    alive = settings.drain_timeout_seconds + _LIVENESS_MARGIN_SECONDS
    moving = settings.stall_seconds + _MOVING_MARGIN_SECONDS
    lifecycle = LifecycleApi(made.control, made.faults, boot_id).routes()
    return [
        HttpServer(settings.lifecycle_host, settings.lifecycle_port, lifecycle),
        HttpServer(settings.http_host, settings.http_port, PodApi(member, boot_id, alive, moving).routes()),
    ]

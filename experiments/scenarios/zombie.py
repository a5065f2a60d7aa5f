"""A zombie: a member of the old colour that everybody takes for dead, and that goes on. A measurement.

As on a node that was cut off: the kubelet stands still, a consumer stands still together with its sidecar, and its
pod's object is deleted by force, which says to everybody that its processes are dead. Then it is switched away from,
and the consumer goes on: its sidecar does not, so that nobody tells it, and the kubelet does not, so that nobody ends
it. What is counted is how many records it handles before something stops it, and what that was: its own loop's limit
for standing still, or the broker.

Two freezes in turn, because the loop notices only one of them:

- long: the switch is commanded by `pulumi up`, which takes longer than the limit;
- short: the switch is commanded by hand, and the consumer is thawed as soon as the new colour is ACTIVE.

The switch does not wait for lag: the partitions of a member that stands still get another owner only when the broker
gives it up, and its session outlives the freeze.

How the pod is given up, and its set whole again, is `zombie_lab`'s. It needs the node's processes on this machine, and
root.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path

from components.names import SIDECAR
from experiments import criteria, fitness, freezing, switching, zombie_lab, zombies
from experiments.errors import CollectionError, PreconditionError
from experiments.lab import Lab, Notes
from experiments.measurements import SwitchRecord, other
from experiments.records import CONSUMED, EVENTS, objects
from experiments.results import Measured
from experiments.scenarios.base import Scenario
from experiments.zombies import Zombie

_AT_WORK_SECONDS = 8.0
_WATCHED_SECONDS = 8.0
_POLL_SECONDS = 0.02


def perform(lab: Lab, switches: int) -> None:
    zombie_lab.perform(lab, switches, lambda pod, by_up: _with_a_zombie(lab, pod, noticeable=by_up), _told)


def _told(zombie: Zombie) -> str:
    seconds = "" if zombie.stopped_seconds is None else f" {zombie.stopped_seconds * 1000:.0f} ms after its thaw"
    return f": {zombie.stopped_by or 'not stopped'}{seconds}"


def _with_a_zombie(lab: Lab, pod: str, *, noticeable: bool) -> tuple[SwitchRecord, Zombie | None]:
    """See `zombie_lab.Making`. The long freeze is that of the switch by `pulumi up`."""
    target, processes = other(lab.active), lab.disturbance.processes
    consumer, sidecar = processes.one(pod, lab.parts.members.program), processes.one(pod, SIDECAR)
    kubelet, process = processes.kubelet_of(consumer), _process_of(lab, pod)
    identity, events = freezing.identify(consumer), processes.records(consumer, EVENTS)
    ends = lab.lag.end_offsets()
    begun = time.monotonic()
    with zombie_lab.cut_off(lab, pod, kubelet), freezing.frozen([sidecar], zombie_lab.KUBELET_SECONDS):
        with freezing.frozen([consumer], zombie_lab.KUBELET_SECONDS):
            frozen_ns = time.time_ns()
            lab.cluster.delete_pod(lab.namespace, pod, force=True)
            if noticeable:
                record = lab.switch()
                if record.switched:
                    lab.lag.wait_reached({p: end + 1 for p, end in ends.items()}, _AT_WORK_SECONDS, target)
            else:
                record = switching.by_patch(lab)
            alive = freezing.stopped(identity)
            thawed_ns = time.time_ns()
        if not record.switched or record.last is None:
            return record, None
        if not alive:
            raise PreconditionError(f"the process of {pod} was not there, or not stopped, when it was to be thawed")
        stop = _wait_stopped(events, process, thawed_ns)
        watched_until_ns = time.time_ns()
    return record, Zombie(
        pod=pod,
        process=process,
        pid=identity.pid,
        started_ticks=identity.started,
        state_before_thaw="T",
        noticeable=noticeable,
        frozen_ns=frozen_ns,
        thawed_ns=thawed_ns,
        watched_until_ns=watched_until_ns,
        kubelet_seconds=time.monotonic() - begun,
        epoch=record.last.epoch,
        stopped_by=str(stop["event"]) if stop else None,
        stopped_ns=int(stop["t"]) if stop else None,
    )


def _process_of(lab: Lab, pod: str) -> str:
    """`<pod>.<boot id>`, as its logs are named."""
    members, _ = lab.lag.members()
    for member in members:
        if member.pod == pod and member.positions:
            return member.process
    raise PreconditionError(f"{pod} owns no partition, so there is nothing for a zombie to do")


def _wait_stopped(events: Path, process: str, since_ns: int) -> zombies.Line | None:
    """The first event of a process that says that it stopped; None if it did not within the time.

    Its log is read where it writes it: with the kubelet still, there is no other way to it. A file tells nobody that it
    has grown, so it is looked at.
    """
    deadline = time.monotonic() + _WATCHED_SECONDS
    while True:
        lines = [
            json.loads(line)
            for file in sorted(events.glob(f"{process}.*"))
            for line in file.read_bytes().splitlines(keepends=True)
            if line.endswith(b"\n")
        ]
        if (found := zombies.stopping(lines, since_ns)) is not None or time.monotonic() > deadline:
            return found
        time.sleep(_POLL_SECONDS)


def observe(notes: Notes, logs: Path) -> Mapping[str, Measured]:
    """What each zombie handled after its thaw, by its own log."""
    rows = []
    for raw in notes.tables.get(zombie_lab.TABLE, []):
        zombie = Zombie(**raw)
        lines = list(objects(logs, CONSUMED, zombie.process))
        if not lines:
            raise CollectionError(f"no consumed log of {zombie.process}, a zombie of this run")
        rows.append(zombies.row(zombie, zombies.handled_after(lines, zombie.thawed_ns)))
    notes.tables[zombie_lab.TABLE] = rows
    return zombies.measurements(rows)


SCENARIO = Scenario(
    "zombie",
    "a member that was given up and goes on",
    default_switches=4,
    step=2,
    perform=perform,
    judge=criteria.measured,
    needs=fitness.members_at_work,
    configuration={"lagPolicy": "immediate"},
    kind="measurement",
    observe=observe,
    shows=(
        "zombies_long",
        "zombie_long_handled_worst",
        "zombies_short",
        "zombie_short_handled_worst",
        "zombie_short_not_stopped",
    ),
)

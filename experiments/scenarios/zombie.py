"""A zombie: a member of the old colour that everybody takes for dead, and that goes on. A measurement.

As on a node that was cut off: the kubelet stands still, a consumer stands still together with its sidecar, and its
pod's object is deleted by force, which says to everybody that its processes are dead. Then it is switched away from,
and the consumer goes on: its sidecar does not, so that nobody tells it, and the kubelet does not, so that nobody ends
it. What is counted is how many records it handles before something stops it, and what that was: its own loop's limit
for standing still, or the broker.

Two freezes in turn, because the loop notices only one of them:

- long: the switch is commanded by `pulumi up`, which takes longer than the limit;
- short: the switch is commanded by hand, and the consumer is thawed as soon as the new colour is ACTIVE.

Nothing may take the zombie's place before it is thawed: the pod of the highest number is chosen, and its set is made
smaller by one for that time, because a pod that waits for a kubelet is a member that confirms nothing. A kubelet that
is silent for 40 s has its node marked NotReady, so all of it has to be over before that; a guardian sees to it that it
goes on in any case.

It needs the node's processes on this machine, and root.
"""

import contextlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from components.names import SIDECAR
from experiments import criteria, freezing, switching, zombies
from experiments.errors import CollectionError, ExperimentError, PreconditionError
from experiments.lab import Lab, Notes
from experiments.measurements import SwitchRecord, other
from experiments.records import CONSUMED, EVENTS, objects
from experiments.results import Measured
from experiments.scenarios.base import Scenario
from experiments.zombies import Zombie

_TABLE = "zombies"
# A node is NotReady after 40 s at the earliest (node-monitor-grace-period).
_KUBELET_SECONDS = 36.0
_AT_WORK_SECONDS = 8.0
_WATCHED_SECONDS = 8.0
_POLL_SECONDS = 0.02


def perform(lab: Lab, switches: int) -> None:
    if lab.parts.workers is not None:
        raise PreconditionError("this strategy's members do no work themselves; run its own scenario of a zombie")
    lab.spell()
    for number in range(1, switches + 1):
        record = _switch(lab, noticeable=number % 2 == 1)
        lab.report(number, switches, record)
        if not record.switched:
            return
        lab.spell()


def _switch(lab: Lab, *, noticeable: bool) -> SwitchRecord:
    """One switch away from a colour of which one member is a zombie; afterwards its set is whole again."""
    source, replicas = lab.active, lab.settings.replicas
    lab.guard.check()
    try:
        record, zombie = _with_a_zombie(lab, lab.pod(source, replicas - 1), noticeable=noticeable)
    except BaseException:
        with contextlib.suppress(ExperimentError):
            lab.resize(source, replicas)
        raise
    lab.resize(source, replicas)
    lab.guard.check({lab.sized(source): 1})
    lab.wait_pods({source: replicas})
    if not noticeable:
        record = switching.level(lab, record)
        lab.note(record)
    if zombie is not None:
        lab.notes.tables.setdefault(_TABLE, []).append(asdict(zombie))
        seconds = "" if zombie.stopped_seconds is None else f" {zombie.stopped_seconds * 1000:.0f} ms after its thaw"
        lab.progress.say(
            f"  {zombie.pod}, frozen for {zombie.frozen_seconds:.1f} s: {zombie.stopped_by or 'not stopped'}{seconds}"
        )
    return record


def _with_a_zombie(lab: Lab, pod: str, *, noticeable: bool) -> tuple[SwitchRecord, Zombie | None]:
    """The switch, noted if it is Pulumi's; and the zombie, None if the switch did not come to its end."""
    source, target, processes = lab.active, other(lab.active), lab.disturbance.processes
    consumer, sidecar = processes.one(pod, lab.parts.members.program), processes.one(pod, SIDECAR)
    kubelet, process = processes.kubelet_of(consumer), _process_of(lab, pod)
    identity, events = freezing.identify(consumer), processes.records(consumer, EVENTS)
    ends = lab.lag.end_offsets()
    begun = time.monotonic()
    with contextlib.ExitStack() as cut_off:
        cut_off.enter_context(freezing.frozen([kubelet], _KUBELET_SECONDS))
        lab.resize(source, lab.settings.replicas - 1)
        lab.guard.check({lab.sized(source): 1})
        lab.disturbance.wait_going(pod)
        cut_off.enter_context(freezing.frozen([sidecar], _KUBELET_SECONDS))
        with freezing.frozen([consumer], _KUBELET_SECONDS):
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
    for raw in notes.tables.get(_TABLE, []):
        zombie = Zombie(**raw)
        lines = list(objects(logs, CONSUMED, zombie.process))
        if not lines:
            raise CollectionError(f"no consumed log of {zombie.process}, a zombie of this run")
        rows.append(zombies.row(zombie, zombies.handled_after(lines, zombie.thawed_ns)))
    notes.tables[_TABLE] = rows
    return zombies.measurements(rows)


SCENARIO = Scenario(
    "zombie",
    "a member that was given up and goes on",
    default_switches=4,
    step=2,
    perform=perform,
    judge=criteria.measured,
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

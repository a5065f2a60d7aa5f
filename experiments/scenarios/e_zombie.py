"""A zombie among the workers: one that everybody takes for dead, and that goes on. A measurement.

As on a node that was cut off: the kubelet stands still, a worker's process stands still, and its pod's object is
deleted by force, which says to everybody that its processes are dead. As long as the pod is listed, a switch waits for
its own word and names it; so this is the only way past it, and whoever deletes by force answers for it. Then it is
switched away from, and the process goes on. No broker fences it: what is counted is what it still writes, under which
epoch, until Connect's group or its tasks' tell it that it is out.

A switch cannot end before the brokers have given up the frozen worker's task (the tasks' session timeout), so every
freeze is longer than that; the switches are commanded by `pulumi up` and by hand, in turn.

How the pod is given up, and its set whole again, is `zombie_lab`'s. It needs the node's processes on this machine, and
root.
"""

import time
from collections.abc import Mapping
from pathlib import Path

from experiments import connector_lab, criteria, fitness, freezing, switching, zombie_lab, zombies
from experiments.connect import required
from experiments.errors import PreconditionError
from experiments.lab import Lab, Notes
from experiments.measurements import SwitchRecord
from experiments.records import CONSUMED, objects
from experiments.results import Measured
from experiments.scenarios.base import Scenario
from experiments.zombies import Zombie

_WATCHED_SECONDS = 8.0


def perform(lab: Lab, switches: int) -> None:
    connector_lab.connect_of(lab)
    zombie_lab.perform(lab, switches, lambda pod, by_up: _with_a_zombie(lab, pod, by_up=by_up), lambda _: ", went on")


def _with_a_zombie(lab: Lab, pod: str, *, by_up: bool) -> tuple[SwitchRecord, Zombie | None]:
    """See `zombie_lab.Making`."""
    _, workers, _ = required(lab.parts)
    processes = lab.disturbance.processes
    worker = processes.one(pod, workers.program)
    kubelet, identity = processes.kubelet_of(worker), freezing.identify(worker)
    begun = time.monotonic()
    with zombie_lab.cut_off(lab, pod, kubelet):
        with freezing.frozen([worker], zombie_lab.KUBELET_SECONDS):
            frozen_ns = time.time_ns()
            lab.cluster.delete_pod(lab.namespace, pod, force=True)
            record = lab.switch() if by_up else switching.by_patch(lab)
            alive = freezing.stopped(identity)
            thawed_ns = time.time_ns()
        if not record.switched or record.last is None:
            return record, None
        if not alive:
            raise PreconditionError(f"the process of {pod} was not there, or not stopped, when it was to be thawed")
        # What it does now is seen by its sink's recorder; how long it has for it is part of what is measured.
        time.sleep(max(0.0, min(_WATCHED_SECONDS, begun + zombie_lab.KUBELET_SECONDS - time.monotonic())))
        watched_until_ns = time.time_ns()
    return record, Zombie(
        pod=pod,
        process=pod,
        pid=identity.pid,
        started_ticks=identity.started,
        state_before_thaw="T",
        noticeable=True,
        frozen_ns=frozen_ns,
        thawed_ns=thawed_ns,
        watched_until_ns=watched_until_ns,
        kubelet_seconds=time.monotonic() - begun,
        epoch=record.last.epoch,
        stopped_by=None,
        stopped_ns=None,
    )


def observe(notes: Notes, logs: Path) -> Mapping[str, Measured]:
    """What each zombie wrote after its thaw, by what was recorded of its sink's file."""
    rows = []
    for raw in notes.tables.get(zombie_lab.TABLE, []):
        zombie = Zombie(**raw)
        lines = [
            line
            for line in zombies.handled_after(objects(logs, CONSUMED, zombie.process), zombie.thawed_ns)
            if line["t"] <= zombie.watched_until_ns
        ]
        epochs = sorted({int(line["epoch"]) for line in lines})
        rows.append({**zombies.row(zombie, lines), "epochs_written_under": epochs})
    notes.tables[zombie_lab.TABLE] = rows
    written = [int(row["handled_after_thaw"]) for row in rows]
    lasted = [row["last_handled_seconds"] for row in rows if row["last_handled_seconds"] is not None]
    return {
        "zombies_made": len(rows),
        "zombie_written_worst": max(written, default=None),
        "zombie_written_total": sum(written),
        "zombie_last_written_seconds_worst": max(lasted, default=None),
        "zombie_frozen_seconds_worst": max((row["frozen_seconds"] for row in rows), default=None),
    }


SCENARIO = Scenario(
    "e-zombie",
    "a worker that was given up and goes on",
    default_switches=4,
    step=2,
    perform=perform,
    judge=criteria.measured,
    needs=fitness.connectors_apart,
    configuration={"drainTimeoutSeconds": 20},
    kind="measurement",
    observe=observe,
    shows=(
        "zombies_made",
        "zombie_written_worst",
        "zombie_last_written_seconds_worst",
        "zombie_frozen_seconds_worst",
    ),
)

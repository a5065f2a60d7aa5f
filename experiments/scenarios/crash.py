"""A consumer of one side crashes during the switch: of the old colour and of the new one, in turn. A measurement.

What is looked at is where the new colour takes up, and what is handled twice: invariant 5 allows at most what was in
hand since the last commit.

- old: killed when the switch is commanded, so that its last commit is older than what it has handled;
- new: killed when its colour is granted, so that whoever comes after it has to find the same start.

A killed consumer's container is started again by the kubelet, with the same logs: at once the first time, after a
back-off of 10 s and more when it ended before
(https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy). What is looked at is the crash and
not the back-off, so the pods take turns, and one whose turn comes again is made anew before its switch. It needs the
node's processes on this machine, and root.
"""

import signal
from collections.abc import Callable

from experiments import criteria, fitness
from experiments.disturbance import Disturbance
from experiments.lab import Lab
from experiments.measurements import other
from experiments.scenarios.base import Scenario

_TABLE = "crashes"


def perform(lab: Lab, switches: int) -> None:
    lab.spell()
    for number in range(1, switches + 1):
        old = number % 2 == 1
        pod = lab.pod(lab.active if old else other(lab.active), (number - 1) % lab.settings.replicas)
        _not_backed_off(lab, pod)
        record = lab.switch(during=_of_the_old(lab, pod) if old else _of_the_new(lab, pod))
        lab.report(number, switches, record)
        # The container that was killed is back.
        lab.wait_pods(lab.whole)
        if not record.switched:
            return
        lab.spell()


def _not_backed_off(lab: Lab, pod: str) -> None:
    """Has a pod made anew that was killed in this run, so that its next end is its first."""
    if any(crash["pod"] == pod for crash in lab.notes.tables.get(_TABLE, [])):
        lab.cluster.delete_pod(lab.namespace, pod)
        lab.wait_pods(lab.whole)
        lab.spell()


def _of_the_old(lab: Lab, pod: str) -> Callable[[Disturbance], None]:
    return lambda disturbance: _kill(lab, disturbance, pod, "old")


def _of_the_new(lab: Lab, pod: str) -> Callable[[Disturbance], None]:
    target = other(lab.active)

    def crash(disturbance: Disturbance) -> None:
        disturbance.wait_holder(target)
        _kill(lab, disturbance, pod, "new")

    return crash


def _kill(lab: Lab, disturbance: Disturbance, pod: str, side: str) -> None:
    disturbance.processes.send(pod, lab.parts.at_work.program, signal.SIGKILL)
    lab.notes.tables.setdefault(_TABLE, []).append({"pod": pod, "side": side})
    lab.notes.measured[f"crashes_{side}"] = int(lab.notes.measured.get(f"crashes_{side}") or 0) + 1
    lab.progress.say(f"  {pod} of the {side} colour killed")


SCENARIO = Scenario(
    "crash",
    "a consumer of the old, and of the new colour crashes",
    default_switches=4,
    step=2,
    perform=perform,
    judge=criteria.measured,
    needs=fitness.members_at_work,
    kind="measurement",
    shows=(
        "crashes_old",
        "crashes_new",
        "offset_difference_max",
    ),
)

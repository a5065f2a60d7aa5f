"""What a scenario does to have a zombie: a pod at work that everybody takes for dead, and a switch away from it.

Its kubelet stands still, its set is made smaller by one, and its pod's object is deleted by force; what else stands
still, and what is looked for afterwards, is the scenario's. Nothing may take the zombie's place before it is thawed:
the pod of the highest number is chosen, and its set is made whole again only afterwards, because a pod that waits for a
kubelet is a member that confirms nothing. A kubelet that is silent for 40 s has its node marked NotReady, so all of it
has to be over before that; a guardian sees to it that it goes on in any case.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import asdict

from experiments import freezing, switching
from experiments.errors import ExperimentError
from experiments.lab import Lab
from experiments.measurements import SwitchRecord
from experiments.zombies import Zombie

#: The table of them in the run's notes.
TABLE = "zombies"
#: A node is NotReady after 40 s at the earliest (node-monitor-grace-period).
KUBELET_SECONDS = 36.0

#: Makes one of a pod (its name), by a switch that `pulumi up` commands (True) or that is commanded by hand. Returns the
#: switch, noted if it is Pulumi's; and the zombie, None if the switch did not come to its end.
Making = Callable[[str, bool], tuple[SwitchRecord, Zombie | None]]


def perform(lab: Lab, switches: int, made: Making, told: Callable[[Zombie], str]) -> None:
    """The switches of such a scenario: by `pulumi up` and by hand, in turn, until one fails.

    told: what is said of a zombie once everything is whole again. Raises what `made` raises; the set is whole then too.
    """
    lab.spell()
    for number in range(1, switches + 1):
        record = _switch(lab, made, told, by_up=number % 2 == 1)
        lab.report(number, switches, record)
        if not record.switched:
            return
        lab.spell()


@contextlib.contextmanager
def cut_off(lab: Lab, pod: str, kubelet: int) -> Iterator[None]:
    """A pod at work whose kubelet stands still for the block, and of which its set is asked for one less.

    Within the block the pod is asked to end, and nobody ends it.
    """
    with freezing.frozen([kubelet], KUBELET_SECONDS):
        lab.resize(lab.active, lab.settings.replicas - 1)
        lab.guard.check({lab.sized(lab.active): 1})
        lab.disturbance.wait_going(pod)
        yield


def _switch(lab: Lab, made: Making, told: Callable[[Zombie], str], *, by_up: bool) -> SwitchRecord:
    """One switch away from a colour of which one pod at work is a zombie; afterwards its set is whole again."""
    source, replicas = lab.active, lab.settings.replicas
    lab.guard.check()
    try:
        record, zombie = made(lab.pod(source, replicas - 1), by_up)
    except BaseException:
        with contextlib.suppress(ExperimentError):
            lab.resize(source, replicas)
        raise
    lab.resize(source, replicas)
    lab.guard.check({lab.sized(source): 1})
    lab.wait_pods({source: replicas})
    if not by_up:
        record = switching.level(lab, record)
        lab.note(record)
    if zombie is not None:
        lab.notes.tables.setdefault(TABLE, []).append(asdict(zombie))
        lab.progress.say(f"  {zombie.pod}, frozen for {zombie.frozen_seconds:.1f} s{told(zombie)}")
    return record

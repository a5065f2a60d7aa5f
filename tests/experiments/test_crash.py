"""Who is killed when, with everybody else replaced."""

import signal
from types import SimpleNamespace
from typing import Any

from components.strategies.consumers import PARTS
from experiments.measurements import SwitchRecord
from experiments.scenarios import crash
from tests.support.noted import NotedLab
from tests.support.samples import FAILED, SWITCH

BACK = "pods {'blue': 3, 'green': 3}"


def noted(record: SwitchRecord = SWITCH) -> NotedLab:
    lab = NotedLab(PARTS)
    lab.record = record
    lab.disturbance = SimpleNamespace(
        wait_holder=lambda color: lab.did.append(f"{color} is granted"),
        processes=SimpleNamespace(
            send=lambda pod, module, number: lab.did.append(
                f"{signal.Signals(number).name} {module.container} of {pod}"
            )
        ),
    )
    return lab


def test_the_old_side_crashes_at_the_command_and_the_new_one_at_its_grant() -> None:
    world = noted()
    lab: Any = world
    crash.perform(lab, 2)
    assert world.did == [
        "spell",
        "switch from blue",
        "SIGKILL consumer of consumer-blue-0",
        BACK,
        "spell",
        "switch from green",
        "blue is granted",
        "SIGKILL consumer of consumer-blue-1",
        BACK,
        "spell",
    ]
    assert [one["side"] for one in world.notes.tables["crashes"]] == ["old", "new"]
    assert world.notes.measured == {"crashes_old": 1, "crashes_new": 1}


def test_a_pod_is_made_anew_before_it_is_killed_again() -> None:
    """Its container would be started again only after a back-off, in which the switch that it belongs to fails."""
    world = noted()
    lab: Any = world
    crash.perform(lab, 4)
    killed = [done.removeprefix("SIGKILL consumer of ") for done in world.did if done.startswith("SIGKILL")]
    assert killed == ["consumer-blue-0", "consumer-blue-1", "consumer-blue-2", "consumer-blue-0"]
    again = world.did.index("delete consumer-blue-0")
    assert world.did[again : again + 4] == ["delete consumer-blue-0", BACK, "spell", "switch from green"]
    assert sum(done.startswith("delete") for done in world.did) == 1


def test_a_switch_that_failed_ends_it() -> None:
    world = noted(FAILED)
    lab: Any = world
    crash.perform(lab, 4)
    assert world.did[-1] == BACK

"""Switches of a campaign as they are journaled: made up, one to look like another."""

from experiments.fault_campaign.carry import Carried
from experiments.fault_campaign.duplicates import Crash, Explained
from experiments.fault_campaign.injection import Hit
from experiments.fault_campaign.judge import Judged
from experiments.fault_campaign.kinds import Phase, Role
from experiments.fault_campaign.plan import Step, planned

STEPS = planned(3, 6, frozenset(Role))
CRASH = Crash("worker-kill", "consumer-blue-0", 100.0, 100.0)
TIMELINE = ("100.000 worker-kill of consumer-blue-0 begins",)
EXPLAINED = Explained(
    "consumer-blue-0.a", "consumer-green-0.b", 3, (1,), CRASH, 99 * 10**9, 101 * 10**9, "its process ended", TIMELINE
)


def carried(step: Step, *, missed: bool = False, notes: tuple[str, ...] = ()) -> Carried:
    """It went through; all its faults hit, or none."""
    made = Carried(step, "blue", "green", 1000.0, 1012.5, seconds=8.04, notes=list(notes))
    for one in step.injections:
        said = {"missed": "not there"} if missed else {"hit": "consumer-blue-0", "phase": "Pausing"}
        made.hits.append(Hit(one, 1001.0, ended=1002.0, **said))
    return made


def judged(*findings: str, outcome: str = "Switched", duplicates: tuple[Explained, ...] = ()) -> Judged:
    """Nothing was found, but for these."""
    counts = {"duplicate": sum(one.count for one in duplicates)} if duplicates else {}
    timeline = [(1000.0, "Lease: blue at epoch 2")] if findings else []
    return Judged(list(findings), outcome, "", 4.25, 1200, counts, list(duplicates), timeline)


def in_phase(phase: Phase) -> Step:
    """A step of that phase."""
    return next(step for step in planned(3, 60, frozenset(Role)) if step.phase is phase)

"""Two colours of two pods on four partitions, in every state that a switch goes through: what decisions are tried on."""

from dataclasses import replace
from typing import Any

from workloads.common.lease import Grant
from workloads.common.report import Report
from workloads.common.states import Color, Outcome, State
from workloads.controller.terms import (
    Absence,
    Analysis,
    Lag,
    Member,
    Memory,
    Observation,
    OnInconclusive,
    Spec,
    Standby,
)

BLUE, GREEN = Color.BLUE, Color.GREEN
ACTIVE, DRAINING, PAUSED = State.ACTIVE, State.DRAINING, State.PAUSED
SPEC = Spec(generation=7, active=GREEN, replicas=(2, 2), partitions=4)
TO_BLUE = replace(SPEC, active=BLUE)
LATE = 31.0
"""Beyond every timeout but that of the lag."""


def pod(
    color: Color,
    number: int,
    state: State | None,
    epoch: int,
    *,
    seen: int | None = None,
    ready: bool = True,
    committed: bool = True,
    owns: tuple[int, ...] | None = None,
    obstacle: str = "",
    failed: str = "",
) -> Member:
    """A member that has reported; an ACTIVE one owns its half of four partitions."""
    owned = ((0, 1), (2, 3))[number] if owns is None and state is ACTIVE else (owns or ())
    report = Report(f"{color}{number}", state, epoch, max(epoch, seen or 0), committed, owned, obstacle, failed)
    return Member(f"uid-{color}-{number}", f"{color}-{number}", color, ready, report)


def pods(color: Color, state: State | None, epoch: int, seen: int | None = None) -> tuple[Member, ...]:
    return pod(color, 0, state, epoch, seen=seen), pod(color, 1, state, epoch, seen=seen)


def silent(member: Member) -> Member:
    """The same pod before its first report."""
    return replace(member, report=None)


def held(color: Color, epoch: int, generation: int = 6, outcome: Outcome | None = Outcome.SWITCHED) -> Grant:
    """A settled grant (of the generation before), or one under way."""
    return Grant(color, epoch, color, None, generation, outcome)


BLUE_RUNS = (*pods(BLUE, ACTIVE, 10), *pods(GREEN, PAUSED, 10))
GREEN_RUNS = (*pods(BLUE, PAUSED, 12), *pods(GREEN, ACTIVE, 12))
SETTLED = held(BLUE, 10)
WITHDRAWN = Grant(None, 11, BLUE, BLUE, 7)
GRANTED = Grant(GREEN, 12, GREEN, BLUE, 7)
BACK = Grant(None, 13, GREEN, BLUE, 7, reason="ResumeTimeout: after 10 s too late")
BLOCKED = Grant(
    GREEN, 14, GREEN, BLUE, 7, Outcome.ROLLBACK_BLOCKED,
    "RollbackBlocked: ResumeTimeout: after 10 s too late; rollback waits for green-1, not PAUSED within 10 s",
    ("green-1",),
)  # fmt: skip
LOST = Grant(None, 1000, BLUE, None, 6, Outcome.SWITCHED, unconfirmed=True)
BLUE_PAUSED = (*pods(BLUE, PAUSED, 11), *pods(GREEN, PAUSED, 10))
ALL_PAUSED = (*pods(BLUE, PAUSED, 1000), *pods(GREEN, PAUSED, 1000))


def see(
    grant: Grant | None,
    members: tuple[Member, ...],
    spec: Spec = SPEC,
    *,
    listed: bool = True,
    elapsed: float = 0.0,
    memory: Memory = Memory(),
    lag: Lag = Lag.UNKNOWN,
    analysis: Analysis = Analysis.PENDING,
    since_whole: float | None = None,
    since_ready: float | None = None,
    ready_for: float = 0.0,
    removed: bool = False,
    removal_detail: str = "",
    **more: Any,
) -> Observation:
    return Observation(
        spec, grant, members, listed, elapsed, memory, lag, "partition 3: 17 behind", analysis, "5 of 100 failed",
        since_whole, since_ready, ready_for, removed, removal_detail, **more,
    )  # fmt: skip


def missing(members: tuple[Member, ...], *names: str) -> tuple[Member, ...]:
    return tuple(m for m in members if m.pod not in names)


def instead(members: tuple[Member, ...], *new: Member) -> tuple[Member, ...]:
    """The members with some of them as they are given here."""
    by_name = {m.pod: m for m in new}
    return tuple(by_name.get(m.pod, m) for m in members)


ANALYSED = replace(SPEC, analysis=True)
ACCEPTING = replace(ANALYSED, on_inconclusive=OnInconclusive.ACCEPT)
PRESENT = replace(SPEC, absence=Absence.UNKNOWN)
"""A member that is in no list says nothing of what it moves."""
ASSIGNED = replace(SPEC, standby=Standby.ASSIGNED)
"""Whoever waits is a member of its own group, and owns its part of it."""
STANDING_BY = (pod(GREEN, 0, PAUSED, 10, owns=(0, 1)), pod(GREEN, 1, PAUSED, 10, owns=(2, 3)))
WAITING = replace(SPEC, wait_for_lag=True)
GREEN_AWAY = replace(SPEC, replicas=(2, 0))
SWITCHED, FAILED, REFUSED = Outcome.SWITCHED, Outcome.FAILED, Outcome.REFUSED
BACK_AGAIN, STUCK = Outcome.ROLLED_BACK, Outcome.ROLLBACK_BLOCKED

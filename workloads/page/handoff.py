"""The hand-off as it happens, step by step, from what the Lease and the members say. Pure.

Each step bears the time of whoever took it: the Lease's `renewTime`, by the controller's clock, and a report's `at`, by
its node's. What this process saw first would be the order in which watches came, and a pause would follow the grant
that waited for it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from workloads.common.lease import Grant
from workloads.common.report import Report
from workloads.common.states import Color, State


class What(StrEnum):
    """What was done in a step."""

    WITHDRAWN = "withdrawn"
    PAUSED = "paused"
    GRANTED = "granted"
    ACTIVE = "active"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Step:
    """at: seconds since 1970. who: a pod, or the colour that is granted; empty for the controller's own."""

    at: float
    what: What
    who: str = ""
    color: str = ""
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Handoff:
    """One switch's way. origin: who held the grant. grants: each epoch's holder since then, None for a withdrawal;
    withdrawn_from: of each withdrawal's epoch, whose it was.
    """

    generation: int
    origin: Color | None
    steps: tuple[Step, ...]
    grants: Mapping[int, Color | None]
    withdrawn_from: Mapping[int, Color | None]
    outcome: str = ""

    @property
    def running(self) -> bool:
        return not self.outcome


@dataclass(frozen=True, slots=True)
class MemberReport:
    """What one member says."""

    pod: str
    color: Color
    report: Report


def advanced(before: Handoff | None, grant: Grant | None, at: float, members: Iterable[MemberReport]) -> Handoff | None:
    """The newest hand-off after a look. grant: the Lease's; at: when it was written, in seconds since 1970.

    None while none was seen. A withdrawal begins one, unless one of the same generation is under way.
    """
    now = before
    if grant is not None:
        now = _lease(before, grant, at)
    return None if now is None else _members(now, members)


def _lease(before: Handoff | None, grant: Grant, at: float) -> Handoff | None:
    now = before
    begins = grant.holder is None and (
        before is None or not before.running or (before.generation != grant.generation and not grant.rolling_back)
    )
    if begins and (before is None or grant.epoch not in before.grants):
        now = Handoff(grant.generation, grant.last_holder, (), {}, {})
    if now is None:
        return None
    if grant.epoch > max(now.grants, default=-1):
        step = Step(at, What.GRANTED, str(grant.holder), str(grant.holder), grant.epoch)
        if grant.holder is None:
            step = Step(at, What.WITHDRAWN, str(grant.last_holder or ""), str(grant.last_holder or ""), grant.epoch)
        now = replace(
            now,
            steps=(*now.steps, step),
            grants={**now.grants, grant.epoch: grant.holder},
            withdrawn_from={**now.withdrawn_from, **({grant.epoch: grant.last_holder} if not grant.holder else {})},
        )
    if grant.outcome is not None and now.running and grant.holder is not None and grant.epoch in now.grants:
        ended = Step(at, What.ENDED, str(grant.outcome), str(grant.holder), grant.epoch)
        now = replace(now, steps=(*now.steps, ended), outcome=str(grant.outcome))
    return now


def _members(now: Handoff, members: Iterable[MemberReport]) -> Handoff:
    """With what members have confirmed under the epochs of this hand-off, each once."""
    known = {(step.what, step.who, step.epoch) for step in now.steps}
    found = []
    for said in members:
        epoch, at = said.report.epoch, said.report.at / 1e9
        paused = said.report.state is State.PAUSED and now.withdrawn_from.get(epoch) is said.color
        active = said.report.state is State.ACTIVE and now.grants.get(epoch) is said.color
        what = What.PAUSED if paused else What.ACTIVE if active else None
        if what is not None and (what, said.pod, epoch) not in known:
            found.append(Step(at, what, said.pod, str(said.color), epoch))
    return replace(now, steps=(*now.steps, *found)) if found else now


#: How the times of `status.lastSwitch` are called here.
_TOLD = {
    "withdrawnAt": What.WITHDRAWN,
    "pausedAt": What.PAUSED,
    "grantedAt": What.GRANTED,
    "activeAt": What.ACTIVE,
    "endedAt": What.ENDED,
}


def from_status(last: Mapping[str, Any]) -> Handoff | None:
    """The last one as `status.lastSwitch` tells it, for whoever came later; its steps are of all members together."""
    steps = []
    for name, what in _TOLD.items():
        if (at := seconds(last.get(name))) is not None:
            color = str(last.get("from") if what in {What.WITHDRAWN, What.PAUSED} else last.get("to") or "")
            who = str(last.get("outcome") or "") if what is What.ENDED else color
            steps.append(Step(at, what, who, color, int(last.get("epoch") or 0)))
    if not steps:
        return None
    origin = last.get("from")
    known = Color(origin) if origin in set(Color) else None
    return Handoff(int(last.get("generation") or 0), known, tuple(steps), {}, {}, str(last.get("outcome") or ""))


def shown(handoff: Handoff | None) -> dict[str, Any] | None:
    """As the page has it: steps in their order, in milliseconds since the first."""
    if handoff is None or not handoff.steps:
        return None
    steps = sorted(handoff.steps, key=lambda step: (step.at, step.epoch))
    granted = [step.color for step in steps if step.what is What.GRANTED]
    # A way back ends with whom it began with; where it went is who was granted in between.
    target = next((color for color in granted if color != handoff.origin), granted[-1] if granted else "")
    return {
        "generation": handoff.generation,
        "from": str(handoff.origin or ""),
        "to": target,
        "running": handoff.running,
        "outcome": handoff.outcome,
        "steps": [
            {
                "ms": round((step.at - steps[0].at) * 1000, 1),
                "what": str(step.what),
                "who": step.who,
                "color": step.color,
                "epoch": step.epoch,
            }
            for step in steps
        ],
    }


def seconds(text: object) -> float | None:
    """RFC 3339 as seconds since 1970; None for anything else."""
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return None

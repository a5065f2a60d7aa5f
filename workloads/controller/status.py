"""`status` of the KafkaConsumerSwitch: a projection of Lease, members and history, for people and for Pulumi.

It never runs ahead of the Lease: a generation is Settled here only once a Lease that was read, or accepted, says so.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from workloads.common.lease import Grant
from workloads.common.states import Color, Phase
from workloads.controller.past import merged
from workloads.controller.terms import Decision, Member, Memory, Spec
from workloads.controller.truth import NO_TOPIC, PAUSED, Problem, unreadiness

READY = "Ready"
SETTLED = "Settled"


def project(
    spec: Spec,
    grant: Grant | None,
    memory: Memory,
    decision: Decision,
    *,
    members: Iterable[Member],
    last_switch: Mapping[str, Any] | None,
    history: Iterable[Mapping[str, Any]] = (),
    missing_topic: str = "",
    foreign: str = "",
    scale: Mapping[str, object] = MappingProxyType({}),
) -> dict[str, Any]:
    """The whole status, without what it keeps of the one before (see `following`).

    history: the switches whose end this process saw, newest first. missing_topic: its name when it is known that there
    is none. foreign: see `Observation.foreign`. scale: what the scale subresource shows of it.
    """
    members = tuple(members)
    ended = grant is not None and grant.generation == spec.generation and grant.outcome is not None
    settled = ended and spec.newest in {0, spec.generation}
    generation = spec.newest or spec.generation
    holder = grant.holder if grant is not None else None
    if settled and grant is not None:
        outcome = str(grant.outcome)
        message = grant.reason or f"{grant.holder or 'nobody'} holds the grant under epoch {grant.epoch}"
    else:
        outcome, message = decision.reason or str(decision.phase), decision.message
    wrong = unreadiness(spec, grant, members, message or outcome, foreign)
    if missing_topic and settled:
        wrong = Problem(NO_TOPIC, f"there is no topic {missing_topic}")
    unwell = wrong is not None and decision.phase is Phase.READY and settled
    phase = decision.phase
    if unwell:
        phase = Phase.PAUSED if wrong is not None and wrong.reason == PAUSED else Phase.RESUMING
    last_holder = memory.last_holder if grant is None else (grant.holder or grant.last_holder)
    return {
        "observedGeneration": generation,
        "phase": str(phase),
        "active": str(holder or ""),
        "epoch": grant.epoch if grant is not None else memory.epoch,
        "lastHolder": str(last_holder or ""),
        "shape": str(grant.shape or "") if grant is not None else "",
        "conditions": [
            _condition(
                READY,
                wrong is None,
                wrong.reason if wrong else outcome,
                wrong.message if wrong else message,
                generation,
            ),
            _condition(SETTLED, settled, outcome, message, generation),
        ],
        **scale,
        **{str(color): _runs(color, members) for color in Color},
        "members": [_member(member) for member in members],
        "lastSwitch": last_switch,
        "history": list(history),
    }


def refused(generation: int, said: Mapping[str, Any], reason: str, message: str) -> dict[str, Any]:
    """The status of a switch that cannot be carried out as it is written; what was true before stays."""
    return {
        **said,
        "observedGeneration": generation,
        "phase": "Failed",
        "conditions": [
            _condition(READY, False, reason, message, generation),
            _condition(SETTLED, False, reason, message, generation),
        ],
    }


def following(status: Mapping[str, Any], before: Mapping[str, Any], now: str) -> dict[str, Any]:
    """The status as it is written over the one before: each condition's transition time is `now` where its status
    changed, else as it was, and the history goes on where it stood, whoever wrote that.
    """
    old = {c.get("type"): c for c in before.get("conditions") or ()}
    conditions = []
    for condition in status["conditions"]:
        known = old.get(condition["type"], {})
        same = known.get("status") == condition["status"] and known.get("lastTransitionTime")
        conditions.append({**condition, "lastTransitionTime": known["lastTransitionTime"] if same else now})
    history = merged(status.get("history") or (), before.get("history") or ())
    return {**status, "conditions": conditions, "history": history}


def essence(status: Mapping[str, Any]) -> tuple[object, ...]:
    """What two controllers that see the same Lease must agree on; it is written again when somebody changed it."""
    conditions = {
        c.get("type"): (c.get("status"), c.get("reason"), c.get("observedGeneration"))
        for c in status.get("conditions") or ()
    }
    names = ("observedGeneration", "active", "epoch")
    return (*(status.get(name) for name in names), conditions.get(READY), conditions.get(SETTLED))


def readiness(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """The condition Ready of a whole status."""
    return next(c for c in status["conditions"] if c["type"] == READY)


def is_settled(status: Mapping[str, Any]) -> bool:
    """Whether the generation that it was written for has ended."""
    return any(c["type"] == SETTLED and c["status"] == "True" for c in status["conditions"])


def _condition(kind: str, holds: bool, reason: str, message: str, generation: int) -> dict[str, Any]:
    return {
        "type": kind,
        "status": str(bool(holds)),
        "reason": reason or "Unknown",
        "message": message,
        "observedGeneration": generation,
    }


def _runs(color: Color, members: Iterable[Member]) -> dict[str, str]:
    """What the pods of a colour run: while it changes, all of it."""
    own = [member for member in members if member.color is color]
    return {
        "version": ", ".join(sorted({member.version for member in own if member.version})),
        "image": ", ".join(sorted({member.image for member in own if member.image})),
    }


def _member(member: Member) -> dict[str, Any]:
    said = member.report
    return {
        "pod": member.pod,
        "uid": member.uid,
        "color": str(member.color),
        "version": member.version,
        "image": member.image,
        "ready": member.ready,
        "obstacle": said.obstacle if said else "",
        "bootId": said.boot_id if said else "",
        "state": (str(said.state) if said.state else "Unreachable") if said else "",
        "epoch": said.epoch if said else 0,
        "partitions": list(said.partitions) if said else [],
    }

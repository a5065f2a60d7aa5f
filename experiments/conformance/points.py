"""What a point of the contract is, and the register of all points."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from experiments.conformance.bench import Bench
    from experiments.conformance.kafka import Kafka

TAKEOVER, LEAVE_JOIN, SEPARATE = "takeover", "leave-join", "separate"
MEMBERSHIPS = (TAKEOVER, LEAVE_JOIN, SEPARATE)

CLASSIC, CONSUMER = "classic", "consumer"
PROTOCOLS = (CLASSIC, CONSUMER)

#: What an application may leave out (contract §12); a point that needs it is not asked then.
LEAVABLE = {
    "records": "the record log: nothing that it handles can be judged",
    "leave": "pauses that leave the group: no other number of pods, no more partitions, no other way in",
    "member_id": "its member id: a stranger in the group is not told from it",
    "voids": "the count of voids: a resume that was decided before a stall may still be executed after it",
    "metrics": "the metrics: a switch is not seen on them",
    "progress": "progress: the lag of its group is known from commits alone",
    "markers": "positions that pass transactions' markers: on such a topic its switches need lagThreshold",
    "faults": "faults that can be injected",
}


#: Makes what a point finds.
Before = Callable[["Kafka", str, str], None]


class FailedError(Exception):
    """The point does not hold; the message says what was seen."""


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that an application has to do.

    name: for people and results. clause: of the contract. says: what has to hold, in a line. needs: of `LEAVABLE`.
    memberships, protocols: those in which it means anything. before: what is there before the application starts:
    is given the broker, its group and the other colour's. check: does it; gives what was seen, raises `FailedError`.
    """

    name: str
    clause: str
    says: str
    check: "Callable[[Bench], str]"
    needs: frozenset[str] = frozenset()
    memberships: tuple[str, ...] = MEMBERSHIPS
    protocols: tuple[str, ...] = PROTOCOLS
    before: "Before | None" = None


POINTS: dict[str, Point] = {}


def point(
    name: str,
    clause: str,
    says: str,
    *,
    needs: tuple[str, ...] = (),
    memberships: tuple[str, ...] = MEMBERSHIPS,
    protocols: tuple[str, ...] = PROTOCOLS,
    before: Before | None = None,
) -> "Callable[[Callable[[Bench], str]], Callable[[Bench], str]]":
    """Registers a check as a point. Raises ValueError for a name that is taken, or a need that nobody may leave out."""
    if name in POINTS or (unknown := set(needs) - LEAVABLE.keys()):
        raise ValueError(f"point {name} is there already" if name in POINTS else f"point {name}: {unknown}")

    def register(check: "Callable[[Bench], str]") -> "Callable[[Bench], str]":
        POINTS[name] = Point(name, clause, says, check, frozenset(needs), memberships, protocols, before)
        return check

    return register

"""What a point of the contract is, and the register of all points."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from experiments.conformance.bench import Bench

TAKEOVER, LEAVE_JOIN, SEPARATE = "takeover", "leave-join", "separate"
MEMBERSHIPS = (TAKEOVER, LEAVE_JOIN, SEPARATE)

#: What an application may leave out (contract §12); a point that needs it is not asked then.
LEAVABLE = {
    "records": "the record log: nothing that it handles can be judged",
    "leave": "pauses that leave the group: no other number of pods, no more partitions, no other way in",
    "member_id": "its member id: a stranger in the group is not told from it",
    "voids": "the count of voids: a resume that was decided before a stall may still be executed after it",
    "metrics": "the metrics: a switch is not seen on them",
    "progress": "progress: the lag of its group is known from commits alone",
    "faults": "faults that can be injected",
}


class FailedError(Exception):
    """The point does not hold; the message says what was seen."""


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that an application has to do.

    name: for people and results. clause: of the contract. says: what has to hold, in a line. needs: of `LEAVABLE`.
    memberships: those in which it means anything. check: does it; gives what was seen, raises `FailedError`.
    """

    name: str
    clause: str
    says: str
    check: "Callable[[Bench], str]"
    needs: frozenset[str] = frozenset()
    memberships: tuple[str, ...] = MEMBERSHIPS


POINTS: dict[str, Point] = {}


def point(
    name: str, clause: str, says: str, *, needs: tuple[str, ...] = (), memberships: tuple[str, ...] = MEMBERSHIPS
) -> "Callable[[Callable[[Bench], str]], Callable[[Bench], str]]":
    """Registers a check as a point. Raises ValueError for a name that is taken, or a need that nobody may leave out."""
    if name in POINTS or (unknown := set(needs) - LEAVABLE.keys()):
        raise ValueError(f"point {name} is there already" if name in POINTS else f"point {name}: {unknown}")

    def register(check: "Callable[[Bench], str]") -> "Callable[[Bench], str]":
        POINTS[name] = Point(name, clause, says, check, frozenset(needs), memberships)
        return check

    return register

"""Rebalances as the broker's own log tells them (logger `o.a.k.coordinator.group`, INFO).

Patterns as of Kafka 4.3.1. `GroupMetadataManager` writes, with the group named in each line:

- classic protocol: `Preparing to rebalance group G in state S with old generation N (reason: …)` once per rebalance; a
  static member that replaces another without a rebalance: `Static member with groupInstanceId=… Replacing previously
  mapped member …`;
- KIP-848: `Bumped group epoch to N with …` once per change of the assignment to be reached; a static member that comes
  back: `Static member with instance id … re-joins the consumer group … to replace the existing member …`.

Lines are counted, and no requests. Who enters a group is told as `… joins group G …` or `… re-joins …`; a dynamic
member twice, for it is told its id first. The JoinGroup of a member that stays is told nowhere. A leader's assignment
is told once per generation, as `Assignment received from leader …`, and the SyncGroup of all others nowhere. By KIP-848
there is neither request. The requests themselves are the brokers' counters (`metrics.QUERIES`, `group_requests`).

Who leaves, or is taken out, is told once, as `Member M has left group …`, `Member M in group G has failed, …`, and by
KIP-848 `Member M left the consumer group`, or `… fenced from the group …`. By the classic protocol M begins with the
member's client id, or its instance id; by KIP-848 it tells nothing.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime

_CLASSIC = re.compile(r"Preparing to rebalance group (?P<group>\S+) in state")
_KIP_848 = re.compile(r"\[GroupId (?P<group>[^\]]+)\].*?Bumped group epoch to \d+")
_REPLACED = re.compile(
    r"Static member .*?groupInstanceId=?\s*(?P<instance>\S+).*?Replacing previously mapped member", re.IGNORECASE
)
_REPLACED_848 = re.compile(r"Static member .*? re-joins the consumer group .*? to replace the existing member")
_ENTERS = re.compile(r" joins (the consumer )?group | re-joins ")
_ASSIGNMENTS = re.compile(r"Assignment received from leader ")
_EXPIRED = re.compile(
    r"has failed, removing it|session expired|fenced from the group because its session expired", re.IGNORECASE
)
_LEFT = re.compile(
    r"\[Group(?:Id)? (?P<group>[^\]]+)\] Member (?P<member>\S+) "
    r"(?:has left group|left the consumer group|(?:.* )?fenced from the group)"
)
_FAILED = re.compile(r"Member (?P<member>\S+) in group (?P<group>\S+) has failed, removing it")
_NAMED = re.compile(r"(?P<name>.+)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Departure:
    """A member that left its group, or was taken out of it. at: seconds since 1970. name: its client id, or its
    instance id; None where the member's id does not tell it (KIP-848).
    """

    at: float
    name: str | None


@dataclass(frozen=True, slots=True)
class GroupEvents:
    """Counts over the lines of one group."""

    rebalances: int = 0
    replaced_static_members: int = 0
    expired_members: int = 0
    entry_lines: int = 0
    leader_assignment_lines: int = 0

    def __add__(self, other: "GroupEvents") -> "GroupEvents":
        return GroupEvents(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


def count(lines: Iterable[str], group: str) -> GroupEvents:
    """Count what concerns `group`. Lines that name no group are other groups' or the broker's own."""
    rebalances = replaced = expired = entries = assignments = 0
    # A group's name may be part of another's: whole words only.
    named = re.compile(rf"(?<![\w.-]){re.escape(group)}(?![\w.-])")
    for line in lines:
        if not named.search(line):
            continue
        match = _CLASSIC.search(line) or _KIP_848.search(line)
        rebalances += match is not None and match["group"] == group
        replaced += (_REPLACED.search(line) or _REPLACED_848.search(line)) is not None
        entries += _ENTERS.search(line) is not None
        assignments += _ASSIGNMENTS.search(line) is not None
        expired += _EXPIRED.search(line) is not None
    return GroupEvents(rebalances, replaced, expired, entries, assignments)


def departures(lines: Iterable[str], group: str) -> list[Departure]:
    """Who left a group, in the order of the lines. Where it was at rest until then, each is the reason of a rebalance;
    one in the middle of a rebalance is part of that one, which names the first.
    """
    found = []
    for line in lines:
        match = _LEFT.search(line) or _FAILED.search(line)
        if match is not None and match["group"] == group and (at := _moment(line)) is not None:
            named = _NAMED.fullmatch(match["member"])
            found.append(Departure(at, named["name"] if named else None))
    return found


def within(lines: Iterable[str], since: float, until: float) -> Iterator[str]:
    """Those of a span, in seconds since 1970: by the time that the kubelet put before each, in RFC 3339."""
    for line in lines:
        if (at := _moment(line)) is not None and since <= at < until:
            yield line


def _moment(line: str) -> float | None:
    """None for the rest of a message of several lines."""
    moment = line.partition(" ")[0]
    try:
        return datetime.fromisoformat(f"{moment[:26].rstrip('Z')}+00:00").timestamp()
    except ValueError:
        return None

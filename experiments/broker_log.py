"""Rebalances as the broker's own log tells them (logger `o.a.k.coordinator.group`, INFO).

Patterns as of Kafka 4.3.1. `GroupMetadataManager` writes, with the group named in each line:

- classic protocol: `Preparing to rebalance group G in state S with old generation N (reason: …)` once per rebalance; a
  static member that replaces another without a rebalance: `Static member with groupInstanceId=… Replacing previously
  mapped member …`;
- KIP-848: `Bumped group epoch to N with …` once per change of the assignment to be reached; a static member that comes
  back: `Static member with instance id … re-joins the consumer group … to replace the existing member …`.

Lines are counted, and no requests. Who enters a group is told as `… joins group G …` or `… re-joins …`; a dynamic member
twice, for it is told its id first. The JoinGroup of a member that stays is told nowhere. A leader's assignment is told
once per generation, as `Assignment received from leader …`, and the SyncGroup of all others nowhere. By KIP-848 there is
neither request. The requests themselves are the brokers' counters (`metrics.QUERIES`, `group_requests`).
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


def within(lines: Iterable[str], since: float, until: float) -> Iterator[str]:
    """Those of a span, in seconds since 1970: by the time that the kubelet put before each, in RFC 3339."""
    for line in lines:
        moment = line.partition(" ")[0]
        try:
            at = datetime.fromisoformat(f"{moment[:26].rstrip('Z')}+00:00").timestamp()
        except ValueError:
            continue  # the rest of a message of several lines
        if since <= at < until:
            yield line

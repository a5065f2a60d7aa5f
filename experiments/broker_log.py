"""Rebalances as the broker's own log tells them (logger `o.a.k.coordinator.group`, INFO).

Patterns as of Kafka 4.3.1. `GroupMetadataManager` writes, with the group named in each line:

- classic protocol: `Preparing to rebalance group G in state S with old generation N (reason: …)` once per rebalance; a
  static member that replaces another without a rebalance: `Static member with groupInstanceId=… Replacing previously
  mapped member …`;
- KIP-848: `Bumped group epoch to N with …` once per change of the assignment to be reached.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_CLASSIC = re.compile(r"Preparing to rebalance group (?P<group>\S+) in state")
_KIP_848 = re.compile(r"\[GroupId (?P<group>[^\]]+)\].*?Bumped group epoch to \d+")
_REPLACED = re.compile(
    r"Static member .*?groupInstanceId=?\s*(?P<instance>\S+).*?Replacing previously mapped member", re.IGNORECASE
)
_EXPIRED = re.compile(
    r"has failed, removing it|session expired|fenced from the group because its session expired", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class GroupEvents:
    """Counts over the lines of one group."""

    rebalances: int = 0
    replaced_static_members: int = 0
    expired_members: int = 0

    def __add__(self, other: "GroupEvents") -> "GroupEvents":
        return GroupEvents(
            self.rebalances + other.rebalances,
            self.replaced_static_members + other.replaced_static_members,
            self.expired_members + other.expired_members,
        )


def count(lines: Iterable[str], group: str) -> GroupEvents:
    """Count what concerns `group`. Lines that name no group are other groups' or the broker's own."""
    rebalances = replaced = expired = 0
    # A group's name may be part of another's: whole words only.
    named = re.compile(rf"(?<![\w.-]){re.escape(group)}(?![\w.-])")
    for line in lines:
        if not named.search(line):
            continue
        match = _CLASSIC.search(line) or _KIP_848.search(line)
        rebalances += match is not None and match["group"] == group
        replaced += _REPLACED.search(line) is not None
        expired += _EXPIRED.search(line) is not None
    return GroupEvents(rebalances, replaced, expired)

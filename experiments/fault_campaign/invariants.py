"""What has to hold (design §6), as functions of what was seen: no cluster, no clock. Each gives what is broken, one
text for each finding, with the invariant's number.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.measurements import SWITCHED

_COLORS = frozenset({"blue", "green"})
#: What of a finding's text is another each time.
_VARIES = re.compile(r"[\w.-]*\d[\w.-]*|\b(blue|green|nobody|nothing)\b")
_NUMBERED = re.compile(r"invariant \d+: ")
_ENDS = frozenset({SWITCHED, "Refused", "Failed", "RolledBack", "RollbackBlocked", "Superseded"})


@dataclass(frozen=True, slots=True)
class LeaseSeen:
    """The Lease at one moment (wall clock seconds); epoch -1: there was none. holder: empty after a withdrawal."""

    at: float
    holder: str = ""
    epoch: int = -1
    last_holder: str = ""
    generation: int = 0
    outcome: str = ""
    blocked_by: str = ""
    uid: str = ""

    @classmethod
    def of(cls, raw: Mapping[str, Any] | None, at: float) -> "LeaseSeen":
        if raw is None:
            return cls(at)
        spec, notes = raw.get("spec") or {}, raw["metadata"].get("annotations") or {}
        return cls(
            at=at,
            holder=str(spec.get("holderIdentity") or ""),
            epoch=int(spec.get("leaseTransitions") or 0),
            last_holder=str(notes.get("last-holder") or ""),
            generation=int(notes.get("generation") or 0),
            outcome=str(notes.get("outcome") or ""),
            blocked_by=str(notes.get("blocked-by") or ""),
            uid=str(raw["metadata"].get("uid") or ""),
        )

    def same(self, other: "LeaseSeen") -> bool:
        """Whether it says the same, whenever it was seen."""
        names = ("holder", "epoch", "last_holder", "generation", "outcome", "blocked_by", "uid")
        return all(getattr(self, name) == getattr(other, name) for name in names)

    def __str__(self) -> str:
        if self.epoch < 0:
            return "none"
        withdrawn = f", withdrawn from {self.last_holder or 'whoever it was'}" if not self.holder else ""
        blocked = f", waits for {self.blocked_by}" if self.blocked_by else ""
        said = f"{self.holder or 'nobody'} at epoch {self.epoch}{withdrawn}, generation {self.generation}"
        return f"{said} {self.outcome or 'under way'}{blocked}"


def lease_history(seen: Sequence[LeaseSeen]) -> list[str]:
    """What the Lease's states break. States between two that were seen may have been missed: then their epochs are more
    than one apart, and nothing is said of how the one came from the other.
    """
    found = []
    highest = 0
    before: LeaseSeen | None = None
    for now in seen:
        if now.epoch < 0 or (now.holder and now.holder not in _COLORS):
            continue  # there is none, or one that a fault has made unreadable
        if now.epoch < highest:
            found.append(f"invariant 2: the Lease's epoch fell from {highest} to {now.epoch}")
        if before is not None and before.uid == now.uid:
            if before.holder != now.holder and now.epoch == before.epoch:
                found.append(f"invariant 2: epoch {now.epoch} was of {_who(before)} and of {_who(now)}")
            if before.holder and now.holder and before.holder != now.holder and now.epoch == before.epoch + 1:
                found.append(
                    f"invariant 3: {now.holder} was granted epoch {now.epoch} while {before.holder} held {before.epoch}"
                )
        if now.outcome and now.outcome not in _ENDS:
            found.append(f"invariant 4: generation {now.generation} ended as {now.outcome!r}, which is no outcome")
        if now.outcome == "RollbackBlocked" and not now.blocked_by:
            found.append(f"invariant 4: generation {now.generation} waits for a pod that nobody names")
        highest, before = max(highest, now.epoch), now
    return found


def ends(status: Mapping[str, Any], *, settled: int, since: int) -> list[str]:
    """Whether each switch that a status tells of has its outcome: the last one, and those that it keeps. settled: the
    newest generation, which has ended. since: another one; those up to it were judged before.
    """
    told = [status.get("lastSwitch") or {}, *(status.get("history") or ())]
    without = {int(one.get("generation") or 0) for one in told if one and one.get("outcome") not in _ENDS}
    return [
        f"invariant 4: generation {generation} has no outcome, and generation {settled} has settled"
        for generation in sorted(without)
        if generation > since
    ]


def _who(lease: LeaseSeen) -> str:
    return lease.holder or "nobody"


@dataclass(frozen=True, slots=True)
class Truth:
    """What is, as others than the controller say it.

    holder: of the Lease. owned: by colour, the partitions that its members say they own. partitions: of the topic.
    wanted: the colour asked for. paused: nobody is meant to be at work.
    """

    holder: str
    wanted: str
    owned: Mapping[str, Collection[int]]
    partitions: int

    @property
    def at_work(self) -> bool:
        """Whether the colour asked for holds the grant, and its members own every partition, and nobody else any."""
        own = set(self.owned.get(self.holder, ()))
        others = {p for color, owned in self.owned.items() if color != self.holder for p in owned}
        return self.holder == self.wanted and own == set(range(self.partitions)) and not others

    def __str__(self) -> str:
        told = "; ".join(f"{color} owns {len(set(owned))}" for color, owned in sorted(self.owned.items()))
        return f"{self.wanted} is asked for, {self.holder or 'nobody'} holds the grant, {told} of {self.partitions}"


def ready(said: bool, truth: Truth) -> list[str]:
    """Whether `Ready` is what is."""
    if said == truth.at_work:
        return []
    return [f"invariant 6: Ready is {said}, but {truth}"]


def update(
    error: str | None, *, asked: str, active: str, generations: int, outcome: str, so_it_was: bool = False
) -> list[str]:
    """Whether `pulumi up` ended as the switch did. asked: the colour that it asked for. generations: how many there
    have been since before it; where others than the update's own followed, nothing is said: they are not its own.
    so_it_was: when it returned, the switch had said for a while that the colour asked for is at work, and nothing kept
    it from seeing that.
    """
    if generations > 1:
        return []
    if error is not None:
        told = error.strip().splitlines()[-1] if error.strip() else "without a word"
        return [f"invariant 6: pulumi up failed, but {asked} was active and Ready: {told}"] if so_it_was else []
    if active == asked:
        return []
    wrote = f"its generation ended as {outcome or 'nothing'}" if generations else "it wrote nothing"
    return [f"invariant 6: pulumi up returned 0 for {asked}, but {active or 'nobody'} is active, and {wrote}"]


def kind(finding: str) -> str:
    """What sort of a finding it is: its invariant, and what of its text is the same each time."""
    numbered = _NUMBERED.match(finding)
    prefix = numbered[0] if numbered else ""
    rest = _VARIES.sub("*", finding[len(prefix) :])
    return prefix + re.split(r"[:;,(]", rest)[0].strip()


def kinds(findings: Iterable[str]) -> frozenset[str]:
    """Of several."""
    return frozenset(map(kind, findings))


def anomalies(found: Mapping[str, int]) -> list[str]:
    """What the validator counted, but for duplicates, which may be explained."""
    numbers = {"dual_active": 1, "zombie": 1, "out_of_order": 2}
    return [
        f"invariant {numbers.get(name, 5)}: {name} {count}"
        for name, count in found.items()
        if count and name != "duplicate"
    ]

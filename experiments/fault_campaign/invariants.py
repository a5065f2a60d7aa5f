"""What has to hold (design §6), as functions of what was seen: no cluster, no clock. Each gives what is broken, one
text for each finding, with the invariant's number.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.measurements import SWITCHED

_NS = 1_000_000_000
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
        if now.epoch < 0:
            continue
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


def update(error: str | None, *, asked: str, active: str, generations: int, outcome: str) -> list[str]:
    """Whether `pulumi up` ended as the switch did. asked: the colour that it asked for. generations: how many there
    have been since before it; where others than the update's own followed, nothing is said: they are not its own. An
    update that failed where the switch came to it is no finding: it says less than it could, and nothing that is wrong.
    """
    if error is not None or active == asked or generations > 1:
        return []
    wrote = f"its generation ended as {outcome or 'nothing'}" if generations else "it wrote nothing"
    return [f"invariant 6: pulumi up returned 0 for {asked}, but {active or 'nobody'} is active, and {wrote}"]


def anomalies(found: Mapping[str, int]) -> list[str]:
    """What the validator counted, but for duplicates, which may be explained."""
    numbers = {"dual_active": 1, "zombie": 1, "out_of_order": 2}
    return [
        f"invariant {numbers.get(name, 5)}: {name} {count}"
        for name, count in found.items()
        if count and name != "duplicate"
    ]


# Duplicates


@dataclass(frozen=True, slots=True)
class Repeat:
    """One record that was processed again: by whom first and then (`<pod>.<boot id>`), and when (nanoseconds)."""

    partition: int
    offset: int
    first: str
    again: str
    first_at: int
    again_at: int


def repeats(consumed: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Repeat]:
    """Every further processing of a record at one offset. consumed: the lines of the consumed logs, each with whose it
    is; those that say where a log ends, and those with an error, are none.
    """
    known: dict[tuple[str, int, int], list[tuple[int, str]]] = defaultdict(list)
    for process, line in consumed:
        if "offset" in line and "error" not in line:
            known[line["topic"], line["partition"], line["offset"]].append((line["t"], process))
    found = []
    for (_, partition, offset), times in known.items():
        times.sort()
        for (first_at, first), (again_at, again) in itertools.pairwise(times):
            found.append(Repeat(partition, offset, first, again, first_at, again_at))
    return sorted(found, key=lambda repeat: repeat.again_at)


def behind_commits(found: Iterable[Repeat], events: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Repeat]:
    """Those of the repetitions that no crash can excuse: when whoever handled the record again began to read, whoever
    had handled it first had its commit acknowledged already. events: the lines of the event logs, each with whose it
    is. Of whose beginning nothing is known, nothing is said.
    """
    begun: dict[tuple[str, int], list[int]] = defaultdict(list)
    committed: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
    for process, line in events:
        for _, partition, *offset in line.get("partitions", ()):
            if line["event"] == "ASSIGNED":
                begun[process, partition].append(line["t"])
            elif line["event"] == "COMMITTED" and offset:
                committed[process, partition].append((line["t"], offset[0]))
    behind = []
    for repeat in found:
        since = max((at for at in begun[repeat.again, repeat.partition] if at <= repeat.again_at), default=None)
        commits = committed[repeat.first, repeat.partition]
        if since is not None and any(at < since and offset > repeat.offset for at, offset in commits):
            behind.append(repeat)
    return behind


@dataclass(frozen=True, slots=True)
class Crash:
    """Something after which records may be handled again: what it was, when (wall clock seconds), and whom it hit, a
    pod; empty for everybody.
    """

    what: str
    pod: str
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Explained:
    """The repetitions between a process and who came after it, and the crash that they follow from; None: nothing."""

    first: str
    again: str
    count: int
    partitions: tuple[int, ...]
    crash: Crash | None
    first_at: int
    again_at: int

    def __str__(self) -> str:
        why = f"{self.crash.what} of {self.crash.pod or 'all'}" if self.crash else "nothing that could explain it"
        took = (self.again_at - self.first_at) / _NS
        return f"{self.count} handled by {self.first}, and again by {self.again} {took:.2f} s after: {why}"


#: So long after the end of a fault its victim may still do what it does to it, such as a drain that was asked for.
_AFTERMATH_SECONDS = 30.0


def explain(found: Sequence[Repeat], crashes: Sequence[Crash], *, places: bool) -> list[Explained]:
    """Each process's repetitions by the crash that lies between the effect and the commit: one that hit one of the two
    pods, or who shares its place, or everybody, began before the record was handled again, and was over not long before
    it was handled first.

    places: pods of both colours that have the same number may have one place between them, by an instance id or a
    transactional id, so that what hits the one can fence the other.
    """
    by_pair: dict[tuple[str, str, Crash | None], list[Repeat]] = defaultdict(list)
    for repeat in found:
        by_pair[repeat.first, repeat.again, _cause(repeat, crashes, _number if places else str)].append(repeat)
    return [
        Explained(
            first=first,
            again=again,
            count=len(of),
            partitions=tuple(sorted({repeat.partition for repeat in of})),
            crash=crash,
            first_at=min(repeat.first_at for repeat in of),
            again_at=min(repeat.again_at for repeat in of),
        )
        for (first, again, crash), of in by_pair.items()
    ]


def _number(pod: str) -> str:
    return pod.rpartition("-")[2]


def _cause(repeat: Repeat, crashes: Sequence[Crash], place: Callable[[str], str]) -> Crash | None:
    first, again = repeat.first_at / _NS, repeat.again_at / _NS
    pods = {place(process.rpartition(".")[0]) for process in (repeat.first, repeat.again)}
    candidates = [
        crash
        for crash in crashes
        if (not crash.pod or place(crash.pod) in pods)
        and crash.began <= again
        and crash.ended + _AFTERMATH_SECONDS >= first
    ]
    return max(candidates, key=lambda crash: (bool(crash.pod), crash.began), default=None)

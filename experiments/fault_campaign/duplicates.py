"""What was handled twice, and why: each by the fault that lies between an effect and its commit, and by what that did,
as the logs of those who handled it say. Pure.

A fault alone explains nothing: it has to have ended the process, taken its partitions, or kept its commit away.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_NS = 1_000_000_000
#: So long after the end of a fault its victim may still feel it: it connects again, and hears that it was fenced.
_AFTERMATH_SECONDS = 5.0
#: So long after a record was handled again whoever had it first may come to say that it had lost it: it stood still.
_SAID_LATE_SECONDS = 30.0
_AROUND_SECONDS = 1.0
_LINES = 12
_LOST = {"LOST": "its partitions were lost", "FENCED": "it was fenced", "REVOKED": "its partitions were taken from it"}
_ENDED, _UNCOMMITTED = "its process ended", "the commit of its drain was not acknowledged"
_NO_LOG = "it was hit between the two, and has no log that says more"


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
    """The repetitions between a process and who came after it. crash, mechanism: the fault that they follow from, and
    what it did; None and empty: nothing. timeline: what leads to them.
    """

    first: str
    again: str
    count: int
    partitions: tuple[int, ...]
    crash: Crash | None
    first_at: int
    again_at: int
    mechanism: str = ""
    timeline: tuple[str, ...] = ()

    def __str__(self) -> str:
        why = "nothing that could explain it"
        if self.crash:
            why = f"{self.crash.what} of {self.crash.pod or 'all'}" + (f": {self.mechanism}" if self.mechanism else "")
        took = (self.again_at - self.first_at) / _NS
        return f"{self.count} handled by {self.first}, and again by {self.again} {took:.2f} s after: {why}"

    def as_json(self) -> dict[str, Any]:
        """As it is written down."""
        return {"told": str(self), "timeline": list(self.timeline)}


@dataclass(frozen=True, slots=True)
class _Event:
    at: int
    process: str
    what: str
    offsets: Mapping[int, int | None]

    def __str__(self) -> str:
        of = ", ".join(f"{p}@{'?' if offset is None else offset}" for p, offset in sorted(self.offsets.items()))
        return f"{self.process} {self.what} {of}".rstrip()


class Trail:
    """What those who handle records said of themselves. events: the lines of the event logs, each with whose it is.
    places: pods of both colours that have the same number may have one place between them, by an instance id or a
    transactional id, so that what hits the one can fence the other. logs: whether they write down what happens to them.
    """

    def __init__(self, events: Iterable[tuple[str, Mapping[str, Any]]], *, places: bool, logs: bool) -> None:
        self._places = places
        self._logs = logs
        self._of: dict[str, list[_Event]] = defaultdict(list)
        for process, line in events:
            offsets = {int(p): (int(rest[0]) if rest else None) for _, p, *rest in line.get("partitions", ())}
            self._of[process].append(_Event(int(line["t"]), process, str(line["event"]), offsets))
        for own in self._of.values():
            own.sort(key=lambda event: event.at)

    def why(self, repeat: Repeat, crashes: Sequence[Crash]) -> tuple[Crash | None, str]:
        """The fault that a repetition follows from, and what it did; None and empty: nothing does."""
        mechanism = self._mechanism(repeat) if self._logs else _NO_LOG
        first, again = _pod(repeat.first), _pod(repeat.again)
        fitting = [
            crash
            for crash in crashes
            if crash.began <= repeat.again_at / _NS
            and crash.ended + _AFTERMATH_SECONDS >= repeat.first_at / _NS
            and self._hits(crash, first, again, mechanism)
        ]
        best = max(fitting, key=lambda crash: (crash.pod == first, bool(crash.pod), crash.began), default=None)
        return (best, mechanism) if mechanism and best else (None, "")

    def _hits(self, crash: Crash, first: str, again: str, mechanism: str) -> bool:
        """Whoever had the record first was hit, or everybody was; or somebody who took its partitions from it."""
        if crash.pod in ("", first):
            return True
        shares = self._places and _number(crash.pod) == _number(first)
        if not self._logs:
            return crash.pod == again
        return mechanism in _LOST.values() and (crash.pod == again or shares)

    def _mechanism(self, repeat: Repeat) -> str:
        own = self._of[repeat.first]
        late = repeat.again_at + int(_SAID_LATE_SECONDS * _NS)
        for event in own:
            if not repeat.first_at <= event.at <= late:
                continue
            about = not event.offsets or repeat.partition in event.offsets
            if event.what in _LOST and about:
                return _LOST[event.what]
            if event.what == "PAUSED" and event.at <= repeat.again_at and self._uncommitted(event, repeat):
                return _UNCOMMITTED
        return _ENDED if self._ended(repeat) else ""

    def _uncommitted(self, paused: _Event, repeat: Repeat) -> bool:
        committed = paused.offsets.get(repeat.partition)
        return committed is None or committed <= repeat.offset

    def _ended(self, repeat: Repeat) -> bool:
        """Another process of its pod was there after it, and it said nothing more by then."""
        if repeat.first == repeat.again:
            return False
        if _pod(repeat.first) == _pod(repeat.again):
            return True
        after = [
            events[0].at
            for process, events in self._of.items()
            if process != repeat.first and _pod(process) == _pod(repeat.first) and events[0].at > repeat.first_at
        ]
        last = max((event.at for event in self._of[repeat.first]), default=0)
        return bool(after) and last <= min(after)

    def timeline(self, of: Sequence[Repeat], crash: Crash | None, said: Iterable[tuple[float, str]]) -> tuple[str, ...]:
        """What leads to repetitions between two processes, so many lines at most. said: what else was seen."""
        first, last = min(one.first_at for one in of), max(one.again_at for one in of)
        since, until = first / _NS - _AROUND_SECONDS, last / _NS + _AROUND_SECONDS
        partitions = {one.partition for one in of}
        found = [
            (first / _NS, f"{of[0].first} handles"),
            (min(one.again_at for one in of) / _NS, f"{of[0].again} again"),
        ]
        if crash is not None:
            found += [(crash.began, f"{crash.what} of {crash.pod or 'all'} begins"), (crash.ended, "and is over")]
        for process in {of[0].first, of[0].again}:
            own = [event for event in self._of[process] if not event.offsets or partitions & event.offsets.keys()]
            commits = [event for event in own if event.what == "COMMITTED"]
            own = [event for event in own if event.what != "COMMITTED" and since <= event.at / _NS <= until]
            own += [event for event in commits if event.at <= last][-1:]
            found += [(event.at / _NS, str(event)) for event in own]
        found += [line for line in said if since <= line[0] <= until]
        lines = [f"{at:.3f} {text}" for at, text in sorted(found)]
        half = _LINES // 2
        return tuple(lines if len(lines) <= _LINES else [*lines[:half], "...", *lines[-half:]])


def explain(
    found: Sequence[Repeat], crashes: Sequence[Crash], trail: Trail, said: Sequence[tuple[float, str]] = ()
) -> list[Explained]:
    """The repetitions between two processes, each with what explains it."""
    by_pair: dict[tuple[str, str, Crash | None, str], list[Repeat]] = defaultdict(list)
    for repeat in found:
        by_pair[repeat.first, repeat.again, *trail.why(repeat, crashes)].append(repeat)
    return [
        Explained(
            first=first,
            again=again,
            count=len(of),
            partitions=tuple(sorted({repeat.partition for repeat in of})),
            crash=crash,
            first_at=min(repeat.first_at for repeat in of),
            again_at=min(repeat.again_at for repeat in of),
            mechanism=mechanism,
            timeline=trail.timeline(of, crash, said),
        )
        for (first, again, crash, mechanism), of in by_pair.items()
    ]


def _pod(process: str) -> str:
    return process.rpartition(".")[0]


def _number(pod: str) -> str:
    return pod.rpartition("-")[2]

"""Whether the consumed logs are the whole: what their end lines promise, and what was committed by their writers."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from tools.validator.errors import InputError
from tools.validator.sources import described

_LISTED = 5


@dataclass
class ConsumedLog:
    """What the log of one process holds, all parts together and of all producers: ``lines`` that handled a record,
    what its end ``ends`` say, the ``pods`` that it names, and by place the ``next`` offset after its highest one.
    """

    process: str
    path: str
    lines: int = 0
    ends: list[int] = field(default_factory=list)
    pods: set[str] = field(default_factory=set)
    next: dict[int, int] = field(default_factory=dict)

    def reached(self, place: int, offset: int) -> None:
        self.next[place] = max(offset + 1, self.next.get(place, 0))


@dataclass
class Commits:
    """What one process committed on one place, and from where on it had to handle what it committed.

    Offsets are the next ones, as Kafka commits them. ``owned`` is the highest that was committed while the process held
    the place, by the highest start that was known then: what begins later does not cover it. ``other`` was committed
    without holding it (a copy, a start that is committed before the assignment, an answer after the revocation): the
    start of an assignment after it covers it, too.
    """

    start: int = 0
    end: int = 0
    owned: dict[int, int] = field(default_factory=dict)
    other: int = 0
    holds: bool = False

    def assigned(self, start: int | None) -> None:
        self.holds = True
        self.start = max(self.start, start or 0)
        if self.other <= self.start:
            self.other = 0

    def committed(self, offset: int) -> None:
        if offset > self.start and self.holds:
            self.owned[self.start] = max(offset, self.owned.get(self.start, 0))
        elif offset > self.start:
            self.other = max(offset, self.other)

    def uncovered(self, handled: int) -> tuple[int, int] | None:
        """From which offset on, and up to which (exclusive), was committed what neither a start nor the end of the
        partition nor a line covers; ``handled`` is one more than the last line's offset. None if all is covered.
        """
        floor = max(self.end, handled)
        beyond = [(max(start, floor), offset) for start, offset in self.owned.items()]
        beyond = [(low, high) for low, high in [*beyond, (max(self.start, floor), self.other)] if high > low]
        return (min(low for low, _ in beyond), max(high for _, high in beyond)) if beyond else None


@dataclass(frozen=True)
class Uncovered:
    """Committed by a process up to ``high`` (exclusive), but neither handled nor passed by from ``low`` on."""

    process: str
    place: int
    low: int
    high: int


def check_ends(logs: Iterable[ConsumedLog]) -> None:
    """Raises InputError for a log whose end line does not say how many lines it has."""
    for log in logs:
        for end in log.ends:
            if end != log.lines:
                who = f" of {described(log.process)}" if log.process else ""
                raise InputError(
                    f"the consumed log{who} is not whole: it ended after {end} line(s), but has {log.lines}", log.path
                )


def uncovered(
    logs: Iterable[ConsumedLog],
    commits: Mapping[tuple[str, str], Mapping[int, Commits]],
    acked: Mapping[int, tuple[int, int]],
) -> tuple[list[Uncovered], list[Uncovered]]:
    """What was committed and is not in the logs: first of logs that are absent or may be cut, then of whole ones.

    ``acked`` has the lowest and the highest offset of each place that the judged producers are known to have written:
    what lies outside is about nobody that is judged. A copy of the logs may hold the lines of one producer only.
    """
    absent: list[Uncovered] = []
    ignored: list[Uncovered] = []
    known = list(logs)
    for (process, pod), places in commits.items():
        own = [log for log in known if _may_be(log, process, pod)]
        whole = bool(own) and all(log.ends for log in own)
        for place, one in places.items():
            span = one.uncovered(max((log.next.get(place, 0) for log in own), default=0))
            lowest, highest = acked.get(place, (0, -1))
            if span is not None and span[0] <= highest and span[1] > lowest:
                found = Uncovered(process or f"{pod}.", place, *span)
                (ignored if whole else absent).append(found)
    return absent, ignored


def refuse(absent: list[Uncovered], place: Callable[[int], tuple[str, int]]) -> None:
    """Raises InputError that names what is missing; ``place`` tells topic and partition of a place's number."""
    if not absent:
        return
    shown = []
    for one in absent[:_LISTED]:
        topic, partition = place(one.place)
        shown.append(f"{described(one.process)}, {topic}-{partition}, offsets {one.low} to {one.high - 1}")
    more = f"; and {len(absent) - _LISTED} more" if len(absent) > _LISTED else ""
    raise InputError(
        "a consumed log is not there, or not whole: its process committed what is beyond its last line, its start and"
        f" the end that it met: {'; '.join(shown)}{more}"
    )


def _may_be(log: ConsumedLog, process: str, pod: str) -> bool:
    """By the names of both files; by the pod where one of the names does not say it."""
    return log.process == process if log.process and process else pod in log.pods

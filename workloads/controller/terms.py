"""The words of a decision: what is asked for, what is seen, what follows. Values only; nothing here does anything."""

from dataclasses import dataclass, replace
from enum import StrEnum

from workloads.common.lease import Grant, Shape
from workloads.common.report import Report
from workloads.common.states import Color, Outcome, Phase


class Absence(StrEnum):
    """What it means that a member's pod is in no consistent list.

    GONE: its process is dead with it, so there is nothing to wait for. UNKNOWN: what it moves (a connector, say) may
    run on without it, so absence confirms nothing and presence is required.
    """

    GONE = "Gone"
    UNKNOWN = "Unknown"


class Standby(StrEnum):
    """Where the members of the colour that waits stand.

    OUTSIDE: nothing is asked of what they own; the grant brings them in. ASSIGNED: they own every partition of their
    group between them already, and a colour that does not is not ready.
    """

    OUTSIDE = "Outside"
    ASSIGNED = "Assigned"


class OnInconclusive(StrEnum):
    """What follows from an analysis that shows nothing."""

    ROLL_BACK = "RollBack"
    ACCEPT = "Accept"


@dataclass(frozen=True, slots=True)
class Spec:
    """What is asked for. replicas: pods per colour, (blue, green). Timeouts in seconds.

    uid: which object's generation it is. analysis: the colour switched to is analysed before the switch counts. way:
    how members enter and leave their group (`Shape.way`); None: the shape of a colour is none of the switch's.
    one_group: both colours are in one. paused: whoever holds the grant is to rest: nobody is in the group. asked: names
    what is asked for; while it stays, so does the outcome. replay: a way back by itself begins where the colour that
    was switched to was granted. number: that of both colours, which a scaler writes; None where none does. newest: the
    object's generation, where one before it is carried out first (`scaled.held`); 0: it is `generation`. rest: all that
    is asked for but that number, by which generations of a scaler are known; empty where there is none. there: how many
    partitions there are by now, where `partitions` are those of a grant (`granted`); 0 where they are the same.

    More than a dozen attributes: they are what one generation asks for, and the decision compares whole ones.
    """

    generation: int
    active: Color
    replicas: tuple[int, int]
    partitions: int
    wait_for_lag: bool = False
    lag_timeout: float = 120.0
    ready_timeout: float = 30.0
    drain_timeout: float = 10.0
    resume_timeout: float = 10.0
    analysis: bool = False
    on_inconclusive: OnInconclusive = OnInconclusive.ROLL_BACK
    absence: Absence = Absence.GONE
    standby: Standby = Standby.OUTSIDE
    uid: str = ""
    way: str | None = None
    one_group: bool = True
    paused: bool = False
    asked: str = ""
    replay: bool = False
    number: int | None = None
    newest: int = 0
    rest: str = ""
    there: int = 0

    def shape(self, color: Color) -> Shape | None:
        """What `color` is to consist of at work, of nobody while it is to rest; None where that is none of the
        switch's.
        """
        return None if self.way is None else Shape(0 if self.paused else self.count(color), self.partitions, self.way)

    def with_partitions(self, there: int | None) -> "Spec":
        """The same, where the topic has so many partitions, as it was seen last: more than were asked for have to have
        their owners, too.
        """
        return self if there is None or self.way is None else replace(self, partitions=max(self.partitions, there))

    def granted(self, color: Color | None, shape: Shape | None) -> "Spec":
        """The same, with `color` as it was granted: that is what it is to be until it is granted otherwise."""
        if shape is None or self.way is None or color is None:
            return self
        blue, green = self.replicas
        replicas = (shape.members, green) if color is Color.BLUE else (blue, shape.members)
        if not shape.members:
            return replace(self, replicas=replicas, partitions=0)
        return replace(self, replicas=replicas, partitions=shape.partitions, there=self.partitions)

    def count(self, color: Color) -> int:
        """The number of pods that `color` should have."""
        return self.replicas[0 if color is Color.BLUE else 1]


@dataclass(frozen=True, slots=True)
class Member:
    """A pod of one colour and what its sidecar reported; report None: nothing readable yet. version, image: what the
    pod says of the application, and running whether its phase is Running: for people. restarts: how often its
    containers were started again.
    """

    uid: str
    pod: str
    color: Color
    ready: bool
    report: Report | None
    version: str = ""
    image: str = ""
    restarts: int = 0
    running: bool = False

    @property
    def ordinal(self) -> int:
        """The number at the end of its pod's name; 0 where there is none."""
        number = self.pod.rpartition("-")[2]
        return int(number) if number.isdecimal() else 0


class Lag(StrEnum):
    """How far the holder is behind the end offsets that were read when the generation was first seen."""

    UNKNOWN = "unknown"
    BEHIND = "behind"
    CAUGHT_UP = "caught-up"


class Analysis(StrEnum):
    """The verdict on the colour that was switched to. INCONCLUSIVE: too little was seen for one."""

    PENDING = "pending"
    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Memory:
    """What status (and this process) remembers for the case that the Lease is gone.

    generation, outcome, reason: of the present object; 0 and nothing when all that is remembered is another object's.
    """

    epoch: int = 0
    last_holder: Color | None = None
    generation: int = 0
    outcome: Outcome | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything that a decision rests on.

    grant: the Lease; None when a read said that there is none.
    members: the pods as known. listed: whether they come from a consistent list (no cache) that was begun in this phase
        (see `phase_key`); only then does a pod's absence mean that it is gone.
    elapsed: seconds on the monotonic clock since this process first saw this phase.
    since_whole: seconds since the holder was as it has to be last in this phase (`verify.lacking`); None: it never was.
    since_ready: seconds since the members of the colour asked for were all ready last in this phase; None: never.
    ready_for: seconds since they were first; 0: they never were.
    removed: nobody of ours is left in the group of whoever was withdrawn from, as it was seen in this phase.
    removal_detail: what keeps them there.
    foreign: who is in the holder's group, takes partitions from it and is none of ours; empty for nobody.
    shrunken: which of the topic's partitions have replicas that are not in sync; empty for none.
    restarted: which processes of the colour on probation ended, more often than is allowed; empty for none.
    since: where the last holder has come to, as it was read in this phase: (partition, next offset); None: not read.
    rewound: its group's offsets were set to where the grant says, in this phase. since_detail: what keeps either.

    More than a dozen attributes: a decision rests on all that was seen at one moment, and on nothing else.
    """

    spec: Spec
    grant: Grant | None
    members: tuple[Member, ...]
    listed: bool
    elapsed: float = 0.0
    memory: Memory = Memory()
    lag: Lag = Lag.UNKNOWN
    lag_detail: str = ""
    analysis: Analysis = Analysis.PENDING
    analysis_detail: str = ""
    since_whole: float | None = None
    since_ready: float | None = None
    ready_for: float = 0.0
    removed: bool = False
    removal_detail: str = ""
    foreign: str = ""
    shrunken: str = ""
    restarted: str = ""
    since: tuple[tuple[int, int], ...] | None = None
    rewound: bool = False
    since_detail: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now.

    write: the Lease's next content; None: leave it. Everything else is for the time until the next observation.
    phase, reason, message: what status says. need_list: ask for a consistent list. need_lag, need_analysis: measure
        them. need_removal: take what the last holder's closed members left behind out of their group. need_since: read
        where it has come to. need_rewind: set the old colour's offsets to where the grant says.
    deadline: seconds of `elapsed` at which to decide anew even if nothing happens.
    """

    phase: Phase
    write: Grant | None = None
    reason: str = ""
    message: str = ""
    need_list: bool = False
    need_lag: bool = False
    need_analysis: bool = False
    need_removal: bool = False
    need_since: bool = False
    need_rewind: bool = False
    deadline: float | None = None


def phase_key(spec: Spec, grant: Grant | None) -> tuple[object, ...]:
    """Names the phase of timers, lists and measurements: another object, another generation, or another grant.

    A scaler makes generations whenever it likes: where its number waits (`scaled.held`), so does that of the phase. And
    a rollback that is blocked goes on under a generation that asks for nothing else: the pause until the next try would
    begin anew each time.
    """
    asked: tuple[object, ...] = (spec.uid, spec.rest, spec.replicas) if spec.rest else (spec.uid, spec.generation)
    if grant is None:
        return asked
    blocked = grant.holder is not None and grant.outcome is Outcome.ROLLBACK_BLOCKED
    if blocked and grant.asked and grant.asked == spec.asked:
        return (spec.uid, spec.asked, grant.epoch, grant.holder, grant.outcome)
    return (*asked, grant.epoch, grant.holder, grant.generation, grant.outcome)

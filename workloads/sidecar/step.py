"""The sidecar's step: a pure function from what it sees to what it does next.

It looks at what is (the Lease as it read it, the consumer as it answered) and names the one next thing to do towards
the consumer, and the report that is due. No I/O, no clock, no memory besides its argument.
"""

from dataclasses import dataclass

from workloads.common.lease import Grant
from workloads.common.report import Report
from workloads.common.states import Color, State


@dataclass(frozen=True, slots=True)
class View:
    """What a sidecar sees.

    grant: the newest Lease state that was read; None before the first read (a missing Lease leaves it as it is).
    read_for: the life (`Report.life`) of the consumer before whose discovery that read (or the watch behind it) did not
        begin; a resume needs it to be the present one. So a sidecar that is cut off never resumes from memory what has
        stalled, lost its partitions or was fenced.
    consumer: the consumer's own newest answer; state None while it does not answer; None before its first answer.
    reported: the report that the API server has accepted last.
    ordinal: the number of its pod. A grant is for the ordinals that its shape has; to those beyond them it grants as
        little as to the other colour.
    """

    color: Color
    grant: Grant | None = None
    read_for: str | None = None
    consumer: Report | None = None
    reported: Report | None = None
    ordinal: int = 0

    @property
    def granted(self) -> bool:
        """Whether the Lease that was read grants its consumer anything."""
        grant = self.grant
        if grant is None or grant.holder != self.color:
            return False
        return grant.shape is None or self.ordinal < grant.shape.members


@dataclass(frozen=True, slots=True)
class PauseConsumer:
    """POST /lifecycle/pause with this epoch. leave: and to be out of the group, before it is confirmed."""

    epoch: int
    leave: bool = False


@dataclass(frozen=True, slots=True)
class ResumeConsumer:
    """POST /lifecycle/resume with this epoch, for a process of which so much was made void."""

    epoch: int
    voids: int = 0


@dataclass(frozen=True, slots=True)
class ReadLease:
    """Read the Lease anew (not from a cache) before this consumer is told anything but to pause.

    life: of the consumer (`Report.life`).
    """

    life: str


Call = PauseConsumer | ResumeConsumer | ReadLease


@dataclass(frozen=True, slots=True)
class Next:
    """What a sidecar does next.

    call: what to do towards the consumer or the Lease, if anything. report: what to write on the pod, if anything new.

    urgent: somebody waits for this report in a hand-off; others may be held back a moment.
    """

    call: Call | None = None
    report: Report | None = None
    urgent: bool = False


def step(view: View) -> Next:
    """The next thing to do. Without a Lease that was read, and without an answering consumer, nothing is called."""
    report = view.consumer if view.consumer != view.reported else None
    return Next(_call(view), report, report is not None and _urgent(view))


def _call(view: View) -> Call | None:
    consumer, grant = view.consumer, view.grant
    if consumer is None or consumer.state is None:
        return None
    if grant is None:
        return ReadLease(consumer.life) if view.read_for != consumer.life else None
    if not view.granted:
        if _confirms(consumer, grant):
            return None
        # A consumer that has heard of a newer epoch than this Lease refuses; its report tells the controller so.
        return PauseConsumer(grant.epoch, _leaves(grant)) if consumer.seen_epoch <= grant.epoch else None
    if consumer.state is State.ACTIVE and consumer.epoch == grant.epoch:
        return None
    if view.read_for != consumer.life:
        return ReadLease(consumer.life)
    return ResumeConsumer(grant.epoch, consumer.voids) if consumer.seen_epoch <= grant.epoch else None


def _leaves(grant: Grant) -> bool:
    return grant.leave and grant.holder is None


def _confirms(consumer: Report, grant: Grant) -> bool:
    """Whether the consumer is as everybody must be who is granted nothing by this Lease."""
    paused = consumer.state is State.PAUSED and consumer.epoch == grant.epoch
    return paused and (consumer.left or not _leaves(grant))


def _urgent(view: View) -> bool:
    """A confirmation for a withdrawal, or an activation under the present grant."""
    consumer, grant = view.consumer, view.grant
    if consumer is None or grant is None or consumer.epoch != grant.epoch:
        return False
    if grant.holder is None:
        everybody = grant.unconfirmed or grant.leave or grant.last_holder is None
        return _confirms(consumer, grant) and (everybody or grant.last_holder == view.color)
    return view.granted and consumer.state is State.ACTIVE

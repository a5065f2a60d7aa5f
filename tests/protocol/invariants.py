"""What must hold: of every Lease, of every write of it, and of a world that has come to rest. Each gives what is wrong,
in words, or nothing.
"""

from collections.abc import Callable

from tests.protocol.parts import Control, Core, Known, Removal, Slot, said, told
from workloads.common.lease import Grant
from workloads.common.states import Color, Outcome, State
from workloads.controller import terms as tm
from workloads.controller.shapes import rests


class InvariantBroken(AssertionError):
    """A state or a step that must not be; carries the shortest history that leads there."""


SpecOf = Callable[[int], tm.Spec]
"""What a generation asks for."""


def wrong_lease(lease: Grant | None, spec_of: SpecOf) -> str:
    """Which invariant this Lease breaks by itself; empty when none."""
    if lease is None or lease.holder is None or lease.generation == 0:
        return ""
    spec = spec_of(lease.generation)
    asked = spec.active
    if lease.outcome is Outcome.SWITCHED and lease.holder is not asked:
        return f"generation {lease.generation} asks for {asked}: {told(lease)}"
    if lease.outcome is Outcome.ROLLBACK_BLOCKED and not lease.blocked_by:
        return f"nobody is named: {told(lease)}"
    if lease.outcome in (Outcome.REFUSED, Outcome.FAILED) and lease.shape != spec.shape(lease.holder):
        return ""  # it was to become another shape, and is what it was
    if lease.outcome in (Outcome.REFUSED, Outcome.ROLLED_BACK) and lease.holder is asked:
        return f"generation {lease.generation} asks for {asked}: {told(lease)}"
    if lease.outcome is Outcome.FAILED and lease.holder is asked and lease.reason != "ResumeTimeout":
        # Only a colour that held the grant before, and is not ACTIVE in time, fails without a way back.
        return f"generation {lease.generation} asks for {asked}: {told(lease)}"
    return ""


def unearned(me: Control, known: tuple[Known, Known], write: Grant, *, spec: tm.Spec, share: tuple[int, ...]) -> str:
    """What had to be seen before this write, and was not; empty when nothing is amiss."""
    was = me.grant
    if was is None or was.unconfirmed or write.unconfirmed:
        return ""
    by_color = dict(zip(Color, known, strict=True))
    if was.holder is not None and was.outcome is not None and write.holder is None and write.origin is was.holder:
        pauses = spec.paused and spec.active is was.holder
        if not pauses and any(not seen.ready for seen in by_color[spec.active]):
            return f"withdrawn for a colour that is not ready: {told(write)}"
        waits = spec.wait_for_lag and spec.active is not was.holder and not (spec.paused or rests(was))
        if waits and me.measured is not tm.Lag.CAUGHT_UP:
            return f"withdrawn before the holder had caught up: {told(write)}"
    if was.holder is not None and write.holder is was.holder and write.outcome is Outcome.SWITCHED:
        owners = [seen for seen in by_color[was.holder] if seen.report and seen.report.partitions == share]
        if not rests(was) and len(owners) != spec.count(Color.BLUE):
            return f"a partition has no owner: {told(write)}"
        moved = was.outcome is None and was.origin is not None and was.generation == spec.generation
        if moved and spec.analysis and me.measured is not tm.Analysis.PASSED:
            return f"the analysis did not pass: {told(write)}"
    return _taken_from(me, was, write, by_color, spec)


def _taken_from(me: Control, was: Grant, write: Grant, by_color: dict[Color, Known], spec: tm.Spec) -> str:
    """What had to be seen of the last holder before its grant went to the other colour, or to it in another shape."""
    left, reshaped = was.last_holder, write.shape != was.shape
    if left is None or was.holder is not None or not (write.holder is left.other or (write.holder and reshaped)):
        return ""
    if was.leave and any(seen.report is None or not seen.report.left for seen in by_color[left]):
        return f"granted before everybody had left: {told(write)}"
    if was.leave and (reshaped or was.since is None) and not isinstance(me.measured, Removal):
        return f"granted before the group was empty: {told(write)}"
    if spec.replay and write.holder is not left and was.origin is left and write.since is None:
        return f"granted, and nobody knows where a way back would begin: {told(write)}"
    if was.since is not None and not was.leave:
        return f"granted again, and nobody was asked to leave: {told(write)}"
    if reshaped and spec.one_group and not was.leave:
        return f"granted in another shape, and nobody was asked to leave: {told(write)}"
    if spec.absence is tm.Absence.UNKNOWN and len(by_color[left]) != spec.count(Color.BLUE):
        return f"somebody is absent, and confirmed nothing: {told(write)}"
    return ""


def end(core: Core, slots: tuple[Slot, ...], share: tuple[int, ...], spec_of: SpecOf) -> str:
    """How a world that has come to rest ended: 'good …', or what is wrong."""
    lease = core.lease
    if lease is None or lease.holder is None:
        return f"nobody holds the grant: {told(lease)}"
    if lease.generation != core.generation or lease.outcome is None:
        return f"generation {core.generation} has no outcome: {told(lease)}"
    for slot in slots:
        at_work = slot.color is lease.holder and not rests(lease)
        expected = State.ACTIVE if at_work else State.PAUSED
        if not slot.up or slot.life.state is not expected or slot.life.epoch != lease.epoch:
            return f"a {slot.color} consumer is {said(slot.truth())} under {told(lease)}"
        if at_work and slot.life.partitions != share:
            return f"a {slot.color} consumer owns nothing under {told(lease)}"
    asked = spec_of(lease.generation).shape(lease.holder)
    if lease.outcome is Outcome.SWITCHED and lease.shape != asked:
        return f"generation {lease.generation} asks for {asked}: {lease.shape} under {told(lease)}"
    return f"good: {lease.outcome}"


def wrong_write(old: Grant | None, new: Grant, *, lasts: bool) -> str:
    """Which invariant this write breaks, whoever made it; empty when none. lasts: no Lease was ever lost."""
    if lasts and new.unconfirmed:
        return f"made again, and none was lost: {told(old)} -> {told(new)}"
    if old is None:
        return ""
    if new.epoch < old.epoch:
        return f"the epoch fell: {told(old)} -> {told(new)}"
    given_up = new.holder is old.last_holder and new.outcome is not Outcome.ROLLBACK_BLOCKED
    if old.rolling_back and given_up and old.asked and new.asked == old.asked and not new.unconfirmed:
        return f"a way back was given up, and nothing else was asked for: {told(old)} -> {told(new)}"
    if old.holder is not new.holder and new.epoch == old.epoch:
        return f"the holder changed without a new epoch: {told(old)} -> {told(new)}"
    return ""

"""Broken copies of the three functions: each forgets one rule of the protocol. The model has to catch every one."""

from collections.abc import Mapping
from dataclasses import replace

from tests.protocol.parts import Part, Rules, parts_of_a_start
from workloads.common.report import Report
from workloads.common.states import State
from workloads.controller import decide as dc
from workloads.controller import terms as tm
from workloads.handling import carry
from workloads.member import lifecycle as lc
from workloads.sidecar import step as sc


def resume_before_pause(seen: tm.Observation) -> tm.Decision:
    """The other colour is granted as soon as the grant is withdrawn, as if everybody had confirmed."""
    grant = seen.grant
    if grant is None or grant.holder is not None or grant.unconfirmed:
        return dc.decide(seen)
    said = Report("", State.PAUSED, grant.epoch, grant.epoch)
    return dc.decide(replace(seen, listed=True, members=tuple(replace(m, report=said) for m in seen.members)))


def equal_epochs_resume(now: lc.Lifecycle, event: lc.Event) -> lc.Step:
    """A resume is taken at the epoch of a pause."""
    if isinstance(event, lc.Resume) and event.epoch == now.paused_epoch:
        return lc.step(replace(now, paused_epoch=event.epoch - 1), event)
    return lc.step(now, event)


def stale_list_counts(seen: tm.Observation) -> tm.Decision:
    """A pod that is absent from what is known by chance counts as gone."""
    return dc.decide(replace(seen, listed=True))


def never_drains(now: lc.Lifecycle, event: lc.Event) -> lc.Step:
    """A drain whose commit has ended is never over."""
    return lc.Step(now) if isinstance(event, lc.CommitEnded) else lc.step(now, event)


def epoch_stands_still(seen: tm.Observation) -> tm.Decision:
    """A withdrawal does not raise the epoch."""
    decision = dc.decide(seen)
    if decision.write is None or seen.grant is None or decision.write.holder is not None:
        return decision
    return replace(decision, write=replace(decision.write, epoch=seen.grant.epoch))


def trusts_a_lost_lease(seen: tm.Observation) -> tm.Decision:
    """A Lease that is made again is granted to the colour asked for at once."""
    decision = dc.decide(seen)
    if decision.write is None or not decision.write.unconfirmed:
        return decision
    granted = replace(decision.write, holder=seen.spec.active, generation=seen.spec.generation, outcome=None)
    return replace(decision, write=replace(granted, unconfirmed=False))


def reports_what_was_asked(view: sc.View) -> sc.Next:
    """A sidecar reports the pause that it has posted, not what its consumer answers."""
    following = sc.step(view)
    if not isinstance(following.call, sc.PauseConsumer) or view.consumer is None:
        return following
    epoch = following.call.epoch
    return replace(following, report=replace(view.consumer, state=State.PAUSED, epoch=epoch, seen_epoch=epoch))


def old_commands_execute(now: lc.Lifecycle, event: lc.Event) -> lc.Step:
    """A command is compared with nothing."""
    if isinstance(event, lc.Pause | lc.Resume):
        return lc.step(replace(now, seen_epoch=0, paused_epoch=-1), event)
    return lc.step(now, event)


def takes_whoever_is_there(seen: tm.Observation) -> tm.Decision:
    """A colour is switched to although its pods are not Ready."""
    return dc.decide(replace(seen, members=tuple(replace(m, ready=True) for m in seen.members)))


def waits_for_no_lag(seen: tm.Observation) -> tm.Decision:
    """The holder counts as having caught up before anybody has looked."""
    return dc.decide(replace(seen, lag=tm.Lag.CAUGHT_UP))


def believes_in_the_new(seen: tm.Observation) -> tm.Decision:
    """What an analysis does not show counts for the colour that was switched to."""
    shown = seen.analysis if seen.analysis is tm.Analysis.FAILED else tm.Analysis.PASSED
    return dc.decide(replace(seen, analysis=shown))


def counts_no_partitions(seen: tm.Observation) -> tm.Decision:
    """ACTIVE is enough, whatever is owned."""
    return dc.decide(replace(seen, spec=replace(seen.spec, partitions=0), members=tuple(
        replace(m, report=m.report and replace(m.report, partitions=())) for m in seen.members)))  # fmt: skip


def absent_is_gone(seen: tm.Observation) -> tm.Decision:
    """Whoever is in no list confirms, also where absence tells nothing."""
    return dc.decide(replace(seen, spec=replace(seen.spec, absence=tm.Absence.GONE)))


def goes_by_the_last_holder(found: carry.Found, epoch: int) -> carry.Start:
    """A start is at the other group's offsets, whoever stands at the higher epoch."""
    if found.other is None:
        return carry.start(found, epoch)
    return carry.Start(found.other.offset, carry.Source.OTHER, found.other)


def begins_at_the_end(found: carry.Found, epoch: int) -> carry.Start:
    """A group without an offset begins at the end, as clients do that are told so."""
    return carry.start(found, epoch) if found.own else carry.Start(found.high, carry.Source.EARLIEST)


def reads_first(fenced: bool) -> tuple[Part, ...]:
    """Offsets are read before the transactional id is initialised."""
    return Part.ANSWERED, Part.READ, Part.INITIALISE, Part.COMMIT


def waits_for_no_copy(fenced: bool) -> tuple[Part, ...]:
    """A start does not wait for the copy that is under way."""
    return tuple(part for part in parts_of_a_start(fenced) if part is not Part.ANSWERED)


def hears_nothing(found: Mapping[int, carry.Found]) -> int:
    """Whatever the groups bear, nobody has heard of it."""
    return carry.UNKNOWN


def hears_of_more(found: Mapping[int, carry.Found]) -> int:
    """What is read in the groups counts as an epoch more than it says."""
    return carry.newest(found) + 1


def says_it_has_left(now: lc.Lifecycle, event: lc.Event) -> lc.Step:
    """Whoever is told to leave says that it has as soon as it is paused, while its client is being closed."""
    taken = lc.step(now, event)
    after = taken.lifecycle
    return replace(taken, lifecycle=replace(after, left=after.left or (after.leave and after.state is State.PAUSED)))


def joins_again_when_paused_again(now: lc.Lifecycle, event: lc.Event) -> lc.Step:
    """A member from the start that was told to leave enters again at the next pause, also of the same epoch."""
    if isinstance(event, lc.Pause) and now.left and now.way.member_from_start:
        return lc.step(replace(now, leave=False), lc.Pause(event.epoch))
    return lc.step(now, event)


def waits_for_no_leaver(seen: tm.Observation) -> tm.Decision:
    """Whoever is PAUSED under a withdrawal that asks to leave counts as having left."""
    left = (replace(m, report=m.report and replace(m.report, left=True)) for m in seen.members)
    return dc.decide(replace(seen, members=tuple(left)))


def removes_nobody(seen: tm.Observation) -> tm.Decision:
    """What closed members have left behind counts as gone before anybody has looked."""
    return dc.decide(replace(seen, removed=True))


def stays_inside(seen: tm.Observation) -> tm.Decision:
    """A withdrawal for another shape asks nobody to leave, and counts as one that has."""
    if seen.grant is not None and seen.grant.holder is None:
        seen = replace(seen, grant=replace(seen.grant, leave=True), removed=True)
    decision = waits_for_no_leaver(seen)
    return replace(decision, write=decision.write and replace(decision.write, leave=False))


def forgets_where_it_was(seen: tm.Observation) -> tm.Decision:
    """A colour is granted without a word of where the other one had come to."""
    decision = dc.decide(seen)
    return replace(decision, write=decision.write and replace(decision.write, since=None))


def rewinds_a_group_that_is_not_empty(seen: tm.Observation) -> tm.Decision:
    """A withdrawal for a replay asks nobody to leave."""
    decision = dc.decide(seen)
    return replace(decision, write=decision.write and replace(decision.write, leave=False))


def asks_nobody_to_leave(view: sc.View) -> sc.Next:
    """A sidecar pauses its consumer, and does not ask it to leave."""
    following = sc.step(view)
    if not isinstance(following.call, sc.PauseConsumer):
        return following
    return replace(following, call=replace(following.call, leave=False))


RESUME_BEFORE_PAUSE = Rules(decide=resume_before_pause)
EQUAL_EPOCHS_RESUME = Rules(lifecycle=equal_epochs_resume)
STALE_LIST_COUNTS = Rules(decide=stale_list_counts)
NEVER_DRAINS = Rules(lifecycle=never_drains)
EPOCH_STANDS_STILL = Rules(decide=epoch_stands_still)
TRUSTS_A_LOST_LEASE = Rules(decide=trusts_a_lost_lease)
REPORTS_WHAT_WAS_ASKED = Rules(sidecar=reports_what_was_asked)
OLD_COMMANDS_EXECUTE = Rules(lifecycle=old_commands_execute)
TAKES_WHOEVER_IS_THERE = Rules(decide=takes_whoever_is_there)
WAITS_FOR_NO_LAG = Rules(decide=waits_for_no_lag)
BELIEVES_IN_THE_NEW = Rules(decide=believes_in_the_new)
COUNTS_NO_PARTITIONS = Rules(decide=counts_no_partitions)
ABSENT_IS_GONE = Rules(decide=absent_is_gone)
GOES_BY_THE_LAST_HOLDER = Rules(start=goes_by_the_last_holder)
BEGINS_AT_THE_END = Rules(start=begins_at_the_end)
READS_FIRST = Rules(parts=reads_first, stable=False)
HEARS_NOTHING = Rules(newest=hears_nothing)
HEARS_OF_MORE = Rules(newest=hears_of_more)
WAITS_FOR_NO_COPY = Rules(parts=waits_for_no_copy)
SAYS_IT_HAS_LEFT = Rules(lifecycle=says_it_has_left)
JOINS_AGAIN_WHEN_PAUSED_AGAIN = Rules(lifecycle=joins_again_when_paused_again)
ASKS_NOBODY_TO_LEAVE = Rules(sidecar=asks_nobody_to_leave)
WAITS_FOR_NO_LEAVER = Rules(decide=waits_for_no_leaver)
REMOVES_NOBODY = Rules(decide=removes_nobody)
STAYS_INSIDE = Rules(decide=stays_inside)
FORGETS_WHERE_IT_WAS = Rules(decide=forgets_where_it_was)
REWINDS_A_GROUP_THAT_IS_NOT_EMPTY = Rules(decide=rewinds_a_group_that_is_not_empty)
AN_ID_PER_COLOUR = Rules(one_id=False)

"""Broken copies of the three functions: each forgets one rule of the protocol. The model has to catch every one."""

from dataclasses import replace

from tests.protocol.world import Rules
from workloads.common.report import Report
from workloads.common.states import State
from workloads.consumer import lifecycle as lc
from workloads.controller import decide as dc


def resume_before_pause(seen: dc.Observation) -> dc.Decision:
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


def stale_list_counts(seen: dc.Observation) -> dc.Decision:
    """A pod that is absent from what is known by chance counts as gone."""
    return dc.decide(replace(seen, listed=True))


RESUME_BEFORE_PAUSE = Rules(decide=resume_before_pause)
EQUAL_EPOCHS_RESUME = Rules(lifecycle=equal_epochs_resume)
STALE_LIST_COUNTS = Rules(decide=stale_list_counts)

"""Other ways to command a switch than one `pulumi up` after the other: by hand, and by hand while an update still runs.

A second `up` of a stack is refused while the first one holds its lock. So a user who sees at once that the new colour
is bad has one way back that does not wait for the update: to write `spec.active` of the live object, as a second writer
of the field that Pulumi wrote. The update that runs then ends as the truth is: with an error, when its check of the
live object comes after that write, or well, when it came before. Afterwards the configuration follows, and an `up`
makes Pulumi's picture true again; it has nothing to write that is not so already.

The guard counts all of it: one change of the switch for each command, and nothing else.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from components.names import SWITCH_NAME, Color
from experiments import by_hand
from experiments.cluster import ClusterError, LiveSwitch
from experiments.commands import of_this_command
from experiments.disturbance import Pending, in_background
from experiments.errors import DeadlineError
from experiments.guard import SWITCH, ForeignChangeError
from experiments.lab import Lab
from experiments.measurements import SUPERSEDED, SWITCHED, LastSwitch, SwitchRecord, other
from experiments.stacks import Update

T = TypeVar("T")

_ACTIVE_SECONDS = 240.0
_SETTLED_SECONDS = 180.0
# So often it is looked whether the update has ended without having written anything.
_SLICE_SECONDS = 2.0


def with_the_way_back_at_active(lab: Lab) -> tuple[SwitchRecord, SwitchRecord | None]:
    """A switch by configuration and `up`, and the way back commanded by hand as soon as the new colour is ACTIVE on all
    partitions, while that `up` still runs. Notes both; a switch that did not get there has no way back (None).

    Raises ForeignChangeError for whatever somebody else changed, DeadlineError when the controller decides nothing.
    """
    source, target = lab.active, other(lab.active)
    before = _generation(lab.guard.check()[SWITCH].generation)
    lab.stack.configuration.set(active=target)
    with in_background(lab.stack.up) as pending:
        reached = _wait_active(lab, source, target, before + 1, pending)
        if reached is None:
            back = None
        else:
            overtaken = not pending.done
            back = _command(lab, target, source, before + 1)
    update = pending.update
    if reached is None or back is None:
        return _not_reached(lab, source, target, before, update), None
    lab.guard.check({SWITCH: 2})
    forward = SwitchRecord(
        source, target, update.commanded_at, update.seconds, reached, error=update.error, overtaken=overtaken
    )
    back = level(lab, back)
    lab.note(forward)
    lab.note(back, rollback=True)
    return forward, back


def by_patch(lab: Lab) -> SwitchRecord:
    """A switch that is commanded by hand on the live object alone. It is not noted, and Pulumi knows nothing of it yet:
    `level` follows.

    Raises ForeignChangeError, DeadlineError.
    """
    source, target = lab.active, other(lab.active)
    before = _generation(lab.guard.check()[SWITCH].generation)
    record = _command(lab, source, target, before)
    lab.guard.check({SWITCH: 1})
    return record


def _command(lab: Lab, source: Color, target: Color, before: int) -> SwitchRecord:
    """Write the colour asked for, and wait until the controller has settled the generation after `before`."""
    generation = before + 1
    commanded_at, begun = time.time(), time.monotonic()
    by_hand.activate(lab.namespace, target)
    live = wait_settled(lab, generation)
    seconds = time.monotonic() - begun
    earliest = lab.earliest(commanded_at)
    last = of_this_command(live, source, target, before=before, generation=generation, earliest=earliest)
    return SwitchRecord(source, target, commanded_at, seconds, last, commanded="patch")


def wait_settled(lab: Lab, generation: int) -> LiveSwitch:
    """The switch when this generation has ended, whichever way. Raises DeadlineError, ForeignChangeError."""

    def missing(live: LiveSwitch) -> str | None:
        _refuse_newer(live, generation)
        return None if live.generation == generation and live.holds(live.settled) else live.describe()

    what = f"generation {generation} of the switch to be settled"
    return lab.cluster.wait_switch(lab.namespace, missing, what, _SETTLED_SECONDS)


def level(lab: Lab, record: SwitchRecord) -> SwitchRecord:
    """Have the configuration and Pulumi's state say what the live object says after a switch by hand.

    Returns the switch, with what Pulumi said if it does not come level.
    """
    live = lab.cluster.switch(lab.namespace)
    lab.stack.configuration.set(active=live.wanted)
    update = lab.stack.up()
    lab.guard.check({SWITCH: 1})
    if update.error is None:
        return record
    return replace(record, error=f"pulumi up does not come level with what was written by hand:\n{update.error}")


def _not_reached(lab: Lab, source: Color, target: Color, before: int, update: Update) -> SwitchRecord:
    """What is noted of a switch whose colour never was ACTIVE on all partitions."""
    after = lab.guard.check({SWITCH: 1})[SWITCH].generation
    live = lab.cluster.switch(lab.namespace)
    last = None
    if after != before:
        last = of_this_command(
            live, source, target, before=before, generation=after, earliest=lab.earliest(update.commanded_at)
        )
    record = SwitchRecord(source, target, update.commanded_at, update.seconds, last, update.error)
    lab.note(record)
    return record


def _wait_active(lab: Lab, source: Color, target: Color, generation: int, pending: Pending) -> LastSwitch | None:
    """`lastSwitch` as it was when the new colour was ACTIVE on all partitions; None when the switch, or the update
    without having made one, ended before that.
    """

    def decided(live: LiveSwitch) -> Sequence[LastSwitch | None]:
        _refuse_newer(live, generation)
        if live.generation != generation:
            return ()
        last = live.last
        mine = last is not None and (last.generation, last.source, last.target) == (generation, source, target)
        # A switch without an analysis has ended a moment after its colour is ACTIVE; one with it goes on, and is
        # Superseded by the way back.
        if last is not None and mine and last.active_at is not None and (last.outcome or lab.settings.analysis):
            known = replace(last, outcome=last.outcome or SUPERSEDED)
            return (known if known.outcome in (SWITCHED, SUPERSEDED) else None,)
        return (None,) if live.holds(live.settled) else ()

    return _watched(lab, decided, pending, f"{target} to be ACTIVE on all partitions", _ACTIVE_SECONDS)


def _watched(
    lab: Lab, decided: Callable[[LiveSwitch], Sequence[T | None]], pending: Pending, what: str, seconds: float
) -> T | None:
    """Watch the switch until something is decided (one element), or its update has ended without that: None."""
    path, query = lab.cluster.switch_path(lab.namespace), [("fieldSelector", f"metadata.name={SWITCH_NAME}")]
    deadline, last_seen = time.monotonic() + seconds, "nothing yet"
    while (now := time.monotonic()) < deadline:
        ended = pending.done
        try:
            for objects in lab.cluster.watch(path, query, min(deadline, now + _SLICE_SECONDS)):
                if SWITCH_NAME in objects:
                    live = LiveSwitch.of(objects[SWITCH_NAME])
                    last_seen = live.describe()
                    if found := decided(live):
                        return found[0]
                if ended:
                    return None
        except ClusterError as error:
            last_seen = str(error)  # it may pass; the deadline, and the update's own end, stay
    raise DeadlineError(what, seconds, last_seen)


def _refuse_newer(live: LiveSwitch, generation: int) -> None:
    if live.generation > generation:
        raise ForeignChangeError(
            [f"KafkaConsumerSwitch {live.raw['metadata']['name']}: generation {generation} -> {live.generation}"]
        )


def _generation(found: int | None) -> int:
    if found is None:
        raise ForeignChangeError(["the KafkaConsumerSwitch has no generation"])
    return found

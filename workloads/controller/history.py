"""Keeps the times of the present switch: what `status.lastSwitch`, the metrics and the events say.

It only watches: nothing here decides anything. A switch that this process did not see from its beginning has no
hand-off time, because durations are taken on the monotonic clock; wall times are for people.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workloads.common.lease import Grant
from workloads.common.states import Color, Outcome
from workloads.controller.moments import Moment
from workloads.controller.observe import memory_of


@dataclass(slots=True)
class Switching:
    """One generation. moves: it asks for another colour than the one that held the grant."""

    generation: int
    origin: Color | None
    target: Color
    first_hand: bool
    times: dict[str, str] = field(default_factory=dict)
    began: float | None = None
    clock: float | None = None  # where the hand-off is measured from
    epoch: int = 0
    outcome: Outcome | None = None
    reason: str = ""
    handoff: float | None = None

    @property
    def moves(self) -> bool:
        """Whether there is anything to hand over."""
        return self.origin is not None and self.origin is not self.target

    def as_status(self) -> dict[str, Any]:
        """`status.lastSwitch`."""
        return {
            "from": self.origin or "",
            "to": str(self.target),
            "epoch": self.epoch,
            "outcome": str(self.outcome or ""),
            "reason": self.reason,
            "generation": self.generation,
            **{name: self.times[name] for name in TIMES if name in self.times},
            "handoffSeconds": None if self.handoff is None else round(self.handoff, 6),
        }


TIMES = ("startedAt", "withdrawnAt", "pausedAt", "grantedAt", "activeAt", "endedAt")


class History:
    """The present generation's switch and the last one that moved something.

    ended: called once for each switch that has ended, with its seconds (None when its beginning was not seen).
    """

    def __init__(self, ended: Callable[[Switching, float | None], None]) -> None:
        self._ended = ended
        self.present: Switching | None = None
        self.shown: Mapping[str, Any] | None = None

    def generation(
        self,
        number: int,
        grant: Grant | None,
        target: Color,
        now: Moment,
        *,
        first_hand: bool,
        said: Mapping[str, Any],
    ) -> None:
        """A generation is seen first.

        grant: as it is now. first_hand: the generation was made while this process watched. said: the status.
        """
        if self.shown is None:
            self.shown = said.get("lastSwitch") or None
        before = self.present
        left = _left(said, number) if before is None else before
        if left is not None and left.outcome is None and left.generation != number:
            self._end(left, *_how_it_ended(left, grant, number), now)
        mine = grant is not None and grant.generation == number
        holder = None if grant is None else (grant.holder or grant.last_holder)
        going_on = grant is not None and grant.outcome is None and grant.origin is not None and holder is target
        origin = grant.origin if grant is not None and (mine or going_on) else holder
        made = Switching(number, origin, target, first_hand and not mine, epoch=grant.epoch if grant else 0)
        if made.first_hand:
            made.began = made.clock = now.monotonic
        if going_on and before is not None and grant is not None and grant.holder is target:
            # Granted already for the generation before, and goes on under this one.
            made.times, made.began, made.clock = dict(before.times), before.began, before.clock
            made.times.pop("endedAt", None)
        known = said.get("lastSwitch") or {}
        if known.get("generation") == number:
            made.times = _times(known)
            made.origin = Color(known["from"]) if known.get("from") in set(Color) else made.origin
            made.handoff = known.get("handoffSeconds")
            made.outcome = Outcome(known["outcome"]) if known.get("outcome") in set(Outcome) else None
            made.reason = known.get("reason") or ""
        elif not mine:
            made.times.setdefault("startedAt", str(now))
        self.present = made
        if mine and grant is not None and grant.outcome is not None and made.outcome is not grant.outcome:
            if memory_of(said).generation == number and memory_of(said).outcome is grant.outcome:
                made.outcome, made.reason = grant.outcome, grant.reason  # ended and told, by whoever was here before
            else:
                self._end(made, grant.outcome, grant.reason, now)
        elif made.moves and made.times:
            self.shown = made.as_status()

    def could_begin(self, monotonic: float) -> None:
        """Until here it waited for members or lag: the hand-off is measured from here."""
        if self.present is not None and self.present.clock is not None and "withdrawnAt" not in self.present.times:
            self.present.clock = monotonic

    def lease(self, old: Grant | None, new: Grant, now: Moment) -> None:
        """The Lease changed, by this controller or another."""
        present = self.present
        if present is None or new.generation != present.generation:
            return
        present.epoch = new.epoch
        if new.holder is None and not new.rolling_back and (old is None or old.holder is not None):
            present.times["withdrawnAt"] = str(now)
        elif new.holder is present.target and (old is None or old.holder is None) and new.outcome is None:
            present.times.setdefault("pausedAt", str(now))
            present.times["grantedAt"] = str(now)
        if new.outcome is not None and (new.outcome, new.reason) != (present.outcome, present.reason):
            self._end(present, new.outcome, new.reason, now)
        elif present.moves:
            self.shown = present.as_status()

    def paused(self, now: Moment) -> None:
        """Every member of the colour that is left has confirmed."""
        if self.present is not None and "withdrawnAt" in self.present.times:
            self.present.times.setdefault("pausedAt", str(now))

    def active(self, now: Moment) -> None:
        """Every member of the colour asked for is ACTIVE under the grant."""
        present = self.present
        if present is None or not present.moves or "activeAt" in present.times or present.outcome is not None:
            return
        present.times["activeAt"] = str(now)
        if present.clock is not None and "grantedAt" in present.times:
            present.handoff = now.monotonic - present.clock
        self.shown = present.as_status()

    def _end(self, switching: Switching, outcome: Outcome, reason: str, now: Moment) -> None:
        switching.outcome, switching.reason = outcome, reason
        switching.times["endedAt"] = str(now)
        if switching.moves:
            self.shown = switching.as_status()
        self._ended(switching, None if switching.began is None else now.monotonic - switching.began)


def _left(said: Mapping[str, Any], number: int) -> Switching | None:
    """The switch that the process before this one has told of and not seen the end of; None if there is none.

    Without it, a generation that came meanwhile and moves nothing would leave it in `lastSwitch` without an outcome.
    """
    known = said.get("lastSwitch") or {}
    generation = known.get("generation")
    if known.get("outcome") or not isinstance(generation, int) or generation >= number:
        return None
    try:
        origin, target = (Color(str(known.get(end))) for end in ("from", "to"))
    except ValueError:
        return None
    return Switching(
        generation,
        origin,
        target,
        first_hand=False,
        times=_times(known),
        epoch=int(known.get("epoch") or 0),
        handoff=known.get("handoffSeconds"),
    )


def _how_it_ended(left: Switching, grant: Grant | None, number: int) -> tuple[Outcome, str]:
    """What the Lease says, if that is about it; else the generation that came after it."""
    if grant is not None and grant.generation == left.generation and grant.outcome is not None:
        return grant.outcome, grant.reason
    return Outcome.SUPERSEDED, f"generation {number} was asked for"


def _times(known: Mapping[str, Any]) -> dict[str, str]:
    return {name: known[name] for name in TIMES if known.get(name)}

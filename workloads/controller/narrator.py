"""Tells what happens: the log, the switch's history, its status and events, the metrics.

It is told by the loop and decides nothing. Everything that it writes outside of the process goes through the publisher,
off the hand-off path.
"""

import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any

from workloads.common.lease import Grant, LeaseFormatError
from workloads.common.logs import fields
from workloads.common.states import Outcome, Phase
from workloads.controller import status as projection
from workloads.controller.history import History, Switching
from workloads.controller.moments import Moment
from workloads.controller.observe import Switch
from workloads.controller.past import Past
from workloads.controller.publisher import Publisher
from workloads.controller.scaled import scale_status
from workloads.controller.sight import SwitchSight
from workloads.controller.telemetry import Telemetry
from workloads.controller.terms import Decision, Member, Memory

logger = logging.getLogger(__name__)


class Narrator:
    """Belongs to the loop's thread. `telemetry` is read by scrapes."""

    def __init__(self, publisher: Publisher, telemetry: Telemetry) -> None:
        self.telemetry = telemetry
        self._publisher = publisher
        self._history = History(self._ended)
        self._past = Past()
        self._uid = ""
        self._grant: Grant | None = None
        self._generation: int | None = None
        self._phase: Phase | None = None
        self._phase_since = 0.0
        self._was_ready: tuple[int, bool] | None = None  # of which settled generation

    # -- what is seen --------------------------------------------------------------------------------------------------

    def sees(self, asked: SwitchSight, switch: Switch, grant: Grant | None, now: Moment) -> None:
        """Note what is new: a generation, a Lease that somebody else wrote, or that is gone."""
        if grant is not None and grant != self._grant and self._generation is not None:
            self._lease(self._grant, grant, now)
        if (switch.uid, switch.spec.generation) != (self._uid, self._generation):
            self._new_generation(asked, switch, grant)
        if grant is None and self._grant is not None:
            before, self._grant = self._grant, None
            logger.warning("the Lease is gone", extra=fields(epoch=before.epoch, last_holder=before.last_holder))
            self._note("LeaseLost", "the Lease is gone; it is made again", warning=True, at=now.wall)

    def _new_generation(self, asked: SwitchSight, switch: Switch, grant: Grant | None) -> None:
        if self._generation is not None and self._uid != switch.uid:
            self._history, self._past = History(self._ended), Past()  # another object, whose generations are others
        self._uid, self._generation = switch.uid, switch.spec.generation
        if asked.object is not None:
            self._past.asked(asked.object)
        self._history.generation(
            switch.spec.generation,
            grant,
            switch.spec.active,
            asked.first_sight,
            first_hand=asked.first_hand,
            said=switch.status,
        )
        self._grant = grant
        self.telemetry.generation = switch.spec.generation
        logger.info(
            "generation seen",
            extra=fields(
                generation=switch.spec.generation,
                active=switch.spec.active,
                holder=grant.holder if grant else None,
                epoch=grant.epoch if grant else None,
            ),
        )

    def could_begin(self, monotonic: float) -> None:
        """Until this time the switch waited for members or lag."""
        self._history.could_begin(monotonic)

    def whole(self, now: Moment) -> None:
        """The colour asked for is ACTIVE on all partitions."""
        self._history.active(now)

    # -- what is written -----------------------------------------------------------------------------------------------

    def writes(self, switch: Switch, grant: Grant | None, wanted: Grant, now: Moment) -> None:
        """The Lease is about to be written."""
        if wanted.holder is not switch.spec.active:
            return
        if grant is not None and grant.holder is None:
            self._history.paused(now)
        if wanted.outcome is Outcome.SWITCHED:
            self._history.active(now)

    def wrote(self, grant: Grant | None, wanted: Grant, began: Moment) -> None:
        """The Lease was written, and the write accepted."""
        done = Moment.now()
        self._lease(grant, wanted, done)
        self.telemetry.lease_write.observe(done.monotonic - began.monotonic)

    def _lease(self, old: Grant | None, new: Grant, now: Moment) -> None:
        self._grant = new
        self._history.lease(old, new, now)
        if old is None or (old.holder, old.epoch) != (new.holder, new.epoch):
            logger.info(
                "Lease acquired" if new.holder else "Lease released",
                extra=fields(
                    holder=new.holder or "",
                    last_holder=new.last_holder,
                    epoch=new.epoch,
                    generation=new.generation,
                    reason=new.reason,
                ),
            )

    # -- where things stand --------------------------------------------------------------------------------------------

    def shows(
        self,
        switch: Switch,
        grant: Grant | None,
        decision: Decision,
        *,
        memory: Memory,
        members: Iterable[Member],
        foreign: str,
        now: Moment,
    ) -> None:
        """Nothing is to be written: this is how things stand."""
        if decision.phase is not self._phase:
            self._new_phase(switch, decision, now)
        members = tuple(members)
        status = projection.project(
            switch.spec, grant, memory, decision, members=members, last_switch=self._history.shown,
            history=self._past.entries, missing_topic="" if switch.topic_is_there else switch.topic, foreign=foreign,
            scale=scale_status(switch.spec.number, switch.selects, grant, members),
        )  # fmt: skip
        ready = projection.readiness(status)
        self.telemetry.stands(grant, decision.phase, switch.strategy, ready=ready["status"] == "True", members=members)
        if projection.is_settled(status):
            self._stands(switch, ready, now)
        self._publisher.publish(switch.uid, status)

    def _stands(self, switch: Switch, ready: Mapping[str, Any], now: Moment) -> None:
        """Nothing is under way: tell when that stops being as it should be, and when it is so again."""
        generation, holds = switch.spec.generation, ready["status"] == "True"
        before, self._was_ready = self._was_ready, (generation, holds)
        if before == (generation, not holds):
            self._note("Ready" if holds else ready["reason"], ready["message"], warning=not holds, at=now.wall)
            logger.info(
                "ready" if holds else "not ready", extra=fields(reason=ready["reason"], detail=ready["message"])
            )

    def _new_phase(self, switch: Switch, decision: Decision, now: Moment) -> None:
        before, since = self._phase, self._phase_since
        self._phase, self._phase_since = decision.phase, now.monotonic
        if before is None:
            return
        logger.info(
            "phase",
            extra=fields(
                phase=decision.phase,
                before=before,
                before_seconds=round(now.monotonic - since, 6),
                reason=decision.reason,
                detail=decision.message,
                generation=switch.spec.generation,
            ),
        )
        if decision.phase not in {Phase.READY, Phase.FAILED}:
            self._note(
                str(decision.phase),
                decision.message or decision.reason,
                warning=decision.phase is Phase.ROLLING_BACK,
                at=now.wall,
            )

    def unusable(self, asked: SwitchSight) -> None:
        """There is no switch, or one that cannot be carried out."""
        obj = asked.object
        if asked.error is None or obj is None:
            return
        logger.error("the switch cannot be carried out", extra=fields(error=str(asked.error)))
        metadata = obj["metadata"]
        said = projection.refused(metadata["generation"], obj.get("status") or {}, "SwitchUnreadable", str(asked.error))
        self._publisher.publish(metadata["uid"], said)

    def misread(self, switch: Switch, error: LeaseFormatError) -> None:
        """The Lease holds what this protocol never writes."""
        logger.error("the Lease cannot be read", extra=fields(error=str(error)))
        said = projection.refused(switch.spec.generation, switch.status, "LeaseUnreadable", str(error))
        self._publisher.publish(switch.uid, said)

    # -- how it ended --------------------------------------------------------------------------------------------------

    def _ended(self, switching: Switching, seconds: float | None) -> None:
        self.telemetry.ended(switching, seconds)
        self._past.ended(switching)
        logger.info(
            "switch ended" if switching.moves else "generation settled",
            extra=fields(
                generation=switching.generation,
                outcome=switching.outcome,
                reason=switching.reason,
                seconds=seconds and round(seconds, 6),
                handoff_seconds=switching.handoff and round(switching.handoff, 6),
                epoch=switching.epoch,
                **switching.times,
            ),
        )
        route = f"{switching.origin} to {switching.target}: " if switching.moves else ""
        said = switching.reason or f"{switching.target} is active under epoch {switching.epoch}"
        self._note(
            str(switching.outcome),
            f"{route}{said} (generation {switching.generation})",
            warning=switching.outcome not in {Outcome.SWITCHED, Outcome.SUPERSEDED},
            at=time.time(),
        )

    def _note(self, reason: str, message: str, *, warning: bool, at: float) -> None:
        self._publisher.note(self._uid, reason, message, warning=warning, at=at)

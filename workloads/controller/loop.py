"""The controller's hands: look at what is, decide what follows, and act.

The Lease is written by the loop's own thread, in place; everything else (lists, measurements, status, events) is other
threads' work, so that between the first sight of a generation and the grant nothing stands but decisions and the
Lease's two writes. A settled system costs nothing: the loop turns when something changed or a deadline passes.
"""

import logging
import time
from collections.abc import Hashable, Sequence
from dataclasses import replace
from functools import partial

from workloads.common.backoff import Backoff
from workloads.common.kube import ApiError, Kube, KubeError
from workloads.common.lease import Grant, LeaseFormatError, for_object
from workloads.common.logs import fields
from workloads.common.states import Phase
from workloads.controller.argo import Order
from workloads.controller.decide import decide
from workloads.controller.leases import LeaseWriter
from workloads.controller.measure import Measurer
from workloads.controller.measured import (
    AnalysisRunTask,
    AnalysisTask,
    LagTask,
    RemovalTask,
    Result,
    RewindTask,
    SinceTask,
    Task,
)
from workloads.controller.members import not_active
from workloads.controller.memory import PhaseClock, ProtocolMemory
from workloads.controller.moments import Moment
from workloads.controller.narrator import Narrator
from workloads.controller.observe import AnalysisLimits, PositionsFrom, Switch, TemplateAnalysis
from workloads.controller.places import told
from workloads.controller.restarts import Restarts
from workloads.controller.scaled import held, sizes
from workloads.controller.sets import SetSizes
from workloads.controller.shapes import unready
from workloads.controller.sight import Sight, Store
from workloads.controller.strangers import GroupWatch, Question, looked_at
from workloads.controller.terms import Absence, Decision, Member, Observation, Spec, phase_key
from workloads.controller.topic import TopicWatch
from workloads.controller.verify import lacking, on_probation
from workloads.controller.watches import RestartNeeded, Watches

logger = logging.getLogger(__name__)

WRITES_AT_ONCE = 32
TURN_SECONDS = 5.0
SHOW_SECONDS = 1.0  # while something is measured, how far it has come is shown this often
PAUSE_SECONDS = 0.05
PAUSE_MOST_SECONDS = 1.0


class Controller:
    """Carries out one KafkaConsumerSwitch. `run` does not return but by RestartNeeded or the store's `stop`.

    More than a dozen attributes: each is one of its senses, of its hands, or of what it remembers between two turns.
    """

    def __init__(
        self,
        kube: Kube,
        switch_path: str,
        *,
        store: Store,
        watches: Watches,
        leases: LeaseWriter,
        measurer: Measurer,
        narrator: Narrator,
        topic: TopicWatch,
        group: GroupWatch,
        sets: SetSizes,
    ) -> None:
        self._kube = kube
        self._switch_path = switch_path
        self._store = store
        self._watches = watches
        self._leases = leases
        self._measurer = measurer
        self._narrator = narrator
        self._topic = topic
        self._group = group
        self._sets = sets
        self._memory = ProtocolMemory()
        self._clock = PhaseClock()
        self._restarts = Restarts()
        self._backoff = Backoff(PAUSE_SECONDS, PAUSE_MOST_SECONDS)
        self._confirmed_version = 0
        self.turned = time.monotonic()

    def run(self) -> None:
        """Turn whenever there is something new. Raises RestartNeeded."""
        wake_at = time.monotonic() + TURN_SECONDS
        while self._store.wait(wake_at):
            self.turned = time.monotonic()
            try:
                deadline = self.turn()
                self._backoff.reset()
            except RestartNeeded:
                raise
            except KubeError as error:
                # Something could not be read: look again after a pause. Nothing is decided on what may be old.
                pause = self._backoff.next()
                logger.warning("API server did not answer", extra=fields(error=str(error), again_in=pause))
                deadline = time.monotonic() + pause
            except Exception:
                logger.exception("turn failed; deciding anew in a second")
                self._store.wake()
                time.sleep(1.0)
                deadline = None
            now = time.monotonic()
            wake_at = now + TURN_SECONDS
            if deadline is not None and deadline > now:
                wake_at = min(wake_at, deadline)

    def turn(self) -> float | None:
        """Look, decide, act, until nothing is to be written any more.

        Returns the monotonic time at which to look again even if nothing happens. Raises KubeError, RestartNeeded.
        """
        for _ in range(WRITES_AT_ONCE):
            sight = self._store.look()
            switch = sight.asked.switch
            if switch is None:
                self._narrator.unusable(sight.asked)
                return None
            there = self._topic.partitions(switch.topic)
            switch = replace(switch, spec=switch.spec.with_partitions(there), topic_is_there=there != 0)
            if not self._watches.follow(switch) or not sight.complete:
                return None
            self._watches.listen(sight.addresses or {})
            try:
                grant = None if sight.lease is None else for_object(sight.lease, switch.uid)
            except LeaseFormatError as failure:
                self._narrator.misread(switch, failure)
                return None
            if grant is not None and grant.generation > switch.spec.generation:
                if self._confirmed_version != switch.version:
                    self._confirm_switch()
                    continue
                grant = replace(grant, generation=0)
            switch = replace(switch, spec=held(switch.spec, grant))
            still = partial(self._leases.stands, switch, grant)
            self._sets.want(switch.sets, sizes(switch.spec, grant), still)
            now = Moment.now()
            seen, measured = self._observe(sight, switch, grant, now)
            decision = decide(seen)
            if decision.write is None:
                return self._wait(switch, seen, decision, now)
            if measured.met_at is not None:
                self._narrator.could_begin(measured.met_at)
            self._write(sight, switch, grant, decision.write, now)
        raise RuntimeError(f"{WRITES_AT_ONCE} writes of the Lease in a row and still no rest")

    # -- look ----------------------------------------------------------------------------------------------------------

    def _observe(self, sight: Sight, switch: Switch, grant: Grant | None, now: Moment) -> tuple[Observation, Result]:
        """What the decision rests on, and what it was measured by."""
        self._narrator.sees(sight.asked, switch, grant, now)
        spec, members = switch.spec, sight.members or ()
        memory = self._memory.of(switch)
        if grant is not None:
            self._memory.remember(grant)
            memory = self._memory.of(switch)
        key = phase_key(spec, grant)
        elapsed = self._clock.elapsed(key, now.monotonic)
        measured = self._measurer.result(key)
        whole = _whole(spec, grant, members)
        steady = whole and grant is not None and not lacking(spec, grant, members)
        foreign = self._foreign(sight, switch, grant, whole=whole)
        shrunken = self._topic.shrunken(switch.topic)
        keeps = foreign or shrunken or unready(spec, grant, members)
        since_ready, ready_for = self._clock.since_ready(not keeps, now.monotonic)
        seen = Observation(
            spec=spec,
            grant=grant,
            members=members,
            listed=sight.listed == key,
            elapsed=elapsed,
            memory=memory,
            lag=measured.lag,
            lag_detail=measured.detail,
            analysis=measured.analysis,
            analysis_detail=measured.detail,
            since_whole=self._clock.since_whole(steady, now.monotonic),
            removed=measured.removed,
            removal_detail=measured.detail,
            since_ready=since_ready,
            ready_for=ready_for,
            foreign=foreign,
            shrunken=shrunken,
            restarted=self._restarted(switch, grant, members, key),
            since=measured.since,
            rewound=measured.rewound,
            since_detail=measured.detail,
        )
        return seen, measured

    def _restarted(self, switch: Switch, grant: Grant | None, members: Sequence[Member], key: Hashable) -> str:
        """See `Observation.restarted`. Where absence tells nothing of what a member moves, nor does a restart."""
        if grant is None or switch.analysis is None or not on_probation(switch.spec, grant):
            return ""
        if switch.spec.absence is not Absence.GONE:
            return ""
        own = [member for member in members if member.color is grant.holder]
        return self._restarts.seen(key, own, switch.analysis.max_restarts)

    def _foreign(self, sight: Sight, switch: Switch, grant: Grant | None, *, whole: bool) -> str:
        """Who takes partitions from the holder that has settled, and is none of ours, as it was seen last.

        In the group of a colour that waits, what was left behind is removed as well; who else is in it is no matter of
        the holder's.
        """
        members = sight.members or ()
        group = looked_at(switch, grant, members, whole=whole)
        if grant is None or not group:
            self._group.ask(None)
            return ""
        still = partial(self._leases.stands, switch, grant)
        its = [member for member in members if switch.group(member.color) == group]
        self._group.ask(Question.of(group, its, (sight.addresses or {}).values(), still, waits=whole))
        return "" if whole else told(self._group.foreign())

    def _confirm_switch(self) -> None:
        """The Lease speaks of a newer generation: read the switch itself before believing the watch."""
        try:
            obj = self._kube.get(self._switch_path)
        except ApiError as error:
            if error.status != 404:
                raise
            self._store.switch_is(None)
            return
        self._store.switch_is(obj)
        read = self._store.look().asked.switch
        if read is not None:
            self._confirmed_version = read.version

    # -- act -----------------------------------------------------------------------------------------------------------

    def _write(self, sight: Sight, switch: Switch, grant: Grant | None, wanted: Grant, now: Moment) -> None:
        self._narrator.writes(switch, grant, wanted, now)
        began = Moment.now()
        if self._leases.write(switch, sight.lease, wanted, now):
            self._narrator.wrote(grant, wanted, began)

    def _wait(self, switch: Switch, seen: Observation, decision: Decision, now: Moment) -> float | None:
        """Nothing to write: get what the decision is waiting for, and show where things stand."""
        grant, spec = seen.grant, switch.spec
        key = phase_key(spec, grant)
        if decision.need_list:
            self._watches.ask_list(key)
        self._measure(switch, grant, decision, key, since=now.wall - seen.elapsed)
        if decision.phase is Phase.WAITING_FOR_READY:
            self._narrator.could_begin(now.monotonic)
        mine = grant is not None and grant.holder is spec.active and grant.generation == spec.generation
        if mine and _whole(spec, grant, seen.members):
            self._narrator.whole(now)
        self._narrator.shows(
            switch, grant, decision, memory=seen.memory, members=seen.members, foreign=seen.foreign, now=now
        )
        if decision.need_lag or decision.need_analysis:
            return now.monotonic + SHOW_SECONDS
        return None if decision.deadline is None else self._clock.due(decision.deadline)

    def _measure(self, switch: Switch, grant: Grant | None, decision: Decision, key: Hashable, *, since: float) -> None:
        spec = switch.spec
        if spec.wait_for_lag or spec.replay:
            self._measurer.keep_warm(switch.topic, spec.partitions, switch.groups if spec.replay else ())
        self._measurer.measure(key, self._task(switch, grant, decision, since))

    def _task(self, switch: Switch, grant: Grant | None, decision: Decision, since: float) -> Task | None:
        """What the decision waits for that has to be measured, or done. since: when this phase was seen first."""
        spec = switch.spec
        if decision.need_lag and grant is not None and grant.holder is not None:
            holder = grant.holder
            group = switch.group(holder) if switch.positions is PositionsFrom.GROUPS else None
            addresses = partial(self._store.addresses_of, holder)
            return LagTask(switch.topic, spec.partitions, switch.lag_threshold, addresses, group)
        if decision.need_analysis and isinstance(switch.analysis, TemplateAnalysis) and grant is not None:
            said = (*_who(switch), ("since", str(int(since))))
            return AnalysisRunTask(Order(switch.name, switch.uid, grant.epoch, switch.analysis, said))
        if decision.need_analysis and isinstance(switch.analysis, AnalysisLimits):
            return AnalysisTask(
                switch.analysis, partial(self._store.addresses_of, spec.active), switch.topic, spec.partitions
            )
        if decision.need_removal and grant is not None:
            # After a lost Lease nobody knows who held it; two colours in one group leave it together.
            group = switch.group(grant.last_holder or spec.active)
            return RemovalTask(group, partial(self._leases.stands, switch, grant))
        return self._positions_task(switch, grant, decision)

    def _positions_task(self, switch: Switch, grant: Grant | None, decision: Decision) -> Task | None:
        """What a way back to where a colour was granted takes."""
        if grant is None or grant.last_holder is None:
            return None
        topic, partitions = switch.topic, switch.spec.partitions
        if decision.need_since:
            return SinceTask(switch.group(grant.last_holder), topic, partitions)
        if decision.need_rewind and grant.since is not None:
            still = partial(self._leases.stands, switch, grant)
            group = switch.group(grant.last_holder.other)
            return RewindTask(group, topic, partitions, grant.since, grant.epoch, still)
        return None


def _whole(spec: Spec, grant: Grant | None, members: Sequence[Member]) -> bool:
    """Whether somebody holds the grant, and is ACTIVE on all partitions under it."""
    if grant is None or grant.holder is None:
        return False
    return not not_active(spec.granted(grant.holder, grant.shape), members, grant.holder, grant.epoch)


def _who(switch: Switch) -> tuple[tuple[str, str], ...]:
    """Who is judged, and whom it is compared with: the arguments that a template may declare."""
    color, other = switch.spec.active, switch.spec.active.other
    return (
        ("namespace", switch.namespace),
        ("strategy", switch.strategy),
        ("topic", switch.topic),
        ("color", color),
        ("group", switch.group(color)),
        ("other-color", other),
        ("other-group", switch.group(other)),
    )

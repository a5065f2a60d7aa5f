"""The controller's hands: watches feed what is, `decide` says what follows, and one thread carries it out.

The Lease is written by the loop's own thread, in place; everything else (lists, measurements, status, events) is other
threads' work, so that between the first sight of a generation and the grant nothing stands but decisions and the
Lease's two writes. A settled system costs nothing: the loop turns when something changed or a deadline passes.
"""

import logging
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import replace

from workloads.common.kube import ApiError, Event, Follower, Kube, KubeError, Object, version_of
from workloads.common.lease import Grant, LeaseFormatError, from_lease, to_lease
from workloads.common.logs import fields
from workloads.common.report import Report
from workloads.common.states import Color, Outcome, Phase
from workloads.controller import status as projection
from workloads.controller.background import Background
from workloads.controller.decide import Decision, Member, Memory, Observation, decide, not_active, phase_key
from workloads.controller.history import History, Moment, Switching, rfc3339
from workloads.controller.listen import Listening
from workloads.controller.lister import Lister
from workloads.controller.measure import AnalysisTask, LagTask, Measurer
from workloads.controller.observe import Pods, Switch, SwitchError, memory_of, read_switch
from workloads.controller.telemetry import Telemetry

logger = logging.getLogger(__name__)

SWITCHES = "/apis/kafka-bluegreen.io/v1alpha1/namespaces/{}/kafkaconsumerswitches"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"
PODS = "/api/v1/namespaces/{}/pods"
# Which KafkaConsumerSwitch object the generation in the Lease is one of: another object counts from 1 again.
SWITCH_UID = "switch-uid"

# Makes the measurer, given what it has to call when a result is there.
MeasurerFactory = Callable[[Callable[[], None]], Measurer]

WRITE_SECONDS = 3.0
WRITES_AT_ONCE = 32
TURN_SECONDS = 5.0
ALIVE_SECONDS = 30.0


class RestartNeeded(Exception):  # noqa: N818 - not an error: the process begins anew on what is written now
    """The switch now names other pods or another Lease than the ones that are being watched."""


class Controller:
    """Carries out one KafkaConsumerSwitch. `run` does not return but by RestartNeeded or `stop`."""

    def __init__(
        self, kube: Kube, namespace: str, name: str, pod: str, measurer: MeasurerFactory, *, report_port: int
    ) -> None:
        self._kube = kube
        self._namespace = namespace
        self._name = name
        self._switch_path = f"{SWITCHES.format(namespace)}/{name}"
        self._leases_path = LEASES.format(namespace)
        self._pods_path = PODS.format(namespace)
        self._cond = threading.Condition()
        self._dirty = False
        self._stopping = False
        self.turned = time.monotonic()
        # What is, under the condition's lock.
        self._switch_object: Object | None = None
        self._switch: Switch | None = None
        self._switch_error: SwitchError | None = None
        self._switch_read = False
        self._first_sight = Moment(time.time(), time.monotonic())
        self._first_hand = False
        self._lease: Object | None = None
        self._lease_version = 0
        self._lease_read = False
        self._pods: Pods | None = None
        self._pods_read = False
        self._listed: Hashable = None
        # The loop's own.
        self._confirmed_version = 0
        self._key: Hashable = None
        self._since = time.monotonic()
        self._memory = Memory()
        self._seen: Grant | None = None
        self._noticed: tuple[str, int] | None = None
        self._following: tuple[object, ...] = ()
        self._phase: Phase | None = None
        self._phase_since = time.monotonic()
        self._error_pause = 0.0
        self.telemetry = Telemetry()
        self._history = History(self._ended)
        self.measurer = measurer(self._wake)
        self._listening = Listening(report_port, self._heard)
        self._background = Background(kube.sibling(), self._switch_path, namespace, pod, lambda: self._switch_object)
        self._switches = Follower(
            kube.sibling(),
            SWITCHES.format(namespace),
            on_read=self._switches_listed,
            on_change=self._switch_changed,
            name=name,
        )
        self._followers = [self._switches]
        self._lister: Lister | None = None

    # -- life ------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Watch and decide, until `stop`. Raises RestartNeeded."""
        self._background.thread.start()
        self.measurer.thread.start()
        self._switches.start()
        wake_at = time.monotonic() + TURN_SECONDS
        while True:
            with self._cond:
                while not self._dirty and not self._stopping:
                    left = wake_at - time.monotonic()
                    if left <= 0:
                        break
                    self._cond.wait(left)
                if self._stopping:
                    return
                self._dirty = False
            self.turned = time.monotonic()
            try:
                deadline = self._turn()
                self._error_pause = 0.0
            except RestartNeeded:
                raise
            except KubeError as error:
                deadline = self._after_error(error)
            except Exception:
                logger.exception("turn failed; deciding anew in a second")
                self._wake()
                time.sleep(1.0)
                deadline = None
            now = time.monotonic()
            wake_at = now + TURN_SECONDS
            if deadline is not None and deadline > now:
                wake_at = min(wake_at, deadline)

    def stop(self) -> None:
        """End `run`."""
        with self._cond:
            self._stopping = True
            self._cond.notify_all()

    def dead(self) -> list[str]:
        """What should run and does not; empty when all is well."""
        threads = [self._background.thread, self.measurer.thread, *(follower.thread for follower in self._followers)]
        names = [thread.name for thread in threads if not thread.is_alive()]
        if time.monotonic() - self.turned > ALIVE_SECONDS:
            names.append("loop (hangs)")
        return names

    def ready(self) -> bool:
        """Whether everything has been read once, and is being followed."""
        seen = self._switch_read and (self._switch is None or (self._lease_read and self._pods_read))
        return seen and all(follower.failing_since is None for follower in self._followers)

    @property
    def counts(self) -> dict[str, int]:
        """Writes beside the Lease, for metrics."""
        return {
            "status": self._background.status_writes,
            "event": self._background.events,
            "status_error": self._background.status_errors,
        }

    def _wake(self) -> None:
        with self._cond:
            self._dirty = True
            self._cond.notify()

    # -- what comes in ---------------------------------------------------------------------------------------------

    def _switches_listed(self, found: list[Object], _: int | None) -> None:
        self._switch_is(found[0] if found else None)
        if found:
            self._background.observed(found[0])

    def _switch_changed(self, event: Event) -> None:
        self._switch_is(None if event.kind == "DELETED" else event.object)
        if event.kind != "DELETED":
            self._background.observed(event.object)

    def _switch_is(self, obj: Object | None) -> None:
        now = Moment(time.time(), time.monotonic())
        with self._cond:
            known = self._switch_object
            if known is not None and obj is not None and version_of(obj) < version_of(known):
                return
            was_read, self._switch_read = self._switch_read, True
            self._switch_object = obj
            if obj is None:
                self._switch, self._switch_error, self._dirty = None, None, True
                self._cond.notify()
                return
            old = self._switch
            try:
                self._switch, self._switch_error = read_switch(obj), None
            except SwitchError as error:
                self._switch, self._switch_error = None, error
            new = self._switch
            if new is None or old is None or (new.uid, new.spec.generation) != (old.uid, old.spec.generation):
                self._first_sight = now
                self._first_hand = was_read
                self._dirty = True
                self._cond.notify()

    def _leases_listed(self, found: list[Object], version: int | None) -> None:
        with self._cond:
            self._lease_read = True
            self._lease_is(found[0] if found else None, version_of(found[0]) if found else version or 0)

    def _lease_changed(self, event: Event) -> None:
        with self._cond:
            self._lease_is(None if event.kind == "DELETED" else event.object, version_of(event.object))

    def _lease_is(self, obj: Object | None, version: int) -> None:
        """Take in a Lease; the lock is held."""
        if version > self._lease_version or not self._lease_version:
            self._lease, self._lease_version = obj, version
            self._dirty = True
            self._cond.notify()

    def _pods_listed(self, found: list[Object], version: int | None) -> None:
        with self._cond:
            if self._pods is not None and version is not None:
                self._pods.listed(found, version)
            self._pods_read = True
            self._dirty = True
            self._cond.notify()

    def _pod_changed(self, event: Event) -> None:
        with self._cond:
            if self._pods is not None and self._pods.changed(event.kind, event.object):
                self._dirty = True
                self._cond.notify()

    def _heard(self, uid: str, report: Report | None) -> None:
        with self._cond:
            if self._pods is not None and self._pods.heard(uid, report):
                self._dirty = True
                self._cond.notify()

    def _list_ended(self, key: Hashable, found: list[Object], version: int) -> None:
        with self._cond:
            if self._pods is not None:
                self._pods.listed(found, version)
            self._listed = key
            self._dirty = True
            self._cond.notify()

    # -- what follows ----------------------------------------------------------------------------------------------

    def _turn(self) -> float | None:
        """Look, decide, carry out. Returns the monotonic time at which to look again even if nothing happens."""
        for _ in range(WRITES_AT_ONCE):
            with self._cond:
                switch, error = self._switch, self._switch_error
                lease, lease_read = self._lease, self._lease_read
                members = self._pods.members() if self._pods is not None and self._pods_read else None
                addresses = self._pods.addresses() if members is not None and self._pods is not None else {}
                listed, sight, first_hand = self._listed, self._first_sight, self._first_hand
            if switch is None:
                self._unusable(error)
                return None
            if not self._follow(switch) or members is None or not lease_read:
                return None
            self._listening.follow(addresses)
            try:
                grant = self._grant_of(lease, switch)
            except LeaseFormatError as failure:
                self._misread(switch, failure)
                return None
            if grant is not None and grant.generation > switch.spec.generation:
                if self._confirmed_version != switch.version:
                    self._confirm_switch()
                    continue
                grant = replace(grant, generation=0)
            now = Moment(time.time(), time.monotonic())
            self._notice(switch, grant, now, sight, first_hand)
            key = phase_key(switch.spec, grant)
            if key != self._key:
                self._key, self._since = key, now.monotonic
            measured = self.measurer.result(key)
            seen = Observation(
                spec=switch.spec,
                grant=grant,
                members=members,
                listed=listed == key,
                elapsed=now.monotonic - self._since,
                memory=self._memory,
                lag=measured.lag,
                lag_detail=measured.detail,
                analysis=measured.analysis,
                analysis_detail=measured.detail,
            )
            decision = decide(seen)
            if decision.write is None:
                return self._wait(switch, seen, decision, key, now)
            if measured.met_at is not None:
                self._history.lag_met(measured.met_at)
            self._write(switch, lease, grant, decision.write, now)
        raise RuntimeError(f"{WRITES_AT_ONCE} writes of the Lease in a row and still no rest")

    def _wait(self, switch: Switch, seen: Observation, decision: Decision, key: Hashable, now: Moment) -> float | None:
        """Nothing to write: get what the decision is waiting for, and show where things stand."""
        if decision.need_list and self._lister is not None:
            self._lister.ask(key)
        self._measure(switch, seen.grant, decision, key)
        grant, spec = seen.grant, switch.spec
        if (
            grant is not None
            and grant.holder is spec.active
            and grant.generation == spec.generation
            and not not_active(spec, seen.members, grant.holder, grant.epoch)
        ):
            self._history.active(now)
        self._show(switch, grant, decision, seen.members, now)
        if decision.need_lag or decision.need_analysis:
            return now.monotonic + 1.0  # shows how far it has come
        return None if decision.deadline is None else self._since + decision.deadline

    def _measure(self, switch: Switch, grant: Grant | None, decision: Decision, key: Hashable) -> None:
        if decision.need_lag and grant is not None and grant.holder is not None:
            holder = grant.holder
            self.measurer.measure(
                key,
                LagTask(switch.topic, switch.spec.partitions, switch.lag_threshold, lambda: self._addresses(holder)),
            )
        elif decision.need_analysis and switch.analysis is not None:
            target = switch.spec.active
            self.measurer.measure(key, AnalysisTask(switch.analysis, lambda: self._addresses(target)))
        else:
            self.measurer.measure(key, None)

    def _addresses(self, color: Color) -> dict[str, str]:
        with self._cond:
            return self._pods.addresses_of(color) if self._pods is not None else {}

    def _write(self, switch: Switch, lease: Object | None, grant: Grant | None, wanted: Grant, now: Moment) -> None:
        """Write the Lease, on condition that nobody else has since; if somebody has, read it.

        Raises KubeError when no answer came: the same write is tried again then, on the same condition.
        """
        if grant is not None and grant.holder is None and wanted.holder is switch.spec.active:
            self._history.paused(now)
        if wanted.outcome is Outcome.SWITCHED and wanted.holder is switch.spec.active:
            self._history.active(now)
        body = to_lease(wanted, switch.lease_name, rfc3339(now.wall), lease)
        body["metadata"]["annotations"][SWITCH_UID] = switch.uid
        began = time.monotonic()
        try:
            if lease is None:
                answer = self._kube.post(self._leases_path, body, deadline=WRITE_SECONDS)
            else:
                answer = self._kube.put(f"{self._leases_path}/{switch.lease_name}", body, deadline=WRITE_SECONDS)
        except ApiError as error:
            if error.status not in {404, 409}:
                raise
            logger.info("somebody else wrote the Lease", extra=fields(error=str(error), epoch=wanted.epoch))
            self._reread_lease(switch.lease_name)
            return
        done = Moment(time.time(), time.monotonic())
        with self._cond:
            self._lease_is(answer, version_of(answer))
        self._history_lease(grant, wanted, done)
        self.telemetry.lease_write.observe(done.monotonic - began)

    def _reread_lease(self, name: str) -> None:
        found = self._kube.list(self._leases_path, fields_are=f"metadata.name={name}")
        items = found["items"] or []
        with self._cond:
            self._lease_is(items[0] if items else None, version_of(items[0]) if items else version_of(found))

    def _confirm_switch(self) -> None:
        """The Lease speaks of a newer generation: read the switch itself before believing the watch."""
        try:
            obj = self._kube.get(self._switch_path)
        except ApiError as error:
            if error.status != 404:
                raise
            self._switch_is(None)
            return
        self._switch_is(obj)
        with self._cond:
            if self._switch is not None:
                self._confirmed_version = self._switch.version

    # -- bookkeeping -----------------------------------------------------------------------------------------------

    def _follow(self, switch: Switch) -> bool:
        """Begin to follow what the switch names. Returns whether that had begun before."""
        if self._lister is not None:
            if (switch.common_labels, switch.lease_name, switch.selectors) != self._following:
                raise RestartNeeded("the switch names other pods or another Lease; beginning anew")
            return True
        self._following = (switch.common_labels, switch.lease_name, switch.selectors)
        self._memory = memory_of(switch.status)
        self._pods = Pods(switch)
        self._lister = Lister(self._kube.sibling(), self._pods_path, switch.common_labels, self._list_ended)
        leases = Follower(
            self._kube.sibling(),
            self._leases_path,
            on_read=self._leases_listed,
            on_change=self._lease_changed,
            name=switch.lease_name,
        )
        pods = Follower(
            self._kube.sibling(),
            self._pods_path,
            on_read=self._pods_listed,
            on_change=self._pod_changed,
            labels_are=switch.common_labels,
        )
        self._followers += [leases, pods]
        leases.start()
        pods.start()
        self._lister.thread.start()
        if switch.spec.wait_for_lag:
            self.measurer.keep_warm(switch.topic, switch.spec.partitions)
        return False

    def _grant_of(self, lease: Object | None, switch: Switch) -> Grant | None:
        if lease is None:
            return None
        grant = from_lease(lease)
        owner = (lease["metadata"].get("annotations") or {}).get(SWITCH_UID)
        # Generations of a switch that was deleted and made again count from 1: they say nothing about this one's.
        return grant if owner in (None, switch.uid) else replace(grant, generation=0)

    def _notice(self, switch: Switch, grant: Grant | None, now: Moment, sight: Moment, first_hand: bool) -> None:
        """Note what is new: a generation, a Lease that somebody else wrote."""
        if grant is not None and grant != self._seen and self._noticed is not None:
            self._history_lease(self._seen, grant, now)
        asked = (switch.uid, switch.spec.generation)
        if asked != self._noticed:
            if self._noticed is not None and self._noticed[0] != switch.uid:
                self._history = History(self._ended)  # another object, whose generations are others
            self._noticed = asked
            self._history.generation(
                switch.spec.generation, grant, switch.spec.active, sight, first_hand=first_hand, said=switch.status
            )
            self._seen = grant
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
        if grant is not None and grant.epoch >= self._memory.epoch:
            self._memory = Memory(
                grant.epoch, grant.holder or grant.last_holder, grant.generation, grant.outcome, grant.reason
            )
        if grant is None and self._seen is not None:
            logger.warning(
                "the Lease is gone", extra=fields(epoch=self._seen.epoch, last_holder=self._seen.last_holder)
            )
            self._background.note("LeaseLost", "the Lease is gone; it is made again", warning=True, at=now.wall)
            self._seen = None

    def _history_lease(self, old: Grant | None, new: Grant, now: Moment) -> None:
        self._seen = new
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

    def _ended(self, switching: Switching, seconds: float | None) -> None:
        self.telemetry.ended(switching, seconds)
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
        self._background.note(
            str(switching.outcome),
            f"{route}{said} (generation {switching.generation})",
            warning=switching.outcome not in {Outcome.SWITCHED, Outcome.SUPERSEDED},
            at=time.time(),
        )

    def _show(
        self, switch: Switch, grant: Grant | None, decision: Decision, members: tuple[Member, ...], now: Moment
    ) -> None:
        if decision.phase is not self._phase:
            if self._phase is not None:
                logger.info(
                    "phase",
                    extra=fields(
                        phase=decision.phase,
                        before=self._phase,
                        before_seconds=round(now.monotonic - self._phase_since, 6),
                        reason=decision.reason,
                        detail=decision.message,
                        generation=switch.spec.generation,
                    ),
                )
                if decision.phase not in {Phase.READY, Phase.FAILED}:
                    self._background.note(
                        str(decision.phase),
                        decision.message or decision.reason,
                        warning=decision.phase is Phase.ROLLING_BACK,
                        at=now.wall,
                    )
            self._phase, self._phase_since = decision.phase, now.monotonic
        self.telemetry.stands(grant, decision.phase, switch.strategy)
        self._background.publish(
            projection.project(
                switch.spec, grant, self._memory, decision, members=members, last_switch=self._history.shown
            )
        )

    def _unusable(self, error: SwitchError | None) -> None:
        obj = self._switch_object
        if error is None or obj is None:
            return
        logger.error("the switch cannot be carried out", extra=fields(error=str(error)))
        self._background.publish(
            projection.refused(obj["metadata"]["generation"], obj.get("status") or {}, "SwitchUnreadable", str(error))
        )

    def _misread(self, switch: Switch, error: LeaseFormatError) -> None:
        logger.error("the Lease cannot be read", extra=fields(error=str(error)))
        self._background.publish(
            projection.refused(switch.spec.generation, switch.status, "LeaseUnreadable", str(error))
        )

    def _after_error(self, error: KubeError) -> float:
        """Something could not be read: look again after a pause that grows. Nothing is decided on what may be old."""
        self._error_pause = min(max(2 * self._error_pause, 0.05), 1.0)
        logger.warning("API server did not answer", extra=fields(error=str(error), again_in=self._error_pause))
        return time.monotonic() + self._error_pause

"""After a switch: until everything is well again by itself, and what of it is not as it has to be.

What is judged rests on the record logs, on what members and groups say of themselves, and on what the API server said
meanwhile; never on what the controller says of itself alone.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from components.names import CONTROLLER, NAME_LABEL, Color
from components.strategies.parts import Program
from experiments import recorders, verdict
from experiments.cluster import LiveSwitch
from experiments.errors import DeadlineError, ExperimentError, PreconditionError
from experiments.fault_campaign import clock, duplicates, invariants, shapes
from experiments.fault_campaign.carry import Carried
from experiments.fault_campaign.duplicates import Crash, Explained, Trail
from experiments.fault_campaign.invariants import Truth
from experiments.fault_campaign.kinds import SHARED, Role
from experiments.fault_campaign.tail import Stepped, Tail
from experiments.fault_campaign.witness import Line, Witness
from experiments.lab import Lab
from experiments.measurements import Verdict, other
from experiments.recorders import Recorded
from experiments.records import CONSUMED, EVENTS

T = TypeVar("T")
_NS = 1_000_000_000
_CLOCKS = "clock"

_WELL_SECONDS = 90.0
_FLOW_SECONDS = 120.0
_LEAST_SECONDS = 10.0
_READ_SECONDS = 30.0
_AGREE_SECONDS = 20.0
_CAUGHT_UP_SECONDS = 90.0
_WRITTEN_SECONDS = 15.0
_POLL_SECONDS = 0.5
#: Classes of which it is looked what explains them, record by record: they fail nothing by themselves.
_EXPLAINED = frozenset({"duplicate"})
#: A container that was started again once would wait the next time: its pod is made anew, once all is judged well. A
#: Connect worker takes longer to begin than it would wait: of it the second time.
_RESTARTS, _WORKERS_RESTARTS = 1, 2
#: For so long the switch has to have said that it is so before an update that failed is called wrong.
_SAID_SECONDS = 2.0
#: A pod that is asked to end, or a broker that is, goes on to do so for up to so long.
_GOES_ON = {"pod-delete": 30.0, "pod-evict": 30.0, "broker-restart": 60.0}
_MADE_ANEW = "made anew by the campaign"


@dataclass(slots=True)
class Span:
    """What is judged together: the records of one producer process (and of whoever took its place), from since_ns."""

    tail: Tail
    since_ns: int
    producer: str
    crashes: list[Crash] = field(default_factory=list)
    recorded: Sequence[Recorded] = ()
    """What those said at its begin who write down what others handle."""


def begin(lab: Lab, folder: Path) -> Span:
    """From here on it is judged what happens, by a producer process of its own. folder: for the copies of the logs.
    Raises ExperimentError.
    """
    since = time.time()
    producer = lab.producer.renew().name
    since_ns = lab.producer.clock()
    lab.lag.wait_flow(_FLOW_SECONDS, lab.active)
    recorded = patiently("the recorders", lambda: _recorders(lab), _READ_SECONDS)
    return Span(Tail(lab.disturbance.processes, lab.parts, folder, since), since_ns, producer, recorded=recorded)


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found. findings: what is broken; empty: nothing. duplicates: each with what explains it. made_anew: the
    pods that the campaign itself has deleted, after it was judged whether all is well without a hand. alerts, not
    evaluated: what was alerted, and why that is not known.
    """

    findings: Sequence[str]
    outcome: str
    reason: str
    well_seconds: float | None
    acked: int
    anomalies: Mapping[str, int]
    duplicates: Sequence[Explained]
    timeline: Sequence[Line] = ()
    made_anew: Sequence[str] = ()
    alerts: Sequence[Mapping[str, Any]] = ()
    not_evaluated: str = ""


class Judge:
    """Judges one pair. scratch: a folder for the validator's report."""

    def __init__(self, lab: Lab, witness: Witness, scratch: Path) -> None:
        self._lab = lab
        self._witness = witness
        self._scratch = scratch

    def judge(self, span: Span, carried: Carried) -> Judged:
        """One switch, once its faults are over. What can't be looked at is a finding, too: nobody can say that it held.
        Raises ExperimentError where the API server does not answer any more.
        """
        lab = self._lab
        deadline = max((one.kind.deadline for one in carried.step.injections), default=_WELL_SECONDS)
        span.crashes += crashes(carried)
        span.tail.put_right(stepped(carried))
        findings = [f"{hit.injection.way} cannot be taken back: {hit.left}" for hit in carried.hits if hit.left]
        begun = time.monotonic()
        well: float | None = None
        if carried.step.commanded == "up":
            patiently("the shape of the pair", lambda: shapes.look(lab), _READ_SECONDS)
        try:
            self._wait_well(deadline)
            well = time.monotonic() - begun
        except DeadlineError as error:
            findings.append(f"invariant 4: {deadline:g} s after its faults it is not well by itself: {error}")
        live = patiently("the switch", lambda: lab.cluster.switch(lab.namespace), _READ_SECONDS)
        lab.active = _color(live.active) or lab.active
        findings += self._ready()
        last = live.last
        mine = last is not None and last.generation > carried.before
        outcome, reason = (last.outcome, last.reason) if last is not None and mine else ("NotSeen", carried.error or "")
        if carried.step.commanded == "up":
            findings += invariants.update(
                carried.error,
                asked=carried.target,
                active=live.active,
                generations=live.generation - carried.before,
                outcome=outcome,
                so_it_was=self._so_it_was(carried),
            )
        findings += invariants.lease_history(self._witness.leases())
        if live.holds(live.settled):
            findings += invariants.ends(live.raw["status"], settled=live.generation, since=carried.before)
        made_anew = self._make_anew(span) if well is not None else []
        acked, counts, repeated = 0, dict[str, int](), list[Explained]()
        try:
            judged = self._records(span)
            acked, counts = judged.acked, {name: count for name, count in judged.anomalies.items() if count}
            repeated, behind = self._repeated(span, counts)
            findings += record_findings(counts, repeated) + behind
        except ExperimentError as error:
            findings.append(f"invariant 5: what became of the records cannot be told: {error}")
        if made_anew:
            try:
                patiently("the pods that were made anew", self._all_there, _WELL_SECONDS)
            except DeadlineError as error:
                findings.append(f"invariant 4: pods that the campaign made anew do not come back: {error}")
        return Judged(
            findings=findings,
            outcome=outcome,
            reason=reason,
            well_seconds=well,
            acked=acked,
            anomalies=counts,
            duplicates=repeated,
            timeline=self._witness.since(carried.began) if findings else (),
            made_anew=made_anew,
        )

    def _so_it_was(self, carried: Carried) -> bool:
        """Whether the switch had said for a while that the colour asked for is at work when the update returned. Where
        the API server was hit, or the numbers of pods were asked for as well, an update fails for reasons of its own.
        """
        step = carried.step
        hit = any(one.hit and one.injection.kind.role is Role.PLANE for one in carried.hits)
        if carried.returned is None or hit or step.replicas is not None or step.partitions:
            return False
        before, then = (
            self._witness.at_work(moment) for moment in (carried.returned - _SAID_SECONDS, carried.returned)
        )
        return before == then and then[0] == carried.target and then[1] > carried.before

    def _wait_well(self, seconds: float) -> None:
        """Everybody is there, the newest generation has its outcome, and the holder is at work on every partition.

        Raises DeadlineError.
        """
        lab, ends = self._lab, time.monotonic() + seconds

        def left() -> float:
            return max(_LEAST_SECONDS, ends - time.monotonic())

        def missing(live: LiveSwitch) -> str | None:
            blocked = live.last is not None and live.last.outcome == "RollbackBlocked"
            return None if live.active and live.holds(live.settled) and not blocked else live.describe()

        patiently("the pods", lambda: lab.wait_pods(lab.whole), left())
        what = "an outcome, and a colour that holds the grant"
        live = patiently(what, lambda: lab.cluster.wait_switch(lab.namespace, missing, what, left()), left())
        color = _color(live.active)
        patiently("the flow", lambda: lab.lag.wait_flow(left(), color), left())
        if color is not None:
            patiently("the colour that waits", lambda: lab.wait_assigned(other(color), left()), left())

    def _make_anew(self, span: Span) -> list[str]:
        """A hand that nothing needs: the kubelet waits ever longer before it starts a container again, and a campaign
        would wait with it. Only after it was judged that all is well without it; told with the switch.
        """
        lab, found = self._lab, []
        allowed = {CONTROLLER: _RESTARTS, **{part.app: _RESTARTS for part in lab.parts.all}}
        if lab.parts.workers is not None:
            allowed[lab.parts.workers.app] = _WORKERS_RESTARTS
        for pod in patiently("the pods", lambda: lab.cluster.pods(lab.namespace), _READ_SECONDS):
            most = max(pod.restarts_by_container.values(), default=0)
            if pod.app in allowed and most >= allowed[pod.app] and not pod.terminating:
                patiently(
                    f"{pod.name} to be deleted", partial(lab.cluster.delete_pod, lab.namespace, pod.name), _READ_SECONDS
                )
                now = time.time()
                span.crashes.append(Crash(_MADE_ANEW, pod.name, now, now + _GOES_ON["pod-delete"]))
                self._witness.note(f"{pod.name} made anew by the campaign: it was started again {most} times")
                found.append(pod.name)
        return found

    def _all_there(self) -> None:
        """Raises DeadlineError, PreconditionError."""
        lab = self._lab
        lab.wait_pods(lab.whole)
        controllers = lab.cluster.pods(lab.namespace, f"{NAME_LABEL}={CONTROLLER}")
        if not any(pod.ready and not pod.terminating for pod in controllers):
            raise PreconditionError("no controller is Ready")

    def _ready(self) -> list[str]:
        """Whether `Ready` is what is; looked at again until it is: both move. Then what is wrong."""
        ends = time.monotonic() + _AGREE_SECONDS
        while True:
            try:
                live = self._lab.cluster.switch(self._lab.namespace)
                truth = self._truth(live)
                said = live.ready is not None and live.ready.status == "True" and live.holds(live.ready)
                found = invariants.ready(said, truth)
            except ExperimentError as error:
                found = [f"invariant 6: what Ready should be cannot be told: {error}"]
            if not found or time.monotonic() > ends:
                return found
            time.sleep(_POLL_SECONDS)

    def _truth(self, live: LiveSwitch) -> Truth:
        lab = self._lab
        lease = lab.cluster.lease(lab.namespace)
        members, _ = lab.lag.members()
        owned: dict[str, list[int]] = {}
        for member in members:
            owned.setdefault(member.color, []).extend(member.positions)
        return Truth(
            holder=str(lease.get("spec", {}).get("holderIdentity") or ""),
            wanted=live.wanted,
            owned=owned,
            partitions=int(live.raw["spec"].get("partitions", lab.settings.partitions)),
        )

    def _records(self, span: Span) -> Verdict:
        """The validator's verdict on everything that was acknowledged until now.

        First what was produced is copied, then waited until all of it was handled, then what was handled is copied: so
        what is produced meanwhile is nobody's loss. Who writes down what others handle may be late.
        """
        lab, tail = self._lab, span.tail
        tail.copy_produced()
        patiently("the lag", lambda: lab.lag.wait_caught_up(_CAUGHT_UP_SECONDS, lab.active), _CAUGHT_UP_SECONDS)
        ends = time.monotonic() + _WRITTEN_SECONDS
        while True:
            unreached = tail.copy_consumed(writers(lab))
            found = self._verdict(span, tail.producers(span.since_ns))
            if (not found.anomalies["lost"] and not unreached) or time.monotonic() > ends:
                return found
            time.sleep(_POLL_SECONDS)

    def _verdict(self, span: Span, producers: Sequence[str]) -> Verdict:
        """What others write down they see late: colours that overlap by less than that are not told apart. Everybody is
        on one machine, so clocks differ by nothing else.
        """
        lab = self._lab
        now = patiently("the recorders", lambda: _recorders(lab, span.recorded), _READ_SECONDS)
        late = recorders.times(span.recorded, now).late_seconds
        report = self._scratch / "validator.json"
        return verdict.validate(span.tail.folder, producers, report, clock_error_ms=late * 1000, tolerated=_EXPLAINED)

    def _repeated(self, span: Span, counts: Mapping[str, int]) -> tuple[list[Explained], list[str]]:
        """The duplicates, each with what explains it; and what nothing can explain."""
        if not counts.get("duplicate"):
            return [], []
        found = duplicates.repeats(span.tail.lines(CONSUMED))
        events = list(span.tail.lines(EVENTS))
        behind = duplicates.behind_commits(found, events)
        wrong = (
            [f"invariant 5: {len(behind)} handled again after their commit, the first: {behind[0]}"] if behind else []
        )
        logs = self._lab.parts.workers is None
        trail = Trail(events, places=logs, logs=logs)
        return duplicates.explain(found, span.crashes, trail, self._witness.since(span.since_ns / _NS)), wrong

    def last(self, span: Span) -> Judged:
        """Everything of a span, when it is over: the flow has ended, and the producer's log, too. Raises
        ExperimentError.
        """
        lab = self._lab
        lab.producer.silence()
        lab.lag.wait_caught_up(_CAUGHT_UP_SECONDS, lab.active)
        closing = lab.producer.renew().name
        span.tail.copy_produced()
        span.tail.copy_consumed(writers(lab))
        span.tail.complete()
        span.tail.close()
        producers = [name for name in span.tail.producers(span.since_ns) if name != closing]
        judged = self._verdict(span, producers)
        counts = {name: count for name, count in judged.anomalies.items() if count}
        repeated, behind = self._repeated(span, counts)
        return Judged(record_findings(counts, repeated) + behind, "", "", None, judged.acked, counts, repeated)


def _recorders(lab: Lab, since: Sequence[Recorded] = ()) -> list[Recorded]:
    return recorders.every(lab.cluster, lab.namespace, lab.parts.recorder, since)


def record_findings(counts: Mapping[str, int], repeated: Sequence[Explained]) -> list[str]:
    """What the records break: every anomaly, but for duplicates that a crash explains."""
    unexplained = [f"invariant 5: duplicates: {one}" for one in repeated if one.crash is None]
    missed = counts.get("duplicate", 0) - sum(one.count for one in repeated)
    if missed > 0:
        unexplained.append(f"invariant 5: {missed} duplicates at other offsets than where they were handled first")
    return invariants.anomalies(counts) + unexplained


def patiently(what: str, do: Callable[[], T], seconds: float) -> T:
    """What `do` gives; asked again where it fails, as while an API server or a broker comes up. Raises DeadlineError,
    its own and those of `do`.
    """
    ends = time.monotonic() + seconds
    while True:
        try:
            return do()
        except DeadlineError:
            raise
        except ExperimentError as error:
            if time.monotonic() >= ends:
                raise DeadlineError(what, seconds, str(error)) from error
        time.sleep(_POLL_SECONDS)


def writers(lab: Lab) -> dict[str, Program]:
    """The pods that write down what was handled, with what runs in them."""
    found: dict[str, Program] = {}
    for part in lab.parts.writers:
        for name, number in part.wanted(lab.whole).items():
            found |= {f"{name}-{index}": part.program for index in range(number)}
    return found


def crashes(carried: Carried) -> list[Crash]:
    """What of a switch's faults lets records be handled twice; the members that stood still for its phase, too."""
    found = [
        Crash(
            hit.injection.way,
            "" if hit.injection.kind.role in SHARED else hit.hit,
            hit.began,
            (hit.ended or hit.began) + _GOES_ON.get(hit.injection.way, 0.0),
        )
        for hit in carried.hits
        if hit.injection.kind.repeats and hit.hit
    ]
    return found + [Crash(f"held in {carried.step.phase}", pod, carried.began, carried.ended) for pod in carried.held]


def stepped(carried: Carried) -> list[Stepped]:
    """The clocks that a switch's faults stepped."""
    return [
        Stepped(hit.hit, clock.STEP_SECONDS, hit.began, hit.ended or time.time())
        for hit in carried.hits
        if hit.hit and hit.injection.kind.place == _CLOCKS
    ]


def _color(text: str) -> Color | None:
    return "blue" if text == "blue" else "green" if text == "green" else None

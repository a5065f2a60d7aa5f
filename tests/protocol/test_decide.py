"""The controller's decision: a table of what is seen and what follows."""

from dataclasses import dataclass, replace

import pytest

from tests.protocol.decisions import (
    ACCEPTING,
    ACTIVE,
    ALL_PAUSED,
    ANALYSED,
    ASSIGNED,
    BACK,
    BACK_AGAIN,
    BLOCKED,
    BLUE,
    BLUE_PAUSED,
    BLUE_RUNS,
    DRAINING,
    FAILED,
    GRANTED,
    GREEN,
    GREEN_AWAY,
    GREEN_RUNS,
    LATE,
    LOST,
    PAUSED,
    PRESENT,
    REFUSED,
    SETTLED,
    SPEC,
    STANDING_BY,
    STUCK,
    SWITCHED,
    TO_BLUE,
    WAITING,
    WITHDRAWN,
    held,
    instead,
    missing,
    pod,
    pods,
    see,
    silent,
)
from workloads.common.lease import EPOCHS, Grant
from workloads.common.states import Color, Outcome, Phase
from workloads.controller.decide import EPOCHS_KEPT, LOST_EPOCHS, decide
from workloads.controller.terms import Analysis, Lag, Memory, Observation, phase_key


@dataclass(frozen=True)
class Writes:
    """What the Lease shall say next. says: words of the reason."""

    holder: Color | None
    epoch: int
    last: Color | None
    origin: Color | None
    outcome: Outcome | None
    says: tuple[str, ...] = ()
    generation: int = 7
    blocked_by: tuple[str, ...] = ()
    unconfirmed: bool = False


@dataclass(frozen=True)
class Waits:
    """Nothing is written. says: words of the message."""

    phase: Phase
    reason: str
    says: tuple[str, ...] = ()
    need_list: bool = False
    need_lag: bool = False
    need_analysis: bool = False
    deadline: float | None = None


TASK_FAILED = pod(GREEN, 1, DRAINING, 12, failed="task 0 FAILED")
STUCK_POD = pod(GREEN, 1, PAUSED, 10, obstacle="OffsetOutOfRange: partition 3: 9 of 5 to 7")

TABLE: list[tuple[str, Observation, Writes | Waits]] = [
    # -- nothing asked for, or nothing to move
    ("settled: nothing to do", see(held(BLUE, 10, 7), BLUE_RUNS, TO_BLUE), Waits(Phase.READY, "Switched")),
    ("settled, and a pod is gone", see(held(BLUE, 10, 7), missing(BLUE_RUNS, "blue-1"), TO_BLUE),
     Waits(Phase.READY, "Switched")),
    ("refused before: not tried again", see(held(BLUE, 10, 7, REFUSED), BLUE_RUNS), Waits(Phase.FAILED, "Refused")),
    ("failed before: not tried again", see(held(BLUE, 12, 7, FAILED), BLUE_RUNS), Waits(Phase.FAILED, "Failed")),
    ("rolled back before: not tried again", see(held(BLUE, 14, 7, BACK_AGAIN), BLUE_RUNS),
     Waits(Phase.FAILED, "RolledBack")),
    ("a new generation asks for the same colour", see(SETTLED, BLUE_RUNS, TO_BLUE),
     Writes(BLUE, 10, BLUE, None, SWITCHED)),
    ("the same colour, which is not yet active", see(SETTLED, pods(BLUE, PAUSED, 10), TO_BLUE),
     Writes(BLUE, 10, BLUE, None, None)),
    ("which never becomes active: failed, nothing to go back to",
     see(held(BLUE, 10, 7, None), pods(BLUE, PAUSED, 10), TO_BLUE, elapsed=LATE),
     Writes(BLUE, 10, BLUE, None, FAILED, ("ResumeTimeout", "blue-0 (PAUSED at epoch 10)"))),
    ("replicas of the inactive colour change with the generation", see(SETTLED, missing(BLUE_RUNS, "green-0", "green-1"),
     replace(TO_BLUE, replicas=(2, 0))), Writes(BLUE, 10, BLUE, None, SWITCHED)),
    # -- refused: nothing is touched
    ("ready: withdrawn", see(SETTLED, BLUE_RUNS), Writes(None, 11, BLUE, BLUE, None)),
    ("no list is needed for that", see(SETTLED, BLUE_RUNS, listed=False), Writes(None, 11, BLUE, BLUE, None)),
    ("a green pod is missing, as far as known: waited for, and listed", see(SETTLED, missing(BLUE_RUNS, "green-1"), listed=False),
     Waits(Phase.WAITING_FOR_READY, "WaitingForReady", ("1 of 2 green pods exist",), need_list=True, deadline=30.0)),
    ("a green pod is missing: waited for", see(SETTLED, missing(BLUE_RUNS, "green-1"), elapsed=29.9),
     Waits(Phase.WAITING_FOR_READY, "WaitingForReady", ("NotReady: 1 of 2 green pods exist",), deadline=30.0)),
    ("a green pod is missing for too long", see(SETTLED, missing(BLUE_RUNS, "green-1"), elapsed=30.0),
     Writes(BLUE, 10, BLUE, None, REFUSED, ("NotReady: 1 of 2 green pods exist; waited for 30 s",))),
    ("a green pod is missing for too long, by an old list", see(SETTLED, missing(BLUE_RUNS, "green-1"), listed=False, elapsed=30.0),
     Waits(Phase.WAITING_FOR_READY, "WaitingForReady", need_list=True, deadline=31.0)),
    ("ready in time: withdrawn", see(SETTLED, BLUE_RUNS, elapsed=29.0, since_ready=0.0), Writes(None, 11, BLUE, BLUE, None)),
    ("ready late is in time, as long as it is seen", see(SETTLED, BLUE_RUNS, elapsed=LATE), Writes(None, 11, BLUE, BLUE, None)),
    ("a green pod restarts late in a long wait: it has as long as any other",
     see(SETTLED, missing(BLUE_RUNS, "green-1"), elapsed=100.0, since_ready=29.0),
     Waits(Phase.WAITING_FOR_READY, "WaitingForReady", deadline=101.0)),
    ("and no longer", see(SETTLED, missing(BLUE_RUNS, "green-1"), elapsed=101.0, since_ready=30.0),
     Writes(BLUE, 10, BLUE, None, REFUSED, ("NotReady: 1 of 2 green pods exist; waited for 30 s",))),
    ("nobody is waited for where that is asked", see(SETTLED, missing(BLUE_RUNS, "green-1"), replace(SPEC, ready_timeout=0.0)),
     Writes(BLUE, 10, BLUE, None, REFUSED, ("NotReady: 1 of 2 green pods exist; waited for 0 s",))),
    ("a green pod is not Ready", see(SETTLED, instead(BLUE_RUNS, pod(GREEN, 1, PAUSED, 10, ready=False)), elapsed=LATE),
     Writes(BLUE, 10, BLUE, None, REFUSED, ("NotReady: green-1 (PAUSED at epoch 10, not Ready)",))),
    ("a green pod has not reported", see(SETTLED, instead(BLUE_RUNS, silent(pod(GREEN, 0, PAUSED, 10))), elapsed=LATE),
     Writes(BLUE, 10, BLUE, None, REFUSED, ("NotReady: green-0 (no report)",))),
    ("a green consumer does not answer", see(SETTLED, instead(BLUE_RUNS, pod(GREEN, 1, None, 10)), elapsed=LATE),
     Writes(BLUE, 10, BLUE, None, REFUSED, ("NotReady: green-1 (unreachable at epoch 10)",))),
    ("a green consumer is neither here nor there", see(SETTLED, instead(BLUE_RUNS, pod(GREEN, 1, DRAINING, 10)), elapsed=LATE),
     Writes(BLUE, 10, BLUE, None, REFUSED, ("NotReady: green-1 (DRAINING at epoch 10)",))),
    ("a green consumer is at work", see(SETTLED, instead(BLUE_RUNS, pod(GREEN, 1, ACTIVE, 8))),
     Waits(Phase.WAITING_FOR_READY, "WaitingForReady", ("NotReady: green-1 (ACTIVE at epoch 8)",), deadline=30.0)),
    ("a blue pod that is not Ready does not matter",
     see(SETTLED, instead(BLUE_RUNS, pod(BLUE, 1, ACTIVE, 10, ready=False))), Writes(None, 11, BLUE, BLUE, None)),
    ("green is scaled down", see(SETTLED, missing(BLUE_RUNS, "green-0", "green-1"), GREEN_AWAY),
     Writes(BLUE, 10, BLUE, None, REFUSED, ("ReplicaMismatch: green has 0 replicas, blue has 2",))),
    ("green has another number", see(SETTLED, BLUE_RUNS, replace(SPEC, replicas=(2, 3))),
     Writes(BLUE, 10, BLUE, None, REFUSED, ("ReplicaMismatch: green has 3 replicas, blue has 2",))),
    ("blue is to be scaled down in the same update: its pods count", see(SETTLED, BLUE_RUNS, replace(SPEC, replicas=(0, 2))),
     Writes(None, 11, BLUE, BLUE, None)),
    ("the same, and green does not fit blue's pods", see(SETTLED, BLUE_RUNS, replace(SPEC, replicas=(0, 3))),
     Writes(BLUE, 10, BLUE, None, REFUSED, ("ReplicaMismatch: green has 3 replicas, blue has 2",))),
    ("nobody is there to be taken over from", see(SETTLED, pods(GREEN, PAUSED, 10), replace(SPEC, replicas=(0, 2))),
     Writes(None, 11, BLUE, BLUE, None)),
    # -- refused by what the colour that waits stands for
    ("green owns its partitions: withdrawn", see(SETTLED, instead(BLUE_RUNS, *STANDING_BY), ASSIGNED),
     Writes(None, 11, BLUE, BLUE, None)),
    ("green does not own all of its own: waited for", see(SETTLED, BLUE_RUNS, ASSIGNED),
     Waits(Phase.WAITING_FOR_READY, "WaitingForReady", ("NotReady: green owns partitions [] of 4",), deadline=30.0)),
    ("green does not own all of its own", see(SETTLED, instead(BLUE_RUNS, STANDING_BY[1]), ASSIGNED, elapsed=LATE),
     Writes(BLUE, 10, BLUE, None, REFUSED, ("NotReady: green owns partitions [2, 3] of 4",))),
    ("a green pod knows of an obstacle", see(SETTLED, instead(BLUE_RUNS, STUCK_POD)),
     Writes(BLUE, 10, BLUE, None, REFUSED, ("OffsetOutOfRange: partition 3: 9 of 5 to 7 (green-1)",))),
    ("as far as known: list first", see(SETTLED, instead(BLUE_RUNS, STUCK_POD), listed=False),
     Waits(Phase.READY, "Checking", ("OffsetOutOfRange",), need_list=True)),
    ("an obstacle to the colour at work does not matter",
     see(SETTLED, instead(BLUE_RUNS, pod(BLUE, 1, ACTIVE, 10, obstacle="OffsetOutOfRange"))),
     Writes(None, 11, BLUE, BLUE, None)),
    ("asked back while green is taking over: blue has to stand by as any other",
     see(replace(GRANTED, generation=6), GREEN_RUNS, replace(ASSIGNED, active=BLUE), elapsed=LATE),
     Writes(GREEN, 12, GREEN, None, REFUSED, ("NotReady: blue owns partitions [] of 4",))),
    ("a rollback asks nothing of the colour that is gone back to", see(BACK, (*pods(BLUE, PAUSED, 11), *pods(GREEN, PAUSED, 13)),
     ASSIGNED), Writes(BLUE, 14, BLUE, None, BACK_AGAIN, ("ResumeTimeout",))),
    # -- lag
    ("lag unknown: measure", see(SETTLED, BLUE_RUNS, WAITING),
     Waits(Phase.WAITING_FOR_LAG, "WaitingForLag", ("partition 3: 17 behind",), need_lag=True, deadline=120.0)),
    ("behind: wait", see(SETTLED, BLUE_RUNS, WAITING, lag=Lag.BEHIND, elapsed=119.9, ready_for=119.9),
     Waits(Phase.WAITING_FOR_LAG, "WaitingForLag", need_lag=True, deadline=120.0)),
    ("behind for too long: refused", see(SETTLED, BLUE_RUNS, WAITING, lag=Lag.BEHIND, elapsed=120.0, ready_for=120.0),
     Writes(BLUE, 10, BLUE, None, REFUSED, ("LagTimeout: partition 3: 17 behind after 120 s",))),
    ("what members were waited for is none of the lag's time", see(SETTLED, BLUE_RUNS, WAITING, lag=Lag.BEHIND, elapsed=125.0,
     ready_for=100.0), Waits(Phase.WAITING_FOR_LAG, "WaitingForLag", need_lag=True, deadline=145.0)),
    ("caught up: withdrawn", see(SETTLED, BLUE_RUNS, WAITING, lag=Lag.CAUGHT_UP, elapsed=60.0),
     Writes(None, 11, BLUE, BLUE, None)),
    ("not ready comes before lag", see(SETTLED, missing(BLUE_RUNS, "green-0"), WAITING),
     Waits(Phase.WAITING_FOR_READY, "WaitingForReady", ("NotReady",), deadline=30.0)),
    ("going back in the middle of a switch does not wait for lag",
     see(replace(GRANTED, generation=6), GREEN_RUNS, replace(WAITING, active=BLUE)), Writes(None, 13, GREEN, GREEN, None)),
    # -- withdrawn: forward
    ("nobody has confirmed", see(WITHDRAWN, BLUE_RUNS),
     Waits(Phase.PAUSING, "Pausing", ("epoch 11", "blue-0, blue-1"), deadline=10.0)),
    ("one has confirmed", see(WITHDRAWN, instead(BLUE_RUNS, pod(BLUE, 0, PAUSED, 11))),
     Waits(Phase.PAUSING, "Pausing", ("from: blue-1",), deadline=10.0)),
    ("draining is not paused", see(WITHDRAWN, instead(BLUE_PAUSED, pod(BLUE, 1, DRAINING, 11))),
     Waits(Phase.PAUSING, "Pausing", ("from: blue-1",), deadline=10.0)),
    ("paused under an older epoch is no confirmation", see(WITHDRAWN, instead(BLUE_PAUSED, pod(BLUE, 1, PAUSED, 9))),
     Waits(Phase.PAUSING, "Pausing", ("from: blue-1",), deadline=10.0)),
    ("a fresh process that has heard of it but said nothing", see(WITHDRAWN, instead(BLUE_PAUSED, pod(BLUE, 1, PAUSED, 0))),
     Waits(Phase.PAUSING, "Pausing", ("from: blue-1",), deadline=10.0)),
    ("a consumer that does not answer", see(WITHDRAWN, instead(BLUE_PAUSED, pod(BLUE, 1, None, 11))),
     Waits(Phase.PAUSING, "Pausing", ("from: blue-1",), deadline=10.0)),
    ("a pod without a report", see(WITHDRAWN, instead(BLUE_PAUSED, silent(pod(BLUE, 1, PAUSED, 11)))),
     Waits(Phase.PAUSING, "Pausing", ("from: blue-1",), deadline=10.0)),
    ("a pod that is not Ready is not gone", see(WITHDRAWN, instead(BLUE_PAUSED, pod(BLUE, 1, ACTIVE, 10, ready=False))),
     Waits(Phase.PAUSING, "Pausing", ("from: blue-1",), deadline=10.0)),
    ("all have confirmed, but the list is old", see(WITHDRAWN, BLUE_PAUSED, listed=False),
     Waits(Phase.PAUSING, "Pausing", ("from: a list",), need_list=True, deadline=10.0)),
    ("all have confirmed", see(WITHDRAWN, BLUE_PAUSED), Writes(GREEN, 12, GREEN, BLUE, None)),
    ("one has confirmed and one is gone", see(WITHDRAWN, missing(BLUE_PAUSED, "blue-1")),
     Writes(GREEN, 12, GREEN, BLUE, None)),
    ("all are gone", see(WITHDRAWN, missing(BLUE_PAUSED, "blue-0", "blue-1")), Writes(GREEN, 12, GREEN, BLUE, None)),
    ("absent from an old list is not gone", see(WITHDRAWN, missing(BLUE_PAUSED, "blue-1"), listed=False),
     Waits(Phase.PAUSING, "Pausing", need_list=True, deadline=10.0)),
    ("a replacement of a gone pod has to confirm too", see(WITHDRAWN, instead(BLUE_PAUSED, silent(pod(BLUE, 0, PAUSED, 0)))),
     Waits(Phase.PAUSING, "Pausing", ("from: blue-0",), deadline=10.0)),
    ("confirmed late is in time, as long as it is seen", see(WITHDRAWN, BLUE_PAUSED, elapsed=LATE),
     Writes(GREEN, 12, GREEN, BLUE, None)),
    ("the drain timeout", see(WITHDRAWN, instead(BLUE_PAUSED, pod(BLUE, 1, DRAINING, 11)), elapsed=10.0),
     Writes(BLUE, 12, BLUE, None, FAILED, ("DrainTimeout", "not PAUSED within 10 s", "blue-1 (DRAINING at epoch 11)"))),
    ("the drain timeout of one that says what it waits for",
     see(WITHDRAWN, instead(BLUE_PAUSED, pod(BLUE, 1, DRAINING, 11, obstacle="NotYet: workers do not answer: w-0")), elapsed=10.0),
     Writes(BLUE, 12, BLUE, None, FAILED, ("blue-1 (DRAINING at epoch 11: NotYet: workers do not answer: w-0)",))),
    ("the drain timeout with an old list", see(WITHDRAWN, BLUE_RUNS, listed=False, elapsed=LATE),
     Waits(Phase.PAUSING, "Pausing", need_list=True, deadline=10.0)),
    ("paused, but not committed", see(WITHDRAWN, instead(BLUE_PAUSED, pod(BLUE, 0, PAUSED, 11, committed=False))),
     Writes(BLUE, 12, BLUE, None, FAILED, ("CommitUnacknowledged: blue-0",))),
    # -- withdrawn, and the specification has changed meanwhile
    ("asked for the old colour again", see(replace(WITHDRAWN, generation=6), BLUE_RUNS, TO_BLUE),
     Writes(BLUE, 12, BLUE, None, None)),
    ("asked for the same once more", see(replace(WITHDRAWN, generation=6), BLUE_PAUSED), Writes(GREEN, 12, GREEN, BLUE, None)),
    ("asked once more, and green is not ready", see(replace(WITHDRAWN, generation=6), missing(BLUE_PAUSED, "green-0")),
     Writes(BLUE, 12, BLUE, None, REFUSED, ("NotReady",))),
    ("asked once more, and nothing is known for sure",
     see(replace(WITHDRAWN, generation=6), missing(BLUE_PAUSED, "green-0"), listed=False),
     Waits(Phase.PAUSING, "Pausing", need_list=True)),
    ("a rollback, and the failed colour is asked for again",
     see(replace(BACK, generation=6), GREEN_RUNS), Writes(GREEN, 14, GREEN, None, None)),
    ("a rollback, and a new generation asks for the old colour",
     see(replace(BACK, generation=6), (*pods(BLUE, PAUSED, 12), *pods(GREEN, PAUSED, 13)), TO_BLUE),
     Writes(BLUE, 14, BLUE, GREEN, None)),
    # -- the end of all epochs
    ("the last switch that is begun", see(held(BLUE, EPOCHS - EPOCHS_KEPT - 1), BLUE_RUNS),
     Writes(None, EPOCHS - EPOCHS_KEPT, BLUE, BLUE, None)),
    ("too few epochs are left to begin one", see(held(BLUE, EPOCHS - EPOCHS_KEPT), BLUE_RUNS),
     Writes(BLUE, EPOCHS - EPOCHS_KEPT, BLUE, None, REFUSED, ("EpochsExhausted: epoch 1073740824 of 1073741823",))),
    ("what has begun goes on in those that are left",
     see(replace(WITHDRAWN, epoch=EPOCHS - 2), (*pods(BLUE, PAUSED, EPOCHS - 2), *pods(GREEN, PAUSED, 10))),
     Writes(GREEN, EPOCHS - 1, GREEN, BLUE, None)),
    ("a Lease that was lost cannot be made again above the last one", see(None, pods(BLUE, ACTIVE, EPOCHS - 1)),
     Waits(Phase.FAILED, "EpochsExhausted", ("epoch 1073741823 is too high",))),
    # -- granted: resuming, verifying
    ("resuming", see(GRANTED, (*pods(BLUE, PAUSED, 11), *pods(GREEN, PAUSED, 10))),
     Waits(Phase.RESUMING, "Resuming", ("green-0 (PAUSED at epoch 10), green-1",), deadline=10.0)),
    ("active under an older epoch", see(GRANTED, instead(GREEN_RUNS, pod(GREEN, 1, ACTIVE, 8))),
     Waits(Phase.RESUMING, "Resuming", ("green-1 (ACTIVE at epoch 8)",), deadline=10.0)),
    ("a partition without an owner", see(GRANTED, instead(GREEN_RUNS, pod(GREEN, 1, ACTIVE, 12, owns=(2,)))),
     Waits(Phase.RESUMING, "Resuming", ("green owns partitions [0, 1, 2] of 4",), deadline=10.0)),
    ("a partition with two owners", see(GRANTED, instead(GREEN_RUNS, pod(GREEN, 1, ACTIVE, 12, owns=(1, 2, 3)))),
     Waits(Phase.RESUMING, "Resuming", ("green owns partitions [0, 1, 1, 2, 3] of 4",), deadline=10.0)),
    ("a pod too few", see(GRANTED, missing(GREEN_RUNS, "green-1")),
     Waits(Phase.RESUMING, "Resuming", ("1 of 2 green pods exist",), deadline=10.0)),
    ("all active", see(GRANTED, GREEN_RUNS), Writes(GREEN, 12, GREEN, BLUE, SWITCHED)),
    ("all active, late", see(GRANTED, GREEN_RUNS, elapsed=LATE), Writes(GREEN, 12, GREEN, BLUE, SWITCHED)),
    ("the resume timeout", see(GRANTED, instead(GREEN_RUNS, pod(GREEN, 1, PAUSED, 10, seen=12)), elapsed=10.0),
     Writes(None, 13, GREEN, BLUE, None, ("ResumeTimeout", "green-1 (PAUSED at epoch 10)"))),
    ("the resume timeout with an old list", see(GRANTED, pods(GREEN, PAUSED, 10), listed=False, elapsed=10.0),
     Waits(Phase.RESUMING, "Resuming", need_list=True, deadline=11.0)),
    ("analysis begins", see(GRANTED, GREEN_RUNS, ANALYSED),
     Waits(Phase.VERIFYING, "Verifying", ("5 of 100 failed",), need_analysis=True, deadline=1.0)),
    ("analysis passed", see(GRANTED, GREEN_RUNS, ANALYSED, analysis=Analysis.PASSED),
     Writes(GREEN, 12, GREEN, BLUE, SWITCHED)),
    ("analysis failed", see(GRANTED, GREEN_RUNS, ANALYSED, analysis=Analysis.FAILED),
     Writes(None, 13, GREEN, BLUE, None, ("AnalysisFailed: 5 of 100 failed",))),
    ("analysis shows nothing: back, like a failure", see(GRANTED, GREEN_RUNS, ANALYSED, analysis=Analysis.INCONCLUSIVE),
     Writes(None, 13, GREEN, BLUE, None, ("AnalysisInconclusive: 5 of 100 failed",))),
    ("analysis shows nothing, and that is accepted",
     see(GRANTED, GREEN_RUNS, ACCEPTING, analysis=Analysis.INCONCLUSIVE),
     Writes(GREEN, 12, GREEN, BLUE, SWITCHED, ("AnalysisInconclusive",))),
    ("a failure is not accepted with it", see(GRANTED, GREEN_RUNS, ACCEPTING, analysis=Analysis.FAILED),
     Writes(None, 13, GREEN, BLUE, None, ("AnalysisFailed",))),
    ("a blip 30 s after the grant, in the analysis: its time begins with it, and the analysis goes on",
     see(GRANTED, missing(GREEN_RUNS, "green-1"), ANALYSED, elapsed=30.5, since_whole=0.5),
     Waits(Phase.VERIFYING, "Verifying", ("1 of 2 green pods exist",), need_analysis=True, deadline=40.0)),
    ("a blip that does not end", see(GRANTED, missing(GREEN_RUNS, "green-1"), ANALYSED, elapsed=40.0, since_whole=10.0),
     Writes(None, 13, GREEN, BLUE, None, ("ResumeTimeout: after 10 s 1 of 2 green pods exist",))),
    ("a blip that does not end, by an old list",
     see(GRANTED, missing(GREEN_RUNS, "green-1"), ANALYSED, elapsed=40.0, since_whole=10.0, listed=False),
     Waits(Phase.VERIFYING, "Verifying", need_list=True, need_analysis=True, deadline=41.0)),
    ("passed in the middle of a blip: it has to be whole too",
     see(GRANTED, missing(GREEN_RUNS, "green-1"), ANALYSED, elapsed=30.5, since_whole=0.5, analysis=Analysis.PASSED),
     Waits(Phase.RESUMING, "Resuming", deadline=40.0)),
    ("failed in the middle of a blip: no need to wait for its end",
     see(GRANTED, missing(GREEN_RUNS, "green-1"), ANALYSED, elapsed=30.5, since_whole=0.5, analysis=Analysis.FAILED),
     Writes(None, 13, GREEN, BLUE, None, ("AnalysisFailed",))),
    ("not Ready in its analysis: waited for, and no pass",
     see(GRANTED, instead(GREEN_RUNS, pod(GREEN, 1, ACTIVE, 12, ready=False)), ANALYSED, elapsed=30.5, since_whole=0.5,
         analysis=Analysis.PASSED),
     Waits(Phase.RESUMING, "Resuming", ("not Ready: green-1 (ACTIVE at epoch 12, not Ready)",), deadline=40.0)),
    ("not Ready for too long",
     see(GRANTED, instead(GREEN_RUNS, pod(GREEN, 1, ACTIVE, 12, ready=False)), ANALYSED, elapsed=40.0, since_whole=10.0),
     Writes(None, 13, GREEN, BLUE, None, ("ResumeTimeout: after 10 s not Ready: green-1",))),
    ("not Ready, and nothing is analysed: the switch is over, and Ready tells it",
     see(GRANTED, instead(GREEN_RUNS, pod(GREEN, 1, ACTIVE, 12, ready=False))), Writes(GREEN, 12, GREEN, BLUE, SWITCHED)),
    ("a process that ended in its analysis", see(GRANTED, GREEN_RUNS, ANALYSED, restarted="restarts of green-1 (1)"),
     Writes(None, 13, GREEN, BLUE, None, ("AnalysisFailed: restarts of green-1 (1)",))),
    ("one that ended before it was whole", see(GRANTED, missing(GREEN_RUNS, "green-1"), ANALYSED, restarted="restarts of green-0 (1)"),
     Writes(None, 13, GREEN, BLUE, None, ("AnalysisFailed: restarts of green-0 (1)",))),
    ("one that ended is no matter of what is accepted",
     see(GRANTED, GREEN_RUNS, ACCEPTING, analysis=Analysis.INCONCLUSIVE, restarted="restarts of green-1 (1)"),
     Writes(None, 13, GREEN, BLUE, None, ("AnalysisFailed: restarts",))),
    ("what has failed for good under the grant, before it was whole",
     see(GRANTED, instead(GREEN_RUNS, TASK_FAILED), ANALYSED),
     Writes(None, 13, GREEN, BLUE, None, ("AnalysisFailed: task 0 FAILED (green-1)",))),
    ("it is no matter of what is accepted either",
     see(GRANTED, instead(GREEN_RUNS, TASK_FAILED), ACCEPTING, analysis=Analysis.INCONCLUSIVE),
     Writes(None, 13, GREEN, BLUE, None, ("AnalysisFailed: task 0 FAILED",))),
    ("what failed under an earlier grant is nothing",
     see(GRANTED, instead(GREEN_RUNS, pod(GREEN, 1, DRAINING, 10, failed="task 0 FAILED")), ANALYSED),
     Waits(Phase.RESUMING, "Resuming", deadline=10.0)),
    ("what has failed, and nothing is analysed: waited for until the timeout",
     see(GRANTED, instead(GREEN_RUNS, TASK_FAILED)), Waits(Phase.RESUMING, "Resuming", deadline=10.0)),
    ("never whole: nothing to analyse yet, and the time counts from the grant",
     see(GRANTED, missing(GREEN_RUNS, "green-1"), ANALYSED, elapsed=9.0),
     Waits(Phase.RESUMING, "Resuming", deadline=10.0)),
    ("nothing moved: nothing to analyse", see(held(GREEN, 12, 7, None), GREEN_RUNS, ANALYSED, analysis=Analysis.FAILED),
     Writes(GREEN, 12, GREEN, None, SWITCHED)),
    ("flipped back while it is verified", see(replace(GRANTED, generation=6), GREEN_RUNS, TO_BLUE),
     Writes(None, 13, GREEN, GREEN, None)),
    ("flipped back, and blue is gone", see(replace(GRANTED, generation=6), missing(GREEN_RUNS, "blue-0"), TO_BLUE, elapsed=LATE),
     Writes(GREEN, 12, GREEN, None, REFUSED, ("NotReady: 1 of 2 blue pods exist",))),
    ("asked for again while it is verified: still a switch that can be rolled back",
     see(replace(GRANTED, generation=6), pods(GREEN, PAUSED, 10)), Writes(GREEN, 12, GREEN, BLUE, None)),
    # -- rolling back
    ("green has not confirmed", see(BACK, GREEN_RUNS),
     Waits(Phase.ROLLING_BACK, "RollingBack", ("ResumeTimeout", "green-0, green-1"), deadline=10.0)),
    ("green has confirmed", see(BACK, (*pods(BLUE, PAUSED, 12), *pods(GREEN, PAUSED, 13))),
     Writes(BLUE, 14, BLUE, None, BACK_AGAIN, ("ResumeTimeout: after 10 s too late",))),
    ("green has confirmed, by an old list", see(BACK, pods(GREEN, PAUSED, 13), listed=False),
     Waits(Phase.ROLLING_BACK, "RollingBack", ("from: a list",), need_list=True, deadline=10.0)),
    ("not committed: it goes on all the same",
     see(BACK, instead((*pods(BLUE, PAUSED, 12), *pods(GREEN, PAUSED, 13)), pod(GREEN, 0, PAUSED, 13, committed=False))),
     Writes(BLUE, 14, BLUE, None, BACK_AGAIN)),
    ("green is gone", see(BACK, pods(BLUE, PAUSED, 12)), Writes(BLUE, 14, BLUE, None, BACK_AGAIN)),
    ("it was blocked, and is not any more",
     see(replace(BACK, reason="RollbackBlocked: X: y; rollback waits for green-1, not PAUSED within 10 s"),
         (*pods(BLUE, PAUSED, 12), *pods(GREEN, PAUSED, 13))),
     Writes(BLUE, 14, BLUE, None, BACK_AGAIN, ("X: y; rollback waited for green-1, not PAUSED within 10 s",))),
    ("green cannot be confirmed", see(BACK, (*pods(BLUE, PAUSED, 12), pod(GREEN, 0, PAUSED, 13), pod(GREEN, 1, ACTIVE, 12)),
     elapsed=10.0), Writes(GREEN, 14, GREEN, BLUE, STUCK,
     ("RollbackBlocked: ResumeTimeout: after 10 s too late; rollback waits for green-1",), blocked_by=("green-1",))),
    # -- rollback blocked
    ("still blocked", see(BLOCKED, (pod(GREEN, 0, ACTIVE, 14), pod(GREEN, 1, ACTIVE, 12))),
     Waits(Phase.FAILED, "RollbackBlocked", ("green-1",), deadline=1.0)),
    ("still blocked: unreachable", see(BLOCKED, (pod(GREEN, 0, ACTIVE, 14), pod(GREEN, 1, None, 14))),
     Waits(Phase.FAILED, "RollbackBlocked", ("green-1",), deadline=1.0)),
    ("the others do not matter", see(BLOCKED, (pod(GREEN, 0, ACTIVE, 12), pod(GREEN, 1, ACTIVE, 14))),
     Writes(None, 15, GREEN, BLUE, STUCK, ("too late",))),
    ("it has heard of the present epoch", see(BLOCKED, (pod(GREEN, 0, ACTIVE, 14), pod(GREEN, 1, PAUSED, 13, seen=14))),
     Writes(None, 15, GREEN, BLUE, STUCK, ("too late",))),
    ("it is gone, as far as known", see(BLOCKED, (pod(GREEN, 0, ACTIVE, 14),), listed=False),
     Waits(Phase.FAILED, "RollbackBlocked", need_list=True, deadline=1.0)),
    ("it is gone", see(BLOCKED, (pod(GREEN, 0, ACTIVE, 14),)), Writes(None, 15, GREEN, BLUE, STUCK, ("too late",))),
    ("one of those that blocked it is gone, and the list says so: no list is needed again",
     see(replace(BLOCKED, blocked_by=("blue-0", "green-0")), (pod(BLUE, 0, PAUSED, 12),)),
     Waits(Phase.FAILED, "RollbackBlocked", deadline=1.0)),
    ("one of those that blocked it is gone, as far as known",
     see(replace(BLOCKED, blocked_by=("blue-0", "green-0")), (pod(BLUE, 0, PAUSED, 12),), listed=False),
     Waits(Phase.FAILED, "RollbackBlocked", need_list=True, deadline=1.0)),
    ("all that blocked it are gone, by a list", see(replace(BLOCKED, blocked_by=("green-0", "green-1")), ()),
     Writes(None, 15, GREEN, BLUE, STUCK, ("too late",))),
    ("tried again, and it works", see(replace(BLOCKED, holder=None, epoch=15, blocked_by=()),
     (*pods(BLUE, PAUSED, 12), *pods(GREEN, PAUSED, 15))), Writes(BLUE, 16, BLUE, None, BACK_AGAIN, ("too late",))),
    ("tried again, and blocked again: the reason does not grow", see(replace(BLOCKED, holder=None, epoch=15, blocked_by=()),
     (pod(GREEN, 0, ACTIVE, 14), pod(GREEN, 1, PAUSED, 15)), elapsed=LATE), Writes(GREEN, 16, GREEN, BLUE, STUCK,
     ("RollbackBlocked: ResumeTimeout: after 10 s too late; rollback waits for green-0, not PAUSED within 10 s",),
     blocked_by=("green-0",))),
    ("blocked, and a new generation accepts green", see(replace(BLOCKED, generation=6), GREEN_RUNS),
     Writes(GREEN, 14, GREEN, None, None)),
    ("blocked, and a new generation asks for blue", see(replace(BLOCKED, generation=6), GREEN_RUNS, TO_BLUE),
     Writes(None, 15, GREEN, GREEN, None)),
    # -- absence tells nothing: every member has to be there, and to confirm
    ("absent from a list: presence is required", see(WITHDRAWN, missing(BLUE_PAUSED, "blue-1"), PRESENT),
     Waits(Phase.PAUSING, "Pausing", ("from: 1 of 2 blue members (absent)",), deadline=10.0)),
    ("all absent", see(WITHDRAWN, pods(GREEN, PAUSED, 10), PRESENT),
     Waits(Phase.PAUSING, "Pausing", ("from: 2 of 2 blue members (absent)",), deadline=10.0)),
    ("all there and confirmed", see(WITHDRAWN, BLUE_PAUSED, PRESENT), Writes(GREEN, 12, GREEN, BLUE, None)),
    ("absent for too long", see(WITHDRAWN, missing(BLUE_PAUSED, "blue-1"), PRESENT, elapsed=10.0),
     Writes(BLUE, 12, BLUE, None, FAILED, ("DrainTimeout", "1 of 2 blue members (absent)"))),
    ("to be scaled to 0 in the same update: it held the grant, so one member at least",
     see(WITHDRAWN, pods(GREEN, PAUSED, 10), replace(PRESENT, replicas=(0, 2))),
     Waits(Phase.PAUSING, "Pausing", ("from: 1 of 1 blue members (absent)",), deadline=10.0)),
    ("rolling back: absent is not confirmed", see(BACK, pods(BLUE, PAUSED, 12), PRESENT),
     Waits(Phase.ROLLING_BACK, "RollingBack", ("from: 2 of 2 green members (absent)",), deadline=10.0)),
    ("rolling back: absent for too long", see(BACK, (*pods(BLUE, PAUSED, 12), pod(GREEN, 0, PAUSED, 13)), PRESENT, elapsed=LATE),
     Writes(GREEN, 14, GREEN, BLUE, STUCK, ("waits for 1 of 2 green members (absent)",),
            blocked_by=("1 of 2 green members (absent)",))),
    ("blocked by who is absent: for as long as that is so",
     see(replace(BLOCKED, blocked_by=("1 of 2 green members (absent)",)), (pod(GREEN, 0, ACTIVE, 14),), PRESENT),
     Waits(Phase.FAILED, "RollbackBlocked", deadline=1.0)),
    ("blocked by a pod that is gone: it has to come back", see(BLOCKED, (pod(GREEN, 0, ACTIVE, 14),), PRESENT),
     Waits(Phase.FAILED, "RollbackBlocked", deadline=1.0)),
    ("who was absent is back",
     see(replace(BLOCKED, blocked_by=("1 of 2 green members (absent)",)), pods(GREEN, PAUSED, 14), PRESENT),
     Writes(None, 15, GREEN, BLUE, STUCK, ("too late",))),
    ("a lost Lease: every member of both colours", see(LOST, missing(ALL_PAUSED, "green-0"), PRESENT),
     Waits(Phase.PAUSING, "Unconfirmed", ("from: 1 of 2 green members (absent)",), deadline=1.0)),
    ("a lost Lease, and a colour has no members by intention",
     see(LOST, pods(BLUE, PAUSED, 1000), replace(PRESENT, active=BLUE, replicas=(2, 0))),
     Writes(BLUE, 1001, BLUE, None, None)),
    # -- the Lease is lost
    ("lost: list first", see(None, BLUE_RUNS, listed=False), Waits(Phase.PAUSING, "LeaseLost", need_list=True)),
    ("the very first Lease", see(None, ()), Writes(None, 1, None, None, None, generation=0, unconfirmed=True)),
    ("made again far above what members report", see(None, BLUE_RUNS),
     Writes(None, 1000, None, None, None, generation=0, unconfirmed=True)),
    ("and what they have heard of", see(None, (pod(BLUE, 0, PAUSED, 3, seen=1600),)),
     Writes(None, 3000, None, None, None, generation=0, unconfirmed=True)),
    ("and what status says", see(None, BLUE_RUNS, memory=Memory(1200, BLUE, 6, SWITCHED)),
     Writes(None, 2000, BLUE, None, SWITCHED, generation=6, unconfirmed=True)),
    ("lost and made again below what a member has heard of", see(SETTLED, (*BLUE_RUNS, pod(BLUE, 0, PAUSED, 3, seen=11))),
     Writes(None, 1000, BLUE, None, SWITCHED, generation=6, unconfirmed=True)),
    ("begun anew on groups that bear an earlier life's epochs", see(None, pods(BLUE, PAUSED, 0, seen=41)),
     Writes(None, 1000, None, None, None, generation=0, unconfirmed=True)),
    ("... which are heard of when all have been asked to confirm",
     see(Grant(None, 1, unconfirmed=True), (*pods(BLUE, PAUSED, 1, seen=41), *pods(GREEN, PAUSED, 1))),
     Writes(None, 1000, None, None, None, generation=0, unconfirmed=True)),
    ("... or at the first start", see(held(BLUE, 2, 7, None), (*pods(BLUE, PAUSED, 1, seen=41), *pods(GREEN, PAUSED, 2))),
     Writes(None, 1000, BLUE, None, None, unconfirmed=True)),
    ("the grant was heard of by its first commit, before its pause: nothing is lost",
     see(held(BLUE, 10, 7), (*pods(BLUE, ACTIVE, 10), *pods(GREEN, PAUSED, 8, seen=10)), TO_BLUE),
     Waits(Phase.READY, "Switched")),
    ("... and before a colleague's resume",
     see(held(BLUE, 10, 7, None), (pod(BLUE, 0, ACTIVE, 10), pod(BLUE, 1, PAUSED, 9, seen=10), *pods(GREEN, PAUSED, 9)),
         TO_BLUE), Waits(Phase.RESUMING, "Resuming", deadline=10.0)),
    ("lost and made again below what this process remembers", see(SETTLED, BLUE_RUNS, memory=Memory(14, GREEN, 7, SWITCHED)),
     Writes(None, 1000, BLUE, None, SWITCHED, generation=6, unconfirmed=True)),
    ("all have to confirm, the other colour too", see(LOST, (*pods(BLUE, PAUSED, 1000), *pods(GREEN, PAUSED, 12))),
     Waits(Phase.PAUSING, "Unconfirmed", ("epoch 1000 from: green-0, green-1",), deadline=1.0)),
    ("however long it takes", see(LOST, (*pods(BLUE, ACTIVE, 12), *pods(GREEN, PAUSED, 1000)), elapsed=1e6),
     Waits(Phase.PAUSING, "Unconfirmed", ("blue-0, blue-1",), deadline=1.0)),
    ("all have confirmed, by an old list", see(LOST, ALL_PAUSED, listed=False),
     Waits(Phase.PAUSING, "Unconfirmed", need_list=True, deadline=1.0)),
    ("all have confirmed: the colour asked for, as a switch", see(LOST, ALL_PAUSED),
     Writes(GREEN, 1001, GREEN, BLUE, None)),
    ("all have confirmed: the colour that had it", see(LOST, ALL_PAUSED, TO_BLUE), Writes(BLUE, 1001, BLUE, None, None)),
    ("a generation with an outcome keeps it", see(replace(LOST, generation=7, outcome=FAILED, reason="why"), ALL_PAUSED),
     Writes(BLUE, 1001, BLUE, None, FAILED, ("why",))),
    ("a rollback that was blocked is free now",
     see(replace(LOST, generation=7, outcome=STUCK, last_holder=GREEN, reason="why"), ALL_PAUSED),
     Writes(BLUE, 1001, BLUE, None, BACK_AGAIN, ("why",))),
    ("nobody is known to have held it", see(replace(LOST, last_holder=None, generation=0, outcome=None), ALL_PAUSED),
     Writes(GREEN, 1001, GREEN, None, None)),
    ("nobody is there at all", see(Grant(None, 1, unconfirmed=True), ()), Writes(GREEN, 2, GREEN, None, None)),
]  # fmt: skip


@pytest.mark.parametrize(("seen", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_what_follows(seen: Observation, expected: Writes | Waits) -> None:
    decision = decide(seen)
    write = decision.write
    if isinstance(expected, Waits):
        assert write is None
        assert (decision.phase, decision.reason) == (expected.phase, expected.reason)
        assert (decision.need_list, decision.need_lag, decision.need_analysis, decision.deadline) == (
            expected.need_list, expected.need_lag, expected.need_analysis, expected.deadline,
        )  # fmt: skip
        said = decision.message
    else:
        assert write is not None
        assert (write.holder, write.epoch, write.last_holder, write.origin, write.outcome, write.generation) == (
            expected.holder, expected.epoch, expected.last, expected.origin, expected.outcome, expected.generation,
        )  # fmt: skip
        assert (write.blocked_by, write.unconfirmed) == (expected.blocked_by, expected.unconfirmed)
        said = write.reason
    for words in expected.says:
        assert words in said


def test_the_table_has_every_outcome() -> None:
    written = {row[2].outcome for row in TABLE if isinstance(row[2], Writes)}
    # A generation that is superseded has no outcome of its own on the Lease: the newest one's is written.
    assert written == {None, *Outcome} - {Outcome.SUPERSEDED}


def test_a_held_back_generation_is_superseded_by_the_newest() -> None:
    """Flipped in the middle: the Lease ends with the newest generation's outcome, the older never gets one."""
    back = decide(see(replace(WITHDRAWN, generation=6), BLUE_RUNS, TO_BLUE)).write
    assert back is not None
    end = decide(see(back, (*pods(BLUE, ACTIVE, 12), *pods(GREEN, PAUSED, 12)), TO_BLUE)).write
    assert end is not None
    assert (end.holder, end.generation, end.outcome) == (BLUE, 7, SWITCHED)


def test_the_phase_changes_with_the_generation_and_the_grant_only() -> None:
    keys = [phase_key(spec, grant) for spec in (SPEC, replace(SPEC, generation=8)) for grant in (
        None, SETTLED, WITHDRAWN, GRANTED, BACK, BLOCKED, LOST)]  # fmt: skip
    assert len(set(keys)) == len(keys)
    assert phase_key(SPEC, SETTLED) == phase_key(TO_BLUE, replace(SETTLED, reason="another"))


def test_another_object_is_another_phase() -> None:
    """A list or a measurement that was made for an object that was deleted is none for its namesake."""
    for grant in (None, SETTLED, LOST):
        assert phase_key(replace(SPEC, uid="one"), grant) != phase_key(replace(SPEC, uid="two"), grant)


def test_a_lost_lease_is_made_again_at_a_round_number_with_room_below() -> None:
    for known in (1, 2, 499, 500, 501, 999, 1000, 1499, 1500, 12_345):
        write = decide(see(None, (), memory=Memory(known, BLUE))).write
        assert write is not None
        assert write.epoch % LOST_EPOCHS == 0
        assert known + LOST_EPOCHS // 2 < write.epoch <= known + LOST_EPOCHS * 3 // 2

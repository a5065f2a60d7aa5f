"""The faults: one list for the protocol model and for the campaign, each with the place where it is injected.

A fault is what may go wrong, as the model has it; a way is how the running system gets it. Plain data: what acts on it
is in `tests/protocol` and in the rooms that `place` names.

What no way injects says why, and who looks at it instead. What the model does not have says why, too: it knows no time,
no disk, and no broker's insides.
"""

from collections.abc import Iterator

from experiments.fault_campaign.kinds import Fault, Phase, Role, Way

_KUBELET = "the kubelet starts it again"
_SET = "its set makes it again"
_SIGCONT = "SIGCONT, by a guardian too"
_RULE = "the rules are taken away"
_CLOCK = "the kernel's own code is put back"
_DAY = "day behind, by the code that answers in the process (vDSO)"
_NO_TIME = "the model knows no time; what comes of it is in there: late views, deadlines, commits without an answer"

FAULTS: tuple[Fault, ...] = (
    Fault(
        "consumer-crash",
        "a consumer process dies, and starts again some time later",
        "slots",
        (Way("worker-kill", Role.WORKER, "SIGKILL of what does the work", "signals", _KUBELET, repeats=True),),
    ),
    Fault(
        "sidecar-crash",
        "a sidecar forgets everything",
        "slots",
        (Way("mover-kill", Role.MOVER, "SIGKILL of the sidecar, or the agent", "signals", _KUBELET),),
    ),
    Fault(
        "controller-crash",
        "a controller forgets everything but the status, which may be old",
        "world",
        (
            Way("controller-kill", Role.CONTROLLER, "SIGKILL of the controller", "signals", _KUBELET),
            Way("controller-delete", Role.CONTROLLER, "its pod is deleted", "pods", "its Deployment makes it again"),
        ),
    ),
    Fault(
        "freeze",
        "a pod stands still, and thaws some time later",
        "slots",
        (
            Way("worker-freeze", Role.WORKER, "SIGSTOP, shorter than a session", "signals", _SIGCONT, (1.0, 4.0), True),
            Way(
                "worker-freeze-long",
                Role.WORKER,
                "SIGSTOP, longer than a session",
                "signals",
                _SIGCONT,
                (16.0, 18.0),
                True,
            ),
            Way("pod-freeze", Role.WORKER, "SIGSTOP of all that a pod runs", "signals", _SIGCONT, (1.0, 6.0), True),
        ),
    ),
    Fault(
        "pod-delete",
        "a pod is gone, and made again some time later",
        "slots",
        (
            Way("pod-delete", Role.WORKER, "its pod is deleted", "pods", _SET, repeats=True),
            Way("pod-evict", Role.WORKER, "its pod is evicted", "pods", _SET, repeats=True),
            Way(
                "pod-force-delete",
                Role.WORKER,
                "its processes are killed, then its object is deleted by force: who does that says that they are dead",
                "pods",
                _SET,
                repeats=True,
            ),
        ),
    ),
    Fault(
        "lost",
        "a consumer loses its partitions, or is fenced while it is ACTIVE",
        "slots",
        (
            Way(
                "cut-broker",
                Role.WORKER,
                "its pod reaches no broker, for longer than a session",
                "network",
                "the route is taken away",
                (14.0, 16.0),
                True,
            ),
            Way(
                "max-poll",
                Role.HANDLER,
                "it does not come to poll in time (exceed_max_poll_interval)",
                "application",
                "the fault is put off",
                (2.0, 5.0),
                True,
            ),
        ),
    ),
    Fault(
        "commit-fails",
        "the commit of a drain is not acknowledged",
        "slots",
        (
            Way(
                "slow-commit",
                Role.HANDLER,
                "its commits take longer than half a drain (commit_delay_ms)",
                "application",
                "the fault is put off",
                (2.0, 5.0),
                True,
            ),
        ),
    ),
    Fault(
        "unanswered",
        "a consumer does not answer its sidecar for a while",
        "slots",
        (
            Way(
                "processing-delay",
                Role.HANDLER,
                "each of its records takes longer (processing_delay_ms)",
                "application",
                "the fault is put off",
                (2.0, 5.0),
                True,
            ),
            Way(
                "cut-sidecar",
                Role.HANDLER,
                "its sidecar does not reach it",
                "network",
                "the rule is taken away",
                (1, 6),
            ),
        ),
    ),
    Fault(
        "deadline",
        "a deadline of the controller passes, however early",
        "world",
        not_injected="it follows from the others: a phase that is held for longer than its timeout, as rolling-back is",
    ),
    Fault(
        "report-again",
        "a report that was written is written again, once or more often, at any later time",
        "slots",
        (
            Way("mover-freeze", Role.MOVER, "SIGSTOP of the sidecar, or the agent", "signals", _SIGCONT, (1.0, 6.0)),
            Way(
                "cut-api", Role.MOVER, "its pod reaches no API server", "network", "the route is taken away", (1.0, 8.0)
            ),
        ),
    ),
    Fault(
        "spec-flip",
        "the specification asks for the other colour again, as a new generation",
        "world",
        (Way("spec-flip", Role.SWITCH, "asked back, and once more", "objects", "it ends asked for as the switch was"),),
    ),
    Fault(
        "lease-delete",
        "somebody deletes the Lease",
        "world",
        (Way("lease-delete", Role.LEASE, "the Lease is deleted", "objects", "the controller makes it again"),),
    ),
    Fault(
        "unready",
        "a pod is not Ready for a while; new ones are not at first",
        "slots",
        not_injected="it follows from the others: who is killed, deleted or frozen is not Ready, and new pods are not",
    ),
    Fault(
        "revoked",
        "the group takes the partitions of an ACTIVE consumer, and gives them back some time later",
        "slots",
        (
            Way(
                "foreign-member",
                Role.GROUP,
                "a member of others enters the group of the colour at work",
                "objects",
                "it leaves",
                (2.0, 5.0),
                True,
            ),
        ),
    ),
    Fault(
        "analysis-fails",
        "the analysis finds too many failures",
        "world",
        not_injected="the campaign's pair has no analysis; scenario 5 has one",
    ),
    Fault("analysis-empty", "the analysis shows nothing", "world", not_injected="see analysis-fails"),
    Fault(
        "zombie",
        "a pod freezes and is deleted by force while its processes live; they thaw some time later, cut off",
        "carrying",
        not_injected="whoever deletes by force says that the processes are dead, and here they are not: a limit of the "
        "design. Scenarios zombie and e-zombie count what comes of it",
    ),
    Fault(
        "control-plane",
        "the API server or its store does not answer, or is started again",
        ways=(
            Way("api-stall", Role.PLANE, "SIGSTOP of the API server", "signals", _SIGCONT, (1.0, 5.0)),
            Way("api-restart", Role.PLANE, "SIGKILL of the API server", "signals", "whoever started it does again"),
            Way("etcd-stall", Role.PLANE, "SIGSTOP of etcd", "signals", _SIGCONT, (1.0, 4.0)),
        ),
        not_modelled="in there as views that are old and writes that are not made",
    ),
    Fault(
        "api-errors",
        "the API server answers 500, 429 or 409",
        ways=(
            Way(
                "api-errors",
                Role.MOVER,
                "its pod is answered 500, 429 and 409 in turn, by somebody in the API server's place",
                "network",
                _RULE,
                (1.0, 6.0),
            ),
            Way(
                "api-errors-controller",
                Role.CONTROLLER,
                "the controller is answered 500, 429 and 409 in turn",
                "network",
                _RULE,
                (1.0, 6.0),
            ),
        ),
        not_modelled="in there as writes that are not made",
    ),
    Fault(
        "broker",
        "the broker does not answer, or is started again",
        ways=(
            Way(
                "broker-stall",
                Role.BROKER,
                "SIGSTOP of the broker, for longer than a client waits for an answer in a hand-off",
                "signals",
                _SIGCONT,
                (6.0, 9.0),
                True,
                180.0,
            ),
            Way(
                "broker-stall-long",
                Role.BROKER,
                "SIGSTOP of the broker, for longer than a client's request timeout (60 s), in the middle of a takeover",
                "signals",
                _SIGCONT,
                (62.0, 65.0),
                True,
                240.0,
                (Phase.RESUMING,),
            ),
            Way("broker-restart", Role.BROKER, "its pod is deleted", "pods", _SET, (0, 0), True, 240.0),
        ),
        not_modelled=_NO_TIME,
    ),
    Fault(
        "lease-edit",
        "somebody else writes the Lease",
        ways=(Way("lease-edit", Role.LEASE, "an annotation of others is written to it", "objects", "it stays"),),
        not_modelled="in there as a compare-and-swap that fails",
    ),
    Fault(
        "two-controllers",
        "two controllers are at work at once",
        ways=(
            Way(
                "two-controllers", Role.CONTROLLER, "the Deployment is given two", "objects", "it gets one", (3.0, 8.0)
            ),
        ),
        not_modelled="a bound of the model, and no fault: `Bounds.controllers`",
    ),
    Fault(
        "failing-records",
        "the application fails on records",
        ways=(
            Way(
                "failure-rate",
                Role.HANDLER,
                "half of its records fail (failure_rate)",
                "application",
                "the fault is put off",
                (2.0, 5.0),
            ),
        ),
        not_modelled="the protocol never looks at what becomes of a record",
    ),
    Fault(
        "disk-full",
        "the record log cannot be written to",
        ways=(
            Way(
                "disk-full",
                Role.HANDLER,
                "its files may not grow (RLIMIT_FSIZE of the process: EFBIG in the place of ENOSPC)",
                "disk",
                "the limit is lifted",
                (1.0, 4.0),
                True,
            ),
        ),
        not_modelled="the model has no disk",
    ),
    Fault(
        "clock-step",
        "the clock of one pod is stepped",
        ways=(
            Way("clock-step", Role.HANDLER, f"its wall clock is a {_DAY}", "clock", _CLOCK, (2.0, 6.0)),
            Way(
                "mover-clock-step",
                Role.MOVER,
                f"that of the sidecar, or the agent, is a {_DAY}",
                "clock",
                _CLOCK,
                (2.0, 6.0),
            ),
            Way("controller-clock-step", Role.CONTROLLER, f"the controller's is a {_DAY}", "clock", _CLOCK, (2.0, 6.0)),
        ),
        not_modelled=_NO_TIME,
    ),
)


def ways() -> Iterator[Way]:
    """Every way, in the order of the list."""
    return (way for fault in FAULTS for way in fault.ways)


WAYS: dict[str, Way] = {way.name: way for way in ways()}


def modelled() -> dict[str, str]:
    """What the protocol model injects: what it is, by name."""
    return {fault.name: fault.what for fault in FAULTS if fault.model}

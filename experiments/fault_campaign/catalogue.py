"""The faults: one list for the protocol model and for the campaign, each with the place where it is injected.

A fault is what may go wrong, as the model has it; a way is how the running system gets it. Plain data: what acts on it
is in `tests/protocol` and in the rooms that `place` names. Those that the model has are in here, the others in
`beyond_the_model`.

What no way injects says why, and who looks at it instead. What the model does not have says why, too: it knows no time,
no disk, and no broker's insides.
"""

from collections.abc import Iterator

from experiments.fault_campaign.beyond_the_model import BEYOND, OWN_SET, ROUTE, RULE, SIGCONT
from experiments.fault_campaign.kinds import Fault, Role, Takes, Way

_KUBELET = "the kubelet starts it again"

_MODELLED: tuple[Fault, ...] = (
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
            Way("worker-freeze", Role.WORKER, "SIGSTOP, shorter than a session", "signals", SIGCONT, (1.0, 4.0), True),
            Way(
                "worker-freeze-long",
                Role.WORKER,
                "SIGSTOP, longer than a session",
                "signals",
                SIGCONT,
                (14.0, 15.0),
                True,
            ),
            Way("pod-freeze", Role.WORKER, "SIGSTOP of all that a pod runs", "signals", SIGCONT, (1.0, 6.0), True),
        ),
    ),
    Fault(
        "pod-delete",
        "a pod is gone, and made again some time later",
        "slots",
        (
            Way("pod-delete", Role.WORKER, "its pod is deleted", "pods", OWN_SET, repeats=True),
            Way("pod-evict", Role.WORKER, "its pod is evicted", "pods", OWN_SET, repeats=True),
            Way(
                "pod-force-delete",
                Role.WORKER,
                "its processes are killed, then its object is deleted by force: who does that says that they are dead",
                "pods",
                OWN_SET,
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
                ROUTE,
                (14.0, 16.0),
                True,
                takes=Takes.BROKER,
            ),
            Way(
                "max-poll",
                Role.HANDLER,
                "it does not come to poll in time (exceed_max_poll_interval)",
                "application",
                "the fault is put off",
                (2.0, 5.0),
                True,
                takes=Takes.WORK,
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
                takes=Takes.WORK,
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
                takes=Takes.WORK,
            ),
            Way(
                "cut-sidecar",
                Role.HANDLER,
                "its sidecar does not reach it",
                "network",
                RULE,
                (1, 6),
                takes=Takes.SIDECAR,
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
            Way("mover-freeze", Role.MOVER, "SIGSTOP of the sidecar, or the agent", "signals", SIGCONT, (1.0, 6.0)),
            Way(
                "mover-freeze-long",
                Role.MOVER,
                "SIGSTOP of the sidecar, or the agent, longer than a session",
                "signals",
                SIGCONT,
                (13.0, 14.0),
            ),
            Way(
                "cut-api",
                Role.MOVER,
                "its pod reaches no API server",
                "network",
                ROUTE,
                (1.0, 8.0),
                takes=Takes.API,
            ),
        ),
    ),
    Fault(
        "spec-flip",
        "the specification asks for the other colour again, as a new generation",
        "world",
        (
            Way(
                "spec-flip",
                Role.SWITCH,
                "asked back, and once more",
                "objects",
                "it ends asked for as the switch was",
                takes=Takes.CONTENT,
            ),
        ),
    ),
    Fault(
        "lease-delete",
        "somebody deletes the Lease",
        "world",
        (
            Way(
                "lease-delete",
                Role.LEASE,
                "the Lease is deleted",
                "objects",
                "the controller makes it again",
                takes=Takes.CONTENT,
            ),
        ),
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
                takes=Takes.CONTENT,
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
)

#: All of them.
FAULTS: tuple[Fault, ...] = (*_MODELLED, *BEYOND)


def ways() -> Iterator[Way]:
    """Every way, in the order of the list."""
    return (way for fault in FAULTS for way in fault.ways)


WAYS: dict[str, Way] = {way.name: way for way in ways()}


def modelled() -> dict[str, str]:
    """What the protocol model injects: what it is, by name."""
    return {fault.name: fault.what for fault in FAULTS if fault.model}

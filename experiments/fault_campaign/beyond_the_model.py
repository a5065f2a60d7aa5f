"""The faults that the protocol model does not have, each with why: it knows no time, no disk, and no insides of broker
and API server. Together with those that it has they are `catalogue.FAULTS`.
"""

from experiments.fault_campaign.kinds import Fault, Phase, Role, Takes, Way

SIGCONT = "SIGCONT, by a guardian too"
OWN_SET = "its set makes it again"
ROUTE = "the route is taken away"
RULE = "the rule is taken away"
_CLOCK = "the kernel's own code is put back"
_DAY = "day behind, by the code that answers in the process (vDSO)"
_NO_TIME = "the model knows no time; what comes of it is in there: late views, deadlines, commits without an answer"
_OLD = "in there as views that are old and writes that are not made"

BEYOND: tuple[Fault, ...] = (
    Fault(
        "control-plane",
        "the API server or its store does not answer, or is started again",
        ways=(
            Way("api-stall", Role.PLANE, "SIGSTOP of the API server", "signals", SIGCONT, (1.0, 5.0)),
            Way("api-restart", Role.PLANE, "SIGKILL of the API server", "signals", "whoever started it does again"),
            Way("etcd-stall", Role.PLANE, "SIGSTOP of etcd", "signals", SIGCONT, (1.0, 4.0)),
        ),
        not_modelled=_OLD,
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
                RULE,
                (1.0, 6.0),
                takes=Takes.API,
            ),
            Way(
                "api-errors-controller",
                Role.CONTROLLER,
                "the controller is answered 500, 429 and 409 in turn",
                "network",
                RULE,
                (1.0, 6.0),
                takes=Takes.API,
            ),
        ),
        not_modelled=_OLD,
    ),
    Fault(
        "api-slow",
        "the API server answers slowly",
        ways=(
            Way(
                "api-slow",
                Role.MOVER,
                "each answer to its pod comes a second late, through somebody in the API server's place",
                "network",
                RULE,
                (2.0, 6.0),
                takes=Takes.API,
            ),
            Way(
                "api-slow-controller",
                Role.CONTROLLER,
                "each answer to the controller comes a second late",
                "network",
                RULE,
                (2.0, 6.0),
                takes=Takes.API,
            ),
        ),
        not_modelled=_OLD,
    ),
    Fault(
        "controller-freeze",
        "a controller stands still, and goes on with what it knew",
        ways=(
            Way(
                "controller-freeze",
                Role.CONTROLLER,
                "SIGSTOP, shorter than what a hand-off waits for (5 s)",
                "signals",
                SIGCONT,
                (1.0, 4.0),
            ),
            # It holds no lock that runs out: each write names the version of the Lease that it was decided on.
            Way(
                "controller-freeze-long",
                Role.CONTROLLER,
                "SIGSTOP, longer than all that a hand-off waits for, and shorter than its liveness",
                "signals",
                SIGCONT,
                (11.0, 13.0),
            ),
        ),
        not_modelled="in there as a controller that takes no step for a while, and one that decides on an old view",
    ),
    Fault(
        "controller-cut",
        "a controller reaches somebody no more",
        ways=(
            Way(
                "controller-cut-api",
                Role.CONTROLLER,
                "its pod reaches no API server",
                "network",
                ROUTE,
                (2.0, 8.0),
                takes=Takes.API,
            ),
            Way(
                "controller-cut-broker",
                Role.CONTROLLER,
                "its pod reaches no broker",
                "network",
                ROUTE,
                (2.0, 8.0),
                takes=Takes.BROKER,
            ),
        ),
        not_modelled="in there as views that are old, and lags that nobody knows",
    ),
    Fault(
        "agent",
        "an agent is gone, or reaches its workers no more",
        ways=(
            Way("agent-delete", Role.AGENT, "the agent's pod is deleted", "pods", OWN_SET),
            Way(
                "cut-connect",
                Role.AGENT,
                "the agent does not reach the REST API of its workers",
                "network",
                RULE,
                (2.0, 8.0),
                takes=Takes.CONNECT,
            ),
        ),
        not_modelled="the model has sidecars beside members; an agent is one whose calls fail, or take longer",
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
                SIGCONT,
                (6.0, 9.0),
                True,
                180.0,
            ),
            Way(
                "broker-stall-long",
                Role.BROKER,
                "SIGSTOP of the broker, for longer than a client's request timeout (60 s), in the middle of a takeover",
                "signals",
                SIGCONT,
                (62.0, 65.0),
                True,
                240.0,
                (Phase.RESUMING,),
            ),
            Way("broker-restart", Role.BROKER, "its pod is deleted", "pods", OWN_SET, (0, 0), True, 240.0),
        ),
        not_modelled=_NO_TIME,
    ),
    Fault(
        "lease-edit",
        "somebody else writes the Lease",
        ways=(
            Way(
                "lease-epoch",
                Role.LEASE,
                "its epoch is raised by two",
                "objects",
                "it stays",
                takes=Takes.CONTENT,
            ),
            Way(
                "lease-withdraw",
                Role.LEASE,
                "its holder is taken out under the next epoch, as by another controller",
                "objects",
                "the controller grants again",
                phases=(Phase.STEADY, Phase.WAITING, Phase.RESUMING, Phase.MOMENT),
                takes=Takes.CONTENT,
            ),
            Way(
                "lease-unreadable",
                Role.LEASE,
                "its holder is edited to be nobody that there is",
                "objects",
                "it is deleted, which is what the controller asks for",
                (1.0, 3.0),
                takes=Takes.CONTENT,
            ),
            Way(
                "lease-edit",
                Role.LEASE,
                "an annotation of others is written to it",
                "objects",
                "it stays",
                takes=Takes.CONTENT,
            ),
        ),
        not_modelled="in there as a compare-and-swap that fails",
    ),
    Fault(
        "two-controllers",
        "two controllers are at work at once",
        ways=(
            Way(
                "two-controllers",
                Role.CONTROLLER,
                "the Deployment is given two",
                "objects",
                "it gets one",
                (3.0, 8.0),
                takes=Takes.ALONE,
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
                takes=Takes.WORK,
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
                takes=Takes.WORK,
            ),
        ),
        not_modelled="the model has no disk",
    ),
    Fault(
        "clock-step",
        "the clock of one pod is stepped",
        ways=(
            Way(
                "clock-step",
                Role.HANDLER,
                f"its wall clock is a {_DAY}",
                "clock",
                _CLOCK,
                (2.0, 6.0),
                takes=Takes.CLOCK,
            ),
            Way(
                "mover-clock-step",
                Role.MOVER,
                f"that of the sidecar, or the agent, is a {_DAY}",
                "clock",
                _CLOCK,
                (2.0, 6.0),
                takes=Takes.CLOCK,
            ),
            Way(
                "controller-clock-step",
                Role.CONTROLLER,
                f"the controller's is a {_DAY}",
                "clock",
                _CLOCK,
                (2.0, 6.0),
                takes=Takes.CLOCK,
            ),
        ),
        not_modelled=_NO_TIME,
    ),
    Fault(
        "lease-forged",
        "somebody else writes a grant: the other colour as the holder, or a lower epoch",
        not_modelled="nobody but the controller may write the Lease: its account alone has the right",
        not_injected="whoever writes the other colour into the Lease has granted it without asking anybody, and no "
        "rule of the protocol could tell that from a grant; a lower epoch is refused by whoever has heard of a higher "
        "one",
    ),
)

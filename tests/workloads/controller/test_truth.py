"""What is true now: a table."""

from dataclasses import replace

import pytest

from tests.protocol.decisions import (
    ACTIVE,
    BLUE,
    BLUE_PAUSED,
    DRAINING,
    FAILED,
    GRANTED,
    GREEN,
    GREEN_RUNS,
    PAUSED,
    REFUSED,
    SPEC,
    SWITCHED,
    WITHDRAWN,
    held,
    instead,
    missing,
    pod,
    silent,
)
from workloads.common.lease import Grant, Shape
from workloads.controller.terms import Member
from workloads.controller.truth import Problem, unreadiness

GREEN_HOLDS = replace(GRANTED, outcome=SWITCHED)
BESIDE = pod(BLUE, 1, ACTIVE, 10)
LATE = "NotReady: not ACTIVE under epoch 12: "
AT_WORK = "DualActive: green holds the grant, and yet at work: blue-1 (ACTIVE at epoch 10)"


@pytest.mark.parametrize(
    ("grant", "members", "said"),
    [
        (GREEN_HOLDS, GREEN_RUNS, None),
        (GREEN_HOLDS, instead(GREEN_RUNS, pod(BLUE, 1, PAUSED, 12, ready=False)), None),
        (GREEN_HOLDS, instead(GREEN_RUNS, pod(GREEN, 1, ACTIVE, 12, owns=(2,))),
         "NotOwned: green owns partitions [0, 1, 2] of 4"),
        (GREEN_HOLDS, instead(GREEN_RUNS, pod(GREEN, 1, ACTIVE, 12, owns=(1, 2, 3))),
         "NotOwned: green owns partitions [0, 1, 1, 2, 3] of 4"),
        (GREEN_HOLDS, missing(GREEN_RUNS, "green-1"), "NotReady: 1 of 2 green pods exist"),
        (GREEN_HOLDS, instead(GREEN_RUNS, pod(GREEN, 1, DRAINING, 12)),
         LATE + "green-1 (DRAINING at epoch 12)"),
        (GREEN_HOLDS, instead(GREEN_RUNS, pod(GREEN, 1, ACTIVE, 10)),
         LATE + "green-1 (ACTIVE at epoch 10)"),
        (GREEN_HOLDS, instead(GREEN_RUNS, silent(pod(GREEN, 1, ACTIVE, 12))),
         LATE + "green-1 (no report)"),
        (GREEN_HOLDS, instead(GREEN_RUNS, pod(GREEN, 1, ACTIVE, 12, ready=False)),
         "NotReady: green-1 (ACTIVE at epoch 12, not Ready)"),
        (GREEN_HOLDS, instead(GREEN_RUNS, BESIDE), AT_WORK),
        # Worse than anything that is missing.
        (GREEN_HOLDS, instead(GREEN_RUNS, BESIDE, pod(GREEN, 0, PAUSED, 12)), AT_WORK),
        (WITHDRAWN, instead(BLUE_PAUSED, BESIDE, pod(GREEN, 1, ACTIVE, 8)),
         ("DualActive: nobody holds the grant, and yet at work: blue-1 (ACTIVE at epoch 10), "
         "green-1 (ACTIVE at epoch 8)")),
        (GRANTED, GREEN_RUNS, "Switching: for p"),
        (WITHDRAWN, BLUE_PAUSED, "Switching: for p"),
        (replace(GREEN_HOLDS, generation=6), GREEN_RUNS, "Switching: for p"),
        (replace(WITHDRAWN, outcome=SWITCHED), BLUE_PAUSED, "Switching: for p"),
        (None, GREEN_RUNS, "Switching: for p"),
        (held(BLUE, 10, 7, REFUSED), (), "Refused: "),
        (replace(GREEN_HOLDS, outcome=FAILED, reason="why"), GREEN_RUNS, "Failed: why"),
    ],
)  # fmt: skip
def test_whether_the_colour_asked_for_is_at_work(
    grant: Grant | None, members: tuple[Member, ...], said: str | None
) -> None:
    found = unreadiness(SPEC, grant, members, "for p")
    expected = None if said is None else Problem(*said.split(": ", maxsplit=1))
    assert found == expected


def test_who_rests_is_not_ready_and_nothing_is_missing() -> None:
    grant = replace(GREEN_HOLDS, shape=Shape(0, 4, "takeover/classic"))
    members = (pod(BLUE, 0, PAUSED, 12), pod(GREEN, 0, PAUSED, 12, ready=False))
    problem = unreadiness(replace(SPEC, way="takeover/classic", paused=True), grant, members, "for p")
    assert problem == Problem("Paused", "green holds the grant under epoch 12 and rests, as it was asked to")


def test_whoever_owns_what_is_missing_is_told_if_it_is_none_of_ours() -> None:
    short = instead(GREEN_RUNS, pod(GREEN, 1, ACTIVE, 12, owns=(2,)))
    problem = unreadiness(SPEC, GREEN_HOLDS, short, "for p", "member m-9, client debug at /10.0.0.9")
    said = "green owns partitions [0, 1, 2] of 4: member m-9, client debug at /10.0.0.9"
    assert problem == Problem("ForeignMember", said)
    assert unreadiness(SPEC, GREEN_HOLDS, GREEN_RUNS, "for p", "member m-9") is None, "it takes nothing away"

"""The protocol model: every reachable state of the three pure functions in an adversary's world.

It runs `workloads.controller.decide.decide`, `workloads.sidecar.step.step` and `workloads.member.lifecycle.step`
themselves, never copies. `world` has the adversary, `search` visits every state, here are the bounds. Run it with
`python -m tests.protocol.model`, which adds one world that takes minutes to those of the tests; `--wide` adds the larger
ones, which take minutes each, too.

The adversary's means:

- commands to a consumer (pause, resume) stay in flight for as long as that process lives: each may be executed at any
  time, in any order, any number of times, or never; a report that was written once may be written again later;
- every view (the sidecar's of the Lease and of its consumer, the controllers' of Lease, specification, status and pods)
  is as old as the adversary likes; only a consistent list and a compare-and-swap write are what they say;
- actors crash and restart, a pod freezes and thaws, is deleted and made again, is not Ready; partitions are lost, or
  revoked and given back; commits are not acknowledged, consumers do not answer, the lag is caught up at any time or
  never, the analysis ends in any way at any time, deadlines pass early, the specification flips back, the Lease is
  deleted; a second controller decides by its own old views;
- the broker fences nobody that is ACTIVE: the protocol has to be right without it.

What is checked. In every state: not two colours ACTIVE; nobody ACTIVE but the grant's holder (and nobody after a
withdrawal was confirmed: the grant that follows would show it); the Lease's outcome fits what its generation asks for; a
blocked rollback names a pod. On every write of the Lease, by what its controller knows: nothing is withdrawn for a
colour that is not Ready, or before the lag is caught up where it is waited for; a Lease is made again only where one was
lost; a switch counts only when every partition
has its owner, and its analysis has passed where there is one; where absence tells nothing, nobody absent has confirmed. On every step: the epoch of the Lease does not fall and changes with the holder; a consumer
process's epochs do not fall. From every state: once nothing else goes wrong and everybody is back, a fair schedule, in
which deadlines pass when nothing else is left to do, leads to a Lease that is held, with an outcome for the newest
generation, its holder's consumers ACTIVE and all others PAUSED under its epoch.

How the space is kept small, and why nothing is missed by it:

- The pods of a colour are interchangeable: states that differ by exchanging them are one. For that they bear one name
  per colour, so a rollback that is blocked by one pod waits here for that colour's other pods too. For the same reason
  each owns a partition or none, and never another's: which partitions are whose is the broker's matter. Where nothing
  can be revoked the topic has no partitions at all.
- What is measured is an answer that comes at any time: no offsets and no records are counted.
- Pods are Ready from the beginning on in worlds in which none can fail to be.
- What is told apart and never counted (pods, processes) has no number of its own, and what nobody will ask for again (a
  list of a phase that is over, a pause that a newer command has overtaken) is forgotten: see `names`.
- A world that was seen with as many faults left, or more, is not searched again with fewer.
- The Lease's reason is cut to its first word. `decide` hands reasons on and never looks at them: test_decide checks it.
- A command below the newest epoch that its process has seen is dropped from flight, after a check that it is refused:
  it stays refused for as long as that process lives, because its epochs do not fall.
- The status is written only in worlds in which it can be read: where a controller crashes and the Lease is deleted.
- A report that is to be written again is marked when it is written, not remembered always: the same histories.
- Coarse grain, for the larger worlds: a sidecar that hears its consumer reports in the same step, and a controller knows
  the newest report of every pod that it knows of. A late report is then one that the sidecar heard late; a pod's
  coming and going a controller still learns late. A drain ends in the step in which it begins, unless commits may fail:
  its sidecar hears of it late. The fine grain, for the smaller worlds, lets each of these views age by itself.

What it leaves out, and who looks at that: how long things take (the time a holder was last whole, the sidecars' holds of
reports that nobody waits for, the consumer's stall limit: unit tests; a report or a view that is late is in here);
offsets, commits and what is handled twice (for strategy B they are in here, see below; for the others the consumer's
tests, and the validator in every run); two owners of one partition, and members of the group that are none of ours (the broker fences the first; a switch does not see the
others); pods that run on after they were deleted (but for strategy B); objects of the same name with another UID (the loop's tests); changes
of the number of pods or partitions.

Strategy B has a broker besides (`carrying`): one partition with a few records, both groups' commits with their epochs,
transactions whose markers are written late, the one transactional id, background copies, and zombies: processes of a pod
that was deleted by force, which go on under the grant that they have. The rules are the consumer's own
(`workloads.handling.carry`); the order of a start is `parts.parts_of_a_start`. Checked are: no start, and so no commit, is
beyond what was handled (nothing acked is lost); without a crash or a zombie every start is exactly there, and nothing is
handled twice; no start is behind what was committed before (but for zombies that nobody fences); with the fence no
zombie's commit succeeds once somebody has started under a newer epoch. Left out: more than one partition or id, and so
the wait for other pods' ids (the consumer's tests); offsets that are not in the log; what a group does to its members.
A zombie's sidecar is cut off and goes by the Lease that it remembers; what it had posted before may still come true.
Whoever reads the groups has heard of every epoch in them. In some worlds there is no Lease at first, and the groups bear
epochs of an earlier life of it, above or among those that a new one would go through.

In some worlds generations ask for another shape, with a switch or by themselves, or that nobody is at work. A process's client is in the group from
the join on until it was closed: nobody who says that it has left has one there, nor gets one again under the same
withdrawal, and what is granted in another shape is granted only when everybody has left and the group has been emptied.
A shape is another name here, of as many members: who is beyond one is left out, and so is the group that is emptied, but
that it takes as long as the adversary likes.

In some worlds a way back begins where the colour that failed was granted: nobody is granted before it is known where the
holder has come to, and on the way back everybody leaves, of both colours. What offsets are set to is a broker's matter.

Where absence tells nothing (strategy E), a pod is an agent: what it moves outlives it and is found by the next agent as it
is, and its commands may come true while nobody is there.

Bounds: the faults of one history (kinds, how often each, how many altogether), pods per colour, one change of the
specification (two with `spec-flip`). Everything else is unbounded.
"""

import argparse
import sys
import time
from collections.abc import Iterable
from typing import Any

from tests.protocol.parts import FAULTS, Bounds, Reshape
from tests.protocol.search import Result, Search
from tests.protocol.world import World
from workloads.common.states import GroupProtocol, Membership
from workloads.controller.terms import Absence

SAFE_TO_CROSS = (
    "consumer-crash", "sidecar-crash", "controller-crash", "freeze", "pod-delete", "lost", "deadline", "spec-flip",
    "lease-delete",
)  # fmt: skip


def faults(*kinds: str) -> tuple[tuple[str, int], ...]:
    """`faults("freeze", "deadline*2")`: one freeze, two deadlines."""
    return tuple((name, int(count or 1)) for name, _, count in (kind.partition("*") for kind in kinds))


WITHOUT_PARTITIONS = tuple(kind for kind in FAULTS if kind not in {"revoked", "zombie"})
"""Every kind but the one that needs a topic with partitions, which more than doubles the number of states, and the one
that is about what a zombie does to a group's offsets.
"""

PAIRS = (
    Bounds(faults("deadline", "freeze"), total=2),
    Bounds(faults("deadline", "consumer-crash"), total=2),
    Bounds(faults("deadline", "pod-delete"), total=2),
    Bounds(faults("deadline", "spec-flip"), total=2),
    Bounds(faults("deadline", "commit-fails"), total=2),
    Bounds(faults("freeze", "pod-delete"), total=2),
)
"""2 + 2 pods, two faults in one history, and each of them by itself."""

SINGLES = tuple(
    Bounds(faults(kind), analysis=kind.startswith("analysis"))
    for kind in FAULTS
    if kind not in {"zombie", *(paired for bounds in PAIRS for paired, _ in bounds.faults)}
)
"""2 + 2 pods, every other kind of fault by itself."""

SMALL = (
    Bounds(faults(*SAFE_TO_CROSS), total=2, pods=1),
    Bounds(faults(*WITHOUT_PARTITIONS), total=1, pods=1, fine=True),
    Bounds(faults("deadline", "consumer-crash"), total=2, pods=1, fine=True),
    Bounds(faults("deadline", "spec-flip"), total=2, pods=1, fine=True),
    Bounds(faults("deadline", "pod-delete"), total=2, pods=1, fine=True),
    Bounds(faults("lease-delete", "controller-crash"), total=2, pods=1, fine=True),
    Bounds(faults("deadline*3", "freeze", "pod-delete"), total=3, pods=1),
    Bounds(faults("lease-delete", "controller-crash", "deadline"), total=3, pods=1),
    Bounds(faults("lease-delete", "controller-crash", "spec-flip"), total=3, pods=1),
    Bounds(faults("lease-delete*2", "controller-crash"), total=3, pods=1),
)
"""1 + 1 pod: pairs of nearly everything, the fine grain, three and four faults."""

MEMBERSHIPS = tuple(
    Bounds(faults(*WITHOUT_PARTITIONS), total=1, pods=1, membership=membership, protocol=protocol)
    for membership, protocol in (
        (Membership.LEAVE_JOIN, GroupProtocol.CLASSIC),
        (Membership.SHARED, GroupProtocol.CLASSIC),
        (Membership.TAKEOVER, GroupProtocol.CONSUMER),
    )
)
"""1 + 1 pod: the other ways into and out of the group."""

TWO_CONTROLLERS = (
    Bounds(faults("deadline", "controller-crash"), total=1, pods=1, controllers=2),
    Bounds(faults("spec-flip"), total=1, pods=1, controllers=2),
    Bounds(faults("lease-delete"), total=1, pods=1, controllers=2),
)
"""1 + 1 pod and a second controller beside the first."""

WHAT_A_SWITCH_WAITS_FOR = (
    Bounds(faults("unready", "pod-delete", "deadline", "spec-flip"), total=2, pods=1, lag=True),
    Bounds(faults("revoked", "lost", "consumer-crash", "deadline"), total=2, pods=1),
    Bounds(faults("revoked", "deadline"), pods=1, fine=True),
    Bounds(
        faults("analysis-fails", "analysis-empty", "consumer-crash", "deadline"),
        total=2,
        pods=1,
        lag=True,
        analysis=True,
    ),
    Bounds(faults("analysis-fails", "controller-crash", "lease-delete", "spec-flip"), total=2, pods=1, analysis=True),
    Bounds(faults("revoked", "unready", "analysis-fails", "deadline"), pods=1, analysis=True, controllers=2),
    Bounds(faults("pod-delete", "freeze", "deadline*2", "consumer-crash"), total=2, pods=1, absence=Absence.UNKNOWN),
    Bounds(faults("pod-delete", "freeze", "deadline", "lease-delete"), absence=Absence.UNKNOWN),
)
"""Readiness, lag, partitions, the analysis, and members whose absence tells nothing."""

STRICT = ("deadline", "spec-flip", "sidecar-crash", "controller-crash", "freeze", "unanswered")
"""Faults under which strategy B handles nothing twice."""


def separate(*kinds: str, total: int = 1, fenced: bool = True, records: int = 1, **more: Any) -> Bounds:
    """1 + 1 pod, a group each, and one partition."""
    return Bounds(
        faults(*kinds), total=total, pods=1, membership=Membership.SEPARATE, records=records, fenced=fenced, **more
    )


STRATEGY_B = (
    separate(*STRICT),
    separate(*STRICT, fenced=False, records=2),
    separate("deadline", reigned=False),
    separate(total=0, controllers=2),
    separate("spec-flip", "deadline", earlier=4),
    separate("consumer-crash", "pod-delete", "lost", earlier=41, fenced=False),
    separate("consumer-crash", "pod-delete", "lost", "commit-fails"),
    separate("consumer-crash", "pod-delete", "lost", "commit-fails", fenced=False),
    separate("deadline", "consumer-crash", total=2, fenced=False),
    separate("zombie", fenced=False),
)
"""1 + 1 pod, a group per colour, positions carried over."""

RESHAPED = (
    Bounds(faults("deadline", "freeze"), reshape=Reshape.WITH_SWITCH),
    Bounds(faults("deadline", "consumer-crash"), pods=1, fine=True, reshape=Reshape.WITH_SWITCH),
    *(
        Bounds(faults("lease-delete", "controller-crash", "deadline", "spec-flip"), total=2, pods=1, reshape=reshape)
        for reshape in (Reshape.WITH_SWITCH, Reshape.ALONE)
    ),
    *(
        Bounds(faults(*WITHOUT_PARTITIONS), pods=1, membership=membership, protocol=protocol, reshape=reshape)
        for membership, protocol, reshape in (
            (Membership.TAKEOVER, GroupProtocol.CLASSIC, Reshape.WITH_SWITCH),
            (Membership.TAKEOVER, GroupProtocol.CLASSIC, Reshape.ALONE),
            (Membership.LEAVE_JOIN, GroupProtocol.CLASSIC, Reshape.ALONE),
            (Membership.SHARED, GroupProtocol.CLASSIC, Reshape.WITH_SWITCH),
            (Membership.TAKEOVER, GroupProtocol.CONSUMER, Reshape.ALONE),
            (Membership.TAKEOVER, GroupProtocol.CLASSIC, Reshape.PAUSED),
        )
    ),
    Bounds(faults("spec-flip", "freeze", "pod-delete"), total=2, pods=1, reshape=Reshape.PAUSED),
    Bounds(
        faults("spec-flip", "lease-delete", "controller-crash", "deadline", "pod-delete"),
        total=2,
        pods=1,
        reshape=Reshape.SCALED,
    ),
    Bounds(faults("spec-flip*2", "analysis-fails", "deadline"), total=3, pods=1, analysis=True, reshape=Reshape.SCALED),
    separate("deadline", "spec-flip", reshape=Reshape.ALONE),
)
"""Another shape is asked for: whoever holds the grant leaves its group before it is granted in that."""

REPLAYED = (
    Bounds(
        faults("analysis-fails", "deadline", "consumer-crash", "freeze"), total=2, pods=1, analysis=True, replay=True
    ),
    Bounds(faults("analysis-fails", "pod-delete"), total=2, analysis=True, replay=True),
    Bounds(
        faults("analysis-fails", "lease-delete", "controller-crash", "spec-flip"),
        total=2,
        pods=1,
        analysis=True,
        replay=True,
    ),
    Bounds(
        faults("analysis-fails", "deadline", "consumer-crash", "freeze"),
        total=2,
        pods=1,
        analysis=True,
        replay=True,
        reshape=Reshape.WITH_SWITCH,
    ),
    *(
        Bounds(
            faults("analysis-fails", "deadline", "lost"), total=2, pods=1, analysis=True, replay=True, membership=way
        )
        for way in (Membership.LEAVE_JOIN, Membership.SHARED)
    ),
)
"""A way back that begins where the colour that failed was granted: everybody leaves for it."""

STANDARD = {
    "singles": SINGLES,
    "pairs": PAIRS,
    "small": SMALL,
    "memberships": MEMBERSHIPS,
    "two controllers": TWO_CONTROLLERS,
    "what a switch waits for": WHAT_A_SWITCH_WAITS_FOR,
    "strategy B": STRATEGY_B,
    "another shape": RESHAPED,
    "replayed": REPLAYED,
}
"""What the tests run."""

# Of minutes: not among the tests.
DEEP = (separate("zombie"),)
WIDE = (
    Bounds(faults("deadline*2"), total=2),
    Bounds(faults("lease-delete", "controller-crash"), total=2),
    Bounds(faults(*WITHOUT_PARTITIONS), total=2, pods=1),
    Bounds(faults("lease-delete", "controller-crash", "deadline"), total=2, pods=1, controllers=2),
    separate(*STRICT, "lease-delete", total=2),
    separate("zombie", "consumer-crash", "deadline", total=2),
    separate("zombie", "consumer-crash", "deadline", total=2, fenced=False),
)
"""Larger worlds, some minutes and up to 8 GiB; nothing was wrong in them when they were run last."""


def visit(bounds: Bounds) -> Result:
    """Search one world and print a line about it. Raises InvariantBroken with the shortest history."""
    began = time.monotonic()
    result = Search(World(bounds)).run(limit=60_000_000)
    print(told(bounds, result, time.monotonic() - began), flush=True)
    return result


def told(bounds: Bounds, result: Result, seconds: float) -> str:
    """One line: bounds, states, steps and ends."""
    ends = ", ".join(f"{end.removeprefix('good: ')} {count:,}" for end, count in sorted(result.ends.items()))
    return (
        f"{bounds}: {result.states:,} states, {result.steps:,} steps, depth {result.depth}, {seconds:.1f} s; "
        f"each ends well ({ends})"
    )


def main(arguments: Iterable[str]) -> int:
    """Search the standard worlds and the deep one, and with `--wide` the larger ones too."""
    parser = argparse.ArgumentParser(prog="python -m tests.protocol.model", description="Search the protocol model.")
    parser.add_argument("--wide", action="store_true", help="the larger worlds too: minutes and up to 8 GiB of memory")
    chosen = parser.parse_args(list(arguments))
    began = time.monotonic()
    worlds = [*(bounds for group in STANDARD.values() for bounds in group), *DEEP, *(WIDE if chosen.wide else ())]
    results = [visit(bounds) for bounds in worlds]
    states, steps = sum(result.states for result in results), sum(result.steps for result in results)
    seconds = time.monotonic() - began
    print(f"{len(results)} worlds, {states:,} states, {steps:,} steps in {seconds:.0f} s: no invariant broken")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

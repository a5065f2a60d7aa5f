"""Points about losing what was granted: a freeze, a fence, a removal, a rebalance."""

import time
from collections.abc import Mapping

from experiments.conformance.bench import ACTIVE, DONE, PAUSED, STALE, STALL_SECONDS, Bench, expect
from experiments.conformance.points import CLASSIC, CONSUMER, LEAVE_JOIN, SEPARATE, TAKEOVER, point

#: How another member is in the group, by protocol.
_ANOTHER: Mapping[str, Mapping[str, object]] = {
    CLASSIC: {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500},
    CONSUMER: {"group.protocol": CONSUMER},
}


def _has_worked(bench: Bench) -> None:
    """At work, with 100 records handled and nothing left to do."""
    bench.work()
    bench.kafka.send(100)
    bench.handles_all()


@point(
    "freeze.thaw", "6.1", "after a freeze it handles at most the record in hand, until it is told to work again",
    needs=("records",),
)  # fmt: skip
def thaw(bench: Bench) -> str:
    _has_worked(bench)
    bench.app.signal("STOP")
    try:
        bench.kafka.send(400)
        time.sleep(STALL_SECONDS + 2)  # the freeze itself is what is tried
    finally:
        bench.app.signal("CONT")
    bench.until("it not to be ACTIVE", lambda: bench.status()["state"] != ACTIVE, 10)
    count = len(bench.handled())
    expect(count <= 101, f"{count - 100} records were handled after the freeze")
    bench.handles_nothing(2.0, "after a freeze, without a new resume")
    bench.until("it to be PAUSED", lambda: bench.status()["state"] == PAUSED, 20)
    bench.resumed()
    bench.handles_all()
    return f"{count - 100} records after {STALL_SECONDS + 2} s of freeze; with a new grant all of them, each once"


@point("freeze.resume", "6.2", "a resume that was decided before a freeze is refused after it", needs=("voids",))
def decided_before(bench: Bench) -> str:
    bench.work()
    known = bench.status()["voids"]
    bench.app.signal("STOP")
    time.sleep(STALL_SECONDS + 2)  # the freeze itself is what is tried
    bench.app.signal("CONT")
    bench.until("its voids to grow", lambda: bench.status()["voids"] > known, 10)
    reply = bench.resume(bench.epoch, voids=known)
    expect(reply.status == STALE, f"a resume that was decided at {known} voids: {reply.status}")
    reply = bench.resume(bench.epoch, voids=bench.status()["voids"])
    expect(reply.status in {DONE, 503}, f"one that was decided after it: {reply.status} {reply.text[:200]}")
    return f"voids {known} to {bench.status()['voids']}: 409; with the new count it works"


@point(
    "fence", "6.3", "when another member takes its place, it is PAUSED and does not take it back",
    needs=("records",), memberships=(TAKEOVER,), protocols=(CLASSIC,),
)  # fmt: skip
def fence(bench: Bench) -> str:
    _has_worked(bench)
    with bench.kafka.another(bench.group, {"group.instance.id": bench.instance_id}) as another:
        bench.until("another member to own its partitions", lambda: another.serve(0.2), 20)
        bench.kafka.send(100)
        until = time.monotonic() + 5
        while time.monotonic() < until and not another.wrong:
            owned = another.serve(0.2)
        expect(not another.wrong, f"it took its place back: {another.wrong}")
        expect(len(owned) == bench.kafka.partitions, f"the other member owns {owned} only")
        said = bench.status()
        expect(said["state"] == PAUSED, f"its state is {said['state']}")
    bench.resumed()
    bench.until("all records to be handled", lambda: bench.positions() == _ends(bench), 20)
    return "PAUSED, and the other member keeps all partitions for 5 s; with a new grant it works again"


@point(
    "removed", "6.4", "when its group takes it for gone, it does not go back by itself",
    needs=("records",), memberships=(LEAVE_JOIN, SEPARATE),
)  # fmt: skip
def removed(bench: Bench) -> str:
    _has_worked(bench)
    bench.until("its records to be committed", lambda: bench.kafka.committed(bench.group) == bench.positions(), 10)
    bench.kafka.remove(bench.group)
    bench.until("it not to be ACTIVE", lambda: bench.status()["state"] != ACTIVE, 20)
    bench.kafka.send(100)
    bench.handles_nothing(3.0, "after its group had removed it, without a new resume")
    bench.until("it to be PAUSED", lambda: bench.status()["state"] == PAUSED, 20)
    bench.resumed()
    bench.handles_all()
    return "PAUSED; with a new grant all records, each once"


@point(
    "rebalance", "6.5", "it handles what it owns: partitions that a rebalance takes it leaves alone", needs=("records",)
)
def rebalance(bench: Bench) -> str:
    bench.kafka.send(2000)
    bench.work()
    everything = set(range(bench.kafka.partitions))
    with bench.kafka.another(bench.group, _ANOTHER[bench.protocol]) as another:

        def shared() -> tuple[int, ...]:
            own, others = set(bench.status()["partitions"]), set(another.serve(0.2))
            return tuple(others) if others and own | others == everything and not own & others else ()

        others = bench.until("another member to have some of its partitions", shared, 30)
        before = {p: offset for p, offset in bench.positions().items() if p in others}
        bench.kafka.send(400)
        until = time.monotonic() + 2
        while time.monotonic() < until:
            another.serve(0.2)
        after = {p: offset for p, offset in bench.positions().items() if p in others}
        expect(before == after, f"it handled records of {sorted(others)}, which another member owns: {before}, {after}")
    bench.until("it to own all of them again", lambda: set(bench.status()["partitions"]) == everything, 30)
    bench.until("all records to be handled", lambda: bench.positions() == _ends(bench), 30)
    return (
        f"partitions {sorted(others)} were another member's for 2 s and were left alone; then all of them, all records"
    )


def _ends(bench: Bench) -> dict[int, int]:
    whole, rest = divmod(bench.kafka.sent, bench.kafka.partitions)
    return {p: whole + (p < rest) for p in range(bench.kafka.partitions)}

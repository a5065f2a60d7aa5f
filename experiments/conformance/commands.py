"""Points about pause and resume, and about epochs."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from experiments.conformance.bench import (
    ACTIVE,
    DONE,
    DRAIN_SECONDS,
    NOT_NOW,
    PAUSED,
    SESSION_SECONDS,
    STALE,
    Bench,
    expect,
    says_the_truth,
)
from experiments.conformance.points import point

_BACKLOG = 20_000


def _handled(bench: Bench, count: int) -> bool:
    return len(bench.handled()) >= count


def _working(bench: Bench, records: int) -> None:
    """At work, on so many records that were there before."""
    bench.kafka.send(records)
    bench.work()


@point("resume.works", "4.1", "a resume is answered when it works: ACTIVE, on its partitions", needs=("records",))
def works(bench: Bench) -> str:
    _working(bench, 200)
    said = bench.status()
    expect(sorted(said["partitions"]) == list(range(bench.kafka.partitions)), f"it owns {said['partitions']}")
    count = bench.handles_all()
    wrong = {line["epoch"] for line in bench.handled()} - {bench.epoch}
    expect(not wrong, f"records were handled under epochs {sorted(wrong)}")
    order = [(line["partition"], line["offset"]) for line in bench.handled()]
    for number in range(bench.kafka.partitions):
        own = [offset for partition, offset in order if partition == number]
        expect(own == list(range(len(own))), f"partition {number} from offset {own[:1]} on, or not in its order")
    return f"ACTIVE under epoch {bench.epoch}, {count} records from the beginning, each once and in order"


@point("resume.repeated", "4.2", "a resume that is repeated changes nothing", needs=("records",))
def repeated(bench: Bench) -> str:
    _working(bench, 200)
    bench.handles_all()
    for _ in range(3):
        reply = bench.resume(bench.epoch)
        expect(reply.status == DONE and reply.body.get("state") == ACTIVE, f"{reply.status} {reply.text[:200]}")
    bench.kafka.send(200)
    count = bench.handles_all()
    return f"three times 200, and {count} records, each once"


@point("resume.newer", "4.3", "under a newer epoch it stays ACTIVE, under that one", needs=("records",))
def newer(bench: Bench) -> str:
    _working(bench, 200)
    bench.handles_all()
    bench.epoch += 1
    reply = bench.resumed()
    expect(reply.body["epoch"] == bench.epoch, f"its epoch is {reply.body['epoch']}")
    bench.kafka.send(200)
    count = bench.handles_all()
    late = {line["epoch"] for line in bench.handled()[200:]} - {bench.epoch}
    expect(not late, f"records after it bear epochs {sorted(late)}")
    return f"ACTIVE under epoch {bench.epoch}, {count} records, each once"


@point(
    "pause.drains", "3.1", "a pause in the middle of a batch is answered when it has stopped and committed",
    needs=("records",),
)  # fmt: skip
def drains(bench: Bench) -> str:
    _working(bench, _BACKLOG)
    bench.until("the first records to be handled", lambda: len(bench.handled()) > 20, 20)
    began = time.monotonic()
    reply = bench.paused()
    took = (time.monotonic() - began) * 1000
    count, positions = len(bench.handled()), bench.positions()
    expect(reply.body.get("committed") is True, "it does not say that all of it is committed")
    committed = bench.kafka.committed(bench.group)
    expect(
        {p: offset for p, offset in committed.items() if offset} == positions,
        f"handled up to {positions}, committed {committed}",
    )
    bench.handles_nothing(2.0, "after it had said PAUSED")
    return f"after {took:.0f} ms PAUSED and committed at {count} records, and none after that"


@point("pause.continues", "3.2", "after a pause it goes on where it stopped", needs=("records",))
def continues(bench: Bench) -> str:
    bench.work()
    with bench.kafka.flow(1000):
        for _ in range(3):
            enough = len(bench.handled()) + 100
            bench.until("some of what comes to be handled", partial(_handled, bench, enough), 20)
            bench.paused()
            bench.resumed()
    count = bench.handles_all()
    return f"three pauses on the way, {count} records, each once"


@point("pause.late", "3.5", "what is not done by its deadline is answered with 503, and goes on", needs=("records",))
def late(bench: Bench) -> str:
    _working(bench, _BACKLOG)
    bench.until("the first records to be handled", lambda: len(bench.handled()) > 20, 20)
    bench.way.cut()  # so that it has something to wait for, for as long as half a drain
    bench.epoch += 1
    began = time.monotonic()
    reply = bench.pause(bench.epoch, deadline_ms=300)
    took = time.monotonic() - began
    expect(took < DRAIN_SECONDS / 4, f"a pause with a deadline of 0.3 s was answered after {took:.1f} s")
    positions = bench.positions()
    bench.way.open()
    says_the_truth(reply, positions, bench.kafka.committed(bench.group))
    bench.until("the same pause to be done", lambda: bench.pause(bench.epoch).status == DONE, DRAIN_SECONDS)
    return f"{reply.status} after {took:.1f} s, then {bench.status()['state']} under epoch {bench.epoch}"


@point("pause.paused", "3.3", "whoever is paused takes a newer epoch's pause too, and a repeated one")
def paused(bench: Bench) -> str:
    bench.wait_ready()
    bench.paused()
    bench.epoch += 3
    reply = bench.paused()
    again = bench.pause(bench.epoch)
    expect(
        again.status == DONE and again.body.get("epoch") == bench.epoch, f"repeated: {again.status} {again.text[:200]}"
    )
    return f"PAUSED under epoch {reply.body['epoch']}"


@point(
    "pause.leaves",
    "3.4",
    "a pause that asks to leave is answered when no client of it is in the group",
    needs=("leave",),
)
def leaves(bench: Bench) -> str:
    _working(bench, 200)
    reply = bench.paused(leave=True)
    members = bench.kafka.members(bench.group)
    expect(reply.body.get("left") is True, f"it does not say that it has left: {reply.text[:200]}")
    expect(all(one.instance_id for one in members), f"the group has {members}")
    if members:
        # A static member that has closed stays in the group without a client, for as long as its session lasts.
        bench.until(
            "a member without a client to be gone with its session",
            lambda: not bench.kafka.members(bench.group),
            SESSION_SECONDS + 5,
        )
    bench.resumed()
    return "left: true, and nobody of it is there; it comes back at its next grant"


@point("epochs.stale", "5.1", "what is older than the newest that it knows of is refused with 409, and changes nothing")
def stale(bench: Bench) -> str:
    bench.wait_ready()
    bench.epoch = 6
    bench.resumed()
    for name in ("pause", "resume"):
        reply = bench.app.call("POST", f"/lifecycle/{name}", {"epoch": 5, "deadline_ms": 2000})
        expect(reply.status == STALE, f"a {name} under epoch 5 after 7: {reply.status}")
    said = bench.status()
    expect((said["state"], said["epoch"], said["seen_epoch"]) == (ACTIVE, 7, 7), f"then it is {said}")
    return "pause and resume under epoch 5 after 7: 409, still ACTIVE under 7"


@point("epochs.equal", "5.2", "at the same epoch a pause beats a resume, for good")
def equal(bench: Bench) -> str:
    bench.work()
    reply = bench.pause(bench.epoch)
    expect(reply.status == DONE and reply.body.get("state") == PAUSED, f"pause at {bench.epoch}: {reply.status}")
    reply = bench.resume(bench.epoch)
    expect(reply.status == STALE, f"a resume at the epoch of a pause: {reply.status}")
    expect(bench.status()["state"] == PAUSED, "it is not PAUSED any more")
    return "409, still PAUSED"


def _with(name: str, *wrong: object) -> tuple[object, ...]:
    """Commands that would be executed, but for what this field is."""
    return tuple({"epoch": 1000, name: value} for value in wrong)


#: No command, whichever it is: what has no epoch that is one, and what has a field of another type.
_NO_BODIES = (
    {},
    [],
    "text",
    *_with("epoch", -1, "9", None, True, [], 9.5, 12.0, 1 << 30, 1 << 40),
    *_with("deadline_ms", "5000", True, [], 0.5),
)
#: And by command, of the fields that it has.
_NO_COMMANDS = {"pause": _with("leave", "true", 1, []), "resume": _with("voids", "0", True, [], 0.5)}


@point("epochs.bad", "5.3", "what is no command is refused with 400, and changes nothing")
def bad(bench: Bench) -> str:
    bench.work()
    before = bench.status()
    for name, own in _NO_COMMANDS.items():
        for body in _NO_BODIES + own:
            reply = bench.app.call("POST", f"/lifecycle/{name}", body)
            expect(reply.status == 400, f"{name} with {body}: {reply.status}")
    after = bench.status()
    same = ("state", "epoch", "seen_epoch", "boot_id")
    expect([before[n] for n in same] == [after[n] for n in same], f"before {before}, after {after}")
    count = sum(len(_NO_BODIES + own) for own in _NO_COMMANDS.values())
    return f"{count} of them: 400, still ACTIVE"


@point("join.voided", "4.4", "a pause that overtakes a resume on its way into the group wins", needs=("records",))
def voided(bench: Bench) -> str:
    bench.kafka.send(200)
    bench.wait_ready()
    bench.way.slow(0.3)  # so that it cannot be through before the pause comes
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(bench.resume, 1)
        bench.until("the resume to be on its way", lambda: bench.status()["seen_epoch"] == 1, 5)
        bench.epoch = 1
        bench.paused()
        reply = first.result()
    expect(reply.status in {STALE, NOT_NOW}, f"the resume was answered with {reply.status}: {reply.text[:200]}")
    bench.way.open()
    bench.handles_nothing(3.0, "after the pause that came behind the resume")
    expect(bench.status()["state"] == PAUSED, f"its state is {bench.status()['state']}")
    if not bench.instance_id and bench.membership != "separate":
        bench.until("it to be out of the group", lambda: not bench.kafka.members(bench.group), 10)
    bench.resumed()
    bench.handles_all()
    return f"the resume was answered with {reply.status}, it stays PAUSED; then all records, each once"

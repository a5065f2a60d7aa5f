"""Points about a process's end, and about a broker that is away or slow."""

import time

from experiments.conformance.bench import ACTIVE, DRAIN_SECONDS, PAUSED, Bench, expect, says_the_truth
from experiments.conformance.points import point

_SLOW_SECONDS = 0.4


@point(
    "end.term", "7.1", "SIGTERM is a drain: it ends by itself, with all that it handled committed", needs=("records",)
)
def term(bench: Bench) -> str:
    bench.work()
    with bench.kafka.flow(1000):
        bench.until("the first records to be handled", lambda: len(bench.handled()) > 200, 20)
        began = time.monotonic()
        bench.app.signal("TERM")
        code = bench.app.ended(DRAIN_SECONDS + 10)
    took, positions = time.monotonic() - began, bench.positions()
    expect(code == 0, f"its exit code is {code}")
    committed = {p: offset for p, offset in bench.kafka.committed(bench.group).items() if offset}
    expect(committed == positions, f"handled up to {positions}, committed {committed}")
    return f"after {took:.1f} s with exit code 0, {sum(positions.values())} records handled and committed"


@point("end.kill", "7.2", "after a crash it starts PAUSED, as another process, and loses nothing", needs=("records",))
def kill(bench: Bench) -> str:
    bench.work()
    boot = bench.status()["boot_id"]
    with bench.kafka.flow(1000):
        bench.until("some of it to be committed", lambda: sum(bench.kafka.committed(bench.group).values()) > 500, 20)
        bench.way.slow(_SLOW_SECONDS)  # who commits after each poll has it in flight for so long
        bench.until("some of it to be handled and not committed", lambda: _open(bench) > 100, 20)
        bench.app.signal("KILL")
        bench.app.ended(10)
    bench.way.open()
    handled, committed = bench.positions(), bench.kafka.committed(bench.group)
    beyond = {p: offset for p, offset in committed.items() if offset > handled.get(p, 0)}
    expect(not beyond, f"committed {beyond}, and handled up to {handled}")
    bench.app.again()
    said = bench.status()
    expect(said["boot_id"] != boot, "its boot_id is the same")
    expect(said["state"] == PAUSED, f"its state is {said['state']}")
    bench.handles_nothing(2.0, "after a crash, before its first command")
    bench.work()
    sent = bench.kafka.sent
    bench.until("all records to be committed", lambda: sum(bench.kafka.committed(bench.group).values()) == sent, 40)
    places = [(line["partition"], line["offset"]) for line in bench.handled()]
    expect(len(set(places)) == sent, f"{sent - len(set(places))} records were lost")
    twice = len(places) - sent
    uncommitted = sum(handled.values()) - sum(committed.values())
    expect(twice <= uncommitted, f"{twice} records were handled twice, of {uncommitted} that were not committed")
    return (
        f"PAUSED, another boot_id; {sent} records, none lost, {twice} twice, of {uncommitted} handled and not committed"
    )


def _open(bench: Bench) -> int:
    """How many records are handled and not committed."""
    committed = sum(bench.kafka.committed(bench.group).values())
    return sum(bench.positions().values()) - committed


def _in_the_middle_of(bench: Bench, count: int) -> None:
    """At work, with 4000 records behind it, and handling so many more."""
    bench.kafka.send(4000)
    bench.work()
    bench.handles_all()
    bench.kafka.send(count)
    bench.until("some of what came to be handled", lambda: len(bench.handled()) > 4020, 20)


@point(
    "broker.away", "8.1", "without a broker it says so, and never says that something is committed which is not",
    needs=("records",),
)  # fmt: skip
def away(bench: Bench) -> str:
    _in_the_middle_of(bench, 4000)
    bench.way.cut()
    reply = bench.pause(seconds=DRAIN_SECONDS + 10)
    positions, says = bench.positions(), bench.status()
    bench.way.open()
    committed = bench.kafka.committed(bench.group)
    says_the_truth(reply, positions, committed)
    bench.until("it to be PAUSED", lambda: bench.status()["state"] == PAUSED, DRAIN_SECONDS + 10)
    bench.work()
    bench.until("all records to be handled", lambda: sum(bench.positions().values()) == 8000, 40)
    places = {(line["partition"], line["offset"]) for line in bench.handled()}
    expect(len(places) == 8000, f"{8000 - len(places)} records were lost")
    return f"the pause: {reply.status}, committed: {says['committed']}; after it all 8000 records"


@point("broker.back", "8.2", "it gets over a broker that was away for some seconds while it worked", needs=("records",))
def back(bench: Bench) -> str:
    bench.kafka.send(400)
    bench.work()
    bench.handles_all()
    bench.way.cut()
    time.sleep(3)  # the absence itself is what is tried
    bench.way.open()
    bench.kafka.send(400)
    until = time.monotonic() + 60
    while sum(bench.positions().values()) < 800 and time.monotonic() < until:
        if bench.status()["state"] != ACTIVE:  # it asks anew for what it was granted
            bench.resume(bench.epoch)
        time.sleep(0.1)
    places = {(line["partition"], line["offset"]) for line in bench.handled()}
    expect(len(places) == 800, f"{800 - len(places)} of 800 records were not handled within a minute")
    return f"all 800 records, {len(bench.handled()) - 800} of them twice"


@point("broker.slow", "8.3", "a pause waits for its commit, however slow the broker is", needs=("records",))
def slow(bench: Bench) -> str:
    bench.work()
    with bench.kafka.flow(1000):
        bench.way.slow(_SLOW_SECONDS)
        bench.until("some of it to be handled and not committed", lambda: _open(bench) > 100, 20)
        began = time.monotonic()
        reply = bench.pause()
        took = time.monotonic() - began
        positions = bench.positions()
        committed = bench.kafka.committed(bench.group)
    bench.way.open()
    says_the_truth(reply, positions, committed)
    return f"after {took:.2f} s: {reply.status}, committed: {reply.body.get('committed')}"

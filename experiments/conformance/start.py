"""Points about a start, and about what the status says."""

import time

from experiments.conformance.bench import ACTIVE, DONE, PAUSED, Bench, expect
from experiments.conformance.points import point

_TYPES = {
    "boot_id": str,
    "state": str,
    "epoch": int,
    "seen_epoch": int,
    "committed": bool,
    "partitions": list,
}


@point("start.ready", "1.1", "it says ready when it can take over, within a minute of its start")
def ready(bench: Bench) -> str:
    bench.until("GET /readyz to be answered with 200", bench.ready, 60)
    return "GET /readyz: 200"


@point("start.paused", "1.2", "it starts PAUSED and handles nothing until it is told to", needs=("records",))
def paused(bench: Bench) -> str:
    bench.kafka.send(200)
    bench.wait_ready()
    said = bench.status()
    expect(said["state"] == PAUSED, f"its state is {said['state']}")
    expect(said["epoch"] == said["seen_epoch"] == 0, f"it knows of epoch {said['seen_epoch']} before any command")
    bench.handles_nothing(2.0, "before its first command")
    stays = bench.status()
    expect(stays["state"] == PAUSED, f"2 s later its state is {stays['state']}")
    expect(not bench.kafka.committed(bench.group), "its group has committed offsets")
    return "PAUSED, 0 of 200 records handled in 2 s, nothing committed"


@point("status.shape", "2.1", "its status has the fields of the contract, of their types")
def shape(bench: Bench) -> str:
    first, second = bench.status(), bench.status()
    wrong = [
        name
        for name, kind in _TYPES.items()
        if not isinstance(first.get(name), kind) or (kind is int and first[name] is True)
    ]
    expect(not wrong, f"missing, or of another type: {', '.join(f'{n}={first.get(n)!r}' for n in wrong)}")
    expect(first["boot_id"] and first["boot_id"] == second["boot_id"], "boot_id is another one at each question")
    return ", ".join(sorted(first))


@point("status.contract", "2.2", "it says which version of the contract it speaks: 1, or nothing, which means 1")
def contract(bench: Bench) -> str:
    said = bench.status().get("contract", 1)
    expect(said == 1 and said is not True, f"it says {said!r}")
    return f"contract: {bench.status().get('contract', 'not said')}"


@point("status.loopback", "2.3", "its lifecycle API is for the pod alone: it answers on the loopback and nowhere else")
def loopback(bench: Bench) -> str:
    address = bench.app.reachable()
    expect(not address, f"it answers at {address}")
    return "the loopback alone"


@point(
    "status.member", "2.4", "it says as which member its group knows it, and what it owns there", needs=("member_id",)
)
def member(bench: Bench) -> str:
    bench.work()

    def same() -> bool:
        said = bench.status()
        return [(said.get("member_id"), tuple(sorted(said["partitions"])))] == [
            (one.member_id, one.partitions) for one in bench.kafka.members(bench.group)
        ]

    bench.until("member_id and partitions to be those that the coordinator knows", same, 15)
    said = bench.status()
    expect(said["state"] == ACTIVE, f"its state is {said['state']}")
    expect(len(said["partitions"]) == bench.kafka.partitions, f"it owns {said['partitions']}")
    return f"member {said['member_id']}, all {bench.kafka.partitions} partitions"


@point("silence", "4.5", "it works on when nobody speaks to it: no sidecar, no API server", needs=("records",))
def silence(bench: Bench) -> str:
    bench.work()
    with bench.kafka.flow(40):
        time.sleep(6)  # the silence itself is what is tried
    count = bench.handles_all(10)
    position = bench.positions()
    bench.until("what was handled to be committed", lambda: bench.kafka.committed(bench.group) == position, 10)
    expect(bench.app.call("GET", "/healthz").status == DONE, "it says that it is not alive")
    return f"{count} records in 6 s handled and committed without a call"

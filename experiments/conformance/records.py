"""Points about the record log."""

import time

from experiments.conformance.bench import ACTIVE, DRAIN_SECONDS, Bench, expect
from experiments.conformance.points import point

_FIELDS = {
    "color": str,
    "pod": str,
    "version": str,
    "topic": str,
    "epoch": int,
    "producer": str,
    "seq": int,
    "partition": int,
    "offset": int,
    "t": int,
}


@point("records.first", "9.1", "a record is written down before it is committed past", needs=("records",))
def first(bench: Bench) -> str:
    bench.work()
    asked, until = 0, time.monotonic() + 4
    with bench.kafka.flow(2000):
        while time.monotonic() < until:
            _nothing_ahead(bench)
            asked += 1
        bench.app.signal("KILL")
        bench.app.ended(10)
    committed = _nothing_ahead(bench)
    expect(committed, "nothing was committed within 4 s of a flow")
    return f"asked {asked} times while it worked, and after a crash: nothing committed that is not written down"


def _nothing_ahead(bench: Bench) -> int:
    """How many records are committed. Raises `FailedError` when one of them is not written down."""
    committed = bench.kafka.committed(bench.group)  # before the lines, so that these are newer
    handled = bench.positions()
    ahead = {p: (offset, handled.get(p, 0)) for p, offset in committed.items() if offset > handled.get(p, 0)}
    expect(not ahead, f"committed, and written down, by partition: {ahead}")
    return sum(committed.values())


@point("records.form", "9.2", "each line is a JSON object with the fields of the contract", needs=("records",))
def form(bench: Bench) -> str:
    bench.kafka.send(100)
    bench.work()
    bench.until("the records to be handled", lambda: len(bench.app.lines("consumed")) >= 100, 20)
    for line in bench.app.lines("consumed"):
        wrong = [name for name, kind in _FIELDS.items() if type(line.get(name)) is not kind]
        expect(not wrong, f"{', '.join(wrong)} missing or of another type in {dict(line)}")
    bench.app.signal("TERM")
    bench.app.ended(30)
    ends = [line for line in bench.app.lines("consumed") if "end" in line]
    expect([line["end"] for line in ends] == [100], f"its end line says {[dict(line) for line in ends]}")
    names = [event["event"] for event in bench.events()]
    expect("ACTIVE" in names and "PAUSED" in names, f"its events are {names}")
    return f"100 lines, an end line, events {' '.join(dict.fromkeys(names))}"


@point(
    "records.poison",
    "9.3",
    "a record that cannot be handled is written down with its error, and passed",
    needs=("records",),
)
def poison(bench: Bench) -> str:
    bench.kafka.send(20)
    bench.kafka.send(4, value=b"\xff\x00 not JSON")
    bench.kafka.send(4, value=b"")
    bench.kafka.send_null()
    bench.kafka.send(20)
    bench.work()
    count = bench.handles_all()
    failed = [line for line in bench.handled() if "error" in line]
    expect(len(failed) == 9, f"{len(failed)} of 9 bad records have an error")
    expect(bench.status()["state"] == ACTIVE, f"its state is {bench.status()['state']}")
    positions = bench.positions()
    bench.until("all of it to be committed", lambda: bench.kafka.committed(bench.group) == positions, 10)
    return f"{count} records, {len(failed)} of them with an error, all committed past"


@point(
    "records.full",
    "9.4",
    "when a line cannot be written it handles nothing more, and ends",
    needs=("records",),
)
def full(bench: Bench) -> str:
    bench.kafka.send(100)
    bench.work()
    bench.handles_all()
    bench.until("it to be committed", lambda: bench.kafka.committed(bench.group) == bench.positions(), 10)
    bench.app.fill()
    bench.kafka.send(100)
    code = bench.app.ended(2 * DRAIN_SECONDS)
    committed = _nothing_ahead(bench)
    return f"it ended with {code}, {committed} of 200 records committed, all of them written down"

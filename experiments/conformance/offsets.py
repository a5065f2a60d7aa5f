"""Points about where reading begins, and about what is in a log and is no record of anybody's."""

from experiments.conformance.bench import Bench, expect
from experiments.conformance.kafka import Kafka
from experiments.conformance.points import LEAVE_JOIN, TAKEOVER, point

_TRANSACTIONS = (True, False, True)
#: Of partition 0 after them: a record and a marker each.
_BEHIND_THEM = 2 * len(_TRANSACTIONS)


def _too_old(kafka: Kafka, group: str, _: str) -> None:
    kafka.send(400)
    kafka.commit(group, dict.fromkeys(range(kafka.partitions), (10, "")))
    kafka.drop_before(30)


@point(
    "resume.too-old",
    "4.1",
    "where the committed offset is out of range it begins at the earliest record",
    needs=("records",),
    memberships=(TAKEOVER, LEAVE_JOIN),
    before=_too_old,
)
def too_old(bench: Bench) -> str:
    bench.work()
    ends = dict.fromkeys(range(bench.kafka.partitions), 100)
    bench.until("the records that are left to be handled", lambda: bench.positions() == ends, 20)
    found = bench.first_offsets()
    expect(set(found.values()) == {30}, f"it began at {found}, and the earliest records are at 30")
    return "committed 10, begins at 30"


@point("resume.aborted", "4.1", "it handles no record of a transaction that was aborted", needs=("records",))
def aborted(bench: Bench) -> str:
    bench.kafka.send_transactions(*_TRANSACTIONS)
    bench.work()
    bench.until("the records that were committed to be handled", lambda: bench.positions().get(0, 0) >= 5, 20)
    bench.handles_nothing(1.0, "behind the last one that was committed")
    offsets = [line["offset"] for line in bench.handled()]
    expect(offsets == [0, 4], f"it handled offsets {offsets}; 0 and 4 were committed, 2 was aborted")
    return "two committed records handled, the aborted one between them not"


@point(
    "progress.markers",
    "10.2",
    "its position and its commit pass the markers of transactions",
    needs=("progress", "markers"),
)
def markers(bench: Bench) -> str:
    bench.kafka.send_transactions(*_TRANSACTIONS)
    bench.work()

    def position() -> object:
        return bench.app.call("GET", "/progress").body.get("positions", {}).get("0")

    bench.until(
        f"the position of partition 0 to be {_BEHIND_THEM}, behind the last marker",
        lambda: position() == _BEHIND_THEM,
        10,
    )
    bench.until("that to be committed", lambda: bench.kafka.committed(bench.group).get(0) == _BEHIND_THEM, 10)
    return f"position and commit {_BEHIND_THEM}, behind the last marker"

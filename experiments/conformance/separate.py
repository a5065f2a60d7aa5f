"""Points about colours with a group each: what commits say of themselves, and where a colour begins."""

from collections.abc import Callable, Mapping

from experiments.conformance.bench import NOT_NOW, PAUSED, STALE, Bench, expect
from experiments.conformance.kafka import Kafka
from experiments.conformance.points import SEPARATE, Before, point

_ONLY = (SEPARATE,)
_RECORDS = 400  # a hundred in each partition
#: Offset and metadata, by partition.
Commits = Mapping[int, tuple[int, str]]


def _found(own: Commits, other: Commits) -> Before:
    """What both groups have committed of records that are there, before the application starts."""

    def before(kafka: Kafka, group: str, other_group: str) -> None:
        kafka.send(_RECORDS)
        kafka.commit(group, own)
        kafka.commit(other_group, other)

    return before


def _begins(bench: Bench, epoch: int, starts: Mapping[int, int]) -> str:
    """Resumed under this epoch it begins there, and handles all from there on, each once. Raises `FailedError`."""
    bench.wait_ready()
    bench.epoch = epoch - 1
    bench.resumed()
    ends = dict.fromkeys(range(bench.kafka.partitions), _RECORDS // bench.kafka.partitions)
    bench.until("the records behind its start to be handled", lambda: bench.positions() == ends, 20)
    found = bench.first_offsets()
    expect(found == starts, f"it began at {dict(sorted(found.items()))}, not at {dict(starts)}")
    count, due = len(bench.handled()), sum(ends[p] - at for p, at in starts.items())
    expect(count == due, f"it handled {count} records, not {due}")
    return f"begins at {dict(starts)}"


@point(
    "separate.labels",
    "11.1",
    "each commit says under which epoch it was made, and that of a start that it is one",
    needs=("records",),
    memberships=_ONLY,
)
def labels(bench: Bench) -> str:
    def said() -> list[str]:
        """Without what stands behind the label's end; what has no end, as it is."""
        found = bench.kafka.commits(bench.group)
        return [found[p][1].split(";")[0].strip() if ";" in found[p][1] else f"{found[p][1]!r}" for p in sorted(found)]

    def bears(label: str) -> Callable[[], bool]:
        return lambda: said() == [label] * bench.kafka.partitions

    bench.work()
    bench.until("the commits of its start, epoch=1 start;", bears("epoch=1 start"), 10)
    bench.kafka.send(200)
    bench.handles_all()
    bench.until("all of it to be committed", lambda: bench.kafka.committed(bench.group) == bench.positions(), 10)
    expect(bears("epoch=1")(), f"commits of what was handled under epoch 1 say {said()}")
    bench.paused()
    bench.resumed()
    bench.until("the commits of its next start, epoch=3 start;", bears("epoch=3 start"), 10)
    return "epoch=1 start; epoch=1; epoch=3 start;"


@point(
    "separate.start",
    "11.2",
    "it begins where the higher epoch stands, in its own group or the other",
    needs=("records",),
    memberships=_ONLY,
    before=_found(
        own={0: (80, "epoch=4;"), 1: (30, "epoch=6;"), 3: (70, "")},
        other={0: (60, "epoch=5;"), 1: (50, "epoch=5;"), 2: (40, "epoch=5;"), 3: (20, "epoch=0;")},
    ),
)
def start(bench: Bench) -> str:
    return _begins(bench, 7, {0: 60, 1: 30, 2: 40, 3: 20})


@point(
    "separate.equal",
    "11.2",
    "at equal epochs it begins at the higher offset, and where there is no commit at the earliest record",
    needs=("records",),
    memberships=_ONLY,
    before=_found(own={0: (80, "epoch=5;"), 1: (60, "epoch=5;")}, other={0: (60, "epoch=5;"), 1: (80, "epoch=5;")}),
)
def equal(bench: Bench) -> str:
    return _begins(bench, 7, {0: 80, 1: 80, 2: 0, 3: 0})


def _outranked(bench: Bench) -> str:
    bench.wait_ready()
    bench.epoch = 6
    reply = bench.resume()
    expect(reply.status in {STALE, NOT_NOW}, f"a resume under epoch 7, where epoch 9 stands: {reply.status}")
    bench.handles_nothing(2.0, "under epoch 7, where epoch 9 stands")
    said = bench.status()
    expect((said["state"], said["seen_epoch"]) == (PAUSED, 9), f"{said['state']}, seen_epoch {said['seen_epoch']}")
    own = bench.kafka.commits(bench.group)
    expect(not any("epoch=7" in label for _, label in own.values()), f"it committed under epoch 7: {own}")
    again = bench.resume(8)
    expect(again.status == STALE, f"a resume under epoch 8, below the one that it has heard of: {again.status}")
    return f"under 7: {reply.status}, under 8: 409; under 10 it {_begins(bench, 10, {0: 20, 1: 0, 2: 0, 3: 0})}"


point(
    "separate.other-newer",
    "11.3",
    "an epoch above its own in the other group ends its start",
    needs=("records",),
    memberships=_ONLY,
    before=_found(own={}, other={0: (20, "epoch=9;")}),
)(_outranked)

point(
    "separate.own-newer",
    "11.3",
    "an epoch above its own in its own group ends its start",
    needs=("records",),
    memberships=_ONLY,
    before=_found(own={0: (20, "epoch=9;")}, other={}),
)(_outranked)


def _too_old(kafka: Kafka, group: str, _: str) -> None:
    kafka.send(_RECORDS)
    kafka.commit(group, {0: (10, "epoch=5;")})
    kafka.drop_before(30)


@point(
    "separate.too-old",
    "11.4",
    "where the offset that counts is out of range it starts nothing",
    needs=("records",),
    memberships=_ONLY,
    before=_too_old,
)
def too_old(bench: Bench) -> str:
    bench.wait_ready()
    bench.epoch = 6
    reply = bench.resume()
    expect(reply.status == NOT_NOW, f"a resume where 10 is committed and the earliest record is at 30: {reply.status}")
    bench.handles_nothing(2.0, "where it could not tell that none was skipped")
    said = bench.status()
    expect(said["state"] == PAUSED, f"its state is {said['state']}")
    return f"503, and PAUSED: {said.get('last_error')}"


@point(
    "separate.junk",
    "11.5",
    "it reads nothing of what stands behind a label's end",
    needs=("records",),
    memberships=_ONLY,
    before=_found(
        # Filled up as ours are (`workloads.common.labels`): librdkafka gives more than was committed, and what it adds
        # would be a part of the last word.
        own=dict.fromkeys(range(4), (80, f"{'epoch=4;8 start epoch=99':<31}")),
        other=dict.fromkeys(range(4), (60, f"{'epoch=5;7 epoch=1':<23}")),
    ),
)
def junk(bench: Bench) -> str:
    return _begins(bench, 7, dict.fromkeys(range(4), 60))

"""The whole way from paths to a report."""

import os
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import polars as pl

from tools.validator import anomalies
from tools.validator.errors import InputError
from tools.validator.examples import Examples
from tools.validator.files import Found, find
from tools.validator.handoffs import handoffs
from tools.validator.lifecycle import Events
from tools.validator.limits import Limits
from tools.validator.parallel import in_order
from tools.validator.reading import Asked, ConsumedSide, ProducedSide, Progress
from tools.validator.report import CLASSES, FileCounts, Handled, Report
from tools.validator.shuffle import Shuffle
from tools.validator.tables import ACKED, BY_KEY, BY_POSITION, CONSUMED, PRODUCED, Catalog
from tools.validator.wholeness import Uncovered, check_ends, refuse, uncovered

_MAX_BUCKETS = 256
_COMPRESSION = 12  # what gzip and zstandard make of such logs, roughly
_PIPE_BYTES = 4 << 30  # a pipe does not say how much will come
_NANOSECONDS_PER_MS = 1_000_000
PathLike = str | os.PathLike[str]
_Count = Callable[[str, pl.DataFrame], None]


def validate(
    produced: Sequence[PathLike],
    consumed: Sequence[PathLike],
    *,
    events: Sequence[PathLike] = (),
    producers: Sequence[str] = (),
    clock_error_ms: float = 0,
    allow_duplicates: bool = False,
    strict: bool = False,
    progress: Progress | None = None,
    limits: Limits | None = None,
) -> Report:
    """Judge a consumed log by a produced one, as the package's docstring specifies.

    ``produced``, ``consumed`` and ``events`` are files or folders; ``producers`` restricts the judgement to these;
    ``clock_error_ms`` is by how many milliseconds clocks may differ. ``progress`` is called with what is being done,
    how much of it is done and how much there is. ``limits`` bounds the memory.

    Returns a report whose ``exit_code`` is 0, 1, or 2 where nothing is wrong but a pass would not be deserved.
    Raises InputError, with file and line number, for an input that cannot be read; OSError where the folder for
    temporary files cannot hold the buckets; ValueError for a clock error that is none.
    """
    if not 0 <= clock_error_ms <= 1e9:
        raise ValueError(f"the clock error must be from 0 to 1e9 ms, not {clock_error_ms}")
    if not produced or not consumed:
        raise InputError(f"no {'consumed' if produced else 'produced'} log given")
    limits = limits or Limits()
    found = {
        "produced": find([Path(path) for path in produced], "produced"),
        "consumed": find([Path(path) for path in consumed], "consumed"),
        "events": find([Path(path) for path in events], "events"),
    }
    asked = Asked(
        frozenset(producers), round(clock_error_ms * _NANOSECONDS_PER_MS), strict=strict, chunk_bytes=limits.chunk_bytes
    )
    with tempfile.TemporaryDirectory(prefix="validator-") as folder:
        judge = _Judge(found, asked, Path(folder), limits, progress or _silent)
        return judge.report(allow_duplicates=allow_duplicates)


class _Judge:
    """One validation: what is read goes into it, what is found comes out."""

    def __init__(self, found: dict[str, Found], asked: Asked, folder: Path, limits: Limits, progress: Progress) -> None:
        self._found = found
        self._asked = asked
        self._progress = progress
        self._catalog = Catalog()
        buckets = _buckets(found, limits.bucket_bytes)
        self._produced_by_key = Shuffle(folder / "pk", BY_KEY, buckets, PRODUCED, limits.held_rows)
        self._produced_by_position = Shuffle(folder / "pp", BY_POSITION, buckets, PRODUCED, limits.held_rows)
        self._consumed_by_key = Shuffle(folder / "ck", BY_KEY, buckets, CONSUMED, limits.held_rows)
        self._consumed_by_position = Shuffle(folder / "cp", BY_POSITION, buckets, CONSUMED, limits.held_rows)
        self._produced = ProducedSide(asked, self._produced_by_key, self._produced_by_position, self._catalog)
        self._consumed = ConsumedSide(asked, self._consumed_by_key, self._consumed_by_position, self._catalog)
        self._events = Events(asked, self._catalog)

    def report(self, *, allow_duplicates: bool) -> Report:
        self._read()
        ignored = self._whole()
        examples = Examples(self._catalog, self._produced.files, self._consumed.files)
        unjudged: list[str] = []
        tally = dict.fromkeys((*CLASSES, "unlogged", "stale_epoch"), 0)

        def count(name: str, found: pl.DataFrame) -> None:
            if not found.is_empty():
                tally[name] += int(found["count"].sum())
                examples.add(name, found)

        sides = (self._produced.counts, self._consumed.counts, self._events.counts)
        clock_steps = sum(side.clock_steps for side in sides)
        if clock_steps:
            unjudged.append(
                f"a clock went back {clock_steps} time(s) by more than the clock error:"
                " zombie, stale_epoch and dual_active between epochs are not counted"
            )
        incomplete = self._by_key(count, unjudged, ignored)
        tally["lost"] += len(ignored)
        examples.ignored(ignored)
        self._by_position(count, by_time=not clock_steps)
        spans = self._consumed.spans()
        count("dual_active", anomalies.dual_active(spans, self._asked.clock_error, by_time=not clock_steps))
        if incomplete:
            # What a log that was cut makes of records is nothing that happened to them.
            tally |= dict.fromkeys(CLASSES, 0)
            examples = Examples(self._catalog, self._produced.files, self._consumed.files)
            unjudged += [*incomplete, "no class is counted"]
        return Report(
            produced=self._produced.counts.records,
            acked=self._produced.acked,
            consumed=self._consumed.counts.records,
            handled={
                color: {
                    version: Handled(*counts)
                    for (of, version), counts in sorted(self._consumed.handled.items())
                    if of == color
                }
                for color in sorted({color for color, _ in self._consumed.handled})
            },
            anomalies={name: tally[name] for name in CLASSES},
            notes={
                "unlogged": tally["unlogged"],
                "unknown": self._produced.unknown,
                "foreign": sum(side.foreign for side in sides),
                "stale_epoch": tally["stale_epoch"],
                "torn": sum(side.torn for side in sides),
                "clock_steps": clock_steps,
            },
            examples=examples.as_json(),
            partitions={
                f"{topic}-{partition}": found
                for (topic, partition), found in sorted(
                    (self._catalog.places[place], found) for place, found in handoffs(spans).items()
                )
            },
            files=FileCounts(
                produced=len(self._found["produced"].files),
                consumed=len(self._found["consumed"].files),
                events=len(self._found["events"].files),
                empty=sum(side.empty for side in sides),
                others=sum(found.others for found in self._found.values()),
            ),
            failing=tuple(name for name in CLASSES if tally[name] and not (allow_duplicates and name == "duplicate")),
            unjudged=tuple(unjudged),
            events=dict(sorted(self._events.kinds.items())),
        )

    def _read(self) -> None:
        self._produced.read(self._found["produced"], self._progress)
        absent = sorted(name for name in self._asked.producers if name not in self._catalog.producers)
        if absent:
            raise InputError(f"the produced logs have no line of producer {', '.join(absent)}")
        if not self._produced.counts.records:
            raise InputError("the produced logs have no record at all")
        self._wrote = len(self._catalog.producers)
        self._consumed.read(self._found["consumed"], self._progress)
        if not self._consumed.counts.records + self._consumed.counts.foreign:
            raise InputError("the consumed logs have no record at all")
        self._events.read(self._found["events"], self._progress)

    def _whole(self) -> list[Uncovered]:
        """What a process with a whole log committed and did not handle. Raises InputError for other logs."""
        check_ends(self._consumed.logs)
        absent, ignored = uncovered(self._consumed.logs, self._events.commits, self._produced.places)
        refuse(absent, self._catalog.places.__getitem__)
        return ignored

    def _by_key(self, count: _Count, unjudged: list[str], ignored: list[Uncovered]) -> list[str]:
        """lost, phantom (and unlogged), duplicate, producer_duplicate. Returns why the produced logs are not whole.

        Takes out of ``ignored`` what is about records that are lost: they are counted one by one. And what is about no
        record that is judged, where the log of each of their producers goes to its end: it is another producer's.
        """
        ends, judged = self._produced.ends, set[Uncovered]()
        open_producers = pl.Series([one for one in range(self._wrote) if one not in ends], dtype=pl.UInt32)
        again: dict[int, int] = {}
        contradictions = 0
        first = ""
        buckets = range(self._produced_by_key.buckets)
        calls = (partial(self._bucket_by_key, bucket, open_producers, positions=bool(ignored)) for bucket in buckets)
        for bucket, found in enumerate(in_order(calls)):
            contradictory, further, acked = (found.pop(name) for name in ("contradictory", "further", "acked"))
            for name, rows in found.items():
                count(name, rows)
            judged |= {one for one in ignored if self._is_about(one, acked)}
            ignored[:] = [one for one in ignored if not self._is_about(one, found["lost"])]
            if not contradictions and contradictory.height:
                first = self._contradiction(contradictory)
            contradictions += contradictory.height
            for producer, lines in further.iter_rows():
                again[producer] = again.get(producer, 0) + lines
            self._progress("judging records", bucket + 1, len(buckets))
        if open_producers.is_empty():
            ignored[:] = [one for one in ignored if one in judged]
        if contradictions:
            unjudged.append(f"the fate of {contradictions} record(s) is written down more than once: {first}")
        return self._incomplete(again)

    def _is_about(self, one: Uncovered, records: pl.DataFrame) -> bool:
        return self._catalog.within(records["position"], one.place, one.low, one.high)

    def _bucket_by_key(self, bucket: int, open_producers: pl.Series, *, positions: bool) -> dict[str, pl.DataFrame]:
        """What is wrong in one bucket, by class.

        Besides: ``contradictory``, as ``further`` how many lines of a producer are about a seq that it had before, and
        ``acked``, where what was, if ``positions`` are asked for.
        """
        produced = self._produced_by_key.read(bucket)
        consumed = self._consumed_by_key.read(bucket)
        unwarranted = anomalies.unwarranted(produced, consumed)
        unwarranted = unwarranted.with_columns(self._catalog.producer(unwarranted["key"]))
        acked = produced.filter(pl.col("status") == ACKED).select("position")
        repeated = anomalies.repeated(produced)
        repeated = repeated.with_columns(self._catalog.producer(repeated["key"]))
        return {
            "lost": anomalies.lost(produced, consumed),
            "phantom": anomalies.phantom(unwarranted, open_producers),
            "unlogged": anomalies.unlogged(unwarranted, open_producers),
            "duplicate": anomalies.duplicate(produced, consumed),
            "producer_duplicate": anomalies.producer_duplicate(repeated),
            "contradictory": anomalies.contradictory(repeated),
            "acked": acked if positions else acked.clear(),
            "further": repeated.group_by("producer").agg(pl.len() - pl.n_unique("key")),
        }

    def _contradiction(self, contradictory: pl.DataFrame) -> str:
        """The first of them, in words."""
        row = contradictory.sort("key").row(0, named=True)
        producer, seq = self._catalog.key(row["key"])
        places = [f"{self._produced.files[line['file']]}:{line['line']}" for line in row["lines"]]
        return f"{producer}/{seq} at {', '.join(places[:3])}"

    def _incomplete(self, again: dict[int, int]) -> list[str]:
        """What end lines promise and the logs do not hold; ``again`` are a producer's lines for a seq it had before."""
        found = []
        for producer, ends in sorted(self._produced.ends.items()):
            name = self._catalog.producers[producer]
            known = self._produced.written.get(producer, 0) - again.get(producer, 0)
            highest = self._produced.highest.get(producer, -1)
            if len(set(ends)) > 1:
                found.append(f"producer {name} has end lines that differ: {', '.join(map(str, sorted(set(ends))))}")
            elif known != ends[0] or highest != ends[0] - 1:
                found.append(
                    f"producer {name} ended after {ends[0]} sequences, but its log has {known}, the highest {highest}:"
                    " it was cut short, or is not the whole"
                )
        return found

    def _by_position(self, count: _Count, *, by_time: bool) -> None:
        """mismatch, out_of_order, zombie (and stale_epoch)."""
        limits = anomalies.overtaken(self._consumed.spans()) if by_time else None
        buckets = range(self._consumed_by_position.buckets)
        calls = (partial(self._bucket_by_position, bucket, limits) for bucket in buckets)
        for bucket, found in enumerate(in_order(calls)):
            for name, rows in found.items():
                count(name, rows)
            self._progress("judging positions", bucket + 1, len(buckets))

    def _bucket_by_position(self, bucket: int, limits: pl.DataFrame | None) -> dict[str, pl.DataFrame]:
        """What is wrong in one bucket, by class; by time only with ``limits``."""
        consumed = self._consumed_by_position.read(bucket)
        found = {
            "mismatch": anomalies.mismatch(self._produced_by_position.read(bucket), consumed),
            "out_of_order": anomalies.out_of_order(consumed, self._consumed.process),
        }
        if limits is not None:
            error = self._asked.clock_error
            found["zombie"] = anomalies.zombie(consumed, limits, error)
            found["stale_epoch"] = anomalies.stale_epoch(consumed, limits, error)
        return found


def _buckets(found: dict[str, Found], bucket_bytes: int) -> int:
    """As many as keep one bucket small; the same for all shuffles, as they are joined bucket by bucket."""
    plain = 0
    for side in found.values():
        for path in (one.path for one in side.files):
            if not path.is_file():
                plain += _PIPE_BYTES
            else:
                plain += path.stat().st_size * (_COMPRESSION if path.suffix in {".gz", ".zst"} else 1)
    return max(1, min(_MAX_BUCKETS, plain // bucket_bytes))


def _silent(what: str, done: int, total: int) -> None:
    del what, done, total

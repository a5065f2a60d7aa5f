"""Files of one side to tables: chunks are parsed on all cores and taken in their order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from tools.validator.doubles import Doubles
from tools.validator.errors import InputError
from tools.validator.files import Chunk, Found, chunks
from tools.validator.frames import Parsed, parse
from tools.validator.lines import COLORS, STATUSES, ConsumedEnd, EndLine, is_json
from tools.validator.parallel import in_order
from tools.validator.shuffle import Shuffle
from tools.validator.sources import Source
from tools.validator.tables import ACKED, CONSUMED, SPANS, UNKNOWN, Catalog, merge_spans
from tools.validator.wholeness import ConsumedLog

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

_MERGE_SPANS = 64


class ClockWatch:
    """Counts where the times of one process fall by more than the clock error (nanoseconds)."""

    def __init__(self, error: int) -> None:
        self._error = error
        self._highest = -1
        self.steps = 0

    def see(self, times: pl.Series) -> None:
        """The next times of the log. Each step begins a new comparison: only what comes after it counts from there."""
        if times.is_empty():
            return
        highest = pl.select(pl.lit(times).cum_max().clip(lower_bound=self._highest)).to_series()
        if not (highest - times > self._error).any():
            self._highest = max(self._highest, int(highest[-1]))
            return
        for time in times.to_list():
            if self._highest - time > self._error:
                self.steps += 1
                self._highest = time
            else:
                self._highest = max(self._highest, time)


@dataclass(frozen=True)
class Asked:
    """What the reading of either side needs to know: whose records count, and what to make of torn lines."""

    producers: frozenset[str]
    clock_error: int
    strict: bool
    chunk_bytes: int


@dataclass
class Counts:
    """What is counted on the way."""

    records: int = 0
    foreign: int = 0
    torn: int = 0
    clock_steps: int = 0
    empty: int = 0


@dataclass(frozen=True)
class _Part:
    """The records of one chunk, and which file they are from; the last chunk of a file says so."""

    file: int
    source: Source
    parsed: Parsed
    torn: bool
    last: bool


class ProducedSide:
    """Reads the produced logs: the rows into two shuffles, the counts into itself.

    By the producer's number: ``ends`` has what its end lines say, ``written`` how many record lines it has, ``highest``
    its highest seq. ``places`` has the lowest and the highest acked offset of each place.
    """

    def __init__(self, asked: Asked, by_key: Shuffle, by_position: Shuffle, catalog: Catalog) -> None:
        self._asked = asked
        self._by_key = by_key
        self._by_position = by_position
        self._catalog = catalog
        self.counts = Counts()
        self.acked = 0
        self.unknown = 0
        self.ends: dict[int, list[int]] = {}
        self.written: dict[int, int] = {}
        self.highest: dict[int, int] = {}
        self.places: dict[int, tuple[int, int]] = {}
        self.files: list[str] = []

    def read(self, found: Found, progress: Progress) -> None:
        """Raises InputError."""
        for part, own, clock in _parts(
            found, "produced", self._asked, counts=self.counts, files=self.files, progress=progress
        ):
            for end in part.parsed.ends:
                if not isinstance(end, EndLine):
                    continue
                if not self._asked.producers or end.producer in self._asked.producers:
                    self.ends.setdefault(self._catalog.producers.number(end.producer), []).append(end.end)
            clock.see(own["t"])
            numbered = self._catalog.number(own)
            self._reached(numbered)
            rows = numbered.select(
                pl.lit(part.file, dtype=pl.UInt32).alias("file"),
                "line",
                "key",
                "position",
                status=pl.col("status").replace_strict(STATUSES, range(len(STATUSES)), return_dtype=pl.UInt8),
            )
            self._sequences(own)
            acked = rows.filter(pl.col("status") == ACKED)
            self.acked += acked.height
            self.unknown += int((rows["status"] == UNKNOWN).sum())
            self._by_key.add(rows)
            self._by_position.add(acked)

    def _sequences(self, own: pl.DataFrame) -> None:
        for name, lines, highest in own.group_by("producer").agg(pl.len(), pl.max("seq")).iter_rows():
            producer = self._catalog.producers.number(name)
            self.written[producer] = self.written.get(producer, 0) + lines
            self.highest[producer] = max(highest, self.highest.get(producer, -1))

    def _reached(self, numbered: pl.DataFrame) -> None:
        acked = numbered.filter(pl.col("status") == STATUSES[ACKED]).group_by("place")
        for place, low, high in acked.agg(low=pl.min("offset"), high=pl.max("offset")).iter_rows():
            lowest, highest = self.places.get(place, (low, high))
            self.places[place] = min(low, lowest), max(high, highest)


class ConsumedSide:
    """Reads the consumed logs: the rows into two shuffles, spans and counts into itself.

    ``logs`` has what each process's log holds, ``process`` which of them each file is a part of, ``handled`` how many
    records were handled, and how many of them failed, by colour and version.
    """

    def __init__(self, asked: Asked, by_key: Shuffle, by_position: Shuffle, catalog: Catalog) -> None:
        self._asked = asked
        self._by_key = by_key
        self._by_position = by_position
        self._catalog = catalog
        self._spans: list[pl.DataFrame] = []
        self.counts = Counts()
        self.files: list[str] = []
        self.process: list[int] = []
        self.logs: list[ConsumedLog] = []
        self.handled: dict[tuple[str, str], tuple[int, int]] = {}

    def read(self, found: Found, progress: Progress) -> None:
        """Raises InputError."""
        numbers: dict[str, int] = {}
        for one in found.files:
            number = numbers.setdefault(one.log, len(numbers))
            if number == len(self.logs):
                self.logs.append(ConsumedLog(one.process, str(one.path)))
            self.process.append(number)
        process = -1
        highest: dict[int, int] = {}
        for part, own, clock in _parts(
            found, "consumed", self._asked, counts=self.counts, files=self.files, progress=progress
        ):
            if self.process[part.file] != process:
                process, highest = self.process[part.file], {}
            clock.see(own["t"])
            self._note(self.logs[process], part.parsed, own)
            if own.is_empty():
                continue
            rows = self._catalog.number(own).with_columns(
                pl.lit(part.file, dtype=pl.UInt32).alias("file"), green=pl.col("color") == COLORS[1]
            )
            before = pl.col("place").replace_strict(
                list(highest), list(highest.values()), default=-1, return_dtype=pl.Int64
            )
            rows = rows.with_columns(
                behind=pl.col("offset")
                < pl.max_horizontal(before, pl.col("offset").cum_max().shift(1).over("place").fill_null(-1))
            )
            spans = rows.group_by("place", "epoch", "green").agg(
                pl.min("t").alias("first"),
                pl.max("t").alias("last"),
                pl.len().cast(pl.Int64).alias("records"),
                pl.max("offset").alias("highest"),
            )
            for place, offset in spans.select("place", "highest").iter_rows():
                highest[place] = max(offset, highest.get(place, -1))
                self.logs[process].reached(place, offset)
            self._spans.append(spans.select(*SPANS))
            if len(self._spans) >= _MERGE_SPANS:
                self._spans = [merge_spans(self._spans)]
            rows = rows.select(*CONSUMED)
            self._by_key.add(rows)
            self._by_position.add(rows)

    def _note(self, log: ConsumedLog, parsed: Parsed, own: pl.DataFrame) -> None:
        """What is counted of all producers' lines, and by colour and version of those that are judged."""
        log.lines += parsed.records.height
        log.ends += [end.end for end in parsed.ends if isinstance(end, ConsumedEnd)]
        log.pods.update(parsed.records["pod"].unique())
        if own.height < parsed.records.height:
            foreign = parsed.records.filter(~pl.col("producer").is_in(list(self._asked.producers)))
            for topic, partition, offset in foreign.group_by("topic", "partition").agg(pl.max("offset")).iter_rows():
                log.reached(self._catalog.places.number((topic, partition)), offset)
        counts = own.group_by("color", "version").agg(pl.len(), pl.sum("failed"))
        for color, version, handled, failed in counts.iter_rows():
            before = self.handled.get((color, version), (0, 0))
            self.handled[color, version] = before[0] + handled, before[1] + failed

    def spans(self) -> pl.DataFrame:
        """One row for each place, epoch and colour."""
        return merge_spans(self._spans)


def _parts(
    found: Found, side: str, asked: Asked, *, counts: Counts, files: list[str], progress: Progress
) -> Iterator[tuple[_Part, pl.DataFrame, ClockWatch]]:
    """The chunks of a side in their order, with the records that count and the watch of their process."""
    clock = ClockWatch(asked.clock_error)
    doubles = Doubles(side)
    lines = in_log = 0
    for part in _parsed(found, asked, files, doubles, progress):
        records = part.parsed.records
        own = records
        if asked.producers:
            own = records.filter(pl.col("producer").is_in(list(asked.producers)))
        counts.records += own.height
        counts.foreign += records.height - own.height
        counts.torn += part.torn
        doubles.count(part.file, records.height)
        lines += records.height + len(part.parsed.ends) + part.torn
        yield part, own, clock
        if not part.last:
            continue
        counts.empty += not lines
        in_log += lines
        lines = 0
        if part.source.final:
            if not in_log and side == "produced" and not asked.producers:
                raise InputError(
                    "an empty produced log: whose it should have been cannot be told", str(part.source.path)
                )
            counts.clock_steps += clock.steps
            clock, in_log = ClockWatch(asked.clock_error), 0
    doubles.refuse()


def _parsed(found: Found, asked: Asked, files: list[str], doubles: Doubles, progress: Progress) -> Iterator[_Part]:
    side = doubles.side

    def calls() -> Iterator[Callable[[], _Part]]:
        total, done = found.size(), 0
        for source in found.files:
            number = len(files)
            files.append(str(source.path))
            for chunk in chunks(source.path, asked.chunk_bytes):
                doubles.see(number, source.path, chunk)
                yield partial(_parse, chunk, number, source, side, asked)
                done += chunk.read
                progress(f"reading {side} logs", done, total)

    return in_order(calls())


def _parse(chunk: Chunk, file: int, source: Source, side: str, asked: Asked) -> _Part:
    raw, torn = whole(chunk, source.path, asked)
    lines = chunk.lines + (len(raw) > len(chunk.raw))
    parsed = parse(raw, chunk.first_line, lines, side=side, file=str(source.path))
    return _Part(file, source, parsed, torn, chunk.last)


def whole(chunk: Chunk, path: Path, asked: Asked) -> tuple[bytes, bool]:
    """The chunk's lines, and whether it ends in a torn one. A last line that lacks nothing but its newline gets it."""
    if not chunk.torn:
        return chunk.raw, False
    if is_json(chunk.torn):
        return chunk.raw + chunk.torn + b"\n", False
    if asked.strict:
        raise InputError("a torn last line", str(path), chunk.first_line + chunk.lines)
    return chunk.raw, True

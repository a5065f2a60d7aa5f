"""Chunks of lines to columns, fast, with exactly the outcome of ``lines.py``.

polars reads a chunk in one go. It is strict about integers, but would turn a number into a string where one is asked
for, take one of two equal keys, and not tell a missing key from null. So what it read is taken only where the bytes
prove it: a line whose wanted values are all there, with names that do not look like anything else, holds no other key
and no key twice if it has exactly as many quotation marks as those keys and strings need. What is not proven goes, line
by line, to ``lines.py``, which also words the complaint.
"""

import io
import re
from dataclasses import dataclass

import polars as pl

from tools.validator.errors import FormatError, InputError
from tools.validator.lines import (
    COLORS,
    MAX_PARTITION,
    STATUSES,
    ConsumedEnd,
    EndLine,
    parse_consumed,
    parse_produced,
)

PRODUCED_SCHEMA = {
    "producer": pl.String,
    "seq": pl.Int64,
    "topic": pl.String,
    "partition": pl.Int64,
    "offset": pl.Int64,
    "status": pl.String,
    "t": pl.Int64,
}
CONSUMED_SCHEMA = {
    "color": pl.String,
    "pod": pl.String,
    "epoch": pl.Int64,
    "producer": pl.String,
    "seq": pl.Int64,
    "topic": pl.String,
    "partition": pl.Int64,
    "offset": pl.Int64,
    "t": pl.Int64,
}
_OPTIONAL = ("error", "version")  # strings that a consumed line may have
# What polars makes of a number, a truth value, an object or a list where a string is asked for. A name that happens to
# look like that is read by lines.py.
_LIKE_A_NUMBER = r"^[-+0-9.eE]+$|^(?:true|false|null|NaN|-?inf)$"
_NOT_SURELY_A_STRING = r"^$|^[\[{]|" + _LIKE_A_NUMBER
_MARKS = 4  # quotation marks of a further key with a string
_ESCAPE = b"\\u"  # may be half a character, which polars lets pass


@dataclass(frozen=True)
class Parsed:
    """The records of a chunk: the columns of the schema, ``line`` (from 1); consumed: ``version``, ``failed``."""

    records: pl.DataFrame
    ends: tuple[EndLine | ConsumedEnd, ...]


def parse(raw: bytes, first_line: int, lines: int, *, side: str, file: str) -> Parsed:
    """Parse whole lines of the log of one ``side`` (produced or consumed). Raises InputError for the first wrong one.

    Lines are numbered from ``first_line``; ``lines`` is how many there are.
    """
    produced = side == "produced"
    frame = _read(raw, lines, produced=produced)
    if frame is None:
        return _strictly(raw, None, pl.DataFrame(), first_line, produced=produced, file=file)
    doubtful = _doubtful(frame, raw, produced=produced)
    marks = _marks(produced=produced) * lines
    if not produced:
        frame = frame.with_columns(failed=frame["error"].is_not_null())
        marks += _MARKS * sum(lines - frame[name].null_count() for name in _OPTIONAL)
    if doubtful.any() or raw.count(b'"') != marks or (b"\\" in raw and _ESCAPE in raw):
        unproven = _unproven(raw, frame, doubtful, produced=produced)
    else:
        unproven = doubtful
    if not produced:
        frame = frame.with_columns(pl.col("version").fill_null(""))
    frame = frame.select(*_schema(produced=produced)).with_row_index("line", first_line)
    if unproven is None or unproven.any():
        return _strictly(raw, unproven, frame, first_line, produced=produced, file=file)
    return Parsed(frame, ())


def _schema(*, produced: bool) -> dict[str, type[pl.DataType]]:
    return dict(PRODUCED_SCHEMA) if produced else {**CONSUMED_SCHEMA, "version": pl.String, "failed": pl.Boolean}


def _marks(*, produced: bool) -> int:
    """Quotation marks of a line that has the wanted keys and nothing else: two for each key and each string."""
    schema: dict[str, type[pl.DataType]] = dict(PRODUCED_SCHEMA) if produced else dict(CONSUMED_SCHEMA)
    return 2 * (len(schema) + sum(dtype == pl.String for dtype in schema.values()))


def _read(raw: bytes, lines: int, *, produced: bool) -> pl.DataFrame | None:
    """What polars makes of it; None if it refuses, or if lines and rows do not correspond (it skips blank lines)."""
    schema = dict(PRODUCED_SCHEMA) if produced else {**CONSUMED_SCHEMA, **dict.fromkeys(_OPTIONAL, pl.String)}
    if not lines:
        return pl.DataFrame(schema=schema)
    try:
        frame = pl.read_ndjson(io.BytesIO(raw), schema=schema)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    return frame if frame.height == lines else None


def _doubtful(frame: pl.DataFrame, raw: bytes, *, produced: bool) -> pl.Series:
    """Rows whose values alone forbid to take them as they are."""
    integers = ("seq", "partition", "offset", "t") if produced else ("epoch", "seq", "partition", "offset", "t")
    column, allowed = ("status", STATUSES[:1]) if produced else ("color", COLORS)
    names = ("producer", "topic") if produced else ("pod", "producer", "topic")
    checks = [pl.col(column).is_in(allowed).not_().fill_null(value=True)]
    checks += [pl.col(name).is_null() for name in names]
    checks += [(pl.col(name) < 0).fill_null(value=True) for name in integers]
    checks.append(pl.col("partition") > MAX_PARTITION)
    for name in names if produced else (*names, *_OPTIONAL):
        values = frame[name].drop_nulls().unique()
        strange = values.filter(values.str.contains(_NOT_SURELY_A_STRING))
        if name == "version":
            proven = [version for version in strange.to_list() if _quoted(version, frame, raw)]
            strange = strange.filter(~strange.is_in(proven))
        if not strange.is_empty():
            checks.append(pl.col(name).is_in(strange.implode()))
    return frame.select(pl.any_horizontal(checks).fill_null(value=False).alias("doubtful")).to_series()


def _quoted(version: str, frame: pl.DataFrame, raw: bytes) -> bool:
    """Whether a version that looks like a number, as they do, is a string in every one of its lines.

    It stands in quotation marks as often as polars found it. If a line had it without them, another would have to have
    it twice or deeper down, and the marks of the chunk could not come out even: that takes four more, the lack is two.
    """
    if not re.fullmatch(_LIKE_A_NUMBER, version):
        return False
    text = version.encode()
    stands = raw.count(b'"version":"%b"' % text) + raw.count(b'"version": "%b"' % text)
    return stands == int((frame["version"] == version).sum())


def _unproven(raw: bytes, frame: pl.DataFrame, doubtful: pl.Series, *, produced: bool) -> pl.Series | None:
    """Line by line what could not be shown for the chunk as a whole; None if not even that is possible."""
    try:
        texts = pl.read_lines(io.BytesIO(raw)).to_series()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    if len(texts) != frame.height:
        return None
    line = pl.lit(texts).str
    marks = pl.lit(_marks(produced=produced))
    if not produced:
        marks += _MARKS * sum((pl.col(name).is_not_null().cast(pl.Int32) for name in _OPTIONAL), pl.lit(0))
        # One that looks like a number was looked at over the chunk, which is not enough for its lines one by one.
        doubtful |= frame["version"].str.contains(_LIKE_A_NUMBER).fill_null(value=False)
    more = line.count_matches('"', literal=True) != marks
    return frame.select(pl.lit(doubtful) | more | line.contains(_ESCAPE.decode(), literal=True)).to_series()


def _strictly(
    raw: bytes, which: pl.Series | None, proven: pl.DataFrame, first_line: int, *, produced: bool, file: str
) -> Parsed:
    """The lines in ``which`` (None: all) by ``lines.py``, the others as they were read."""
    texts = raw.split(b"\n")[:-1]
    rows: list[tuple[object, ...]] = []
    ends: list[EndLine | ConsumedEnd] = []
    parse_line = parse_produced if produced else parse_consumed
    for index in range(len(texts)) if which is None else which.arg_true():
        line = first_line + index
        try:
            found = parse_line(texts[index])
        except FormatError as error:
            raise InputError(str(error), file, line) from None
        if isinstance(found, EndLine | ConsumedEnd):
            ends.append(found)
        else:
            rows.append((line, *found))
    schema: dict[str, type[pl.DataType]] = {"line": pl.UInt32, **_schema(produced=produced)}
    records = pl.DataFrame(rows, schema=schema, orient="row")
    if which is not None:
        records = pl.concat([proven.filter(~which), records]).sort("line")
    return Parsed(records, tuple(ends))

"""One function per class of anomaly, over the columns of ``tables.py``. No I/O, no names, no verdict.

Those over records take one bucket: all lines of the same keys (by key) or of the same positions (by position). They
return the anomalies found, with the columns that an example needs; ``count`` says how many each row stands for.
Times are compared in nanoseconds; ``error`` is the clock error.
"""

import polars as pl

from tools.validator.tables import ACKED, FAILED

_ONE = pl.lit(1, dtype=pl.Int64).alias("count")
_LISTED = 10
_NEVER = 2**63 - 1


# --- by key ---------------------------------------------------------------------------------------------------------


def lost(produced: pl.DataFrame, consumed: pl.DataFrame) -> pl.DataFrame:
    """Acked, never handled, with or without error; at whatever offset."""
    acked = produced.filter(pl.col("status") == ACKED)
    return (
        acked.join(consumed, on="key", how="anti").unique("key", keep="first", maintain_order=True).with_columns(_ONE)
    )


def unwarranted(produced: pl.DataFrame, consumed: pl.DataFrame) -> pl.DataFrame:
    """Handled lines that no producer has written down as acked or unknown; ``refused`` where one wrote ``failed``."""
    warrants = produced.filter(pl.col("status") != FAILED)
    without = consumed.join(warrants, on="key", how="anti")
    refusals = produced.filter(pl.col("status") == FAILED).select("key", refused=pl.lit(value=True)).unique()
    return without.join(refusals, on="key", how="left").with_columns(pl.col("refused").fill_null(value=False), _ONE)


def phantom(unwarranted: pl.DataFrame, open_producers: pl.Series) -> pl.DataFrame:
    """Told that it failed, or not written down although its producer has no log or one with an end line.

    ``unwarranted`` with the column ``producer``; ``open_producers`` have a log without an end line.
    """
    return unwarranted.filter(pl.col("refused") | ~pl.col("producer").is_in(open_producers.implode()))


def unlogged(unwarranted: pl.DataFrame, open_producers: pl.Series) -> pl.DataFrame:
    """A note: not written down, by a producer whose log breaks off without an end line."""
    return unwarranted.filter(~pl.col("refused") & pl.col("producer").is_in(open_producers.implode()))


def duplicate(produced: pl.DataFrame, consumed: pl.DataFrame) -> pl.DataFrame:
    """Processed n times, at k of the positions at which it was acked: n-k, or n-1 where k is 0."""
    processed = repeated(consumed.filter(~pl.col("failed")))
    acked = produced.filter(pl.col("status") == ACKED).join(processed, on="key", how="semi")
    acked = acked.select("key", "position", acked=pl.lit(value=True)).unique()
    own_positions = pl.col("position").filter(pl.col("acked")).n_unique().cast(pl.Int64)
    return (
        processed.join(acked, on=["key", "position"], how="left")
        .sort("file", "line")
        .group_by("key", maintain_order=True)
        .agg(
            pl.col("file", "line").first(),
            pl.struct("file", "line", "green", "epoch", "position", "t").head(_LISTED).alias("processed"),
            (pl.len().cast(pl.Int64) - pl.max_horizontal(own_positions, 1)).alias("count"),
        )
        .filter(pl.col("count") > 0)
    )


def producer_duplicate(produced: pl.DataFrame) -> pl.DataFrame:
    """Acked at n different positions: n-1."""
    return (
        repeated(produced.filter(pl.col("status") == ACKED))
        .unique(["key", "position"], keep="first", maintain_order=True)
        .sort("file", "line")
        .group_by("key", maintain_order=True)
        .agg(
            pl.col("file", "line").first(),
            pl.struct("file", "line", "position").head(_LISTED).alias("acked"),
            (pl.len().cast(pl.Int64) - 1).alias("count"),
        )
        .filter(pl.col("count") > 0)
    )


def contradictory(produced: pl.DataFrame) -> pl.DataFrame:
    """No class: keys with several lines that are not each an ack at a position of its own."""
    return (
        repeated(produced)
        .sort("file", "line")
        .group_by("key", maintain_order=True)
        .agg(
            pl.struct("file", "line").head(_LISTED).alias("lines"),
            pl.len().alias("all"),
            pl.col("position").filter(pl.col("status") == ACKED).n_unique().alias("acks"),
        )
        .filter(pl.col("all") > pl.col("acks"))
    )


def repeated(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows whose key is not theirs alone. To see that there is none is cheap, and the rule."""
    if rows["key"].n_unique() == rows.height:
        return rows.clear()
    return rows.filter(pl.col("key").is_duplicated())


# --- by position ----------------------------------------------------------------------------------------------------


def mismatch(acked: pl.DataFrame, consumed: pl.DataFrame) -> pl.DataFrame:
    """Handled under a key, at a position that was acked for another one."""
    return (
        consumed.join(acked, on="position", how="inner", suffix="_produced")
        .filter(pl.col("key") != pl.col("key_produced"))
        .unique(["file", "line"], keep="first", maintain_order=True)
        .with_columns(_ONE)
    )


def out_of_order(consumed: pl.DataFrame, process: list[int]) -> pl.DataFrame:
    """Below what its process has handled on this place, and handled by it for the first time.

    ``process`` has the process of each file; the parts of a log have their numbers in their order.
    """
    where = ["process", "position"]
    if not consumed["behind"].any():
        return consumed.clear().with_columns(_ONE)
    known = pl.col("file").replace_strict(list(range(len(process))), process, return_dtype=pl.UInt32)
    consumed = consumed.with_columns(process=known)
    behind = consumed.filter("behind")
    first = consumed.join(behind, on=where, how="semi").sort("file", "line")
    return first.unique(where, keep="first", maintain_order=True).filter("behind").with_columns(_ONE)


def zombie(consumed: pl.DataFrame, limits: pl.DataFrame, error: int) -> pl.DataFrame:
    """Handled after a record of a newer epoch of the other colour on this place (``limits`` of :func:`overtaken`)."""
    return _after(consumed, limits, "other_newer", error)


def stale_epoch(consumed: pl.DataFrame, limits: pl.DataFrame, error: int) -> pl.DataFrame:
    """A note: as :func:`zombie`, of the same colour."""
    return _after(consumed, limits, "same_newer", error)


def _after(consumed: pl.DataFrame, limits: pl.DataFrame, newer: str, error: int) -> pl.DataFrame:
    late = limits.filter(pl.col("last") - error > pl.col(newer))
    if late.is_empty():
        return consumed.clear().with_columns(pl.lit(None, dtype=pl.Int64).alias("newer_first"), _ONE)
    span = ["place", "epoch", "green"]
    return (
        consumed.join(late.select(*span, newer_first=newer), on=span, how="inner")
        .filter(pl.col("t") - error > pl.col("newer_first"))
        .with_columns(_ONE)
    )


# --- over spans -----------------------------------------------------------------------------------------------------


def overtaken(spans: pl.DataFrame) -> pl.DataFrame:
    """Spans with the time of the first record of any newer epoch on the same place; null if there is none.

    ``same_newer`` is that of the same colour, ``other_newer`` that of the other one.
    """
    newest_first = (
        spans.group_by("place", "epoch")
        .agg(blue=pl.col("first").filter(~pl.col("green")).min(), green_=pl.col("first").filter("green").min())
        .sort("place", "epoch", descending=[False, True])
        .with_columns(pl.col("blue", "green_").fill_null(_NEVER).cum_min().shift(1).over("place"))
        .with_columns(pl.when(pl.col(name) < _NEVER).then(name).alias(name) for name in ("blue", "green_"))
    )
    same = pl.when("green").then("green_").otherwise("blue")
    other = pl.when("green").then("blue").otherwise("green_")
    return spans.join(newest_first, on=["place", "epoch"]).select(*spans.columns, same_newer=same, other_newer=other)


def dual_active(spans: pl.DataFrame, error: int, *, by_time: bool = True) -> pl.DataFrame:
    """Epochs under which a record was handled after the first one of any newer epoch of the other colour, on whatever
    place; and epochs with two colours. One row an epoch.

    ``to_epoch`` is the newer epoch whose record came first, ``overlap`` by how much the last record of the older one is
    later; null where the only thing wrong is that the epoch has two colours. Without ``by_time``, only these.
    """
    grants = (
        spans.group_by("epoch")
        .agg(
            blue_first=pl.col("first").filter(~pl.col("green")).min(),
            blue_last=pl.col("last").filter(~pl.col("green")).max(),
            green_first=pl.col("first").filter("green").min(),
            green_last=pl.col("last").filter("green").max(),
        )
        .sort("epoch", descending=True)
    )
    rows: list[tuple[int, int, int | None, int]] = []
    first: dict[str, tuple[int, int]] = {}  # by colour, of the epochs newer than the one in hand: time, epoch
    for epoch, blue_first, blue_last, green_first, green_last in grants.iter_rows():
        overlaps = [
            (last - first[other][0], first[other][1])
            for last, other in ((blue_last, "green"), (green_last, "blue"))
            if by_time and last is not None and other in first
        ]
        overlap, newer = max(overlaps, default=(error, epoch))
        if overlap > error:
            rows.append((epoch, newer, overlap, 1))
        elif blue_first is not None and green_first is not None:
            rows.append((epoch, epoch, None, 1))
        for color, begin in (("blue", blue_first), ("green", green_first)):
            if begin is not None:
                first[color] = min((begin, epoch), first.get(color, (begin, epoch)))
    schema = {"from_epoch": pl.Int64, "to_epoch": pl.Int64, "overlap": pl.Int64, "count": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")
